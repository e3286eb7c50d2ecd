//! The steps of a scenario.

use std::fmt;
use std::net::Ipv6Addr;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::authentication::Authentication;
use super::value::{Block, Code, Elapsed, Hex, Identifier, Lifetimes, Opaque, Several, Span, Wish};
use crate::dissect;
use crate::rig::{Disk, IaName, SERVER_ADDRESS};

/// One step.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// A client sends one message.
    Send(Box<Send>),
    /// A client goes from Solicit to Reply and finds what it should on the way.
    Exchange(Box<Exchange>),
    /// What the server has sent since the last step that was not `send`.
    Expect(Expect),
    /// Time passes.
    Advance(Span),
    /// The server ends at once, as in a power cut, and starts again on what was stored.
    Crash(Restart),
    /// The server is asked to end, and starts again.
    Restart(Restart),
    /// The server is told to take over another configuration while it runs.
    Reload(Reload),
    /// The server is told to forget a binding.
    Remove(Remove),
    /// The disk that holds the leases is full, or has room again.
    #[serde(deserialize_with = "disk")]
    Disk(Disk),
}

fn disk<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Disk, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "full" => Ok(Disk::Full),
        "room" => Ok(Disk::Room),
        other => Err(D::Error::custom(format!(
            "write `full` or `room` instead of `{other}`"
        ))),
    }
}

/// `send`: who, how, and what.
#[derive(Clone, Debug)]
pub struct Send {
    /// The name of the client.
    pub from: String,
    /// How the message travels.
    pub transport: Transport,
    /// What is sent.
    pub message: Message,
}

/// What a `send` step sends.
#[derive(Clone, Debug)]
pub enum Message {
    /// A message of that type, with these fields.
    Client(u8, Fields),
    /// A Relay-forward or Relay-reply with nothing in it but its own options.
    Relay(u8, Hop),
    /// These octets.
    Raw(Vec<u8>),
    /// The octets of the client's last message once more.
    Again,
}

/// How a message travels.
#[derive(Clone, Debug, Default)]
pub struct Transport {
    /// Where it comes from, if not from the client's address or the outermost agent's.
    pub source: Source,
    /// Where it goes, if not to the multicast group of servers.
    pub to: Option<Target>,
    /// The relay agents that it comes by, the one closest to the server first; if absent, none, or those of the
    /// client's model.
    pub relay: Option<Vec<Hop>>,
}

/// The source of a datagram, as far as it is not the usual one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Source {
    /// The address.
    pub address: Option<Ipv6Addr>,
    /// The UDP port: 546 for a client, 547 for an agent.
    pub port: Option<u16>,
}

/// The destination of a datagram: an address, or `server` for the server's link-local one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target(pub Ipv6Addr);

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "server" => Ok(Self(SERVER_ADDRESS)),
            text => text.parse().map(Self).map_err(|_| {
                D::Error::custom(format!("`{text}` is neither `server` nor an IPv6 address"))
            }),
        }
    }
}

/// One relay agent, and what it writes around the message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Hop {
    /// The agent's own address: `fe80::e1` for the one closest to the client, then `::e2` and so on.
    pub address: Option<Ipv6Addr>,
    /// The hop count: 0 for the one closest to the client, then 1 and so on.
    pub hops: Option<u8>,
    /// The link address; `::` gives none.
    pub link: Option<Ipv6Addr>,
    /// The peer address: the client, or the agent before.
    pub peer: Option<Ipv6Addr>,
    /// The content of an Interface-Id option.
    pub interface_id: Option<Opaque>,
    /// Further options, behind the message.
    pub options: Vec<RawOption>,
    /// The options that come first, in this order; the others follow in the usual one.
    pub order: Several<Code>,
}

/// What stands in a client's message. Everything that is not said is as the client's model has it, and else as a
/// well-behaved client would do it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fields {
    /// The type, in a `message` without a name.
    pub r#type: Option<u8>,
    /// The transaction id; a fresh one if absent.
    pub xid: Option<u32>,
    /// Takes the transaction id of the client's last message.
    pub same_xid: Option<bool>,
    /// The Client Identifier options; one with the client's DUID if absent.
    pub client_id: Option<Several<Identifier>>,
    /// The Server Identifier options; if absent, one where the type of message demands it.
    pub server_id: Option<Several<Identifier>>,
    /// The Elapsed Time; 0 if absent.
    pub elapsed: Option<Elapsed>,
    /// The Option Request option; none if absent.
    pub oro: Option<Several<Code>>,
    /// The IA_NAs; none if absent.
    pub ia_na: Option<Several<Ia>>,
    /// The IA_PDs; none if absent.
    pub ia_pd: Option<Several<Ia>>,
    /// The IA_TAs; none if absent.
    pub ia_ta: Option<Several<Ia>>,
    /// Adds the Rapid Commit option.
    pub rapid_commit: Option<bool>,
    /// Further options, at the end, but ahead of the Authentication option; none if absent.
    pub options: Option<Vec<RawOption>>,
    /// The Authentication option; if absent, one if the client has a key.
    pub auth: Option<Several<Authentication>>,
    /// The options that come first, in this order; the others follow in the usual one.
    pub order: Option<Several<Code>>,
    /// Options that are left out, whatever else is said or typical.
    pub without: Option<Several<Code>>,
    /// Turns the order of all options round.
    pub reverse: Option<bool>,
    /// Keeps only so many octets of the message.
    pub truncate: Option<usize>,
    /// Octets behind the last option.
    pub append: Option<Hex>,
}

/// One IA of a message.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ia {
    /// The IAID.
    pub iaid: u32,
    /// So many IAs with consecutive IAIDs.
    #[serde(default)]
    pub count: Option<u32>,
    /// T1, which servers must not look at; 0 if absent.
    #[serde(default)]
    pub t1: Option<Wish>,
    /// T2, which servers must not look at; 0 if absent.
    #[serde(default)]
    pub t2: Option<Wish>,
    /// The lifetimes of leases that are carried forward; 0 if absent.
    #[serde(default)]
    pub lifetimes: Option<Lifetimes>,
    /// The leases that it lists. If absent: none in a Solicit, else those that the client was last given.
    #[serde(default)]
    pub leases: Option<Several<Lease>>,
    /// Further options in it, at the end; none if absent.
    #[serde(default)]
    pub options: Option<Vec<RawOption>>,
}

impl Ia {
    /// One that says nothing but its IAID.
    #[must_use]
    pub fn with_iaid(iaid: u32) -> Self {
        Self {
            iaid,
            count: None,
            t1: None,
            t2: None,
            lifetimes: None,
            leases: None,
            options: None,
        }
    }
}

/// An address or prefix in an IA: `2001:db8::5`, `2001:db8::/56`, or a map that says more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What is listed.
    pub block: Block,
    /// The preferred lifetime.
    pub preferred: u32,
    /// The valid lifetime.
    pub valid: u32,
    /// Options in it.
    pub options: Vec<RawOption>,
}

impl From<Block> for Lease {
    fn from(block: Block) -> Self {
        Self {
            block,
            preferred: 0,
            valid: 0,
            options: Vec::new(),
        }
    }
}

impl<'de> Deserialize<'de> for Lease {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            lease: Block,
            #[serde(default)]
            preferred: u32,
            #[serde(default)]
            valid: u32,
            #[serde(default)]
            options: Vec<RawOption>,
        }
        struct LeaseVisitor;
        impl<'de> Visitor<'de> for LeaseVisitor {
            type Value = Lease;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an address, a prefix, or `{ lease: …, preferred: …, valid: … }`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Lease, E> {
                text.parse::<Block>().map(Lease::from).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Lease, A::Error> {
                let map = serde::de::value::MapAccessDeserializer::new(map);
                Written::deserialize(map).map(|it| Lease {
                    block: it.lease,
                    preferred: it.preferred,
                    valid: it.valid,
                    options: it.options,
                })
            }
        }
        deserializer.deserialize_any(LeaseVisitor)
    }
}

/// An option as its octets. At most one of the ways to say them is used; without any it is empty.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawOption {
    /// The code, as a number or a name.
    pub code: Code,
    /// The content in hexadecimal.
    #[serde(default)]
    pub hex: Hex,
    /// The content as text, behind `hex`.
    #[serde(default)]
    pub text: String,
    /// So many zero octets, behind `text`.
    #[serde(default)]
    pub zeros: usize,
    /// What the length field says, if not the truth.
    #[serde(default)]
    pub length: Option<u16>,
}

/// `exchange`: Solicit, Advertise, Request and Reply; with `rapid_commit`, Solicit and Reply.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// The name of the client.
    pub from: String,
    /// As in `send`.
    #[serde(default)]
    pub source: Source,
    /// As in `send`.
    #[serde(default)]
    pub to: Option<Target>,
    /// As in `send`.
    #[serde(default)]
    pub relay: Option<Vec<Hop>>,
    /// As in a message. Leases are hints for the Solicit; the Request has what was advertised.
    #[serde(default)]
    pub ia_na: Option<Several<Ia>>,
    /// As in a message, and as `ia_na`.
    #[serde(default)]
    pub ia_pd: Option<Several<Ia>>,
    /// As in a message.
    #[serde(default)]
    pub oro: Option<Several<Code>>,
    /// Ends the exchange after two messages.
    #[serde(default)]
    pub rapid_commit: bool,
    /// Further options, in both messages of the client.
    #[serde(default)]
    pub options: Option<Vec<RawOption>>,
}

/// `expect`: one thing, or several in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect(pub Vec<Expected>);

/// One thing that a server does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// It sends a message of that type; through relay agents, the type of the message at the core.
    Message(u8),
    /// It sends nothing.
    Silence,
    /// It sends nothing, and says that it drops something for the reason with that label.
    Dropped(String),
}

impl<'de> Deserialize<'de> for Expected {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Drop {
            dropped: String,
        }
        struct ExpectedVisitor;
        impl<'de> Visitor<'de> for ExpectedVisitor {
            type Value = Expected;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`advertise`, `reply`, `silence` or `{ dropped: REASON }`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Expected, E> {
                if text == "silence" {
                    return Ok(Expected::Silence);
                }
                dissect::message_type(text)
                    .map(Expected::Message)
                    .ok_or_else(|| {
                        E::custom(format!("`{text}` is neither `silence` nor a message type"))
                    })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Expected, A::Error> {
                let map = serde::de::value::MapAccessDeserializer::new(map);
                Drop::deserialize(map).map(|it| Expected::Dropped(it.dropped))
            }
        }
        deserializer.deserialize_any(ExpectedVisitor)
    }
}

impl<'de> Deserialize<'de> for Expect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Several::deserialize(deserializer).map(|it| Self(it.0))
    }
}

/// `restart` and `crash`: `server`, or `{ config: … }` for a start with another configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restart {
    /// The text of the configuration from then on.
    pub config: Option<String>,
}

impl<'de> Deserialize<'de> for Restart {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            config: String,
        }
        struct RestartVisitor;
        impl<'de> Visitor<'de> for RestartVisitor {
            type Value = Restart;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`server`, or `{ config: … }`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Restart, E> {
                match text {
                    "server" => Ok(Restart::default()),
                    _ => Err(E::custom(format!("write `server` instead of `{text}`"))),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Restart, A::Error> {
                let map = serde::de::value::MapAccessDeserializer::new(map);
                Written::deserialize(map).map(|it| Restart {
                    config: Some(it.config),
                })
            }
        }
        deserializer.deserialize_any(RestartVisitor)
    }
}

/// `reload`: the configuration from then on, unless the server has to refuse it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reload {
    /// The text of the configuration.
    pub config: String,
    /// Whether the server has to find a mistake in it, and to keep the one that it has.
    #[serde(default)]
    pub refused: bool,
}

/// `remove`: a binding, named by its client and one IA.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remove {
    /// The name of the client.
    pub client: String,
    /// The IAID of an IA_NA.
    #[serde(default)]
    pub ia_na: Option<u32>,
    /// The IAID of an IA_PD.
    #[serde(default)]
    pub ia_pd: Option<u32>,
    /// Whether the server must not know of any such binding.
    #[serde(default)]
    pub unknown: bool,
}

impl Remove {
    /// The IA; `None` unless there is exactly one.
    #[must_use]
    pub fn ia(&self) -> Option<IaName> {
        match (self.ia_na, self.ia_pd) {
            (Some(iaid), None) => Some(IaName::Na(iaid)),
            (None, Some(iaid)) => Some(IaName::Pd(iaid)),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Send {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(SendVisitor)
    }
}

struct SendVisitor;

const SEND_KEYS: &[&str] = &[
    "from",
    "source",
    "to",
    "relay",
    "raw",
    "again",
    "message",
    "solicit",
    "request",
    "confirm",
    "renew",
    "rebind",
    "decline",
    "release",
    "information-request",
];

impl<'de> Visitor<'de> for SendVisitor {
    type Value = Send;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`{ from: CLIENT, solicit: { … } }`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Send, A::Error> {
        let (mut from, mut message) = (None, None);
        let mut transport = Transport::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "from" => from = Some(map.next_value()?),
                "source" => transport.source = map.next_value()?,
                "to" => transport.to = Some(map.next_value()?),
                "relay" => transport.relay = Some(map.next_value()?),
                name => {
                    if message.replace(read_message(name, &mut map)?).is_some() {
                        return Err(A::Error::custom(
                            "a step sends one message: make it two steps",
                        ));
                    }
                }
            }
        }
        Ok(Send {
            from: from.ok_or_else(|| A::Error::missing_field("from"))?,
            transport,
            message: message.ok_or_else(|| {
                A::Error::custom("what is sent? add a message such as `solicit: {}`")
            })?,
        })
    }
}

fn read_message<'de, A: MapAccess<'de>>(name: &str, map: &mut A) -> Result<Message, A::Error> {
    let untyped = |fields: &Fields| match fields.r#type {
        Some(_) => Err(A::Error::custom(format!("`{name}` has its type already"))),
        None => Ok(()),
    };
    match (name, dissect::message_type(name)) {
        ("raw", _) => Ok(Message::Raw(map.next_value::<Hex>()?.0)),
        ("again", _) => map.next_value::<Nothing>().map(|_| Message::Again),
        ("message", _) => {
            let fields: Fields = map.next_value()?;
            let message_type = fields.r#type;
            Ok(Message::Client(
                message_type.ok_or_else(|| A::Error::missing_field("type"))?,
                fields,
            ))
        }
        (_, Some(code)) if dissect::is_relay(code) => Ok(Message::Relay(code, map.next_value()?)),
        (_, Some(code)) => {
            let fields: Fields = map.next_value()?;
            untyped(&fields)?;
            Ok(Message::Client(code, fields))
        }
        (_, None) => Err(A::Error::unknown_field(name, SEND_KEYS)),
    }
}

/// `{}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}
