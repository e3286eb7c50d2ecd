//! What is right statement by statement and can still never work: a client that cannot exist, an address that
//! is promised twice.
//!
//! The original server accepts all of it, so it is warned about. A configuration with mistakes is not looked
//! at: what is missing in it would be taken for what was meant.

use super::ast::{Block, Declaration, Duration, Meaning, Statement};
use super::diagnostic::{Report, Span};
use super::model::{Config, Host, Pool, Reservation};
use super::pools::PoolBlocks;
use crate::lease::{Runs, free_part};
use crate::wire::Duid;
use std::cmp::Reverse;
use std::net::Ipv6Addr;

/// Warns about what has no effect. The blocks are those that the pools and hosts were made of.
pub(super) fn review(
    config: &Config,
    pools: &PoolBlocks<'_>,
    hosts: &[&Block],
    report: &mut Report,
) {
    for (pool, block) in config.pools.iter().zip(&pools.addresses) {
        range(pool, block, report);
    }
    let addresses = config.pools.iter().map(bounds);
    pools_overlap(extents(addresses, &pools.addresses), report);
    let prefixes = config.prefix_pools.iter().map(|it| it.prefix.bounds());
    pools_overlap(extents(prefixes, &pools.prefixes), report);
    prefix_pools(config, pools, report);
    for (host, block) in config.hosts.iter().zip(hosts) {
        host_alone(host, block, report);
    }
    reservations_overlap(config.hosts.iter().zip(hosts), report);
    reservations_in_pools(config, &pools.addresses, report);
    prefixes_over_pools(config, &pools.addresses, report);
}

/// Warns about lifetimes with which clients get what they do not use.
pub(super) fn lifetimes(statements: &[Statement], report: &mut Report) {
    let blocks = statements.iter().filter_map(|it| {
        let Statement::Block(block) = it else {
            return None;
        };
        Some(block)
    });
    for declaration in blocks.flat_map(|block| &block.declarations) {
        let (durations, what) = if let Meaning::AddressPool(_, durations) = &declaration.meaning {
            (durations, "addresses are")
        } else if let Meaning::Address(_, durations) = &declaration.meaning {
            (durations, "the address is")
        } else if let Meaning::Prefix(_, _, durations) = &declaration.meaning {
            (durations, "the prefix is")
        } else if let Meaning::PrefixPool(_, durations) = &declaration.meaning {
            (durations, "prefixes are")
        } else {
            continue;
        };
        let Duration::Seconds(preferred) = durations.preferred else {
            continue;
        };
        // Without a valid lifetime nothing is given, which is another matter.
        let given = durations.valid.is_some_and(|valid| match valid {
            Duration::Infinity(_) => true,
            Duration::Seconds(number) => number.value > 0,
        });
        if preferred.value == 0 && given {
            let found = format!("with a preferred lifetime of 0 {what} deprecated from the start");
            let remedy =
                "clients begin nothing new with it: write a longer one, unless that is meant";
            report.warning(preferred.span, found, remedy);
        }
    }
}

fn range(pool: &Pool, block: &Block, report: &mut Report) {
    // Of several ranges the last counts.
    let mut ranges = block.declarations.iter().rev().filter_map(|it| {
        let Meaning::Range(first, last) = &it.meaning else {
            return None;
        };
        Some((first.span, last.span))
    });
    let Some((first, last)) = ranges.next() else {
        return;
    };
    for (address, span) in [(pool.first, first), (pool.last, last)] {
        if let Some(kind) = unusable(address) {
            let found = format!("{address} is {kind} address");
            report.warning(span, found, "no client can use it");
        }
    }
}

/// What keeps an address from being a client's, with its article.
fn unusable(address: Ipv6Addr) -> Option<&'static str> {
    match address.segments() {
        [0xff00..=0xffff, ..] => Some("a multicast"),
        [0xfe80..=0xfebf, ..] => Some("a link-local"),
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("the unspecified"),
        _ => None,
    }
}

/// The addresses that a pool has, and the statement that says so.
struct Extent<'a> {
    first: u128,
    last: u128,
    block: &'a Block,
}

fn extents<'a>(
    bounds: impl Iterator<Item = (u128, u128)>,
    blocks: &[&'a Block],
) -> Vec<Extent<'a>> {
    let pools = bounds.zip(blocks);
    pools
        .map(|((first, last), &block)| Extent { first, last, block })
        .collect()
}

/// Of pools of one kind.
fn pools_overlap(mut pools: Vec<Extent<'_>>, report: &mut Report) {
    pools.sort_by_key(|pool| (pool.first, pool.block.name.span));
    // Of the pools before, the one that reaches furthest.
    let mut before: Option<&Extent<'_>> = None;
    for pool in &pools {
        if let Some(furthest) = before
            && pool.first <= furthest.last
        {
            let (earlier, later) = in_file_order(furthest, pool);
            let found = format!(
                "`pool {}` and `pool {}` both have {}",
                earlier.name.text,
                later.name.text,
                Ipv6Addr::from_bits(pool.first)
            );
            report.warning(later.name.span, found, "let each address be in one of them");
        }
        if before.is_none_or(|furthest| furthest.last < pool.last) {
            before = Some(pool);
        }
    }
}

fn in_file_order<'a>(one: &Extent<'a>, other: &Extent<'a>) -> (&'a Block, &'a Block) {
    match one.block.name.span < other.block.name.span {
        true => (one.block, other.block),
        false => (other.block, one.block),
    }
}

/// Says what becomes of pools of prefixes that hold what others have: prefixes of hosts, addresses of other pools.
fn prefix_pools(config: &Config, pools: &PoolBlocks<'_>, report: &mut Report) {
    let mut kept = Runs::default();
    let hosts = config.hosts.iter();
    let reserved = hosts.flat_map(|it| it.prefixes.iter().chain(&it.addresses));
    let reserved = reserved.map(|it| it.prefix.bounds());
    for (first, last) in reserved.chain(config.pools.iter().map(bounds)) {
        kept.insert(first, last);
    }
    for (pool, block) in config.prefix_pools.iter().zip(&pools.prefixes) {
        let (first, last) = pool.prefix.bounds();
        let name = &pool.name;
        if free_part(pool.prefix, pool.length, first, &[&kept], |_| false).is_none() {
            let found =
                format!("all of `pool {name}` is in the prefixes of hosts and in other pools");
            let remedy = "nobody gets a prefix from it: change its `prefixes`";
            report.warning(block.name.span, found, remedy);
        } else if kept.overlaps(first, last) {
            let found = format!("`pool {name}` holds what hosts or other pools have");
            let remedy = "that is not delegated from it; nothing needs to be done";
            report.note(block.name.span, found, remedy);
        }
    }
}

fn bounds(pool: &Pool) -> (u128, u128) {
    (pool.first.to_bits(), pool.last.to_bits())
}

fn host_alone(host: &Host, block: &Block, report: &mut Report) {
    let name = &block.name;
    let mut duids = block.declarations.iter().filter_map(|it| {
        let Meaning::Duid(word) = &it.meaning else {
            return None;
        };
        Some(word.span)
    });
    let Some((duid, span)) = host.duid.zip(duids.next()) else {
        let found = format!("`host {}` has no `duid`", name.text);
        report.warning(name.span, found, "it is about no client");
        return;
    };
    if duid.as_bytes().len() < Duid::WIRE_LEN_MIN {
        let found = format!("the DUID {duid} is shorter than that of any client");
        let remedy = format!("write at least {} octets", Duid::WIRE_LEN_MIN);
        report.warning(span, found, remedy);
    }
    let keyed = |it: &Declaration| matches!(it.meaning, Meaning::DelayedKey(..));
    let reserved = !host.addresses.is_empty() || !host.prefixes.is_empty();
    let pooled = host.pool.is_some() || host.prefix_pool.is_some();
    if !reserved && !pooled && !block.declarations.iter().any(keyed) {
        let found = format!("`host {}` has nothing for its client", name.text);
        report.warning(
            name.span,
            found,
            "add `address`, `prefix`, `address-pool` or `prefix-pool`",
        );
    }
}

/// A reservation, the host that it belongs to and where it is written.
struct Place<'a> {
    reservation: Reservation,
    host: &'a str,
    span: Span,
}

fn reservations_overlap<'a>(
    hosts: impl Iterator<Item = (&'a Host, &'a &'a Block)>,
    report: &mut Report,
) {
    let mut places: Vec<Place<'_>> = hosts
        .flat_map(|(host, block)| places(host, block))
        .collect();
    places.sort_by_key(|place| {
        let (first, last) = place.reservation.prefix.bounds();
        (first, Reverse(last), place.span)
    });
    // Two prefixes are apart or one lies in the other: these are the ones that hold the current one.
    let mut around: Vec<Place<'_>> = Vec::new();
    for place in places {
        let (first, _) = place.reservation.prefix.bounds();
        while around
            .pop_if(|outer| outer.reservation.prefix.bounds().1 < first)
            .is_some()
        {}
        if let Some(outer) = around.iter().find(|outer| outer.host != place.host) {
            let (earlier, later) = match outer.span < place.span {
                true => (outer, &place),
                false => (&place, outer),
            };
            let (mine, other) = (later.reservation.prefix, earlier.reservation.prefix);
            let host = earlier.host;
            let found = match mine == other {
                true => format!("`host {host}` has {mine} already"),
                false => format!("{mine} overlaps {other} of `host {host}`"),
            };
            report.warning(later.span, found, "only one of the two clients can have it");
        }
        around.push(place);
    }
}

/// Says what becomes of addresses that a pool and a host both have, once for each pool.
fn reservations_in_pools(config: &Config, blocks: &[&Block], report: &mut Report) {
    let hosts = config.hosts.iter();
    let mut addresses: Vec<(Ipv6Addr, &str)> = hosts
        .flat_map(|host| {
            let addresses = host.addresses.iter();
            addresses.map(|it| (it.prefix.address(), host.name.as_str()))
        })
        .collect();
    addresses.sort_unstable();
    for (pool, block) in config.pools.iter().zip(blocks) {
        let from = addresses.partition_point(|(address, _)| *address < pool.first);
        let to = addresses.partition_point(|(address, _)| *address <= pool.last);
        let Some((address, host)) = addresses.get(from).filter(|_| from < to) else {
            continue;
        };
        let found = match to - from {
            1 => format!("`pool {}` holds {address} of `host {host}`", pool.name),
            count => format!(
                "`pool {}` holds {count} addresses of hosts, as {address} of `host {host}`",
                pool.name
            ),
        };
        let remedy = "nobody else gets it from the pool; nothing needs to be done";
        report.note(block.name.span, found, remedy);
    }
}

/// Warns about pools that prefixes of hosts take addresses from: what is delegated to one client is not given to
/// others one by one. The original server gives both.
fn prefixes_over_pools(config: &Config, blocks: &[&Block], report: &mut Report) {
    let mut delegated = Runs::default();
    for reservation in config.hosts.iter().flat_map(|host| &host.prefixes) {
        let (first, last) = reservation.prefix.bounds();
        delegated.insert(first, last);
    }
    for (pool, block) in config.pools.iter().zip(blocks) {
        let (first, last) = (pool.first.to_bits(), pool.last.to_bits());
        if !delegated.overlaps(first, last) {
            continue;
        }
        let is_left = delegated.next_gap(first).is_some_and(|gap| gap <= last);
        let what = if is_left { "some" } else { "all" };
        let found = format!("{what} of `pool {}` is in the prefixes of hosts", pool.name);
        let remedy = match is_left {
            true => {
                "those addresses are given to nobody: delegate another prefix, or change the `range`"
            }
            false => "nobody gets an address: delegate another prefix, or change the `range`",
        };
        report.warning(block.name.span, found, remedy);
    }
}

fn places<'a>(host: &'a Host, block: &'a Block) -> impl Iterator<Item = Place<'a>> {
    // Without mistakes, each line has made one reservation.
    let (mut addresses, mut prefixes) = (host.addresses.iter(), host.prefixes.iter());
    block.declarations.iter().filter_map(move |declaration| {
        let (reservation, span) = if let Meaning::Address(word, _) = &declaration.meaning {
            (addresses.next()?, word.span)
        } else if let Meaning::Prefix(word, ..) = &declaration.meaning {
            (prefixes.next()?, word.span)
        } else {
            return None;
        };
        Some(Place {
            reservation: *reservation,
            host: &host.name,
            span,
        })
    })
}
