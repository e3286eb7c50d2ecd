//! What came of a replay, for programs.

use serde_json::{Value, json};

use super::meaning::Row;
use super::page;
use super::play::Played;
use super::reason::Class;
use super::rewrite;
use crate::dialogue::Dialogue;

/// The whole report as one object.
#[must_use]
pub(super) fn write(dialogue: &Dialogue, played: &Played, file: &str, rig: &str) -> Value {
    let clients = dialogue.clients.iter().map(|it| {
        let path = it.path.iter().map(|it| it.link.to_string());
        json!({
            "name": it.name,
            "duid": rewrite::hex(&it.duid),
            "link": it.link,
            "relays": path.collect::<Vec<_>>(),
        })
    });
    let turns = dialogue.turns.iter().zip(&played.turns);
    let turns = turns.map(|(turn, compared)| {
        let name = |octets: &[u8]| crate::dissect::message(octets).core().name();
        let rewrites = compared.rewrites.iter();
        let rewrites = rewrites.map(|it| json!({"place": it.place, "from": it.from, "to": it.to}));
        json!({
            "packet": turn.number,
            "seconds": turn.at.as_secs_f64(),
            "client": dialogue.clients[turn.client].name,
            "message": name(&turn.datagram.payload),
            "answers": turn.answers.iter().map(|it| it.number).collect::<Vec<_>>(),
            "live": compared.live.as_ref().map(|it| name(&it.payload)),
            "dropped": compared.dropped,
            "rewrites": rewrites.collect::<Vec<_>>(),
            "differences": compared.differences().map(difference).collect::<Vec<_>>(),
            "notes": compared.remarks,
        })
    });
    json!({
        "file": file,
        "rig": rig,
        "equal": played.differences() == 0,
        "verdict": page::verdict(dialogue, played),
        "differences": {
            "configuration": played.count(Class::Configuration),
            "rfc": played.count(Class::Rfc),
            "capture": played.count(Class::Capture),
            "unexplained": played.count(Class::Unexplained),
        },
        "clients": clients.collect::<Vec<_>>(),
        "messages": turns.collect::<Vec<_>>(),
        "notes": dialogue.remarks,
        "ends": played.ends,
    })
}

fn difference(row: &Row) -> Value {
    let why = row.difference.as_ref();
    json!({
        "place": row.place,
        "recorded": row.recorded,
        "live": row.live,
        "class": why.map(|it| it.class.to_string()),
        "reason": why.map(|it| it.text.as_str()),
    })
}
