//! What is right in itself and does not fit the machine or the time: an interface that is not there, a pool
//! that belongs to another link, a key that is about to end.
//!
//! A configuration with mistakes is not looked at, as in `futile`, which is about what no machine and no time can
//! make work.

use super::ast::{
    AssocLine, Block, BlockKind, IdAssoc, KeyInfo, KeyValue, Meaning, Statement, Word,
};
use super::clients;
use super::diagnostic::{Report, Span, quoted};
use super::model::{Config, Key, Pool};
use super::{Sources, local};
use crate::lease::Prefix;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;

/// How long before its end a key is warned about.
const SOON_SECS: u64 = 7 * 86_400;

/// Warns about what does not fit.
pub(super) fn review(
    config: &Config,
    statements: &[Statement],
    sources: &Sources<'_>,
    report: &mut Report,
) {
    // Of two statements with one name the first counts.
    let interfaces = config.interfaces.iter();
    let mut interfaces: BTreeMap<_, _> = interfaces.map(|it| (it.name.as_str(), it)).collect();
    let keys = config.keys.iter();
    let mut keys: BTreeMap<_, _> = keys.map(|it| (it.name.as_str(), it)).collect();
    let mut associations = BTreeSet::new();
    for statement in statements {
        match statement {
            Statement::Block(block) if block.kind == BlockKind::Interface => {
                if let Some(interface) = interfaces.remove(block.name.text.as_str()) {
                    let pool = interface.pool.and_then(|it| config.pools.get(it.pool));
                    link(pool, block, sources, report);
                }
            }
            Statement::KeyInfo(statement) => {
                if let Some(key) = keys.remove(statement.name.text.as_str()) {
                    ends_soon(key, statement, sources, report);
                }
            }
            Statement::IdAssoc(assoc) => {
                if associations.insert(clients::identity(assoc)) {
                    of_association(assoc, sources, report);
                }
            }
            Statement::Block(_)
            | Statement::Option(_)
            | Statement::Authentication(_)
            | Statement::Include(_) => {}
        }
    }
}

fn link(pool: Option<&Pool>, block: &Block, sources: &Sources<'_>, report: &mut Report) {
    let name = &block.name;
    let Some(addresses) = (sources.addresses_of)(&name.text) else {
        return missing(name, report);
    };
    let prefixes = prefixes(&addresses);
    // Without any, it is not known where the interface leads.
    let Some(pool) = pool.filter(|_| !prefixes.is_empty()) else {
        return;
    };
    // Of several the last counts.
    let span = block.declarations.iter().rev().find_map(|declaration| {
        let Meaning::AddressPool(pool, _) = &declaration.meaning else {
            return None;
        };
        Some(pool.span)
    });
    off_link(
        pool,
        span.unwrap_or(name.span),
        &name.text,
        &prefixes,
        report,
    );
}

fn missing(name: &Word, report: &mut Report) {
    let shown = quoted(name.text.as_bytes());
    let found = format!("there is no interface {shown} on this machine");
    let remedy = "the server starts only where all interfaces that are named exist";
    report.warning(name.span, found, remedy);
}

/// The interfaces of a client's association have to exist, too, although nothing comes of them.
fn of_association(assoc: &IdAssoc, sources: &Sources<'_>, report: &mut Report) {
    for line in &assoc.lines {
        if let AssocLine::Interface(name, _) = line
            && (sources.addresses_of)(&name.text).is_none()
        {
            missing(name, report);
        }
    }
}

/// The prefixes that clients of an interface may have their addresses in, each once.
fn prefixes(addresses: &[(Ipv6Addr, u8)]) -> Vec<Prefix> {
    let of_link = |(address, length): &(Ipv6Addr, u8)| {
        // An address by itself says nothing about its neighbours.
        let tells = *length < 128 && !address.is_unicast_link_local() && !address.is_loopback();
        Prefix::new(*address, *length).filter(|_| tells)
    };
    let mut prefixes: Vec<Prefix> = addresses.iter().filter_map(of_link).collect();
    prefixes.sort_unstable();
    prefixes.dedup();
    prefixes
}

fn off_link(pool: &Pool, span: Span, interface: &str, prefixes: &[Prefix], report: &mut Report) {
    let holds = |address| prefixes.iter().any(|it| it.contains(address));
    let lies = match (holds(pool.first), holds(pool.last)) {
        (true, true) => return,
        (false, false) => "lies outside",
        (true, false) | (false, true) => "reaches out of",
    };
    let prefixes: Vec<String> = prefixes.iter().map(Prefix::to_string).collect();
    let found = format!(
        "`pool {}` {lies} every prefix of {interface} ({})",
        pool.name,
        prefixes.join(", ")
    );
    let remedy =
        "only clients behind a relay agent can use it: check the `range` and `ip -6 address`";
    report.warning(span, found, remedy);
}

fn ends_soon(key: &Key, statement: &KeyInfo, sources: &Sources<'_>, report: &mut Report) {
    let now = u64::try_from(sources.now.timestamp().as_second()).unwrap_or(0);
    // Of one that has ended, whoever read it has told.
    let soon = now..=now.saturating_add(SOON_SECS);
    if !soon.contains(&key.expires.0) {
        return;
    }
    let written = statement.fields.iter().find_map(|field| {
        let KeyValue::Expire(text) = &field.value else {
            return None;
        };
        Some(text.span)
    });
    let end = local(key.expires, &sources.now);
    let found = format!("`keyinfo {}` ends on {end}", key.name);
    let remedy = "its clients cannot authenticate from then on: give them a new key in time";
    let span = written.unwrap_or(statement.name.span);
    report.warning(span, found, remedy);
}
