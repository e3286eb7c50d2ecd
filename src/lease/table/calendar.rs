//! `Calendar`: which lease is due when.
//!
//! For each second in which something is due there is a list through the slots of what is due then. To enter a lease or
//! to take one out costs a look-up among those seconds at most, of which there are far fewer than leases.

use super::super::Timestamp;
use super::lease::{NONE, Slot, Slots};
use std::collections::BTreeMap;

/// The leases that are due in the same second.
#[derive(Clone, Copy, Debug)]
struct Queue {
    first: Slot,
    last: Slot,
}

/// The seconds in which leases are due. What is never due is not in it.
#[derive(Debug, Default)]
pub(super) struct Calendar {
    seconds: BTreeMap<Timestamp, Queue>,
}

impl Calendar {
    /// The calendar of leases that are in none yet.
    pub(super) fn of(slots: &mut Slots) -> Self {
        let held = slots.held().map(|(slot, packed)| (packed.due(), slot));
        let mut dates: Vec<_> = held.filter(|(due, _)| *due != Timestamp::NEVER).collect();
        dates.sort_unstable();
        let mut seconds: Vec<(Timestamp, Queue)> = Vec::new();
        for (due, slot) in dates {
            match seconds.last_mut() {
                Some((date, queue)) if *date == due => queue.push(slots, slot),
                _ => seconds.push((due, Queue::of(slot))),
            }
        }
        Self {
            seconds: seconds.into_iter().collect(),
        }
    }

    /// Enters a lease.
    pub(super) fn insert(&mut self, slots: &mut Slots, slot: Slot) {
        let Some(due) = slots.packed(slot).map(super::lease::Packed::due) else {
            return;
        };
        if due != Timestamp::NEVER {
            self.seconds
                .entry(due)
                .and_modify(|queue| queue.push(slots, slot))
                .or_insert(Queue::of(slot));
        }
    }

    /// Takes a lease out, before its times or its state change.
    pub(super) fn remove(&mut self, slots: &mut Slots, slot: Slot) {
        let Some(packed) = slots.packed_mut(slot) else {
            return;
        };
        let due = packed.due();
        let before = std::mem::replace(&mut packed.due_before, NONE);
        let behind = std::mem::replace(&mut packed.due_behind, NONE);
        if due == Timestamp::NEVER {
            return;
        }
        if let Some(neighbour) = slots.packed_mut(before) {
            neighbour.due_behind = behind;
        }
        if let Some(neighbour) = slots.packed_mut(behind) {
            neighbour.due_before = before;
        }
        match (before, behind) {
            (NONE, NONE) => {
                self.seconds.remove(&due);
            }
            (NONE, first) => {
                self.seconds
                    .entry(due)
                    .and_modify(|queue| queue.first = first);
            }
            (last, NONE) => {
                self.seconds
                    .entry(due)
                    .and_modify(|queue| queue.last = last);
            }
            _ => {}
        }
    }

    /// The lease that is due first, and when.
    pub(super) fn first(&self) -> Option<(Timestamp, Slot)> {
        self.seconds
            .first_key_value()
            .map(|(&due, queue)| (due, queue.first))
    }

    /// What is due before `now`, in the order of time.
    pub(super) fn before<'a>(
        &'a self,
        slots: &'a Slots,
        now: Timestamp,
    ) -> impl Iterator<Item = Slot> + use<'a> {
        self.seconds.range(..now).flat_map(move |(_, queue)| {
            let next = |&slot: &Slot| {
                let behind = slots.packed(slot)?.due_behind;
                (behind != NONE).then_some(behind)
            };
            std::iter::successors(Some(queue.first), next)
        })
    }
}

impl Queue {
    fn of(slot: Slot) -> Self {
        Self {
            first: slot,
            last: slot,
        }
    }

    fn push(&mut self, slots: &mut Slots, slot: Slot) {
        if let Some(last) = slots.packed_mut(self.last) {
            last.due_behind = slot;
        }
        if let Some(packed) = slots.packed_mut(slot) {
            packed.due_before = self.last;
        }
        self.last = slot;
    }
}
