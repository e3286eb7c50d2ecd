//! What does not fit the machine or the time.

use super::*;

/// The findings on a machine whose interfaces have these addresses.
fn found(text: &str, interfaces: &[(&str, &[(&str, u8)])]) -> Vec<String> {
    let addresses_of = |name: &str| {
        let (_, addresses) = interfaces.iter().find(|it| it.0 == name)?;
        let addresses = addresses.iter();
        Some(
            addresses
                .map(|(address, len)| (ip(address), *len))
                .collect(),
        )
    };
    let sources = Sources {
        read: &|_| Ok(text.as_bytes().to_vec()),
        interface_exists: &|_| true,
        addresses_of: &addresses_of,
        now: utc(NOW),
    };
    shown(&load("F", &sources).expect("a configuration").warnings)
}

const POOL: &str = "pool p { range 2001:db8:1::10 to 2001:db8:1::1f; };
interface eth0 { address-pool q 10; address-pool p 10; };
pool q { range 2001:db8:2::10 to 2001:db8:2::1f; };
";

#[test]
fn a_pool_of_another_link_is_warned_about_where_it_is_used() {
    let on = |addresses: &[(&str, u8)]| {
        let mut said = found(POOL, &[("eth0", addresses)]);
        assert!(
            said.remove(0)
                .ends_with("`address-pool` is given again; the last one counts")
        );
        said
    };
    for fine in [
        &[("2001:db8:1::1", 64)][..],
        &[("2001:db8:9::1", 64), ("2001:db8:1::1", 64)],
        // What says nothing about the link.
        &[],
        &[("fe80::1", 64), ("2001:db8:9::1", 128), ("::1", 128)],
    ] {
        assert_eq!(on(fine), [""; 0], "{fine:?}");
    }
    let remedy =
        "only clients behind a relay agent can use it: check the `range` and `ip -6 address`";
    assert_eq!(
        on(&[
            ("2001:db8:8::1", 64),
            ("2001:db8:9::1", 64),
            ("2001:db8:9::2", 64)
        ]),
        [format!(
            "F:2:50: warning: `pool p` lies outside every prefix of eth0 (2001:db8:8::/64, \
             2001:db8:9::/64); {remedy}"
        )]
    );
    assert_eq!(
        on(&[("2001:db8:1::1", 124)]),
        [format!(
            "F:2:50: warning: `pool p` lies outside every prefix of eth0 (2001:db8:1::/124); {remedy}"
        )]
    );
    let straddles = "pool p { range 2001:db8:1::10 to 2001:db8:1:1::; };
interface eth0 { address-pool p 10; };";
    assert_eq!(
        found(straddles, &[("eth0", &[("2001:db8:1::1", 64)])]),
        [format!(
            "F:2:31: warning: `pool p` reaches out of every prefix of eth0 (2001:db8:1::/64); {remedy}"
        )]
    );
}

#[test]
fn an_interface_that_is_let_pass_is_warned_about_once() {
    let remedy = "the server starts only where all interfaces that are named exist";
    assert_eq!(
        found("interface eth7 { };\ninterface eth8 { };", &[("eth8", &[])]),
        [format!(
            "F:1:11: warning: there is no interface `eth7` on this machine; {remedy}"
        )]
    );
}

#[test]
fn a_key_is_warned_about_a_week_before_its_end() {
    let key = |expire: &str| {
        let text = format!(
            "host h {{ duid 00:01:02; delayedkey k; }};
keyinfo k {{ realm \"r\"; keyid 1; secret \"MTIz\"; expire \"{expire}\"; }};"
        );
        found(&text, &[])
    };
    assert_eq!(key("forever"), [""; 0]);
    assert_eq!(key("2026-12-01 00:01"), [""; 0]);
    assert_eq!(
        key("2026-11-30 23:59"),
        [
            "F:2:55: warning: `keyinfo k` ends on 2026-11-30 23:59 UTC; its clients cannot \
             authenticate from then on: give them a new key in time"
        ]
    );
}

#[test]
fn the_files_that_were_read_are_known() {
    let files = [
        ("F", "include \"a\"; include \"none\"; include \"a\";"),
        ("a", ""),
    ];
    let loaded = load_files(&files).expect("a configuration");
    assert_eq!(loaded.files, ["F", "a", "a"]);
    assert_eq!(load_files(&[]).expect("an empty one").files, [""; 0]);
}

#[test]
fn an_interface_that_only_an_association_of_a_client_names_has_to_exist_too() {
    let text = "id-assoc pd 1 { prefix-interface eth8 { sla-id 1; }; prefix-interface eth0 { sla-id 2; }; };
id-assoc pd 1 { prefix-interface eth9 { sla-id 1; }; };";
    let said = found(text, &[("eth0", &[])]);
    let missing: Vec<&String> = said
        .iter()
        .filter(|it| it.contains("on this machine"))
        .collect();
    assert_eq!(
        missing,
        [
            "F:1:34: warning: there is no interface `eth8` on this machine; the server starts only where all \
             interfaces that are named exist"
        ]
    );
}
