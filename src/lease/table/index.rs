//! `Index`: the leases, found by address or prefix and by binding.

use super::super::{Change, IaKey, IaKind, Prefix};
use super::lease::{Lease, NONE, Slot, Slots};
use crate::lease::LeaseState;
use hashbrown::HashTable;
use std::hash::{BuildHasher, RandomState};

/// The most leases that a binding remembers when it gets another one. A client can take and give back as often
/// as it likes, and every look at its binding passes over what is remembered.
pub(super) const REMEMBERED_MAX: usize = 4;

/// The slots, and the tables that lead to them. Both hold numbers of slots alone; their keys lie in the slots.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) slots: Slots,
    hasher: RandomState,
    by_prefix: HashTable<Slot>,
    /// The first lease of each binding; the others follow through their `next`.
    by_binding: HashTable<Slot>,
}

impl Index {
    /// Makes room for so many more leases.
    pub(super) fn reserve(&mut self, count: usize) {
        let Self {
            slots,
            hasher,
            by_prefix,
            by_binding,
        } = self;
        slots.reserve(count);
        by_prefix.reserve(count, |&slot| hash_prefix(hasher, slots, slot));
        by_binding.reserve(count, |&slot| hash_binding(hasher, slots, slot));
    }

    /// The slot of the lease of exactly that block.
    pub(super) fn slot_of(&self, prefix: Prefix) -> Option<Slot> {
        let same = |&slot: &Slot| {
            let packed = self.slots.packed(slot);
            packed.is_some_and(|it| it.prefix() == prefix)
        };
        let hash = self.hasher.hash_one(prefix);
        self.by_prefix.find(hash, same).copied()
    }

    /// The leases of a binding, in the order of addresses.
    pub(super) fn of_binding<'a>(
        &'a self,
        key: &IaKey,
    ) -> impl Iterator<Item = Lease<'a>> + use<'a> {
        let hash = self
            .hasher
            .hash_one((key.duid.as_bytes(), key.kind, key.iaid));
        let same = |&slot: &Slot| self.slots.get(slot).is_some_and(|it| it.is_of(key));
        let first = self.by_binding.find(hash, same).copied();
        std::iter::successors(first.and_then(|slot| self.slots.get(slot)), |lease| {
            self.slots.get(lease.next())
        })
    }

    /// Of what a binding remembers, the lease that ended first, if the binding is to get another one and remembers
    /// too many. In a replayed journal some have not expired yet; they count all the same, so that the same ones
    /// are forgotten.
    pub(super) fn surplus(&self, change: &Change) -> Option<Slot> {
        let over = || {
            let leases = self.of_binding(&change.holder);
            leases.filter_map(|lease| match lease.state() {
                LeaseState::Active if lease.valid_until() < change.changed => {
                    Some((lease.valid_until(), lease.prefix()))
                }
                LeaseState::Released => Some((lease.changed(), lease.prefix())),
                LeaseState::Active | LeaseState::Declined => None,
            })
        };
        if change.state != LeaseState::Active || over().count() <= REMEMBERED_MAX {
            return None;
        }
        over().min().and_then(|(_, prefix)| self.slot_of(prefix))
    }

    /// Adds a lease of a block that has none.
    pub(super) fn insert(&mut self, change: &Change) -> Slot {
        let slot = self.slots.insert(change);
        // Nobody has what is declined: it belongs to no binding any more.
        if change.state != LeaseState::Declined {
            self.link(slot);
        }
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.by_prefix
            .insert_unique(hasher.hash_one(change.prefix), slot, |&other| {
                hash_prefix(hasher, slots, other)
            });
        slot
    }

    /// Takes a lease out.
    pub(super) fn remove(&mut self, slot: Slot) {
        let Some(lease) = self.slots.get(slot) else {
            return;
        };
        let is_linked = lease.state() != LeaseState::Declined;
        let hash = self.hasher.hash_one(lease.prefix());
        if let Ok(entry) = self.by_prefix.find_entry(hash, |&other| other == slot) {
            entry.remove();
        }
        if is_linked {
            self.unlink(slot);
        }
        self.slots.remove(slot);
    }

    /// Puts a lease into the chain of its binding: in the order of addresses, which unlike that of changes is the
    /// same after a restatement.
    fn link(&mut self, slot: Slot) {
        let (slots, hasher) = (&mut self.slots, &self.hasher);
        let Some((binding, prefix)) = slots.get(slot).map(|it| (it.binding(), it.prefix())) else {
            return;
        };
        let hash = hasher.hash_one(binding);
        let same = |&other: &Slot| slots.get(other).is_some_and(|it| it.binding() == binding);
        let Some(first) = self.by_binding.find_mut(hash, same) else {
            self.by_binding
                .insert_unique(hash, slot, |&other| hash_binding(hasher, slots, other));
            return;
        };
        let mut before = None;
        let mut behind = *first;
        while let Some(other) = slots.get(behind).filter(|it| it.prefix() < prefix) {
            before = Some(behind);
            behind = other.next();
        }
        if let Some(packed) = slots.packed_mut(slot) {
            packed.next = behind;
        }
        match before {
            None => *first = slot,
            Some(before) => {
                if let Some(packed) = slots.packed_mut(before) {
                    packed.next = slot;
                }
            }
        }
    }

    /// Takes a lease out of the chain of its binding.
    fn unlink(&mut self, slot: Slot) {
        let slots = &mut self.slots;
        let Some(lease) = slots.get(slot) else {
            return;
        };
        let (binding, next) = (lease.binding(), lease.next());
        let same = |&other: &Slot| slots.get(other).is_some_and(|it| it.binding() == binding);
        let found = self
            .by_binding
            .find_entry(self.hasher.hash_one(binding), same);
        let Ok(mut first) = found else { return };
        if *first.get() == slot {
            if next == NONE {
                first.remove();
            } else {
                *first.get_mut() = next;
            }
            return;
        }
        let mut before = *first.get();
        while let Some(other) = slots.packed_mut(before) {
            if other.next == slot {
                other.next = next;
                return;
            }
            before = other.next;
        }
    }
}

fn hash_prefix(hasher: &RandomState, slots: &Slots, slot: Slot) -> u64 {
    let packed = slots.packed(slot);
    packed.map_or(0, |it| hasher.hash_one(it.prefix()))
}

fn hash_binding(hasher: &RandomState, slots: &Slots, slot: Slot) -> u64 {
    let binding: Option<(&[u8], IaKind, u32)> = slots.get(slot).map(Lease::binding);
    binding.map_or(0, |it| hasher.hash_one(it))
}
