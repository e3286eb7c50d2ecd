//! `Lease`, as the table shows it, and `Slots`, as the table keeps it: 72 octets for each.
//!
//! A million leases are kept in memory at all times, so a lease has no allocation of its own: its DUID lies in the
//! record if it is one of the usual kinds, and the links of the lists that it is in are numbers of slots.

use super::super::{Change, IaKey, IaKind, LeaseState, Prefix, Timestamp};
use crate::wire::Duid;
use std::net::Ipv6Addr;

/// The number of a lease's place in the table.
pub(super) type Slot = u32;

/// No slot: the end of a list.
pub(super) const NONE: Slot = Slot::MAX;

/// How long a released or expired lease is remembered for its client while nobody else takes it: 30 days.
pub(super) const REMEMBERED_SECS: u32 = 30 * 86_400;

/// Room for a DUID in the record: one made of a link-layer address has 10 or 14 octets, of a UUID 18 (RFC 9915 §11).
const INLINE_LEN: usize = 21;

/// A moment in 40 bits, which last until the year 36812; later is [`Timestamp::NEVER`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Moment([u8; 5]);

impl Moment {
    const NEVER: Self = Self([u8::MAX; 5]);
}

impl From<Timestamp> for Moment {
    fn from(time: Timestamp) -> Self {
        match time.0.to_be_bytes() {
            [0, 0, 0, octets @ ..] => Self(octets),
            _ => Self::NEVER,
        }
    }
}

impl From<Moment> for Timestamp {
    fn from(moment: Moment) -> Self {
        if moment == Moment::NEVER {
            return Self::NEVER;
        }
        let [a, b, c, d, e] = moment.0;
        Self(u64::from_be_bytes([0, 0, 0, a, b, c, d, e]))
    }
}

/// A lease in its slot.
#[derive(Clone, Debug)]
pub(super) struct Packed {
    address: [u8; 16],
    iaid: u32,
    /// The next lease of the same binding; of a vacant slot, the next vacant one.
    pub(super) next: Slot,
    /// Its neighbours among those that are due in the same second.
    pub(super) due_before: Slot,
    pub(super) due_behind: Slot,
    changed: Moment,
    preferred_until: Moment,
    valid_until: Moment,
    length: u8,
    /// Vacant without one.
    state: Option<LeaseState>,
    kind: IaKind,
    duid_len: u8,
    /// The DUID, or the number of its place among the long ones.
    duid: [u8; INLINE_LEN],
}

/// What the memory of a server is planned with.
const _: () = assert!(size_of::<Packed>() == 72);

impl Packed {
    pub(super) fn prefix(&self) -> Prefix {
        Prefix::new(Ipv6Addr::from(self.address), self.length).expect("it was made of a prefix")
    }

    /// Whether nobody else can have it.
    pub(super) fn is_taken(&self) -> bool {
        match self.state {
            Some(LeaseState::Active | LeaseState::Declined) => true,
            Some(LeaseState::Released) | None => false,
        }
    }

    /// The last moment of its present state.
    pub(super) fn due(&self) -> Timestamp {
        match self.state {
            Some(LeaseState::Active | LeaseState::Declined) => self.valid_until.into(),
            Some(LeaseState::Released) => Timestamp::from(self.changed).after(REMEMBERED_SECS),
            None => Timestamp::NEVER,
        }
    }

    pub(super) fn is_active(&self) -> bool {
        self.state == Some(LeaseState::Active)
    }

    /// Lets an active lease be over, as of the end of its lifetime. In no calendar meanwhile.
    pub(super) fn release(&mut self) {
        self.state = Some(LeaseState::Released);
        self.changed = self.valid_until;
    }

    /// Takes over the times of a change.
    pub(super) fn set_times(&mut self, change: &Change) {
        self.changed = change.changed.into();
        self.preferred_until = change.preferred_until.into();
        self.valid_until = change.valid_until.into();
    }

    fn long(&self) -> Option<usize> {
        let is_long = usize::from(self.duid_len) > INLINE_LEN;
        let place = self.duid.first_chunk().filter(|_| is_long)?;
        usize::try_from(u32::from_ne_bytes(*place)).ok()
    }
}

/// One address or delegated prefix, and who has or had it.
#[derive(Clone, Copy, Debug)]
pub struct Lease<'a> {
    packed: &'a Packed,
    duid: &'a [u8],
}

impl<'a> Lease<'a> {
    /// The address (length 128) or delegated prefix.
    #[must_use]
    pub fn prefix(self) -> Prefix {
        self.packed.prefix()
    }

    /// What it is to its holder.
    #[must_use]
    pub fn state(self) -> LeaseState {
        // Only slots that hold a lease are shown.
        self.packed.state.unwrap_or(LeaseState::Released)
    }

    /// When its holder was last answered about it.
    #[must_use]
    pub fn changed(self) -> Timestamp {
        self.packed.changed.into()
    }

    /// Until when it may be used, or rests.
    #[must_use]
    pub fn valid_until(self) -> Timestamp {
        self.packed.valid_until.into()
    }

    /// Whether it belongs or belonged to that binding.
    #[must_use]
    pub fn is_of(self, key: &IaKey) -> bool {
        self.binding() == (key.duid.as_bytes(), key.kind, key.iaid)
    }

    /// The parts of the binding that it belongs or belonged to.
    pub(super) fn binding(self) -> (&'a [u8], IaKind, u32) {
        (self.duid, self.packed.kind, self.packed.iaid)
    }

    /// The binding that it belongs or belonged to.
    #[must_use]
    pub fn holder(self) -> IaKey {
        let (duid, kind, iaid) = self.binding();
        let duid = Duid::new(duid).expect("the octets come from a DUID");
        IaKey { duid, kind, iaid }
    }

    /// Everything about it.
    #[must_use]
    pub fn change(self) -> Change {
        Change {
            prefix: self.prefix(),
            holder: self.holder(),
            state: self.state(),
            changed: self.changed(),
            preferred_until: self.packed.preferred_until.into(),
            valid_until: self.valid_until(),
        }
    }

    /// Whether nobody else can have it.
    pub(super) fn is_taken(self) -> bool {
        self.packed.is_taken()
    }

    pub(super) fn next(self) -> Slot {
        self.packed.next
    }
}

/// All leases, each in a slot that it keeps as long as it is known.
#[derive(Debug)]
pub(super) struct Slots {
    all: Vec<Packed>,
    /// The first slot that holds no lease.
    vacant: Slot,
    vacant_count: usize,
    /// DUIDs that have no room in the record.
    long: Vec<Box<[u8]>>,
    /// Places in `long` that are free again.
    long_vacant: Vec<u32>,
}

impl Default for Slots {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            vacant: NONE,
            vacant_count: 0,
            long: Vec::new(),
            long_vacant: Vec::new(),
        }
    }
}

impl Slots {
    /// How many of them hold a lease.
    pub(super) fn len(&self) -> usize {
        self.all.len() - self.vacant_count
    }

    /// How many there are: every slot is below that.
    pub(super) fn end(&self) -> usize {
        self.all.len()
    }

    pub(super) fn reserve(&mut self, count: usize) {
        self.all.reserve(count);
    }

    pub(super) fn packed(&self, slot: Slot) -> Option<&Packed> {
        let packed = self.all.get(usize::try_from(slot).ok()?);
        packed.filter(|it| it.state.is_some())
    }

    pub(super) fn packed_mut(&mut self, slot: Slot) -> Option<&mut Packed> {
        let packed = self.all.get_mut(usize::try_from(slot).ok()?);
        packed.filter(|it| it.state.is_some())
    }

    pub(super) fn get(&self, slot: Slot) -> Option<Lease<'_>> {
        self.packed(slot).map(|packed| self.show(packed))
    }

    fn show<'a>(&'a self, packed: &'a Packed) -> Lease<'a> {
        let inline = packed.duid.get(..usize::from(packed.duid_len));
        let long = || self.long.get(packed.long()?).map(|it| &**it);
        let duid = inline.or_else(long).unwrap_or_default();
        Lease { packed, duid }
    }

    /// Those in the slots from `first` on, `count` slots at most.
    pub(super) fn from(&self, first: usize, count: usize) -> impl Iterator<Item = Lease<'_>> {
        let rest = self.all.get(first..).unwrap_or_default();
        let some = rest.get(..count).unwrap_or(rest);
        let held = some.iter().filter(|it| it.state.is_some());
        held.map(|packed| self.show(packed))
    }

    /// The slots that hold a lease.
    pub(super) fn held(&self) -> impl Iterator<Item = (Slot, &Packed)> {
        let all = (0..).zip(&self.all);
        all.filter(|(_, packed)| packed.state.is_some())
    }

    /// Puts a lease in a slot of its own, in no list.
    pub(super) fn insert(&mut self, change: &Change) -> Slot {
        let duid = change.holder.duid.as_bytes();
        let mut packed = Packed {
            address: change.prefix.address().octets(),
            iaid: change.holder.iaid,
            next: NONE,
            due_before: NONE,
            due_behind: NONE,
            changed: change.changed.into(),
            preferred_until: change.preferred_until.into(),
            valid_until: change.valid_until.into(),
            length: change.prefix.length(),
            state: Some(change.state),
            kind: change.holder.kind,
            duid_len: u8::try_from(duid.len()).expect("a DUID has 130 octets at most"),
            duid: [0; INLINE_LEN],
        };
        match packed.duid.get_mut(..duid.len()) {
            Some(room) => room.copy_from_slice(duid),
            None => {
                let place = self.insert_long(duid).to_ne_bytes();
                packed.duid[..place.len()].copy_from_slice(&place);
            }
        }
        let slot = self.vacant;
        match self.all.get_mut(slot as usize) {
            Some(vacant) => {
                self.vacant = vacant.next;
                self.vacant_count -= 1;
                *vacant = packed;
                slot
            }
            None => {
                self.all.push(packed);
                let last = Slot::try_from(self.all.len() - 1).ok();
                let last = last.filter(|&last| last != NONE);
                last.expect("fewer leases than memory for 2^32 of them")
            }
        }
    }

    fn insert_long(&mut self, duid: &[u8]) -> u32 {
        let place = self.long_vacant.pop();
        if let Some(place) = place
            && let Some(vacant) = self.long.get_mut(place as usize)
        {
            *vacant = duid.into();
            return place;
        }
        self.long.push(duid.into());
        u32::try_from(self.long.len() - 1).expect("no more of them than leases")
    }

    /// Empties a slot whose lease is in no list any more.
    pub(super) fn remove(&mut self, slot: Slot) {
        let vacant = self.vacant;
        let Some(packed) = self.packed_mut(slot) else {
            return;
        };
        let long = packed.long();
        packed.state = None;
        packed.next = vacant;
        self.vacant = slot;
        self.vacant_count += 1;
        if let Some(place) = long
            && let Some(duid) = self.long.get_mut(place)
        {
            *duid = Box::default();
            self.long_vacant.extend(u32::try_from(place));
        }
    }
}
