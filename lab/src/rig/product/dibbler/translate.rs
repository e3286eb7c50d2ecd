//! The scenario's configuration in Dibbler's language.
//!
//! - The link is the interface, and once more a virtual interface for relay agents. Dibbler finds the latter by an
//!   Interface-Id or, with `guess-mode`, takes the first whose subnet holds the link-address.
//! - A `host` statement is a reservation at both.
//! - T1 and T2 are fixed numbers, one half and four fifths of the preferred lifetime of the pool.

use std::fmt::Write as _;

use dhcp6s::config::{Config, Host, Interface, Lifetimes};
use dhcp6s::wire::Duid;

use crate::rig::INTERFACE;
use crate::rig::product::scene::option_contents;
use crate::rig::product::{NotExpressible, Scene};

/// The text of its configuration file.
pub(super) fn translate(scene: &Scene<'_>) -> Result<String, NotExpressible> {
    let config = scene.config()?;
    let interface = config.interfaces.iter().find(|it| it.name == INTERFACE);
    let link = link(&config, interface)?;
    let mut text = String::from("log-level 8\nlog-mode precise\nguess-mode\n");
    // Without a pool there has to be this word, and then nobody gets a lease.
    if interface.is_none_or(|it| it.pool.is_none()) {
        if !hosts(&config)?.is_empty() {
            return refuse("reservations on a link without a pool");
        }
        text.push_str("stateless\n");
    }
    let _ = writeln!(text, "iface \"{INTERFACE}\" {{\n{link}}}");
    for (index, prefix) in scene.prefixes(&config).iter().enumerate() {
        let number = index + 1;
        let _ = writeln!(
            text,
            "iface relay{number} {{\n  relay {INTERFACE}\n  interface-id {number}\n  subnet {prefix}\n{link}}}"
        );
    }
    Ok(text)
}

/// What is given on the link.
fn link(config: &Config, interface: Option<&Interface>) -> Result<String, NotExpressible> {
    let hosts = hosts(config)?;
    let pool = interface.and_then(|it| it.pool);
    let mut lifetimes: Vec<Lifetimes> = hosts
        .iter()
        .flat_map(|host| host.addresses.iter().chain(&host.prefixes))
        .map(|it| it.lifetimes)
        .chain(pool.map(|it| it.lifetimes))
        .collect();
    if lifetimes.iter().any(|it| it.valid_secs == 0) {
        return refuse("a valid lifetime of 0, with which nobody gets anything");
    }
    lifetimes.dedup();
    let mut text = String::new();
    match lifetimes.as_slice() {
        // There has to be something in the braces.
        [] => text.push_str("  preference 0\n"),
        [one] => text.push_str(&times(*one)),
        _ => return refuse("several lifetimes on one link: they belong to the interface"),
    }
    if let Some(preference) = interface.and_then(|it| it.preference) {
        let _ = writeln!(text, "  preference {preference}");
    }
    if interface.is_some_and(|it| it.rapid_commit) {
        text.push_str("  rapid-commit 1\n");
    }
    if let Some(pool) = pool.and_then(|it| config.pools.get(it.pool)) {
        let (first, last) = (pool.first, pool.last);
        let _ = writeln!(text, "  class {{ pool {first}-{last} }}");
    }
    for host in &hosts {
        text.push_str(&client(host)?);
    }
    for (code, content) in option_contents(&config.options) {
        const REFRESH_TIME: u16 = 32;
        let _ = match (code, <[u8; 4]>::try_from(content.as_slice())) {
            (REFRESH_TIME, Ok(secs)) => {
                writeln!(text, "  option lifetime {}", u32::from_be_bytes(secs))
            }
            _ => writeln!(text, "  option {code} duid {}", octets(&content)),
        };
    }
    Ok(text)
}

fn times(lifetimes: Lifetimes) -> String {
    let Lifetimes {
        preferred_secs,
        valid_secs,
    } = lifetimes;
    let share = |part: u64, whole: u64| match preferred_secs {
        u32::MAX => u32::MAX,
        secs => u32::try_from(u64::from(secs) * part / whole).unwrap_or(u32::MAX),
    };
    format!(
        "  T1 {}\n  T2 {}\n  prefered-lifetime {preferred_secs}\n  valid-lifetime {valid_secs}\n",
        share(1, 2),
        share(4, 5)
    )
}

/// The hosts that count: with a DUID, and the first with that one.
fn hosts(config: &Config) -> Result<Vec<&Host>, NotExpressible> {
    let mut known: Vec<Duid> = Vec::new();
    let mut hosts = Vec::new();
    for host in &config.hosts {
        let Some(duid) = host.duid.filter(|duid| !known.contains(duid)) else {
            continue;
        };
        known.push(duid);
        if host.key.is_some() {
            return refuse("delayed authentication with a key for each client (`delayedkey`)");
        }
        if host.pool.is_some() {
            return refuse("a pool for one client: pools belong to interfaces");
        }
        hosts.push(host);
    }
    Ok(hosts)
}

fn client(host: &Host) -> Result<String, NotExpressible> {
    let duid = host.duid.map_or_else(String::new, |it| it.to_string());
    let mut text = format!("  client duid {duid} {{\n");
    match host.addresses.as_slice() {
        [] => {}
        [one] => {
            let _ = writeln!(text, "    address {}", one.prefix.address());
        }
        _ => return refuse("several addresses for one client: a reservation has one"),
    }
    match host.prefixes.as_slice() {
        [] => {}
        [one] => {
            let _ = writeln!(text, "    prefix {}", one.prefix);
        }
        _ => return refuse("several prefixes for one client: a reservation has one"),
    }
    text.push_str("  }\n");
    Ok(text)
}

fn octets(content: &[u8]) -> String {
    let octets: Vec<String> = content.iter().map(|octet| format!("{octet:02x}")).collect();
    octets.join(":")
}

fn refuse<T>(reason: &str) -> Result<T, NotExpressible> {
    Err(NotExpressible(reason.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::rig::product::Files;

    fn translated(text: &str) -> Result<String, NotExpressible> {
        let files = Files {
            folder: Path::new("/x"),
            leases: Path::new("/x/leases"),
        };
        translate(&Scene {
            text,
            addresses: &[],
            files,
        })
    }

    const POOL: &str = "interface eth0 { address-pool lan 3600 7200; preference 9; };\n\
                        pool lan { range 2001:db8:1::10 to 2001:db8:1::1f; };\n";
    const HOST: &str = "host h { duid 00:03:00:01:02:00:00:00:00:c1; ";

    #[test]
    fn the_link_stands_once_for_clients_and_once_for_relay_agents() {
        let link = "  T1 1800\n  T2 2880\n  prefered-lifetime 3600\n  valid-lifetime 7200\n  preference 9\n  \
                    class { pool 2001:db8:1::10-2001:db8:1::1f }\n";
        let text = translated(POOL).expect("it can be said");
        let own = format!("iface \"eth0\" {{\n{link}}}\n");
        assert!(text.contains(&own), "{text}");
        let relayed = format!(
            "iface relay1 {{\n  relay eth0\n  interface-id 1\n  subnet 2001:db8:1::/64\n{link}}}\n"
        );
        assert!(text.ends_with(&relayed), "{text}");
    }

    #[test]
    fn a_host_is_a_reservation_and_options_are_octets() {
        let config = format!(
            "{POOL}{HOST} address 2001:db8:1::17 3600 7200; }};\noption domain-name-servers 2001:db8::53;\n\
             option refreshtime 3600;"
        );
        let text = translated(&config).expect("it can be said");
        let client =
            "  client duid 00:03:00:01:02:00:00:00:00:c1 {\n    address 2001:db8:1::17\n  }\n";
        assert!(text.contains(client), "{text}");
        assert!(
            text.contains("  option 23 duid 20:01:0d:b8:00:00:"),
            "{text}"
        );
        assert!(text.contains("  option lifetime 3600\n"), "{text}");
    }

    #[test]
    fn without_anything_to_lease_it_is_stateless() {
        let text = translated("option domain-name-servers 2001:db8::53;").expect("it can be said");
        assert!(text.contains("\nstateless\n"), "{text}");
        assert!(
            !translated(POOL)
                .expect("it can be said")
                .contains("stateless")
        );
    }

    #[test]
    fn what_dibbler_cannot_do_is_refused_with_the_reason() {
        let refused = |text: &str| translated(text).expect_err("it cannot be said").0;
        let reserved = format!("{HOST} prefix 2001:db8:d00::/56 60; }};");
        assert!(refused(&reserved).contains("without a pool"));
        assert!(refused(&format!("{POOL}{reserved}")).contains("several lifetimes"));
        let two = "prefix 2001:db8:d00::/56 3600 7200; prefix 2001:db8:e00::/56 3600 7200; };";
        assert!(refused(&format!("{POOL}{HOST}{two}")).contains("several prefixes"));
        let pool = format!("{POOL}{HOST} address-pool lan 3600 7200; }};");
        assert!(refused(&pool).contains("a pool for one client"));
    }
}
