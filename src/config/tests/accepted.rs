//! Examples that are accepted, and what they mean.

use super::*;

#[test]
fn options_are_appended_over_statements() {
    let options = accepted(STATELESS).options;
    assert_eq!(
        options.dns_servers,
        [ip("2001:db8:53::1"), ip("2001:db8:53::2")]
    );
    assert_eq!(
        options.domain_list,
        names(&["corp.example.net", "example.net"])
    );
    assert_eq!(options.refresh_time_secs, Some(3600));
}

#[test]
fn every_option_has_its_place() {
    let options = accepted(EVERY_OPTION).options;
    assert_eq!(
        options,
        Options {
            sip_names: names(&["sip.example.net"]),
            sip_addresses: vec![ip("2001:db8::506"), ip("2001:db8::507")],
            dns_servers: vec![ip("2001:db8::53")],
            domain_list: names(&["example.net"]),
            nis_servers: vec![ip("2001:db8::111")],
            nisp_servers: vec![ip("2001:db8::112")],
            nis_domains: names(&["nis.example.net"]),
            nisp_domains: names(&["nisplus.example.net"]),
            ntp_servers: vec![ip("2001:db8::123")],
            refresh_time_secs: Some(86400),
            bcmcs_names: names(&["bcmcs.example.net"]),
            bcmcs_addresses: vec![ip("2001:db8::113")],
        }
    );
}

#[test]
fn old_names_of_the_nis_options_work() {
    let options = accepted(
        "option nis-server-domain-name \"nis.example.net\";
         option nisp-server-domain-name \"nisplus.example.net\";",
    )
    .options;
    assert_eq!(options.nis_domains, names(&["nis.example.net"]));
    assert_eq!(options.nisp_domains, names(&["nisplus.example.net"]));
}

#[test]
fn an_interface_draws_from_a_pool_that_is_defined_later() {
    let config = accepted(
        "interface sv0 {\n\taddress-pool lan 1800 3600;\n};\npool lan {\n\trange \
         2001:db8:10::1000 to 2001:db8:10::1fff ;\n};",
    );
    let pool = Some(PoolUse {
        pool: 0,
        lifetimes: lifetimes(1800, 3600),
    });
    assert_eq!(
        config.interfaces,
        [Interface {
            name: "sv0".to_owned(),
            preference: None,
            rapid_commit: false,
            pool,
            prefix_pool: None,
        }]
    );
    let [pool] = config.pools.as_slice() else {
        panic!("one pool")
    };
    assert_eq!(
        (pool.first, pool.last),
        (ip("2001:db8:10::1000"), ip("2001:db8:10::1fff"))
    );
}

#[test]
fn an_infinite_prefix_is_infinite_in_both_lifetimes() {
    let config = accepted(
        "host cpe-17 {\n\tduid 00:03:00:01:02:00:5e:10:00:17;\n\tprefix 2001:db8:1700::/48 \
         infinity;\n};",
    );
    let [host] = config.hosts.as_slice() else {
        panic!("one host")
    };
    assert_eq!(host.duid, Duid::parse("00:03:00:01:02:00:5e:10:00:17"));
    assert_eq!(
        host.prefixes,
        [reservation("2001:db8:1700::", 48, u32::MAX, u32::MAX)]
    );
}

#[test]
fn a_host_keeps_its_prefixes_addresses_and_pool() {
    let config = accepted(HOSTS);
    let [host] = config.hosts.as_slice() else {
        panic!("one host")
    };
    assert_eq!(
        host.prefixes,
        [
            reservation("2001:db8:1800::", 48, 3600, 7200),
            reservation("2001:db8:1801::", 56, 3600, u32::MAX),
        ]
    );
    assert_eq!(
        host.addresses,
        [reservation("2001:db8:10::20", 128, 86400, 172_800)]
    );
    assert_eq!(
        host.pool,
        Some(PoolUse {
            pool: 0,
            lifetimes: lifetimes(43200, 86400)
        })
    );
    let [interface] = config.interfaces.as_slice() else {
        panic!("one interface")
    };
    assert!(interface.rapid_commit);
    assert_eq!(interface.preference, Some(200));
    assert_eq!(
        interface.pool,
        Some(PoolUse {
            pool: 1,
            lifetimes: lifetimes(300, 900)
        })
    );
}

#[test]
fn a_missing_include_is_left_out() {
    let files = [
        (
            "F",
            "include \"opt\";include \"gone\";interface sv0 { address-pool a 600; };",
        ),
        (
            "opt",
            "option ntp-servers ::1;\npool a { range ::1 to ::2; };",
        ),
    ];
    let loaded = load_files(&files).expect("a configuration");
    assert_eq!(
        shown(&loaded.warnings),
        ["F:1:23: warning: there is no file `gone`; it is left out"]
    );
    assert_eq!(loaded.config.options.ntp_servers, [ip("::1")]);
}

#[test]
fn statements_for_clients_are_accepted_with_a_warning() {
    let config = warned(
        "profile default { allow rapid-commit; };
interface sv0 { send rapid-commit, ia-pd 0, ntp-servers; allow ntp-servers; };
id-assoc pd 0 { prefix-interface sv0 { sla-id 1; sla-len 8; ifid 1; ifid-random; }; };
id-assoc na { address ::1 10 20; };
authentication r { protocol reconfig; algorithm hmac-md5; rdm monocounter; protocol delayed; };
interface svr { send authentication r; };",
        &[
            "F:1:9: warning: `profile` is not used by the server",
            "F:2:22: warning: `send rapid-commit` is not used by the server",
            "F:2:36: warning: `send ia-pd` is not used by the server",
            "F:2:45: warning: `send ntp-servers` is not used by the server",
            "F:2:64: warning: `allow ntp-servers` has no effect; only `rapid-commit` can be \
             allowed",
            "F:3:1: warning: `id-assoc` is not used by the server",
            "F:4:1: warning: `id-assoc` is not used by the server",
            "F:5:16: warning: `authentication` is not used by the server",
            "F:5:76: warning: `protocol` is given again; the first one counts",
            "F:6:22: warning: `send authentication` is not used by the server",
        ],
    );
    assert!(
        config
            .interfaces
            .iter()
            .all(|interface| !interface.rapid_commit)
    );
}

#[test]
fn white_space_is_optional() {
    let config = accepted(
        "interface sv0{preference 3;allow rapid-commit;};host h{duid 00:01:02;prefix \
         2001:db8::/32 1 2;};option domain-name-servers ::1;#end",
    );
    assert_eq!(config.interfaces[0].preference, Some(3));
    assert_eq!(
        config.hosts[0].prefixes,
        [reservation("2001:db8::", 32, 1, 2)]
    );
}

#[test]
fn line_ends_of_other_systems_change_nothing() {
    assert_eq!(
        accepted(&STATELESS.replace('\n', "\r\n")),
        accepted(STATELESS)
    );
}

#[test]
fn of_duplicates_the_first_counts() {
    let config = warned(
        "host a { duid 00:01:02; prefix 2001:db8:1::/48 10; };
host a { duid 00:01:03; prefix 2001:db8:2::/48 10; };
host b { duid 00:01:02; prefix 2001:db8:3::/48 10; };
option refreshtime 900;
option refreshtime 1800;",
        &[
            "F:2:6: warning: `host a` is defined again; the first definition counts: rename or \
             remove this one",
            "F:3:15: warning: `host a` has the DUID 00:01:02 already; that one counts: remove one of \
             the two",
            "F:5:8: warning: `refreshtime` is given again; the first one counts",
        ],
    );
    assert_eq!(config.options.refresh_time_secs, Some(900));
    let hosts: Vec<&str> = config.hosts.iter().map(|host| host.name.as_str()).collect();
    assert_eq!(hosts, ["a", "b"]);
    assert_eq!(
        config.hosts[0].prefixes,
        [reservation("2001:db8:1::", 48, 10, 10)]
    );
}

#[test]
fn a_whole_64_is_a_pool() {
    let config = accepted(
        "interface sv0 { address-pool big infinity; };
         pool big { range 2001:db8:40:: to 2001:db8:40::ffff:ffff:ffff:ffff; };",
    );
    assert_eq!(config.pools[0].first, ip("2001:db8:40::"));
}

#[test]
fn empty_lists_are_accepted_before_and_after_others() {
    let config = accepted(
        "#Dns\noption domain-name-servers ;\n\n#Interface\ninterface sv0{\naddress-pool pool1 \
         86400;\n};\n\n#Addrs Pool\npool pool1 {\nrange 2001:db8:7001:251:1::200 to \
         2001:db8:7001:251:1::300 ;\n};\n",
    );
    assert_eq!(config.pools.len(), 1);
    let config = accepted("option domain-name-servers 2001:db8::1;\noption domain-name-servers;");
    assert_eq!(config.options.dns_servers, [ip("2001:db8::1")]);
}

#[test]
fn an_empty_name_adds_nothing() {
    let config = warned(
        "option domain-name \"\";\noption domain-name \".\";",
        &["F:1:20: warning: `domain-name` is without a name; the statement adds nothing"],
    );
    assert_eq!(config.options.domain_list, names(&["."]));
}

#[test]
fn nothing_is_a_configuration() {
    assert_eq!(accepted(""), Config::default());
    assert_eq!(accepted("# only this"), Config::default());
    let loaded = load_files(&[]).expect("a configuration");
    assert_eq!(loaded.config, Config::default());
    assert_eq!(
        shown(&loaded.warnings),
        ["F: warning: there is no such file; the configuration is empty"]
    );
}

#[test]
fn names_may_be_keywords_or_numbers() {
    let config = accepted(
        "pool pool { range ::1 to ::2; };\npool 1 { range ::3 to ::4; };\ninterface sv0 { \
         address-pool 1 10; };\nhost to { duid 00:01:02; address-pool pool 10; };",
    );
    assert_eq!(config.interfaces[0].pool.map(|pool| pool.pool), Some(1));
    assert_eq!(config.hosts[0].pool.map(|pool| pool.pool), Some(0));
}

#[test]
fn large_lifetimes_count_as_in_the_original_server() {
    let config = warned(
        "host h { duid 00:01:02;\naddress ::1 4294967295; address ::2 4294967301; address ::3 700.9; };",
        &[
            "F:2:37: warning: a lifetime of 4294967301 does not fit in 32 bits; it counts as 5: \
             write that, or `infinity`",
            "F:2:61: warning: the fraction of `700.9` is ignored; write `700`",
        ],
    );
    let lifetimes = config.hosts[0]
        .addresses
        .iter()
        .map(|address| address.lifetimes.valid_secs);
    assert_eq!(lifetimes.collect::<Vec<_>>(), [u32::MAX, 5, 700]);
}

#[test]
fn of_other_numbers_32_bits_count_too() {
    let config = warned(
        "interface sv0 { preference 4294967297; };
host h { duid 00:01:02; prefix 2001:db8::/4294967344 10; };
id-assoc pd { prefix-interface sv0 { sla-len 4294967304; }; };",
        &[
            "F:1:28: warning: the preference 4294967297 does not fit in 32 bits; it counts as 1: \
             write that",
            "F:2:43: warning: the prefix length 4294967344 does not fit in 32 bits; it counts as \
             48: write that",
            "F:3:1: warning: `id-assoc` is not used by the server",
            "F:3:46: warning: the length 4294967304 does not fit in 32 bits; it counts as 8: write \
             that",
        ],
    );
    assert_eq!(config.interfaces[0].preference, Some(1));
    assert_eq!(
        config.hosts[0].prefixes,
        [reservation("2001:db8::", 48, 10, 10)]
    );
}

#[test]
fn of_two_ranges_and_refresh_times_the_one_that_counts_is_looked_at() {
    let config = warned(
        "pool p { range ::9 to ::2; range ::5 to ::6; };\noption refreshtime 900;\n\
         option refreshtime 5;",
        &[
            "F:1:28: warning: `range` is given again; the last one counts",
            "F:3:8: warning: `refreshtime` is given again; the first one counts",
        ],
    );
    assert_eq!(config.pools[0].first, ip("::5"));
    assert_eq!(config.options.refresh_time_secs, Some(900));
}

#[test]
fn host_bits_are_cleared_with_a_warning() {
    let config = warned(
        "host h { duid 00:01:02; prefix 2001:db8:0:1::/48 10; };",
        &[
            "F:1:32: warning: 2001:db8:0:1:: has bits beyond its prefix length of 48; it counts as \
           2001:db8::/48",
        ],
    );
    assert_eq!(
        config.hosts[0].prefixes,
        [reservation("2001:db8::", 48, 10, 10)]
    );
}

#[test]
fn names_in_another_spelling_are_sent_once() {
    let config = warned(
        "option domain-name \"a.example\";\noption domain-name \"A.example.\";",
        &[
            "F:2:20: warning: `domain-name` has `A.example.` already in another spelling; it is \
           sent once",
        ],
    );
    assert_eq!(config.options.domain_list, names(&["a.example"]));
}
