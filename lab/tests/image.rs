//! The image that people run serves clients: as nobody, on a file system that it cannot write to, with one
//! capability.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use dhcp6lab::clients::{Client, Dhclient, Dhcp6c, Dhcpcd, Wants, life};
use dhcp6lab::rig::server::{IMAGE_NEEDS, Program};

mod support;

/// The name of the image to test: what the environment variable `DHCP6S_IMAGE` says, or else of one that is built now.
fn name() -> &'static str {
    static IMAGE: OnceLock<String> = OnceLock::new();
    IMAGE.get_or_init(|| {
        std::env::var("DHCP6S_IMAGE").unwrap_or_else(|_| {
            let name = "localhost/dhcp6s:test".to_owned();
            let lab = Path::new(env!("CARGO_MANIFEST_DIR"));
            let built = Command::new(lab.join("image")).arg(&name).output();
            let built = built.expect("the script is part of the lab");
            let said = String::from_utf8_lossy(&built.stderr);
            assert!(built.status.success(), "the image cannot be built:\n{said}");
            name
        })
    })
}

const NEEDS: [(&str, &str); 3] = [("mmdebstrap", "mmdebstrap"), IMAGE_NEEDS[0], IMAGE_NEEDS[1]];

fn lives(client: &dyn Client) {
    if support::can_run(&[&[client.program()], &NEEDS[..]].concat()) {
        let image = Program::Image(name().to_owned());
        life::live(client, image, Wants::Both).unwrap_or_else(|error| panic!("{error}"));
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

/// Reasons of drops come by the log, reloads by signals; crashes, restarts and full disks concern the volume.
#[test]
fn scenarios_go_in_the_container_as_they_go_elsewhere() {
    if support::can_run(&NEEDS) {
        let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
        let mut run = Command::new(env!("CARGO_BIN_EXE_dhcp6lab"));
        run.args(["run", "--strict", "--image", name()]);
        run.args(["reload", "restart", "store", "validation"].map(|it| scenarios.join(it)));
        let output = run.output().expect("the program of the lab");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}");
        assert!(said.contains(" 0 failed, 0 new"), "{said}");
    }
}
