//! Reload as the operator sees it: which files are read, what the log says, and that the server answers all the
//! while. What becomes of leases is told by `scenarios/reload`.

use std::cell::Cell;
use std::fs;
use std::io::Write as _;
use std::net::{Ipv6Addr, SocketAddrV6, UdpSocket};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use dhcp6lab::link::log::Log;
use dhcp6lab::link::owner::temporary_folder;
use dhcp6lab::link::watch::Watch;
use dhcp6lab::link::{Namespace, Process, wait};
use dhcp6lab::rig::server::PATIENCE;
use nix::net::if_::if_nametoindex;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

#[path = "support/server.rs"]
mod server;
mod support;

const RELOADED: &str = "server6_reload: server reloaded";
const REFUSED: &str = "server6_reload: failed to reload configuration file";

/// A namespace with a cable, and a folder that the server is started in.
struct Bench {
    namespace: Namespace,
    folder: TempDir,
    /// The client's, kept: one that is closed lives on in programs that other tests are just starting, and keeps the
    /// port.
    client: UdpSocket,
    /// How often the client has asked.
    asked: Cell<u8>,
}

impl Bench {
    fn new() -> Option<Self> {
        if !support::can_run(&[]) {
            return None;
        }
        let namespace = Namespace::new().expect("a namespace");
        let client = namespace.run(|| UdpSocket::bind("[::]:546"));
        let client = client.expect("the client's port");
        client.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let bench = Self {
            namespace,
            folder: temporary_folder().expect("a folder"),
            client,
            asked: Cell::new(0),
        };
        let watch = Watch::new(&bench.namespace).expect("word of changes");
        bench.ip("link add eth0 type veth peer name eth1");
        for interface in ["eth0", "eth1"] {
            bench.ip(&format!("link set {interface} up"));
        }
        for interface in ["eth0", "eth1"] {
            let ready = watch.until_ready(&bench.namespace, interface);
            ready.expect("an address");
        }
        Some(bench)
    }

    fn ip(&self, words: &str) {
        let mut ip = Command::new("ip");
        ip.args(words.split(' '));
        self.namespace.command(ip).expect("the system lets us");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file");
    }

    /// The server with relative paths, started in the folder.
    fn command(&self, words: &[&str]) -> Command {
        let program = server::path();
        let mut command = Command::new(program.canonicalize().expect("a program"));
        command
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .args(["-c", "dhcp6s.conf", "-P", "pid", "--duid", "duid"])
            .args(["-k", "no-key", "--leases", "memory"])
            .args(words)
            .arg("eth0");
        command
    }

    /// Starts it in the foreground and waits until it serves.
    fn start(&self, words: &[&str]) -> (Process, Log) {
        let mut command = self.command(words);
        command.args(["-f", "-d"]);
        let mut process = self.namespace.spawn(command).expect("it starts");
        let mut log = Log::new(process.take_stderr().expect("a pipe")).expect("a log");
        until(&mut log, "serving on eth0");
        (process, log)
    }

    /// The name servers that a client at the other end of the cable is told of.
    fn name_servers(&self) -> Vec<Ipv6Addr> {
        let index = self.namespace.run(|| if_nametoindex("eth1"));
        let index = index.expect("an interface");
        let group = "ff02::1:2".parse().expect("an address");
        let to = SocketAddrV6::new(group, 547, 0, index);
        self.asked.set(self.asked.get().wrapping_add(1));
        let question = [11, 0, 0, self.asked.get()];
        self.client.send_to(&question, to).expect("it leaves");
        let mut buffer = [0; 1500];
        let length = self.client.recv(&mut buffer).expect("an answer");
        let reply = buffer.get(..length).unwrap_or_default();
        assert_eq!(reply.get(1..4), question.get(1..4), "another's answer");
        let mut options = reply.get(4..).unwrap_or_default();
        while let Some(([c0, c1, l0, l1], rest)) = options.split_first_chunk() {
            let length = usize::from(u16::from_be_bytes([*l0, *l1]));
            let (value, behind) = rest.split_at(length);
            if [*c0, *c1] == [0, 23] {
                let address = |it: &[u8]| <[u8; 16]>::try_from(it).expect("16 octets");
                return value.chunks(16).map(|it| address(it).into()).collect();
            }
            options = behind;
        }
        Vec::new()
    }
}

fn name_servers(last: u16) -> String {
    format!("option domain-name-servers 2001:db8::{last:x};\n")
}

fn addresses(last: &[u16]) -> Vec<Ipv6Addr> {
    let address = |last: &u16| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, *last);
    last.iter().map(address).collect()
}

/// Waits until the log says one of these. Returns the lines up to the end of what there is by then.
#[track_caller]
fn until_one(log: &mut Log, texts: &[&str]) -> Vec<String> {
    let deadline = Instant::now() + PATIENCE;
    let mut all = Vec::new();
    loop {
        all.extend(log.lines().expect("lines"));
        if all
            .iter()
            .any(|line| texts.iter().any(|it| line.contains(it)))
        {
            return all;
        }
        assert!(
            !log.ended() && Instant::now() < deadline,
            "none of {texts:?} in:\n{}",
            log.tail()
        );
        wait(&[log.as_fd()], deadline).expect("a pipe");
    }
}

#[track_caller]
fn until(log: &mut Log, text: &str) -> Vec<String> {
    until_one(log, &[text])
}

/// Tells it to reload and waits for what it says; it has to be this.
#[track_caller]
fn reload(process: &Process, log: &mut Log, outcome: &str) -> Vec<String> {
    process.signal(Signal::SIGHUP).expect("it is there");
    let said = until_one(log, &[RELOADED, REFUSED]);
    assert!(said.iter().any(|it| it.contains(outcome)), "{said:#?}");
    said
}

fn end(mut process: Process) {
    process.signal(Signal::SIGTERM).expect("it is there");
    let status = process.wait(Instant::now() + PATIENCE).expect("a status");
    assert!(status.is_some_and(|it| it.success()), "{status:?}");
}

/// Makes a file that nobody has read until somebody has written it.
fn fifo(bench: &Bench, name: &str) -> PathBuf {
    let path = bench.path(name);
    let made = Command::new("mkfifo").arg(&path).status();
    assert!(made.expect("mkfifo runs").success());
    path
}

#[test]
fn relative_paths_mean_the_same_files_to_a_server_in_the_background() {
    let Some(bench) = Bench::new() else { return };
    bench.write("dhcp6s.conf", "include \"servers.conf\";\n");
    bench.write("servers.conf", &name_servers(1));
    let mut command = bench.command(&[]);
    let output = bench.namespace.run(move || command.output());
    assert!(output.expect("it runs").status.success());
    let pid = fs::read_to_string(bench.path("pid")).expect("a pid file");
    let server = Pid::from_raw(pid.trim().parse().expect("a number"));
    assert_eq!(bench.name_servers(), addresses(&[1]));

    bench.write("servers.conf", &name_servers(2));
    bench.write("further.conf", "option domain-name \"example.net\";\n");
    bench.write(
        "dhcp6s.conf",
        "include \"servers.conf\"; include \"further.conf\";\n",
    );
    kill(server, Signal::SIGHUP).expect("it runs");
    // Nobody hears what it says to the syslog: what it does tells.
    let deadline = Instant::now() + PATIENCE;
    while bench.name_servers() != addresses(&[2]) {
        assert!(Instant::now() < deadline, "it does not reload");
    }
    kill(server, Signal::SIGTERM).expect("it runs");
}

#[test]
fn a_file_that_is_missing_is_no_reason_to_forget_everything() {
    let Some(bench) = Bench::new() else { return };
    bench.write("dhcp6s.conf", &name_servers(1));
    let (process, mut log) = bench.start(&[]);
    fs::remove_file(bench.path("dhcp6s.conf")).expect("it is there");
    let said = reload(&process, &mut log, REFUSED);
    let named = |it: &String| it.contains("dhcp6s.conf: there is no such file");
    assert!(said.iter().any(named), "{said:#?}");
    assert_eq!(bench.name_servers(), addresses(&[1]));
    bench.write("dhcp6s.conf", &name_servers(2));
    reload(&process, &mut log, RELOADED);
    assert_eq!(bench.name_servers(), addresses(&[2]));
    end(process);
}

/// A disk that is full, or an editor at work: the file is there and has nothing in it.
#[test]
fn a_file_that_was_emptied_is_no_wish_to_give_nothing() {
    let Some(bench) = Bench::new() else { return };
    bench.write("dhcp6s.conf", &name_servers(1));
    let (process, mut log) = bench.start(&[]);
    bench.write("dhcp6s.conf", " \n");
    for _ in 0..2 {
        let said = reload(&process, &mut log, REFUSED);
        assert!(said.iter().any(|it| it.contains("is empty")), "{said:#?}");
        assert_eq!(bench.name_servers(), addresses(&[1]));
    }
    bench.write("dhcp6s.conf", &name_servers(2));
    reload(&process, &mut log, RELOADED);
    assert_eq!(bench.name_servers(), addresses(&[2]));
    end(process);
}

#[test]
fn an_included_file_that_is_gone_keeps_the_configuration_and_one_that_never_was_does_not() {
    let Some(bench) = Bench::new() else { return };
    let includes = "include \"servers.conf\"; include \"local.conf\";\n";
    bench.write("dhcp6s.conf", includes);
    bench.write("servers.conf", &name_servers(1));
    let (process, mut log) = bench.start(&[]);
    bench.write("servers.conf", &name_servers(2));
    reload(&process, &mut log, RELOADED);
    assert_eq!(bench.name_servers(), addresses(&[2]));
    fs::remove_file(bench.path("servers.conf")).expect("removed");
    let lines = reload(&process, &mut log, REFUSED);
    let gone = "servers.conf: there is no such file any more";
    assert!(lines.iter().any(|it| it.ends_with(gone)), "{lines:?}");
    assert_eq!(bench.name_servers(), addresses(&[2]));
    // Whoever does without it says so.
    bench.write("dhcp6s.conf", &name_servers(3));
    reload(&process, &mut log, RELOADED);
    assert_eq!(bench.name_servers(), addresses(&[3]));
    end(process);
}

#[test]
fn all_mistakes_are_in_the_log_ahead_of_the_verdict() {
    let Some(bench) = Bench::new() else { return };
    bench.write("dhcp6s.conf", &name_servers(1));
    let (process, mut log) = bench.start(&[]);
    bench.write(
        "dhcp6s.conf",
        "option ntp-servers nowhere;\ninterface eth0 { address-pool lam 10; };\n",
    );
    let said = reload(&process, &mut log, REFUSED);
    let at = |text: &str| said.iter().position(|it| it.contains(text));
    let (first, second) = (at("dhcp6s.conf:1 "), at("dhcp6s.conf:2 "));
    assert!(first.is_some() && first < second, "{said:#?}");
    assert!(second < at(REFUSED), "{said:#?}");
    // Lines are counted from the top each time.
    assert_eq!(reload(&process, &mut log, REFUSED).len(), said.len());
    end(process);
}

#[test]
fn name_servers_of_the_command_line_outlast_a_reload() {
    let Some(bench) = Bench::new() else { return };
    bench.write("dhcp6s.conf", "");
    let (process, mut log) = bench.start(&["-n", "2001:db8::9"]);
    reload(&process, &mut log, RELOADED);
    assert_eq!(bench.name_servers(), addresses(&[9]));
    bench.write("dhcp6s.conf", &name_servers(1));
    let said = reload(&process, &mut log, REFUSED);
    assert!(said.iter().any(|it| it.contains("remove -n")), "{said:#?}");
    assert_eq!(bench.name_servers(), addresses(&[9]));
    end(process);
}

#[test]
fn clients_are_answered_while_a_configuration_is_read() {
    let Some(bench) = Bench::new() else { return };
    bench.write("dhcp6s.conf", &name_servers(1));
    let (process, mut log) = bench.start(&[]);
    let slow = fifo(&bench, "slow.conf");
    bench.write("dhcp6s.conf", "include \"slow.conf\";\n");
    process.signal(Signal::SIGHUP).expect("it is there");
    until(&mut log, "received SIGHUP");
    // It hears of a second signal, and still reads: nobody has written yet.
    process.signal(Signal::SIGHUP).expect("it is there");
    until(&mut log, "still reading");
    assert_eq!(bench.name_servers(), addresses(&[1]));
    // What it reads first is in force before it reads once more, as it was told.
    for last in [2, 3] {
        let slow = slow.clone();
        let writer = thread::spawn(move || fs::write(slow, name_servers(last)));
        until(&mut log, RELOADED);
        writer.join().expect("it ends").expect("somebody reads");
        assert_eq!(bench.name_servers(), addresses(&[last]));
    }
    end(process);
}

#[test]
fn a_server_that_reads_for_ever_can_be_told_to_end() {
    let Some(bench) = Bench::new() else { return };
    bench.write("dhcp6s.conf", &name_servers(1));
    let (process, mut log) = bench.start(&[]);
    fifo(&bench, "slow.conf");
    bench.write("dhcp6s.conf", "include \"slow.conf\";\n");
    process.signal(Signal::SIGHUP).expect("it is there");
    until(&mut log, "received SIGHUP");
    end(process);
    assert!(!bench.path("pid").exists());
}

#[test]
fn who_asks_for_a_reload_before_the_server_serves_gets_it_then() {
    let Some(bench) = Bench::new() else { return };
    let config = fifo(&bench, "dhcp6s.conf");
    let mut command = bench.command(&["-f", "-d"]);
    command.stderr(Stdio::piped());
    let mut process = bench.namespace.spawn(command).expect("it starts");
    let mut log = Log::new(process.take_stderr().expect("a pipe")).expect("a log");
    // It has begun to read when there is somebody to write for, and cannot serve before it has read.
    let mut first = fs::OpenOptions::new()
        .write(true)
        .open(&config)
        .expect("somebody reads");
    process.signal(Signal::SIGHUP).expect("it is there");
    first
        .write_all(name_servers(1).as_bytes())
        .expect("somebody reads");
    drop(first);
    until(&mut log, "received SIGHUP");
    fs::write(&config, name_servers(2)).expect("somebody reads");
    until(&mut log, RELOADED);
    assert_eq!(bench.name_servers(), addresses(&[2]));
    end(process);
}

/// How many entries a folder of the process has in /proc.
fn entries(process: &Process, folder: &str) -> usize {
    let path = format!("/proc/{}/{folder}", process.id());
    fs::read_dir(path).expect("it runs").count()
}

fn resident_kib(process: &Process) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).expect("it runs");
    let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:"));
    let number = line.and_then(|it| it.split_whitespace().next()?.parse().ok());
    number.expect("a number of kB")
}

#[test]
fn a_hundred_reloads_leave_neither_descriptors_nor_threads_nor_memory() {
    let Some(bench) = Bench::new() else { return };
    let mut hosts = name_servers(1);
    for number in 0..1000 {
        hosts.push_str(&format!(
            "host h{number} {{ duid 00:03:00:01:02:00:00:00:{:02x}:{:02x}; prefix 2001:db8:{number:x}::/48 600; }};\n",
            number / 256,
            number % 256
        ));
    }
    bench.write("good.conf", &hosts);
    bench.write("bad.conf", &format!("{hosts}host h {{"));
    bench.write("dhcp6s.conf", "include \"good.conf\";\n");
    let (process, mut log) = bench.start(&[]);
    let both = |log: &mut Log| {
        for (name, outcome) in [("bad", REFUSED), ("good", RELOADED)] {
            bench.write("dhcp6s.conf", &format!("include \"{name}.conf\";\n"));
            reload(&process, log, outcome);
        }
    };
    (0..10).for_each(|_| both(&mut log));
    let open = entries(&process, "fd");
    let resident = resident_kib(&process);
    (0..50).for_each(|_| both(&mut log));
    assert_eq!(entries(&process, "fd"), open);
    // One that has just said its last word may still be there.
    let threads = entries(&process, "task");
    assert!(threads <= 3, "{threads} threads");
    // Two configurations of each round, kept, would be more than a hundred kilobytes each.
    let grown = resident_kib(&process).saturating_sub(resident);
    assert!(grown < 4096, "grown by {grown} KiB");
    assert_eq!(bench.name_servers(), addresses(&[1]));
    end(process);
}
