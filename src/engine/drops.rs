//! Why a message is dropped: a closed list, each with a counter and a scenario.

use super::Verdict;
use crate::wire::MessageType;
use std::fmt;

macro_rules! drop_reasons {
    ($($(#[$doc:meta])* $name:ident = $label:literal, $text:literal;)*) => {
        /// Why a message is not answered. The name is what counters and logs call it.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum DropReason {
            $($(#[$doc])* $name,)*
        }

        impl DropReason {
            /// All reasons.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The name of the counter: lower-case words joined by hyphens.
            #[must_use]
            pub fn label(self) -> &'static str {
                match self {
                    $(Self::$name => $label,)*
                }
            }

            /// What is wrong, for people.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

drop_reasons! {
    /// Fewer octets than the header has (RFC 9915 §8, §9).
    TooShort = "too-short", "the message is shorter than its header";
    /// Options that do not tile the message (RFC 9915 §21.1).
    Malformed = "malformed", "an option runs past the end of the message";
    /// A message type that servers do not know (RFC 9915 §16).
    UnknownType = "unknown-type", "the message type is not known";
    /// Advertise, Reply, Reconfigure or Relay-reply (RFC 9915 §16.3, §16.10, §16.11, §16.14).
    NotForServer = "not-for-server", "servers send messages of this type";
    /// No source to answer to: multicast, unspecified, or port 0.
    UnusableSource = "unusable-source", "the source cannot be answered";
    /// A client's message that did not come by multicast (RFC 9915 §16).
    Unicast = "unicast", "the message was not sent to a multicast group";
    /// A Relay-forward without a Relay Message option (RFC 9915 §9.1).
    RelayWithoutMessage = "relay-without-message", "the relay agent passed nothing on";
    /// More relay levels than are opened.
    RelayTooDeep = "relay-too-deep", "the message is wrapped in too many relay levels";
    /// No Client Identifier of 3 to 130 octets (RFC 9915 §11.1, §16).
    NoClientId = "no-client-id", "there is no usable client identifier";
    /// No Server Identifier where one must be (RFC 9915 §16.4, §16.6, §16.8, §16.9).
    NoServerId = "no-server-id", "there is no server identifier";
    /// Meant for another server (RFC 9915 §16).
    ForeignServerId = "foreign-server-id", "the message is for another server";
    /// A Server Identifier where none may be (RFC 9915 §16.2, §16.5, §16.7).
    UnexpectedServerId = "unexpected-server-id", "there is a server identifier";
    /// Two Client or two Server Identifiers (RFC 9915 §21).
    DuplicateIdentifier = "duplicate-identifier", "a client or server identifier stands twice";
    /// Two Authentication options (RFC 9915 §20.2).
    DuplicateAuthentication = "duplicate-authentication", "an authentication option stands twice";
    /// An Information-request with an IA option (RFC 9915 §16.12).
    IaInInformationRequest = "ia-in-information-request", "it asks for leases and for none";
    /// An IA_NA or IA_PD that cannot be read (RFC 9915 §21.4, §21.21).
    MalformedIa = "malformed-ia", "an IA option cannot be read";
    /// More IAs than one answer is made for.
    TooManyIas = "too-many-ias", "the message has too many IA options";
    /// A link that nothing is known about (RFC 9915 §18.3.3).
    LinkUnknown = "link-unknown", "nothing is configured for the client's link";
    /// A Confirm without addresses (RFC 9915 §18.3.3).
    NothingToConfirm = "nothing-to-confirm", "there is no address to confirm";
    /// A Rebind about leases that this server knows nothing of (RFC 9915 §18.3.5).
    NothingToAnswer = "nothing-to-answer", "nothing is known about the client's leases";
    /// No authentication in a message of a client that has to authenticate, or that did so before.
    Unauthenticated = "unauthenticated", "the client has a key and did not use it";
    /// A wrong MAC, or a key that is not the client's (RFC 3315 §21.4.5.2).
    AuthenticationFailed = "authentication-failed", "the message was not made with the client's key";
    /// Authentic, but no newer than an earlier message (RFC 3315 §21.3).
    Replayed = "replayed", "the message is a recording of an earlier one, or the client's clock was set back";
    /// Made with a key whose lifetime is over (RFC 3315 §21.4.3).
    KeyExpired = "key-expired", "the key of the client has expired";
    /// An answer that no datagram can carry.
    AnswerTooLarge = "answer-too-large", "the answer would not fit in a datagram";
    /// A change that cannot be made durable.
    StoreFull = "store-full", "there is no room to store leases";
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// How many messages were answered, by the type of the answer, and dropped, by reason.
#[derive(Clone, Debug)]
pub struct Counters {
    advertises: u64,
    replies: u64,
    drops: [u64; DropReason::ALL.len()],
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            advertises: 0,
            replies: 0,
            drops: [0; DropReason::ALL.len()],
        }
    }
}

impl Counters {
    pub(super) fn count(&mut self, verdict: Verdict) {
        let counter = match verdict {
            Ok(MessageType::ADVERTISE) => &mut self.advertises,
            Ok(_) => &mut self.replies,
            Err(reason) => match self.drops.get_mut(reason as usize) {
                Some(counter) => counter,
                None => return,
            },
        };
        *counter += 1;
    }

    /// Counts a Reply as dropped that was decided on and then not sent.
    pub(super) fn take_back(&mut self, reason: DropReason) {
        self.replies = self.replies.saturating_sub(1);
        self.count(Err(reason));
    }

    /// Advertise messages sent.
    #[must_use]
    pub fn advertises(&self) -> u64 {
        self.advertises
    }

    /// Reply messages sent.
    #[must_use]
    pub fn replies(&self) -> u64 {
        self.replies
    }

    /// Messages dropped for that reason.
    #[must_use]
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.drops.get(reason as usize).copied().unwrap_or(0)
    }

    /// Messages dropped for any reason.
    #[must_use]
    pub fn drops(&self) -> u64 {
        self.drops.iter().sum()
    }
}

impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "advertises {}, replies {}",
            self.advertises, self.replies
        )?;
        for &reason in DropReason::ALL {
            match self.dropped(reason) {
                0 => {}
                count => write!(f, ", dropped {reason} {count}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_that_was_withheld_counts_as_dropped_alone() {
        let mut counters = Counters::default();
        counters.count(Ok(MessageType::REPLY));
        counters.count(Ok(MessageType::REPLY));
        counters.take_back(DropReason::StoreFull);
        assert_eq!(
            counters.to_string(),
            "advertises 0, replies 1, dropped store-full 1"
        );
    }

    #[test]
    fn every_reason_has_its_own_label_and_counter() {
        let mut counters = Counters::default();
        for (index, &reason) in DropReason::ALL.iter().enumerate() {
            counters.count(Err(reason));
            assert_eq!(counters.dropped(reason), 1, "{reason}");
            let label = reason.label();
            assert!(
                label.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'),
                "{label}"
            );
            assert!(
                DropReason::ALL[..index]
                    .iter()
                    .all(|other| other.label() != label),
                "{label}"
            );
        }
    }
}
