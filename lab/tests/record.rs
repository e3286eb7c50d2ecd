//! `dhcp6lab record`, as people call it.

use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use dhcp6lab::capture::{self, Capture};
use dhcp6lab::link::Namespace;

#[path = "support/server.rs"]
mod server;
mod support;

/// Nothing here takes that long.
const PATIENCE: Duration = Duration::from_secs(30);
/// A Solicit of nobody.
const SOLICIT: [u8; 4] = [1, 0, 0, 7];

fn lab(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dhcp6lab"));
    command
        .arg("record")
        .args(arguments)
        .env("DHCP6S", server::path());
    command
}

fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = lab(arguments).output().expect("it is run");
    (status.code(), String::from_utf8_lossy(&stderr).into_owned())
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

fn open(path: &Path) -> Capture {
    capture::open(path).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn what_is_said_on_an_interface_is_recorded_once_and_nothing_else() {
    if !support::can_run(&[]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("lo.pcapng");
    let namespace = Namespace::new().expect("a namespace");
    let mut command = lab(&["lo", "-o", text(&path), "--count", "2"]);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut recorder = namespace.spawn(command).expect("it starts");
    let mut said = BufReader::new(recorder.take_stderr().expect("a pipe"));
    let mut line = String::new();
    said.read_line(&mut line).expect("it says that it is ready");
    assert!(line.contains("listening on lo"), "{line}");
    let send = || -> std::io::Result<()> {
        let socket = UdpSocket::bind("[::1]:546")?;
        socket.send_to(&[9; 40], "[::1]:9")?;
        socket.send_to(&[&SOLICIT[..], &[0; 40]].concat(), "[::1]:547")?;
        UdpSocket::bind("[::1]:5353")?.send_to(&[9; 40], "[::1]:5354")?;
        socket.send_to(&SOLICIT, "[::1]:547")?;
        Ok(())
    };
    namespace.run(send).expect("it is sent");
    let ended = recorder
        .wait(Instant::now() + PATIENCE)
        .expect("it can be waited for");
    assert!(ended.is_some_and(|it| it.success()), "{ended:?}");
    let sent: Vec<_> = open(&path)
        .packets
        .into_iter()
        .map(|it| it.datagram)
        .collect();
    // The first one is from a client's port, whatever it says.
    let sizes: Vec<_> = sent
        .iter()
        .map(|it| (it.destination.port(), it.payload.len()))
        .collect();
    assert_eq!(sizes, [(9, 40), (547, 44)]);
}

#[test]
fn a_client_program_meets_our_server_and_the_capture_says_so() {
    if !support::can_run(&[("dhclient", "isc-dhcp-client")]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("dhclient.pcapng");
    let (status, err) = run(&[
        "-o",
        text(&path),
        "--count",
        "4",
        "--",
        "dhclient",
        "-6",
        "-d",
        "eth0",
    ]);
    assert_eq!(status, Some(0), "{err}");
    let capture = open(&path);
    let types: Vec<_> = capture
        .packets
        .iter()
        .map(|it| it.datagram.payload[0])
        .collect();
    assert_eq!(types, [1, 2, 3, 7]);
    let note = capture.packets[0].comments.concat();
    assert!(
        note.contains("`dhclient -6 -d eth0`") && note.contains("pool lan"),
        "{note}"
    );
}

#[test]
fn a_program_that_says_nothing_leaves_no_capture() {
    if !support::can_run(&[]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("nothing.pcapng");
    for (program, status, part) in [
        ("true", 1, "nothing was said in DHCPv6"),
        ("false", 1, "the program said nothing in DHCPv6"),
        ("/nowhere", 3, "cannot start /nowhere"),
    ] {
        let (ended, err) = run(&["-o", text(&path), "--", program]);
        assert_eq!(ended, Some(status), "{err}");
        assert!(err.contains(part), "{err}");
        assert!(!path.exists(), "{program}");
    }
    let config = folder.path().join("dhcp6s.conf");
    std::fs::write(&config, "interface eth0 {").expect("it is written");
    let (ended, err) = run(&["-o", text(&path), "--config", text(&config), "--", "true"]);
    assert_eq!(ended, Some(2), "{err}");
    assert!(!path.exists());
}

#[test]
fn what_cannot_be_recorded_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("none.pcapng");
    let (status, err) = run(&["nowhere0", "-o", text(&path)]);
    assert_eq!(status, Some(2));
    assert!(
        err.contains("there is no interface nowhere0; there are lo"),
        "{err}"
    );
    let (status, err) = run(&["-o", text(&path)]);
    assert_eq!(status, Some(2));
    assert!(err.contains("IFACE"), "{err}");
    let (status, _) = run(&["lo", "-o", text(&path), "--", "true"]);
    assert_eq!(status, Some(2));
    assert!(!path.exists());
}
