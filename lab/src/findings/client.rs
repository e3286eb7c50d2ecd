//! What clients say.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use super::Report;
use super::rules::{
    CLIENT_PORT, CLIENT_SOURCE, CLIENT_TIMES, CONFIRM_LIFETIMES, DECLINED_PREFIX, DUID_CHANGED,
    DUID_SHARED, FQDN_PLACE, IA_IN_INFORMATION_REQUEST, IA_TA, NO_CLIENT_ID, NO_ELAPSED_TIME,
    NO_IA, NO_OPTION_REQUEST, NO_SERVER_ID, NO_SOL_MAX_RT, NOTHING_TO_CONFIRM, NOTHING_TO_GIVE_UP,
    OTHER_SERVER, REPEATED_REQUEST, SERVER_PORT, UNFIT_REQUEST, UNFIT_SERVER_ID, UNICAST,
    XID_REUSED,
};
use crate::conversation::{Conversation, Said, ias};
use crate::dialogue::{client_id, server_id};
use crate::dissect::{Message, Value, is_relay, option_name};

const SOLICIT: u8 = 1;
const REQUEST: u8 = 3;
const CONFIRM: u8 = 4;
const RENEW: u8 = 5;
const REBIND: u8 = 6;
const RELEASE: u8 = 8;
const DECLINE: u8 = 9;
const INFORMATION_REQUEST: u8 = 11;

const OPTION_CLIENT_ID: u16 = 1;
const OPTION_SERVER_ID: u16 = 2;
const OPTION_IA_NA: u16 = 3;
const OPTION_IA_TA: u16 = 4;
const OPTION_REQUEST: u16 = 6;
const OPTION_ELAPSED_TIME: u16 = 8;
const OPTION_IA_PD: u16 = 25;
const OPTION_CLIENT_FQDN: u16 = 39;
const OPTION_SOL_MAX_RT: u16 = 82;

const PORT_CLIENT: u16 = 546;
const PORT_SERVER: u16 = 547;
/// Options that no Option Request may have (RFC 9915 §21.7).
const UNREQUESTABLE: [u16; 20] = [
    1, 2, 3, 4, 25, 5, 26, 6, 8, 7, 9, 11, 12, 13, 14, 15, 16, 18, 19, 20,
];

pub(super) fn check(said: &Said<'_>, report: &mut Report) {
    let core = said.core();
    let whole = said.packet.missing == 0;
    let is_client = matches!(
        core.message_type,
        SOLICIT | REQUEST..=REBIND | RELEASE | DECLINE | INFORMATION_REQUEST
    );
    if !is_client || !whole || core.xid().is_none() {
        return;
    }
    if !is_relay(said.tree.message_type) {
        transport(said, report);
    }
    // What is missing may be in the octets that cannot be read.
    if !core.options.rest.is_empty() {
        return;
    }
    identifiers(said, core, report);
    if core.options.first(OPTION_ELAPSED_TIME).is_none() {
        report.add(&NO_ELAPSED_TIME, said, core.name());
    }
    option_request(said, core, report);
    associations(said, core, report);
    let fqdn = core.options.first(OPTION_CLIENT_FQDN).is_some();
    if fqdn && !matches!(core.message_type, SOLICIT | REQUEST | RENEW | REBIND) {
        report.add(&FQDN_PLACE, said, format!("client-fqdn in {}", core.name()));
    }
}

fn has(message: &Message, code: u16) -> bool {
    message.options.first(code).is_some()
}

fn identifiers(said: &Said<'_>, core: &Message, report: &mut Report) {
    let kind = core.message_type;
    if kind != INFORMATION_REQUEST && !has(core, OPTION_CLIENT_ID) {
        report.add(&NO_CLIENT_ID, said, core.name());
    }
    let named = has(core, OPTION_SERVER_ID);
    match kind {
        SOLICIT | CONFIRM | REBIND if named => report.add(&UNFIT_SERVER_ID, said, core.name()),
        REQUEST | RENEW | RELEASE | DECLINE if !named => {
            report.add(&NO_SERVER_ID, said, core.name());
        }
        _ => {}
    }
}

fn option_request(said: &Said<'_>, core: &Message, report: &mut Report) {
    let kind = core.message_type;
    if !matches!(
        kind,
        SOLICIT | REQUEST | RENEW | REBIND | INFORMATION_REQUEST
    ) {
        return;
    }
    let Some(option) = core.options.first(OPTION_REQUEST) else {
        return report.add(&NO_OPTION_REQUEST, said, core.name());
    };
    let Value::Codes(codes) = &option.value else {
        return;
    };
    let join = |codes: &[u16]| {
        codes
            .iter()
            .map(|it| option_name(*it))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let unfit: Vec<u16> = codes
        .iter()
        .copied()
        .filter(|it| UNREQUESTABLE.contains(it))
        .collect();
    if !unfit.is_empty() {
        report.add(&UNFIT_REQUEST, said, join(&unfit));
    }
    let twice = codes
        .iter()
        .enumerate()
        .filter(|(index, it)| codes.iter().take(*index).any(|e| e == *it));
    let twice: Vec<u16> = twice.map(|it| *it.1).collect();
    if !twice.is_empty() {
        report.add(&REPEATED_REQUEST, said, join(&twice));
    }
    if kind == SOLICIT && !codes.contains(&OPTION_SOL_MAX_RT) {
        report.add(&NO_SOL_MAX_RT, said, "option-request without sol-max-rt");
    }
}

fn associations(said: &Said<'_>, core: &Message, report: &mut Report) {
    let kind = core.message_type;
    let ias = ias(core);
    if has(core, OPTION_IA_TA) {
        report.add(&IA_TA, said, core.name());
    }
    if kind == INFORMATION_REQUEST {
        if !ias.is_empty() || has(core, OPTION_IA_TA) {
            report.add(&IA_IN_INFORMATION_REQUEST, said, "it has an IA");
        }
        return;
    }
    // The content of what is malformed is not known.
    let opaque = |code| {
        core.options
            .all(code)
            .any(|it| matches!(it.value, Value::Malformed(_)))
    };
    if opaque(OPTION_IA_NA) || opaque(OPTION_IA_PD) {
        return;
    }
    if ias.is_empty() {
        report.add(
            &NO_IA,
            said,
            format!("{} without IA_NA and IA_PD", core.name()),
        );
    }
    for ia in &ias {
        if (ia.t1, ia.t2) != (0, 0) {
            let text = format!("{} with T1 {} and T2 {}", ia.name(), ia.t1, ia.t2);
            report.add(&CLIENT_TIMES, said, text);
        }
        let leases: Vec<_> = ia.leases().collect();
        if matches!(kind, RELEASE | DECLINE) && leases.is_empty() {
            report.add(&NOTHING_TO_GIVE_UP, said, ia.name());
        }
        if kind == DECLINE && ia.code == OPTION_IA_PD {
            report.add(&DECLINED_PREFIX, said, ia.name());
        }
        let lifetimes = leases.iter().find(|it| (it.preferred, it.valid) != (0, 0));
        if let (CONFIRM, Some(lease)) = (kind, lifetimes) {
            let text = format!(
                "{lease} with lifetimes {} and {}",
                lease.preferred, lease.valid
            );
            report.add(&CONFIRM_LIFETIMES, said, text);
        }
    }
    if kind == CONFIRM && ias.iter().all(|it| it.leases().next().is_none()) {
        report.add(&NOTHING_TO_CONFIRM, said, "no address in it");
    }
}

/// Ports and addresses of a message that comes from the client itself.
fn transport(said: &Said<'_>, report: &mut Report) {
    let datagram = &said.packet.datagram;
    let (source, destination) = (datagram.source, datagram.destination);
    if source.port() != PORT_CLIENT {
        report.add(&CLIENT_PORT, said, format!("from port {}", source.port()));
    }
    if destination.port() != PORT_SERVER {
        report.add(
            &SERVER_PORT,
            said,
            format!("to port {}", destination.port()),
        );
    }
    if !destination.ip().is_multicast() {
        report.add(&UNICAST, said, format!("to {}", destination.ip()));
    } else if !source.ip().is_unicast_link_local() {
        report.add(&CLIENT_SOURCE, said, format!("from {}", source.ip()));
    }
}

/// What can only be seen in several messages of a client.
pub(super) fn check_conversation(conversation: &Conversation<'_>, report: &mut Report) {
    let mut servers: Vec<Vec<u8>> = Vec::new();
    // By transaction id, the number and type of the first message with it.
    let mut ids: BTreeMap<u32, (u8, usize)> = BTreeMap::new();
    for said in &conversation.messages {
        let core = said.core();
        let server = server_id(core);
        if said.from_server {
            servers.extend(server.filter(|it| !servers.contains(it)));
            continue;
        }
        let known = server.filter(|it| !servers.is_empty() && !servers.contains(it));
        if let Some(other) =
            known.filter(|_| matches!(core.message_type, REQUEST | RENEW | RELEASE | DECLINE))
        {
            let text = format!("{} names {}", core.name(), super::server::text(&other));
            report.add(&OTHER_SERVER, said, text);
        }
        let Some(xid) = core.xid() else { continue };
        let first = *ids
            .entry(xid)
            .or_insert((core.message_type, said.packet.number));
        if first.0 != core.message_type {
            let text = format!(
                "{} has the transaction id of packet {}",
                core.name(),
                first.1
            );
            report.add(&XID_REUSED, said, text);
            ids.insert(xid, (core.message_type, said.packet.number));
        }
    }
}

/// DUIDs that are shared, and addresses that change theirs.
pub(super) fn check_identities(conversations: &[Conversation<'_>], report: &mut Report) {
    let mut duids: BTreeMap<(&str, Vec<u8>), Vec<Ipv6Addr>> = BTreeMap::new();
    let mut addresses: BTreeMap<(&str, Ipv6Addr), Vec<Vec<u8>>> = BTreeMap::new();
    let messages = conversations.iter().flat_map(|it| &it.messages);
    let mut direct: Vec<_> = messages
        .filter(|it| !it.from_server && !is_relay(it.tree.message_type))
        .collect();
    direct.sort_by_key(|it| it.packet.number);
    for said in direct {
        let address = *said.packet.datagram.source.ip();
        let Some(duid) = client_id(said.core()).filter(|_| address.is_unicast_link_local()) else {
            continue;
        };
        let link = said.packet.link.as_str();
        let known = duids.entry((link, duid.clone())).or_default();
        if let (false, Some(first)) = (known.contains(&address), known.first()) {
            report.add(
                &DUID_SHARED,
                said,
                format!("from {address}, and before from {first}"),
            );
        }
        if !known.contains(&address) {
            known.push(address);
        }
        let known = addresses.entry((link, address)).or_default();
        if let (false, Some(first)) = (known.contains(&duid), known.first()) {
            let (now, before) = (super::server::text(&duid), super::server::text(first));
            report.add(
                &DUID_CHANGED,
                said,
                format!("{address} is {now}, and was {before}"),
            );
        }
        if !known.contains(&duid) {
            known.push(duid);
        }
    }
}
