//! The scenario's configuration in Kea's language.
//!
//! - The link is a shared network on the interface, with a subnet for each of its prefixes. Relay agents that name one of
//!   them are on it.
//! - `host` statements are global reservations, so that they hold behind relay agents on other links, too: for these there
//!   is a subnet of all addresses at the end, with nothing to give but what is reserved.
//! - Lifetimes belong to the client of a `host` as a whole, by a client class, which is also how it gets another pool.
//! - T1 and T2 are one half and four fifths, as ours; a client without Option Request option gets all options.

use dhcp6s::config::{Config, Host, Interface, Lifetimes, PoolUse};
use dhcp6s::lease::Prefix;
use dhcp6s::wire::Duid;
use serde_json::{Map, Value, json};

use super::SOCKET;
use crate::rig::product::scene::{around, option_contents};
use crate::rig::product::{NotExpressible, Scene};
use crate::rig::{INTERFACE, SERVER_DUID};

/// Where Debian has the library that deletes leases.
const LEASE_COMMANDS: &str = "/usr/lib/x86_64-linux-gnu/kea/hooks/libdhcp_lease_cmds.so";
const NTP_SERVER: u16 = 56;
const REFRESH_TIME: u16 = 32;

/// The text of its configuration file.
pub(super) fn translate(scene: &Scene<'_>) -> Result<String, NotExpressible> {
    let config = scene.config()?;
    let hosts = hosts(&config)?;
    let mut classes = Vec::new();
    let mut reservations = Vec::new();
    for host in &hosts {
        classes.push(class(host, lifetimes(host)?));
        if !host.addresses.is_empty() || !host.prefixes.is_empty() {
            reservations.push(reservation(host));
        }
    }
    let options = option_contents(&config.options);
    let data: Vec<Value> = options.iter().map(|it| option(it, false)).collect();
    let unasked = options
        .iter()
        .filter(|(code, _)| ![NTP_SERVER, REFRESH_TIME].contains(code));
    classes.push(json!({
        "name": "without-option-request",
        "test": "not option[6].exists",
        "option-data": unasked.map(|it| option(it, true)).collect::<Vec<_>>(),
    }));
    classes.push(json!({
        "name": "informs-itself",
        "test": "pkt6.msgtype == 11 and not option[6].exists",
        "option-data": options.iter().filter(|it| it.0 == REFRESH_TIME)
            .map(|it| option(it, true)).collect::<Vec<_>>(),
    }));
    let (sources, pool_classes) = sources(&config, &hosts)?;
    classes.extend(pool_classes);
    if let Some(preference) = interface(&config).and_then(|it| it.preference) {
        classes.push(json!({
            "name": "solicits",
            "test": "pkt6.msgtype == 1",
            "option-data": [option(&(7, vec![preference]), true)],
        }));
    }
    let sockets = scene
        .addresses
        .iter()
        .map(|(address, _)| format!("{INTERFACE}/{address}"));
    let sockets: Vec<String> = std::iter::once(INTERFACE.to_owned())
        .chain(sockets)
        .collect();
    let elsewhere = json!([{ "id": 9999, "subnet": "::/0" }]);
    let configuration = json!({ "Dhcp6": {
        "server-id": { "type": "LL", "htype": 1, "identifier": hex(&SERVER_DUID[4..]), "persist": false },
        "interfaces-config": { "interfaces": sockets },
        "lease-database": {
            "type": "memfile",
            "persist": true,
            "name": scene.files.leases.join("kea-leases6.csv"),
            "lfc-interval": 0,
        },
        // Otherwise answers come out of order, and the fence proves nothing.
        "multi-threading": { "enable-multi-threading": false },
        "control-socket": { "socket-type": "unix", "socket-name": scene.files.at(SOCKET) },
        "hooks-libraries": [{ "library": LEASE_COMMANDS }],
        "calculate-tee-times": true,
        "t1-percent": 0.5,
        "t2-percent": 0.8,
        "host-reservation-identifiers": ["duid"],
        "reservations-global": true,
        "reservations-in-subnet": false,
        "reservations": reservations,
        "option-data": data,
        "client-classes": classes,
        "shared-networks": networks(scene, &config, &sources, !hosts.is_empty()),
        "subnet6": if hosts.is_empty() { json!([]) } else { elsewhere },
        "loggers": [{
            "name": "kea-dhcp6",
            "severity": "DEBUG",
            "debuglevel": 50,
            "output_options": [{ "output": "stderr" }],
        }],
    }});
    Ok(format!("{configuration:#}\n"))
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
            return refuse("authentication of clients (`delayedkey`): Kea has none");
        }
        hosts.push(host);
    }
    let mut taken: Vec<_> = hosts
        .iter()
        .flat_map(|it| it.addresses.iter().chain(&it.prefixes))
        .collect();
    taken.sort_by_key(|it| (it.prefix.address(), it.prefix.length()));
    if taken
        .windows(2)
        .any(|pair| matches!(pair, [a, b] if a.prefix == b.prefix))
    {
        return refuse("one address or prefix for two hosts: Kea takes it for a mistake");
    }
    if taken.iter().any(|it| it.lifetimes.valid_secs == 0) {
        return refuse("a reservation with a valid lifetime of 0, which nobody gets");
    }
    Ok(hosts)
}

/// The lifetimes of all that a host gets, if it says any.
fn lifetimes(host: &Host) -> Result<Option<Lifetimes>, NotExpressible> {
    let reserved = host
        .addresses
        .iter()
        .chain(&host.prefixes)
        .map(|it| it.lifetimes);
    let mut said: Vec<Lifetimes> = reserved.chain(host.pool.map(|it| it.lifetimes)).collect();
    said.dedup();
    match said.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(*one)),
        _ => refuse(&format!(
            "several lifetimes for one client (`host {}`): they belong to subnets and client classes",
            host.name
        )),
    }
}

/// The class that the client of a host is in, and nobody else.
fn class(host: &Host, lifetimes: Option<Lifetimes>) -> Value {
    let duid = host.duid.map_or_else(String::new, |it| hex(it.as_bytes()));
    let mut class =
        json!({ "name": class_name(host), "test": format!("option[1].hex == 0x{duid}") });
    if let (Some(lifetimes), Some(class)) = (lifetimes, class.as_object_mut()) {
        live(class, lifetimes);
    }
    class
}

fn class_name(host: &Host) -> String {
    format!("host-{}", host.name)
}

fn reservation(host: &Host) -> Value {
    let duid = host.duid.map_or_else(String::new, |it| it.to_string());
    let mut reservation = json!({ "duid": duid });
    let addresses: Vec<String> = host
        .addresses
        .iter()
        .map(|it| it.prefix.address().to_string())
        .collect();
    let prefixes: Vec<String> = host
        .prefixes
        .iter()
        .map(|it| it.prefix.to_string())
        .collect();
    if let Some(fields) = reservation.as_object_mut() {
        if !addresses.is_empty() {
            fields.insert("ip-addresses".into(), json!(addresses));
        }
        if !prefixes.is_empty() {
            fields.insert("prefixes".into(), json!(prefixes));
        }
    }
    reservation
}

/// A pool with those who draw from it.
struct Source {
    pool: usize,
    /// The class of its clients; `None` if all of them are.
    class: Option<String>,
    /// The lifetimes of those that have no lifetimes of their own.
    lifetimes: Option<Lifetimes>,
}

/// The pools in use, and the classes that say who draws from which: a host has its own in the place of the link's.
fn sources(config: &Config, hosts: &[&Host]) -> Result<(Vec<Source>, Vec<Value>), NotExpressible> {
    let own = interface(config).and_then(|it| it.pool);
    let movers: Vec<(&Host, PoolUse)> = hosts
        .iter()
        .filter_map(|host| Some((*host, host.pool?)))
        .collect();
    let uses = movers.iter().map(|(_, it)| *it).chain(own);
    if uses.clone().any(|it| it.lifetimes.valid_secs == 0) {
        return refuse("a pool with a valid lifetime of 0, of which nobody gets anything");
    }
    let mut pools: Vec<usize> = uses.map(|it| it.pool).collect();
    pools.sort_unstable();
    pools.dedup();
    let (mut sources, mut classes) = (Vec::new(), Vec::new());
    for pool in pools {
        let members = |inside: bool| {
            let chosen = movers
                .iter()
                .filter(move |(_, it)| (it.pool == pool) == inside);
            let members: Vec<String> = chosen
                .map(|(host, _)| format!("member('{}')", class_name(host)))
                .collect();
            members.join(" or ")
        };
        let of_link = own.filter(|it| it.pool == pool);
        let test = match (of_link, members(false).as_str()) {
            (Some(_), "") => None,
            (Some(_), others) => Some(format!("not ({others})")),
            (None, _) => Some(members(true)),
        };
        let class = test.map(|test| {
            let name = format!("pool-{pool}");
            classes.push(json!({ "name": name, "test": test }));
            name
        });
        sources.push(Source {
            pool,
            class,
            lifetimes: of_link.map(|it| it.lifetimes),
        });
    }
    Ok((sources, classes))
}

/// The link with its subnets and pools; nothing if nothing is given there.
fn networks(scene: &Scene<'_>, config: &Config, sources: &[Source], has_hosts: bool) -> Vec<Value> {
    let mut prefixes = scene.prefixes(config);
    for source in sources {
        if let Some(pool) = config.pools.get(source.pool)
            && !prefixes
                .iter()
                .any(|it| it.contains(pool.first) && it.contains(pool.last))
        {
            prefixes.extend(around(pool.first, pool.last));
        }
    }
    let mut subnets = Vec::new();
    for (index, prefix) in prefixes.iter().enumerate() {
        let mut subnet = Map::new();
        subnet.insert("id".into(), json!(index + 1));
        subnet.insert("subnet".into(), json!(prefix.to_string()));
        let mut pools = Vec::new();
        for source in sources {
            let Some(pool) = config.pools.get(source.pool) else {
                continue;
            };
            let fits = |it: &Prefix| it.contains(pool.first) && it.contains(pool.last);
            if prefixes.iter().position(fits) != Some(index) {
                continue;
            }
            let mut one = json!({ "pool": format!("{} - {}", pool.first, pool.last) });
            if let (Some(class), Some(one)) = (&source.class, one.as_object_mut()) {
                one.insert("client-class".into(), json!(class));
            }
            if let Some(lifetimes) = source.lifetimes {
                live(&mut subnet, lifetimes);
            }
            pools.push(one);
        }
        subnet.insert("pools".into(), json!(pools));
        subnets.push(Value::Object(subnet));
    }
    if subnets.is_empty() && !has_hosts {
        return Vec::new();
    }
    if subnets.is_empty() {
        // A network needs one, and without it nobody is on the link, not even those with a reservation.
        subnets.push(json!({ "id": 9998, "subnet": "fe80::/10" }));
    }
    let interface = interface(config);
    vec![json!({
        "name": "lan",
        "interface": INTERFACE,
        "rapid-commit": interface.is_some_and(|it| it.rapid_commit),
        "subnet6": subnets,
    })]
}

fn interface(config: &Config) -> Option<&Interface> {
    config.interfaces.iter().find(|it| it.name == INTERFACE)
}

fn live(fields: &mut Map<String, Value>, lifetimes: Lifetimes) {
    fields.insert("preferred-lifetime".into(), json!(lifetimes.preferred_secs));
    fields.insert("valid-lifetime".into(), json!(lifetimes.valid_secs));
}

/// An option by its octets, which spares us Kea's own notation for each.
fn option((code, content): &(u16, Vec<u8>), always: bool) -> Value {
    json!({
        "code": code,
        "space": "dhcp6",
        "csv-format": false,
        "data": hex(content),
        "always-send": always,
    })
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02X}")).collect()
}

fn refuse<T>(reason: &str) -> Result<T, NotExpressible> {
    Err(NotExpressible(reason.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::rig::product::Files;

    const LINK: &[(std::net::Ipv6Addr, u8)] =
        &[(std::net::Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1), 64)];
    const FIRST: &str = "00:03:00:01:02:00:00:00:00:c1";

    fn translated(text: &str) -> Result<Value, NotExpressible> {
        let files = Files {
            folder: Path::new("/x"),
            leases: Path::new("/x/leases"),
        };
        let scene = Scene {
            text,
            addresses: LINK,
            files,
        };
        let text = translate(&scene)?;
        Ok(serde_json::from_str(&text).expect("Kea reads JSON"))
    }

    fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
        value.pointer(path).unwrap_or(&Value::Null)
    }

    #[test]
    fn a_pool_lies_in_the_subnet_of_its_link_with_its_lifetimes() {
        let text = "interface eth0 { address-pool lan 3600 7200; allow rapid-commit; preference 9; };\n\
                    pool lan { range 2001:db8:1::10 to 2001:db8:1::1f; };";
        let value = translated(text).expect("it can be said");
        let network = at(&value, "/Dhcp6/shared-networks/0");
        assert_eq!(at(network, "/rapid-commit"), true);
        assert_eq!(at(network, "/subnet6/0/subnet"), "2001:db8:1::/64");
        assert_eq!(
            at(network, "/subnet6/0/pools/0/pool"),
            "2001:db8:1::10 - 2001:db8:1::1f"
        );
        assert_eq!(at(network, "/subnet6/0/preferred-lifetime"), 3600);
        assert_eq!(at(network, "/subnet6/0/valid-lifetime"), 7200);
        assert_eq!(at(network, "/subnet6/1"), &Value::Null);
        let classes = at(&value, "/Dhcp6/client-classes").to_string();
        assert!(classes.contains("\"data\":\"09\""), "{classes}");
    }

    #[test]
    fn a_host_is_a_reservation_everywhere_with_a_class_for_its_lifetimes() {
        let text = format!(
            "host h {{ duid {FIRST}; address 2001:db8:1::17 60 90; prefix 2001:db8:d00::/56 60 90; }};"
        );
        let value = translated(&text).expect("it can be said");
        let reservation = at(&value, "/Dhcp6/reservations/0");
        assert_eq!(at(reservation, "/duid"), FIRST);
        assert_eq!(at(reservation, "/ip-addresses/0"), "2001:db8:1::17");
        assert_eq!(at(reservation, "/prefixes/0"), "2001:db8:d00::/56");
        let class = at(&value, "/Dhcp6/client-classes/0");
        assert_eq!(
            at(class, "/test"),
            "option[1].hex == 0x000300010200000000C1"
        );
        assert_eq!(at(class, "/valid-lifetime"), 90);
        assert_eq!(at(&value, "/Dhcp6/subnet6/0/subnet"), "::/0");
    }

    #[test]
    fn a_pool_of_one_host_is_closed_to_others_and_the_other_way_round() {
        let text = format!(
            "interface eth0 {{ address-pool lan 60; }};\n\
             pool lan {{ range 2001:db8:1::10 to 2001:db8:1::1f; }};\n\
             pool own {{ range 2001:db8:1::20 to 2001:db8:1::2f; }};\n\
             host h {{ duid {FIRST}; address-pool own 60; }};"
        );
        let value = translated(&text).expect("it can be said");
        let classes = at(&value, "/Dhcp6/client-classes");
        let test = |name: &str| {
            let all = classes.as_array().expect("a list");
            let class = all.iter().find(|it| at(it, "/name") == name);
            class.map(|it| at(it, "/test").clone())
        };
        assert_eq!(test("pool-0"), Some(json!("not (member('host-h'))")));
        assert_eq!(test("pool-1"), Some(json!("member('host-h')")));
        let pools = at(&value, "/Dhcp6/shared-networks/0/subnet6/0/pools");
        assert_eq!(at(pools, "/0/client-class"), "pool-0");
        assert_eq!(at(pools, "/1/client-class"), "pool-1");
    }

    #[test]
    fn what_kea_cannot_do_is_refused_with_the_reason() {
        let refused = |text: &str| translated(text).expect_err("it cannot be said").0;
        let host = |what: &str| format!("host h {{ duid {FIRST}; {what} }};");
        let key = "keyinfo k { realm \"x\"; keyid 1; secret \"c2VjcmV0\"; };";
        let text = format!("{key} {}", host("delayedkey k;"));
        assert!(refused(&text).contains("authentication"));
        let text = host("address 2001:db8:1::17 60; address 2001:db8:1::18 90;");
        assert!(refused(&text).contains("several lifetimes"));
        let text = host("address 2001:db8:1::17 0 0;");
        assert!(refused(&text).contains("lifetime of 0"));
        assert!(refused("pool {").contains("mistake"));
    }
}
