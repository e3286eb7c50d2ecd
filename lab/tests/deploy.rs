//! The files of `docs/deploy`: each is well-formed by the tool that there is for its kind, and all of them ask for what
//! the command of the README does, which `container.rs` shows to serve.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use dhcp6lab::link;
use serde_yaml::Value;

use deployment::{Deployment, section};

#[path = "support/deployment.rs"]
mod deployment;
#[allow(dead_code, reason = "other tests ask for the rest")]
#[path = "support/handbook.rs"]
mod handbook;
#[path = "support/server.rs"]
mod server;
mod support;

fn file(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = fs::read_to_string(root.join(name));
    text.unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn by_the_readme() -> Deployment {
    Deployment::of_readme(&file("README.md"))
}

/// Of these options, those that one has and the other has not.
fn differing(one: &Deployment, other: &Deployment) -> (Vec<String>, Vec<String>) {
    let only = |these: &BTreeSet<String>, those| these.difference(those).cloned().collect();
    (
        only(&one.options, &other.options),
        only(&other.options, &one.options),
    )
}

#[test]
fn the_quadlet_asks_for_what_the_readme_does() {
    let text = file("docs/deploy/dhcp6s.container");
    let quadlet = Deployment::of_quadlet(&text);
    let (more, less) = differing(&quadlet, &by_the_readme());
    assert_eq!(
        more,
        [
            "--name dhcp6s",
            "--sdnotify container",
            "--security-opt no-new-privileges",
            "--volume /etc/wide-dhcpv6:/etc/wide-dhcpv6:ro",
        ]
    );
    assert_eq!(
        less,
        ["--volume ./dhcp6s.conf:/etc/wide-dhcpv6/dhcp6s.conf:ro"]
    );
    assert_eq!(quadlet.image, "localhost/dhcp6s:latest");
    assert_eq!(quadlet.arguments, by_the_readme().arguments);
    // The other sections are systemd's own, which looks at them below.
    for name in ["Unit", "Service", "Install"] {
        section(&text, name);
    }
}

/// docker and Kubernetes give capabilities to root alone.
#[test]
fn compose_and_kubernetes_ask_for_what_the_readme_does_as_root() {
    let compose = Deployment::of_compose(&file("docs/deploy/compose.yaml"));
    let set = Deployment::of_daemon_set(&file("docs/deploy/daemonset.yaml"));
    let config = "--volume ./dhcp6s.conf:/etc/wide-dhcpv6/dhcp6s.conf:ro";
    let leases = "--volume dhcpv6:/var/lib/dhcpv6";
    let more = [
        "--security-opt no-new-privileges",
        "--user 0:0",
        "--volume /etc/wide-dhcpv6:/etc/wide-dhcpv6:ro",
    ];
    let readme = by_the_readme();
    let (too_much, missing) = differing(&compose, &readme);
    let check = "--health-cmd dhcp6ctl health eth0";
    let node = "--volume /var/lib/dhcpv6:/var/lib/dhcpv6";
    assert_eq!(too_much, [&[check], &more[..], &[node]].concat());
    assert_eq!(missing, [config, leases]);
    let (too_much, missing) = differing(&set, &readme);
    assert_eq!(too_much, [&more[..], &[node]].concat());
    assert_eq!(missing, [config, leases]);
    for it in [compose, set] {
        assert_eq!(it.image, "dhcp6s");
        assert_eq!(it.arguments, readme.arguments);
    }
}

/// All that a value says is said by the other, which may say more.
fn is_in(value: &Value, other: &Value, path: &str) {
    match (value, other) {
        (Value::Mapping(these), Value::Mapping(those)) => {
            for (key, value) in these {
                let path = format!("{path}.{}", key.as_str().expect("a name"));
                let other = those.get(key);
                is_in(
                    value,
                    other.unwrap_or_else(|| panic!("unknown: {path}")),
                    &path,
                );
            }
        }
        (Value::Sequence(these), Value::Sequence(those)) => {
            assert_eq!(these.len(), those.len(), "{path}");
            for (value, other) in these.iter().zip(those) {
                is_in(value, other, path);
            }
        }
        _ => assert_eq!(value, other, "{path}"),
    }
}

/// `kubectl` reads a file into its own types, which know all fields of Kubernetes and no others, and writes those. It
/// asks no cluster for that.
#[test]
fn kubectl_knows_every_field_of_the_daemon_set() {
    if !support::has(link::installed("kubectl", "kubernetes-client")) {
        return;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/deploy/daemonset.yaml");
    let mut kubectl = Command::new("kubectl");
    kubectl.args(["set", "image", "--local", "--output", "json", "--filename"]);
    let output = kubectl.arg(path).arg("dhcp6s=dhcp6s:other").output();
    let output = output.expect("kubectl");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let read: Value = serde_yaml::from_slice(&output.stdout).expect("JSON");
    // It writes what it has changed alone.
    let text =
        file("docs/deploy/daemonset.yaml").replace("image: dhcp6s\n", "image: dhcp6s:other\n");
    let written: Value = serde_yaml::from_str(&text).expect("YAML");
    is_in(&written, &read, "");
    assert_eq!(
        written["spec"]["selector"]["matchLabels"],
        written["spec"]["template"]["metadata"]["labels"]
    );
}

/// Has systemd look at a unit, without running anything, and tells what it says of it.
fn systemd_says(name: &str, unit: &str, words: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    fs::write(&path, unit).expect("it can be written");
    let mut analyze = Command::new("systemd-analyze");
    let output = analyze.args(words).arg(&path).output().expect("systemd");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{name}: {said}");
    said
}

fn has_systemd() -> bool {
    support::has(link::installed("systemd-analyze", "systemd"))
}

#[test]
fn systemd_takes_the_service_and_finds_little_exposed() {
    if !has_systemd() {
        return;
    }
    let unit = file("docs/deploy/dhcp6s@.service");
    // It looks whether there is such a program; and for the instance at what is written for all.
    let program = server::path();
    let here = unit.replace("/usr/local/sbin/dhcp6s", &program.to_string_lossy());
    let said = systemd_says("dhcp6s@eth0.service", &here, &["verify", "--man=no"]);
    assert_eq!(said, "");
    // In tenths, from 0 to 100; what systemd calls OK ends at 50.
    let options = ["security", "--offline=yes", "--no-pager", "--threshold=25"];
    systemd_says("dhcp6s@eth0.service", &unit, &options);
}

/// podman makes a service of a quadlet by putting a command in the place of the section `[Container]`.
#[test]
fn systemd_takes_what_podman_makes_of_the_quadlet() {
    if !has_systemd() {
        return;
    }
    let text = file("docs/deploy/dhcp6s.container");
    let (head, rest) = text.split_once("[Container]").expect("a container");
    let (_, service) = rest.split_once("[Service]").expect("a service");
    let service = service.replace("/usr/bin/podman", "/bin/true");
    let unit = format!("{head}[Service]\nExecStart=/bin/true\n{service}");
    let said = systemd_says("dhcp6s.service", &unit, &["verify", "--man=no"]);
    assert_eq!(said, "");
}

/// The command line of the service is that of the image, in which the interface is yet to come.
#[test]
fn the_service_starts_the_server_as_the_image_does() {
    let unit = file("docs/deploy/dhcp6s@.service");
    let service = section(&unit, "Service");
    let start = service.iter().find(|(key, _)| *key == "ExecStart");
    let (_, start) = start.expect("a command");
    let containerfile = file("Containerfile");
    let entry = containerfile
        .lines()
        .find_map(|it| it.strip_prefix("ENTRYPOINT "));
    let entry: Vec<String> = serde_json::from_str(entry.expect("an entry point")).expect("JSON");
    assert_eq!(*start, format!("/usr/local/sbin/{} %I", entry.join(" ")));
}
