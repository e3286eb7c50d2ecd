//! UDP over IPv6: a [`Datagram`] ⇄ what follows the IPv6 header.

use std::net::{Ipv6Addr, SocketAddrV6};

use crate::link::frame::{UDP, checksum};
use crate::rig::Datagram;

/// The length of a UDP header.
pub const HEADER_LEN: usize = 8;

/// The header and payload of a datagram; `None` if it is longer than UDP can say.
#[must_use]
pub fn write(datagram: &Datagram) -> Option<Vec<u8>> {
    let length = u16::try_from(HEADER_LEN + datagram.payload.len()).ok()?;
    let mut bytes = Vec::with_capacity(usize::from(length));
    bytes.extend(datagram.source.port().to_be_bytes());
    bytes.extend(datagram.destination.port().to_be_bytes());
    bytes.extend(length.to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend(&datagram.payload);
    let sum = checksum(
        *datagram.source.ip(),
        *datagram.destination.ip(),
        UDP,
        &bytes,
    );
    // Zero says that there is no checksum, and both zeros are the same number (RFC 768).
    let sum = if sum == 0 { 0xffff } else { sum };
    bytes.get_mut(6..8)?.copy_from_slice(&sum.to_be_bytes());
    Some(bytes)
}

/// Reads what follows an IPv6 header with `Next Header` UDP; `None` unless lengths agree and the checksum,
/// which IPv6 requires (RFC 8200 §8.1), is there and right.
#[must_use]
pub fn parse(source: Ipv6Addr, destination: Ipv6Addr, bytes: &[u8]) -> Option<Datagram> {
    let is_whole = bytes.get(6..8)? != [0, 0] && checksum(source, destination, UDP, bytes) == 0;
    is_whole.then(|| parse_unsummed(source, destination, bytes))?
}

/// As [`parse`], but takes any checksum: a datagram has none yet that has not left its machine.
#[must_use]
pub fn parse_unsummed(source: Ipv6Addr, destination: Ipv6Addr, bytes: &[u8]) -> Option<Datagram> {
    let (header, payload) = bytes.split_first_chunk::<HEADER_LEN>()?;
    let [s0, s1, d0, d1, l0, l1, ..] = *header;
    if usize::from(u16::from_be_bytes([l0, l1])) != bytes.len() {
        return None;
    }
    Some(Datagram {
        source: SocketAddrV6::new(source, u16::from_be_bytes([s0, s1]), 0, 0),
        destination: SocketAddrV6::new(destination, u16::from_be_bytes([d0, d1]), 0, 0),
        payload: payload.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn datagram(payload: Vec<u8>) -> Datagram {
        Datagram {
            source: "[fe80::c1]:546".parse().expect("an address"),
            destination: "[ff02::1:2]:547".parse().expect("an address"),
            payload,
        }
    }

    fn parsed(datagram: &Datagram, bytes: &[u8]) -> Option<Datagram> {
        parse(*datagram.source.ip(), *datagram.destination.ip(), bytes)
    }

    #[test]
    fn a_checksum_that_comes_out_as_zero_is_sent_as_ffff() {
        // The payload makes up for the rest of the sum.
        let probe = write(&datagram(vec![0, 0])).expect("short");
        let sum = u16::from_be_bytes([probe[6], probe[7]]);
        let chosen = datagram(sum.to_be_bytes().to_vec());
        let bytes = write(&chosen).expect("short");
        assert_eq!(bytes[6..8], [0xff, 0xff]);
        assert_eq!(parsed(&chosen, &bytes), Some(chosen));
    }

    #[test]
    fn the_longest_datagram_has_65527_octets_of_payload() {
        let longest = datagram(vec![7; 65_527]);
        let bytes = write(&longest).expect("fits");
        assert_eq!(parsed(&longest, &bytes), Some(longest));
        assert_eq!(write(&datagram(vec![7; 65_528])), None);
    }

    #[test]
    fn a_datagram_without_checksum_is_refused() {
        let datagram = datagram(vec![1, 2, 3]);
        let mut bytes = write(&datagram).expect("short");
        bytes[6..8].fill(0);
        assert_eq!(parsed(&datagram, &bytes), None);
        let (source, destination) = (*datagram.source.ip(), *datagram.destination.ip());
        let unsummed = parse_unsummed(source, destination, &bytes);
        assert_eq!(unsummed, Some(datagram));
    }

    proptest! {
        #[test]
        fn one_changed_octet_is_noticed(
            payload in prop::collection::vec(any::<u8>(), 0..64),
            at in any::<prop::sample::Index>(),
            change in 1u8..=0xfe,
        ) {
            let datagram = datagram(payload);
            let mut bytes = write(&datagram).expect("short");
            prop_assert_eq!(parsed(&datagram, &bytes), Some(datagram.clone()));
            let at = at.index(bytes.len());
            bytes[at] ^= change;
            prop_assert_eq!(parsed(&datagram, &bytes), None);
        }

        #[test]
        fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse(Ipv6Addr::LOCALHOST, Ipv6Addr::LOCALHOST, &bytes);
        }
    }
}
