//! dnsmasq, for addresses by DHCPv6; it delegates no prefixes.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::net::Ipv6Addr;
use std::time::Duration;

use dhcp6s::config::{Config, Host, Lifetimes};
use dhcp6s::lease::Prefix;
use dhcp6s::wire::DomainName;

use crate::link::Namespace;
use crate::rig::product::adapter::{Adapter, Deed, Ending, Files, Home, Order, Post, Told};
use crate::rig::product::networks::{self, Drawers, Networks};
use crate::rig::product::{NotExpressible, Scene};
use crate::rig::{INTERFACE, RigError, SERVER_DUID};

#[derive(Debug)]
pub(super) struct Dnsmasq;

const LEASES: &str = "dnsmasq.leases";
/// The shortest lease that it gives; it takes less for a mistake, and gives this.
const SHORTEST_SECS: u32 = 120;
/// It reads numbers of seconds as signed ones.
const LONGEST_SECS: u32 = i32::MAX.unsigned_abs();
const INFINITY: u32 = u32::MAX;

impl Adapter for Dnsmasq {
    fn name(&self) -> &'static str {
        "dnsmasq"
    }

    fn word(&self) -> &'static str {
        "dnsmasq"
    }

    fn home(&self) -> Option<Home> {
        Some(Home {
            program: "/usr/sbin/dnsmasq",
            package: "dnsmasq-base",
        })
    }

    fn recognises(&self, stdout: &str, _: &str) -> bool {
        stdout.starts_with("Dnsmasq version ")
    }

    fn translate(&self, scene: &Scene<'_>) -> Result<String, NotExpressible> {
        translation(&scene.config()?, scene.addresses)
    }

    fn config_file(&self) -> &'static str {
        "dnsmasq.conf"
    }

    /// What it can be told about its DUID is not enough for one of type DUID-LL, but it takes what it finds among its
    /// leases.
    fn lay_out(&self, files: Files<'_>, namespace: &Namespace) -> Result<(), RigError> {
        let octets: Vec<String> = SERVER_DUID.iter().map(|it| format!("{it:02x}")).collect();
        let (path, text) = (files.leases.join(LEASES), octets.join(":"));
        namespace
            .run(move || fs::write(path, format!("duid {text}\n")))
            .map_err(|error| RigError(format!("cannot write the DUID of dnsmasq: {error}")))
    }

    fn arguments(&self, files: Files<'_>) -> Vec<OsString> {
        let option = |name: &str, path: std::path::PathBuf| {
            let mut option = OsString::from(format!("--{name}="));
            option.push(path);
            option
        };
        vec![
            "--keep-in-foreground".into(),
            "--log-facility=-".into(),
            "--log-dhcp".into(),
            // The folder is nobody else's.
            "--user=root".into(),
            "--group=root".into(),
            option("conf-file", files.at(self.config_file())),
            option("dhcp-leasefile", files.leases.join(LEASES)),
            option("pid-file", files.at("dnsmasq.pid")),
        ]
    }

    /// It says this last, when it has joined all groups.
    fn is_ready(&self, log: &[String], _: &Namespace) -> bool {
        log.iter()
            .any(|it| it.contains("sockets bound exclusively to interface"))
    }

    /// Its log says so.
    fn look_again(&self) -> Duration {
        Duration::MAX
    }

    /// It reads little of its configuration again on a signal, so operators start it anew.
    fn tell(&self, order: &Order<'_>, _: &Post<'_>) -> Result<Told, RigError> {
        match order {
            Order::Reload => Ok(Told::Restart),
            Order::Remove(..) => Err(RigError(NO_REMOVE.into())),
        }
    }

    fn has_one_socket(&self) -> bool {
        true
    }

    fn cannot(&self, deed: Deed) -> Option<&'static str> {
        match deed {
            Deed::Remove => Some(NO_REMOVE),
            Deed::FullDisk => Some("it answers whether or not it could store a lease, and goes on"),
            Deed::Crash | Deed::Restart | Deed::Reload => None,
        }
    }

    /// It says its last word a moment before it is quite there, and told to end in that moment, it ends with status 5.
    fn ending(&self) -> Ending {
        Ending::AnyStatus
    }
}

const NO_REMOVE: &str = "a lease of it is removed through D-Bus alone, and there is no bus here";

/// The text of `dnsmasq.conf`.
fn translation(config: &Config, addresses: &[(Ipv6Addr, u8)]) -> Result<String, NotExpressible> {
    let mut text = format!("port=0\ninterface={INTERFACE}\nbind-interfaces\n");
    preference(config, &mut text)?;
    let mut networks = Networks::of(addresses);
    let mut ranges = String::new();
    let mut with_range: Vec<Prefix> = Vec::new();
    for drawn in networks::drawn(config) {
        let (name, first, last) = (&drawn.pool.name, drawn.pool.first, drawn.pool.last);
        let network = network(&mut networks, first, last, &format!("`pool {name}`"))?;
        let time = lease_time(drawn.lifetimes, &format!("`address-pool {name}`"))?;
        let tags = tags(&drawn.who);
        let length = network.length();
        let _ = writeln!(ranges, "dhcp-range={tags}{first},{last},{length},{time}");
        with_range.push(network);
    }
    let hosts = hosts(config, &mut networks)?;
    for network in networks.all() {
        let length = network.length();
        if length < 64 {
            return no(format!(
                "the link's prefix {network}: dnsmasq wants prefixes of 64 bits or more"
            ));
        }
        if !with_range.contains(network) {
            let _ = writeln!(ranges, "dhcp-range={},static,{length}", network.address());
        }
    }
    for network in networks.others() {
        let _ = writeln!(ranges, "shared-network={INTERFACE},{}", network.address());
    }
    if networks.all().is_empty() {
        return no(
            "a link without prefixes: dnsmasq serves networks, and takes `::` for all of them",
        );
    }
    text.push_str(&ranges);
    text.push_str(&hosts);
    options(config, &mut text)?;
    Ok(text)
}

fn no<T>(why: impl Into<String>) -> Result<T, NotExpressible> {
    Err(NotExpressible(why.into()))
}

/// It says 0, or 255 where it is the only server.
fn preference(config: &Config, text: &mut String) -> Result<(), NotExpressible> {
    match networks::served(config).and_then(|it| it.preference) {
        None | Some(0) => Ok(()),
        Some(255) => {
            text.push_str("dhcp-authoritative\n");
            Ok(())
        }
        Some(other) => no(format!(
            "`preference {other}`: dnsmasq sends 0 or, with dhcp-authoritative, 255"
        )),
    }
}

fn network(
    networks: &mut Networks,
    first: Ipv6Addr,
    last: Ipv6Addr,
    what: &str,
) -> Result<Prefix, NotExpressible> {
    networks.holding(first, last).ok_or_else(|| {
        NotExpressible(format!(
            "{what}: it is in no single /64, and a range of dnsmasq is"
        ))
    })
}

/// Its leases have one lifetime, which it sends as the preferred and the valid one. It is the valid one that says how long
/// a lease is kept.
fn lease_time(lifetimes: Lifetimes, what: &str) -> Result<String, NotExpressible> {
    match (lifetimes.preferred_secs, lifetimes.valid_secs) {
        (_, 0) => no(format!(
            "{what} with a valid lifetime of 0: a lease of dnsmasq lasts {SHORTEST_SECS} s or more"
        )),
        (0, _) => no(format!(
            "{what} with a preferred lifetime of 0: dnsmasq gives no new leases of deprecated ranges"
        )),
        (_, INFINITY) => Ok("infinite".to_owned()),
        (_, valid @ ..SHORTEST_SECS) => no(format!(
            "{what} with a valid lifetime of {valid} s: a lease of dnsmasq lasts {SHORTEST_SECS} s or more"
        )),
        (_, valid) if valid > LONGEST_SECS => no(format!(
            "{what} with a valid lifetime of {valid} s: dnsmasq reads at most {LONGEST_SECS}"
        )),
        (_, valid) => Ok(valid.to_string()),
    }
}

/// A range is for clients with all these tags.
fn tags(who: &Drawers) -> String {
    match who {
        Drawers::AllBut(hosts) if hosts.is_empty() => String::new(),
        Drawers::AllBut(_) => "tag:!pooled,".to_owned(),
        Drawers::Hosts(hosts) => match hosts.as_slice() {
            [first, ..] => format!("tag:pool{first},"),
            [] => String::new(),
        },
    }
}

/// The tags that a host sets, so that it gets addresses of its own pool and no other.
fn tags_of(number: usize, config: &Config) -> String {
    let drawn = networks::drawn(config);
    let pool = drawn.iter().find_map(|it| match &it.who {
        Drawers::Hosts(hosts) if hosts.contains(&number) => hosts.first().copied(),
        Drawers::Hosts(_) | Drawers::AllBut(_) => None,
    });
    pool.map_or_else(String::new, |first| format!(",set:pooled,set:pool{first}"))
}

fn hosts(config: &Config, networks: &mut Networks) -> Result<String, NotExpressible> {
    let mut text = String::new();
    let mut reserved: Vec<Ipv6Addr> = Vec::new();
    for (number, host) in networks::hosts(config) {
        let (name, Some(duid)) = (&host.name, &host.duid) else {
            continue;
        };
        if host.key.is_some() {
            return no(format!(
                "the key of `host {name}`: dnsmasq authenticates nobody"
            ));
        }
        if let Some(prefix) = host.prefixes.first() {
            let prefix = prefix.prefix;
            return no(format!(
                "the prefix {prefix} of `host {name}`: dnsmasq delegates no prefixes"
            ));
        }
        let mut line = format!("dhcp-host=id:{duid}{}", tags_of(number, config));
        for reservation in &host.addresses {
            let address = reservation.prefix.address();
            if reserved.contains(&address) {
                return no(format!(
                    "{address} of `host {name}`, which another host has: dnsmasq refuses that"
                ));
            }
            reserved.push(address);
            network(networks, address, address, "an address")?;
            let _ = write!(line, ",[{address}]");
        }
        if let Some(time) = time_of(host)? {
            let _ = write!(line, ",{time}");
        }
        if !host.addresses.is_empty() || host.pool.is_some() {
            let _ = writeln!(text, "{line}");
        }
    }
    Ok(text)
}

/// The lease time of the addresses of a host.
fn time_of(host: &Host) -> Result<Option<String>, NotExpressible> {
    let mut times = host.addresses.iter().map(|it| it.lifetimes);
    let Some(first) = times.next() else {
        return Ok(None);
    };
    let what = format!("an address of `host {}`", host.name);
    if times.any(|it| it.valid_secs != first.valid_secs) {
        return no(format!(
            "addresses of `host {}` with several lifetimes: a dhcp-host has one",
            host.name
        ));
    }
    lease_time(first, &what).map(Some)
}

fn options(config: &Config, text: &mut String) -> Result<(), NotExpressible> {
    let options = &config.options;
    let addresses: [(u16, &[Ipv6Addr]); 7] = [
        (22, &options.sip_addresses),
        (23, &options.dns_servers),
        (27, &options.nis_servers),
        (28, &options.nisp_servers),
        (31, &options.ntp_servers),
        (56, &options.ntp_servers),
        (34, &options.bcmcs_addresses),
    ];
    for (code, list) in addresses.into_iter().filter(|it| !it.1.is_empty()) {
        let list: Vec<String> = list.iter().map(|it| format!("[{it}]")).collect();
        let _ = writeln!(text, "dhcp-option=option6:{code},{}", list.join(","));
    }
    let names: [(u16, &[DomainName]); 4] = [
        (21, &options.sip_names),
        (24, &options.domain_list),
        (29, &options.nis_domains),
        (30, &options.nisp_domains),
    ];
    for (code, list) in names.into_iter().filter(|it| !it.1.is_empty()) {
        let list: Vec<String> = list.iter().map(ToString::to_string).collect();
        if let Some(name) = list.iter().find(|it| !networks::is_plain(it)) {
            return no(format!(
                "the domain name `{name}`: dnsmasq has no way to write its characters"
            ));
        }
        let _ = writeln!(text, "dhcp-option=option6:{code},{}", list.join(","));
    }
    // It does not know what is in this one, and takes octets.
    if !options.bcmcs_names.is_empty() {
        let octets = options.bcmcs_names.iter().flat_map(|it| it.as_bytes());
        let octets: Vec<String> = octets.map(|it| format!("{it:02x}")).collect();
        let _ = writeln!(text, "dhcp-option=option6:33,{}", octets.join(":"));
    }
    if let Some(secs) = options.refresh_time_secs {
        let _ = writeln!(text, "dhcp-option=option6:32,{secs}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rig::product::networks::tests::scene;

    fn translated(text: &str) -> String {
        let translated = Dnsmasq.translate(&scene(text));
        translated.unwrap_or_else(|error| panic!("{error}"))
    }

    fn refused(text: &str) -> String {
        let translated = Dnsmasq.translate(&scene(text));
        translated.expect_err("it cannot be said").to_string()
    }

    #[test]
    fn a_pool_is_a_range_with_the_valid_lifetime() {
        let text = "interface eth0 { address-pool lan 3600 7200; preference 255; };\n\
                    pool lan { range 2001:db8:1::1000 to 2001:db8:1::1fff; };\n";
        assert_eq!(
            translated(text),
            "port=0\ninterface=eth0\nbind-interfaces\ndhcp-authoritative\n\
             dhcp-range=2001:db8:1::1000,2001:db8:1::1fff,64,7200\n"
        );
        let endless = text.replace("3600 7200", "3600 infinity");
        assert!(translated(&endless).ends_with(",64,infinite\n"));
    }

    #[test]
    fn without_a_pool_the_link_is_served_all_the_same() {
        let base = "port=0\ninterface=eth0\nbind-interfaces\n";
        assert_eq!(
            translated(""),
            format!("{base}dhcp-range=2001:db8:1::,static,64\n")
        );
    }

    #[test]
    fn addresses_of_hosts_are_given_on_the_link_wherever_they_are() {
        let text = "host a { duid 00:03:00:0a; address 2001:db8:1::a 60 120; address 2001:db8:7::a 60 120; };\n\
                    host nobody { address 2001:db8:1::b 60; };\n\
                    host nothing { duid 00:03:00:0c; };\n";
        assert_eq!(
            translated(text),
            "port=0\ninterface=eth0\nbind-interfaces\n\
             dhcp-range=2001:db8:1::,static,64\n\
             dhcp-range=2001:db8:7::,static,64\n\
             shared-network=eth0,2001:db8:7::\n\
             dhcp-host=id:00:03:00:0a,[2001:db8:1::a],[2001:db8:7::a],120\n"
        );
    }

    #[test]
    fn hosts_with_a_pool_of_their_own_get_nothing_of_the_other() {
        let text = "interface eth0 { address-pool lan 600; };\n\
                    pool lan { range 2001:db8:1::10 to 2001:db8:1::1f; };\n\
                    pool staff { range 2001:db8:1::20 to 2001:db8:1::2f; };\n\
                    host a { duid 00:03:00:0a; address-pool staff 300; };\n\
                    host b { duid 00:03:00:0b; address-pool staff 300; };\n";
        assert_eq!(
            translated(text),
            "port=0\ninterface=eth0\nbind-interfaces\n\
             dhcp-range=tag:!pooled,2001:db8:1::10,2001:db8:1::1f,64,600\n\
             dhcp-range=tag:pool1,2001:db8:1::20,2001:db8:1::2f,64,300\n\
             dhcp-host=id:00:03:00:0a,set:pooled,set:pool1\n\
             dhcp-host=id:00:03:00:0b,set:pooled,set:pool1\n"
        );
    }

    #[test]
    fn options_go_by_their_numbers() {
        let text = "option sip-server-domain-name \"sip.example\";\n\
                    option domain-name-servers 2001:db8::1 2001:db8::2;\n\
                    option domain-name \"a.example\";\noption domain-name \"b.example\";\n\
                    option ntp-servers 2001:db8::7;\noption refreshtime 700;\n\
                    option bcmcs-server-domain-name \"b.c\";\n";
        assert_eq!(
            translated(text),
            "port=0\ninterface=eth0\nbind-interfaces\n\
             dhcp-range=2001:db8:1::,static,64\n\
             dhcp-option=option6:23,[2001:db8::1],[2001:db8::2]\n\
             dhcp-option=option6:31,[2001:db8::7]\n\
             dhcp-option=option6:56,[2001:db8::7]\n\
             dhcp-option=option6:21,sip.example\n\
             dhcp-option=option6:24,a.example,b.example\n\
             dhcp-option=option6:33,01:62:01:63:00\n\
             dhcp-option=option6:32,700\n"
        );
    }

    #[test]
    fn what_it_cannot_do_is_said_with_the_statement() {
        let lan = "pool lan { range 2001:db8:1::10 to 2001:db8:1::1f; };\n";
        let host = |rest: &str| format!("host a {{ duid 00:03:00:0a; {rest} }};");
        let pool = |rest: &str| format!("interface eth0 {{ {rest} }};\n{lan}");
        for (text, why) in [
            (
                host("prefix 2001:db8:d00::/56 60;"),
                "the prefix 2001:db8:d00::/56 of `host a`: dnsmasq delegates no prefixes",
            ),
            (
                pool("address-pool lan 30 60;"),
                "`address-pool lan` with a valid lifetime of 60 s: a lease of dnsmasq lasts 120 s or more",
            ),
            (
                pool("address-pool lan 0 600;"),
                "`address-pool lan` with a preferred lifetime of 0: dnsmasq gives no new leases of \
                 deprecated ranges",
            ),
            (
                pool("address-pool lan 0;"),
                "`address-pool lan` with a valid lifetime of 0: a lease of dnsmasq lasts 120 s or more",
            ),
            (
                pool("address-pool lan 60 4000000000;"),
                "`address-pool lan` with a valid lifetime of 4000000000 s: dnsmasq reads at most 2147483647",
            ),
            (
                pool("preference 7;"),
                "`preference 7`: dnsmasq sends 0 or, with dhcp-authoritative, 255",
            ),
            (
                host("address 2001:db8:1::a 200; address 2001:db8:1::b 300;"),
                "addresses of `host a` with several lifetimes: a dhcp-host has one",
            ),
            (
                host("address 2001:db8:1::a 200;")
                    + "host b { duid 00:03:00:0b; address 2001:db8:1::a 200; };",
                "2001:db8:1::a of `host b`, which another host has: dnsmasq refuses that",
            ),
            (
                "interface eth0 { address-pool lan 600; };\n\
                 pool lan { range 2001:db8:2::1 to 2001:db8:3::1; };"
                    .to_owned(),
                "`pool lan`: it is in no single /64, and a range of dnsmasq is",
            ),
            (
                "option domain-name \"a,b.example\";".to_owned(),
                "the domain name `a,b.example`: dnsmasq has no way to write its characters",
            ),
            (
                "keyinfo k { realm \"r\"; keyid 1; secret \"c2VjcmV0\"; };\n".to_owned()
                    + &host("address 2001:db8:1::a 200; delayedkey k;"),
                "the key of `host a`: dnsmasq authenticates nobody",
            ),
        ] {
            assert_eq!(refused(&text), format!("not expressible: {why}"), "{text}");
        }
        let bare = Scene {
            addresses: &[],
            ..scene("")
        };
        let why = Dnsmasq
            .translate(&bare)
            .expect_err("it cannot be said")
            .to_string();
        assert!(why.contains("a link without prefixes"), "{why}");
        let wide = Scene {
            addresses: &[("2001:db8::1".parse().expect("an address"), 48)],
            ..scene("")
        };
        let why = Dnsmasq.translate(&wide).expect_err("it cannot be said");
        assert_eq!(
            why.to_string(),
            "not expressible: the link's prefix 2001:db8::/48: dnsmasq wants prefixes of 64 bits or more"
        );
    }
}
