//! The live rig: a real server behind a TAP link, in a namespace of its own.
//!
//! Time is real, so is the disk. What is pinned down is what both rigs must agree on: addresses, the
//! server's DUID and the allocator's secret. A crash here ends a process and not the machine, so what was
//! written and not synced survives it; that it would not is for the simulated rig to show.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::link::{Namespace, Station, Tap};
use crate::rig::ballast::{Ballast, Message};
use crate::rig::fence::Ledger;
use crate::rig::operator;
use crate::rig::product::{Product, Said};
use crate::rig::server::{PATIENCE, Program, Server};
use crate::rig::{
    Datagram, Disk, Event, INTERFACE, IaName, Rig, RigError, SERVER_ADDRESS, SERVER_MAC, Setup,
};

/// How long a scenario may let time pass here.
const ADVANCE_MAX: Duration = Duration::from_secs(5);

/// How many renewals may fit into the page that the journal ends in.
const RENEWALS_MAX: usize = 500;
/// What the server says of a message that it has no room for.
const STORE_FULL: &str = "store-full";
const NO_BALLAST: &str = "the disk cannot be filled to the last octet without an address for a client \
     of the lab's own: give the interface a pool, or play this scenario on the simulated rig";

/// A real server, and the lab at the other end of its link.
#[derive(Debug)]
pub struct Live {
    server: Server,
    station: Station,
    ledger: Ledger,
    /// What happened before the disk was filled or emptied, until somebody asks.
    before: Vec<Event>,
    /// What fills the disk, while it is full.
    ballast: Option<Ballast>,
    /// Whether the server has taken over the last configuration that it was told to; `None` until it says.
    reloaded: Option<bool>,
    /// Whether the server knew of the last binding that it was told to forget; `None` until it says.
    removed: Option<bool>,
}

impl Live {
    /// Starts a server and waits until it can answer.
    ///
    /// # Errors
    /// There can be no link here (see [`crate::link::available`]), or the server does not start.
    pub fn start(setup: &Setup, server: impl Into<Program>) -> Result<Self, RigError> {
        let namespace = Namespace::new()?;
        let tap = Tap::open(&namespace, INTERFACE, SERVER_MAC, &setup.addresses)?;
        let program = server.into();
        let product = program.product();
        let mut server = Server::new(program, namespace, &setup.config)?;
        if product == Product::Dhcp6s {
            server.share_key(operator::KEY_TEXT)?;
        }
        server.start()?;
        let station = Station::new(tap, SERVER_MAC, SERVER_ADDRESS);
        Ok(Self {
            server,
            station,
            ledger: Ledger::default(),
            before: Vec::new(),
            ballast: None,
            reloaded: None,
            removed: None,
        })
    }

    /// Takes in what has come from the server by now. The log first: a server says what it does before
    /// it does it.
    fn collect(&mut self) -> Result<(), RigError> {
        let said = self.server.said()?;
        while let Some(datagram) = self.station.receive()? {
            self.ledger.answer(datagram);
        }
        for said in said {
            match said {
                Said::Drop(label) => self.ledger.drop(label),
                // All that it sent before it said so has been received.
                Said::FenceRefused => self.ledger.pass(),
                Said::Reload(taken) => self.reloaded = Some(taken),
                Said::Remove(known) => self.removed = Some(known),
            }
        }
        Ok(())
    }

    /// What comes of a message of the lab's own client.
    fn ask(&mut self, message: &Datagram) -> Result<Option<Event>, RigError> {
        self.deliver(message)?;
        Ok(self.settle()?.pop())
    }

    /// Renews the lab's own lease until that has the given result.
    fn renew_until(
        &mut self,
        ballast: &mut Ballast,
        done: impl Fn(&Event) -> bool,
    ) -> Result<(), RigError> {
        for _ in 0..RENEWALS_MAX {
            if self
                .ask(&ballast.message(Message::Renew))?
                .is_some_and(|event| done(&event))
            {
                return Ok(());
            }
        }
        Err(self.server.failure("does not notice how full its disk is"))
    }

    /// Takes all space, up to where the server says that it drops a message for want of it: from then on
    /// it does so with every message that changes a lease.
    fn fill(&mut self) -> Result<(), RigError> {
        let offer = self.ask(&Ballast::solicit())?;
        let mut ballast = match &offer {
            Some(Event::Answer(advertise)) => Ballast::offered(advertise),
            _ => None,
        }
        .ok_or_else(|| RigError(NO_BALLAST.into()))?;
        self.ask(&ballast.message(Message::Request))?;
        self.server.fill_disk()?;
        self.renew_until(&mut ballast, |event| {
            *event == Event::Drop(STORE_FULL.into())
        })?;
        self.ballast = Some(ballast);
        Ok(())
    }

    /// Gives the space back, and waits until the server has noticed.
    fn make_room(&mut self, mut ballast: Ballast) -> Result<(), RigError> {
        self.server.empty_disk()?;
        self.renew_until(&mut ballast, |event| matches!(event, Event::Answer(_)))?;
        self.ask(&ballast.message(Message::Release)).map(drop)
    }

    /// Waits until the server has said what came of a command.
    fn wait_for(
        &mut self,
        failure: &str,
        said: impl Fn(&Self) -> Option<bool>,
    ) -> Result<bool, RigError> {
        let until = Instant::now() + PATIENCE;
        loop {
            self.collect()?;
            if let Some(outcome) = said(self) {
                return Ok(outcome);
            }
            self.server.check()?;
            if Instant::now() >= until {
                return Err(self.server.failure(failure));
            }
            self.server.wait(self.station.as_fd(), until)?;
        }
    }

    fn relaunch(&mut self, config: Option<&str>) -> Result<(), RigError> {
        // What it sent before it ended is still on the link, and what it said in the pipe.
        self.collect()?;
        self.ledger.forgo();
        if let Some(config) = config {
            self.server.configure(config)?;
        }
        self.server.start()
    }
}

impl Rig for Live {
    fn name(&self) -> &'static str {
        "live"
    }

    fn deliver(&mut self, datagram: &Datagram) -> Result<(), RigError> {
        if let Some(fence) = self.ledger.open() {
            self.station.send(&fence)?;
        }
        Ok(self.station.send(datagram)?)
    }

    fn settle(&mut self) -> Result<Vec<Event>, RigError> {
        if let Some(fence) = self.ledger.close() {
            self.station.send(&fence)?;
        }
        let until = Instant::now() + PATIENCE;
        loop {
            self.collect()?;
            if let Some(ended) = self.server.ended()? {
                // It may have sent something just before.
                self.collect()?;
                self.ledger.forgo();
                let mut events = std::mem::take(&mut self.before);
                events.extend(self.ledger.take());
                events.push(Event::Ended(ended));
                return Ok(events);
            }
            if self.ledger.settled() {
                // What the server said before it answered the fence may have come after our last look.
                self.collect()?;
                let mut events = std::mem::take(&mut self.before);
                events.extend(self.ledger.take());
                return Ok(events);
            }
            if Instant::now() >= until {
                return Err(self.server.failure("does not answer any more"));
            }
            self.server.wait(self.station.as_fd(), until)?;
        }
    }

    fn advance(&mut self, time: Duration) -> Result<(), RigError> {
        if time > ADVANCE_MAX {
            let (asked, most) = (time.as_secs(), ADVANCE_MAX.as_secs());
            return Err(RigError(format!(
                "{asked} s are to pass, which is more than the {most} s that the live rig waits: \
                 play this scenario on the simulated rig"
            )));
        }
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.collect()?;
            self.server.check()?;
            self.server.wait(self.station.as_fd(), until)?;
        }
        Ok(())
    }

    fn crash(&mut self, config: Option<&str>) -> Result<(), RigError> {
        self.server.kill()?;
        self.relaunch(config)
    }

    fn restart(&mut self, config: Option<&str>) -> Result<(), RigError> {
        self.server.stop()?;
        self.relaunch(config)
    }

    fn reload(&mut self, config: &str) -> Result<bool, RigError> {
        self.server.configure(config)?;
        self.reloaded = None;
        self.server.signal(Signal::SIGHUP)?;
        self.wait_for("does not say that it has reloaded", |it| it.reloaded)
    }

    fn remove(&mut self, duid: &[u8], ia: IaName) -> Result<bool, RigError> {
        self.removed = None;
        operator::remove(self.server.namespace(), duid, ia)?;
        self.wait_for("does not say that it has removed a binding", |it| {
            it.removed
        })
    }

    fn disk(&mut self, disk: Disk) -> Result<(), RigError> {
        // What is still to come belongs to the time before; the next call of `settle` tells of it.
        let before = self.settle()?;
        match (disk, self.ballast.take()) {
            (Disk::Full, None) => self.fill()?,
            (Disk::Room, Some(ballast)) => self.make_room(ballast)?,
            (_, as_it_is) => self.ballast = as_it_is,
        }
        self.before.extend(before);
        Ok(())
    }
}
