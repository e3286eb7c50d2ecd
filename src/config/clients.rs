//! What a server shares with clients and does not use: `authentication`, `id-assoc` and `send`.
//!
//! A file that the original server refuses for one of them is refused, too, and one that it takes is taken with
//! a warning.

use super::ast::{
    AssocKind, AssocLine, AuthProtocol, Authentication, IdAssoc, Item, ItemKind, Number, Statement,
};
use super::diagnostic::{Span, quoted};
use super::resolve::{Resolver, address};
use std::collections::BTreeSet;

/// The longest part of a prefix that tells the links of a site apart.
const SLA_LEN_MAX: u8 = 128;

impl<'a> Resolver<'a> {
    /// The statements for clients: their names, and what is refused about them.
    pub(super) fn for_clients(&mut self, statements: &'a [Statement]) {
        for statement in statements {
            match statement {
                Statement::Authentication(authentication) => {
                    if self.authentications.insert(&authentication.name.text) {
                        self.authentication(authentication);
                    } else {
                        self.repeated("authentication", &authentication.name);
                    }
                }
                Statement::IdAssoc(assoc) => self.id_assoc(assoc),
                Statement::Block(_)
                | Statement::Option(_)
                | Statement::KeyInfo(_)
                | Statement::Include(_) => {}
            }
        }
    }

    pub(super) fn unused(&mut self, keyword: &str, span: Span) {
        self.report
            .warning(span, format!("`{keyword}` is not used by the server"), "");
    }

    fn authentication(&mut self, authentication: &Authentication) {
        let name = &authentication.name;
        let mut seen = BTreeSet::new();
        let mut protocol = None;
        for line in &authentication.lines {
            if seen.insert(line.keyword) {
                protocol = protocol.or(line.protocol);
            } else {
                self.first_counts(line.keyword, line.span);
            }
        }
        match protocol {
            Some((AuthProtocol::Delayed, span)) => self.report.error(
                span,
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

    fn id_assoc(&mut self, assoc: &IdAssoc) {
        let (kind, number) = identity(assoc);
        let name = name(kind, number);
        if !self.associations.insert((kind, number)) {
            let found = format!("{name} is defined again");
            self.report
                .warning(assoc.span, found, "the first definition counts");
            for line in &assoc.lines {
                if let AssocLine::Address(word, _) | AssocLine::Prefix(word, ..) = line {
                    address(self.report, word);
                }
            }
            return;
        }
        let mut values = BTreeSet::new();
        let mut interfaces = BTreeSet::new();
        for line in &assoc.lines {
            let (word, value) = match line {
                AssocLine::Address(word, durations) => (word, self.fixed_address(word, durations)),
                AssocLine::Prefix(word, length, durations) => {
                    (word, self.prefix(word, *length, durations))
                }
                AssocLine::Interface(interface, sla_lens) => {
                    self.interface_exists(interface);
                    if !interfaces.insert(interface.text.as_str()) {
                        let shown = quoted(interface.text.as_bytes());
                        let found = format!("{name} has the interface {shown} already");
                        self.report
                            .warning(interface.span, found, "the first one counts");
                    }
                    for sla_len in sla_lens {
                        self.number(*sla_len, "length", SLA_LEN_MAX);
                    }
                    continue;
                }
            };
            if let Some(value) = value {
                self.once(&mut values, value, word, &name);
            }
        }
        self.unused("id-assoc", assoc.span);
    }

    pub(super) fn sent(&mut self, item: &Item, authenticated: &mut bool) {
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
            None => self.unused(&format!("send {}", item.keyword), item.span),
        }
    }

    fn association(&self, kind: AssocKind, number: Number) -> Option<(Span, String)> {
        let known = self.associations.contains(&(kind, iaid(number)));
        (!known).then(|| (number.span, name(kind, iaid(number))))
    }
}

/// What tells an identity association from others: of two that are alike the first counts.
pub(super) fn identity(assoc: &IdAssoc) -> (AssocKind, u64) {
    (assoc.kind, assoc.number.map_or(0, iaid))
}

/// Of the number of an identity association, the original server keeps 32 bits.
fn iaid(number: Number) -> u64 {
    number.value & u64::from(u32::MAX)
}

/// What an identity association is called in messages.
fn name(kind: AssocKind, number: u64) -> String {
    let kind = match kind {
        AssocKind::Pd => "pd",
        AssocKind::Na => "na",
    };
    format!("`id-assoc {kind} {number}`")
}
