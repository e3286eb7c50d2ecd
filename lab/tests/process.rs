//! The program as a start script sees it, beside the original: exit statuses, options, the DUID file, the pid file, and
//! what of a mistake reaches the syslog. Where ours differs, the table says so.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use dhcp6lab::link::Process;
use dhcp6lab::link::log::Log;
use dhcp6lab::rig::server::PATIENCE;
use machine::message::{client, message};
use machine::{Machine, ORIGINAL, SECOND};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use rstest::rstest;

#[path = "support/machine.rs"]
mod machine;
#[path = "support/server.rs"]
mod server;
mod support;

const CONFIG: &str = "/etc/wide-dhcpv6/dhcp6s.conf";
const DUID: &str = "/var/lib/dhcpv6/dhcp6s_duid";
const PID: &str = "/var/run/dhcp6s.pid";

/// What became of a server that was started.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    /// It answers.
    Serves,
    /// It ended with this status.
    Ended(i32),
}

use Fate::{Ended, Serves};

/// Runs a program that may end by itself, until it answers. Returns what it said meanwhile.
fn fate_of(machine: &mut Machine, mut command: Command) -> (Fate, Vec<String>) {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut process = machine.namespace.spawn(command).expect("it starts");
    let mut log = Log::new(process.take_stderr().expect("a pipe")).expect("a log");
    let deadline = Instant::now() + PATIENCE;
    let fate = loop {
        if let Some(status) = process.wait(Instant::now()).expect("a status") {
            break Ended(status.code().expect("no signal ended it"));
        }
        if machine.is_answered() {
            break Serves;
        }
        assert!(Instant::now() < deadline, "neither answers nor ends");
    };
    if fate == Serves {
        end(machine, process);
    }
    (fate, log.lines().expect("lines"))
}

fn end(machine: &mut Machine, mut process: Process) {
    let number = i32::try_from(process.id()).expect("a number");
    machine.end(Pid::from_raw(number));
    let status = process.wait(Instant::now() + PATIENCE).expect("a status");
    assert!(status.is_some_and(|it| it.success()), "{status:?}");
}

fn command(program: &Path, words: &str) -> Command {
    let mut command = Command::new(program);
    command.args(words.split_whitespace());
    command
}

/// The command line, what the original makes of it, and what ours does.
const LINES: &[(&str, Fate, Fate)] = &[
    ("-f -k /dev/null eth0", Serves, Serves),
    ("eth0 -k /dev/null -f", Serves, Serves),
    ("-ffdDk/dev/null -- eth0", Serves, Serves),
    ("-f -k /dev/null -c /nonexistent eth0", Serves, Serves),
    ("-f -k /dev/null -P /nonexistent/pid eth0", Serves, Serves),
    ("-f -k /dev/null eth9", Ended(1), Ended(1)),
    ("-f -k /dev/null -n 192.0.2.1 eth0", Ended(1), Ended(1)),
    // The file names DNS servers, too.
    ("-f -k /dev/null -n 2001:db8::1 eth0", Ended(1), Ended(1)),
    (
        "-f -k /dev/null -c /etc/wide-dhcpv6/wrong eth0",
        Ended(1),
        Ended(1),
    ),
    // A usage error is an error, and help is help.
    ("", Ended(0), Ended(1)),
    ("-f -k /dev/null eth0 eth1", Ended(0), Serves),
    ("-z eth0", Ended(0), Ended(1)),
    ("-f eth0 -c", Ended(0), Ended(1)),
    ("-h", Ended(0), Ended(0)),
    // Every failure is one status.
    ("-f -k /dev/null -c /etc eth0", Ended(2), Ended(1)),
];

#[test]
fn command_lines_lead_to_the_same_as_with_the_original_or_differ_as_listed() {
    if !support::can_run(&[ORIGINAL]) {
        return;
    }
    let mut machine = Machine::new();
    machine.write(CONFIG, b"option domain-name-servers 2001:db8::35;\n");
    machine.write(
        "/etc/wide-dhcpv6/wrong",
        b"option domain-name example.net;\n",
    );
    for (line, theirs, ours) in LINES {
        let (fate, said) = fate_of(&mut machine, command(Path::new(ORIGINAL.0), line));
        assert_eq!(fate, *theirs, "the original with `{line}`: {said:#?}");
        let (fate, said) = fate_of(&mut machine, command(&server::path(), line));
        assert_eq!(fate, *ours, "`{line}`: {said:#?}");
        assert!(
            fate != Ended(1) || !said.is_empty(),
            "no reason for `{line}`"
        );
    }
}

#[rstest]
fn of_two_verbosities_the_last_one_counts(
    #[values(PathBuf::from(ORIGINAL.0), server::path())] program: PathBuf,
) {
    if !support::can_run(&[ORIGINAL]) {
        return;
    }
    let mut machine = Machine::new();
    machine.write(CONFIG, b"# Nothing.\n");
    for (line, debugs) in [
        ("-D -d", false),
        ("-d -D", true),
        ("-dDd", false),
        ("-Dd -D", true),
    ] {
        let line = format!("-f -k /dev/null {line} eth0");
        let (fate, said) = fate_of(&mut machine, command(&program, &line));
        assert_eq!(fate, Serves, "{said:#?}");
        let received = said.iter().any(|it| it.contains("server6_recv: received "));
        assert_eq!(received, debugs, "{line}: {said:#?}");
    }
}

/// A DUID file, what the original makes of it, and what ours does.
fn duid_files() -> Vec<(&'static str, Vec<u8>, Fate, Fate)> {
    let file = |stated: u16, held: usize| [&stated.to_ne_bytes()[..], &vec![7; held]].concat();
    vec![
        ("as written by the original", file(14, 14), Serves, Serves),
        ("with octets behind", file(14, 40), Serves, Serves),
        ("of one octet", file(1, 1), Serves, Serves),
        ("as long as may be", file(130, 130), Serves, Serves),
        ("empty", Vec::new(), Ended(1), Ended(1)),
        ("of half a length", vec![14], Ended(1), Ended(1)),
        ("without a DUID", file(0, 0), Ended(1), Ended(1)),
        (
            "without a DUID, octets behind",
            file(0, 14),
            Ended(1),
            Ended(1),
        ),
        ("cut short", file(14, 13), Ended(1), Ended(1)),
        (
            "in the other byte order",
            file(14_u16.swap_bytes(), 14),
            Ended(1),
            Ended(1),
        ),
        // No message can carry it as a DUID (RFC 9915 §11.1).
        ("longer than may be", file(200, 200), Serves, Ended(1)),
    ]
}

#[test]
fn duid_files_lead_to_the_same_as_with_the_original_or_differ_as_listed() {
    if !support::can_run(&[ORIGINAL]) {
        return;
    }
    let mut machine = Machine::new();
    machine.write(CONFIG, b"# Nothing.\n");
    for (what, file, theirs, ours) in duid_files() {
        for (program, expected) in [(PathBuf::from(ORIGINAL.0), theirs), (server::path(), ours)] {
            machine.write(DUID, &file);
            let command = command(&program, "-f -d -k /dev/null eth0");
            let (fate, said) = fate_of(&mut machine, command);
            assert_eq!(fate, expected, "{what}, {}: {said:#?}", program.display());
            assert_eq!(machine.read(DUID).as_deref(), Some(&*file), "{what}");
            let reason = "server6_init: failed to get a DUID";
            let told = said.iter().any(|it| it.contains(reason));
            assert_eq!(told, fate == Ended(1), "{what}: {said:#?}");
        }
    }
}

#[test]
fn a_new_duid_is_the_one_that_the_original_would_make() {
    if !support::can_run(&[ORIGINAL]) {
        return;
    }
    let mut machine = Machine::new();
    machine.write(CONFIG, b"# Nothing.\n");
    let [theirs, ours] = [PathBuf::from(ORIGINAL.0), server::path()].map(|program| {
        machine
            .namespace
            .run(|| fs::remove_file(DUID))
            .expect("a file");
        // The second interface is served, and the first one gives its address.
        let line = format!("-f -k /dev/null {SECOND}");
        let mut command = command(&program, &line);
        command.stderr(Stdio::null());
        let process = machine.namespace.spawn(command).expect("it starts");
        machine.settle_through(machine.interfaces()[1]);
        let mode = machine
            .namespace
            .run(|| fs::metadata(DUID))
            .expect("a file");
        assert_eq!(mode.permissions().mode() & 0o777, 0o644);
        process.signal(Signal::SIGKILL).expect("it runs");
        machine.read(DUID).expect("a DUID")
    });
    let but_for_the_time = |file: &[u8]| [&file[..6], &file[10..]].concat();
    assert_eq!(but_for_the_time(&ours), but_for_the_time(&theirs));
    assert_eq!(ours.len(), 16);
}

#[rstest]
fn a_duid_file_that_cannot_be_read_is_no_reason_for_another_identity(
    #[values(PathBuf::from(ORIGINAL.0), server::path())] program: PathBuf,
) {
    if !support::can_run(&[ORIGINAL, ("setpriv", "util-linux")]) {
        return;
    }
    let mut machine = Machine::new();
    machine.write(CONFIG, b"# Nothing.\n");
    let before = machine.read(DUID);
    let write_only = || fs::set_permissions(DUID, fs::Permissions::from_mode(0o200));
    machine.namespace.run(write_only).expect("a mode");
    // The superuser without the right to read everything, as in many a container.
    let mut command = Command::new("setpriv");
    command
        .arg("--bounding-set=-dac_override,-dac_read_search")
        .arg(&program)
        .args(["-f", "-d", "-k", "/dev/null", "eth0"]);
    let (fate, said) = fate_of(&mut machine, command);
    assert_eq!(fate, Ended(1), "{said:#?}");
    assert_eq!(machine.read(DUID), before);
}

#[test]
fn dns_servers_of_the_command_line_are_announced() {
    if !support::can_run(&[]) {
        return;
    }
    let mut machine = Machine::new();
    machine.write(CONFIG, b"# Nothing.\n");
    let mut command = command(&server::path(), "-f -k /dev/null -n 2001:db8::5 eth0");
    command.stderr(Stdio::piped());
    let mut process = machine.namespace.spawn(command).expect("it starts");
    let mut log = Log::new(process.take_stderr().expect("a pipe")).expect("a log");
    machine.settle();
    let answer = machine.ask(&message(11, &[client(0xc1)]));
    let option = [&[0, 23, 0, 16, 0x20, 1, 0x0d, 0xb8][..], &[0; 11], &[5]].concat();
    let announced = answer.windows(option.len()).any(|it| it == option);
    assert!(announced, "{answer:02x?}");
    end(&mut machine, process);
    let said = log.lines().expect("lines");
    assert!(
        said.iter().any(|it| it.contains("-n is obsoleted")),
        "{said:#?}"
    );
}

#[rstest]
fn a_mistake_reaches_the_syslog_of_a_server_in_the_background(
    #[values(PathBuf::from(ORIGINAL.0), server::path())] program: PathBuf,
) {
    if !support::can_run(&[ORIGINAL]) {
        return;
    }
    let mut machine = Machine::new();
    machine.write(CONFIG, b"\ninterface eth0 { address-pool nowhere 600; };\n");
    let (fate, _) = fate_of(&mut machine, command(&program, "-k /dev/null eth0"));
    assert_eq!(fate, Ended(1));
    let said = machine.syslog();
    let has = |text: &str| {
        said.iter()
            .any(|it| it.starts_with("<27>") && it.contains(text))
    };
    assert!(has(&format!("{CONFIG}:2 pool ")), "{said:#?}");
    assert!(
        has(": main: failed to parse configuration file"),
        "{said:#?}"
    );

    let (fate, _) = fate_of(&mut machine, command(&program, "-k /dev/null eth9"));
    assert_eq!(fate, Ended(1));
    let said = machine.syslog();
    let has = |text: &str| {
        said.iter()
            .any(|it| it.starts_with("<27>") && it.contains(text))
    };
    assert!(
        has(": ifreset: invalid interface(eth9): No such device"),
        "{said:#?}"
    );
}

#[test]
fn a_failure_in_the_background_is_seen_by_whoever_started_the_server() {
    if !support::can_run(&[ORIGINAL]) {
        return;
    }
    for (program, expected) in [(PathBuf::from(ORIGINAL.0), 0), (server::path(), 1)] {
        let mut machine = Machine::new();
        machine.write(CONFIG, b"# Nothing.\n");
        machine.write(DUID, b"");
        let (fate, _) = fate_of(&mut machine, command(&program, "-k /dev/null eth0"));
        assert_eq!(fate, Ended(expected));
        // No server, no pid file: what was left of the original's stands for nobody.
        let left = machine.read(PID).is_some();
        assert!(!left || expected == 0, "{}", program.display());
    }
}

#[test]
fn a_stale_pid_file_is_no_obstacle_and_a_missing_folder_is_a_warning() {
    if !support::can_run(&[]) {
        return;
    }
    let mut machine = Machine::new();
    machine.write(CONFIG, b"# Nothing.\n");
    machine.write(PID, b"1\n");
    let (fate, said) = fate_of(
        &mut machine,
        command(&server::path(), "-f -k /dev/null eth0"),
    );
    assert_eq!(fate, Serves, "{said:#?}");
    assert_eq!(machine.read(PID), None);
    let line = "-f -k /dev/null -P /nonexistent/pid eth0";
    let (fate, said) = fate_of(&mut machine, command(&server::path(), line));
    assert_eq!(fate, Serves, "{said:#?}");
    assert!(
        said.iter()
            .any(|it| it.contains("cannot write /nonexistent/pid: "))
    );
}
