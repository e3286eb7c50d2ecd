//! The statements as written → [`Config`]: names resolved, values checked, defaults applied.
//!
//! Every statement is looked at even if an earlier one is wrong. Of two statements of one kind and name the
//! first counts. Where the original server crashes or falls silent on what it accepted, the statement is
//! either given its plain meaning or refused with its place.
//!
//! Not here: `option` statements (`options`), `pool` statements (`pools`), `host` statements (`hosts`), what is right one by one and cannot
//! work together (`futile`), `keyinfo` statements (`keys`), and what is for clients (`clients`).

use super::ast::*;
use super::diagnostic::{Report, Span, nearest, quoted};
use super::model::{Config, Interface, Lifetimes};
use super::pools::PoolId;
use super::{Sources, futile, options};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;

/// What the statements mean together. With errors in the report the result is of no use.
pub(super) fn resolve(
    statements: &[Statement],
    gaps: bool,
    sources: &Sources<'_>,
    report: &mut Report,
) -> Config {
    let mut resolver = Resolver {
        report,
        gaps,
        sources,
        pools: BTreeMap::new(),
        keys: BTreeMap::new(),
        authentications: BTreeSet::new(),
        associations: BTreeSet::new(),
    };
    let (keys, key_statements) = resolver.keys(statements);
    resolver.for_clients(statements);
    let pool_blocks = resolver.blocks(statements, BlockKind::Pool);
    let pools = resolver.pools(&pool_blocks);
    for block in resolver.blocks(statements, BlockKind::Profile) {
        resolver.profile(block);
    }
    let interfaces = resolver.blocks(statements, BlockKind::Interface);
    let interfaces = interfaces.iter().map(|it| resolver.interface(it)).collect();
    let host_blocks = resolver.blocks(statements, BlockKind::Host);
    let hosts = resolver.hosts(&host_blocks);
    let options = options::resolve(statements, resolver.report);
    let config = Config {
        options,
        interfaces,
        hosts,
        pools: pools.addresses,
        prefix_pools: pools.prefixes,
        keys,
    };
    if !resolver.report.has_errors() {
        resolver.unused_keys(&key_statements, &config.hosts);
        futile::review(&config, &pools.blocks, &host_blocks, resolver.report);
    }
    config
}

/// What is known while statements are resolved.
pub(super) struct Resolver<'a> {
    pub(super) report: &'a mut Report,
    /// Some statement was skipped, so an undefined name may be the consequence of another mistake.
    pub(super) gaps: bool,
    pub(super) sources: &'a Sources<'a>,
    pub(super) pools: BTreeMap<&'a str, PoolId>,
    pub(super) keys: BTreeMap<&'a str, usize>,
    pub(super) authentications: BTreeSet<&'a str>,
    pub(super) associations: BTreeSet<(AssocKind, u64)>,
}

impl<'a> Resolver<'a> {
    /// The blocks of one kind in file order. Nothing comes of those whose name was taken, and as in the original
    /// server nothing in them is a mistake but what no address is.
    fn blocks(&mut self, statements: &'a [Statement], kind: BlockKind) -> Vec<&'a Block> {
        let mut names = BTreeSet::new();
        let mut blocks = Vec::new();
        for statement in statements {
            if let Statement::Block(block) = statement
                && block.kind == kind
            {
                if names.insert(block.name.text.as_str()) {
                    blocks.push(block);
                } else {
                    self.repeated(kind.keyword(), &block.name);
                    for word in block.declarations.iter().flat_map(addresses) {
                        address(self.report, word);
                    }
                }
            }
        }
        blocks
    }

    pub(super) fn repeated(&mut self, keyword: &str, name: &Word) {
        let found = format!("`{keyword} {}` is defined again", name.text);
        self.report.warning(
            name.span,
            found,
            "the first definition counts: rename or remove this one",
        );
    }

    fn profile(&mut self, block: &'a Block) {
        self.service(block);
        self.unused("profile", block.name.span);
    }

    fn interface(&mut self, block: &'a Block) -> Interface {
        self.interface_exists(&block.name);
        self.service(block)
    }

    pub(super) fn interface_exists(&mut self, name: &Word) {
        if !(self.sources.interface_exists)(&name.text) {
            let found = format!("there is no interface {}", quoted(name.text.as_bytes()));
            self.report
                .error(name.span, found, "`ip link` lists those that exist");
        }
    }

    fn service(&mut self, block: &'a Block) -> Interface {
        let mut interface = Interface {
            name: block.name.text.clone(),
            preference: None,
            rapid_commit: false,
            pool: None,
            prefix_pool: None,
        };
        let mut authenticated = false;
        for declaration in &block.declarations {
            match &declaration.meaning {
                Meaning::Preference(number) => {
                    if interface.preference.is_some() {
                        self.last_counts(declaration);
                    }
                    interface.preference = self.number(*number, "preference", u8::MAX);
                }
                Meaning::AddressPool(pool, durations) => {
                    if interface.pool.is_some() {
                        self.last_counts(declaration);
                    }
                    interface.pool = self.address_pool(pool, durations);
                }
                Meaning::PrefixPool(pool, durations) => {
                    if interface.prefix_pool.is_some() {
                        self.last_counts(declaration);
                    }
                    interface.prefix_pool = self.prefix_pool(pool, durations);
                }
                Meaning::Allow(item) => match &item.kind {
                    ItemKind::RapidCommit => interface.rapid_commit = true,
                    ItemKind::Authentication(_) => self.report.error(
                        item.span,
                        "`authentication` cannot be allowed",
                        "remove the statement",
                    ),
                    ItemKind::IaPd(_) | ItemKind::IaNa(_) | ItemKind::Option => {
                        let found = format!("`allow {}` has no effect", item.keyword);
                        self.report
                            .warning(item.span, found, "only `rapid-commit` can be allowed");
                    }
                },
                Meaning::Send(items) => {
                    for item in items {
                        self.sent(item, &mut authenticated);
                    }
                }
                Meaning::ClientOnly => {
                    let found = format!("`{}` is for clients alone", declaration.keyword);
                    self.report
                        .error(declaration.span, found, "remove the statement");
                }
                Meaning::Duid(_)
                | Meaning::Address(..)
                | Meaning::Prefix(..)
                | Meaning::DelayedKey(..)
                | Meaning::Range(..)
                | Meaning::Prefixes(..) => self.misplaced(declaration, block),
            }
        }
        interface
    }

    pub(super) fn suggest<'b>(
        &self,
        name: &str,
        known: impl Iterator<Item = &'b &'b str>,
    ) -> String {
        match nearest(name, known.copied()) {
            Some(close) => format!("did you mean `{close}`?"),
            None => "define it, or use another".to_owned(),
        }
    }

    pub(super) fn undefined(&mut self, span: Span, what: &str, remedy: &str) {
        // With statements missing there is an error already, and this may be nothing but its consequence.
        if !self.gaps {
            self.report
                .error(span, format!("{what} is not defined"), remedy);
        }
    }

    pub(super) fn lifetimes(&mut self, durations: &Durations) -> Option<Lifetimes> {
        let preferred_secs = self.seconds(durations.preferred);
        let valid_secs = durations
            .valid
            .map_or(preferred_secs, |valid| self.seconds(valid));
        if preferred_secs <= valid_secs {
            return Some(Lifetimes {
                preferred_secs,
                valid_secs,
            });
        }
        let shown = |secs| match secs {
            u32::MAX => "infinity".to_owned(),
            secs => secs.to_string(),
        };
        let found = format!(
            "the preferred lifetime {} is longer than the valid lifetime {}",
            shown(preferred_secs),
            shown(valid_secs)
        );
        self.report.error(
            place(durations.preferred),
            found,
            "write the shorter one first",
        );
        None
    }

    /// A number of so much at most. The original server keeps 32 bits of it, and a file that it takes keeps its
    /// meaning.
    pub(super) fn number(&mut self, number: Number, what: &str, max: u8) -> Option<u8> {
        let kept = number.value & u64::from(u32::MAX);
        let fits = u8::try_from(kept).ok().filter(|fits| *fits <= max);
        if fits.is_none() {
            let found = format!("the {what} {} is too large", number.value);
            let remedy = format!("write a number from 0 to {max}");
            self.report.error(number.span, found, remedy);
        } else if kept != number.value {
            let found = format!("the {what} {} does not fit in 32 bits", number.value);
            let remedy = format!("it counts as {kept}: write that");
            self.report.warning(number.span, found, remedy);
        }
        fits
    }

    fn seconds(&mut self, duration: Duration) -> u32 {
        match duration {
            Duration::Infinity(_) => u32::MAX,
            Duration::Seconds(number) => u32::try_from(number.value).unwrap_or_else(|_| {
                // The original server keeps 32 bits, and a file that it takes keeps its meaning.
                let kept = number.value & u64::from(u32::MAX);
                let found = format!("a lifetime of {} does not fit in 32 bits", number.value);
                let remedy = format!("it counts as {kept}: write that, or `infinity`");
                self.report.warning(number.span, found, remedy);
                u32::try_from(kept).unwrap_or(u32::MAX)
            }),
        }
    }

    pub(super) fn first_counts(&mut self, keyword: &str, span: Span) {
        let found = format!("`{keyword}` is given again");
        self.report.warning(span, found, "the first one counts");
    }

    pub(super) fn last_counts(&mut self, declaration: &Declaration) {
        let found = format!("`{}` is given again", declaration.keyword);
        self.report
            .warning(declaration.span, found, "the last one counts");
    }

    pub(super) fn misplaced(&mut self, declaration: &Declaration, block: &Block) {
        let keyword = declaration.keyword;
        let found = format!("`{keyword}` cannot stand inside `{}`", block.kind.keyword());
        let homes = match declaration.meaning {
            Meaning::Send(_) | Meaning::Allow(_) | Meaning::Preference(_) => "`interface`",
            Meaning::Duid(_)
            | Meaning::Address(..)
            | Meaning::Prefix(..)
            | Meaning::DelayedKey(..) => "`host`",
            Meaning::Range(..) | Meaning::Prefixes(..) => "`pool`",
            Meaning::AddressPool(..) | Meaning::PrefixPool(..) => "`interface` or `host`",
            Meaning::ClientOnly => "the configuration of a client",
        };
        self.report
            .error(declaration.span, found, format!("it belongs in {homes}"));
    }
}

/// The words of a declaration that have to be addresses.
fn addresses(declaration: &Declaration) -> impl Iterator<Item = &Word> {
    let words = match &declaration.meaning {
        Meaning::Address(word, _) | Meaning::Prefix(word, ..) | Meaning::Prefixes(word, ..) => {
            [Some(word), None]
        }
        Meaning::Range(first, last) => [Some(first), Some(last)],
        Meaning::Send(_)
        | Meaning::Allow(_)
        | Meaning::Duid(_)
        | Meaning::Preference(_)
        | Meaning::DelayedKey(..)
        | Meaning::AddressPool(..)
        | Meaning::PrefixPool(..)
        | Meaning::ClientOnly => [None, None],
    };
    words.into_iter().flatten()
}

pub(super) fn place(duration: Duration) -> Span {
    match duration {
        Duration::Infinity(span) => span,
        Duration::Seconds(number) => number.span,
    }
}

/// A word as an address; one that is none is reported.
pub(super) fn address(report: &mut Report, word: &Word) -> Option<Ipv6Addr> {
    let address = word.text.parse().ok();
    if address.is_none() {
        let shown = quoted(word.text.as_bytes());
        let remedy = match word.text.parse::<std::net::Ipv4Addr>() {
            Ok(_) => "DHCPv6 carries no IPv4 addresses",
            Err(_) => "write one as in `2001:db8::1`",
        };
        report.error(word.span, format!("{shown} is not an IPv6 address"), remedy);
    }
    address
}
