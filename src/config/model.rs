//! `Config`: what the operator decided, with every name resolved and every number checked.

use crate::lease::{Prefix, Timestamp};
use crate::wire::{DomainName, Duid};
use std::fmt;
use std::net::Ipv6Addr;

/// The configuration in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// What the `option` statements say.
    pub options: Options,
    /// The `interface` statements, in file order.
    pub interfaces: Vec<Interface>,
    /// The `host` statements, in file order; of two with one DUID the first counts.
    pub hosts: Vec<Host>,
    /// The `pool` statements that hold addresses, in file order.
    pub pools: Vec<Pool>,
    /// The `pool` statements that hold prefixes, in file order.
    pub prefix_pools: Vec<PrefixPool>,
    /// The `keyinfo` statements, in file order.
    pub keys: Vec<Key>,
}

impl Config {
    /// What to tell an operator who wrote `interface` statements, but none for the interface that is served.
    #[must_use]
    pub fn nothing_for(&self, served: &str) -> Option<String> {
        let mut names = self.interfaces.iter().map(|it| it.name.as_str());
        if self.interfaces.is_empty() || names.any(|name| name == served) {
            return None;
        }
        let names: Vec<&str> = self.interfaces.iter().map(|it| it.name.as_str()).collect();
        Some(format!(
            "warning: nothing is configured for {served}; there are statements for: {}",
            names.join(", ")
        ))
    }
}

/// The options that any client may get.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `sip-server-domain-name`, option 21.
    pub sip_names: Vec<DomainName>,
    /// `sip-server-address`, option 22.
    pub sip_addresses: Vec<Ipv6Addr>,
    /// `domain-name-servers`, option 23.
    pub dns_servers: Vec<Ipv6Addr>,
    /// `domain-name`, option 24.
    pub domain_list: Vec<DomainName>,
    /// `nis-server-address`, option 27.
    pub nis_servers: Vec<Ipv6Addr>,
    /// `nisp-server-address`, option 28.
    pub nisp_servers: Vec<Ipv6Addr>,
    /// `nis-domain-name`, option 29.
    pub nis_domains: Vec<DomainName>,
    /// `nisp-domain-name`, option 30.
    pub nisp_domains: Vec<DomainName>,
    /// `ntp-servers`, option 31, and 56 for clients that ask for it.
    pub ntp_servers: Vec<Ipv6Addr>,
    /// `refreshtime` in seconds, option 32.
    pub refresh_time_secs: Option<u32>,
    /// `bcmcs-server-domain-name`, option 33.
    pub bcmcs_names: Vec<DomainName>,
    /// `bcmcs-server-address`, option 34.
    pub bcmcs_addresses: Vec<Ipv6Addr>,
}

/// One `interface` statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The interface that it is about.
    pub name: String,
    /// The value of the Preference option of an Advertise; `None` leaves the option out.
    pub preference: Option<u8>,
    /// Whether a Solicit with Rapid Commit is answered with a Reply.
    pub rapid_commit: bool,
    /// Where clients on this link get addresses from.
    pub pool: Option<PoolUse>,
    /// Where clients whose messages come in here get prefixes from.
    pub prefix_pool: Option<PoolUse>,
}

/// A pool and the lifetimes of what is drawn from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolUse {
    /// The position in [`Config::pools`], or in [`Config::prefix_pools`] for prefixes.
    pub pool: usize,
    /// The lifetimes of its leases.
    pub lifetimes: Lifetimes,
}

/// Preferred and valid lifetime in seconds; `u32::MAX` is infinity, and preferred is at most valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// How long the client should prefer the lease.
    pub preferred_secs: u32,
    /// How long the client may use the lease.
    pub valid_secs: u32,
}

/// One `host` statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// The name in the statement, for messages.
    pub name: String,
    /// The client that it is about; without one the statement never matches.
    pub duid: Option<Duid>,
    /// What the client gets in its IA_PDs, in file order.
    pub prefixes: Vec<Reservation>,
    /// What the client gets in its IA_NAs, in file order.
    pub addresses: Vec<Reservation>,
    /// Where the client gets further addresses from, instead of the pool of the interface.
    pub pool: Option<PoolUse>,
    /// Where the client gets further prefixes from, instead of the pool of the interface.
    pub prefix_pool: Option<PoolUse>,
    /// What the client's messages are authenticated with (RFC 3315 §21.4).
    pub key: Option<KeyUse>,
}

/// A key and when a client has to use it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyUse {
    /// The position in [`Config::keys`].
    pub key: usize,
    /// Whether messages without authentication are refused even before the client has authenticated once.
    pub required: bool,
}

/// One `keyinfo` statement: a key of the delayed authentication protocol (RFC 3315 §21.4.3).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Key {
    /// The name in the statement, for messages.
    pub name: String,
    /// The DHCP realm.
    pub realm: Vec<u8>,
    /// The key's number in that realm.
    pub id: u32,
    /// What only the client and the server know.
    pub secret: KeySecret,
    /// The last second in which it is good; [`Timestamp::NEVER`] for `forever`.
    pub expires: Timestamp,
}

/// The octets of a key. They are never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct KeySecret(pub Vec<u8>);

impl fmt::Debug for KeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeySecret(…)")
    }
}

/// An address or prefix that belongs to one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// The prefix, or the address as a prefix of length 128.
    pub prefix: Prefix,
    /// Its lifetimes.
    pub lifetimes: Lifetimes,
}

/// One `pool` of addresses: those from `first` to `last`, both included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// The name in the statement.
    pub name: String,
    /// The lowest address.
    pub first: Ipv6Addr,
    /// The highest address, not below the lowest.
    pub last: Ipv6Addr,
}

impl Pool {
    /// Whether the pool holds that address.
    #[must_use]
    pub fn contains(&self, address: Ipv6Addr) -> bool {
        (self.first..=self.last).contains(&address)
    }
}

/// One `pool` of prefixes: the parts of that length of one prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixPool {
    /// The name in the statement.
    pub name: String,
    /// The prefix that is divided.
    pub prefix: Prefix,
    /// The length of each part, not less than that of the whole.
    pub length: u8,
}

impl PrefixPool {
    /// Whether that is a part of the pool.
    #[must_use]
    pub fn contains(&self, part: Prefix) -> bool {
        part.length() == self.length && self.prefix.contains(part.address())
    }
}
