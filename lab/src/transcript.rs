//! What happened in a scenario, and how it is written down: one option per line, in wire order.
//!
//! Everything that was on the wire can be read here; only `normalise` gives some values names.

use std::fmt::Write as _;
use std::net::{Ipv6Addr, SocketAddrV6};
use std::time::Duration;

use crate::authentication::{MAC_LEN, Signed};
use crate::compose::{CLIENT_PORT, SERVER_PORT};
use crate::dissect::{self, Head, Message, Name, NtpPart, Opt, Options, Value};
use crate::lens::Lens;
use crate::normalise::Names;
use crate::rig::Datagram;

/// What happened, in order.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    entries: Vec<Entry>,
    /// With which entries the cases of a scenario begin, and the names in them.
    cases: Vec<(usize, Names)>,
    /// The step that is being played.
    step: usize,
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When, since the start of the scenario.
    pub at: Duration,
    /// The number of the step that it belongs to, from 1; 0 if there are no steps.
    pub step: usize,
    /// What.
    pub what: What,
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum What {
    /// A client, by its name, sent a datagram.
    Sent {
        /// The name of the client.
        by: String,
        /// What it sent.
        datagram: Datagram,
    },
    /// A server sent a datagram.
    Received(Datagram),
    /// Something that is no datagram: a step, silence, a drop.
    Note(String),
    /// The server ended by itself; how.
    Ended(String),
}

/// Where the value of an option begins, so that values stand in a column.
const VALUE_COLUMN: usize = 9;
/// The protocol of delayed authentication.
const DELAYED: u8 = 2;
/// So many equal octets in a row are written once, with their number.
const RUN_MIN: usize = 17;

impl Transcript {
    /// What is written down from now on belongs to the step with that number, from 1.
    pub fn begin_step(&mut self, number: usize) {
        self.step = number;
    }

    /// A client's datagram; `at` is the time since the start of the scenario.
    pub fn sent(&mut self, at: Duration, by: &str, datagram: Datagram) {
        let by = by.to_owned();
        self.push(at, What::Sent { by, datagram });
    }

    /// A server's datagram.
    pub fn received(&mut self, at: Duration, datagram: Datagram) {
        self.push(at, What::Received(datagram));
    }

    /// Nothing came; the reason if the server gave one that was expected.
    pub fn silence(&mut self, at: Duration, dropped: Option<&str>) {
        let note = match dropped {
            None => "∅ silence".to_owned(),
            Some(reason) => format!("∅ dropped: {reason}"),
        };
        self.push(at, What::Note(note));
    }

    /// The server ended by itself: by that signal, or with that exit status.
    pub fn ended(&mut self, at: Duration, how: &str) {
        self.push(at, What::Ended(how.to_owned()));
    }

    /// How the server ended by itself, if it did.
    #[must_use]
    pub fn end(&self) -> Option<&str> {
        self.entries.iter().find_map(|entry| match &entry.what {
            What::Ended(how) => Some(how.as_str()),
            What::Sent { .. } | What::Received(_) | What::Note(_) => None,
        })
    }

    /// Something that befell the message above on the link.
    pub fn link(&mut self, at: Duration, text: &str) {
        self.push(at, What::Note(format!("~ {text}")));
    }

    /// Goes on with the transcript of another case of the same scenario, under its title, with names of its own and
    /// times behind those that are here.
    pub fn append(&mut self, title: &str, names: Names, case: Self) {
        let start = self.entries.last().map_or(Duration::ZERO, |it| it.at);
        self.cases.push((self.entries.len(), names));
        self.push(start, What::Note(format!("== {title}")));
        self.entries
            .extend(case.entries.into_iter().map(|entry| Entry {
                at: start + entry.at,
                ..entry
            }));
    }

    /// A step that is not a message.
    pub fn step(&mut self, at: Duration, text: &str) {
        self.push(at, What::Note(format!("— {text}")));
    }

    fn push(&mut self, at: Duration, what: What) {
        let step = self.step;
        self.entries.push(Entry { at, step, what });
    }

    /// Everything that happened, in order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// All datagrams with their times since the start of the scenario.
    pub fn datagrams(&self) -> impl Iterator<Item = (Duration, &Datagram)> {
        self.entries.iter().filter_map(|entry| match &entry.what {
            What::Sent { datagram, .. } | What::Received(datagram) => Some((entry.at, datagram)),
            What::Note(_) | What::Ended(_) => None,
        })
    }

    /// The transcript as text.
    #[must_use]
    pub fn render(&self, names: &Names) -> String {
        self.render_through(names, Lens::default())
    }

    /// The transcript as text, without what a lens leaves out.
    #[must_use]
    pub fn render_through(&self, names: &Names, lens: Lens) -> String {
        self.pieces(names, lens).concat()
    }

    /// The text of each entry: together they are the transcript as text.
    #[must_use]
    pub fn render_entries(&self, names: &Names) -> Vec<String> {
        self.pieces(names, Lens::default())
    }

    fn pieces(&self, names: &Names, lens: Lens) -> Vec<String> {
        let mut page = Page {
            names: names.clone(),
            lens,
            text: String::new(),
            from_server: false,
            mac: None,
        };
        let piece = |(index, entry): (usize, &Entry)| {
            if let Some((_, names)) = self.cases.iter().find(|it| it.0 == index) {
                page.names = names.clone();
                if index > 0 {
                    page.line(0, "");
                }
            }
            match &entry.what {
                What::Note(note) => page.line(0, note),
                What::Ended(how) => page.line(0, &format!("✗ the server ended: {how}")),
                What::Sent { by, datagram } => page.sent(by, datagram),
                What::Received(datagram) => page.received(datagram),
            }
            std::mem::take(&mut page.text)
        };
        self.entries.iter().enumerate().map(piece).collect()
    }
}

/// What an option says, as a line of a transcript shows it.
#[must_use]
pub fn value_text(value: &Value, names: &Names) -> String {
    let mut page = Page {
        names: names.clone(),
        lens: Lens::default(),
        text: String::new(),
        from_server: true,
        mac: None,
    };
    page.value(value)
}

/// One option in a line, as transcripts say it, what is in it behind its own value.
#[must_use]
pub fn option(option: &Opt) -> String {
    let mut page = Page {
        names: Names::default(),
        lens: Lens::default(),
        text: String::new(),
        from_server: false,
        mac: None,
    };
    page.option(option, 4);
    let name = dissect::option_name(option.code);
    let text = page.text.trim_start();
    let text = text.strip_prefix(&name).unwrap_or(text);
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines.join("; ").trim_start_matches("; ").to_owned()
}

struct Page {
    names: Names,
    lens: Lens,
    text: String,
    /// Whether what is written at present comes from the server.
    from_server: bool,
    /// What the MAC of that is called.
    mac: Option<&'static str>,
}

impl Page {
    /// A page on which everything is written as it is.
    fn nameless() -> Self {
        Self {
            names: Names::default(),
            lens: Lens::default(),
            text: String::new(),
            from_server: false,
            mac: None,
        }
    }

    fn line(&mut self, indent: usize, text: &str) {
        self.text.extend(std::iter::repeat_n(' ', indent));
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    fn sent(&mut self, by: &str, datagram: &Datagram) {
        self.begin(datagram, false);
        let tree = dissect::message(&datagram.payload);
        let relayed = dissect::is_relay(tree.message_type);
        let port = if relayed { SERVER_PORT } else { CLIENT_PORT };
        let mut head = format!("→ {by}  {}  to ", self.head(&tree));
        self.endpoint(&mut head, datagram.destination, SERVER_PORT);
        let source = datagram.source;
        let name = self.names.endpoint(source);
        if relayed || name != by || source.port() != port {
            head.push_str("  from ");
            self.endpoint(&mut head, source, port);
        }
        self.line(0, &head);
        self.options(&tree.options, 4);
    }

    fn received(&mut self, datagram: &Datagram) {
        self.begin(datagram, true);
        let tree = dissect::message(&datagram.payload);
        let relayed = dissect::is_relay(tree.message_type);
        let port = if relayed { SERVER_PORT } else { CLIENT_PORT };
        let server = self.names.server(datagram.source).to_owned();
        let mut head = format!("← {server}  {}  to ", self.head(&tree));
        self.endpoint(&mut head, datagram.destination, port);
        let source = self.lens.answer_source(datagram.source);
        if self.names.endpoint(source) != server || source.port() != SERVER_PORT {
            head.push_str("  from ");
            self.endpoint(&mut head, source, SERVER_PORT);
        }
        self.line(0, &head);
        self.options(&tree.options, 4);
    }

    fn begin(&mut self, datagram: &Datagram, from_server: bool) {
        self.from_server = from_server;
        let signed = Signed::read(&datagram.payload);
        self.mac = signed.and_then(|it| self.names.mac(&it));
    }

    /// An address by its name; the port only if it is not the usual one.
    fn endpoint(&self, text: &mut String, end: SocketAddrV6, usual_port: u16) {
        text.push_str(&self.names.endpoint(end));
        if end.port() != usual_port {
            let _ = write!(text, " port {}", end.port());
        }
    }

    fn head(&mut self, tree: &Message) -> String {
        match &tree.head {
            Head::Client { xid } => format!("{}  {}", tree.name(), self.names.xid(*xid)),
            Head::Relay { hops, link, peer } => {
                let peer = self.names.address(*peer);
                format!("{}  hops={hops} link={link} peer={peer}", tree.name())
            }
            Head::Cut(octets) if octets.is_empty() => "no octets".to_owned(),
            Head::Cut(octets) => format!("{} cut short: {}", tree.name(), hex(octets, "")),
        }
    }

    fn options(&mut self, options: &Options, indent: usize) {
        for option in &options.list {
            self.option(option, indent);
        }
        if !options.rest.is_empty() {
            let text = format!("no option: {}", hex(&options.rest, ""));
            self.line(indent, &text);
        }
    }

    fn option(&mut self, option: &Opt, indent: usize) {
        let name = dissect::option_name(option.code);
        let width = VALUE_COLUMN.saturating_sub(indent - 4);
        let text = format!("{name:width$}  {}", self.value(&option.value));
        self.line(indent, &text);
        if let Some(options) = option.value.options() {
            self.options(options, indent + 2);
        }
        if let Some(inner) = option.value.message() {
            let head = self.head(inner);
            self.line(indent + 2, &head);
            self.options(&inner.options, indent + 4);
        }
        if let Value::EnterpriseOptions { options, .. } = &option.value {
            for (code, content) in options {
                let text = format!("{code}  {}", octets(content));
                self.line(indent + 2, &text);
            }
        }
    }

    /// The information in an Authentication option.
    fn information(&self, protocol: u8, information: &[u8]) -> String {
        let delayed = || {
            let (rest, mac) = information.split_last_chunk::<MAC_LEN>()?;
            let (realm, id) = rest.split_last_chunk()?;
            let (realm, id) = (String::from_utf8_lossy(realm), u32::from_be_bytes(*id));
            let mac = self.mac.map_or_else(|| hex(mac, ""), str::to_owned);
            Some(format!("realm={realm:?} id={id} mac={mac}"))
        };
        let known = (protocol == DELAYED).then(delayed).flatten();
        known.unwrap_or_else(|| octets(information))
    }

    fn value(&mut self, value: &Value) -> String {
        match value {
            Value::Empty | Value::Message(_) | Value::Options(_) => String::new(),
            Value::Duid(duid) => match self.names.duid(duid) {
                Some(name) => name.to_owned(),
                None => hex(duid, ":"),
            },
            Value::Ia { iaid, t1, t2, .. } => {
                format!("iaid={iaid} t1={} t2={}", seconds(*t1), seconds(*t2))
            }
            Value::IaTa { iaid, .. } => format!("iaid={iaid}"),
            Value::Address {
                address,
                preferred,
                valid,
                ..
            } => {
                let address = self.lens.lease(*address);
                format!("{address} {}", lifetimes(*preferred, *valid))
            }
            Value::Prefix {
                preferred,
                valid,
                length,
                prefix,
                ..
            } => {
                format!("{prefix}/{length} {}", lifetimes(*preferred, *valid))
            }
            Value::Codes(codes) => join(codes, |code| dissect::option_name(*code)),
            Value::Numbers(numbers) => join(numbers, u16::to_string),
            Value::Number(number) => number.to_string(),
            Value::Authentication {
                protocol,
                algorithm,
                method,
                replay,
                information,
            } => {
                // The server counts by the clock, and its MAC covers that.
                let replay = match self.from_server {
                    true => "<time>".to_owned(),
                    false => replay.to_string(),
                };
                let information = self.information(*protocol, information);
                format!(
                    "protocol={protocol} algorithm={algorithm} method={method} replay={replay} {information}"
                )
            }
            Value::Status { code, text } => {
                let text = self.lens.status_text(text);
                format!("{} {text:?}", dissect::status_name(*code))
            }
            Value::Items { enterprise, items } => {
                let items = join(items, |item| octets(item));
                match enterprise {
                    Some(number) => format!("enterprise={number} {items}"),
                    None => items,
                }
            }
            Value::EnterpriseOptions { enterprise, .. } => format!("enterprise={enterprise}"),
            Value::EnterpriseData { enterprise, data } => {
                format!("enterprise={enterprise} {}", octets(data))
            }
            Value::Addresses(addresses) => join(addresses, Ipv6Addr::to_string),
            Value::Names(names) => join(names, name),
            Value::Fqdn { flags, name: wish } => format!("flags={flags} {}", name(wish)),
            Value::Ntp(parts) => join(parts, ntp_part),
            Value::Text(text) => format!("{text:?}"),
            Value::LinkLayer { hardware, address } => {
                format!("hardware={hardware} {}", hex(address, ":"))
            }
            Value::Opaque(content) => octets(content),
            Value::Malformed(content) if content.is_empty() => "malformed: no octets".to_owned(),
            Value::Malformed(content) => format!("malformed: {}", octets(content)),
        }
    }
}

/// Options as transcripts write them, one a line, what is in an option indented below it. Nothing has a name.
#[must_use]
pub fn lines(options: &Options) -> Vec<String> {
    let mut page = Page::nameless();
    page.options(options, 4);
    let lines = page.text.lines();
    lines
        .map(|it| it.get(4..).unwrap_or_default().to_owned())
        .collect()
}

/// The content of an option as transcripts write it, without the options in it.
#[must_use]
pub fn content(option: &Opt) -> String {
    Page::nameless().value(&option.value)
}

fn join<T>(things: &[T], text: impl Fn(&T) -> String) -> String {
    things.iter().map(text).collect::<Vec<_>>().join(" ")
}

fn lifetimes(preferred: u32, valid: u32) -> String {
    format!("preferred={} valid={}", seconds(preferred), seconds(valid))
}

fn seconds(secs: u32) -> String {
    match secs {
        u32::MAX => "infinity".to_owned(),
        _ => secs.to_string(),
    }
}

/// A domain name; a partial one has no dot at its end, and the root is a dot.
fn name(name: &Name) -> String {
    match (name.complete, name.text.strip_suffix('.')) {
        (true, None) => ".".to_owned(),
        (true, Some(_)) => name.text.clone(),
        (false, labels) => format!("{} (partial)", labels.unwrap_or_default()),
    }
}

fn ntp_part(part: &NtpPart) -> String {
    match part {
        NtpPart::Server(address) => format!("server={address}"),
        NtpPart::Multicast(address) => format!("multicast={address}"),
        NtpPart::Name(it) => format!("name={}", name(it)),
        NtpPart::Unknown(code, content) => format!("suboption-{code}={}", octets(content)),
    }
}

/// Octets of unknown meaning: hexadecimal, and behind it the text if they look like one.
fn octets(content: &[u8]) -> String {
    let printable = |octet: &u8| matches!(octet, 0x20..=0x7e);
    let text = std::str::from_utf8(content).ok();
    match text.filter(|it| !it.is_empty() && content.iter().all(printable)) {
        Some(text) => format!("{} {text:?}", hex(content, "")),
        None => hex(content, ""),
    }
}

/// Hexadecimal; long runs of one octet are written as `00*99`.
fn hex(content: &[u8], separator: &str) -> String {
    let mut parts = Vec::new();
    let mut plain = Vec::new();
    for run in content.chunk_by(|a, b| a == b) {
        match run {
            [first, ..] if run.len() >= RUN_MIN => {
                parts.push(std::mem::take(&mut plain).join(separator));
                parts.push(format!("{first:02x}*{}", run.len()));
            }
            [..] => plain.extend(run.iter().map(|octet| format!("{octet:02x}"))),
        }
    }
    parts.push(plain.join(separator));
    parts.retain(|it| !it.is_empty());
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_of_one_octet_is_counted() {
        assert_eq!(hex(&[1, 0, 0], ":"), "01:00:00");
        assert_eq!(
            hex(&[[0; 99].as_slice(), &[1, 1]].concat(), ":"),
            "00*99 01:01"
        );
    }

    #[test]
    fn octets_that_look_like_text_are_shown_both_ways() {
        assert_eq!(octets(b"eth0"), "65746830 \"eth0\"");
        assert_eq!(octets(&[0, 0x65]), "0065");
        assert_eq!(octets(&[]), "");
    }
}
