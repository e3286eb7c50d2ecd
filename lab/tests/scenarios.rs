//! Every file under `scenarios/` is one test: played on the simulated rig and compared with the snapshot
//! beside it.

use std::path::{Path, PathBuf};

use dhcp6lab::player;
use dhcp6lab::rig::bench;
use dhcp6lab::scenario::Scenario;
use rstest::rstest;

#[rstest]
fn scenario(
    #[files("../scenarios/*/*.yaml")]
    #[base_dir = "${CARGO_MANIFEST_DIR}"]
    #[exclude("/common/")]
    path: PathBuf,
) {
    let scenario = Scenario::load(&path).unwrap_or_else(|error| panic!("{error}"));
    if let Some(reason) = scenario.only_live() {
        // `tests/live.rs` plays it.
        println!("skipped: {reason}");
        return;
    }
    let mut sim = bench::sim(&scenario.places()).unwrap_or_else(|error| panic!("{error}"));
    let played = player::play(&scenario, sim.as_mut());
    let text = played.text();
    let failures: Vec<String> = played.failures.iter().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{}\n\n{text}", failures.join("\n"));

    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(path.parent().unwrap_or(Path::new("/")));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let name = path.file_stem().expect("a file has a name");
    let name = name.to_str().expect("names of scenarios are plain");
    settings.bind(|| insta::assert_snapshot!(name, text));
}
