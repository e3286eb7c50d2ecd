//! `Availability`: which addresses a pool has to give, held once although two things take them away.
//!
//! Leases make addresses unavailable, and so does what the configuration excludes. One set holds both together, so that
//! one look-up passes over all of it; a second one, which stays small, holds what is leased although it is excluded. From
//! these two it follows what is leased.

use super::super::{Prefix, Runs};

/// What pools do not give out, and why.
#[derive(Debug, Default)]
pub(super) struct Availability {
    /// What is leased or excluded.
    unavailable: Runs,
    /// What no pool gives out whoever has it.
    excluded: Runs,
    /// What is leased and excluded.
    leased_and_excluded: Runs,
}

impl Availability {
    pub(super) fn unavailable(&self) -> &Runs {
        &self.unavailable
    }

    pub(super) fn excluded(&self) -> &Runs {
        &self.excluded
    }

    /// Of leases that do not overlap, in the order of addresses; nothing is excluded yet.
    pub(super) fn of(leased: Vec<(u128, u128)>) -> Self {
        Self {
            unavailable: Runs::of_sorted(leased),
            ..Self::default()
        }
    }

    /// Says what is excluded, in place of what was said before.
    pub(super) fn set_excluded(&mut self, excluded: Runs) {
        let before = std::mem::replace(&mut self.excluded, excluded);
        for (first, last) in before.iter() {
            self.unavailable.remove(first, last);
        }
        for (first, last) in std::mem::take(&mut self.leased_and_excluded).iter() {
            self.unavailable.insert(first, last);
        }
        // Now it holds what is leased, and nothing else.
        for (first, last) in self.excluded.iter() {
            for (first, last) in self.unavailable.within(first, last) {
                self.leased_and_excluded.insert(first, last);
            }
            self.unavailable.insert(first, last);
        }
    }

    /// Takes away a block of which nothing is leased.
    pub(super) fn lease(&mut self, prefix: Prefix) {
        let (first, last) = prefix.bounds();
        self.unavailable.insert(first, last);
        for (first, last) in self.excluded.within(first, last) {
            self.leased_and_excluded.insert(first, last);
        }
    }

    /// Gives back a block that was leased.
    pub(super) fn give_back(&mut self, prefix: Prefix) {
        let (first, last) = prefix.bounds();
        self.unavailable.remove(first, last);
        self.leased_and_excluded.remove(first, last);
        for (first, last) in self.excluded.within(first, last) {
            self.unavailable.insert(first, last);
        }
    }

    /// Whether nothing of a block is leased.
    pub(super) fn is_free(&self, prefix: Prefix) -> bool {
        let (first, last) = prefix.bounds();
        let is_excluded =
            |(first, last)| self.excluded.next_gap(first).is_none_or(|gap| gap > last);
        // What is unavailable and not leased is excluded, from its first address to its last.
        !self.leased_and_excluded.overlaps(first, last)
            && self.unavailable.within(first, last).all(is_excluded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::Ipv6Addr;

    fn block(first: u128, length: u8) -> Prefix {
        Prefix::new(Ipv6Addr::from_bits(first), length).expect("at most 128")
    }

    proptest! {
        #[test]
        fn it_says_what_two_sets_would_say(
            steps in proptest::collection::vec((0..4u8, 0..40u128, 0..4u8, 0..9u128), 1..60),
        ) {
            let mut availability = Availability::default();
            let (mut leases, mut excluded): (Vec<Prefix>, Runs) = <_>::default();
            for (action, at, bits, more) in steps {
                let prefix = block(at, 128 - bits);
                let (first, last) = prefix.bounds();
                let overlaps = |it: &&Prefix| it.bounds().0 <= last && first <= it.bounds().1;
                match action {
                    0 => {
                        excluded.insert(at, at + more);
                        availability.set_excluded(excluded.clone());
                    }
                    1 => {
                        excluded.remove(at, at + more);
                        availability.set_excluded(excluded.clone());
                    }
                    2 if leases.iter().find(overlaps).is_none() => {
                        availability.lease(prefix);
                        leases.push(prefix);
                    }
                    _ => {
                        let found = leases.iter().position(|it| overlaps(&it));
                        if let Some(found) = found {
                            availability.give_back(leases.swap_remove(found));
                        }
                    }
                }
                let mut unavailable = excluded.clone();
                for (first, last) in leases.iter().map(|it| it.bounds()) {
                    unavailable.insert(first, last);
                }
                prop_assert_eq!(availability.unavailable(), &unavailable);
                for (at, bits) in (0..50).flat_map(|at| (0..5).map(move |bits| (at, bits))) {
                    let prefix = block(at, 128 - bits);
                    let (first, last) = prefix.bounds();
                    let mut bounds = leases.iter().map(|it| it.bounds());
                    let is_leased = bounds.any(|it| it.0 <= last && first <= it.1);
                    prop_assert_eq!(availability.is_free(prefix), !is_leased, "{}", prefix);
                }
            }
        }
    }
}
