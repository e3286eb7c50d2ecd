//! Keeps changes in memory; for tests and for running without persistence.

/// A store that forgets everything when the process ends.
#[derive(Debug, Default)]
pub struct MemoryStore {}
