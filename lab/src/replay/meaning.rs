//! What an answer means to a client, and where two answers mean something else.
//!
//! The same are: another transaction id, another server, another order of options, other words in a status, and
//! another lease, as long as whoever kept a lease then keeps one now.

use std::collections::{HashMap, HashSet};

use super::reason::{self, Reason};
use crate::dissect::{self, Message, Opt, Value};
use crate::scenario::Block;
use crate::transcript;

const CLIENT_ID: u16 = 1;
const SERVER_ID: u16 = 2;
const STATUS_CODE: u16 = 13;
const SUCCESS: u16 = 0;
const RELEASE: u8 = 8;
const DECLINE: u8 = 9;

/// One thing that an answer says, on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What it is about: `ia-na 1 > t1`, `dns-servers`.
    pub place: String,
    /// What the recorded answer says; `None` if nothing.
    pub recorded: Option<String>,
    /// What the live answer says; `None` if nothing.
    pub live: Option<String>,
    /// Why they differ; `None` if they mean the same.
    pub difference: Option<Reason>,
}

/// What the live server gave one client in the place of what the recorded one gave.
#[derive(Clone, Debug, Default)]
pub(super) struct Leases {
    live: HashMap<Block, Block>,
    recorded: HashMap<Block, Block>,
}

impl Leases {
    /// What to name in the place of a recorded lease.
    pub(super) fn live(&self, recorded: Block) -> Option<Block> {
        self.live.get(&recorded).copied()
    }

    /// Takes note of a pair. What it contradicts is the difference.
    fn pair(&mut self, recorded: Block, live: Block) -> Option<Reason> {
        let (then, now) = (self.live(recorded), self.recorded.get(&live).copied());
        self.live.insert(recorded, live);
        self.recorded.insert(live, recorded);
        match (then, now) {
            (Some(then), _) if then != live => Some(reason::relation(true)),
            (_, Some(now)) if now != recorded => Some(reason::relation(false)),
            _ => None,
        }
    }
}

/// An IA of an answer.
#[derive(Clone, Debug, Default)]
struct Ia<'a> {
    times: Option<(u32, u32)>,
    status: u16,
    /// Those with a valid lifetime of 0 are taken, not given.
    given: Vec<Lease>,
    taken: Vec<Block>,
    others: Vec<&'a Opt>,
}

impl Ia<'_> {
    /// All leases in it, whatever their lifetimes.
    fn named(&self) -> Vec<Block> {
        let given = self.given.iter().map(|it| it.block);
        given.chain(self.taken.iter().copied()).collect()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lease {
    block: Block,
    preferred: u32,
    valid: u32,
}

/// The leases that a message declines.
pub(super) fn declines(message: &Message) -> Vec<Block> {
    match message.message_type {
        DECLINE => ias(message).iter().flat_map(|it| it.1.named()).collect(),
        _ => Vec::new(),
    }
}

/// Holds a live answer against the recorded one, both without their relay levels. Live leases that clients have
/// declined are not given again.
pub(super) fn compare(
    question: &Message,
    recorded: &Message,
    live: &Message,
    leases: &mut Leases,
    declined: &HashSet<Block>,
) -> Vec<Row> {
    let mut table = Table {
        question,
        declined,
        answer: recorded.message_type,
        leases,
        rows: Vec::new(),
    };
    table.both("message", recorded.name(), live.name(), |it| {
        reason::message_type(it.question, recorded.message_type, live.message_type)
    });
    let (then, now) = (ias(recorded), ias(live));
    let statuses = (status(&recorded.options), status(&live.options));
    // Some servers say for the whole message what stands in the IAs.
    let elsewhere = |other: &[(String, Ia<'_>)], code| {
        code != SUCCESS && other.iter().any(|it| it.1.status == code)
    };
    let moved = elsewhere(&now, statuses.0) || elsewhere(&then, statuses.1);
    table.statuses("status-code", statuses, |it| match moved {
        true => reason::status_elsewhere(),
        false => reason::status(statuses.0, statuses.1, it.has_leases(), it.question),
    });
    let mut names: Vec<&String> = then.iter().map(|it| &it.0).collect();
    names.extend(
        now.iter()
            .map(|it| &it.0)
            .filter(|it| then.iter().all(|then| then.0 != **it)),
    );
    for name in names {
        table.ia(name, find(&then, name), find(&now, name), statuses);
    }
    table.options(&recorded.options.list, &live.options.list, "");
    table.rows
}

fn find<'a>(ias: &[(String, Ia<'a>)], name: &str) -> Option<Ia<'a>> {
    let found = ias.iter().find(|it| it.0 == name);
    found.map(|it| it.1.clone())
}

/// An answer that came on one side alone, as rows.
pub(super) fn alone(answer: &Message) -> Vec<(String, String)> {
    let mut rows = vec![("message".to_owned(), answer.name())];
    let code = status(&answer.options);
    if code != SUCCESS {
        rows.push(("status-code".to_owned(), dissect::status_name(code)));
    }
    for (name, ia) in ias(answer) {
        let leases: Vec<String> = ia.given.iter().map(|it| it.block.to_string()).collect();
        let text = match (ia.status, leases.as_slice()) {
            (SUCCESS, _) => leases.join(" "),
            (code, _) => dissect::status_name(code),
        };
        rows.push((name, text));
    }
    for option in answer.options.list.iter().filter(|it| is_plain(it)) {
        let name = dissect::option_name(option.code);
        rows.push((name, transcript::option(option)));
    }
    rows
}

struct Table<'a> {
    question: &'a Message,
    /// The type of the recorded answer.
    answer: u8,
    leases: &'a mut Leases,
    declined: &'a HashSet<Block>,
    rows: Vec<Row>,
}

impl Table<'_> {
    fn row(&mut self, place: &str, texts: (Option<String>, Option<String>), why: Option<Reason>) {
        self.rows.push(Row {
            place: place.to_owned(),
            recorded: texts.0,
            live: texts.1,
            difference: why,
        });
    }

    /// A row that differs if its texts do.
    fn both(&mut self, place: &str, recorded: String, live: String, why: impl Fn(&Self) -> Reason) {
        let same = recorded.eq_ignore_ascii_case(&live);
        let why = (!same).then(|| why(self));
        self.row(place, (Some(recorded), Some(live)), why);
    }

    /// Statuses; none is Success (RFC 9915 §21.13).
    fn statuses(
        &mut self,
        place: &str,
        (recorded, live): (u16, u16),
        why: impl Fn(&Self) -> Reason,
    ) {
        if (recorded, live) == (SUCCESS, SUCCESS) {
            return;
        }
        let (then, now) = (dissect::status_name(recorded), dissect::status_name(live));
        self.both(place, then, now, why);
    }

    /// Statuses of an IA, beside those of the messages. What is told there already is no other difference here.
    fn ia_statuses(&mut self, place: &str, of_ia: (u16, u16), of_message: (u16, u16)) {
        let (then, now) = of_ia;
        self.statuses(place, of_ia, |it| {
            reason::status(then, now, it.has_leases(), it.question)
        });
        let differs = of_message.0 != of_message.1;
        let elsewhere = then != SUCCESS && then == of_message.1
            || now != SUCCESS && now == of_message.0
            || of_ia == of_message;
        if let Some(row) = self.rows.last_mut().filter(|it| it.place == place)
            && differs
            && elsewhere
        {
            row.difference = None;
        }
    }

    /// Whether the live server has given this client something that it names.
    fn has_leases(&self) -> bool {
        let names = ias(self.question);
        let mut named = names.iter().flat_map(|(_, ia)| ia.named());
        named.any(|it| self.leases.recorded.contains_key(&it))
    }

    fn ia(
        &mut self,
        name: &str,
        recorded: Option<Ia<'_>>,
        live: Option<Ia<'_>>,
        statuses: (u16, u16),
    ) {
        let (then, now) = match (recorded, live) {
            (Some(recorded), Some(live)) => (recorded, live),
            (recorded, live) => {
                let in_live = live.is_some();
                let ia = recorded.or(live).unwrap_or_default();
                let text = match (ia.given.first(), ia.status) {
                    (Some(lease), _) => lease.block.to_string(),
                    (None, SUCCESS) => "nothing in it".to_owned(),
                    (None, code) => dissect::status_name(code),
                };
                // One that only repeats the status of the message is nothing new, and so is one of a Release.
                let other = if in_live { statuses.0 } else { statuses.1 };
                let released = [RELEASE, DECLINE].contains(&self.question.message_type);
                let says_nothing =
                    ia.given.is_empty() && (ia.status == other || released && ia.status == SUCCESS);
                let why =
                    (!says_nothing).then(|| reason::ia_missing(self.question, in_live, ia.status));
                let texts = if in_live {
                    (None, Some(text))
                } else {
                    (Some(text), None)
                };
                self.row(name, texts, why);
                return;
            }
        };
        let place = format!("{name} > status-code");
        self.ia_statuses(&place, (then.status, now.status), statuses);
        let given = then.given.iter().map(|it| it.block);
        if given.into_iter().any(|it| self.declined.contains(&it))
            && let Some(row) = self.rows.last_mut().filter(|it| it.place == place)
            && row.difference.is_some()
        {
            row.difference = Some(reason::declined());
        }
        for (recorded, live) in pairs(&then.given, &now.given, self.leases) {
            let nothing = then.given.is_empty() || now.given.is_empty();
            self.lease(name, recorded, live, nothing);
        }
        for taken in &then.taken {
            if self.takes(&now.taken, *taken) {
                continue;
            }
            self.row(
                &format!("{name} > taken back"),
                (Some(taken.to_string()), None),
                Some(reason::lease_missing(false, false)),
            );
        }
        // T1 and T2 of an IA without leases mean nothing.
        let gives = !then.given.is_empty() && !now.given.is_empty();
        if let (Some(of_then), Some(of_now), true) = (then.times, now.times, gives) {
            self.times(
                name,
                (of_then, usual(&then.given)),
                (of_now, usual(&now.given)),
            );
        }
        let inside = format!("{name} > ");
        self.options(then.others, now.others, &inside);
    }

    /// T1 and T2, each with what a client would choose by itself: left to the client they mean that.
    fn times(
        &mut self,
        ia: &str,
        (recorded, then): ((u32, u32), (u32, u32)),
        (live, now): ((u32, u32), (u32, u32)),
    ) {
        let chosen = |times, usual| if times == (0, 0) { usual } else { times };
        let same = chosen(recorded, then) == chosen(live, now);
        let text = |(t1, t2)| match (t1, t2) {
            (0, 0) => "the client chooses".to_owned(),
            _ => format!("{} {}", seconds(t1), seconds(t2)),
        };
        let why = (!same).then(|| reason::times(ia));
        let texts = (Some(text(recorded)), Some(text(live)));
        self.row(&format!("{ia} > t1, t2"), texts, why);
    }

    fn takes(&self, taken: &[Block], recorded: Block) -> bool {
        let live = self.leases.live(recorded).unwrap_or(recorded);
        taken.contains(&live)
    }

    fn lease(&mut self, ia: &str, recorded: Option<Lease>, live: Option<Lease>, nothing: bool) {
        let kind = |it: &Lease| {
            if it.block.length.is_some() {
                "prefix"
            } else {
                "address"
            }
        };
        let (then, now) = match (recorded, live) {
            (Some(then), Some(now)) => (then, now),
            (recorded, live) => {
                let Some(lease) = recorded.or(live) else {
                    return;
                };
                let (text, in_live) = (lease.block.to_string(), live.is_some());
                let texts = if in_live {
                    (None, Some(text))
                } else {
                    (Some(text), None)
                };
                let place = format!("{ia} > {}", kind(&lease));
                let live = self.leases.live(lease.block).unwrap_or(lease.block);
                let why = match self.declined.contains(&live) {
                    true => reason::declined(),
                    false => reason::lease_missing(in_live, nothing),
                };
                self.row(&place, texts, Some(why));
                return;
            }
        };
        let place = format!("{ia} > {}", kind(&then));
        let mut why = self.leases.pair(then.block, now.block);
        if why.is_some() && self.declined.contains(&then.block) {
            why = Some(reason::declined());
        }
        if then.block.length != now.block.length {
            why = Some(reason::length());
        }
        let texts = (Some(then.block.to_string()), Some(now.block.to_string()));
        self.row(&place, texts, why);
        let lifetimes = |it: Lease| format!("{} {}", seconds(it.preferred), seconds(it.valid));
        let place = format!("{place} > lifetimes");
        self.both(&place, lifetimes(then), lifetimes(now), |_| {
            reason::lifetimes()
        });
    }

    /// Options that say something by themselves, by code.
    fn options<'a>(
        &mut self,
        recorded: impl IntoIterator<Item = &'a Opt> + Clone,
        live: impl IntoIterator<Item = &'a Opt> + Clone,
        inside: &str,
    ) {
        let codes = |options: &mut dyn Iterator<Item = &'a Opt>| -> Vec<u16> {
            options
                .filter(|it| is_plain(it))
                .map(|it| it.code)
                .collect()
        };
        let mut all = codes(&mut recorded.clone().into_iter());
        all.extend(codes(&mut live.clone().into_iter()));
        let mut seen = Vec::new();
        for code in all {
            if seen.contains(&code) {
                continue;
            }
            seen.push(code);
            let text = |options: &mut dyn Iterator<Item = &'a Opt>| {
                let texts: Vec<String> = options
                    .filter(|it| it.code == code)
                    .map(transcript::option)
                    .collect();
                (!texts.is_empty()).then(|| texts.join(" "))
            };
            let then = text(&mut recorded.clone().into_iter());
            let now = text(&mut live.clone().into_iter());
            let why = match (&then, &now) {
                (Some(then), Some(now)) if then.eq_ignore_ascii_case(now) => None,
                (Some(_), Some(_)) => Some(reason::option_value(code)),
                (Some(_), None) if !inside.is_empty() => Some(reason::inner_option_missing(code)),
                (Some(_), None) => Some(reason::option_missing(self.question, self.answer, code)),
                (None, _) => Some(reason::option_added(code)),
            };
            let place = format!("{inside}{}", dissect::option_name(code));
            self.row(&place, (then, now), why);
        }
    }
}

/// Whether an option is compared as it is: identifiers follow the server, statuses and IAs have rows of their own.
fn is_plain(option: &Opt) -> bool {
    option.value.association().is_none()
        && ![CLIENT_ID, SERVER_ID, STATUS_CODE].contains(&option.code)
}

fn status(options: &dissect::Options) -> u16 {
    let status = options.first(STATUS_CODE);
    status.and_then(|it| it.value.status()).unwrap_or(SUCCESS)
}

/// The IAs of a message by name; a second one of the same name is called so.
fn ias(message: &Message) -> Vec<(String, Ia<'_>)> {
    let mut found: Vec<(String, Ia<'_>)> = Vec::new();
    for option in &message.options.list {
        let Some(association) = option.value.association() else {
            continue;
        };
        let (iaid, times, options) = (association.iaid, association.times, association.options);
        let mut ia = Ia {
            times,
            status: status(options),
            ..Ia::default()
        };
        for option in &options.list {
            match lease(&option.value) {
                Some(lease) if lease.valid > 0 => ia.given.push(lease),
                Some(lease) => ia.taken.push(lease.block),
                None if is_plain(option) => ia.others.push(option),
                None => {}
            }
        }
        let base = format!("{} {iaid}", dissect::option_name(option.code));
        let earlier = found
            .iter()
            .filter(|it| it.0.split(" again").next() == Some(&base));
        let name = base.clone() + &" again".repeat(earlier.count());
        found.push((name, ia));
    }
    found
}

fn lease(value: &Value) -> Option<Lease> {
    let listed = value.listed()?;
    Some(Lease {
        block: listed.into(),
        preferred: listed.preferred,
        valid: listed.valid,
    })
}

/// Which live lease stands for which recorded one: the same, the one that did before, else the next.
fn pairs(
    recorded: &[Lease],
    live: &[Lease],
    leases: &Leases,
) -> Vec<(Option<Lease>, Option<Lease>)> {
    let mut rest = live.to_vec();
    let mut take = |wanted: Option<Block>| {
        let at = rest.iter().position(|it| Some(it.block) == wanted)?;
        Some(rest.remove(at))
    };
    let known: Vec<Option<Lease>> = recorded
        .iter()
        .map(|it| take(Some(it.block)).or_else(|| take(leases.live(it.block))))
        .collect();
    let mut rest = rest.into_iter();
    let mut pairs: Vec<_> = recorded
        .iter()
        .zip(known)
        .map(|(then, now)| (Some(*then), now.or_else(|| rest.next())))
        .collect();
    pairs.extend(rest.map(|it| (None, Some(it))));
    pairs
}

/// What T1 and T2 are where a client chooses them: half and four fifths of the shortest preferred lifetime
/// (RFC 9915 §14.2).
fn usual(leases: &[Lease]) -> (u32, u32) {
    let shortest = leases.iter().map(|it| it.preferred).min();
    match shortest.unwrap_or_default() {
        u32::MAX => (u32::MAX, u32::MAX),
        secs => (secs / 2, secs / 5 * 4 + secs % 5 * 4 / 5),
    }
}

fn seconds(secs: u32) -> String {
    match secs {
        u32::MAX => "infinity".to_owned(),
        _ => secs.to_string(),
    }
}
