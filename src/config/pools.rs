//! The `pool` statements, which hold addresses or prefixes, and the `address-pool` and `prefix-pool` that name them.

use super::ast::{Block, Durations, Meaning, Word};
use super::diagnostic::Span;
use super::model::{Pool, PoolUse, PrefixPool};
use super::resolve::{Resolver, address, place};
use crate::lease::Prefix;
use std::net::Ipv6Addr;

/// The longest prefix that a link can be numbered from (RFC 4291 §2.5.1).
const LINK_LENGTH: u8 = 64;

/// What the name of a pool stands for: its place among those of its kind.
#[derive(Clone, Copy, Debug)]
pub(super) enum PoolId {
    Addresses(usize),
    Prefixes(usize),
}

/// The pools, each kind in file order.
pub(super) struct Pools<'a> {
    pub(super) addresses: Vec<Pool>,
    pub(super) prefixes: Vec<PrefixPool>,
    pub(super) blocks: PoolBlocks<'a>,
}

/// The statements that the pools were made of, in the same order.
#[derive(Default)]
pub(super) struct PoolBlocks<'a> {
    pub(super) addresses: Vec<&'a Block>,
    pub(super) prefixes: Vec<&'a Block>,
}

impl<'a> Resolver<'a> {
    /// The pools, whose names are known from then on.
    pub(super) fn pools(&mut self, blocks: &[&'a Block]) -> Pools<'a> {
        let mut pools = Pools {
            addresses: Vec::new(),
            prefixes: Vec::new(),
            blocks: PoolBlocks::default(),
        };
        for &block in blocks {
            let mut kinds = block.declarations.iter().map(|it| &it.meaning);
            let id = if kinds.any(|it| matches!(it, Meaning::Prefixes(..))) {
                pools.prefixes.push(self.prefixes(block));
                pools.blocks.prefixes.push(block);
                PoolId::Prefixes(pools.prefixes.len() - 1)
            } else {
                pools.addresses.push(self.addresses(block));
                pools.blocks.addresses.push(block);
                PoolId::Addresses(pools.addresses.len() - 1)
            };
            self.pools.insert(&block.name.text, id);
        }
        pools
    }

    fn addresses(&mut self, block: &'a Block) -> Pool {
        let name = &block.name;
        let mut range = None;
        for declaration in &block.declarations {
            let Meaning::Range(first, last) = &declaration.meaning else {
                self.misplaced(declaration, block);
                continue;
            };
            if range.is_some() {
                self.last_counts(declaration);
            }
            let ends = (address(self.report, first), address(self.report, last));
            range = Some((ends, first.span.to(last.span)));
        }
        let mut pool = Pool {
            name: name.text.clone(),
            first: Ipv6Addr::UNSPECIFIED,
            last: Ipv6Addr::UNSPECIFIED,
        };
        match range {
            Some(((Some(low), Some(high)), span)) if low > high => {
                let found = format!("the range from {low} to {high} is upside down");
                self.report.error(span, found, "exchange the two addresses");
            }
            Some(((Some(low), Some(high)), _)) => (pool.first, pool.last) = (low, high),
            None if block.complete => {
                let found = format!("`pool {}` has no `range`", name.text);
                let remedy = "add `range FIRST to LAST;`";
                self.report.error(name.span, found, remedy);
            }
            Some(_) | None => {}
        }
        pool
    }

    fn prefixes(&mut self, block: &'a Block) -> PrefixPool {
        let name = &block.name.text;
        let mut known = None;
        for declaration in &block.declarations {
            match &declaration.meaning {
                Meaning::Prefixes(word, whole, part) => {
                    if known.is_some() {
                        self.last_counts(declaration);
                    }
                    let prefix = self.usable_prefix(word, *whole);
                    let length = self.number(*part, "prefix length", 128);
                    known = Some((prefix, length, part.span));
                }
                Meaning::Range(..) => {
                    let found = format!("`pool {name}` has `range` and `prefixes`");
                    let remedy = "define a pool for addresses and another one for prefixes";
                    self.report.error(declaration.span, found, remedy);
                }
                Meaning::Send(_)
                | Meaning::Allow(_)
                | Meaning::Duid(_)
                | Meaning::Address(..)
                | Meaning::Prefix(..)
                | Meaning::Preference(_)
                | Meaning::DelayedKey(..)
                | Meaning::AddressPool(..)
                | Meaning::PrefixPool(..)
                | Meaning::ClientOnly => self.misplaced(declaration, block),
            }
        }
        let mut pool = PrefixPool {
            name: name.clone(),
            prefix: Prefix::host(Ipv6Addr::UNSPECIFIED),
            length: 128,
        };
        if let Some((Some(prefix), Some(length), span)) = known {
            if length < prefix.length() {
                let found = format!("no prefix of length {length} fits in {prefix}");
                let remedy = format!("write a length of {} or more", prefix.length());
                self.report.error(span, found, remedy);
            } else if length > LINK_LENGTH {
                let found = format!("a router can number no link with a prefix of length {length}");
                let remedy = format!("write a length of {LINK_LENGTH} or less");
                self.report.warning(span, found, remedy);
            }
            (pool.prefix, pool.length) = (prefix, length);
        }
        pool
    }

    /// The pool of an `address-pool`.
    pub(super) fn address_pool(&mut self, name: &Word, durations: &Durations) -> Option<PoolUse> {
        self.named_pool(name, durations, "an address", |id| match id {
            PoolId::Addresses(pool) => Ok(pool),
            PoolId::Prefixes(_) => Err(("prefixes", "prefix-pool")),
        })
    }

    /// The pool of a `prefix-pool`.
    pub(super) fn prefix_pool(&mut self, name: &Word, durations: &Durations) -> Option<PoolUse> {
        self.named_pool(name, durations, "a prefix", |id| match id {
            PoolId::Prefixes(pool) => Ok(pool),
            PoolId::Addresses(_) => Err(("addresses", "address-pool")),
        })
    }

    /// A pool of the kind that `choose` takes; of another one, that says what it has, and the keyword for that.
    fn named_pool(
        &mut self,
        name: &Word,
        durations: &Durations,
        what: &str,
        choose: impl Fn(PoolId) -> Result<usize, (&'static str, &'static str)>,
    ) -> Option<PoolUse> {
        let lifetimes = self.lifetimes(durations);
        let Some(id) = self.pools.get(name.text.as_str()).copied() else {
            let what = format!("pool `{}`", name.text);
            let remedy = self.suggest(&name.text, self.pools.keys());
            self.undefined(name.span, &what, &remedy);
            return None;
        };
        let pool = match choose(id) {
            Ok(pool) => pool,
            Err((has, keyword)) => {
                self.wrong_kind(name.span, &name.text, has, keyword);
                return None;
            }
        };
        let lifetimes = lifetimes?;
        if lifetimes.valid_secs == 0 {
            let found = format!("with a valid lifetime of 0 nobody gets {what}");
            let span = place(durations.valid.unwrap_or(durations.preferred));
            self.report
                .warning(span, found, "write seconds or `infinity`");
        }
        Some(PoolUse { pool, lifetimes })
    }

    fn wrong_kind(&mut self, span: Span, name: &str, has: &str, keyword: &str) {
        let found = format!("`pool {name}` has {has}");
        self.report
            .error(span, found, format!("write `{keyword}` for it"));
    }
}
