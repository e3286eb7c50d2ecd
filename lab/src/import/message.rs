//! The octets of a client's message → the `send` step that composes to the same octets.
//!
//! The most readable way that does so is taken: fields, then all options as octets, then the whole message as
//! octets. Each is composed before it is believed.

use std::net::Ipv6Addr;
use std::time::Duration;

use crate::compose::{self, Memory};
use crate::dissect::{self, Head, Message as Tree, Opt, Value};
use crate::rig::Datagram;
use crate::scenario::{
    Client, Code, Elapsed, Fields, Hex, Hop, Ia, Identifier, Lease, Message, Opaque, RawOption,
    Send, Several, Source, Target, Transport, Wish,
};

const REQUEST: u8 = 3;
const CONFIRM: u8 = 4;
const RENEW: u8 = 5;
const REBIND: u8 = 6;
const RELEASE: u8 = 8;
const DECLINE: u8 = 9;
const RELAY_FORWARD: u8 = 12;
const REPLY: u8 = 7;

const CLIENT_ID: u16 = 1;
const SERVER_ID: u16 = 2;
const IA_NA: u16 = 3;
const IA_TA: u16 = 4;
const OPTION_REQUEST: u16 = 6;
const ELAPSED_TIME: u16 = 8;
const RELAY_MESSAGE: u16 = 9;
const RAPID_COMMIT: u16 = 14;
const INTERFACE_ID: u16 = 18;
const IA_PD: u16 = 25;

/// What is known when a client says something.
pub(super) struct Context<'a> {
    /// The client, under the name that the scenario gives it.
    pub(super) client: &'a Client,
    /// What it was told before, in the capture.
    pub(super) memory: &'a Memory,
    /// The transaction id of its last message.
    pub(super) last_xid: Option<u32>,
    /// Whether the server that it names is the one that it talks to.
    pub(super) knows_server: bool,
    /// Addresses of the lab's own on the link, which nobody else can send from.
    pub(super) taken: &'a [Ipv6Addr],
}

/// The step, and what the client's memory is after it.
pub(super) fn send(datagram: &Datagram, context: &Context<'_>) -> (Send, Memory) {
    let (octets, transport) = transport(datagram, context);
    let fresh = dissect::message(&octets).xid().unwrap_or_default();
    for message in candidates(&octets, context) {
        let send = Send {
            from: context.client.name.clone(),
            transport: transport.clone(),
            message,
        };
        let mut memory = context.memory.clone();
        if compose::datagram(&send, context.client, &mut memory, fresh, Duration::ZERO).payload
            == datagram.payload
        {
            return (send, memory);
        }
    }
    // Relay levels that cannot be said are octets like all else.
    let send = Send {
        from: context.client.name.clone(),
        transport: Transport {
            source: source(
                datagram,
                context.client.address,
                compose::CLIENT_PORT,
                context.taken,
            ),
            to: target(datagram, compose::AGENTS_AND_SERVERS),
            relay: None,
            on: None,
        },
        message: Message::Raw(datagram.payload.clone()),
    };
    let mut memory = context.memory.clone();
    let _ = compose::datagram(&send, context.client, &mut memory, fresh, Duration::ZERO);
    (send, memory)
}

/// Ways to say a message, the most readable first.
fn candidates(octets: &[u8], context: &Context<'_>) -> Vec<Message> {
    let tree = dissect::message(octets);
    let mut ways = Vec::new();
    if let Head::Client { xid } = tree.head
        && octets.first().is_some_and(|it| !dissect::is_relay(*it))
    {
        let (fields, codes) = fields(&tree, xid, context);
        ways.push(Message::Client(tree.message_type, fields.clone()));
        let order = Some(Several(codes.into_iter().map(Code).collect()));
        ways.push(Message::Client(
            tree.message_type,
            Fields { order, ..fields },
        ));
        ways.push(Message::Client(
            tree.message_type,
            options_alone(&tree, xid, context),
        ));
    }
    if tree.message_type == RELAY_FORWARD && tree.options.rest.is_empty() {
        ways.extend(hop(&tree).map(|it| Message::Relay(RELAY_FORWARD, it)));
    }
    ways.push(Message::Raw(octets.to_vec()));
    ways
}

/// The fields of a message, and the codes of its options in their order.
fn fields(tree: &Tree, xid: u32, context: &Context<'_>) -> (Fields, Vec<u16>) {
    let mut fields = Fields {
        r#type: dissect::message_type(&tree.name().to_lowercase())
            .is_none()
            .then_some(tree.message_type),
        same_xid: (context.last_xid == Some(xid)).then_some(true),
        append: append(tree),
        elapsed: Some(Elapsed::Absent),
        ..Fields::default()
    };
    let (mut client_ids, mut server_ids) = (Vec::new(), Vec::new());
    for option in &tree.options.list {
        match (option.code, &option.value) {
            (CLIENT_ID, _) => client_ids.push(match option.octets == context.client.duid {
                true => Identifier::Own,
                false => Identifier::Octets(option.octets.clone()),
            }),
            (SERVER_ID, _) => server_ids.push(match context.knows_server {
                true => Identifier::Server,
                false => Identifier::Octets(option.octets.clone()),
            }),
            (ELAPSED_TIME, Value::Number(time)) if fields.elapsed == Some(Elapsed::Absent) => {
                let time = u16::try_from(*time).unwrap_or(u16::MAX);
                fields.elapsed = Some(Elapsed::Is(time));
            }
            (RAPID_COMMIT, Value::Empty) if fields.rapid_commit.is_none() => {
                fields.rapid_commit = Some(true);
            }
            (OPTION_REQUEST, Value::Codes(codes)) if fields.oro.is_none() => {
                fields.oro = Some(Several(codes.iter().copied().map(Code).collect()));
            }
            (IA_NA | IA_TA | IA_PD, _) => match ia(tree.message_type, option, context.memory) {
                Some(ia) => match option.code {
                    IA_NA => fields.ia_na.get_or_insert_default().0.push(ia),
                    IA_TA => fields.ia_ta.get_or_insert_default().0.push(ia),
                    _ => fields.ia_pd.get_or_insert_default().0.push(ia),
                },
                None => fields.options.get_or_insert_default().push(raw(option)),
            },
            _ => fields.options.get_or_insert_default().push(raw(option)),
        }
    }
    if client_ids != [Identifier::Own] {
        fields.client_id = Some(Several(client_ids));
    }
    let to_one = [REQUEST, RENEW, RELEASE, DECLINE].contains(&tree.message_type);
    let usual: &[Identifier] = if to_one { &[Identifier::Server] } else { &[] };
    if server_ids != usual {
        fields.server_id = Some(Several(server_ids));
    }
    if fields.elapsed == Some(Elapsed::Is(0)) {
        fields.elapsed = None;
    }
    let codes = tree.options.list.iter().map(|it| it.code).collect();
    (fields, codes)
}

/// All options as octets, where fields cannot say them.
fn options_alone(tree: &Tree, xid: u32, context: &Context<'_>) -> Fields {
    Fields {
        r#type: dissect::message_type(&tree.name().to_lowercase())
            .is_none()
            .then_some(tree.message_type),
        same_xid: (context.last_xid == Some(xid)).then_some(true),
        client_id: Some(Several(Vec::new())),
        server_id: Some(Several(Vec::new())),
        elapsed: Some(Elapsed::Absent),
        options: Some(tree.options.list.iter().map(raw).collect()),
        order: Some(Several(Vec::new())),
        append: append(tree),
        ..Fields::default()
    }
}

fn append(tree: &Tree) -> Option<Hex> {
    let rest = &tree.options.rest;
    (!rest.is_empty()).then(|| Hex(rest.clone()))
}

/// An IA in the words of a step, if it has the form of one.
fn ia(message_type: u8, option: &Opt, memory: &Memory) -> Option<Ia> {
    let association = option.value.association()?;
    let (iaid, options) = (association.iaid, association.options);
    let (t1, t2) = association.times.unwrap_or_default();
    if !options.rest.is_empty() {
        return None;
    }
    let leases: Vec<Lease> = options.list.iter().map_while(lease).collect();
    let others: Vec<RawOption> = options.list.iter().skip(leases.len()).map(raw).collect();
    // What is not said is 0, or nothing.
    let time = |secs| (secs > 0).then_some(Wish::Secs(secs));
    let mut ia = Ia {
        t1: time(t1),
        t2: time(t2),
        options: (!others.is_empty()).then_some(others),
        ..Ia::with_iaid(iaid)
    };
    let names = [REQUEST, CONFIRM, RENEW, REBIND, RELEASE, DECLINE].contains(&message_type);
    let held = memory.held(option.code, iaid);
    let held = if names { held } else { Vec::new() };
    let lifetimes = leases.first().map_or((0, 0), |it| (it.preferred, it.valid));
    let carried = |it: &Lease| it.options.is_empty() && (it.preferred, it.valid) == lifetimes;
    let blocks = leases.iter().map(|it| it.block);
    if blocks.eq(held) && leases.iter().all(carried) {
        (ia.preferred, ia.valid) = (time(lifetimes.0), time(lifetimes.1));
    } else {
        ia.leases = Some(Several(leases));
    }
    Some(ia)
}

fn lease(option: &Opt) -> Option<Lease> {
    let listed = option.value.listed()?;
    let options = listed.options;
    options.rest.is_empty().then(|| Lease {
        block: listed.into(),
        preferred: listed.preferred,
        valid: listed.valid,
        options: options.list.iter().map(raw).collect(),
    })
}

/// An option as octets, with the text that it ends with as text.
fn raw(option: &Opt) -> RawOption {
    const TEXT_MIN: usize = 4;
    const ZEROS_MIN: usize = 16;
    let octets = option.octets.as_slice();
    let printable = |it: &&u8| matches!(**it, 0x20..=0x7e);
    let text = octets.iter().rev().take_while(printable).count();
    let zeros = octets.iter().rev().take_while(|it| **it == 0).count();
    let text = if text < TEXT_MIN { 0 } else { text };
    let zeros = if zeros < ZEROS_MIN { 0 } else { zeros };
    let (hex, tail) = octets.split_at(octets.len() - text - zeros);
    RawOption {
        code: Code(option.code),
        hex: Hex(hex.to_vec()),
        text: String::from_utf8_lossy(tail.get(..text).unwrap_or_default()).into_owned(),
        zeros,
        length: None,
    }
}

/// The octets at the core of a datagram, and how they travel.
fn transport(datagram: &Datagram, context: &Context<'_>) -> (Vec<u8>, Transport) {
    let client = context.client;
    let tree = dissect::message(&datagram.payload);
    let mut levels: Vec<(&Tree, Hop)> = Vec::new();
    let mut octets = datagram.payload.as_slice();
    for level in tree.levels() {
        let Some(inner) = level.options.first(RELAY_MESSAGE) else {
            break;
        };
        let Some(hop) = hop(level).filter(|_| level.message_type == RELAY_FORWARD) else {
            break;
        };
        octets = &inner.octets;
        levels.push((level, hop));
    }
    let mut relay: Vec<Hop> = Vec::new();
    // Each agent's address is what the next one closer to the server says that its peer is.
    let mut from = *datagram.source.ip();
    let count = levels.len();
    for (number, (level, mut hop)) in levels.into_iter().enumerate() {
        let index = count - 1 - number;
        let usual = compose::agent_address(index);
        hop.address = (from != usual && !context.taken.contains(&from)).then_some(from);
        if hop.hops == u8::try_from(index).ok() {
            hop.hops = None;
        }
        from = peer(level);
        relay.push(hop);
    }
    let wrapped = !relay.is_empty() || tree.message_type == RELAY_FORWARD;
    // What the innermost agent says of its peer is the client's address, as a rule.
    for index in 0..relay.len() {
        let usual = match relay.get(index + 1) {
            Some(inner) => inner
                .address
                .unwrap_or_else(|| compose::agent_address(count - 2 - index)),
            None => client.address,
        };
        let hop = &mut relay[index];
        hop.peer = hop.peer.filter(|it| *it != usual);
    }
    let (usual, port, to) = match wrapped {
        true => {
            let outer = relay.first().and_then(|it| it.address);
            let outer = outer.unwrap_or_else(|| compose::agent_address(count.saturating_sub(1)));
            (outer, compose::SERVER_PORT, compose::SERVERS)
        }
        false => (
            client.address,
            compose::CLIENT_PORT,
            compose::AGENTS_AND_SERVERS,
        ),
    };
    let transport = Transport {
        source: source(datagram, usual, port, context.taken),
        to: target(datagram, to),
        relay: (!relay.is_empty()).then_some(relay),
        on: None,
    };
    (octets.to_vec(), transport)
}

fn source(datagram: &Datagram, address: Ipv6Addr, port: u16, taken: &[Ipv6Addr]) -> Source {
    let (from, from_port) = (*datagram.source.ip(), datagram.source.port());
    Source {
        address: (from != address && !taken.contains(&from)).then_some(from),
        port: (from_port != port).then_some(from_port),
    }
}

fn target(datagram: &Datagram, usual: Ipv6Addr) -> Option<Target> {
    let to = *datagram.destination.ip();
    (to != usual).then_some(Target(to))
}

fn peer(level: &Tree) -> Ipv6Addr {
    match level.head {
        Head::Relay { peer, .. } => peer,
        Head::Client { .. } | Head::Cut(_) => Ipv6Addr::UNSPECIFIED,
    }
}

/// What a relay agent writes around a message, if a step can say that.
fn hop(level: &Tree) -> Option<Hop> {
    let Head::Relay { hops, link, peer } = level.head else {
        return None;
    };
    if !level.options.rest.is_empty() {
        return None;
    }
    let mut hop = Hop {
        hops: Some(hops),
        link: (!link.is_unspecified()).then_some(link),
        peer: Some(peer),
        ..Hop::default()
    };
    let (mut carried, mut usual) = (false, Vec::new());
    for option in &level.options.list {
        match option.code {
            INTERFACE_ID if hop.interface_id.is_none() => {
                hop.interface_id = Some(Opaque(option.octets.clone()));
            }
            RELAY_MESSAGE if !carried => carried = true,
            _ => hop.options.push(raw(option)),
        }
    }
    usual.extend(hop.interface_id.as_ref().map(|_| INTERFACE_ID));
    usual.extend(carried.then_some(RELAY_MESSAGE));
    usual.extend(hop.options.iter().map(|it| it.code.0));
    let codes: Vec<u16> = level.options.list.iter().map(|it| it.code).collect();
    if codes != usual {
        // What follows the last one that is out of its place need not be named.
        let keep = (0..=codes.len()).find(|keep| ordered(&usual, &codes[..*keep]) == codes);
        let keep = keep.unwrap_or(codes.len());
        hop.order = codes[..keep].iter().copied().map(Code).collect();
    }
    Some(hop)
}

/// Codes in the order that `compose` puts them in.
pub(super) fn ordered(codes: &[u16], order: &[u16]) -> Vec<u16> {
    let mut rest = codes.to_vec();
    let mut first = Vec::new();
    for code in order {
        if let Some(at) = rest.iter().position(|it| it == code) {
            first.push(rest.remove(at));
        }
    }
    first.append(&mut rest);
    first
}

/// The codes of a message's options in the order that a step has them in if nobody says otherwise.
pub(super) fn usual_order(codes: &[u16]) -> Vec<u16> {
    const FIRST: [u16; 8] = [
        CLIENT_ID,
        SERVER_ID,
        ELAPSED_TIME,
        RAPID_COMMIT,
        OPTION_REQUEST,
        IA_NA,
        IA_TA,
        IA_PD,
    ];
    let place = |code: &u16| {
        FIRST
            .iter()
            .position(|it| it == code)
            .unwrap_or(FIRST.len())
    };
    let mut codes = codes.to_vec();
    codes.sort_by_key(place);
    codes
}

/// What a client knows once it names a server that the capture has no answer of: that server.
pub(super) fn told_of(memory: &mut Memory, server: &[u8]) {
    let length = u16::try_from(server.len()).unwrap_or(u16::MAX);
    let mut told = vec![REPLY, 0, 0, 0];
    told.extend(SERVER_ID.to_be_bytes());
    told.extend(length.to_be_bytes());
    told.extend(server);
    memory.learn(&dissect::message(&told));
}
