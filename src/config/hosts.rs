//! The `host` statements: which client is meant, and what is reserved for it.
//!
//! Not here: pools and lifetimes, which interfaces have too (`resolve`).

use super::ast::{Block, Durations, Meaning, Number, Word};
use super::diagnostic::{Span, quoted};
use super::model::{Host, KeyUse, Reservation};
use super::resolve::{Resolver, address};
use crate::lease::Prefix;
use crate::wire::Duid;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;

impl<'a> Resolver<'a> {
    /// The hosts in file order; of two with one DUID the first counts.
    pub(super) fn hosts(&mut self, blocks: &[&'a Block]) -> Vec<Host> {
        let mut hosts = Vec::with_capacity(blocks.len());
        let mut duids = BTreeMap::new();
        for block in blocks {
            let (host, duid) = self.host(block);
            if let Some((value, span)) = host.duid.zip(duid) {
                let first = *duids.entry(value).or_insert(block.name.text.as_str());
                if first != block.name.text {
                    let found = format!("`host {first}` has the DUID {value} already");
                    self.report
                        .warning(span, found, "that one counts: remove one of the two");
                }
            }
            hosts.push(host);
        }
        hosts
    }

    fn host(&mut self, block: &'a Block) -> (Host, Option<Span>) {
        let mut host = Host {
            name: block.name.text.clone(),
            duid: None,
            prefixes: Vec::new(),
            addresses: Vec::new(),
            pool: None,
            prefix_pool: None,
            key: None,
        };
        let mut duid: Option<Span> = None;
        let mut keyed = false;
        let mut prefixes = BTreeSet::new();
        let mut addresses = BTreeSet::new();
        let owner = format!("`host {}`", host.name);
        for declaration in &block.declarations {
            match &declaration.meaning {
                Meaning::Duid(word) => {
                    if duid.replace(word.span).is_some() {
                        let found = format!("`host {}` has a second DUID", host.name);
                        let remedy = "write a `host` statement for each client";
                        self.report.error(declaration.span, found, remedy);
                    }
                    host.duid = self.duid(word);
                }
                Meaning::Prefix(word, length, durations) => {
                    let reservation = self.prefix(word, *length, durations);
                    if let Some(reservation) = reservation {
                        self.once(&mut prefixes, reservation, word, &owner);
                    }
                    host.prefixes.extend(reservation);
                }
                Meaning::Address(word, durations) => {
                    let reservation = self.fixed_address(word, durations);
                    if let Some(reservation) = reservation {
                        self.once(&mut addresses, reservation, word, &owner);
                    }
                    host.addresses.extend(reservation);
                }
                Meaning::AddressPool(pool, durations) => {
                    if host.pool.is_some() {
                        self.last_counts(declaration);
                    }
                    host.pool = self.address_pool(pool, durations);
                }
                Meaning::PrefixPool(pool, durations) => {
                    if host.prefix_pool.is_some() {
                        self.last_counts(declaration);
                    }
                    host.prefix_pool = self.prefix_pool(pool, durations);
                }
                Meaning::DelayedKey(name, required) => {
                    if std::mem::replace(&mut keyed, true) {
                        self.first_counts(declaration.keyword, declaration.span);
                    } else {
                        host.key = self.delayed_key(name, *required);
                    }
                }
                Meaning::Send(_)
                | Meaning::Allow(_)
                | Meaning::Preference(_)
                | Meaning::Range(..)
                | Meaning::Prefixes(..)
                | Meaning::ClientOnly => self.misplaced(declaration, block),
            }
        }
        (host, duid)
    }

    fn delayed_key(&mut self, name: &Word, required: bool) -> Option<KeyUse> {
        let Some(key) = self.keys.get(name.text.as_str()).copied() else {
            let what = format!("keyinfo `{}`", name.text);
            let remedy = self.suggest(&name.text, self.keys.keys());
            self.undefined(name.span, &what, &remedy);
            return None;
        };
        Some(KeyUse { key, required })
    }

    /// Reports what one statement has twice.
    pub(super) fn once(
        &mut self,
        seen: &mut BTreeSet<Prefix>,
        new: Reservation,
        word: &Word,
        owner: &str,
    ) {
        if !seen.insert(new.prefix) {
            let found = format!("{owner} has {} already", new.prefix);
            self.report.error(word.span, found, "remove one of the two");
        }
    }

    pub(super) fn prefix(
        &mut self,
        word: &Word,
        length: Number,
        durations: &Durations,
    ) -> Option<Reservation> {
        let lifetimes = self.lifetimes(durations);
        let prefix = self.usable_prefix(word, length);
        Some(Reservation {
            prefix: prefix?,
            lifetimes: lifetimes?,
        })
    }

    /// A prefix that may be delegated.
    pub(super) fn usable_prefix(&mut self, word: &Word, length: Number) -> Option<Prefix> {
        let address = self.usable_address(word);
        let length = self.number(length, "prefix length", 128)?;
        let address = address?;
        let prefix = Prefix::new(address, length)?;
        if prefix.address() != address {
            let found = format!("{address} has bits beyond its prefix length of {length}");
            let remedy = format!("it counts as {prefix}");
            self.report.warning(word.span, found, remedy);
        }
        Some(prefix)
    }

    pub(super) fn fixed_address(
        &mut self,
        word: &Word,
        durations: &Durations,
    ) -> Option<Reservation> {
        let lifetimes = self.lifetimes(durations);
        let prefix = Prefix::host(self.usable_address(word)?);
        Some(Reservation {
            prefix,
            lifetimes: lifetimes?,
        })
    }

    /// An address that may belong to a client.
    fn usable_address(&mut self, word: &Word) -> Option<Ipv6Addr> {
        let address = address(self.report, word)?;
        let kind = match address.segments()[0] {
            0xff00..=0xffff => "a multicast",
            0xfe80..=0xfebf => "a link-local",
            0xfec0..=0xfeff => "a site-local",
            _ => return Some(address),
        };
        let found = format!("{address} is {kind} address");
        self.report
            .error(word.span, found, "write a global or unique local one");
        None
    }

    fn duid(&mut self, word: &Word) -> Option<Duid> {
        let duid = Duid::parse(&word.text);
        if duid.is_none() {
            let shown = quoted(word.text.as_bytes());
            let remedy = if word.text.len() > 3 * Duid::LEN_MAX {
                format!("a DUID has at most {} octets", Duid::LEN_MAX)
            } else {
                "write pairs of hexadecimal digits joined by `:`".to_owned()
            };
            self.report
                .error(word.span, format!("{shown} is not a DUID"), remedy);
        }
        duid
    }
}
