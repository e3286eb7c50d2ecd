//! What came of a replay, for people: recorded and live side by side, then what was rewritten, then what differs.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::Ipv6Addr;

use super::meaning::Row;
use super::play::{Compared, Played};
use super::reason::Class;
use crate::dialogue::{Dialogue, Turn};
use crate::dissect::{self, Message};
use crate::plural::counted;

/// Columns for what a row is about, and for each side.
const PLACE: usize = 34;
const SIDE: usize = 38;
/// The most columns of a value in the list of differences.
const VALUE: usize = 80;
/// The most packets that are named with one line.
const NUMBERS: usize = 8;

/// The whole report.
#[must_use]
pub(super) fn write(dialogue: &Dialogue, played: &Played, about: &[String]) -> String {
    let mut page = String::new();
    for line in about {
        let _ = writeln!(page, "{line}");
    }
    clients(dialogue, &mut page);
    for remark in &dialogue.remarks {
        let _ = writeln!(page, "note: {remark}");
    }
    let _ = writeln!(page, "\n{:PLACE$}  {:SIDE$}  live", "", "recorded");
    for (turn, compared) in dialogue.turns.iter().zip(&played.turns) {
        one(dialogue, turn, compared, &mut page);
    }
    rewrites(played, &mut page);
    differences(dialogue, played, &mut page);
    if !played.ends.is_empty() {
        let _ = writeln!(page, "\nAt the end:");
    }
    for end in &played.ends {
        let _ = writeln!(page, "  {end}");
    }
    let _ = writeln!(page, "\n{}", verdict(dialogue, played));
    page
}

/// What is about to be sent where, in a line.
#[must_use]
pub(super) fn announcement(
    dialogue: &Dialogue,
    interface: &str,
    source: Ipv6Addr,
    keep: bool,
) -> String {
    let mut kinds: Vec<(String, usize)> = Vec::new();
    for turn in &dialogue.turns {
        let name = path(&turn.tree());
        match kinds.iter_mut().find(|it| it.0 == name) {
            Some((_, count)) => *count += 1,
            None => kinds.push((name, 1)),
        }
    }
    let kinds: Vec<String> = kinds
        .iter()
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    let (messages, clients) = (dialogue.turns.len(), dialogue.clients.len());
    format!(
        "{} of {} will be sent on {interface} from {source} ({}); {}; Ctrl-C ends it",
        counted(messages, "message"),
        counted(clients, "client"),
        kinds.join(", "),
        match keep {
            true => "what servers give is kept",
            false => "what servers give is released at the end",
        }
    )
}

/// What it comes down to.
#[must_use]
pub(super) fn verdict(dialogue: &Dialogue, played: &Played) -> String {
    let compared = played.turns.iter().filter(|it| !it.rows.is_empty()).count();
    let sent = played.turns.len();
    let sent = match dialogue.turns.len() {
        all if all > sent => format!("ended after {sent} of {all} messages"),
        _ => counted(sent, "message"),
    };
    if played.differences() > 0 {
        let classes = [
            Class::Configuration,
            Class::Rfc,
            Class::Capture,
            Class::Unexplained,
        ];
        let counts = classes.map(|it| (played.count(it), it));
        let counts = counts.iter().filter(|it| it.0 > 0);
        let counts: Vec<String> = counts
            .map(|(count, class)| format!("{count} {class}"))
            .collect();
        let all = played.differences();
        let all = counted(all, "difference");
        return format!("{sent}: {all} ({})", counts.join(", "));
    }
    match (dialogue.answers, compared) {
        (0, _) => format!("{sent}: the capture has no answer to compare with"),
        (_, 0) => format!("{sent}: no recorded answer could be compared"),
        (_, compared) => format!(
            "{sent}: {compared} {} equal in meaning",
            if compared == 1 {
                "answer is"
            } else {
                "answers are"
            }
        ),
    }
}

fn clients(dialogue: &Dialogue, page: &mut String) {
    for (index, client) in dialogue.clients.iter().enumerate() {
        let turns = dialogue.turns.iter().filter(|it| it.client == index);
        let (said, heard) = turns.fold((0, 0), |(said, heard), it| {
            (said + 1, heard + it.answers.len())
        });
        let duid = match client.duid.as_slice() {
            [] => format!("without DUID, {}", client.address),
            duid => super::rewrite::hex(duid),
        };
        let mut place = client.link.clone();
        for level in &client.path {
            let _ = write!(place, " behind {}", level.link);
        }
        let (said, heard) = (counted(said, "message"), counted(heard, "answer"));
        let _ = writeln!(
            page,
            "  {}: {duid}{}{place}, {said}, {heard}",
            client.name,
            if place.is_empty() || place.starts_with(' ') {
                ""
            } else {
                " on "
            },
        );
    }
}

/// A message, and both answers below.
fn one(dialogue: &Dialogue, turn: &Turn, compared: &Compared, page: &mut String) {
    let tree = turn.tree();
    let client = &dialogue.clients[turn.client].name;
    let again = match dialogue.turns.get(turn.first) {
        Some(first) if first.number != turn.number => format!(", packet {} again", first.number),
        _ => String::new(),
    };
    let _ = writeln!(
        page,
        "{:>8.1} s  {client} → {}  (packet {}{again})",
        turn.at.as_secs_f64(),
        path(&tree),
        turn.number
    );
    for (index, row) in compared.rows.iter().enumerate() {
        let mark = if row.difference.is_some() { "≠" } else { " " };
        let arrow = if index == 0 && row.place == "message" {
            "← "
        } else {
            ""
        };
        let side = |text: &Option<String>| match text {
            Some(text) if text.is_empty() => "it is there".to_owned(),
            Some(text) => cut(&format!("{arrow}{text}"), SIDE),
            None => "-".to_owned(),
        };
        let place = if arrow.is_empty() {
            row.place.as_str()
        } else {
            ""
        };
        let _ = writeln!(
            page,
            " {mark} {}  {}  {}",
            pad(&cut(place, PLACE - 3), PLACE - 3),
            pad(&side(&row.recorded), SIDE),
            side(&row.live)
        );
    }
    if compared.rows.is_empty() {
        let live = match (&compared.live, &compared.dropped) {
            (Some(answer), _) => format!("← {}", path(&dissect::message(&answer.payload))),
            (None, Some(label)) => format!("∅ dropped: {label}"),
            (None, None) => "∅ silence".to_owned(),
        };
        let _ = writeln!(
            page,
            "   {}  {}  {live}",
            pad("", PLACE - 3),
            pad("∅", SIDE)
        );
    } else if compared.live.is_none() {
        let why = compared
            .dropped
            .as_deref()
            .map(|it| format!("dropped: {it}"));
        let why = why.unwrap_or_else(|| "silence".to_owned());
        let _ = writeln!(
            page,
            "   {}  {}  ∅ {why}",
            pad("", PLACE - 3),
            pad("", SIDE)
        );
    }
    for remark in &compared.remarks {
        let _ = writeln!(page, "   note: {remark}");
    }
}

/// The message at the core, and by how many relay agents it comes.
fn path(tree: &Message) -> String {
    let levels = tree.levels().count() - 1;
    let name = match tree.core().xid() {
        None if tree.core().message_type == 0 => "octets that are no message".to_owned(),
        _ => tree.core().name(),
    };
    match levels {
        0 => name,
        1 => format!("{name} by a relay agent"),
        _ => format!("{name} by {levels} relay agents"),
    }
}

fn rewrites(played: &Played, page: &mut String) {
    let rewrites = played.turns.iter().flat_map(|it| &it.rewrites);
    let lines = rewrites.map(|it| (it.number, format!("{}: {} → {}", it.place, it.from, it.to)));
    list("Rewritten, to follow the live server:", lines, page);
}

fn differences(dialogue: &Dialogue, played: &Played, page: &mut String) {
    let turns = dialogue.turns.iter().zip(&played.turns);
    let lines = turns.flat_map(|(turn, compared)| {
        let rows = compared.differences();
        rows.map(|row| (turn.number, difference(row)))
    });
    list("Differences:", lines, page);
}

/// Lines about packets, each once, with the numbers of all packets that it is about.
fn list(title: &str, lines: impl Iterator<Item = (usize, String)>, page: &mut String) {
    let mut told: Vec<(String, Vec<String>)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for (number, line) in lines {
        let at = *places.entry(line.clone()).or_insert(told.len());
        match told.get_mut(at) {
            Some((_, numbers)) => numbers.push(number.to_string()),
            None => told.push((line, vec![number.to_string()])),
        }
    }
    if told.is_empty() {
        return;
    }
    let _ = writeln!(page, "\n{title}");
    for (line, numbers) in told {
        let packets = if numbers.len() == 1 {
            "packet"
        } else {
            "packets"
        };
        let shown = numbers.iter().take(NUMBERS).cloned().collect::<Vec<_>>();
        let more = match numbers.len().saturating_sub(NUMBERS) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let _ = writeln!(page, "  {packets} {}{more}: {line}", shown.join(", "));
    }
}

/// One difference in one line.
fn difference(row: &Row) -> String {
    let side = |text: &Option<String>| match text.as_deref() {
        None => "nothing".to_owned(),
        Some("") => "it is there".to_owned(),
        Some(text) => cut(text, VALUE),
    };
    let mut line = format!(
        "{}: recorded {}, live {}",
        row.place,
        side(&row.recorded),
        side(&row.live)
    );
    if let Some(reason) = &row.difference {
        let _ = write!(line, " ({}", reason.class);
        if !reason.text.is_empty() {
            let _ = write!(line, ": {}", reason.text);
        }
        line.push(')');
    }
    line
}

/// A text in so many columns; one that is too long shows that it is cut.
fn cut(text: &str, width: usize) -> String {
    match text.chars().count() > width {
        true => text.chars().take(width - 1).chain(['…']).collect(),
        false => text.to_owned(),
    }
}

fn pad(text: &str, width: usize) -> String {
    let blank = width.saturating_sub(text.chars().count());
    format!("{text}{}", " ".repeat(blank))
}
