//! Opens a Relay-forward chain (RFC 9915 §9, §19).
//!
//! Not here: wrapping the answer back through the same hops (`answer`).

use super::{Arrival, DropReason};
use crate::wire::{Error, Message, MessageType, OptionCode, Options, RelayMessage};
use std::net::Ipv6Addr;

/// The most relay levels that are opened: the limit of RFC 3315, since agents of that time are still in
/// use. RFC 9915 §7.6 stops agents at 8; for servers it has no rule, only the need for a bound.
const HOPS_MAX: usize = 32;

/// One relay level of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hop<'a> {
    pub(super) hop_count: u8,
    pub(super) link_address: Ipv6Addr,
    pub(super) peer_address: Ipv6Addr,
    pub(super) options: Options<'a>,
}

/// The relay levels of a message, the one closest to the server first.
#[derive(Clone, Debug)]
pub(super) struct Hops<'a> {
    hops: [Option<Hop<'a>>; HOPS_MAX],
    len: usize,
}

impl<'a> Hops<'a> {
    /// From the one closest to the server to the one closest to the client.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Hop<'a>> {
        self.hops.iter().take(self.len).flatten()
    }

    /// Whether the message came directly.
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The address of the client's link that the closest agent gives; `::` gives none (RFC 9915 §13.1).
    pub(super) fn link_address(&self) -> Option<Ipv6Addr> {
        self.iter()
            .rev()
            .map(|hop| hop.link_address)
            .find(|address| !address.is_unspecified())
    }
}

/// The message at the core of what arrived, and the relay levels around it.
///
/// # Errors
/// What arrived is no message from a client.
pub(super) fn open<'a>(arrival: &Arrival<'a>) -> Result<(Hops<'a>, Message<'a>), DropReason> {
    let source = arrival.source.ip();
    if source.is_multicast() || source.is_unspecified() || arrival.source.port() == 0 {
        return Err(DropReason::UnusableSource);
    }
    let mut hops = Hops {
        hops: [None; HOPS_MAX],
        len: 0,
    };
    let mut octets = arrival.payload;
    loop {
        match octets.first().map(|&octet| MessageType(octet)) {
            Some(MessageType::RELAY_FORWARD) => {}
            Some(MessageType::RELAY_REPLY) => return Err(DropReason::NotForServer),
            _ => return Ok((hops, Message::read(octets).map_err(unreadable)?)),
        }
        let relay = RelayMessage::read(octets).map_err(unreadable)?;
        octets = relay
            .options
            .first(OptionCode::RELAY_MESSAGE)
            .filter(|inner| !inner.is_empty())
            .ok_or(DropReason::RelayWithoutMessage)?;
        let Some(hop) = hops.hops.get_mut(hops.len) else {
            return Err(DropReason::RelayTooDeep);
        };
        *hop = Some(Hop {
            hop_count: relay.hop_count,
            link_address: relay.link_address,
            peer_address: relay.peer_address,
            options: relay.options,
        });
        hops.len += 1;
    }
}

fn unreadable(error: Error) -> DropReason {
    match error {
        Error::Short => DropReason::TooShort,
        Error::Misfit | Error::Range => DropReason::Malformed,
    }
}
