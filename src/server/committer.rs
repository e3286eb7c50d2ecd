//! The thread that owns the store: it makes a batch durable, sends its answers and hands it back.

use super::batch::{Batch, Outcome};
use super::rarely::Rarely;
use super::report::{self, Name, Peer};
use super::{Error, socket};
use crate::store::{self, LeaseStore};
use std::io;
use std::net::UdpSocket;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Instant;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Where batches go in and come back. Only two batches exist, so neither queue grows.
#[derive(Debug)]
pub(super) struct Committer {
    work: Sender<Work>,
    returns: UnboundedReceiver<Result<Batch, store::Error>>,
    thread: JoinHandle<()>,
}

/// What the thread is handed.
#[derive(Debug)]
enum Work {
    Batch(Batch),
    /// Answers leave here from now on, through the interface with that index; without one they do not leave.
    Port(Option<(UdpSocket, u32)>),
}

impl Committer {
    /// Starts the thread. Answers to clients on the interface of that name leave once there is a port.
    pub(super) fn start(store: Box<dyn LeaseStore>, interface: String) -> io::Result<Self> {
        let (work, incoming) = channel();
        let (outgoing, returns) = unbounded_channel();
        let worker = Worker {
            store,
            port: None,
            interface,
            incoming,
            outgoing,
            full: false,
            refusals: Rarely::default(),
        };
        let thread = std::thread::Builder::new()
            .name("committer".to_owned())
            .spawn(move || worker.run())?;
        Ok(Self {
            work,
            returns,
            thread,
        })
    }

    /// Hands over a batch.
    pub(super) fn commit(&self, batch: Batch) {
        // Why the thread ended, if it did, is for `next` to report.
        let _ = self.work.send(Work::Batch(batch));
    }

    /// Lets answers leave through another socket from now on, or not at all.
    pub(super) fn use_port(&self, port: Option<(UdpSocket, u32)>) {
        let _ = self.work.send(Work::Port(port));
    }

    /// The next batch that comes back.
    ///
    /// # Errors
    /// The disk cannot be trusted any more, or the thread is gone.
    pub(super) async fn next(&mut self) -> Result<Batch, Error> {
        Ok(self.returns.recv().await.ok_or(Error::Committer)??)
    }

    /// Ends the thread once every batch that was handed over is durable and sent.
    ///
    /// # Errors
    /// One of them is not.
    pub(super) fn finish(self) -> Result<(), Error> {
        let Self {
            work,
            mut returns,
            thread,
        } = self;
        drop(work);
        let ended = thread.join();
        while let Ok(returned) = returns.try_recv() {
            returned?;
        }
        ended.map_err(|_| Error::Committer)
    }
}

struct Worker {
    store: Box<dyn LeaseStore>,
    port: Option<(UdpSocket, u32)>,
    interface: String,
    incoming: Receiver<Work>,
    outgoing: UnboundedSender<Result<Batch, store::Error>>,
    /// The store found no room for the last batch, which is said once.
    full: bool,
    /// Answers that the system did not take.
    refusals: Rarely,
}

impl Worker {
    fn run(mut self) {
        while let Ok(work) = self.incoming.recv() {
            let returned = match work {
                Work::Batch(batch) => self.commit(batch),
                Work::Port(port) => {
                    self.port = port;
                    continue;
                }
            };
            let failed = returned.is_err();
            if self.outgoing.send(returned).is_err() || failed {
                return;
            }
        }
    }

    /// Makes a batch durable and sends its answers.
    fn commit(&mut self, mut batch: Batch) -> Result<Batch, store::Error> {
        batch.outcome = Outcome::default();
        match self.store.commit(&batch.outbox.log) {
            Ok(()) => {}
            Err(error @ store::Error::Full { .. }) => {
                if !self.full {
                    tracing::error!("{error}: messages that change leases go unanswered");
                }
                batch.outcome.full = true;
                batch.outcome.withheld = batch.outbox.withhold_promises();
            }
            Err(error @ store::Error::Failed { .. }) => return Err(error),
        }
        self.full = batch.outcome.full;
        self.send(&batch);
        batch.outbox.clear();
        batch.outcome.restate = self.store.wants_restatement();
        Ok(batch)
    }

    fn send(&mut self, batch: &Batch) {
        let Some((socket, index)) = &self.port else {
            return;
        };
        let (interface, refusals) = (&*self.interface, &mut self.refusals);
        socket::send(socket, *index, batch.outbox.answers(), |answer, outcome| {
            let (name, address) = (Name(answer.message_type), answer.to);
            let to = Peer { address, interface };
            match outcome {
                Ok(()) => tracing::debug!(origin = report::SEND, "transmit {name} to {to}"),
                Err(error) => match refusals.count(Instant::now()) {
                    Some(count) => tracing::error!(
                        origin = report::SEND,
                        "transmit {name} to {to} failed: {error} ({count} answers not sent)"
                    ),
                    None => tracing::debug!(
                        origin = report::SEND,
                        "transmit {name} to {to} failed: {error}"
                    ),
                },
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Interface, Lifetimes, Pool, PoolUse};
    use crate::engine::{Arrival, Engine, Link};
    use crate::lease::{ChangeLog, LeaseTable, Secret, Timestamp};
    use crate::wire::{Duid, MessageType, OptionCode, Writer};
    use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};
    use std::path::PathBuf;

    const SERVER: [u8; 4] = [0, 3, 0, 1];

    /// A store that has only one thing to say.
    struct Says(fn() -> Result<(), store::Error>);

    impl LeaseStore for Says {
        fn commit(&mut self, _: &ChangeLog) -> Result<(), store::Error> {
            (self.0)()
        }

        fn wants_restatement(&self) -> bool {
            false
        }
    }

    fn source() -> io::Error {
        io::Error::from(io::ErrorKind::Other)
    }

    fn full() -> Result<(), store::Error> {
        Err(store::Error::Full {
            path: PathBuf::from("leases"),
            source: source(),
        })
    }

    fn broken() -> Result<(), store::Error> {
        let path = PathBuf::from("leases");
        Err(store::Error::Failed {
            operation: "sync",
            path,
            source: source(),
        })
    }

    /// A message that asks, through a relay agent that listens at its own port, for what the type gives.
    fn relayed(message_type: MessageType) -> Vec<u8> {
        let mut octets = Vec::new();
        let mut writer = Writer::new(&mut octets);
        let unspecified = Ipv6Addr::UNSPECIFIED;
        writer.relay_message(
            MessageType::RELAY_FORWARD,
            0,
            unspecified,
            Ipv6Addr::LOCALHOST,
        );
        let inner = writer.open(OptionCode::RELAY_MESSAGE);
        writer.message(message_type, [0, 0, message_type.0]);
        writer.option(OptionCode::CLIENT_ID, &[0, 3, 0, 1, 2]);
        if message_type == MessageType::REQUEST {
            writer.option(OptionCode::SERVER_ID, &SERVER);
            let ia = writer.open_ia(OptionCode::IA_NA, 1, 0, 0);
            writer.close(ia);
        }
        writer.close(inner);
        writer.option(OptionCode::RELAY_PORT, &[0, 0]);
        writer.finish().expect("a small message");
        octets
    }

    /// A batch with a Reply that promises an address and one that promises nothing, for that agent.
    fn batch(agent: SocketAddrV6) -> Batch {
        let lifetimes = Lifetimes {
            preferred_secs: 10,
            valid_secs: 20,
        };
        let config = Config {
            interfaces: vec![Interface {
                name: "lo".to_owned(),
                preference: None,
                rapid_commit: false,
                pool: Some(PoolUse { pool: 0, lifetimes }),
                prefix_pool: None,
            }],
            pools: vec![Pool {
                name: "lan".to_owned(),
                first: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1),
                last: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9),
            }],
            ..Config::default()
        };
        let link = Link {
            name: "lo".to_owned(),
            addresses: Vec::new(),
            claimed: Vec::new(),
        };
        let server = Duid::new(&SERVER).expect("a DUID");
        let secret = Secret::new([0; Secret::LEN]);
        let mut engine = Engine::new(server, &secret, config, link, LeaseTable::default());
        let mut batch = Batch::new();
        for message_type in [MessageType::REQUEST, MessageType::INFORMATION_REQUEST] {
            let payload = relayed(message_type);
            let destination = Ipv6Addr::LOCALHOST;
            let arrival = Arrival {
                payload: &payload,
                source: agent,
                destination,
            };
            engine
                .handle(Timestamp(1), &arrival, &mut batch.outbox)
                .expect("an answer");
        }
        batch
    }

    /// What comes back from a store that says this, and the last octets of the transaction ids of the
    /// answers that left.
    fn commit(says: fn() -> Result<(), store::Error>) -> (Result<Batch, Error>, Vec<u8>) {
        let agent = UdpSocket::bind("[::1]:0").expect("a socket");
        agent
            .set_nonblocking(true)
            .expect("a socket that does not wait");
        let SocketAddr::V6(address) = agent.local_addr().expect("an address") else {
            panic!("an IPv6 socket has an IPv6 address")
        };
        let sender = UdpSocket::bind("[::1]:0").expect("a socket");
        let loopback = nix::net::if_::if_nametoindex("lo").expect("loopback");
        let mut committer =
            Committer::start(Box::new(Says(says)), "lo".to_owned()).expect("a thread");
        committer.use_port(Some((sender, loopback)));
        committer.commit(batch(address));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let returned = runtime.block_on(committer.next());
        committer.finish().expect("nothing else is under way");
        let mut left = Vec::new();
        let mut buffer = [0; 2048];
        while let Ok(len) = agent.recv(&mut buffer) {
            // Behind 34 octets of relay header and 4 of the option: message type and transaction id.
            left.push(
                buffer
                    .get(..len)
                    .and_then(|it| it.get(41))
                    .copied()
                    .expect("an answer"),
            );
        }
        (returned, left)
    }

    #[test]
    fn answers_leave_once_the_changes_are_durable() {
        let (returned, left) = commit(|| Ok(()));
        assert!(returned.is_ok_and(|it| it.outbox.is_empty() && !it.outcome.full));
        assert_eq!(
            left,
            [MessageType::REQUEST.0, MessageType::INFORMATION_REQUEST.0]
        );
    }

    #[test]
    fn a_full_disk_keeps_back_what_promises_and_nothing_else() {
        let (returned, left) = commit(full);
        let outcome = returned.expect("a batch").outcome;
        assert!(outcome.full && outcome.withheld == 1, "{outcome:?}");
        assert_eq!(left, [MessageType::INFORMATION_REQUEST.0]);
    }

    #[test]
    fn a_disk_that_fails_lets_nothing_leave() {
        let (returned, left) = commit(broken);
        assert!(returned.is_err_and(|error| error.to_string().contains("sync leases")));
        assert_eq!(left, []);
    }

    /// What is said at the end when a batch is under way by then.
    fn end(says: fn() -> Result<(), store::Error>) -> Result<(), Error> {
        let committer = Committer::start(Box::new(Says(says)), String::new()).expect("a thread");
        committer.commit(Batch::new());
        committer.finish()
    }

    #[test]
    fn a_failure_of_the_last_batch_is_reported() {
        assert!(end(|| Ok(())).is_ok());
        assert!(matches!(end(broken), Err(Error::Store(_))));
    }

    #[test]
    fn a_thread_that_is_gone_is_reported_and_not_waited_for() {
        assert!(matches!(end(|| panic!("a defect")), Err(Error::Committer)));
        let store = Box::new(Says(|| panic!("a defect")));
        let mut committer = Committer::start(store, String::new()).expect("a thread");
        committer.commit(Batch::new());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let returned = runtime.block_on(committer.next());
        assert!(matches!(returned, Err(Error::Committer)));
    }
}
