//! The `keyinfo` statements: keys of the delayed authentication protocol (RFC 3315 §21.4).
//!
//! A secret is never part of a message: what is wrong with one is said about its keyword.
//!
//! Not here: which host uses which key (`hosts`), and how the end of a key is written (`expiry`).

use super::ast::{KeyField, KeyInfo, KeyValue, Number, Statement, Text};
use super::diagnostic::{Span, quoted};
use super::expiry;
use super::model::{Host, Key, KeySecret};
use super::resolve::Resolver;
use crate::lease::Timestamp;
use crate::secret;
use std::collections::BTreeSet;

/// The most octets of a secret, as in the original server.
const SECRET_LEN_MAX: usize = 1023;

impl<'a> Resolver<'a> {
    /// The keys in file order, and the statements that they come from.
    pub(super) fn keys(&mut self, statements: &'a [Statement]) -> (Vec<Key>, Vec<&'a KeyInfo>) {
        let mut keys = Vec::new();
        let mut origins = Vec::new();
        for statement in statements {
            let Statement::KeyInfo(key) = statement else {
                continue;
            };
            if self.keys.contains_key(key.name.text.as_str()) {
                self.repeated("keyinfo", &key.name);
                continue;
            }
            self.keys.insert(&key.name.text, keys.len());
            keys.push(self.key(key));
            origins.push(key);
        }
        (keys, origins)
    }

    fn key(&mut self, statement: &KeyInfo) -> Key {
        let mut key = Key {
            name: statement.name.text.clone(),
            realm: Vec::new(),
            id: 0,
            secret: KeySecret(Vec::new()),
            expires: Timestamp::NEVER,
        };
        let mut seen = BTreeSet::new();
        for field in &statement.fields {
            if !seen.insert(field.keyword) {
                self.first_counts(field.keyword, field.span);
                continue;
            }
            self.key_field(&mut key, field);
        }
        for keyword in ["realm", "keyid", "secret"] {
            if statement.complete && !seen.contains(keyword) {
                let found = format!("`keyinfo {}` has no `{keyword}`", key.name);
                self.report.error(statement.name.span, found, "add it");
            }
        }
        key
    }

    fn key_field(&mut self, key: &mut Key, field: &KeyField) {
        match &field.value {
            KeyValue::Realm(text) => key.realm.clone_from(&text.octets),
            KeyValue::Id(number) => key.id = self.key_id(*number),
            KeyValue::Secret(text) => key.secret = self.secret(text, field.span),
            KeyValue::Expire(text) => key.expires = self.expires(text),
        }
    }

    fn key_id(&mut self, number: Number) -> u32 {
        u32::try_from(number.value).unwrap_or_else(|_| {
            let found = format!("the key number {} is too large", number.value);
            let remedy = format!("write a number from 0 to {}", u32::MAX);
            self.report.error(number.span, found, remedy);
            0
        })
    }

    fn secret(&mut self, text: &Text, keyword: Span) -> KeySecret {
        let octets = secret::decode(&text.octets).ok();
        let mistake = match &octets {
            None => Some((
                "is not in base64",
                "write its octets so, with the `=` at the end",
            )),
            Some(octets) if octets.len() > SECRET_LEN_MAX => {
                Some(("is longer than 1023 octets", "16 are enough"))
            }
            Some(octets) => {
                if octets.is_empty() {
                    let remedy = "anybody can sign with it: write one";
                    self.report.warning(keyword, "the secret is empty", remedy);
                }
                None
            }
        };
        if let Some((mistake, remedy)) = mistake {
            self.report
                .error(keyword, format!("the secret {mistake}"), remedy);
        }
        KeySecret(octets.unwrap_or_default())
    }

    fn expires(&mut self, text: &Text) -> Timestamp {
        let shown = quoted(&text.octets);
        let now = &self.sources.now;
        let Some(expiry) = expiry::read(&text.octets, now) else {
            let found = format!("{shown} is not a date");
            let remedy = "write `forever`, or local time as in `2030-12-31 23:59`";
            self.report.error(text.span, found, remedy);
            return Timestamp::NEVER;
        };
        if expiry.ignored_len > 0 {
            let kept = text.octets.len() - expiry.ignored_len;
            let behind = text.octets.get(kept..).unwrap_or_default();
            let found = format!("{} behind the date is not read", quoted(behind));
            self.report.warning(text.span, found, "remove it");
        }
        if let Some(date) = expiry.moved_to {
            let found = format!("there is no such day as in {shown}; it counts as {date}");
            self.report.warning(text.span, found, "");
        }
        let now = u64::try_from(now.timestamp().as_second()).unwrap_or(0);
        if expiry.at < Timestamp(now) {
            // The original refuses the file, so that one key that ends keeps the next start from serving anybody.
            let found = format!("the key has ended: {shown} is past");
            let remedy = "its clients get no answer: write a later date, or remove the key";
            self.report.warning(text.span, found, remedy);
        }
        expiry.at
    }

    /// Warns about keys that are there for nothing.
    pub(super) fn unused_keys(&mut self, origins: &[&KeyInfo], hosts: &[Host]) {
        let used: BTreeSet<usize> = hosts.iter().filter_map(|it| Some(it.key?.key)).collect();
        for (number, origin) in origins.iter().enumerate() {
            if !used.contains(&number) {
                let found = format!("`keyinfo {}` is used by no host", origin.name.text);
                let remedy = "name it in the `delayedkey` of one";
                self.report.warning(origin.name.span, found, remedy);
            }
        }
    }
}
