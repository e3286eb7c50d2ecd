//! Many clients: which of them says something next, when it says it again, and what must not happen to them.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::load::chance::Chance;
use crate::load::client::{Change, Client, Intent, Lease, Step};
use crate::load::message::{Answer, Block};
use crate::load::owners::Owners;

/// After how long a client sends again what was not answered.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often a client is drawn before all are taken to be busy.
const DRAWS_MAX: usize = 16;

/// A lease that a client believes in, and with good reason: a Reply said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promise<'a> {
    /// The client.
    pub duid: &'a [u8],
    /// What it was promised.
    pub lease: Lease,
}

/// A promise that the server's own answers broke.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// Two clients believe in the same address.
    #[error("{block} was given to client {second} while client {first} has it")]
    GivenTwice {
        /// What both believe in.
        block: Block,
        /// The number of the client that had it.
        first: usize,
        /// The number of the client that it was given to.
        second: usize,
    },
    /// A client asked to keep what it has, and may not.
    #[error("{block} was not renewed for client {client}")]
    NotRenewed {
        /// What the client has.
        block: Block,
        /// The number of the client.
        client: usize,
    },
}

/// What has happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages sent, those that were sent again included.
    pub sent: u64,
    /// Messages sent again.
    pub repeated: u64,
    /// Answers that somebody waited for.
    pub answers: u64,
    /// Leases that Replies granted or extended.
    pub granted: u64,
    /// Leases that clients gave back.
    pub released: u64,
}

/// What clients do that have nothing to wait for.
#[derive(Debug)]
enum Plan {
    /// What chance tells them.
    Mix,
    /// Those on the list renew what they have, the others rest.
    RollCall(VecDeque<usize>),
}

/// Many clients, of which some at a time wait for an answer.
#[derive(Debug)]
pub struct Crowd {
    clients: Vec<Client>,
    /// How many may wait at a time.
    window: usize,
    chance: Chance,
    plan: Plan,
    /// Which transactions have a message to send; some are over by then.
    ready: VecDeque<u32>,
    /// Who waits, by transaction.
    waiting: HashMap<u32, usize>,
    /// When which transaction is tried again, soonest first; some are over by then.
    timers: VecDeque<(Duration, u32)>,
    last_transaction: u32,
    owners: Owners,
    breaches: Vec<Breach>,
    tally: Tally,
    message: Vec<u8>,
    changes: Vec<Change>,
}

impl Crowd {
    /// These clients, of which `window` wait for an answer at a time. Chance tells them what to do.
    #[must_use]
    pub fn new(clients: Vec<Client>, window: usize, chance: Chance) -> Self {
        Self {
            clients,
            window,
            chance,
            plan: Plan::Mix,
            ready: VecDeque::new(),
            waiting: HashMap::new(),
            timers: VecDeque::new(),
            last_transaction: 0,
            owners: Owners::default(),
            breaches: Vec::new(),
            tally: Tally::default(),
            message: Vec::new(),
            changes: Vec::new(),
        }
    }

    /// The next message, which is taken to be sent at once; `None` if all that may wait do.
    pub fn next(&mut self, now: Duration) -> Option<&[u8]> {
        self.expire_timers(now);
        if self.ready.is_empty() && self.waiting.len() < self.window {
            self.begin(now);
        }
        let (transaction, number) = loop {
            let transaction = self.ready.pop_front()?;
            if let Some(&number) = self.waiting.get(&transaction) {
                break (transaction, number);
            }
        };
        let client = self.clients.get_mut(number)?;
        for lease in client.send(now, &mut self.message) {
            self.owners.remove((number, lease));
            self.tally.released += 1;
        }
        self.timers.push_back((now + PATIENCE, transaction));
        self.tally.sent += 1;
        Some(&self.message)
    }

    /// When there will be a message to send even if no answer comes.
    #[must_use]
    pub fn due(&self) -> Option<Duration> {
        self.timers.front().map(|(due, _)| *due)
    }

    /// Takes in a datagram. What is no answer, or none that somebody waits for, changes nothing.
    pub fn take(&mut self, now: Duration, datagram: &[u8]) {
        let Some(answer) = Answer::read(datagram) else {
            return;
        };
        let Some(&number) = self.waiting.get(&answer.transaction) else {
            return;
        };
        let next = self.next_transaction();
        let Some(client) = self.clients.get_mut(number) else {
            return;
        };
        let mut changes = std::mem::take(&mut self.changes);
        let step = client.take(now, &answer, next, &mut changes);
        if step != Step::Ignored {
            self.waiting.remove(&answer.transaction);
            self.tally.answers += 1;
        }
        if step == Step::Requests {
            self.waiting.insert(next, number);
            self.ready.push_back(next);
        }
        for change in changes.drain(..) {
            self.note(number, change, now);
        }
        self.changes = changes;
    }

    /// Everybody who waits sends again now: for when a server is there again.
    pub fn hurry(&mut self) {
        for (due, _) in &mut self.timers {
            *due = Duration::ZERO;
        }
    }

    /// From now on, everybody who has something renews it once, and does nothing else after that.
    pub fn call_roll(&mut self) {
        self.plan = Plan::RollCall((0..self.clients.len()).collect());
    }

    /// From now on, clients do what chance tells them.
    pub fn mingle(&mut self) {
        self.plan = Plan::Mix;
    }

    /// Whether a roll call is over.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let called = match &self.plan {
            Plan::Mix => false,
            Plan::RollCall(list) => list.is_empty(),
        };
        called && self.ready.is_empty() && self.waiting.is_empty()
    }

    /// What clients may use then.
    pub fn promises(&self, now: Duration) -> impl Iterator<Item = Promise<'_>> {
        self.clients.iter().flat_map(move |client| {
            let duid = client.duid();
            client.leases(now).map(move |lease| Promise { duid, lease })
        })
    }

    /// The promises that answers broke.
    #[must_use]
    pub fn breaches(&self) -> &[Breach] {
        &self.breaches
    }

    /// What has happened so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    fn expire_timers(&mut self, now: Duration) {
        while let Some(&(due, transaction)) = self.timers.front() {
            if due > now {
                return;
            }
            self.timers.pop_front();
            if self.waiting.contains_key(&transaction) {
                self.ready.push_back(transaction);
                self.tally.repeated += 1;
            }
        }
    }

    /// Has somebody who does not wait set out to do something.
    fn begin(&mut self, now: Duration) {
        let Some((number, intent)) = self.choose(now) else {
            return;
        };
        let transaction = self.next_transaction();
        if let Some(client) = self.clients.get_mut(number) {
            client.begin(intent, transaction, now);
            self.waiting.insert(transaction, number);
            self.ready.push_back(transaction);
        }
    }

    fn choose(&mut self, now: Duration) -> Option<(usize, Intent)> {
        let (clients, chance) = (&self.clients, &mut self.chance);
        let has_leases = |number: usize| {
            let client = clients.get(number);
            client.is_some_and(|client| client.leases(now).next().is_some())
        };
        let is_busy = |number: usize| clients.get(number).is_some_and(Client::is_busy);
        match &mut self.plan {
            Plan::RollCall(list) => {
                // Who is busy is called again when the others have been.
                for _ in 0..list.len() {
                    match list.pop_front()? {
                        number if is_busy(number) => list.push_back(number),
                        number if has_leases(number) => return Some((number, Intent::Renew)),
                        _ => {}
                    }
                }
                None
            }
            Plan::Mix => {
                let mut draws = (0..DRAWS_MAX).map(|_| chance.below(clients.len()));
                let number = draws.find(|number| !is_busy(*number))?;
                let intent = match has_leases(number) {
                    true if chance.one_in(4) => Intent::Release,
                    true => Intent::Renew,
                    false => Intent::Acquire {
                        rapid_commit: chance.one_in(2),
                    },
                };
                Some((number, intent))
            }
        }
    }

    fn note(&mut self, client: usize, change: Change, now: Duration) {
        match change {
            Change::Granted(lease) => {
                self.tally.granted += 1;
                let mut others = self.owners.insert((client, lease));
                others.retain(|(_, other)| other.is_in_force(now));
                let breaches = others.iter().map(|(first, _)| Breach::GivenTwice {
                    block: lease.block,
                    first: *first,
                    second: client,
                });
                self.breaches.extend(breaches);
            }
            Change::Ended(lease) => self.owners.remove((client, lease)),
            Change::NotRenewed(lease) => self.breaches.push(Breach::NotRenewed {
                block: lease.block,
                client,
            }),
        }
    }

    /// A number that no transaction under way has: 24 bits last longer than any of them.
    fn next_transaction(&mut self) -> u32 {
        self.last_transaction = (self.last_transaction + 1) & 0x00ff_ffff;
        self.last_transaction
    }
}
