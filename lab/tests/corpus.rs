//! Replays the kept inputs of the fuzzer, so that what it found once stays found without it.

use std::fs;
use std::path::{Path, PathBuf};

#[path = "../fuzz/src/lib.rs"]
#[expect(
    unreachable_pub,
    reason = "to the fuzz targets this is a crate of its own"
)]
mod fuzz;

/// The inputs of one target: those kept to reach far, and those that once found a defect.
fn inputs(target: &str) -> Vec<PathBuf> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let entries = fs::read_dir(corpus.join(target)).expect("a corpus");
    let mut inputs: Vec<_> = entries.map(|it| it.expect("an entry").path()).collect();
    inputs.sort();
    inputs
}

fn replay(target: &str, body: fn(&[u8])) {
    let inputs = inputs(target);
    assert!(inputs.len() >= 20, "{target} has {} inputs", inputs.len());
    for input in inputs {
        let octets = fs::read(&input).expect("an input");
        let held = std::panic::catch_unwind(|| body(&octets));
        assert!(held.is_ok(), "{} fails: see above", input.display());
    }
}

#[test]
fn the_readers_of_messages_hold() {
    replay("wire", fuzz::wire);
}

#[test]
fn the_engine_keeps_its_promises() {
    replay("engine", fuzz::engine);
}

#[test]
fn configurations_are_accepted_or_refused_with_a_reason() {
    replay("config", fuzz::config);
}

#[test]
fn journals_are_refused_or_gone_on_from() {
    replay("journal", fuzz::journal);
}

#[test]
fn frames_of_the_control_channel_are_understood_or_refused() {
    replay("control", fuzz::control);
}
