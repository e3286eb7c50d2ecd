//! A server's host and the clients', on real interfaces.

use std::fs;
use std::net::{SocketAddrV6, UdpSocket};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use dhcp6lab::link::log::Log;
use dhcp6lab::link::owner::temporary_folder;
use dhcp6lab::link::watch::Watch;
use dhcp6lab::link::{Namespace, Process};
use dhcp6lab::rig::server::PATIENCE;
use nix::sys::signal::Signal;
use tempfile::TempDir;

/// The hardware address of `eth0`, and the link-local address that the system makes of it.
pub(crate) const MAC: &str = "02:00:00:00:00:0a";
pub(crate) const LINK_LOCAL: &str = "fe80::ff:fe00:a";

/// A server's host and the clients', with cables between them.
pub(crate) struct Bench {
    pub(crate) host: Namespace,
    pub(crate) clients: Namespace,
    /// The port of clients, which all of them share.
    socket: UdpSocket,
    pub(crate) folder: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Option<Self> {
        if !crate::support::can_run(&[]) {
            return None;
        }
        let clients = Namespace::new().expect("a namespace");
        let socket = clients
            .run(|| UdpSocket::bind("[::]:546"))
            .expect("a socket");
        Some(Self {
            host: Namespace::new().expect("a namespace"),
            clients,
            socket,
            folder: temporary_folder().expect("a folder"),
        })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Lays a cable from an interface of the host to one of the same name where the clients are. Both are down.
    pub(crate) fn lay(&self, name: &str) {
        let other = self.clients.path().file_name().expect("a name");
        let mac = if name == "eth0" {
            MAC
        } else {
            "02:00:00:00:00:0b"
        };
        let other = other.to_string_lossy();
        let end = format!("link add {name} address {mac} type veth peer name {name} netns {other}");
        ip(&self.host, &end);
    }

    /// Lays a cable and makes both ends ready.
    pub(crate) fn connect(&self, name: &str) {
        self.lay(name);
        raise(&self.host, name);
        raise(&self.clients, name);
        ready(&self.clients, name);
        ready(&self.host, name);
    }

    /// Makes the system look for duplicates of the host's addresses, which takes it a second or two.
    pub(crate) fn look_for_duplicates(&self) {
        let set = || {
            for of in ["all", "default"] {
                let path = format!("/proc/sys/net/ipv6/conf/{of}/accept_dad");
                fs::write(path, "1").expect("a setting");
            }
            // Questions that are asked, one a second: long enough for a server to start meanwhile.
            fs::write("/proc/sys/net/ipv6/conf/default/dad_transmits", "3").expect("a setting");
        };
        self.host.run(set);
    }

    pub(crate) fn command(&self, words: &str) -> Command {
        let mut command = Command::new(crate::server::path());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command.arg("-c").arg(self.path("dhcp6s.conf"));
        command.arg("-P").arg(self.path("pid"));
        command.arg("--duid").arg(self.path("dhcp6s_duid"));
        command.arg("--leases").arg(self.path("leases"));
        command.args(["-k", "/dev/null"]).args(words.split(' '));
        command
    }

    pub(crate) fn start(&self, words: &str) -> Server {
        let command = self.command(&format!("-f -d {words}"));
        let mut process = self.host.spawn(command).expect("it starts");
        let log = Log::new(process.take_stderr().expect("a pipe")).expect("a log");
        Server { process, log }
    }

    pub(crate) fn configure(&self, text: &str) {
        fs::write(self.path("dhcp6s.conf"), text).expect("a configuration");
    }

    /// Runs a program of the host that ends by itself.
    pub(crate) fn output(&self, mut command: Command) -> (Option<i32>, String, String) {
        let output = self.host.run(move || command.output()).expect("it runs");
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        (
            output.status.code(),
            text(&output.stdout),
            text(&output.stderr),
        )
    }

    pub(crate) fn health(&self, words: &str) -> (Option<i32>, String, String) {
        let mut command = Command::new(crate::server::path().with_file_name("dhcp6ctl"));
        command.arg("health").args(words.split_whitespace());
        self.output(command)
    }

    /// Sends a message of a client at the other end of that interface; returns the answer.
    pub(crate) fn ask(&self, interface: &'static str, message: &[u8]) -> Vec<u8> {
        let message = message.to_vec();
        let socket = self.socket.try_clone().expect("a socket");
        let answer = self.clients.run(move || {
            let index = nix::net::if_::if_nametoindex(interface)?;
            socket.set_read_timeout(Some(PATIENCE))?;
            let group = "ff02::1:2".parse().expect("an address");
            socket.send_to(&message, SocketAddrV6::new(group, 547, 0, index))?;
            let mut answer = vec![0; 1500];
            let len = socket.recv(&mut answer)?;
            answer.truncate(len);
            std::io::Result::Ok(answer)
        });
        answer.unwrap_or_else(|error| panic!("no answer on {interface}: {error}"))
    }

    /// A client that asks for options is answered.
    #[track_caller]
    pub(crate) fn serves(&self, interface: &'static str) {
        assert_eq!(self.ask(interface, &[11, 0, 0, 1]).first(), Some(&7));
    }
}

pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) log: Log,
}

impl Server {
    /// Waits until it has logged that, and not before what it was waited for before.
    #[track_caller]
    pub(crate) fn says(&mut self, text: &str) {
        let said = self
            .log
            .until(text, Instant::now() + PATIENCE)
            .expect("lines");
        assert!(said.is_some(), "no `{text}` in:\n{}", self.log.tail());
    }

    pub(crate) fn end(mut self) {
        self.process.signal(Signal::SIGTERM).expect("it is there");
        let status = self
            .process
            .wait(Instant::now() + PATIENCE)
            .expect("a status");
        assert!(
            status.is_some_and(|it| it.success()),
            "{status:?}\n{}",
            self.log.tail()
        );
    }
}

pub(crate) fn ip(namespace: &Namespace, words: &str) {
    let mut ip = Command::new("ip");
    ip.args(words.split(' '));
    namespace.command(ip).expect("the system lets us");
}

pub(crate) fn raise(namespace: &Namespace, interface: &str) {
    ip(namespace, &format!("link set {interface} up"));
}

/// Waits until the interface has a link-local address that it can use.
pub(crate) fn ready(namespace: &Namespace, interface: &str) {
    let watch = Watch::new(namespace).expect("word of changes");
    watch.until_ready(namespace, interface).expect("an address");
}
