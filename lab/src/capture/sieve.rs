//! Which frames of an interface belong into a capture of DHCPv6.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Packet;
use super::container::Frame;
use super::datagrams::Collector;

/// So many pieces of packets are kept until it is known what they are pieces of.
const HELD_MAX: usize = 64;

/// Looks at frames as they come. What it keeps is bounded.
#[derive(Default)]
pub struct Sieve {
    collector: Collector,
    /// Pieces that came ahead of the first piece of their packet, by number.
    held: BTreeMap<usize, Sieved>,
}

/// What came of a frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sifted {
    /// The frames that are now known to be of DHCPv6: this one, and pieces that were held back until the first piece of
    /// their packet said so. Nobody else's traffic is among them.
    pub frames: Vec<Sieved>,
    /// The datagram that is complete with this frame.
    pub message: Option<Packet>,
}

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sieved {
    /// When it passed, since 1970.
    pub at: Duration,
    /// What it begins with, by libpcap's numbers.
    pub link_type: u32,
    /// All of it.
    pub octets: Vec<u8>,
}

impl Sieve {
    /// Looks at a frame that begins with a header of that link type.
    pub fn take(&mut self, link_type: u32, at: Duration, octets: &[u8]) -> Sifted {
        let number = self.collector.frames + 1;
        let pieces = self.collector.pieces();
        let frame = Frame {
            number,
            at,
            link_type,
            interface: None,
            octets: octets.to_vec(),
            len: octets.len(),
            comments: Vec::new(),
        };
        self.collector.take(&frame);
        let this = Sieved {
            at,
            link_type,
            octets: frame.octets,
        };
        let message = self.collector.found.pop().map(|it| it.packet);
        let mut known = std::mem::take(&mut self.collector.known);
        let is_known = message.is_some() || known.contains(&number);
        known.retain(|it| *it != number);
        let mut frames: Vec<_> = known.iter().filter_map(|it| self.held.remove(it)).collect();
        if is_known {
            frames.push(this);
        } else if self.collector.pieces() > pieces {
            self.held.insert(number, this);
            if self.held.len() > HELD_MAX {
                self.held.pop_first();
            }
        }
        self.collector.forget();
        Sifted { frames, message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::fragment;
    use crate::link::frame::{self, FRAGMENT, UDP};

    const RAW: u32 = 101;

    /// The packets that carry a datagram between two ports in pieces.
    fn pieces(port: u16, identification: u32) -> Vec<Vec<u8>> {
        let header = [port.to_be_bytes(), port.to_be_bytes(), [0; 2], [0; 2]].concat();
        let pieces = fragment::split(UDP, &[header, vec![7; 4000]].concat(), identification);
        let packet = |payload: &Vec<u8>| {
            let packet = frame::Packet {
                source: "fe80::c1".parse().expect("an address"),
                destination: "ff02::1:2".parse().expect("an address"),
                hop_limit: 1,
                next_header: FRAGMENT,
                payload,
            };
            let frame = packet.frame([2; 6], [4; 6]).expect("short");
            frame[frame::ETHERNET_LEN..].to_vec()
        };
        pieces.iter().map(packet).collect()
    }

    fn passed(sieve: &mut Sieve, packets: &[Vec<u8>]) -> (Vec<Vec<u8>>, usize) {
        let (mut passed, mut messages) = (Vec::new(), 0);
        for packet in packets {
            let sifted = sieve.take(RAW, Duration::ZERO, packet);
            passed.extend(sifted.frames.into_iter().map(|it| it.octets));
            messages += usize::from(sifted.message.is_some());
        }
        (passed, messages)
    }

    #[test]
    fn no_piece_of_anything_else_passes() {
        let mut sieve = Sieve::default();
        let mut packets = pieces(5353, 1);
        assert_eq!(packets.len(), 3);
        assert_eq!(passed(&mut sieve, &packets), (Vec::new(), 0));
        // In any order, and as many as one likes.
        packets.reverse();
        assert_eq!(passed(&mut sieve, &packets), (Vec::new(), 0));
        for identification in 0..10_000 {
            let packet = &pieces(5353, identification)[1];
            assert_eq!(
                passed(&mut sieve, std::slice::from_ref(packet)),
                (Vec::new(), 0)
            );
        }
        assert!(sieve.held.len() <= HELD_MAX);
    }

    #[test]
    fn pieces_of_dhcpv6_pass_once_the_first_one_is_there() {
        let mut sieve = Sieve::default();
        let packets = pieces(547, 1);
        assert_eq!(passed(&mut sieve, &packets), (packets.clone(), 1));
        let mut packets = pieces(547, 2);
        packets.swap(0, 1);
        assert_eq!(passed(&mut sieve, &packets[..1]), (Vec::new(), 0));
        let incomplete = packets[..2].to_vec();
        assert_eq!(passed(&mut sieve, &packets[1..2]), (incomplete, 0));
        assert_eq!(
            passed(&mut sieve, &packets[2..]),
            (packets[2..].to_vec(), 1)
        );
    }
}
