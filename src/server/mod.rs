//! Sockets, threads, signals and the real clock around the engine.
//!
//! Each interface is served by a task (`service`). One thread runs these tasks, and decides: it takes datagrams in
//! batches, and the engine drafts what they lead to. Another one for each interface owns its store: it makes the
//! changes of a batch durable with one sync, and only then sends the answers. Two batches go back and forth, so the
//! next one is filled while the last one is synced; with both under way nothing is read, and what overflows is
//! dropped by the socket, to be sent again by clients.
//!
//! Here is what the interfaces share: signals, commands, word of links (`links`), and when the server is ready.

mod batch;
mod committer;
mod container;
mod decider;
mod health;
mod holder;
pub mod links;
mod notify;
mod port;
pub mod process;
mod rarely;
mod readiness;
mod reload;
mod removals;
mod report;
mod served;
mod service;
mod socket;

use crate::config::Config;
use crate::control::{self, Command};
use crate::engine::{Engine, Link};
use crate::lease::{Change, Timestamp};
use crate::store::{self, LeaseStore};
use links::{Condition, Watch};
use readiness::Readiness;
use reload::Reload;
use removals::Removal;
use served::Served;
use service::{Order, Service};
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::unix::AsyncFd;
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::oneshot::channel;
use tokio::task::JoinSet;
use tokio::time::Instant;

pub use readiness::When;
pub use reload::{ReadConfig, Reading};
pub use socket::Error as SocketError;

/// How long a port that somebody else has is left alone before it is tried again: the kernel does not tell when it is
/// let go of.
const RETRY: Duration = Duration::from_secs(2);

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
    /// Two names are those of one interface.
    #[error("{} and {} are names of one interface; name it once", names[0], names[1])]
    OneInterface {
        /// The names that were given.
        names: [String; 2],
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
    /// What serves an interface has ended by itself.
    #[error("an interface is not served any more; ending, because of a defect")]
    Service,
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

/// What one interface is served with.
pub type Parts = (Engine, Box<dyn LeaseStore>);

/// A server that has its sockets.
#[derive(Debug)]
pub struct Server {
    watch: Watch,
    served: Vec<Served>,
}

impl Server {
    /// Takes the port on all interfaces that are there. Nothing is read until [`Server::run`].
    ///
    /// # Errors
    /// An interface does not exist although it is not to be waited for, two are the same, or the port cannot be had.
    pub fn bind(interfaces: &[String], wait: bool) -> Result<Self, Error> {
        let watch = Watch::open().map_err(system("list the interfaces"))?;
        let mut served: Vec<Served> = Vec::new();
        for name in interfaces {
            let index = watch.index(name);
            if index.is_none() && !wait {
                return Err(Error::NoInterface {
                    name: name.clone(),
                    there: links::names(),
                });
            }
            let same = served
                .iter()
                .find(|it| index.is_some() && it.index() == index);
            if let Some(same) = same {
                let names = [same.name().to_owned(), name.clone()];
                return Err(Error::OneInterface { names });
            }
            served.push(Served::start(name, &watch)?);
        }
        for served in &served {
            if let Some(index) = served.index().filter(|it| watch.leads_out(*it)) {
                container::warn(served.name(), index);
            }
        }
        Ok(Self { watch, served })
    }

    /// The interfaces with the addresses that they have now, in the order in which they were named.
    pub fn links(&self) -> impl Iterator<Item = Link> {
        self.served.iter().map(|it| it.link().clone())
    }

    /// What interfaces have to be waited for now, and why.
    pub fn waiting(&self) -> impl Iterator<Item = (&str, Condition)> {
        let conditions = self
            .served
            .iter()
            .map(|it| (it.name(), it.condition_now(&self.watch)));
        let conditions = conditions.filter_map(|(name, condition)| Some((name, condition?)));
        conditions.filter(|(_, condition)| *condition != Condition::Ready)
    }

    /// Serves until SIGTERM, SIGINT or [`Command::Stop`], which comes through `control`, each interface with the
    /// parts in its place; `reading` is how the configuration is read anew, and `ready` is called when it is time to.
    /// At the end all answers that were decided on are durable and sent.
    ///
    /// # Errors
    /// The disk fails, or the system refuses what a server needs.
    pub fn run(
        self,
        parts: Vec<Parts>,
        control: control::Listener,
        reading: Reading,
        ready: (When, impl FnOnce()),
    ) -> Result<(), Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(system("start the event loop"))?;
        runtime.block_on(self.serve(parts, control, reading, ready))
    }

    async fn serve(
        self,
        parts: Vec<Parts>,
        mut control: control::Listener,
        reading: Reading,
        (when, ready): (When, impl FnOnce()),
    ) -> Result<(), Error> {
        let Self { watch, mut served } = self;
        let mut terminate = signal(SignalKind::terminate()).map_err(system("await SIGTERM"))?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(system("await SIGINT"))?;
        let mut hangup = signal(SignalKind::hangup()).map_err(system("await SIGHUP"))?;
        process::heed_signals().map_err(system("await signals"))?;
        // From here on it says that it serves, and may be told to end.
        let mut tasks = JoinSet::new();
        for (served, (engine, store)) in served.iter_mut().zip(parts) {
            let (sender, orders) = unbounded_channel();
            let service = Service::new(engine, store, orders, Arc::clone(&served.tally))?;
            tasks.spawn(service.serve());
            served.hand_over(sender, &watch);
        }
        let mut changes = Changes::new(watch).map_err(system("listen for changes of links"))?;
        let doors = served.iter_mut().map(|it| it.door.take());
        let doors: Vec<_> = doors.map(|it| it.and_then(awaited)).collect();
        let mut reload = Reload::new(Arc::clone(&reading.read));
        // The configuration was read before anybody listened.
        if (reading.is_outdated)() {
            reload.start();
        }
        let mut readiness = Readiness::new(when, ready);
        readiness.look(&served);
        let mut outcome = Ok(());
        let mut next_try = None;
        loop {
            // Counted from the first refusal on, whatever else happens meanwhile.
            next_try = match served.iter().any(Served::is_refused) {
                true => next_try.or_else(|| Some(Instant::now() + RETRY)),
                false => None,
            };
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
                    reload.start();
                }
                command = control.next() => match command {
                    Command::Reload => reload.start(),
                    Command::Remove(key) => {
                        let removal = Removal::new(key);
                        served.iter().for_each(|it| it.order(Order::Remove(removal.clone())));
                    }
                    Command::Stop => {
                        tracing::info!(origin = "server6_stop", notice = true, "exiting");
                        break;
                    }
                },
                config = reload.next() => {
                    if let Some(config) = config {
                        configure(&served, &Arc::new(config)).await;
                    }
                }
                changed = changes.next(&mut served) => {
                    let readdressed = changed.map_err(system("listen for changes of links"))?;
                    readiness.look(&served);
                    if readdressed && (reading.is_outdated)() {
                        tracing::info!("the addresses have changed, and with them what is given");
                        reload.start();
                    }
                }
                () = at(next_try) => {
                    next_try = None;
                    changes.try_again(&mut served);
                    readiness.look(&served);
                }
                (place, stream) = visitor(&doors) => {
                    if let Some(served) = served.get(place) {
                        health::tell(stream, &served.health());
                    }
                }
                ended = tasks.join_next() => {
                    // None ends unasked but for a reason.
                    outcome = ended.map_or(Ok(()), |it| it.unwrap_or(Err(Error::Service)));
                    break;
                }
            }
        }
        readiness.end();
        // Nobody can order anything any more, so that each service ends.
        drop(served);
        while let Some(ended) = tasks.join_next().await {
            outcome = outcome.and(ended.unwrap_or(Err(Error::Service)));
        }
        outcome
    }
}

/// Has nobody given what a client of another interface holds.
pub fn reconcile(parts: &mut [Parts]) {
    let claims: Vec<Vec<Change>> = match parts {
        [_, _, ..] => parts.iter().map(|(engine, _)| engine.claims()).collect(),
        _ => return,
    };
    for (place, (engine, _)) in parts.iter_mut().enumerate() {
        let others = claims.iter().enumerate().filter(|(of, _)| *of != place);
        others.for_each(|(_, claims)| engine.respect(claims));
    }
}

/// Puts a configuration in force on every interface. What clients of one hold, and another may give now, is kept
/// from it: all of them have the new configuration, and give by it nothing more, before any goes on.
async fn configure(served: &[Served], config: &Arc<Config>) {
    let mut answers = Vec::new();
    for it in served {
        let (others, answer) = channel();
        let others = (served.len() > 1).then_some(others);
        it.order(Order::Configure(Arc::clone(config), others));
        answers.push(answer);
    }
    if served.len() > 1 {
        let mut claims = Vec::new();
        for answer in answers {
            // A service that has ended claims nothing, and the server ends with it.
            claims.push(answer.await.unwrap_or_default());
        }
        for (place, it) in served.iter().enumerate() {
            let others = claims.iter().enumerate().filter(|(of, _)| *of != place);
            let others = others.flat_map(|(_, claims)| claims.iter().copied());
            it.order(Order::Respect(Arc::new(others.collect())));
        }
    }
    tracing::info!(origin = reload::ORIGIN, notice = true, "server reloaded");
}

fn told_to_end(signal: SignalKind) {
    let number = signal.as_raw_value();
    tracing::info!(origin = "server6_signal", "received a signal ({number})");
}

/// Word of links, awaited.
struct Changes(AsyncFd<Watch>);

impl Changes {
    #[expect(
        unsafe_code,
        reason = "tokio leaves it to the caller that the descriptor stays open"
    )]
    fn new(watch: Watch) -> io::Result<Self> {
        // SAFETY: the descriptor of a `Watch` stays open, and stays the same, for as long as the `AsyncFd` owns it.
        let watch = unsafe { AsyncFd::register(watch) }?;
        Ok(Self(watch))
    }

    /// Waits until something has changed and does what has to be done about it. Says whether an interface has other
    /// addresses now.
    ///
    /// Nothing is lost when this is dropped before it is done.
    async fn next(&mut self, served: &mut [Served]) -> io::Result<bool> {
        let mut ready = self.0.readable_mut().await?;
        let watch = ready.get_inner_mut();
        let mut followers: Vec<_> = served
            .iter_mut()
            .map(|it| (it.follower(), Vec::new()))
            .collect();
        // It reads until there is nothing left.
        let surveyed = watch.read(&mut followers)?;
        let steps: Vec<_> = followers.into_iter().map(|(_, steps)| steps).collect();
        let mut readdressed = false;
        for (served, steps) in served.iter_mut().zip(steps) {
            readdressed |= served.take(steps, surveyed, watch);
        }
        ready.clear_ready();
        Ok(readdressed)
    }

    /// Tries once more to have the ports that somebody else had.
    fn try_again(&mut self, served: &mut [Served]) {
        let watch = self.0.get_ref();
        for served in served.iter_mut().filter(|it| it.is_refused()) {
            served.take(Vec::new(), false, watch);
        }
    }
}

/// Waits until that moment; for ever if there is none, so that an idle server does not wake up.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Has the runtime wait for whoever asks about the health of a link.
fn awaited(door: std::os::unix::net::UnixListener) -> Option<UnixListener> {
    let door = UnixListener::from_std(door);
    door.inspect_err(|error| tracing::warn!("cannot tell of the health of a link: {error}"))
        .ok()
}

/// Waits for whoever asks at one of these doors, and says at which. A connection that the system cannot open is lost
/// to the one who asks alone.
async fn visitor(doors: &[Option<UnixListener>]) -> (usize, UnixStream) {
    poll_fn(|context| {
        for (place, door) in doors.iter().enumerate() {
            let Some(door) = door else { continue };
            if let Poll::Ready(Ok((stream, _))) = door.poll_accept(context) {
                return Poll::Ready((place, stream));
            }
        }
        Poll::Pending
    })
    .await
}

fn now() -> Timestamp {
    Timestamp(
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs()),
    )
}
