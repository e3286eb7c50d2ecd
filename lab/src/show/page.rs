//! A capture as text: a ladder for each client, every message decoded, and the findings where they belong.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Duration;

use super::{Shown, person};
use crate::conversation::{Conversation, Said};
use crate::dissect::{Head, Message, Options, Value, is_relay};
use crate::findings::{By, Finding, Kind};
use crate::transcript;

/// Columns before the rails: the number of the packet and the time.
const GUTTER: usize = 19;
/// Columns between the rails.
const WIDTH: usize = 84;
/// Columns of text without rails.
const LINE: usize = GUTTER + WIDTH;
const OPTION_ELAPSED_TIME: u16 = 8;
const OPTION_RELAY_MESSAGE: u16 = 9;

/// How something looks on a terminal.
#[derive(Clone, Copy)]
enum Style {
    Title,
    Client,
    Server,
    Dim,
    Wrong,
    Odd,
}

/// Writes captures as text.
pub(super) struct Page {
    colours: bool,
    hex: bool,
    text: String,
}

impl Page {
    pub(super) fn new(colours: bool, hex: bool) -> Self {
        Self {
            colours,
            hex,
            text: String::new(),
        }
    }

    fn style(&self, style: Style, text: &str) -> String {
        let code = match style {
            Style::Title => "1",
            Style::Client => "36",
            Style::Server => "32",
            Style::Dim => "2",
            Style::Wrong => "31",
            Style::Odd => "33",
        };
        match self.colours {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }

    fn line(&mut self, text: &str) {
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    /// What is wrong and unusual, without the messages.
    pub(super) fn findings(mut self, shown: &Shown<'_>) -> String {
        self.title(shown);
        let mut clients = HashMap::new();
        for it in &shown.conversations {
            let numbers = it.messages.iter().map(|said| said.packet.number);
            clients.extend(numbers.map(|number| (number, it.party.name.as_str())));
        }
        for finding in &shown.findings {
            let client = clients.get(&finding.packet).copied().unwrap_or_default();
            let lead = format!("packet {}, {client}: ", finding.packet);
            self.finding(finding, "", &lead);
        }
        self.summary(shown);
        self.text
    }

    /// Everything.
    pub(super) fn everything(mut self, shown: &Shown<'_>) -> String {
        self.title(shown);
        let start = shown
            .capture
            .packets
            .iter()
            .map(|it| it.at)
            .min()
            .unwrap_or_default();
        for conversation in &shown.conversations {
            self.conversation(shown, conversation, start);
        }
        self.summary(shown);
        self.text
    }

    fn title(&mut self, shown: &Shown<'_>) {
        let packets = &shown.capture.packets;
        let first = packets.iter().map(|it| it.at).min().unwrap_or_default();
        let last = packets.iter().map(|it| it.at).max().unwrap_or_default();
        let title = format!(
            "{}: {} of {} from {} on, in {}",
            shown.path.display(),
            count(packets.len(), "DHCPv6 message"),
            count(shown.conversations.len(), "client"),
            person::time(first),
            span(last.saturating_sub(first)),
        );
        let title = self.style(Style::Title, &title);
        self.line(&title);
        for remark in &shown.capture.remarks {
            let text = wrapped(remark, LINE, "  ! ", "    ");
            let text = self.style(Style::Odd, &text);
            self.line(&text);
        }
        self.line("");
    }

    fn summary(&mut self, shown: &Shown<'_>) {
        let of = |kind| shown.findings.iter().filter(move |it| it.rule.kind == kind);
        let total = |kind| of(kind).map(|it| 1 + it.again.len()).sum::<usize>();
        let (wrong, odd) = (total(Kind::Error), total(Kind::Peculiarity));
        if wrong + odd == 0 {
            return self.line("Nothing is wrong or unusual.\n");
        }
        let text = format!("{} and {}:", count(wrong, "error"), peculiarities(odd));
        let text = self.style(Style::Title, &text);
        self.line(&text);
        for (kind, mark, style) in [
            (Kind::Error, '✗', Style::Wrong),
            (Kind::Peculiarity, '·', Style::Odd),
        ] {
            let mut names: Vec<(&str, usize, &str)> = Vec::new();
            for finding in of(kind) {
                let times = 1 + finding.again.len();
                match names.iter_mut().find(|it| it.0 == finding.rule.name) {
                    Some(known) => known.1 += times,
                    None => names.push((finding.rule.name, times, finding.rule.says)),
                }
            }
            for (name, times, says) in names {
                let lead = format!("  {mark} {times:>4} × {name:<24} ");
                let text = wrapped(says, LINE, &lead, &" ".repeat(lead.chars().count()));
                let text = self.style(style, &text);
                self.line(&text);
            }
        }
        self.line("");
    }

    fn conversation(
        &mut self,
        shown: &Shown<'_>,
        conversation: &Conversation<'_>,
        start: Duration,
    ) {
        let party = &conversation.party;
        let name = self.style(Style::Title, &format!("── {} ", party.name));
        let mut about = Vec::new();
        if !party.duid.is_empty() {
            about.push(format!(
                "{}  ({})",
                person::colons(&party.duid),
                person::duid(&party.duid)
            ));
        }
        let card = person::mac(conversation)
            .map(|it| format!(" [{it}]"))
            .unwrap_or_default();
        let link = match party.link.as_str() {
            "" => String::new(),
            link => format!(", {link}"),
        };
        about.push(format!("{}{card}{link}", party.address));
        let agents = party.path.iter().rev().map(person::level);
        about.extend(agents.map(|it| format!("by a relay agent: {it}")));
        if !conversation.heard {
            about.push("it is not heard in this capture, only answered".to_owned());
        }
        self.line(&name);
        for about in about {
            self.line(&format!("   {about}"));
        }
        self.line("");
        let heading = format!("{:>5}  {:>10}  client", "#", "seconds");
        let gap = (LINE + 2).saturating_sub(heading.chars().count() + "server".len());
        let heading = self.style(Style::Dim, &format!("{heading}{}server", " ".repeat(gap)));
        self.line(&heading);
        for said in &conversation.messages {
            self.message(shown, conversation, said, start);
        }
        self.line("");
    }

    fn message(
        &mut self,
        shown: &Shown<'_>,
        conversation: &Conversation<'_>,
        said: &Said<'_>,
        start: Duration,
    ) {
        let first = said.repeats.and_then(|it| conversation.messages.get(it));
        let head = head(said, first);
        let (arrow, style) = match said.from_server {
            false => (
                format!(
                    "── {head} {}▶",
                    "─".repeat(WIDTH.saturating_sub(head.chars().count() + 5))
                ),
                Style::Client,
            ),
            true => (
                format!(
                    "◀── {head} {}",
                    "─".repeat(WIDTH.saturating_sub(head.chars().count() + 5))
                ),
                Style::Server,
            ),
        };
        let at = said.at().saturating_sub(start).as_secs_f64();
        let arrow = self.style(style, &arrow);
        self.line(&format!("{:>5}  {at:>10.6} │{arrow}│", said.packet.number));
        let mut lines = decoded(&said.tree);
        if let Some(first) = first {
            let known = decoded(&first.tree);
            let elapsed = crate::dissect::option_name(OPTION_ELAPSED_TIME);
            lines.retain(|it| !known.contains(it) && !it.trim_start().starts_with(&elapsed));
        }
        if said.packet.missing > 0 {
            lines.push(format!(
                "{} more octets were not captured",
                said.packet.missing
            ));
        }
        let notes = said.packet.comments.iter().flat_map(|it| it.lines());
        lines.extend(notes.map(|it| format!("note: {it}")));
        if self.hex {
            lines.extend(dump(&said.packet.datagram.payload));
        }
        for line in lines {
            self.between(&line);
        }
        // They are in the order of the packets.
        let start = shown
            .findings
            .partition_point(|it| it.packet < said.packet.number);
        let about = shown.findings.iter().skip(start);
        for finding in about.take_while(|it| it.packet == said.packet.number) {
            self.finding(finding, &" ".repeat(GUTTER - 2), "");
        }
    }

    /// A line between the rails; one that is too long goes on in the next one.
    fn between(&mut self, text: &str) {
        let indent = text.chars().take_while(|it| *it == ' ').count() + 4;
        let further = " ".repeat(indent + 4);
        for line in wrapped(text.trim_start(), WIDTH - 1, &" ".repeat(indent), &further).lines() {
            let blank = " ".repeat(WIDTH.saturating_sub(line.chars().count()));
            let text = format!("{}│{line}{blank}│", " ".repeat(GUTTER - 1));
            self.line(&text);
        }
    }

    fn finding(&mut self, finding: &Finding, indent: &str, lead: &str) {
        let (mark, style) = match finding.rule.kind {
            Kind::Error => ('✗', Style::Wrong),
            Kind::Peculiarity => ('·', Style::Odd),
        };
        let by = match finding.rule.by {
            By::Anyone | By::Capture => "",
            By::Client => "client ",
            By::Relay => "relay ",
            By::Server => "server ",
        };
        let rfc = match finding.rule.rfc {
            "" => String::new(),
            rfc => format!(" ({rfc})"),
        };
        let again = match finding.again.as_slice() {
            [] => String::new(),
            [one] => format!("; packet {one} too"),
            [first, .., last] => format!(
                "; {} more times, packets {first} to {last}",
                finding.again.len()
            ),
        };
        let text = format!(
            "{lead}{by}{}: {}{rfc}{again}",
            finding.rule.name, finding.text
        );
        let text = wrapped(
            &text,
            LINE + 1,
            &format!("{indent}{mark} "),
            &format!("{indent}    "),
        );
        for line in text.lines() {
            let line = self.style(style, line);
            self.line(&line);
        }
    }
}

/// What an arrow says.
fn head(said: &Said<'_>, first: Option<&Said<'_>>) -> String {
    let core = said.core();
    let mut head = core.name();
    if let Some(first) = first {
        let _ = write!(head, " again, as packet {}", first.packet.number);
        if let Some(Value::Number(elapsed)) =
            core.options.first(OPTION_ELAPSED_TIME).map(|it| &it.value)
        {
            let _ = write!(head, ", elapsed {}.{:02} s", elapsed / 100, elapsed % 100);
        }
    }
    match &core.head {
        Head::Client { xid } => {
            let _ = write!(head, "  xid {xid:06x}");
        }
        Head::Relay { .. } => {}
        Head::Cut(octets) => {
            let _ = write!(head, " cut short after {} octets", octets.len());
        }
    }
    let (source, destination) = (
        said.packet.datagram.source,
        said.packet.datagram.destination,
    );
    let agents = said
        .tree
        .levels()
        .filter(|it| is_relay(it.message_type))
        .count();
    match agents {
        0 => {}
        1 => head.push_str("  by a relay agent"),
        more => {
            let _ = write!(head, "  by {more} relay agents");
        }
    }
    let usual = match said.from_server {
        false => (destination.ip().is_multicast() && agents == 0) || first.is_some(),
        true => agents == 0,
    };
    if said.from_server {
        let _ = write!(head, "  from {}", source.ip());
    } else if !usual {
        let _ = write!(head, "  to {}", destination.ip());
    }
    head
}

/// A message and the relay levels around it, one thing a line.
fn decoded(tree: &Message) -> Vec<String> {
    let mut lines = Vec::new();
    let agents = tree.levels().filter(|it| is_relay(it.message_type)).count();
    for (index, level) in tree.levels().enumerate() {
        match &level.head {
            Head::Relay { hops, link, peer } => {
                lines.push(format!(
                    "relay {} of {agents}  hops={hops} link={link} peer={peer}",
                    agents - index
                ));
                let own = level.options.list.iter();
                let own =
                    own.filter(|it| it.code != OPTION_RELAY_MESSAGE || level.relayed().is_none());
                let options = Options {
                    list: own.cloned().collect(),
                    rest: level.options.rest.clone(),
                };
                lines.extend(
                    transcript::lines(&options)
                        .into_iter()
                        .map(|it| format!("  {it}")),
                );
            }
            Head::Client { .. } => lines.extend(transcript::lines(&level.options)),
            Head::Cut(octets) => lines.push(format!("octets: {}", person::colons(octets))),
        }
    }
    lines
}

/// Octets as programmers look at them.
fn dump(octets: &[u8]) -> Vec<String> {
    let lines = octets.chunks(16).zip((0..).step_by(16));
    lines
        .map(|(line, at)| {
            let hex: Vec<_> = line.iter().map(|it| format!("{it:02x}")).collect();
            let visible = |it: &u8| {
                if (0x20..0x7f).contains(it) {
                    char::from(*it)
                } else {
                    '.'
                }
            };
            let text: String = line.iter().map(visible).collect();
            format!("{at:04x}  {:<47}  {text}", hex.join(" "))
        })
        .collect()
}

/// A text in lines of at most so many columns, broken at blanks where there are some.
fn wrapped(text: &str, width: usize, first: &str, further: &str) -> String {
    let mut lines = vec![first.to_owned()];
    let mut used = first.chars().count();
    let mut fresh = true;
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        if !fresh && used + 1 + word.len() > width {
            lines.push(further.to_owned());
            used = further.chars().count();
            fresh = true;
        }
        loop {
            let blank = usize::from(!fresh);
            let room = width.saturating_sub(used + blank).max(1);
            let taken: String = word.drain(..word.len().min(room)).collect();
            if let Some(line) = lines.last_mut() {
                line.push_str(&" ".repeat(blank));
                line.push_str(&taken);
            }
            used += blank + taken.chars().count();
            fresh = false;
            if word.is_empty() {
                break;
            }
            lines.push(further.to_owned());
            used = further.chars().count();
            fresh = true;
        }
    }
    lines.join("\n")
}

fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

fn peculiarities(number: usize) -> String {
    match number {
        1 => "1 peculiarity".to_owned(),
        _ => format!("{number} peculiarities"),
    }
}

fn span(time: Duration) -> String {
    let secs = time.as_secs();
    match secs {
        0..=119 => format!("{:.1} s", time.as_secs_f64()),
        120..=7199 => format!("{} min {} s", secs / 60, secs % 60),
        _ => format!("{} h {} min", secs / 3600, secs / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_goes_on_in_the_next_one() {
        assert_eq!(
            wrapped("one two three", 9, "> ", "  "),
            "> one two\n  three"
        );
        assert_eq!(wrapped("abcdefgh", 6, "", "  "), "abcdef\n  gh");
        assert_eq!(wrapped("", 6, "x ", "  "), "x ");
    }

    #[test]
    fn octets_are_dumped_with_their_text() {
        assert_eq!(dump(b"\x01ab"), [format!("0000  {:<47}  .ab", "01 61 62")]);
        assert_eq!(dump(&[0; 17]).len(), 2);
    }

    #[test]
    fn times_are_as_long_as_they_have_to_be() {
        assert_eq!(span(Duration::from_millis(1500)), "1.5 s");
        assert_eq!(span(Duration::from_secs(125)), "2 min 5 s");
        assert_eq!(span(Duration::from_secs(7260)), "2 h 1 min");
    }
}
