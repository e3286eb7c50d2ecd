//! A server's life: messages of all kinds, time that passes, restarts, and changes of its surroundings.

use super::answer::{Exchange, Grant, check};
use super::compose::{SERVER, datagram};
use super::input::Input;
use super::journal::consistent;
use dhcp6s::config::{Config, Sources, load, utc};
use dhcp6s::engine::{Arrival, Engine, Link, Outbox, Verdict};
use dhcp6s::lease::{
    Change, ChangeLog, LeaseState, LeaseTable, Prefix, Record, Replay, Secret, Timestamp,
};
use dhcp6s::wire::Duid;
use std::net::{Ipv6Addr, SocketAddrV6};
use std::sync::OnceLock;

const GROUP: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
/// More than any path to a defect needs, and few enough that an input takes little time.
const STEPS_MAX: usize = 100;

const CONFIGS: [&str; 5] = [
    "interface eth0 { address-pool lan 50 100; allow rapid-commit; preference 7; };
     pool lan { range 2001:db8:1::10 to 2001:db8:1::15; };
     host a {
         duid 00:03:00:01:02:00:00:00:01:00;
         address 2001:db8:1::11 70 80; prefix 2001:db8:d00::/56 30 infinity;
     };
     option domain-name-servers 2001:db8::53; option refreshtime 900;",
    "interface eth0 { address-pool lan 500; };
     pool lan { range 2001:db8:1::10 to 2001:db8:1::1f; };
     host a {
         duid 00:03:00:01:02:00:00:00:01:00;
         prefix 2001:db8:d00::/48 infinity; prefix 2001:db8:e00::/56 10 20;
     };
     host b {
         duid 00:03:00:01:02:00:00:00:01:01; delayedkey k;
         prefix 2001:db8:d00:1000::/56 60; address 2001:db8:1::12 infinity;
     };
     keyinfo k { realm \"r\"; keyid 1; secret \"\"; };
     option ntp-servers 2001:db8::123 2001:db8::124; option bcmcs-server-address 2001:db8::1;",
    "interface eth0 { allow rapid-commit; };
     pool far { range 2001:db8:2::1 to 2001:db8:2::4; };
     host b { duid 00:03:00:01:02:00:00:00:01:01; address-pool far 0 40; };
     host c {
         duid 00:03:00:01:02:00:00:00:01:02; address-pool far 40; delayedkey k required;
         address 2001:db8:1::13 90; address 2001:db8:1::14 1 90;
     };
     keyinfo k { realm \"r\"; keyid 1; secret \"\"; };
     option domain-name \"example.net\"; option sip-server-address 2001:db8::5;",
    "interface eth0 { address-pool lan infinity; };
     pool lan { range 2001:db8:1::10 to 2001:db8:1::12; };",
    "",
];

fn configs() -> &'static [Config] {
    static CONFIGS_READ: OnceLock<Vec<Config>> = OnceLock::new();
    CONFIGS_READ.get_or_init(|| {
        let read = |text: &&str| {
            let sources = Sources {
                read: &|_| Ok(text.as_bytes().to_vec()),
                interface_exists: &|_| true,
                addresses_of: &|_| Some(Vec::new()),
                now: utc(Timestamp(0)),
            };
            load("F", &sources).expect("a configuration").config
        };
        CONFIGS.iter().map(read).collect()
    })
}

/// The link in one of its states: with addresses or without.
pub(super) fn link(state: usize) -> Link {
    let own: [&[(&str, u8)]; 3] = [
        &[("2001:db8:1::1", 64), ("fe80::1", 64)],
        &[("2001:db8:1::10", 64), ("fd00::1", 128)],
        &[],
    ];
    let parse = |&(text, length): &(&str, u8)| (text.parse().expect("an address"), length);
    Link {
        name: "eth0".to_owned(),
        addresses: own[state % own.len()].iter().map(parse).collect(),
        claimed: Vec::new(),
    }
}

/// A datagram as it comes from a client on the link, or a relay agent.
pub(super) fn arrival(payload: &[u8]) -> Arrival<'_> {
    let source = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xc1);
    Arrival {
        payload,
        source: SocketAddrV6::new(source, 1546, 0, 2),
        destination: GROUP,
    }
}

/// Leads a server through what the octets say. It has a twin that is started anew at times, from the journal
/// alone, and must not differ from it in anything.
pub fn engine(octets: &[u8]) {
    let mut input = Input::new(octets);
    let mut world = World::new(input.below(CONFIGS.len()));
    for _ in 0..STEPS_MAX {
        if input.is_empty() {
            break;
        }
        world.step(&mut input);
    }
}

struct World {
    config: usize,
    link: usize,
    read_only: bool,
    now: Timestamp,
    engine: Engine,
    twin: Engine,
    /// The records of everything that was committed.
    journal: Vec<u8>,
    /// What was promised and has neither ended nor been given back.
    promises: Vec<Grant>,
}

impl World {
    fn new(config: usize) -> Self {
        Self {
            config,
            link: 0,
            read_only: false,
            now: Timestamp(1_000_000),
            engine: start(config, 0, LeaseTable::default()),
            twin: start(config, 0, LeaseTable::default()),
            journal: Vec::new(),
            promises: Vec::new(),
        }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        match input.below(20) {
            0 => self.pass(input),
            1 => self.restart(),
            2 => {
                self.config = input.below(CONFIGS.len());
                self.restart();
                self.engine = start(self.config, self.link, replay(&self.journal));
            }
            3 => {
                self.read_only = input.rarely();
                self.engine.set_read_only(self.read_only);
                self.twin.set_read_only(self.read_only);
            }
            4 => {
                self.link = input.below(3);
                self.engine.set_link(link(self.link));
                self.twin.set_link(link(self.link));
            }
            5 => self.restate(input.below(4) + 1),
            6 => self.deliver(input.counted()),
            7 => {
                let header = [[1, 3, 4, 5, 6, 8, 9, 11, 12][input.below(9)], 0, 0, 1];
                let client = [0, 1, 0, 10, 0, 3, 0, 1, 2, 0, 0, 0, 1, 0];
                self.deliver(&[&header, &client[..], input.counted()].concat());
            }
            _ => {
                let leases = self.engine.table().iter();
                let mut known: Vec<_> = leases.map(|it| it.prefix()).collect();
                known.sort_unstable();
                let payload = datagram(input, &known);
                self.deliver(&payload);
            }
        }
    }

    /// Lets time pass.
    fn pass(&mut self, input: &mut Input<'_>) {
        let secs = match input.octet() {
            255 => 40 * 86_400,
            254 => 86_401,
            other => u64::from(other),
        };
        self.now = Timestamp(self.now.0 + secs);
        let now = self.now;
        self.promises.retain(|it| it.until >= now);
    }

    /// Starts the twin anew.
    fn restart(&mut self) {
        self.twin = start(self.config, self.link, replay(&self.journal));
        self.engine.set_read_only(false);
        self.read_only = false;
    }

    /// Replaces the journal by a restatement of all leases, a few at a time.
    fn restate(&mut self, count: usize) {
        let (mut log, mut cursor) = (ChangeLog::default(), Some(0));
        while let Some(at) = cursor {
            cursor = self.engine.restate(at, count, &mut log);
        }
        self.journal = log.records().to_vec();
        assert_eq!(log.count(), self.engine.table().len());
    }

    fn deliver(&mut self, payload: &[u8]) {
        let arrival = arrival(payload);
        let before = facts(&mut self.engine, self.now);
        let (verdict, outbox) = handle(&mut self.engine, self.now, &arrival);
        let (again, twin) = handle(&mut self.twin, self.now, &arrival);
        assert_eq!(verdict, again);
        assert_eq!(outbox.log.records(), twin.log.records());
        let octets = |it: &Outbox| it.answers().next().map(|it| it.payload.to_vec());
        assert_eq!(octets(&outbox), octets(&twin));

        let Ok(message_type) = verdict else {
            assert!(outbox.is_empty());
            assert_eq!(before, facts(&mut self.engine, self.now));
            return;
        };
        assert_eq!(outbox.len(), 1);
        assert!(!self.read_only || outbox.log.is_empty());
        let records = read(outbox.log.records());
        let changes: Vec<Change> = records.iter().filter_map(Record::lease).copied().collect();
        let link = link(self.link);
        let own: Vec<_> = link.addresses.iter().map(|it| it.0).collect();
        let grants = check(&Exchange {
            config: &configs()[self.config],
            own: &own,
            now: self.now,
            asked: payload,
            source: arrival.source,
            verdict: message_type,
            answer: outbox.answers().next().expect("one"),
            before: &before,
            changes: &changes,
            counts: records.len() > changes.len(),
        });
        self.journal.extend_from_slice(outbox.log.records());
        self.believe(&changes, &grants);
        consistent(self.engine.table());
    }

    /// Takes note of what was given back and promised, and holds the leases against all that is promised.
    fn believe(&mut self, changes: &[Change], grants: &[Grant]) {
        for change in changes {
            let given_back = change.state != LeaseState::Active;
            self.promises
                .retain(|it| it.prefix != change.prefix || !given_back);
            for promise in &mut self.promises {
                // A lease without an end that is taken away gets one; the client may not have heard of it.
                if promise.prefix == change.prefix && promise.until == Timestamp::NEVER {
                    promise.until = change.valid_until;
                }
            }
        }
        for grant in grants {
            for promise in &self.promises {
                let apart = promise.duid == grant.duid || !overlap(promise.prefix, grant.prefix);
                assert!(apart, "{grant:?} in spite of {promise:?}");
            }
        }
        for grant in grants {
            let same = |it: &Grant| it.prefix == grant.prefix && it.until <= grant.until;
            self.promises.retain(|it| !same(it));
            if !self.promises.iter().any(|it| it.prefix == grant.prefix) {
                self.promises.push(*grant);
            }
        }
        for promise in &self.promises {
            let lease = self.engine.table().get(promise.prefix);
            let kept = lease.is_some_and(|it| {
                it.state() == LeaseState::Active
                    && it.holder().duid == promise.duid
                    && it.valid_until() >= promise.until
            });
            assert!(kept, "{promise:?} is forgotten: {lease:?}");
        }
    }
}

fn overlap(a: Prefix, b: Prefix) -> bool {
    a.contains(b.address()) || b.contains(a.address())
}

fn start(config: usize, state: usize, table: LeaseTable) -> Engine {
    let server = Duid::new(&SERVER).expect("a DUID");
    let config = configs()[config].clone();
    Engine::new(server, &Secret::new([7; 32]), config, link(state), table)
}

fn handle(engine: &mut Engine, now: Timestamp, arrival: &Arrival<'_>) -> (Verdict, Outbox) {
    let mut outbox = Outbox::default();
    let verdict = engine.handle(now, arrival, &mut outbox);
    (verdict, outbox)
}

fn read(mut octets: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    while !octets.is_empty() {
        let (record, rest) = Record::read(octets).expect("a record");
        records.push(record);
        octets = rest;
    }
    records
}

fn replay(octets: &[u8]) -> LeaseTable {
    let mut replay = Replay::default();
    let records = read(octets);
    records.iter().for_each(|record| replay.take(record));
    replay.finish()
}

/// Every lease that the server knows at that time, in an order of its own.
fn facts(engine: &mut Engine, now: Timestamp) -> Vec<Change> {
    // A datagram that is none lets time take its course and nothing else.
    let _ = handle(engine, now, &arrival(&[]));
    let mut facts: Vec<_> = engine.table().iter().map(|it| it.change()).collect();
    facts.sort_by_key(|it| it.prefix);
    facts
}
