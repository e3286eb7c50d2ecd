//! Every file under `scenarios/` twice more, over a real link of either device: the real program behind it has to
//! give the transcript that the simulated rig gave, which is the snapshot.

use std::path::PathBuf;

use dhcp6lab::link::Device;
use dhcp6lab::player;
use dhcp6lab::rig::bench;
use dhcp6lab::scenario::Scenario;
use dhcp6lab::suite;
use rstest::rstest;

#[path = "support/server.rs"]
mod server;
mod support;

#[rstest]
fn live(
    #[files("../scenarios/*/*.yaml")]
    #[base_dir = "${CARGO_MANIFEST_DIR}"]
    #[exclude("/common/")]
    path: PathBuf,
    #[values(Device::Tap, Device::Veth)] device: Device,
) {
    let scenario = Scenario::load(&path).unwrap_or_else(|error| panic!("{error}"));
    // Hours pass in virtual time alone.
    if scenario.only_sim().is_some() || !support::can_run_over(device) {
        return;
    }
    let server = server::path();
    let mut rig = bench::live(&scenario.places(), device, &server.as_path().into())
        .unwrap_or_else(|error| panic!("{error}"));
    let played = player::play(&scenario, rig.as_mut());
    let text = played.text();
    let failures: Vec<String> = played.failures.iter().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{}\n\n{text}", failures.join("\n"));
    let snapshot = suite::snapshot(&path)
        .expect("a readable snapshot")
        .expect("a snapshot");
    assert_eq!(
        text.trim_end(),
        snapshot.trim_end(),
        "the live rig tells another story"
    );
}
