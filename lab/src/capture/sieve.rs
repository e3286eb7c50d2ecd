//! Which frames of an interface belong into a capture of DHCPv6.

use std::time::Duration;

use super::container::Frame;
use super::datagrams::Collector;
use super::{Found, Packet};

/// Looks at frames as they come.
#[derive(Default)]
pub struct Sieve {
    collector: Collector,
}

/// What there is to a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sifted {
    /// It has nothing to do with DHCPv6.
    Nothing,
    /// It is a piece of a datagram that may be DHCPv6.
    Piece,
    /// It is a datagram, or the last piece of one.
    Whole(Box<Packet>),
}

impl Sieve {
    /// Looks at a frame that begins with a header of that link type.
    pub fn take(&mut self, link_type: u32, at: Duration, octets: &[u8]) -> Sifted {
        let pieces = self.collector.pieces();
        self.collector.take(&Frame {
            number: self.collector.frames + 1,
            at,
            link_type,
            interface: None,
            octets: octets.to_vec(),
            len: octets.len(),
            comments: Vec::new(),
        });
        let found = self.collector.found.pop();
        match found {
            Some(Found { packet, .. }) => Sifted::Whole(Box::new(packet)),
            None if self.collector.pieces() != pieces => Sifted::Piece,
            None => Sifted::Nothing,
        }
    }
}
