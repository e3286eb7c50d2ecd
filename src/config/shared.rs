//! Whether several interfaces that one server serves could give one address to two clients.
//!
//! Each has leases of its own, so what one gives the other does not know of. A pool is used by the interfaces that name
//! it, and on each of them by the hosts that do; what is reserved for a host its client may get anywhere, and pools
//! leave it out.

use super::ast::{Block, BlockKind, Meaning, Statement};
use super::diagnostic::{Report, Span};
use super::model::Config;
use crate::lease::IaKind;
use crate::wire::Duid;
use std::collections::BTreeMap;
use std::net::Ipv6Addr;

const REMEDY: &str = "each interface has leases of its own, so two clients could get one address: let them have nothing in \
                      common, or serve one of the interfaces";

/// Whose a range of addresses is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner<'a> {
    /// Of the clients on an interface.
    Interface(&'a str),
    /// Of one client, whatever it is called.
    Client(Duid, &'a str),
}

/// A range, with what it is called and where it is given away.
struct Share<'a> {
    owner: Owner<'a>,
    what: String,
    first: Ipv6Addr,
    last: Ipv6Addr,
    span: Option<Span>,
}

impl Owner<'_> {
    fn is_other_than(self, other: Self) -> bool {
        match (self, other) {
            (Self::Client(duid, _), Self::Client(other, _)) => duid != other,
            _ => self != other,
        }
    }

    fn name(self) -> String {
        match self {
            Self::Interface(name) => format!("`interface {name}`"),
            Self::Client(_, name) => format!("`host {name}`"),
        }
    }
}

/// Reports what two of these interfaces have in common.
pub(super) fn review(
    config: &Config,
    statements: &[Statement],
    served: &[String],
    report: &mut Report,
) {
    if served.len() < 2 {
        return;
    }
    let places = Places::new(statements);
    let pool = |owner, number: usize, kind, name| {
        let pool = config.pools.get(number)?;
        Some(Share {
            owner,
            what: format!("`pool {}`", pool.name),
            first: pool.first,
            last: pool.last,
            span: places.of_pool(kind, name, IaKind::Na),
        })
    };
    let prefix_pool = |owner, number: usize, kind, name| {
        let pool = config.prefix_pools.get(number)?;
        let (first, last) = pool.prefix.bounds();
        Some(Share {
            owner,
            what: format!("`pool {}`", pool.name),
            first: Ipv6Addr::from_bits(first),
            last: Ipv6Addr::from_bits(last),
            span: places.of_pool(kind, name, IaKind::Pd),
        })
    };
    let mut shares = Vec::new();
    let mut seen = Vec::new();
    for interface in &config.interfaces {
        let name = interface.name.as_str();
        if served.contains(&interface.name) && !seen.contains(&name) {
            seen.push(name);
            let (owner, kind) = (Owner::Interface(name), BlockKind::Interface);
            let used = interface.pool;
            shares.extend(used.and_then(|it| pool(owner, it.pool, kind, name)));
            let used = interface.prefix_pool;
            shares.extend(used.and_then(|it| prefix_pool(owner, it.pool, kind, name)));
        }
    }
    let mut reserved = Vec::new();
    for host in &config.hosts {
        let Some(duid) = host.duid else { continue };
        let owner = Owner::Client(duid, &host.name);
        let kind = BlockKind::Host;
        let used = host.pool;
        shares.extend(used.and_then(|it| pool(owner, it.pool, kind, &host.name)));
        let used = host.prefix_pool;
        shares.extend(used.and_then(|it| prefix_pool(owner, it.pool, kind, &host.name)));
        for reservation in host.addresses.iter().chain(&host.prefixes) {
            let (first, last) = reservation.prefix.bounds();
            reserved.push(Share {
                owner,
                what: format!("`{}`", reservation.prefix),
                first: Ipv6Addr::from_bits(first),
                last: Ipv6Addr::from_bits(last),
                span: places.of(BlockKind::Host, &host.name),
            });
        }
    }
    overlaps(shares, report);
    overlaps(reserved, report);
}

/// Reports ranges with something in common that are of different owners, each with one of those before it.
fn overlaps(mut shares: Vec<Share<'_>>, report: &mut Report) {
    shares.sort_by_key(|it| (it.first, it.span));
    // Of those before, the one that reaches furthest, and the furthest of another owner than that.
    let mut furthest: [Option<usize>; 2] = [None, None];
    for (place, share) in shares.iter().enumerate() {
        let before = furthest.iter().flatten().filter_map(|it| shares.get(*it));
        let mut before = before.filter(|it| it.owner.is_other_than(share.owner));
        if let Some(other) = before.find(|it| share.first <= it.last) {
            tell(other, share, report);
        }
        let reach = |it: Option<usize>| it.and_then(|it| shares.get(it)).map(|it| it.last);
        let [first, second] = furthest;
        let of_first = first.and_then(|it| shares.get(it));
        let is_other = of_first.is_none_or(|it| it.owner.is_other_than(share.owner));
        if reach(first).is_none_or(|it| it < share.last) {
            furthest = [Some(place), if is_other { first } else { second }];
        } else if is_other && reach(second).is_none_or(|it| it < share.last) {
            furthest = [first, Some(place)];
        }
    }
}

fn tell(one: &Share<'_>, other: &Share<'_>, report: &mut Report) {
    let (earlier, later) = match one.span <= other.span {
        true => (one, other),
        false => (other, one),
    };
    let Some(span) = later.span else { return };
    let (first, second) = (earlier.owner.name(), later.owner.name());
    let found = match earlier.what == later.what {
        true => format!("{first} and {second} both give {}", later.what),
        false => format!(
            "{first} gives {} and {second} gives {}, which both have {}",
            earlier.what,
            later.what,
            one.first.max(other.first)
        ),
    };
    report.error(span, found, REMEDY);
}

/// Where statements are, of two with one name the first.
struct Places<'a>(BTreeMap<(&'static str, &'a str), &'a Block>);

impl<'a> Places<'a> {
    fn new(statements: &'a [Statement]) -> Self {
        let mut places = BTreeMap::new();
        for statement in statements {
            if let Statement::Block(block) = statement {
                let key = (block.kind.keyword(), block.name.text.as_str());
                places.entry(key).or_insert(block);
            }
        }
        Self(places)
    }

    fn of(&self, kind: BlockKind, name: &str) -> Option<Span> {
        let block = self.0.get(&(kind.keyword(), name))?;
        Some(block.name.span)
    }

    /// Where the statement names its pool of addresses or prefixes; of several the last counts.
    fn of_pool(&self, kind: BlockKind, name: &str, of: IaKind) -> Option<Span> {
        let block = self.0.get(&(kind.keyword(), name))?;
        let mut declared = block.declarations.iter().rev();
        let named = declared.find_map(|it| {
            if let Meaning::AddressPool(pool, _) = &it.meaning {
                return (of == IaKind::Na).then_some(pool.span);
            }
            if let Meaning::PrefixPool(pool, _) = &it.meaning {
                return (of == IaKind::Pd).then_some(pool.span);
            }
            None
        });
        named.or(Some(block.name.span))
    }
}
