//! Durability: knows records and files, no protocol.
//!
//! A store is given the changes of a batch, and once `commit` has returned `Ok` they survive a power cut.
//! What the changes mean is none of its business.

use crate::lease::ChangeLog;
use std::path::PathBuf;

#[cfg(test)]
mod contract;
pub mod journal;
pub mod layout;
pub mod memory;

pub use journal::Journal;
pub use memory::{MemoryStore, Volatile};

/// Why a commit did not happen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no room. The store keeps the changes and writes them ahead of the next commit, which may
    /// carry none: until one returns `Ok`, nothing that depends on them may be promised.
    #[error("no room to write {path}: {source}")]
    Full {
        /// The file that could not grow.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The disk does not do what it must. What it holds is unknown, so the process has to end.
    #[error("cannot {operation} {path}: {source}")]
    Failed {
        /// What was tried, as a verb.
        operation: &'static str,
        /// The file or directory that it was tried on.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Where changes become durable.
pub trait LeaseStore: Send {
    /// Makes every change of this log, and of earlier ones that found no room, survive a power cut: one
    /// write and one sync. A log without changes succeeds at once unless earlier ones are waiting or it ends
    /// a restatement, which is why every log has to be committed.
    ///
    /// # Errors
    /// [`Error::Full`] leaves the store usable; after [`Error::Failed`] it must be dropped.
    fn commit(&mut self, log: &ChangeLog) -> Result<(), Error>;

    /// Whether the store wants every live lease to be stated again, a few in each log, so that it can let
    /// go of old records. It asks until a log says [`ChangeLog::restated_all`].
    ///
    /// What counts is a pass over all leases that begins after this was seen to turn true; once it is seen
    /// to turn false, a pass that is under way is pointless and must be given up.
    fn wants_restatement(&self) -> bool;
}
