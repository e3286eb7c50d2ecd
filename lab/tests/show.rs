//! `dhcp6lab show`, as people call it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use dhcp6lab::rig::Datagram;
use dhcp6lab::show::{self, ShowArguments};
use dhcp6lab::{capture, status};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    arguments: ShowArguments,
}

/// What `dhcp6lab show` says: exit status, standard output, standard error.
fn shown(arguments: &[&str]) -> (u8, String, String) {
    let line = ["show", "--color", "never"].iter().chain(arguments);
    let line = Line::try_parse_from(line).expect("a command line");
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let status = show::run(&line.arguments, &mut out, &mut err);
    let text = |octets| String::from_utf8(octets).expect("text");
    (status, text(out), text(err))
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.chars().filter(char::is_ascii_hexdigit).collect();
    let pairs = digits.chunks(2).map(|it| it.iter().collect::<String>());
    pairs
        .map(|it| u8::from_str_radix(&it, 16).expect("hex"))
        .collect()
}

const CLIENT: &str = "[fe80::c1]:546";
const GROUP: &str = "[ff02::1:2]:547";
const SERVER: &str = "[fe80::1]:547";
const CLIENT_ID: &str = "0001 000a 0003 0001 0200000000c1";
const SERVER_ID: &str = "0002 000a 0003 0001 020000000001";

/// A Solicit that is repeated too early, an Advertise whose status is at the wrong place, and a Request that was
/// cut, through a relay agent.
fn messages() -> Vec<(u64, &'static str, &'static str, Vec<u8>)> {
    let solicit =
        format!("01 aaaaaa {CLIENT_ID} 0003 000c 00000001 00000000 00000000 0006 0004 0017 0052");
    let advertise = format!("02 aaaaaa {CLIENT_ID} {SERVER_ID} 000d 0004 0002 6e6f");
    let request = format!("03 bbbbbb {CLIENT_ID} {SERVER_ID} 0003 00ff 00");
    let inner = unhex(&request);
    let address = "20010db8000100000000000000000001 fe8000000000000000000000000000c1";
    let mut relayed = unhex(&format!("0c 00 {address} 0012 0004 65746831 0009"));
    relayed.extend(u16::try_from(inner.len()).expect("short").to_be_bytes());
    relayed.extend(inner);
    vec![
        (
            0,
            CLIENT,
            GROUP,
            unhex(&format!("{solicit} 0008 0002 0000")),
        ),
        (
            400,
            CLIENT,
            GROUP,
            unhex(&format!("{solicit} 0008 0002 0028")),
        ),
        (402, SERVER, CLIENT, unhex(&advertise)),
        (2000, "[2001:db8:1::1]:547", "[2001:db8::547]:547", relayed),
    ]
}

fn file(folder: &Path, name: &str, messages: &[(u64, &str, &str, Vec<u8>)]) -> PathBuf {
    let datagrams: Vec<_> = messages
        .iter()
        .map(|(at, source, destination, payload)| {
            let datagram = Datagram {
                source: source.parse().expect("an address"),
                destination: destination.parse().expect("an address"),
                payload: payload.clone(),
            };
            (Duration::from_millis(*at), datagram)
        })
        .collect();
    let path = folder.join(name);
    let file = std::fs::File::create(&path).expect("a file");
    capture::write(datagrams.iter().map(|(at, it)| (*at, it)), file).expect("it is written");
    path
}

#[test]
fn a_capture_is_shown_as_ladders_with_findings() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = file(folder.path(), "a.pcap", &messages());
    let path = path.to_str().expect("text");
    let (status, text, err) = shown(&[path, "--hex"]);
    assert_eq!((status, err.as_str()), (status::PASSED, ""));
    insta::assert_snapshot!("ladders", text.replace(path, "a.pcap"));
}

#[test]
fn findings_alone_fail_if_something_is_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = file(folder.path(), "a.pcap", &messages());
    let path = path.to_str().expect("text");
    let (status, text, _) = shown(&["--findings", path]);
    assert_eq!(status, status::FAILED);
    assert!(
        text.contains("✗ packet 2, client-00c1: client early-retransmission: again after 0.400 s"),
        "{text}"
    );
    assert!(!text.contains("──"), "{text}");
}

#[test]
fn a_client_is_found_by_what_it_is_called() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = file(folder.path(), "a.pcap", &messages());
    let path = path.to_str().expect("text");
    for client in [
        "02:00:00:00:00:C1",
        "fe80::c1",
        "client-00c1-2",
        "00030001020000",
    ] {
        let (status, text, err) = shown(&[path, "--client", client]);
        assert_eq!((status, err.as_str()), (status::PASSED, ""), "{client}");
        assert!(text.contains("── client"), "{text}");
    }
    let (status, _, err) = shown(&[path, "--client", "nobody"]);
    assert_eq!(status, status::BAD_INPUT);
    assert!(
        err.contains("there is no client \"nobody\"; there are client"),
        "{err}"
    );
}

#[test]
fn programs_get_one_document_about_all_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = file(folder.path(), "a.pcap", &messages());
    let second = file(folder.path(), "b.pcap", &messages()[..1]);
    let (status, text, _) = shown(&[
        "--json",
        first.to_str().expect("text"),
        second.to_str().expect("text"),
    ]);
    assert_eq!(status, status::PASSED);
    let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let files = document["files"].as_array().expect("files");
    assert_eq!(files.len(), 2);
    let messages = &files[0]["clients"][0]["messages"];
    assert_eq!(messages[0]["type"], "Solicit");
    assert_eq!(messages[1]["repeats"], 1);
    assert_eq!(messages[2]["answers"], 2);
    assert_eq!(messages[0]["options"][1]["text"], "iaid=1 t1=0 t2=0");
    let names: Vec<_> = files[0]["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .map(|it| &it["name"])
        .collect();
    assert!(names.iter().any(|it| *it == "outer-status"), "{names:?}");
}

#[test]
fn what_cannot_be_shown_is_said_with_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let empty = file(folder.path(), "empty.pcap", &[]);
    let text = folder.path().join("text");
    std::fs::write(&text, "interface eth0 { };\n").expect("it is written");
    for (path, part) in [
        (empty.as_path(), "there is no DHCPv6 in it"),
        (text.as_path(), "neither pcap nor pcapng"),
        (Path::new("/nowhere/a.pcap"), "No such file"),
    ] {
        let path = path.to_str().expect("text");
        let (status, out, err) = shown(&[path]);
        assert_eq!((status, out.as_str()), (status::BAD_INPUT, ""));
        assert!(err.contains(path) && err.contains(part), "{err}");
        assert_eq!(err.lines().count(), 1, "{err}");
    }
}

/// Real captures, if there are any: in `$DHCP6S_CAPTURES`, or beside the workspace; and that of this test.
fn real(folder: &Path) -> Vec<Vec<u8>> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/pcaps");
    let real = std::env::var_os("DHCP6S_CAPTURES").map_or(default, PathBuf::from);
    let entries = std::fs::read_dir(real)
        .into_iter()
        .flatten()
        .flatten()
        .map(|it| it.path());
    let own = file(folder, "own.pcap", &messages());
    let files = entries
        .filter(|it| it.extension().is_some_and(|it| it == "pcap"))
        .chain([own]);
    files
        .filter_map(|it| std::fs::read(it).ok())
        .filter(|it| it.len() < 1500)
        .collect()
}

#[test]
fn no_damage_to_a_capture_makes_showing_or_anonymising_it_panic() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("damaged.pcap");
    let output = folder.path().join("out.pcapng");
    let text = |path: &Path| path.to_str().expect("text").to_owned();
    let (path_text, output) = (text(&path), text(&output));
    for whole in real(folder.path()) {
        // The frames, not the headers in front: behind octet 40.
        for at in (40..whole.len()).step_by(101) {
            let mut damaged = whole.clone();
            damaged[at] = damaged[at].wrapping_add(0x7f);
            std::fs::write(&path, damaged).expect("it is written");
            for arguments in [
                ["--findings", &path_text],
                ["--json", &path_text],
                ["--hex", &path_text],
            ] {
                shown(&arguments);
            }
            let line = ["anonymise", &path_text, "-o", &output, "--seed", "any"];
            let arguments = Anonymise::try_parse_from(line)
                .expect("a command line")
                .arguments;
            dhcp6lab::anonymise::run(&arguments, &mut Vec::new(), &mut Vec::new());
        }
    }
}

#[derive(Parser)]
struct Anonymise {
    #[command(flatten)]
    arguments: dhcp6lab::anonymise::AnonymiseArguments,
}
