//! `dhcp6lab run` with other servers than ours: named by a word, started by a command line, or missing.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

#[path = "support/server.rs"]
mod server;
mod support;

const PROGRAM: &str = env!("CARGO_BIN_EXE_dhcp6lab");
const DNSMASQ: (&str, &str) = ("/usr/sbin/dnsmasq", "dnsmasq-base");
const DHCPD: (&str, &str) = ("/usr/sbin/dhcpd", "isc-dhcp-server");

/// What any server can be asked for.
const LEASE: &str = r#"
why: A lease is kept over a crash and over a new configuration, and who does not say who he is gets none.
rfc: ["9915 §18.3.4", "9915 §16.2"]
config: |
  interface eth0 { address-pool lan 3600 7200; };
  pool lan { range 2001:db8:1::10 to 2001:db8:1::1f; };
  option domain-name-servers 2001:db8:1::53;
clients: { first: {} }
steps:
  - exchange: { from: first, ia_na: { iaid: 1 }, oro: dns-servers }
  - crash: server
  - send: { from: first, renew: { ia_na: { iaid: 1 }, oro: dns-servers } }
  - expect: reply
  - reload:
      config: |
        interface eth0 { address-pool lan 600 1200; };
        pool lan { range 2001:db8:1::10 to 2001:db8:1::1f; };
  - send: { from: first, renew: { ia_na: { iaid: 1 } } }
  - expect: reply
  - send: { from: first, solicit: { client_id: none, ia_na: { iaid: 1 } } }
  - expect: { dropped: no-client-id }
"#;

/// What a run with these arguments and a scenario with this text says, and its exit status.
struct Said {
    status: Option<i32>,
    text: String,
}

fn run(arguments: &[&str], scenario: &str) -> Said {
    run_by(Command::new(PROGRAM), arguments, scenario)
}

fn run_by(mut command: Command, arguments: &[&str], scenario: &str) -> Said {
    let folder = tempfile::tempdir().expect("a folder");
    let path: PathBuf = folder.path().join("scenario.yaml");
    fs::write(&path, scenario).expect("a file");
    command.arg("run").args(arguments).arg(&path);
    let output = command.output().expect("the program of the lab");
    Said {
        status: output.status.code(),
        text: [output.stdout, output.stderr]
            .map(|it| String::from_utf8_lossy(&it).into_owned())
            .concat(),
    }
}

#[test]
fn dnsmasq_takes_the_place_of_ours() {
    if support::can_run(&[DNSMASQ]) {
        let said = run(&["--server", "dnsmasq"], LEASE);
        assert_eq!(said.status, Some(0), "{}", said.text);
        assert!(said.text.contains("dnsmasq is held to"), "{}", said.text);
    }
}

#[test]
fn dhcpd_takes_the_place_of_ours() {
    if support::can_run(&[DHCPD]) {
        let said = run(&["--server", "dhcpd"], LEASE);
        assert_eq!(said.status, Some(0), "{}", said.text);
        assert!(said.text.contains("ISC dhcpd is held to"), "{}", said.text);
    }
}

#[test]
fn a_program_is_known_by_what_it_says() {
    if support::can_run(&[DNSMASQ, DHCPD]) {
        for (program, name) in [(DNSMASQ.0, "dnsmasq"), (DHCPD.0, "ISC dhcpd")] {
            let said = run(&["--server", program], LEASE);
            assert_eq!(said.status, Some(0), "{}", said.text);
            assert!(
                said.text.contains(&format!("{name} is held to")),
                "{}",
                said.text
            );
        }
    }
}

#[test]
fn another_server_does_not_pass_what_it_gets_wrong() {
    if support::can_run(&[DNSMASQ]) {
        let none = LEASE.replace(
            "interface eth0 { address-pool lan 3600 7200; };",
            "interface eth0 { };",
        );
        let said = run(&["--server", "dnsmasq"], &none);
        assert_eq!(said.status, Some(1), "{}", said.text);
        let fault = "NoAddrsAvail stands outside of an IA (RFC 9915 §18.3.9)";
        assert!(said.text.contains(fault), "{}", said.text);
    }
}

#[test]
fn what_a_server_cannot_be_told_is_not_played_and_said() {
    if support::can_run(&[DNSMASQ]) {
        let prefix = LEASE.replace(
            "  option domain-name-servers",
            "  host a { duid 00:03:00:0a; prefix 2001:db8:d00::/56 60; };\n  option domain-name-servers",
        );
        let said = run(&["--server", "dnsmasq"], &prefix);
        assert_eq!(said.status, Some(0), "{}", said.text);
        let why = "the prefix 2001:db8:d00::/56 of `host a`: dnsmasq delegates no prefixes";
        assert!(said.text.contains(why), "{}", said.text);
        assert!(said.text.contains("0 passed"), "{}", said.text);
    }
}

#[test]
fn a_server_that_is_not_installed_is_named_with_its_package() {
    // Where no mounts can be made there can be no links either.
    if support::can_run(&[]) {
        for ((program, package), word) in [(DNSMASQ, "dnsmasq"), (DHCPD, "dhcpd")] {
            let hide =
                format!("test ! -e {program} || mount --bind /dev/null {program}; exec \"$@\"");
            let mut command = Command::new("unshare");
            command.args(["--mount", "sh", "-c", &hide, "sh", PROGRAM]);
            let said = run_by(command, &["--server", word], LEASE);
            assert_eq!(said.status, Some(3), "{}", said.text);
            let missing =
                format!("is not installed as {program}: Debian's package {package} has it");
            assert!(said.text.contains(&missing), "{}", said.text);
        }
    }
}

#[test]
fn any_command_line_can_start_the_server() {
    if support::can_run(&[]) {
        let server = server::path();
        let line = format!(
            "{} -f -d --duid {{duid}} --leases {{leases}} -c {{config}} -P {{folder}}/pid {{interface}}",
            server.display()
        );
        let said = run(&["--server-command", &line], LEASE);
        assert_eq!(said.status, Some(0), "{}", said.text);
        assert!(said.text.contains("1 passed"), "{}", said.text);
    }
}

#[test]
fn a_command_line_that_starts_nothing_is_told_with_what_it_said() {
    if support::can_run(&[]) {
        let said = run(
            &["--server-command", "echo for {interface} >&2; false"],
            LEASE,
        );
        assert_eq!(said.status, Some(2), "{}", said.text);
        assert!(said.text.contains("for eth0"), "{}", said.text);
    }
}

#[test]
fn an_image_that_nobody_has_is_named_with_the_remedy() {
    if support::can_run(&dhcp6lab::rig::server::IMAGE_NEEDS) {
        let said = run(&["--image", "localhost/nobody:none"], LEASE);
        assert_eq!(said.status, Some(3), "{}", said.text);
        let missing = "podman has no image localhost/nobody:none: pull it, or build it";
        assert!(said.text.contains(missing), "{}", said.text);
    }
}
