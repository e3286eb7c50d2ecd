//! A capture as a JSON document. Keys stay; new ones may come.

use serde_json::{Value as Json, json};

use super::{Shown, person};
use crate::conversation::{Conversation, Said};
use crate::dissect::{Head, Message, Opt, Options, is_relay, option_name};
use crate::findings::{By, Finding, Kind};
use crate::transcript;

pub(super) fn document(shown: &Shown<'_>, hex: bool) -> Json {
    let clients: Vec<Json> = shown
        .conversations
        .iter()
        .map(|it| client(it, hex))
        .collect();
    let findings: Vec<Json> = shown.findings.iter().map(finding).collect();
    json!({
        "file": shown.path.display().to_string(),
        "messages": shown.capture.packets.len(),
        "remarks": shown.capture.remarks,
        "clients": clients,
        "findings": findings,
    })
}

fn finding(finding: &Finding) -> Json {
    let kind = match finding.rule.kind {
        Kind::Error => "error",
        Kind::Peculiarity => "peculiarity",
    };
    let by = match finding.rule.by {
        By::Anyone => "anyone",
        By::Client => "client",
        By::Relay => "relay",
        By::Server => "server",
        By::Capture => "capture",
    };
    json!({
        "name": finding.rule.name,
        "kind": kind,
        "by": by,
        "rfc": finding.rule.rfc,
        "packet": finding.packet,
        "again": finding.again,
        "text": finding.text,
        "says": finding.rule.says,
    })
}

fn client(conversation: &Conversation<'_>, hex: bool) -> Json {
    let party = &conversation.party;
    let agents = party.path.iter().map(|it| {
        json!({
            "link_address": it.link.to_string(),
            "interface_id": it.interface_id.as_deref().map(person::colons),
        })
    });
    let messages = conversation.messages.iter();
    let messages: Vec<Json> = messages.map(|it| message(conversation, it, hex)).collect();
    json!({
        "name": party.name,
        "heard": conversation.heard,
        "duid": person::colons(&party.duid),
        "address": party.address.to_string(),
        "mac": person::mac(conversation),
        "link": party.link,
        "relay_agents": agents.collect::<Vec<_>>(),
        "messages": messages,
    })
}

fn message(conversation: &Conversation<'_>, said: &Said<'_>, hex: bool) -> Json {
    let number = |index: Option<usize>| {
        let said = index.and_then(|it| conversation.messages.get(it));
        said.map(|it| it.packet.number)
    };
    let core = said.core();
    let relays = said
        .tree
        .levels()
        .filter(|it| is_relay(it.message_type))
        .map(relay);
    let mut document = json!({
        "packet": said.packet.number,
        "time": person::time(said.at()),
        "from_server": said.from_server,
        "source": said.packet.datagram.source.to_string(),
        "destination": said.packet.datagram.destination.to_string(),
        "hop_limit": said.packet.hop_limit,
        "type": core.name(),
        "type_code": core.message_type,
        "transaction_id": core.xid().map(|it| format!("{it:06x}")),
        "answers": number(said.answers),
        "repeats": number(said.repeats),
        "relay_levels": relays.collect::<Vec<_>>(),
        "options": options(&core.options),
        "unread": person::colons(&core.options.rest),
        "not_captured": said.packet.missing,
        "comments": said.packet.comments,
    });
    if let (true, Some(map)) = (hex, document.as_object_mut()) {
        map.insert(
            "octets".into(),
            person::colons(&said.packet.datagram.payload).into(),
        );
    }
    document
}

fn relay(level: &Message) -> Json {
    let own = level
        .options
        .list
        .iter()
        .filter(|it| it.value.message().is_none());
    let own = Options {
        list: own.cloned().collect(),
        rest: Vec::new(),
    };
    match &level.head {
        Head::Relay { hops, link, peer } => json!({
            "type": level.name(),
            "hop_count": hops,
            "link_address": link.to_string(),
            "peer_address": peer.to_string(),
            "options": options(&own),
        }),
        Head::Client { .. } | Head::Cut(_) => json!({ "type": level.name(), "options": [] }),
    }
}

fn options(all: &Options) -> Vec<Json> {
    all.list.iter().map(option).collect()
}

fn option(option: &Opt) -> Json {
    let mut document = json!({
        "code": option.code,
        "name": option_name(option.code),
        "octets": person::colons(&option.octets),
        "text": transcript::content(option),
    });
    if let (Some(inside), Some(map)) = (option.value.options(), document.as_object_mut()) {
        map.insert("options".into(), options(inside).into());
    }
    document
}
