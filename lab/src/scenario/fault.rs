//! What the link does to messages on their way: `faults`.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

use super::value::{Hex, Several, Span};

/// One thing that goes wrong on the link: a key such as `drop` with the side whose messages it happens to, and
/// which of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Fault {
    /// The message is lost.
    drop: Option<Side>,
    /// It arrives twice.
    duplicate: Option<Side>,
    /// It arrives behind the next one of its side.
    reorder: Option<Side>,
    /// It arrives later: see `by`.
    delay: Option<Side>,
    /// Octets of it are others: see `at` and `hex`.
    corrupt: Option<Side>,
    /// It arrives without its end: see `to`.
    truncate: Option<Side>,
    /// Which messages of that side, counted from 1 and from this step on. All, if neither this nor `part` is said.
    pub nth: Several<u32>,
    /// How many of them, by chance: `25%`. The scenario's `seed` says which.
    pub part: Option<Part>,
    /// How much later a delayed message arrives.
    by: Option<Span>,
    /// The first octet that is changed, counted from 0. Without it chance says which.
    at: Option<usize>,
    /// What stands there instead. Without it one bit is changed, and chance says which.
    hex: Option<Hex>,
    /// How many octets are left of a message that is cut.
    to: Option<usize>,
}

/// Whose messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", rename = "side of the link")]
#[schemars(rename = "Side")]
pub enum Side {
    /// Those of clients and relay agents.
    Client,
    /// Those of servers.
    Server,
    /// All.
    Both,
}

/// What happens to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It is lost.
    Drop,
    /// It arrives twice.
    Duplicate,
    /// It arrives behind the next one.
    Reorder,
    /// It arrives so much later.
    Delay(Duration),
    /// These octets stand at that place in it; by chance what is not said.
    Corrupt {
        /// The first octet that is changed.
        at: Option<usize>,
        /// What stands there instead.
        octets: Option<Vec<u8>>,
    },
    /// It keeps so many octets.
    Truncate(usize),
}

/// Hundredths: `25%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part(pub u8);

impl Fault {
    /// Whose messages it happens to, and what it is.
    ///
    /// # Errors
    /// It is not one thing, or lacks something, or says something that belongs to another.
    pub fn kind(&self) -> Result<(Side, Kind), String> {
        let kinds = [
            ("drop", self.drop),
            ("duplicate", self.duplicate),
            ("reorder", self.reorder),
            ("delay", self.delay),
            ("corrupt", self.corrupt),
            ("truncate", self.truncate),
        ];
        let mut said = kinds
            .iter()
            .filter_map(|(name, side)| Some((*name, (*side)?)));
        let (name, side) = match (said.next(), said.next()) {
            (Some(it), None) => it,
            (None, _) => return Err("what goes wrong? write `drop: server`, for example".into()),
            (Some(_), Some((second, _))) => {
                return Err(format!(
                    "one thing goes wrong at a time: give `{second}` its own entry"
                ));
            }
        };
        let needs = [
            ("by", self.by.is_some(), "delay"),
            ("at", self.at.is_some(), "corrupt"),
            ("hex", self.hex.is_some(), "corrupt"),
            ("to", self.to.is_some(), "truncate"),
        ];
        if let Some((key, _, owner)) = needs
            .iter()
            .find(|(_, said, owner)| *said && *owner != name)
        {
            return Err(format!("`{key}` belongs to `{owner}`"));
        }
        if self.nth.0.contains(&0) {
            return Err("messages are counted from 1".into());
        }
        if !self.nth.0.is_empty() && self.part.is_some() {
            return Err("say `nth` or `part`, not both".into());
        }
        let kind = match name {
            "drop" => Kind::Drop,
            "duplicate" => Kind::Duplicate,
            "reorder" => Kind::Reorder,
            "delay" => Kind::Delay(self.by.ok_or("how long? add `by: 2s`")?.0),
            "corrupt" => Kind::Corrupt {
                at: self.at,
                octets: self.hex.as_ref().map(|it| it.0.clone()),
            },
            _ => Kind::Truncate(self.to.ok_or("how many octets are left? add `to: 20`")?),
        };
        Ok((side, kind))
    }
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PartVisitor;
        impl Visitor<'_> for PartVisitor {
            type Value = Part;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a part from `0%` to `100%`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Part, E> {
                let number = text.strip_suffix('%').and_then(|it| it.trim().parse().ok());
                number
                    .filter(|it| *it <= 100)
                    .map(Part)
                    .ok_or_else(|| E::custom(format!("`{text}` is no part: write `25%`")))
            }
        }
        deserializer.deserialize_any(PartVisitor)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::scenario::document;

    fn kind(text: &str) -> Result<(Side, Kind), String> {
        let node = document::read(Path::new("x.yaml"), text).expect("YAML");
        Fault::deserialize(&node)
            .map_err(|it| it.to_string())?
            .kind()
    }

    #[test]
    fn a_fault_is_one_thing_with_what_belongs_to_it() {
        assert_eq!(
            kind("{ drop: client, nth: 2 }"),
            Ok((Side::Client, Kind::Drop))
        );
        let delay = Kind::Delay(Duration::from_secs(2));
        assert_eq!(
            kind("{ delay: both, by: 2s, part: 30% }"),
            Ok((Side::Both, delay))
        );
        for (wrong, reason) in [
            ("{}", "what goes wrong?"),
            ("{ drop: client, delay: client }", "give `delay` its own"),
            ("{ drop: client, to: 5 }", "`to` belongs to `truncate`"),
            ("{ delay: client }", "how long?"),
            ("{ truncate: server }", "how many octets"),
            ("{ drop: server, nth: 0 }", "counted from 1"),
            ("{ drop: server, nth: 1, part: 5% }", "not both"),
            ("{ drop: server, part: 101% }", "`101%` is no part"),
            ("{ drop: servr }", "did you mean `server`?"),
        ] {
            let refusal = kind(wrong).expect_err(wrong);
            assert!(refusal.contains(reason), "{wrong}: {refusal}");
        }
    }
}
