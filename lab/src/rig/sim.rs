//! The simulated rig: the engine in process, with a clock that steps move and a store that can crash.
//!
//! Does in one thread what `dhcp6s::server` does around the engine: changes are committed before answers
//! leave, and while the store is full, what needs a change is dropped. Needs no privileges and no time.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv6Addr, SocketAddrV6};
use std::time::Duration;

use dhcp6s::config::{self, Config, Sources};
use dhcp6s::engine::{Arrival, Engine, Link, Outbox};
use dhcp6s::lease::{ChangeLog, IaKey, IaKind, Replay, Secret, Timestamp};
use dhcp6s::store::{LeaseStore, MemoryStore};
use dhcp6s::wire::Duid;

use crate::compose::{AGENTS_AND_SERVERS, SERVER_PORT, SERVERS};
use crate::rig::{
    Change, Datagram, Disk, Event, INTERFACE, IaName, Identity, Rig, RigError, SECRET, Setup,
};

/// When every scenario begins: 2026-01-01 00:00:00 UTC.
const EPOCH: Timestamp = Timestamp(1_767_225_600);
/// What messages about the configuration call it.
const CONFIG_FILE: &str = "dhcp6s.conf";

/// The engine, and a world that it cannot tell from the real one.
#[derive(Debug)]
pub struct Sim {
    identity: Identity,
    config: String,
    link: Link,
    now: Timestamp,
    engine: Engine,
    store: MemoryStore,
    disk: Disk,
    arrived: VecDeque<Datagram>,
}

impl Sim {
    /// A server on new leases.
    ///
    /// # Errors
    /// The configuration cannot be used.
    pub fn start(setup: &Setup) -> Result<Self, RigError> {
        Self::start_as(&Identity::default(), setup)
    }

    /// The same for a server that is somebody else.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_as(identity: &Identity, setup: &Setup) -> Result<Self, RigError> {
        let mut addresses = setup.addresses.clone();
        addresses.push((identity.address(), 64));
        addresses.sort_unstable();
        let link = Link {
            name: INTERFACE.to_owned(),
            addresses,
            claimed: Vec::new(),
        };
        let (engine, store) = boot(identity, &setup.config, &link, Vec::new(), EPOCH)?;
        Ok(Self {
            identity: identity.clone(),
            config: setup.config.clone(),
            link,
            now: EPOCH,
            engine,
            store,
            disk: Disk::Room,
            arrived: VecDeque::new(),
        })
    }

    /// Starts again with what was committed, which is all that is left of the old process.
    fn reboot(&mut self, config: Option<&str>) -> Result<(), RigError> {
        if let Some(config) = config {
            config.clone_into(&mut self.config);
        }
        let records = self.store.records().to_vec();
        (self.engine, self.store) =
            boot(&self.identity, &self.config, &self.link, records, self.now)?;
        self.set_disk(self.disk);
        Ok(())
    }

    /// A server on a full disk notices with the first change that finds no room. By the time that a step is
    /// done it has.
    fn set_disk(&mut self, disk: Disk) {
        self.disk = disk;
        self.store.set_full(disk == Disk::Full);
        self.engine.set_read_only(disk == Disk::Full);
    }

    /// Whether the server's socket gets to see it.
    fn is_for_server(&self, destination: SocketAddrV6) -> bool {
        let own = self.link.addresses.iter().map(|(address, _)| *address);
        let mut joined = own.chain([AGENTS_AND_SERVERS, SERVERS]);
        destination.port() == SERVER_PORT && joined.any(|it| it == *destination.ip())
    }

    /// Decides on one datagram, commits what it leads to, and sends what may be sent.
    fn handle(&mut self, datagram: &Datagram) -> Result<Option<Event>, RigError> {
        let arrival = Arrival {
            payload: &datagram.payload,
            source: datagram.source,
            destination: *datagram.destination.ip(),
        };
        let mut outbox = Outbox::default();
        let verdict = self.engine.handle(self.now, &arrival, &mut outbox);
        self.store
            .commit(&outbox.log)
            .map_err(|error| RigError(error.to_string()))?;
        if let Err(reason) = verdict {
            return Ok(Some(Event::Drop(reason.label().to_owned())));
        }
        let answer = outbox.answers().next();
        Ok(answer.map(|it| {
            Event::Answer(Datagram {
                source: SocketAddrV6::new(self.source(it.from, *it.to.ip()), SERVER_PORT, 0, 0),
                destination: it.to,
                payload: it.payload.to_vec(),
            })
        }))
    }

    /// The source of an answer: the one that the engine names, else the one that the system would choose
    /// (RFC 6724 §5), of the destination's scope and with the longest common prefix.
    fn source(&self, from: Ipv6Addr, to: Ipv6Addr) -> Ipv6Addr {
        if !from.is_unspecified() {
            return from;
        }
        if to.is_unicast_link_local() {
            return self.identity.address();
        }
        let own = self.link.addresses.iter().map(|(address, _)| *address);
        own.filter(|it| !it.is_unicast_link_local())
            .max_by_key(|it| (it.to_bits() ^ to.to_bits()).leading_zeros())
            .unwrap_or_else(|| self.identity.address())
    }
}

/// An engine as a starting server builds it.
fn boot(
    identity: &Identity,
    config: &str,
    link: &Link,
    records: Vec<u8>,
    now: Timestamp,
) -> Result<(Engine, MemoryStore), RigError> {
    let mut replay = Replay::default();
    let store = MemoryStore::open(records, |record| replay.take(record))
        .map_err(|error| RigError(format!("the leases cannot be read: {error}")))?;
    let duid = Duid::new(&identity.duid)
        .ok_or_else(|| RigError("no server can have such a DUID".into()))?;
    let secret = Secret::new(SECRET);
    let engine = Engine::new(
        duid,
        &secret,
        read(config, now)?,
        link.clone(),
        replay.finish(),
    );
    Ok((engine, store))
}

fn read(text: &str, now: Timestamp) -> Result<Config, RigError> {
    let sources = Sources {
        read: &|path| match path {
            CONFIG_FILE => Ok(text.as_bytes().to_vec()),
            _ => Err(io::ErrorKind::NotFound.into()),
        },
        interface_exists: &|name| name == INTERFACE,
        addresses_of: &|_| Some(Vec::new()),
        now: config::utc(now),
    };
    match config::load(CONFIG_FILE, &sources) {
        Ok(loaded) => Ok(loaded.config),
        Err(found) => {
            let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
            Err(RigError(lines.join("\n")))
        }
    }
}

impl Rig for Sim {
    fn name(&self) -> &'static str {
        "sim"
    }

    fn fresh(&mut self, setup: &Setup) -> Result<(), RigError> {
        *self = Self::start(setup)?;
        Ok(())
    }

    fn deliver(&mut self, datagram: &Datagram) -> Result<(), RigError> {
        if self.is_for_server(datagram.destination) {
            self.arrived.push_back(datagram.clone());
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<Vec<Event>, RigError> {
        let mut events = Vec::new();
        while let Some(datagram) = self.arrived.pop_front() {
            events.extend(self.handle(&datagram)?);
        }
        Ok(events)
    }

    fn advance(&mut self, time: Duration) -> Result<(), RigError> {
        self.now.0 += time.as_secs();
        Ok(())
    }

    fn crash(&mut self, config: Option<&str>) -> Result<(), RigError> {
        self.reboot(config)
    }

    fn restart(&mut self, config: Option<&str>) -> Result<(), RigError> {
        self.reboot(config)
    }

    fn reload(&mut self, config: &str) -> Result<bool, RigError> {
        // What is in place of the file now is what a server that starts later reads, mistakes and all.
        config.clone_into(&mut self.config);
        let read = read(config, self.now);
        let taken = read.is_ok();
        if let Ok(config) = read {
            self.engine.configure(config);
        }
        Ok(taken)
    }

    fn remove(&mut self, duid: &[u8], ia: IaName) -> Result<bool, RigError> {
        let (kind, iaid) = match ia {
            IaName::Na(iaid) => (IaKind::Na, iaid),
            IaName::Pd(iaid) => (IaKind::Pd, iaid),
        };
        let duid = Duid::new(duid).ok_or_else(|| RigError("no server knows such a DUID".into()))?;
        let mut log = ChangeLog::default();
        let key = IaKey { duid, kind, iaid };
        let count = self.engine.remove(self.now, &key, &mut log);
        self.store
            .commit(&log)
            .map_err(|error| RigError(error.to_string()))?;
        Ok(count > 0)
    }

    fn disk(&mut self, disk: Disk) -> Result<(), RigError> {
        self.set_disk(disk);
        Ok(())
    }

    fn interface(&mut self, change: &Change) -> Result<(), RigError> {
        let addresses = &mut self.link.addresses;
        match change {
            Change::Add {
                address,
                taken: true,
                ..
            } => self.link.claimed.push(*address),
            Change::Add {
                address, length, ..
            } => addresses.push((*address, *length)),
            Change::Remove(address) => addresses.retain(|(it, _)| it != address),
            Change::Down | Change::Up | Change::Delete | Change::Recreate | Change::Mtu(_) => {
                return Err(RigError("the engine sees no interface".into()));
            }
        }
        addresses.sort_unstable();
        self.engine.set_link(self.link.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::CLIENT_PORT;
    use crate::rig::SERVER_ADDRESS;

    fn sim() -> Sim {
        let address = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1);
        Sim::start(&Setup {
            config: "interface eth0 { };".into(),
            addresses: vec![(address, 64)],
        })
        .expect("a server")
    }

    fn to(destination: Ipv6Addr, port: u16) -> Datagram {
        let client = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xc1);
        Datagram {
            source: SocketAddrV6::new(client, CLIENT_PORT, 0, 0),
            destination: SocketAddrV6::new(destination, port, 0, 0),
            payload: vec![1],
        }
    }

    #[test]
    fn the_server_sees_only_what_is_sent_to_its_groups_addresses_and_port() {
        let mut sim = sim();
        let elsewhere = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
        for datagram in [to(elsewhere, SERVER_PORT), to(SERVERS, CLIENT_PORT)] {
            sim.deliver(&datagram).expect("it is taken");
            assert_eq!(sim.settle().expect("it goes on"), []);
        }
        for address in [AGENTS_AND_SERVERS, SERVERS, SERVER_ADDRESS] {
            sim.deliver(&to(address, SERVER_PORT)).expect("it is taken");
            let events = sim.settle().expect("it goes on");
            assert_eq!(events, [Event::Drop("too-short".into())]);
        }
    }

    #[test]
    fn a_configuration_with_a_mistake_is_refused_with_its_place() {
        let setup = Setup {
            config: "interface eth0 { address-pool lan 1; };".into(),
            addresses: Vec::new(),
        };
        let error = Sim::start(&setup).expect_err("there is no such pool");
        assert!(error.to_string().starts_with("dhcp6s.conf:1:"), "{error}");
    }
}
