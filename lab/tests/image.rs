//! The image that people run passes the suite as the program does, and the lab in it does what `docs/ci.md` says,
//! without any capability. That it serves clients as the README has it run, `container.rs` shows.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use image::{NEEDS, name};

#[path = "support/handbook.rs"]
mod handbook;
#[path = "support/image.rs"]
mod image;
mod support;

/// All of them. What tshark makes of the same answers is no matter of the container.
#[test]
fn scenarios_go_in_the_container_as_they_go_elsewhere() {
    if support::can_run(&NEEDS) {
        let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
        let mut run = Command::new(env!("CARGO_BIN_EXE_dhcp6lab"));
        run.args(["run", "--strict", "--no-witness", "--image", name()]);
        let output = run.arg(scenarios).output().expect("the program of the lab");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}");
        assert!(said.contains(" 0 failed, 0 new"), "{said}");
    }
}

/// What stands before the real podman, and for docker: it takes the runtime, the limits and the image that there are.
const STAND_IN: &str = r#"#!/bin/sh
PATH=$REAL_PATH
shift
case $0 in */docker) [ "$(id -u)" = 0 ] || set -- --userns keep-id "$@" ;; esac
exec podman --runtime runc run --pull never --network none --cap-drop all --read-only \
    --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 "$@"
"#;

/// Somebody's repository, with the files that the document has people write, and a capture.
struct Repository(tempfile::TempDir);

impl Repository {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let this = Self(folder);
        for block in handbook::blocks(&handbook::document()) {
            if let Some(file) = block.file() {
                this.write(file, block.text);
            }
        }
        for name in ["docker", "podman"] {
            let path = this.write(&format!("bin/{name}"), STAND_IN);
            let all = fs::Permissions::from_mode(0o755);
            fs::set_permissions(path, all).expect("it is ours");
        }
        let capture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pcaps/dhclient-address.pcap");
        let capture = fs::read(capture).expect("a capture");
        this.write("dhcpv6/captures/dhclient.pcap", capture);
        this
    }

    fn write(&self, file: &str, content: impl AsRef<[u8]>) -> std::path::PathBuf {
        let path = self.0.path().join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
        fs::write(&path, content).expect("it can be written");
        path
    }

    fn read(&self, file: &str) -> String {
        let text = fs::read_to_string(self.0.path().join(file));
        text.unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    /// Runs a script as a job does, and tells its status and what it said.
    fn job(&self, script: &str) -> (Option<i32>, String) {
        let path = std::env::var("PATH").expect("a path");
        let script = script.replace("dhcp6lab dhcp6s ", "dhcp6lab \"$DHCP6S_IMAGE\" ");
        let mut shell = Command::new("bash");
        shell.args(["-e", "-c", &script]).current_dir(self.0.path());
        shell.env("DHCP6S_IMAGE", name()).env("REAL_PATH", &path);
        shell.env("CI", "true").env("GITHUB_ACTIONS", "true");
        let own = self.0.path().join("bin");
        shell.env("PATH", format!("{}:{path}", own.display()));
        let output = shell.output().expect("bash");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        (output.status.code(), said)
    }

    /// The same for the commands of the document that have this text in them.
    fn follow(&self, text: &str) -> String {
        let document = handbook::document();
        let blocks = handbook::blocks(&document);
        let shell = blocks.iter().filter(|it| it.language == "sh");
        let lines = shell.flat_map(|it| handbook::lines(it.text));
        let lines: Vec<String> = lines.filter(|it| it.contains(text)).collect();
        assert!(!lines.is_empty(), "no command has {text}");
        let (status, said) = self.job(&lines.join("\n"));
        assert_eq!(status, Some(0), "{lines:?}\n{said}");
        said
    }

    /// The scripts of the job for GitHub: scenarios, captures.
    fn scripts(&self) -> [String; 2] {
        let job = self.read(".github/workflows/dhcpv6.yaml");
        let job: serde_yaml::Value = serde_yaml::from_str(&job).expect("YAML");
        let steps = &job["jobs"]["scenarios"]["steps"];
        [1, 2].map(|step| steps[step]["run"].as_str().expect("a script").to_owned())
    }
}

/// There is neither cargo nor a checkout in the image, nor anything else.
#[test]
fn the_lab_in_the_image_plays_the_scenarios_in_it() {
    if support::can_run(&NEEDS) {
        let said = Repository::new().follow(" /scenarios");
        assert!(said.contains(" 0 failed, 0 new"), "{said}");
    }
}

#[test]
fn the_job_of_the_handbook_passes_and_fails() {
    if !support::can_run(&NEEDS) {
        return;
    }
    let repository = Repository::new();
    let [scenarios, captures] = repository.scripts();

    let (status, said) = repository.job(&scenarios);
    assert_eq!(status, Some(1), "there is no snapshot yet:\n{said}");
    repository.follow("--bless");
    assert!(
        repository
            .read("dhcpv6/scenarios/lease.snap")
            .contains("dns-servers  2001:db8::53")
    );
    let (status, said) = repository.job(&scenarios);
    assert_eq!(status, Some(0), "{said}");
    let junit = repository.read("reports/scenarios.xml");
    assert!(
        junit.contains("lease.yaml") && junit.contains("failures=\"0\""),
        "{junit}"
    );
    assert!(
        repository
            .read("reports/scenarios.html")
            .contains("A laptop gets an address")
    );
    let (status, said) = repository.job(&captures);
    assert_eq!(status, Some(0), "{said}");
    repository.read("reports/dhclient.pcap.json");

    let good = repository.read("dhcpv6/dhcp6s.conf");
    repository.write("dhcpv6/dhcp6s.conf", good.replace("::53", "::54"));
    let (status, said) = repository.job(&scenarios);
    assert_eq!(status, Some(1), "{said}");
    assert!(
        said.contains("::error file=dhcpv6/scenarios/lease.yaml"),
        "{said}"
    );
    let junit = repository.read("reports/scenarios.xml");
    assert!(junit.contains("failures=\"1\""), "{junit}");

    repository.write(
        "dhcpv6/dhcp6s.conf",
        good.replace("address-pool", "adress-pool"),
    );
    let (status, said) = repository.job(&scenarios);
    assert_eq!(status, Some(2), "{said}");
    let (status, said) = repository.job(&captures);
    assert_eq!(status, Some(2), "{said}");
}

#[test]
fn captures_are_read_in_the_image() {
    if support::can_run(&NEEDS) {
        let repository = Repository::new();
        let said = repository.follow(" show ");
        assert!(said.contains("14 DHCPv6 messages of 2 clients"), "{said}");
        repository.follow(" replay ");
        repository.follow(" import ");
        assert!(
            repository
                .read("dhcpv6/scenarios/dhclient.yaml")
                .contains("steps:")
        );
        repository.follow(" anonymise ");
        let played =
            "--user 0 --volume \"$PWD:/work\" --workdir /work --entrypoint dhcp6lab dhcp6s";
        let (status, said) = repository.job(&format!(
            "podman run --rm {played} run --rig sim --no-witness dhcpv6/scenarios/dhclient.yaml"
        ));
        assert_eq!(status, Some(0), "{said}");
        let (status, said) = repository.job(&format!(
            "podman run --rm {played} show dhcpv6/captures/anonymous.pcap"
        ));
        assert_eq!(status, Some(0), "{said}");
    }
}

#[test]
fn a_real_link_in_the_image_lacks_what_the_handbook_says() {
    if support::can_run(&NEEDS) {
        let repository = Repository::new();
        let run = "podman run --rm --entrypoint dhcp6lab dhcp6s run --rig live /scenarios/solicit";
        let (status, said) = repository.job(run);
        assert_eq!(status, Some(3), "{said}");
        let document = handbook::document();
        let blocks = handbook::blocks(&document);
        let told = blocks
            .iter()
            .find(|it| it.text.starts_with("dhcp6lab: the live rig"));
        let told = told.expect("the message is in the document");
        assert!(said.contains(told.text.trim()), "{said}");
    }
}

/// Where it was built, and by whom, is not in the programs, so that another build may be the same; `lab/reproduce`
/// shows that it is.
#[test]
fn the_server_in_the_image_does_not_tell_where_it_was_built() {
    if !support::can_run(&NEEDS) {
        return;
    }
    let podman = |words: &[&str]| {
        let output = Command::new("podman").args(words).output().expect("podman");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "podman {words:?}: {said}");
        output.stdout
    };
    let container = podman(&["create", "--network", "none", name()]);
    let container = String::from_utf8_lossy(&container).trim().to_owned();
    let folder = tempfile::tempdir().expect("a folder");
    let there = folder.path().to_string_lossy().into_owned();
    let programs = format!("{container}:/usr/local/sbin");
    podman(&["cp", &programs, &there]);
    podman(&["rm", &container]);
    let home = std::env::var("CARGO_HOME").unwrap_or_else(|_| "/root/.cargo".into());
    for program in ["dhcp6s", "dhcp6ctl"] {
        let octets = fs::read(folder.path().join("sbin").join(program)).expect("the program");
        let text = String::from_utf8_lossy(&octets);
        assert!(
            text.contains("/cargo/registry/src/"),
            "{program} names no crate"
        );
        for place in ["/usr/local/cargo/", &home, "/src/src/"] {
            assert!(!text.contains(place), "{program} tells of {place}");
        }
    }
}

/// The labels say what the workspace does.
#[test]
fn the_image_says_what_it_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let containerfile = fs::read_to_string(root.join("Containerfile")).expect("it is there");
    let label = |name: &str| {
        let start = format!("org.opencontainers.image.{name}=\"");
        let (_, rest) = containerfile.split_once(&start).expect(name);
        rest.split_once('"').expect("its end").0
    };
    assert_eq!(label("version"), env!("CARGO_PKG_VERSION"));
    let manifest = fs::read_to_string(root.join("Cargo.toml")).expect("it is there");
    let licence = format!("license = \"{}\"", label("licenses"));
    assert!(manifest.contains(&licence), "{licence}");
}
