//! Every rule, broken by one change to a conversation that breaks none.

mod lines;

use super::*;
use crate::capture::Capture;
use crate::conversation;
use lines::*;

fn found(lines: &[Line]) -> Vec<Finding> {
    let capture = capture(lines);
    find(&conversation::sort(&capture))
}

fn names(lines: &[Line]) -> Vec<&'static str> {
    found(lines).into_iter().map(|it| it.rule.name).collect()
}

/// A change to a conversation.
type Break = fn(&mut Vec<Line>);

/// What breaks each rule.
const BREAKS: &[(&str, Break)] = &[
    ("stray-octets", |it| it[SOLICIT].tail = vec![0, 9]),
    ("malformed-option", |it| it[SOLICIT].set(8, [0])),
    ("repeated-option", |it| it[SOLICIT].add(8, [0, 0])),
    ("misplaced-option", |it| {
        it[ADVERTISE].options.push(address("2001:db8:1::10", 1, 2))
    }),
    ("repeated-ia", |it| it[SOLICIT].add(3, ia(1, 0, 0, &[]))),
    ("bad-duid", |it| it[SOLICIT].set(1, [0, 3])),
    ("odd-duid", |it| it[SOLICIT].set(1, [0, 9, 1])),
    ("prefix-bits", |it| {
        let inside = [prefix("2001:db8::1", 64, 0, 0)];
        it[SOLICIT].add(25, ia(1, 0, 0, &inside));
    }),
    ("unknown-message", |it| it[SOLICIT].kind = 200),
    ("over-ipv4", |it| {
        it[SOLICIT].source = "[::ffff:192.0.2.1]:546".into()
    }),
    ("no-client-id", |it| it[REQUEST].drop(1)),
    ("no-server-id", |it| it[REQUEST].drop(2)),
    ("unfit-server-id", |it| it[SOLICIT].add(2, SERVER_DUID)),
    ("other-server", |it| it[REQUEST].set(2, OTHER)),
    ("no-elapsed-time", |it| it[RENEW].drop(8)),
    ("no-option-request", |it| it[RENEW].drop(6)),
    ("unfit-option-request", |it| it[RENEW].set(6, [0, 82, 0, 3])),
    ("repeated-option-request", |it| {
        it[RENEW].set(6, [0, 82, 0, 23, 0, 23])
    }),
    ("no-sol-max-rt", |it| it[SOLICIT].set(6, [0, 23])),
    ("no-ia", |it| it[SOLICIT].drop(3)),
    ("ia-in-information-request", |it| {
        it.push(said(3_000_000, 11, 9, &[(3, &held(true))]))
    }),
    ("ia-ta", |it| it[SOLICIT].add(4, number(1))),
    ("nothing-to-confirm", |it| {
        it.push(said(3_000_000, 4, 9, &[(3, &ia(1, 0, 0, &[]))]))
    }),
    ("nothing-to-give-up", |it| {
        it[RELEASE].set(3, ia(1, 0, 0, &[]))
    }),
    ("declined-prefix", |it| {
        let inside = [prefix("2001:db8::", 64, 0, 0)];
        it.push(said(3_000_000, 9, 9, &[(25, &ia(1, 0, 0, &inside))]));
    }),
    ("client-times", |it| {
        it[SOLICIT].set(3, ia(1, 3600, 5400, &[]))
    }),
    ("confirm-lifetimes", |it| {
        it.push(said(3_000_000, 4, 9, &[(3, &held(false))]))
    }),
    ("unfit-fqdn", |it| it[RELEASE].add(39, [0, 0])),
    ("fqdn-flags", |it| it[SOLICIT].add(39, [5, 0])),
    ("client-port", |it| {
        it[SOLICIT].source = "[fe80::c1]:31220".into()
    }),
    ("server-port", |it| {
        it[SOLICIT].destination = "[ff02::1:2]:546".into()
    }),
    ("unicast", |it| {
        it[RENEW].destination = "[2001:db8:1::1]:547".into()
    }),
    ("client-source", |it| {
        it[RENEW].source = "[2001:db8:1::10]:546".into()
    }),
    ("reused-xid", |it| {
        it[REQUEST].xid = 1;
        it[REPLY].xid = 1;
    }),
    ("shared-duid", |it| {
        it[RENEW].source = "[fe80::c2]:546".into()
    }),
    ("changed-duid", |it| {
        let mut other = it[SOLICIT].clone();
        other.set(1, OTHER);
        it.push(other);
    }),
    ("ignored-advertise", |it| {
        it.truncate(2);
        it.push(said(1_100, 1, 9, &[(3, &ia(1, 0, 0, &[]))]));
    }),
    ("ignored-reply", |it| {
        it.truncate(4);
        let mut again = it[REQUEST].clone();
        again.millis = 2_000;
        again.set(8, [0, 100]);
        it.push(again);
    }),
    ("early-retransmission", |it| repeat(it, &[(300, 30)])),
    ("no-backoff", |it| repeat(it, &[(1_050, 105), (2_100, 210)])),
    ("elapsed-backwards", |it| {
        repeat(it, &[(1_050, 105), (3_100, 100)])
    }),
    ("elapsed-wrong", |it| repeat(it, &[(1_050, 1), (3_150, 3)])),
    ("elapsed-starts", |it| it[REQUEST].set(8, [0, 100])),
    ("captured-twice", |it| repeat(it, &[(1, 0)])),
    ("unanswered", |it| it.truncate(7)),
    ("unasked", |it| {
        it.remove(RENEW);
    }),
    ("late-answer", |it| it[RELEASED].millis += 2_000),
    ("answer-without-server-id", |it| it[ADVERTISE].drop(2)),
    ("other-client-id", |it| it[ADVERTISE].set(1, OTHER)),
    ("other-server-answers", |it| it[RENEWED].set(2, OTHER)),
    ("wrong-answer", |it| it[REPLY].kind = 2),
    ("no-rapid-commit", |it| it[ADVERTISE].kind = 7),
    ("unfit-option", |it| it[REPLY].add(7, [1])),
    ("answer-port", |it| {
        it[ADVERTISE].destination = "[fe80::c1]:31220".into()
    }),
    ("answer-source-port", |it| {
        it[ADVERTISE].source = "[fe80::1]:31220".into()
    }),
    ("answer-address", |it| {
        it[ADVERTISE].destination = "[fe80::c2]:546".into()
    }),
    ("outer-status", |it| {
        it[ADVERTISE].drop(3);
        it[ADVERTISE].options.push(status(2));
    }),
    ("ia-status", |it| {
        it[ADVERTISE].set(3, ia(1, 0, 0, &[status(6)]))
    }),
    ("empty-ia", |it| it[ADVERTISE].set(3, ia(1, 0, 0, &[]))),
    ("unasked-ia", |it| {
        it[ADVERTISE].add(3, ia(2, 0, 0, &[status(2)]))
    }),
    ("unanswered-ia", |it| it[RENEWED].drop(3)),
    ("t1-after-t2", |it| {
        it[REPLY].set(3, ia(1, 9, 8, &[address("2001:db8:1::10", 3600, 7200)]))
    }),
    ("unequal-times", |it| {
        it[RENEW].add(25, ia(1, 0, 0, &[]));
        let inside = [prefix("2001:db8:2::", 64, 3600, 7200)];
        it[RENEWED].add(25, ia(1, 1000, 2000, &inside));
    }),
    ("crossed-lifetimes", |it| {
        it[REPLY].set(
            3,
            ia(1, 1800, 2880, &[address("2001:db8:1::10", 7201, 7200)]),
        );
    }),
    ("impossible-lease", |it| {
        it[RENEWED].set(3, ia(1, 1, 2, &[address("fe80::10", 1, 2)]))
    }),
    ("lease-given-twice", |it| {
        let mut others = faultless();
        others.truncate(4);
        for (line, millis) in others.iter_mut().zip(1_950_000..) {
            line.set(1, OTHER);
            line.millis = millis;
            line.xid += 10;
        }
        it.splice(RELEASE..RELEASE, others);
    }),
    ("unlike-advertise", |it| {
        it[REPLY].set(
            3,
            ia(1, 1800, 2880, &[address("2001:db8:1::11", 3600, 7200)]),
        );
    }),
    ("changed-answer", |it| {
        let mut again = it[REQUEST].clone();
        again.millis = 2_100;
        again.set(8, [0, 110]);
        let mut answer = it[REPLY].clone();
        answer.millis = 2_105;
        answer.set(
            3,
            ia(1, 1800, 2880, &[address("2001:db8:1::11", 3600, 7200)]),
        );
        it.splice(RENEW..RENEW, [again, answer]);
    }),
    ("unrequested-option", |it| it[REPLY].add(24, [1, b'a', 0])),
    ("server-unicast", |it| it[REPLY].add(12, [0; 16])),
    ("unsigned-reconfigure", |it| {
        it.push(said(3_000_000, 10, 0, &[(19, &[5])]))
    }),
    ("renewed-early", |it| it[RENEW].millis = 600_000),
    ("rebound-early", |it| {
        it[RENEW].kind = 6;
        it[RENEW].drop(2);
    }),
    ("renewed-expired", |it| {
        it[RENEW].millis = 8_000_000;
        it.truncate(5);
    }),
    ("never-given", |it| {
        it[RELEASE].set(3, ia(1, 0, 0, &[address("2001:db8:1::99", 0, 0)]))
    }),
];

/// What breaks each rule about relay agents.
const RELAYED_BREAKS: &[(&str, Break)] = &[
    ("hop-count", |it| {
        agent(&mut it[SOLICIT]).hops = 1;
        agent(&mut it[ADVERTISE]).hops = 1;
    }),
    ("no-relay-message", |it| {
        agent(&mut it[RENEWED]).empty = true
    }),
    ("link-address", |it| {
        agent(&mut it[SOLICIT]).link = "fe80::1";
        agent(&mut it[ADVERTISE]).link = "fe80::1";
    }),
    ("no-link", |it| {
        for line in it {
            agent(line).link = "::";
            agent(line).options.clear();
        }
    }),
    ("relay-levels", |it| {
        agent(&mut it[ADVERTISE]).link = "2001:db8:2::1"
    }),
    ("interface-id", |it| {
        agent(&mut it[ADVERTISE]).options.clear()
    }),
    ("relay-port", |it| {
        it[ADVERTISE].destination = "[2001:db8:1::1]:40000".into()
    }),
    ("off-link", |it| {
        let leases = [address("2001:db8:2::10", 3600, 7200)];
        it[ADVERTISE].set(3, ia(1, 1800, 2880, &leases));
    }),
];

#[test]
fn a_faultless_conversation_has_no_findings() {
    for lines in [faultless(), relayed()] {
        let found: Vec<_> = found(&lines)
            .into_iter()
            .map(|it| (it.rule.name, it.text))
            .collect();
        assert!(found.is_empty(), "{found:?}");
    }
}

#[test]
fn each_rule_is_found_broken_where_it_is() {
    let direct = BREAKS.iter().map(|it| (faultless(), it));
    for (mut lines, (name, change)) in direct.chain(RELAYED_BREAKS.iter().map(|it| (relayed(), it)))
    {
        change(&mut lines);
        assert!(names(&lines).contains(name), "{name}: {:?}", names(&lines));
    }
}

#[test]
fn a_renew_may_be_answered_within_its_own_timeout() {
    let mut lines = faultless();
    lines[RENEWED].millis = lines[RENEW].millis + 9_000;
    assert!(names(&lines).is_empty(), "{:?}", names(&lines));
    lines[RENEWED].millis = lines[RENEW].millis + 11_000;
    assert_eq!(names(&lines), ["late-answer"]);
}

#[test]
fn the_times_of_solicits_are_not_told_to_whoever_does_not_ask() {
    let mut lines = faultless();
    lines[REPLY].add(82, number(3600));
    assert!(names(&lines).is_empty(), "{:?}", names(&lines));
    lines[REPLY].add(83, number(3600));
    assert_eq!(names(&lines), ["unrequested-option"]);
}

#[test]
fn a_wish_for_a_length_is_no_lease_that_somebody_claims() {
    let mut lines = faultless();
    let wish = ia(2, 0, 0, &[prefix("::", 56, 0, 0)]);
    let given = [prefix("2001:db8:100::", 56, 3600, 7200)];
    lines[RENEW].add(25, wish);
    lines[RENEWED].add(25, ia(2, 1800, 2880, &given));
    assert!(names(&lines).is_empty(), "{:?}", names(&lines));
}

#[test]
fn a_lease_may_be_another_ones_on_another_link() {
    let mut lines = faultless();
    lines.truncate(4);
    let mut others = lines.clone();
    for line in &mut others {
        line.millis += 10_000;
        line.xid += 10;
        line.set(1, OTHER);
    }
    lines.extend(others);
    let mut capture = capture(&lines);
    let names = |capture: &Capture| -> Vec<_> {
        let found = find(&conversation::sort(capture)).into_iter();
        found.map(|it| it.rule.name).collect()
    };
    assert!(names(&capture).contains(&"lease-given-twice"));
    for packet in &mut capture.packets[4..] {
        packet.link = "vlan 7".into();
    }
    assert!(names(&capture).is_empty(), "{:?}", names(&capture));
}

#[test]
fn a_message_without_a_whole_header_is_cut() {
    let mut capture = capture(&faultless());
    capture.packets[0].datagram.payload.truncate(3);
    let found = find(&conversation::sort(&capture));
    assert!(
        found
            .iter()
            .any(|it| it.rule.name == "cut-header" && it.packet == 1)
    );
}

#[test]
fn every_rule_has_a_case_and_a_name_of_its_own() {
    let mut cases: Vec<_> = BREAKS.iter().chain(RELAYED_BREAKS).map(|it| it.0).collect();
    // It has a test of its own.
    cases.push("cut-header");
    for (index, rule) in RULES.iter().enumerate() {
        assert!(cases.contains(&rule.name), "{}", rule.name);
        assert!(
            RULES[..index].iter().all(|it| it.name != rule.name),
            "{} twice",
            rule.name
        );
    }
    assert_eq!(cases.len(), RULES.len());
}

#[test]
fn one_change_breaks_few_rules() {
    // A rule that also fires for other mistakes sends people the wrong way.
    for (name, change) in BREAKS {
        let mut lines = faultless();
        change(&mut lines);
        let names = names(&lines);
        let mut others: Vec<_> = names.iter().filter(|it| *it != name).collect();
        others.dedup();
        assert!(others.len() <= 5, "{name}: {names:?}");
    }
}

#[test]
fn an_octet_at_which_reading_ends_is_named() {
    let mut lines = faultless();
    lines[SOLICIT].options.truncate(1);
    let mut inside = ia(1, 0, 0, &[address("2001:db8::1", 0, 0)]);
    inside.extend([0, 5, 0, 24, 1]);
    lines[SOLICIT].add(3, inside);
    let found = found(&lines);
    let stray = found
        .iter()
        .find(|it| it.rule.name == "stray-octets")
        .expect("it is found");
    // 4 of the header, 14 of the client's identifier, 4 + 12 of the IA, 28 of the address in it.
    assert_eq!(
        stray.text,
        "octet 62, in ia-na: address says that it has 24 octets, and 1 are left"
    );
}

#[test]
fn what_was_not_captured_is_not_held_against_anybody() {
    let mut lines = faultless();
    lines[SOLICIT].missing = 5;
    let names = names(&lines);
    assert!(names.is_empty(), "{names:?}");
}

#[test]
fn what_may_be_in_octets_that_cannot_be_read_is_not_missing() {
    let mut lines = faultless();
    lines[SOLICIT].options.clear();
    lines[SOLICIT].tail = vec![0, 1, 0, 99, 0];
    lines[RELEASED].drop(2);
    lines[RELEASED].tail = vec![0];
    let mut names = names(&lines);
    // Without an identifier it is a client of its own.
    names.retain(|it| !matches!(*it, "unanswered" | "other-client-id"));
    assert_eq!(names, ["stray-octets", "stray-octets"]);
}

#[test]
fn what_holds_for_many_messages_of_a_client_is_said_once() {
    let mut lines = faultless();
    repeat(&mut lines, &[(1_050, 105), (3_150, 315)]);
    for line in &mut lines {
        line.set(6, [0, 23]);
    }
    let found = found(&lines);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (found[0].packet, found[0].again.as_slice()),
        (1, &[2, 3][..])
    );
}

#[test]
fn what_is_answered_nowhere_is_not_said_of_each_message() {
    // Nobody captured the server's side.
    let mut lines = faultless();
    lines.retain(|it| !matches!(it.kind, 2 | 7));
    assert!(names(&lines).is_empty(), "{:?}", names(&lines));
}

#[test]
fn the_documentation_says_of_each_rule_what_it_says_here() {
    let document = include_str!("../../../../docs/captures.md");
    for Rule {
        name,
        kind,
        rfc,
        says,
        ..
    } in RULES
    {
        let mark = if *kind == Kind::Error { '✗' } else { '·' };
        let row = format!(
            "| `{name}` | {mark} | {} | {says} |",
            rfc.replace("RFC ", "")
        );
        assert!(document.contains(&row), "docs/captures.md lacks {row}");
    }
    assert_eq!(
        document.matches("| ✗ |").count() + document.matches("| · |").count(),
        RULES.len()
    );
}
