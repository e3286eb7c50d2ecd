//! Dialogues → the text of scenarios.

use std::path::Path;

use super::{address, answer, asked, ia, message, option};
use crate::dialogue::Dialogue;
use crate::import::Draft;
use crate::player;
use crate::rig::sim::Sim;
use crate::scenario::Scenario;

/// The lines behind `steps:`, of a scenario that can be read and passes.
fn steps(dialogue: &Dialogue) -> Vec<String> {
    let draft = Draft::new(dialogue, "x.pcap", true).expect("it can be made");
    let text = draft.text();
    let scenario = Scenario::parse(Path::new("x.yaml"), &text);
    let scenario = scenario.unwrap_or_else(|error| panic!("{error}\n{text}"));
    let mut sim = Sim::start(&scenario.setup()).expect("a server");
    let played = player::play(&scenario, &mut sim);
    assert_eq!(played.failures, [], "{text}");
    let (_, steps) = text.split_once("steps:\n").expect("steps");
    steps
        .lines()
        .map(|it| it.trim_start_matches("  ").to_owned())
        .collect()
}

fn elapsed(time: u16) -> Vec<u8> {
    option(8, &time.to_be_bytes())
}

fn solicit(xid: u8, time: u16) -> Vec<u8> {
    message(1, xid, &[elapsed(time), ia(3, &[])])
}

fn gives() -> Vec<u8> {
    ia(3, &[address("2001:db8:7::5", 10, 20)])
}

fn server() -> Vec<u8> {
    option(2, &[0, 3, 0, 1, 9, 9, 9, 9, 9, 9])
}

/// A Request, in the usual order of options.
fn request(xid: u8) -> Vec<u8> {
    let lease = ia(3, &[address("2001:db8:7::5", 0, 0)]);
    message(3, xid, &[server(), elapsed(0), lease])
}

#[test]
fn four_messages_are_an_exchange() {
    let dialogue = asked(&[
        (solicit(1, 0), Some(answer(2, 1, &[gives()]))),
        (request(2), Some(answer(7, 2, &[gives()]))),
    ]);
    assert_eq!(
        steps(&dialogue),
        ["- exchange: { from: client, ia_na: { iaid: 1 } }"]
    );
}

#[test]
fn a_message_that_is_said_again_is_said_again() {
    let dialogue = asked(&[
        (solicit(1, 0), None),
        (solicit(1, 113), None),
        (solicit(1, 113), None),
    ]);
    assert_eq!(
        steps(&dialogue),
        [
            "- send: { from: client, solicit: { ia_na: { iaid: 1 } } }",
            "- send: { from: client, again: { elapsed: 113 } }",
            "- send: { from: client, again: {} }",
            "- expect: [advertise, advertise, advertise]",
        ]
    );
}

#[test]
fn another_answer_than_the_recorded_one_is_told() {
    // A Reply to a Solicit without Rapid Commit, which no server may send.
    let dialogue = asked(&[(solicit(1, 0), Some(answer(7, 1, &[gives()])))]);
    assert_eq!(
        steps(&dialogue)[1..],
        ["- expect: advertise", "# The capture has: Reply"]
    );
}

#[test]
fn time_passes_where_leases_end_or_are_renewed_and_nowhere_else() {
    let renew = |xid| {
        let lease = ia(3, &[address("2001:db8:7::5", 0, 0)]);
        message(5, xid, &[server(), elapsed(0), lease])
    };
    let short = |secs| ia(3, &[address("2001:db8:7::5", secs, secs)]);
    let said = |secs| {
        asked(&[
            (request(1), Some(answer(7, 1, &[short(secs)]))),
            (renew(2), Some(answer(7, 2, &[short(secs)]))),
            (message(11, 3, &[elapsed(0)]), Some(answer(7, 3, &[]))),
        ])
    };
    let advances = |secs| -> Vec<String> {
        let steps = steps(&said(secs));
        steps
            .into_iter()
            .filter(|it| it.starts_with("- advance"))
            .collect()
    };
    // Two seconds lie between the messages.
    assert_eq!(advances(1), ["- advance: 2s", "- advance: 2s"]);
    assert_eq!(advances(4), ["- advance: 2s"]);
    assert_eq!(advances(100), [""; 0]);
}

#[test]
fn an_import_reads_as_if_somebody_had_written_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pcaps/dhclient-prefix.pcap");
    let capture = crate::capture::open(&path).expect("a capture of the repository");
    let draft = Draft::new(&Dialogue::new(&capture), "dhclient-prefix.pcap", false);
    let text = draft.expect("it can be made").text();
    let release = "- send: { from: client, release: { oro: [dns-servers, domain-list], ia_pd: { iaid: 193 } } }";
    let renew = "- send:\n      from: client\n      renew:\n        oro: [dns-servers, domain-list]\n        \
                 ia_pd: { iaid: 193, t1: 3600, t2: 5400, preferred: 7200, valid: 7500 }";
    let expected = format!(
        "# Made of dhclient-prefix.pcap by `dhcp6lab import`.\n\
         why: >-\n  A client obtains a prefix, renews what it has and gives back what it has. As in dhclient-prefix.pcap.\n\
         rfc: [\"9915 §18.3.1\", \"9915 §18.3.2\", \"9915 §18.3.4\", \"9915 §18.3.7\"]\n\
         config: |\n  # Guessed from dhclient-prefix.pcap: what the server 00:03:00:01:02:00:00:00:00:01 gave.\n  \
         interface eth0 {{ }};\n  host client {{\n      duid 00:03:00:01:02:00:00:00:00:c1;\n      \
         prefix 2001:db8:100::/56 4 8;\n  }};\n\
         link: {{ addresses: [\"2001:db8:1::1/64\"] }}\n\
         clients:\n  client:\n    duid: \"00:03:00:01:02:00:00:00:00:c1\"\n    address: \"fe80::ff:fe00:c1\"\n    \
         order: [client-id, server-id, option-request]\n\
         steps:\n  - exchange:\n      from: client\n      oro: [dns-servers, domain-list]\n      \
         ia_pd: {{ iaid: 193, t1: 3600, t2: 5400, preferred: 7200, valid: 7500 }}\n  \
         {renew}\n  - expect: reply\n  {renew}\n  - expect: reply\n  {release}\n  - expect: reply\n"
    );
    assert_eq!(text, expected);
}

#[test]
fn clients_that_do_the_same_are_told_of_together() {
    let mut other = solicit(2, 0);
    other[17] ^= 1;
    let dialogue = super::dialogue(&[
        ("[fe80::c1]:546", "[ff02::1:2]:547", solicit(1, 0)),
        ("[fe80::c2]:546", "[ff02::1:2]:547", other),
    ]);
    let draft = Draft::new(&dialogue, "x.pcap", true).expect("it can be made");
    let text = draft.text();
    assert!(
        text.contains("  Each of client-0007 and client-0006 looks for a server that gives an address. As in x.pcap."),
        "{text}"
    );
}
