//! Values of answers that later steps use: `save: { lease: ia_na.1.address }`, then `$lease`.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::document::{Content, Node, Place, Scalar, Values, is_name};
use super::value::Code;
use super::words::not_known;
use crate::dissect::{self, Message, Opt, Options, Value};
use crate::rig::Datagram;

const CLIENT_ID: u16 = 1;
const SERVER_ID: u16 = 2;
const IA_NA: u16 = 3;
const IA_PD: u16 = 25;

/// `save`: names, and what of the last answer they stand for from then on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Save(pub Vec<(String, Part)>);

/// A part of an answer: `xid`, `server_id`, `ia_na.1.address`, `options.dns-servers`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The transaction id.
    Xid,
    /// The address that it comes from.
    Source,
    /// The content of the first option with that code, outside of any IA.
    Option(u16),
    /// Something of an IA.
    Ia {
        /// The code of the IA's option.
        code: u16,
        /// Its IAID.
        iaid: u32,
        /// What of it.
        field: Field,
    },
}

/// Something of an IA. Leases are counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// T1.
    T1,
    /// T2.
    T2,
    /// The address, or the prefix with its length, of a lease.
    Lease(usize),
    /// The preferred lifetime of a lease.
    Preferred(usize),
    /// The valid lifetime of a lease.
    Valid(usize),
}

/// What a part may begin with.
pub(super) const PARTS: [&str; 7] = [
    "xid",
    "source",
    "client_id",
    "server_id",
    "options",
    "ia_na",
    "ia_pd",
];

/// The values that steps have saved, by their names.
#[derive(Clone, Debug, Default)]
pub struct Saved(pub(super) Values);

impl Saved {
    /// Takes values of an answer.
    ///
    /// # Errors
    /// The answer does not have one of them; which.
    pub fn take(&mut self, save: &Save, answer: &Datagram) -> Result<(), String> {
        let place = Place {
            file: Path::new("").into(),
            line: 1,
            column: 1,
        };
        for (name, part) in &save.0 {
            let value = part.of(answer, &place).ok_or_else(|| part.to_string())?;
            self.0.insert(name.clone(), value);
        }
        Ok(())
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Xid => f.write_str("transaction id"),
            Self::Source => f.write_str("source"),
            Self::Option(code) => write!(f, "option {}", dissect::option_name(*code)),
            Self::Ia { code, iaid, field } => {
                let ia = dissect::option_name(*code);
                let what = match field {
                    Field::T1 | Field::T2 => String::new(),
                    Field::Lease(index) | Field::Preferred(index) | Field::Valid(index) => {
                        format!(" with a lease {}", index + 1)
                    }
                };
                write!(f, "{ia} {iaid}{what}")
            }
        }
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split('.').collect();
        match words.as_slice() {
            ["xid"] => Ok(Self::Xid),
            ["source"] => Ok(Self::Source),
            ["client_id"] => Ok(Self::Option(CLIENT_ID)),
            ["server_id"] => Ok(Self::Option(SERVER_ID)),
            ["options", name] => Ok(Self::Option(name.parse::<Code>()?.0)),
            ["options"] => Err("which option? write `options.dns-servers`".to_owned()),
            ["ia_na", rest @ ..] => ia(IA_NA, "address", rest),
            ["ia_pd", rest @ ..] => ia(IA_PD, "prefix", rest),
            [first @ ("xid" | "source" | "client_id" | "server_id"), ..] => {
                Err(format!("`{first}` has no parts"))
            }
            ["options", ..] => Err("an option is saved as a whole: write `options.NAME`".into()),
            [first, ..] => Err(not_known(first, "a part of an answer", PARTS.into_iter())),
            [] => Err("name a part of the answer: `ia_na.1.address`".to_owned()),
        }
    }
}

fn ia(code: u16, lease: &str, words: &[&str]) -> Result<Part, String> {
    let (iaid, field, number) = match words {
        [iaid, field] => (iaid, *field, None),
        [iaid, field, number] => (iaid, *field, Some(*number)),
        _ => return Err(format!("name the IAID and a field: `ia_na.1.{lease}`")),
    };
    let iaid = iaid
        .parse()
        .map_err(|_| format!("`{iaid}` is no IAID: write a number"))?;
    let index = match number.map(str::parse::<usize>) {
        None => 0,
        Some(Ok(number)) if number > 0 => number - 1,
        Some(_) => return Err("leases are counted from 1".to_owned()),
    };
    let field = match field {
        "t1" | "t2" if number.is_some() => return Err(format!("there is one `{field}`")),
        "t1" => Field::T1,
        "t2" => Field::T2,
        "preferred" => Field::Preferred(index),
        "valid" => Field::Valid(index),
        _ if field == lease => Field::Lease(index),
        _ => {
            let known = [lease, "preferred", "valid", "t1", "t2"];
            return Err(not_known(field, "a field of an IA", known.into_iter()));
        }
    };
    Ok(Part::Ia { code, iaid, field })
}

impl Part {
    /// A value of the same kind, to see whether it fits where it is used.
    pub(super) fn sample(self, place: &Place) -> Node {
        let (text, plain) = match self {
            Self::Xid => ("1", true),
            Self::Source => ("fe80::1", false),
            Self::Option(_) => ("00030001020000000001", false),
            Self::Ia { code, field, .. } => match field {
                Field::T1 | Field::T2 | Field::Preferred(_) | Field::Valid(_) => ("1", true),
                Field::Lease(_) if code == IA_PD => ("2001:db8::/56", false),
                Field::Lease(_) => ("2001:db8::1", false),
            },
        };
        value(place, text.to_owned(), plain)
    }

    /// What it is in an answer; `None` if the answer does not have it.
    pub(crate) fn of(self, answer: &Datagram, place: &Place) -> Option<Node> {
        let tree = dissect::message(&answer.payload);
        let core = tree.core();
        let (text, plain) = match self {
            Self::Xid => (core.xid()?.to_string(), true),
            Self::Source => (answer.source.ip().to_string(), false),
            Self::Option(code) => (in_hex(core.options.first(code)?), false),
            Self::Ia { code, iaid, field } => field.of(core, code, iaid)?,
        };
        Some(value(place, text, plain))
    }
}

fn value(place: &Place, text: String, plain: bool) -> Node {
    let scalar = Scalar {
        text,
        plain,
        filled: true,
    };
    Node {
        place: place.clone(),
        content: Content::Scalar(scalar),
    }
}

fn in_hex(option: &Opt) -> String {
    option.octets.iter().map(|it| format!("{it:02x}")).collect()
}

impl Field {
    fn of(self, message: &Message, wanted: u16, id: u32) -> Option<(String, bool)> {
        let mut ias = message.options.all(wanted);
        let (t1, t2, options) = ias.find_map(|it| {
            let Value::Ia {
                iaid,
                t1,
                t2,
                options,
            } = &it.value
            else {
                return None;
            };
            (*iaid == id).then_some((t1, t2, options))
        })?;
        match self {
            Self::T1 => Some((t1.to_string(), true)),
            Self::T2 => Some((t2.to_string(), true)),
            Self::Lease(index) => lease(options, index).map(|it| (it.0, false)),
            Self::Preferred(index) => lease(options, index).map(|it| (it.1.to_string(), true)),
            Self::Valid(index) => lease(options, index).map(|it| (it.2.to_string(), true)),
        }
    }
}

/// An address or prefix, with its lifetimes.
fn lease(options: &Options, index: usize) -> Option<(String, u32, u32)> {
    let leases = options.list.iter().filter_map(|it| {
        if let Value::Address {
            address,
            preferred,
            valid,
            ..
        } = &it.value
        {
            Some((address.to_string(), *preferred, *valid))
        } else if let Value::Prefix {
            prefix,
            length,
            preferred,
            valid,
            ..
        } = &it.value
        {
            Some((format!("{prefix}/{length}"), *preferred, *valid))
        } else {
            None
        }
    });
    leases.into_iter().nth(index)
}

impl<'de> Deserialize<'de> for Save {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SaveVisitor;
        impl<'de> Visitor<'de> for SaveVisitor {
            type Value = Save;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("names and parts of the answer: `{ lease: ia_na.1.address }`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Save, A::Error> {
                let mut saved = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    let text: String = map.next_value()?;
                    if !is_name(&name) {
                        let reason = format!("`{name}` is no name: write letters, digits and `_`");
                        return Err(A::Error::custom(reason));
                    }
                    let part = text
                        .parse()
                        .map_err(|reason| A::Error::custom(format!("{name}: {reason}")))?;
                    saved.push((name, part));
                }
                Ok(Save(saved))
            }
        }
        deserializer.deserialize_map(SaveVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_an_answer_are_named_by_their_way() {
        let ia = |code, iaid, field| Ok(Part::Ia { code, iaid, field });
        assert_eq!("xid".parse(), Ok(Part::Xid));
        assert_eq!("server_id".parse(), Ok(Part::Option(2)));
        assert_eq!("options.dns-servers".parse(), Ok(Part::Option(23)));
        assert_eq!("ia_na.7.address".parse(), ia(3, 7, Field::Lease(0)));
        assert_eq!("ia_pd.1.prefix.2".parse(), ia(25, 1, Field::Lease(1)));
        assert_eq!("ia_na.1.t2".parse(), ia(3, 1, Field::T2));
        for (wrong, reason) in [
            ("xdi", "did you mean `xid`?"),
            ("ia_na.1.adress", "did you mean `address`?"),
            ("ia_na.one.address", "`one` is no IAID"),
            ("ia_na", "name the IAID"),
            ("ia_na.1.address.0", "counted from 1"),
            ("options.dns-sever", "did you mean `dns-servers`?"),
            ("xid.1", "`xid` has no parts"),
        ] {
            let refusal = wrong.parse::<Part>().expect_err(wrong);
            assert!(refusal.contains(reason), "{wrong}: {refusal}");
        }
    }
}
