//! Scenarios as text: what is short stands in one line, as people write it.

use std::fmt::Write as _;

use super::steps::{Said, Step};
use super::words::hex;
use crate::dissect::{self, message_name, option_name};
use crate::scenario::{
    Client, Code, Elapsed, Exchange, Expected, Fields, Hop, Ia, Identifier, Lease, Message, Opaque,
    RawOption, Send, Several, Source, Span, Target, Transport, Wish,
};

/// The columns of a file.
const WIDTH: usize = 110;

/// A scenario as a file says it.
pub(super) struct File<'a> {
    pub(super) comments: &'a [String],
    pub(super) why: &'a str,
    pub(super) rfc: &'a [&'a str],
    pub(super) config: &'a str,
    /// The server's addresses on the link.
    pub(super) addresses: &'a [(std::net::Ipv6Addr, u8)],
    pub(super) clients: &'a [Client],
    pub(super) steps: &'a [Step],
}

/// The text of the file.
#[must_use]
pub(super) fn write(file: &File<'_>) -> String {
    let mut text = String::new();
    for comment in file.comments {
        let _ = writeln!(text, "# {comment}");
    }
    text.push_str("why: >-\n");
    for line in wrapped(file.why) {
        let _ = writeln!(text, "  {line}");
    }
    let rfc = file.rfc.iter().map(|it| Node::quoted(it)).collect();
    Node::Map(vec![("rfc", Node::List(rfc))]).block(0, &mut text);
    text.push_str("config: |\n");
    for line in file.config.lines() {
        let _ = writeln!(text, "  {line}");
    }
    let addresses = file.addresses.iter();
    let addresses = addresses.map(|(address, length)| Node::quoted(&format!("{address}/{length}")));
    let link = Node::Map(vec![("addresses", Node::List(addresses.collect()))]);
    Node::Map(vec![("link", link)]).block(0, &mut text);
    text.push_str("clients:\n");
    for client in file.clients {
        text.push_str("  ");
        self::client(client).value(&client.name, 2, &mut text);
    }
    text.push_str("steps:\n");
    for step in file.steps {
        self::step(step, &mut text);
    }
    text
}

/// A piece of YAML.
enum Node {
    Plain(String),
    List(Vec<Self>),
    Map(Vec<(&'static str, Self)>),
}

impl Node {
    fn quoted(text: &str) -> Self {
        let mut quoted = String::from("\"");
        for letter in text.chars() {
            match letter {
                '"' | '\\' => quoted.extend(['\\', letter]),
                _ => quoted.push(letter),
            }
        }
        quoted.push('"');
        Self::Plain(quoted)
    }

    fn number(number: impl ToString) -> Self {
        Self::Plain(number.to_string())
    }

    fn octets(octets: &[u8]) -> Self {
        let groups: Vec<String> = octets.chunks(4).map(|it| hex(it, "")).collect();
        Self::quoted(&groups.join(" "))
    }

    /// In one line.
    fn inline(&self, out: &mut String) {
        match self {
            Self::Plain(text) => out.push_str(text),
            Self::List(nodes) => {
                out.push('[');
                for (index, node) in nodes.iter().enumerate() {
                    out.push_str(if index > 0 { ", " } else { "" });
                    node.inline(out);
                }
                out.push(']');
            }
            Self::Map(entries) if entries.is_empty() => out.push_str("{}"),
            Self::Map(entries) => {
                out.push_str("{ ");
                for (index, (key, node)) in entries.iter().enumerate() {
                    out.push_str(if index > 0 { ", " } else { "" });
                    let _ = write!(out, "{key}: ");
                    node.inline(out);
                }
                out.push_str(" }");
            }
        }
    }

    fn line(&self) -> String {
        let mut line = String::new();
        self.inline(&mut line);
        line
    }

    /// In several lines, as far as one is too short; the cursor stands behind so many columns.
    fn block(&self, indent: usize, out: &mut String) {
        match self {
            Self::Plain(text) => {
                let _ = writeln!(out, "{text}");
            }
            Self::Map(entries) => {
                for (index, (key, node)) in entries.iter().enumerate() {
                    if index > 0 {
                        out.extend(std::iter::repeat_n(' ', indent));
                    }
                    node.value(key, indent, out);
                }
            }
            Self::List(nodes) => {
                for (index, node) in nodes.iter().enumerate() {
                    if index > 0 {
                        out.extend(std::iter::repeat_n(' ', indent));
                    }
                    out.push_str("- ");
                    let line = node.line();
                    match indent + 2 + line.chars().count() > WIDTH {
                        true => node.block(indent + 2, out),
                        false => {
                            let _ = writeln!(out, "{line}");
                        }
                    }
                }
            }
        }
    }

    /// Behind its key.
    fn value(&self, key: &str, indent: usize, out: &mut String) {
        let line = self.line();
        let fits = indent + key.len() + 2 + line.chars().count() <= WIDTH;
        if fits || matches!(self, Self::Plain(_)) {
            let _ = writeln!(out, "{key}: {line}");
            return;
        }
        let _ = writeln!(out, "{key}:");
        out.extend(std::iter::repeat_n(' ', indent + 2));
        self.block(indent + 2, out);
    }
}

/// Lines of words.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH - 2 => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn client(client: &Client) -> Node {
    let mut entries = vec![
        ("duid", Node::quoted(&hex(&client.duid, ":"))),
        ("address", Node::quoted(&client.address.to_string())),
    ];
    if !client.order.is_empty() {
        entries.push(("order", codes(&client.order)));
    }
    Node::Map(entries)
}

fn step(step: &Step, out: &mut String) {
    let one = |key: &'static str, node: Node, out: &mut String| {
        out.push_str("  - ");
        Node::Map(vec![(key, node)]).block(4, out);
    };
    match step {
        Step::Advance(secs) => {
            let span = Span(std::time::Duration::from_secs(*secs));
            one("advance", Node::number(span), out);
        }
        Step::Exchange(it, _) => one("exchange", exchange(it), out),
        Step::Said(said) => {
            for part in parts(said) {
                for it in part {
                    one("send", send(&it.send), out);
                }
                one("expect", expected(part), out);
                remark(part, out);
            }
        }
    }
}

/// Messages whose answers one `expect` can tell: those that are all answered, and each other one alone.
fn parts(said: &[Said]) -> Vec<&[Said]> {
    let answered = |it: &Said| matches!(it.expected.as_slice(), [Expected::Message(_)]);
    said.chunk_by(|one, next| answered(one) && answered(next))
        .collect()
}

fn expected(part: &[Said]) -> Node {
    let nodes = part.iter().flat_map(|it| &it.expected).map(|it| match it {
        Expected::Message(code) | Expected::Answer(code, _) => {
            Node::Plain(message_name(*code).to_lowercase())
        }
        Expected::Silence => Node::Plain("silence".to_owned()),
        Expected::Dropped(label) => Node::Map(vec![("dropped", Node::Plain(label.clone()))]),
    });
    let mut nodes: Vec<Node> = nodes.collect();
    match nodes.len() {
        1 => nodes.remove(0),
        _ => Node::List(nodes),
    }
}

/// What the capture has, where that is something else.
fn remark(part: &[Said], out: &mut String) {
    let others: Vec<String> = part
        .iter()
        .filter(|it| {
            it.expected
                .iter()
                .all(|expected| it.recorded.map(Expected::Message).as_ref() != Some(expected))
        })
        .filter_map(|it| it.recorded)
        .map(message_name)
        .collect();
    if !others.is_empty() {
        let _ = writeln!(out, "    # The capture has: {}", others.join(", "));
    }
}

fn send(send: &Send) -> Node {
    let mut entries = vec![("from", Node::Plain(send.from.clone()))];
    entries.extend(transport(&send.transport));
    entries.push(match &send.message {
        Message::Client(code, fields) => (name(*code, fields), self::fields(fields)),
        Message::Relay(code, hop) if *code == 12 => ("relay-forward", self::hop(hop)),
        Message::Relay(_, hop) => ("relay-reply", self::hop(hop)),
        Message::Raw(octets) => ("raw", Node::octets(octets)),
        Message::Again(elapsed) => {
            let elapsed = elapsed.map(|it| ("elapsed", Node::number(it)));
            ("again", Node::Map(elapsed.into_iter().collect()))
        }
    });
    Node::Map(entries)
}

/// The key of a message.
fn name(code: u8, fields: &Fields) -> &'static str {
    const NAMES: [&str; 11] = [
        "solicit",
        "advertise",
        "request",
        "confirm",
        "renew",
        "rebind",
        "reply",
        "release",
        "decline",
        "reconfigure",
        "information-request",
    ];
    let name = NAMES.get(usize::from(code).wrapping_sub(1)).copied();
    name.filter(|_| fields.r#type.is_none())
        .unwrap_or("message")
}

fn transport(transport: &Transport) -> Vec<(&'static str, Node)> {
    let mut entries = Vec::new();
    let Source { address, port } = &transport.source;
    let mut source = Vec::new();
    source.extend(address.map(|it| ("address", Node::quoted(&it.to_string()))));
    source.extend(port.map(|it| ("port", Node::number(it))));
    if !source.is_empty() {
        entries.push(("source", Node::Map(source)));
    }
    if let Some(Target(to)) = transport.to {
        let text = match to == crate::rig::SERVER_ADDRESS {
            true => Node::Plain("server".to_owned()),
            false => Node::quoted(&to.to_string()),
        };
        entries.push(("to", text));
    }
    if let Some(relay) = transport.relay.as_ref().filter(|it| !it.is_empty()) {
        let hops = relay.iter().map(hop).collect();
        entries.push(("relay", Node::List(hops)));
    }
    entries
}

fn exchange(exchange: &Exchange) -> Node {
    let mut entries = vec![("from", Node::Plain(exchange.from.clone()))];
    entries.extend(transport(&Transport {
        source: exchange.source.clone(),
        to: exchange.to,
        relay: exchange.relay.clone(),
        on: None,
    }));
    if exchange.rapid_commit {
        entries.push(("rapid_commit", Node::Plain("true".to_owned())));
    }
    entries.extend(exchange.oro.as_ref().map(|it| ("oro", several(it, code))));
    entries.extend(ias("ia_na", &exchange.ia_na));
    entries.extend(ias("ia_pd", &exchange.ia_pd));
    entries.extend(exchange.options.as_deref().and_then(options));
    Node::Map(entries)
}

fn fields(fields: &Fields) -> Node {
    let mut entries = Vec::new();
    let truth = || Node::Plain("true".to_owned());
    entries.extend(fields.r#type.map(|it| ("type", Node::number(it))));
    if fields.same_xid == Some(true) {
        entries.push(("same_xid", truth()));
    }
    let ids = |it: &Several<Identifier>| several(it, identifier);
    entries.extend(fields.client_id.as_ref().map(|it| ("client_id", ids(it))));
    entries.extend(fields.server_id.as_ref().map(|it| ("server_id", ids(it))));
    entries.extend(fields.elapsed.map(|it| {
        let text = match it {
            Elapsed::Absent => "none".to_owned(),
            Elapsed::Is(time) => time.to_string(),
            Elapsed::Counted(unit) if unit.as_secs() > 0 => "counted-in-seconds".to_owned(),
            Elapsed::Counted(_) => "counted".to_owned(),
        };
        ("elapsed", Node::Plain(text))
    }));
    if fields.rapid_commit == Some(true) {
        entries.push(("rapid_commit", truth()));
    }
    entries.extend(fields.oro.as_ref().map(|it| ("oro", several(it, code))));
    entries.extend(ias("ia_na", &fields.ia_na));
    entries.extend(ias("ia_ta", &fields.ia_ta));
    entries.extend(ias("ia_pd", &fields.ia_pd));
    entries.extend(fields.options.as_deref().and_then(options));
    entries.extend(fields.order.as_ref().map(|it| ("order", several(it, code))));
    entries.extend(
        fields
            .append
            .as_ref()
            .map(|it| ("append", Node::octets(&it.0))),
    );
    Node::Map(entries)
}

fn several<T>(several: &Several<T>, node: impl Fn(&T) -> Node) -> Node {
    match several.0.as_slice() {
        [] => Node::Plain("none".to_owned()),
        [one] => node(one),
        [..] => Node::List(several.0.iter().map(node).collect()),
    }
}

fn identifier(id: &Identifier) -> Node {
    match id {
        Identifier::Octets(octets) => Node::quoted(&hex(octets, ":")),
        Identifier::Own => Node::Plain("own".to_owned()),
        Identifier::Server => Node::Plain("server".to_owned()),
    }
}

fn code(code: &Code) -> Node {
    let name = option_name(code.0);
    match dissect::option_code(&name) {
        Some(_) => Node::Plain(name),
        None => Node::number(code.0),
    }
}

fn codes(codes: &[Code]) -> Node {
    Node::List(codes.iter().map(code).collect())
}

fn ias(key: &'static str, ias: &Option<Several<Ia>>) -> Option<(&'static str, Node)> {
    let ias = ias.as_ref().filter(|it| !it.0.is_empty())?;
    Some((key, several(ias, ia)))
}

fn ia(ia: &Ia) -> Node {
    let mut entries = vec![("iaid", Node::number(ia.iaid))];
    let numbers = [("t1", ia.t1), ("t2", ia.t2)];
    let lifetimes = [("preferred", ia.preferred), ("valid", ia.valid)];
    let some = |numbers: [(&'static str, Option<Wish>); 2]| {
        let said = numbers
            .into_iter()
            .filter_map(|(key, wish)| Some((key, wish?)));
        said.map(|(key, wish)| match wish {
            Wish::Secs(secs) => (key, Node::number(secs)),
            Wish::Given => (key, Node::Plain("given".to_owned())),
        })
    };
    entries.extend(some(numbers));
    entries.extend(ia.leases.as_ref().map(|it| ("leases", several(it, lease))));
    entries.extend(some(lifetimes));
    entries.extend(ia.options.as_deref().and_then(options));
    Node::Map(entries)
}

fn lease(lease: &Lease) -> Node {
    let block = Node::quoted(&lease.block.to_string());
    if *lease == Lease::from(lease.block) {
        return block;
    }
    let mut entries = vec![
        ("lease", block),
        ("preferred", Node::number(lease.preferred)),
        ("valid", Node::number(lease.valid)),
    ];
    entries.extend(options(&lease.options));
    Node::Map(entries)
}

fn options(options: &[RawOption]) -> Option<(&'static str, Node)> {
    let nodes = options.iter().map(|it| {
        let mut entries = vec![("code", code(&it.code))];
        if !it.hex.0.is_empty() {
            entries.push(("hex", Node::octets(&it.hex.0)));
        }
        if !it.text.is_empty() {
            entries.push(("text", Node::quoted(&it.text)));
        }
        if it.zeros > 0 {
            entries.push(("zeros", Node::number(it.zeros)));
        }
        entries.extend(it.length.map(|it| ("length", Node::number(it))));
        Node::Map(entries)
    });
    (!options.is_empty()).then(|| ("options", Node::List(nodes.collect())))
}

fn hop(hop: &Hop) -> Node {
    let mut entries = Vec::new();
    let address = |it: std::net::Ipv6Addr| Node::quoted(&it.to_string());
    entries.extend(hop.address.map(|it| ("address", address(it))));
    entries.extend(hop.hops.map(|it| ("hops", Node::number(it))));
    entries.extend(hop.link.map(|it| ("link", address(it))));
    entries.extend(hop.peer.map(|it| ("peer", address(it))));
    entries.extend(
        hop.interface_id
            .as_ref()
            .map(|it| ("interface_id", opaque(it))),
    );
    entries.extend(options(&hop.options));
    if !hop.order.is_empty() {
        entries.push(("order", codes(&hop.order)));
    }
    Node::Map(entries)
}

fn opaque(opaque: &Opaque) -> Node {
    let printable = opaque.0.iter().all(|it| matches!(it, 0x20..=0x7e));
    match printable && !opaque.0.is_empty() {
        true => Node::quoted(&String::from_utf8_lossy(&opaque.0)),
        false => Node::Map(vec![("hex", Node::octets(&opaque.0))]),
    }
}
