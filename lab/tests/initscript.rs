//! Debian's start script for the original server starts, checks and stops ours: it is run as the package has it, on a
//! machine where `/usr/sbin/dhcp6s` is the program under test. The original itself is the witness that the test asks
//! for nothing that the script does not do.

use std::fs;
use std::net::{SocketAddrV6, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;

use dhcp6lab::link::owner::temporary_folder;
use dhcp6lab::link::run_to_end;
use dhcp6lab::rig::server::PATIENCE;
use machine::message::{client, message, relayed};
use machine::{CLIENT_GLOBAL, Machine, ORIGINAL, SECOND, SERVER_GLOBAL, is_there};
use nix::unistd::Pid;
use rstest::rstest;
use tempfile::TempDir;

#[path = "support/machine.rs"]
mod machine;
#[path = "support/server.rs"]
mod server;
mod support;

/// What the script runs, and the packages that have it.
const NEEDS: [(&str, &str); 4] = [
    ORIGINAL,
    ("ps", "procps"),
    ("start-stop-daemon", "dpkg"),
    ("/lib/lsb/init-functions", "sysvinit-utils"),
];
const DEFAULTS: &str = "/etc/default/wide-dhcpv6-server";
/// The file that is seen there instead, in a folder of the test's own.
const CHOSEN: &str = "defaults";
const CONFIG: &str = "\
interface eth0 { address-pool first 300 600; };
interface eth1 { address-pool second 300 600; };
pool first { range 2001:db8:1::1000 to 2001:db8:1::10ff; };
pool second { range 2001:db8:2::1000 to 2001:db8:2::10ff; };
";

/// A machine on which a program is installed as the server.
struct Installed {
    machine: Machine,
    script: PathBuf,
    folder: TempDir,
}

impl Installed {
    fn new(program: &Path) -> Option<Self> {
        if !support::can_run(&NEEDS) {
            return None;
        }
        let mut list = Command::new("dpkg");
        list.args(["-L", ORIGINAL.1]);
        let files = run_to_end(list).expect("the files of the package");
        let script = files.lines().find(|it| it.starts_with("/etc/init.d/"));
        let script = script.expect("the package has a start script").into();
        let machine = Machine::new();
        machine.write("/etc/wide-dhcpv6/dhcp6s.conf", CONFIG.as_bytes());
        let folder = temporary_folder().expect("a folder");
        let defaults = folder.path().join(CHOSEN);
        fs::write(&defaults, "").expect("a file");
        for (what, place) in [(program, ORIGINAL.0), (&*defaults, DEFAULTS)] {
            let mounted = machine.namespace.mount_over(what, Path::new(place));
            mounted.expect("a file in place of another");
        }
        Some(Self {
            machine,
            script,
            folder,
        })
    }

    fn choose(&self, interfaces: &str, verbosity: u8) {
        let text = format!("INTERFACES=\"{interfaces}\"\nVERBOSE={verbosity}\n");
        fs::write(self.folder.path().join(CHOSEN), text).expect("the defaults");
    }

    /// Has the script do something. Returns its status and what it printed.
    fn script(&self, verb: &str) -> (Option<i32>, String) {
        let mut command = Command::new("/bin/sh");
        command.arg(&self.script).arg(verb);
        let output = self.machine.namespace.run(move || command.output());
        let output = output.expect("a shell");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        (output.status.code(), said)
    }

    #[track_caller]
    fn succeeds(&self, verb: &str) -> String {
        let (status, said) = self.script(verb);
        assert_eq!(status, Some(0), "{verb}: {said}");
        said
    }

    fn pid(&self, interface: &str) -> Pid {
        Pid::from_raw(self.machine.pid(&pid_file(interface)))
    }
}

fn pid_file(interface: &str) -> String {
    format!("/var/run/dhcp6s.{interface}.pid")
}

#[rstest]
fn the_start_script_starts_checks_and_stops_it(
    #[values(PathBuf::from(ORIGINAL.0), server::path())] program: PathBuf,
) {
    let Some(mut installed) = Installed::new(&program) else {
        return;
    };
    installed.choose(&format!("eth0 {SECOND}"), 1);
    let (status, said) = installed.script("status");
    assert_eq!(status, Some(3), "{said}");

    installed.succeeds("start");
    let mut before = ["eth0", SECOND].map(|it| installed.pid(it));
    assert!(before.iter().all(|pid| is_there(*pid)));
    for interface in installed.machine.interfaces() {
        installed.machine.settle_through(interface);
    }
    let said = installed.succeeds("status");
    assert!(said.contains("dhcp6s is running on eth0."), "{said}");
    // It finds out that they run, by their numbers and the file that they run.
    installed.succeeds("start");
    assert_eq!(["eth0", SECOND].map(|it| installed.pid(it)), before);
    let names = before.map(|pid| fs::read_to_string(format!("/proc/{pid}/comm")));
    assert!(
        names
            .iter()
            .all(|it| matches!(it.as_deref(), Ok("dhcp6s\n")))
    );

    installed.succeeds("restart");
    let after = ["eth0", SECOND].map(|it| installed.pid(it));
    assert!(after.iter().zip(&before).all(|(new, old)| new != old));
    assert!(before.iter().all(|pid| !is_there(*pid)));
    for interface in installed.machine.interfaces() {
        installed.machine.settle_through(interface);
    }

    before = after;
    installed.succeeds("stop");
    assert!(before.iter().all(|pid| !is_there(*pid)));
    for interface in ["eth0", SECOND] {
        assert_eq!(installed.machine.read(&pid_file(interface)), None);
    }
    let (status, said) = installed.script("status");
    assert_eq!(status, Some(3), "{said}");
}

/// What each verbosity lets through, as the numbers of the syslog: 27 is an error, 28 a warning, 29 a notice, 30
/// an info, 31 debugging.
#[rstest]
fn the_verbosity_of_the_start_script_is_heeded(
    #[values(PathBuf::from(ORIGINAL.0), server::path())] program: PathBuf,
    #[values(0, 1, 2)] verbosity: u8,
) {
    let Some(mut installed) = Installed::new(&program) else {
        return;
    };
    installed.choose("eth0", verbosity);
    installed.succeeds("start");
    installed.machine.settle();
    installed.succeeds("stop");
    let said = installed.machine.syslog();
    let has = |priority: &str| said.iter().any(|it| it.starts_with(priority));
    assert_eq!(has("<31>"), verbosity == 2, "{said:#?}");
    assert_eq!(has("<30>"), verbosity >= 1, "{said:#?}");
}

#[test]
fn relayed_unicast_finds_the_process_of_its_interface() {
    let Some(mut installed) = Installed::new(&server::path()) else {
        return;
    };
    installed.choose(&format!("eth0 {SECOND}"), 0);
    installed.succeeds("start");
    for interface in installed.machine.interfaces() {
        installed.machine.settle_through(interface);
    }
    let count = 40;
    let answers = installed.machine.client().run(move || {
        let at = |address, port| SocketAddrV6::new(address, port, 0, 0);
        let agent = UdpSocket::bind(at(CLIENT_GLOBAL, 547)).expect("an agent's port");
        agent.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        // The kernel chooses among sockets by the ports, so each message has another.
        for number in 0..count {
            let mut question = message(11, &[client(0xc1)]);
            question[3] = number;
            let socket = UdpSocket::bind(at(CLIENT_GLOBAL, 0)).expect("a port");
            let to = at(SERVER_GLOBAL, 547);
            socket.send_to(&relayed(&question), to).expect("it leaves");
        }
        (0..count)
            .take_while(|_| agent.recv(&mut [0; 1500]).is_ok())
            .count()
    });
    assert_eq!(answers, usize::from(count));
    installed.succeeds("stop");
}
