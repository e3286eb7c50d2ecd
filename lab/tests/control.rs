//! The control port of the real server: who is heard and who is not.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use dhcp6lab::link::log::Log;
use dhcp6lab::link::owner::temporary_folder;
use dhcp6lab::link::{Namespace, Process};
use dhcp6lab::rig::server::PATIENCE;
use frame::{Frame, KEY_FILE, RELOAD, REMOVE, START, STOP, now};
use tempfile::TempDir;

#[path = "support/frame.rs"]
mod frame;
#[path = "support/server.rs"]
mod server;
mod support;

const PORT: u16 = 5547;
const RELOADED: &str = "server6_reload: server reloaded";

/// A namespace in which a server serves the loopback interface.
struct Bench {
    namespace: Namespace,
    folder: TempDir,
}

/// A server that runs there.
struct Running {
    process: Process,
    log: Log,
}

impl Bench {
    fn new() -> Option<Self> {
        if !support::can_run(&[]) {
            return None;
        }
        let bench = Self {
            namespace: Namespace::new().expect("a namespace"),
            folder: temporary_folder().expect("a folder"),
        };
        bench.write("dhcp6s.conf", b"");
        bench.write("key", KEY_FILE.as_bytes());
        let duid = [&10_u16.to_ne_bytes()[..], &[0, 3, 0, 1, 2, 0, 0, 0, 0, 1]];
        bench.write("duid", &duid.concat());
        Some(bench)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.path(name), content).expect("a file");
    }

    /// Starts a server that logs what happens. What is said here counts more than what is said before.
    fn launch(&self, options: &[&str]) -> Running {
        let mut command = Command::new(server::path());
        command.args(["-f", "-d", "--leases", "memory"]);
        for (option, file) in [("-c", "dhcp6s.conf"), ("-P", "pid"), ("-k", "key")] {
            command.arg(option).arg(self.path(file));
        }
        command.arg("--duid").arg(self.path("duid"));
        command.args(options).arg("lo");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut process = self.namespace.spawn(command).expect("it starts");
        let log = Log::new(process.take_stderr().expect("a pipe")).expect("a log");
        Running { process, log }
    }

    /// Starts one and waits until it serves.
    fn start(&self, options: &[&str]) -> Running {
        let mut running = self.launch(options);
        running.until("serving on lo");
        running
    }

    /// Connects to the control port.
    fn connect(&self) -> io::Result<TcpStream> {
        self.connect_to(PORT)
    }

    fn connect_to(&self, port: u16) -> io::Result<TcpStream> {
        self.namespace.run(move || {
            let stream = TcpStream::connect(("::1", port))?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            Ok(stream)
        })
    }

    /// Sends octets, and waits until the server has closed the connection. Says whether it did so in order.
    fn send(&self, octets: &[u8]) -> bool {
        let mut stream = self.connect().expect("a connection");
        stream.write_all(octets).expect("sent");
        closed(&mut stream)
    }
}

/// Waits until the other side has closed a connection. Says whether it did so in order, all octets read.
fn closed(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0; 1]) {
        Ok(0) => true,
        Ok(_) => panic!("the server answers"),
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => false,
        Err(error) => panic!("the connection stays: {error}"),
    }
}

impl Running {
    /// Waits until the server has logged that, and returns the line.
    #[track_caller]
    fn until(&mut self, text: &str) -> String {
        let line = self.log.until(text, Instant::now() + PATIENCE);
        let line = line.expect("a pipe");
        line.unwrap_or_else(|| panic!("no `{text}` in:\n{}", self.log.tail()))
    }

    /// The status that it ends with by itself, and its last words.
    fn end(mut self) -> (Option<i32>, String) {
        let status = self.process.wait(Instant::now() + PATIENCE);
        let status = status.expect("a status").expect("it ends");
        while !self.log.ended() {
            self.log.lines().expect("lines");
        }
        (status.code(), self.log.tail())
    }
}

#[test]
fn a_server_is_reloaded_and_stopped_by_who_has_the_key() {
    let Some(bench) = Bench::new() else { return };
    let mut server = bench.start(&[]);
    for _ in 0..2 {
        // Twice in a second are the same octets, and as good.
        assert!(bench.send(&Frame::new(RELOAD).octets()));
        server.until(RELOADED);
    }
    assert!(bench.path("pid").exists());
    assert!(bench.send(&Frame::new(STOP).octets()));
    server.until("server6_stop: exiting");
    assert_eq!(server.end().0, Some(0));
    assert!(!bench.path("pid").exists(), "the pid file stays");
}

#[test]
fn what_is_not_right_is_named_in_the_log_and_changes_nothing() {
    let Some(bench) = Bench::new() else { return };
    let mut server = bench.start(&[]);
    let with = |command, change: &dyn Fn(&mut Frame)| {
        let mut frame = Frame::new(command);
        change(&mut frame);
        frame.octets()
    };
    let body = |command, body: &[u8]| with(command, &|it| it.body = body.to_vec());
    for (octets, said) in [
        (
            with(STOP, &|it| it.secret = b"other"),
            "server6_do_ctlcommand: authentication failure",
        ),
        (with(STOP, &|it| it.len = Some(0)), "authentication failure"),
        (with(STOP, &|it| it.version = 7), "unsupported version: 7"),
        (body(STOP, b"abc"), "invalid command length for stop: 3"),
        (body(RELOAD, b"a"), "invalid command length for reload: 1"),
        (body(START, b""), "unknown control command: 3 (len=0)"),
        (body(99, b"ab"), "unknown control command: 99 (len=2)"),
        (body(REMOVE, b""), "invalid command length for remove: 0"),
        (
            body(REMOVE, &[0, 0, 0, 9]),
            "server6_do_ctlcommand: unknown remove target: 9",
        ),
        (
            body(STOP, &[0; 996]),
            "invalid command length for stop: 996",
        ),
        (
            body(STOP, &[0; 997]),
            "dhcp6_ctl_readcommand: too large command (1025 bytes)",
        ),
        (
            with(STOP, &|it| it.len = Some(u16::MAX)),
            "too large command (65547 bytes)",
        ),
    ] {
        bench.send(&octets);
        server.until(said);
    }
    bench.send(&Frame::new(RELOAD).octets());
    server.until(RELOADED);
}

#[test]
fn a_frame_that_ends_early_is_no_command() {
    let Some(bench) = Bench::new() else { return };
    let mut server = bench.start(&[]);
    let frame = Frame::new(STOP).octets();
    for len in [0, 1, 11, 12, 13, 27] {
        let mut stream = bench.connect().expect("a connection");
        stream.write_all(&frame[..len]).expect("sent");
        stream.shutdown(Shutdown::Write).expect("shut");
        assert!(closed(&mut stream), "{len}");
        server.until("dhcp6_ctl_readcommand: control channel was reset by peer");
    }
}

#[test]
fn a_frame_may_come_in_pieces_and_with_something_behind_it() {
    let Some(bench) = Bench::new() else { return };
    let mut server = bench.start(&[]);
    let mut stream = bench.connect().expect("a connection");
    for octet in Frame::new(RELOAD).octets() {
        stream.write_all(&[octet]).expect("sent");
    }
    assert!(closed(&mut stream));
    server.until(RELOADED);
    // What is not read makes the system reset the connection, and nothing worse.
    bench.send(&[&Frame::new(RELOAD).octets()[..], b"behind"].concat());
    server.until(RELOADED);
}

/// What the server says of a frame from so many seconds away, sent and read within one second.
fn said_of_time(bench: &Bench, server: &mut Running, skew: i32) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let before = now();
        let mut frame = Frame::new(REMOVE);
        frame.time = before.wrapping_add_signed(skew);
        bench.send(&frame.octets());
        let line = server.until("server6_do_ctlcommand: ");
        if now() == before {
            return line;
        }
        assert!(Instant::now() < deadline, "every try takes a second");
    }
}

#[test]
fn clocks_may_differ_by_300_seconds() {
    let Some(bench) = Bench::new() else { return };
    let mut server = bench.start(&[]);
    for skew in [-300, 0, 300] {
        let said = said_of_time(&bench, &mut server, skew);
        let is_read = said.contains("invalid command length for remove");
        assert!(is_read, "{skew}: {said}");
    }
    for skew in [i32::MIN, -301, 301, i32::MAX] {
        let said = said_of_time(&bench, &mut server, skew);
        assert!(said.contains("timestamp is out of range"), "{skew}: {said}");
    }
}

#[test]
fn ten_connections_that_never_send_keep_nobody_out() {
    let Some(bench) = Bench::new() else { return };
    let mut server = bench.start(&[]);
    let mut idle: Vec<_> = (0..10)
        .map(|_| bench.connect().expect("a connection"))
        .collect();
    server.until("command queue is full. drop the oldest one");
    bench.send(&Frame::new(RELOAD).octets());
    server.until(RELOADED);
    // Five were closed for those behind them, and one for the command.
    for stream in &mut idle[..6] {
        closed(stream);
    }
}

#[test]
fn without_a_key_nobody_listens() {
    for (key, said) in [
        (
            None,
            &["dhcp6_ctl_authinit: failed to open ", "No such file"][..],
        ),
        (
            Some(""),
            &["dhcp6_ctl_authinit: no shared key. shared key file is empty. "],
        ),
        (
            Some("\nMTIzNA==\n"),
            &["dhcp6_ctl_authinit: no shared key found. "],
        ),
        (
            Some("# key\nMTIzNA==\n"),
            &["dhcp6_ctl_authinit: failed to decode base64 string"],
        ),
    ] {
        let Some(bench) = Bench::new() else { return };
        match key {
            None => fs::remove_file(bench.path("key")).expect("removed"),
            Some(text) => bench.write("key", text.as_bytes()),
        }
        // The port is not even looked at.
        let mut server = bench.launch(&["-p", "no-such-service"]);
        let line = server.until("dhcp6_ctl_authinit: ");
        assert!(said.iter().all(|part| line.contains(part)), "{line}");
        server.until("server6_init: skip opening control port");
        server.until("serving on lo");
        let refused = bench.connect().expect_err("nobody listens");
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    }
}

#[test]
fn the_port_is_a_number_or_a_service() {
    let Some(bench) = Bench::new() else { return };
    for (option, port) in [("0", None), ("5548", Some(5548)), ("99999", Some(34463))] {
        let mut server = bench.launch(&["-p", option]);
        let line = server.until("control port [::1]:");
        let number = line.rsplit(':').next().and_then(|it| it.parse().ok());
        let number: u16 = number.expect("a port");
        assert!(port.is_none_or(|it| it == number), "{line}");
        let mut stream = bench.connect_to(number).expect("a connection");
        stream.write_all(&Frame::new(STOP).octets()).expect("sent");
        server.until("server6_stop: exiting");
        assert_eq!(server.end().0, Some(0));
    }
    let (status, said) = bench.launch(&["-p", "no-such-service"]).end();
    assert_eq!(status, Some(1));
    assert!(
        said.contains("(-p)") && said.contains("`no-such-service`"),
        "{said}"
    );
}

#[test]
fn a_port_that_is_taken_is_a_failure_for_who_has_a_key() {
    let Some(bench) = Bench::new() else { return };
    let taken = bench
        .namespace
        .run(|| TcpListener::bind(("::1", PORT)))
        .expect("a port");
    let (status, said) = bench.launch(&[]).end();
    assert_eq!(status, Some(1));
    assert!(
        said.contains("[::1]:5547 (-p): Address already in use"),
        "{said}"
    );
    assert!(!bench.path("pid").exists());
    bench.write("key", b"");
    bench.start(&[]);
    drop(taken);
}

#[test]
fn a_key_is_never_logged() {
    let Some(bench) = Bench::new() else { return };
    let mut server = bench.start(&["-D"]);
    for command in [RELOAD, STOP] {
        bench.send(&Frame::new(command).octets());
    }
    server.until("server6_stop: exiting");
    let (_, said) = server.end();
    assert!(!said.contains("MTIz") && !said.contains("123456"), "{said}");
}
