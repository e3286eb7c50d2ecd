//! What several interfaces of one server must not have in common.

use super::*;

fn found(text: &str, served: &[&str]) -> Vec<String> {
    let sources = Sources {
        read: &|_| Ok(text.as_bytes().to_vec()),
        interface_exists: &|_| true,
        addresses_of: &|_| Some(Vec::new()),
        now: utc(NOW),
    };
    let served: Vec<String> = served.iter().map(|it| (*it).to_owned()).collect();
    match load_for("F", &sources, &served) {
        Ok(_) => Vec::new(),
        Err(found) => {
            let is_error = |it: &Diagnostic| it.severity == Severity::Error;
            shown(&found.into_iter().filter(is_error).collect::<Vec<_>>())
        }
    }
}

const POOLS: &str = "pool a { range 2001:db8:1::10 to 2001:db8:1::1f; };
pool b { range 2001:db8:1::1f to 2001:db8:1::2f; };
pool c { range 2001:db8:3::10 to 2001:db8:3::1f; };
";

fn on(text: &str, served: &[&str]) -> Vec<String> {
    found(&format!("{POOLS}{text}"), served)
}

fn is_one(found: &[String], part: &str) {
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found.iter().all(|it| it.contains(part)), "{found:?}");
}

#[test]
fn a_pool_is_of_one_interface_alone() {
    let both = "interface e0 { address-pool a 10; };\ninterface e1 { address-pool a 10; };";
    is_one(
        &on(both, &["e0", "e1"]),
        "F:5:29: `interface e0` and `interface e1` both give `pool a`",
    );
    for served in [&["e0"][..], &["e1"], &[], &["e0", "e2"]] {
        assert_eq!(on(both, served), [""; 0], "{served:?}");
    }
}

#[test]
fn a_pool_of_prefixes_is_of_one_interface_alone() {
    let pools = "pool x { prefixes 2001:db8:8000::/40 length 56; };
pool y { prefixes 2001:db8:8000::/48 length 56; };
interface e0 { prefix-pool x 10; };";
    let with = |second| found(&format!("{pools}\n{second}"), &["e0", "e1"]);
    is_one(
        &with("interface e1 { prefix-pool x 10; };"),
        "F:4:28: `interface e0` and `interface e1` both give `pool x`",
    );
    is_one(
        &with("interface e1 { prefix-pool y 10; };"),
        "which both have 2001:db8:8000::",
    );
    assert_eq!(with("interface e1 { };"), [""; 0]);
}

#[test]
fn pools_of_two_interfaces_have_nothing_in_common() {
    let text = |second| {
        format!(
            "interface e0 {{ address-pool a 10; }};\ninterface e1 {{ address-pool {second} 10; }};"
        )
    };
    is_one(
        &on(&text("b"), &["e0", "e1"]),
        "`interface e0` gives `pool a` and `interface e1` gives `pool b`, which both have 2001:db8:1::1f",
    );
    assert_eq!(on(&text("c"), &["e0", "e1"]), [""; 0]);
}

#[test]
fn a_host_takes_its_pool_everywhere() {
    let host = |name: &str, duid: &str, pool: &str| {
        format!("host {name} {{ duid 00:03:00:01:{duid}; address-pool {pool} 10; }};\n")
    };
    let two = host("x", "01", "a") + &host("y", "02", "a");
    is_one(
        &on(&two, &["e0", "e1"]),
        "`host x` and `host y` both give `pool a`",
    );
    assert_eq!(on(&two, &["e0"]), [""; 0]);
    // It is one client on both.
    assert_eq!(on(&host("x", "01", "a"), &["e0", "e1"]), [""; 0]);
    let with_interface = host("x", "01", "a") + "interface e0 { address-pool a 10; };";
    is_one(
        &on(&with_interface, &["e0", "e1"]),
        "`host x` and `interface e0` both give `pool a`",
    );
}

#[test]
fn what_is_reserved_is_one_clients() {
    let host = |name: &str, what: &str| {
        format!("host {name} {{ duid 00:03:00:01:0{name}; {what} 10; }};\n")
    };
    let lan = "interface e0 { address-pool a 10; };\n";
    // Pools leave it out on all interfaces.
    let one = host("1", "address 2001:db8:1::11") + lan;
    assert_eq!(on(&one, &["e0", "e1"]), [""; 0]);
    let two = one + &host("2", "address 2001:db8:1::11");
    is_one(
        &on(&two, &["e0", "e1"]),
        "`host 1` and `host 2` both give `2001:db8:1::11",
    );
    let prefixes = host("1", "prefix 2001:db8:10::/48") + &host("2", "prefix 2001:db8:10:1::/64");
    is_one(
        &on(&prefixes, &["e0", "e1"]),
        "which both have 2001:db8:10:1::",
    );
}

#[test]
fn a_range_hidden_behind_another_one_of_its_owner_is_found() {
    // The second host's small prefix lies in the first one's first, behind its later one.
    let text =
        "host x { duid 00:03:00:01:01; prefix 2001:db8::/32 10; prefix 2001:db8:1::/48 10; };
host y { duid 00:03:00:01:02; prefix 2001:db8:2::/48 10; };";
    is_one(&found(text, &["e0", "e1"]), "which both have 2001:db8:2::");
}
