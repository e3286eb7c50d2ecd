//! Who believes in which block, so that a second one who does is noticed.

use std::collections::BTreeMap;

use crate::load::client::Lease;

/// The number of a client and its lease.
pub type Owner = (usize, Lease);

/// The latest owner of each block. No two of the blocks overlap.
#[derive(Debug, Default)]
pub struct Owners {
    by_first: BTreeMap<u128, Owner>,
}

impl Owners {
    /// Notes an owner, and returns those that it takes the place of, other than itself.
    pub fn insert(&mut self, owner: Owner) -> Vec<Owner> {
        let (first, last) = owner.1.block.bounds();
        let below = self.by_first.range(..=last).rev();
        // Blocks in the map do not overlap, so those that reach up to `first` come first.
        let overlapping: Vec<_> = below
            .take_while(|(_, (_, lease))| lease.block.bounds().1 >= first)
            .map(|(&start, &other)| (start, other))
            .collect();
        for (start, _) in &overlapping {
            self.by_first.remove(start);
        }
        self.by_first.insert(first, owner);
        let same = |other: &Owner| (other.0, other.1.ia) == (owner.0, owner.1.ia);
        let others = overlapping.into_iter().map(|(_, other)| other);
        others.filter(|other| !same(other)).collect()
    }

    /// Forgets an owner, unless the block has another one by now.
    pub fn remove(&mut self, owner: Owner) {
        let (first, _) = owner.1.block.bounds();
        let same = |it: &Owner| (it.0, it.1.ia, it.1.block) == (owner.0, owner.1.ia, owner.1.block);
        if self.by_first.get(&first).is_some_and(same) {
            self.by_first.remove(&first);
        }
    }
}
