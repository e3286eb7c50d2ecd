//! `Replay`: the changes of a journal → a table.
//!
//! The table that a server works with is kept in several orders at once, which costs far more to build up lease by lease
//! than to sort at the end. So while a journal is read, leases are found by block and by binding alone.

use super::super::{Change, Record, Timestamp};
use super::availability::Availability;
use super::calendar::Calendar;
use super::index::Index;
use super::lease::Slot;
use super::{LeaseTable, is_extended_by};
use crate::lease::counter::ReplayCounters;

/// A table in the making.
#[derive(Debug, Default)]
pub struct Replay {
    index: Index,
    counters: ReplayCounters,
}

impl Replay {
    /// Makes room for so many leases, where it is known how many there may be.
    pub fn reserve(&mut self, count: usize) {
        self.index.reserve(count);
    }

    /// Takes over what a record says.
    pub fn take(&mut self, record: &Record) {
        match record {
            Record::Lease(change) => self.apply(change),
            Record::Counter(counter) => self.counters.set(counter),
        }
    }

    fn apply(&mut self, change: &Change) {
        if let Some(slot) = self.index.slot_of(change.prefix) {
            let slots = &mut self.index.slots;
            if slots.get(slot).is_some_and(|it| is_extended_by(it, change)) {
                if let Some(packed) = slots.packed_mut(slot) {
                    packed.set_times(change);
                }
                return;
            }
            self.index.remove(slot);
        }
        if let Some(slot) = self.index.surplus(change) {
            self.index.remove(slot);
        }
        self.index.insert(change);
    }

    /// The table, once all records were taken over.
    #[must_use]
    pub fn finish(mut self) -> LeaseTable {
        let leased = self.settle();
        let availability = Availability::of(leased);
        let calendar = Calendar::of(&mut self.index.slots);
        LeaseTable {
            index: self.index,
            calendar,
            availability,
            counters: self.counters,
        }
    }

    /// Sees to it that no two leases are in each other's way, and returns what they cover, in order.
    ///
    /// A journal has no record of expiry. So an address may still be held by a client whose time had passed when the
    /// block around it was given to another one, or the other way round: the later change is right.
    fn settle(&mut self) -> Vec<(u128, u128)> {
        let held = self.index.slots.held();
        let taken = held.filter(|(_, packed)| packed.is_taken());
        let mut taken: Vec<(u128, u8, Slot)> = taken
            .map(|(slot, packed)| {
                let prefix = packed.prefix();
                (prefix.bounds().0, prefix.length(), slot)
            })
            .collect();
        taken.sort_unstable();
        // Blocks lie within each other or apart, and a larger one comes before what lies in it: what the one at hand
        // may lie in is the last one that was kept.
        let mut leased: Vec<(u128, u128)> = Vec::with_capacity(taken.len());
        let mut around: Option<Slot> = None;
        for (_, _, slot) in taken {
            let Some((bounds, changed)) = self.facts(slot) else {
                continue;
            };
            let outer = around.and_then(|slot| Some((slot, self.facts(slot)?)));
            if let Some((outer, ((_, last), outer_changed))) = outer
                && bounds.0 <= last
            {
                if outer_changed > changed {
                    self.end(slot, outer_changed);
                    continue;
                }
                leased.pop();
                self.end(outer, changed);
            }
            leased.push(bounds);
            around = Some(slot);
        }
        leased
    }

    /// What a lease covers, and when it last changed.
    fn facts(&self, slot: Slot) -> Option<((u128, u128), Timestamp)> {
        let lease = self.index.slots.get(slot)?;
        Some((lease.prefix().bounds(), lease.changed()))
    }

    /// Ends a lease that was over when another one took its place at that time.
    fn end(&mut self, slot: Slot, time: Timestamp) {
        let packed = self.index.slots.packed_mut(slot);
        match packed.filter(|it| it.is_active() && it.due() < time) {
            Some(packed) => packed.release(),
            None => self.index.remove(slot),
        }
    }
}
