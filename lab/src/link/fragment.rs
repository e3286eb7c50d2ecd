//! IPv6 fragmentation (RFC 8200 §4.5): what is too long for the link is cut up, what arrives in pieces is
//! put together again.
//!
//! No timers: a packet that stays incomplete is forgotten when too many others have begun.

use std::collections::VecDeque;
use std::net::Ipv6Addr;

use crate::link::frame::{FRAGMENT, IPV6_LEN, MTU, Packet};

const HEADER_LEN: usize = 8;
/// What every link carries (RFC 8200 §5).
const MTU_MIN: usize = 1280;
/// What an IPv6 header can say about the length of what follows it.
const PAYLOAD_LEN_MAX: usize = 65_535;
/// How many packets may be incomplete at a time.
const UNFINISHED_MAX: usize = 64;

/// Cuts a payload into as many as fit the link, each behind its Fragment header.
///
/// Asked for a payload that would fit as it is, it returns the one piece that is all of it.
#[must_use]
pub fn split(next_header: u8, payload: &[u8], identification: u32) -> Vec<Vec<u8>> {
    split_to(MTU, next_header, payload, identification)
}

/// The same for a link that carries no longer packets than this; less than 1280 octets is taken for 1280.
#[must_use]
pub fn split_to(mtu: usize, next_header: u8, payload: &[u8], identification: u32) -> Vec<Vec<u8>> {
    // All pieces but the last are multiples of eight.
    let piece_len = (mtu.max(MTU_MIN) - IPV6_LEN - HEADER_LEN) & !7;
    let last = payload.len().saturating_sub(1) / piece_len;
    let pieces = payload
        .chunks(piece_len)
        .enumerate()
        .map(|(number, piece)| {
            // 65,535 octets end at offset 65,528 at the latest, so the offset fits; beyond, it saturates.
            let offset = u16::try_from(number * piece_len).unwrap_or(u16::MAX) & !7;
            let more = u16::from(number < last);
            let mut bytes = Vec::with_capacity(HEADER_LEN + piece.len());
            bytes.extend([next_header, 0]);
            bytes.extend((offset | more).to_be_bytes());
            bytes.extend(identification.to_be_bytes());
            bytes.extend(piece);
            bytes
        });
    pieces.collect()
}

/// Packets of which some pieces have arrived, oldest first.
#[derive(Debug, Default)]
pub struct Reassembly {
    unfinished: VecDeque<Unfinished>,
}

#[derive(Debug)]
struct Unfinished {
    key: (Ipv6Addr, Ipv6Addr, u32),
    next_header: Option<u8>,
    /// Where the packet ends, once its last piece is here.
    end: Option<usize>,
    /// By offset, and never one over another.
    pieces: Vec<(usize, Vec<u8>)>,
}

impl Reassembly {
    /// Takes a packet in. One that is no fragment comes out as it is, a fragment only if it was the last
    /// one missing: then the whole, as `Next Header` and payload.
    pub fn take(&mut self, packet: &Packet<'_>) -> Option<(u8, Vec<u8>)> {
        if packet.next_header != FRAGMENT {
            return Some((packet.next_header, packet.payload.to_vec()));
        }
        let (header, piece) = packet.payload.split_first_chunk::<HEADER_LEN>()?;
        let [next_header, _, o0, o1, i0, i1, i2, i3] = *header;
        let field = u16::from_be_bytes([o0, o1]);
        let (offset, more) = (usize::from(field & !7), field & 1 == 1);
        let key = (
            packet.source,
            packet.destination,
            u32::from_be_bytes([i0, i1, i2, i3]),
        );

        let known = self
            .unfinished
            .iter()
            .position(|unfinished| unfinished.key == key);
        let mut unfinished = known
            .and_then(|at| self.unfinished.remove(at))
            .unwrap_or_else(|| Unfinished {
                key,
                next_header: None,
                end: None,
                pieces: Vec::new(),
            });
        if offset == 0 {
            unfinished.next_header = Some(next_header);
        }
        // A piece that contradicts the others takes them all with it (RFC 8200 §4.5).
        unfinished.add(offset, more, piece)?;
        if let Some(whole) = unfinished.whole() {
            return Some(whole);
        }
        if self.unfinished.len() == UNFINISHED_MAX {
            self.unfinished.pop_front();
        }
        self.unfinished.push_back(unfinished);
        None
    }
}

impl Unfinished {
    fn add(&mut self, offset: usize, more: bool, piece: &[u8]) -> Option<()> {
        let end = offset + piece.len();
        if end > PAYLOAD_LEN_MAX || (more && (piece.is_empty() || !piece.len().is_multiple_of(8))) {
            return None;
        }
        if !more && self.end.replace(end).is_some() {
            return None;
        }
        let at = self.pieces.partition_point(|(start, _)| *start < offset);
        self.pieces.insert(at, (offset, piece.to_vec()));
        let apart = self.pieces.windows(2).all(|pair| match pair {
            [(start, piece), (next, _)] => start + piece.len() <= *next && start < next,
            _ => true,
        });
        let inside = self
            .pieces
            .last()
            .is_none_or(|(start, piece)| self.end.is_none_or(|end| start + piece.len() <= end));
        (apart && inside).then_some(())
    }

    fn whole(&self) -> Option<(u8, Vec<u8>)> {
        let (next_header, end) = (self.next_header?, self.end?);
        let length: usize = self.pieces.iter().map(|(_, piece)| piece.len()).sum();
        // They do not overlap and end at `end`, so nothing is missing if the lengths add up.
        (length == end).then(|| {
            (
                next_header,
                self.pieces
                    .iter()
                    .flat_map(|(_, piece)| piece)
                    .copied()
                    .collect(),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::frame::UDP;
    use proptest::prelude::*;

    fn packet(payload: &[u8]) -> Packet<'_> {
        Packet {
            source: Ipv6Addr::LOCALHOST,
            destination: Ipv6Addr::UNSPECIFIED,
            hop_limit: 64,
            next_header: FRAGMENT,
            payload,
        }
    }

    fn taken(reassembly: &mut Reassembly, pieces: &[Vec<u8>]) -> Option<(u8, Vec<u8>)> {
        pieces.iter().fold(None, |whole, piece| {
            whole.or(reassembly.take(&packet(piece)))
        })
    }

    #[test]
    fn pieces_fill_the_link_and_all_but_the_last_say_that_more_follow() {
        let pieces = split(UDP, &[7; 3000], 0x0102_0304);
        let headers: Vec<_> = pieces
            .iter()
            .map(|piece| (&piece[..8], piece.len() - 8))
            .collect();
        assert_eq!(
            headers,
            [
                (&[17, 0, 0x00, 0x01, 1, 2, 3, 4][..], 1448),
                (&[17, 0, 0x05, 0xa9, 1, 2, 3, 4], 1448),
                (&[17, 0, 0x0b, 0x50, 1, 2, 3, 4], 104),
            ],
        );
    }

    #[test]
    fn pieces_fit_a_link_that_carries_less() {
        let pieces = split_to(1280, UDP, &[7; 3000], 1);
        let lengths: Vec<_> = pieces.iter().map(|it| it.len() + IPV6_LEN).collect();
        assert_eq!(lengths, [1280, 1280, 584]);
        assert_eq!(
            split_to(0, UDP, &[7; 3000], 1),
            pieces,
            "no link carries less"
        );
    }

    #[test]
    fn a_fragment_that_is_the_whole_packet_comes_out_at_once() {
        let mut reassembly = Reassembly::default();
        let only = split(UDP, b"all of it", 1);
        assert_eq!(
            taken(&mut reassembly, &only),
            Some((UDP, b"all of it".to_vec()))
        );
    }

    #[test]
    fn a_piece_over_another_takes_the_packet_with_it() {
        let mut reassembly = Reassembly::default();
        let pieces = split(UDP, &[7; 3000], 1);
        let mut shifted = pieces[1].clone();
        shifted[3] -= 8;
        assert_eq!(reassembly.take(&packet(&pieces[0])), None);
        assert_eq!(reassembly.take(&packet(&shifted)), None);
        assert_eq!(taken(&mut reassembly, &pieces[1..]), None);
    }

    #[test]
    fn a_packet_longer_than_a_header_can_say_is_refused() {
        let mut reassembly = Reassembly::default();
        let piece = [&[17, 0, 0xff, 0xf8, 0, 0, 0, 1][..], &[0; 8]].concat();
        assert_eq!(reassembly.take(&packet(&piece)), None);
        assert!(reassembly.unfinished.is_empty());
    }

    #[test]
    fn what_stays_incomplete_is_forgotten() {
        let mut reassembly = Reassembly::default();
        for number in 0..1000 {
            assert_eq!(
                reassembly.take(&packet(&split(UDP, &[7; 3000], number)[0])),
                None
            );
        }
        assert_eq!(reassembly.unfinished.len(), UNFINISHED_MAX);
    }

    proptest! {
        #[test]
        fn what_was_cut_up_comes_out_whole_in_any_order(
            length in 1..=PAYLOAD_LEN_MAX,
            seed in any::<u8>(),
            order in Just((0..46usize).collect::<Vec<_>>()).prop_shuffle(),
        ) {
            let payload: Vec<u8> =
                (0..=250).cycle().map(|octet: u8| octet ^ seed).take(length).collect();
            let pieces = split(UDP, &payload, 9);
            let shuffled: Vec<_> = order.iter().filter_map(|at| pieces.get(*at).cloned()).collect();
            prop_assert_eq!(shuffled.len(), pieces.len());
            let mut reassembly = Reassembly::default();
            prop_assert_eq!(taken(&mut reassembly, &shuffled), Some((UDP, payload)));
            prop_assert!(reassembly.unfinished.is_empty());
        }

        #[test]
        fn no_fragments_make_it_panic(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20),
        ) {
            let _ = taken(&mut Reassembly::default(), &pieces);
        }
    }
}
