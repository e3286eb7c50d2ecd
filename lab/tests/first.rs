//! The server as process 1, as in a container: what a signal does there, where the log goes, and what becomes of
//! processes that lose their parents.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use dhcp6lab::link::log::Log;
use dhcp6lab::link::owner::temporary_folder;
use dhcp6lab::link::{Namespace, Process};
use dhcp6lab::rig::server::PATIENCE;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rstest::rstest;
use tempfile::TempDir;

#[path = "support/server.rs"]
mod server;
mod support;

const NEEDS: [(&str, &str); 2] = [("unshare", "util-linux"), ("nsenter", "util-linux")];

struct Bench {
    namespace: Namespace,
    folder: TempDir,
}

/// A server that is process 1 of a namespace.
struct First {
    /// What started it, outside, and ends with it.
    launcher: Process,
    /// Its number outside, once it serves.
    pid: Pid,
    log: Log,
}

impl Bench {
    fn new() -> Option<Self> {
        if !support::can_run(&NEEDS) {
            return None;
        }
        let bench = Self {
            namespace: Namespace::new().expect("a namespace"),
            folder: temporary_folder().expect("a folder"),
        };
        fs::write(bench.path("dhcp6s.conf"), "").expect("a file");
        let duid = [&10_u16.to_ne_bytes()[..], &[0, 3, 0, 1, 2, 0, 0, 0, 0, 1]];
        fs::write(bench.path("duid"), duid.concat()).expect("a file");
        Some(bench)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What starts a server with `-d` and these words more.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("unshare");
        command.args(["--pid", "--fork", "--kill-child", "--mount-proc"]);
        command.arg(server::path()).arg("-d").args(words);
        for (option, file) in [("-c", "dhcp6s.conf"), ("-P", "pid"), ("-k", "no-key")] {
            command.arg(option).arg(self.path(file));
        }
        command.arg("--duid").arg(self.path("duid"));
        command.arg("--leases").arg(self.path("leases")).arg("lo");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    fn start(&self, words: &[&str]) -> First {
        let command = self.command(words);
        let mut launcher = self.namespace.spawn(command).expect("it starts");
        let log = Log::new(launcher.take_stderr().expect("a pipe")).expect("a log");
        let mut first = First::new(launcher, log);
        first.serves();
        first
    }

    /// Runs a shell line in the namespaces of the server.
    fn inside(&self, first: &First, line: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--pid", "--mount", "--target"]);
        command.arg(first.pid.to_string()).args(["sh", "-c", line]);
        command
    }
}

impl First {
    fn new(launcher: Process, log: Log) -> Self {
        Self {
            launcher,
            pid: Pid::from_raw(0),
            log,
        }
    }

    /// Waits until it serves.
    #[track_caller]
    fn serves(&mut self) {
        self.until("serving on lo");
        self.pid = child(&self.launcher);
    }

    #[track_caller]
    fn until(&mut self, text: &str) -> String {
        let line = self.log.until(text, Instant::now() + PATIENCE);
        let line = line.expect("a pipe");
        line.unwrap_or_else(|| panic!("no `{text}` in:\n{}", self.log.tail()))
    }

    /// Its status when it has ended.
    #[track_caller]
    fn ended(mut self) -> Option<i32> {
        let status = self.launcher.wait(Instant::now() + PATIENCE);
        status.expect("a status").expect("it ends").code()
    }
}

fn children(pid: impl std::fmt::Display) -> Vec<Pid> {
    let listed = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let listed = listed.expect("it runs");
    let numbers = listed.split_whitespace();
    numbers
        .map(|it| Pid::from_raw(it.parse().expect("a number")))
        .collect()
}

/// The only one, where there is one.
fn child(process: &Process) -> Pid {
    *children(process.id()).first().expect("a child")
}

#[rstest]
#[case("TERM")]
#[case("INT")]
fn a_signal_from_inside_ends_process_1(#[case] signal: &str) {
    let Some(bench) = Bench::new() else { return };
    let first = bench.start(&["-f"]);
    let kill = bench.inside(&first, &format!("kill -{signal} 1"));
    // With process 1 the kernel ends all others, so this one may not come to its end.
    drop(bench.namespace.command(kill));
    assert_eq!(first.ended(), Some(0));
    assert!(!bench.path("pid").exists());
}

#[test]
fn process_1_stays_in_the_foreground_and_logs_there() {
    let Some(bench) = Bench::new() else { return };
    let command = bench.command(&[]);
    let mut launcher = bench.namespace.spawn(command).expect("it starts");
    let log = Log::new(launcher.take_stderr().expect("a pipe")).expect("a log");
    let mut first = First::new(launcher, log);
    first.until("staying in the foreground, logging to standard error: this is process 1");
    first.serves();
    let confined = fs::read_to_string(format!("/proc/{}/status", first.pid)).expect("it runs");
    assert!(confined.contains("NoNewPrivs:\t1"), "{confined}");
    kill(first.pid, Signal::SIGHUP).expect("it runs");
    first.until("server6_reload: server reloaded");
    kill(first.pid, Signal::SIGTERM).expect("it runs");
    assert_eq!(first.ended(), Some(0));
}

/// A command that is run in a container, and leaves a process behind that ends later.
#[test]
fn orphans_of_process_1_leave_no_trace() {
    let Some(bench) = Bench::new() else { return };
    let first = bench.start(&["-f"]);
    assert_eq!(children(first.pid), []);
    let (hold, held) = io::pipe().expect("a pipe");
    let mut orphan = bench.inside(&first, "exec 3<&0; cat <&3 2>/dev/null & exit 0");
    orphan.stdin(hold).stdout(Stdio::null());
    bench.namespace.command(orphan).expect("it runs");
    let deadline = Instant::now() + PATIENCE;
    let orphans = children(first.pid);
    assert_eq!(orphans.len(), 1, "it has been given to process 1");
    drop(held);
    while !children(first.pid).is_empty() {
        let state = fs::read_to_string(format!("/proc/{}/stat", orphans[0]));
        assert!(Instant::now() < deadline, "it stays: {state:?}");
        std::thread::yield_now();
    }
    kill(first.pid, Signal::SIGTERM).expect("it runs");
    assert_eq!(first.ended(), Some(0));
}

/// Whoever stops a container does not wait until it serves: a large journal may take a while to read.
#[test]
fn process_1_hears_a_signal_that_comes_before_it_serves() {
    let Some(bench) = Bench::new() else { return };
    // It opens the configuration before it serves, and waits there until it is written.
    let config = bench.path("dhcp6s.conf");
    fs::remove_file(&config).expect("a file");
    nix::unistd::mkfifo(&config, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    let mut command = bench.command(&["-f"]);
    command.stderr(Stdio::null());
    let mut launcher = bench.namespace.spawn(command).expect("it starts");
    // It can be opened for writing once somebody reads.
    let mut pipe = fs::OpenOptions::new()
        .write(true)
        .open(&config)
        .expect("a pipe");
    let pid = child(&launcher);
    kill(pid, Signal::SIGTERM).expect("it runs");
    io::Write::write_all(&mut pipe, b"\n").expect("it reads");
    drop(pipe);
    let status = launcher.wait(Instant::now() + PATIENCE).expect("a status");
    assert_eq!(status.expect("it ends").code(), Some(0));
}
