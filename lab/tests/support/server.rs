//! The server to test.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// The server to test: what the environment variable `DHCP6S` names, or else the one of this workspace,
/// built now if it is not up to date.
///
/// # Panics
/// It cannot be built.
pub(crate) fn path() -> PathBuf {
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
