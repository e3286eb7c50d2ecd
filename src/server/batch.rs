//! `Batch`: datagrams received together, and what they lead to. Exactly two exist: one is filled while the
//! other is made durable and sent.

use super::socket::Received;
use crate::engine::Outbox;

#[derive(Debug)]
pub(super) struct Batch {
    pub(super) received: Received,
    pub(super) outbox: Outbox,
    /// What the store said to this batch, once it has come back.
    pub(super) outcome: Outcome,
}

/// What became of a batch that was committed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outcome {
    /// The store found no room.
    pub(super) full: bool,
    /// Answers that were not sent because what they promise is not durable.
    pub(super) withheld: usize,
    /// The store wants all leases stated again.
    pub(super) restate: bool,
}

impl Batch {
    pub(super) fn new() -> Self {
        Self {
            received: Received::new(),
            outbox: Outbox::default(),
            outcome: Outcome::default(),
        }
    }
}
