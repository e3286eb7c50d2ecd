//! What a message did to bindings, for whoever tells people. Noted only while somebody wants to know; nothing is
//! decided here.

use super::Engine;
use super::draft::Draft;
use crate::lease::{Change, ChangeLog, IaKey, Lease, LeaseState, LeaseTable, Prefix, Timestamp};
use crate::wire::Duid;
use std::collections::HashSet;

/// Something that a message, or the time that has passed since the one before it, brought about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// A binding came to be.
    Added(Binding),
    /// A lease of a binding was extended, or it got another one.
    Updated(Binding),
    /// A binding lost its last lease.
    Removed(Binding),
    /// The time of an address or prefix has passed.
    Expired(Prefix, Binding),
    /// A client wants to extend what it has no binding for.
    NoBinding(Duid),
    /// The pool that an address was to come from has none left.
    PoolEmpty,
}

impl Event {
    /// The client, if it wants to extend what it has no binding for.
    #[must_use]
    pub fn without_binding(&self) -> Option<Duid> {
        match self {
            Self::NoBinding(duid) => Some(*duid),
            Self::Added(_)
            | Self::Updated(_)
            | Self::Removed(_)
            | Self::Expired(..)
            | Self::PoolEmpty => None,
        }
    }
}

/// A binding as the log names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Binding {
    /// Whose it is.
    pub holder: IaKey,
    /// The shortest valid lifetime of its leases; [`Timestamp::INFINITY_SECS`] stands for one without an end.
    pub duration_secs: u32,
}

impl Engine {
    /// Says whether [`Engine::events`] has anything to tell from the next message on.
    pub fn observe(&mut self, observed: bool) {
        self.draft.observed = observed;
    }

    /// What the last message brought about, in that order. Empty unless that is observed.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.draft.events
    }

    /// Applies and logs what a draft changes.
    pub(super) fn apply(&mut self, draft: &mut Draft, log: &mut ChangeLog) {
        let before = match draft.observed {
            true => bindings(&self.table, draft.changes()),
            false => Vec::new(),
        };
        for change in draft.changes() {
            self.table.apply(change);
            log.push(change);
        }
        if let Some(counter) = &draft.session.counter {
            self.table.set_counter(counter);
            log.push_counter(counter);
        }
        for (holder, before) in before {
            let granted = || {
                let mut changes = draft.changes().iter();
                changes.any(|it| it.holder == holder && it.state == LeaseState::Active)
            };
            let event = match (before, binding(&self.table, &holder)) {
                (None, Some(now)) => Event::Added(now),
                (Some(_), Some(now)) if granted() => Event::Updated(now),
                (Some(before), None) => Event::Removed(before),
                _ => continue,
            };
            draft.events.push(event);
        }
    }

    /// Lets time take its course.
    pub(super) fn expire(&mut self, now: Timestamp, draft: &mut Draft) {
        if !draft.observed {
            return self.table.expire(now);
        }
        let active = |lease: &Lease<'_>| lease.state() == LeaseState::Active;
        let due = self.table.due(now).filter(active);
        let due: Vec<_> = due.map(|it| (it.prefix(), describe(it))).collect();
        self.table.expire(now);
        // From the last one on, so that a binding is gone behind its last lease.
        let mut gone = HashSet::new();
        for &(prefix, binding) in due.iter().rev() {
            if self.table.active(&binding.holder).next().is_none() && gone.insert(binding.holder) {
                draft.events.push(Event::Removed(binding));
            }
            draft.events.push(Event::Expired(prefix, binding));
        }
        draft.events.reverse();
    }
}

/// The bindings that the changes are about, each once and as it is before them; `None` if there is none.
fn bindings(table: &LeaseTable, changes: &[Change]) -> Vec<(IaKey, Option<Binding>)> {
    let mut found: Vec<(IaKey, Option<Binding>)> = Vec::new();
    for change in changes {
        if found.iter().all(|(holder, _)| *holder != change.holder) {
            found.push((change.holder, binding(table, &change.holder)));
        }
    }
    found
}

fn binding(table: &LeaseTable, holder: &IaKey) -> Option<Binding> {
    let leases = table.active(holder).map(describe);
    leases.min_by_key(|it| it.duration_secs)
}

fn describe(lease: Lease<'_>) -> Binding {
    let change = lease.change();
    let secs = change.valid_until.0.saturating_sub(change.changed.0);
    Binding {
        holder: change.holder,
        // A lifetime without an end is longer than the field has room for.
        duration_secs: u32::try_from(secs).unwrap_or(Timestamp::INFINITY_SECS),
    }
}
