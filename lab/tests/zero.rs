//! A server without a configuration file, with real clients: what it says, what they get, and what becomes of that
//! when the machine changes.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use dhcp6lab::link::log::Log;
use dhcp6lab::link::owner::temporary_folder;
use dhcp6lab::link::{Namespace, Process, wait};
use dhcp6lab::rig::server::PATIENCE;
use nix::sys::signal::Signal;
use std::os::fd::AsFd as _;
use tempfile::TempDir;

#[path = "support/server.rs"]
mod server;
mod support;

const DHCP6C: (&str, &str) = ("dhcp6c", "wide-dhcpv6-client");
const DHCLIENT: (&str, &str) = ("dhclient", "isc-dhcp-client");

/// A namespace with a cable, whose end eth0 is served, and a folder that the server takes for `/etc`.
struct Machine {
    namespace: Namespace,
    folder: TempDir,
}

impl Machine {
    fn new(programs: &[(&'static str, &'static str)]) -> Option<Self> {
        if !support::can_run(programs) {
            return None;
        }
        let machine = Self {
            namespace: Namespace::new().expect("a namespace"),
            folder: temporary_folder().expect("a folder"),
        };
        fs::create_dir_all(machine.path("etc/wide-dhcpv6")).expect("a folder");
        machine.ip("link add eth0 type veth peer name eth1");
        for end in ["eth0", "eth1"] {
            machine.ip(&format!("link set {end} up"));
        }
        Some(machine)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file of the server's `/etc`.
    fn write(&self, name: &str, text: &str) {
        fs::write(self.path("etc").join(name), text).expect("a file");
    }

    fn ip(&self, words: &str) {
        let mut ip = Command::new("ip");
        ip.args(words.split(' '));
        self.namespace.command(ip).expect("the system lets us");
    }

    /// The server with those words, in a mount namespace of its own.
    fn server(&self, words: &[&str]) -> Command {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c"]);
        command.arg("mount --bind \"$1\" /etc && shift && exec \"$@\"");
        command.arg("sh").arg(self.path("etc")).arg(server::path());
        command.arg("--duid").arg(self.path("dhcp6s_duid"));
        command.arg("--leases").arg(self.path("leases"));
        command.arg("-P").arg(self.path("pid"));
        command.args(["-k", "/dev/null"]).args(words);
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts a server and waits until it serves; what it has said by then comes along.
    fn start(&self, words: &[&str]) -> (Process, Log, String) {
        let words = [&["-f", "-d"], words].concat();
        let command = self.server(&words);
        let mut process = self.namespace.spawn(command).expect("it starts");
        let mut log = Log::new(process.take_stderr().expect("a pipe")).expect("a log");
        let said = until(&mut log, &["serving on eth0"]);
        (process, log, said.join("\n"))
    }

    /// Runs a program that ends by itself: its status, and what it wrote to standard output and standard error.
    fn run(&self, mut command: Command) -> (Option<i32>, String, String) {
        let output = self.namespace.run(move || command.output());
        let output = output.expect("it runs");
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        (
            output.status.code(),
            text(&output.stdout),
            text(&output.stderr),
        )
    }

    /// What a client learns that asks for information alone.
    fn information(&self) -> String {
        let mut client = Command::new(DHCP6C.0);
        client.arg("-i").arg("-p").arg(self.path("dhcp6c.pid"));
        client.arg("eth1");
        let (status, said, complaints) = self.run(client);
        assert_eq!(status, Some(0), "{complaints}");
        said
    }

    /// What dhclient is bound to: the last address or prefix of its log.
    fn lease(&self, words: &[&str], of: &str) -> String {
        let mut client = Command::new(DHCLIENT.0);
        client.args(["-6", "-d", "-v", "-sf", "/bin/true"]);
        // Another client each time, which knows of no lease.
        let leases = self.path("dhclient.leases");
        fs::write(&leases, "").expect("a file");
        client.arg("-lf").arg(leases);
        client.arg("-pf").arg(self.path("dhclient.pid"));
        client.args(words).arg("eth1");
        client.stdin(Stdio::null()).stdout(Stdio::null());
        client.stderr(Stdio::piped());
        let mut process = self.namespace.spawn(client).expect("it starts");
        let mut log = Log::new(process.take_stderr().expect("a pipe")).expect("a log");
        let lines = until(&mut log, &["Bound to lease"]);
        let word = format!("X-- {of} ");
        let found = lines.iter().rev().find_map(|it| it.split_once(&word));
        let (_, lease) = found.expect("a lease");
        lease.trim().to_owned()
    }
}

/// Waits until a program has logged all that, one behind the other; what it has logged since it was last asked.
#[track_caller]
fn until(log: &mut Log, texts: &[&str]) -> Vec<String> {
    let deadline = Instant::now() + PATIENCE;
    let mut lines = Vec::new();
    loop {
        lines.extend(log.lines().expect("lines"));
        let mut rest = lines.iter();
        if texts
            .iter()
            .all(|text| rest.any(|line| line.contains(text)))
        {
            return lines;
        }
        assert!(
            !log.ended() && Instant::now() < deadline,
            "no {texts:?} in:\n{}",
            log.tail()
        );
        wait(&[log.as_fd()], deadline).expect("a pipe");
    }
}

fn end(mut process: Process) {
    process.signal(Signal::SIGTERM).expect("it is there");
    let status = process.wait(Instant::now() + PATIENCE).expect("a status");
    assert!(status.is_some_and(|it| it.success()), "{status:?}");
}

#[test]
fn without_a_file_clients_learn_what_the_machine_knows() {
    let Some(machine) = Machine::new(&[DHCP6C]) else {
        return;
    };
    machine.write(
        "resolv.conf",
        "nameserver 127.0.0.53\nnameserver 192.0.2.1\nnameserver 2001:db8::53\nsearch example.net\n",
    );
    let (process, mut log, said) = machine.start(&["eth0"]);
    for words in [
        "there is no configuration (/etc/wide-dhcpv6/dhcp6s.conf); what clients of eth0 get:",
        "DNS servers, of /etc/resolv.conf: 2001:db8::53",
        "search domains, of /etc/resolv.conf: example.net",
        "127.0.0.53 (only this machine can ask it)",
        "192.0.2.1 (DHCPv6 carries no IPv4 addresses)",
        "addresses: none; --pool auto gives them",
        "prefixes: none; --pd PREFIX/LENGTH delegates",
    ] {
        assert!(said.contains(words), "no `{words}` in:\n{said}");
    }
    assert!(!said.contains("warning"), "{said}");
    let learnt = machine.information();
    assert!(learnt.contains("nameserver[0] 2001:db8::53\n"), "{learnt}");
    assert!(!learnt.contains("nameserver[1]"), "{learnt}");
    assert!(learnt.contains("list[0] example.net"), "{learnt}");
    machine.write("resolv.conf", "nameserver 2001:db8::54\ndomain b.example\n");
    process.signal(Signal::SIGHUP).expect("it is there");
    until(&mut log, &["server reloaded"]);
    let learnt = machine.information();
    assert!(learnt.contains("nameserver[0] 2001:db8::54\n"), "{learnt}");
    assert!(learnt.contains("list[0] b.example"), "{learnt}");
    // What the operator writes takes the place of all that, and does not go by itself.
    machine.write(
        "wide-dhcpv6/dhcp6s.conf",
        "option domain-name-servers 2001:db8::55;\n",
    );
    process.signal(Signal::SIGHUP).expect("it is there");
    until(&mut log, &["server reloaded"]);
    let learnt = machine.information();
    assert!(learnt.contains("nameserver[0] 2001:db8::55\n"), "{learnt}");
    assert!(!learnt.contains("list[0]"), "{learnt}");
    fs::remove_file(machine.path("etc/wide-dhcpv6/dhcp6s.conf")).expect("a file");
    process.signal(Signal::SIGHUP).expect("it is there");
    until(&mut log, &["failed to reload configuration file"]);
    assert!(machine.information().contains("2001:db8::55"));
    end(process);
}

#[test]
fn the_servers_behind_the_stub_of_systemd_are_announced() {
    let Some(machine) = Machine::new(&[]) else {
        return;
    };
    machine.write("resolv.conf", "nameserver 127.0.0.53\nsearch a.example\n");
    fs::create_dir_all(machine.path("resolve")).expect("a folder");
    let servers = "nameserver 2001:db8::53\nsearch a.example\n";
    fs::write(machine.path("resolve/resolv.conf"), servers).expect("a file");
    // In place of `/run`, too, which is a mount of the server's own namespace alone.
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c"]);
    command.arg(
        "mount --bind \"$1/etc\" /etc && mount -t tmpfs none /run && mkdir -p /run/systemd && \
         ln -s \"$1/resolve\" /run/systemd/resolve && exec \"$2\" --check eth0",
    );
    command
        .arg("sh")
        .arg(machine.folder.path())
        .arg(server::path());
    let (status, said, complaints) = machine.run(command);
    assert_eq!(status, Some(0), "{complaints}");
    let line = "DNS servers, of /run/systemd/resolve/resolv.conf: 2001:db8::53";
    assert!(said.contains(line), "{said}");
}

#[test]
fn addresses_come_from_the_64_of_the_interface_and_follow_it() {
    let Some(machine) = Machine::new(&[DHCLIENT]) else {
        return;
    };
    machine.write("resolv.conf", "");
    let (process, mut log, said) = machine.start(&["--pool", "auto", "eth0"]);
    let waits = "no addresses are given on eth0 before it has";
    assert!(said.contains(waits), "{said}");
    let follows = |log: &mut Log, subnet: &str| {
        let range = format!("addresses on eth0: {subnet}:0:dc6:: to {subnet}:0:dc6:7f:ffff:ffff");
        until(log, &[&range, "server reloaded"]);
    };
    machine.ip("addr add 2001:db8:1::1/64 dev eth0 nodad");
    follows(&mut log, "2001:db8:1");
    let first = machine.lease(&[], "IAADDR");
    assert!(first.starts_with("2001:db8:1:0:dc6:"), "{first}");
    // The provider gives the site another prefix: the old address is deprecated first, and then goes.
    machine.ip("addr add 2001:db8:2::1/64 dev eth0 nodad");
    machine.ip("addr change 2001:db8:1::1/64 dev eth0 valid_lft 1000 preferred_lft 0");
    follows(&mut log, "2001:db8:2");
    let second = machine.lease(&[], "IAADDR");
    assert!(second.starts_with("2001:db8:2:0:dc6:"), "{second}");
    // While the interface is down it has no address, and its clients keep theirs all the same.
    machine.ip("addr flush dev eth0 scope global");
    let kept = machine.lease(&[], "IAADDR");
    assert!(kept.starts_with("2001:db8:2:0:dc6:"), "{kept}");
    machine.ip("addr add 2001:db8:3::1/64 dev eth0 nodad");
    follows(&mut log, "2001:db8:3");
    end(process);
}

#[test]
fn prefixes_are_parts_of_the_one_that_is_given() {
    let Some(machine) = Machine::new(&[DHCLIENT]) else {
        return;
    };
    machine.write("resolv.conf", "");
    let (process, _log, _) = machine.start(&["--pd", "2001:db8:8000::/52", "eth0"]);
    let prefix = machine.lease(&["-P"], "IAPREFIX");
    assert!(
        prefix.starts_with("2001:db8:8000:") && prefix.ends_with("00::/56"),
        "{prefix}"
    );
    end(process);
}

#[test]
fn a_check_tells_what_would_be_served_and_how_it_is_written() {
    let Some(machine) = Machine::new(&[]) else {
        return;
    };
    machine.write("resolv.conf", "nameserver 2001:db8::53\n");
    machine.ip("addr add 2001:db8:1::1/64 dev eth0 nodad");
    let words = [
        "--check",
        "--pool",
        "auto",
        "--pd",
        "2001:db8:8000::/36",
        "eth0",
    ];
    let (status, said, complaints) = machine.run(machine.server(&words));
    assert_eq!((status, complaints.as_str()), (Some(0), ""));
    let (described, text) = said
        .split_once("The same as a configuration file\n")
        .expect("a configuration");
    assert!(
        described.contains(
            "Addresses: pool lan-eth0, 2^39 addresses from 2001:db8:1:0:dc6:: to 2001:db8:1:0:dc6:7f:ffff:ffff."
        ),
        "{described}"
    );
    // What it shows can be taken as a file, and means the same.
    machine.write("wide-dhcpv6/dhcp6s.conf", text);
    let (status, of_file, complaints) = machine.run(machine.server(&["--check", "eth0"]));
    assert_eq!((status, complaints.as_str()), (Some(0), ""));
    let links = |text: &str| {
        let (_, links) = text.split_once("Link eth0\n").expect("a link");
        links.trim_end().to_owned()
    };
    assert_eq!(links(described), links(&of_file));
}

#[test]
fn what_cannot_be_meant_is_refused_in_one_line() {
    let Some(machine) = Machine::new(&[]) else {
        return;
    };
    machine.write("resolv.conf", "");
    let refused = |words: &[&str], line: &str| {
        for more in [&["-f"][..], &["--check"]] {
            let words = [more, words].concat();
            let (status, _, said) = machine.run(machine.server(&words));
            assert_eq!(status, Some(1), "{words:?}: {said}");
            assert_eq!(said.lines().next(), Some(line), "{words:?}");
            let rest: Vec<_> = said.lines().skip(1).filter(|it| !it.is_empty()).collect();
            assert!(rest.is_empty() || rest == ["1 mistake"], "{said}");
        }
    };
    let range = "2001:db8:1::1000-2001:db8:1::1fff";
    refused(
        &["--pool", "auto", "-c", "x", "eth0"],
        "dhcp6s: --pool auto and -c x both say what clients get; leave one of them out",
    );
    refused(
        &["--pool", range, "eth0", "eth1"],
        "dhcp6s: --pool FIRST-LAST is for one interface; use --pool auto, or write a configuration",
    );
    machine.write("wide-dhcpv6/dhcp6s.conf", "option refreshtime 600;\n");
    refused(
        &["--pool", range, "--pd", "2001:db8:8000::/36", "eth0"],
        "dhcp6s: --pool 2001:db8:1::1000-2001:db8:1::1fff and --pd 2001:db8:8000::/36,56 and the configuration \
         /etc/wide-dhcpv6/dhcp6s.conf both say what clients get; write it all there, or remove the file",
    );
    machine.write("wide-dhcpv6/dhcp6s.conf", " \n\n");
    refused(
        &["eth0"],
        "dhcp6s: /etc/wide-dhcpv6/dhcp6s.conf is empty; write a configuration into it (man dhcp6s.conf), or \
         remove it, and clients get the DNS servers of /etc/resolv.conf",
    );
    let file = machine.path("etc/wide-dhcpv6/dhcp6s.conf");
    fs::remove_file(&file).expect("a file");
    fs::create_dir(&file).expect("a folder");
    let (status, _, said) = machine.run(machine.server(&["--check", "eth0"]));
    assert_eq!(status, Some(1));
    let line = "/etc/wide-dhcpv6/dhcp6s.conf: error: is a directory; name a file; in a container, see that what \
                is mounted there exists";
    assert_eq!(said.lines().next(), Some(line));
}
