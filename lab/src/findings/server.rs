//! What servers answer.

use super::Report;
use super::rules::{
    ADVERTISE_IGNORED, ANSWER_ADDRESS, ANSWER_PORT, ANSWER_SOURCE_PORT, CROSSED_LIFETIMES,
    EMPTY_IA, IA_STATUS, IA_UNANSWERED, IA_UNASKED, IMPOSSIBLE_LEASE, INTERFACE_ID, LATE,
    NO_RAPID_COMMIT, NO_SERVER_ID_BACK, OFF_LINK, OPTION_UNREQUESTED, OTHER_CLIENT_ID,
    OTHER_SERVER_ANSWERS, OUTER_STATUS, RELAY_LEVEL, RELAY_PORT, REPLY_IGNORED, SERVER_UNICAST,
    T1_AFTER_T2, UNANSWERED, UNASKED, UNEQUAL_TIMES, UNFIT_OPTION, UNSIGNED_RECONFIGURE,
    WRONG_ANSWER,
};
use super::timing::timeouts;
use crate::conversation::{Conversation, Ia, Said, ias};
use crate::dialogue::{client_id, server_id};
use crate::dissect::{Head, Message, Options, Value, is_relay, option_name, status_name};

const SOLICIT: u8 = 1;
const ADVERTISE: u8 = 2;
const REQUEST: u8 = 3;
const CONFIRM: u8 = 4;
const RENEW: u8 = 5;
const REBIND: u8 = 6;
const REPLY: u8 = 7;
const RELEASE: u8 = 8;
const DECLINE: u8 = 9;
const RECONFIGURE: u8 = 10;
const INFORMATION_REQUEST: u8 = 11;

const OPTION_IA_NA: u16 = 3;
const OPTION_REQUEST: u16 = 6;
const OPTION_PREFERENCE: u16 = 7;
const OPTION_AUTHENTICATION: u16 = 11;
const OPTION_SERVER_UNICAST: u16 = 12;
const OPTION_STATUS_CODE: u16 = 13;
const OPTION_RAPID_COMMIT: u16 = 14;
const OPTION_INTERFACE_ID: u16 = 18;
const OPTION_IA_PD: u16 = 25;
const OPTION_REFRESH_TIME: u16 = 32;
const OPTION_RELAY_PORT: u16 = 135;
/// What stands in answers without being asked for. SOL_MAX_RT and INF_MAX_RT do not (RFC 9915 §21.24, §21.25).
const UNREQUESTED: [u16; 18] = [
    1, 2, 3, 4, 5, 7, 11, 12, 13, 14, 15, 16, 20, 25, 26, 32, 138, 148,
];

const NO_ADDRS_AVAIL: u16 = 2;
const NO_BINDING: u16 = 3;
const NOT_ON_LINK: u16 = 4;
const NO_PREFIX_AVAIL: u16 = 6;

/// So many messages behind an answer its client is heard again, if at all.
const NEXT: usize = 16;

const PORT_CLIENT: u16 = 546;
const PORT_SERVER: u16 = 547;

/// Octets as people write DUIDs.
pub(super) fn text(duid: &[u8]) -> String {
    duid.iter()
        .map(|it| format!("{it:02x}"))
        .collect::<Vec<_>>()
        .join(":")
}

/// Checks an answer to a message.
pub(super) fn check(question: &Said<'_>, answer: &Said<'_>, report: &mut Report) {
    transport(question, answer, report);
    levels(question, answer, report);
    if !is_whole(answer) || !is_whole(question) {
        return;
    }
    let (asked, core) = (question.core(), answer.core());
    if !matches!(core.head, Head::Client { .. }) {
        return;
    }
    kind(question, answer, report);
    identifiers(asked, answer, report);
    statuses(asked, answer, report);
    associations(asked, answer, report);
    unrequested(asked, answer, report);
    alone(answer, report);
    off_link(question, answer, report);
    let passed = answer.at().saturating_sub(question.at()).as_secs_f64();
    if timeouts(question.kind()).is_some_and(|(first, _)| passed > first) {
        report.add(&LATE, answer, format!("after {passed:.3} s"));
    }
}

/// Checks what a server says whose question is not in the capture.
pub(super) fn check_unasked(answer: &Said<'_>, asked: bool, report: &mut Report) {
    let core = answer.core();
    if core.message_type == RECONFIGURE {
        if core.options.first(OPTION_AUTHENTICATION).is_none() {
            report.add(&UNSIGNED_RECONFIGURE, answer, "no authentication");
        }
    } else if asked {
        report.add(&UNASKED, answer, core.name());
    }
    if is_whole(answer) {
        alone(answer, report);
    }
}

/// Whether everything of a message was captured, and can be read: what is missing may be in the rest.
fn is_whole(said: &Said<'_>) -> bool {
    said.packet.missing == 0 && said.core().options.rest.is_empty()
}

/// What answers must be like, whatever was asked.
fn alone(answer: &Said<'_>, report: &mut Report) {
    let core = answer.core();
    if !matches!(core.message_type, ADVERTISE | REPLY | RECONFIGURE) {
        return;
    }
    if server_id(core).is_none() {
        report.add(&NO_SERVER_ID_BACK, answer, core.name());
    }
    if core.options.first(OPTION_SERVER_UNICAST).is_some() {
        report.add(&SERVER_UNICAST, answer, core.name());
    }
    let ias = ias(core);
    let with_leases = || ias.iter().filter(|it| it.leases().next().is_some());
    for ia in &ias {
        if ia.t1 > ia.t2 && ia.t2 > 0 {
            report.add(
                &T1_AFTER_T2,
                answer,
                format!("{}: T1 {} and T2 {}", ia.name(), ia.t1, ia.t2),
            );
        }
        let status = status(ia.options);
        if ia.leases().next().is_none() && status.is_none() {
            report.add(&EMPTY_IA, answer, ia.name());
        }
        for lease in ia.leases() {
            if lease.preferred > lease.valid {
                let text = format!(
                    "{lease}: preferred {}, valid {}",
                    lease.preferred, lease.valid
                );
                report.add(&CROSSED_LIFETIMES, answer, text);
            }
            let address = lease.address;
            let impossible = address.is_unicast_link_local()
                || address.is_multicast()
                || address.is_loopback()
                || address.is_unspecified();
            if impossible && (lease.valid > 0) {
                report.add(&IMPOSSIBLE_LEASE, answer, lease.to_string());
            }
        }
    }
    let mut times = with_leases().map(|it| (it.t1, it.t2));
    if let Some(first) = times.next()
        && let Some(other) = times.find(|it| *it != first)
    {
        let text = format!(
            "T1 {} and T2 {}, and T1 {} and T2 {}",
            first.0, first.1, other.0, other.1
        );
        report.add(&UNEQUAL_TIMES, answer, text);
    }
}

fn status(options: &Options) -> Option<u16> {
    options
        .first(OPTION_STATUS_CODE)
        .and_then(|it| it.value.status())
}

fn transport(question: &Said<'_>, answer: &Said<'_>, report: &mut Report) {
    let (asked, given) = (&question.packet.datagram, &answer.packet.datagram);
    let relayed = is_relay(question.tree.message_type);
    let own_port = question
        .tree
        .options
        .first(OPTION_RELAY_PORT)
        .is_some_and(|it| it.octets.len() == 2);
    let (port, rule) = match (relayed, own_port) {
        (false, _) => (PORT_CLIENT, &ANSWER_PORT),
        (true, true) => (asked.source.port(), &RELAY_PORT),
        (true, false) => (PORT_SERVER, &RELAY_PORT),
    };
    if given.destination.port() != port {
        report.add(
            rule,
            answer,
            format!("to port {} instead of {port}", given.destination.port()),
        );
    }
    if given.source.port() != PORT_SERVER {
        report.add(
            &ANSWER_SOURCE_PORT,
            answer,
            format!("from port {}", given.source.port()),
        );
    }
    if given.destination.ip() != asked.source.ip() {
        let text = format!(
            "to {} instead of {}",
            given.destination.ip(),
            asked.source.ip()
        );
        report.add(&ANSWER_ADDRESS, answer, text);
    }
}

/// Each relay level must come back as it went out.
fn levels(question: &Said<'_>, answer: &Said<'_>, report: &mut Report) {
    let relays = |message: &'_ Message| {
        message
            .levels()
            .filter(|it| is_relay(it.message_type))
            .count()
    };
    let (out, back) = (relays(&question.tree), relays(&answer.tree));
    if out != back {
        return report.add(
            &RELAY_LEVEL,
            answer,
            format!("{back} levels instead of {out}"),
        );
    }
    for (out, back) in question.tree.levels().zip(answer.tree.levels()).take(out) {
        if let (Head::Relay { hops, link, peer }, true) = (&out.head, out.head != back.head) {
            let text =
                format!("another level than that of hop count {hops}, link {link}, peer {peer}");
            report.add(&RELAY_LEVEL, answer, text);
        }
        let id = |message: &Message| {
            message
                .options
                .first(OPTION_INTERFACE_ID)
                .map(|it| it.octets.clone())
        };
        if id(out) != id(back) {
            let text = match (id(out), id(back)) {
                (Some(_), None) => "it is not there",
                (None, _) => "it is there, and was not before",
                (Some(_), Some(_)) => "it is another",
            };
            report.add(&INTERFACE_ID, answer, text);
        }
    }
}

fn kind(question: &Said<'_>, answer: &Said<'_>, report: &mut Report) {
    let (asked, core) = (question.core(), answer.core());
    let has = |message: &Message, code| message.options.first(code).is_some();
    let solicited = asked.message_type == SOLICIT;
    let fits = match core.message_type {
        ADVERTISE => solicited,
        REPLY => matches!(
            asked.message_type,
            SOLICIT | REQUEST..=REBIND | RELEASE | DECLINE | INFORMATION_REQUEST
        ),
        // Leasequeries and others have answers of their own.
        _ => true,
    };
    if !fits {
        report.add(
            &WRONG_ANSWER,
            answer,
            format!("{} to {}", core.name(), asked.name()),
        );
    }
    let rapid = solicited && core.message_type == REPLY;
    if rapid && !has(core, OPTION_RAPID_COMMIT) {
        report.add(&NO_RAPID_COMMIT, answer, "Reply to Solicit");
    }
    for (code, allowed) in [
        (
            OPTION_RAPID_COMMIT,
            rapid && has(asked, OPTION_RAPID_COMMIT),
        ),
        (OPTION_PREFERENCE, core.message_type == ADVERTISE),
        (
            OPTION_REFRESH_TIME,
            asked.message_type == INFORMATION_REQUEST,
        ),
        (OPTION_REQUEST, false),
    ] {
        if has(core, code) && !allowed {
            let text = format!(
                "{} in {} to {}",
                option_name(code),
                core.name(),
                asked.name()
            );
            report.add(&UNFIT_OPTION, answer, text);
        }
    }
}

fn identifiers(asked: &Message, answer: &Said<'_>, report: &mut Report) {
    let core = answer.core();
    if client_id(core) != client_id(asked) {
        let of = |message| client_id(message).map_or_else(|| "none".to_owned(), |it| text(&it));
        report.add(
            &OTHER_CLIENT_ID,
            answer,
            format!("{} instead of {}", of(core), of(asked)),
        );
    }
    if let (Some(named), Some(own)) = (server_id(asked), server_id(core))
        && named != own
    {
        report.add(
            &OTHER_SERVER_ANSWERS,
            answer,
            format!("{} instead of {}", text(&own), text(&named)),
        );
    }
}

fn statuses(asked: &Message, answer: &Said<'_>, report: &mut Report) {
    let core = answer.core();
    let kind = asked.message_type;
    let outer = status(&core.options);
    let misplaced = match outer {
        Some(NO_ADDRS_AVAIL | NO_PREFIX_AVAIL) => true,
        // To Release and Decline the status is of the message, and of each IA (RFC 9915 §18.3.7).
        Some(NO_BINDING) => !matches!(kind, RELEASE | DECLINE),
        Some(NOT_ON_LINK) => kind != CONFIRM,
        _ => false,
    };
    if let (true, Some(code)) = (misplaced, outer) {
        report.add(
            &OUTER_STATUS,
            answer,
            format!("{} beside the IAs", status_name(code)),
        );
    }
    for ia in ias(core) {
        let fits = match status(ia.options) {
            Some(NO_ADDRS_AVAIL) => ia.code == OPTION_IA_NA,
            Some(NO_PREFIX_AVAIL) => ia.code == OPTION_IA_PD,
            _ => true,
        };
        if let (false, Some(code)) = (fits, status(ia.options)) {
            report.add(
                &IA_STATUS,
                answer,
                format!("{} in {}", status_name(code), ia.name()),
            );
        }
    }
}

fn associations(asked: &Message, answer: &Said<'_>, report: &mut Report) {
    let core = answer.core();
    if !matches!(core.message_type, ADVERTISE | REPLY) {
        return;
    }
    let (asked_ias, given) = (ias(asked), ias(core));
    for ia in &given {
        if !asked_ias.iter().any(|it| it.is(ia)) {
            report.add(&IA_UNASKED, answer, ia.name());
        }
    }
    // A message whose status says why nothing is given need not repeat the IAs.
    let refused = status(&core.options).is_some_and(|it| it != 0);
    if refused || !matches!(asked.message_type, SOLICIT | REQUEST | RENEW | REBIND) {
        return;
    }
    let unanswered = |ia: &&Ia<'_>| !given.iter().any(|it| it.is(ia));
    for ia in asked_ias.iter().filter(unanswered) {
        report.add(&IA_UNANSWERED, answer, ia.name());
    }
}

fn unrequested(asked: &Message, answer: &Said<'_>, report: &mut Report) {
    let core = answer.core();
    // Of a client without Option Request nobody knows what it would like.
    let Some(Value::Codes(wanted)) = asked.options.first(OPTION_REQUEST).map(|it| &it.value) else {
        return;
    };
    let codes = core.options.list.iter().map(|it| it.code);
    let mut unrequested: Vec<u16> = codes
        .filter(|it| !UNREQUESTED.contains(it) && *it != OPTION_REQUEST && !wanted.contains(it))
        .collect();
    unrequested.dedup();
    if !unrequested.is_empty() {
        let names: Vec<_> = unrequested.iter().map(|it| option_name(*it)).collect();
        report.add(&OPTION_UNREQUESTED, answer, names.join(", "));
    }
}

/// An address that is not of the link that the relay agent closest to the client tells of.
fn off_link(question: &Said<'_>, answer: &Said<'_>, report: &mut Report) {
    let relays = question.tree.levels().filter_map(|it| match it.head {
        Head::Relay { link, .. } => Some(link),
        Head::Client { .. } | Head::Cut(_) => None,
    });
    let told = relays.filter(|it| !it.is_unspecified() && !it.is_unicast_link_local());
    let Some(link) = told.last() else { return };
    for ia in ias(answer.core())
        .iter()
        .filter(|it| it.code == OPTION_IA_NA)
    {
        for lease in ia.leases().filter(|it| it.valid > 0) {
            if lease.address.to_bits() >> 64 != link.to_bits() >> 64 {
                report.add(
                    &OFF_LINK,
                    answer,
                    format!("{lease}, and the link has {link}"),
                );
            }
        }
    }
}

/// Whether a message is answered, and what its client makes of that.
pub(super) fn check_answered(conversation: &Conversation<'_>, index: usize, report: &mut Report) {
    let messages = &conversation.messages;
    let said = &messages[index];
    let known = matches!(
        said.kind(),
        SOLICIT | REQUEST..=REBIND | RELEASE | DECLINE | INFORMATION_REQUEST
    );
    if said.repeats.is_some() || !known {
        return;
    }
    let times = conversation.transmissions(index).count();
    if conversation.answers(index).next().is_none() {
        let last = conversation.transmissions(index).last().unwrap_or(said);
        let text = format!(
            "{}, sent {times} time{}",
            said.core().name(),
            if times == 1 { "" } else { "s" }
        );
        return report.add(&UNANSWERED, last, text);
    }
    let Some(settled) = conversation.answers(index).find(|it| settles(it)) else {
        return;
    };
    let after = messages.partition_point(|it| it.packet.number <= settled.packet.number);
    // What the client says next is to be something else.
    let own = messages
        .iter()
        .skip(after)
        .take(NEXT)
        .find(|it| !it.from_server);
    let Some(again) = own else { return };
    let begun = again.core().xid() == said.core().xid() || again.kind() == SOLICIT;
    let late = again.at().saturating_sub(settled.at()).as_secs_f64();
    let asks = again.kind() == said.kind() && again.kind() != INFORMATION_REQUEST;
    if asks && begun && (0.2..60.0).contains(&late) {
        let rule = if said.kind() == SOLICIT {
            &ADVERTISE_IGNORED
        } else {
            &REPLY_IGNORED
        };
        let text = format!(
            "{} again, though packet {} is an answer",
            said.core().name(),
            settled.packet.number
        );
        report.add(rule, again, text);
    }
}

/// Whether a client that gets this has no reason to ask again.
fn settles(answer: &Said<'_>) -> bool {
    let ias = ias(answer.core());
    let given = ias
        .iter()
        .any(|it| it.leases().any(|lease| lease.valid > 0));
    match answer.kind() {
        ADVERTISE => given,
        REPLY => {
            given || ias.is_empty() && matches!(status(&answer.core().options), None | Some(0))
        }
        _ => false,
    }
}
