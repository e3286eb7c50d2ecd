//! Pairs of answers that mean the same, and pairs that do not.

use std::collections::HashSet;

use crate::dissect::{self, Message};
use crate::replay::meaning::{Leases, Row, compare, declines};
use crate::replay::reason::Class;
use crate::scenario::Block;

const ADVERTISE: u8 = 2;
const REPLY: u8 = 7;

fn option(code: u16, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("short");
    [&code.to_be_bytes()[..], &length.to_be_bytes(), content].concat()
}

fn address(last: u8, preferred: u32, valid: u32) -> Vec<u8> {
    let mut content = vec![0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
    content.extend(preferred.to_be_bytes());
    content.extend(valid.to_be_bytes());
    option(5, &content)
}

fn ia(t1: u32, t2: u32, inside: &[Vec<u8>]) -> Vec<u8> {
    let head = [1_u32, t1, t2].map(u32::to_be_bytes).concat();
    option(3, &[head, inside.concat()].concat())
}

fn status(code: u8) -> Vec<u8> {
    option(13, &[&[0, code][..], b"words"].concat())
}

fn message(message_type: u8, xid: u8, options: &[Vec<u8>]) -> Message {
    let octets = [&[message_type, 0, 0, xid][..], &options.concat()].concat();
    dissect::message(&octets)
}

/// A Request that asks for DNS servers.
fn request() -> Message {
    message(3, 1, &[option(6, &[0, 23]), ia(0, 0, &[])])
}

fn rows(question: &Message, recorded: &Message, live: &Message, leases: &mut Leases) -> Vec<Row> {
    compare(question, recorded, live, leases, &HashSet::new())
}

/// What differs between two answers to a Request: places and classes.
fn differing(recorded: &[Vec<u8>], live: &[Vec<u8>]) -> Vec<(String, Class)> {
    let (recorded, live) = (message(REPLY, 1, recorded), message(REPLY, 2, live));
    let rows = rows(&request(), &recorded, &live, &mut Leases::default());
    let differing = rows.into_iter().filter_map(|it| {
        let class = it.difference?.class;
        Some((it.place, class))
    });
    differing.collect()
}

#[test]
fn servers_leases_order_and_words_may_differ() {
    let dns = option(23, &[1; 16]);
    let recorded = [
        option(2, &[0, 3, 1]),
        dns.clone(),
        ia(50, 80, &[address(1, 100, 200)]),
        status(0),
    ];
    let live = [
        ia(50, 80, &[address(2, 100, 200)]),
        option(2, &[0, 3, 2]),
        dns,
    ];
    assert_eq!(differing(&recorded, &live), []);
}

#[test]
fn lifetimes_options_and_their_values_are_meaning() {
    let one = [ia(50, 80, &[address(1, 100, 200)]), option(23, &[1; 16])];
    let two = [ia(50, 80, &[address(1, 100, 201)]), option(23, &[2; 16])];
    assert_eq!(
        differing(&one, &two),
        [
            (
                "ia-na 1 > address > lifetimes".to_owned(),
                Class::Configuration
            ),
            ("dns-servers".to_owned(), Class::Configuration),
        ]
    );
    let without = [ia(50, 80, &[address(1, 100, 200)])];
    let missing = [("dns-servers".to_owned(), Class::Configuration)];
    assert_eq!(differing(&one, &without), missing);
    assert_eq!(differing(&without, &one), missing);
}

#[test]
fn times_that_are_left_to_the_client_are_what_it_would_choose() {
    let given = |t1, t2| [ia(t1, t2, &[address(1, 100, 200)])];
    assert_eq!(differing(&given(0, 0), &given(50, 80)), []);
    let other = [("ia-na 1 > t1, t2".to_owned(), Class::Rfc)];
    assert_eq!(differing(&given(0, 0), &given(50, 81)), other);
    assert_eq!(differing(&given(60, 80), &given(50, 80)), other);
    let nothing = |t1| [ia(t1, t1, &[status(2)])];
    assert_eq!(differing(&nothing(0), &nothing(7)), []);
}

#[test]
fn a_status_is_success_if_there_is_none() {
    let inside = |code| [ia(0, 0, &[status(code)])];
    assert_eq!(differing(&inside(0), &[ia(0, 0, &[])]), []);
    let refused = [("ia-na 1 > status-code".to_owned(), Class::Configuration)];
    assert_eq!(differing(&inside(0), &inside(2)), refused);
    assert_eq!(differing(&inside(2), &inside(0)), refused);
}

#[test]
fn a_status_may_stand_in_the_message_or_in_the_ia() {
    let for_all = [status(2)];
    let in_ia = [ia(0, 0, &[status(2)])];
    let classes: Vec<Class> = differing(&for_all, &in_ia)
        .into_iter()
        .map(|it| it.1)
        .collect();
    assert_eq!(classes, [Class::Rfc]);
}

#[test]
fn a_lease_that_one_server_does_not_give_is_a_difference() {
    let gives = [ia(50, 80, &[address(1, 100, 200)])];
    let nothing = [ia(0, 0, &[status(2)])];
    let places = |recorded, live| -> Vec<String> {
        let differing = differing(recorded, live);
        differing.into_iter().map(|it| it.0).collect()
    };
    let both = ["ia-na 1 > status-code", "ia-na 1 > address"];
    assert_eq!(places(&gives, &nothing), both);
    assert_eq!(places(&nothing, &gives), both);
    let two = [ia(50, 80, &[address(1, 100, 200), address(2, 100, 200)])];
    assert_eq!(places(&two, &gives), ["ia-na 1 > address"]);
    assert_eq!(places(&gives, &[]), ["ia-na 1"]);
}

#[test]
fn whoever_kept_a_lease_then_keeps_one_now() {
    let mut leases = Leases::default();
    let mut differ = |recorded: u8, live: u8| {
        let gives = |last| message(REPLY, 1, &[ia(50, 80, &[address(last, 100, 200)])]);
        let rows = rows(&request(), &gives(recorded), &gives(live), &mut leases);
        rows.iter().filter(|it| it.difference.is_some()).count()
    };
    assert_eq!(differ(1, 11), 0);
    assert_eq!(differ(1, 11), 0);
    assert_eq!(differ(2, 12), 0, "both gave something else");
    assert_eq!(differ(2, 13), 1, "the recorded server kept it");
    assert_eq!(differ(3, 13), 1, "the live server kept it");
}

#[test]
fn a_declined_lease_is_not_given_again_and_that_is_why() {
    let declined = message(9, 1, &[ia(0, 0, &[address(1, 0, 0)])]);
    let declined: HashSet<Block> = declines(&declined).into_iter().collect();
    assert_eq!(declined.len(), 1);
    let gives = message(REPLY, 1, &[ia(50, 80, &[address(1, 100, 200)])]);
    let nothing = message(REPLY, 1, &[ia(0, 0, &[status(2)])]);
    let rows = compare(
        &request(),
        &gives,
        &nothing,
        &mut Leases::default(),
        &declined,
    );
    let classes = rows
        .iter()
        .filter_map(|it| Some(it.difference.as_ref()?.class));
    assert_eq!(classes.collect::<Vec<_>>(), [Class::Rfc, Class::Rfc]);
}

#[test]
fn an_unknown_binding_is_explained_by_the_capture_only_if_it_began_before() {
    let renew = message(5, 1, &[ia(0, 0, &[address(9, 0, 0)])]);
    let extends = message(REPLY, 1, &[ia(50, 80, &[address(1, 100, 200)])]);
    let refuses = message(REPLY, 1, &[ia(0, 0, &[status(3)])]);
    let mut leases = Leases::default();
    let class = |leases: &mut Leases| {
        let rows = rows(&renew, &extends, &refuses, leases);
        let mut differing = rows.into_iter().filter_map(|it| it.difference);
        differing.next().map(|it| it.class)
    };
    assert_eq!(class(&mut leases), Some(Class::Capture));
    let pair = |last| message(REPLY, 1, &[ia(50, 80, &[address(last, 100, 200)])]);
    rows(&request(), &pair(1), &pair(9), &mut leases);
    assert_eq!(class(&mut leases), Some(Class::Configuration));
}

#[test]
fn another_type_is_explained_by_rapid_commit_alone() {
    let (advertise, reply) = (message(ADVERTISE, 1, &[]), message(REPLY, 1, &[]));
    let class = |options: &[Vec<u8>]| {
        let solicit = message(1, 1, options);
        let rows = rows(&solicit, &reply, &advertise, &mut Leases::default());
        rows[0].difference.as_ref().map(|it| it.class)
    };
    assert_eq!(class(&[option(14, &[])]), Some(Class::Configuration));
    assert_eq!(class(&[]), Some(Class::Unexplained));
}

#[test]
fn what_no_server_may_send_or_no_client_asked_for_is_explained_by_the_rfc() {
    let unicast = option(12, &[1; 16]);
    let unasked = option(24, b"\x01a\0");
    assert_eq!(
        differing(&[unicast, unasked], &[]),
        [
            ("server-unicast".to_owned(), Class::Rfc),
            ("domain-list".to_owned(), Class::Rfc),
        ]
    );
}

#[test]
fn the_case_of_names_means_nothing() {
    let name = |text: &[u8]| [option(24, text)];
    assert_eq!(differing(&name(b"\x01A\0"), &name(b"\x01a\0")), []);
    assert_eq!(differing(&name(b"\x01A\0"), &name(b"\x01b\0")).len(), 1);
}

#[test]
fn a_status_that_one_server_says_elsewhere_is_one_difference() {
    let top = |class| vec![("status-code".to_owned(), class)];
    // For the whole message, and in the IA.
    let (whole, inside) = ([status(3), ia(0, 0, &[])], [ia(0, 0, &[status(3)])]);
    assert_eq!(differing(&whole, &inside), top(Class::Rfc));
    assert_eq!(differing(&inside, &whole), top(Class::Rfc));
    // In both places on one side.
    let both = [status(2), ia(0, 0, &[status(2)])];
    assert_eq!(
        differing(&both, &[ia(0, 0, &[])]),
        top(Class::Configuration)
    );
    // An IA that only repeats what the message says.
    assert_eq!(differing(&[status(3)], &inside), top(Class::Rfc));
    // What is another thing is another difference.
    let other = [status(3), ia(0, 0, &[status(2)])];
    assert_eq!(differing(&other, &[ia(0, 0, &[])]).len(), 2);
}
