//! A set of addresses as runs without gaps.

/// A set of addresses, held as the runs of consecutive ones.
#[derive(Debug, Default)]
pub struct Runs {}
