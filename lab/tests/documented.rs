//! Every scenario that the documentation shows is played: on the simulated rig, and over a real link where there can
//! be one and it is no matter of hours.

use std::path::{Path, PathBuf};

use dhcp6lab::link::Device;
use dhcp6lab::player::{self, Played};
use dhcp6lab::rig::bench;
use dhcp6lab::scenario::Scenario;
use dhcp6lab::suite;

#[path = "support/server.rs"]
mod server;
mod support;

/// Every scenario in the documentation, with its number in the file.
fn examples() -> Vec<(PathBuf, usize, Scenario)> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(docs).expect("documentation") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|it| it != "md") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a readable document");
        for (index, example) in suite::examples(&text).enumerate() {
            let scenario = Scenario::parse(&path, example)
                .unwrap_or_else(|error| panic!("{error}\nin example {}:\n{example}", index + 1));
            found.push((path.clone(), index + 1, scenario));
        }
    }
    found
}

fn passes(path: &Path, number: usize, played: &Played) {
    let failures: Vec<String> = played.failures.iter().map(ToString::to_string).collect();
    assert!(
        failures.is_empty(),
        "{}, example {number}: {}\n\n{}",
        path.display(),
        failures.join("\n"),
        played.text()
    );
}

#[test]
fn every_example_passes_on_the_simulated_rig() {
    let examples = examples();
    for (path, number, scenario) in &examples {
        if scenario.only_live().is_some() {
            continue;
        }
        let mut sim = bench::sim(&scenario.places()).unwrap_or_else(|error| panic!("{error}"));
        passes(path, *number, &player::play(scenario, sim.as_mut()));
    }
    assert!(examples.len() > 10, "{} examples", examples.len());
}

#[test]
fn every_example_tells_the_same_on_the_live_rig() {
    if !support::can_run(&[]) {
        return;
    }
    let server = server::path();
    for (path, number, scenario) in examples() {
        if scenario.only_sim().is_some() {
            continue;
        }
        let places = scenario.places();
        let device = Device::best().device;
        let mut live = bench::live(&places, device, &server.as_path().into())
            .unwrap_or_else(|error| panic!("{error}"));
        let played = player::play(&scenario, live.as_mut());
        passes(&path, number, &played);
        if scenario.only_live().is_some() {
            continue;
        }
        let mut sim = bench::sim(&places).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(
            played.text(),
            player::play(&scenario, sim.as_mut()).text(),
            "{}, example {number}",
            path.display()
        );
    }
}
