//! A recorded conversation, changed in one way at a time, against a live server.

use super::recorded;
use crate::capture::Capture;
use crate::dialogue::Dialogue;
use crate::replay::{Class, Options, Played, play};
use crate::rig::sim::Sim;
use crate::rig::{SERVER_DUID, Setup};

/// The configuration that the capture was recorded with.
const CONFIG: &str = "interface eth0 { address-pool lan 4 8; };\n\
    pool lan { range 2001:db8:1::1000 to 2001:db8:1::1000; };\n";

fn played(capture: &Capture, config: &str) -> Played {
    let setup = Setup {
        config: config.to_owned(),
        addresses: vec![("2001:db8:1::1".parse().expect("an address"), 64)],
    };
    let mut sim = Sim::start(&setup).expect("a server");
    let options = Options {
        recorded_time: true,
    };
    play(&Dialogue::new(capture), &setup, options, &mut sim).expect("it goes on")
}

/// Puts other octets in the place of these, of the same number, in all datagrams.
fn replace(capture: &mut Capture, old: &[u8], new: &[u8]) {
    for packet in &mut capture.packets {
        let payload = &mut packet.datagram.payload;
        let at = payload.windows(old.len()).position(|it| it == old);
        if let Some(at) = at {
            payload[at..at + new.len()].copy_from_slice(new);
        }
    }
}

fn differing(played: &Played) -> Vec<(String, Class)> {
    let rows = played.turns.iter().flat_map(|it| it.differences());
    rows.filter_map(|it| Some((it.place.clone(), it.difference.as_ref()?.class)))
        .collect()
}

fn remarks(played: &Played) -> Vec<&str> {
    let turns = played.turns.iter().flat_map(|it| &it.remarks);
    turns.map(String::as_str).collect()
}

#[test]
fn the_same_server_is_equal_and_nothing_is_rewritten() {
    let played = played(&recorded(), CONFIG);
    assert_eq!(differing(&played), []);
    assert!(played.turns.iter().all(|it| it.rewrites.is_empty()));
    assert!(played.turns.iter().all(|it| !it.rows.is_empty()));
}

#[test]
fn another_pool_is_equal_and_the_leases_follow() {
    let config = CONFIG.replace("::1000", "::2000");
    let played = played(&recorded(), &config);
    assert_eq!(differing(&played), []);
    let places: Vec<(usize, &str)> = played
        .turns
        .iter()
        .flat_map(|it| &it.rewrites)
        .map(|it| (it.number, it.to.as_str()))
        .collect();
    // Request, Renew, Renew and Release of the one, and the Request of the other.
    let to = "2001:db8:1::2000";
    assert_eq!(places, [(3, to), (5, to), (7, to), (9, to), (13, to)]);
}

#[test]
fn another_server_is_equal_and_its_identifier_follows() {
    let mut capture = recorded();
    let option = |duid: [u8; 10]| [&[0, 2, 0, 10][..], &duid].concat();
    let other = [0, 3, 0, 1, 9, 9, 9, 9, 9, 9];
    replace(&mut capture, &option(SERVER_DUID), &option(other));
    let played = played(&capture, CONFIG);
    assert_eq!(differing(&played), []);
    let rewrites: Vec<_> = played.turns.iter().flat_map(|it| &it.rewrites).collect();
    assert_eq!(rewrites.len(), 5);
    assert!(rewrites.iter().all(|it| it.place == "server-id"));
    assert!(
        rewrites
            .iter()
            .all(|it| it.to == "00:03:00:01:02:00:00:00:00:01")
    );
}

#[test]
fn a_server_that_never_answers_in_the_capture_is_not_the_live_one() {
    let mut capture = recorded();
    let server = [&[0, 2, 0, 10][..], &SERVER_DUID].concat();
    let renew = capture
        .packets
        .iter_mut()
        .find(|it| it.datagram.payload[0] == 5);
    let payload = &mut renew.expect("a Renew").datagram.payload;
    let at = payload
        .windows(14)
        .position(|it| it == server)
        .expect("it names one");
    payload[at + 13] ^= 1;
    let octets = payload.clone();
    let played = played(&capture, CONFIG);
    assert_eq!(differing(&played), [("message".to_owned(), Class::Rfc)]);
    let renew = played
        .turns
        .iter()
        .find(|it| it.sent.payload[0] == 5)
        .expect("a Renew");
    assert_eq!(renew.sent.payload, octets);
    assert_eq!(renew.dropped.as_deref(), Some("foreign-server-id"));
    assert!(remarks(&played)[0].contains("of which the capture has no answer"));
}

#[test]
fn a_capture_that_begins_with_a_renew_is_played_and_explained() {
    let mut capture = recorded();
    capture.packets.drain(..4);
    let nothing = played(&capture, "interface eth0 { };\n");
    assert_eq!(
        differing(&nothing)[0],
        ("ia-na 193 > status-code".to_owned(), Class::Capture)
    );
    // Where the address is free, the server creates the binding again (RFC 9915 §18.3.4).
    assert_eq!(differing(&played(&capture, CONFIG)), []);
}

#[test]
fn one_side_alone_is_played_and_there_is_nothing_to_compare() {
    let mut capture = recorded();
    capture
        .packets
        .retain(|it| ![2, 7].contains(&it.datagram.payload[0]));
    let played = played(&capture, CONFIG);
    assert_eq!(played.turns.len(), 7);
    assert!(
        played
            .turns
            .iter()
            .all(|it| it.live.is_some() && it.rows.is_empty())
    );
    let said = "no answer to this client was captured: nothing to compare";
    assert!(remarks(&played).iter().all(|it| *it == said));
}

#[test]
fn lost_answers_and_retransmissions_are_no_differences() {
    let mut capture = recorded();
    let solicit = capture.packets[0].clone();
    capture.packets.insert(0, solicit);
    let twice = played(&capture, CONFIG);
    assert_eq!((twice.turns.len(), differing(&twice)), (8, vec![]));
    assert_eq!(
        remarks(&twice),
        ["the answer to another try of it was captured"]
    );
    // The last answer is not in the capture.
    let mut capture = recorded();
    capture.packets.pop();
    let ends = played(&capture, CONFIG);
    assert_eq!(
        (differing(&ends), remarks(&ends)),
        (vec![], vec!["the capture ends before an answer"])
    );
}

#[test]
fn silence_is_a_difference_where_the_client_went_on() {
    let mut capture = recorded();
    // The answer to the Request: the client renews all the same.
    capture.packets.remove(3);
    let played = played(&capture, CONFIG);
    assert_eq!(
        differing(&played),
        [("message".to_owned(), Class::Unexplained)]
    );
}

#[test]
fn of_several_servers_the_one_that_was_chosen_is_compared() {
    let mut capture = recorded();
    let mut other = capture.packets[1].clone();
    let server = other
        .datagram
        .payload
        .windows(10)
        .position(|it| it == SERVER_DUID);
    other.datagram.payload[server.expect("it names itself")] ^= 1;
    capture.packets.insert(1, other);
    let played = played(&capture, CONFIG);
    assert_eq!(differing(&played), []);
    assert_eq!(
        remarks(&played),
        ["2 answers were recorded; packet 2 is compared"]
    );
}

#[test]
fn a_client_with_the_address_of_the_live_server_gets_another_one() {
    let mut capture = recorded();
    let own: std::net::Ipv6Addr = "fe80::ff:fe00:1".parse().expect("an address");
    for packet in &mut capture.packets {
        if packet.datagram.source.port() == 546 {
            packet.datagram.source.set_ip(own);
        }
    }
    let played = played(&capture, CONFIG);
    assert_eq!(differing(&played), []);
    let rewrite = &played.turns[0].rewrites[0];
    assert_eq!(
        (rewrite.place.as_str(), rewrite.from.as_str()),
        ("source", "fe80::ff:fe00:1")
    );
}

#[test]
fn unicast_goes_to_the_live_server() {
    let mut capture = recorded();
    let renew = capture
        .packets
        .iter_mut()
        .find(|it| it.datagram.payload[0] == 5);
    let recorded = "fe80::77".parse().expect("an address");
    renew
        .expect("a Renew")
        .datagram
        .destination
        .set_ip(recorded);
    let played = played(&capture, CONFIG);
    let renew = played
        .turns
        .iter()
        .find(|it| it.sent.payload[0] == 5)
        .expect("a Renew");
    assert_eq!(renew.rewrites[0].place, "destination");
    assert_eq!(renew.rewrites[0].to, "fe80::ff:fe00:1");
    // It is dropped, because clients talk to servers by multicast alone now.
    assert_eq!(renew.dropped.as_deref(), Some("unicast"));
    assert_eq!(differing(&played)[0].1, Class::Rfc);
}
