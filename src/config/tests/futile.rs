//! What is accepted, can never work, and is warned about.

use super::*;

#[test]
fn a_pool_whose_leases_end_at_once_is_warned_about() {
    warned(
        "pool p { range 2001:db8::1 to 2001:db8::2; };\ninterface sv0 { address-pool p 0; };\n\
         host h { duid 00:01:02; address-pool p 0 0; };",
        &[
            "F:2:32: warning: with a valid lifetime of 0 nobody gets an address; write seconds or \
             `infinity`",
            "F:3:42: warning: with a valid lifetime of 0 nobody gets an address; write seconds or \
             `infinity`",
        ],
    );
}

#[test]
fn a_range_that_no_client_can_use_is_warned_about() {
    warned(
        "pool m { range ff05::1 to ff05::2; };\npool l { range fe80::1 to fe80::2; };\n\
         pool u { range :: to ::2; };",
        &[
            "F:1:16: warning: ff05::1 is a multicast address; no client can use it",
            "F:1:27: warning: ff05::2 is a multicast address; no client can use it",
            "F:2:16: warning: fe80::1 is a link-local address; no client can use it",
            "F:2:27: warning: fe80::2 is a link-local address; no client can use it",
            "F:3:16: warning: :: is the unspecified address; no client can use it",
        ],
    );
    accepted("pool p { range fd00::1 to fd00::2; };");
}

#[test]
fn pools_that_overlap_are_warned_about() {
    warned(
        "pool a { range 2001:db8::10 to 2001:db8::1f; };\n\
         pool b { range 2001:db8::30 to 2001:db8::3f; };\n\
         pool c { range 2001:db8::8 to 2001:db8::10; };\n\
         pool d { range 2001:db8::3f to 2001:db8::3f; };",
        &[
            "F:3:6: warning: `pool a` and `pool c` both have 2001:db8::10; let each address be in \
             one of them",
            "F:4:6: warning: `pool b` and `pool d` both have 2001:db8::3f; let each address be in \
             one of them",
        ],
    );
}

#[test]
fn what_is_reserved_for_two_hosts_is_warned_about() {
    warned(
        "host a { duid 00:01:0a; address 2001:db8::1 10; prefix 2001:db8:1::/48 10; };\n\
         host b { duid 00:01:0b; address 2001:db8::1 10; prefix 2001:db8:1:8::/61 10; };\n\
         host c { duid 00:01:0c; address 2001:db8:1::1 10; prefix 2001:db8:2::/48 10; };",
        &[
            "F:2:33: warning: `host a` has 2001:db8::1 already; only one of the two clients can \
             have it",
            "F:2:56: warning: 2001:db8:1:8::/61 overlaps 2001:db8:1::/48 of `host a`; only one of \
             the two clients can have it",
            "F:3:33: warning: 2001:db8:1::1 overlaps 2001:db8:1::/48 of `host a`; only one of the \
             two clients can have it",
        ],
    );
}

#[test]
fn what_becomes_of_addresses_of_hosts_in_a_pool_is_told_once() {
    warned(
        "pool p { range 2001:db8::10 to 2001:db8::1f; };\n\
         pool q { range 2001:db8::20 to 2001:db8::2f; };\n\
         pool r { range 2001:db8::30 to 2001:db8::3f; };\n\
         host a { duid 00:01:0a; address 2001:db8::1f 10; address 2001:db8::2f 10; };\n\
         host b { duid 00:01:0b; prefix 2001:db8:1::/48 10; address 2001:db8::10 10; };\n\
         host c { duid 00:01:0c; address 2001:db8::40 10; };",
        &[
            "F:1:6: note: `pool p` holds 2 addresses of hosts, as 2001:db8::10 of `host b`; nobody \
             else gets it from the pool; nothing needs to be done",
            "F:2:6: note: `pool q` holds 2001:db8::2f of `host a`; nobody else gets it from the \
             pool; nothing needs to be done",
        ],
    );
}

#[test]
fn a_host_may_have_an_address_of_its_own_prefix() {
    accepted("host b { duid 00:01:0b; prefix 2001:db8:1::/48 10; address 2001:db8:1::1 10; };");
}

#[test]
fn lifetimes_with_which_nobody_uses_a_lease_are_warned_about() {
    let remedy = "clients begin nothing new with it: write a longer one, unless that is meant";
    warned(
        "pool p { range 2001:db8::10 to 2001:db8::1f; };\n\
         interface sv0 { address-pool p 0 10; };\n\
         host a { duid 00:01:0a; address 2001:db8::1 0 infinity; prefix 2001:db8:1::/48 0 10; };\n\
         host b { duid 00:01:0b; address 2001:db8::2 0 0; prefix 2001:db8:2::/48 0; };",
        &[
            &format!(
                "F:2:32: warning: with a preferred lifetime of 0 addresses are deprecated from the \
                 start; {remedy}"
            ),
            &format!(
                "F:3:45: warning: with a preferred lifetime of 0 the address is deprecated from the \
                 start; {remedy}"
            ),
            &format!(
                "F:3:80: warning: with a preferred lifetime of 0 the prefix is deprecated from the \
                 start; {remedy}"
            ),
        ],
    );
}

#[test]
fn a_host_that_no_client_can_be_is_warned_about() {
    warned(
        "host a { address 2001:db8::1 10; };\nhost b { duid 00:01; address 2001:db8::2 10; };\n\
         host c { duid 00:01:02; };\nhost d { };",
        &[
            "F:1:6: warning: `host a` has no `duid`; it is about no client",
            "F:2:15: warning: the DUID 00:01 is shorter than that of any client; write at least 3 \
             octets",
            "F:3:6: warning: `host c` has nothing for its client; add `address`, `prefix`, `address-pool` or \
             `prefix-pool`",
            "F:4:6: warning: `host d` has no `duid`; it is about no client",
        ],
    );
}

#[test]
fn a_pool_under_the_prefix_of_a_host_is_told() {
    warned(
        "interface sv0 { address-pool all 60; }; interface svr { address-pool some 60; };
pool all { range 2001:db8::10 to 2001:db8::1f; };
pool some { range 2001:db8:0:1::f0 to 2001:db8:0:2::; };
pool none { range 2001:db8:9::10 to 2001:db8:9::1f; };
host a { duid 00:01:02; prefix 2001:db8::/64 60; };
host b { duid 00:01:03; prefix 2001:db8:0:1::/64 60; };",
        &[
            "F:2:6: warning: all of `pool all` is in the prefixes of hosts; nobody gets an address: \
             delegate another prefix, or change the `range`",
            "F:3:6: warning: some of `pool some` is in the prefixes of hosts; those addresses are given \
             to nobody: delegate another prefix, or change the `range`",
        ],
    );
}

#[test]
fn an_interface_that_is_left_out_is_told() {
    let config = accepted("interface sv0 { };\ninterface svr { };");
    assert_eq!(config.nothing_for("sv0"), None);
    assert_eq!(
        config.nothing_for("eth0").as_deref(),
        Some("warning: nothing is configured for eth0; there are statements for: sv0, svr")
    );
    assert_eq!(accepted("").nothing_for("eth0"), None);
}
