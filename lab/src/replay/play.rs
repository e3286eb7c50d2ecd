//! Plays the clients of a dialogue over a rig: what they said goes out in the recorded order, with the recorded
//! time between, and each live answer is held against the recorded one.
//!
//! Each message is dealt with before the next one goes out, so transaction ids can stay as they are.

use std::collections::{HashMap, HashSet};

use super::holdings::Holdings;
use super::meaning::{self, Leases, Row};
use super::peer::{OnRig, Peer};
use super::reason::{self, Class, Reason};
use super::rewrite::{self, Follow, Rewrite};
use crate::dialogue::{Answer, Dialogue, Turn, client_id, server_id};
use crate::dissect::{self, Message, Value};
use crate::judge;
use crate::rig::{Datagram, Event, Rig, RigError, Setup};
use crate::scenario::Block;

const AUTHENTICATION: u16 = 11;
/// How often a Release is sent that is not answered.
const RELEASES_MAX: usize = 3;

/// How a dialogue is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether as much time passes between messages as was recorded, or none.
    pub recorded_time: bool,
}

/// What came of playing a dialogue.
#[derive(Clone, Debug)]
pub struct Played {
    /// One for each turn of the dialogue, in its order; fewer if somebody wanted an end.
    pub turns: Vec<Compared>,
    /// What became at the end of the leases that clients were given, by a server outside of the lab alone.
    pub ends: Vec<String>,
}

/// One message of a client, and what came of it.
#[derive(Clone, Debug)]
pub struct Compared {
    /// What was sent.
    pub sent: Datagram,
    /// How that is not what was recorded.
    pub rewrites: Vec<Rewrite>,
    /// What the live server answered.
    pub live: Option<Datagram>,
    /// Why it did not, if it says so.
    pub dropped: Option<String>,
    /// What both answers say; empty if there is nothing to compare.
    pub rows: Vec<Row>,
    /// What whoever reads this should know.
    pub remarks: Vec<String>,
}

impl Compared {
    /// The rows that differ.
    pub fn differences(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|it| it.difference.is_some())
    }
}

impl Played {
    /// How many differences there are of a kind.
    #[must_use]
    pub fn count(&self, class: Class) -> usize {
        let all = self.turns.iter().flat_map(Compared::differences);
        all.filter(|it| it.difference.as_ref().is_some_and(|it| it.class == class))
            .count()
    }

    /// How many differences there are.
    #[must_use]
    pub fn differences(&self) -> usize {
        let turns = self.turns.iter();
        turns.map(|it| it.differences().count()).sum()
    }
}

/// Plays a dialogue to its end.
///
/// # Errors
/// The rig gives up, or the server ends.
pub fn play(
    dialogue: &Dialogue,
    setup: &Setup,
    options: Options,
    rig: &mut dyn Rig,
) -> Result<Played, RigError> {
    let mut rig = OnRig::new(rig, setup);
    let mut player = Player::new(dialogue, &mut rig);
    player.play(options)?;
    Ok(Played {
        turns: player.turns,
        ends: Vec::new(),
    })
}

/// Plays a dialogue to its end, or until somebody wants one. What clients then hold they give back, unless they are to
/// `keep` it; also if the server or the link has gone in between.
///
/// # Errors
/// The link is gone.
pub(super) fn play_outside(
    dialogue: &Dialogue,
    options: Options,
    outside: &mut dyn Peer,
    keep: bool,
) -> Result<Played, RigError> {
    let mut player = Player::new(dialogue, outside);
    let outcome = player.play(options);
    let ends = player.end(keep);
    outcome.map_err(|RigError(text)| RigError([&[text][..], &ends].concat().join("\n")))?;
    Ok(Played {
        turns: player.turns,
        ends,
    })
}

struct Player<'a> {
    dialogue: &'a Dialogue,
    peer: &'a mut dyn Peer,
    /// The DUID of the live server that answered last, and by client the one that answered that client.
    server: Option<Vec<u8>>,
    servers: HashMap<usize, Vec<u8>>,
    holdings: Holdings,
    /// By client.
    leases: HashMap<usize, Leases>,
    /// What clients have declined.
    declined: HashSet<Block>,
    turns: Vec<Compared>,
}

impl<'a> Player<'a> {
    fn new(dialogue: &'a Dialogue, peer: &'a mut dyn Peer) -> Self {
        Self {
            dialogue,
            server: peer.duid(),
            peer,
            servers: HashMap::new(),
            holdings: Holdings::default(),
            leases: HashMap::new(),
            declined: HashSet::new(),
            turns: Vec::new(),
        }
    }

    fn play(&mut self, options: Options) -> Result<(), RigError> {
        let dialogue = self.dialogue;
        for (index, turn) in dialogue.turns.iter().enumerate() {
            if options.recorded_time {
                self.peer.wait_until(turn.at)?;
            }
            if self.peer.is_interrupted() {
                break;
            }
            let (sent, rewrites, remarks) = self.rewritten(turn);
            let events = self.peer.exchange(&sent)?;
            if events.is_empty() && self.peer.is_interrupted() {
                break;
            }
            self.compare(index, sent, rewrites, remarks, events)?;
        }
        Ok(())
    }

    /// Has the clients give back what they hold, and says what came of it.
    fn end(&mut self, keep: bool) -> Vec<String> {
        self.peer.wind_up();
        let mut said = Vec::new();
        for back in self.holdings.give_back() {
            let (client, leases) = (&self.dialogue.clients[back.client].name, back.leases);
            let leases = leases.join(", ");
            if keep {
                said.push(format!("{client}: {leases} kept"));
                continue;
            }
            // A client sends it again if there is no answer (RFC 9915 §18.2.7).
            let answered = (0..RELEASES_MAX).any(|_| {
                let events = self.peer.exchange(&back.release);
                events.is_ok_and(|it| !it.is_empty())
            });
            said.push(match answered {
                true => format!("{client}: {leases} released"),
                false => format!(
                    "{client}: {leases} not released: the server does not answer, and keeps the lease until it ends"
                ),
            });
        }
        said
    }

    /// What goes out in the place of what was recorded.
    fn rewritten(&self, turn: &Turn) -> (Datagram, Vec<Rewrite>, Vec<String>) {
        let mut datagram = turn.datagram.clone();
        let mut remarks = Vec::new();
        let known = self.leases.get(&turn.client);
        let follow = Follow {
            server_id: &|duid| {
                let follows = self.dialogue.knows_server(turn.client, duid);
                self.server_of(turn.client).filter(|_| follows).cloned()
            },
            lease: &|lease| known.and_then(|it| it.live(lease)),
        };
        let (payload, changes) = rewrite::follow(&datagram.payload, &follow);
        let tree = turn.tree();
        let signed = tree
            .core()
            .options
            .first(AUTHENTICATION)
            .map(|it| &it.value);
        let signed = matches!(signed, Some(Value::Authentication { information, .. }) if !information.is_empty());
        if signed && !changes.is_empty() {
            remarks.push("it is signed, and what was rewritten breaks its signature".to_owned());
        }
        if let Some(named) = server_id(tree.core())
            && !self.dialogue.knows_server(turn.client, &named)
        {
            let named = rewrite::hex(&named);
            remarks.push(format!(
                "it names the server {named}, of which the capture has no answer: left as it is"
            ));
        } else if server_id(tree.core()).is_some() && self.server_of(turn.client).is_none() {
            remarks.push(
                "the live server has not said its DUID yet: the recorded one is left as it is"
                    .to_owned(),
            );
        }
        datagram.payload = payload;
        let mut rewrites: Vec<Rewrite> = changes
            .into_iter()
            .map(|(place, from, to)| self.rewrite(turn, &place, from, to))
            .collect();
        let (from, to) = (*datagram.source.ip(), *datagram.destination.ip());
        let other = self.peer.destination(to, from);
        if other != to {
            datagram.destination.set_ip(other);
            rewrites.push(self.rewrite(turn, "destination", to.to_string(), other.to_string()));
        }
        let other = self.peer.source(from, turn.client);
        if other != from {
            datagram.source.set_ip(other);
            rewrites.push(self.rewrite(turn, "source", from.to_string(), other.to_string()));
        }
        (datagram, rewrites, remarks)
    }

    fn rewrite(&self, turn: &Turn, place: &str, from: String, to: String) -> Rewrite {
        Rewrite {
            number: turn.number,
            place: place.to_owned(),
            from,
            to,
        }
    }

    /// The DUID of the live server that a client talks to.
    fn server_of(&self, client: usize) -> Option<&Vec<u8>> {
        self.servers.get(&client).or(self.server.as_ref())
    }

    fn compare(
        &mut self,
        index: usize,
        sent: Datagram,
        rewrites: Vec<Rewrite>,
        mut remarks: Vec<String>,
        events: Vec<Event>,
    ) -> Result<(), RigError> {
        let client = self.dialogue.turns[index].client;
        let (mut answers, mut dropped) = (Vec::new(), None);
        for event in events {
            match event {
                Event::Answer(answer) => answers.push(answer),
                Event::Drop(label) => dropped = Some(label),
                Event::Ended(ended) => return Err(ended.into()),
            }
        }
        remarks.extend(crowd(&answers));
        let live = answers.into_iter().next();
        let mut rows = Vec::new();
        if let Some(live) = &live {
            for fault in judge::faults(&sent, live) {
                rows.push(fault_row(fault.to_string()));
            }
            let tree = dissect::message(&live.payload);
            if let Some(duid) = server_id(tree.core()) {
                self.servers.insert(client, duid.clone());
                self.server = Some(duid);
            }
            self.holdings.note(client, &sent, live);
        }
        rows.extend(self.rows(index, live.as_ref(), dropped.as_deref(), &mut remarks));
        let declined = meaning::declines(dissect::message(&sent.payload).core());
        self.declined.extend(declined);
        self.turns.push(Compared {
            sent,
            rewrites,
            live,
            dropped,
            rows,
            remarks,
        });
        Ok(())
    }

    /// The rows of a turn: the comparison with the recorded answer, or a remark why there is none.
    fn rows(
        &mut self,
        index: usize,
        live: Option<&Datagram>,
        dropped: Option<&str>,
        remarks: &mut Vec<String>,
    ) -> Vec<Row> {
        let turn = &self.dialogue.turns[index];
        let question = turn.tree();
        let question = question.core();
        let chosen = self.dialogue.chosen(index);
        if turn.answers.len() > 1 {
            let count = turn.answers.len();
            let number = chosen.map_or(0, |it| it.number);
            remarks.push(format!(
                "{count} answers were recorded; packet {number} is compared"
            ));
        }
        match (chosen, live) {
            (Some(recorded), Some(live)) => {
                let recorded = dissect::message(&recorded.datagram.payload);
                let live = dissect::message(&live.payload);
                let leases = self.leases.entry(turn.client).or_default();
                let mut rows = meaning::compare(
                    question,
                    recorded.core(),
                    live.core(),
                    leases,
                    &self.declined,
                );
                rows.extend(levels(&recorded, &live));
                rows.extend(strange(question, recorded.core()));
                rows
            }
            (Some(recorded), None) => self.silent(question, recorded, dropped),
            (None, None) => Vec::new(),
            (None, Some(live)) => self.unasked(index, live, remarks),
        }
    }

    /// The recorded server answered, and the live one does not.
    fn silent(&self, question: &Message, recorded: &Answer, dropped: Option<&str>) -> Vec<Row> {
        let recorded = dissect::message(&recorded.datagram.payload);
        let why = reason::silence(question, dropped);
        let mut parts = meaning::alone(recorded.core()).into_iter();
        let first = parts.next().map(|(place, text)| Row {
            place,
            recorded: Some(text),
            live: None,
            difference: Some(why),
        });
        let rest = parts.map(|(place, text)| Row {
            place,
            recorded: Some(text),
            live: None,
            difference: None,
        });
        first.into_iter().chain(rest).collect()
    }

    /// The live server answers, and no recorded one did: lost, not captured, or on purpose.
    fn unasked(&self, index: usize, live: &Datagram, remarks: &mut Vec<String>) -> Vec<Row> {
        let dialogue = self.dialogue;
        let turn = &dialogue.turns[index];
        let of_client = |it: &&Turn| it.client == turn.client;
        let mut turns = dialogue.turns.iter().filter(of_client);
        if turns.all(|it| it.answers.is_empty()) {
            if turn.first == index {
                remarks
                    .push("no answer to this client was captured: nothing to compare".to_owned());
            }
            return Vec::new();
        }
        let answered = |it: usize| !dialogue.turns[it].answers.is_empty();
        if dialogue.group(index).any(answered) {
            remarks.push("the answer to another try of it was captured".to_owned());
            return Vec::new();
        }
        let mut later = dialogue.turns.iter().skip(index + 1).filter(of_client);
        match later.next() {
            None => {
                remarks.push("the capture ends before an answer".to_owned());
                return Vec::new();
            }
            Some(next) if next.message_type == turn.message_type => {
                remarks.push(
                    "the client asks again: its answer was lost, or none was sent".to_owned(),
                );
                return Vec::new();
            }
            Some(_) => {}
        }
        let tree = dissect::message(&live.payload);
        let parts = meaning::alone(tree.core());
        let rows = parts
            .into_iter()
            .enumerate()
            .map(|(number, (place, text))| Row {
                place,
                recorded: None,
                live: Some(text),
                difference: (number == 0).then(reason::unanswered),
            });
        rows.collect()
    }
}

/// The relay levels must come back as they went out on both sides.
fn levels(recorded: &Message, live: &Message) -> Vec<Row> {
    let count = |it: &Message| format!("{} levels", it.levels().count() - 1);
    let (then, now) = (count(recorded), count(live));
    let relayed = recorded.levels().count() + live.levels().count() > 2;
    let row = Row {
        place: "relay".to_owned(),
        difference: (then != now).then(reason::unexplained),
        recorded: Some(then),
        live: Some(now),
    };
    relayed.then_some(row).into_iter().collect()
}

/// A recorded answer that is not for the client that asked: no server should send it.
fn strange(question: &Message, recorded: &Message) -> Option<Row> {
    let (asked, named) = (client_id(question)?, client_id(recorded));
    (named.as_ref() != Some(&asked)).then(|| Row {
        place: "client-id".to_owned(),
        recorded: Some(named.map_or_else(|| "none".to_owned(), |it| rewrite::hex(&it))),
        live: Some(rewrite::hex(&asked)),
        difference: Some(reason::foreign_client()),
    })
}

/// Something that no server should do.
fn fault_row(fault: String) -> Row {
    Row {
        place: "fault".to_owned(),
        recorded: None,
        live: Some(fault),
        difference: Some(Reason {
            class: Class::Unexplained,
            text: "no server should answer like that".to_owned(),
        }),
    }
}

/// What there is to say of several answers; the first one counts.
fn crowd(answers: &[Datagram]) -> Option<String> {
    let server = |it: &Datagram| server_id(dissect::message(&it.payload).core());
    let mut servers: Vec<_> = answers.iter().map(server).collect();
    servers.sort();
    servers.dedup();
    match (answers.len(), servers.len()) {
        (0 | 1, _) => None,
        (_, 1) => Some("the live server answers twice".to_owned()),
        (_, count) => Some(format!(
            "{count} live servers answer: the one with the highest preference counts"
        )),
    }
}
