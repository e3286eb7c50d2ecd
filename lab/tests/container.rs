//! The command with which the README runs the server in a container, as it stands: it serves real clients, as nobody, on
//! a file system that it cannot write to, with one capability; and a container that is killed and made anew on the same
//! volume knows every lease.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use dhcp6lab::clients::site::{ADDRESS, HOST, Site};
use dhcp6lab::clients::{Client, Dhclient, Dhcp6c, Dhcpcd, Identity, Wants, life};
use dhcp6lab::rig::INTERFACE;
use dhcp6lab::rig::server::Program;

use deployment::Deployment;

#[allow(dead_code, reason = "other tests ask for the rest")]
#[path = "support/deployment.rs"]
mod deployment;
#[allow(dead_code, reason = "other tests ask for the rest")]
#[path = "support/handbook.rs"]
mod handbook;
#[path = "support/image.rs"]
mod image;
mod support;

/// What podman takes on machines that are containers themselves, and nowhere else.
const HERE: &str =
    "--runtime runc run --pull never --ulimit nofile=1024:1024 --ulimit nproc=1024:1024";

/// A container with its volume, both of which go with this.
struct Container {
    name: String,
    program: Program,
}

impl Container {
    /// The README's: with this name, on a volume of the same name, and with the configuration that the lab writes.
    fn of_the_readme(test: &str) -> Self {
        let name = format!("dhcp6lab-{}-{test}", std::process::id());
        let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
        let readme = fs::read_to_string(readme).expect("the README");
        let deployment = Deployment::of_readme(&readme);
        assert_eq!(deployment.arguments, [INTERFACE]);
        let options: Vec<&str> = deployment.options.iter().map(String::as_str).collect();
        let options = options
            .join(" ")
            .replace("./dhcp6s.conf:", "{config}:")
            .replace("--volume dhcpv6:", &format!("--volume {name}:"));
        let image = image::name();
        // The README's `run` is in `HERE`.
        let line = format!("podman {HERE} --replace --name {name} {options} {image} {{interface}}");
        Self {
            name,
            program: Program::Command(line),
        }
    }

    fn podman(&self, words: &str) -> Output {
        let mut podman = Command::new("podman");
        podman.args(["--runtime", "runc"]);
        let words = words.replace("NAME", &self.name);
        podman.args(words.split(' ')).output().expect("podman")
    }

    fn asked(&self, words: &str) -> String {
        let output = self.podman(words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "podman {words}: {said}");
        String::from_utf8(output.stdout)
            .expect("text")
            .trim()
            .to_owned()
    }

    /// The process of the server, as the machine sees it.
    fn process(&self) -> PathBuf {
        let pid = self.asked("inspect --format {{.State.Pid}} NAME");
        Path::new("/proc").join(pid)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        self.podman("rm --force --time 0 --ignore NAME");
        self.podman("volume rm --force NAME");
    }
}

fn lives(client: &dyn Client, test: &str) {
    if support::can_run(&[&[client.program()], &image::NEEDS[..]].concat()) {
        let container = Container::of_the_readme(test);
        life::live(client, container.program.clone(), Wants::Both)
            .unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn dhclient_keeps_its_leases_when_the_container_is_replaced() {
    lives(&Dhclient, "dhclient");
}

#[test]
fn dhcp6c_keeps_its_leases_when_the_container_is_replaced() {
    lives(&Dhcp6c, "dhcp6c");
}

#[test]
fn dhcpcd_keeps_its_leases_when_the_container_is_replaced() {
    lives(&Dhcpcd, "dhcpcd");
}

/// One line of a process's status.
fn status<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let lines = text.lines().filter_map(|it| it.split_once(":\t"));
    let mut values = lines
        .filter(|(key, _)| *key == name)
        .map(|(_, value)| value);
    let value = values.next().unwrap_or_else(|| panic!("no {name}"));
    value.split_whitespace().collect()
}

#[test]
fn a_killed_container_had_one_right_and_its_lease_is_renewed_by_the_next() {
    if !support::can_run(&[&[Dhclient.program()], &image::NEEDS[..]].concat()) {
        return;
    }
    let container = Container::of_the_readme("killed");
    let mut site = Site::new(container.program.clone(), Dhclient.lifetimes())
        .unwrap_or_else(|it| panic!("{it}"));

    let process = container.process();
    let text = fs::read_to_string(process.join("status")).expect("its status");
    assert_eq!(status(&text, "Uid"), ["65534"; 4]);
    assert_eq!(status(&text, "Gid"), ["65534"; 4]);
    // Bit 10 is CAP_NET_BIND_SERVICE.
    for set in ["CapEff", "CapPrm", "CapBnd"] {
        let held = u64::from_str_radix(status(&text, set)[0], 16).expect("bits");
        assert_eq!(held & !(1 << 10), 0, "{set}");
    }
    let mounts = fs::read_to_string(process.join("mountinfo")).expect("its mounts");
    let mut lines = mounts.lines().map(|it| it.split(' ').collect::<Vec<_>>());
    let root = lines.rfind(|it| it[4] == "/").expect("a root");
    assert!(root[5].split(',').any(|it| it == "ro"), "{root:?}");

    let identity = Identity {
        number: HOST,
        wants: Wants::Address,
    };
    let has_it = |assigned: &[dhcp6lab::link::watch::Assigned]| {
        assigned
            .iter()
            .any(|it| it.address == format!("{ADDRESS}/128"))
    };
    let mut session = dhcp6lab::clients::session::Session::start(&Dhclient, &site, identity)
        .unwrap_or_else(|error| panic!("{error}"));
    let first = session.until_assigned(&site, "obtain its lease", has_it);
    first.unwrap_or_else(|error| panic!("{error}"));

    container.asked("kill --signal KILL NAME");
    site.server.kill().expect("podman has nothing left to do");
    site.server
        .start()
        .unwrap_or_else(|error| panic!("{error}"));
    let renewed = session
        .until_renewed(&site)
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(has_it(&renewed), "{renewed:?}");
    let logs = container.podman("logs NAME");
    let said = String::from_utf8_lossy(&logs.stderr).into_owned();
    assert!(said.contains("leases in force or remembered: 1,"), "{said}");
}

/// What podman says when it is asked to run the server with these options and arguments: the exit status, and the text.
fn refused(options: &str, arguments: &str) -> (Option<i32>, String) {
    let image = image::name();
    let line = format!("{HERE} --rm --network none --read-only {options} {image} {arguments}");
    let mut podman = Command::new("podman");
    let output = podman
        .args(line.split_whitespace())
        .output()
        .expect("podman");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (output.status.code(), said)
}

#[test]
fn mistakes_around_the_container_are_one_line_each() {
    if !support::can_run(&image::NEEDS) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().display();
    let leases = "--tmpfs /var/lib/dhcpv6:mode=0777";
    let one = "--cap-drop=all --cap-add=NET_BIND_SERVICE";
    // A file that was not there when the container was made is a folder now: docker makes one.
    let config = format!("--volume {path}:/etc/wide-dhcpv6/dhcp6s.conf:ro");
    for (options, arguments, says) in [
        (format!("{one} {leases} {config}"), "lo", "dhcp6s.conf"),
        (
            format!("{one} --volume {path}:/var/lib/dhcpv6:ro"),
            "lo",
            "/var/lib/dhcpv6/dhcp6s_",
        ),
    ] {
        let (status, said) = refused(&options, arguments);
        assert_eq!(status, Some(1), "{options} {arguments}: {said}");
        assert!(said.contains(says), "{options} {arguments}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}
