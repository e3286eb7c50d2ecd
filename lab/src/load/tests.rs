//! A crowd against a server that does as it is told.

use std::time::Duration;

use proptest::prelude::*;

use super::client::{Change, Intent, Step};
use super::message::{Answer, IaKind, Kind, Writer};
use super::owners::Owners;
use super::{Block, Breach, Chance, Client, Crowd, Ia, Lease, Pace, Patience};

const SERVER: [u8; 4] = [0, 3, 0, 1];
const ADDRESS: Ia = Ia {
    kind: IaKind::Na,
    iaid: 7,
};
const PREFIX: Ia = Ia {
    kind: IaKind::Pd,
    iaid: 7,
};
/// The Rapid Commit option.
const RAPID_COMMIT: [u8; 4] = [0, 14, 0, 0];

fn at(millis: u64) -> Duration {
    Duration::from_millis(1_000_000_000 + millis)
}

fn block(address: &str, length: u8) -> Block {
    let address = address.parse().expect("an address");
    Block { address, length }
}

fn client(number: u8) -> Client {
    Client::new(vec![0, 3, 0, 1, number], vec![ADDRESS, PREFIX])
}

fn crowd(clients: u8) -> Crowd {
    let clients = (0..clients).map(client).collect();
    let patience = Patience::Every(Duration::from_millis(500));
    Crowd::new(clients, Pace::Window(3), patience, Chance::new(9))
}

/// The DUID in a message of a client.
fn duid(message: &[u8]) -> &[u8] {
    let length = usize::from(message[7]);
    &message[8..8 + length]
}

/// The answer to a message of a client: of that kind, with these leases and their valid lifetimes.
fn answer(kind: Kind, message: &[u8], leases: &[(Block, u32)]) -> Vec<u8> {
    let transaction = u32::from_be_bytes([0, message[1], message[2], message[3]]);
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out, kind, transaction, duid(message));
    writer.server(&SERVER);
    if kind == Kind::Reply && message.windows(4).any(|octets| *octets == RAPID_COMMIT) {
        writer.rapid_commit();
    }
    for (lease, valid_secs) in leases {
        // IAID, T1, T2; then an option with the preferred and the valid lifetime.
        let (valid, address) = (valid_secs.to_be_bytes(), lease.address.octets());
        let fixed = [0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0];
        let ia = match lease.length {
            128 => [
                &[0, 3, 0, 40][..],
                &fixed,
                &[0, 5, 0, 24],
                &address,
                &[0; 4],
                &valid,
            ]
            .concat(),
            length => {
                let option = [&[0, 26, 0, 25][..], &[0; 4], &valid, &[length], &address].concat();
                [&[0, 25, 0, 41][..], &fixed, &option].concat()
            }
        };
        out.extend(ia);
    }
    out
}

/// Answers so many messages as a server does that gives each client what `leases` says.
fn serve(crowd: &mut Crowd, now: Duration, count: usize, leases: impl Fn(&[u8]) -> Block) {
    for _ in 0..count {
        let message = crowd
            .next(now)
            .expect("somebody has something to say")
            .to_vec();
        let leases = [(leases(duid(&message)), 60)];
        let rapid_commit = message.windows(4).any(|octets| *octets == RAPID_COMMIT);
        let answer = match message[0] {
            1 if !rapid_commit => answer(Kind::Advertise, &message, &leases),
            8 => answer(Kind::Reply, &message, &[]),
            _ => answer(Kind::Reply, &message, &leases),
        };
        crowd.take(now, &answer);
    }
}

/// What comes of a message to which a client gets this answer.
fn told(
    client: &mut Client,
    now: Duration,
    kind: Kind,
    leases: &[(Block, u32)],
) -> (Step, Vec<Change>) {
    let mut message = Vec::new();
    client.send(now, &mut message);
    let octets = answer(kind, &message, leases);
    let answer = Answer::read(&octets).expect("it is an answer");
    let mut changes = Vec::new();
    (client.take(now, &answer, 99, &mut changes), changes)
}

const ACQUIRE: Intent = Intent::Acquire {
    rapid_commit: false,
};

#[test]
fn an_offer_is_no_promise_and_a_reply_is_one_from_when_it_was_asked_for() {
    let mut client = client(1);
    let leases = [
        (block("2001:db8::1", 128), 60),
        (block("2001:db8:d::", 56), 90),
    ];
    client.begin(ACQUIRE, 1, at(0));
    let offered = told(&mut client, at(0), Kind::Advertise, &leases);
    assert_eq!(offered, (Step::Requests, vec![]));
    assert_eq!(client.leases(at(0)).count(), 0);

    let mut request = Vec::new();
    client.send(at(900), &mut request);
    let (step, changes) = told(&mut client, at(2500), Kind::Reply, &leases);
    let promised = |ia, (block, _), until_secs| Lease {
        ia,
        block,
        until_secs,
    };
    let address = promised(ADDRESS, leases[0], 1_000_060);
    let prefix = promised(PREFIX, leases[1], 1_000_090);
    let granted = [address, prefix].map(Change::Granted).to_vec();
    assert_eq!((step, changes), (Step::Over, granted));
    assert_eq!(client.leases(at(60_999)).count(), 2);
    assert_eq!(client.leases(at(61_000)).collect::<Vec<_>>(), [prefix]);
}

#[test]
fn what_a_client_gives_back_is_not_promised_any_more_once_it_has_said_so() {
    let mut client = client(1);
    let leases = [(block("2001:db8::1", 128), 60)];
    client.begin(Intent::Acquire { rapid_commit: true }, 1, at(0));
    told(&mut client, at(0), Kind::Reply, &leases);
    client.begin(Intent::Release, 2, at(0));
    assert_eq!(client.leases(at(0)).count(), 1);
    let mut first = Vec::new();
    assert_eq!(client.send(at(0), &mut first).len(), 1);
    assert_eq!(client.leases(at(0)).count(), 0);
    let mut again = Vec::new();
    assert_eq!(client.send(at(1), &mut again).len(), 0);
    assert_eq!(first, again);
}

#[test]
fn a_client_notices_when_what_it_renews_is_not_in_the_reply() {
    let mut client = client(1);
    let (old, new) = (block("2001:db8::1", 128), block("2001:db8::2", 128));
    client.begin(Intent::Acquire { rapid_commit: true }, 1, at(0));
    told(&mut client, at(0), Kind::Reply, &[(old, 60)]);
    for leases in [vec![], vec![(new, 60)], vec![(old, 0), (new, 60)]] {
        let mut client = self::client(1);
        client.begin(Intent::Acquire { rapid_commit: true }, 1, at(0));
        told(&mut client, at(0), Kind::Reply, &[(old, 60)]);
        client.begin(Intent::Renew, 2, at(1000));
        let (_, changes) = told(&mut client, at(1000), Kind::Reply, &leases);
        let lost = matches!(changes[..], [Change::NotRenewed(lost), ..] if lost.block == old);
        assert!(lost, "{leases:?}: {changes:?}");
    }
    client.begin(Intent::Renew, 2, at(1000));
    let (_, changes) = told(&mut client, at(1000), Kind::Reply, &[(old, 60)]);
    assert!(matches!(changes[..], [Change::Granted(lease)] if lease.until_secs == 1_000_061));
}

#[test]
fn an_answer_to_another_client_or_message_is_ignored() {
    let mut client = client(1);
    client.begin(ACQUIRE, 1, at(0));
    let mut message = Vec::new();
    client.send(at(0), &mut message);
    let advertise = answer(
        Kind::Advertise,
        &message,
        &[(block("2001:db8::1", 128), 60)],
    );
    let mut ignores = |octets: &[u8]| {
        let answer = Answer::read(octets).expect("it is an answer");
        client.take(at(0), &answer, 2, &mut Vec::new()) == Step::Ignored
    };
    for (at, what) in [(3, "transaction"), (8, "client")] {
        let mut changed = advertise.clone();
        changed[at] ^= 1;
        assert!(ignores(&changed), "{what}");
    }
    assert!(ignores(&answer(Kind::Reply, &message, &[])));
    assert!(!ignores(&advertise));
}

#[test]
fn what_is_not_answered_is_sent_again_with_the_time_that_has_passed() {
    let mut crowd = crowd(1);
    // Behind the DUID stand code and length of the Elapsed Time, and then hundredths of a second.
    let after = |hundredths: u8, first: &[u8]| {
        let mut message = first.to_vec();
        message[18] = hundredths;
        message
    };
    let first = crowd.next(at(0)).expect("a Solicit").to_vec();
    assert_eq!(first, after(0, &first));
    assert_eq!(crowd.next(at(499)), None);
    assert_eq!(crowd.due(), Some(at(500)));
    assert_eq!(crowd.next(at(500)), Some(&*after(50, &first)));
    assert_eq!(crowd.next(at(501)), None);
    crowd.hurry();
    assert_eq!(crowd.next(at(640)), Some(&*after(64, &first)));
    assert_eq!(crowd.tally().repeated, 2);
}

/// Has everybody do that at that pace, without patience.
fn ordered(clients: u8, orders: &[(Intent, u32)], pace: Pace) -> Crowd {
    let mut crowd = crowd(clients);
    crowd.obey(
        orders,
        pace,
        Patience::GiveUp(Duration::from_secs(1)),
        at(0),
    );
    crowd
}

#[test]
fn at_a_rate_exchanges_set_out_on_time_whether_answered_or_not() {
    let mut crowd = ordered(9, &[(ACQUIRE, 1)], Pace::PerSecond(100.0));
    for millis in [0, 10, 20] {
        assert!(crowd.next(at(millis)).is_some(), "{millis}");
        assert_eq!(crowd.next(at(millis)), None, "{millis}");
        assert_eq!(crowd.due(), Some(at(millis + 10)));
    }
    // Whoever is late catches up.
    for _ in 0..6 {
        assert!(crowd.next(at(200)).is_some());
    }
    assert_eq!(crowd.next(at(200)), None, "there are nine");
    assert!(!crowd.is_settled());
    assert_eq!(crowd.next(at(1500)), None);
    assert_eq!((crowd.tally().lost, crowd.tally().completed), (9, 0));
    assert!(crowd.next(at(1500)).is_some(), "who gave up begins anew");
}

#[test]
fn latency_counts_from_when_an_exchange_was_to_set_out() {
    let mut crowd = ordered(2, &[(ACQUIRE, 1)], Pace::PerSecond(10.0));
    let own = |duid: &[u8]| block(&format!("2001:db8::{}", duid[4]), 128);
    // Both are late; the second one was due 100 ms after the first.
    serve(&mut crowd, at(0), 2, own);
    serve(&mut crowd, at(500), 2, own);
    let tally = crowd.tally();
    assert_eq!((tally.begun, tally.completed), (2, 2));
    assert_eq!(
        tally.latency.max(),
        tally.latency.highest_equivalent(400_000)
    );
    assert_eq!(tally.timeline.len(), 6);
    assert!(crowd.is_settled(), "there is nobody left without a lease");
    assert_eq!(
        crowd.due().filter(|due| *due <= at(1000)),
        Some(at(1000)),
        "only timers are left"
    );
}

#[test]
fn orders_are_followed_by_their_weights_and_by_whom_they_fit() {
    let own = |duid: &[u8]| block(&format!("2001:db8::{}", duid[4]), 128);
    let mut crowd = ordered(200, &[(ACQUIRE, 1)], Pace::Window(10));
    serve(&mut crowd, at(0), 400, own);
    assert!(crowd.is_settled());
    let patience = Patience::GiveUp(Duration::from_secs(1));
    let orders = [
        (Intent::Renew, 2),
        (Intent::Rebind, 1),
        (Intent::Confirm, 1),
        (Intent::Inform, 4),
    ];
    crowd.obey(&orders, Pace::Window(1), patience, at(0));
    let mut counts = [0; 12];
    for _ in 0..800 {
        let message = crowd.next(at(0)).expect("somebody").to_vec();
        counts[usize::from(message[0])] += 1;
        let leases = [(own(duid(&message)), 60)];
        let leases = if matches!(message[0], 4 | 11) {
            &[][..]
        } else {
            &leases
        };
        crowd.take(at(0), &answer(Kind::Reply, &message, leases));
    }
    assert!((150..250).contains(&counts[5]), "{counts:?}");
    assert!((60..140).contains(&counts[6]), "{counts:?}");
    assert!((60..140).contains(&counts[4]), "{counts:?}");
    assert!((350..450).contains(&counts[11]), "{counts:?}");
    assert_eq!(crowd.tally().completed, 800);
    assert_eq!(crowd.breaches(), []);
}

#[test]
fn only_messages_for_one_server_name_it_and_only_those_about_leases_list_them() {
    let mut client = client(1);
    let leases = [
        (block("2001:db8::1", 128), 60),
        (block("2001:db8:d::", 56), 90),
    ];
    client.begin(Intent::Acquire { rapid_commit: true }, 1, at(0));
    told(&mut client, at(0), Kind::Reply, &leases);
    for (intent, kind, names_server, ias) in [
        (Intent::Confirm, 4, false, 1),
        (Intent::Renew, 5, true, 2),
        (Intent::Rebind, 6, false, 2),
        (Intent::Inform, 11, false, 0),
        (Intent::Decline, 9, true, 1),
        (Intent::Release, 8, true, 1),
    ] {
        client.begin(intent, 2, at(0));
        let mut message = Vec::new();
        let gone = client.send(at(0), &mut message).len();
        let tree = crate::dissect::message(&message);
        let count = |code| tree.options.all(code).count();
        assert_eq!(message[0], kind);
        assert_eq!(count(2), usize::from(names_server), "{intent:?}");
        assert_eq!(count(3) + count(25), ias, "{intent:?}");
        // The Decline is about the address alone, so that the prefix is left for the Release.
        assert_eq!(gone, usize::from(kind == 8 || kind == 9), "{intent:?}");
    }
}

#[test]
fn an_answer_that_nobody_waits_for_is_counted() {
    let mut crowd = crowd(1);
    let message = crowd.next(at(0)).expect("a Solicit").to_vec();
    let advertise = answer(Kind::Advertise, &message, &[]);
    crowd.take(at(0), &advertise);
    crowd.take(at(0), &advertise);
    assert_eq!((crowd.tally().refused, crowd.tally().unwanted), (1, 1));
}

#[test]
fn no_more_than_the_window_wait() {
    let mut crowd = crowd(9);
    let sent: Vec<_> = (0..3)
        .map(|_| crowd.next(at(0)).expect("a Solicit").to_vec())
        .collect();
    assert_eq!(crowd.next(at(0)), None);
    crowd.take(at(0), &answer(Kind::Advertise, &sent[1], &[]));
    assert!(crowd.next(at(0)).is_some(), "the window has room for one");
    assert_eq!(crowd.next(at(0)), None);
}

#[test]
fn in_a_roll_call_everybody_who_has_something_renews_it_once() {
    let own = |duid: &[u8]| block(&format!("2001:db8::{}", duid[4]), 128);
    let mut crowd = crowd(9);
    serve(&mut crowd, at(0), 100, own);
    let held = crowd.promises(at(0)).count();
    assert!(held > 2, "{held}");
    crowd.call_roll();
    serve(&mut crowd, at(5000), held, own);
    assert_eq!(crowd.next(at(5000)), None);
    assert!(crowd.is_settled());
    let renewed = crowd.promises(at(64_000));
    assert_eq!(renewed.count(), held);
    assert_eq!(crowd.breaches(), []);
}

#[test]
fn an_address_that_two_clients_are_given_is_a_breach() {
    let mut crowd = crowd(9);
    let only = block("2001:db8::1", 128);
    serve(&mut crowd, at(0), 20, |_| only);
    let [
        Breach::GivenTwice {
            block,
            first,
            second,
        },
        ..,
    ] = crowd.breaches()
    else {
        panic!("{:?}", crowd.breaches());
    };
    assert_eq!(*block, only);
    assert_ne!(first, second);
}

#[test]
fn whoever_believes_in_part_of_a_block_loses_its_place() {
    let owner = |client, address, length| {
        let lease = Lease {
            ia: PREFIX,
            block: block(address, length),
            until_secs: 0,
        };
        (client, lease)
    };
    let mut owners = Owners::default();
    let parts = [owner(1, "2001:db8::", 64), owner(2, "2001:db8:0:1::", 64)];
    let others = [owner(3, "2001:db8:0:2::", 64), owner(4, "2001:db7::", 64)];
    for owner in parts.into_iter().chain(others) {
        assert_eq!(owners.insert(owner), []);
        assert_eq!(owners.insert(owner), [], "itself it may replace");
    }
    let whole = owner(5, "2001:db8::", 63);
    assert_eq!(owners.insert(whole), [parts[1], parts[0]]);
    owners.remove(parts[0]);
    assert_eq!(owners.insert(parts[1]), [whole]);
}

proptest! {
    #[test]
    fn no_octets_make_a_crowd_panic(
        octets in prop::collection::vec(any::<u8>(), 0..200),
        cut in 0..120usize,
        at_octet in 0..120usize,
    ) {
        let mut crowd = crowd(1);
        crowd.take(at(0), &octets);
        let message = crowd.next(at(0)).expect("a Solicit").to_vec();
        let leases = [(block("2001:db8::1", 128), 60), (block("2001:db8:d::", 56), 90)];
        let mut octets = answer(Kind::Advertise, &message, &leases);
        octets[at_octet % 100] ^= 0xff;
        octets.truncate(cut);
        crowd.take(at(0), &octets);
    }
}
