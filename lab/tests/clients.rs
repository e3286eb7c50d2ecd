//! Clients that people use are served: over a cable, by the real server.

use std::process::Command;

use dhcp6lab::clients::site::Site;
use dhcp6lab::clients::{Client, Dhclient, Dhcp6c, Dhcpcd, Wants, life};
use rstest::rstest;

#[path = "support/server.rs"]
mod server;
mod support;

fn lives(client: &dyn Client, wants: Wants) {
    if support::can_run(&[client.program()]) {
        life::live(client, server::path().as_path().into(), wants)
            .unwrap_or_else(|error| panic!("{error}"));
    }
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
    // So many exchanges a second, so many in all, as so many clients; for the last answers it waits a while
    // (in microseconds), without which it would count them as lost.
    perfdhcp.args("-6 -l eth0 -r 500 -n 1000 -R 1000 -W 200000 all".split(' '));
    // It ends with another status if anything was dropped.
    let report = site
        .namespace()
        .command(perfdhcp)
        .expect("every exchange is completed");
    assert!(report.contains("received packets: 1000"), "{report}");
}
