//! What is expected of a server: the types of its answers, and what stands in them. What is not named is not
//! looked at.

use std::fmt;

use schemars::JsonSchema;
use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::step::Source;
use super::value::{Block, Code, InHex, Several};
use super::words::not_known;
use crate::dissect;

/// `expect`: one thing, or several in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect(pub Vec<Expected>);

/// One thing that a server does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// It sends a message of that type; through relay agents, the type of the message at the core.
    Message(u8),
    /// It sends a message of that type, and this stands in it.
    Answer(u8, Box<Wanted>),
    /// It sends nothing.
    Silence,
    /// It says that it drops something for the reason with that label.
    Dropped(String),
}

/// What stands in an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Wanted {
    /// Where it comes from.
    pub source: Source,
    /// Its transaction id.
    pub xid: Option<u32>,
    /// Its status code, outside of any IA.
    pub status: Option<Status>,
    /// Its IA_NAs: these are there. `none`: no IA_NA is.
    pub ia_na: Option<Several<WantedIa>>,
    /// Its IA_PDs, as `ia_na`.
    pub ia_pd: Option<Several<WantedIa>>,
    /// Its options by their names, outside of any IA.
    pub options: WantedOptions,
}

/// What stands in an IA.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WantedIa {
    /// The IAID.
    pub iaid: u32,
    /// T1 in seconds.
    #[serde(default)]
    pub t1: Option<Seconds>,
    /// T2 in seconds.
    #[serde(default)]
    pub t2: Option<Seconds>,
    /// All its leases, in any order. `none`: it has none.
    #[serde(default)]
    pub leases: Option<Several<WantedLease>>,
    /// Its status code.
    #[serde(default)]
    pub status: Option<Status>,
    /// Its options by their names.
    #[serde(default)]
    pub options: WantedOptions,
}

/// A lease in an IA: an address or a prefix, or a map that says more or less of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WantedLease {
    /// The address or prefix.
    pub lease: Option<Block>,
    /// A prefix that the address or prefix is in.
    pub within: Option<Block>,
    /// Its preferred lifetime in seconds.
    pub preferred: Option<Seconds>,
    /// Its valid lifetime in seconds.
    pub valid: Option<Seconds>,
    /// Its status code.
    pub status: Option<Status>,
    /// Its options by their names.
    pub options: WantedOptions,
}

/// A number of seconds; `infinity` is the largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seconds(pub u32);

/// A status code by its name or number; `none` where there is no Status Code option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(pub Option<u16>);

/// Options by their names or codes, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WantedOptions(pub Vec<(Code, WantedOption)>);

/// What is said of an option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WantedOption {
    /// It is there.
    Present,
    /// It is not there.
    Absent,
    /// One is there that transcripts show so.
    Text(String),
    /// One is there with this content.
    Octets(Vec<u8>),
}

/// Why our server may drop a message, as `lab/tests/tidy.rs` makes sure.
pub const DROP_LABELS: &[&str] = &[
    "too-short",
    "malformed",
    "unknown-type",
    "not-for-server",
    "unusable-source",
    "unicast",
    "relay-without-message",
    "relay-too-deep",
    "no-client-id",
    "no-server-id",
    "foreign-server-id",
    "unexpected-server-id",
    "duplicate-identifier",
    "duplicate-authentication",
    "ia-in-information-request",
    "malformed-ia",
    "too-many-ias",
    "link-unknown",
    "nothing-to-confirm",
    "nothing-to-answer",
    "unauthenticated",
    "authentication-failed",
    "replayed",
    "key-expired",
    "answer-too-large",
    "store-full",
];

/// What a server may send, by the names of messages.
pub(super) fn answers() -> impl Iterator<Item = String> + Clone {
    dissect::message_names().filter(|it| it != "relay-forward")
}

impl<'de> Deserialize<'de> for Expected {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ExpectedVisitor;
        impl<'de> Visitor<'de> for ExpectedVisitor {
            type Value = Expected;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "`advertise`, `reply`, `silence`, `{ reply: … }` or `{ dropped: REASON }`",
                )
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Expected, E> {
                if text == "silence" {
                    return Ok(Expected::Silence);
                }
                message(text, &["silence"]).map(Expected::Message)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Expected, A::Error> {
                let Some(key) = map.next_key_seed(Kind)? else {
                    return Err(A::Error::custom(
                        "what is expected? write `silence` for nothing",
                    ));
                };
                let expected = match key {
                    Some(message_type) => Expected::Answer(message_type, map.next_value()?),
                    None => Expected::Dropped(map.next_value::<Label>()?.0),
                };
                if map.next_key::<IgnoredAny>()?.is_some() {
                    return Err(A::Error::custom(
                        "expect one thing here; several are a list, or steps of their own",
                    ));
                }
                Ok(expected)
            }
        }
        deserializer.deserialize_any(ExpectedVisitor)
    }
}

/// The type of an answer with that name.
fn message<E: Error>(name: &str, others: &[&'static str]) -> Result<u8, E> {
    let known: Vec<String> = answers()
        .chain(others.iter().map(|it| (*it).to_owned()))
        .collect();
    match dissect::message_type(name).filter(|_| known.iter().any(|it| it == name)) {
        Some(message_type) => Ok(message_type),
        None => {
            let known = known.iter().map(String::as_str);
            Err(E::custom(not_known(name, "an answer", known)))
        }
    }
}

/// The key of an expectation: the type of an answer, or nothing for `dropped`.
struct Kind;

impl<'de> serde::de::DeserializeSeed<'de> for Kind {
    type Value = Option<u8>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<u8>, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "dropped" => Ok(None),
            name => message(name, &["dropped"]).map(Some),
        }
    }
}

/// Why a message was dropped.
struct Label(String);

impl<'de> Deserialize<'de> for Label {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let label = String::deserialize(deserializer)?;
        match DROP_LABELS.contains(&label.as_str()) {
            true => Ok(Self(label)),
            false => {
                let known = DROP_LABELS.iter().copied();
                Err(D::Error::custom(not_known(
                    &label,
                    "a reason to drop a message",
                    known,
                )))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Expect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Several::deserialize(deserializer).map(|it| Self(it.0))
    }
}

impl<'de> Deserialize<'de> for WantedLease {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LeaseVisitor;
        impl<'de> Visitor<'de> for LeaseVisitor {
            type Value = WantedLease;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an address, a prefix, or `{ within: …, valid: … }`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<WantedLease, E> {
                let lease = text.parse::<Block>().map_err(E::custom)?;
                Ok(WantedLease {
                    lease: Some(lease),
                    ..WantedLease::default()
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<WantedLease, A::Error> {
                let map = serde::de::value::MapAccessDeserializer::new(map);
                WantedLeaseFields::deserialize(map).map(|it| WantedLease {
                    lease: it.lease,
                    within: it.within,
                    preferred: it.preferred,
                    valid: it.valid,
                    status: it.status,
                    options: it.options,
                })
            }
        }
        deserializer.deserialize_any(LeaseVisitor)
    }
}

/// A lease that says more or less than its address.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WantedLeaseFields {
    /// The address or prefix.
    lease: Option<Block>,
    /// A prefix that the address or prefix is in.
    within: Option<Block>,
    /// Its preferred lifetime in seconds.
    preferred: Option<Seconds>,
    /// Its valid lifetime in seconds.
    valid: Option<Seconds>,
    /// Its status code.
    status: Option<Status>,
    /// Its options by their names.
    options: WantedOptions,
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SecondsVisitor;
        impl Visitor<'_> for SecondsVisitor {
            type Value = Seconds;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("seconds from 0 to 4294967295, or `infinity`")
            }

            fn visit_u64<E: Error>(self, secs: u64) -> Result<Seconds, E> {
                u32::try_from(secs)
                    .map(Seconds)
                    .map_err(|_| E::custom("seconds are at most 4294967295, which is `infinity`"))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Seconds, E> {
                match text {
                    "infinity" => Ok(Seconds(u32::MAX)),
                    _ => Err(E::custom(not_known(
                        text,
                        "a number of seconds",
                        std::iter::once("infinity"),
                    ))),
                }
            }
        }
        deserializer.deserialize_any(SecondsVisitor)
    }
}

impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StatusVisitor;
        impl Visitor<'_> for StatusVisitor {
            type Value = Status;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a status such as `no-binding`, its number, or `none`")
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Status, E> {
                u16::try_from(number)
                    .map(|it| Status(Some(it)))
                    .map_err(|_| E::custom("a status code is at most 65535"))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Status, E> {
                if text == "none" {
                    return Ok(Status(None));
                }
                if let Some(code) = dissect::status_code(text) {
                    return Ok(Status(Some(code)));
                }
                let known: Vec<String> =
                    dissect::status_names().chain(["none".to_owned()]).collect();
                let known = known.iter().map(String::as_str);
                Err(E::custom(not_known(text, "a status", known)))
            }
        }
        deserializer.deserialize_any(StatusVisitor)
    }
}

impl<'de> Deserialize<'de> for WantedOptions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OptionsVisitor;
        impl<'de> Visitor<'de> for OptionsVisitor {
            type Value = WantedOptions;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("options by name: `{ dns-servers: present }`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<WantedOptions, A::Error> {
                let mut options = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    options.push(entry);
                }
                Ok(WantedOptions(options))
            }
        }
        deserializer.deserialize_map(OptionsVisitor)
    }
}

impl<'de> Deserialize<'de> for WantedOption {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OptionVisitor;
        impl<'de> Visitor<'de> for OptionVisitor {
            type Value = WantedOption;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`present`, `absent`, what the transcript shows, or `{ hex: \"…\" }`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<WantedOption, E> {
                Ok(match text {
                    "present" => WantedOption::Present,
                    "absent" => WantedOption::Absent,
                    _ => WantedOption::Text(text.to_owned()),
                })
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<WantedOption, E> {
                Ok(WantedOption::Text(number.to_string()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<WantedOption, A::Error> {
                let map = serde::de::value::MapAccessDeserializer::new(map);
                InHex::deserialize(map).map(|it| WantedOption::Octets(it.hex.0))
            }
        }
        deserializer.deserialize_any(OptionVisitor)
    }
}
