//! The engine at work: a batch in, what it leads to and what is said of it out.
//!
//! Not here: where batches come from and go to (`service`).

use super::batch::{Batch, Outcome};
use super::rarely::Rarely;
use super::report::{self, Peer};
use crate::engine::{Arrival, DropReason, Engine, Outbox, Verdict};
use crate::lease::{ChangeLog, Record, Timestamp};
use std::time::Instant;

/// Leases that are stated again with each batch while the store wants it.
const RESTATE_COUNT: usize = 256;

/// The engine, and what it has to know of the store.
pub(super) struct Decider {
    pub(super) engine: Engine,
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
    pub(super) fn new(engine: Engine) -> Self {
        Self {
            engine,
            full: false,
            restatement: Restatement::Idle,
            lacks: Rarely::default(),
            expired: Rarely::default(),
        }
    }

    /// Decides on everything in a batch. Says whether the batch has to be committed.
    pub(super) fn decide(&mut self, now: Timestamp, batch: &mut Batch) -> bool {
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
    pub(super) fn take_note(&mut self, outcome: Outcome) {
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
