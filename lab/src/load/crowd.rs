//! Many clients: which of them says something next, when it says it again, and what must not happen to them.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::time::Duration;

use crate::load::chance::Chance;
use crate::load::client::{Change, Client, Intent, Lease, Step};
use crate::load::message::{Answer, Block, Kind};
use crate::load::orders::Orders;
use crate::load::owners::Owners;
use crate::load::pace::{Next, Pace, Patience, Retransmission};
use crate::load::tally::Tally;

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

/// What clients do that have nothing to wait for.
#[derive(Debug)]
enum Plan {
    /// What chance tells them: they get leases, keep them, and give them back.
    Mix,
    /// Those on the list renew what they have, the others rest.
    RollCall(VecDeque<usize>),
    /// What they are told to.
    Orders(Orders),
    /// Nothing.
    Rest,
}

/// A message that is to be answered.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    /// The number of the client.
    client: usize,
    /// When the exchange was to set out that it belongs to.
    since: Duration,
    retransmission: Retransmission,
}

/// Many clients, of which some at a time wait for an answer.
#[derive(Debug)]
pub struct Crowd {
    clients: Vec<Client>,
    pace: Pace,
    patience: Patience,
    chance: Chance,
    plan: Plan,
    /// The exchange that the pace counts from as number 0, and when that was.
    start: Option<(u64, Duration)>,
    /// Which transactions have a message to send; some are over by then.
    ready: VecDeque<u32>,
    /// Who waits, by transaction.
    waiting: HashMap<u32, Waiting>,
    /// When which transaction is tried again, soonest first; some are over by then.
    timers: BinaryHeap<Reverse<(Duration, u32)>>,
    last_transaction: u32,
    owners: Owners,
    breaches: Vec<Breach>,
    tally: Tally,
    message: Vec<u8>,
    changes: Vec<Change>,
}

impl Crowd {
    /// These clients. Chance tells them what to do, at that pace.
    #[must_use]
    pub fn new(clients: Vec<Client>, pace: Pace, patience: Patience, chance: Chance) -> Self {
        Self {
            clients,
            pace,
            patience,
            chance,
            plan: Plan::Mix,
            start: None,
            ready: VecDeque::new(),
            waiting: HashMap::new(),
            timers: BinaryHeap::new(),
            last_transaction: 0,
            owners: Owners::default(),
            breaches: Vec::new(),
            tally: Tally::default(),
            message: Vec::new(),
            changes: Vec::new(),
        }
    }

    /// The next message, which is taken to be sent at once; `None` if there is nothing to say now.
    pub fn next(&mut self, now: Duration) -> Option<&[u8]> {
        self.expire_timers(now);
        if self.ready.is_empty() {
            self.begin(now);
        }
        loop {
            let transaction = self.ready.pop_front()?;
            let Some(waiting) = self.waiting.get_mut(&transaction) else {
                continue;
            };
            let number = waiting.client;
            let client = self.clients.get_mut(number)?;
            let kind = client.waits_for()?;
            let next = waiting
                .retransmission
                .next(self.patience, kind, &mut self.chance);
            let Next::Again(wait) = next else {
                self.give_up(transaction, kind, now);
                continue;
            };
            for lease in client.send(now, &mut self.message) {
                self.owners.remove((number, lease));
                self.tally.released += 1;
            }
            self.timers.push(Reverse((now + wait, transaction)));
            self.tally.sent += 1;
            return Some(&self.message);
        }
    }

    /// When there will be a message to send even if no answer comes.
    #[must_use]
    pub fn due(&self) -> Option<Duration> {
        let timer = self.timers.peek().map(|Reverse((due, _))| *due);
        let begins = match &self.plan {
            Plan::Rest => None,
            // Nobody is there to set out before somebody is done.
            Plan::Orders(orders) if orders.is_exhausted() => None,
            Plan::Mix | Plan::RollCall(_) | Plan::Orders(_) => self.sets_out(),
        };
        timer.into_iter().chain(begins).min()
    }

    /// Takes in a datagram. What is no answer, or none that somebody waits for, changes nothing.
    pub fn take(&mut self, now: Duration, datagram: &[u8]) {
        let Some(answer) = Answer::read(datagram) else {
            return;
        };
        let Some(&waiting) = self.waiting.get(&answer.transaction) else {
            self.tally.unwanted += 1;
            return;
        };
        let number = waiting.client;
        let next = self.next_transaction();
        let Some(client) = self.clients.get_mut(number) else {
            return;
        };
        let mut changes = std::mem::take(&mut self.changes);
        let step = client.take(now, &answer, next, &mut changes);
        match step {
            Step::Ignored => self.tally.unwanted += 1,
            Step::Requests => self.ask(next, number, waiting.since),
            Step::Over => {
                let took = now.saturating_sub(waiting.since);
                self.tally.complete(self.since_start(now), took);
            }
            Step::Refused => self.tally.refuse(self.since_start(now)),
        }
        if step != Step::Ignored {
            self.waiting.remove(&answer.transaction);
            self.tally.answers += 1;
        }
        for change in changes.drain(..) {
            self.note(number, change, now);
        }
        self.changes = changes;
        if matches!(step, Step::Over | Step::Refused) {
            self.rest(number, now);
        }
    }

    /// Everybody who waits sends again now: for when a server is there again.
    pub fn hurry(&mut self) {
        let timers = std::mem::take(&mut self.timers).into_sorted_vec();
        let hurried = timers.into_iter().rev();
        self.timers = hurried
            .map(|Reverse((_, transaction))| Reverse((Duration::ZERO, transaction)))
            .collect();
    }

    /// From now on, everybody who has something renews it once, and does nothing else after that.
    pub fn call_roll(&mut self) {
        self.plan = Plan::RollCall((0..self.clients.len()).collect());
    }

    /// From now on, clients do what chance tells them.
    pub fn mingle(&mut self) {
        self.plan = Plan::Mix;
    }

    /// From now on, clients do these things, each as often as its weight says, at that pace; what has happened
    /// so far is forgotten, but not who has what. An order that nobody can obey is passed over.
    pub fn obey(
        &mut self,
        orders: &[(Intent, u32)],
        pace: Pace,
        patience: Patience,
        now: Duration,
    ) {
        let clients = self.clients.iter().enumerate();
        let idle = clients.filter(|(_, client)| !client.is_busy());
        let idle = idle.map(|(number, client)| (number, client.leases(now).next().is_some()));
        self.plan = Plan::Orders(Orders::new(orders, idle));
        (self.pace, self.patience) = (pace, patience);
        self.tally = Tally::default();
        self.start = None;
    }

    /// From now on, nobody begins anything.
    pub fn rest_all(&mut self) {
        self.plan = Plan::Rest;
    }

    /// Whether nobody waits or has anything to do: a roll call is over, or all who rest have their answers, or there
    /// is nobody left who could obey.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let idle = match &self.plan {
            Plan::Mix => false,
            Plan::RollCall(list) => list.is_empty(),
            Plan::Orders(orders) => orders.is_exhausted(),
            Plan::Rest => true,
        };
        idle && self.ready.is_empty() && self.waiting.is_empty()
    }

    /// How many wait for an answer.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.waiting.len()
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
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    fn expire_timers(&mut self, now: Duration) {
        while let Some(&Reverse((due, transaction))) = self.timers.peek() {
            if due > now {
                return;
            }
            self.timers.pop();
            if self.waiting.contains_key(&transaction) {
                self.ready.push_back(transaction);
                self.tally.repeated += 1;
            }
        }
    }

    /// Ends an exchange that has waited for long enough. A Request is followed by a Solicit, as long as
    /// clients do as real ones do (RFC 9915 §18.2.2).
    fn give_up(&mut self, transaction: u32, kind: Kind, now: Duration) {
        self.tally.repeated -= 1;
        let Some(waiting) = self.waiting.remove(&transaction) else {
            return;
        };
        let Some(client) = self.clients.get_mut(waiting.client) else {
            return;
        };
        client.give_up();
        if kind == Kind::Request && self.patience == Patience::Rfc {
            let again = Intent::Acquire {
                rapid_commit: false,
            };
            self.set_out(waiting.client, again, waiting.since, now);
            return;
        }
        self.tally.lose(self.since_start(now));
        self.rest(waiting.client, now);
    }

    /// Lets a client that has nothing to wait for any more be called again.
    fn rest(&mut self, number: usize, now: Duration) {
        let (Plan::Orders(orders), Some(client)) = (&mut self.plan, self.clients.get(number))
        else {
            return;
        };
        orders.rest(number, client.leases(now).next().is_some());
    }

    fn since_start(&self, now: Duration) -> Duration {
        self.start
            .map_or(Duration::ZERO, |(_, start)| now.saturating_sub(start))
    }

    /// When the next exchange sets out, if the pace says so.
    fn sets_out(&self) -> Option<Duration> {
        let (first, start) = self.start?;
        let number = self.tally.begun.saturating_sub(first);
        self.pace.sets_out(number).map(|after| start + after)
    }

    /// Has somebody who does not wait set out to do something, if it is time.
    fn begin(&mut self, now: Duration) {
        self.start.get_or_insert((self.tally.begun, now));
        let since = match self.pace {
            Pace::Window(most) if self.waiting.len() >= most => return,
            Pace::Window(_) => now,
            // What is behind the pace counts from when it should have been sent.
            Pace::PerSecond(_) => match self.sets_out() {
                Some(due) if due <= now => due,
                _ => return,
            },
        };
        if let Some((number, intent)) = self.choose(now) {
            self.tally.begin(self.since_start(now));
            self.set_out(number, intent, since, now);
        }
    }

    fn set_out(&mut self, number: usize, intent: Intent, since: Duration, now: Duration) {
        let transaction = self.next_transaction();
        if let Some(client) = self.clients.get_mut(number) {
            client.begin(intent, transaction, now);
            self.ask(transaction, number, since);
        }
    }

    fn ask(&mut self, transaction: u32, client: usize, since: Duration) {
        let waiting = Waiting {
            client,
            since,
            retransmission: Retransmission::NEW,
        };
        self.waiting.insert(transaction, waiting);
        self.ready.push_back(transaction);
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
            Plan::Orders(orders) => orders.choose(chance),
            Plan::Rest => None,
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
