//! What a server is to do: the scenario's configuration on a link, and what the system shows of a server that does.

use std::fs;
use std::io;
use std::net::Ipv6Addr;

use dhcp6s::config::{self, Config, Options, Sources};
use dhcp6s::lease::{Prefix, Timestamp};
use dhcp6s::wire::DomainName;

use crate::rig::INTERFACE;
use crate::rig::product::Files;

/// What a server is to do, where.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The configuration in the scenario's words, which are those of `dhcp6s.conf`.
    pub text: &'a str,
    /// The server's addresses on the link with their prefix lengths, without the link-local one.
    pub addresses: &'a [(Ipv6Addr, u8)],
    /// Where the server's files are, for configurations that name them.
    pub files: Files<'a>,
}

/// Why a server cannot be told to do what a scenario's configuration says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not expressible: {0}")]
pub struct NotExpressible(pub String);

impl Scene<'_> {
    /// The configuration as our server understands it.
    ///
    /// # Errors
    /// It is a mistake to our server, so nobody knows what it means.
    pub fn config(&self) -> Result<Config, NotExpressible> {
        const NAME: &str = "dhcp6s.conf";
        let sources = Sources {
            read: &|path| match path {
                NAME => Ok(self.text.as_bytes().to_vec()),
                _ => Err(io::ErrorKind::NotFound.into()),
            },
            interface_exists: &|name| name == INTERFACE,
            addresses_of: &|_| Some(Vec::new()),
            now: config::utc(Timestamp(0)),
        };
        let config = config::load(NAME, &sources)
            .map(|loaded| loaded.config)
            .map_err(|_| NotExpressible("the configuration is a mistake on purpose".to_owned()))?;
        match config.prefix_pools.is_empty() {
            true => Ok(config),
            false => Err(NotExpressible("pools of prefixes".to_owned())),
        }
    }
}

impl Scene<'_> {
    /// The prefixes that a client on the link has addresses of, each once: those of the server's addresses, and the /64
    /// of the interface's pool, or what is shorter and holds all of it. They are also what tells whether the
    /// link-address of a relay agent means this link (`docs/configuration.md`, "Behind a relay agent").
    #[must_use]
    pub fn prefixes(&self, config: &Config) -> Vec<Prefix> {
        let own = self.addresses.iter();
        let mut found: Vec<Prefix> = own
            .filter_map(|&(address, length)| Prefix::new(address, length))
            .collect();
        let pool = config.interfaces.iter().find(|it| it.name == INTERFACE);
        let pool = pool.and_then(|it| it.pool);
        if let Some(pool) = pool.and_then(|it| config.pools.get(it.pool)) {
            found.extend(around(pool.first, pool.last));
        }
        found.sort_unstable_by_key(|it| (it.address(), it.length()));
        found.dedup();
        found
    }
}

/// The /64 that holds both addresses, or the longest prefix that does.
pub(super) fn around(first: Ipv6Addr, last: Ipv6Addr) -> Option<Prefix> {
    let shared = (first.to_bits() ^ last.to_bits()).leading_zeros();
    Prefix::new(first, u8::try_from(shared.min(64)).unwrap_or(64))
}

/// The configured options by their codes, in the form that they have on the wire, in the order of the codes. 56
/// (NTP servers), which our server sends to those alone that ask for it, is the last, once for each server.
#[must_use]
pub(super) fn option_contents(options: &Options) -> Vec<(u16, Vec<u8>)> {
    fn addresses(list: &[Ipv6Addr]) -> Vec<u8> {
        list.iter().flat_map(Ipv6Addr::octets).collect()
    }
    fn names(list: &[DomainName]) -> Vec<u8> {
        list.iter()
            .flat_map(DomainName::as_bytes)
            .copied()
            .collect()
    }
    const NTP_SERVER: u16 = 56;
    let refresh = options.refresh_time_secs;
    let mut found = vec![
        (21, names(&options.sip_names)),
        (22, addresses(&options.sip_addresses)),
        (23, addresses(&options.dns_servers)),
        (24, names(&options.domain_list)),
        (27, addresses(&options.nis_servers)),
        (28, addresses(&options.nisp_servers)),
        (29, names(&options.nis_domains)),
        (30, names(&options.nisp_domains)),
        (31, addresses(&options.ntp_servers)),
        (
            32,
            refresh.map_or_else(Vec::new, |it| it.to_be_bytes().to_vec()),
        ),
        (33, names(&options.bcmcs_names)),
        (34, addresses(&options.bcmcs_addresses)),
    ];
    found.retain(|(_, content)| !content.is_empty());
    // An address suboption (RFC 5908 §4.1).
    let ntp = |server: &Ipv6Addr| [&[0, 1, 0, 16][..], &server.octets()].concat();
    found.extend(options.ntp_servers.iter().map(|it| (NTP_SERVER, ntp(it))));
    found
}

/// The global addresses of the served interface with their prefix lengths, as the system of this thread has them.
pub(in crate::rig) fn addresses() -> io::Result<Vec<(Ipv6Addr, u8)>> {
    let table = fs::read_to_string("/proc/thread-self/net/if_inet6")?;
    Ok(addresses_in(&table))
}

fn addresses_in(table: &str) -> Vec<(Ipv6Addr, u8)> {
    let row = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let &[address, _, length, _, _, name] = fields.as_slice() else {
            return None;
        };
        let address = Ipv6Addr::from_bits(u128::from_str_radix(address, 16).ok()?);
        let length = u8::from_str_radix(length, 16).ok()?;
        (name == INTERFACE && !address.is_unicast_link_local()).then_some((address, length))
    };
    let mut found: Vec<_> = table.lines().filter_map(row).collect();
    found.sort_unstable();
    found
}

/// Whether somebody in the network of this thread holds the port of servers and hears what clients say to all of them.
pub(in crate::rig) fn hears_clients() -> bool {
    let read = |table| fs::read_to_string(format!("/proc/thread-self/net/{table}"));
    let holds = read("udp6").is_ok_and(|table| is_local_port(&table, 547, None));
    holds && read("igmp6").is_ok_and(|table| has_joined(&table))
}

/// How many packets have come to the network of this thread so far.
pub(in crate::rig) fn packets() -> u64 {
    let table = fs::read_to_string("/proc/thread-self/net/snmp6").unwrap_or_default();
    let mut counters = table
        .lines()
        .filter_map(|line| line.strip_prefix("Ip6InReceives"));
    counters.find_map(|it| it.trim().parse().ok()).unwrap_or(0)
}

/// Whether a server in the network of this thread still has something to read.
pub(in crate::rig) fn has_unread() -> bool {
    let table = fs::read_to_string("/proc/thread-self/net/udp6");
    table.is_ok_and(|table| has_unread_in(&table))
}

/// By the system's table of sockets: those at the port of servers with octets in the queue of what came.
fn has_unread_in(table: &str) -> bool {
    table.lines().any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let local = fields.next().is_some_and(|it| it.ends_with(":0223"));
        let queues = fields.nth(2).and_then(|it| it.split_once(':'));
        local && queues.is_some_and(|(_, unread)| unread.contains(|it| it != '0'))
    })
}

fn has_joined(table: &str) -> bool {
    const ALL_SERVERS: &str = "ff020000000000000000000000010002";
    table.lines().any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        fields.next() == Some(INTERFACE) && fields.next() == Some(ALL_SERVERS)
    })
}

/// Whether a row of the system's table of sockets has that local port, in that state if one is given.
pub(super) fn is_local_port(table: &str, port: u16, state: Option<&str>) -> bool {
    let suffix = format!(":{port:04X}");
    table.lines().any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let local = fields.next().is_some_and(|it| it.ends_with(&suffix));
        local && state.is_none_or(|state| fields.nth(1) == Some(state))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_connected_does_not_listen() {
        let row = |state| {
            format!(
                "  sl  local_address remote_address st\n   \
                 0: 00000000000000000000000001000000:15AB 00000000000000000000000000000000:0000 {state} 0\n"
            )
        };
        assert!(is_local_port(&row("0A"), 5547, Some("0A")));
        assert!(!is_local_port(&row("01"), 5547, Some("0A")));
        assert!(is_local_port(&row("01"), 5547, None));
        assert!(!is_local_port(&row("0A"), 547, None));
    }

    #[test]
    fn what_is_in_the_queue_of_a_server_is_not_read_yet() {
        let row = |port, queues| {
            format!(
                "  sl  local_address  remote_address  st tx_queue rx_queue\n  84: 020{port} \
                 00000000000000000000000000000000:0000 07 {queues} 00:00000000 00000000 0\n"
            )
        };
        let server = "00000000FF00000000000000000001:0223";
        assert!(has_unread_in(&row(server, "00000000:00000300")));
        assert!(!has_unread_in(&row(server, "00000300:00000000")));
        let client = "00000000FF00000000000000000001:0222";
        assert!(!has_unread_in(&row(client, "00000000:00000300")));
    }

    #[test]
    fn the_group_counts_on_the_served_interface() {
        let row = |interface| {
            format!(
                "2    {interface}            ff020000000000000000000000010002     1 00000004 0\n"
            )
        };
        assert!(has_joined(&row("eth0")));
        assert!(!has_joined(&row("lo")));
        assert!(!has_joined(
            "2    eth0  ff020000000000000000000000000001 1 0000000C 0\n"
        ));
    }

    #[test]
    fn the_link_local_address_and_other_interfaces_are_left_out() {
        let table = "20010db8000100000000000000000001 02 40 00 80     eth0\n\
                     fe80000000000000000000fffe000001 02 40 20 80     eth0\n\
                     00000000000000000000000000000001 01 80 10 80       lo\n";
        let address = "2001:db8:1::1".parse().expect("an address");
        assert_eq!(addresses_in(table), [(address, 64)]);
    }
}
