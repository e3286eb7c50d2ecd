//! The thread that owns the store: it makes a batch durable, sends its answers and hands it back.

use super::batch::{Batch, Outcome};
use super::socket;
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
        // The thread ends early only after an error, which `next` reports.
        let _ = self.batches.send(batch);
    }

    /// The next batch that comes back, or why the disk cannot be trusted any more.
    pub(super) async fn next(&mut self) -> Option<Result<Batch, store::Error>> {
        self.returns.recv().await
    }

    /// Ends the thread once every batch that was handed over is durable and sent.
    pub(super) fn finish(self) {
        drop(self.batches);
        let _ = self.thread.join();
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
