//! What the operator asks of a running server, by a signal or through the control channel.

use super::batch::Batch;
use super::reload::{ReadConfig, Reload};
use super::report;
use crate::control::Command;
use crate::engine::Engine;
use crate::lease::{IaKey, Record, Timestamp};
use std::ops::ControlFlow;
use std::sync::Arc;

/// What was asked for and is not done yet.
pub(super) struct Commands {
    pub(super) reload: Reload,
    /// Bindings to forget with the next batch that is idle.
    removals: Vec<IaKey>,
}

impl Commands {
    pub(super) fn new(read: Arc<ReadConfig>) -> Self {
        Self {
            reload: Reload::new(read),
            removals: Vec::new(),
        }
    }

    /// Takes a command. Says whether the server goes on.
    pub(super) fn take(&mut self, command: Command) -> ControlFlow<()> {
        match command {
            Command::Reload => self.reload.start(),
            Command::Remove(key) => self.removals.push(key),
            Command::Stop => {
                tracing::info!(origin = "server6_stop", notice = true, "exiting");
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }

    /// Whether bindings are still to be forgotten, which takes an idle batch.
    pub(super) fn wants_batch(&self) -> bool {
        !self.removals.is_empty()
    }

    /// Forgets the bindings that are to be forgotten. The batch, which is idle, has the changes then. Says
    /// whether there are any.
    pub(super) fn fill(&mut self, engine: &mut Engine, now: Timestamp, batch: &mut Batch) -> bool {
        for key in self.removals.drain(..) {
            let log = &mut batch.outbox.log;
            engine.observe(tracing::enabled!(tracing::Level::INFO));
            let logged = log.records().len();
            if engine.remove(now, &key, log) == 0 {
                tracing::info!(origin = "server6_do_ctlcommand", "no such binding: {key}");
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

    fn commands() -> Commands {
        Commands::new(Arc::new(|| None))
    }

    #[test]
    fn only_a_binding_that_there_is_makes_a_batch() {
        let (mut commands, mut engine) = (commands(), engine());
        for (iaid, fills) in [(2, false), (1, true), (1, false)] {
            assert!(commands.take(Command::Remove(key(iaid))).is_continue());
            assert!(commands.wants_batch());
            let mut batch = Batch::new();
            assert_eq!(commands.fill(&mut engine, Timestamp(9), &mut batch), fills);
            assert_eq!(batch.outbox.log.count(), usize::from(fills));
            assert!(!commands.wants_batch());
        }
    }

    #[test]
    fn only_a_stop_ends_the_server() {
        let mut commands = commands();
        for (command, ends) in [
            (Command::Reload, false),
            (Command::Remove(key(1)), false),
            (Command::Stop, true),
        ] {
            assert_eq!(commands.take(command).is_break(), ends);
        }
        assert!(
            commands.wants_batch(),
            "what was asked for before is still to be done"
        );
    }
}
