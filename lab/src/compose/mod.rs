//! A `send` step → a datagram, deliberately broken ones included.
//!
//! Knows nothing of `dhcp6s::wire`, which would refuse to write most of what has to be tested.

mod authentication;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::{Ipv6Addr, SocketAddrV6};
use std::time::Duration;

use self::authentication::authentications;
use crate::dissect::{Message as Tree, Value};
use crate::rig::{Datagram, SERVER_ADDRESS, SERVER_DUID};
use crate::scenario::{
    Block, Client, Code, Elapsed, Fields, Hop, Ia, Identifier, Lease, Message, Model, RawOption,
    Send, Several, Wish,
};

/// Where clients listen (RFC 9915 §7.2).
pub const CLIENT_PORT: u16 = 546;
/// Where servers and relay agents listen (RFC 9915 §7.2).
pub const SERVER_PORT: u16 = 547;
/// The group that clients send to (RFC 9915 §7.1).
pub const AGENTS_AND_SERVERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
/// The group that relay agents send to (RFC 9915 §7.1).
pub const SERVERS: Ipv6Addr = Ipv6Addr::new(0xff05, 0, 0, 0, 0, 0, 1, 3);

/// The octets of a client's message ahead of its options.
const HEADER_LEN: usize = 4;

const CLIENT_ID: u16 = 1;
const SERVER_ID: u16 = 2;
const IA_NA: u16 = 3;
const IA_TA: u16 = 4;
const ADDRESS: u16 = 5;
const OPTION_REQUEST: u16 = 6;
const ELAPSED_TIME: u16 = 8;
const RELAY_MESSAGE: u16 = 9;
const RAPID_COMMIT: u16 = 14;
const INTERFACE_ID: u16 = 18;
const IA_PD: u16 = 25;
const RELAY_PORT: u16 = 135;
const PREFIX: u16 = 26;

const SOLICIT: u8 = 1;
const REQUEST: u8 = 3;
const CONFIRM: u8 = 4;
const RENEW: u8 = 5;
const REBIND: u8 = 6;
const RELEASE: u8 = 8;
const DECLINE: u8 = 9;
const RELAY_FORWARD: u8 = 12;

/// What a client knows from earlier answers, and what it said last.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    xid: u32,
    last: Vec<u8>,
    server_id: Option<Vec<u8>>,
    /// When it sent the first message with the transaction id of the last one.
    began: Duration,
    /// By the code of the IA option and the IAID.
    ias: HashMap<(u16, u32), Given>,
    /// What the replay detection field of its last message said.
    counted: u64,
    /// The type of the last answer that was authenticated, and what its replay detection field said.
    pub(crate) heard: Option<(u8, u64)>,
}

/// What a server gave for an IA.
#[derive(Clone, Debug, Default)]
struct Given {
    t1: u32,
    t2: u32,
    leases: Vec<Lease>,
}

impl Memory {
    /// Takes what an answer gives: the server's DUID, and the leases of every IA that has some.
    pub fn learn(&mut self, answer: &Tree) {
        let server_id = answer.options.first(SERVER_ID);
        self.server_id = server_id
            .map(|it| it.octets.clone())
            .or(self.server_id.take());
        for option in &answer.options.list {
            let Value::Ia {
                iaid,
                t1,
                t2,
                options,
            } = &option.value
            else {
                continue;
            };
            let listed = options.list.iter().filter_map(|it| listed(&it.value));
            // One with a valid lifetime of 0 is taken, not given.
            let leases: Vec<Lease> = listed.filter(|it| it.valid > 0).collect();
            if !leases.is_empty() {
                let (t1, t2) = (*t1, *t2);
                self.ias
                    .insert((option.code, *iaid), Given { t1, t2, leases });
            }
        }
    }

    /// What it was last given in an IA with that option code and IAID.
    pub(crate) fn held(&self, code: u16, iaid: u32) -> Vec<Block> {
        let given = self.ias.get(&(code, iaid));
        let leases = given.iter().flat_map(|it| &it.leases);
        leases.map(|it| it.block).collect()
    }

    /// The server's DUID: the one that answered last, or the one that every server of the lab has.
    fn server_id(&self) -> &[u8] {
        self.server_id.as_deref().unwrap_or(&SERVER_DUID)
    }
}

/// The lease that an option in an IA lists.
fn listed(value: &Value) -> Option<Lease> {
    let listed = value.listed()?;
    Some(Lease {
        block: listed.into(),
        preferred: listed.preferred,
        valid: listed.valid,
        options: Vec::new(),
    })
}

/// The datagram of a `send` step. `fresh` is the transaction id of a message that does not say its own, `now` the time
/// since any common beginning.
#[must_use]
pub fn datagram(
    send: &Send,
    client: &Client,
    memory: &mut Memory,
    fresh: u32,
    now: Duration,
) -> Datagram {
    let octets = match &send.message {
        Message::Client(message_type, said) => {
            let fields = match model(client) {
                Some(model) => &model.complete(*message_type, said),
                None => said,
            };
            let xid = match fields.xid {
                Some(xid) => xid,
                None if fields.same_xid == Some(true) && !memory.last.is_empty() => memory.xid,
                None => fresh,
            };
            if xid != memory.xid {
                memory.began = now;
            }
            memory.xid = xid;
            message(*message_type, fields, client, memory, now)
        }
        Message::Relay(message_type, hop) => {
            relay_level(*message_type, hop, 0, client.address, None, None)
        }
        Message::Raw(octets) => octets.clone(),
        Message::Again(None) => memory.last.clone(),
        Message::Again(Some(elapsed)) => with_elapsed(&memory.last, *elapsed),
    };
    memory.last.clone_from(&octets);
    travel(send, client, octets)
}

/// A message with another Elapsed Time; as it is if it has none that can hold it.
fn with_elapsed(message: &[u8], elapsed: u16) -> Vec<u8> {
    let mut octets = message.to_vec();
    let mut at = HEADER_LEN;
    while let Some(&[a, b, c, d]) = octets.get(at..at + 4).and_then(|it| it.first_chunk()) {
        let (code, length) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        let content = octets.get_mut(at + 4..at + 4 + usize::from(length));
        if let (ELAPSED_TIME, Some(content @ [_, _])) = (code, content) {
            content.copy_from_slice(&elapsed.to_be_bytes());
            break;
        }
        at += 4 + usize::from(length);
    }
    octets
}

/// Options in the order of these codes, of which the last one of its kind stands for all that are left of it; those
/// whose code is not among them follow as they are.
fn ordered(mut options: Vec<Vec<u8>>, order: &[Code]) -> Vec<Vec<u8>> {
    let mut first = Vec::new();
    for (place, code) in order.iter().enumerate() {
        let is_last = !order.iter().skip(place + 1).any(|it| it == code);
        while let Some(index) = options.iter().position(|it| has_code(it, *code)) {
            first.push(options.remove(index));
            if !is_last {
                break;
            }
        }
    }
    first.append(&mut options);
    first
}

fn has_code(option: &[u8], code: Code) -> bool {
    option.starts_with(&code.0.to_be_bytes())
}

fn model(client: &Client) -> Option<&Model> {
    client.model.as_ref().map(|it| it.model.as_ref())
}

/// Wraps a message in its relay levels and addresses it: as the step says, else as is typical of the client.
fn travel(send: &Send, client: &Client, mut octets: Vec<u8>) -> Datagram {
    let (mut from, mut port, mut to) = (client.address, CLIENT_PORT, AGENTS_AND_SERVERS);
    let said = &send.transport;
    let (mut source, mut relay) = (said.source.clone(), said.relay.as_deref());
    if let (Some(model), Message::Client(message_type, _)) = (model(client), &send.message) {
        source.address = source.address.or(model.source.address);
        source.port = source.port.or(model.source.port);
        relay = relay.or(Some(&model.relay));
        if model.unicast.0.iter().any(|it| it.0 == *message_type) {
            to = SERVER_ADDRESS;
        }
    }
    if matches!(send.message, Message::Relay(..)) {
        (from, port, to) = (agent_address(0), SERVER_PORT, SERVERS);
    }
    for (index, hop) in relay.unwrap_or_default().iter().rev().enumerate() {
        let below = Some(port).filter(|it| index > 0 && *it != SERVER_PORT);
        octets = relay_level(RELAY_FORWARD, hop, index, from, below, Some(&octets));
        port = hop.port.unwrap_or(SERVER_PORT);
        // An agent on the way (RFC 6221 §5.1) shows neither an address nor a destination of its own.
        match (hop.address, &hop.ldra) {
            (Some(address), _) => from = address,
            (None, Some(_)) => continue,
            (None, None) => from = agent_address(index),
        }
        to = SERVERS;
    }
    let at = |address, port| SocketAddrV6::new(address, port, 0, 0);
    Datagram {
        source: at(source.address.unwrap_or(from), source.port.unwrap_or(port)),
        destination: at(said.to.map_or(to, |it| it.0), SERVER_PORT),
        payload: octets,
    }
}

/// The address of a relay agent that does not say its own, counted from the client.
pub(crate) fn agent_address(index: usize) -> Ipv6Addr {
    let last = u16::try_from(index)
        .unwrap_or(u16::MAX)
        .saturating_add(0xe1);
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last)
}

/// What a relay agent writes around a message. `below` is the port of the agent before it, if that is not the usual
/// one (RFC 8357 §5.2).
fn relay_level(
    message_type: u8,
    hop: &Hop,
    index: usize,
    peer: Ipv6Addr,
    below: Option<u16>,
    inner: Option<&[u8]>,
) -> Vec<u8> {
    let hops = hop.hops.or_else(|| u8::try_from(index).ok());
    let mut octets = vec![message_type, hops.unwrap_or(u8::MAX)];
    octets.extend(hop.link.unwrap_or(Ipv6Addr::UNSPECIFIED).octets());
    octets.extend(hop.peer.unwrap_or(peer).octets());
    let mut options = Vec::new();
    if let Some(id) = hop.interface_id.as_ref().or(hop.ldra.as_ref()) {
        options.push(option(INTERFACE_ID, &id.0));
    }
    if let Some(inner) = inner {
        options.push(option(RELAY_MESSAGE, inner));
    }
    if hop.port.or(below).is_some() {
        let downstream = below.unwrap_or(0).to_be_bytes();
        options.push(option(RELAY_PORT, &downstream));
    }
    options.extend(hop.options.iter().map(raw));
    octets.extend(ordered(options, &hop.order).concat());
    octets
}

/// A message between client and server.
fn message(
    message_type: u8,
    fields: &Fields,
    client: &Client,
    memory: &mut Memory,
    now: Duration,
) -> Vec<u8> {
    let mut options = Vec::new();
    let own = Several(vec![Identifier::Own]);
    for id in &fields.client_id.as_ref().unwrap_or(&own).0 {
        options.push(option(CLIENT_ID, identifier(id, client, memory)));
    }
    let to_one_server = matches!(message_type, REQUEST | RENEW | RELEASE | DECLINE);
    let usual = Several(if to_one_server {
        vec![Identifier::Server]
    } else {
        vec![]
    });
    for id in &fields.server_id.as_ref().unwrap_or(&usual).0 {
        options.push(option(SERVER_ID, identifier(id, client, memory)));
    }
    let elapsed = match fields.elapsed {
        None => Some(0),
        Some(Elapsed::Absent) => None,
        Some(Elapsed::Is(value)) => Some(value),
        Some(Elapsed::Counted(unit)) => {
            let units = now.saturating_sub(memory.began).as_millis() / unit.as_millis();
            Some(u16::try_from(units).unwrap_or(u16::MAX))
        }
    };
    if let Some(elapsed) = elapsed {
        options.push(option(ELAPSED_TIME, &elapsed.to_be_bytes()));
    }
    if fields.rapid_commit == Some(true) {
        options.push(option(RAPID_COMMIT, &[]));
    }
    if let Some(codes) = &fields.oro {
        let codes: Vec<u8> = codes.0.iter().flat_map(|it| it.0.to_be_bytes()).collect();
        options.push(option(OPTION_REQUEST, &codes));
    }
    for (code, ias) in [
        (IA_NA, &fields.ia_na),
        (IA_TA, &fields.ia_ta),
        (IA_PD, &fields.ia_pd),
    ] {
        for ia in ias.iter().flat_map(|it| &it.0) {
            for iaid in (ia.iaid..=u32::MAX).take(ia.count.unwrap_or(1) as usize) {
                options.push(ia_option(message_type, code, ia, iaid, memory));
            }
        }
    }
    options.extend(fields.options.iter().flatten().map(raw));
    let authentications = authentications(message_type, fields, client, memory);
    options.extend(authentications.iter().map(|it| it.option.clone()));
    if let Some(codes) = &fields.without {
        options.retain(|it| !codes.0.iter().any(|code| has_code(it, *code)));
    }
    let order = fields.order.as_ref().map_or(&client.order, |it| &it.0);
    options = ordered(options, order);
    if fields.reverse == Some(true) {
        options.reverse();
    }
    let [_, xid @ ..] = memory.xid.to_be_bytes();
    let mut octets = vec![message_type];
    octets.extend(xid);
    octets.extend(options.concat());
    authentications.iter().for_each(|it| it.sign(&mut octets));
    octets.truncate(fields.truncate.unwrap_or(usize::MAX));
    octets.extend(fields.append.iter().flat_map(|it| &it.0));
    octets
}

fn identifier<'a>(id: &'a Identifier, client: &'a Client, memory: &'a Memory) -> &'a [u8] {
    match id {
        Identifier::Octets(octets) => octets,
        Identifier::Own => &client.duid,
        Identifier::Server => memory.server_id(),
    }
}

fn ia_option(message_type: u8, code: u16, ia: &Ia, iaid: u32, memory: &Memory) -> Vec<u8> {
    let given = memory.ias.get(&(code, iaid));
    let mut octets = iaid.to_be_bytes().to_vec();
    if code != IA_TA {
        // Who solicits has nothing, or gives up what it had.
        let given = given.filter(|_| message_type != SOLICIT);
        octets.extend(written(ia.t1, given.map_or(0, |it| it.t1)).to_be_bytes());
        octets.extend(written(ia.t2, given.map_or(0, |it| it.t2)).to_be_bytes());
    }
    match &ia.leases {
        Some(leases) => octets.extend(leases.0.iter().flat_map(lease_option)),
        None => {
            let names_leases = [REQUEST, CONFIRM, RENEW, REBIND, RELEASE, DECLINE];
            let given = given.filter(|_| names_leases.contains(&message_type));
            for lease in given.iter().flat_map(|it| &it.leases) {
                octets.extend(lease_option(&Lease {
                    preferred: written(ia.preferred, lease.preferred),
                    valid: written(ia.valid, lease.valid),
                    ..Lease::from(lease.block)
                }));
            }
        }
    }
    octets.extend(ia.options.iter().flatten().flat_map(raw));
    option(code, &octets)
}

/// A time as a client writes it that was given one.
fn written(wish: Option<Wish>, given: u32) -> u32 {
    match wish {
        None => 0,
        Some(Wish::Secs(secs)) => secs,
        Some(Wish::Given) => given,
    }
}

fn lease_option(lease: &Lease) -> Vec<u8> {
    let address = lease.block.address.octets();
    let lifetimes = [lease.preferred.to_be_bytes(), lease.valid.to_be_bytes()].concat();
    let (code, mut octets) = match lease.block.length {
        None => (ADDRESS, [address.as_slice(), &lifetimes].concat()),
        Some(length) => (PREFIX, [lifetimes.as_slice(), &[length], &address].concat()),
    };
    octets.extend(lease.options.iter().flat_map(raw));
    option(code, &octets)
}

fn raw(written: &RawOption) -> Vec<u8> {
    let mut content = written.hex.0.clone();
    content.extend(written.text.bytes());
    content.resize(content.len() + written.zeros, 0);
    let mut octets = option(written.code.0, &content);
    if let (Some(length), Some(field)) = (written.length, octets.get_mut(2..4)) {
        field.copy_from_slice(&length.to_be_bytes());
    }
    octets
}

/// An option; content that is too long for its length field makes it lie, which is as good as any.
fn option(code: u16, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap_or(u16::MAX);
    let mut octets = code.to_be_bytes().to_vec();
    octets.extend(length.to_be_bytes());
    octets.extend(content);
    octets
}
