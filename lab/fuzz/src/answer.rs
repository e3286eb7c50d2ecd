//! What every answer has to be, whatever was asked.

use super::options::{Ia, Listed, Opened, codes, first, open};
use dhcp6s::config::{Config, Host, Lifetimes};
use dhcp6s::engine::Answer;
use dhcp6s::lease::{Change, IaKind, LeaseState, Prefix, Timestamp, is_reserved};
use dhcp6s::wire::{Duid, MessageType};
use std::collections::BTreeSet;
use std::net::{Ipv6Addr, SocketAddrV6};

const ADVERTISE: u8 = 2;
const REPLY: u8 = 7;
const RELAY_FORWARD: u8 = 12;
const RELAY_REPLY: u8 = 13;

/// A message that was answered, and what came of it.
pub(super) struct Exchange<'a> {
    pub(super) config: &'a Config,
    /// The server's own addresses.
    pub(super) own: &'a [Ipv6Addr],
    pub(super) now: Timestamp,
    pub(super) asked: &'a [u8],
    pub(super) source: SocketAddrV6,
    pub(super) verdict: MessageType,
    pub(super) answer: Answer<'a>,
    /// The leases ahead of it.
    pub(super) before: &'a [Change],
    pub(super) changes: &'a [Change],
    /// Whether it counts a client's message.
    pub(super) counts: bool,
}

/// A lease that an answer grants, and to whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Grant {
    pub(super) prefix: Prefix,
    pub(super) duid: Duid,
    pub(super) until: Timestamp,
}

/// Holds an answer against the rules, and returns what it promises.
pub(super) fn check(exchange: &Exchange<'_>) -> Vec<Grant> {
    let asked = open(exchange.asked, RELAY_FORWARD).expect("what is answered can be read");
    let answer = exchange.answer.payload;
    let answer = open(answer, RELAY_REPLY).expect("an answer is well formed");
    relays(exchange, &asked, &answer);
    header(exchange, &asked, &answer);
    options(exchange, &asked, &answer);
    ias(exchange, &asked, &answer)
}

/// The answer goes back through the levels that the message came by (RFC 9915 §19.3).
fn relays(exchange: &Exchange<'_>, asked: &Opened<'_>, answer: &Opened<'_>) {
    assert_eq!(asked.levels.len(), answer.levels.len());
    for (asked, answer) in asked.levels.iter().zip(&answer.levels) {
        assert_eq!(asked.header, answer.header);
        assert_eq!(first(&asked.options, 18), first(&answer.options, 18));
        for code in [9, 18, 135] {
            assert!(count(&answer.options, code) <= 1, "{code}");
        }
        let echoed = first(&asked.options, 43)
            .and_then(codes)
            .unwrap_or_default();
        for &(code, value) in &answer.options {
            let always = matches!(code, 9 | 18 | 135);
            assert!(always || echoed.contains(&code), "{code} was not asked for");
            assert!(
                code == 9 || asked.options.contains(&(code, value)),
                "{code}"
            );
        }
    }
    let port = match asked.levels.first() {
        None => 546,
        Some(level) => match first(&level.options, 135) {
            Some([_, _]) => exchange.source.port(),
            _ => 547,
        },
    };
    let to = exchange.answer.to;
    assert_eq!((to.ip(), to.port()), (exchange.source.ip(), port));
}

/// Whose answer to whom it is (RFC 9915 §18.3).
fn header(exchange: &Exchange<'_>, asked: &Opened<'_>, answer: &Opened<'_>) {
    assert_eq!(answer.message_type, exchange.verdict.0);
    assert_eq!(answer.transaction_id, asked.transaction_id);
    assert_eq!(first(&answer.options, 1), first(&asked.options, 1));
    assert_eq!(first(&answer.options, 2), Some(&super::compose::SERVER[..]));
    let rapid = first(&answer.options, 14).is_some();
    match asked.message_type {
        1 => assert!(rapid == (answer.message_type == REPLY)),
        _ => assert!(answer.message_type == REPLY && !rapid),
    }
    assert!(answer.message_type == REPLY || exchange.changes.is_empty());
    let stored = !exchange.changes.is_empty() || exchange.counts;
    assert_eq!(exchange.answer.promises, stored);
    // Whose message was counted gets a signature.
    assert!(!exchange.counts || first(&answer.options, 11).is_some());
    let status = first(&answer.options, 13).map(|it| it.to_vec());
    let status = status.map(|it| u16::from_be_bytes([it[0], it[1]]));
    match asked.message_type {
        4 => assert!(matches!(status, Some(0 | 4))),
        8 | 9 => assert_eq!(status, Some(0)),
        _ => assert_eq!(status, None),
    }
}

/// Nothing stands twice that must not, and nothing is there that nobody asked for (RFC 9915 §21, §21.7).
fn options(exchange: &Exchange<'_>, asked: &Opened<'_>, answer: &Opened<'_>) {
    let request = first(&asked.options, 6).and_then(codes);
    let configures = !matches!(asked.message_type, 4 | 8 | 9);
    for &(code, value) in &answer.options {
        let asked_for = |code| request.as_ref().is_none_or(|it| it.contains(&code));
        match code {
            1 | 2 | 13 | 14 => {}
            3 | 25 => continue,
            11 => assert!(first(&asked.options, 11).is_some() && value.len() >= 31),
            7 => assert!(answer.message_type == ADVERTISE && value.len() == 1),
            32 => assert!(asked.message_type == 11 && asked_for(32) && value.len() == 4),
            33 | 34 => assert!(configures && (asked_for(33) || asked_for(34))),
            56 => assert!(configures && asked_for(56) && request.is_some()),
            21..=24 | 27..=31 => assert!(configures && asked_for(code)),
            _ => panic!("option {code} is never sent"),
        }
        assert!(code == 56 || count(&answer.options, code) == 1, "{code}");
    }
    let servers = &exchange.config.options.dns_servers;
    let wanted = configures && request.is_none_or(|it| it.contains(&23));
    let octets: Vec<u8> = servers.iter().flat_map(Ipv6Addr::octets).collect();
    let expected = (wanted && !servers.is_empty()).then_some(octets.as_slice());
    assert_eq!(first(&answer.options, 23), expected);
}

fn count(options: &[(u16, &[u8])], code: u16) -> usize {
    options.iter().filter(|option| option.0 == code).count()
}

/// The IAs that were asked for and no others, each with something in it, and one pair of times for all.
fn ias(exchange: &Exchange<'_>, asked: &Opened<'_>, answer: &Opened<'_>) -> Vec<Grant> {
    let wanted = Ia::all(&asked.options).unwrap_or_default();
    let ias = Ia::all(&answer.options).expect("the IAs of an answer can be read");
    let keys =
        |ias: &[Ia<'_>]| -> BTreeSet<_> { ias.iter().map(|it| (it.code, it.iaid)).collect() };
    let (wanted_keys, answered_keys) = (keys(&wanted), keys(&ias));
    assert_eq!(answered_keys.len(), ias.len(), "an IA stands twice");
    match asked.message_type {
        4 | 11 => assert!(ias.is_empty()),
        8 | 9 => assert!(answered_keys.is_subset(&wanted_keys)),
        _ => assert_eq!(answered_keys, wanted_keys),
    }
    let mut granted: Vec<Listed> = Vec::new();
    for ia in &ias {
        assert_eq!(ia.times, ias[0].times, "T1 and T2 differ");
        let listed = ia.listed();
        assert_eq!(listed.len() + count(&ia.options, 13), ia.options.len());
        assert!(count(&ia.options, 13) <= 1 && !ia.options.is_empty());
        assert_ne!(ia.status(), Some(0));
        if matches!(asked.message_type, 8 | 9) {
            assert!(listed.is_empty() && ia.status() == Some(3));
        }
        for (index, lease) in listed.iter().enumerate() {
            assert!(lease.preferred <= lease.valid);
            assert_eq!(lease.bounds().0, lease.address, "bits beyond the length");
            let again = listed[..index].iter();
            assert!(
                !again
                    .into_iter()
                    .any(|it| (it.address, it.length) == (lease.address, lease.length))
            );
            if lease.valid == 0 {
                withdrawn(exchange, asked, ia, lease);
                continue;
            }
            assert_eq!(ia.status(), None);
            let (low, high) = lease.bounds();
            let overlap = granted
                .iter()
                .find(|it| it.bounds().0 <= high && low <= it.bounds().1);
            assert_eq!(overlap, None, "granted twice");
            granted.push(*lease);
            may_have(exchange, asked, ia, lease);
        }
    }
    let (t1, t2) = ias.first().map_or((0, 0), |it| it.times);
    assert!(t1 <= t2 && (t1 == 0) == granted.is_empty(), "{t1} {t2}");
    if answer.message_type == ADVERTISE {
        return Vec::new();
    }
    changes(exchange, asked, &granted)
}

/// Only who extends leases is told to stop using some, and only those that it names or has.
fn withdrawn(exchange: &Exchange<'_>, asked: &Opened<'_>, ia: &Ia<'_>, lease: &Listed) {
    assert!(matches!(asked.message_type, 5 | 6));
    let duid = first(&asked.options, 1).and_then(Duid::new);
    let has = exchange.before.iter().any(|it| {
        it.prefix == prefix(lease)
            && it.state == LeaseState::Active
            && (Some(it.holder.duid), it.holder.iaid) == (duid, ia.iaid)
    });
    assert!(
        has || names(asked, ia.code, ia.iaid, prefix(lease)),
        "{lease:?}"
    );
}

/// Whether the message lists that lease in that IA.
fn names(asked: &Opened<'_>, code: u16, iaid: u32, lease: Prefix) -> bool {
    let ias = Ia::all(&asked.options).unwrap_or_default();
    let ia = ias.iter().find(|it| (it.code, it.iaid) == (code, iaid));
    ia.is_some_and(|it| it.listed().iter().any(|it| prefix(it) == lease))
}

/// A lease comes from what is configured for the client, with the lifetimes that stand there.
fn may_have(exchange: &Exchange<'_>, asked: &Opened<'_>, ia: &Ia<'_>, lease: &Listed) {
    let config = exchange.config;
    let duid = first(&asked.options, 1)
        .and_then(Duid::new)
        .expect("a DUID");
    let prefix = prefix(lease);
    let host = config.hosts.iter().find(|it| it.duid == Some(duid));
    let times = Lifetimes {
        preferred_secs: lease.preferred,
        valid_secs: lease.valid,
    };
    let reserved = |host: &Host| {
        let of_kind = if ia.code == 3 {
            &host.addresses
        } else {
            &host.prefixes
        };
        of_kind
            .iter()
            .any(|it| it.prefix == prefix && it.lifetimes == times)
    };
    if host.is_some_and(reserved) {
        return;
    }
    assert_eq!(ia.code, 3, "prefixes are reserved or not given");
    let address = prefix.address();
    let anywhere = host.and_then(|it| it.pool);
    let levels = asked.levels.iter().rev();
    let link = levels
        .map(|it| it.link_address())
        .find(|it| !it.is_unspecified());
    let on_link: Ipv6Addr = "2001:db8:1::".parse().expect("an address");
    let here = link.is_none_or(|it| it.segments()[..4] == on_link.segments()[..4]);
    let of_link = config.interfaces.iter().find_map(|it| it.pool);
    let pool_use = anywhere.or(of_link.filter(|_| here)).expect("a pool");
    let pool = &config.pools[pool_use.pool];
    assert!(
        pool.contains(address) && pool_use.lifetimes == times,
        "{address}"
    );
    assert!(
        !is_reserved(address) && !exchange.own.contains(&address),
        "{address}"
    );
    let all = config.hosts.iter();
    let mut others = all.flat_map(|it| it.addresses.iter().chain(&it.prefixes));
    assert!(!others.any(|it| it.prefix.contains(address)), "{address}");
}

fn prefix(lease: &Listed) -> Prefix {
    Prefix::new(Ipv6Addr::from_bits(lease.address), lease.length).expect("at most 128")
}

/// A Reply promises what it changes and nothing else, and changes what is the client's alone.
fn changes(exchange: &Exchange<'_>, asked: &Opened<'_>, granted: &[Listed]) -> Vec<Grant> {
    let duid = first(&asked.options, 1).and_then(Duid::new);
    let mut seen = BTreeSet::new();
    for change in exchange.changes {
        assert_eq!(Some(change.holder.duid), duid);
        assert!(
            seen.insert(change.prefix),
            "{:?} changes twice",
            change.prefix
        );
        assert!(change.preferred_until <= change.valid_until);
        if change.state != LeaseState::Active {
            let code = if change.holder.kind == IaKind::Na {
                3
            } else {
                25
            };
            assert!(names(asked, code, change.holder.iaid, change.prefix));
        }
        match asked.message_type {
            8 => assert_eq!(change.state, LeaseState::Released),
            9 => assert_eq!(
                (change.state, change.holder.kind),
                (LeaseState::Declined, IaKind::Na)
            ),
            _ => assert_eq!(change.state, LeaseState::Active),
        }
    }
    let grant = |lease: &Listed| {
        let until = exchange.now.after(lease.valid);
        let prefix = prefix(lease);
        let change = exchange.changes.iter().find(|it| it.prefix == prefix);
        let change = change.expect("what is promised is logged");
        assert!(change.valid_until >= until && change.changed == exchange.now);
        let duid = change.holder.duid;
        Grant {
            prefix,
            duid,
            until,
        }
    };
    granted.iter().map(grant).collect()
}
