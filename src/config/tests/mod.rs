//! Tests with whole files: what the examples mean, what is said about mistakes, and what limits hold.

mod accepted;
mod futile;
mod keys;
mod limits;
mod prefixes;
mod recovery;
mod refused;
mod shared;
mod surroundings;

use super::*;
use crate::lease::Prefix;
use crate::wire::{DomainName, Duid};
use std::collections::BTreeMap;

/// 2026-11-24 00:00:00 UTC.
const NOW: Timestamp = Timestamp(1_795_478_400);

/// Loads the file `F` among others.
fn load_files(files: &[(&str, &str)]) -> Result<Loaded, Vec<Diagnostic>> {
    load_octets(
        &files
            .iter()
            .map(|(name, text)| (*name, text.as_bytes()))
            .collect(),
    )
}

fn load_octets(files: &BTreeMap<&str, &[u8]>) -> Result<Loaded, Vec<Diagnostic>> {
    let read = |path: &str| match files.get(path) {
        Some(text) => Ok(text.to_vec()),
        None if path == "/etc" => Err(io::ErrorKind::IsADirectory.into()),
        None => Err(io::ErrorKind::NotFound.into()),
    };
    let interface_exists = |name: &str| matches!(name, "sv0" | "svr");
    load(
        "F",
        &Sources {
            read: &read,
            interface_exists: &interface_exists,
            addresses_of: &|_| Some(Vec::new()),
            now: utc(NOW),
        },
    )
}

fn shown(diagnostics: &[Diagnostic]) -> Vec<String> {
    diagnostics.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn accepted(text: &str) -> Config {
    let loaded = load_files(&[("F", text)]).unwrap_or_else(|found| panic!("{:?}", shown(&found)));
    assert_eq!(shown(&loaded.warnings), [""; 0]);
    loaded.config
}

#[track_caller]
fn warned(text: &str, warnings: &[&str]) -> Config {
    let loaded = load_files(&[("F", text)]).unwrap_or_else(|found| panic!("{:?}", shown(&found)));
    assert_eq!(shown(&loaded.warnings), warnings);
    loaded.config
}

#[track_caller]
fn refused(text: &str, diagnostics: &[&str]) {
    match load_files(&[("F", text)]) {
        Ok(_) => panic!("accepted: {text}"),
        Err(found) => assert_eq!(shown(&found), diagnostics, "{text}"),
    }
}

fn ip(text: &str) -> Ipv6Addr {
    text.parse().expect("an address")
}

fn names(texts: &[&str]) -> Vec<DomainName> {
    texts
        .iter()
        .map(|text| DomainName::encode(text).expect("a name"))
        .collect()
}

fn lifetimes(preferred_secs: u32, valid_secs: u32) -> Lifetimes {
    Lifetimes {
        preferred_secs,
        valid_secs,
    }
}

fn reservation(address: &str, length: u8, preferred_secs: u32, valid_secs: u32) -> Reservation {
    let prefix = Prefix::new(ip(address), length).expect("a prefix");
    Reservation {
        prefix,
        lifetimes: lifetimes(preferred_secs, valid_secs),
    }
}

const STATELESS: &str = "\
# stateless service
option domain-name-servers 2001:db8:53::1 2001:db8:53::2;
option domain-name \"corp.example.net\";
option domain-name \"example.net\";
option refreshtime 3600;
";

const EVERY_OPTION: &str = "\
option sip-server-address 2001:db8::506 2001:db8::507;
option sip-server-domain-name \"sip.example.net\";
option domain-name-servers 2001:db8::53;
option domain-name \"example.net\";
option ntp-servers 2001:db8::123;
option nis-server-address 2001:db8::111;
option nis-domain-name \"nis.example.net\";
option nisp-server-address 2001:db8::112;
option nisp-domain-name \"nisplus.example.net\";
option bcmcs-server-address 2001:db8::113;
option bcmcs-server-domain-name \"bcmcs.example.net\";
option refreshtime 86400;
";

const HOSTS: &str = "\
interface sv0 { allow rapid-commit; preference 200; address-pool guest 300 900; };
pool staff { range 2001:db8:20::100 to 2001:db8:20::1ff; };
pool guest { range 2001:db8:20::200 to 2001:db8:20::2ff; };
host branch {
\tduid 00:01:00:01:1c:2d:3e:4f:02:00:5e:10:00:18;
\tprefix 2001:db8:1800::/48 3600 7200;
\tprefix 2001:db8:1801:: / 56 3600 infinity;
\taddress 2001:db8:10::20 86400 172800;
\taddress-pool staff 43200 86400;
};
";
