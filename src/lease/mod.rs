//! What has been promised to whom: pure data structures.
//!
//! Not here: what should be promised (`engine`), and how promises survive a crash (`store`).

pub mod change;
pub mod counter;
mod pool;
pub mod prefix;
mod runs;
pub mod table;

pub use change::{Change, ChangeLog, LeaseState, Record, RecordError};
pub use counter::{Fingerprint, ReplayCounter};
pub use pool::{Placement, Secret, free_part, is_reserved};
pub use prefix::Prefix;
pub use runs::Runs;
pub use table::{Lease, LeaseTable, Replay};

use crate::wire::Duid;
use std::fmt;

/// Seconds since 1970-01-01 00:00:00 UTC.
///
/// A lease is in force up to and including its `valid_until`: the clock is read in whole seconds, so only
/// from the next one on has the time that the client was told surely passed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Later than every clock reading: the end of an infinite lifetime.
    pub const NEVER: Self = Self(u64::MAX);
    /// The lifetime that means infinity on the wire (RFC 9915 §7.7).
    pub const INFINITY_SECS: u32 = u32::MAX;

    /// The end of a lifetime that begins now.
    #[must_use]
    pub fn after(self, lifetime_secs: u32) -> Self {
        if lifetime_secs == Self::INFINITY_SECS {
            Self::NEVER
        } else {
            Self(self.0.saturating_add(u64::from(lifetime_secs)))
        }
    }
}

/// The kind of an identity association.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum IaKind {
    /// IA_NA: addresses.
    Na,
    /// IA_PD: delegated prefixes.
    Pd,
}

impl fmt::Display for IaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Na => "IA_NA",
            Self::Pd => "IA_PD",
        })
    }
}

/// What a binding is found by (RFC 9915 §12): the client, the kind of the IA, and its number there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct IaKey {
    /// The client's DUID.
    pub duid: Duid,
    /// IA_NA or IA_PD: the same IAID in both names two bindings.
    pub kind: IaKind,
    /// The client's number for this IA.
    pub iaid: u32,
}

impl fmt::Display for IaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} {})", self.duid, self.kind, self.iaid)
    }
}
