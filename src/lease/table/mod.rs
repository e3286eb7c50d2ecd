//! `LeaseTable`: by binding, by address or prefix, by expiry.
//!
//! `apply` is how leases change, and `Replay` makes the same table of the changes in a journal; `expire` only lets time
//! take its course on what was applied, and comes to the same result whenever it is called. The replay counters of
//! clients that authenticate lie beside the leases, because the journal tells of both.

mod availability;
mod calendar;
mod index;
mod lease;
mod replay;

pub use lease::Lease;
pub use replay::Replay;

use super::counter::ReplayCounters;
use super::{Change, ChangeLog, IaKey, LeaseState, Prefix, ReplayCounter, Runs, Timestamp};
use crate::wire::Duid;
use availability::Availability;
use calendar::Calendar;
use index::Index;
use lease::{Packed, Slot};

/// All leases.
#[derive(Debug, Default)]
pub struct LeaseTable {
    index: Index,
    calendar: Calendar,
    availability: Availability,
    counters: ReplayCounters,
}

impl LeaseTable {
    /// The lease of exactly that address or prefix, whatever its state.
    #[must_use]
    pub fn get(&self, prefix: Prefix) -> Option<Lease<'_>> {
        self.index.slots.get(self.index.slot_of(prefix)?)
    }

    /// All leases that the binding has, and the last few that it had and nobody else took since, in the order
    /// of addresses.
    pub fn of_binding<'a>(&'a self, key: &IaKey) -> impl Iterator<Item = Lease<'a>> + use<'a> {
        self.index.of_binding(key)
    }

    /// The active leases of the binding.
    pub fn active<'a>(&'a self, key: &IaKey) -> impl Iterator<Item = Lease<'a>> + use<'a> {
        self.of_binding(key)
            .filter(|lease| lease.state() == LeaseState::Active)
    }

    /// What no pool gives out although nobody may have it.
    #[must_use]
    pub fn excluded(&self) -> &Runs {
        self.availability.excluded()
    }

    /// Every address that a pool does not have to give: leased, delegated, declined or excluded.
    #[must_use]
    pub fn unavailable(&self) -> &Runs {
        self.availability.unavailable()
    }

    /// Says what no pool gives out, in place of what was said before. Leases stay as they are.
    pub fn set_excluded(&mut self, excluded: Runs) {
        self.availability.set_excluded(excluded);
    }

    /// Whether no lease covers any address of that block.
    #[must_use]
    pub fn is_free(&self, prefix: Prefix) -> bool {
        self.availability.is_free(prefix)
    }

    /// How many leases the table knows, those that it only remembers included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.slots.len()
    }

    /// Whether the table knows no lease.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All leases that the table knows, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = Lease<'_>> {
        self.index.slots.from(0, usize::MAX)
    }

    /// How far the client has counted, with whatever key it last authenticated.
    #[must_use]
    pub fn counter(&self, duid: &Duid) -> Option<&ReplayCounter> {
        self.counters.get(duid)
    }

    /// How far every client has counted that ever authenticated.
    pub fn counters(&self) -> impl Iterator<Item = &ReplayCounter> {
        self.counters.iter()
    }

    /// Takes over how far a client has counted.
    pub fn set_counter(&mut self, counter: &ReplayCounter) {
        self.counters.set(counter);
    }

    /// Puts a lease into the state that the change says.
    ///
    /// Whoever decides on a change has made sure that an address or prefix that it takes is free or the
    /// holder's own. Where it is not, what lies in the way is forgotten.
    pub fn apply(&mut self, change: &Change) {
        if let Some(slot) = self.index.slot_of(change.prefix) {
            if self.extend(slot, change) {
                return;
            }
            self.remove(slot);
        }
        if is_taken(change.state) {
            if !self.is_free(change.prefix) {
                self.expire(change.changed);
                self.evict(change.prefix);
            }
            self.availability.lease(change.prefix);
        }
        if let Some(slot) = self.index.surplus(change) {
            self.remove(slot);
        }
        let slot = self.index.insert(change);
        self.calendar.insert(&mut self.index.slots, slot);
    }

    /// Ends every state whose time had passed before `now`: an active lease becomes a remembered one, and
    /// a remembered or declined one is forgotten. Costs nothing for leases that are not due.
    pub fn expire(&mut self, now: Timestamp) {
        while let Some((_, slot)) = self.calendar.first().filter(|&(due, _)| due < now) {
            let slots = &mut self.index.slots;
            let active = slots.packed(slot).filter(|it| it.is_active());
            let Some(prefix) = active.map(Packed::prefix) else {
                self.remove(slot);
                continue;
            };
            self.availability.give_back(prefix);
            self.calendar.remove(slots, slot);
            if let Some(packed) = slots.packed_mut(slot) {
                packed.release();
            }
            self.calendar.insert(slots, slot);
        }
    }

    /// What `expire` ends, in the order of the times at which it ends.
    pub fn due(&self, now: Timestamp) -> impl Iterator<Item = Lease<'_>> {
        let slots = &self.index.slots;
        let due = self.calendar.before(slots, now);
        due.filter_map(|slot| slots.get(slot))
    }

    /// When `expire` has something to do next.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.calendar.first().map(|(due, _)| due)
    }

    /// States up to `count` counters and leases again from the place `cursor` on, and says where to go on; `None`
    /// once the end was reached. What changes meanwhile is in the log anyway, with the change.
    pub fn restate(&self, cursor: usize, count: usize, log: &mut ChangeLog) -> Option<usize> {
        // The counters come first. If there are more of them than at the last call, a few leases are stated twice.
        let stated = self.counters.restate(cursor, count, log);
        let first = (cursor + stated).saturating_sub(self.counters.len());
        let slots = &self.index.slots;
        let end = slots.end().saturating_sub(first).min(count - stated);
        slots
            .from(first, end)
            .for_each(|lease| log.push(&lease.change()));
        let next = cursor + stated + end;
        (next < self.counters.len() + slots.end()).then_some(next)
    }

    /// Moves the times of an active lease that stays with its holder; anything else is left to the caller.
    fn extend(&mut self, slot: Slot, change: &Change) -> bool {
        let slots = &mut self.index.slots;
        if !slots.get(slot).is_some_and(|it| is_extended_by(it, change)) {
            return false;
        }
        self.calendar.remove(slots, slot);
        if let Some(packed) = slots.packed_mut(slot) {
            packed.set_times(change);
        }
        self.calendar.insert(slots, slot);
        true
    }

    /// Removes whatever overlaps a block that is about to be taken. The engine never asks for this, so that it
    /// looks at every lease does not matter.
    fn evict(&mut self, prefix: Prefix) {
        let (first, last) = prefix.bounds();
        let slots = self.index.slots.held();
        let in_the_way = slots.filter(|(_, packed)| {
            let (start, end) = packed.prefix().bounds();
            packed.is_taken() && start <= last && first <= end
        });
        let in_the_way: Vec<Slot> = in_the_way.map(|(slot, _)| slot).collect();
        in_the_way.into_iter().for_each(|slot| self.remove(slot));
    }

    fn remove(&mut self, slot: Slot) {
        let Some(lease) = self.index.slots.get(slot) else {
            return;
        };
        if lease.is_taken() {
            self.availability.give_back(lease.prefix());
        }
        self.calendar.remove(&mut self.index.slots, slot);
        self.index.remove(slot);
    }
}

/// Whether nobody else can have what is in that state.
fn is_taken(state: LeaseState) -> bool {
    match state {
        LeaseState::Active | LeaseState::Declined => true,
        LeaseState::Released => false,
    }
}

/// Whether a change moves the times of an active lease and nothing else.
fn is_extended_by(lease: Lease<'_>, change: &Change) -> bool {
    lease.state() == LeaseState::Active
        && change.state == LeaseState::Active
        && lease.is_of(&change.holder)
}

#[cfg(test)]
mod tests;
