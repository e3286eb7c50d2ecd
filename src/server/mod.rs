//! Sockets, threads, signals and the real clock around the engine.
//!
//! One thread decides: it takes datagrams in batches, and the engine drafts what they lead to. Another owns
//! the store: it makes the changes of a batch durable with one sync, and only then sends the answers. Two
//! batches go back and forth, so the next one is filled while the last one is synced; with both under way
//! nothing is read, and what overflows is dropped by the socket, to be sent again by clients.

mod batch;
mod commands;
mod committer;
pub mod links;
mod port;
pub mod process;
mod rarely;
mod reload;
mod report;
mod socket;

use crate::control::{self, Command};
use crate::engine::{Arrival, DropReason, Engine, Link, Outbox, Verdict};
use crate::lease::{ChangeLog, Record, Timestamp};
use crate::store::{self, LeaseStore};
use batch::{Batch, Outcome};
use commands::Commands;
use committer::Committer;
use port::Port;
use rarely::Rarely;
use report::Peer;
use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tokio::signal::unix::{SignalKind, signal};

pub use reload::ReadConfig;
pub use socket::Error as SocketError;

/// Leases that are stated again with each batch while the store wants it.
const RESTATE_COUNT: usize = 256;

/// Why the server cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such interface.
    #[error("interface {name} does not exist; there are: {}", there.join(", "))]
    NoInterface {
        /// The name that was given.
        name: String,
        /// The interfaces that exist.
        there: Vec<String>,
    },
    /// The socket cannot be had.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The leases cannot be kept any more.
    #[error("{0}; ending, because leases that are not on disk must not be promised")]
    Store(#[from] store::Error),
    /// The thread that keeps the leases has ended by itself.
    #[error("the committing thread is gone; ending, because nothing can be promised without it")]
    Committer,
    /// Something else that the system refused.
    #[error("cannot {operation}: {source}")]
    System {
        /// What was tried, as a verb.
        operation: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

fn system(operation: &'static str) -> impl Fn(io::Error) -> Error {
    move |source| Error::System { operation, source }
}

/// A server that has its socket.
#[derive(Debug)]
pub struct Server {
    interface: String,
    index: u32,
    socket: UdpSocket,
}

impl Server {
    /// Takes the port on an interface. Nothing is read until [`Server::run`].
    ///
    /// # Errors
    /// The interface does not exist, or its port cannot be had.
    pub fn bind(interface: &str) -> Result<Self, Error> {
        let index = links::index(interface).ok_or_else(|| Error::NoInterface {
            name: interface.to_owned(),
            there: links::names(),
        })?;
        let socket = socket::bind(interface, index)?;
        Ok(Self {
            interface: interface.to_owned(),
            index,
            socket,
        })
    }

    /// The served interface with the addresses that it has now.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn link(&self) -> Result<Link, Error> {
        links::read(&self.interface, self.index).map_err(system("read the addresses"))
    }

    /// Serves until SIGTERM, SIGINT or [`Command::Stop`], which comes through `control`; `read` is how the
    /// configuration is read anew, and `ready` is called when the first message can be answered. At the end all
    /// answers that were decided on are durable and sent.
    ///
    /// # Errors
    /// The disk fails, or the system refuses what a server needs.
    pub fn run(
        self,
        engine: Engine,
        store: Box<dyn LeaseStore>,
        control: control::Listener,
        read: Arc<ReadConfig>,
        ready: impl FnOnce(),
    ) -> Result<(), Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(system("start the event loop"))?;
        runtime.block_on(self.serve(engine, store, control, read, ready))
    }

    async fn serve(
        self,
        engine: Engine,
        store: Box<dyn LeaseStore>,
        mut control: control::Listener,
        read: Arc<ReadConfig>,
        ready: impl FnOnce(),
    ) -> Result<(), Error> {
        let mut port = Port::new(self.interface.clone(), self.index, self.socket)?;
        let (sender, index) = port.share()?;
        let mut committer = Committer::start(store, sender, index, self.interface)
            .map_err(system("start the committing thread"))?;
        let mut terminate = signal(SignalKind::terminate()).map_err(system("await SIGTERM"))?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(system("await SIGINT"))?;
        let mut hangup = signal(SignalKind::hangup()).map_err(system("await SIGHUP"))?;
        process::heed_signals().map_err(system("await signals"))?;
        let changes = links::Changes::listen().map_err(system("listen for address changes"))?;
        let mut commands = Commands::new(read);
        let mut decider = Decider::new(engine);
        let mut idle = vec![Batch::new(), Batch::new()];
        // What changed before anybody listened was not told.
        decider.follow(&port);
        tracing::info!("serving on {}", decider.engine.link().name);
        ready();
        loop {
            if commands.wants_batch()
                && let Some(batch) = idle.pop()
            {
                idle.extend(decider.obey(&mut commands, batch, &committer));
            }
            tokio::select! {
                _ = terminate.recv() => {
                    told_to_end(SignalKind::terminate());
                    break;
                }
                _ = interrupt.recv() => {
                    told_to_end(SignalKind::interrupt());
                    break;
                }
                _ = hangup.recv() => {
                    tracing::info!("received SIGHUP");
                    if commands.take(Command::Reload).is_break() { break }
                }
                command = control.next() => {
                    if commands.take(command).is_break() { break }
                }
                config = commands.reload.next() => {
                    if let Some(config) = config {
                        decider.engine.configure(config);
                        tracing::info!(origin = reload::ORIGIN, notice = true, "server reloaded");
                    }
                }
                batch = committer.next() => {
                    let batch = batch?;
                    decider.take_note(batch.outcome);
                    idle.push(batch);
                }
                changed = changes.next() => {
                    changed.map_err(system("listen for address changes"))?;
                    if port.follow()? {
                        committer.use_port(port.share()?);
                    }
                    if decider.follow(&port) {
                        port.rejoin();
                    }
                }
                received = receive(&port, &mut idle) => match received {
                    Ok(()) => {
                        let Some(mut batch) = idle.pop() else { continue };
                        if decider.decide(now(), &mut batch) {
                            committer.commit(batch);
                        } else {
                            idle.push(batch);
                        }
                    }
                    Err(error) => tracing::error!("receive failed: {error}"),
                },
            }
        }
        // A binding that was to be forgotten is not kept because the server was told to end as well.
        while commands.wants_batch() {
            let batch = match idle.pop() {
                Some(batch) => batch,
                None => committer.next().await?,
            };
            idle.extend(decider.obey(&mut commands, batch, &committer));
        }
        let finished = committer.finish();
        tracing::info!("{}", decider.engine.counters());
        finished
    }
}

fn told_to_end(signal: SignalKind) {
    let number = signal.as_raw_value();
    tracing::info!(origin = "server6_signal", "received a signal ({number})");
}

/// Fills the batch that is next, once there is one and something to fill it with.
async fn receive(port: &Port, idle: &mut [Batch]) -> io::Result<()> {
    match idle.last_mut() {
        Some(batch) => port.receive(&mut batch.received).await,
        None => std::future::pending().await,
    }
}

/// The engine, and what it has to know of the store.
struct Decider {
    engine: Engine,
    /// The store found no room for the last batch that came back.
    full: bool,
    restatement: Restatement,
    /// Clients that nothing was available for.
    lacks: Rarely,
    /// Messages of clients whose key has expired.
    expired: Rarely,
}

/// Where stating all leases again has got to.
#[derive(Clone, Copy, Debug)]
enum Restatement {
    /// The store does not want it.
    Idle,
    /// The leases from this place on are still to be stated.
    From(usize),
    /// All are stated, and the store has yet to take note.
    Stated,
}

impl Decider {
    fn new(engine: Engine) -> Self {
        Self {
            engine,
            full: false,
            restatement: Restatement::Idle,
            lacks: Rarely::default(),
            expired: Rarely::default(),
        }
    }

    /// Takes over the addresses that the interface has now. Says whether they are others than before.
    fn follow(&mut self, port: &Port) -> bool {
        match port.link() {
            // Most of what the kernel tells is about other interfaces.
            Ok(link) if link == *self.engine.link() => false,
            Ok(link) => {
                self.engine.set_link(link);
                true
            }
            // While the interface is away, the addresses that it had stay reserved.
            Err(error) => {
                tracing::debug!("cannot read the addresses: {error}");
                false
            }
        }
    }

    /// Decides on everything in a batch. Says whether the batch has to be committed.
    fn decide(&mut self, now: Timestamp, batch: &mut Batch) -> bool {
        self.engine.observe(tracing::enabled!(tracing::Level::INFO));
        for arrival in batch.received.arrivals() {
            report::arrived(&arrival, self.peer(&arrival));
            let logged = batch.outbox.log.records().len();
            let verdict = self.engine.handle(now, &arrival, &mut batch.outbox);
            self.report(&arrival, verdict, &batch.outbox, logged);
        }
        // While the disk is full, what is written at last should be short.
        if let Restatement::From(cursor) = self.restatement
            && !self.full
        {
            let log = &mut batch.outbox.log;
            self.restatement = match self.engine.restate(cursor, RESTATE_COUNT, log) {
                Some(next) => Restatement::From(next),
                None => {
                    log.set_restated_all();
                    Restatement::Stated
                }
            };
        }
        // While the disk is full every batch is a question whether there is room again.
        self.full || !batch.outbox.is_empty() || batch.outbox.log.restated_all()
    }

    /// Does by means of an idle batch what the operator asks for. Returns the batch if it is idle still.
    fn obey(
        &mut self,
        commands: &mut Commands,
        mut batch: Batch,
        committer: &Committer,
    ) -> Option<Batch> {
        if commands.fill(&mut self.engine, now(), &mut batch) {
            committer.commit(batch);
            return None;
        }
        Some(batch)
    }

    /// Logs what became of a message. Its changes are the records of the log from the octet `logged` on.
    fn report(&mut self, arrival: &Arrival<'_>, verdict: Verdict, outbox: &Outbox, logged: usize) {
        let from = self.peer(arrival);
        report::brought_about(self.engine.events(), verdict.is_ok());
        match verdict {
            Ok(_) => {
                tell_changes(&outbox.log, logged);
                if outbox.last().is_some_and(|answer| answer.lacks)
                    && let Some(count) = self.lacks.count(Instant::now())
                {
                    let from = self.peer(arrival);
                    tracing::warn!(
                        "no address or prefix available: {count} times, the last one for {from}"
                    );
                }
            }
            Err(reason) => {
                report::dropped(reason, arrival, from, self.engine.events());
                if reason == DropReason::KeyExpired
                    && let Some(count) = self.expired.count(Instant::now())
                {
                    let from = self.peer(arrival);
                    tracing::warn!(
                        "messages dropped because a key has expired: {count}, the last one from {from}"
                    );
                }
            }
        }
    }

    /// Who sent that.
    fn peer(&self, arrival: &Arrival<'_>) -> Peer<'_> {
        Peer {
            address: arrival.source,
            interface: &self.engine.link().name,
        }
    }

    /// Takes note of what the store said.
    fn take_note(&mut self, outcome: Outcome) {
        for _ in 0..outcome.withheld {
            self.engine.take_back(DropReason::StoreFull);
        }
        if self.full && !outcome.full {
            tracing::warn!("there is room for leases again");
        }
        self.full = outcome.full;
        self.engine.set_read_only(outcome.full);
        self.restatement = match (outcome.restate, self.restatement) {
            (false, _) => Restatement::Idle,
            (true, Restatement::Idle) => Restatement::From(0),
            (true, going_on) => going_on,
        };
    }
}

/// Logs the changes whose records begin at the octet `from` of the log.
fn tell_changes(log: &ChangeLog, from: usize) {
    if tracing::enabled!(tracing::Level::INFO) {
        let mut records = log.records().get(from..).unwrap_or_default();
        while let Ok((record, rest)) = Record::read(records) {
            tracing::info!("{record}");
            records = rest;
        }
    }
}

fn now() -> Timestamp {
    Timestamp(
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::engine::Link;
    use crate::lease::{Change, IaKey, IaKind, LeaseState, LeaseTable, Prefix, Secret};
    use crate::wire::Duid;
    use std::net::Ipv6Addr;

    /// A decider that has one lease to state again.
    fn decider() -> Decider {
        let mut table = LeaseTable::default();
        let duid = Duid::new(&[0, 3, 0, 1]).expect("a DUID");
        table.apply(&Change {
            prefix: Prefix::host(Ipv6Addr::LOCALHOST),
            holder: IaKey {
                duid,
                kind: IaKind::Na,
                iaid: 1,
            },
            state: LeaseState::Active,
            changed: Timestamp(1),
            preferred_until: Timestamp(2),
            valid_until: Timestamp(3),
        });
        let secret = Secret::new([0; Secret::LEN]);
        let (config, link) = (Config::default(), Link::default());
        Decider::new(Engine::new(duid, &secret, config, link, table))
    }

    fn outcome(full: bool) -> Outcome {
        Outcome {
            full,
            withheld: 0,
            restate: true,
        }
    }

    #[test]
    fn nothing_is_stated_again_while_the_disk_is_full() {
        let (mut decider, mut batch) = (decider(), Batch::new());
        decider.take_note(outcome(true));
        assert!(decider.decide(Timestamp(1), &mut batch));
        assert!(batch.outbox.is_empty());
        decider.take_note(outcome(false));
        assert!(decider.decide(Timestamp(1), &mut batch));
        assert_eq!(batch.outbox.log.count(), 1);
        assert!(batch.outbox.log.restated_all());
    }
}
