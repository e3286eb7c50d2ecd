//! The lines of the log that the documentation quotes are lines that the server writes: every piece of them, between
//! what differs each time, stands in its source.

use std::fs;
use std::path::{Path, PathBuf};

#[allow(dead_code, reason = "other tests ask for the rest")]
#[path = "support/handbook.rs"]
mod handbook;

/// What stands in a quoted line for something that differs.
const PLACEHOLDERS: [&str; 10] = [
    "ADDRESS",
    "DUID",
    "FILE",
    "FOLDER",
    "INTERFACE",
    "INTERFACES",
    "LABEL",
    "NUMBER",
    "PROCESS",
    "REASON",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The sources of the server, with texts that go on in the next line in one.
fn sources() -> String {
    let mut text = String::new();
    let mut folders = vec![root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                text += &fs::read_to_string(&path).expect("a source");
            }
        }
    }
    let mut lines = text.split("\\\n");
    let first = lines.next().unwrap_or_default().to_owned();
    lines.fold(first, |joined, line| joined + line.trim_start())
}

/// What a quoted line says each time: its pieces between what differs, and between what is put together.
fn pieces(line: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for word in line.split(' ') {
        if word.starts_with('(') {
            pieces.push(String::new());
        }
        let bare = word.trim_matches(|it: char| !it.is_ascii_uppercase());
        if PLACEHOLDERS.contains(&bare) {
            let (before, after) = word.split_once(bare).expect("it is in there");
            let last = pieces.last_mut().expect("there is one");
            *last += &format!(" {before}");
            pieces.push(after.to_owned());
        } else {
            let last = pieces.last_mut().expect("there is one");
            *last += &format!(" {word}");
            if word.ends_with(':') {
                pieces.push(String::new());
            }
        }
    }
    let marks: &[char] = &[' ', ':', ',', ';', '(', ')'];
    let pieces = pieces.iter().map(|it| it.trim_matches(marks).to_owned());
    pieces.filter(|it| !it.is_empty()).collect()
}

/// The quoted lines of a document.
fn quoted(document: &str) -> Vec<String> {
    let blocks = handbook::blocks(document);
    let logs = blocks.iter().filter(|it| it.language == "log");
    logs.flat_map(|it| it.text.lines().map(str::to_owned))
        .collect()
}

#[test]
fn quoted_lines_of_the_log_are_the_servers_own() {
    let sources = sources();
    let mut seen = 0;
    let mut wrong = Vec::new();
    for name in ["README.md", "docs/operation.md", "docs/troubleshooting.md"] {
        let document = fs::read_to_string(root().join(name)).expect("a document");
        for line in quoted(&document) {
            seen += 1;
            let pieces = pieces(&line);
            assert!(!pieces.is_empty(), "{name}: {line} says nothing");
            for piece in pieces {
                if !sources.contains(&piece) {
                    wrong.push(format!("{name}: {line}\n  nothing says: {piece}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 10, "{seen} lines");
}

#[test]
fn a_line_is_taken_apart_where_it_differs() {
    assert_eq!(
        pieces("server ID mismatch (dropped: LABEL from ADDRESS)"),
        ["server ID mismatch", "dropped", "from"]
    );
    assert_eq!(
        pieces("cannot write FILE: it is full; go on"),
        ["cannot write", "it is full; go on"]
    );
}

/// The labels of the list are those of reasons to drop a message.
#[test]
fn the_labels_of_the_troubleshooting_are_labels_of_drops() {
    let document = fs::read_to_string(root().join("docs/troubleshooting.md"));
    let document = document.expect("a document");
    let (_, list) = document.split_once("| label |").expect("the list");
    let (list, _) = list.split_once("\n\n").expect("its end");
    let cells = list.lines().skip(2).filter_map(|it| it.split('|').nth(1));
    let labels: Vec<&str> = cells
        .flat_map(|it| it.split(','))
        .map(|it| it.trim().trim_matches('`'))
        .collect();
    let unknown: Vec<_> = labels
        .iter()
        .filter(|it| !dhcp6lab::scenario::DROP_LABELS.contains(it))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    assert!(labels.len() > 10, "{labels:?}");
}
