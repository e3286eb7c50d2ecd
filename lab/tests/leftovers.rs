//! However a run ends, nothing of it is left: no namespace, no program, no mount, no temporary folder.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dhcp6lab::link::{Device, rootless};
use dhcp6lab::rig::Setup;
use dhcp6lab::rig::live::Live;
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};
use rstest::rstest;
use tempfile::TempDir;

#[path = "support/server.rs"]
mod server;
mod support;

/// Whom a test plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum User {
    /// Whoever runs the tests.
    Same,
    /// One who has no rights, and moves to a user namespace.
    Nobody,
}

/// What there still is of a process, by its number.
fn left_of(pid: u32) -> Vec<String> {
    let prefix = format!("dhcp6lab-{pid}-");
    let mut left = Vec::new();
    for folder in [Path::new("/run/netns"), &std::env::temp_dir()] {
        // Where no namespace was ever made, there is no folder for them.
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let names = entries.map(|it| it.file_name().to_string_lossy().into_owned());
        left.extend(names.filter(|it| it.starts_with(&prefix)));
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("the mounts");
    left.extend(
        mounts
            .lines()
            .filter(|it| it.contains(&prefix))
            .map(str::to_owned),
    );
    for entry in fs::read_dir("/proc").expect("processes").flatten() {
        let read = |name: &str| fs::read(entry.path().join(name)).unwrap_or_default();
        let [environment, words] = ["environ", "cmdline"].map(read);
        if contains(&environment, &prefix) || contains(&words, &prefix) {
            left.push(String::from_utf8_lossy(&words).replace('\0', " "));
        }
    }
    left
}

fn contains(octets: &[u8], text: &str) -> bool {
    octets
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}

/// A scenario, and a server that says that it runs and never that it serves, with a child that outlives it.
struct Stage {
    folder: TempDir,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let stage = Self { folder };
        let text = "why: It is a test.\nrfc: [\"9915 §18\"]\nsteps:\n  - restart: server\n";
        fs::write(stage.path("a.yaml"), text).expect("a file");
        mkfifo(&stage.path("pipe"), Mode::all()).expect("a pipe");
        let script = format!(
            "#!/bin/sh\nif [ \"$1\" = --version ]; then echo dhcp6s 0; exit; fi\n\
             setsid sleep 1000 >/dev/null 2>&1 &\necho $! > {}\nexec sleep 1000\n",
            stage.path("pipe").display()
        );
        fs::write(stage.path("server"), script).expect("a file");
        // Nobody is to come by here, too.
        for (path, mode) in [
            ("", 0o755),
            ("server", 0o755),
            ("pipe", 0o666),
            ("a.yaml", 0o644),
        ] {
            let permissions = fs::Permissions::from_mode(mode);
            fs::set_permissions(stage.path(path), permissions).expect("it is ours");
        }
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, user: User, words: &[&str]) -> Command {
        let lab = env!("CARGO_BIN_EXE_dhcp6lab");
        let mut command = match user {
            User::Same => Command::new(lab),
            User::Nobody => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid=65534", "--regid=65534", "--clear-groups", lab]);
                command
            }
        };
        command.args(["run", "--rig", "live"]).args(words);
        // In CI, a scenario without a snapshot is a failure.
        command.env_remove("CI");
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    /// Starts the lab, and returns once the server runs and its child does.
    fn underway(&self, user: User) -> (Child, u32) {
        let mut lab = self.command(user, &["--server"]);
        let lab = lab
            .arg(self.path("server"))
            .arg(self.path("a.yaml"))
            .spawn();
        let lab = lab.expect("the lab");
        let orphan = fs::read_to_string(self.path("pipe")).expect("it runs");
        (lab, orphan.trim().parse().expect("a number"))
    }
}

/// Whether a test can play that user: only root can become somebody else.
fn can_play(user: User) -> bool {
    support::can_run(&[("setpriv", "util-linux"), ("setsid", "util-linux")])
        && (user == User::Same || support::has_other_users())
}

fn send(lab: &Child, signal: Signal) {
    let pid = Pid::from_raw(lab.id().try_into().expect("a small number"));
    kill(pid, signal).expect("it is ours");
}

fn runs(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // A zombie has ended; it only waits for its parent to notice.
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| !rest.starts_with(" Z"))
}

#[rstest]
fn a_signal_leaves_nothing_behind(
    #[values(Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP)] signal: Signal,
    #[values(User::Same, User::Nobody)] user: User,
) {
    if !can_play(user) {
        return;
    }
    let stage = Stage::new();
    let (mut lab, orphan) = stage.underway(user);
    let pid = lab.id();
    send(&lab, signal);
    let status = lab.wait().expect("it ends");
    assert_eq!(status.code(), Some(128 + signal as i32));
    assert_eq!(left_of(pid), Vec::<String>::new());
    assert!(!runs(orphan));
}

#[test]
fn a_signal_while_many_things_are_made_leaves_none_of_them_behind() {
    if !support::can_run(&[]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    for number in 0..60 {
        let text = "why: It is a test.\nrfc: [\"9915 §18\"]\nsteps:\n  - restart: server\n";
        fs::write(folder.path().join(format!("{number}.yaml")), text).expect("a file");
    }
    // A run cannot be stopped at the very moment at which something is made: it is tried at several.
    for round in 1..=5 {
        let mut lab = Command::new(env!("CARGO_BIN_EXE_dhcp6lab"));
        lab.args(["matrix", "--jobs", "8", "--servers"]);
        lab.arg(server::path()).arg(folder.path());
        lab.stdout(Stdio::null()).stderr(Stdio::null());
        let mut lab = lab.spawn().expect("the lab");
        let folders = format!("dhcp6lab-{}-", lab.id());
        let made = || {
            let entries = fs::read_dir("/run/netns").into_iter().flatten().flatten();
            let names = entries.map(|it| it.file_name().to_string_lossy().into_owned());
            names.filter(|it| it.starts_with(&folders)).count()
        };
        while made() < round {
            assert!(
                lab.try_wait().expect("it is ours").is_none(),
                "it has ended"
            );
            std::thread::yield_now();
        }
        send(&lab, Signal::SIGINT);
        assert_eq!(lab.wait().expect("it ends").code(), Some(130));
        // A program that was just being started bears no mark yet, and ends by itself at once.
        let deadline = Instant::now() + Duration::from_secs(10);
        while !left_of(lab.id()).is_empty() && Instant::now() < deadline {
            std::thread::yield_now();
        }
        assert_eq!(left_of(lab.id()), Vec::<String>::new(), "round {round}");
    }
}

#[rstest]
fn what_a_killed_run_leaves_behind_is_removed_by_the_next(
    #[values(User::Same, User::Nobody)] user: User,
) {
    if !can_play(user) {
        return;
    }
    let stage = Stage::new();
    let (mut lab, orphan) = stage.underway(user);
    let pid = lab.id();
    send(&lab, Signal::SIGKILL);
    lab.wait().expect("it ends");
    assert!(runs(orphan), "there is something to remove");
    let mut next = stage.command(user, &["--server"]);
    next.arg(server::path()).arg(stage.path("a.yaml"));
    let next = next.output().expect("the lab");
    let said = String::from_utf8_lossy(&next.stderr);
    assert_eq!(next.status.code(), Some(0), "{said}");
    assert_eq!(left_of(pid), Vec::<String>::new());
    assert!(!runs(orphan));
}

#[rstest]
#[case::success("restart: server", 0)]
#[case::failure("send: { from: first, information-request: {} }", 1)]
#[case::a_server_that_does_not_start("restart: { config: nonsense }", 1)]
fn a_run_that_ends_by_itself_leaves_nothing_behind(
    #[case] step: &str,
    #[case] status: i32,
    #[values(User::Same, User::Nobody)] user: User,
) {
    if !can_play(user) {
        return;
    }
    let stage = Stage::new();
    let text = format!(
        "why: It is a test.\nrfc: [\"9915 §18\"]\nclients: {{ first: {{}} }}\nsteps:\n  - {step}\n"
    );
    fs::write(stage.path("a.yaml"), text).expect("a file");
    let mut lab = stage.command(user, &["--server"]);
    let lab = lab.arg(server::path()).arg(stage.path("a.yaml")).spawn();
    let lab = lab.expect("the lab");
    let pid = lab.id();
    let output = lab.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{said}");
    assert_eq!(left_of(pid), Vec::<String>::new());
}

/// What the test below runs again, to have a process that panics.
const PANICS: &str = "DHCP6LAB_TEST_PANICS";

#[rstest]
fn a_panic_in_any_thread_leaves_nothing_behind(
    #[values(Device::Tap, Device::Veth)] device: Device,
) {
    if !support::can_run_over(device) {
        return;
    }
    let name = std::thread::current().name().expect("a test").to_owned();
    if std::env::var_os(PANICS).is_some() {
        let address = "2001:db8:1::1".parse().expect("an address");
        let setup = Setup {
            config: String::new(),
            addresses: vec![(address, 64)],
        };
        let program = server::path();
        let started = move || Live::start_over(device, &setup, program.as_path());
        let other = started.clone();
        let panicking = std::thread::spawn(move || {
            let _live = other().expect("the server starts");
            panic!("in another thread");
        });
        assert!(panicking.join().is_err());
        let _live = started().expect("the server starts");
        panic!("in the thread of the test");
    }
    let mut again = Command::new("/proc/self/exe");
    again
        .args([name.as_str(), "--exact", "--nocapture"])
        .env(PANICS, "");
    again.stdout(Stdio::piped()).stderr(Stdio::piped());
    let again = again.spawn().expect("this program");
    let pid = again.id();
    let output = again.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    for thread in ["in another thread", "in the thread of the test"] {
        assert!(said.contains(thread), "{said}");
    }
    assert_eq!(left_of(pid), Vec::<String>::new());
}

#[test]
fn where_user_namespaces_are_forbidden_the_setting_is_named() {
    // Whoever is root in a user namespace may forbid further ones in it.
    if !support::can_run(&[("setpriv", "util-linux")]) {
        return;
    }
    let stage = Stage::new();
    let script = "echo 0 > /proc/sys/user/max_user_namespaces && \
                  exec setpriv --bounding-set=-all --inh-caps=-all \"$@\"";
    let mut shell = Command::new("sh");
    shell.args(["-c", script, "sh", env!("CARGO_BIN_EXE_dhcp6lab"), "run"]);
    shell.args(["--rig", "live"]).arg(stage.path("a.yaml"));
    rootless::send_into(&mut shell);
    let output = shell.output().expect("a shell");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("user.max_user_namespaces is 0"), "{said}");
}
