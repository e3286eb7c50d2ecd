//! Pools of prefixes.

use super::*;

const POOL: &str = "pool sites { prefixes 2001:db8:8000::/36 length 56; };\n";

#[test]
fn a_pool_of_prefixes_is_for_interfaces_and_hosts() {
    let config = accepted(&format!(
        "interface sv0 {{ prefix-pool sites 3600 7200; }};\n\
         host router {{ duid 00:01:02; prefix-pool sites infinity; }};\n{POOL}"
    ));
    let prefix = Prefix::new(ip("2001:db8:8000::"), 36).expect("a prefix");
    assert_eq!(
        config.prefix_pools,
        [PrefixPool {
            name: "sites".to_owned(),
            prefix,
            length: 56,
        }]
    );
    let uses = |pool_use: Option<PoolUse>| pool_use.map(|it| (it.pool, it.lifetimes));
    let interface = config.interfaces.first().expect("an interface");
    assert_eq!(
        uses(interface.prefix_pool),
        Some((0, lifetimes(3600, 7200)))
    );
    let host = config.hosts.first().expect("a host");
    assert_eq!(
        uses(host.prefix_pool),
        Some((0, lifetimes(u32::MAX, u32::MAX)))
    );
    assert!(config.pools.is_empty() && interface.pool.is_none());
}

#[test]
fn pools_of_both_kinds_are_numbered_apart() {
    let config = accepted(&format!(
        "{POOL}pool lan {{ range 2001:db8::1 to 2001:db8::9; }};\n\
         pool links {{ prefixes 2001:db8:4000::/40 length 64; }};\n\
         interface sv0 {{ address-pool lan 60; prefix-pool links 60; }};\n"
    ));
    let interface = config.interfaces.first().expect("an interface");
    assert_eq!(interface.pool.map(|it| it.pool), Some(0));
    assert_eq!(interface.prefix_pool.map(|it| it.pool), Some(1));
}

#[test]
fn mistakes_are_shown_with_what_helps() {
    refused(
        "pool p { prefixes 2001:db8::/48 56; };",
        &[
            "F:1:33: `56` stands where `length` is expected; write `prefixes PREFIX/LENGTH length LENGTH`",
        ],
    );
    refused(
        "pool p { prefixes 2001:db8::/48 length 40; };",
        &["F:1:40: no prefix of length 40 fits in 2001:db8::/48; write a length of 48 or more"],
    );
    refused(
        "pool p { prefixes 2001:db8::/48 length 129; };",
        &["F:1:40: the prefix length 129 is too large; write a number from 0 to 128"],
    );
    refused(
        "pool p { prefixes fe80::/48 length 64; };",
        &["F:1:19: fe80:: is a link-local address; write a global or unique local one"],
    );
    refused(
        "pool p { prefixes 2001:db8::/48 length 64; range ::1 to ::2; };",
        &[
            "F:1:44: `pool p` has `range` and `prefixes`; define a pool for addresses and another one for prefixes",
        ],
    );
    refused(
        &format!("{POOL}interface sv0 {{ address-pool sites 60; }};"),
        &["F:2:30: `pool sites` has prefixes; write `prefix-pool` for it"],
    );
    refused(
        "pool lan { range 2001:db8::1 to 2001:db8::2; };\ninterface sv0 { prefix-pool lan 60; };",
        &["F:2:29: `pool lan` has addresses; write `address-pool` for it"],
    );
    refused(
        &format!("{POOL}interface sv0 {{ prefix-pool site 60; }};"),
        &["F:2:29: pool `site` is not defined; did you mean `sites`?"],
    );
    refused(
        "interface sv0 { prefixes 2001:db8::/48 length 64; };",
        &["F:1:17: `prefixes` cannot stand inside `interface`; it belongs in `pool`"],
    );
    refused(
        "pool p { prefix-pool p 60; range 2001:db8::1 to 2001:db8::2; };",
        &["F:1:10: `prefix-pool` cannot stand inside `pool`; it belongs in `interface` or `host`"],
    );
}

#[test]
fn what_may_not_be_meant_is_warned_about() {
    warned(
        "pool p { prefixes 2001:db8::1/48 length 72; };",
        &[
            "F:1:19: warning: 2001:db8::1 has bits beyond its prefix length of 48; it counts as 2001:db8::/48",
            "F:1:41: warning: a router can number no link with a prefix of length 72; write a length of 64 or less",
        ],
    );
    warned(
        &format!("{POOL}interface sv0 {{ prefix-pool sites 0; prefix-pool sites 0 60; }};"),
        &[
            "F:2:35: warning: with a valid lifetime of 0 nobody gets a prefix; write seconds or `infinity`",
            "F:2:38: warning: `prefix-pool` is given again; the last one counts",
            "F:2:56: warning: with a preferred lifetime of 0 prefixes are deprecated from the start; clients begin \
             nothing new with it: write a longer one, unless that is meant",
        ],
    );
    warned(
        &format!("{POOL}pool more {{ prefixes 2001:db8:8800::/40 length 64; }};"),
        &[
            "F:2:6: warning: `pool sites` and `pool more` both have 2001:db8:8800::; let each address be in one of \
             them",
        ],
    );
    warned(
        &format!("{POOL}host h {{ duid 00:01:02; prefix 2001:db8:8000::/36 60; }};"),
        &[
            "F:1:6: warning: all of `pool sites` is in the prefixes of hosts and in other pools; nobody gets a prefix \
             from it: change its `prefixes`",
        ],
    );
    warned(
        &format!("{POOL}pool lan {{ range 2001:db8:8000::1 to 2001:db8:8000::9; }};"),
        &[
            "F:1:6: note: `pool sites` holds what hosts or other pools have; that is not delegated from it; nothing \
             needs to be done",
        ],
    );
}
