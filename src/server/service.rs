//! One interface served: its engine, leases, port and committing thread, in a task of its own.
//!
//! Not here: whether the interface is there (`served`), and what concerns the whole process (`server`).

use super::batch::Batch;
use super::committer::Committer;
use super::decider::Decider;
use super::health::Tally;
use super::port::Port;
use super::removals::{Removal, Removals};
use super::{Error, now, system};
use crate::config::Config;
use crate::engine::{Engine, Link};
use crate::lease::Change;
use crate::store::LeaseStore;
use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot::Sender;

/// What the process asks of a service. That nothing more can come tells it to end.
#[derive(Debug)]
pub(super) enum Order {
    /// The interface with that index is there, and this socket bound to it.
    Attach(UdpSocket, u32),
    /// The interface is gone.
    Detach,
    /// The interface has these addresses now.
    Addresses(Link),
    /// This configuration is in force now. Where others are served, too, they are told what is claimed here, and
    /// nobody is served before what they claim has come.
    Configure(Arc<Config>, Option<Sender<Vec<Change>>>),
    /// That is claimed on the other interfaces.
    Respect(Arc<Vec<Change>>),
    /// A binding is to be forgotten.
    Remove(Removal),
}

pub(super) struct Service {
    decider: Decider,
    committer: Committer,
    /// None while the interface is away.
    port: Option<Port>,
    /// What others claim has yet to come.
    held: bool,
    idle: Vec<Batch>,
    removals: Removals,
    orders: UnboundedReceiver<Order>,
    tally: Arc<Tally>,
}

impl Service {
    /// A service that does what it is ordered to. It has no port before it is given one.
    pub(super) fn new(
        engine: Engine,
        store: Box<dyn LeaseStore>,
        orders: UnboundedReceiver<Order>,
        tally: Arc<Tally>,
    ) -> Result<Self, Error> {
        let interface = engine.link().name.clone();
        let committer =
            Committer::start(store, interface).map_err(system("start the committing thread"))?;
        Ok(Self {
            decider: Decider::new(engine),
            committer,
            port: None,
            held: false,
            idle: vec![Batch::new(), Batch::new()],
            removals: Removals::default(),
            orders,
            tally,
        })
    }

    /// Serves until no orders can come any more. Then all answers that were decided on are durable and sent.
    pub(super) async fn serve(mut self) -> Result<(), Error> {
        loop {
            if !self.removals.is_empty()
                && let Some(batch) = self.idle.pop()
            {
                self.remove(batch);
            }
            tokio::select! {
                biased;
                order = self.orders.recv() => match order {
                    Some(order) => self.obey(order)?,
                    None => break,
                },
                batch = self.committer.next() => {
                    let batch = batch?;
                    self.decider.take_note(batch.outcome);
                    self.idle.push(batch);
                }
                received = receive(self.port.as_ref().filter(|_| !self.held), &mut self.idle) => match received {
                    Ok(()) => self.decide(),
                    Err(error) => tracing::error!("receive failed: {error}"),
                },
            }
        }
        self.end().await
    }

    fn obey(&mut self, order: Order) -> Result<(), Error> {
        match order {
            Order::Attach(socket, index) => {
                let port = Port::new(socket, index)?;
                self.committer.use_port(Some(port.share()?));
                self.port = Some(port);
            }
            Order::Detach => {
                self.committer.use_port(None);
                self.port = None;
            }
            Order::Addresses(link) => self.decider.engine.set_link(link),
            Order::Configure(config, others) => {
                let engine = &mut self.decider.engine;
                engine.configure(Config::clone(&config));
                if let Some(others) = others {
                    // Whoever asked waits for it.
                    self.held = others.send(engine.claims()).is_ok();
                }
            }
            Order::Respect(claims) => {
                self.decider.engine.respect(&claims);
                self.held = false;
            }
            Order::Remove(removal) => self.removals.push(removal),
        }
        Ok(())
    }

    /// Decides on what was received.
    fn decide(&mut self) {
        let Some(mut batch) = self.idle.pop() else {
            return;
        };
        if self.decider.decide(now(), &mut batch) {
            self.committer.commit(batch);
        } else {
            self.idle.push(batch);
        }
        self.tally.take(self.decider.engine.counters());
    }

    /// Forgets the bindings that are to be forgotten, by means of an idle batch.
    fn remove(&mut self, mut batch: Batch) {
        let engine = &mut self.decider.engine;
        if self.removals.fill(engine, now(), &mut batch) {
            self.committer.commit(batch);
        } else {
            self.idle.push(batch);
        }
    }

    async fn end(mut self) -> Result<(), Error> {
        // A binding that was to be forgotten is not kept because the server was told to end as well.
        while !self.removals.is_empty() {
            let batch = match self.idle.pop() {
                Some(batch) => batch,
                None => self.committer.next().await?,
            };
            self.remove(batch);
        }
        let finished = self.committer.finish();
        let engine = &self.decider.engine;
        tracing::info!("{}: {}", engine.link().name, engine.counters());
        finished
    }
}

/// Fills the batch that is next, once there is one and something to fill it with.
async fn receive(port: Option<&Port>, idle: &mut [Batch]) -> io::Result<()> {
    match (port, idle.last_mut()) {
        (Some(port), Some(batch)) => port.receive(&mut batch.received).await,
        (None, _) | (_, None) => std::future::pending().await,
    }
}
