//! The scenario's configuration in Kea's language.
//!
//! - The link is a shared network on the interface, with a subnet for each of its prefixes. Relay agents that name one of
//!   them are on it.
//! - `host` statements are global reservations, so that they hold behind relay agents on other links, too: for these there
//!   is a subnet of all addresses at the end, with nothing to give but what is reserved.
//! - Lifetimes belong to the client of a `host` as a whole, by a client class, which is also how it gets another pool.
//! - T1 and T2 are one half and four fifths, as ours; a client without Option Request option gets all options.

use std::net::Ipv6Addr;

use dhcp6s::config::{Config, Host, Lifetimes, PoolUse};
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
        reservations.push(reservation(host));
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
    let interface = config.interfaces.iter().find(|it| it.name == INTERFACE);
    if let Some(preference) = interface.and_then(|it| it.preference) {
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
        "shared-networks": [network(scene, &config, &hosts)?],
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

/// The link with its subnets and pools.
fn network(scene: &Scene<'_>, config: &Config, hosts: &[&Host]) -> Result<Value, NotExpressible> {
    let interface = config.interfaces.iter().find(|it| it.name == INTERFACE);
    let mut prefixes = scene.prefixes(config);
    let own = interface.and_then(|it| it.pool);
    let of_hosts = hosts
        .iter()
        .filter_map(|host| Some((host.pool?, class_name(host))));
    let mut uses: Vec<(PoolUse, Option<String>)> =
        of_hosts.map(|(pool, class)| (pool, Some(class))).collect();
    let movers: Vec<String> = uses
        .iter()
        .filter_map(|(_, class)| Some(format!("not member('{}')", class.as_deref()?)))
        .collect();
    uses.extend(own.map(|it| (it, None)));
    if uses.iter().any(|(it, _)| it.lifetimes.valid_secs == 0) {
        return refuse("a pool with a valid lifetime of 0, of which nobody gets anything");
    }
    for (pool_use, _) in &uses {
        if let Some(pool) = config.pools.get(pool_use.pool)
            && !prefixes
                .iter()
                .any(|it| it.contains(pool.first) && it.contains(pool.last))
        {
            prefixes.extend(around(pool.first, pool.last));
        }
    }
    if !movers.is_empty() && own.is_some() {
        return refuse(
            "a pool for one client in the place of another: a pool has one class that may use it",
        );
    }
    let mut subnets = Vec::new();
    for (index, prefix) in prefixes.iter().enumerate() {
        let mut subnet = Map::new();
        subnet.insert("id".into(), json!(index + 1));
        subnet.insert("subnet".into(), json!(prefix.to_string()));
        let mut pools = Vec::new();
        for (pool_use, class) in &uses {
            let Some(pool) = config.pools.get(pool_use.pool) else {
                continue;
            };
            let home = prefixes
                .iter()
                .position(|it| it.contains(pool.first) && it.contains(pool.last));
            if home != Some(index) {
                continue;
            }
            let mut one = json!({ "pool": range(pool.first, pool.last) });
            match (class, one.as_object_mut()) {
                (Some(class), Some(one)) => {
                    one.insert("client-class".into(), json!(class));
                }
                (None, _) => live(&mut subnet, pool_use.lifetimes),
                (Some(_), None) => {}
            }
            pools.push(one);
        }
        subnet.insert("pools".into(), json!(pools));
        subnets.push(Value::Object(subnet));
    }
    if subnets.is_empty() {
        subnets.push(json!({ "id": 9998, "subnet": "fe80::/10" }));
    }
    Ok(json!({
        "name": "lan",
        "interface": INTERFACE,
        "rapid-commit": interface.is_some_and(|it| it.rapid_commit),
        "subnet6": subnets,
    }))
}

fn live(fields: &mut Map<String, Value>, lifetimes: Lifetimes) {
    fields.insert("preferred-lifetime".into(), json!(lifetimes.preferred_secs));
    fields.insert("valid-lifetime".into(), json!(lifetimes.valid_secs));
}

fn range(first: Ipv6Addr, last: Ipv6Addr) -> String {
    format!("{first} - {last}")
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
