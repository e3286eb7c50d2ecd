//! `Served`: an interface that is to be served, from the side of links: whether it is there, the socket on it, what it
//! waits for and since when.
//!
//! Not here: what the kernel tells (`links`), and serving itself (`service`).

use super::health::{self, Tally};
use super::links::{Condition, Follower, Step, Watch};
use super::service::Order;
use super::{SocketError, now, socket};
use crate::control::health::Health;
use crate::engine::Link;
use crate::lease::Timestamp;
use std::net::UdpSocket;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedSender;

#[derive(Debug)]
pub(super) struct Served {
    follower: Follower,
    socket: Option<UdpSocket>,
    condition: Condition,
    since: Timestamp,
    pub(super) door: Option<UnixListener>,
    pub(super) tally: Arc<Tally>,
    service: Option<UnboundedSender<Order>>,
}

impl Served {
    /// Takes the port on the interface of that name, if it is there.
    ///
    /// # Errors
    /// It is there, and the port cannot be had.
    pub(super) fn start(name: &str, watch: &Watch) -> Result<Self, SocketError> {
        let (follower, _) = watch.follow(name);
        let mut served = Self {
            socket: None,
            condition: Condition::Ready,
            since: now(),
            door: health::open(name),
            tally: Arc::default(),
            service: None,
            follower,
        };
        if let Some(index) = served.follower.index() {
            match socket::bind(name, index) {
                Err(error) if !error.is_gone() => return Err(error),
                bound => served.socket = bound.ok(),
            }
        }
        Ok(served)
    }

    /// The name that the operator gave.
    pub(super) fn name(&self) -> &str {
        self.follower.name()
    }

    /// The interface with the addresses that it has now.
    pub(super) fn link(&self) -> &Link {
        self.follower.link()
    }

    /// The index of the interface while it is there.
    pub(super) fn index(&self) -> Option<u32> {
        self.follower.index()
    }

    /// Whether clients can be answered.
    pub(super) fn is_ready(&self) -> bool {
        self.condition == Condition::Ready
    }

    /// What there is to say about it.
    pub(super) fn health(&self) -> Health {
        self.tally.health(&self.condition, self.since)
    }

    /// Lets a service do the work, and says how things are.
    pub(super) fn hand_over(&mut self, service: UnboundedSender<Order>, watch: &Watch) {
        self.service = Some(service);
        if let (Some(socket), Some(index)) = (&self.socket, self.follower.index()) {
            self.attach(socket.try_clone(), index);
        }
        let condition = self.condition_now(watch).unwrap_or(Condition::Ready);
        if condition == Condition::Ready {
            tracing::info!("serving on {}", self.name());
        } else {
            self.settle(condition);
        }
    }

    /// The follower, to be told of what happens.
    pub(super) fn follower(&mut self) -> &mut Follower {
        &mut self.follower
    }

    /// Does what has to be done, after which `watch` knows how things are. After a survey the interface may be
    /// another one with the same index, which has joined no groups. Says whether the addresses are others now.
    pub(super) fn take(&mut self, steps: Vec<Step>, surveyed: bool, watch: &Watch) -> bool {
        let (mut readdressed, mut replaced) = (false, false);
        // An interface whose addresses have changed may have lost its groups in between, however it looks now.
        let changed = steps
            .iter()
            .any(|it| matches!(it, Step::Addresses(_) | Step::Readdressed));
        for step in steps {
            match step {
                // It is bound below, when it is known that it has not gone again.
                Step::Attach(_) => {}
                Step::Detach => {
                    self.socket = None;
                    replaced = true;
                    self.order(Order::Detach);
                }
                Step::Renamed(called) => {
                    let name = self.name();
                    tracing::warn!(
                        "{name} is called {called} now; it is served as {name} all the same"
                    );
                }
                Step::Addresses(link) => self.order(Order::Addresses(link)),
                Step::Readdressed => readdressed = true,
            }
        }
        let refused = self.bind();
        if surveyed || changed {
            self.rejoin();
        }
        let condition = match refused {
            Some(reason) => Some(Condition::Refused(reason)),
            None => self.condition_now(watch),
        };
        let is_news =
            |it: &Condition| *it != self.condition || (replaced && *it == Condition::Ready);
        if let Some(condition) = condition.filter(is_news) {
            self.settle(condition);
        }
        readdressed
    }

    /// Whether somebody else has the port.
    pub(super) fn is_refused(&self) -> bool {
        matches!(self.condition, Condition::Refused(_))
    }

    /// Takes the port if it can be had and is not. Returns why it cannot.
    fn bind(&mut self) -> Option<String> {
        let index = self.follower.index().filter(|_| self.socket.is_none())?;
        match socket::bind(self.follower.name(), index) {
            Ok(socket) => {
                self.attach(socket.try_clone(), index);
                self.socket = Some(socket);
                None
            }
            // Word of that is under way.
            Err(error) if error.is_gone() => None,
            Err(error) => Some(error.to_string()),
        }
    }

    fn attach(&self, socket: std::io::Result<UdpSocket>, index: u32) {
        match socket {
            Ok(socket) => self.order(Order::Attach(socket, index)),
            Err(error) => tracing::error!("cannot share the socket of {}: {error}", self.name()),
        }
    }

    /// Joins the groups anew, which an interface may have lost.
    fn rejoin(&self) {
        if let (Some(socket), Some(index)) = (&self.socket, self.follower.index()) {
            socket::rejoin(socket, index);
        }
    }

    /// What it waits for now, or that it does not; `None` while that is being found out.
    pub(super) fn condition_now(&self, watch: &Watch) -> Option<Condition> {
        match (&self.socket, watch.condition(&self.follower)?) {
            // It has just gone.
            (None, Condition::Ready) => Some(Condition::Absent),
            (_, condition) => Some(condition),
        }
    }

    /// Takes note of another condition, and says so.
    fn settle(&mut self, condition: Condition) {
        (self.condition, self.since) = (condition, now());
        let name = self.name();
        if self.is_ready() {
            self.rejoin();
            tracing::warn!("serving on {name} now");
        } else {
            tracing::warn!("waiting for {name}: {}", self.condition);
        }
    }

    /// Has something done by the service. At the end nobody does it any more.
    pub(super) fn order(&self, order: Order) {
        if let Some(service) = &self.service {
            drop(service.send(order));
        }
    }
}
