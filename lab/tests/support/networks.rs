//! What the model test is played with: chance that can be repeated, and configurations that get in each
//! other's way.

use std::net::Ipv6Addr;

use dhcp6s::config::{Config, Host, Interface, Lifetimes, Pool, PoolUse, PrefixPool, Reservation};
use dhcp6s::lease::Prefix;
use dhcp6s::wire::Duid;

/// Numbers that depend on the seed alone (SplitMix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(crate) fn one_in(&mut self, odds: u64) -> bool {
        self.below(odds) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::try_from(self.below(choices.len() as u64)).expect("a small number")]
    }
}

pub(crate) fn duid(client: usize) -> Duid {
    let last = u8::try_from(client).expect("few clients");
    Duid::new(&[0, 3, 0, 1, 2, 0, 0, 0, 1, last]).expect("a DUID")
}

pub(crate) fn ip(text: &str) -> Ipv6Addr {
    text.parse().expect("an address")
}

fn lifetimes(preferred_secs: u32, valid_secs: u32) -> Lifetimes {
    Lifetimes {
        preferred_secs,
        valid_secs,
    }
}

/// Twelve pool addresses and fewer prefixes for fourteen clients, some of which are hosts with addresses and prefixes
/// inside the pools.
pub(crate) fn config(random: &mut Random) -> Config {
    let pool = PoolUse {
        pool: 0,
        lifetimes: lifetimes(50, 100),
    };
    let host = |client, prefixes: &[&str], addresses: &[&str], valid| Host {
        name: format!("host{client}"),
        duid: Some(duid(client)),
        prefixes: reservations(prefixes, valid),
        addresses: reservations(addresses, valid),
        pool: None,
        prefix_pool: None,
        key: None,
    };
    let reserved = ["2001:db8:1::13"];
    Config {
        interfaces: vec![Interface {
            name: "eth0".to_owned(),
            preference: None,
            rapid_commit: random.one_in(2),
            pool: Some(pool),
            prefix_pool: Some(pool),
        }],
        hosts: vec![
            host(
                0,
                &["2001:db8:d00::/56", "2001:db8:d01::/60"],
                &reserved,
                80,
            ),
            host(1, &["2001:db8:d00::/48"], &[], u32::MAX),
            host(
                2,
                &["2001:db8:d00:80::/64"],
                &["2001:db8:1::14", "2001:db8:1::15"],
                60,
            ),
        ],
        pools: vec![Pool {
            name: "lan".to_owned(),
            first: ip("2001:db8:1::10"),
            last: ip("2001:db8:1::1b"),
        }],
        prefix_pools: vec![parts("2001:db8:d00::", 53, 56)],
        ..Config::default()
    }
}

fn parts(address: &str, whole: u8, length: u8) -> PrefixPool {
    PrefixPool {
        name: format!("parts{length}"),
        prefix: Prefix::new(ip(address), whole).expect("a prefix"),
        length,
    }
}

/// A configuration that shares addresses and prefixes with others, but not who may have them and for how long.
pub(crate) fn another(random: &mut Random) -> Config {
    let lasting = |random: &mut Random| {
        let (preferred, valid) = random.pick(&[
            (50, 100),
            (20, 30),
            (0, 60),
            (200, 300),
            (0, 0),
            (40, u32::MAX),
        ]);
        lifetimes(preferred, valid)
    };
    let range = |first: &str, last: &str| Pool {
        name: first.to_owned(),
        first: ip(first),
        last: ip(last),
    };
    let pools = vec![
        range("2001:db8:1::10", "2001:db8:1::1b"),
        range("2001:db8:1::14", "2001:db8:1::1f"),
        range("2001:db8:2::10", "2001:db8:2::1b"),
    ];
    let prefix_pools = vec![
        parts("2001:db8:d00::", 53, 56),
        parts("2001:db8:d00::", 55, 64),
        parts("2001:db8:d04::", 54, 56),
    ];
    let pool = |random: &mut Random| {
        let pool = usize::try_from(random.below(4)).expect("few pools");
        let lifetimes = lasting(random);
        (pool < 3).then_some(PoolUse { pool, lifetimes })
    };
    let mut hosts = Vec::new();
    let addresses = [
        "2001:db8:1::12",
        "2001:db8:1::13",
        "2001:db8:1::14",
        "2001:db8:9::1",
    ];
    let prefixes = [
        "2001:db8:d00::/48",
        "2001:db8:d00::/56",
        "2001:db8:d00:80::/64",
    ];
    for client in 0..5 {
        if random.one_in(3) {
            continue;
        }
        let mut some = |texts: &[&str]| {
            let picked = texts.iter().copied().filter(|_| random.one_in(2));
            let mut made = reservations(&picked.collect::<Vec<_>>(), 1);
            for reservation in &mut made {
                reservation.lifetimes = lasting(random);
            }
            made
        };
        hosts.push(Host {
            name: format!("host{client}"),
            duid: Some(duid(client)),
            prefixes: some(&prefixes),
            addresses: some(&addresses),
            pool: pool(random).filter(|_| random.one_in(3)),
            prefix_pool: pool(random).filter(|_| random.one_in(3)),
            key: None,
        });
    }
    let interface = Interface {
        name: "eth0".to_owned(),
        preference: None,
        rapid_commit: random.one_in(2),
        pool: pool(random),
        prefix_pool: pool(random),
    };
    Config {
        interfaces: if random.one_in(8) {
            Vec::new()
        } else {
            vec![interface]
        },
        hosts,
        pools,
        prefix_pools,
        ..Config::default()
    }
}

pub(crate) fn reservations(texts: &[&str], valid_secs: u32) -> Vec<Reservation> {
    let parse = |text: &&str| {
        let (address, length) = text.split_once('/').unwrap_or((text, "128"));
        let length = length.parse().expect("a length");
        let prefix = Prefix::new(ip(address), length).expect("a prefix");
        Reservation {
            prefix,
            lifetimes: lifetimes(valid_secs, valid_secs),
        }
    };
    texts.iter().map(parse).collect()
}
