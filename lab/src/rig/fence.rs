//! The fence: proof that a server is done with what was delivered, without waiting for time to pass.
//!
//! A server takes datagrams in order, so once it answers an Information-request of the lab's own, sent
//! behind others, nothing more comes of those. A fence also parts what comes of one datagram from what
//! comes of the next, so that answers and drops, which reach us by different ways, find their order.

use std::collections::VecDeque;
use std::net::{Ipv6Addr, SocketAddrV6};

use crate::rig::{Datagram, Event};

/// The client that sends it. No scenario may use its address.
pub const FENCE_ADDRESS: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xfe);

pub(super) const ALL_SERVERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
pub(super) const CLIENT_PORT: u16 = 546;
pub(super) const SERVER_PORT: u16 = 547;

const INFORMATION_REQUEST: u8 = 11;
const REPLY: u8 = 7;
#[rustfmt::skip]
const OPTIONS: [u8; 28] = [
    0, 1, 0, 10, 0, 3, 0, 1, 2, 0, 0, 0, 0, 0xfe, // Client Identifier: a DUID-LL
    0, 8, 0, 2, 0, 0,                             // Elapsed Time
    0, 6, 0, 4, 0, 32, 0, 83,                     // Option Request: what RFC 9915 §18.2.6 demands
];

/// The Information-request with this number.
#[must_use]
pub fn request(number: u32) -> Datagram {
    let [_, a, b, c] = number.to_be_bytes();
    Datagram {
        source: SocketAddrV6::new(FENCE_ADDRESS, CLIENT_PORT, 0, 0),
        destination: SocketAddrV6::new(ALL_SERVERS, SERVER_PORT, 0, 0),
        payload: [&[INFORMATION_REQUEST, a, b, c][..], &OPTIONS].concat(),
    }
}

/// The number of the Information-request that this answers; `None` if it is not for that client.
#[must_use]
pub fn answered(datagram: &Datagram) -> Option<u32> {
    match *datagram.payload {
        [REPLY, a, b, c, ..] if *datagram.destination.ip() == FENCE_ADDRESS => {
            Some(u32::from_be_bytes([0, a, b, c]))
        }
        _ => None,
    }
}

/// What a server did, sorted by the datagram that it did it about.
#[derive(Debug, Default)]
pub struct Ledger {
    number: u32,
    /// Answers by datagram; the last is about the newest one.
    rounds: Vec<Round>,
    drops: VecDeque<String>,
    /// How many fences have been answered.
    passed: usize,
}

#[derive(Debug, Default)]
struct Round {
    answers: Vec<Datagram>,
    /// The number of the Information-request behind it, once that is sent.
    fence: Option<u32>,
}

impl Ledger {
    /// A datagram is about to be delivered. Returns the fence to send ahead of it, if there is one
    /// before it without.
    pub fn open(&mut self) -> Option<Datagram> {
        let fence = self.close();
        self.rounds.push(Round::default());
        fence
    }

    /// The fence to send behind the newest datagram, unless that has been asked for.
    pub fn close(&mut self) -> Option<Datagram> {
        let round = self
            .rounds
            .last_mut()
            .filter(|round| round.fence.is_none())?;
        self.number = (self.number + 1) & 0x00ff_ffff;
        round.fence = Some(self.number);
        Some(request(self.number))
    }

    /// The server has ended: fences that it has not answered will not be.
    pub fn forgo(&mut self) {
        self.close();
        self.passed = self.rounds.len();
    }

    /// Whether every fence has been answered.
    #[must_use]
    pub fn settled(&self) -> bool {
        self.passed == self.rounds.len()
    }

    /// The server sent a datagram.
    pub fn answer(&mut self, datagram: Datagram) {
        if let Some(number) = answered(&datagram) {
            let passed = self
                .rounds
                .iter()
                .position(|round| round.fence == Some(number));
            self.passed = passed.map_or(self.passed, |at| self.passed.max(at + 1));
            return;
        }
        if self.passed == self.rounds.len() {
            // Nobody asked: it gets a round of its own, which needs no fence.
            self.rounds.push(Round {
                answers: vec![datagram],
                fence: Some(u32::MAX),
            });
            self.passed += 1;
        } else if let Some(round) = self.rounds.get_mut(self.passed) {
            round.answers.push(datagram);
        }
    }

    /// The server said that it has come to the next fence and cannot answer it.
    pub fn pass(&mut self) {
        self.passed = self.rounds.len().min(self.passed + 1);
    }

    /// The server said that it drops a datagram, for this reason.
    pub fn drop(&mut self, label: String) {
        self.drops.push_back(label);
    }

    /// All of it, in the order of the datagrams that it is about.
    ///
    /// A drop does not say which datagram it is about, so each datagram that was not answered takes the
    /// next one. That is right as long as the server says about each of them why; of several delivered
    /// at once, one that is ignored without a word passes its place on.
    pub fn take(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        for round in self.rounds.drain(..) {
            if round.answers.is_empty() {
                events.extend(self.drops.pop_front().map(Event::Drop));
            }
            events.extend(round.answers.into_iter().map(Event::Answer));
        }
        events.extend(self.drops.drain(..).map(Event::Drop));
        self.passed = 0;
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(address: u16) -> Datagram {
        let client = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, address);
        Datagram {
            source: SocketAddrV6::new(crate::rig::SERVER_ADDRESS, SERVER_PORT, 0, 0),
            destination: SocketAddrV6::new(client, CLIENT_PORT, 0, 0),
            payload: vec![REPLY, 0, 0, 9],
        }
    }

    fn reply_to(request: Datagram) -> Datagram {
        let mut payload = request.payload;
        payload[0] = REPLY;
        Datagram {
            source: request.destination,
            destination: request.source,
            payload,
        }
    }

    #[test]
    fn a_drop_takes_the_place_of_the_datagram_that_was_not_answered() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.open(), None);
        let first = ledger.open().expect("behind the first");
        let second = ledger.open().expect("behind the second");
        let third = ledger.close().expect("behind the third");
        assert_eq!(ledger.close(), None);

        ledger.drop("no-client-id".into());
        ledger.answer(to(1));
        ledger.answer(reply_to(first));
        ledger.answer(reply_to(second));
        ledger.answer(to(3));
        assert!(!ledger.settled());
        ledger.answer(reply_to(third));
        assert!(ledger.settled());
        let dropped = Event::Drop("no-client-id".into());
        assert_eq!(
            ledger.take(),
            [Event::Answer(to(1)), dropped, Event::Answer(to(3))]
        );
        assert_eq!(ledger.take(), []);
    }

    #[test]
    fn a_fence_that_cannot_be_answered_is_passed_all_the_same() {
        let mut ledger = Ledger::default();
        ledger.open();
        ledger.open();
        ledger.close();
        ledger.pass();
        ledger.answer(to(2));
        assert!(!ledger.settled());
        ledger.pass();
        assert!(ledger.settled());
        assert_eq!(ledger.take(), [Event::Answer(to(2))]);
    }

    #[test]
    fn what_nobody_asked_for_is_kept() {
        let mut ledger = Ledger::default();
        ledger.answer(to(1));
        assert!(ledger.settled());
        assert_eq!(ledger.open(), None, "there is nothing to part it from");
        let fence = ledger.close().expect("behind the datagram");
        ledger.answer(to(2));
        ledger.answer(reply_to(fence));
        assert_eq!(ledger.take(), [Event::Answer(to(1)), Event::Answer(to(2))]);
    }

    #[test]
    fn an_answer_to_an_earlier_fence_is_nobodys() {
        let mut ledger = Ledger::default();
        ledger.open();
        let early = ledger.close().expect("behind the datagram");
        ledger.take();
        ledger.open();
        let late = ledger.close().expect("behind the datagram");
        ledger.answer(reply_to(early));
        assert!(!ledger.settled());
        ledger.answer(reply_to(late));
        assert_eq!(ledger.take(), []);
    }
}
