//! The engine with a configuration as text, and clients that say little.

use super::*;
use crate::config::{Sources, load};
use crate::lease::{Change, IaKind, LeaseState, Replay};
use crate::wire::{Ia, IaAddress, Message, OptionCode, StatusCode, Writer};

const SERVER: [u8; 5] = [0, 3, 0, 1, 1];
const GROUP: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);

fn ip(text: &str) -> Ipv6Addr {
    text.parse().expect("an address")
}

/// An engine on the link 2001:db8:1::/64 with these leases.
fn engine(config: &str, leases: &[Change]) -> Engine {
    let sources = Sources {
        read: &|_| Ok(config.as_bytes().to_vec()),
        interface_exists: &|_| true,
        addresses_of: &|_| Some(Vec::new()),
        now: crate::config::utc(Timestamp(0)),
    };
    let loaded = load("F", &sources).expect("a configuration");
    let mut table = LeaseTable::default();
    leases.iter().for_each(|change| table.apply(change));
    let link = Link {
        name: "eth0".to_owned(),
        addresses: vec![(ip("2001:db8:1::1"), 64)],
        claimed: Vec::new(),
    };
    let server = Duid::new(&SERVER).expect("a DUID");
    Engine::new(server, &Secret::new([7; 32]), loaded.config, link, table)
}

fn leases(engine: &Engine) -> Vec<Change> {
    engine.table().iter().map(|lease| lease.change()).collect()
}

/// A message with one IA_NA, number 1, that lists these addresses.
fn message(client: u8, message_type: MessageType, listed: &[Ipv6Addr]) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut writer = Writer::new(&mut octets);
    writer.message(message_type, [0, 0, 1]);
    writer.option(OptionCode::CLIENT_ID, &[0, 3, 0, 1, 2, client]);
    if !matches!(message_type, MessageType::SOLICIT | MessageType::REBIND) {
        writer.option(OptionCode::SERVER_ID, &SERVER);
    }
    let ia = writer.open_ia(OptionCode::IA_NA, 1, 0, 0);
    for &address in listed {
        writer.ia_address(address, 0, 0);
    }
    writer.close(ia);
    writer.finish().expect("a small message");
    octets
}

/// What the IA of an answer holds: addresses with their valid lifetimes, and a status.
#[derive(PartialEq, Eq, Debug)]
struct Answered {
    addresses: Vec<(Ipv6Addr, u32)>,
    status: Option<StatusCode>,
}

/// The octets of the answer to a client on the link.
fn answer(engine: &mut Engine, now: u64, payload: &[u8]) -> Result<Vec<u8>, DropReason> {
    let arrival = Arrival {
        payload,
        source: SocketAddrV6::new(ip("fe80::c1"), 546, 0, 2),
        destination: GROUP,
    };
    let mut outbox = Outbox::default();
    engine.handle(Timestamp(now), &arrival, &mut outbox)?;
    let answer = outbox.answers().next().expect("an answer");
    Ok(answer.payload.to_vec())
}

fn ask(engine: &mut Engine, now: u64, payload: &[u8]) -> Result<Answered, DropReason> {
    let octets = answer(engine, now, payload)?;
    let message = Message::read(&octets).expect("a message");
    let ia = message.options.first(OptionCode::IA_NA).expect("an IA");
    let ia = Ia::read(ia).expect("an IA");
    let addresses = ia.options.all(OptionCode::IA_ADDRESS).map(|value| {
        let lease = IaAddress::read(value).expect("an address");
        (lease.address, lease.valid_secs)
    });
    let status = ia.options.first(OptionCode::STATUS_CODE);
    let status = status.and_then(|value| value.first_chunk().copied());
    Ok(Answered {
        addresses: addresses.collect(),
        status: status.map(|code| StatusCode(u16::from_be_bytes(code))),
    })
}

/// Asks for what is offered, and returns it.
fn obtain(engine: &mut Engine, now: u64, client: u8) -> Ipv6Addr {
    let offer = ask(engine, now, &message(client, MessageType::SOLICIT, &[])).expect("an offer");
    let [(offered, _)] = offer.addresses[..] else {
        panic!("{offer:?}");
    };
    let request = message(client, MessageType::REQUEST, &[offered]);
    let reply = ask(engine, now, &request).expect("a reply");
    assert_eq!(reply.addresses[0].0, offered, "{reply:?}");
    offered
}

const LAN: &str = "pool lan { range 2001:db8:1::10 to 2001:db8:1::10; };";

#[test]
fn a_lease_ends_no_sooner_than_its_holder_was_once_told() {
    let long = format!("interface eth0 {{ address-pool lan 500 1000; }}; {LAN}");
    let short = format!("interface eth0 {{ address-pool lan 50 100; }}; {LAN}");
    let mut first = engine(&long, &[]);
    let address = obtain(&mut first, 1000, 1);
    let mut second = engine(&short, &leases(&first));
    // The answer that tells of the shorter lifetime may get lost.
    let renew = message(1, MessageType::RENEW, &[address]);
    let reply = ask(&mut second, 1500, &renew).expect("a reply");
    assert_eq!(reply.addresses, [(address, 100)]);
    let newcomer = message(2, MessageType::SOLICIT, &[]);
    let offer = ask(&mut second, 2000, &newcomer).expect("an offer");
    assert_eq!(offer.status, Some(StatusCode::NO_ADDRS_AVAIL));
    let offer = ask(&mut second, 2001, &newcomer).expect("an offer");
    assert_eq!(offer.addresses, [(address, 100)]);
}

#[test]
fn a_lease_without_an_end_that_gets_one_is_kept_for_a_day() {
    let endless = format!("interface eth0 {{ address-pool lan infinity; }}; {LAN}");
    let short = format!("interface eth0 {{ address-pool lan 50 100; }}; {LAN}");
    let mut first = engine(&endless, &[]);
    let address = obtain(&mut first, 1000, 1);
    let mut second = engine(&short, &leases(&first));
    let renew = message(1, MessageType::RENEW, &[address]);
    ask(&mut second, 2000, &renew).expect("a reply");
    let until = leases(&second)[0].valid_until;
    assert_eq!(until, Timestamp(2000 + 86_400));
    assert_eq!(leases(&second)[0].state, LeaseState::Active);
}

const FAR: &str = "\
    interface eth0 { address-pool lan 50 100; };
    pool lan { range 2001:db8:1::10 to 2001:db8:1::1f; };
    pool far { range 2001:db8:2::10 to 2001:db8:2::1f; };
    host a { duid 00:03:00:01:02:01; address-pool far 500 1000; };";

#[test]
fn what_a_hosts_own_pool_offers_is_on_link_for_it() {
    let mut engine = engine(FAR, &[]);
    let address = obtain(&mut engine, 1000, 1);
    assert_eq!(address.segments()[2], 2);
    // For others it is not.
    let request = message(2, MessageType::REQUEST, &[address]);
    let reply = ask(&mut engine, 1000, &request).expect("a reply");
    assert_eq!(reply.status, Some(StatusCode::NOT_ON_LINK));
}

#[test]
fn a_valid_lifetime_of_zero_gives_nothing() {
    let pool = "interface eth0 { address-pool lan 0; }; pool lan { range 2001:db8:1::10 to 2001:db8:1::1f; };";
    let host = "host a { duid 00:03:00:01:02:01; address 2001:db8:1::5 0; };";
    for config in [pool, host] {
        let mut engine = engine(config, &[]);
        for message_type in [MessageType::SOLICIT, MessageType::REQUEST] {
            let message = message(1, message_type, &[]);
            let answer = ask(&mut engine, 1000, &message).expect("an answer");
            assert_eq!(answer.addresses, []);
            assert_eq!(answer.status, Some(StatusCode::NO_ADDRS_AVAIL));
        }
        assert!(engine.table().is_empty());
    }
}

#[test]
fn a_lease_whose_lifetime_became_zero_is_withdrawn() {
    let before = format!("interface eth0 {{ address-pool lan 50 100; }}; {LAN}");
    let after = format!("interface eth0 {{ address-pool lan 0; }}; {LAN}");
    let mut first = engine(&before, &[]);
    let address = obtain(&mut first, 1000, 1);
    let mut second = engine(&after, &leases(&first));
    let renew = message(1, MessageType::RENEW, &[address]);
    let reply = ask(&mut second, 1010, &renew).expect("a reply");
    assert_eq!(reply.addresses, [(address, 0)]);
    assert_eq!(leases(&second), leases(&first));
}

#[test]
fn a_new_configuration_leaves_nothing_of_the_old_one() {
    let old = "interface eth0 { address-pool lan 500 1000; allow rapid-commit; preference 9; };
        pool lan { range 2001:db8:9::10 to 2001:db8:9::1f; };
        host a { duid 00:03:00:01:02:01; address 2001:db8:1::5 500 1000; };
        option domain-name-servers 2001:db8::53; option refreshtime 600;";
    let new = "interface eth0 { address-pool lan 50 100; };
        pool lan { range 2001:db8:1::10 to 2001:db8:1::1f; };
        host b { duid 00:03:00:01:02:02; address 2001:db8:1::6 50 100; };";
    let mut reloaded = engine(old, &[]);
    let fresh = engine(new, &[]);
    reloaded.configure(fresh.config.clone());
    let facts = |engine: &Engine| {
        let mut hosts: Vec<_> = engine.hosts.iter().map(|(k, v)| (*k, *v)).collect();
        hosts.sort();
        (
            format!("{:?}{:?}", engine.interface, engine.on_link),
            format!("{:?}{:?}", engine.stateless, hosts),
            engine.table.excluded().clone(),
            engine.table.unavailable().clone(),
            engine.link.clone(),
        )
    };
    assert_eq!(facts(&reloaded), facts(&fresh));
    assert_ne!(facts(&reloaded), facts(&engine(old, &[])));
}

#[test]
fn an_address_that_the_server_claims_is_nobodys_and_says_nothing_about_the_link() {
    let mut engine = engine("", &[]);
    let mut link = engine.link().clone();
    let claimed = ip("2001:db8:7::7");
    link.claimed.push(claimed);
    engine.set_link(link);
    assert!(engine.table.excluded().contains(claimed.to_bits()));
    assert!(!engine.is_on_link(claimed));
}

#[test]
fn a_binding_is_removed_whole_and_no_other_with_it() {
    let key = |kind, iaid| IaKey {
        duid: Duid::new(&[0, 3, 0, 1, 2, 1]).expect("a DUID"),
        kind,
        iaid,
    };
    let lease = |address: &str, holder, state| Change {
        prefix: Prefix::host(ip(address)),
        holder,
        state,
        changed: Timestamp(1000),
        preferred_until: Timestamp(2000),
        valid_until: Timestamp(3000),
    };
    let (removed, active) = (key(IaKind::Na, 1), LeaseState::Active);
    let before = [
        lease("2001:db8:1::10", removed, active),
        lease("2001:db8:1::11", removed, active),
        lease("2001:db8:1::12", removed, LeaseState::Declined),
        lease("2001:db8:1::13", key(IaKind::Na, 2), active),
        lease("2001:db8:1::14", key(IaKind::Pd, 1), active),
    ];
    let mut engine = engine("", &before);
    let mut log = ChangeLog::default();
    assert_eq!(engine.remove(Timestamp(1500), &removed, &mut log), 2);
    assert_eq!(log.count(), 2);
    for (change, is_free) in before.iter().zip([true, true, false, false, false]) {
        assert_eq!(engine.table().is_free(change.prefix), is_free, "{change}");
    }
    assert_eq!(engine.remove(Timestamp(1500), &removed, &mut log), 0);
    assert_eq!(log.count(), 2);
    // What ended by itself is not there to be removed.
    assert_eq!(
        engine.remove(Timestamp(3001), &key(IaKind::Na, 2), &mut log),
        0
    );
    assert_eq!(log.count(), 2);
}

/// A host with a key, and what its client and the server say to each other.
mod authentication {
    use super::*;
    use crate::lease::ReplayCounter;
    use crate::wire::{Authentication, DelayedInformation};
    use hmac::{Hmac, KeyInit, Mac};
    use md5::Md5;

    const KEYED: &str = "\
        interface eth0 { address-pool lan 50 100; };
        pool lan { range 2001:db8:1::10 to 2001:db8:1::1f; };
        keyinfo k { realm \"r\"; keyid 1; secret \"c2VjcmV0\"; };
        host a { duid 00:03:00:01:02:01; prefix 2001:db8:d00::/56 50 100; delayedkey k; };";
    /// 2026-01-01 00:00:00 UTC, and the same as an NTP timestamp.
    const NOW: u64 = 1_767_225_600;
    const NTP_NOW: u64 = (NOW + 2_208_988_800) << 32;

    fn hmac_md5(octets: &[u8]) -> [u8; 16] {
        let mut mac = Hmac::<Md5>::new_from_slice(b"secret").expect("any length");
        mac.update(octets);
        mac.finalize().into_bytes().into()
    }

    /// A message of the client with the key; without a value to count, a wish alone.
    fn signed(message_type: MessageType, replay: Option<u64>) -> Vec<u8> {
        let mut octets = Vec::new();
        let mut writer = Writer::new(&mut octets);
        writer.message(message_type, [0, 0, 1]);
        writer.option(OptionCode::CLIENT_ID, &[0, 3, 0, 1, 2, 1]);
        if message_type != MessageType::SOLICIT {
            writer.option(OptionCode::SERVER_ID, &SERVER);
        }
        let ia = writer.open_ia(OptionCode::IA_PD, 1, 0, 0);
        writer.close(ia);
        match replay {
            Some(replay) => writer.delayed_authentication(replay, b"r", 1, hmac_md5),
            None => writer.option(
                OptionCode::AUTHENTICATION,
                &[2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            ),
        }
        writer.finish().expect("a small message");
        octets
    }

    /// What the replay detection field of the answer says, which has to be signed.
    fn counted(engine: &mut Engine, now: u64, payload: &[u8]) -> Result<u64, DropReason> {
        let octets = answer(engine, now, payload)?;
        let message = Message::read(&octets).expect("a message");
        let last = message.options.iter().last().expect("an option");
        assert_eq!(last.code, OptionCode::AUTHENTICATION);
        let option = Authentication::read(last.value).expect("an option");
        let information = DelayedInformation::read(option.information).expect("information");
        let (ahead, behind) = message.around_mac().expect("a MAC");
        let covered = [ahead, &[0; 16], behind].concat();
        assert_eq!(*information.mac, hmac_md5(&covered));
        Ok(option.replay)
    }

    fn offer(engine: &mut Engine, now: u64) -> u64 {
        counted(engine, now, &signed(MessageType::SOLICIT, None)).expect("an offer")
    }

    fn reply(engine: &mut Engine, now: u64, replay: u64) -> u64 {
        let request = signed(MessageType::REQUEST, Some(replay));
        counted(engine, now, &request).expect("a reply")
    }

    fn counter(engine: &Engine) -> Option<ReplayCounter> {
        engine.table().counters().next().copied()
    }

    #[test]
    fn the_server_counts_in_ntp_time_and_never_back() {
        let mut engine = engine(KEYED, &[]);
        assert_eq!(offer(&mut engine, NOW), NTP_NOW);
        let mut last = reply(&mut engine, NOW, 1);
        assert_eq!(last, NTP_NOW + 0x1_0000);
        // In the same second, with the clock set back by a year, and with it right again.
        let year = 365 * 86_400;
        let mut received = 1;
        for now in [NOW, NOW - year, NOW - year, NOW + 1, NOW - 1, NOW + 2] {
            let offered = offer(&mut engine, now);
            received += 1;
            let replied = reply(&mut engine, now, received);
            assert!(
                last < offered && offered < replied,
                "{last:x} {offered:x} {replied:x}"
            );
            last = replied;
        }
        assert_eq!(last, ((NOW + 2 + 2_208_988_800) << 32) + 0x1_0000);
    }

    #[test]
    fn seconds_that_begin_again_are_newer() {
        // 2036-02-07 06:28:15 UTC is the last second of the first 2^32 since 1900.
        let last_of_era = (1 << 32) - 1 - 2_208_988_800;
        let mut engine = engine(KEYED, &[]);
        assert_eq!(reply(&mut engine, last_of_era, 1), 0xffff_ffff_0001_0000);
        assert_eq!(offer(&mut engine, last_of_era + 1), 0);
        assert_eq!(reply(&mut engine, last_of_era + 1, 2), 0x1_0000);
    }

    #[test]
    fn an_offer_leaves_no_trace() {
        let mut engine = engine(KEYED, &[]);
        offer(&mut engine, NOW);
        assert_eq!(counter(&engine), None);
        reply(&mut engine, NOW, 7);
        let before = counter(&engine);
        assert_eq!(before.map(|it| it.received), Some(7));
        offer(&mut engine, NOW + 1);
        assert_eq!(counter(&engine), before);
    }

    #[test]
    fn counters_outlast_a_new_configuration_and_come_back_with_their_key() {
        let mut engine = engine(KEYED, &[]);
        reply(&mut engine, NOW, 7);
        let read = |text: &str| super::engine(text, &[]).config;
        let again = signed(MessageType::REQUEST, Some(7));
        // Another name and another place make no other key.
        engine.configure(read(
            &KEYED
                .replace(
                    "keyinfo k",
                    "keyinfo other { realm \"x\"; keyid 1; secret \"\"; }; keyinfo l",
                )
                .replace("delayedkey k", "delayedkey l"),
        ));
        assert_eq!(counted(&mut engine, NOW, &again), Err(DropReason::Replayed));
        engine.configure(read(&KEYED.replace("delayedkey k;", "")));
        assert_eq!(
            counted(&mut engine, NOW, &again),
            Err(DropReason::AuthenticationFailed)
        );
        engine.configure(read(KEYED));
        assert_eq!(counted(&mut engine, NOW, &again), Err(DropReason::Replayed));
    }

    #[test]
    fn a_restatement_states_every_counter() {
        let mut engine = engine(KEYED, &[]);
        reply(&mut engine, NOW, 7);
        obtain(&mut engine, NOW, 9);
        for count in 1..4 {
            let (mut log, mut cursor) = (ChangeLog::default(), Some(0));
            while let Some(at) = cursor {
                cursor = engine.restate(at, count, &mut log);
            }
            let mut replay = Replay::default();
            let mut records = log.records();
            while let Ok((record, rest)) = crate::lease::Record::read(records) {
                replay.take(&record);
                records = rest;
            }
            let table = replay.finish();
            assert_eq!(table.counters().next(), counter(&engine).as_ref());
            assert_eq!(table.len(), 2);
            assert_eq!(log.count(), 3, "{count} at a time");
        }
    }
}

/// What clients hold here, and what another interface does not give anybody because of that.
#[test]
fn what_a_client_of_another_interface_holds_is_given_to_nobody_before_it_is_over() {
    const POOLS: &str = "pool p { range 2001:db8:1::10 to 2001:db8:1::10; };
        pool q { range 2001:db8:2::10 to 2001:db8:2::10; };";
    let on = |eth0, eth1, hosts: &str| {
        format!(
            "{POOLS} interface eth0 {{ address-pool {eth0} 100 200; }};
             interface eth1 {{ address-pool {eth1} 100 200; }}; {hosts}"
        )
    };
    let holder = IaKey {
        duid: Duid::new(&[0, 3, 0, 1, 2, 1]).expect("a DUID"),
        kind: IaKind::Na,
        iaid: 1,
    };
    let held = |address: &str| Change {
        prefix: Prefix::host(ip(address)),
        holder,
        state: LeaseState::Active,
        changed: Timestamp(1000),
        preferred_until: Timestamp(1100),
        valid_until: Timestamp(1200),
    };
    let host = |client: u8, address: &str| {
        format!("host h {{ duid 00:03:00:01:02:0{client}; address {address} 100 200; }};")
    };
    let of = |config: &str, address: &str| engine(config, &[held(address)]).claims();
    let held_there = "2001:db8:1::10";
    // Its own pool gives it to nobody else, and what is reserved for its holder is no business of others.
    assert_eq!(of(&on("p", "q", ""), held_there), []);
    assert_eq!(of(&on("q", "p", &host(1, held_there)), held_there), []);
    assert_eq!(
        of(&on("p", "q", &host(2, held_there)), held_there),
        [held(held_there)]
    );

    // The pools were exchanged: eth0, on which `other` serves here, gets the pool that eth1 had.
    let claims = of(&on("q", "p", ""), held_there);
    assert_eq!(claims, [held(held_there)]);
    let mut other = engine(&on("p", "q", ""), &[]);
    other.respect(&claims);
    let solicit = message(9, MessageType::SOLICIT, &[ip(held_there)]);
    let offered = |other: &mut Engine, now| ask(other, now, &solicit).expect("an offer").addresses;
    assert_eq!(offered(&mut other, 1200), []);
    assert_eq!(offered(&mut other, 1201), [(ip(held_there), 200)]);
}
