//! The forms in which a scenario writes single values: octets, spans of time, identifiers, leases.
//!
//! Each is read by a visitor of its own, because an untagged enum would say only that nothing matched.

use std::fmt;
use std::marker::PhantomData;
use std::net::Ipv6Addr;
use std::str::FromStr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use super::words::{nearest, not_known};
use crate::dissect;

/// Octets, written as hexadecimal digits; colons and spaces between them are welcome.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hex(pub Vec<u8>);

impl FromStr for Hex {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits: Vec<u8> = text
            .chars()
            .filter(|it| !it.is_ascii_whitespace() && *it != ':')
            .map(|it| it.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect::<Option<_>>()
            .ok_or_else(|| format!("`{text}` is not hexadecimal: write 0-9 and a-f"))?;
        if digits.len() % 2 == 1 {
            return Err(format!(
                "`{text}` has an odd number of digits: write two for each octet"
            ));
        }
        let pairs = digits.chunks_exact(2);
        Ok(Self(
            pairs
                .map(|pair| pair.iter().fold(0, |octet, digit| octet << 4 | digit))
                .collect(),
        ))
    }
}

/// Reads a value that is written as text, by its `FromStr`.
struct Text<T>(&'static str, PhantomData<T>);

impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        // Digits without quotes are a number to YAML, and leading zeros are lost by then.
        Err(E::custom(format!(
            "write `{number}` in quotes, as it is {}",
            self.0
        )))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Text("hexadecimal text", PhantomData))
    }
}

/// A span of time: seconds, or a number with one of the units `s`, `m`, `h`, `d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

/// The units of a span, the longest first.
const UNITS: [(u64, char); 4] = [(86_400, 'd'), (3600, 'h'), (60, 'm'), (1, 's')];

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.0.as_secs();
        let fitting = UNITS.iter().find(|(unit, _)| secs.is_multiple_of(*unit));
        match fitting.filter(|_| secs > 0) {
            Some((unit, letter)) => write!(f, "{}{letter}", secs / unit),
            None => write!(f, "{secs}s"),
        }
    }
}

/// A thousand years: more than any lifetime, and far from where clocks end.
const SPAN_SECS_MAX: u64 = 1000 * 366 * 86_400;

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SpanVisitor;
        impl Visitor<'_> for SpanVisitor {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("seconds, or a span such as `30m`, `1h` or `1d`")
            }

            fn visit_u64<E: Error>(self, secs: u64) -> Result<Span, E> {
                match secs {
                    0..=SPAN_SECS_MAX => Ok(Span(Duration::from_secs(secs))),
                    _ => Err(E::custom("a span is of a thousand years at most")),
                }
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Span, E> {
                UNITS
                    .iter()
                    .find_map(|(unit, letter)| {
                        let number: u64 = text.strip_suffix(*letter)?.parse().ok()?;
                        Some(Span(Duration::from_secs(number.checked_mul(*unit)?)))
                    })
                    .filter(|it: &Span| it.0.as_secs() <= SPAN_SECS_MAX)
                    .ok_or_else(|| {
                        E::custom(format!("`{text}` is no span: write 3, 30m, 1h or 1d"))
                    })
            }
        }
        deserializer.deserialize_any(SpanVisitor)
    }
}

/// What stands in a Client or Server Identifier option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identifier {
    /// These octets.
    Octets(Vec<u8>),
    /// The DUID of the client that sends.
    Own,
    /// The DUID of the server, as far as the client knows it.
    Server,
}

impl FromStr for Identifier {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "own" => Ok(Self::Own),
            "server" => Ok(Self::Server),
            _ => text
                .parse::<Hex>()
                .map(|hex| Self::Octets(hex.0))
                .map_err(
                    |error| match nearest(text, ["own", "server", "none"].into_iter()) {
                        Some(near) => format!("{error}; did you mean `{near}`?"),
                        None => error,
                    },
                ),
        }
    }
}

impl<'de> Deserialize<'de> for Identifier {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Text(
            "a DUID in hexadecimal, `own` or `server`",
            PhantomData,
        ))
    }
}

/// A list that may be written as `none`, as a single value, or as a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Several<T>(pub Vec<T>);

impl<T> Default for Several<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Several<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SeveralVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for SeveralVisitor<T> {
            type Value = Several<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`none`, one value or a list")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Several<T>, E> {
                if text == "none" {
                    return Ok(Several::default());
                }
                let value = serde::de::value::StrDeserializer::<E>::new(text);
                let read = T::deserialize(value).map_err(|error| {
                    match nearest(text, std::iter::once("none")) {
                        Some(_) => E::custom(format!("{error}; did you mean `none`?")),
                        None => error,
                    }
                });
                Ok(Several(vec![read?]))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Several<T>, E> {
                let value = serde::de::value::U64Deserializer::<E>::new(number);
                Ok(Several(vec![T::deserialize(value)?]))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Several<T>, A::Error> {
                Ok(Several(vec![T::deserialize(MapAccessDeserializer::new(
                    map,
                ))?]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Several<T>, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = seq.next_element()? {
                    values.push(value);
                }
                Ok(Several(values))
            }
        }
        deserializer.deserialize_any(SeveralVisitor(PhantomData))
    }
}

/// The code of an option, written as a number or by its name in transcripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(pub u16);

impl FromStr for Code {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = || text.parse().ok().filter(|_| !text.starts_with(['+', '0']));
        let code = dissect::option_code(text).or_else(number);
        code.map(Self).ok_or_else(|| {
            let reason = not_known(text, "the name of an option", dissect::option_names());
            format!("{reason} Others are written as their numbers.")
        })
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CodeVisitor;
        impl Visitor<'_> for CodeVisitor {
            type Value = Code;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an option code or name")
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Code, E> {
                u16::try_from(number)
                    .map(Code)
                    .map_err(|_| E::custom("an option code is at most 65535"))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Code, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(CodeVisitor)
    }
}

/// The type of a message, written as its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageType(pub u8);

/// The types that clients send.
pub(super) const CLIENT_MESSAGES: [&str; 8] = [
    "solicit",
    "request",
    "confirm",
    "renew",
    "rebind",
    "release",
    "decline",
    "information-request",
];

impl<'de> Deserialize<'de> for MessageType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let known = CLIENT_MESSAGES.iter().copied();
        let found = known.clone().find(|it| *it == name);
        found
            .and_then(dissect::message_type)
            .map(Self)
            .ok_or_else(|| D::Error::custom(not_known(&name, "a message of clients", known)))
    }
}

/// The value of Elapsed Time, or `none` for a message without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elapsed {
    /// No option.
    Absent,
    /// This value: hundredths of a second, if the client follows RFC 9915 §21.9.
    Is(u16),
    /// The time since the first message with the same transaction id, in this unit.
    Counted(Duration),
}

/// Clients that count elapsed time, by how that is written.
const COUNTED: [(&str, Duration); 2] = [
    ("counted", Duration::from_millis(10)),
    ("counted-in-seconds", Duration::from_secs(1)),
];

impl<'de> Deserialize<'de> for Elapsed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ElapsedVisitor;
        impl Visitor<'_> for ElapsedVisitor {
            type Value = Elapsed;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("hundredths of a second, `none`, `counted` or `counted-in-seconds`")
            }

            fn visit_u64<E: Error>(self, hundredths: u64) -> Result<Elapsed, E> {
                u16::try_from(hundredths)
                    .map(Elapsed::Is)
                    .map_err(|_| E::custom("elapsed time is at most 65535"))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Elapsed, E> {
                let counted = COUNTED.iter().find(|(name, _)| *name == text);
                match (text, counted) {
                    ("none", _) => Ok(Elapsed::Absent),
                    (_, Some((_, unit))) => Ok(Elapsed::Counted(*unit)),
                    (_, None) => Err(E::invalid_value(Unexpected::Str(text), &self)),
                }
            }
        }
        deserializer.deserialize_any(ElapsedVisitor)
    }
}

/// A time that a client writes into an IA: seconds, or `given`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// So many seconds.
    Secs(u32),
    /// What the server gave it last; 0 before that, and in a Solicit.
    Given,
}

impl<'de> Deserialize<'de> for Wish {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WishVisitor;
        impl Visitor<'_> for WishVisitor {
            type Value = Wish;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("seconds, or `given`")
            }

            fn visit_u64<E: Error>(self, secs: u64) -> Result<Wish, E> {
                u32::try_from(secs)
                    .map(Wish::Secs)
                    .map_err(|_| E::invalid_value(Unexpected::Unsigned(secs), &"u32"))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Wish, E> {
                match text {
                    "given" => Ok(Wish::Given),
                    _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
                }
            }
        }
        deserializer.deserialize_any(WishVisitor)
    }
}

/// `{ hex: … }`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct InHex {
    /// The octets.
    pub(super) hex: Hex,
}

/// Octets that may be written as plain text, or as `{ hex: … }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opaque(pub Vec<u8>);

impl<'de> Deserialize<'de> for Opaque {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OpaqueVisitor;
        impl<'de> Visitor<'de> for OpaqueVisitor {
            type Value = Opaque;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text, or `{ hex: \"…\" }`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Opaque, E> {
                Ok(Opaque(text.as_bytes().to_vec()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Opaque, A::Error> {
                InHex::deserialize(MapAccessDeserializer::new(map)).map(|it| Opaque(it.hex.0))
            }
        }
        deserializer.deserialize_any(OpaqueVisitor)
    }
}

/// An address, with the length of its prefix if it has one: `2001:db8::1` or `2001:db8::/56`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Block {
    /// The address before the slash.
    pub address: Ipv6Addr,
    /// The number behind the slash.
    pub length: Option<u8>,
}

impl From<dissect::Listed<'_>> for Block {
    fn from(listed: dissect::Listed<'_>) -> Self {
        Self {
            address: listed.address,
            length: listed.length,
        }
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.length {
            Some(length) => write!(f, "{}/{length}", self.address),
            None => self.address.fmt(f),
        }
    }
}

impl Block {
    /// Whether all of the other one is in it.
    #[must_use]
    pub fn holds(&self, other: &Self) -> bool {
        let length = self.length.unwrap_or(128);
        let differing = self.address.to_bits() ^ other.address.to_bits();
        length <= other.length.unwrap_or(128) && differing.leading_zeros() >= u32::from(length)
    }
}

impl FromStr for Block {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let refuse = || format!("`{text}` is neither an IPv6 address nor a prefix");
        Ok(Self {
            address: address.parse().map_err(|_| refuse())?,
            length: length
                .map(|it| it.parse().map_err(|_| refuse()))
                .transpose()?,
        })
    }
}

impl<'de> Deserialize<'de> for Block {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Text("an IPv6 address or prefix", PhantomData))
    }
}
