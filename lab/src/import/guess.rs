//! A configuration that makes the server answer as a recorded one did, as far as its language can say that.
//!
//! Leases are reserved for the clients that got them, so that they get them again. What cannot be said stands in
//! the configuration as a comment.

use std::collections::HashSet;
use std::net::Ipv6Addr;

use super::observed::{Given, Observed};
use super::words;
use crate::dialogue::Dialogue;
use crate::dissect::{NtpPart, Opt, Value, option_name};
use crate::rig::SERVER_ADDRESS;
use crate::scenario::Block;
use crate::transcript;

/// The length of the prefix of a link (RFC 4291 §2.5.1).
const LINK_LENGTH: u8 = 64;
/// Where clients live of which nothing is known.
const SOMEWHERE: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 0);
/// Where prefixes come from of which nothing is known.
const PREFIXES: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xd00, 0, 0, 0, 0, 0);
const PREFIX_LENGTH: u8 = 56;
/// Lifetimes that were not recorded.
const LIFETIMES: (u32, u32) = (3600, 7200);

const PREFERENCE: u16 = 7;
const REFRESH_TIME: u16 = 32;
const NTP_SERVER: u16 = 56;
const SNTP_SERVERS: u16 = 31;

/// Options that the configuration can say, and by which keyword; the value is of addresses or of names.
const KEYWORDS: [(u16, &str); 11] = [
    (23, "domain-name-servers"),
    (24, "domain-name"),
    (SNTP_SERVERS, "ntp-servers"),
    (21, "sip-server-domain-name"),
    (22, "sip-server-address"),
    (27, "nis-server-address"),
    (29, "nis-domain-name"),
    (28, "nisp-server-address"),
    (30, "nisp-domain-name"),
    (33, "bcmcs-server-domain-name"),
    (34, "bcmcs-server-address"),
];

/// What a server needs to answer as recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guess {
    /// The text of `dhcp6s.conf`.
    pub config: String,
    /// The server's addresses on the link, with the lengths of their prefixes.
    pub addresses: Vec<(Ipv6Addr, u8)>,
}

/// Guesses from what servers answered, and where they did not, from what clients asked for.
#[must_use]
pub fn guess(dialogue: &Dialogue, origin: &str) -> Guess {
    let observed = Observed::new(dialogue);
    let mut text = Text::default();
    text.note(&match dialogue.servers.as_slice() {
        [] => format!("Guessed from {origin}, which has no answer of a server."),
        [one] => format!(
            "Guessed from {origin}: what the server {} gave.",
            words::hex(one, ":")
        ),
        several => format!(
            "Guessed from {origin}: what {} servers gave.",
            several.len()
        ),
    });
    options(&observed, &mut text);
    times(&observed, &mut text);
    let links = links(dialogue, &observed);
    let pool = pool(&observed, &links);
    interface(&observed, pool.is_some(), &mut text);
    if let Some(first) = pool {
        let last = Ipv6Addr::from_bits(first.to_bits() | 0xfff);
        text.line(&format!("pool lan {{ range {first} to {last}; }};"));
    }
    hosts(&observed, &mut text);
    Guess {
        config: text.0,
        addresses: addresses(dialogue, &observed, &links),
    }
}

/// Statements and comments, line by line.
#[derive(Debug, Default)]
struct Text(String);

impl Text {
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    fn note(&mut self, text: &str) {
        self.line(&format!("# {text}"));
    }

    fn cannot(&mut self, what: &str) {
        self.note(&format!("Cannot be said: {what}"));
    }
}

/// The options that are the same for all clients.
fn options(observed: &Observed, text: &mut Text) {
    let mut done: Vec<u16> = Vec::new();
    for option in observed.options.iter().filter(|it| it.code != PREFERENCE) {
        let code = option.code;
        let first = !done.contains(&code);
        let values: Vec<&Opt> = observed
            .options
            .iter()
            .filter(|it| it.code == code)
            .collect();
        if !first {
            continue;
        }
        done.push(code);
        let keyword = KEYWORDS.iter().find(|it| it.0 == code).map(|it| it.1);
        let written = match (keyword, &option.value) {
            (Some(keyword), Value::Addresses(addresses)) => {
                Some(vec![format!("{keyword} {}", words::list(addresses))])
            }
            (Some(keyword), Value::Names(names)) => names
                .iter()
                .map(|it| words::domain(it).map(|name| format!("{keyword} \"{name}\"")))
                .collect::<Option<Vec<_>>>()
                .map(words::without_repeats),
            (None, Value::Ntp(parts)) if code == NTP_SERVER => ntp(observed, parts),
            (None, Value::Number(secs)) if code == REFRESH_TIME && *secs >= 600 => {
                Some(vec![format!("refreshtime {secs}")])
            }
            _ => None,
        };
        let name = option_name(code);
        let value = transcript::option(option);
        match written {
            Some(lines) => {
                for line in lines {
                    text.line(&format!("option {line};"));
                }
            }
            None => text.cannot(&format!("{name} ({code}) {value}")),
        }
        for other in values.iter().filter(|it| it.octets != option.octets) {
            let value = transcript::option(other);
            if code != NTP_SERVER {
                text.cannot(&format!("{name} is another one at times: {value}"));
            }
        }
    }
}

/// Time servers, which are one list for options 31 and 56; nothing where option 31 has said it.
fn ntp(observed: &Observed, parts: &[NtpPart]) -> Option<Vec<String>> {
    let servers: Option<Vec<Ipv6Addr>> = parts
        .iter()
        .map(|it| match it {
            NtpPart::Server(address) => Some(*address),
            NtpPart::Multicast(_) | NtpPart::Name(_) | NtpPart::Unknown(..) => None,
        })
        .collect();
    let servers = servers?;
    let sntp = observed.options.iter().find(|it| it.code == SNTP_SERVERS);
    match sntp.map(|it| &it.value) {
        Some(Value::Addresses(same)) if *same == servers => Some(Vec::new()),
        Some(_) => None,
        None => Some(vec![format!("ntp-servers {}", words::list(&servers))]),
    }
}

/// T1 and T2, which no configuration can say, where they are not what the server would choose.
fn times(observed: &Observed, text: &mut Text) {
    // Where both are 0, clients choose what dhcp6s does.
    let odd = |it: &&(u32, u32, u32)| {
        let chosen = (it.0 / 2, it.0 / 5 * 4 + it.0 % 5 * 4 / 5);
        ![chosen, (0, 0)].contains(&(it.1, it.2))
    };
    if let Some((preferred, t1, t2)) = observed.times.iter().find(odd) {
        text.cannot(&format!(
            "T1 {} and T2 {} for a preferred lifetime of {}; dhcp6s takes a half and four fifths of it",
            words::seconds(*t1),
            words::seconds(*t2),
            words::seconds(*preferred)
        ));
    }
}

fn interface(observed: &Observed, pool: bool, text: &mut Text) {
    let mut lines = Vec::new();
    if pool {
        let (preferred, valid) = observed.usual_lifetimes().unwrap_or(LIFETIMES);
        let (preferred, valid) = (words::seconds(preferred), words::seconds(valid));
        lines.push(format!("address-pool lan {preferred} {valid};"));
    }
    if let Some(preference) = observed.number(PREFERENCE) {
        lines.push(format!("preference {preference};"));
    }
    if observed.rapid_commit {
        lines.push("allow rapid-commit;".to_owned());
    }
    match lines.as_slice() {
        [] => text.line("interface eth0 { };"),
        [one] => text.line(&format!("interface eth0 {{ {one} }};")),
        several => {
            text.line("interface eth0 {");
            several
                .iter()
                .for_each(|it| text.line(&format!("    {it}")));
            text.line("};");
        }
    }
}

/// Where the pool begins for clients of which no lease is known. There is none where servers had nothing to give.
fn pool(observed: &Observed, links: &[Ipv6Addr]) -> Option<Ipv6Addr> {
    const FIRST: u128 = 0x1000;
    if observed.no_addresses || !observed.hosts.iter().any(|it| it.wants_pool) {
        return None;
    }
    let link = links.first().copied().unwrap_or(SOMEWHERE);
    Some(Ipv6Addr::from_bits(link.to_bits() | FIRST))
}

/// What belongs to single clients.
fn hosts(observed: &Observed, text: &mut Text) {
    let given = || observed.hosts.iter().flat_map(|it| &it.given);
    let taken: Vec<Block> = given().map(|it| it.block).collect();
    let mut free = PREFIXES.to_bits();
    for host in &observed.hosts {
        let mut lines = Vec::new();
        for given in &host.given {
            lines.push(reservation(given));
        }
        if host.wants_prefix.is_some() && !observed.no_prefixes {
            let length = host.wants_prefix.flatten().unwrap_or(PREFIX_LENGTH);
            let lease = next_prefix(&mut free, length, &taken);
            let (preferred, valid) = observed.usual_lifetimes().unwrap_or(LIFETIMES);
            lines.push(Ok(format!("prefix {lease} {preferred} {valid};")));
        }
        if lines.is_empty() {
            continue;
        }
        if !(3..=130).contains(&host.duid.len()) {
            let octets = host.duid.len();
            text.cannot(&format!(
                "what {} gets, as its DUID has {octets} octets",
                host.name
            ));
            continue;
        }
        text.line(&format!("host {} {{", host.name));
        text.line(&format!("    duid {};", words::hex(&host.duid, ":")));
        for line in lines {
            match line {
                Ok(line) => text.line(&format!("    {line}")),
                Err(why) => text.line(&format!("    # Cannot be said: {why}")),
            }
        }
        text.line("};");
        if host.leases_in_one_ia > 1 {
            let count = host.leases_in_one_ia;
            text.cannot(&format!(
                "{count} leases in one IA of {}; dhcp6s gives one",
                host.name
            ));
        }
    }
}

/// The first prefix of a length, 1 to 128, from there on that overlaps nothing that is taken.
fn next_prefix(free: &mut u128, length: u8, taken: &[Block]) -> Block {
    let size = 1_u128 << (128 - length);
    let last = |it: &Block| {
        let host_bits = u128::MAX.unbounded_shr(it.length.unwrap_or(128).into());
        it.address.to_bits() | host_bits
    };
    loop {
        let start = free.next_multiple_of(size);
        *free = start + size;
        let overlaps = |it: &Block| it.address.to_bits() < *free && last(it) >= start;
        if !taken.iter().any(overlaps) {
            return Block {
                address: Ipv6Addr::from_bits(start),
                length: Some(length),
            };
        }
    }
}

/// The line that reserves a lease for its client; why there can be none otherwise.
fn reservation(given: &Given) -> Result<String, String> {
    let Block { address, length } = given.block;
    let (preferred, valid) = given.lifetimes.unwrap_or(LIFETIMES);
    let (kind, what) = match length {
        None => ("address", given.block.to_string()),
        Some(_) => ("prefix", given.block.to_string()),
    };
    if !words::is_leasable(address) {
        return Err(format!(
            "{kind} {what}, which is neither global nor unique local"
        ));
    }
    if preferred > valid {
        return Err(format!(
            "{kind} {what}, preferred for longer than it is valid"
        ));
    }
    let (preferred, valid) = (words::seconds(preferred), words::seconds(valid));
    Ok(match preferred == valid {
        true => format!("{kind} {what} {valid};"),
        false => format!("{kind} {what} {preferred} {valid};"),
    })
}

/// The prefixes that are on the served link: those of the addresses that were given, of relay agents and of
/// clients that talk from a global address; not those of which a server said otherwise.
fn links(dialogue: &Dialogue, observed: &Observed) -> Vec<Ipv6Addr> {
    let mut addresses: Vec<Ipv6Addr> = Vec::new();
    let given = observed.hosts.iter().flat_map(|it| &it.given);
    let given = given.filter(|it| it.block.length.is_none());
    addresses.extend(given.map(|it| it.block.address));
    addresses.extend(&observed.confirmed);
    for client in &dialogue.clients {
        addresses.extend(client.path.last().map(|it| it.link));
        addresses.push(client.address);
    }
    for turn in &dialogue.turns {
        addresses.push(*turn.datagram.source.ip());
        addresses.push(*turn.datagram.destination.ip());
    }
    // Where a server has said both, at times, what fits counts.
    let fit: HashSet<Ipv6Addr> = observed.confirmed.iter().map(|it| link(*it)).collect();
    let off = observed.off_link.iter().map(|it| link(*it));
    let off = off.filter(|it| !fit.contains(it));
    let off: HashSet<Ipv6Addr> = off.collect();
    let usable = addresses.into_iter().filter(|it| words::is_leasable(*it));
    let mut links: Vec<Ipv6Addr> = Vec::new();
    let mut seen = HashSet::new();
    for link in usable.map(link).filter(|it| !off.contains(it)) {
        if seen.insert(link) {
            links.push(link);
        }
    }
    links
}

fn link(address: Ipv6Addr) -> Ipv6Addr {
    Ipv6Addr::from_bits(address.to_bits() >> LINK_LENGTH << LINK_LENGTH)
}

/// An address of the server in each prefix: the one that clients sent to, else the first that nobody has.
fn addresses(dialogue: &Dialogue, observed: &Observed, links: &[Ipv6Addr]) -> Vec<(Ipv6Addr, u8)> {
    let links = match links {
        [] => &[SOMEWHERE],
        several => several,
    };
    let sent_to: Vec<Ipv6Addr> = dialogue
        .turns
        .iter()
        .map(|it| *it.datagram.destination.ip())
        .collect();
    let mut taken = HashSet::from([SERVER_ADDRESS]);
    let leases = observed.hosts.iter().flat_map(|it| &it.given);
    taken.extend(leases.map(|it| it.block.address));
    taken.extend(dialogue.clients.iter().map(|it| it.address));
    let levels = dialogue.clients.iter().flat_map(|it| &it.path);
    taken.extend(levels.map(|it| it.link));
    taken.extend(dialogue.turns.iter().map(|it| *it.datagram.source.ip()));
    let own = |prefix: &Ipv6Addr| {
        let mut known = sent_to.iter().filter(|it| link(**it) == *prefix);
        let known = known.find(|it| !taken.contains(it)).copied();
        let numbered = (1..).map(|low| Ipv6Addr::from_bits(prefix.to_bits() | low));
        known.or_else(|| {
            numbered
                .take(usize::from(u16::MAX))
                .find(|it| !taken.contains(it))
        })
    };
    links
        .iter()
        .filter_map(|it| Some((own(it)?, LINK_LENGTH)))
        .collect()
}
