//! Which /64 of an interface addresses are given from, and which part of it.
//!
//! Not here: how the addresses of an interface are found out (`server::links`).

use crate::lease::Prefix;
use std::cmp::Reverse;
use std::net::Ipv6Addr;

/// One address of the server on an interface.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct OwnAddress {
    /// The address.
    pub address: Ipv6Addr,
    /// The length of its prefix.
    pub length: u8,
    /// Its preferred lifetime has not passed, and it is neither being tested nor found to be taken: addresses beside
    /// it can be given to others.
    pub in_use: bool,
    /// It stays until somebody removes it: no router advertisement can end it.
    pub permanent: bool,
}

/// The first and the last interface identifier of the part that addresses are given from.
///
/// - An identifier made from a hardware address has `ff:fe` in octets 4 and 5 (RFC 4291 appendix A). Here, octet 4
///   is `7f` at most.
/// - Identifiers that are reserved (RFC 5453) and those that people give by hand, such as `::1`, `::1000` or
///   `::192:0:2:1`, are elsewhere.
/// - Identifiers that are random or opaque (RFC 7217, RFC 8981) are spread over all 64 bits. That one of them is
///   the one address that a client was given has a chance of 1 in 2^64, however large the range is; with a thousand
///   of each it is 1 in 10^13. So the range is as large as the first rule allows: addresses that follow no order in
///   2^39 are not found by trying.
const IDENTIFIERS: (u64, u64) = (0x0dc6_0000_0000_0000, 0x0dc6_007f_ffff_ffff);

/// The /64s that clients on the link can have addresses of, the one to give from first: a global one before a unique
/// local one, one that stays before one that a router announced, then the lowest.
#[must_use]
pub fn subnets(addresses: &[OwnAddress]) -> Vec<Prefix> {
    let usable = addresses.iter().filter(|it| it.length == 64 && it.in_use);
    let mut ranked: Vec<_> = usable
        .filter_map(|it| {
            let global = match it.address.octets()[0] {
                0x20..=0x3f => true,
                0xfc | 0xfd => false,
                _ => return None,
            };
            let subnet = Prefix::new(it.address, it.length)?;
            Some((Reverse(global), Reverse(it.permanent), subnet))
        })
        .collect();
    ranked.sort_unstable();
    let mut subnets: Vec<Prefix> = Vec::new();
    for (.., subnet) in ranked {
        if !subnets.contains(&subnet) {
            subnets.push(subnet);
        }
    }
    subnets
}

/// The first and the last address of the part of a /64 that addresses are given from.
#[must_use]
pub(super) fn range(subnet: Prefix) -> (Ipv6Addr, Ipv6Addr) {
    let address = |identifier| Ipv6Addr::from_bits(subnet.bounds().0 | u128::from(identifier));
    let (first, last) = IDENTIFIERS;
    (address(first), address(last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::is_reserved;

    fn own(text: &str) -> OwnAddress {
        let (address, length) = text.split_once('/').expect("a length");
        OwnAddress {
            address: address.parse().expect("an address"),
            length: length.parse().expect("a number"),
            in_use: true,
            permanent: true,
        }
    }

    fn of(addresses: &[OwnAddress]) -> Vec<String> {
        subnets(addresses).iter().map(Prefix::to_string).collect()
    }

    #[test]
    fn a_global_subnet_goes_before_a_unique_local_one() {
        let addresses = [
            own("fe80::1/64"),
            own("fd00:1::1/64"),
            own("2001:db8:2::1/64"),
            own("2001:db8:1::1/64"),
            own("2001:db8:1::2/64"),
        ];
        assert_eq!(
            of(&addresses),
            ["2001:db8:1::/64", "2001:db8:2::/64", "fd00:1::/64"]
        );
    }

    #[test]
    fn a_subnet_that_stays_goes_before_one_that_may_end() {
        let announced = OwnAddress {
            permanent: false,
            ..own("2001:db8:1::1/64")
        };
        assert_eq!(
            of(&[announced, own("2001:db8:2::1/64"), own("fd00::1/64")]),
            ["2001:db8:2::/64", "2001:db8:1::/64", "fd00::/64"]
        );
        // Where one address of a subnet stays, so does the subnet.
        assert_eq!(
            of(&[announced, own("2001:db8:2::1/64"), own("2001:db8:1::9/64")]),
            ["2001:db8:1::/64", "2001:db8:2::/64"]
        );
    }

    #[test]
    fn only_a_64_of_an_address_in_use_counts() {
        let tested = OwnAddress {
            in_use: false,
            ..own("2001:db8:1::1/64")
        };
        let others = [
            "2001:db8:2::1/128",
            "2001:db8:3::1/48",
            "2001:db8:4::1/80",
            "fe80::1/64",
            "fec0::1/64",
            "ff02::1/64",
            "::1/64",
        ];
        let addresses: Vec<_> = others.into_iter().map(own).chain([tested]).collect();
        assert_eq!(of(&addresses), [""; 0]);
        assert_eq!(of(&[]), [""; 0]);
    }

    #[test]
    fn the_range_meets_no_identifier_that_means_something() {
        let subnet = subnets(&[own("2001:db8:1::1/64")]);
        let (first, last) = range(*subnet.first().expect("one"));
        assert_eq!(first.to_string(), "2001:db8:1:0:dc6::");
        assert_eq!(last.to_string(), "2001:db8:1:0:dc6:7f:ffff:ffff");
        assert_eq!(last.to_bits() - first.to_bits() + 1, 1 << 39);
        // Octet 4 of no identifier is ff, as it is in one that is made from a hardware address.
        for octet in [first, last].map(|it| it.octets()[11]) {
            assert!(octet < 0xff);
        }
        assert_eq!(first.octets()[..11], last.octets()[..11]);
        // Reserved blocks are longer than no range: its ends tell.
        assert!(!is_reserved(first) && !is_reserved(last));
        for block in ["::1", "::ffff:ffff", "::192:0:2:1", "::5efe:c000:201"] {
            let identifier: Ipv6Addr = block.parse().expect("an address");
            let address = Ipv6Addr::from_bits((first.to_bits() >> 64 << 64) | identifier.to_bits());
            assert!(!(first..=last).contains(&address), "{block}");
        }
    }
}
