//! The decisions: one arrival, the leases and the time in; an answer and changes out.
//!
//! The life of a message: the relay chain is opened (`relay`), the message becomes a `Query`
//! or is dropped (`admit`), so it is if its client has a key and did not use it (`authenticate`), one function per
//! message type drafts the answer (`solicit` … `inform`), the draft is written behind the answers of the batch (`answer`), and its changes are applied and logged.
//! Until the answer stands, nothing has changed, so every reason to drop a message comes before its first
//! change.
//!
//! Not here: any clock, socket, file or random source. The same arrival, leases and time give the same
//! octets and changes.

mod admit;
mod answer;
mod assign;
mod authenticate;
mod claims;
mod confirm;
mod decline;
mod draft;
mod drops;
mod events;
mod inform;
mod outbox;
mod rebind;
mod relay;
mod release;
mod renew;
mod request;
mod solicit;
mod stateless;
#[cfg(test)]
mod tests;
mod times;

pub use drops::{Counters, DropReason};
pub use events::{Binding, Event};
pub use outbox::{Answer, Outbox};
pub use times::{Times, renewal};

use crate::config::{Config, Interface};
use crate::lease::{
    ChangeLog, IaKey, LeaseState, LeaseTable, Placement, Prefix, Runs, Secret, Timestamp,
};
use crate::wire::{Duid, MessageType};
use admit::{Kind, Query};
use authenticate::Authenticator;
use draft::Draft;
use stateless::Stateless;
use std::collections::HashMap;
use std::net::{Ipv6Addr, SocketAddrV6};

/// One datagram as it came from the socket.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// What UDP carried.
    pub payload: &'a [u8],
    /// Who sent it.
    pub source: SocketAddrV6,
    /// The address that it was sent to: a multicast group, or one of the server's own.
    pub destination: Ipv6Addr,
}

/// What became of a message: the type of the answer, or why there is none.
pub type Verdict = Result<MessageType, DropReason>;

/// The link that is served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// The name of the interface, by which its `interface` statement is found.
    pub name: String,
    /// The server's addresses on it, with the lengths of their prefixes.
    pub addresses: Vec<(Ipv6Addr, u8)>,
    /// Addresses that the server cannot use, or not yet: they are being checked for duplicates, or belong to
    /// another host too. Clients are not given them.
    pub claimed: Vec<Ipv6Addr>,
}

/// Decides on everything that arrives on one link.
#[derive(Debug)]
pub struct Engine {
    server_duid: Duid,
    placement: Placement,
    config: Config,
    link: Link,
    table: LeaseTable,
    /// The statement about the served interface.
    interface: Option<Interface>,
    /// DUID → position in `config.hosts`; of two statements with one DUID the first.
    hosts: HashMap<Duid, usize>,
    /// Prefixes whose addresses fit the link.
    on_link: Vec<Prefix>,
    /// What no pool of prefixes delegates besides what is excluded from all pools.
    undelegated: Runs,
    stateless: Stateless,
    keys: Authenticator,
    /// Whether changes cannot be made durable at present.
    read_only: bool,
    draft: Draft,
    counters: Counters,
}

impl Engine {
    /// An engine that serves `link` by `config`, and goes on from the leases in `table`.
    #[must_use]
    pub fn new(
        server_duid: Duid,
        secret: &Secret,
        config: Config,
        link: Link,
        table: LeaseTable,
    ) -> Self {
        let nothing = Config::default();
        let mut engine = Self {
            server_duid,
            placement: Placement::new(secret),
            stateless: Stateless::new(&nothing.options),
            keys: Authenticator::new(secret, &nothing.keys),
            config: nothing,
            link,
            table,
            interface: None,
            hosts: HashMap::new(),
            on_link: Vec::new(),
            undelegated: Runs::default(),
            read_only: false,
            draft: Draft::default(),
            counters: Counters::default(),
        };
        engine.configure(config);
        engine
    }

    /// Puts a configuration in force in place of the one before. Leases stay as they are: each client hears
    /// at its next message what it may keep, and what is taken from it stays taken for as long as it was told.
    pub fn configure(&mut self, config: Config) {
        let mut interfaces = config.interfaces.iter();
        self.interface = interfaces.find(|it| it.name == self.link.name).cloned();
        self.hosts.clear();
        for (index, host) in config.hosts.iter().enumerate() {
            if let Some(duid) = host.duid {
                self.hosts.entry(duid).or_insert(index);
            }
        }
        self.stateless = Stateless::new(&config.options);
        self.keys.set_keys(&config.keys);
        self.config = config;
        self.survey();
    }

    /// Takes over the addresses that the server has on the link now.
    pub fn set_link(&mut self, link: Link) {
        self.link = link;
        self.survey();
    }

    /// Works out what follows from the addresses on the link and the configuration together.
    fn survey(&mut self) {
        // What no pool gives out: the server's own addresses, and what belongs to hosts.
        let mut excluded = Runs::default();
        let own = self.link.addresses.iter().map(|&(address, _)| address);
        let own = own.chain(self.link.claimed.iter().copied());
        let own = own.map(Prefix::host);
        let hosts = self.config.hosts.iter();
        let reserved = hosts.flat_map(|it| it.addresses.iter().chain(&it.prefixes));
        for prefix in own.chain(reserved.map(|it| it.prefix)) {
            let (first, last) = prefix.bounds();
            excluded.insert(first, last);
        }
        self.table.set_excluded(excluded);
        let own = self.link.addresses.iter();
        let own = own.filter(|(address, _)| !address.is_unicast_link_local());
        let pool = self.interface.as_ref().and_then(|it| it.pool);
        let pool = pool.and_then(|it| self.config.pools.get(it.pool));
        self.on_link = own
            .filter_map(|&(address, length)| Prefix::new(address, length))
            .chain(pool.and_then(|pool| {
                // A link has prefixes of 64 bits (RFC 4291 §2.5.1); a pool that spans several has them all.
                let shared = (pool.first.to_bits() ^ pool.last.to_bits()).leading_zeros();
                Prefix::new(pool.first, u8::try_from(shared.min(64)).unwrap_or(64))
            }))
            .collect();
        // What is in use on the link, or given address by address, is no prefix for anybody.
        let own = self.link.addresses.iter();
        let own = own.filter_map(|&(address, _)| Prefix::new(address, 64));
        let pools = self.config.pools.iter();
        let pools = pools.map(|it| (it.first.to_bits(), it.last.to_bits()));
        self.undelegated = Runs::default();
        for (first, last) in own.map(Prefix::bounds).chain(pools) {
            self.undelegated.insert(first, last);
        }
    }

    /// Decides on one arrival. The answer, if there is one, and the changes are behind those that the
    /// outbox holds already.
    ///
    /// # Errors
    /// Why the message is dropped: nothing was changed and nothing is sent.
    pub fn handle(
        &mut self,
        now: Timestamp,
        arrival: &Arrival<'_>,
        outbox: &mut Outbox,
    ) -> Verdict {
        let mut draft = std::mem::take(&mut self.draft);
        draft.begin(now);
        self.expire(now, &mut draft);
        let verdict = self.decide(arrival, &mut draft, outbox);
        self.draft = draft;
        self.counters.count(verdict);
        verdict
    }

    fn decide(&mut self, arrival: &Arrival<'_>, draft: &mut Draft, outbox: &mut Outbox) -> Verdict {
        let (hops, message) = relay::open(arrival)?;
        let query = admit::admit(&self.server_duid, arrival, hops, message)?;
        self.authenticate(&query, draft)?;
        let message_type = match query.kind {
            Kind::Solicit => self.solicit(&query, draft)?,
            Kind::Request => self.request(&query, draft)?,
            Kind::Confirm => self.confirm(&query, draft)?,
            Kind::Renew => self.renew(&query, draft)?,
            Kind::Rebind => self.rebind(&query, draft)?,
            Kind::Release => self.release(&query, draft)?,
            Kind::Decline => self.decline(&query, draft)?,
            Kind::InformationRequest => Self::inform(draft),
        };
        if self.read_only && draft.needs_store() {
            return Err(DropReason::StoreFull);
        }
        self.write(arrival, &query, message_type, draft, outbox)?;
        self.apply(draft, &mut outbox.log);
        Ok(message_type)
    }

    /// Says whether changes can be made durable. While they cannot, what needs one is dropped.
    pub fn set_read_only(&mut self, read_only: bool) {
        self.read_only = read_only;
    }

    /// Forgets a binding because the operator says so: every lease that it has becomes free at once, also for
    /// others, although its client may go on using it. Says how many there were. The changes are behind those
    /// that the log holds already; until that is durable, a restart brings the binding back.
    pub fn remove(&mut self, now: Timestamp, key: &IaKey, log: &mut ChangeLog) -> usize {
        let mut draft = std::mem::take(&mut self.draft);
        draft.begin(now);
        self.expire(now, &mut draft);
        for lease in self.table.active(key) {
            draft.end(key, lease.prefix(), LeaseState::Released, 0);
        }
        let count = draft.changes().len();
        self.apply(&mut draft, log);
        self.draft = draft;
        count
    }

    /// States up to `count` leases and counters again from `cursor` on, and says where to go on; `None` at the end.
    pub fn restate(&self, cursor: usize, count: usize, log: &mut ChangeLog) -> Option<usize> {
        self.table.restate(cursor, count, log)
    }

    /// The leases.
    #[must_use]
    pub fn table(&self) -> &LeaseTable {
        &self.table
    }

    /// What was answered and dropped so far.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Counts an answer that promises something as dropped: it was decided on, and then not sent.
    pub fn take_back(&mut self, reason: DropReason) {
        self.counters.take_back(reason);
    }

    /// The link that is served.
    #[must_use]
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// Whether an address fits the link.
    fn is_on_link(&self, address: Ipv6Addr) -> bool {
        self.on_link.iter().any(|prefix| prefix.contains(address))
    }

    /// Where the client is: an agent closest to it that gives an address of its link decides; without one
    /// it is on the link that the message came from (RFC 9915 §13.1).
    fn place(&self, query: &Query<'_>) -> Result<Place, DropReason> {
        match query.hops.link_address() {
            None => Ok(Place::Here),
            Some(address) if address.is_unicast_link_local() => Err(DropReason::LinkUnknown),
            Some(address) if self.is_on_link(address) => Ok(Place::Here),
            Some(_) => Ok(Place::Elsewhere),
        }
    }
}

/// Where a client is attached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// On the served link.
    Here,
    /// On a link that nothing is configured for; what a `host` statement says holds there too.
    Elsewhere,
}
