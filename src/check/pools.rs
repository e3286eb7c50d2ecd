//! What a server gives from its pools, in plain words.

use super::describe::{Text, times};
use super::words::{count, number};
use crate::config::{Interface, Pool, PoolUse, PrefixPool};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The pools that were described with a link.
#[derive(Default)]
pub(super) struct Shown {
    addresses: BTreeSet<usize>,
    prefixes: BTreeSet<usize>,
}

impl Shown {
    /// Notes those of a link.
    pub(super) fn note(&mut self, interface: &Interface) {
        self.addresses.extend(interface.pool.map(|it| it.pool));
        let prefixes = interface.prefix_pool.map(|it| it.pool);
        self.prefixes.extend(prefixes);
    }
}

impl Text<'_> {
    /// The addresses of a pool, and how many of them are kept for hosts.
    pub(super) fn range(&self, pool: &Pool) -> String {
        let (first, last) = (pool.first, pool.last);
        let mut range = format!("{} from {first} to {last}", count(first, last));
        let (first, last) = (first.to_bits(), last.to_bits());
        if self.reserved.within(first, last).next() == Some((first, last)) {
            range.push_str(", all of them kept for hosts, so that nobody gets any");
            return range;
        }
        // Not all of them, so that their number has room.
        let kept = self.reserved.within(first, last);
        let kept: u128 = kept.map(|(first, last)| last - first + 1).sum();
        if kept > 0 {
            let _ = write!(range, ", {} of them kept for hosts", number(kept));
        }
        range
    }

    /// The prefixes that clients of a link or host get from a pool, if there is one.
    pub(super) fn prefixes(&mut self, pool_use: Option<PoolUse>, what: &str) {
        let found = pool_use.and_then(|it| Some((self.config.prefix_pools.get(it.pool)?, it)));
        let Some((pool, PoolUse { lifetimes, .. })) = found else {
            return;
        };
        if lifetimes.valid_secs == 0 {
            self.line(format_args!(
                "{what}: none but those of hosts, for pool {} has a valid lifetime of 0.",
                pool.name
            ));
            return;
        }
        let parts = self.parts(pool);
        self.line(format_args!("{what}: pool {}, {parts}.", pool.name));
        self.line(format_args!("Lifetimes: {}.", times(lifetimes)));
    }

    fn parts(&self, pool: &PrefixPool) -> String {
        let (whole, length) = (pool.prefix, pool.length);
        let bits = u32::from(length.saturating_sub(whole.length()));
        let count = match 1_u128.checked_shl(bits) {
            Some(count) => number(count),
            None => "2^128".to_owned(),
        };
        let (first, last) = whole.bounds();
        let of_pools = self.config.pools.iter();
        let of_pools = of_pools.map(|it| (it.first.to_bits(), it.last.to_bits()));
        let used = self.reserved.overlaps(first, last)
            || of_pools.into_iter().any(|it| it.0 <= last && first <= it.1);
        let less = match used {
            true => ", some of them kept for hosts or in use",
            false => "",
        };
        format!("{count} of length {length} in {whole}{less}")
    }

    /// The pools that no link has which is described.
    pub(super) fn other_pools(&mut self, shown: &Shown, some_links: bool) {
        let hosts = self.config.hosts.iter();
        let of_hosts: BTreeSet<usize> = hosts.filter_map(|it| Some(it.pool?.pool)).collect();
        for (number, pool) in self.config.pools.iter().enumerate() {
            let of_hosts = of_hosts.contains(&number);
            if shown.addresses.contains(&number) || (some_links && !of_hosts) {
                continue;
            }
            self.heading(&format!("Pool {}", pool.name));
            let range = self.range(pool);
            self.line(format_args!("Addresses: {range}."));
            self.used_by(of_hosts, "address-pool");
        }
        let hosts = self.config.hosts.iter();
        let of_hosts: BTreeSet<usize> = hosts.filter_map(|it| Some(it.prefix_pool?.pool)).collect();
        for (number, pool) in self.config.prefix_pools.iter().enumerate() {
            let of_hosts = of_hosts.contains(&number);
            if shown.prefixes.contains(&number) || (some_links && !of_hosts) {
                continue;
            }
            self.heading(&format!("Pool {}", pool.name));
            let parts = self.parts(pool);
            self.line(format_args!("Prefixes: {parts}."));
            self.used_by(of_hosts, "prefix-pool");
        }
    }

    fn used_by(&mut self, of_hosts: bool, keyword: &str) {
        match of_hosts {
            true => self.line("Used by hosts alone."),
            false => self.line(format_args!("Not used: no `{keyword}` names it.")),
        }
    }
}
