//! The program from its start to its end: what it says when it cannot start, what its exit status is, and
//! what it leaves behind.

use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use dhcp6lab::link::log::Log;
use dhcp6lab::link::owner::temporary_folder;
use dhcp6lab::link::watch::Watch;
use dhcp6lab::link::{Namespace, Process, wait};
use dhcp6lab::rig::server::PATIENCE;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::os::fd::AsFd as _;
use tempfile::TempDir;

#[path = "support/server.rs"]
mod server;
mod support;

/// What lays a cable whose both ends are in the namespace.
const CABLE: &str = "link add eth0 type veth peer name eth1";

/// A namespace whose loopback interface is served, and a folder for the files of a server.
struct Bench {
    namespace: Namespace,
    folder: TempDir,
}

impl Bench {
    fn new() -> Option<Self> {
        if !support::can_run(&[]) {
            return None;
        }
        let namespace = Namespace::new().expect("a namespace");
        // A new DUID is made of a hardware address, which loopback has none of.
        let mut cable = Command::new("ip");
        cable.args([
            "link", "add", "eth0", "type", "veth", "peer", "name", "eth1",
        ]);
        namespace.command(cable).expect("a cable");
        Some(Self {
            namespace,
            folder: temporary_folder().expect("a folder"),
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The server with files in the folder. Its operands come later.
    fn command(&self) -> Command {
        let mut command = Command::new(server::path());
        self.files(&mut command);
        command
    }

    fn files(&self, command: &mut Command) {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
            .arg("-c")
            .arg(self.path("dhcp6s.conf"))
            .arg("-P")
            .arg(self.path("pid"));
        command.arg("--duid").arg(self.path("dhcp6s_duid"));
        command.arg("--leases").arg(self.path("leases"));
        // As Debian's start script has it: no key, and no complaint about that.
        command.args(["-k", "/dev/null"]);
    }

    /// Lets everybody use the folder; returns a copy of the server in it.
    fn open_to_all(&self) -> PathBuf {
        let mode = fs::Permissions::from_mode(0o777);
        fs::set_permissions(self.folder.path(), mode).expect("a folder");
        let program = self.path("dhcp6s");
        fs::copy(server::path(), &program).expect("a copy that anybody can run");
        program
    }

    fn configure(&self, text: &str) {
        fs::write(self.path("dhcp6s.conf"), text).expect("a configuration");
    }

    /// Runs a server that ends by itself.
    fn output(&self, mut command: Command) -> (Option<i32>, String) {
        let output: Output = self
            .namespace
            .run(move || command.output())
            .expect("it runs");
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    }

    /// Starts a server in the foreground and waits until it serves.
    fn start(&self, mut command: Command, interface: &str) -> (Process, Log) {
        command.args(["-f", "-d", interface]);
        let mut process = self.namespace.spawn(command).expect("it starts");
        let mut log = Log::new(process.take_stderr().expect("a pipe")).expect("a log");
        until(&mut log, &format!("serving on {interface}"));
        (process, log)
    }

    /// Runs `ip` with these words.
    fn ip(&self, words: &str) {
        let mut ip = Command::new("ip");
        ip.args(words.split(' '));
        self.namespace.command(ip).expect("the system lets us");
    }

    fn refusal(&self, operands: &[&str]) -> String {
        let mut command = self.command();
        command.args(operands);
        let (status, said) = self.output(command);
        assert_eq!(status, Some(1), "{said}");
        said
    }
}

/// Waits until the server has logged that.
#[track_caller]
fn until(log: &mut Log, text: &str) {
    let deadline = Instant::now() + PATIENCE;
    while !log
        .lines()
        .expect("lines")
        .iter()
        .any(|it| it.contains(text))
    {
        assert!(
            !log.ended() && Instant::now() < deadline,
            "no `{text}` in:\n{}",
            log.tail()
        );
        wait(&[log.as_fd()], deadline).expect("a pipe");
    }
}

fn end(mut process: Process, signal: Signal) {
    process.signal(signal).expect("it is there");
    let status = process.wait(Instant::now() + PATIENCE).expect("a status");
    assert!(status.is_some_and(|it| it.success()), "{status:?}");
}

/// What was said, without the complaint that the system has no syslog, as in a container.
fn but_for_the_syslog(said: &str) -> String {
    let lines = said.lines().filter(|it| !it.contains("no syslog at"));
    lines.collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn is_one_line(said: &str, parts: &[&str]) {
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(parts.iter().all(|part| said.contains(part)), "{said}");
}

#[test]
fn a_missing_interface_is_named_together_with_those_that_exist() {
    let Some(bench) = Bench::new() else { return };
    bench.configure("");
    let said = bench.refusal(&["-f", "eth9"]);
    is_one_line(&said, &["eth9 does not exist", "there are: eth0, eth1, lo"]);
}

#[test]
fn a_configuration_that_cannot_be_read_is_named() {
    let Some(bench) = Bench::new() else { return };
    fs::create_dir(bench.path("dhcp6s.conf")).expect("a folder");
    let said = bench.refusal(&["-f", "lo"]);
    let (reason, last) = said.split_once('\n').expect("two lines");
    is_one_line(reason, &["dhcp6s.conf", "is a directory"]);
    // What scripts look for.
    is_one_line(last, &[": main: failed to parse configuration file"]);
}

#[test]
fn all_mistakes_of_a_configuration_are_told_in_one_run() {
    let Some(bench) = Bench::new() else { return };
    bench.configure("option ntp-servers nowhere;\ninterface lo { address-pool lam 10; };\n");
    let said = bench.refusal(&["-f", "lo"]);
    let places: Vec<_> = said
        .lines()
        .filter(|it| it.contains("dhcp6s.conf:"))
        .collect();
    assert_eq!(places.len(), 2, "{said}");
    assert!(places[0].ends_with("dhcp6s.conf:1:20: error: `nowhere` is not an IPv6 address"));
    assert!(places[1].contains("dhcp6s.conf:2:"), "{said}");
    let excerpt = "1 | option ntp-servers nowhere;\n  |                    ^^^^^^^\n";
    assert!(said.contains(excerpt), "{said}");
}

#[test]
fn a_used_port_is_one_line() {
    let Some(bench) = Bench::new() else { return };
    bench.configure("");
    let other = bench
        .namespace
        .run(|| UdpSocket::bind("[::]:547"))
        .expect("a socket");
    let this = fs::read_to_string("/proc/self/comm").expect("a name");
    let holder = format!("process {} ({})", std::process::id(), this.trim_end());
    is_one_line(&bench.refusal(&["-f", "lo"]), &["547", "taken", &holder]);
    drop(other);
}

#[test]
fn a_lease_folder_in_use_names_its_user() {
    let Some(bench) = Bench::new() else { return };
    let Some(other) = Bench::new() else { return };
    bench.configure("");
    let (process, _log) = bench.start(bench.command(), "lo");
    let mut command = bench.command();
    command.args(["-f", "lo"]);
    // The same files, but another network: only the leases are in the way.
    let (status, said) = other.output(command);
    assert_eq!(status, Some(1), "{said}");
    is_one_line(&said, &["leases", &process.id().to_string()]);
    end(process, Signal::SIGTERM);
}

#[test]
fn without_permission_for_the_port_the_capability_is_named() {
    let Some(bench) = Bench::new() else { return };
    if !support::has_other_users() {
        return;
    }
    bench.configure("");
    let program = bench.open_to_all();
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&program);
    bench.files(&mut command);
    command.args(["-f", "lo"]);
    let (status, said) = bench.output(command);
    assert_eq!(status, Some(1), "{said}");
    is_one_line(&said, &["CAP_NET_BIND_SERVICE"]);
}

#[test]
fn the_one_capability_is_enough() {
    let Some(bench) = Bench::new() else { return };
    if !support::has_other_users() {
        return;
    }
    bench.configure("");
    let program = bench.open_to_all();
    let mut command = Command::new("setpriv");
    command.args([
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "--no-new-privs",
    ]);
    command.args([
        "--bounding-set=-all,+net_bind_service",
        "--inh-caps=-all,+net_bind_service",
    ]);
    command
        .arg("--ambient-caps=-all,+net_bind_service")
        .arg(&program);
    bench.files(&mut command);
    let (process, _log) = bench.start(command, "lo");
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).expect("a status");
    let effective = status
        .lines()
        .find(|line| line.starts_with("CapEff:"))
        .expect("a line");
    assert_eq!(
        effective.split_whitespace().nth(1),
        Some("0000000000000400"),
        "{status}"
    );
    end(process, Signal::SIGTERM);
}

#[test]
fn a_missing_configuration_is_an_empty_one_with_a_warning() {
    let Some(bench) = Bench::new() else { return };
    let (process, log) = bench.start(bench.command(), "lo");
    assert!(log.tail().contains("dhcp6s.conf"), "{}", log.tail());
    end(process, Signal::SIGTERM);
}

#[test]
fn a_server_that_was_told_to_end_leaves_no_pid_file() {
    let Some(bench) = Bench::new() else { return };
    bench.configure("");
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let (process, _log) = bench.start(bench.command(), "lo");
        let pid = fs::read_to_string(bench.path("pid")).expect("a pid file");
        assert_eq!(pid, format!("{}\n", process.id()));
        end(process, signal);
        assert!(!bench.path("pid").exists(), "{signal}");
    }
}

#[test]
fn a_server_in_the_background_reports_its_start() {
    let Some(bench) = Bench::new() else { return };
    bench.configure("");
    let mut command = bench.command();
    command.arg("lo");
    let (status, said) = bench.output(command);
    assert_eq!(
        (status, but_for_the_syslog(&said)),
        (Some(0), String::new())
    );
    let pid = fs::read_to_string(bench.path("pid")).expect("a pid file");
    let server = Pid::from_raw(pid.trim().parse().expect("a number"));
    // It has let go of the directory and the terminal that it was started in.
    let home = fs::read_link(format!("/proc/{server}/cwd")).expect("it runs");
    assert_eq!(home, Path::new("/"));

    // A second one fails after it has detached, and says so all the same.
    let mut command = bench.command();
    command.arg("lo");
    let (status, said) = bench.output(command);
    assert_eq!(status, Some(1), "{said}");
    is_one_line(&but_for_the_syslog(&said), &["547", "taken"]);
    let still = fs::read_to_string(bench.path("pid")).expect("a pid file");
    assert_eq!(still, pid, "the first one can still be found");
    kill(server, Signal::SIGTERM).expect("it runs");
}

#[test]
fn a_hangup_is_no_reason_to_end() {
    let Some(bench) = Bench::new() else { return };
    bench.configure("");
    let (process, mut log) = bench.start(bench.command(), "lo");
    process.signal(Signal::SIGHUP).expect("it is there");
    until(&mut log, "server reloaded");
    end(process, Signal::SIGTERM);
}

/// Asks for options at the other end of the cable; returns whether there was an answer.
fn is_answered(bench: &Bench) -> bool {
    bench.namespace.run(|| {
        let index = nix::net::if_::if_nametoindex("eth1").expect("an interface");
        let socket = UdpSocket::bind("[::]:546").expect("a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let group = "ff02::1:2".parse().expect("an address");
        let to = std::net::SocketAddrV6::new(group, 547, 0, index);
        socket.send_to(&[11, 0, 0, 1], to).expect("it leaves");
        socket.recv(&mut [0; 1500]).is_ok()
    })
}

#[test]
fn an_interface_that_is_deleted_and_made_again_is_served_again() {
    let Some(bench) = Bench::new() else { return };
    bench.configure("");
    let up = || {
        bench.ip("link set eth0 up");
        bench.ip("link set eth1 up");
        for interface in ["eth0", "eth1"] {
            let watch = Watch::new(&bench.namespace).expect("word of changes");
            watch
                .until_ready(&bench.namespace, interface)
                .expect("an address");
        }
    };
    up();
    let (process, mut log) = bench.start(bench.command(), "eth0");
    assert!(is_answered(&bench));
    bench.ip("link del eth0");
    until(&mut log, "waiting for eth0: it does not exist");
    bench.ip(CABLE);
    up();
    until(&mut log, "serving on eth0 now");
    assert!(is_answered(&bench));
    // Below what IPv6 needs, an interface leaves all groups.
    bench.ip("link set eth0 mtu 1000");
    bench.ip("link set eth0 mtu 1500");
    up();
    assert!(is_answered(&bench));
    end(process, Signal::SIGTERM);
}

#[test]
fn help_and_version_are_no_errors() {
    for (option, part) in [
        ("--help", "Examples:"),
        ("--version", env!("CARGO_PKG_VERSION")),
    ] {
        let output = Command::new(server::path())
            .arg(option)
            .output()
            .expect("it runs");
        assert!(output.status.success());
        assert!(
            String::from_utf8_lossy(&output.stdout).contains(part),
            "{option}"
        );
    }
}
