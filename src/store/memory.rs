//! Stores without a disk: one that can be reopened, for the lab, and one that keeps nothing.

use super::{Error, LeaseStore};
use crate::lease::{ChangeLog, Record, RecordError};
use std::io;

/// A store for tests: what a commit accepted is what a crash leaves, and it can be told to be full.
///
/// It keeps every record and never asks for a restatement, so it grows without bound.
#[derive(Debug, Default)]
pub struct MemoryStore {
    records: Vec<u8>,
    waiting: Vec<u8>,
    full: bool,
}

impl MemoryStore {
    /// Replays what an earlier store kept, in order, and goes on from there; no records, a new store.
    ///
    /// # Errors
    /// The octets are not records that a store kept.
    pub fn open(records: Vec<u8>, mut replay: impl FnMut(&Record)) -> Result<Self, RecordError> {
        let mut rest = records.as_slice();
        while !rest.is_empty() {
            let (record, behind) = Record::read(rest)?;
            replay(&record);
            rest = behind;
        }
        Ok(Self {
            records,
            ..Self::default()
        })
    }

    /// The records of all commits that succeeded, one behind the other.
    #[must_use]
    pub fn records(&self) -> &[u8] {
        &self.records
    }

    /// Whether commits find room from now on.
    pub fn set_full(&mut self, full: bool) {
        self.full = full;
    }
}

impl LeaseStore for MemoryStore {
    fn commit(&mut self, log: &ChangeLog) -> Result<(), Error> {
        self.waiting.extend_from_slice(log.records());
        if self.full && !self.waiting.is_empty() {
            return Err(Error::Full {
                path: "memory".into(),
                source: io::ErrorKind::StorageFull.into(),
            });
        }
        self.records.append(&mut self.waiting);
        Ok(())
    }

    fn wants_restatement(&self) -> bool {
        false
    }
}

/// Running without persistence: every commit succeeds, nothing is kept, and nothing grows.
#[derive(Debug, Default)]
pub struct Volatile;

impl LeaseStore for Volatile {
    fn commit(&mut self, _log: &ChangeLog) -> Result<(), Error> {
        Ok(())
    }

    fn wants_restatement(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::contract::{Subject, change, contract_tests, log};

    #[derive(Default)]
    struct Memory(Vec<u8>);

    impl Subject for Memory {
        type Store = MemoryStore;

        fn open(&mut self) -> (MemoryStore, Vec<Record>) {
            let mut found = Vec::new();
            let store = MemoryStore::open(self.0.clone(), |change| found.push(*change));
            (store.expect("what a store kept"), found)
        }

        fn crash(&mut self, store: MemoryStore) {
            self.0 = store.records().to_vec();
        }

        fn set_full(&mut self, store: &mut MemoryStore, full: bool) {
            store.set_full(full);
        }
    }

    contract_tests!(Memory::default());

    #[test]
    fn octets_that_no_store_kept_are_refused() {
        let mut octets = log(&[change(1, 1)]).records().to_vec();
        octets.pop();
        assert_eq!(
            MemoryStore::open(octets, |_| {}).err(),
            Some(RecordError::Short)
        );
    }
}
