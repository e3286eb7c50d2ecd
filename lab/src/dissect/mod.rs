//! Bytes → tree: what a message says, octet for octet, however broken it is.
//!
//! Knows nothing of `dhcp6s::wire`, so that it can catch it lying. What does not have the form that its
//! code promises is kept as octets and called malformed; the rest of the message is read all the same.
//!
//! Not here: what a message means, and whether it should have been sent (`judge`).

mod reader;
mod registry;
mod value;

pub use reader::Name;
pub use registry::{
    is_relay, may_repeat, message_name, message_names, message_type, option_code, option_name,
    option_names, status_code, status_name, status_names,
};
pub use value::{Association, Listed, NtpPart, Value};

use std::net::Ipv6Addr;

use reader::Reader;

/// How deep options and messages are opened; deeper ones are kept as octets.
pub const DEPTH_MAX: usize = 48;

/// A DHCPv6 message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The first octet; 0 if there is none.
    pub message_type: u8,
    /// What stands between it and the options.
    pub head: Head,
    /// The options.
    pub options: Options,
}

/// The header of a message behind its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Head {
    /// Of a message between client and server.
    Client {
        /// The transaction id.
        xid: u32,
    },
    /// Of a message between relay agent and server.
    Relay {
        /// The hop count.
        hops: u8,
        /// The link address.
        link: Ipv6Addr,
        /// The peer address.
        peer: Ipv6Addr,
    },
    /// The message ends before its header does.
    Cut(Vec<u8>),
}

/// A sequence of options.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Those that are whole, in order.
    pub list: Vec<Opt>,
    /// What is left: octets from which no further option can be read.
    pub rest: Vec<u8>,
}

/// One option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opt {
    /// Its code.
    pub code: u16,
    /// Its content.
    pub octets: Vec<u8>,
    /// What the content says.
    pub value: Value,
}

impl Options {
    /// The first option with that code.
    #[must_use]
    pub fn first(&self, code: u16) -> Option<&Opt> {
        self.all(code).next()
    }

    /// All options with that code.
    pub fn all(&self, code: u16) -> impl Iterator<Item = &Opt> {
        self.list.iter().filter(move |it| it.code == code)
    }

    fn read(octets: &[u8], depth: usize) -> Self {
        let mut options = Self::default();
        let mut reader = Reader(octets);
        while !reader.is_empty() {
            let start = reader;
            match (reader.u16(), reader.item()) {
                (Some(code), Some(octets)) => options.list.push(Opt {
                    code,
                    octets: octets.to_vec(),
                    value: Value::read(code, octets, depth),
                }),
                (Some(_), None) | (None, _) => {
                    options.rest = start.0.to_vec();
                    break;
                }
            }
        }
        options
    }
}

/// Reads what UDP carries.
#[must_use]
pub fn message(octets: &[u8]) -> Message {
    Message::read(octets, 0)
}

impl Message {
    fn read(octets: &[u8], depth: usize) -> Self {
        let mut reader = Reader(octets);
        let message_type = reader.u8().unwrap_or(0);
        let head = if is_relay(message_type) {
            Self::relay_head(&mut reader)
        } else {
            reader.u24().map(|xid| Head::Client { xid })
        };
        match head {
            Some(head) => Self {
                message_type,
                head,
                options: Options::read(reader.rest(), depth),
            },
            None => Self {
                message_type,
                head: Head::Cut(octets.to_vec()),
                options: Options::default(),
            },
        }
    }

    fn relay_head(reader: &mut Reader<'_>) -> Option<Head> {
        Some(Head::Relay {
            hops: reader.u8()?,
            link: reader.address()?,
            peer: reader.address()?,
        })
    }

    /// The relay levels, from the one closest to the server, and at the end the message at the core.
    pub fn levels(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |level| level.relayed())
    }

    /// The message that relay agents carry, or the message itself.
    #[must_use]
    pub fn core(&self) -> &Self {
        self.levels().last().unwrap_or(self)
    }

    /// What a relay message carries.
    #[must_use]
    pub fn relayed(&self) -> Option<&Self> {
        let option = self.options.first(option_code("relay-message")?)?;
        option
            .value
            .message()
            .filter(|_| is_relay(self.message_type))
    }

    /// The transaction id, of a message that has one.
    #[must_use]
    pub fn xid(&self) -> Option<u32> {
        match self.head {
            Head::Client { xid } => Some(xid),
            Head::Relay { .. } | Head::Cut(_) => None,
        }
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> String {
        message_name(self.message_type)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_option_that_runs_past_the_end_is_left_as_octets() {
        let tree = message(&[1, 0, 0, 7, 0, 14, 0, 0, 0, 1, 0, 9, 5]);
        assert_eq!(tree.xid(), Some(7));
        assert_eq!(tree.options.list.len(), 1);
        assert_eq!(tree.options.rest, [0, 1, 0, 9, 5]);
    }

    #[test]
    fn a_message_without_a_whole_header_is_cut() {
        assert_eq!(message(&[1, 2]).head, Head::Cut(vec![1, 2]));
        assert_eq!(message(&[12; 33]).head, Head::Cut(vec![12; 33]));
        assert_eq!(message(&[]).head, Head::Cut(vec![]));
    }

    #[test]
    fn nesting_without_end_is_opened_only_so_deep() {
        let mut octets = vec![1, 0, 0, 0];
        while octets.len() < 60_000 {
            let mut outer = vec![12; 34];
            outer.extend([0, 9]);
            outer.extend(u16::try_from(octets.len()).expect("short").to_be_bytes());
            outer.append(&mut octets);
            octets = outer;
        }
        assert_eq!(message(&octets).levels().count(), DEPTH_MAX + 1);
    }

    proptest! {
        #[test]
        fn no_octets_make_reading_panic(octets in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = message(&octets);
        }

        #[test]
        fn no_content_of_an_option_makes_reading_panic(
            code in 0u16..160, octets in proptest::collection::vec(any::<u8>(), 0..80)
        ) {
            let _ = Value::read(code, &octets, 0);
        }
    }
}
