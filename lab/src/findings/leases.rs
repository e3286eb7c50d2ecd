//! What is given to whom and for how long, over the whole capture.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Report;
use super::rules::{
    CHANGED_ANSWER, LEASE_TWICE, NEVER_GIVEN, REBOUND_EARLY, RENEWED_EARLY, RENEWED_EXPIRED,
    UNLIKE_ADVERTISE,
};
use super::server::text;
use crate::conversation::{Conversation, Ia, Lease, Said, ias};
use crate::dissect::Message;

const SOLICIT: u8 = 1;
const ADVERTISE: u8 = 2;
const REQUEST: u8 = 3;
const RENEW: u8 = 5;
const REBIND: u8 = 6;
const REPLY: u8 = 7;
const RELEASE: u8 = 8;
const DECLINE: u8 = 9;
/// Clocks are not the same, and timers may fire a little early.
const SLACK: Duration = Duration::from_secs(2);

/// A lease by address and length.
type Key = (std::net::Ipv6Addr, u8);

/// A lease on its link: captures of several links may be of networks that know nothing of each other.
type Place<'a> = (&'a str, Key);

/// The leases of each IA, by option code and IAID.
type Offers = BTreeMap<(u16, u32), Vec<Key>>;

/// Who has a lease.
struct Holder {
    client: usize,
    until: Duration,
}

pub(super) fn check(conversations: &[Conversation<'_>], report: &mut Report) {
    let mut all: Vec<(usize, &Said<'_>)> = Vec::new();
    for (client, conversation) in conversations.iter().enumerate() {
        all.extend(conversation.messages.iter().map(|said| (client, said)));
        History::default().follow(conversation, report);
    }
    all.sort_by_key(|(_, said)| said.packet.number);
    let mut holders: BTreeMap<Place<'_>, Holder> = BTreeMap::new();
    for (client, said) in all {
        let place = |it: &Lease| (said.packet.link.as_str(), (it.address, it.length));
        let duid = |client: usize| conversations.get(client).map(|it| &it.party.duid);
        match said.kind() {
            REPLY if said.from_server => {}
            RELEASE | DECLINE => {
                for lease in leases(said.core()) {
                    let key = place(&lease);
                    // The address may be given to another one at once.
                    if holders
                        .get(&key)
                        .is_some_and(|it| duid(it.client) == duid(client))
                    {
                        holders.remove(&key);
                    }
                }
                continue;
            }
            _ => continue,
        }
        let question = said
            .answers
            .and_then(|it| conversations.get(client)?.messages.get(it));
        if question.is_some_and(|it| matches!(it.kind(), RELEASE | DECLINE)) {
            continue;
        }
        for lease in leases(said.core()) {
            let key = place(&lease);
            if lease.valid == 0 {
                holders.remove(&key);
                continue;
            }
            if let Some(holder) = holders.get(&key)
                && duid(holder.client) != duid(client)
                && holder.until > said.at()
                && let Some(other) = duid(holder.client)
            {
                report.add(
                    &LEASE_TWICE,
                    said,
                    format!("{lease} is still that of {}", text(other)),
                );
            }
            let until = said
                .at()
                .saturating_add(Duration::from_secs(lease.valid.into()));
            holders.insert(key, Holder { client, until });
        }
    }
}

fn leases(message: &Message) -> Vec<Lease> {
    ias(message).iter().flat_map(Ia::leases).collect()
}

/// What a client was given, as far as the capture tells.
#[derive(Default)]
struct History {
    /// Each lease with the IA, when it was given, and how long it is valid.
    given: BTreeMap<Key, (Duration, u32)>,
    /// By IA, when its times were said, T1 and T2.
    times: BTreeMap<(u16, u32), (Duration, u32, u32)>,
    /// What was advertised, by server, and then by IA.
    advertised: BTreeMap<Vec<u8>, Offers>,
}

impl History {
    fn follow(&mut self, conversation: &Conversation<'_>, report: &mut Report) {
        let messages = &conversation.messages;
        for said in messages {
            match said.kind() {
                RENEW | REBIND | RELEASE | DECLINE if !said.from_server => self.used(said, report),
                ADVERTISE => self.advertised(said),
                REPLY => {
                    let question = said.answers.and_then(|it| Some((it, messages.get(it)?)));
                    if let Some((_, question)) = question.filter(|(_, it)| it.kind() == REQUEST) {
                        self.compare(question, said, report);
                    }
                    if let Some((index, question)) = question {
                        changed(conversation, index, question, said, report);
                    }
                    if question.is_none_or(|(_, it)| !matches!(it.kind(), RELEASE | DECLINE)) {
                        self.granted(said);
                    }
                }
                _ => {}
            }
        }
    }

    fn granted(&mut self, said: &Said<'_>) {
        for ia in ias(said.core()) {
            for lease in ia.leases() {
                self.given
                    .insert((lease.address, lease.length), (said.at(), lease.valid));
            }
            if ia.leases().next().is_some() {
                self.times
                    .insert((ia.code, ia.iaid), (said.at(), ia.t1, ia.t2));
            }
        }
    }

    fn advertised(&mut self, said: &Said<'_>) {
        let Some(server) = crate::dialogue::server_id(said.core()) else {
            return;
        };
        let offers = ias(said.core())
            .into_iter()
            .map(|ia| ((ia.code, ia.iaid), keys(&ia)));
        self.advertised.insert(server, offers.collect());
    }

    /// A client names leases that it thinks that it has.
    fn used(&self, said: &Said<'_>, report: &mut Report) {
        let kind = said.kind();
        let renews = matches!(kind, RENEW | REBIND);
        // Without an address it is a hint: how long a prefix the client would like (RFC 9915 §18.2.4, §21.22).
        let named = leases(said.core());
        for lease in named.iter().filter(|it| !it.address.is_unspecified()) {
            match self.given.get(&(lease.address, lease.length)) {
                None if !self.given.is_empty() => {
                    report.add(
                        &NEVER_GIVEN,
                        said,
                        format!("{} for {lease}", said.core().name()),
                    );
                }
                Some((at, valid)) if renews && *valid != u32::MAX => {
                    let end = at.saturating_add(Duration::from_secs((*valid).into()));
                    if said.at() > end.saturating_add(SLACK) {
                        let late = (said.at() - end).as_secs();
                        report.add(
                            &RENEWED_EXPIRED,
                            said,
                            format!("{lease} ended {late} s before"),
                        );
                    }
                }
                _ => {}
            }
        }
        if said.repeats.is_some() || !renews {
            return;
        }
        // One message is for all IAs, so the first of their times counts (RFC 9915 §18.2.4).
        let times = ias(said.core());
        let times = times
            .iter()
            .filter_map(|it| self.times.get(&(it.code, it.iaid)));
        let (which, rule) = match kind {
            RENEW => ("T1", &RENEWED_EARLY),
            _ => ("T2", &REBOUND_EARLY),
        };
        let due = times.filter_map(|(at, t1, t2)| {
            let secs = if kind == RENEW { *t1 } else { *t2 };
            (secs != 0).then(|| at.saturating_add(Duration::from_secs(secs.into())))
        });
        if let Some(due) = due.min()
            && said.at().saturating_add(SLACK) < due
        {
            let early = (due - said.at()).as_secs();
            report.add(rule, said, format!("{early} s before {which}"));
        }
    }

    /// Holds a Reply to a Request against what its server advertised.
    fn compare(&self, question: &Said<'_>, said: &Said<'_>, report: &mut Report) {
        let server = crate::dialogue::server_id(question.core());
        let Some(offers) = server.and_then(|it| self.advertised.get(&it)) else {
            return;
        };
        for ia in ias(said.core()) {
            let Some(offered) = offers.get(&(ia.code, ia.iaid)) else {
                continue;
            };
            let given = keys(&ia);
            if given != *offered {
                let text = format!(
                    "{}: {} instead of {}",
                    ia.name(),
                    list(&given),
                    list(offered)
                );
                report.add(&UNLIKE_ADVERTISE, said, text);
            }
        }
    }
}

/// Two answers to one message, or to it and its repetition, that give different leases.
fn changed(
    conversation: &Conversation<'_>,
    index: usize,
    question: &Said<'_>,
    said: &Said<'_>,
    report: &mut Report,
) {
    if !matches!(question.kind(), SOLICIT | REQUEST | RENEW | REBIND) {
        return;
    }
    let first = question.repeats.unwrap_or(index);
    let server = |said: &Said<'_>| crate::dialogue::server_id(said.core());
    let before = conversation.answers(first).filter(|it| {
        let earlier = it.packet.number < said.packet.number;
        earlier && it.kind() == REPLY && server(it) == server(said)
    });
    let before = before.max_by_key(|it| it.packet.number);
    let Some(before) = before else { return };
    let of = |said: &Said<'_>| ias(said.core()).iter().flat_map(keys).collect::<Vec<_>>();
    let (now, then) = (of(said), of(before));
    if now != then {
        let text = format!(
            "{} instead of {} in packet {}",
            list(&now),
            list(&then),
            before.packet.number
        );
        report.add(&CHANGED_ANSWER, said, text);
    }
}

/// The leases in an IA that are of any use, sorted.
fn keys(ia: &Ia<'_>) -> Vec<Key> {
    let useful = ia.leases().filter(|it| it.valid > 0);
    let mut keys: Vec<_> = useful.map(|it| (it.address, it.length)).collect();
    keys.sort_unstable();
    keys
}

fn list(keys: &[Key]) -> String {
    let texts = keys.iter().map(|(address, length)| match length {
        128 => address.to_string(),
        length => format!("{address}/{length}"),
    });
    let texts: Vec<_> = texts.collect();
    match texts.is_empty() {
        true => "nothing".to_owned(),
        false => texts.join(", "),
    }
}
