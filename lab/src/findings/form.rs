//! Whether messages and options have the form that their codes promise, and at which octet they do not.

use super::Report;
use super::rules::{
    BAD_DUID, CUT_HEADER, FQDN_FLAGS, MALFORMED_OPTION, MISPLACED_OPTION, ODD_DUID, OVER_IPV4,
    PREFIX_BITS, REPEATED_IA, REPEATED_OPTION, STRAY_OCTETS, UNKNOWN_MESSAGE,
};
use crate::conversation::{Said, ias};
use crate::dissect::{Head, Message, Opt, Options, Value, may_repeat, option_name};

const IA_NA: u16 = 3;
const IA_TA: u16 = 4;
const ADDRESS: u16 = 5;
const IA_PD: u16 = 25;
const PREFIX: u16 = 26;
/// The types of messages that the IANA registry has, besides those with a name here.
const KNOWN_MAX: u8 = 38;
const DUID_LEN: std::ops::RangeInclusive<usize> = 3..=130;
const HEADER_LEN: usize = 4;
const RELAY_HEADER_LEN: usize = 34;
const OPTION_HEADER_LEN: usize = 4;

pub(super) fn check(said: &Said<'_>, report: &mut Report) {
    if said.packet.datagram.source.ip().to_ipv4_mapped().is_some() {
        let (source, destination) = (
            said.packet.datagram.source,
            said.packet.datagram.destination,
        );
        report.add(&OVER_IPV4, said, format!("from {source} to {destination}"));
    }
    // Where the capture ends is not where the message does.
    if said.packet.missing == 0 {
        Form { said, report }.message(&said.tree, 0);
    }
}

struct Form<'a, 'b> {
    said: &'a Said<'b>,
    report: &'a mut Report,
}

impl Form<'_, '_> {
    /// Checks a message that begins at an octet of the datagram.
    fn message(&mut self, message: &Message, at: usize) {
        let header_len = match &message.head {
            Head::Cut(octets) => {
                let (name, len) = (message.name(), octets.len());
                let text = format!("{name} of {len} octets, at octet {at}");
                return self.report.add(&CUT_HEADER, self.said, text);
            }
            Head::Client { .. } => HEADER_LEN,
            Head::Relay { .. } => RELAY_HEADER_LEN,
        };
        let kind = message.message_type;
        if kind == 0 || kind > KNOWN_MAX {
            self.report
                .add(&UNKNOWN_MESSAGE, self.said, format!("type {kind}"));
        }
        self.options(&message.options, at + header_len, None);
        let ias = ias(message);
        for (index, ia) in ias.iter().enumerate() {
            if ias.iter().take(index).any(|it| it.is(ia)) {
                let text = format!("{} stands twice", ia.name());
                self.report.add(&REPEATED_IA, self.said, text);
            }
        }
    }

    fn options(&mut self, options: &Options, mut at: usize, within: Option<u16>) {
        for (index, option) in options.list.iter().enumerate() {
            let name = option_name(option.code);
            let mut earlier = options.list.iter().take(index);
            if !may_repeat(option.code) && earlier.any(|it| it.code == option.code) {
                let text = format!("{name}, again at octet {at}");
                self.report.add(&REPEATED_OPTION, self.said, text);
            }
            let home: &[u16] = match option.code {
                ADDRESS => &[IA_NA, IA_TA],
                PREFIX => &[IA_PD],
                _ => &[],
            };
            // Leasequeries carry them in options of their own (RFC 5007 §4.1.2).
            let at_home =
                home.is_empty() || within.is_some_and(|it| home.contains(&it) || it > PREFIX);
            if !at_home {
                let place = within.map_or_else(|| "the message".to_owned(), option_name);
                let text = format!("{name} stands in {place}, at octet {at}");
                self.report.add(&MISPLACED_OPTION, self.said, text);
            }
            self.option(option, at);
            at += OPTION_HEADER_LEN + option.octets.len();
        }
        if !options.rest.is_empty() {
            let place = within.map_or_else(|| "the message".to_owned(), option_name);
            let text = format!("octet {at}, in {place}: {}", explain(&options.rest));
            self.report.add(&STRAY_OCTETS, self.said, text);
        }
    }

    fn option(&mut self, option: &Opt, at: usize) {
        let name = option_name(option.code);
        let content = at + OPTION_HEADER_LEN;
        if let Value::Malformed(octets) = &option.value {
            let text = format!("{name} of {} octets, at octet {at}", octets.len());
            self.report.add(&MALFORMED_OPTION, self.said, text);
        } else if let Value::Duid(duid) = &option.value {
            self.duid(&name, duid);
        } else if let Value::Prefix { length, prefix, .. } = &option.value {
            let beyond = u128::MAX.checked_shr(u32::from(*length)).unwrap_or(0);
            if prefix.to_bits() & beyond != 0 {
                self.report
                    .add(&PREFIX_BITS, self.said, format!("{prefix}/{length}"));
            }
        } else if let Value::Fqdn { flags, .. } = &option.value
            && flags & 0b101 == 0b101
        {
            self.report
                .add(&FQDN_FLAGS, self.said, format!("flags {flags:#04x}"));
        }
        if let Some(options) = option.value.options() {
            let inside: usize = options
                .list
                .iter()
                .map(|it| OPTION_HEADER_LEN + it.octets.len())
                .sum();
            let before = option.octets.len() - inside - options.rest.len();
            self.options(options, content + before, Some(option.code));
        }
        if let Some(message) = option.value.message() {
            self.message(message, content);
        }
    }

    fn duid(&mut self, name: &str, duid: &[u8]) {
        if !DUID_LEN.contains(&duid.len()) {
            let text = format!("{name} of {} octets", duid.len());
            self.report.add(&BAD_DUID, self.said, text);
        } else if let Some(what) = odd_duid(duid) {
            self.report
                .add(&ODD_DUID, self.said, format!("{name}: {what}"));
        }
    }
}

/// What is unusual about a DUID of a possible length.
fn odd_duid(duid: &[u8]) -> Option<String> {
    const ETHERNET: [u8; 2] = [0, 1];
    let (kind, rest) = duid.split_first_chunk::<2>()?;
    let hardware = rest.first_chunk::<2>() == Some(&ETHERNET);
    let (name, len) = match u16::from_be_bytes(*kind) {
        1 if hardware => ("DUID-LLT with an Ethernet address", 14),
        3 if hardware => ("DUID-LL with an Ethernet address", 10),
        4 => ("DUID-UUID", 18),
        1 if rest.len() > 6 => return None,
        2 if rest.len() > 4 => return None,
        3 if rest.len() > 2 => return None,
        1..=3 => return Some("it ends before what its type promises".to_owned()),
        other => return Some(format!("type {other}")),
    };
    (duid.len() != len).then(|| format!("{name} of {} octets instead of {len}", duid.len()))
}

/// Why no option can be read from octets.
fn explain(octets: &[u8]) -> String {
    let Some(&[c0, c1, l0, l1]) = octets.first_chunk::<4>() else {
        return format!("{} octets, too few for an option", octets.len());
    };
    let (code, said) = (u16::from_be_bytes([c0, c1]), u16::from_be_bytes([l0, l1]));
    let left = octets.len() - OPTION_HEADER_LEN;
    format!(
        "{} says that it has {said} octets, and {left} are left",
        option_name(code)
    )
}
