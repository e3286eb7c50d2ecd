//! `dhcp6lab replay --against`: the clients of a capture, played to a server that somebody else started.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use dhcp6lab::capture::{self, Packet};
use dhcp6lab::clients::site::Site;
use dhcp6lab::link::Namespace;
use dhcp6lab::rig::product::Product;
use dhcp6lab::rig::server::Program;

#[path = "support/server.rs"]
mod server;
mod support;

/// What the capture was recorded with, but for the pool.
const CONFIG: &str = "interface eth0 { address-pool lan 4 8; };\n\
    pool lan { range 2001:db8:1::2000 to 2001:db8:1::2000; };\n";
/// Seven messages of two clients that want the one address there is, one after the other; the second one keeps it.
const CAPTURE: &str = "pcaps/dhclient-address.pcap";

fn capture() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    workspace.join(CAPTURE)
}

/// Runs it in a namespace, or where this test runs.
fn run(namespace: Option<&Namespace>, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dhcp6lab"));
    command.arg("replay").arg(capture()).args(arguments);
    let output = match namespace {
        Some(namespace) => namespace.run(move || command.output()),
        None => command.output(),
    };
    let Output {
        status,
        stdout,
        stderr,
    } = output.expect("it is run");
    let text = |octets| String::from_utf8(octets).expect("text");
    (status.code(), text(stdout), text(stderr))
}

/// The types of messages with where they come from.
fn said(site: &mut Site) -> Vec<(u8, String)> {
    let heard = site.overheard().expect("the cable was listened to");
    let heard = heard.into_iter().map(|it| it.1);
    heard
        .map(|it| (it.payload[0], it.source.ip().to_string()))
        .collect()
}

#[test]
fn the_clients_are_played_and_give_back_what_they_were_given() {
    if !support::can_run(&[]) {
        return;
    }
    let mut site = Site::with_config(Program::Binary(server::path()), CONFIG).expect("a site");
    let (status, out, err) = run(Some(site.namespace()), &["--against", "eth0"]);
    assert_eq!(status, Some(0), "{out}{err}");
    assert!(
        err.starts_with("7 messages of 2 clients will be sent on eth0 from fe80::ff:fe00:c1 ("),
        "{err}"
    );
    assert!(
        err.contains("; what servers give is released at the end; "),
        "{err}"
    );
    assert!(
        out.contains("7 messages: 7 answers are equal in meaning\n"),
        "{out}"
    );
    assert!(
        out.contains("ia-na 193 > address: 2001:db8:1::1000 → 2001:db8:1::2000\n"),
        "{out}"
    );
    assert!(
        out.contains("\nAt the end:\n  client-00c2: 2001:db8:1::2000 released\n"),
        "{out}"
    );
    // Nothing but the capture and one Release; everything from the interface's own address.
    let said = said(&mut site);
    let types: Vec<u8> = said.iter().map(|it| it.0).collect();
    assert_eq!(types, [1, 2, 3, 7, 5, 7, 5, 7, 8, 7, 1, 2, 3, 7, 8, 7]);
    let of_clients = said.iter().filter(|it| ![2, 7].contains(&it.0));
    let mut of_clients = of_clients.map(|it| it.1.as_str());
    assert!(of_clients.all(|it| it == "fe80::ff:fe00:c1"), "{said:?}");
}

#[test]
fn what_clients_were_given_is_kept_on_demand() {
    if !support::can_run(&[]) {
        return;
    }
    let mut site = Site::with_config(Program::Binary(server::path()), CONFIG).expect("a site");
    let arguments = ["--against", "eth0", "--keep", "--client", "client-00c2"];
    let (status, out, err) = run(Some(site.namespace()), &arguments);
    assert_eq!(status, Some(0), "{out}{err}");
    assert!(
        out.contains("\nAt the end:\n  client-00c2: 2001:db8:1::2000 kept\n"),
        "{out}"
    );
    let types: Vec<u8> = said(&mut site).iter().map(|it| it.0).collect();
    assert_eq!(types, [1, 2, 3, 7]);
}

#[test]
fn another_server_is_played_to_as_well() {
    if !support::can_run(&[("kea-dhcp6", "kea-dhcp6-server")]) {
        return;
    }
    let kea = Program::Foreign(Product::Kea, "/usr/sbin/kea-dhcp6".into());
    let site = Site::with_config(kea, CONFIG).expect("a site");
    // What is its choice is of no interest here.
    let arguments = ["--against", "eth0", "--accept", "rfc,configuration"];
    let (status, out, err) = run(Some(site.namespace()), &arguments);
    assert_eq!(status, Some(0), "{out}{err}");
    assert!(
        out.contains("client-00c2: 2001:db8:1::2000 released\n"),
        "{out}"
    );
}

#[test]
fn where_nobody_serves_everything_is_silent_and_that_is_told() {
    if !support::can_run(&[]) {
        return;
    }
    let mut site =
        Site::quiet(Program::Binary(server::path()), (4, 8)).expect("a site without a server");
    let arguments = ["--against", "eth0", "--client", "client-00c2"];
    let (status, out, err) = run(Some(site.namespace()), &arguments);
    assert_eq!(status, Some(1), "{out}{err}");
    assert!(out.contains("∅ silence"), "{out}");
    assert!(!out.contains("At the end"), "{out}");
    let types: Vec<u8> = said(&mut site).iter().map(|it| it.0).collect();
    assert_eq!(types, [1, 3]);
}

#[test]
fn what_cannot_be_played_there_is_refused() {
    let (status, _, err) = run(None, &["--against", "nonesuch0"]);
    assert_eq!(status, Some(2), "{err}");
    assert!(
        err.starts_with("dhcp6lab: there is no interface nonesuch0; there are "),
        "{err}"
    );
    let (status, _, err) = run(None, &["--against", "lo"]);
    assert_eq!(status, Some(3), "{err}");
    assert!(err.contains("lo is no Ethernet"), "{err}");
    for other in ["--rig=sim", "--config=x", "--guess", "--server=kea"] {
        let (status, _, err) = run(None, &["--against", "lo", other]);
        assert_eq!(status, Some(2), "{other}: {err}");
    }
    let (status, _, err) = run(None, &["--keep"]);
    assert_eq!(status, Some(2), "{err}");
}

#[test]
fn the_capture_holds_what_these_tests_take_it_to() {
    let packets = capture::open(&capture()).expect("a capture").packets;
    let types: Vec<u8> = packets
        .iter()
        .map(|it: &Packet| it.datagram.payload[0])
        .collect();
    assert_eq!(types, [1, 2, 3, 7, 5, 7, 5, 7, 8, 7, 1, 2, 3, 7]);
}
