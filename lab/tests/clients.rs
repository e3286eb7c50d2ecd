//! Clients that people use are served: over a cable, by the real server.

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
