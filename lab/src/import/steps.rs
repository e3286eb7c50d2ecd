//! What the clients of a dialogue said → steps, each with what it has to be answered with once that is known.

use std::collections::HashMap;
use std::net::Ipv6Addr;
use std::time::Duration;

use super::message::{self, Context};
use crate::compose::{self, Memory};
use crate::dialogue::{Dialogue, Turn, server_id};
use crate::dissect::{self, Head, Message as Tree};
use crate::player::leg;
use crate::rig::{Datagram, RESERVED, Setup};
use crate::scenario::{Client, Code, Exchange, Expected, Fields, Message, Send, Several};

const SOLICIT: u8 = 1;
const ADVERTISE: u8 = 2;
const REQUEST: u8 = 3;
const RENEW: u8 = 5;
const REBIND: u8 = 6;
const REPLY: u8 = 7;
const ELAPSED_TIME: u16 = 8;

/// A step of the scenario to be.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Time passes, because leases end meanwhile or it is time to renew them.
    Advance(u64),
    /// A client says something, and says it again before there is an answer.
    Said(Vec<Said>),
    /// Solicit to Reply, as readers know it.
    Exchange(Box<Exchange>, Vec<Said>),
}

/// One message of a step.
#[derive(Clone, Debug)]
pub(super) struct Said {
    /// The step that composes to it.
    pub(super) send: Send,
    /// Which of the clients says it.
    pub(super) client: usize,
    /// The type of the recorded answer.
    pub(super) recorded: Option<u8>,
    /// What the server does; nothing before it was asked.
    pub(super) expected: Vec<Expected>,
}

/// The addresses that are the lab's own on the link.
pub(super) fn taken(setup: &Setup) -> Vec<Ipv6Addr> {
    let own = setup.addresses.iter().map(|it| it.0);
    own.chain(RESERVED).collect()
}

/// The clients under their names, with addresses that are not the lab's.
pub(super) fn clients(dialogue: &Dialogue, taken: &[Ipv6Addr]) -> Vec<Client> {
    let parties = dialogue.clients.iter().enumerate();
    let clients = parties.map(|(index, party)| {
        let number = u8::try_from(index).unwrap_or(u8::MAX);
        let (duid, address) = stand_ins(number);
        let turns = dialogue.turns.iter().filter(|it| it.client == index);
        let orders: Vec<Vec<u16>> = turns.filter_map(codes).collect();
        Client {
            model: None,
            name: party.name.clone(),
            duid: match party.duid.as_slice() {
                [] => duid,
                known => known.to_vec(),
            },
            address: match taken.contains(&party.address) {
                true => address,
                false => party.address,
            },
            key: None,
            order: habit(&orders).into_iter().map(Code).collect(),
            link: None,
        }
    });
    clients.collect()
}

/// The DUID and address that a scenario gives a client which says neither.
pub(super) fn stand_ins(number: u8) -> (Vec<u8>, Ipv6Addr) {
    let last = 0xc1_u8.wrapping_add(number);
    let address = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, u16::from(last));
    (vec![0, 3, 0, 1, 2, 0, 0, 0, 0, last], address)
}

/// The codes of the options of a client's message.
fn codes(turn: &Turn) -> Option<Vec<u16>> {
    let tree = turn.tree();
    let core = tree.core();
    let whole = matches!(core.head, Head::Client { .. }) && core.options.rest.is_empty();
    whole.then(|| core.options.list.iter().map(|it| it.code).collect())
}

/// The order of options that a client keeps to, as far as it does; empty where it is the usual one.
fn habit(orders: &[Vec<u16>]) -> Vec<u16> {
    let kept = |habit: &[u16]| {
        let keeps = |it: &&Vec<u16>| message::ordered(&message::usual_order(it), habit) == **it;
        orders.iter().filter(keeps).count()
    };
    let mut by_number: Vec<(usize, &Vec<u16>)> = Vec::new();
    for order in orders {
        match by_number.iter_mut().find(|it| it.1 == order) {
            Some((number, _)) => *number += 1,
            None => by_number.push((1, order)),
        }
    }
    by_number.sort_by_key(|it| std::cmp::Reverse(it.0));
    let often: Vec<&Vec<u16>> = by_number.iter().map(|it| it.1).collect();
    // Messages of one kind may contradict those of another; then the most frequent ones have their way.
    let merged = (1..=often.len()).map(|number| merged(&often[..number]));
    let best = merged.max_by_key(|it| (kept(it), std::cmp::Reverse(it.len())));
    let mut habit = best.unwrap_or_default();
    let most = kept(&habit);
    let keep = (0..=habit.len()).find(|keep| kept(&habit[..*keep]) == most);
    habit.truncate(keep.unwrap_or(habit.len()));
    habit
}

/// One order of all: a code stands behind the one that it follows where it is met first.
fn merged(orders: &[&Vec<u16>]) -> Vec<u16> {
    let mut all: Vec<u16> = Vec::new();
    for order in orders {
        let mut at = 0;
        for (index, code) in order.iter().enumerate() {
            let earlier = order[..index].iter().filter(|it| *it == code).count();
            let mut places = all.iter().enumerate().filter(|it| it.1 == code);
            match places.nth(earlier) {
                Some((place, _)) => at = place + 1,
                None => {
                    all.insert(at, *code);
                    at += 1;
                }
            }
        }
    }
    all
}

/// The steps that say what the clients said, in the recorded order.
pub(super) fn steps(dialogue: &Dialogue, clients: &[Client], taken: &[Ipv6Addr]) -> Vec<Step> {
    let mut writer = Writer {
        dialogue,
        clients,
        taken,
        memories: vec![Memory::default(); clients.len()],
        xids: vec![None; clients.len()],
        calendar: Calendar::default(),
    };
    let mut steps: Vec<Step> = Vec::new();
    let mut turns = 0..dialogue.turns.len();
    while let Some(index) = turns.next() {
        let turn = &dialogue.turns[index];
        if let Some(secs) = writer.calendar.passes(turn) {
            steps.push(Step::Advance(secs));
        }
        if let Some(exchange) = writer.exchange(index) {
            turns.next();
            steps.push(exchange);
            continue;
        }
        let (said, again) = writer.said(index);
        match steps.last_mut() {
            Some(Step::Said(earlier)) if again && writer.is_unanswered(index) => earlier.push(said),
            _ => steps.push(Step::Said(vec![said])),
        }
    }
    steps
}

struct Writer<'a> {
    dialogue: &'a Dialogue,
    clients: &'a [Client],
    taken: &'a [Ipv6Addr],
    memories: Vec<Memory>,
    /// The transaction id of each client's last message.
    xids: Vec<Option<u32>>,
    calendar: Calendar,
}

impl Writer<'_> {
    /// Whether a turn repeats the one right before it, which had no answer.
    fn is_unanswered(&self, index: usize) -> bool {
        let turns = &self.dialogue.turns;
        let before = index.checked_sub(1).and_then(|it| turns.get(it));
        before.is_some_and(|it| it.first == turns[index].first && it.answers.is_empty())
    }

    /// One message as a step, and whether it only repeats the client's last one.
    fn said(&mut self, index: usize) -> (Said, bool) {
        let turn = &self.dialogue.turns[index];
        let (send, memory, again) = self.step(turn);
        self.after(index, memory);
        let recorded = self.dialogue.chosen(index);
        let said = Said {
            send,
            client: turn.client,
            recorded: recorded.map(|it| {
                let tree = dissect::message(&it.datagram.payload);
                tree.core().message_type
            }),
            expected: Vec::new(),
        };
        (said, again)
    }

    /// The step of a turn, the client's memory after it, and whether it is the last message once more.
    fn step(&mut self, turn: &Turn) -> (Send, Memory, bool) {
        let client = &self.clients[turn.client];
        let tree = turn.tree();
        let named = server_id(tree.core());
        let knows_server = named.is_some_and(|it| self.learn_server(turn, &it));
        let context = Context {
            client,
            memory: &self.memories[turn.client],
            last_xid: self.xids[turn.client],
            knows_server,
            taken: self.taken,
        };
        let (send, memory) = message::send(&turn.datagram, &context);
        if self.xids[turn.client].is_some() {
            let elapsed = elapsed(tree.core());
            for message in [Message::Again(None), Message::Again(elapsed)] {
                let again = Send {
                    message,
                    ..send.clone()
                };
                let mut memory = self.memories[turn.client].clone();
                let composed = compose::datagram(&again, client, &mut memory, 0, Duration::ZERO);
                if composed.payload == turn.datagram.payload {
                    return (again, memory, true);
                }
            }
        }
        (send, memory, false)
    }

    /// Whether a server that is named is the one that the client talks to; then it knows its DUID from now on.
    fn learn_server(&mut self, turn: &Turn, duid: &[u8]) -> bool {
        let knows = self.dialogue.knows_server(turn.client, duid);
        if knows {
            message::told_of(&mut self.memories[turn.client], duid);
        }
        knows
    }

    /// What a client knows after it has said something and was answered.
    fn after(&mut self, index: usize, memory: Memory) {
        let turn = &self.dialogue.turns[index];
        self.memories[turn.client] = memory;
        self.xids[turn.client] = turn.tree().core().xid().or(self.xids[turn.client]);
        if let Some(answer) = self.dialogue.chosen(index) {
            let answer = dissect::message(&answer.datagram.payload);
            self.memories[turn.client].learn(answer.core());
            self.calendar.note(turn, answer.core());
        }
    }

    /// A Solicit and the Request behind it as one step, if that composes to the same octets.
    fn exchange(&mut self, index: usize) -> Option<Step> {
        let [first, second] = self
            .dialogue
            .turns
            .get(index..=index + 1)?
            .first_chunk::<2>()?;
        let fresh = |it: &Turn, number| it.first == number && it.answers.len() == 1;
        let types = (first.message_type, second.message_type) == (SOLICIT, REQUEST);
        if !types
            || first.client != second.client
            || !fresh(first, index)
            || !fresh(second, index + 1)
        {
            return None;
        }
        let before = (
            self.memories.clone(),
            self.xids.clone(),
            self.calendar.clone(),
        );
        let (one, two) = (self.said(index).0, self.said(index + 1).0);
        let exchange = as_exchange(&one.send, &two.send);
        let same = exchange.filter(|it| {
            one.recorded == Some(ADVERTISE)
                && two.recorded == Some(REPLY)
                && self.composes_to(it, [first, second], &before.0[first.client], index)
        });
        match same {
            Some(exchange) => Some(Step::Exchange(Box::new(exchange), vec![one, two])),
            None => {
                (self.memories, self.xids, self.calendar) = before;
                None
            }
        }
    }

    fn composes_to(
        &self,
        exchange: &Exchange,
        turns: [&Turn; 2],
        before: &Memory,
        index: usize,
    ) -> bool {
        let client = &self.clients[turns[0].client];
        let mut memory = before.clone();
        turns.iter().zip(index..).all(|(turn, index)| {
            let send = leg(exchange, turn.message_type);
            let xid = turn.tree().core().xid().unwrap_or_default();
            let composed = compose::datagram(&send, client, &mut memory, xid, Duration::ZERO);
            if let Some(answer) = self.dialogue.chosen(index) {
                memory.learn(dissect::message(&answer.datagram.payload).core());
            }
            composed.payload == turn.datagram.payload
        })
    }
}

/// The exchange that two sends may be. What the Request says of lifetimes, a Solicit without leases never says.
fn as_exchange(solicit: &Send, request: &Send) -> Option<Exchange> {
    let (Message::Client(SOLICIT, one), Message::Client(REQUEST, two)) =
        (&solicit.message, &request.message)
    else {
        return None;
    };
    let plain = |it: &Fields| {
        let kept = Fields {
            oro: it.oro.clone(),
            ia_na: it.ia_na.clone(),
            ia_pd: it.ia_pd.clone(),
            options: it.options.clone(),
            ..Fields::default()
        };
        format!("{kept:?}") == format!("{it:?}")
    };
    if !plain(one) || !plain(two) {
        return None;
    }
    type Ias = Option<Several<crate::scenario::Ia>>;
    let merged = |one: &Ias, two: &Ias| -> Ias {
        let pairs = one.as_ref()?.0.iter().zip(&two.as_ref()?.0);
        let ias = pairs.map(|(one, two)| crate::scenario::Ia {
            preferred: two.preferred,
            valid: two.valid,
            ..one.clone()
        });
        Some(Several(ias.collect()))
    };
    Some(Exchange {
        from: solicit.from.clone(),
        source: solicit.transport.source.clone(),
        to: solicit.transport.to,
        relay: solicit.transport.relay.clone(),
        on: None,
        ia_na: merged(&one.ia_na, &two.ia_na),
        ia_pd: merged(&one.ia_pd, &two.ia_pd),
        oro: one.oro.clone(),
        rapid_commit: false,
        retransmit: 0,
        options: one.options.clone(),
    })
}

fn elapsed(core: &Tree) -> Option<u16> {
    let time = core.options.first(ELAPSED_TIME)?.value.number()?;
    u16::try_from(time).ok()
}

/// When leases end, and when it is time to renew them.
#[derive(Clone, Debug, Default)]
struct Calendar {
    /// How much time the steps have let pass so far.
    passed: Duration,
    /// When the last turn was.
    last: Duration,
    /// By address or prefix.
    ends: HashMap<Ipv6Addr, Duration>,
    /// By client, when it may renew.
    renewals: HashMap<usize, Duration>,
}

impl Calendar {
    /// How many seconds have to pass ahead of a turn, if it matters.
    fn passes(&mut self, turn: &Turn) -> Option<u64> {
        let ends = |it: &Duration| self.last < *it && *it <= turn.at;
        let renews = [RENEW, REBIND].contains(&turn.message_type);
        let due = self.renewals.get(&turn.client);
        let due = due.is_some_and(|it| renews && *it <= turn.at);
        let matters = due || self.ends.values().any(ends);
        self.last = self.last.max(turn.at);
        let secs = turn.at.saturating_sub(self.passed).as_secs();
        if !matters || secs == 0 {
            return None;
        }
        self.passed += Duration::from_secs(secs);
        Some(secs)
    }

    fn note(&mut self, turn: &Turn, answer: &Tree) {
        if answer.message_type != REPLY {
            return;
        }
        for option in &answer.options.list {
            let Some(ia) = option.value.association() else {
                continue;
            };
            let t1 = ia.times.map_or(0, |it| it.0);
            for lease in ia.options.list.iter().filter_map(|it| it.value.listed()) {
                let renewal = if t1 > 0 { t1 } else { lease.preferred / 2 };
                let from = |secs: u32| turn.at + Duration::from_secs(secs.into());
                self.ends.insert(lease.address, from(lease.valid));
                self.renewals.insert(turn.client, from(renewal));
            }
        }
    }
}

/// The datagram of a step, of a client that knows what the live server told it.
pub(super) fn datagram(said: &Said, clients: &[Client], memory: &mut Memory, xid: u32) -> Datagram {
    compose::datagram(
        &said.send,
        &clients[said.client],
        memory,
        xid,
        Duration::ZERO,
    )
}
