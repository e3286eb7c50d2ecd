//! `ReplayCounter`: how far the authenticated messages between a client and the server have counted, its record
//! form, and all of them together.
//!
//! A message that counts no further than an earlier one is a recording (RFC 3315 §21.3). That can be told only
//! by whoever remembers, so a counter is stored like a lease, and states itself as completely.
//!
//! Not here: which messages are authentic, and what they count (`engine::authenticate`).

use super::{ChangeLog, RecordError};
use crate::wire::Duid;
use std::collections::HashMap;
use std::fmt;

/// What tells one key from another without giving it away: made of its realm, number and secret.
pub type Fingerprint = [u8; 16];

/// The last values of the replay detection field, to and from one client, with one key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReplayCounter {
    /// The client.
    pub duid: Duid,
    /// The key. With another one the client counts anew.
    pub key: Fingerprint,
    /// What the last message of the client that was accepted said.
    pub received: u64,
    /// What the answer to it said.
    pub sent: u64,
}

impl fmt::Display for ReplayCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "authenticated {}", self.duid)
    }
}

/// Whether a value of the replay detection field is newer than another. They go round at the end, so what lies
/// less than half the way ahead is newer.
#[must_use]
pub fn is_newer(value: u64, than: u64) -> bool {
    value.wrapping_sub(than).cast_signed() > 0
}

impl ReplayCounter {
    /// The first octet of a record; those of leases begin with the state of the lease.
    pub(super) const KIND: u8 = 4;
    /// Octets of a record ahead of its DUID.
    const FIXED_LEN: usize = 36;

    /// Appends the record form: kind 1, reserved 2, length of the DUID 1, key 16, received 8, sent 8, and the
    /// DUID; numbers big-endian.
    pub fn write(&self, out: &mut Vec<u8>) {
        let duid = self.duid.as_bytes();
        let duid_len = u8::try_from(duid.len()).unwrap_or(u8::MAX);
        out.extend_from_slice(&[Self::KIND, 0, 0, duid_len]);
        out.extend_from_slice(&self.key);
        out.extend_from_slice(&self.received.to_be_bytes());
        out.extend_from_slice(&self.sent.to_be_bytes());
        out.extend_from_slice(duid);
    }

    /// Reads one record from the front of `input`, and what follows it.
    ///
    /// # Errors
    /// The octets are not a record; nothing was read.
    pub fn read(input: &[u8]) -> Result<(Self, &[u8]), RecordError> {
        let (fixed, rest) = input
            .split_first_chunk::<{ Self::FIXED_LEN }>()
            .ok_or(RecordError::Short)?;
        let [kind, reserved @ .., duid_len] =
            *fixed.first_chunk::<4>().ok_or(RecordError::Short)?;
        if (kind, reserved) != (Self::KIND, [0; 2]) {
            return Err(RecordError::Unknown("kind"));
        }
        let (duid, rest) = rest
            .split_at_checked(usize::from(duid_len))
            .ok_or(RecordError::Short)?;
        let number = |at: usize| {
            let octets = fixed.get(at..).and_then(|tail| tail.first_chunk::<8>());
            u64::from_be_bytes(octets.copied().unwrap_or_default())
        };
        let key = fixed.get(4..).and_then(|tail| tail.first_chunk());
        let counter = Self {
            duid: Duid::new(duid).ok_or(RecordError::Unknown("DUID length"))?,
            key: key.copied().unwrap_or_default(),
            received: number(20),
            sent: number(28),
        };
        Ok((counter, rest))
    }
}

/// The counters of all clients that ever authenticated, one for each.
///
/// None is forgotten: whoever takes a key out of the configuration and puts it back must find its clients where
/// they were. Only a host with a key gets one, so there are no more than the operator ever wrote down.
#[derive(Debug, Default)]
pub(super) struct ReplayCounters {
    /// In the order of their first appearance.
    counters: Vec<ReplayCounter>,
    places: HashMap<Duid, usize>,
}

impl ReplayCounters {
    pub(super) fn get(&self, duid: &Duid) -> Option<&ReplayCounter> {
        let place = self.places.get(duid)?;
        self.counters.get(*place)
    }

    pub(super) fn set(&mut self, counter: &ReplayCounter) {
        let end = self.counters.len();
        let place = *self.places.entry(counter.duid).or_insert(end);
        match self.counters.get_mut(place) {
            Some(known) => *known = *counter,
            None => self.counters.push(*counter),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &ReplayCounter> {
        self.counters.iter()
    }

    /// How many there are. It never falls.
    pub(super) fn len(&self) -> usize {
        self.counters.len()
    }

    /// States up to `count` of them again from the place `cursor` on, and returns how many that were.
    pub(super) fn restate(&self, cursor: usize, count: usize, log: &mut ChangeLog) -> usize {
        let rest = self.counters.get(cursor..).unwrap_or_default();
        rest.iter().take(count).for_each(|it| log.push_counter(it));
        rest.len().min(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn newer_is_what_lies_less_than_half_the_way_ahead() {
        assert!(is_newer(1, 0) && !is_newer(0, 0) && !is_newer(0, 1));
        assert!(is_newer(3, u64::MAX) && !is_newer(u64::MAX, 3));
        let half = 1 << 63;
        assert!(is_newer(half - 1, 0) && !is_newer(half, 0) && !is_newer(half + 1, 0));
    }

    proptest! {
        #[test]
        fn a_record_reads_back(
            duid in proptest::collection::vec(any::<u8>(), 1..=130),
            key: Fingerprint,
            received: u64,
            sent: u64,
            tail: Vec<u8>,
        ) {
            let duid = Duid::new(&duid).expect("1 to 130 octets");
            let counter = ReplayCounter { duid, key, received, sent };
            let mut octets = Vec::new();
            counter.write(&mut octets);
            let len = octets.len();
            octets.extend_from_slice(&tail);
            prop_assert_eq!(ReplayCounter::read(&octets), Ok((counter, tail.as_slice())));
            prop_assert_eq!(ReplayCounter::read(&octets[..len - 1]), Err(RecordError::Short));
        }

        #[test]
        fn no_octets_make_reading_panic(octets: Vec<u8>) {
            let _ = ReplayCounter::read(&octets);
        }
    }
}
