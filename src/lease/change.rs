//! `Change`: the complete new state of one lease, and its record form.
//!
//! A change says everything about a lease, so the last one is all that matters: replaying records in order
//! rebuilds the table, and a record may be repeated at any time. Beside those of leases there are the records
//! of replay counters (`counter`), of which the same is true.
//!
//! Not here: the frame, checksum and order of records in a file (`store::journal`).

use super::{IaKey, IaKind, Prefix, ReplayCounter, Timestamp};
use crate::wire::Duid;
use std::fmt;
use std::net::Ipv6Addr;

/// What a lease is to its holder.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LeaseState {
    /// The holder may use it until `valid_until`.
    Active,
    /// The holder gave it back at `changed`; it is free, and kept for the holder while nobody else takes it.
    Released,
    /// The holder found it in use by somebody else; nobody gets it until `valid_until` (RFC 9915 §18.3.8).
    Declined,
}

/// The complete new state of one lease.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Change {
    /// The address (length 128) or delegated prefix.
    pub prefix: Prefix,
    /// The binding that it belongs or belonged to.
    pub holder: IaKey,
    /// What it is to the holder.
    pub state: LeaseState,
    /// When the holder was last answered about it.
    pub changed: Timestamp,
    /// Until when the holder should prefer it.
    pub preferred_until: Timestamp,
    /// Until when the holder may use it, or, declined, until when it rests.
    pub valid_until: Timestamp,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (prefix, holder) = (self.prefix, self.holder);
        let secs = self.valid_until.0.saturating_sub(self.changed.0);
        match self.state {
            LeaseState::Active if self.valid_until == Timestamp::NEVER => {
                write!(f, "leased {prefix} to {holder} for ever")
            }
            LeaseState::Active => write!(f, "leased {prefix} to {holder} for {secs} s"),
            LeaseState::Released => write!(f, "released {prefix} by {holder}"),
            LeaseState::Declined => write!(f, "declined {prefix} by {holder}, rests {secs} s"),
        }
    }
}

/// Why octets are not a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RecordError {
    /// Fewer octets than the record needs.
    #[error("the record ends early")]
    Short,
    /// A field holds a value that no version of this server writes.
    #[error("the record holds an unknown {0}")]
    Unknown(&'static str),
}

impl Change {
    /// Octets of a record ahead of its DUID.
    const FIXED_LEN: usize = 48;

    /// Appends the record form: 48 octets and the DUID, numbers big-endian.
    pub fn write(&self, out: &mut Vec<u8>) {
        let duid = self.holder.duid.as_bytes();
        out.push(match self.state {
            LeaseState::Active => 1,
            LeaseState::Released => 2,
            LeaseState::Declined => 3,
        });
        out.push(match self.holder.kind {
            IaKind::Na => 1,
            IaKind::Pd => 2,
        });
        out.push(self.prefix.length());
        out.push(u8::try_from(duid.len()).unwrap_or(u8::MAX));
        out.extend_from_slice(&self.holder.iaid.to_be_bytes());
        out.extend_from_slice(&self.prefix.address().octets());
        for time in [self.changed, self.preferred_until, self.valid_until] {
            out.extend_from_slice(&time.0.to_be_bytes());
        }
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
        let [state, kind, length, duid_len, ..] = *fixed;
        let number = |at: usize| {
            let octets = fixed.get(at..).and_then(|tail| tail.first_chunk::<8>());
            u64::from_be_bytes(octets.copied().unwrap_or_default())
        };
        let (duid, rest) = rest
            .split_at_checked(usize::from(duid_len))
            .ok_or(RecordError::Short)?;
        let address = Ipv6Addr::from_bits((u128::from(number(8)) << 64) | u128::from(number(16)));
        let [iaid @ .., _, _, _, _] = number(4).to_be_bytes();
        Ok((
            Self {
                prefix: Prefix::new(address, length)
                    .filter(|prefix| prefix.address() == address)
                    .ok_or(RecordError::Unknown("prefix length"))?,
                holder: IaKey {
                    duid: Duid::new(duid).ok_or(RecordError::Unknown("DUID length"))?,
                    kind: match kind {
                        1 => IaKind::Na,
                        2 => IaKind::Pd,
                        _ => return Err(RecordError::Unknown("IA kind")),
                    },
                    iaid: u32::from_be_bytes(iaid),
                },
                state: match state {
                    1 => LeaseState::Active,
                    2 => LeaseState::Released,
                    3 => LeaseState::Declined,
                    _ => return Err(RecordError::Unknown("lease state")),
                },
                changed: Timestamp(number(24)),
                preferred_until: Timestamp(number(32)),
                valid_until: Timestamp(number(40)),
            },
            rest,
        ))
    }
}

/// What a store keeps one of behind the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Record {
    /// The new state of a lease.
    Lease(Change),
    /// How far a client has counted.
    Counter(ReplayCounter),
}

impl Record {
    /// Reads one record from the front of `input`, and what follows it.
    ///
    /// # Errors
    /// The octets are not a record; nothing was read.
    pub fn read(input: &[u8]) -> Result<(Self, &[u8]), RecordError> {
        if input.first() == Some(&ReplayCounter::KIND) {
            ReplayCounter::read(input).map(|(counter, rest)| (Self::Counter(counter), rest))
        } else {
            Change::read(input).map(|(change, rest)| (Self::Lease(change), rest))
        }
    }

    /// Appends the record form.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Lease(change) => change.write(out),
            Self::Counter(counter) => counter.write(out),
        }
    }

    /// The new state of a lease, if it is that.
    #[must_use]
    pub fn lease(&self) -> Option<&Change> {
        match self {
            Self::Lease(change) => Some(change),
            Self::Counter(_) => None,
        }
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lease(change) => change.fmt(f),
            Self::Counter(counter) => counter.fmt(f),
        }
    }
}

/// The changes of one batch in record form, in the order in which they were made.
#[derive(Debug, Default)]
pub struct ChangeLog {
    records: Vec<u8>,
    count: usize,
    restated_all: bool,
}

impl ChangeLog {
    /// Appends a change.
    pub fn push(&mut self, change: &Change) {
        change.write(&mut self.records);
        self.count += 1;
    }

    /// Appends how far a client has counted.
    pub fn push_counter(&mut self, counter: &ReplayCounter) {
        counter.write(&mut self.records);
        self.count += 1;
    }

    /// Says that with this log every lease was stated since the store last asked for a restatement.
    pub fn set_restated_all(&mut self) {
        self.restated_all = true;
    }

    /// The records, one behind the other.
    #[must_use]
    pub fn records(&self) -> &[u8] {
        &self.records
    }

    /// How many records there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether the restatement that the store asked for ends with this log.
    #[must_use]
    pub fn restated_all(&self) -> bool {
        self.restated_all
    }

    /// Whether there is nothing to make durable.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Forgets the changes and keeps the memory.
    pub fn clear(&mut self) {
        self.records.clear();
        self.count = 0;
        self.restated_all = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn change() -> impl Strategy<Value = Change> {
        (
            (any::<u128>(), 0..=128u8),
            (
                proptest::collection::vec(any::<u8>(), 1..=130),
                any::<bool>(),
                any::<u32>(),
            ),
            0..3usize,
            any::<[u64; 3]>(),
        )
            .prop_map(
                |((address, length), (duid, na, iaid), state, times)| Change {
                    prefix: Prefix::new(Ipv6Addr::from_bits(address), length).expect("at most 128"),
                    holder: IaKey {
                        duid: Duid::new(&duid).expect("1 to 130 octets"),
                        kind: if na { IaKind::Na } else { IaKind::Pd },
                        iaid,
                    },
                    state: [
                        LeaseState::Active,
                        LeaseState::Released,
                        LeaseState::Declined,
                    ][state],
                    changed: Timestamp(times[0]),
                    preferred_until: Timestamp(times[1]),
                    valid_until: Timestamp(times[2]),
                },
            )
    }

    proptest! {
        #[test]
        fn a_record_reads_back(change in change(), tail: Vec<u8>) {
            let mut octets = Vec::new();
            change.write(&mut octets);
            let len = octets.len();
            octets.extend_from_slice(&tail);
            prop_assert_eq!(Change::read(&octets), Ok((change, tail.as_slice())));
            prop_assert_eq!(Change::read(&octets[..len - 1]), Err(RecordError::Short));
        }

        #[test]
        fn no_octets_make_reading_panic(octets: Vec<u8>) {
            let _ = Change::read(&octets);
        }
    }
}
