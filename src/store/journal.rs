//! Append-only segments; one write and one sync per batch; torn tails are cut when it is opened.

/// A store in a directory of segment files.
#[derive(Debug)]
pub struct Journal {}
