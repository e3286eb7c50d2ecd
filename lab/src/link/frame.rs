//! Ethernet frames that carry IPv6: bytes ⇄ [`Packet`], and the checksum that UDP and ICMPv6 share.
//!
//! Strict where the kernel is: what a header says about lengths must hold. Extension headers are left in
//! the payload; `fragment` opens the only one that the lab has a use for.

use std::net::Ipv6Addr;

/// An Ethernet address.
pub type Mac = [u8; 6];

/// The largest IPv6 packet on the link, from its header on.
pub const MTU: usize = 1500;
/// The length of an Ethernet header.
pub const ETHERNET_LEN: usize = 14;
/// The length of an IPv6 header.
pub const IPV6_LEN: usize = 40;
/// `Next Header` of UDP.
pub const UDP: u8 = 17;
/// `Next Header` of ICMPv6.
pub const ICMPV6: u8 = 58;
/// `Next Header` of a Fragment header.
pub const FRAGMENT: u8 = 44;

const ETHERTYPE_IPV6: [u8; 2] = [0x86, 0xdd];

/// An IPv6 packet: what its header says, and what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Who sent it.
    pub source: Ipv6Addr,
    /// Who it is for.
    pub destination: Ipv6Addr,
    /// How many more routers it may pass.
    pub hop_limit: u8,
    /// What `payload` begins with.
    pub next_header: u8,
    /// Everything behind the header, without the padding of the frame.
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a frame; `None` if it does not carry a whole IPv6 packet.
    #[must_use]
    pub fn parse(frame: &'a [u8]) -> Option<Self> {
        let (ethernet, packet) = frame.split_at_checked(ETHERNET_LEN)?;
        if ethernet.get(12..14)? != ETHERTYPE_IPV6 {
            return None;
        }
        let (header, rest) = packet.split_first_chunk::<IPV6_LEN>()?;
        let [first, _, _, _, high, low, next_header, hop_limit, ..] = *header;
        if first >> 4 != 6 {
            return None;
        }
        Some(Self {
            source: address(header.get(8..24)?)?,
            destination: address(header.get(24..40)?)?,
            hop_limit,
            next_header,
            payload: rest.get(..usize::from(u16::from_be_bytes([high, low])))?,
        })
    }

    /// The frame that carries this packet; `None` if the payload is longer than a packet can say.
    #[must_use]
    pub fn frame(&self, from: Mac, to: Mac) -> Option<Vec<u8>> {
        let length = u16::try_from(self.payload.len()).ok()?;
        let mut frame = Vec::with_capacity(ETHERNET_LEN + IPV6_LEN + self.payload.len());
        frame.extend(to);
        frame.extend(from);
        frame.extend(ETHERTYPE_IPV6);
        frame.extend([0x60, 0, 0, 0]);
        frame.extend(length.to_be_bytes());
        frame.extend([self.next_header, self.hop_limit]);
        frame.extend(self.source.octets());
        frame.extend(self.destination.octets());
        frame.extend(self.payload);
        Some(frame)
    }
}

/// An Ethernet address as people write it: `02:00:00:00:00:01`.
#[must_use]
pub fn mac_text(mac: Mac) -> String {
    mac.map(|octet| format!("{octet:02x}")).join(":")
}

/// The Ethernet address that a multicast address is sent to (RFC 2464 §7).
#[must_use]
pub fn multicast_mac(group: Ipv6Addr) -> Mac {
    let [.., a, b, c, d] = group.octets();
    [0x33, 0x33, a, b, c, d]
}

/// An address from the 16 octets of a header; `None` if there are more or fewer.
#[must_use]
pub fn address(octets: &[u8]) -> Option<Ipv6Addr> {
    <[u8; 16]>::try_from(octets).ok().map(Ipv6Addr::from)
}

/// The checksum of a UDP datagram or ICMPv6 message together with its pseudo-header (RFC 8200 §8.1).
///
/// Over a message whose checksum field is zero it is the value for that field; over a message as received
/// it is zero if the message is whole.
#[must_use]
pub fn checksum(
    source: Ipv6Addr,
    destination: Ipv6Addr,
    next_header: u8,
    upper_layer: &[u8],
) -> u16 {
    let length = u64::try_from(upper_layer.len()).unwrap_or(u64::MAX);
    let sum = words(&source.octets())
        + words(&destination.octets())
        + length
        + u64::from(next_header)
        + words(upper_layer);
    !fold(sum)
}

fn words(bytes: &[u8]) -> u64 {
    let pairs = bytes.chunks_exact(2);
    let odd = match pairs.remainder() {
        [last] => u64::from(*last) << 8,
        _ => 0,
    };
    let even: u64 = pairs
        .map(|pair| match pair {
            [high, low] => u64::from(u16::from_be_bytes([*high, *low])),
            _ => 0,
        })
        .sum();
    even + odd
}

/// One's complement addition: what was carried out of the low 16 bits comes back in at the bottom.
fn fold(mut sum: u64) -> u16 {
    loop {
        match u16::try_from(sum) {
            Ok(folded) => return folded,
            Err(_) => sum = (sum & 0xffff) + (sum >> 16),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LAB: Mac = [2, 0, 0, 0, 0, 0xfe];
    const SERVER: Mac = [2, 0, 0, 0, 0, 1];

    #[test]
    fn the_words_of_rfc_1071_section_3_add_up_to_ddf2() {
        let example = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(words(&example), 0x2_ddf0);
        assert_eq!(fold(words(&example)), 0xddf2);
    }

    #[test]
    fn an_odd_octet_counts_as_the_high_half_of_a_word() {
        assert_eq!(words(&[0x12, 0x34, 0x56]), 0x1234 + 0x5600);
    }

    #[test]
    fn a_message_that_carries_its_checksum_sums_to_zero() {
        let (source, destination) = (Ipv6Addr::LOCALHOST, Ipv6Addr::UNSPECIFIED);
        let mut message = vec![
            0x02, 0x22, 0x02, 0x23, 0x00, 0x0b, 0x00, 0x00, b'a', b'b', b'c',
        ];
        let sum = checksum(source, destination, UDP, &message);
        message[6..8].copy_from_slice(&sum.to_be_bytes());
        assert_eq!(checksum(source, destination, UDP, &message), 0);
    }

    #[test]
    fn multicast_goes_to_the_address_that_ends_in_the_groups_last_four_octets() {
        let group = "ff02::1:2".parse().expect("an address");
        assert_eq!(multicast_mac(group), [0x33, 0x33, 0, 1, 0, 2]);
    }

    #[test]
    fn the_padding_of_a_short_frame_is_not_payload() {
        let packet = Packet {
            source: Ipv6Addr::LOCALHOST,
            destination: Ipv6Addr::LOCALHOST,
            hop_limit: 1,
            next_header: UDP,
            payload: b"12345",
        };
        let mut frame = packet.frame(LAB, SERVER).expect("short");
        frame.extend([0; 7]);
        assert_eq!(Packet::parse(&frame), Some(packet));
    }

    proptest! {
        #[test]
        fn no_frame_makes_the_parser_panic(frame in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Packet::parse(&frame);
        }

        #[test]
        fn a_packet_cut_short_is_not_a_packet(payload in prop::collection::vec(any::<u8>(), 1..99), cut in 1..9usize) {
            let packet = Packet {
                source: Ipv6Addr::LOCALHOST,
                destination: Ipv6Addr::UNSPECIFIED,
                hop_limit: 64,
                next_header: 59,
                payload: &payload,
            };
            let frame = packet.frame(LAB, SERVER).expect("short");
            prop_assert_eq!(Packet::parse(&frame), Some(packet));
            let cut = frame.len().saturating_sub(cut);
            prop_assert_eq!(Packet::parse(&frame[..cut]), None);
        }
    }
}
