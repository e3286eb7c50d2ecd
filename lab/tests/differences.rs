//! Every scenario is played against the original server too: what differs has a reason, what has a reason
//! differs, and the document says all of it.

use std::path::{Path, PathBuf};

use dhcp6lab::differences::{document, original, survey};
use dhcp6lab::scenario::Scenario;
use dhcp6lab::suite;

mod support;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the lab is a folder of the workspace")
}

fn scenarios() -> Vec<(PathBuf, Scenario)> {
    let paths = suite::scenarios(&root().join("scenarios")).expect("readable scenarios");
    let load = |path: PathBuf| {
        let scenario = Scenario::load(&path).unwrap_or_else(|error| panic!("{error}"));
        (path, scenario)
    };
    paths.into_iter().map(load).collect()
}

#[test]
fn what_differs_from_the_original_server_is_explained_and_written_down() {
    if !support::can_run(&[]) || !support::has(original().map(drop)) {
        return;
    }
    let original = original().expect("it was there");
    let found = survey(&scenarios(), &original, |_| {});
    let faults = found.faults(true);
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
    let path = root().join("docs/differences.md");
    let written = std::fs::read_to_string(&path).expect("a readable document");
    assert!(
        written == document(&found),
        "{} is not up to date: cargo lab differences > docs/differences.md",
        path.display()
    );
}
