//! What clients are told to do, and who can.

use std::collections::VecDeque;

use crate::load::chance::Chance;
use crate::load::client::Intent;

/// Things to do with their weights, and the clients that have nothing to wait for.
#[derive(Debug)]
pub(super) struct Orders {
    weights: Vec<(Intent, u32)>,
    total: usize,
    /// Those without a lease, who waited longest first.
    without: VecDeque<usize>,
    /// Those with one, in no order.
    with: Vec<usize>,
}

impl Orders {
    /// Orders for these clients, of which some have a lease.
    pub(super) fn new(
        weights: &[(Intent, u32)],
        idle: impl Iterator<Item = (usize, bool)>,
    ) -> Self {
        let total: usize = weights.iter().map(|(_, weight)| *weight as usize).sum();
        let mut orders = Self {
            weights: weights.to_vec(),
            total,
            without: VecDeque::new(),
            with: Vec::new(),
        };
        idle.for_each(|(number, has_lease)| orders.rest(number, has_lease));
        orders
    }

    /// Takes back a client.
    pub(super) fn rest(&mut self, number: usize, has_lease: bool) {
        match has_lease {
            true => self.with.push(number),
            false => self.without.push_back(number),
        }
    }

    /// Who does what next. By weight, or, if nobody can do that, whatever somebody can.
    pub(super) fn choose(&mut self, chance: &mut Chance) -> Option<(usize, Intent)> {
        let mut drawn = chance.below(self.total);
        let by_weight = self.weights.iter().position(|(_, weight)| {
            let here = drawn < *weight as usize;
            drawn = drawn.saturating_sub(*weight as usize);
            here
        });
        let first = by_weight.unwrap_or(0);
        let turns = (first..self.weights.len()).chain(0..first);
        turns.into_iter().find_map(|index| {
            let (intent, _) = *self.weights.get(index)?;
            Some((self.call(intent, chance)?, intent))
        })
    }

    fn call(&mut self, intent: Intent, chance: &mut Chance) -> Option<usize> {
        match intent {
            Intent::Acquire { .. } => self.without.pop_front(),
            Intent::Inform => self.without.pop_front().or_else(|| self.with.pop()),
            Intent::Confirm
            | Intent::Renew
            | Intent::Rebind
            | Intent::Release
            | Intent::Decline => {
                let index = chance.below(self.with.len());
                (index < self.with.len()).then(|| self.with.swap_remove(index))
            }
        }
    }

    /// Whether nobody can do anything.
    pub(super) fn is_exhausted(&self) -> bool {
        let can = |(intent, _): &(Intent, u32)| match intent {
            Intent::Acquire { .. } => !self.without.is_empty(),
            Intent::Inform => !self.without.is_empty() || !self.with.is_empty(),
            Intent::Confirm
            | Intent::Renew
            | Intent::Rebind
            | Intent::Release
            | Intent::Decline => !self.with.is_empty(),
        };
        !self.weights.iter().any(can)
    }
}
