//! What a capture shows, in a sentence, and the sections of RFC 9915 that it is about.

use crate::dialogue::{Dialogue, Turn};
use crate::dissect::{self, Value};

const SOLICIT: u8 = 1;
const REQUEST: u8 = 3;
const CONFIRM: u8 = 4;
const RENEW: u8 = 5;
const REBIND: u8 = 6;
const REPLY: u8 = 7;
const RELEASE: u8 = 8;
const DECLINE: u8 = 9;
const INFORMATION_REQUEST: u8 = 11;
const IA_NA: u16 = 3;
const IA_PD: u16 = 25;

/// Sections about what servers do with a message of each type.
const SECTIONS: [(u8, &str); 8] = [
    (SOLICIT, "9915 §18.3.1"),
    (REQUEST, "9915 §18.3.2"),
    (CONFIRM, "9915 §18.3.3"),
    (RENEW, "9915 §18.3.4"),
    (REBIND, "9915 §18.3.5"),
    (INFORMATION_REQUEST, "9915 §18.3.6"),
    (RELEASE, "9915 §18.3.7"),
    (DECLINE, "9915 §18.3.8"),
];
/// About messages that are to be dropped, and about relay agents.
const VALIDATION: &str = "9915 §16";
const RELAY: &str = "9915 §19.3";

/// The sections, in the order of the RFC.
#[must_use]
pub(super) fn rfc(dialogue: &Dialogue) -> Vec<&'static str> {
    let has = |code: u8| dialogue.turns.iter().any(|it| it.message_type == code);
    let known = |it: &Turn| SECTIONS.iter().any(|section| section.0 == it.message_type);
    let mut sections = Vec::new();
    if !dialogue.turns.iter().all(known) {
        sections.push(VALIDATION);
    }
    sections.extend(SECTIONS.iter().filter(|it| has(it.0)).map(|it| it.1));
    if dialogue.clients.iter().any(|it| !it.path.is_empty()) {
        sections.push(RELAY);
    }
    sections
}

/// What the clients do; those that do the same are told of together.
#[must_use]
pub(super) fn why(dialogue: &Dialogue, origin: &str) -> String {
    let mut stories: Vec<(String, Vec<&str>)> = Vec::new();
    for (index, client) in dialogue.clients.iter().enumerate() {
        let turns: Vec<(usize, &Turn)> = dialogue
            .turns
            .iter()
            .enumerate()
            .filter(|it| it.1.client == index)
            .collect();
        let mut story = told(dialogue, &turns);
        match client.path.len() {
            0 => {}
            1 => story.push_str(", behind a relay agent"),
            count => story.push_str(&format!(", behind {count} relay agents")),
        }
        match stories.iter_mut().find(|it| it.0 == story) {
            Some((_, names)) => names.push(&client.name),
            None => stories.push((story, vec![&client.name])),
        }
    }
    const NAMES_MAX: usize = 4;
    let sentences: Vec<String> = stories
        .into_iter()
        .map(|(story, names)| match names.as_slice() {
            ["client"] => format!("A client {story}."),
            [one] => format!("{} {story}.", capital(one)),
            several if several.len() > NAMES_MAX => {
                format!("Each of {} clients {story}.", several.len())
            }
            several => format!("Each of {} {story}.", list(several)),
        })
        .collect();
    let answers = match dialogue.answers {
        0 => " The capture has no answer of a server.",
        _ => "",
    };
    format!("{} As in {origin}.{answers}", sentences.join(" "))
}

/// What one client does, in the order in which it does it first.
fn told(dialogue: &Dialogue, turns: &[(usize, &Turn)]) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (index, turn) in turns {
        let part = act(dialogue, *index, turn);
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    // Whoever gets leases has looked for a server before.
    let gets = |it: &String| it.starts_with("obtains");
    if let Some(at) = parts.iter().position(gets)
        && at > 0
        && parts[at - 1].starts_with("looks for")
    {
        parts.remove(at - 1);
    }
    let names: Vec<&str> = parts.iter().map(String::as_str).collect();
    match names.as_slice() {
        [] => "says nothing".to_owned(),
        several => list(several),
    }
}

fn act(dialogue: &Dialogue, index: usize, turn: &Turn) -> String {
    let tree = turn.tree();
    let core = tree.core();
    let has = |code| core.options.first(code).is_some();
    let what = match (has(IA_NA), has(IA_PD)) {
        (true, true) => "an address and a prefix",
        (false, true) => "a prefix",
        (true, false) => "an address",
        (false, false) => "no lease",
    };
    let answer = dialogue.chosen(index);
    let answer = answer.map(|it| dissect::message(&it.datagram.payload));
    let gets = answer.is_some_and(|it| {
        let core = it.core();
        core.message_type == REPLY && core.options.list.iter().any(|it| holds_leases(&it.value))
    });
    match core.message_type {
        SOLICIT if gets => format!("obtains {what} with two messages"),
        SOLICIT => format!("looks for a server that gives {what}"),
        REQUEST if gets => format!("obtains {what}"),
        REQUEST => format!("requests {what}"),
        CONFIRM => "asks whether its addresses fit the link".to_owned(),
        RENEW => "renews what it has".to_owned(),
        REBIND => "asks any server to extend what it has".to_owned(),
        RELEASE => "gives back what it has".to_owned(),
        DECLINE => "declines an address".to_owned(),
        INFORMATION_REQUEST => "asks for options alone".to_owned(),
        _ => "sends what no client should".to_owned(),
    }
}

fn holds_leases(value: &Value) -> bool {
    let options = value.options();
    let is_lease = |it: &dissect::Opt| it.value.listed().is_some_and(|it| it.valid > 0);
    options.is_some_and(|it| it.list.iter().any(is_lease))
}

fn list(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|it| it.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
