//! Finds the next free address of a pool, or the next free part of a prefix.
//!
//! The search starts where a keyed hash of (DUID, IA type, IAID) points (RFC 7943), so an address cannot be
//! guessed and a client finds its old one again even if every record of it is lost. What is taken is kept
//! as runs: a /64 with a million leases costs one look-up, not a million.
//!
//! Not here: who may draw from a pool (`engine::assign`) and for how long (`engine::times`).

use super::{IaKey, IaKind, Prefix, Runs};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use std::net::Ipv6Addr;

/// The key of the hash that places leases in pools (RFC 7943). Never printed.
#[derive(Clone)]
pub struct Secret([u8; Self::LEN]);

impl Secret {
    /// Octets of the secret.
    pub const LEN: usize = 32;

    /// The secret made of these octets.
    #[must_use]
    pub fn new(octets: [u8; Self::LEN]) -> Self {
        Self(octets)
    }

    /// The octets, for the file that they are kept in.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Places clients in pools.
#[derive(Clone)]
pub struct Placement {
    /// HMAC-SHA-256 with the secret already absorbed.
    keyed: Hmac<Sha256>,
}

impl Placement {
    /// Placement by that secret.
    #[must_use]
    pub fn new(secret: &Secret) -> Self {
        let keyed = Hmac::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
        Self { keyed }
    }

    /// Where in the range from `first` to `last` the search for this IA starts.
    fn start(&self, key: &IaKey, first: u128, last: u128) -> u128 {
        let mut mac = self.keyed.clone();
        let kind = match key.kind {
            IaKind::Na => 1,
            IaKind::Pd => 2,
        };
        // The range is part of the input, so that one client has unrelated addresses on different links.
        mac.update(&first.to_be_bytes());
        mac.update(&[kind]);
        mac.update(&key.iaid.to_be_bytes());
        mac.update(key.duid.as_bytes());
        let digest = mac.finalize().into_bytes();
        let hash = digest
            .first_chunk::<16>()
            .map_or(0, |octets| u128::from_be_bytes(*octets));
        match (last - first).checked_add(1) {
            Some(size) => first + hash % size,
            None => hash,
        }
    }

    /// The free address for this IA: the first one from where its hash points, going round at the end.
    ///
    /// What is unavailable is passed over in whole runs, and so are reserved interface identifiers; `promised`
    /// are the few addresses that the answer at hand gives out already.
    #[must_use]
    pub fn find(
        &self,
        key: &IaKey,
        (first, last): (Ipv6Addr, Ipv6Addr),
        unavailable: &Runs,
        promised: impl Fn(Ipv6Addr) -> bool,
    ) -> Option<Ipv6Addr> {
        let (first, last) = (first.to_bits(), last.to_bits());
        let start = self.start(key, first, last);
        let search = |mut candidate: u128, last: u128| {
            while candidate <= last {
                let next = next_unreserved(unavailable.next_gap(candidate)?)?;
                if next != candidate {
                    candidate = next;
                } else if promised(Ipv6Addr::from_bits(candidate)) {
                    candidate = candidate.checked_add(1)?;
                } else {
                    return Some(Ipv6Addr::from_bits(candidate));
                }
            }
            None
        };
        search(start, last).or_else(|| search(first, start.checked_sub(1)?))
    }

    /// The free part for this IA of that length of a prefix: the first one from where its hash points, going round at
    /// the end.
    ///
    /// A part is free if nothing in it is in any of the sets that are unavailable; `promised` are the few prefixes
    /// that the answer at hand gives out already.
    #[must_use]
    pub fn find_part(
        &self,
        key: &IaKey,
        (whole, length): (Prefix, u8),
        unavailable: &[&Runs],
        promised: impl Fn(Prefix) -> bool,
    ) -> Option<Prefix> {
        let (first, last) = whole.bounds();
        let start = self.start(key, first, last);
        // From the first part again, because the one that the hash points into is half behind it.
        free_part(whole, length, start, unavailable, &promised)
            .or_else(|| free_part(whole, length, first, unavailable, &promised))
    }
}

/// The first free part of that length of a prefix, from the one that holds the address `from` on. What is unavailable
/// is passed over in whole runs.
#[must_use]
pub fn free_part(
    whole: Prefix,
    length: u8,
    from: u128,
    unavailable: &[&Runs],
    promised: impl Fn(Prefix) -> bool,
) -> Option<Prefix> {
    let (_, last) = whole.bounds();
    let mut inside = from;
    while inside <= last {
        let part = Prefix::new(Ipv6Addr::from_bits(inside), length)?;
        let (start, end) = part.bounds();
        let taken_to = unavailable
            .iter()
            .filter_map(|runs| runs.overlap_end(start, end))
            .max();
        inside = match taken_to {
            // The next part that begins behind it.
            Some(to) => Prefix::new(Ipv6Addr::from_bits(to), length)?.bounds().1,
            None if promised(part) => end,
            None => return Some(part),
        }
        .checked_add(1)?;
    }
    None
}

impl fmt::Debug for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Placement(…)")
    }
}

/// Interface identifiers that no client may get, first and last of each block (RFC 5453 and its registry):
/// the subnet-router anycast address, the identifiers made from the IANA Ethernet block, and the reserved
/// subnet anycast addresses.
const RESERVED_IDENTIFIERS: [(u64, u64); 3] = [
    (0, 0),
    (0x0200_5eff_fe00_0000, 0x0200_5eff_feff_ffff),
    (0xfdff_ffff_ffff_ff80, 0xfdff_ffff_ffff_ffff),
];

/// Whether the address has an interface identifier that is reserved for another purpose (RFC 9915 §13.1).
#[must_use]
pub fn is_reserved(address: Ipv6Addr) -> bool {
    next_unreserved(address.to_bits()) != Some(address.to_bits())
}

/// The lowest address from this one on whose interface identifier is not reserved.
fn next_unreserved(address: u128) -> Option<u128> {
    const IDENTIFIER: u128 = u64::MAX as u128;
    for (first, last) in RESERVED_IDENTIFIERS {
        if (u128::from(first)..=u128::from(last)).contains(&(address & IDENTIFIER)) {
            return ((address & !IDENTIFIER) | u128::from(last)).checked_add(1);
        }
    }
    Some(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Duid;
    use std::collections::HashSet;

    fn key(client: u32) -> IaKey {
        let [a, b, c, d] = client.to_be_bytes();
        let duid = Duid::new(&[0, 3, 0, 1, 2, 0, a, b, c, d]).expect("a DUID");
        IaKey {
            duid,
            kind: IaKind::Na,
            iaid: 1,
        }
    }

    fn ip(text: &str) -> Ipv6Addr {
        text.parse().expect("an address")
    }

    fn placement() -> Placement {
        Placement::new(&Secret::new([7; 32]))
    }

    fn find(client: u32, range: (&str, &str), taken: &Runs) -> Option<Ipv6Addr> {
        let range = (ip(range.0), ip(range.1));
        placement().find(&key(client), range, taken, |_| false)
    }

    #[test]
    fn addresses_are_neither_sequential_nor_made_from_the_client() {
        let mut taken = Runs::default();
        let range = ("2001:db8:1::", "2001:db8:1::ffff:ffff:ffff:ffff");
        let mut distances = HashSet::new();
        let mut previous = 0;
        for client in 0..100 {
            let address = find(client, range, &taken).expect("a free address");
            taken.insert(address.to_bits(), address.to_bits());
            assert!(distances.insert(address.to_bits().wrapping_sub(previous)));
            assert_ne!(address.octets()[11..13], [0xff, 0xfe]);
            previous = address.to_bits();
        }
    }

    #[test]
    fn a_client_is_placed_where_it_was_before() {
        let range = ("2001:db8:1::1000", "2001:db8:1::1fff");
        assert_eq!(
            find(1, range, &Runs::default()),
            find(1, range, &Runs::default())
        );
    }

    #[test]
    fn every_address_of_a_pool_is_found_before_it_is_exhausted() {
        let range = ("2001:db8:1::10", "2001:db8:1::1f");
        let mut taken = Runs::default();
        for client in 0..16 {
            let address = find(client, range, &taken).expect("a free address");
            assert!(!taken.contains(address.to_bits()));
            taken.insert(address.to_bits(), address.to_bits());
        }
        assert_eq!(find(99, range, &taken), None);
        taken.remove(
            ip("2001:db8:1::13").to_bits(),
            ip("2001:db8:1::13").to_bits(),
        );
        assert_eq!(find(99, range, &taken), Some(ip("2001:db8:1::13")));
    }

    #[test]
    fn reserved_interface_identifiers_are_never_found() {
        for client in 0..64 {
            let address = find(client, ("2001:db8:1::", "2001:db8:1::3"), &Runs::default());
            assert_ne!(address, Some(ip("2001:db8:1::")));
            let range = ("2001:db8:1:0:fdff:ffff:ffff:ff7e", "2001:db8:1:0:fe00::1");
            let address = find(client, range, &Runs::default()).expect("a free address");
            assert!(!is_reserved(address), "{address}");
        }
        let all_reserved = (
            "2001:db8:1:0:fdff:ffff:ffff:ff80",
            "2001:db8:1:0:fdff:ffff:ffff:ffff",
        );
        assert_eq!(find(1, all_reserved, &Runs::default()), None);
        for address in [
            "::",
            "::200:5eff:fe00:5213",
            "1::fdff:ffff:ffff:ffff",
            "2001:db8::",
        ] {
            assert!(is_reserved(ip(address)), "{address}");
        }
        for address in ["::1", "2001:db8::fdff:ffff:ffff:ff7f", "::200:5eff:ff00:0"] {
            assert!(!is_reserved(ip(address)), "{address}");
        }
    }

    fn prefix(text: &str) -> Prefix {
        let (address, length) = text.split_once('/').expect("a length");
        Prefix::new(ip(address), length.parse().expect("a number")).expect("a prefix")
    }

    #[test]
    fn every_part_of_a_prefix_is_found_before_it_is_exhausted() {
        let whole = (prefix("2001:db8:8000::/52"), 56);
        let mut taken = Runs::default();
        let mut parts = HashSet::new();
        for client in 0..16 {
            let part = placement().find_part(&key(client), whole, &[&taken], |_| false);
            let part = part.expect("a free part");
            assert_eq!(
                (part.length(), whole.0.contains(part.address())),
                (56, true)
            );
            assert!(parts.insert(part));
            taken.insert(part.bounds().0, part.bounds().1);
        }
        let find = |taken: &Runs| placement().find_part(&key(99), whole, &[taken], |_| false);
        assert_eq!(find(&taken), None);
        let freed = prefix("2001:db8:8000:300::/56");
        taken.remove(freed.bounds().0, freed.bounds().1);
        assert_eq!(find(&taken), Some(freed));
        // One address is enough to keep it.
        taken.insert(freed.bounds().0 + 5, freed.bounds().0 + 5);
        assert_eq!(find(&taken), None);
    }

    #[test]
    fn parts_are_passed_over_in_whole_runs_of_any_set() {
        let whole = prefix("2001:db8::/32");
        let (first, last) = whole.bounds();
        let (mut one, mut other) = (Runs::default(), Runs::default());
        one.insert(first, first + (1 << 90));
        other.insert(first + (1 << 90), last - (1 << 64));
        let find = |from| free_part(whole, 64, from, &[&one, &other], |_| false);
        let left = prefix("2001:db8:ffff:ffff::/64");
        assert_eq!(find(first), Some(left));
        assert_eq!(find(last), Some(left));
        other.insert(last, u128::MAX);
        assert_eq!(
            free_part(whole, 64, first, &[&one, &other], |_| false),
            None
        );
    }

    #[test]
    fn parts_of_any_size_are_found() {
        let none = Runs::default();
        for (text, length) in [
            ("::/0", 0),
            ("::/0", 1),
            ("::/0", 128),
            ("2001:db8::/48", 48),
        ] {
            let whole = prefix(text);
            let found = placement().find_part(&key(1), (whole, length), &[&none], |_| false);
            assert_eq!(found.map(Prefix::length), Some(length));
            let nothing = free_part(
                prefix("2001:db8::/40"),
                48,
                0x2001_0db8 << 96,
                &[&none],
                |_| true,
            );
            assert_eq!(nothing, None);
        }
    }

    #[test]
    fn the_whole_address_space_is_a_pool_too() {
        let last = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
        assert!(find(1, ("::", last), &Runs::default()).is_some());
        let mut taken = Runs::default();
        taken.insert(0, u128::MAX);
        assert_eq!(find(1, ("::", last), &taken), None);
    }

    #[test]
    fn what_the_same_answer_promises_already_is_passed_over() {
        let range = (ip("2001:db8:1::10"), ip("2001:db8:1::11"));
        let none = Runs::default();
        let first = placement()
            .find(&key(1), range, &none, |_| false)
            .expect("one");
        let second = placement()
            .find(&key(1), range, &none, |it| it == first)
            .expect("another");
        assert_ne!(first, second);
        assert_eq!(placement().find(&key(1), range, &none, |_| true), None);
    }
}
