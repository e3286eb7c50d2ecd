//! The thread that owns the store: it makes a batch durable, sends its answers and hands it back.

use super::batch::{Batch, Outcome};
use super::{Error, socket};
use crate::store::{self, LeaseStore};
use std::io;
use std::net::UdpSocket;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Where batches go in and come back. Only two batches exist, so neither queue grows.
#[derive(Debug)]
pub(super) struct Committer {
    batches: Sender<Batch>,
    returns: UnboundedReceiver<Result<Batch, store::Error>>,
    thread: JoinHandle<()>,
}

impl Committer {
    /// Starts the thread. Answers leave through `socket` and the interface with that index.
    pub(super) fn start(
        store: Box<dyn LeaseStore>,
        socket: UdpSocket,
        index: u32,
    ) -> io::Result<Self> {
        let (batches, incoming) = channel();
        let (outgoing, returns) = unbounded_channel();
        let worker = Worker {
            store,
            socket,
            index,
            incoming,
            outgoing,
            full: false,
        };
        let thread = std::thread::Builder::new()
            .name("committer".to_owned())
            .spawn(move || worker.run())?;
        Ok(Self {
            batches,
            returns,
            thread,
        })
    }

    /// Hands over a batch.
    pub(super) fn commit(&self, batch: Batch) {
        // Why the thread ended, if it did, is for `next` to report.
        let _ = self.batches.send(batch);
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
            batches,
            mut returns,
            thread,
        } = self;
        drop(batches);
        let ended = thread.join();
        while let Ok(returned) = returns.try_recv() {
            returned?;
        }
        ended.map_err(|_| Error::Committer)
    }
}

struct Worker {
    store: Box<dyn LeaseStore>,
    socket: UdpSocket,
    index: u32,
    incoming: Receiver<Batch>,
    outgoing: UnboundedSender<Result<Batch, store::Error>>,
    /// The store found no room for the last batch, which is said once.
    full: bool,
}

impl Worker {
    fn run(mut self) {
        while let Ok(mut batch) = self.incoming.recv() {
            let returned = match self.store.commit(&batch.outbox.log) {
                Ok(()) => {
                    batch.outcome = Outcome::default();
                    Ok(batch)
                }
                Err(error @ store::Error::Full { .. }) => {
                    if !self.full {
                        tracing::error!("{error}: messages that change leases go unanswered");
                    }
                    batch.outcome = Outcome {
                        full: true,
                        withheld: batch.outbox.withhold_promises(),
                        restate: false,
                    };
                    Ok(batch)
                }
                Err(error @ store::Error::Failed { .. }) => Err(error),
            };
            let failed = returned.is_err();
            self.full = returned.as_ref().is_ok_and(|batch| batch.outcome.full);
            let returned = returned.map(|mut batch| {
                self.send(&batch);
                batch.outbox.clear();
                batch.outcome.restate = self.store.wants_restatement();
                batch
            });
            if self.outgoing.send(returned).is_err() || failed {
                return;
            }
        }
    }

    fn send(&self, batch: &Batch) {
        socket::send(
            &self.socket,
            self.index,
            batch.outbox.answers(),
            |answer, error| {
                tracing::error!("transmit to {} failed: {error}", answer.to);
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::ChangeLog;

    /// A store on a disk that fails, or that goes wrong itself.
    struct Broken {
        panics: bool,
    }

    impl LeaseStore for Broken {
        fn commit(&mut self, _log: &ChangeLog) -> Result<(), store::Error> {
            assert!(!self.panics, "a defect");
            Err(store::Error::Failed {
                operation: "sync",
                path: "disk".into(),
                source: io::ErrorKind::Other.into(),
            })
        }

        fn wants_restatement(&self) -> bool {
            false
        }
    }

    fn committer(panics: bool) -> Committer {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let committer = Committer::start(Box::new(Broken { panics }), socket, 0).expect("a thread");
        committer.commit(Batch::new());
        committer
    }

    fn next(mut committer: Committer) -> Result<Batch, Error> {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime")
            .block_on(committer.next())
    }

    #[test]
    fn a_disk_that_fails_is_reported_by_the_last_batch_too() {
        assert!(matches!(next(committer(false)), Err(Error::Store(_))));
        assert!(matches!(committer(false).finish(), Err(Error::Store(_))));
    }

    #[test]
    fn a_thread_that_is_gone_is_not_waited_for() {
        assert!(matches!(next(committer(true)), Err(Error::Committer)));
        assert!(matches!(committer(true).finish(), Err(Error::Committer)));
    }
}
