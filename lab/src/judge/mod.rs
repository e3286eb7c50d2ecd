//! What every answer must be like, whatever a scenario expects of it.
//!
//! A scenario names the type of an answer and its snapshot shows the rest; a snapshot that was accepted in
//! haste must still not hide an answer that no client could use.
//!
//! Most rules are those of an RFC, and any server is held to them. Some are our own, stricter than what an RFC demands:
//! they hold for our server alone.

pub mod signature;

use std::fmt;
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
const REBIND: u8 = 6;
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

/// The status that told a client of RFC 8415 not to write to the server's own address.
const USE_MULTICAST: u16 = 5;

/// Something that is wrong with an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What.
    pub text: String,
    /// The section that says so: `9915 §18.3.10`; `None` if that is our own rule, and the RFC only recommends it or
    /// leaves it open.
    pub rfc: Option<&'static str>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        match self.rfc {
            Some(section) => write!(f, " (RFC {section})"),
            None => Ok(()),
        }
    }
}

/// What is wrong, as it is found.
#[derive(Debug, Default)]
struct Faults(Vec<Fault>);

impl Faults {
    /// A section of an RFC forbids it.
    fn rfc(&mut self, section: &'static str, text: impl Into<String>) {
        self.0.push(Fault {
            text: text.into(),
            rfc: Some(section),
        });
    }

    /// We do not want that.
    fn ours(&mut self, text: impl Into<String>) {
        self.0.push(Fault {
            text: text.into(),
            rfc: None,
        });
    }

    /// A section forbids it if that is so; else we alone do not want it.
    fn rfc_if(&mut self, so: bool, section: &'static str, text: impl Into<String>) {
        match so {
            true => self.rfc(section, text),
            false => self.ours(text),
        }
    }
}

/// What is wrong with an answer to what was sent; nothing, if the list is empty.
#[must_use]
pub fn faults(sent: &Datagram, answer: &Datagram) -> Vec<Fault> {
    let question = dissect::message(&sent.payload);
    let tree = dissect::message(&answer.payload);
    let mut faults = Faults::default();
    let to = destination(sent, &question);
    if answer.destination != to {
        let text = format!("it goes to {} instead of {to}", answer.destination);
        faults.rfc("9915 §18.3.10", text);
    }
    // RFC 9915 §7.2 recommends the port and allows any.
    if answer.source.port() != SERVER_PORT {
        faults.ours(format!("it comes from port {}", answer.source.port()));
    }
    if question.levels().count() == tree.levels().count() {
        let levels = question.levels().zip(tree.levels());
        for (outgoing, incoming) in levels.filter(|(it, _)| dissect::is_relay(it.message_type)) {
            check_level(outgoing, incoming, &mut faults);
        }
    } else {
        let text = "it does not have the relay levels of what was sent";
        faults.rfc("9915 §19.3", text);
    }
    check_form(&tree.options, None, &mut faults);
    let (question, core) = (question.core(), tree.core());
    check_type(question, core, &mut faults);
    check_identifiers(question, core, &mut faults);
    check_ias(question, core, &mut faults);
    check_statuses(question, core, &mut faults);
    faults.0
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
fn check_level(outgoing: &Message, incoming: &Message, faults: &mut Faults) {
    if incoming.message_type != RELAY_REPLY {
        let text = format!("a relay level is of type {}", incoming.name());
        faults.rfc("9915 §19.3", text);
    }
    if incoming.head != outgoing.head {
        let text = "a relay level has another hop count, link or peer address";
        faults.rfc("9915 §19.3", text);
    }
    for code in [INTERFACE_ID, RELAY_PORT] {
        let usable = |it: &&Opt| code != RELAY_PORT || it.octets.len() == 2;
        let was = outgoing.options.first(code).filter(usable);
        let is = incoming.options.first(code);
        if was.map(|it| &it.octets) != is.map(|it| &it.octets) {
            let section = match code {
                RELAY_PORT => "8357 §5.2",
                _ => "9915 §21.18",
            };
            let name = option_name(code);
            faults.rfc(
                section,
                format!("a relay level does not have its {name} back"),
            );
        }
    }
}

/// Every option has the form of its code, and stands where and as often as it may.
fn check_form(options: &Options, within: Option<u16>, faults: &mut Faults) {
    if !options.rest.is_empty() {
        faults.rfc("9915 §21.1", "there are octets that are no option");
    }
    for (index, option) in options.list.iter().enumerate() {
        let name = option_name(option.code);
        let mut earlier = options.list.iter().take(index);
        if !dissect::may_repeat(option.code) && earlier.any(|it| it.code == option.code) {
            faults.rfc("9915 §21", format!("{name} stands twice"));
        }
        let home = match option.code {
            // So it was by RFC 8415; that an IA_TA is there at all has been said.
            ADDRESS if within == Some(IA_TA) => within,
            ADDRESS => Some(IA_NA),
            PREFIX => Some(IA_PD),
            _ => within,
        };
        if within != home {
            faults.rfc("9915 §21", format!("{name} stands where it may not"));
        }
        if [IA_TA, SERVER_UNICAST].contains(&option.code) {
            // A server that was written by RFC 8415 may still have them.
            faults.ours(format!("{name} is obsolete"));
        }
        check_value(option, faults);
    }
}

fn check_value(option: &Opt, faults: &mut Faults) {
    let name = option_name(option.code);
    let value = &option.value;
    if let Value::Malformed(_) = value {
        faults.rfc("9915 §21", format!("{name} is malformed"));
    }
    if let Value::Ia { t1, t2, .. } = value
        && t1 > t2
        && *t2 > 0
    {
        faults.rfc("9915 §21.4, §21.21", format!("{name} has T1 after T2"));
    }
    if let Value::Address {
        preferred, valid, ..
    }
    | Value::Prefix {
        preferred, valid, ..
    } = value
        && preferred > valid
    {
        let text = format!("{name} is preferred for longer than it is valid");
        faults.rfc("9915 §21.6, §21.22", text);
    }
    if let Value::Prefix { length, prefix, .. } = value {
        let beyond = u128::MAX.checked_shr(u32::from(*length)).unwrap_or(0);
        if prefix.to_bits() & beyond != 0 {
            faults.ours(format!("{name} has bits beyond its length"));
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
fn check_type(question: &Message, core: &Message, faults: &mut Faults) {
    let has = |message: &Message, code| message.options.first(code).is_some();
    let solicited = question.message_type == SOLICIT;
    let rapid = solicited && has(question, RAPID_COMMIT) && core.message_type == REPLY;
    let fitting = match core.message_type {
        ADVERTISE => solicited,
        REPLY => !solicited || rapid,
        _ => false,
    };
    if !fitting {
        let text = format!("{} is no answer to {}", core.name(), question.name());
        faults.rfc("9915 §18.3", text);
    }
    let informed = question.message_type == INFORMATION_REQUEST;
    let misplaced = |code| format!("{} does not belong there", option_name(code));
    if has(core, RAPID_COMMIT) && !rapid {
        faults.rfc("9915 §21.14", misplaced(RAPID_COMMIT));
    }
    // RFC 9915 §21.8 speaks of an Advertise alone and forbids nothing.
    if has(core, PREFERENCE) && core.message_type != ADVERTISE {
        faults.ours(misplaced(PREFERENCE));
    }
    if has(core, REFRESH_TIME) && !informed {
        faults.rfc("9915 §21.23", misplaced(REFRESH_TIME));
    }
    // RFC 9915 §18.3.3, §18.3.7 and §18.3.8 say what is in such a Reply, and §18.3 that a server may add options.
    if [CONFIRM, RELEASE, DECLINE].contains(&question.message_type) {
        const FITTING: [u16; 6] = [
            CLIENT_ID,
            SERVER_ID,
            IA_NA,
            IA_PD,
            AUTHENTICATION,
            STATUS_CODE,
        ];
        let options = core.options.list.iter();
        for option in options.filter(|it| !FITTING.contains(&it.code)) {
            faults.ours(misplaced(option.code));
        }
    }
    if rapid && !has(core, RAPID_COMMIT) {
        let text = "a Reply to a Solicit has no rapid-commit";
        faults.rfc("9915 §21.14", text);
    }
}

fn check_identifiers(question: &Message, core: &Message, faults: &mut Faults) {
    if core.xid() != question.xid() || !matches!(core.head, Head::Client { .. }) {
        faults.rfc("9915 §16.1", "it has another transaction id");
    }
    let first = |message: &Message| message.options.first(CLIENT_ID).map(|it| it.octets.clone());
    if first(core) != first(question) {
        let text = "it does not have the client's identifier back";
        faults.rfc("9915 §18.3", text);
    }
    if core.options.first(SERVER_ID).is_none() {
        faults.rfc("9915 §18.3", "it has no server identifier");
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

    /// Whether there is a lease in it that its client may use.
    fn is_usable(&self) -> bool {
        let usable = |option: &Opt| {
            let (Value::Address { valid, .. } | Value::Prefix { valid, .. }) = option.value else {
                return false;
            };
            valid > 0
        };
        self.options.list.iter().any(usable)
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
fn check_ias(question: &Message, core: &Message, faults: &mut Faults) {
    const ANSWER_ALL: [u8; 3] = [SOLICIT, REQUEST, RENEW];
    const MAY_ADD: [u8; 2] = [RENEW, REBIND];
    let kind = question.message_type;
    let (asked, given) = (ias(question), ias(core));
    for (index, ia) in given.iter().enumerate() {
        let name = ia.name();
        let times = asked.iter().filter(|it| it.is(ia)).count();
        if kind == INFORMATION_REQUEST || times == 0 {
            // A Reply to a Renew or Rebind may have more IAs.
            let text = format!("nobody asked for {name}");
            faults.rfc_if(!MAY_ADD.contains(&kind), "9915 §18.3.2", text);
        }
        if given.iter().take(index).any(|it| it.is(ia)) {
            // A client that repeats one breaks a rule itself.
            faults.rfc_if(times < 2, "9915 §21.4", format!("{name} stands twice"));
        }
        // The rule is about Replies, and about IAs to which times apply at all.
        let reply = core.message_type == REPLY;
        let strictly = given.iter().find(|it| reply && it.is_usable());
        if strictly.is_some_and(|first| ia.is_usable() && first.times != ia.times) {
            let text = format!("{name} has its own T1 and T2");
            faults.rfc("9915 §18.3.2, §18.3.4, §18.3.5", text);
        } else if given.first().is_some_and(|first| first.times != ia.times) {
            faults.ours(format!("{name} has its own T1 and T2"));
        }
        if ia.options.list.is_empty() {
            let must = [SOLICIT, REQUEST].contains(&kind);
            let text = format!("{name} says nothing");
            faults.rfc_if(must, "9915 §18.3.2, §18.3.9", text);
        }
    }
    for ia in &asked {
        let answered = given.iter().any(|it| it.is(ia));
        if ANSWER_ALL.contains(&kind) && !answered {
            let text = format!("{} is not answered", ia.name());
            // By RFC 8415, a Reply that says UseMulticast says nothing else.
            let refused = status(&core.options) == Some(USE_MULTICAST);
            faults.rfc_if(!refused, "9915 §18.3.2, §18.3.4, §18.3.9", text);
        }
    }
}

fn status(options: &Options) -> Option<u16> {
    options.first(STATUS_CODE).and_then(|it| it.value.status())
}

/// Which status may stand where (RFC 9915 §18.3, §21.13).
fn check_statuses(question: &Message, core: &Message, faults: &mut Faults) {
    const NO_ADDRS_AVAIL: u16 = 2;
    const NO_BINDING: u16 = 3;
    const NOT_ON_LINK: u16 = 4;
    const NO_PREFIX_AVAIL: u16 = 6;
    let confirmed = question.message_type == CONFIRM;
    match status(&core.options) {
        None | Some(0 | 1) => {}
        Some(NOT_ON_LINK) if confirmed => {}
        Some(code) => {
            // UseMulticast is obsolete, and belonged there before.
            let text = format!("{} stands outside of an IA", dissect::status_name(code));
            let section = match question.message_type {
                RELEASE => "9915 §18.3.7",
                DECLINE => "9915 §18.3.8",
                SOLICIT => "9915 §18.3.9",
                _ => "9915 §18.3.2, §18.3.4, §18.3.5",
            };
            faults.rfc_if(code != USE_MULTICAST, section, text);
        }
    }
    for ia in ias(core) {
        let fits = match status(ia.options) {
            // No status means Success, and may be said (RFC 9915 §21.13).
            None | Some(0 | 1 | NO_BINDING) => true,
            Some(NO_ADDRS_AVAIL | NOT_ON_LINK) => ia.code == IA_NA,
            Some(NO_PREFIX_AVAIL) => ia.code == IA_PD,
            Some(_) => false,
        };
        if !fits {
            let text = format!("{} has a status that it may not have", ia.name());
            faults.rfc("9915 §21.13", text);
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
        let found = faults(
            &datagram(from_port, SERVER_PORT, question),
            &datagram(SERVER_PORT, to_port, answer),
        );
        found.into_iter().map(|it| it.text).collect()
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

    /// The sections that the answer to a client's message breaks.
    fn broken(question: &[u8], answer: &[u8]) -> Vec<&'static str> {
        let found = faults(
            &datagram(CLIENT_PORT, SERVER_PORT, question.to_vec()),
            &datagram(SERVER_PORT, CLIENT_PORT, answer.to_vec()),
        );
        found.into_iter().filter_map(|it| it.rfc).collect()
    }

    #[test]
    fn what_rfc_8415_demanded_breaks_no_rfc() {
        // A Renew of an IA_NA, and a Reply that says UseMulticast.
        let renew = [5, 0, 0, 1, 0, 3, 0, 12, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        let reply = |code| [7, 0, 0, 1, 0, 2, 0, 3, 0, 1, 9, 0, 13, 0, 2, 0, code];
        assert_eq!(broken(&renew, &reply(5)), [] as [&str; 0]);
        assert_eq!(
            broken(&renew, &reply(0)),
            ["9915 §18.3.2, §18.3.4, §18.3.9"]
        );
        // A temporary address stands in an IA_TA, and nowhere outside of an IA.
        let address = [&[0, 5, 0, 24], &[0; 24][..]].concat();
        let advertise = [2, 0, 0, 1, 0, 2, 0, 3, 0, 1, 9];
        let ia = [0, 4, 0, 32, 0, 0, 0, 1];
        let solicit = [1, 0, 0, 1];
        let inside = [&advertise[..], &ia, &address].concat();
        assert_eq!(broken(&solicit, &inside), [] as [&str; 0]);
        let outside = [&advertise[..], &address].concat();
        assert_eq!(broken(&solicit, &outside), ["9915 §21"]);
    }

    #[test]
    fn an_answer_without_the_agents_levels_is_wrong() {
        assert_eq!(
            judged(&[], SERVER_PORT, reply()),
            ["it does not have the relay levels of what was sent"]
        );
    }
}
