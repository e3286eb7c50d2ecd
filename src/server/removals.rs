//! Bindings that the operator wants forgotten, through the control channel, on whichever interface they are.

use super::batch::Batch;
use super::report;
use crate::engine::Engine;
use crate::lease::{IaKey, Record, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A binding to forget, on whichever interface it is.
#[derive(Clone, Debug)]
pub(super) struct Removal(Arc<Sought>);

#[derive(Debug)]
struct Sought {
    key: IaKey,
    found: AtomicBool,
}

impl Removal {
    pub(super) fn new(key: IaKey) -> Self {
        let found = AtomicBool::new(false);
        Self(Arc::new(Sought { key, found }))
    }
}

impl Drop for Sought {
    /// By now every interface has been looked at.
    fn drop(&mut self) {
        if !*self.found.get_mut() {
            let key = &self.key;
            tracing::info!(origin = "server6_do_ctlcommand", "no such binding: {key}");
        }
    }
}

/// The bindings that one interface has to forget with the next batch that is idle.
#[derive(Debug, Default)]
pub(super) struct Removals(Vec<Removal>);

impl Removals {
    pub(super) fn push(&mut self, removal: Removal) {
        self.0.push(removal);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Forgets them. The batch, which is idle, has the changes then. Says whether there are any.
    pub(super) fn fill(&mut self, engine: &mut Engine, now: Timestamp, batch: &mut Batch) -> bool {
        for Removal(sought) in self.0.drain(..) {
            let log = &mut batch.outbox.log;
            engine.observe(tracing::enabled!(tracing::Level::INFO));
            let logged = log.records().len();
            if engine.remove(now, &sought.key, log) > 0 {
                sought.found.store(true, Ordering::Relaxed);
            }
            let mut records = log.records().get(logged..).unwrap_or_default();
            while let Ok((Record::Lease(gone), rest)) = Record::read(records) {
                let (prefix, holder) = (gone.prefix, gone.holder);
                tracing::info!("removed by the operator: {prefix} of {holder}");
                records = rest;
            }
            report::brought_about(engine.events(), true);
        }
        !batch.outbox.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::engine::Link;
    use crate::lease::{Change, IaKind, LeaseState, LeaseTable, Prefix, Secret};
    use crate::wire::Duid;
    use std::net::Ipv6Addr;

    fn key(iaid: u32) -> IaKey {
        let duid = Duid::new(&[0, 3, 0, 1, 2]).expect("a DUID");
        let kind = IaKind::Na;
        IaKey { duid, kind, iaid }
    }

    fn engine() -> Engine {
        let mut table = LeaseTable::default();
        table.apply(&Change {
            prefix: Prefix::host(Ipv6Addr::LOCALHOST),
            holder: key(1),
            state: LeaseState::Active,
            changed: Timestamp(1),
            preferred_until: Timestamp(20),
            valid_until: Timestamp(30),
        });
        let (secret, config) = (Secret::new([0; Secret::LEN]), Config::default());
        Engine::new(key(0).duid, &secret, config, Link::default(), table)
    }

    #[test]
    fn only_a_binding_that_there_is_makes_a_batch() {
        let (mut removals, mut engine) = (Removals::default(), engine());
        for (iaid, fills) in [(2, false), (1, true), (1, false)] {
            let removal = Removal::new(key(iaid));
            removals.push(removal.clone());
            assert!(!removals.is_empty());
            let mut batch = Batch::new();
            assert_eq!(removals.fill(&mut engine, Timestamp(9), &mut batch), fills);
            assert_eq!(batch.outbox.log.count(), usize::from(fills));
            assert!(removals.is_empty());
            assert_eq!(removal.0.found.load(Ordering::Relaxed), fills);
        }
    }
}
