//! `dhcp6lab anonymise`: nothing that tells who somebody is remains, and everything that tells what they did.
//!
//! The captures are those of pcaps/, and real ones in `$DHCP6S_CAPTURES`, by default `../shared/pcaps` beside the
//! workspace.

use std::collections::BTreeSet;
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use dhcp6lab::anonymise::{self, AnonymiseArguments};
use dhcp6lab::capture::{self, Capture};
use dhcp6lab::dissect::{self, Head, Message, Options, Value};
use dhcp6lab::findings::{self, Finding};
use dhcp6lab::{conversation, status};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    arguments: AnonymiseArguments,
}

/// Anonymises a capture: exit status, standard output, standard error.
fn anonymised(arguments: &[&str]) -> (u8, String, String) {
    let line = ["anonymise"].iter().chain(arguments);
    let line = Line::try_parse_from(line).expect("a command line");
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let status = anonymise::run(&line.arguments, &mut out, &mut err);
    let text = |octets| String::from_utf8(octets).expect("text");
    (status, text(out), text(err))
}

fn captures() -> Vec<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let real = std::env::var_os("DHCP6S_CAPTURES");
    let real = real.map_or_else(|| here.join("../../shared/pcaps"), PathBuf::from);
    let folders = [here.join("../pcaps"), real];
    let entries = folders
        .iter()
        .flat_map(|it| std::fs::read_dir(it).into_iter().flatten().flatten());
    let mut files: Vec<_> = entries.map(|it| it.path()).collect();
    files.retain(|it| it.extension().is_some_and(|it| it == "pcap"));
    files.sort();
    files
}

/// Octet sequences that tell who somebody is.
#[derive(Default)]
struct Telling(BTreeSet<Vec<u8>>);

impl Telling {
    fn of(capture: &Capture) -> Self {
        let mut telling = Self::default();
        for packet in &capture.packets {
            for mac in packet.macs.iter().flat_map(|(from, to)| [from, to]) {
                telling.mac(mac);
            }
            telling.address(*packet.datagram.source.ip());
            telling.address(*packet.datagram.destination.ip());
            for level in dissect::message(&packet.datagram.payload).levels() {
                telling.message(level);
            }
        }
        telling
    }

    fn add(&mut self, octets: &[u8]) {
        // Fewer octets, or mostly zeros, are in any file.
        let some = octets.iter().filter(|it| **it != 0).count();
        if some >= 4 || (octets.len() >= 6 && some >= 2) {
            self.0.insert(octets.to_vec());
        }
    }

    fn mac(&mut self, mac: &[u8]) {
        if mac.first().is_some_and(|it| it & 1 == 0) {
            self.add(mac);
        }
    }

    fn address(&mut self, address: Ipv6Addr) {
        let [first, second, ..] = address.segments();
        let iid = address.octets()[8..].to_vec();
        // Groups that everybody uses end like this, too.
        let groups =
            ["ff02::1:2", "ff05::1:3"].map(|it| it.parse::<Ipv6Addr>().expect("an address"));
        let small = iid[..6] == [0; 6] || groups.iter().any(|it| it.octets()[8..] == iid);
        let documentation = (first, second) == (0x2001, 0x0db8);
        let link_local = first == 0xfe80;
        if address.is_multicast() || address.is_unspecified() || address.is_loopback() {
            return;
        }
        if !documentation && !link_local {
            self.add(&address.octets());
            self.add(&address.octets()[..8]);
        }
        if !small {
            self.add(&iid);
        }
        if let [a, b, c, 0xff, 0xfe, d, e, f] = iid.as_slice() {
            self.mac(&[a ^ 2, *b, *c, *d, *e, *f]);
        }
    }

    fn message(&mut self, message: &Message) {
        if let Head::Relay { link, peer, .. } = message.head {
            self.address(link);
            self.address(peer);
        }
        self.options(&message.options);
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "other options tell about nobody"
    )]
    fn options(&mut self, options: &Options) {
        for option in &options.list {
            match &option.value {
                Value::Duid(duid) if duid.len() > 6 => {
                    self.add(duid);
                    let own = match duid[1] {
                        1 => 8,
                        2 => 6,
                        3 => 4,
                        _ => 2,
                    };
                    self.add(duid.get(own..).unwrap_or_default());
                }
                Value::Address { address, .. } => self.address(*address),
                Value::Prefix { prefix, .. } => self.address(*prefix),
                Value::Addresses(addresses) => addresses.iter().for_each(|it| self.address(*it)),
                Value::LinkLayer { address, .. } => self.mac(address),
                Value::EnterpriseData { data, .. } => self.add(data),
                Value::Authentication { information, .. } => self.add(information),
                Value::Opaque(octets) => self.add(octets),
                Value::Names(names) => names.iter().for_each(|it| self.name(&it.text)),
                Value::Fqdn { name, .. } => self.name(&name.text),
                _ => {}
            }
            if let Some(inside) = option.value.options() {
                self.options(inside);
            }
        }
    }

    /// A label may look like a word of the protocol; whole names do not.
    fn name(&mut self, name: &str) {
        let kept = ["com.", "net.", "org.", "example."];
        let labels: Vec<_> = name.split('.').filter(|it| !it.is_empty()).collect();
        for label in labels
            .iter()
            .filter(|it| !kept.contains(&format!("{it}.").as_str()))
        {
            if label
                .chars()
                .all(|it| it.is_ascii_alphanumeric() || it == '-')
            {
                self.add(label.as_bytes());
                self.add(label.to_lowercase().as_bytes());
            }
        }
    }
}

/// A capture, and what became of it.
struct Pair {
    path: PathBuf,
    before: Capture,
    after: Capture,
    octets: Vec<u8>,
    said: String,
}

fn pairs() -> Vec<Pair> {
    let folder = tempfile::tempdir().expect("a folder");
    let files = captures();
    let pair = |path: PathBuf| {
        let output = folder.path().join("out.pcapng");
        let text = |path: &Path| path.to_str().expect("text").to_owned();
        let (status, said, err) =
            anonymised(&[&text(&path), "-o", &text(&output), "--seed", "a seed"]);
        assert_eq!(
            (status, err.as_str()),
            (status::PASSED, ""),
            "{}",
            path.display()
        );
        let open = |path: &Path| {
            capture::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        let octets = std::fs::read(&output).expect("it is there");
        Pair {
            before: open(&path),
            after: open(&output),
            octets,
            said,
            path,
        }
    };
    files.into_iter().map(pair).collect()
}

#[test]
fn nothing_that_tells_who_somebody_is_remains() {
    let mut sequences = 0;
    for Pair {
        path,
        before,
        octets,
        said,
        ..
    } in pairs()
    {
        let telling = Telling::of(&before);
        for sequence in &telling.0 {
            let remains = octets.windows(sequence.len()).any(|it| it == sequence);
            assert!(
                !remains,
                "{}: {sequence:02x?} remains\n{said}",
                path.display()
            );
        }
        sequences += telling.0.len();
    }
    println!("{sequences} sequences are gone");
    assert!(sequences > 0);
}

/// Findings by rule and by the places of their packets in the file.
fn found(capture: &Capture) -> Vec<(&'static str, Vec<usize>)> {
    let place = |number: &usize| capture.packets.iter().position(|it| it.number == *number);
    let found = findings::find(&conversation::sort(capture));
    let places = |it: &Finding| {
        [it.packet]
            .iter()
            .chain(&it.again)
            .filter_map(place)
            .collect::<Vec<_>>()
    };
    // What is said once of many messages may be said twice where two texts happened to be the same.
    let mut found: Vec<_> = found
        .iter()
        .flat_map(|it| {
            places(it)
                .into_iter()
                .map(|place| (it.rule.name, vec![place]))
        })
        .collect();
    found.sort();
    found
}

#[test]
fn the_findings_are_the_same() {
    let mut findings = 0;
    for Pair {
        path,
        before,
        after,
        ..
    } in pairs()
    {
        let (before, after) = (found(&before), found(&after));
        assert_eq!(before, after, "{}", path.display());
        findings += before.len();
    }
    println!("{findings} findings in both");
    assert!(findings > 0);
}

#[test]
fn what_happened_when_and_how_long_it_was_stays() {
    for Pair {
        path,
        before,
        after,
        ..
    } in pairs()
    {
        let shape = |capture: &Capture| -> Vec<_> {
            let start = capture
                .packets
                .iter()
                .map(|it| it.at)
                .min()
                .unwrap_or_default();
            let packets = capture.packets.iter();
            let shape = packets.map(|it| {
                let datagram = &it.datagram;
                let types: Vec<u8> = dissect::message(&datagram.payload)
                    .levels()
                    .map(|it| it.message_type)
                    .collect();
                let ports = (datagram.source.port(), datagram.destination.port());
                (
                    it.at - start,
                    types,
                    ports,
                    datagram.payload.len(),
                    it.missing,
                    it.hop_limit,
                )
            });
            shape.collect()
        };
        assert_eq!(shape(&before), shape(&after), "{}", path.display());
        assert!(
            !after.remarks.iter().any(|it| it.contains("checksum")),
            "{:?}",
            after.remarks
        );
        let same_day =
            before.packets[0].at.abs_diff(after.packets[0].at) < Duration::from_secs(86_400);
        assert!(!same_day, "{}", path.display());
    }
}

#[test]
fn a_seed_gives_the_same_names_again_and_none_gives_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = captures().swap_remove(0);
    let made = |name: &str, seed: &[&str]| {
        let output = folder.path().join(name);
        let mut arguments = vec![
            file.to_str().expect("text"),
            "-o",
            output.to_str().expect("text"),
        ];
        arguments.extend(seed);
        assert_eq!(anonymised(&arguments).0, status::PASSED);
        std::fs::read(output).expect("it is there")
    };
    let first = made("a", &["--seed", "one"]);
    assert_eq!(first, made("b", &["--seed", "one"]));
    assert_ne!(first, made("c", &["--seed", "another"]));
    assert_ne!(made("d", &[]), made("e", &[]));
}

#[test]
fn what_cannot_be_done_is_said_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = captures().swap_remove(0);
    let copy = folder.path().join("copy.pcap");
    std::fs::copy(&file, &copy).expect("it is copied");
    let (copy, file) = (copy.to_str().expect("text"), file.to_str().expect("text"));
    let nowhere = folder.path().join("nowhere/out.pcapng");
    for (arguments, part) in [
        ([copy, "-o", copy], "is the capture itself"),
        (["/nowhere", "-o", copy], "No such file"),
        (
            [file, "-o", nowhere.to_str().expect("text")],
            "No such file",
        ),
    ] {
        let (status, out, err) = anonymised(&arguments);
        assert_eq!((status, out.as_str()), (status::BAD_INPUT, ""));
        assert!(err.contains(part) && err.lines().count() == 1, "{err}");
    }
    let left = std::fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(left, 1);
}
