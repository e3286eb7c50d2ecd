//! What the tests on real links share: the server to test, and what to do where there can be no links.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use dhcp6lab::link;

/// Whether tests on real links can run here. Where they cannot, it says so past the harness, which would
/// hide it; in CI, where they have to, it fails the test.
///
/// # Panics
/// In CI, if something is missing; anywhere, if there can be links but one goes wrong.
pub(crate) fn can_run(programs: &[(&'static str, &'static str)]) -> bool {
    let missing = match link::available() {
        Err(link::Error::Unavailable(missing)) => Some(missing),
        Err(error) => panic!("{error}"),
        Ok(()) => programs
            .iter()
            .find_map(|(name, package)| link::installed(name, package).err()),
    };
    let Some(missing) = missing else { return true };
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "cannot run: {missing}"
    );
    let test = std::thread::current().name().unwrap_or("test").to_owned();
    let _ = writeln!(std::io::stderr(), "NOT RUN: {test}: {missing}");
    false
}

/// The server to test: what the environment variable `DHCP6S` names, or else the one of this workspace,
/// built now if it is not up to date.
///
/// # Panics
/// It cannot be built.
pub(crate) fn server() -> PathBuf {
    static SERVER: OnceLock<PathBuf> = OnceLock::new();
    SERVER
        .get_or_init(|| std::env::var_os("DHCP6S").map_or_else(built, PathBuf::from))
        .clone()
}

fn built() -> PathBuf {
    // This test is TARGET/PROFILE/deps/NAME; the server goes to TARGET/PROFILE.
    let test = std::env::current_exe().expect("a test knows its own path");
    let profile = test
        .ancestors()
        .nth(2)
        .expect("a test is two folders deep in the target folder");
    let target = profile
        .parent()
        .expect("a profile is a folder in the target folder");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "build",
        "--quiet",
        "--package",
        "dhcp6s",
        "--bin",
        "dhcp6s",
        "--target-dir",
    ]);
    cargo.arg(target);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    let status = cargo
        .status()
        .expect("cargo runs the tests, so it is there");
    assert!(status.success(), "the server cannot be built");
    profile.join("dhcp6s")
}
