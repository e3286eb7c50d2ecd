//! A server that cannot have its files says in one line which, why, and what to do, and ends with status 1.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dhcp6lab::link::Namespace;
use dhcp6lab::link::owner::temporary_folder;
use tempfile::TempDir;

#[path = "support/server.rs"]
mod server;
mod support;

struct Bench {
    namespace: Namespace,
    folder: TempDir,
}

impl Bench {
    fn new() -> Option<Self> {
        if !support::can_run(&[("setpriv", "util-linux")]) {
            return None;
        }
        let bench = Self {
            namespace: Namespace::new().expect("a namespace"),
            folder: temporary_folder().expect("a folder"),
        };
        // A new DUID is made of a hardware address, which loopback has none of.
        let mut cable = Command::new("ip");
        cable.args("link add eth0 type veth peer name eth1".split(' '));
        bench.namespace.command(cable).expect("a cable");
        fs::create_dir(bench.path("etc")).expect("a folder");
        fs::create_dir(bench.path("volume")).expect("a folder");
        fs::write(bench.path("etc/dhcp6s.conf"), "").expect("a file");
        fs::write(bench.path("etc/duid"), DUID).expect("a file");
        fs::write(bench.path("etc/dhcp6s_secret"), [7; 32]).expect("a file");
        Some(bench)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn mode(&self, name: &str, mode: u32) {
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(self.path(name), mode).expect("a mode");
    }

    /// Starts a server that cannot serve, perhaps through another program, and returns its only line.
    #[track_caller]
    fn refusal(&self, before: &[&str], program: &Path, duid: &str, leases: &str) -> String {
        let mut words = before.iter().map(|it| PathBuf::from(*it));
        let program = program.to_owned();
        let mut command = Command::new(words.next().unwrap_or_else(|| program.clone()));
        command.args(words);
        if !before.is_empty() {
            command.arg(&program);
        }
        command.args(["-f", "-k", "/dev/null", "-P", "/dev/null", "lo"]);
        command.arg("-c").arg(self.path("etc/dhcp6s.conf"));
        command.arg("--duid").arg(self.path(duid));
        command.arg("--leases").arg(self.path(leases));
        command.stdin(Stdio::null());
        let output = self.namespace.run(move || command.output());
        let output = output.expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        let lines = said
            .lines()
            .filter(|it| !it.contains("failed to get a DUID"));
        let lines: Vec<_> = lines.collect();
        assert_eq!(lines.len(), 1, "{said}");
        lines[0].to_owned()
    }

    /// The same as root.
    #[track_caller]
    fn of_root(&self, duid: &str, leases: &str) -> String {
        self.refusal(&[], &server::path(), duid, leases)
    }
}

/// A DUID file in the byte order of this machine.
const DUID: [u8; 12] = {
    let [a, b] = 10_u16.to_ne_bytes();
    [a, b, 0, 3, 0, 1, 2, 0, 0, 0, 0, 1]
};

/// What makes a program a user of its own who may take the port, as in a container.
const NOBODY: [&str; 6] = [
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
    "--inh-caps=-all,+net_bind_service",
    "--ambient-caps=-all,+net_bind_service",
];

#[track_caller]
fn has(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "no `{part}` in: {said}");
    }
}

#[test]
fn a_volume_of_another_user_is_named_with_its_owner_and_the_remedy() {
    let Some(bench) = Bench::new() else { return };
    if !support::has_other_users() {
        return;
    }
    let program = bench.path("dhcp6s");
    fs::copy(server::path(), &program).expect("a copy that anybody can run");
    fs::set_permissions(bench.folder.path(), fs::Permissions::from_mode(0o755)).expect("a mode");
    bench.mode("etc/dhcp6s_secret", 0o644);
    let volume = bench.path("volume").display().to_string();
    let parts = [
        "Permission denied",
        &format!("{volume} belongs to user 0 and group 0 with mode 0755"),
        "this process is user 65534 and group 65534",
        &format!("`chown -R 65534 {volume}`"),
        "`:U`",
    ];
    let refusal = |duid, leases| bench.refusal(&NOBODY, &program, duid, leases);
    has(&refusal("etc/duid", "volume/leases"), &parts);
    has(&refusal("volume/duid", "volume/leases"), &parts);
    // A folder of its own with a file of root's in it, as after a first run as root.
    fs::create_dir(bench.path("volume/leases")).expect("a folder");
    fs::write(bench.path("volume/leases/lock"), "").expect("a file");
    let said = refusal("etc/duid", "volume/leases");
    has(
        &said,
        &["lock belongs to user 0", "this process is user 65534"],
    );
    bench.mode("etc/duid", 0o600);
    let said = refusal("etc/duid", "volume/leases");
    let file = bench.path("etc/duid").display().to_string();
    has(
        &said,
        &[
            &format!("cannot read {file}"),
            &format!("{file} belongs to user 0"),
        ],
    );
}

#[test]
fn a_lease_folder_that_is_a_file_is_named() {
    let Some(bench) = Bench::new() else { return };
    fs::write(bench.path("volume/leases"), "").expect("a file");
    let file = bench.path("volume/leases").display().to_string();
    for leases in ["volume/leases", "volume/leases/eth0"] {
        let said = bench.of_root("etc/duid", leases);
        has(
            &said,
            &[&format!("{file} is a file where a folder has to be")],
        );
    }
}

#[test]
fn a_volume_that_is_mounted_read_only_is_named() {
    let Some(bench) = Bench::new() else { return };
    let volume = bench.path("volume");
    let mount = |words: &[&str]| {
        let mut mount = Command::new("mount");
        mount.args(words).arg(&volume);
        bench.namespace.command(mount).expect("the system lets us");
    };
    mount(&["-t", "tmpfs", "-o", "ro", "none"]);
    let shown = format!("{} is mounted read-only: mount a volume", volume.display());
    for duid in ["etc/duid", "volume/duid"] {
        has(
            &bench.of_root(duid, "volume/leases"),
            &["os error 30", &shown],
        );
    }
}

#[test]
fn the_volume_of_a_server_in_another_container_names_its_host() {
    let Some(bench) = Bench::new() else { return };
    let leases = bench.path("volume/leases");
    fs::create_dir(&leases).expect("a folder");
    let lock = fs::File::create(leases.join("lock")).expect("a file");
    lock.lock().expect("nobody else has it");
    fs::write(leases.join("lock"), "1\nweb-7 pid:[1]\n").expect("a file");
    let said = bench.of_root("etc/duid", "volume/leases");
    let folder = leases.display();
    let whole = format!(
        "dhcp6s: {folder} is in use by process 1 of another container or host, which is called web-7; stop that one, \
         or name another directory with --leases"
    );
    assert_eq!(said, whole);
}
