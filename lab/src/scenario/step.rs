//! The steps of a scenario.

use std::fmt;
use std::net::Ipv6Addr;

use schemars::JsonSchema;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::authentication::Authentication;
use super::expect::Expect;
use super::fault::Fault;
use super::operation::{Reload, Remove, Restart, Retransmit};
use super::program::Program;
use super::save::Save;
use super::topology::InterfaceStep;
use super::value::{Block, Code, Elapsed, Hex, Identifier, Opaque, Several, Span, Wish};
use crate::dissect;
use crate::rig::{Disk, SERVER_ADDRESS};

/// One step.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", rename = "step")]
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
    #[schemars(with = "DiskState")]
    Disk(Disk),
    /// A client that has no answer waits for one, and sends its last message again (RFC 9915 §15).
    Retransmit(Retransmit),
    /// What the link does to messages from now on; `none` ends that.
    Faults(Several<Fault>),
    /// Something happens to the interface that a server serves.
    Interface(InterfaceStep),
    /// A program runs to its end; on the live rig alone.
    Run(Box<Program>),
    /// Values of the last answer that later steps use as `$NAME`.
    Save(Save),
}

/// What a disk is said to be.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", rename = "state of a disk")]
#[schemars(rename = "DiskState")]
enum DiskState {
    /// Nothing more can be written.
    Full,
    /// There is room.
    Room,
}

fn disk<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Disk, D::Error> {
    Ok(match DiskState::deserialize(deserializer)? {
        DiskState::Full => Disk::Full,
        DiskState::Room => Disk::Room,
    })
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
    /// The octets of the client's last message once more; with another elapsed time if one is given.
    Again(Option<u16>),
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
    /// The link that it is sent on, by its name, if not the client's.
    pub on: Option<String>,
}

/// The source of a datagram, as far as it is not the usual one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Hop {
    /// The agent's own address: `fe80::e1` for the one closest to the client, then `::e2` and so on.
    pub address: Option<Ipv6Addr>,
    /// The hop count: 0 for the one closest to the client, then 1 and so on.
    pub hops: Option<u8>,
    /// It is a Lightweight DHCPv6 Relay Agent (RFC 6221): this is the content of its Interface-Id, and it sends from
    /// the address of the client.
    pub ldra: Option<Opaque>,
    /// The UDP port that it sends from, if not 547; then there is a Relay Source Port option (RFC 8357).
    pub port: Option<u16>,
    /// The link address; `::` gives none.
    pub link: Option<Ipv6Addr>,
    /// The peer address: the client, or the agent before.
    pub peer: Option<Ipv6Addr>,
    /// The content of an Interface-Id option.
    pub interface_id: Option<Opaque>,
    /// Further options, behind the message.
    pub options: Vec<RawOption>,
    /// Which options come first, and in which order; the others follow as usual.
    pub order: Vec<Code>,
}

/// What stands in a client's message. Everything that is not said is as the client's model has it, and else as a
/// well-behaved client would do it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
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
    /// Which options come first, and in which order; those of the client if absent.
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
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
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
    /// The leases that it lists. If absent: none in a Solicit, else those that the client was last given.
    #[serde(default)]
    pub leases: Option<Several<Lease>>,
    /// The preferred lifetime of leases that are carried forward; 0 if absent.
    #[serde(default)]
    pub preferred: Option<Wish>,
    /// The valid lifetime of leases that are carried forward; 0 if absent.
    #[serde(default)]
    pub valid: Option<Wish>,
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
            leases: None,
            preferred: None,
            valid: None,
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
                LeaseFields::deserialize(map).map(|it| Lease {
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

/// A lease that says more than its address.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LeaseFields {
    /// The address or prefix.
    lease: Block,
    /// The preferred lifetime in seconds.
    #[serde(default)]
    preferred: u32,
    /// The valid lifetime in seconds.
    #[serde(default)]
    valid: u32,
    /// Options in it.
    #[serde(default)]
    options: Vec<RawOption>,
}

/// An option as its octets. At most one of the ways to say them is used; without any it is empty.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, Deserialize, JsonSchema)]
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
    /// As in `send`.
    #[serde(default)]
    pub on: Option<String>,
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
    /// How often each message is sent again while no answer comes (RFC 9915 §15).
    #[serde(default)]
    pub retransmit: u32,
    /// Further options, in both messages of the client.
    #[serde(default)]
    pub options: Option<Vec<RawOption>>,
}

impl<'de> Deserialize<'de> for Send {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(SendVisitor)
    }
}

struct SendVisitor;

pub(super) const SEND_KEYS: &[&str] = &[
    "from",
    "source",
    "to",
    "relay",
    "on",
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
    "advertise",
    "reply",
    "reconfigure",
    "relay-forward",
    "relay-reply",
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
                "on" => transport.on = Some(map.next_value()?),
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
        ("again", _) => map
            .next_value::<Changes>()
            .map(|it| Message::Again(it.elapsed)),
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

/// `{}`, or what is not as it was.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Changes {
    /// Another elapsed time, in hundredths of a second.
    #[serde(default)]
    elapsed: Option<u16>,
}
