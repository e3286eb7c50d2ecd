//! When a client that has no answer sends its message again (RFC 9915 §15), without the part that chance has
//! there, so that a scenario yields one transcript.

use std::time::Duration;

use crate::scenario::{Elapsed, Fields, Message, Send};

/// What a client said last, and since when it has waited for an answer.
#[derive(Clone, Debug)]
pub(super) struct Unanswered {
    send: Send,
    began: Duration,
    /// How long it waits before it says it again.
    timeout: Duration,
}

impl Unanswered {
    pub(super) fn new(send: Send, began: Duration) -> Self {
        let (timeout, _) = times(&send.message);
        Self {
            send,
            began,
            timeout,
        }
    }

    /// How long the client waits for an answer.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The message once more: with the same transaction id, and how long its client has been at it by now
    /// (RFC 9915 §21.9). The next wait is twice as long, up to a limit.
    pub(super) fn again(&mut self, clock: Duration) -> Send {
        let (_, longest) = times(&self.send.message);
        self.timeout = (self.timeout * 2).min(longest);
        let mut send = self.send.clone();
        if let Message::Client(_, fields) = &mut send.message {
            let passed = (clock - self.began).as_millis() / 10;
            fields.same_xid = Some(fields.xid.is_none());
            fields.elapsed = elapsed(fields, u16::try_from(passed).unwrap_or(u16::MAX));
        } else {
            send.message = Message::Again(None);
        }
        send
    }
}

/// What Elapsed Time says; a message that has none still has none.
fn elapsed(fields: &Fields, passed: u16) -> Option<Elapsed> {
    Some(match fields.elapsed {
        None => Elapsed::Is(passed),
        Some(Elapsed::Is(start)) => Elapsed::Is(start.saturating_add(passed)),
        Some(counted @ (Elapsed::Absent | Elapsed::Counted(_))) => counted,
    })
}

/// IRT and MRT of a message (RFC 9915 §7.6); where there is no MRT, more than anybody waits.
fn times(message: &Message) -> (Duration, Duration) {
    const UNLIMITED: u64 = 1 << 32;
    let (first, longest) = match message {
        Message::Client(1, _) => (1, 3600),
        Message::Client(3, _) => (1, 30),
        Message::Client(4, _) => (1, 4),
        Message::Client(5 | 6, _) => (10, 600),
        Message::Client(11, _) => (1, 3600),
        Message::Client(..) | Message::Relay(..) | Message::Raw(_) | Message::Again(_) => {
            (1, UNLIMITED)
        }
    };
    (Duration::from_secs(first), Duration::from_secs(longest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Transport;

    fn solicit(fields: Fields) -> Unanswered {
        let send = Send {
            from: "first".into(),
            transport: Transport::default(),
            message: Message::Client(4, fields),
        };
        Unanswered::new(send, Duration::from_secs(7))
    }

    fn said(send: Send) -> Fields {
        let Message::Client(4, fields) = send.message else {
            panic!("{send:?}");
        };
        fields
    }

    #[test]
    fn the_time_out_doubles_up_to_its_limit_and_the_elapsed_time_grows() {
        let mut unanswered = solicit(Fields::default());
        let mut clock = Duration::from_secs(7);
        let mut seen = Vec::new();
        for _ in 0..4 {
            clock += unanswered.timeout();
            let fields = said(unanswered.again(clock));
            assert_eq!(fields.same_xid, Some(true));
            seen.push((clock.as_secs(), fields.elapsed));
        }
        let at = |secs, hundredths| (secs, Some(Elapsed::Is(hundredths)));
        assert_eq!(seen, [at(8, 100), at(10, 300), at(14, 700), at(18, 1100)]);
    }

    #[test]
    fn what_a_message_says_on_purpose_stays() {
        let mut unanswered = solicit(Fields {
            xid: Some(5),
            elapsed: Some(Elapsed::Absent),
            ..Fields::default()
        });
        let fields = said(unanswered.again(Duration::from_secs(9)));
        assert_eq!(fields.same_xid, Some(false));
        assert_eq!(fields.elapsed, Some(Elapsed::Absent));
    }
}
