//! What every answer must be like, whatever a scenario expects of it.
//!
//! A scenario names the type of an answer and its snapshot shows the rest; a snapshot that was accepted in
//! haste must still not hide an answer that no client could use.

pub mod signature;

use std::net::SocketAddrV6;

use crate::authentication::AUTHENTICATION;
use crate::compose::{CLIENT_PORT, SERVER_PORT};
use crate::dissect::{self, Head, Message, Opt, Options, Value, option_name};
use crate::rig::Datagram;

const SOLICIT: u8 = 1;
const ADVERTISE: u8 = 2;
const REQUEST: u8 = 3;
const CONFIRM: u8 = 4;
const RENEW: u8 = 5;
const REPLY: u8 = 7;
const RELEASE: u8 = 8;
const DECLINE: u8 = 9;
const INFORMATION_REQUEST: u8 = 11;
const RELAY_REPLY: u8 = 13;

const CLIENT_ID: u16 = 1;
const SERVER_ID: u16 = 2;
const IA_NA: u16 = 3;
const IA_TA: u16 = 4;
const ADDRESS: u16 = 5;
const PREFERENCE: u16 = 7;
const SERVER_UNICAST: u16 = 12;
const STATUS_CODE: u16 = 13;
const RAPID_COMMIT: u16 = 14;
const INTERFACE_ID: u16 = 18;
const IA_PD: u16 = 25;
const PREFIX: u16 = 26;
const REFRESH_TIME: u16 = 32;
const RELAY_PORT: u16 = 135;

/// Options that may stand more than once where they stand (RFC 9915 §21, IANA registry).
const NO_SINGLETONS: [u16; 14] = [3, 5, 16, 17, 25, 26, 37, 56, 74, 86, 94, 104, 138, 144];

/// What is wrong with an answer to what was sent; nothing, if the list is empty.
#[must_use]
pub fn faults(sent: &Datagram, answer: &Datagram) -> Vec<String> {
    let question = dissect::message(&sent.payload);
    let tree = dissect::message(&answer.payload);
    let mut faults = Vec::new();
    let to = destination(sent, &question);
    if answer.destination != to {
        faults.push(format!("it goes to {} instead of {to}", answer.destination));
    }
    if answer.source.port() != SERVER_PORT {
        faults.push(format!("it comes from port {}", answer.source.port()));
    }
    if question.levels().count() == tree.levels().count() {
        let levels = question.levels().zip(tree.levels());
        for (outgoing, incoming) in levels.filter(|(it, _)| dissect::is_relay(it.message_type)) {
            check_level(outgoing, incoming, &mut faults);
        }
    } else {
        faults.push("it does not have the relay levels of what was sent".to_owned());
    }
    check_form(&tree.options, None, &mut faults);
    let (question, core) = (question.core(), tree.core());
    check_type(question, core, &mut faults);
    check_identifiers(question, core, &mut faults);
    check_ias(question, core, &mut faults);
    check_statuses(question, core, &mut faults);
    faults
}

/// Where the answer must go (RFC 9915 §7.2, §18.3.10, §19.3; RFC 8357 §5.2).
fn destination(sent: &Datagram, question: &Message) -> SocketAddrV6 {
    let mut to = sent.source;
    if !dissect::is_relay(question.message_type) {
        to.set_port(CLIENT_PORT);
    } else if question
        .options
        .first(RELAY_PORT)
        .is_none_or(|it| it.octets.len() != 2)
    {
        to.set_port(SERVER_PORT);
    }
    to
}

/// A relay level must come back as it went out (RFC 9915 §19.3, §21.18; RFC 8357 §5.2).
fn check_level(outgoing: &Message, incoming: &Message, faults: &mut Vec<String>) {
    if incoming.message_type != RELAY_REPLY {
        faults.push(format!("a relay level is of type {}", incoming.name()));
    }
    if incoming.head != outgoing.head {
        faults.push("a relay level has another hop count, link or peer address".to_owned());
    }
    for code in [INTERFACE_ID, RELAY_PORT] {
        let usable = |it: &&Opt| code != RELAY_PORT || it.octets.len() == 2;
        let was = outgoing.options.first(code).filter(usable);
        let is = incoming.options.first(code);
        if was.map(|it| &it.octets) != is.map(|it| &it.octets) {
            faults.push(format!(
                "a relay level does not have its {} back",
                option_name(code)
            ));
        }
    }
}

/// Every option has the form of its code, and stands where and as often as it may.
fn check_form(options: &Options, within: Option<u16>, faults: &mut Vec<String>) {
    if !options.rest.is_empty() {
        faults.push("there are octets that are no option".to_owned());
    }
    for (index, option) in options.list.iter().enumerate() {
        let name = option_name(option.code);
        let mut earlier = options.list.iter().take(index);
        if !NO_SINGLETONS.contains(&option.code) && earlier.any(|it| it.code == option.code) {
            faults.push(format!("{name} stands twice"));
        }
        let home = match option.code {
            ADDRESS => Some(IA_NA),
            PREFIX => Some(IA_PD),
            _ => within,
        };
        if within != home {
            faults.push(format!("{name} stands where it may not"));
        }
        if [IA_TA, SERVER_UNICAST].contains(&option.code) {
            faults.push(format!("{name} is obsolete"));
        }
        check_value(option, faults);
    }
}

fn check_value(option: &Opt, faults: &mut Vec<String>) {
    let name = option_name(option.code);
    let value = &option.value;
    if let Value::Malformed(_) = value {
        faults.push(format!("{name} is malformed"));
    }
    if let Value::Ia { t1, t2, .. } = value
        && t1 > t2
        && *t2 > 0
    {
        faults.push(format!("{name} has T1 after T2"));
    }
    if let Value::Address {
        preferred, valid, ..
    }
    | Value::Prefix {
        preferred, valid, ..
    } = value
        && preferred > valid
    {
        faults.push(format!("{name} is preferred for longer than it is valid"));
    }
    if let Value::Prefix { length, prefix, .. } = value {
        let beyond = u128::MAX.checked_shr(u32::from(*length)).unwrap_or(0);
        if prefix.to_bits() & beyond != 0 {
            faults.push(format!("{name} has bits beyond its length"));
        }
    }
    if let Some(options) = value.options() {
        check_form(options, Some(option.code), faults);
    }
    if let Some(inner) = value.message() {
        check_form(&inner.options, None, faults);
    }
}

/// The type fits the question, and so do the options that belong to one exchange alone.
fn check_type(question: &Message, core: &Message, faults: &mut Vec<String>) {
    let has = |message: &Message, code| message.options.first(code).is_some();
    let solicited = question.message_type == SOLICIT;
    let rapid = solicited && has(question, RAPID_COMMIT) && core.message_type == REPLY;
    let fitting = match core.message_type {
        ADVERTISE => solicited,
        REPLY => !solicited || rapid,
        _ => false,
    };
    if !fitting {
        faults.push(format!(
            "{} is no answer to {}",
            core.name(),
            question.name()
        ));
    }
    let informed = question.message_type == INFORMATION_REQUEST;
    let mut must_not = |code, allowed: bool| {
        if has(core, code) && !allowed {
            faults.push(format!("{} does not belong there", option_name(code)));
        }
    };
    must_not(RAPID_COMMIT, rapid);
    must_not(PREFERENCE, core.message_type == ADVERTISE);
    must_not(REFRESH_TIME, informed);
    if [CONFIRM, RELEASE, DECLINE].contains(&question.message_type) {
        for option in &core.options.list {
            let fits = [
                CLIENT_ID,
                SERVER_ID,
                IA_NA,
                IA_PD,
                AUTHENTICATION,
                STATUS_CODE,
            ]
            .contains(&option.code);
            must_not(option.code, fits);
        }
    }
    if rapid && !has(core, RAPID_COMMIT) {
        faults.push("a Reply to a Solicit has no rapid-commit".to_owned());
    }
}

fn check_identifiers(question: &Message, core: &Message, faults: &mut Vec<String>) {
    if core.xid() != question.xid() || !matches!(core.head, Head::Client { .. }) {
        faults.push("it has another transaction id".to_owned());
    }
    let first = |message: &Message| message.options.first(CLIENT_ID).map(|it| it.octets.clone());
    if first(core) != first(question) {
        faults.push("it does not have the client's identifier back".to_owned());
    }
    if core.options.first(SERVER_ID).is_none() {
        faults.push("it has no server identifier".to_owned());
    }
}

/// An IA of a message.
struct Ia<'a> {
    code: u16,
    iaid: u32,
    times: (u32, u32),
    options: &'a Options,
}

impl Ia<'_> {
    fn is(&self, other: &Self) -> bool {
        (self.code, self.iaid) == (other.code, other.iaid)
    }

    fn name(&self) -> String {
        format!("{} {}", option_name(self.code), self.iaid)
    }
}

fn ias(message: &Message) -> Vec<Ia<'_>> {
    let served = |it: &&Opt| [IA_NA, IA_PD].contains(&it.code);
    let options = message.options.list.iter().filter(served);
    options
        .filter_map(|option| {
            let Value::Ia {
                iaid,
                t1,
                t2,
                options,
            } = &option.value
            else {
                return None;
            };
            Some(Ia {
                code: option.code,
                iaid: *iaid,
                times: (*t1, *t2),
                options,
            })
        })
        .collect()
}

/// No IA that was not asked for, none twice, one pair of T1 and T2, and something in each.
fn check_ias(question: &Message, core: &Message, faults: &mut Vec<String>) {
    const ANSWER_ALL: [u8; 3] = [SOLICIT, REQUEST, RENEW];
    let (asked, given) = (ias(question), ias(core));
    for (index, ia) in given.iter().enumerate() {
        let name = ia.name();
        let informed = question.message_type == INFORMATION_REQUEST;
        if informed || !asked.iter().any(|it| it.is(ia)) {
            faults.push(format!("nobody asked for {name}"));
        }
        if given.iter().take(index).any(|it| it.is(ia)) {
            faults.push(format!("{name} stands twice"));
        }
        if given.first().is_some_and(|first| first.times != ia.times) {
            faults.push(format!("{name} has its own T1 and T2"));
        }
        if ia.options.list.is_empty() {
            faults.push(format!("{name} says nothing"));
        }
    }
    for ia in &asked {
        let answered = given.iter().any(|it| it.is(ia));
        if ANSWER_ALL.contains(&question.message_type) && !answered {
            faults.push(format!("{} is not answered", ia.name()));
        }
    }
}

/// Which status may stand where (RFC 9915 §18.3, §21.13).
fn check_statuses(question: &Message, core: &Message, faults: &mut Vec<String>) {
    const NO_ADDRS_AVAIL: u16 = 2;
    const NO_BINDING: u16 = 3;
    const NOT_ON_LINK: u16 = 4;
    const NO_PREFIX_AVAIL: u16 = 6;
    let status = |options: &Options| options.first(STATUS_CODE).and_then(|it| it.value.status());
    let confirmed = question.message_type == CONFIRM;
    match status(&core.options) {
        None | Some(0 | 1) => {}
        Some(NOT_ON_LINK) if confirmed => {}
        Some(code) => {
            let name = dissect::status_name(code);
            faults.push(format!("{name} stands outside of an IA"));
        }
    }
    for ia in ias(core) {
        let fits = match status(ia.options) {
            None | Some(NO_BINDING) => true,
            Some(NO_ADDRS_AVAIL | NOT_ON_LINK) => ia.code == IA_NA,
            Some(NO_PREFIX_AVAIL) => ia.code == IA_PD,
            Some(_) => false,
        };
        if !fits {
            faults.push(format!("{} has a status that it may not have", ia.name()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv6Addr;

    const INTERFACE: [u8; 5] = [0, 18, 0, 1, b'a'];
    const OWN_PORT: [u8; 6] = [0, 135, 0, 2, 0, 0];

    /// A relay level around a message, with options behind it.
    fn level(message_type: u8, hops: u8, inner: &[u8], options: &[&[u8]]) -> Vec<u8> {
        let mut octets = vec![message_type, hops];
        octets.extend([0; 32]);
        octets.extend([0, 9, 0, u8::try_from(inner.len()).expect("short")]);
        octets.extend(inner);
        octets.extend(options.concat());
        octets
    }

    fn datagram(port: u16, to_port: u16, payload: Vec<u8>) -> Datagram {
        let at = |last, port| {
            let address = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last);
            SocketAddrV6::new(address, port, 0, 0)
        };
        Datagram {
            source: at(0xe1, port),
            destination: at(0xe1, to_port),
            payload,
        }
    }

    /// The faults of this answer to an Information-request that came through an agent with these options.
    fn judged(options: &[&[u8]], to_port: u16, answer: Vec<u8>) -> Vec<String> {
        let question = level(12, 0, &[11, 0, 0, 1], options);
        let from_port = 40_000;
        faults(
            &datagram(from_port, SERVER_PORT, question),
            &datagram(SERVER_PORT, to_port, answer),
        )
    }

    fn reply() -> Vec<u8> {
        vec![7, 0, 0, 1, 0, 2, 0, 3, 0, 1, 9]
    }

    #[test]
    fn a_level_comes_back_with_its_interface_id_to_the_port_of_agents() {
        let options = [&INTERFACE[..]];
        let whole = level(13, 0, &reply(), &options);
        assert!(judged(&options, SERVER_PORT, whole).is_empty());
        let bare = level(13, 0, &reply(), &[]);
        assert_eq!(
            judged(&options, SERVER_PORT, bare),
            ["a relay level does not have its interface-id back"]
        );
        let counted = level(13, 1, &reply(), &options);
        assert_eq!(
            judged(&options, SERVER_PORT, counted),
            ["a relay level has another hop count, link or peer address"]
        );
    }

    #[test]
    fn only_an_agent_that_says_so_is_answered_at_its_own_port() {
        let options = [&OWN_PORT[..]];
        let whole = level(13, 0, &reply(), &options);
        assert!(judged(&options, 40_000, whole.clone()).is_empty());
        assert_eq!(
            judged(&options, SERVER_PORT, whole),
            ["it goes to [fe80::e1]:547 instead of [fe80::e1]:40000"]
        );
        let plain = level(13, 0, &reply(), &[]);
        assert_eq!(judged(&[], 40_000, plain).len(), 1);
    }

    #[test]
    fn an_answer_without_the_agents_levels_is_wrong() {
        assert_eq!(
            judged(&[], SERVER_PORT, reply()),
            ["it does not have the relay levels of what was sent"]
        );
    }
}
