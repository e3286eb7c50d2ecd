//! The server's side of `control::health`: what a link has done, and the socket that tells of it.

use super::links::Condition;
use crate::control::health::{self, Health, PREFIX};
use crate::engine::Counters;
use crate::lease::Timestamp;
use std::io::Write as _;
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicU64, Ordering};

/// What was answered and dropped, for whoever asks in another task.
#[derive(Debug, Default)]
pub(super) struct Tally {
    answered: AtomicU64,
    dropped: AtomicU64,
}

impl Tally {
    /// Takes over the counters of an engine.
    pub(super) fn take(&self, counters: &Counters) {
        let answered = counters.advertises() + counters.replies();
        self.answered.store(answered, Ordering::Relaxed);
        self.dropped.store(counters.drops(), Ordering::Relaxed);
    }

    /// What there is to say about a link in that condition.
    pub(super) fn health(&self, condition: &Condition, since: Timestamp) -> Health {
        Health {
            waits: (*condition != Condition::Ready).then(|| condition.to_string()),
            since,
            answered: self.answered.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
        }
    }
}

/// Opens the socket for an interface. Without it the server runs as well.
pub(super) fn open(interface: &str) -> Option<UnixListener> {
    let listener = health::address(interface).and_then(|it| UnixListener::bind_addr(&it));
    let listener = listener.and_then(|it| it.set_nonblocking(true).map(|()| it));
    listener
        .inspect_err(|error| {
            tracing::warn!(
                "cannot tell of the health of {interface} (@{PREFIX}{interface}): {error}"
            );
        })
        .ok()
}

/// Tells whoever is connected. What does not fit its buffer at once, it does not get.
pub(super) fn tell(stream: tokio::net::UnixStream, health: &Health) {
    // One that has gone needs no answer.
    let _ = stream
        .into_std()
        .and_then(|mut it| it.write(health.line().as_bytes()));
}
