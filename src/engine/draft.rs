//! `Draft`: what one answer will say and change, before either happens.

use super::Event;
use super::authenticate::Session;
use super::times::{self, Times};
use crate::config::Lifetimes;
use crate::lease::{Change, IaKey, IaKind, Lease, LeaseState, Prefix, Timestamp};
use crate::wire::StatusCode;

/// How long an infinite lease goes on after the configuration has taken it from its holder: a day.
const RETIRED_SECS: u32 = 86_400;

/// The decisions on one message. Reused, so that drafting allocates nothing once it has grown.
#[derive(Debug)]
pub(super) struct Draft {
    now: Timestamp,
    ias: Vec<DraftIa>,
    leases: Vec<DraftLease>,
    changes: Vec<Change>,
    /// The status of the whole message.
    pub(super) status: Option<StatusCode>,
    /// Whether the answer carries Rapid Commit.
    pub(super) rapid_commit: bool,
    /// The value of the Preference option.
    pub(super) preference: Option<u8>,
    /// Whether the configured options accompany the answer.
    pub(super) with_options: bool,
    /// What authentication means for it.
    pub(super) session: Session,
    /// Whether anybody wants to know of events.
    pub(super) observed: bool,
    pub(super) events: Vec<Event>,
}

/// One IA of the answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct DraftIa {
    pub(super) kind: IaKind,
    pub(super) iaid: u32,
    pub(super) status: Option<StatusCode>,
    /// Where its leases start; they end where those of the next IA start.
    first_lease: usize,
}

/// One lease of the answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct DraftLease {
    pub(super) prefix: Prefix,
    /// Both zero tells the client to stop using it.
    pub(super) lifetimes: Lifetimes,
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            now: Timestamp(0),
            ias: Vec::new(),
            leases: Vec::new(),
            changes: Vec::new(),
            status: None,
            rapid_commit: false,
            preference: None,
            with_options: false,
            session: Session::default(),
            observed: false,
            events: Vec::new(),
        }
    }
}

impl Draft {
    /// Begins an answer at that time.
    pub(super) fn begin(&mut self, now: Timestamp) {
        self.now = now;
        self.ias.clear();
        self.leases.clear();
        self.changes.clear();
        self.status = None;
        self.rapid_commit = false;
        self.preference = None;
        self.with_options = false;
        self.session = Session::default();
        self.events.clear();
    }

    /// The time of the answer.
    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// Notes an event, if anybody wants to know.
    pub(super) fn note(&mut self, event: Event) {
        if self.observed {
            self.events.push(event);
        }
    }

    /// Begins an IA of the answer; the leases that follow are its.
    pub(super) fn begin_ia(&mut self, key: &IaKey) {
        let first_lease = self.leases.len();
        self.ias.push(DraftIa {
            kind: key.kind,
            iaid: key.iaid,
            status: None,
            first_lease,
        });
    }

    /// Sets the status of the IA at hand.
    pub(super) fn set_ia_status(&mut self, status: StatusCode) {
        if let Some(ia) = self.ias.last_mut() {
            ia.status = Some(status);
        }
    }

    /// Says that nothing can be given to the IA at hand.
    pub(super) fn set_none_available(&mut self, kind: IaKind) {
        self.set_ia_status(match kind {
            IaKind::Na => StatusCode::NO_ADDRS_AVAIL,
            IaKind::Pd => StatusCode::NO_PREFIX_AVAIL,
        });
    }

    /// Grants a lease in the IA at hand, newly or, if the client `held` it, once more. It ends no sooner than
    /// the client was told before, since nobody knows whether this answer reaches it.
    pub(super) fn grant(
        &mut self,
        key: &IaKey,
        prefix: Prefix,
        lifetimes: Lifetimes,
        held: Option<Lease<'_>>,
    ) {
        let told = held.map_or(self.now, |lease| self.end_of(lease));
        self.leases.push(DraftLease { prefix, lifetimes });
        self.changes.push(Change {
            prefix,
            holder: *key,
            state: LeaseState::Active,
            changed: self.now,
            preferred_until: self.now.after(lifetimes.preferred_secs),
            valid_until: self.now.after(lifetimes.valid_secs).max(told),
        });
    }

    /// Tells the client to stop using a lease, whosever it is.
    pub(super) fn zero(&mut self, prefix: Prefix) {
        if !self.mentions(prefix) {
            let lifetimes = Lifetimes {
                preferred_secs: 0,
                valid_secs: 0,
            };
            self.leases.push(DraftLease { prefix, lifetimes });
        }
    }

    /// Extends a lease no more. The client may use it for as long as it was told, since nobody knows whether
    /// this answer reaches it; only a lease without an end gets one.
    pub(super) fn retire(&mut self, lease: Lease<'_>) {
        let valid_until = self.end_of(lease);
        if valid_until != lease.valid_until() {
            self.changes.push(Change {
                preferred_until: self.now,
                valid_until,
                ..lease.change()
            });
        }
    }

    /// Until when the holder of a lease may use it after what it was told so far. One that was told of no end
    /// hears of one within a day, if it is there.
    fn end_of(&self, lease: Lease<'_>) -> Timestamp {
        match lease.valid_until() {
            Timestamp::NEVER => self.now.after(RETIRED_SECS),
            until => until,
        }
    }

    /// Ends an active lease of that binding.
    pub(super) fn end(&mut self, key: &IaKey, prefix: Prefix, state: LeaseState, secs: u32) {
        self.changes.push(Change {
            prefix,
            holder: *key,
            state,
            changed: self.now,
            preferred_until: self.now,
            valid_until: self.now.after(secs),
        });
    }

    /// Makes an offer of it: nothing is promised, so nothing changes.
    pub(super) fn drop_changes(&mut self) {
        self.changes.clear();
    }

    /// Whether the answer grants something that overlaps that block.
    pub(super) fn promises(&self, prefix: Prefix) -> bool {
        let (first, last) = prefix.bounds();
        self.leases
            .iter()
            .filter(|lease| lease.is_granted())
            .any(|lease| {
                let (start, end) = lease.prefix.bounds();
                start <= last && first <= end
            })
    }

    /// Whether the IA at hand lists that lease already.
    fn mentions(&self, prefix: Prefix) -> bool {
        let first = self.ias.last().map_or(0, |ia| ia.first_lease);
        self.leases
            .iter()
            .skip(first)
            .any(|lease| lease.prefix == prefix)
    }

    /// Whether the IA at hand grants anything.
    pub(super) fn grants_in_ia(&self) -> bool {
        let first = self.ias.last().map_or(0, |ia| ia.first_lease);
        self.leases.iter().skip(first).any(DraftLease::is_granted)
    }

    /// Whether any IA grants anything.
    pub(super) fn grants(&self) -> bool {
        self.leases.iter().any(DraftLease::is_granted)
    }

    /// The IAs of that kind, each with its leases.
    pub(super) fn ias(&self, kind: IaKind) -> impl Iterator<Item = (&DraftIa, &[DraftLease])> {
        self.ias
            .iter()
            .enumerate()
            .filter(move |(_, ia)| ia.kind == kind)
            .map(|(index, ia)| {
                let end = self
                    .ias
                    .get(index + 1)
                    .map_or(self.leases.len(), |next| next.first_lease);
                (ia, self.leases.get(ia.first_lease..end).unwrap_or_default())
            })
    }

    /// Whether the IA at hand says anything at all.
    pub(super) fn says_in_ia(&self) -> bool {
        self.ias
            .last()
            .is_some_and(|ia| ia.status.is_some() || self.leases.len() > ia.first_lease)
    }

    /// Whether nothing is available for some IA.
    pub(super) fn lacks(&self) -> bool {
        let lack = [
            Some(StatusCode::NO_ADDRS_AVAIL),
            Some(StatusCode::NO_PREFIX_AVAIL),
        ];
        self.ias.iter().any(|ia| lack.contains(&ia.status))
    }

    /// T1 and T2 for all IAs.
    pub(super) fn times(&self) -> Times {
        let granted = self.leases.iter().filter(|lease| lease.is_granted());
        times::renewal(granted.map(|lease| lease.lifetimes))
    }

    /// Whether there is anything that has to be durable before the answer leaves.
    pub(super) fn needs_store(&self) -> bool {
        !self.changes.is_empty() || self.session.counter.is_some()
    }

    /// What the answer changes.
    pub(super) fn changes(&self) -> &[Change] {
        &self.changes
    }
}

impl DraftLease {
    fn is_granted(&self) -> bool {
        self.lifetimes.valid_secs > 0
    }
}
