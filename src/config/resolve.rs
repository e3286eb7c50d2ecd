//! The statements as written → [`Config`]: names resolved, values checked, defaults applied.
//!
//! Every statement is looked at even if an earlier one is wrong. Of two statements of one kind and name the
//! first counts. Where the original server crashes or falls silent on what it accepted, the statement is
//! either given its plain meaning or refused with its place.
//!
//! Not here: `option` statements (`options`), `host` statements (`hosts`), what is right one by one and cannot
//! work together (`futile`), `keyinfo` statements (`keys`), and the content of `authentication` and `id-assoc`
//! beyond what refuses a configuration outright, for the server does not use them.

use super::ast::*;
use super::diagnostic::{Report, Span, nearest, quoted};
use super::model::{Config, Interface, Lifetimes, Pool, PoolUse};
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
    resolver.names_for_clients(statements);
    let pool_blocks = resolver.blocks(statements, BlockKind::Pool);
    for (number, block) in pool_blocks.first.iter().enumerate() {
        resolver.pools.insert(&block.name.text, number);
    }
    let pools = pool_blocks.resolve(|block| resolver.pool(block));
    let profiles = resolver.blocks(statements, BlockKind::Profile);
    profiles.resolve(|block| resolver.profile(block));
    let interfaces = resolver.blocks(statements, BlockKind::Interface);
    let interfaces = interfaces.resolve(|block| resolver.interface(block));
    let host_blocks = resolver.blocks(statements, BlockKind::Host);
    let hosts = resolver.hosts(&host_blocks);
    resolver.unused_keys(&key_statements, &hosts);
    let options = options::resolve(statements, resolver.report);
    let config = Config {
        options,
        interfaces,
        hosts,
        pools,
        keys,
    };
    if !resolver.report.has_errors() {
        let (pools, hosts) = (&pool_blocks.first, &host_blocks.first);
        futile::review(&config, pools, hosts, resolver.report);
    }
    config
}

/// The blocks of one kind.
pub(super) struct Blocks<'a> {
    /// Those that count.
    pub(super) first: Vec<&'a Block>,
    /// Those whose name was taken. Nothing comes of them but their mistakes.
    pub(super) repeated: Vec<&'a Block>,
}

impl<'a> Blocks<'a> {
    /// What each block that counts means; the others are resolved for their mistakes alone.
    pub(super) fn resolve<T>(&self, mut one: impl FnMut(&'a Block) -> T) -> Vec<T> {
        let resolved = self.first.iter().map(|block| one(block)).collect();
        self.repeated.iter().for_each(|block| drop(one(block)));
        resolved
    }
}

/// What is known while statements are resolved.
pub(super) struct Resolver<'a> {
    pub(super) report: &'a mut Report,
    /// Some statement was skipped, so an undefined name may be the consequence of another mistake.
    pub(super) gaps: bool,
    pub(super) sources: &'a Sources<'a>,
    pub(super) pools: BTreeMap<&'a str, usize>,
    pub(super) keys: BTreeMap<&'a str, usize>,
    pub(super) authentications: BTreeSet<&'a str>,
    pub(super) associations: BTreeSet<(AssocKind, u64)>,
}

impl<'a> Resolver<'a> {
    /// The blocks of one kind in file order.
    fn blocks(&mut self, statements: &'a [Statement], kind: BlockKind) -> Blocks<'a> {
        let mut names = BTreeSet::new();
        let mut blocks = Blocks {
            first: Vec::new(),
            repeated: Vec::new(),
        };
        for statement in statements {
            if let Statement::Block(block) = statement
                && block.kind == kind
            {
                if names.insert(block.name.text.as_str()) {
                    blocks.first.push(block);
                } else {
                    blocks.repeated.push(block);
                    self.repeated(kind.keyword(), &block.name);
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

    /// Statements that the server shares with clients: their names, and what is refused about them.
    fn names_for_clients(&mut self, statements: &'a [Statement]) {
        for statement in statements {
            match statement {
                Statement::Authentication(authentication) => {
                    if self.authentications.insert(&authentication.name.text) {
                        self.authentication(authentication);
                    } else {
                        self.repeated("authentication", &authentication.name);
                    }
                }
                Statement::IdAssoc(assoc) => {
                    let number = assoc.number.map_or(0, |number| number.value);
                    if self.associations.insert((assoc.kind, number)) {
                        self.unused("id-assoc", assoc.span);
                    } else {
                        let found = format!("`id-assoc` {number} is defined again");
                        self.report
                            .warning(assoc.span, found, "the first definition counts");
                    }
                }
                Statement::Block(_)
                | Statement::Option(_)
                | Statement::KeyInfo(_)
                | Statement::Include(_) => {}
            }
        }
    }

    fn unused(&mut self, keyword: &str, span: Span) {
        self.report
            .warning(span, format!("`{keyword}` is not used by the server"), "");
    }

    fn authentication(&mut self, authentication: &Authentication) {
        let name = &authentication.name;
        match authentication.protocols.first() {
            Some((AuthProtocol::Delayed, span)) => self.report.error(
                *span,
                "protocol `delayed` is for clients alone",
                "give the client's `host` a `delayedkey`",
            ),
            Some((AuthProtocol::Reconfig, _)) => self.unused("authentication", name.span),
            None if authentication.complete => {
                let found = format!("`authentication {}` has no `protocol`", name.text);
                self.report
                    .error(name.span, found, "add `protocol reconfig;`");
            }
            None => {}
        }
    }

    fn pool(&mut self, block: &'a Block) -> Pool {
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
            range = Some((address(self.report, first), address(self.report, last)));
            if let Some((Some(low), Some(high))) = range
                && low > high
            {
                let found = format!("the range from {low} to {high} is upside down");
                self.report.error(
                    first.span.to(last.span),
                    found,
                    "exchange the two addresses",
                );
            }
        }
        if range.is_none() && block.complete {
            let found = format!("`pool {}` has no `range`", name.text);
            self.report
                .error(name.span, found, "add `range FIRST to LAST;`");
        }
        let (first, last) = range.unwrap_or_default();
        Pool {
            name: name.text.clone(),
            first: first.unwrap_or(Ipv6Addr::UNSPECIFIED),
            last: last.unwrap_or(Ipv6Addr::UNSPECIFIED),
        }
    }

    fn profile(&mut self, block: &'a Block) {
        self.service(block);
        self.unused("profile", block.name.span);
    }

    fn interface(&mut self, block: &'a Block) -> Interface {
        let name = &block.name;
        if !(self.sources.interface_exists)(&name.text) {
            let found = format!("there is no interface {}", quoted(name.text.as_bytes()));
            self.report
                .error(name.span, found, "`ip link` lists those that exist");
        }
        self.service(block)
    }

    fn service(&mut self, block: &'a Block) -> Interface {
        let mut interface = Interface {
            name: block.name.text.clone(),
            preference: None,
            rapid_commit: false,
            pool: None,
        };
        let mut authenticated = false;
        for declaration in &block.declarations {
            match &declaration.meaning {
                Meaning::Preference(number) => {
                    if interface.preference.is_some() {
                        self.last_counts(declaration);
                    }
                    interface.preference = u8::try_from(number.value).ok();
                    if interface.preference.is_none() {
                        let found = format!("the preference {} is too large", number.value);
                        self.report
                            .error(number.span, found, "write a number from 0 to 255");
                    }
                }
                Meaning::AddressPool(pool, durations) => {
                    if interface.pool.is_some() {
                        self.last_counts(declaration);
                    }
                    interface.pool = self.pool_use(pool, durations);
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
                | Meaning::Range(..) => self.misplaced(declaration, block),
            }
        }
        interface
    }

    fn sent(&mut self, item: &Item, authenticated: &mut bool) {
        let undefined = match &item.kind {
            ItemKind::Authentication(name) => {
                if std::mem::replace(authenticated, true) {
                    let found = "`send authentication` is given again";
                    self.report.error(item.span, found, "remove one of them");
                }
                let known = self.authentications.contains(name.text.as_str());
                (!known).then(|| (name.span, format!("authentication `{}`", name.text)))
            }
            ItemKind::IaPd(number) => self.association(AssocKind::Pd, *number),
            ItemKind::IaNa(number) => self.association(AssocKind::Na, *number),
            ItemKind::RapidCommit | ItemKind::Option => None,
        };
        match undefined {
            Some((span, what)) => self.undefined(span, &what, "define it, or remove this"),
            None => {
                let found = format!("`send {}` is not used by the server", item.keyword);
                self.report.warning(item.span, found, "");
            }
        }
    }

    fn association(&self, kind: AssocKind, number: Number) -> Option<(Span, String)> {
        if self.associations.contains(&(kind, number.value)) {
            return None;
        }
        let kind = match kind {
            AssocKind::Pd => "pd",
            AssocKind::Na => "na",
        };
        Some((number.span, format!("`id-assoc {kind} {}`", number.value)))
    }

    pub(super) fn pool_use(&mut self, name: &Word, durations: &Durations) -> Option<PoolUse> {
        let lifetimes = self.lifetimes(durations);
        let Some(pool) = self.pools.get(name.text.as_str()).copied() else {
            let what = format!("pool `{}`", name.text);
            let remedy = self.suggest(&name.text, self.pools.keys());
            self.undefined(name.span, &what, &remedy);
            return None;
        };
        let lifetimes = lifetimes?;
        if lifetimes.valid_secs == 0 {
            let found = "with a valid lifetime of 0 nobody gets an address";
            let span = place(durations.valid.unwrap_or(durations.preferred));
            self.report
                .warning(span, found, "write seconds or `infinity`");
        }
        Some(PoolUse { pool, lifetimes })
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
            Meaning::Range(..) => "`pool`",
            Meaning::AddressPool(..) => "`interface` or `host`",
            Meaning::ClientOnly => "the configuration of a client",
        };
        self.report
            .error(declaration.span, found, format!("it belongs in {homes}"));
    }
}

fn place(duration: Duration) -> Span {
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
