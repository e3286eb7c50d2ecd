//! The live rig: a real server behind a link whose other end the lab holds, in a namespace of its own.
//!
//! Time is real, so is the disk. What is pinned down is what both rigs must agree on: addresses, the
//! server's DUID and the allocator's secret. A crash here ends a process and not the machine, so what was
//! written and not synced survives it; that it would not is for the simulated rig to show.

use std::time::{Duration, Instant};

use crate::link::{Device, Namespace};
use crate::rig::ballast::{Ballast, Message};
use crate::rig::fence::Ledger;
use crate::rig::interface::Interface;
use crate::rig::product::{Order, Said, Told};
use crate::rig::server::{PATIENCE, Program, Server};
use crate::rig::{
    Change, Datagram, Disk, Ended, Event, IaName, Identity, Ran, Rig, RigError, Setup, foreign,
};
use crate::scenario;

/// How long a scenario may let time pass here.
pub(crate) const ADVANCE_MAX: Duration = Duration::from_secs(5);
/// What a message says about longer ones.
pub(crate) const WAIT_ON_SIM: &str = "that the live rig waits";

/// After how many answers a server has certainly heard of a change of its interface.
const SURE_AFTER: usize = 5;
/// How long an answer may take before the question is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(50);
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
    identity: Identity,
    interface: Interface,
    ledger: Ledger,
    /// What happened before the disk was filled or emptied, until somebody asks.
    before: Vec<Event>,
    /// What fills the disk, while it is full.
    ballast: Option<Ballast>,
    /// Whether the server has done the last thing that it was told to; `None` until it says.
    obeyed: Option<bool>,
}

impl Live {
    /// Starts a server and waits until it can answer.
    ///
    /// # Errors
    /// There can be no link here (see [`crate::link::available`]), or the server does not start.
    pub fn start(setup: &Setup, server: impl Into<Program>) -> Result<Self, RigError> {
        Self::start_over(Device::best().device, setup, server)
    }

    /// Starts a server behind a link of that device, and waits until it can answer.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_over(
        device: Device,
        setup: &Setup,
        server: impl Into<Program>,
    ) -> Result<Self, RigError> {
        Self::start_as(&Identity::default(), device, setup, server)
    }

    /// The same for a server that is somebody else.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_as(
        identity: &Identity,
        device: Device,
        setup: &Setup,
        server: impl Into<Program>,
    ) -> Result<Self, RigError> {
        let started = Self::try_to_start_as(identity, device, setup, server)?;
        started.map_err(|Ended { last_words, .. }| {
            RigError(format!(
                "the server did not start; its last words:\n{last_words}"
            ))
        })
    }

    /// Starts a server and waits until it can answer, or has ended instead; then tells how.
    ///
    /// # Errors
    /// As [`Self::start`], but for a server that ends.
    pub fn try_to_start(
        setup: &Setup,
        server: impl Into<Program>,
    ) -> Result<Result<Self, Ended>, RigError> {
        let identity = Identity::default();
        Self::try_to_start_as(&identity, Device::best().device, setup, server)
    }

    fn try_to_start_as(
        identity: &Identity,
        device: Device,
        setup: &Setup,
        server: impl Into<Program>,
    ) -> Result<Result<Self, Ended>, RigError> {
        let namespace = Namespace::new()?;
        let interface = Interface::new(device, identity, &setup.addresses, &namespace)?;
        let mut server = Server::new(server.into(), namespace, &setup.config)?;
        if *identity != Identity::default() {
            server.call(&identity.duid)?;
        }
        if let Some(ended) = server.try_to_start()? {
            return Ok(Err(ended));
        }
        Ok(Ok(Self {
            server,
            identity: identity.clone(),
            interface,
            ledger: Ledger::default(),
            before: Vec::new(),
            ballast: None,
            obeyed: None,
        }))
    }

    /// Sends a datagram, and sees to it that the server reads it ahead of whatever is sent next.
    fn send(&mut self, datagram: &Datagram) -> Result<(), RigError> {
        const AGAIN: Duration = Duration::from_micros(500);
        let packets = self.server.packets();
        self.interface.send(datagram)?;
        let until = Instant::now() + PATIENCE;
        while !self.server.has_read(packets) && self.server.ended()?.is_none() {
            if Instant::now() >= until {
                return Err(self.server.failure("does not read what is sent to it"));
            }
            self.server.pause(Instant::now() + AGAIN)?;
        }
        Ok(())
    }

    /// Takes in what has come from the server by now. The log first: a server says what it does before
    /// it does it.
    fn collect(&mut self) -> Result<(), RigError> {
        let said = self.server.said()?;
        while let Some(datagram) = self.interface.receive()? {
            self.ledger.answer(datagram);
        }
        for said in said {
            match said {
                Said::Drop(label) => self.ledger.drop(label),
                // All that it sent before it said so has been received.
                Said::FenceRefused => self.ledger.pass(),
                Said::Obeyed(done) => self.obeyed = Some(done),
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

    /// Tells the server to do something, and waits until it says whether it has.
    fn tell(&mut self, order: &Order<'_>) -> Result<bool, RigError> {
        self.obeyed = None;
        match self.server.tell(order)? {
            Told::Waiting | Told::Signal(_) => {}
            Told::Done(done) => return Ok(done),
            Told::Restart => return self.restart(None).map(|()| true),
        }
        let until = Instant::now() + PATIENCE;
        loop {
            self.collect()?;
            if let Some(done) = self.obeyed {
                return Ok(done);
            }
            self.server.check()?;
            if Instant::now() >= until {
                return Err(self.server.failure("does not say what it did"));
            }
            self.server.wait(self.interface.ear(), until)?;
        }
    }

    /// Waits until the server answers through the interface as it is now, and has heard of every change of it. Word
    /// of these comes to it beside the messages, and it takes now one and now the other: after some answers it has
    /// had both.
    fn await_served(&mut self) -> Result<(), RigError> {
        let until = Instant::now() + PATIENCE;
        for _ in 0..SURE_AFTER {
            self.ledger.open();
            let fence = self.ledger.close();
            while !self.ledger.settled() {
                if Instant::now() >= until {
                    let what = "does not answer since its interface has changed";
                    return Err(self.server.failure(what));
                }
                if let Some(fence) = &fence {
                    self.interface.send(fence)?;
                }
                let again = Instant::now() + ASK_AGAIN;
                while !self.ledger.settled() && Instant::now() < again {
                    self.server.check()?;
                    self.server.wait(self.interface.ear(), again)?;
                    self.collect()?;
                }
            }
            let events = self.ledger.take();
            self.before.extend(events);
        }
        Ok(())
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

    fn fresh(&mut self, setup: &Setup) -> Result<(), RigError> {
        let program = self.server.program.clone();
        *self = Self::start_as(&self.identity, self.interface.device(), setup, program)?;
        Ok(())
    }

    fn deliver(&mut self, datagram: &Datagram) -> Result<(), RigError> {
        if !self.interface.is_up() {
            return Ok(());
        }
        if let Some(fence) = self.ledger.open() {
            self.send(&fence)?;
        }
        self.send(datagram)
    }

    fn settle(&mut self) -> Result<Vec<Event>, RigError> {
        if let Some(fence) = self.ledger.close() {
            self.send(&fence)?;
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
            self.server.wait(self.interface.ear(), until)?;
        }
    }

    fn advance(&mut self, time: Duration) -> Result<(), RigError> {
        if time > ADVANCE_MAX {
            let (asked, most) = (time.as_secs(), ADVANCE_MAX.as_secs());
            return Err(RigError(format!(
                "{asked} s are to pass, which is more than the {most} s {WAIT_ON_SIM}: play this scenario \
                 on the simulated rig"
            )));
        }
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.collect()?;
            self.server.check()?;
            self.server.wait(self.interface.ear(), until)?;
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
        self.tell(&Order::Reload)
    }

    fn remove(&mut self, duid: &[u8], ia: IaName) -> Result<bool, RigError> {
        let known = self.tell(&Order::Remove(duid, ia))?;
        // The server says so before it is on disk. What it answers behind that leaves only afterwards.
        if let Some(fence) = self.ledger.open() {
            self.interface.send(&fence)?;
        }
        let before = self.settle()?;
        self.before.extend(before);
        Ok(known)
    }

    fn interface(&mut self, change: &Change) -> Result<(), RigError> {
        let before = self.settle()?;
        self.before.extend(before);
        self.interface.change(self.server.namespace(), change)?;
        if self.interface.is_up() {
            self.await_served()?;
        }
        Ok(())
    }

    fn run(&mut self, program: &scenario::Program) -> Result<Ran, RigError> {
        let Server {
            namespace, folder, ..
        } = &self.server;
        let ran = foreign::run(program, namespace, folder.path())?;
        self.collect()?;
        Ok(ran)
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
