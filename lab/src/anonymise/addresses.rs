//! What addresses become: what two of them have in common at the beginning, they have in common afterwards.

use std::net::Ipv6Addr;

use super::mapping::{Kind, Mapping};

/// IIDs below are numbers that somebody chose (`::1`, `::10`) and name nobody.
const SMALL_IID: u64 = 0x1_0000;
/// All other addresses go into the prefix for documentation (RFC 9637), whose length this is.
const DOCUMENTATION: (Ipv6Addr, u32) = (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20);
/// The bits of an address that say on which link it is.
const LINK_BITS: u32 = 64;

impl Mapping {
    /// An address. Well-known ones stay, and so do the prefixes for documentation.
    pub(super) fn address(&mut self, address: Ipv6Addr) -> Ipv6Addr {
        let mapped = self.mapped_address(address);
        if mapped != address {
            self.note(Kind::Address, &address.octets());
        }
        mapped
    }

    fn mapped_address(&mut self, address: Ipv6Addr) -> Ipv6Addr {
        let bits = address.to_bits();
        if address.is_unspecified() || address.is_loopback() {
            return address;
        }
        if address.is_multicast() {
            return self.group(address);
        }
        if let Some(inner) = address.to_ipv4_mapped() {
            let [a, b, c, d, ..] = self.digest("ipv4", &inner.octets());
            return std::net::Ipv4Addr::from([a, b, c, d]).to_ipv6_mapped();
        }
        let kept = kept_bits(address);
        let link = match kept {
            Some(kept) => self.preserved(bits, kept, LINK_BITS),
            None => self.documentation(bits),
        };
        let iid = self.iid(bits);
        Ipv6Addr::from_bits((link >> LINK_BITS << LINK_BITS) | u128::from(iid))
    }

    /// A prefix: what is behind its length stays nothing, or becomes something else.
    pub(super) fn prefix(&mut self, prefix: Ipv6Addr, length: u8) -> Ipv6Addr {
        if prefix.is_unspecified() {
            return prefix;
        }
        let behind = u128::MAX.checked_shr(length.into()).unwrap_or(0);
        let mapped = self.address(prefix).to_bits();
        match prefix.to_bits() & behind {
            0 => Ipv6Addr::from_bits(mapped & !behind),
            _ if mapped & behind == 0 => Ipv6Addr::from_bits(mapped | 1),
            _ => Ipv6Addr::from_bits(mapped),
        }
    }

    /// A multicast address: well-known groups stay, those that are made from an address follow it.
    fn group(&mut self, group: Ipv6Addr) -> Ipv6Addr {
        let segments = group.segments();
        let is_known = segments[1..6].iter().all(|it| *it == 0);
        let is_solicited = group.to_bits() >> 24
            == Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 0).to_bits() >> 24;
        if is_known {
            return group;
        }
        let [a, b, c, d, e, f, g, ..] = self.digest("group", &group.octets());
        match is_solicited {
            true => Ipv6Addr::from_bits(
                (group.to_bits() >> 24 << 24) | u128::from(u32::from_be_bytes([0, a, b, c])),
            ),
            false => {
                let [scope, ..] = segments;
                let at = |high, low| u16::from_be_bytes([high, low]);
                Ipv6Addr::new(scope, 0, 0, 0, at(a, b), at(c, d), at(e, f), g.into())
            }
        }
    }

    /// The first bits of an address of the Internet: two that have more than the length of the prefix for
    /// documentation in common have as many in common afterwards.
    fn documentation(&mut self, bits: u128) -> u128 {
        let (prefix, length) = DOCUMENTATION;
        let behind = u128::MAX >> length;
        (self.preserved(bits, length, LINK_BITS) & behind) | prefix.to_bits()
    }

    /// Replaces bits so that what two numbers have in common at the beginning, they have in common afterwards: each
    /// bit is flipped or not depending on all bits before it (as Xu et al. describe it for Crypto-PAn).
    fn preserved(&mut self, bits: u128, from: u32, to: u32) -> u128 {
        let mut mapped = bits;
        for at in from..to {
            let before = bits & !(u128::MAX.checked_shr(at).unwrap_or(0));
            let known = self.bits.get(&(at, before)).copied();
            let flip = known.unwrap_or_else(|| {
                let content = [&at.to_be_bytes()[..], &before.to_be_bytes()].concat();
                self.digest("bit", &content)[0] & 1 == 1
            });
            self.bits.insert((at, before), flip);
            mapped ^= u128::from(flip) << (127 - at);
        }
        mapped
    }

    /// The last 64 bits of an address. Made from a hardware address, they follow it (RFC 4291, appendix A).
    fn iid(&mut self, bits: u128) -> u64 {
        let iid = u64::try_from(bits & u128::from(u64::MAX)).unwrap_or(0);
        if iid < SMALL_IID {
            return iid;
        }
        const UNIVERSAL: u8 = 2;
        if let [a, b, c, 0xff, 0xfe, d, e, f] = iid.to_be_bytes() {
            let [a, b, c, d, e, f] = self.mac([a ^ UNIVERSAL, b, c, d, e, f]);
            return u64::from_be_bytes([a ^ UNIVERSAL, b, c, 0xff, 0xfe, d, e, f]);
        }
        // Whatever the link: prefixes that are longer than usual keep their relations, too.
        let mapped = self.preserved(iid.into(), LINK_BITS, 128);
        u64::try_from(mapped & u128::from(u64::MAX)).unwrap_or(0)
    }
}

/// How many bits of an address stay because they name nobody; `None` of an address of the Internet.
pub(super) fn kept_bits(address: Ipv6Addr) -> Option<u32> {
    let [first, second, ..] = address.segments();
    match (first, second) {
        (0x2001, 0x0db8) => Some(LINK_BITS),
        (0x3fff, 0..=0x0fff) => Some(LINK_BITS),
        _ if first & 0xffc0 == 0xfe80 => Some(LINK_BITS),
        _ if first & 0xfe00 == 0xfc00 => Some(8),
        _ => None,
    }
}
