//! Whom the clients of a capture are played to.

use std::net::Ipv6Addr;
use std::time::Duration;

use crate::rig::live::ADVANCE_MAX;
use crate::rig::{Datagram, Event, RESERVED, Rig, RigError, SERVER_ADDRESS, SERVER_DUID, Setup};

/// A server, and the link to it.
pub(super) trait Peer {
    /// The DUID of the server, where it is known before the server says it.
    fn duid(&self) -> Option<Vec<u8>>;

    /// Where a message goes that was recorded on its way to that address.
    fn destination(&self, recorded: Ipv6Addr, source: Ipv6Addr) -> Ipv6Addr;

    /// Where a message comes from that the client with that number, from 0, was recorded to send from an address.
    fn source(&self, recorded: Ipv6Addr, client: usize) -> Ipv6Addr;

    /// Lets time pass until it is so late, counted from the beginning of the capture.
    ///
    /// # Errors
    /// The server ends.
    fn wait_until(&mut self, at: Duration) -> Result<(), RigError>;

    /// Sends a message, and returns everything that comes of it.
    ///
    /// # Errors
    /// The server or the link is gone.
    fn exchange(&mut self, datagram: &Datagram) -> Result<Vec<Event>, RigError>;

    /// Whether somebody wants an end: then nothing more is to be begun, and nobody waits for an answer.
    fn is_interrupted(&self) -> bool {
        false
    }

    /// From now on everything is sent and waited for that is necessary at the end.
    fn wind_up(&mut self) {}
}

/// The server on a rig of the lab.
pub(super) struct OnRig<'a> {
    rig: &'a mut dyn Rig,
    setup: &'a Setup,
    clock: Duration,
}

impl<'a> OnRig<'a> {
    pub(super) fn new(rig: &'a mut dyn Rig, setup: &'a Setup) -> Self {
        Self {
            rig,
            setup,
            clock: Duration::ZERO,
        }
    }

    fn own(&self) -> impl Iterator<Item = Ipv6Addr> {
        self.setup.addresses.iter().map(|it| it.0)
    }
}

impl Peer for OnRig<'_> {
    fn duid(&self) -> Option<Vec<u8>> {
        Some(SERVER_DUID.to_vec())
    }

    fn destination(&self, recorded: Ipv6Addr, source: Ipv6Addr) -> Ipv6Addr {
        let mut own = self.own().chain([SERVER_ADDRESS]);
        if recorded.is_multicast() || own.any(|it| it == recorded) {
            return recorded;
        }
        let global = self
            .own()
            .next()
            .filter(|_| !source.is_unicast_link_local());
        global.unwrap_or(SERVER_ADDRESS)
    }

    /// Another one only for a client whose own is one of the lab's.
    fn source(&self, recorded: Ipv6Addr, client: usize) -> Ipv6Addr {
        let taken = RESERVED.contains(&recorded) || self.own().any(|it| it == recorded);
        let low = u16::try_from(client).unwrap_or(u16::MAX);
        match taken {
            true => Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xc11e, low),
            false => recorded,
        }
    }

    /// Whole seconds. A live rig does not wait for long at once, lest a scenario that lets hours pass hang.
    fn wait_until(&mut self, at: Duration) -> Result<(), RigError> {
        let mut left = Duration::from_secs(at.saturating_sub(self.clock).as_secs());
        self.clock += left;
        if self.rig.name() == "sim" && !left.is_zero() {
            return self.rig.advance(left);
        }
        while !left.is_zero() {
            let part = left.min(ADVANCE_MAX);
            self.rig.advance(part)?;
            left -= part;
        }
        Ok(())
    }

    fn exchange(&mut self, datagram: &Datagram) -> Result<Vec<Event>, RigError> {
        self.rig.deliver(datagram)?;
        self.rig.settle()
    }
}
