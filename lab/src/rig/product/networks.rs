//! The networks that a configuration speaks of, for servers that find addresses by the networks that they are in.
//!
//! Our server and the original give whatever address they are told to. Others ask first which networks a link has: those
//! of the interface's own addresses, and any that they are told of.

use std::net::Ipv6Addr;

use dhcp6s::config::{Config, Host, Interface, Lifetimes, Pool, PoolUse};
use dhcp6s::lease::Prefix;

use crate::rig::INTERFACE;

/// The networks of the served link, in the order in which they were heard of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Networks {
    all: Vec<Prefix>,
    own: usize,
}

impl Networks {
    /// Those of the interface's own addresses.
    pub(super) fn of(addresses: &[(Ipv6Addr, u8)]) -> Self {
        let mut all: Vec<Prefix> = Vec::new();
        for &(address, length) in addresses {
            let network = Prefix::new(address, length);
            all.extend(network.filter(|it| !all.contains(it)));
        }
        let own = all.len();
        Self { all, own }
    }

    /// The network that the addresses from the first to the last are in: one of the link, or their /64, which is one from
    /// now on. `None` if they are in no network together.
    pub(super) fn holding(&mut self, first: Ipv6Addr, last: Ipv6Addr) -> Option<Prefix> {
        let holds = |it: &Prefix| it.contains(first) && it.contains(last);
        if let Some(known) = self.all.iter().copied().find(holds) {
            return Some(known);
        }
        let network = Prefix::new(first, 64).filter(holds)?;
        self.all.push(network);
        Some(network)
    }

    /// All of them.
    pub(super) fn all(&self) -> &[Prefix] {
        &self.all
    }

    /// Those that no address of the interface is in.
    pub(super) fn others(&self) -> &[Prefix] {
        self.all.get(self.own..).unwrap_or_default()
    }
}

/// Who gets addresses of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Drawers {
    /// The hosts with these numbers alone.
    Hosts(Vec<usize>),
    /// Everybody but the hosts with these numbers, which have pools of their own.
    AllBut(Vec<usize>),
}

/// A pool that addresses are given from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Drawn<'a> {
    pub(super) pool: &'a Pool,
    pub(super) lifetimes: Lifetimes,
    pub(super) who: Drawers,
}

/// The `interface` statement that counts.
pub(super) fn served(config: &Config) -> Option<&Interface> {
    config.interfaces.iter().find(|it| it.name == INTERFACE)
}

/// The `host` statements that count, with the numbers that they have in the file, from 1: the first for each DUID.
pub(super) fn hosts(config: &Config) -> Vec<(usize, &Host)> {
    let mut found: Vec<(usize, &Host)> = Vec::new();
    for (index, host) in config.hosts.iter().enumerate() {
        let known = found.iter().any(|(_, it)| it.duid == host.duid);
        if host.duid.is_some() && !known {
            found.push((index + 1, host));
        }
    }
    found
}

/// The pools that addresses are given from: that of the interface, then those of hosts.
pub(super) fn drawn(config: &Config) -> Vec<Drawn<'_>> {
    let hosts = hosts(config);
    let own = hosts
        .iter()
        .filter_map(|(number, host)| Some((*number, host.pool?)));
    let own: Vec<(usize, PoolUse)> = own.collect();
    let of_interface = served(config).and_then(|it| it.pool);
    let mut uses: Vec<(PoolUse, Drawers)> = Vec::new();
    uses.extend(of_interface.map(|it| (it, Drawers::AllBut(own.iter().map(|it| it.0).collect()))));
    for (number, pool) in own {
        let known = uses.iter_mut().find_map(|(it, who)| match who {
            Drawers::Hosts(hosts) if *it == pool => Some(hosts),
            Drawers::Hosts(_) | Drawers::AllBut(_) => None,
        });
        match known {
            Some(hosts) => hosts.push(number),
            None => uses.push((pool, Drawers::Hosts(vec![number]))),
        }
    }
    let found = uses.into_iter().filter_map(|(it, who)| {
        Some(Drawn {
            pool: config.pools.get(it.pool)?,
            lifetimes: it.lifetimes,
            who,
        })
    });
    found.collect()
}

/// Whether a domain name is written in all configuration languages as it is: letters, digits, `-`, `_` and dots.
pub(super) fn is_plain(name: &str) -> bool {
    let plain = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_' | '.');
    name != "." && name.chars().all(plain)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::rig::product::{Files, Scene};
    use std::path::Path;

    /// A scene with this configuration on a link with 2001:db8:1::/64.
    pub(in crate::rig::product) fn scene(text: &str) -> Scene<'_> {
        const ADDRESSES: [(Ipv6Addr, u8); 1] =
            [(Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1), 64)];
        Scene {
            text,
            addresses: &ADDRESSES,
            files: Files {
                folder: Path::new("/tmp/x"),
                leases: Path::new("/tmp/x/leases"),
            },
        }
    }

    fn address(text: &str) -> Ipv6Addr {
        text.parse().expect("an address")
    }

    #[test]
    fn what_is_in_no_network_of_the_link_makes_one() {
        let mut networks = Networks::of(&[
            (address("2001:db8:1::1"), 64),
            (address("2001:db8:1::2"), 64),
            (address("2001:db8:2::1"), 48),
        ]);
        let mut holding = |first, last| {
            let found = networks.holding(address(first), address(last));
            found.map(|it| it.to_string())
        };
        assert_eq!(
            holding("2001:db8:1::10", "2001:db8:1::1f").as_deref(),
            Some("2001:db8:1::/64")
        );
        assert_eq!(
            holding("2001:db8:2:7::", "2001:db8:2:8::").as_deref(),
            Some("2001:db8:2::/48")
        );
        assert_eq!(
            holding("2001:db8:9::1", "2001:db8:9::2").as_deref(),
            Some("2001:db8:9::/64")
        );
        assert_eq!(holding("2001:db8:9::1", "2001:db8:9:1::"), None);
        let others: Vec<String> = networks.others().iter().map(ToString::to_string).collect();
        assert_eq!(others, ["2001:db8:9::/64"]);
        assert_eq!(networks.all().len(), 3);
    }

    #[test]
    fn a_pool_of_the_interface_is_for_all_but_hosts_with_pools() {
        let text = "interface eth0 { address-pool lan 60; };\n\
                    pool lan { range 2001:db8:1::10 to 2001:db8:1::1f; };\n\
                    pool staff { range 2001:db8:1::20 to 2001:db8:1::2f; };\n\
                    pool idle { range 2001:db8:1::30 to 2001:db8:1::3f; };\n\
                    host a { duid 00:03:00:0a; address 2001:db8:1::a 60; };\n\
                    host b { duid 00:03:00:0b; address-pool staff 60; };\n\
                    host c { duid 00:03:00:0c; address-pool staff 60; };\n\
                    host again { duid 00:03:00:0c; address-pool lan 60; };\n";
        let config = scene(text).config().expect("a configuration");
        let found: Vec<(&str, Drawers)> = drawn(&config)
            .iter()
            .map(|it| (it.pool.name.as_str(), it.who.clone()))
            .collect();
        assert_eq!(
            found,
            [
                ("lan", Drawers::AllBut(vec![2, 3])),
                ("staff", Drawers::Hosts(vec![2, 3]))
            ]
        );
    }

    #[test]
    fn names_with_other_characters_are_not_plain() {
        assert!(is_plain("_tcp.example-1.net"));
        assert!(!is_plain("a,b.example"));
        assert!(!is_plain("."));
    }
}
