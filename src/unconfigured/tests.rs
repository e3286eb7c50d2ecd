use super::*;
use crate::config::{Config, Sources, load, utc};
use crate::lease::Timestamp;
use std::io;

fn resolvers(text: &str) -> Resolvers {
    read_resolv_conf(text.as_bytes(), &|_| false)
}

fn link(name: &str, subnets: &[&str]) -> (String, Vec<Prefix>) {
    let subnet = |text: &&str| {
        let address = text.parse().expect("an address");
        Prefix::new(address, 64).expect("a prefix")
    };
    (name.to_owned(), subnets.iter().map(subnet).collect())
}

/// What is read from the text, which has to be a configuration without a warning.
fn config(made: &Unconfigured) -> Config {
    let sources = Sources {
        read: &|path| match path {
            "F" => Ok(made.text.clone().into_bytes()),
            _ => Err(io::ErrorKind::NotFound.into()),
        },
        interface_exists: &|_| true,
        addresses_of: &|_| Some(Vec::new()),
        now: utc(Timestamp(0)),
    };
    let loaded = load("F", &sources).expect("a configuration");
    assert_eq!(loaded.warnings, [], "{}", made.text);
    loaded.config
}

/// What is known of a machine with that resolv.conf, which serves eth0 without flags.
fn plain<'a>(resolvers: &'a Resolvers, links: &'a [(String, Vec<Prefix>)]) -> Known<'a> {
    Known {
        links,
        pool: None,
        pd: None,
        dns_servers: &[],
        resolvers: Ok(resolvers),
        resolv_conf: "/etc/resolv.conf",
    }
}

#[test]
fn without_flags_clients_get_what_the_machine_knows_and_no_addresses() {
    let resolvers = resolvers(
        "nameserver 192.0.2.53\nnameserver 2001:db8::53\nnameserver 2001:db8::54\n\
         search example.net lab.example.net\n",
    );
    let made = make(&plain(&resolvers, &[link("eth0", &["2001:db8:1::"])]));
    assert_eq!(
        made.text,
        "option domain-name-servers 2001:db8::53 2001:db8::54;\n\
         option domain-name \"example.net\";\n\
         option domain-name \"lab.example.net\";\n"
    );
    assert_eq!(
        made.said,
        [
            "DNS servers, of /etc/resolv.conf: 2001:db8::53 2001:db8::54",
            "search domains, of /etc/resolv.conf: example.net lab.example.net",
            "not told to clients, of /etc/resolv.conf: 192.0.2.53 (DHCPv6 carries no IPv4 addresses)",
            "addresses: none; --pool auto gives them from the /64 of the interface",
            "prefixes: none; --pd PREFIX/LENGTH delegates parts of that",
        ]
    );
    let config = config(&made);
    assert_eq!(config.options.dns_servers.len(), 2);
    assert_eq!(config.options.domain_list.len(), 2);
    assert!(config.interfaces.is_empty() && config.pools.is_empty());
}

#[test]
fn every_interface_has_a_pool_of_its_own() {
    let resolvers = Resolvers::default();
    let links = [
        link("eth0", &["2001:db8:1::", "fd00:1::"]),
        link("eth1", &["2001:db8:2::"]),
        link("eth2", &[]),
    ];
    let known = Known {
        pool: Some(PoolWish::Auto),
        ..plain(&resolvers, &links)
    };
    let made = make(&known);
    let of_pools: Vec<_> = made.said.iter().filter(|it| it.contains("eth")).collect();
    assert_eq!(
        of_pools,
        [
            "addresses on eth0: 2001:db8:1:0:dc6:: to 2001:db8:1:0:dc6:7f:ffff:ffff",
            "of eth0, too, and not given from, because a client gets one address: fd00:1::/64",
            "addresses on eth1: 2001:db8:2:0:dc6:: to 2001:db8:2:0:dc6:7f:ffff:ffff",
        ]
    );
    assert_eq!(made.without_subnet, ["eth2"]);
    assert!(
        made.warnings()
            .all(|it| it.contains("on eth2 before it has"))
    );
    let config = config(&made);
    let ranges: Vec<_> = config.interfaces.iter().map(|it| it.pool).collect();
    assert_eq!(ranges.len(), 2, "{}", made.text);
    let first = config.pools.first().expect("a pool");
    assert_eq!(first.first.to_string(), "2001:db8:1:0:dc6::");
    let lifetimes = ranges[0].expect("a pool").lifetimes;
    assert_eq!(
        (lifetimes.preferred_secs, lifetimes.valid_secs),
        LIFETIMES_SECS
    );
}

#[test]
fn a_range_and_a_prefix_are_what_was_asked_for() {
    let resolvers = Resolvers::default();
    let links = [link("eth0", &[])];
    let known = Known {
        pool: Some("2001:db8:1::10-2001:db8:1::1f".parse().expect("a range")),
        pd: Some("2001:db8:8000::/36".parse().expect("a prefix")),
        ..plain(&resolvers, &links)
    };
    let made = make(&known);
    let config = config(&made);
    let pool = config.pools.first().expect("a pool");
    assert_eq!(pool.first.to_string(), "2001:db8:1::10");
    assert_eq!(pool.last.to_string(), "2001:db8:1::1f");
    let prefixes = config.prefix_pools.first().expect("a pool of prefixes");
    assert_eq!(prefixes.prefix.to_string(), "2001:db8:8000::/36");
    assert_eq!(prefixes.length, 56);
    let interface = config.interfaces.first().expect("an interface");
    assert!(interface.pool.is_some() && interface.prefix_pool.is_some());
    assert!(made.without_subnet.is_empty());
    let last = made.said.last().expect("a line");
    assert_eq!(last, "prefixes: each a /56 of 2001:db8:8000::/36");
}

#[test]
fn servers_of_the_command_line_take_the_place_of_the_others() {
    let resolvers = resolvers("nameserver 2001:db8::53\nnameserver 192.0.2.1\nsearch a..b c.net\n");
    let known = Known {
        dns_servers: &[Ipv6Addr::LOCALHOST],
        ..plain(&resolvers, &[])
    };
    let made = make(&known);
    assert_eq!(made.text, "option domain-name \"c.net\";\n");
    assert_eq!(
        made.said[..3],
        [
            "DNS servers, by -n: ::1",
            "search domains, of /etc/resolv.conf: c.net",
            "not told to clients, of /etc/resolv.conf: a..b (not a domain name)",
        ]
    );
}

#[test]
fn what_is_not_known_is_said() {
    let resolvers = resolvers("nameserver 127.0.0.53\n");
    assert_eq!(
        make(&plain(&resolvers, &[])).said[..2],
        [
            "DNS servers: none, because /etc/resolv.conf names none that clients can ask; -n ADDRESS names one",
            "not told to clients, of /etc/resolv.conf: 127.0.0.53 (only this machine can ask it)",
        ]
    );
    let unreadable = Known {
        resolvers: Err("No such file or directory"),
        ..plain(&resolvers, &[])
    };
    let made = make(&unreadable);
    assert_eq!(made.text, "");
    assert_eq!(
        made.said.first().expect("a line"),
        "DNS servers: none, because /etc/resolv.conf cannot be read: No such file or directory; -n ADDRESS names one"
    );
}

#[test]
fn every_name_of_a_resolv_conf_can_stand_in_a_configuration() {
    let names: String = (0x21..0x7f)
        .map(char::from)
        .map(|c| format!(" x{c}y.net"))
        .collect();
    // More than are announced at once.
    for names in names.split_inclusive(".net").collect::<Vec<_>>().chunks(20) {
        let resolvers = resolvers(&format!("search {}\n", names.concat()));
        let config = config(&make(&plain(&resolvers, &[])));
        assert_eq!(config.options.domain_list.len(), resolvers.domains.len());
    }
}
