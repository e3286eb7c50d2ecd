//! `LeaseTable`: by binding, by address or prefix, by expiry.
//!
//! `apply` is how leases change, so replaying the journal rebuilds the table; `expire` only lets time take
//! its course on what was applied, and comes to the same result whenever it is called. The replay counters of
//! clients that authenticate lie beside the leases, because the journal tells of both.

use super::counter::ReplayCounters;
use super::{
    Change, ChangeLog, IaKey, IaKind, LeaseState, Prefix, Record, ReplayCounter, Runs, Timestamp,
};
use crate::wire::Duid;
use hashbrown::HashTable;
use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};

/// How long a released or expired lease is remembered for its client while nobody else takes it: 30 days.
const REMEMBERED_SECS: u32 = 30 * 86_400;
/// The most leases that a binding remembers when it gets another one. A client can take and give back as often
/// as it likes, and every look at its binding passes over what is remembered.
const REMEMBERED_MAX: usize = 4;

/// The number of a lease's place in the table.
type Slot = u32;

/// No slot: the end of the chain of a binding.
const NONE: Slot = Slot::MAX;

/// One address or delegated prefix, and who has or had it.
#[derive(Clone, Debug)]
pub struct Lease {
    prefix: Prefix,
    kind: IaKind,
    state: LeaseState,
    iaid: u32,
    /// The next lease of the same binding.
    next: Slot,
    changed: Timestamp,
    preferred_until: Timestamp,
    valid_until: Timestamp,
    duid: Box<[u8]>,
}

impl Lease {
    /// The address (length 128) or delegated prefix.
    #[must_use]
    pub fn prefix(&self) -> Prefix {
        self.prefix
    }

    /// What it is to its holder.
    #[must_use]
    pub fn state(&self) -> LeaseState {
        self.state
    }

    /// When its holder was last answered about it.
    #[must_use]
    pub fn changed(&self) -> Timestamp {
        self.changed
    }

    /// Until when it may be used, or rests.
    #[must_use]
    pub fn valid_until(&self) -> Timestamp {
        self.valid_until
    }

    /// Whether it belongs or belonged to that binding.
    #[must_use]
    pub fn is_of(&self, key: &IaKey) -> bool {
        self.iaid == key.iaid && self.kind == key.kind && *self.duid == *key.duid.as_bytes()
    }

    /// The binding that it belongs or belonged to.
    #[must_use]
    pub fn holder(&self) -> IaKey {
        let duid = Duid::new(&self.duid).expect("the octets come from a DUID");
        IaKey {
            duid,
            kind: self.kind,
            iaid: self.iaid,
        }
    }

    /// Everything about it.
    #[must_use]
    pub fn change(&self) -> Change {
        Change {
            prefix: self.prefix,
            holder: self.holder(),
            state: self.state,
            changed: self.changed,
            preferred_until: self.preferred_until,
            valid_until: self.valid_until,
        }
    }

    /// Whether nobody else can have it.
    fn is_taken(&self) -> bool {
        match self.state {
            LeaseState::Active | LeaseState::Declined => true,
            LeaseState::Released => false,
        }
    }

    /// The last moment of its present state.
    fn due(&self) -> Timestamp {
        match self.state {
            LeaseState::Active | LeaseState::Declined => self.valid_until,
            LeaseState::Released => self.changed.after(REMEMBERED_SECS),
        }
    }
}

/// All leases.
#[derive(Debug, Default)]
pub struct LeaseTable {
    slots: Vec<Option<Lease>>,
    /// Slots that hold no lease.
    vacant: Vec<Slot>,
    hasher: RandomState,
    by_prefix: HashTable<Slot>,
    /// The first lease of each binding; the others follow through `Lease::next`.
    by_binding: HashTable<Slot>,
    by_due: BTreeSet<(Timestamp, Slot)>,
    /// Every address that an active or declined lease covers.
    taken: Runs,
    /// What no pool gives out for another reason.
    excluded: Runs,
    /// Both together, so that one look-up passes over all of it.
    unavailable: Runs,
    counters: ReplayCounters,
}

impl LeaseTable {
    /// The lease of exactly that address or prefix, whatever its state.
    #[must_use]
    pub fn get(&self, prefix: Prefix) -> Option<&Lease> {
        self.slot_of(prefix).and_then(|slot| self.lease(slot))
    }

    /// All leases that the binding has, and the last few that it had and nobody else took since, in the order
    /// of addresses.
    pub fn of_binding<'a>(&'a self, key: &IaKey) -> impl Iterator<Item = &'a Lease> + use<'a> {
        let first = self
            .by_binding
            .find(
                self.hash_binding(key.duid.as_bytes(), key.kind, key.iaid),
                |&slot| self.lease(slot).is_some_and(|lease| lease.is_of(key)),
            )
            .copied();
        std::iter::successors(first.and_then(|slot| self.lease(slot)), |lease| {
            self.lease(lease.next)
        })
    }

    /// The active leases of the binding.
    pub fn active<'a>(&'a self, key: &IaKey) -> impl Iterator<Item = &'a Lease> + use<'a> {
        self.of_binding(key)
            .filter(|lease| lease.state == LeaseState::Active)
    }

    /// Every address that is leased, delegated or declined.
    #[must_use]
    pub fn taken(&self) -> &Runs {
        &self.taken
    }

    /// What no pool gives out although nobody may have it.
    #[must_use]
    pub fn excluded(&self) -> &Runs {
        &self.excluded
    }

    /// Every address that a pool does not have to give: taken or excluded.
    #[must_use]
    pub fn unavailable(&self) -> &Runs {
        &self.unavailable
    }

    /// Says what no pool gives out, in place of what was said before. Leases stay as they are.
    pub fn set_excluded(&mut self, excluded: Runs) {
        let before = std::mem::replace(&mut self.excluded, excluded);
        for (first, last) in before.iter() {
            self.unavailable.remove(first, last);
            for (first, last) in self.taken.within(first, last) {
                self.unavailable.insert(first, last);
            }
        }
        for (first, last) in self.excluded.iter() {
            self.unavailable.insert(first, last);
        }
    }

    /// Whether no lease covers any address of that block.
    #[must_use]
    pub fn is_free(&self, prefix: Prefix) -> bool {
        let (first, last) = prefix.bounds();
        !self.taken.overlaps(first, last)
    }

    /// How many leases the table knows, those that it only remembers included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len() - self.vacant.len()
    }

    /// Whether the table knows no lease.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All leases that the table knows, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &Lease> {
        self.slots.iter().flatten()
    }

    /// Takes over what a record of the journal says.
    pub fn replay(&mut self, record: &Record) {
        match record {
            Record::Lease(change) => self.apply(change),
            Record::Counter(counter) => self.set_counter(counter),
        }
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
    /// holder's own. A replayed journal may pass over the expiry of what lay in the way; that is made up
    /// for here.
    pub fn apply(&mut self, change: &Change) {
        if let Some(slot) = self.slot_of(change.prefix) {
            if self.extend(slot, change) {
                return;
            }
            self.remove(slot);
        }
        let lease = Lease {
            prefix: change.prefix,
            kind: change.holder.kind,
            state: change.state,
            iaid: change.holder.iaid,
            next: NONE,
            changed: change.changed,
            preferred_until: change.preferred_until,
            valid_until: change.valid_until,
            duid: change.holder.duid.as_bytes().into(),
        };
        if lease.is_taken() {
            if !self.is_free(lease.prefix) {
                self.expire(change.changed);
                self.evict(lease.prefix);
            }
            let (first, last) = lease.prefix.bounds();
            self.taken.insert(first, last);
            self.unavailable.insert(first, last);
        }
        if change.state == LeaseState::Active {
            self.forget_surplus(&change.holder, change.changed);
        }
        self.insert(lease);
    }

    /// Makes room in a binding for one more lease: of those that are over by now, the one that ended first is
    /// forgotten if there are too many. In a replayed journal some of them have not expired yet; they count
    /// all the same, so that the same ones are forgotten.
    fn forget_surplus(&mut self, key: &IaKey, now: Timestamp) {
        let over = || {
            self.of_binding(key).filter_map(|lease| match lease.state {
                LeaseState::Active if lease.valid_until < now => {
                    Some((lease.valid_until, lease.prefix))
                }
                LeaseState::Released => Some((lease.changed, lease.prefix)),
                LeaseState::Active | LeaseState::Declined => None,
            })
        };
        if over().count() > REMEMBERED_MAX
            && let Some((_, prefix)) = over().min()
            && let Some(slot) = self.slot_of(prefix)
        {
            self.remove(slot);
        }
    }

    /// Ends every state whose time had passed before `now`: an active lease becomes a remembered one, and
    /// a remembered or declined one is forgotten. Costs nothing for leases that are not due.
    pub fn expire(&mut self, now: Timestamp) {
        while let Some(&(due, slot)) = self.by_due.first() {
            if due >= now {
                break;
            }
            let Some(lease) = self.lease(slot) else { break };
            if lease.state == LeaseState::Active {
                let change = Change {
                    state: LeaseState::Released,
                    changed: due,
                    ..lease.change()
                };
                self.remove(slot);
                self.apply(&change);
            } else {
                self.remove(slot);
            }
        }
    }

    /// What `expire` ends, in the order of the times at which it ends.
    pub fn due(&self, now: Timestamp) -> impl Iterator<Item = &Lease> {
        let due = self.by_due.iter().take_while(move |(due, _)| *due < now);
        due.filter_map(|&(_, slot)| self.lease(slot))
    }

    /// When `expire` has something to do next.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.by_due
            .first()
            .map(|&(due, _)| due)
            .filter(|&due| due != Timestamp::NEVER)
    }

    /// States up to `count` counters and leases again from the place `cursor` on, and says where to go on; `None`
    /// once the end was reached. What changes meanwhile is in the log anyway, with the change.
    pub fn restate(&self, cursor: usize, count: usize, log: &mut ChangeLog) -> Option<usize> {
        // The counters come first. If there are more of them than at the last call, a few leases are stated twice.
        let stated = self.counters.restate(cursor, count, log);
        let first = (cursor + stated).saturating_sub(self.counters.len());
        let rest = self.slots.get(first..).unwrap_or_default();
        let end = rest.len().min(count - stated);
        rest.iter()
            .take(end)
            .flatten()
            .for_each(|lease| log.push(&lease.change()));
        let next = cursor + stated + end;
        (next < self.counters.len() + self.slots.len()).then_some(next)
    }

    /// Moves the times of an active lease that stays with its holder; anything else is left to the caller.
    fn extend(&mut self, slot: Slot, change: &Change) -> bool {
        let lease = self.slots.get_mut(slot as usize).and_then(Option::as_mut);
        let Some(lease) = lease.filter(|lease| {
            lease.state == LeaseState::Active
                && change.state == LeaseState::Active
                && lease.is_of(&change.holder)
        }) else {
            return false;
        };
        self.by_due.remove(&(lease.due(), slot));
        lease.changed = change.changed;
        lease.preferred_until = change.preferred_until;
        lease.valid_until = change.valid_until;
        self.by_due.insert((lease.due(), slot));
        true
    }

    /// Removes whatever overlaps a block that is about to be taken. An intact journal never asks for this,
    /// so that it looks at every lease does not matter.
    fn evict(&mut self, prefix: Prefix) {
        let (first, last) = prefix.bounds();
        for slot in 0..Slot::try_from(self.slots.len()).unwrap_or(NONE) {
            let overlaps = self.lease(slot).is_some_and(|lease| {
                let (start, end) = lease.prefix.bounds();
                lease.is_taken() && start <= last && first <= end
            });
            if overlaps {
                self.remove(slot);
            }
        }
    }

    fn insert(&mut self, mut lease: Lease) {
        let slot = self.vacant.pop().unwrap_or_else(|| {
            self.slots.push(None);
            Slot::try_from(self.slots.len() - 1).expect("fewer leases than memory for 2^32 of them")
        });
        // Nobody has what is declined: it belongs to no binding any more.
        if lease.state != LeaseState::Declined {
            self.link(slot, &mut lease);
        }
        let prefix_hash = self.hasher.hash_one(lease.prefix);
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.by_prefix.insert_unique(prefix_hash, slot, |&other| {
            lease_at(slots, other).map_or(0, |it| hasher.hash_one(it.prefix))
        });
        self.by_due.insert((lease.due(), slot));
        if let Some(place) = self.slots.get_mut(slot as usize) {
            *place = Some(lease);
        }
    }

    /// Puts a lease that is not in its slot yet into the chain of its binding: in the order of addresses, which
    /// unlike that of changes is the same after a restatement.
    fn link(&mut self, slot: Slot, lease: &mut Lease) {
        let binding_hash = self.hash_binding(&lease.duid, lease.kind, lease.iaid);
        let (slots, hasher) = (&self.slots, &self.hasher);
        let first = self.by_binding.find_mut(binding_hash, |&other| {
            lease_at(slots, other).is_some_and(|other| same_binding(other, lease))
        });
        let Some(first) = first else {
            self.by_binding.insert_unique(binding_hash, slot, |&other| {
                lease_at(slots, other).map_or(0, |it| hash_binding(hasher, it))
            });
            return;
        };
        let mut before = None;
        let mut behind = *first;
        while let Some(other) = lease_at(slots, behind).filter(|it| it.prefix < lease.prefix) {
            before = Some(behind);
            behind = other.next;
        }
        lease.next = behind;
        match before.map(|before| self.slots.get_mut(before as usize)) {
            None => *first = slot,
            Some(Some(Some(before))) => before.next = slot,
            Some(_) => {}
        }
    }

    fn remove(&mut self, slot: Slot) {
        let Some(lease) = self.slots.get_mut(slot as usize).and_then(Option::take) else {
            return;
        };
        if lease.is_taken() {
            let (first, last) = lease.prefix.bounds();
            self.taken.remove(first, last);
            self.unavailable.remove(first, last);
            for (first, last) in self.excluded.within(first, last) {
                self.unavailable.insert(first, last);
            }
        }
        self.by_due.remove(&(lease.due(), slot));
        let prefix_hash = self.hasher.hash_one(lease.prefix);
        if let Ok(entry) = self
            .by_prefix
            .find_entry(prefix_hash, |&other| other == slot)
        {
            entry.remove();
        }
        if lease.state != LeaseState::Declined {
            self.unlink(slot, &lease);
        }
        self.vacant.push(slot);
    }

    /// Takes a lease that is out of its slot already out of the chain of its binding.
    fn unlink(&mut self, slot: Slot, lease: &Lease) {
        let binding_hash = self.hash_binding(&lease.duid, lease.kind, lease.iaid);
        let slots = &self.slots;
        let found = self.by_binding.find_entry(binding_hash, |&other| {
            other == slot || lease_at(slots, other).is_some_and(|other| same_binding(other, lease))
        });
        let Ok(mut entry) = found else { return };
        if *entry.get() == slot {
            if lease.next == NONE {
                entry.remove();
            } else {
                *entry.get_mut() = lease.next;
            }
            return;
        }
        let mut before = *entry.get();
        while let Some(Some(other)) = self.slots.get_mut(before as usize) {
            if other.next == slot {
                other.next = lease.next;
                return;
            }
            before = other.next;
        }
    }

    fn lease(&self, slot: Slot) -> Option<&Lease> {
        lease_at(&self.slots, slot)
    }

    fn slot_of(&self, prefix: Prefix) -> Option<Slot> {
        let same = |&slot: &Slot| self.lease(slot).is_some_and(|lease| lease.prefix == prefix);
        self.by_prefix
            .find(self.hasher.hash_one(prefix), same)
            .copied()
    }

    fn hash_binding(&self, duid: &[u8], kind: IaKind, iaid: u32) -> u64 {
        self.hasher.hash_one((duid, kind, iaid))
    }
}

fn lease_at(slots: &[Option<Lease>], slot: Slot) -> Option<&Lease> {
    slots.get(slot as usize).and_then(Option::as_ref)
}

fn same_binding(a: &Lease, b: &Lease) -> bool {
    a.iaid == b.iaid && a.kind == b.kind && a.duid == b.duid
}

fn hash_binding(hasher: &RandomState, lease: &Lease) -> u64 {
    hasher.hash_one((&*lease.duid, lease.kind, lease.iaid))
}

#[cfg(test)]
mod tests;
