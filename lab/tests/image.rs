//! The image that people run serves clients: as nobody, on a file system that it cannot write to, with one
//! capability.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use dhcp6lab::clients::{Client, Dhclient, Dhcp6c, Dhcpcd, Wants, life};
use dhcp6lab::rig::server::{IMAGE_NEEDS, Program};

mod support;

/// The image to test: what the environment variable `DHCP6S_IMAGE` names, or else one that is built now.
fn image() -> Program {
    static IMAGE: OnceLock<String> = OnceLock::new();
    let name = IMAGE.get_or_init(|| {
        std::env::var("DHCP6S_IMAGE").unwrap_or_else(|_| {
            let name = "localhost/dhcp6s:test".to_owned();
            let lab = Path::new(env!("CARGO_MANIFEST_DIR"));
            let built = Command::new(lab.join("image")).arg(&name).output();
            let built = built.expect("the script is part of the lab");
            let said = String::from_utf8_lossy(&built.stderr);
            assert!(built.status.success(), "the image cannot be built:\n{said}");
            name
        })
    });
    Program::Image(name.clone())
}

fn lives(client: &dyn Client) {
    let needs = [
        &[client.program(), ("mmdebstrap", "mmdebstrap")],
        &IMAGE_NEEDS[..],
    ]
    .concat();
    if support::can_run(&needs) {
        life::live(client, image(), Wants::Both).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn dhclient_keeps_its_leases_when_the_container_is_replaced() {
    lives(&Dhclient);
}

#[test]
fn dhcp6c_keeps_its_leases_when_the_container_is_replaced() {
    lives(&Dhcp6c);
}

#[test]
fn dhcpcd_keeps_its_leases_when_the_container_is_replaced() {
    lives(&Dhcpcd);
}
