//! ISC's `dhcpd -6`.

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
use crate::rig::product::networks::{self, Drawers, Drawn, Networks};
use crate::rig::product::{NotExpressible, Scene};
use crate::rig::{INTERFACE, RigError, SERVER_MAC};

#[derive(Debug)]
pub(super) struct Dhcpd;

const LEASES: &str = "dhcpd6.leases";

impl Adapter for Dhcpd {
    fn name(&self) -> &'static str {
        "ISC dhcpd"
    }

    fn word(&self) -> &'static str {
        "dhcpd"
    }

    fn home(&self) -> Option<Home> {
        Some(Home {
            program: "/usr/sbin/dhcpd",
            package: "isc-dhcp-server",
        })
    }

    fn recognises(&self, stdout: &str, stderr: &str) -> bool {
        [stdout, stderr]
            .iter()
            .any(|it| it.starts_with("isc-dhcpd-"))
    }

    fn translate(&self, scene: &Scene<'_>) -> Result<String, NotExpressible> {
        translation(&scene.config()?, scene.addresses)
    }

    fn config_file(&self) -> &'static str {
        "dhcpd.conf"
    }

    /// It does not make the file of its leases.
    fn lay_out(&self, files: Files<'_>, namespace: &Namespace) -> Result<(), RigError> {
        let path = files.leases.join(LEASES);
        namespace
            .run(move || fs::write(path, ""))
            .map_err(|error| RigError(format!("cannot write the lease file of dhcpd: {error}")))
    }

    fn arguments(&self, files: Files<'_>) -> Vec<OsString> {
        vec![
            "-6".into(),
            "-f".into(),
            // The log goes to standard error.
            "-d".into(),
            "--no-pid".into(),
            "-cf".into(),
            files.at(self.config_file()).into(),
            "-lf".into(),
            files.leases.join(LEASES).into(),
            INTERFACE.into(),
        ]
    }

    fn is_ready(&self, log: &[String], _: &Namespace) -> bool {
        log.iter().any(|it| it == "Server starting service.")
    }

    /// Its log says so.
    fn look_again(&self) -> Duration {
        Duration::MAX
    }

    /// It reads its configuration at the start alone.
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
            Deed::FullDisk => Some("it says nothing that would tell when it has noticed"),
            Deed::Crash | Deed::Restart | Deed::Reload => None,
        }
    }

    /// It leaves the signal to the system.
    fn ending(&self) -> Ending {
        Ending::AnyStatus
    }
}

const NO_REMOVE: &str = "it has no command that removes a lease of DHCPv6";

/// The text of `dhcpd.conf`.
fn translation(config: &Config, addresses: &[(Ipv6Addr, u8)]) -> Result<String, NotExpressible> {
    let mac: Vec<String> = SERVER_MAC.iter().map(|it| format!("{it:02x}")).collect();
    let mut text = format!(
        "server-duid LL ethernet {};\ndhcpv6-set-tee-times true;\n",
        mac.join(":")
    );
    interface(config, &mut text);
    options(config, &mut text)?;
    let pools = networks::drawn(config);
    for number in pooled(&pools) {
        let host = networks::hosts(config)
            .into_iter()
            .find(|it| it.0 == number);
        if let Some(duid) = host.and_then(|(_, host)| host.duid.as_ref()) {
            let _ = writeln!(
                text,
                "class \"host{number}\" {{ match if option dhcp6.client-id = {duid}; }}"
            );
        }
    }
    let mut networks = Networks::of(addresses);
    let mut in_networks: Vec<(Prefix, &Drawn<'_>)> = Vec::new();
    for drawn in &pools {
        let (name, first, last) = (&drawn.pool.name, drawn.pool.first, drawn.pool.last);
        let Some(network) = networks.holding(first, last) else {
            return no(format!(
                "`pool {name}`: it is in no single /64, and a range of dhcpd is in one subnet"
            ));
        };
        in_networks.push((network, drawn));
    }
    let hosts = hosts(config, &mut networks)?;
    let _ = writeln!(text, "shared-network link {{\n    interface {INTERFACE};");
    for network in networks.all() {
        let _ = writeln!(text, "    subnet6 {network} {{");
        for (_, drawn) in in_networks.iter().filter(|(it, _)| it == network) {
            pool(drawn, &mut text)?;
        }
        let _ = writeln!(text, "    }}");
    }
    if networks.all().is_empty() {
        return no("a link without prefixes: dhcpd serves no interface without a subnet6");
    }
    let _ = writeln!(text, "}}");
    text.push_str(&hosts);
    Ok(text)
}

fn no<T>(why: impl Into<String>) -> Result<T, NotExpressible> {
    Err(NotExpressible(why.into()))
}

/// It looks for these where they hold for all, and nowhere else when it decides whether to send a Reply.
fn interface(config: &Config, text: &mut String) {
    let Some(interface) = networks::served(config) else {
        return;
    };
    if let Some(preference) = interface.preference {
        let _ = writeln!(text, "option dhcp6.preference {preference};");
    }
    if interface.rapid_commit {
        text.push_str("option dhcp6.rapid-commit;\n");
    }
}

/// The hosts that have pools of their own.
fn pooled(pools: &[Drawn<'_>]) -> Vec<usize> {
    let numbers = pools.iter().filter_map(|it| match &it.who {
        Drawers::Hosts(hosts) => Some(hosts.as_slice()),
        Drawers::AllBut(_) => None,
    });
    numbers.flatten().copied().collect()
}

fn pool(drawn: &Drawn<'_>, text: &mut String) -> Result<(), NotExpressible> {
    let (verb, hosts) = match &drawn.who {
        Drawers::AllBut(hosts) => ("deny", hosts),
        Drawers::Hosts(hosts) => ("allow", hosts),
    };
    let times = times(
        drawn.lifetimes,
        &format!("`address-pool {}`", drawn.pool.name),
    )?;
    let (first, last) = (drawn.pool.first, drawn.pool.last);
    let _ = writeln!(text, "        pool6 {{\n            range6 {first} {last};");
    for number in hosts {
        let _ = writeln!(text, "            {verb} members of \"host{number}\";");
    }
    let _ = writeln!(text, "            {times}\n        }}");
    Ok(())
}

/// What a client asks for does not count, so all are the same.
fn times(lifetimes: Lifetimes, what: &str) -> Result<String, NotExpressible> {
    let (preferred, valid) = (lifetimes.preferred_secs, lifetimes.valid_secs);
    if valid == 0 {
        return no(format!(
            "{what} with a valid lifetime of 0: dhcpd would go on to give leases that end at once"
        ));
    }
    Ok(format!(
        "default-lease-time {valid}; min-lease-time {valid}; max-lease-time {valid}; preferred-lifetime {preferred};"
    ))
}

fn hosts(config: &Config, networks: &mut Networks) -> Result<String, NotExpressible> {
    let mut text = String::new();
    for (number, host) in networks::hosts(config) {
        let (name, Some(duid)) = (&host.name, &host.duid) else {
            continue;
        };
        if host.key.is_some() {
            return no(format!(
                "the key of `host {name}`: dhcpd authenticates no clients of DHCPv6"
            ));
        }
        let mut fixed = String::new();
        match host.addresses.as_slice() {
            [] => {}
            [only] => {
                let address = only.prefix.address();
                if networks.holding(address, address).is_none() {
                    return no(format!("{address} of `host {name}` is in no subnet"));
                }
                let _ = writeln!(fixed, "    fixed-address6 {address};");
            }
            [_, ..] => {
                return no(format!(
                    "several addresses of `host {name}`: dhcpd gives a client one fixed address"
                ));
            }
        }
        for reservation in &host.prefixes {
            let (address, length) = (reservation.prefix.address(), reservation.prefix.length());
            let _ = writeln!(fixed, "    fixed-prefix6 {address}/{length};");
        }
        if let Some(lifetimes) = lifetimes_of(host)? {
            let times = times(lifetimes, &format!("`host {name}`"))?;
            let _ = writeln!(
                text,
                "host host{number} {{\n    host-identifier option dhcp6.client-id {duid};\n{fixed}    {times}\n}}"
            );
        }
    }
    Ok(text)
}

/// The lifetimes of all that a host has; `None` if that is nothing.
fn lifetimes_of(host: &Host) -> Result<Option<Lifetimes>, NotExpressible> {
    let mut all = host
        .addresses
        .iter()
        .chain(&host.prefixes)
        .map(|it| it.lifetimes);
    let Some(first) = all.next() else {
        return Ok(None);
    };
    if all.any(|it| it != first) {
        return no(format!(
            "`host {}` with several lifetimes: a host of dhcpd has one",
            host.name
        ));
    }
    Ok(Some(first))
}

fn options(config: &Config, text: &mut String) -> Result<(), NotExpressible> {
    let options = &config.options;
    let addresses: [(&str, &[Ipv6Addr]); 6] = [
        ("sip-servers-addresses", &options.sip_addresses),
        ("name-servers", &options.dns_servers),
        ("nis-servers", &options.nis_servers),
        ("nisp-servers", &options.nisp_servers),
        ("sntp-servers", &options.ntp_servers),
        ("bcms-server-a", &options.bcmcs_addresses),
    ];
    for (name, list) in addresses.into_iter().filter(|it| !it.1.is_empty()) {
        let list: Vec<String> = list.iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "option dhcp6.{name} {};", list.join(", "));
    }
    if !options.ntp_servers.is_empty() {
        ntp(&options.ntp_servers, text);
    }
    let names: [(&str, &[DomainName]); 5] = [
        ("sip-servers-names", &options.sip_names),
        ("domain-search", &options.domain_list),
        ("nis-domain-name", &options.nis_domains),
        ("nisp-domain-name", &options.nisp_domains),
        ("bcms-server-d", &options.bcmcs_names),
    ];
    for (name, list) in names.into_iter().filter(|it| !it.1.is_empty()) {
        let list: Vec<String> = list.iter().map(ToString::to_string).collect();
        if let Some(odd) = list.iter().find(|it| !networks::is_plain(it)) {
            return no(format!(
                "the domain name `{odd}`: dhcpd has no way to write its characters"
            ));
        }
        // With two, it accepts the statement and sends an option whose length is wrong.
        if name.ends_with("-domain-name") && list.len() > 1 {
            return no(format!("several names in dhcp6.{name}: dhcpd has one"));
        }
        let list: Vec<String> = list.iter().map(|it| format!("\"{it}\"")).collect();
        let _ = writeln!(text, "option dhcp6.{name} {};", list.join(", "));
    }
    if let Some(secs) = options.refresh_time_secs {
        let _ = writeln!(text, "option dhcp6.info-refresh-time {secs};");
    }
    Ok(())
}

/// It does not know the NTP Server option (RFC 5908), and takes octets.
fn ntp(servers: &[Ipv6Addr], text: &mut String) {
    let suboption = |address: &Ipv6Addr| [&[0, 1, 0, 16], &address.octets()[..]].concat();
    let octets: Vec<String> = servers
        .iter()
        .flat_map(suboption)
        .map(|it| format!("{it:02x}"))
        .collect();
    let octets = octets.join(":");
    let _ = writeln!(
        text,
        "option dhcp6.ntp-server code 56 = string;\noption dhcp6.ntp-server {octets};"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rig::product::networks::tests::scene;

    const HEAD: &str = "server-duid LL ethernet 02:00:00:00:00:01;\ndhcpv6-set-tee-times true;\n";

    fn translated(text: &str) -> String {
        let translated = Dhcpd.translate(&scene(text));
        let translated = translated.unwrap_or_else(|error| panic!("{error}"));
        let rest = translated.strip_prefix(HEAD);
        rest.expect("the same beginning everywhere").to_owned()
    }

    fn refused(text: &str) -> String {
        let translated = Dhcpd.translate(&scene(text));
        translated.expect_err("it cannot be said").to_string()
    }

    #[test]
    fn a_pool_is_a_pool6_in_the_subnet_of_the_link() {
        let text = "interface eth0 { address-pool lan 3600 7200; preference 7; allow rapid-commit; };\n\
                    pool lan { range 2001:db8:1::1000 to 2001:db8:1::1fff; };\n";
        assert_eq!(
            translated(text),
            r"option dhcp6.preference 7;
option dhcp6.rapid-commit;
shared-network link {
    interface eth0;
    subnet6 2001:db8:1::/64 {
        pool6 {
            range6 2001:db8:1::1000 2001:db8:1::1fff;
            default-lease-time 7200; min-lease-time 7200; max-lease-time 7200; preferred-lifetime 3600;
        }
    }
}
"
        );
    }

    #[test]
    fn what_a_host_has_is_fixed_by_its_duid() {
        let text = "host a {\n\
                    duid 00:03:00:0a; address 2001:db8:7::a 60 120;\n\
                    prefix 2001:db8:d00::/56 60 120; prefix 2001:db8:e00::/56 60 120;\n\
                    };\n";
        assert_eq!(
            translated(text),
            r"shared-network link {
    interface eth0;
    subnet6 2001:db8:1::/64 {
    }
    subnet6 2001:db8:7::/64 {
    }
}
host host1 {
    host-identifier option dhcp6.client-id 00:03:00:0a;
    fixed-address6 2001:db8:7::a;
    fixed-prefix6 2001:db8:d00::/56;
    fixed-prefix6 2001:db8:e00::/56;
    default-lease-time 120; min-lease-time 120; max-lease-time 120; preferred-lifetime 60;
}
"
        );
    }

    #[test]
    fn hosts_with_a_pool_of_their_own_get_nothing_of_the_other() {
        let text = "interface eth0 { address-pool lan 600; };\n\
                    pool lan { range 2001:db8:1::10 to 2001:db8:1::1f; };\n\
                    pool staff { range 2001:db8:1::20 to 2001:db8:1::2f; };\n\
                    host a { duid 00:03:00:0a; address-pool staff 300; };\n";
        assert_eq!(
            translated(text),
            r#"class "host1" { match if option dhcp6.client-id = 00:03:00:0a; }
shared-network link {
    interface eth0;
    subnet6 2001:db8:1::/64 {
        pool6 {
            range6 2001:db8:1::10 2001:db8:1::1f;
            deny members of "host1";
            default-lease-time 600; min-lease-time 600; max-lease-time 600; preferred-lifetime 600;
        }
        pool6 {
            range6 2001:db8:1::20 2001:db8:1::2f;
            allow members of "host1";
            default-lease-time 300; min-lease-time 300; max-lease-time 300; preferred-lifetime 300;
        }
    }
}
"#
        );
    }

    #[test]
    fn options_go_by_their_names() {
        let text = "option sip-server-domain-name \"sip.example\";\n\
                    option domain-name-servers 2001:db8::1 2001:db8::2;\n\
                    option domain-name \"a.example\";\noption domain-name \"b.example\";\n\
                    option ntp-servers 2001:db8::7;\noption refreshtime 700;\n";
        assert_eq!(
            translated(text),
            r#"option dhcp6.name-servers 2001:db8::1, 2001:db8::2;
option dhcp6.sntp-servers 2001:db8::7;
option dhcp6.ntp-server code 56 = string;
option dhcp6.ntp-server 00:01:00:10:20:01:0d:b8:00:00:00:00:00:00:00:00:00:00:00:07;
option dhcp6.sip-servers-names "sip.example";
option dhcp6.domain-search "a.example", "b.example";
option dhcp6.info-refresh-time 700;
shared-network link {
    interface eth0;
    subnet6 2001:db8:1::/64 {
    }
}
"#
        );
    }

    #[test]
    fn what_it_cannot_do_is_said_with_the_statement() {
        let host = |rest: &str| format!("host a {{ duid 00:03:00:0a; {rest} }};");
        for (text, why) in [
            (
                host("address 2001:db8:1::a 60; address 2001:db8:1::b 60;"),
                "several addresses of `host a`: dhcpd gives a client one fixed address",
            ),
            (
                host("address 2001:db8:1::a 60; prefix 2001:db8:d00::/56 90;"),
                "`host a` with several lifetimes: a host of dhcpd has one",
            ),
            (
                host("address 2001:db8:1::a 0;"),
                "`host a` with a valid lifetime of 0: dhcpd would go on to give leases that end at once",
            ),
            (
                "interface eth0 { address-pool lan 600; };\n\
                 pool lan { range 2001:db8:2::1 to 2001:db8:3::1; };"
                    .to_owned(),
                "`pool lan`: it is in no single /64, and a range of dhcpd is in one subnet",
            ),
            (
                "option domain-name \"a,b.example\";".to_owned(),
                "the domain name `a,b.example`: dhcpd has no way to write its characters",
            ),
            (
                "option nis-domain-name \"a.example\";\noption nis-domain-name \"b.example\";"
                    .to_owned(),
                "several names in dhcp6.nis-domain-name: dhcpd has one",
            ),
            (
                "keyinfo k { realm \"r\"; keyid 1; secret \"c2VjcmV0\"; };\n".to_owned()
                    + &host("address 2001:db8:1::a 200; delayedkey k;"),
                "the key of `host a`: dhcpd authenticates no clients of DHCPv6",
            ),
        ] {
            assert_eq!(refused(&text), format!("not expressible: {why}"), "{text}");
        }
        let bare = Scene {
            addresses: &[],
            ..scene("")
        };
        let why = Dhcpd
            .translate(&bare)
            .expect_err("it cannot be said")
            .to_string();
        assert!(why.ends_with("no interface without a subnet6"), "{why}");
    }
}
