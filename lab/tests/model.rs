//! Seeded random clients, lost answers, crashes and new configurations against the promises that the server
//! makes.
//!
//! Every client believes what the Replies that reached it said. Whatever happens, no two clients may
//! believe in overlapping leases, and the server must know of every lease that a client believes in. Only a
//! binding that the operator removes is believed in by nobody from then on.
//! `DHCP6S_MODEL_SEED` repeats one run, `DHCP6S_MODEL_RUNS` sets how many are made.

use dhcp6s::config::Config;
use dhcp6s::engine::{Arrival, Engine, Link, Outbox};
use dhcp6s::lease::{
    Change, ChangeLog, IaKey, IaKind, Lease, LeaseState, Prefix, Record, Replay, Secret, Timestamp,
};
use dhcp6s::wire::{Duid, Ia, IaAddress, IaPrefix, Message, MessageType, OptionCode, Writer};
use networks::{Random, another, config, duid, ip};
use std::net::{Ipv6Addr, SocketAddrV6};

#[path = "support/networks.rs"]
mod networks;

const CLIENTS: usize = 14;
const SERVER: [u8; 10] = [0, 3, 0, 1, 2, 0, 0, 0, 0, 1];
const GROUP: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);

/// A lease that a client believes in.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Belief {
    kind: IaKind,
    iaid: u32,
    prefix: Prefix,
    until: Timestamp,
}

struct World {
    seed: u64,
    random: Random,
    config: Config,
    engine: Engine,
    /// The records of everything that was committed.
    durable: Vec<u8>,
    now: Timestamp,
    beliefs: [Vec<Belief>; CLIENTS],
    checked: usize,
    reloads: usize,
}

fn start(config: &Config, durable: &[u8], now: Timestamp) -> Engine {
    let mut replay = Replay::default();
    let mut records = durable;
    while !records.is_empty() {
        let (record, rest) = Record::read(records).expect("a record");
        replay.take(&record);
        records = rest;
    }
    let mut table = replay.finish();
    table.expire(now);
    let link = Link {
        name: "eth0".to_owned(),
        addresses: vec![(ip("2001:db8:1::1"), 64)],
        claimed: Vec::new(),
    };
    let server = Duid::new(&SERVER).expect("a DUID");
    Engine::new(server, &Secret::new([7; 32]), config.clone(), link, table)
}

fn overlaps(a: Prefix, b: Prefix) -> bool {
    a.contains(b.address()) || b.contains(a.address())
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let config = config(&mut random);
        let now = Timestamp(1_000_000);
        let engine = start(&config, &[], now);
        let beliefs = Default::default();
        Self {
            seed,
            random,
            config,
            engine,
            durable: Vec::new(),
            now,
            beliefs,
            checked: 0,
            reloads: 0,
        }
    }

    /// The operator puts another configuration in force, at times the first one again.
    fn reload(&mut self) {
        self.config = match self.random.one_in(4) {
            true => config(&mut self.random),
            false => another(&mut self.random),
        };
        self.engine.configure(self.config.clone());
        self.reloads += 1;
    }

    /// The operator takes a binding from a client, and sees to it that the client stops to use it.
    fn remove(&mut self) {
        let client = usize::try_from(self.random.below(CLIENTS as u64)).expect("few clients");
        let key = IaKey {
            duid: duid(client),
            kind: self.random.pick(&[IaKind::Na, IaKind::Pd]),
            iaid: u32::try_from(self.random.below(3)).expect("few IAs"),
        };
        let table = self.engine.table();
        let held = table.active(&key).filter(|it| it.valid_until() >= self.now);
        let held: Vec<_> = held.map(Lease::prefix).collect();
        let mut log = ChangeLog::default();
        let count = self.engine.remove(self.now, &key, &mut log);
        assert_eq!(
            (count, log.count()),
            (held.len(), held.len()),
            "seed {}",
            self.seed
        );
        let left = self.engine.table().active(&key).count();
        assert_eq!(left, 0, "seed {}: {key} is not gone", self.seed);
        self.durable.extend_from_slice(log.records());
        // By address, as the last answer may have moved a lease to another of the client's IAs and got lost.
        self.beliefs[client].retain(|it| it.kind != key.kind || !held.contains(&it.prefix));
    }

    /// A server that was started with this configuration would answer as one that was told to reload it.
    fn compare(&self, arrival: &Arrival<'_>, outbox: &Outbox) {
        let mut restarted = start(&self.config, &self.durable, self.now);
        let mut other = Outbox::default();
        let _ = restarted.handle(self.now, arrival, &mut other);
        let answer = |outbox: &Outbox| outbox.last().map(|it| it.payload.to_vec());
        assert_eq!(answer(outbox), answer(&other), "seed {}", self.seed);
        let changes = (outbox.log.records(), other.log.records());
        assert_eq!(changes.0, changes.1, "seed {}", self.seed);
    }

    fn step(&mut self) {
        if self.random.one_in(12) {
            self.reload();
        }
        if self.random.one_in(60) {
            self.remove();
        }
        if self.random.one_in(4) {
            let pause = self.random.below(40);
            self.now = Timestamp(self.now.0 + pause);
            let now = self.now;
            self.beliefs
                .iter_mut()
                .for_each(|it| it.retain(|belief| belief.until >= now));
        }
        let client = usize::try_from(self.random.below(CLIENTS as u64)).expect("few clients");
        let (kind, message) = self.compose(client);
        let payload = if self.random.one_in(6) {
            relayed(&message)
        } else {
            message
        };
        let arrival = Arrival {
            payload: &payload,
            source: SocketAddrV6::new(ip("fe80::c1"), 546, 0, 2),
            destination: GROUP,
        };
        let mut outbox = Outbox::default();
        let _ = self.engine.handle(self.now, &arrival, &mut outbox);
        if self.random.one_in(10) {
            self.compare(&arrival, &outbox);
        }
        match self.random.below(12) {
            // The power goes before the changes are durable: nothing may have left.
            0 => self.engine = start(&self.config, &self.durable, self.now),
            // The power goes behind that: the answer may have left or not.
            1 => {
                self.durable.extend_from_slice(outbox.log.records());
                self.engine = start(&self.config, &self.durable, self.now);
                if self.random.one_in(2) {
                    self.believe(client, kind, &outbox);
                }
            }
            // The answer is lost on the way.
            2 => self.durable.extend_from_slice(outbox.log.records()),
            _ => {
                self.durable.extend_from_slice(outbox.log.records());
                self.believe(client, kind, &outbox);
            }
        }
        self.check();
    }

    /// A message of that client: sensible, confused or malicious.
    fn compose(&mut self, client: usize) -> (MessageType, Vec<u8>) {
        let kind = self.random.pick(&[
            MessageType::SOLICIT,
            MessageType::REQUEST,
            MessageType::REQUEST,
            MessageType::REQUEST,
            MessageType::RENEW,
            MessageType::RENEW,
            MessageType::REBIND,
            MessageType::RELEASE,
            MessageType::DECLINE,
            MessageType::CONFIRM,
        ]);
        let mut message = Vec::new();
        let mut writer = Writer::new(&mut message);
        writer.message(kind, [1, 2, 3]);
        writer.option(OptionCode::CLIENT_ID, duid(client).as_bytes());
        if !matches!(
            kind,
            MessageType::SOLICIT | MessageType::REBIND | MessageType::CONFIRM
        ) {
            writer.option(OptionCode::SERVER_ID, &SERVER);
        }
        if self.random.one_in(3) {
            writer.option(OptionCode::RAPID_COMMIT, &[]);
        }
        let gives_back = matches!(kind, MessageType::RELEASE | MessageType::DECLINE);
        for _ in 0..=self.random.below(3) {
            let iaid = u32::try_from(self.random.below(3)).expect("few IAs");
            let na = self.random.below(3) > 0;
            let (ia_kind, code) = if na {
                (IaKind::Na, OptionCode::IA_NA)
            } else {
                (IaKind::Pd, OptionCode::IA_PD)
            };
            let ia = writer.open_ia(code, iaid, 0, 0);
            let own = self.beliefs[client].clone();
            let own = own
                .iter()
                .filter(|it| it.kind == ia_kind && it.iaid == iaid);
            let mut listed: Vec<_> = own.map(|it| it.prefix).collect();
            if self.random.one_in(3) {
                listed.push(self.some_prefix(ia_kind));
            }
            for prefix in listed {
                match ia_kind {
                    IaKind::Na => writer.ia_address(prefix.address(), 1, 2),
                    IaKind::Pd => writer.ia_prefix(prefix.address(), prefix.length(), 1, 2),
                }
                // Who gives a lease back has stopped to use it.
                if gives_back && (ia_kind == IaKind::Na || kind == MessageType::RELEASE) {
                    self.beliefs[client].retain(|it| it.prefix != prefix || it.kind != ia_kind);
                }
            }
            writer.close(ia);
        }
        writer.finish().expect("a small message");
        (kind, message)
    }

    /// An address or prefix that may be anybody's.
    fn some_prefix(&mut self, kind: IaKind) -> Prefix {
        match kind {
            IaKind::Na => {
                let last = u128::from(self.random.below(16));
                let base = self.random.pick(&["2001:db8:1::10", "2001:db8:2::10"]);
                Prefix::host(Ipv6Addr::from_bits(ip(base).to_bits() + last))
            }
            IaKind::Pd => {
                let address = self
                    .random
                    .pick(&["2001:db8:d00::", "2001:db8:d01::", "::"]);
                let length = self.random.pick(&[48, 56, 60, 64]);
                Prefix::new(ip(address), length).expect("a prefix")
            }
        }
    }

    /// The client takes over what an answer says.
    fn believe(&mut self, client: usize, asked: MessageType, outbox: &Outbox) {
        let Some(answer) = outbox.answers().next() else {
            return;
        };
        let mut octets = answer.payload;
        if octets.first() == Some(&MessageType::RELAY_REPLY.0) {
            let relay = dhcp6s::wire::RelayMessage::read(octets).expect("a relay message");
            octets = relay
                .options
                .first(OptionCode::RELAY_MESSAGE)
                .expect("a message");
        }
        let message = Message::read(octets).expect("a message");
        if message.message_type != MessageType::REPLY {
            assert!(
                outbox.log.is_empty(),
                "seed {}: an Advertise changes leases",
                self.seed
            );
            return;
        }
        if matches!(
            asked,
            MessageType::RELEASE | MessageType::DECLINE | MessageType::CONFIRM
        ) {
            return;
        }
        let mut times = Vec::new();
        for option in message.options.iter() {
            let kind = match option.code {
                OptionCode::IA_NA => IaKind::Na,
                OptionCode::IA_PD => IaKind::Pd,
                OptionCode::STATUS_CODE => panic!("seed {}: a status outside the IAs", self.seed),
                _ => continue,
            };
            let ia = Ia::read(option.value).expect("an IA");
            times.push((ia.t1, ia.t2));
            assert!(
                ia.options.iter().next().is_some(),
                "seed {}: an empty IA",
                self.seed
            );
            let mut granted = 0;
            for option in ia.options.iter() {
                let (prefix, valid) = match option.code {
                    OptionCode::IA_ADDRESS => {
                        let it = IaAddress::read(option.value).expect("an address");
                        (Prefix::host(it.address), it.valid_secs)
                    }
                    OptionCode::IA_PREFIX => {
                        let it = IaPrefix::read(option.value).expect("a prefix");
                        (
                            Prefix::new(it.prefix, it.length).expect("a length"),
                            it.valid_secs,
                        )
                    }
                    _ => continue,
                };
                let beliefs = &mut self.beliefs[client];
                beliefs.retain(|it| it.prefix != prefix || it.kind != kind);
                if valid > 0 {
                    granted += 1;
                    let until = self.now.after(valid);
                    beliefs.push(Belief {
                        kind,
                        iaid: ia.iaid,
                        prefix,
                        until,
                    });
                }
            }
            assert!(
                granted <= 1,
                "seed {}: an IA with {granted} leases",
                self.seed
            );
        }
        assert!(
            times.windows(2).all(|it| it[0] == it[1]),
            "seed {}: {times:?}",
            self.seed
        );
        assert!(
            times.iter().all(|(t1, t2)| t1 <= t2),
            "seed {}: {times:?}",
            self.seed
        );
    }

    fn check(&mut self) {
        for (client, beliefs) in self.beliefs.iter().enumerate() {
            for belief in beliefs {
                self.checked += 1;
                for (other, others) in self.beliefs.iter().enumerate().skip(client + 1) {
                    let shared = others.iter().find(|it| overlaps(it.prefix, belief.prefix));
                    assert_eq!(
                        shared, None,
                        "seed {}: {client} and {other} share",
                        self.seed
                    );
                }
                let lease = self.engine.table().get(belief.prefix);
                let known = lease.is_some_and(|lease| {
                    lease.state() == LeaseState::Active
                        && lease.holder().duid == duid(client)
                        && (lease.valid_until() >= belief.until || is_retired(lease, belief))
                });
                assert!(
                    known,
                    "seed {}: {client} has {belief:?}, table {lease:?}",
                    self.seed
                );
            }
        }
        if self.random.one_in(20) {
            let replayed = start(&self.config, &self.durable, self.now);
            let same = facts(&replayed) == facts(&self.engine);
            assert!(same, "seed {}: the journal tells another story", self.seed);
        }
    }
}

/// Whether somebody believes in a lease for ever that has got an end, which the client hears of with the next
/// answer that reaches it. A run is shorter than the day that it has for that.
fn is_retired(lease: Lease<'_>, belief: &Belief) -> bool {
    belief.until == Timestamp::NEVER && lease.valid_until() < Timestamp::NEVER
}

/// Every lease that the server knows, in an order of its own.
fn facts(engine: &Engine) -> Vec<Change> {
    let mut facts: Vec<_> = engine.table().iter().map(|it| it.change()).collect();
    facts.sort_by_key(|it| it.prefix);
    facts
}

fn relayed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out);
    writer.relay_message(
        MessageType::RELAY_FORWARD,
        0,
        ip("2001:db8:1::2"),
        ip("fe80::c1"),
    );
    writer.option(OptionCode::RELAY_MESSAGE, message);
    writer.finish().expect("a small message");
    out
}

#[test]
fn no_two_clients_share_and_no_promise_is_forgotten() {
    let number = |name| std::env::var(name).ok().and_then(|it| it.parse().ok());
    let seeds = match number("DHCP6S_MODEL_SEED") {
        Some(seed) => seed..=seed,
        None => 1..=number("DHCP6S_MODEL_RUNS").unwrap_or(60),
    };
    let (mut runs, mut checked, mut reloads) = (0, 0, 0);
    for seed in seeds {
        let mut world = World::new(seed);
        for _ in 0..600 {
            world.step();
        }
        runs += 1;
        checked += world.checked;
        reloads += world.reloads;
    }
    println!("{runs} runs, {reloads} reloads, {checked} leases checked, 0 shared, 0 forgotten");
    assert!(
        checked > 1000,
        "the clients got too few leases for the test to mean anything"
    );
}
