//! Log lines have the shape that scripts know from the original server: one conversation is had with it and with ours,
//! and what both say of it is compared, on standard error and in the syslog, at each verbosity. Our own lines, and where
//! we differ on purpose, are told apart here.

use std::net::Ipv6Addr;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use dhcp6lab::link::log::Log;
use dhcp6lab::link::{Process, wait};
use dhcp6lab::rig::server::PATIENCE;
use dhcp6lab::rig::{INTERFACE, SERVER_DUID};
use machine::message::{client, ia_na, ia_pd, message, option, relayed, server as named};
use machine::{CLIENT, CLIENT_GLOBAL, GROUP, Machine, ORIGINAL, SERVER_GLOBAL};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use rstest::rstest;

#[path = "support/machine.rs"]
mod machine;
#[path = "support/server.rs"]
mod server;
mod support;

const CONFIG: &str = "\
option domain-name-servers 2001:db8::35;
interface eth0 { address-pool one 300 600; allow rapid-commit; };
pool one { range 2001:db8:1::1000 to 2001:db8:1::1000; };
host two { duid 00:03:00:01:02:00:00:00:00:c2; prefix 2001:db8:200::/56 100 200; };
host five { duid 00:03:00:01:02:00:00:00:00:c5; address 2001:db8:1::c5 100 200; };
host six { duid 00:03:00:01:02:00:00:00:00:c6; prefix 2001:db8:600::/56 infinity; };
host seven { duid 00:03:00:01:02:00:00:00:00:c7; prefix 2001:db8:700::/56 3 3; };
";

/// The origins and the first words of lines that are compared: those that scripts know.
const SHAPES: &[(&str, &str)] = &[
    ("server6_recv", "received "),
    ("server6_recv", "short packet ("),
    ("server6_recv", "failed to parse options"),
    ("server6_recv", "unknown or unsupported msgtype ("),
    ("server6_recv", "relay reply message from "),
    ("server6_recv", "invalid unicast message"),
    ("server6_send", "transmit "),
    ("server6_signal", "received a signal (15)"),
    (
        "server6_init",
        "failed to initialize control message authentication",
    ),
    ("server6_init", "skip opening control port"),
    ("process_relayforw", "short "),
    ("process_relayforw", "failed to parse options"),
    ("process_relayforw", "relay forward from "),
    ("add_binding", "add a new binding "),
    ("update_binding", "update binding "),
    ("remove_binding", "remove a binding "),
    ("binding_timo", "bound prefix "),
    ("get_free_address_from_pool", "no available address"),
    ("update_ia", "no binding found for "),
    ("react_", "no client ID option"),
    ("react_", "no server ID option"),
    ("react_", "server ID "),
    ("react_", "server DUID mismatch"),
    ("react_", "unexpected unicast message from "),
    ("react_", "information request contains an "),
];

/// What the original alone says, with the reason that ours does not.
const ORIGINAL_ALONE: &[&str] = &[
    // A client that must not use unicast is told so; today it is not answered (RFC 9915 §16).
    "server6_send: transmit reply to 2001:db8:1::c1",
    // A Confirm and a Solicit restart the timer of a binding; today neither changes one (RFC 9915 §18.3.1, §18.3.3).
    "update_binding: update binding [IA: duid=00:03:00:01:02:00:00:00:00:c5, type=NA, iaid=5, duration=200] \
     for 00:03:00:01:02:00:00:00:00:c5",
];

/// Has the conversation.
fn converse(machine: &mut Machine) {
    let address = |last| Some(Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, last));
    let prefix = |number| Some((Ipv6Addr::new(0x2001, 0xdb8, number, 0, 0, 0, 0, 0), 56));
    let ours = || named(&SERVER_DUID);
    let other = || named(&[0, 3, 0, 1, 9, 9]);
    let na = || ia_na(1, address(0x1000));
    let mut steps = vec![
        message(1, &[client(0xc1), ia_na(1, None)]),
        message(3, &[client(0xc1), ours(), ia_na(1, None)]),
        message(3, &[client(0xc1), ours(), ia_na(1, None)]),
        message(5, &[client(0xc1), ours(), na()]),
        message(6, &[client(0xc1), na()]),
        message(11, &[client(0xc1)]),
        message(3, &[client(0xc2), ours(), ia_pd(2, None)]),
        message(1, &[client(0xc6), option(14, &[]), ia_pd(6, None)]),
        message(5, &[client(0xc6), ours(), ia_pd(6, prefix(0x600))]),
        // Nothing is left, or known.
        message(1, &[client(0xc4), ia_na(4, None)]),
        message(3, &[client(0xc4), ours(), ia_na(4, None)]),
        message(5, &[client(0xc4), ours(), ia_pd(4, prefix(0x200))]),
        message(6, &[client(0xc4), ia_pd(4, None)]),
        message(8, &[client(0xc4), ours(), ia_na(4, address(0x1000))]),
        // Back again.
        message(8, &[client(0xc2), ours(), ia_pd(2, prefix(0x200))]),
        message(8, &[client(0xc1), ours(), na()]),
        message(3, &[client(0xc3), ours(), ia_na(3, None)]),
        message(9, &[client(0xc3), ours(), ia_na(3, address(0x1000))]),
        message(3, &[client(0xc5), ours(), ia_na(5, None)]),
        message(4, &[client(0xc5), ia_na(5, address(0xc5))]),
        message(1, &[client(0xc5), ia_na(5, None)]),
        // No messages for this server.
        vec![1, 2],
        [message(1, &[client(0xc1)]), vec![0, 3, 0, 255, 0]].concat(),
        message(1, &[client(0xc1), option(3, &[0; 3])]),
        [&[13][..], &[0; 40]].concat(),
        message(12, &[client(0xc1)]),
        relayed(&[1]).split_at(34).0.to_vec(),
        relayed(&[1]),
        [relayed(&message(1, &[client(0xc1)])), vec![0, 3, 0, 255, 0]].concat(),
        relayed(&message(14, &[client(0xc1)])),
        relayed(&message(1, &[ia_na(1, None)])),
        relayed(&relayed(&message(1, &[client(0xc2), ia_pd(2, None)]))),
        message(11, &[client(0xc1), other()]),
        message(11, &[client(0xc1), na()]),
        message(11, &[client(0xc1), ia_pd(1, None)]),
    ];
    for kind in [0, 2, 7, 10, 14, 255] {
        steps.push(message(kind, &[client(0xc1)]));
    }
    for kind in [1, 4, 6] {
        steps.push(message(kind, &[na()]));
        steps.push(message(kind, &[client(0xc1), ours(), na()]));
    }
    for kind in [3, 5, 8, 9] {
        steps.push(message(kind, &[ours(), na()]));
        steps.push(message(kind, &[client(0xc1), na()]));
        steps.push(message(kind, &[client(0xc1), other(), na()]));
    }
    for step in steps {
        machine.send(&step, CLIENT, GROUP);
        machine.settle();
    }
    for kind in [1, 3, 4, 5, 6, 8, 9, 11] {
        let with_server = if [3, 5, 8, 9].contains(&kind) {
            ours()
        } else {
            Vec::new()
        };
        let step = message(kind, &[client(0xc1), with_server]);
        machine.send(&step, CLIENT_GLOBAL, SERVER_GLOBAL);
        machine.settle();
    }
    // The original arms the timer of a binding when it is used again, which has to be before its time is over.
    for _ in 0..2 {
        let step = message(3, &[client(0xc7), ours(), ia_pd(7, None)]);
        machine.send(&step, CLIENT, GROUP);
        machine.settle();
    }
}

/// A line that has been compared, or is to be: its priority where it has one, and what it says.
type Said = (Option<u8>, String);

/// Where a server logs to.
enum Place {
    Stderr(Process, Log),
    Syslog,
}

/// Runs a server for one conversation.
struct Run {
    machine: Machine,
    place: Place,
    lines: Vec<String>,
    pid: i32,
}

const PID_FILE: &str = "/var/run/dhcp6s.pid";

impl Run {
    fn new(program: &Path, options: &[&str]) -> Self {
        let mut machine = Machine::new();
        machine.write("/etc/wide-dhcpv6/dhcp6s.conf", CONFIG.as_bytes());
        let mut command = Command::new(program);
        command
            .args(["-k", "/dev/null"])
            .args(options)
            .arg(INTERFACE)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut process = machine.namespace.spawn(command).expect("it starts");
        let place = if options.contains(&"-f") {
            let log = Log::new(process.take_stderr().expect("a pipe")).expect("a log");
            Place::Stderr(process, log)
        } else {
            let status = process.wait(Instant::now() + PATIENCE).expect("a status");
            assert!(status.is_some_and(|it| it.success()), "{status:?}");
            Place::Syslog
        };
        machine.settle();
        let pid = machine.pid(PID_FILE);
        Self {
            machine,
            place,
            lines: Vec::new(),
            pid,
        }
    }

    fn read(&mut self) {
        let fresh = match &mut self.place {
            Place::Stderr(_, log) => log.lines().expect("lines"),
            Place::Syslog => self.machine.syslog(),
        };
        self.lines.extend(fresh);
    }

    /// Keeps asking until it has said that; what is over is noticed no later than with the next message.
    fn until(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.read();
            if self.lines.iter().any(|line| line.contains(text)) {
                return;
            }
            assert!(Instant::now() < deadline, "no `{text}`: {:#?}", self.lines);
            self.machine.settle();
        }
    }

    fn end(mut self) -> Vec<Said> {
        self.machine.end(Pid::from_raw(self.pid));
        if let Place::Stderr(_, log) = &self.place {
            let deadline = Instant::now() + PATIENCE;
            wait(&[log.as_fd()], deadline).expect("a pipe");
        }
        self.read();
        if let Place::Stderr(process, log) = &mut self.place {
            let status = process.wait(Instant::now() + PATIENCE).expect("a status");
            assert!(status.is_some_and(|it| it.success()), "{status:?}");
            self.lines.extend(log.lines().expect("lines"));
        }
        let lines = self.lines.iter();
        let lines = lines.filter(|line| !Machine::is_of_fence(line));
        match self.place {
            Place::Stderr(..) => lines
                .map(|line| (None, behind_the_time(line).to_owned()))
                .collect(),
            Place::Syslog => lines.filter_map(|line| of_syslog(line, self.pid)).collect(),
        }
    }
}

/// The text of a line on standard error, behind `Nov/24/2026 09:15:22: `.
#[track_caller]
fn behind_the_time(line: &str) -> &str {
    let shape: String = line
        .chars()
        .take(22)
        .map(|it| match it {
            '0'..='9' => '0',
            'A'..='Z' => 'A',
            'a'..='z' => 'a',
            other => other,
        })
        .collect();
    assert_eq!(shape, "Aaa/00/0000 00:00:00: ", "{line}");
    line.get(22..).expect("ASCII in front")
}

/// Priority and text of a datagram, `<30>Nov 24 09:15:22 dhcp6s[123]: TEXT`; `None` if another process sent it: the
/// original reads its configuration before it detaches.
#[track_caller]
fn of_syslog(datagram: &str, pid: i32) -> Option<Said> {
    let parts = datagram.strip_prefix('<').and_then(|it| it.split_once('>'));
    let (priority, rest) = parts.expect("a priority");
    let (time, rest) = rest.split_once(" dhcp6s[").expect("a tag");
    assert_eq!(time.len(), "Nov 24 09:15:22".len(), "{datagram}");
    let (sender, text) = rest.split_once("]: ").expect("a text");
    (sender == pid.to_string()).then(|| (priority.parse().ok(), text.to_owned()))
}

/// What scripts know, by origin: of each, lines come in one order, while ours has two threads that tell.
fn known(said: &[Said]) -> Vec<Said> {
    let is_known = |line: &str| {
        let (origin, words) = line.split_once(": ").unwrap_or_default();
        SHAPES
            .iter()
            .any(|(start, first)| origin.starts_with(start) && words.starts_with(first))
    };
    let mut known: Vec<Said> = said
        .iter()
        .filter(|(_, it)| is_known(it))
        .cloned()
        .collect();
    known.sort_by_key(|(_, line)| line.split(':').next().map(str::to_owned));
    known
}

/// The line without what we add to a drop. Its label and its sender are there once.
fn without_label((priority, line): &Said) -> Said {
    let cut = line
        .split_once(" (dropped: ")
        .map_or(&**line, |(words, rest)| {
            let (label, from) = rest.split_once(" from ").expect("a sender");
            assert!(!label.contains(' ') && from.ends_with(')'), "{line}");
            words
        });
    (*priority, cut.to_owned())
}

fn conversation(program: &Path, options: &[&str], verbosity: &[&str]) -> Vec<Said> {
    let mut run = Run::new(program, &[options, verbosity].concat());
    converse(&mut run.machine);
    if verbosity == ["-D"] {
        run.until("remove a binding [IA: duid=00:03:00:01:02:00:00:00:00:c7");
    }
    run.end()
}

#[rstest]
fn the_lines_that_scripts_know_are_those_of_the_original_server(
    #[values(&["-f"], &[])] place: &[&str],
    #[values(&[], &["-d"], &["-D"])] verbosity: &[&str],
) {
    if !support::can_run(&[ORIGINAL]) {
        return;
    }
    let theirs = known(&conversation(Path::new(ORIGINAL.0), place, verbosity));
    let said = conversation(&server::path(), place, verbosity);
    let ours = known(&said.iter().map(without_label).collect::<Vec<_>>());
    let mut alone: Vec<_> = theirs.clone();
    alone.retain(|(_, line)| ORIGINAL_ALONE.contains(&&**line));
    let mut theirs = theirs;
    theirs.retain(|said| !alone.contains(said));
    pretty(&ours, &theirs);
    match verbosity {
        ["-D"] => {
            assert_eq!(alone.len(), 4 + 2, "{alone:#?}");
            assert!(ours.len() > 100, "{}", ours.len());
        }
        ["-d"] => assert!(ours.len() > 30, "{}", ours.len()),
        _ => {
            assert_eq!(ours, []);
            // Warnings are written without being asked for, as nobody would look for them otherwise.
            let warning =
                "no address or prefix available: 1 times, the last one for fe80::ff:fe00:c1%eth0";
            let priority = place.is_empty().then_some(28);
            assert_eq!(said, [(priority, warning.to_owned())]);
        }
    }
}

/// Compares line by line, so that a difference can be found among so many.
#[track_caller]
fn pretty(ours: &[Said], theirs: &[Said]) {
    for (index, (our, their)) in ours.iter().zip(theirs).enumerate() {
        let around = |said: &[Said]| {
            said[index.saturating_sub(3)..]
                .iter()
                .take(6)
                .cloned()
                .collect::<Vec<_>>()
        };
        assert_eq!(
            our,
            their,
            "ours {:#?}\ntheirs {:#?}",
            around(ours),
            around(theirs)
        );
    }
    assert_eq!(ours.len(), theirs.len());
}

#[test]
fn every_drop_is_one_line_with_its_label() {
    if !support::can_run(&[]) {
        return;
    }
    let said = conversation(&server::path(), &["-f"], &["-d"]);
    let drops = said.iter().filter(|(_, line)| line.contains("dropped: "));
    let drops: Vec<_> = drops.collect();
    assert!(drops.len() > 30, "{drops:#?}");
    for (_, line) in drops {
        let (origin, _) = line.split_once(": ").expect("an origin");
        assert!(!origin.contains(' '), "{line}");
    }
    // What an operator wants to know of leases.
    let told = |text: &str| said.iter().any(|(_, line)| line.starts_with(text));
    assert!(told(
        "leased 2001:db8:1::1000 to 00:03:00:01:02:00:00:00:00:c1 (IA_NA 1) for 600 s"
    ));
    assert!(told("released 2001:db8:200::/56 by"));
    assert!(told("declined 2001:db8:1::1000 by"));
}

#[rstest]
fn in_the_foreground_nothing_goes_to_the_syslog(
    #[values((PathBuf::from(ORIGINAL.0), true), (server::path(), false))] (program, leaks): (
        PathBuf,
        bool,
    ),
) {
    if !support::can_run(&[ORIGINAL]) {
        return;
    }
    let run = Run::new(&program, &["-f"]);
    assert_eq!(!run.machine.syslog().is_empty(), leaks);
    run.end();
}

#[test]
fn an_interrupt_is_named_by_its_number() {
    if !support::can_run(&[]) {
        return;
    }
    let mut run = Run::new(&server::path(), &["-f", "-d"]);
    let Place::Stderr(process, log) = &mut run.place else {
        unreachable!("it runs in the foreground");
    };
    process.signal(Signal::SIGINT).expect("it runs");
    let word = "server6_signal: received a signal (2)";
    let said = log.until(word, Instant::now() + PATIENCE);
    assert!(said.expect("a pipe").is_some(), "{}", log.tail());
}
