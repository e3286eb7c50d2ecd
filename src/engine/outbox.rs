//! `Outbox`: answers and changes of one batch, in arenas that are reused.

use crate::lease::ChangeLog;
use crate::wire::MessageType;
use std::net::{Ipv6Addr, SocketAddrV6};
use std::ops::Range;

/// Everything that a batch of arrivals leads to.
#[derive(Debug, Default)]
pub struct Outbox {
    /// The octets of all answers, one behind the other.
    pub(super) octets: Vec<u8>,
    pub(super) answers: Vec<Entry>,
    /// What has to be durable before the answers leave.
    pub log: ChangeLog,
}

/// An answer in the arena.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) octets: Range<usize>,
    pub(super) to: SocketAddrV6,
    pub(super) from: Ipv6Addr,
    pub(super) promises: bool,
    pub(super) lacks: bool,
    pub(super) message_type: MessageType,
}

/// One datagram to send.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// What UDP carries.
    pub payload: &'a [u8],
    /// Where it goes.
    pub to: SocketAddrV6,
    /// The address that it comes from; `::` leaves the choice to the system.
    pub from: Ipv6Addr,
    /// Whether it tells of a change: it must not leave before the log is durable.
    pub promises: bool,
    /// Whether it says of an IA that nothing is available for it.
    pub lacks: bool,
    /// The type of the message, which may be wrapped in relay levels.
    pub message_type: MessageType,
}

impl Outbox {
    /// The answers, in the order of the arrivals.
    pub fn answers(&self) -> impl Iterator<Item = Answer<'_>> {
        self.answers.iter().map(|entry| self.answer(entry))
    }

    /// The answer to the last arrival that was answered.
    #[must_use]
    pub fn last(&self) -> Option<Answer<'_>> {
        self.answers.last().map(|entry| self.answer(entry))
    }

    fn answer(&self, entry: &Entry) -> Answer<'_> {
        Answer {
            payload: self.octets.get(entry.octets.clone()).unwrap_or_default(),
            to: entry.to,
            from: entry.from,
            promises: entry.promises,
            lacks: entry.lacks,
            message_type: entry.message_type,
        }
    }

    /// How many answers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.answers.len()
    }

    /// Whether there is neither an answer nor a change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.answers.is_empty() && self.log.is_empty()
    }

    /// Takes out the answers that tell of a change, and says how many there were: what they promise could
    /// not be made durable.
    pub fn withhold_promises(&mut self) -> usize {
        let before = self.answers.len();
        self.answers.retain(|entry| !entry.promises);
        before - self.answers.len()
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.octets.clear();
        self.answers.clear();
        self.log.clear();
    }
}
