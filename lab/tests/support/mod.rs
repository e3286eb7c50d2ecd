//! What the tests on real links share: what to do where there can be none, and where they take root's rights.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Once;
use std::time::{Duration, Instant};

use dhcp6lab::link::{self, Device, Process, rootless};

/// How long a test may take that runs in a process of its own.
const PATIENCE: Duration = Duration::from_secs(600);

/// Whether tests on real links can run here. Where they cannot, it says so past the harness, which would
/// hide it; in CI, where they have to, it fails the test.
///
/// Without root the test runs in another process, which is root in a user namespace. Then this passes or fails with
/// that process, and says no: all is done.
///
/// # Panics
/// In CI, if something is missing; anywhere, if there can be links but one goes wrong, or that process fails.
pub(crate) fn can_run(programs: &[(&'static str, &'static str)]) -> bool {
    if !rootless::is_privileged() && !rootless::is_alone() {
        run_in_user_namespace();
        return false;
    }
    let missing = match link::available() {
        Err(link::Error::Unavailable(missing)) => Some(missing),
        Err(error) => panic!("{error}"),
        Ok(()) => programs
            .iter()
            .find_map(|(name, package)| link::installed(name, package).err()),
    };
    missing.is_none_or(|missing| refuse(&missing.to_string()))
}

/// The same for tests on links of that device.
///
/// # Panics
/// As above.
#[allow(dead_code, reason = "most tests take the link that there is")]
pub(crate) fn can_run_over(device: Device) -> bool {
    can_run(&[])
        && match (device, Device::best().because) {
            (Device::Tap, Some(why)) if rootless::is_confined() => not_run(&why),
            (Device::Tap, Some(why)) => refuse(&why),
            _ => true,
        }
}

/// Whether something else that a test needs is there; where it is not, as above.
///
/// # Panics
/// In CI, if it is missing.
#[allow(dead_code, reason = "not every test needs something else")]
pub(crate) fn has<E: std::fmt::Display>(found: Result<(), E>) -> bool {
    found.map_or_else(|missing| refuse(&missing.to_string()), |()| true)
}

/// Whether there is more than one user, as tests need that give up root's rights. Where root is a user namespace's,
/// there is not, and that is no failure anywhere.
#[allow(dead_code, reason = "few tests need another user")]
pub(crate) fn has_other_users() -> bool {
    !rootless::is_confined() || not_run("it needs another user, and a user namespace has one only")
}

fn refuse(missing: &str) -> bool {
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "cannot run: {missing}"
    );
    not_run(missing)
}

fn not_run(missing: &str) -> bool {
    let test = std::thread::current().name().unwrap_or("test").to_owned();
    let _ = writeln!(io::stderr(), "NOT RUN: {test}: {missing}");
    false
}

/// Runs the test at hand, which the harness names its thread after, once more in a process of its own.
fn run_in_user_namespace() {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        let text =
            "not root: tests on real links run in user namespaces, each in a process of its own";
        let _ = writeln!(io::stderr(), "{text}");
    });
    let thread = std::thread::current();
    let test = thread.name().expect("the harness names its threads");
    let mut again = Command::new("/proc/self/exe");
    again.args([test, "--exact", "--include-ignored", "--nocapture"]);
    match said_by(again) {
        Ok((status, said)) => {
            // One that found no test of that name would be content, too.
            let passed = status.success() && said.contains("test result: ok. 1 passed");
            assert!(passed, "in a user namespace ({status}):\n{said}");
            for line in said.lines().filter(|line| line.starts_with("NOT RUN: ")) {
                let _ = writeln!(io::stderr(), "{line}");
            }
        }
        Err(error) => {
            refuse(&error);
        }
    }
}

/// Runs a program in a user namespace to its end, which is also that of the thread at hand.
fn said_by(mut command: Command) -> Result<(ExitStatus, String), String> {
    let output = |it: io::Result<File>| it.expect("a file");
    let mut said = output(tempfile::tempfile());
    command.stdin(Stdio::null());
    command.stdout(output(said.try_clone()));
    command.stderr(output(said.try_clone()));
    rootless::send_into(&mut command);
    let mut process = Process::spawn(command).map_err(|error| match error {
        link::Error::System { source, .. } => rootless::not_started(&source).to_string(),
        link::Error::Unavailable(_) | link::Error::Tool { .. } => error.to_string(),
    })?;
    let ended = process.wait(Instant::now() + PATIENCE);
    let status = ended.expect("it is ours").expect("a test ends");
    let mut octets = Vec::new();
    said.seek(SeekFrom::Start(0)).expect("a file");
    said.read_to_end(&mut octets).expect("a file");
    Ok((status, String::from_utf8_lossy(&octets).into_owned()))
}
