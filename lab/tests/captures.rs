//! Every capture under `pcaps/` is one test: what the clients said is said again to the simulated rig, which
//! has to answer with the octets that the real server answered with. The transcript is the snapshot beside it.

use std::path::{Path, PathBuf};

use dhcp6lab::recording::Conversation;
use dhcp6lab::replay::{self, Replayed};
use dhcp6lab::rig::sim::Sim;
use rstest::rstest;

fn replayed(conversation: &Conversation) -> Replayed {
    let mut sim =
        Sim::start(&replay::setup(conversation)).unwrap_or_else(|error| panic!("{error}"));
    let replayed = replay::replay(conversation, &mut sim).unwrap_or_else(|error| panic!("{error}"));
    assert!(
        replayed.differences.is_empty(),
        "{}",
        replayed.differences.join("\n")
    );
    replayed
}

#[rstest]
fn capture(
    #[files("../pcaps/*.pcap")]
    #[base_dir = "${CARGO_MANIFEST_DIR}"]
    path: PathBuf,
) {
    let mut conversation = Conversation::load(&path).unwrap_or_else(|error| panic!("{error}"));
    let text = replayed(&conversation).text();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(path.parent().unwrap_or(Path::new("/")));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let name = path.file_stem().expect("a file has a name");
    let name = name.to_str().expect("names of captures are plain");
    settings.bind(|| insta::assert_snapshot!(name, text));

    // Leases survive a restart, so nobody can tell whether there was one.
    conversation.restarts.clear();
    replayed(&conversation);
}
