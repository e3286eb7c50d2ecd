//! Clients that people use are served: over a cable, by the real server. With `DHCP6S_RECORD=FOLDER`, what is
//! said meanwhile becomes captures in that folder.

use std::path::Path;
use std::process::Command;

use dhcp6lab::clients::site::Site;
use dhcp6lab::clients::{Client, Dhclient, Dhcp6c, Dhcpcd, Dibbler, Networkd, Wants, life};
use dhcp6lab::recording::{Conversation, Origin};
use rstest::rstest;

#[path = "support/server.rs"]
mod server;
mod support;

fn lives(client: &dyn Client, wants: Wants) {
    if !support::can_run(&[client.program()]) {
        return;
    }
    let said = life::live(client, server::path().as_path().into(), wants)
        .unwrap_or_else(|error| panic!("{error}"));
    if let Some(folder) = std::env::var_os("DHCP6S_RECORD") {
        record(&said, Path::new(&folder), client, wants);
    }
}

/// Makes a life one of the captures that `captures.rs` replays.
fn record(said: &Conversation, folder: &Path, client: &dyn Client, wants: Wants) {
    let (program, package) = client.program();
    let program = program.rsplit('/').next().unwrap_or(program);
    let (name, leases) = match wants {
        Wants::Address => ("address", "an address"),
        Wants::Prefix => ("prefix", "a prefix"),
        Wants::Both => ("address-and-prefix", "an address and a prefix"),
    };
    let next = if wants.address() && client.releases() {
        "\nAnother client gets the address afterwards."
    } else {
        ""
    };
    let end = if client.releases() {
        ", and gives it back"
    } else {
        ". It ends without a Release"
    };
    let why = format!(
        "{program} obtains {leases}, keeps what it has over a restart of the server{end}.{next}"
    );
    let origin = Origin {
        client: format!("{program} of {package} {}", version(package)),
        recorded: output("date", &["-u", "+%F"]),
        how: "DHCP6S_RECORD=../pcaps cargo test -p dhcp6lab --test clients".into(),
        anonymised:
            "Times are counted from 2026-01-01. The machine is one that the lab made up; dhcpcd\n\
                     is told a Vendor Class, as its own would describe the computer."
                .into(),
    };
    let pcap = folder.join(format!("{program}-{name}.pcap"));
    said.save(&pcap, &why, &origin)
        .unwrap_or_else(|error| panic!("{error}"));
}

fn version(package: &str) -> String {
    output("dpkg-query", &["-W", "-f", "${Version}", package])
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[rstest]
fn dhclient_keeps_its_lease_over_a_restart_of_the_server_and_gives_it_back(
    #[values(Wants::Address, Wants::Prefix, Wants::Both)] wants: Wants,
) {
    lives(&Dhclient, wants);
}

#[rstest]
fn dhcp6c_keeps_its_lease_over_a_restart_of_the_server_and_gives_it_back(
    #[values(Wants::Address, Wants::Prefix, Wants::Both)] wants: Wants,
) {
    lives(&Dhcp6c, wants);
}

#[rstest]
fn dhcpcd_keeps_its_lease_over_a_restart_of_the_server_and_gives_it_back(
    #[values(Wants::Address, Wants::Prefix, Wants::Both)] wants: Wants,
) {
    lives(&Dhcpcd, wants);
}

#[rstest]
fn dibbler_keeps_its_lease_over_a_restart_of_the_server_and_gives_it_back(
    #[values(Wants::Address, Wants::Prefix, Wants::Both)] wants: Wants,
) {
    lives(&Dibbler, wants);
}

#[rstest]
fn networkd_keeps_its_lease_over_a_restart_of_the_server(
    #[values(Wants::Address, Wants::Prefix, Wants::Both)] wants: Wants,
) {
    // It gives up root's rights and becomes a user of its own.
    if support::can_run(&[Networkd.program()]) && support::has_other_users() {
        lives(&Networkd, wants);
    }
}

/// Kea's perfdhcp plays a crowd: each exchange is a client of its own.
#[test]
fn perfdhcp_misses_no_answer() {
    if !support::can_run(&[("perfdhcp", "kea-admin")]) {
        return;
    }
    let config = "interface eth0 { address-pool lan 3600 7200; };\n\
                  pool lan { range 2001:db8:1::1000 to 2001:db8:1::ffff; };\n";
    let site =
        Site::with_config(server::path().as_path().into(), config).expect("the server starts");
    let mut perfdhcp = Command::new("perfdhcp");
    // So many exchanges a second, so many in all, as so many clients; for the last answers it waits a second
    // (in microseconds), without which it would count them as lost.
    perfdhcp.args("-6 -l eth0 -r 300 -n 600 -R 600 -W 1000000 all".split(' '));
    // It ends with another status if an answer is missing.
    let report = site
        .namespace()
        .command(perfdhcp)
        .expect("every exchange is completed");
    assert_eq!(report.matches("drops: 0\n").count(), 2, "{report}");
}
