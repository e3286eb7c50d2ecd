//! What the tests on real links share: what to do where there can be none.

use std::io::Write as _;

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
    missing.is_none_or(|missing| refuse(&missing.to_string()))
}

/// Whether something else that a test needs is there; where it is not, as above.
///
/// # Panics
/// In CI, if it is missing.
#[allow(dead_code, reason = "not every test needs something else")]
pub(crate) fn has<E: std::fmt::Display>(found: Result<(), E>) -> bool {
    found.map_or_else(|missing| refuse(&missing.to_string()), |()| true)
}

fn refuse(missing: &str) -> bool {
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "cannot run: {missing}"
    );
    let test = std::thread::current().name().unwrap_or("test").to_owned();
    let _ = writeln!(std::io::stderr(), "NOT RUN: {test}: {missing}");
    false
}
