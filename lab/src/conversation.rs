//! A capture by client: every message that was said to or by each of them, in order, opened, and which one answers
//! or repeats which.
//!
//! `dialogue` says who the clients are and what belongs together; here nothing is left out, answers to what is not
//! in the capture among them.

use std::collections::HashMap;
use std::net::Ipv6Addr;
use std::time::Duration;

use crate::capture::{Capture, Packet};
use crate::dialogue::{Dialogue, Party, client_id};
use crate::dissect::{self, Message, Options, Value};

/// A client on its link or behind its relay agents, and everything said to it and by it.
#[derive(Clone, Debug)]
pub struct Conversation<'a> {
    /// The client.
    pub party: Party,
    /// Whether the client itself is heard in the capture.
    pub heard: bool,
    /// The messages, in the order of the capture.
    pub messages: Vec<Said<'a>>,
}

/// One message.
#[derive(Clone, Debug)]
pub struct Said<'a> {
    /// Where and when.
    pub packet: &'a Packet,
    /// What, with its relay levels.
    pub tree: Message,
    /// Whether a server said it.
    pub from_server: bool,
    /// Which message of the conversation it answers.
    pub answers: Option<usize>,
    /// Which message of the conversation it repeats: the first with its transaction id and type.
    pub repeats: Option<usize>,
    /// The messages of the conversation that answer it.
    pub answered_by: Vec<usize>,
    /// The messages of the conversation that repeat it.
    pub repeated_by: Vec<usize>,
}

impl Said<'_> {
    /// The message that relay agents carry, or the message itself.
    #[must_use]
    pub fn core(&self) -> &Message {
        self.tree.core()
    }

    /// The type of that.
    #[must_use]
    pub fn kind(&self) -> u8 {
        self.core().message_type
    }

    /// When it was captured.
    #[must_use]
    pub fn at(&self) -> Duration {
        self.packet.at
    }
}

impl<'a> Conversation<'a> {
    /// The message at a place, and everything that repeats it.
    pub fn transmissions(&self, first: usize) -> impl Iterator<Item = &Said<'a>> {
        let repetitions = self.messages.get(first).map(|it| it.repeated_by.as_slice());
        let repetitions = repetitions.unwrap_or_default().iter().copied();
        let places = std::iter::once(first).chain(repetitions);
        places.filter_map(|it| self.messages.get(it))
    }

    /// Whatever answers the message at a place, or what repeats it.
    pub fn answers(&self, first: usize) -> impl Iterator<Item = &Said<'a>> {
        let answers = self.transmissions(first).flat_map(|it| &it.answered_by);
        answers.filter_map(|it| self.messages.get(*it))
    }
}

/// Sorts what a capture holds, clients in the order of their first messages.
#[must_use]
pub fn sort(capture: &Capture) -> Vec<Conversation<'_>> {
    let dialogue = Dialogue::new(capture);
    // By the number of the packet: whose message it is, and what it answers or repeats.
    let mut place = HashMap::new();
    for (index, turn) in dialogue.turns.iter().enumerate() {
        let first = dialogue
            .turns
            .get(turn.first)
            .filter(|_| turn.first != index);
        place.insert(turn.number, (turn.client, None, first.map(|it| it.number)));
        for answer in &turn.answers {
            place.insert(answer.number, (turn.client, Some(turn.number), None));
        }
    }
    let clients = dialogue.clients.into_iter();
    let mut conversations: Vec<_> = clients
        .map(|party| Conversation {
            party,
            heard: true,
            messages: Vec::new(),
        })
        .collect();
    let mut addressees = Addressees::of(&conversations);
    let mut index_of = HashMap::new();
    for packet in &capture.packets {
        let tree = dissect::message(&packet.datagram.payload);
        let known = place.get(&packet.number).copied();
        let (client, answers, repeats) = known.unwrap_or_else(|| {
            (
                addressees.find(&mut conversations, packet, &tree),
                None,
                None,
            )
        });
        let conversation = &mut conversations[client];
        let index = |number: Option<usize>| number.and_then(|it| index_of.get(&it)).copied();
        let said = Said {
            packet,
            tree,
            from_server: answers.is_some() || known.is_none(),
            answers: index(answers),
            repeats: index(repeats),
            answered_by: Vec::new(),
            repeated_by: Vec::new(),
        };
        let here = conversation.messages.len();
        let place = |index: Option<usize>| index.filter(|it| *it < here);
        let (answered, repeated) = (place(said.answers), place(said.repeats));
        index_of.insert(packet.number, here);
        conversation.messages.push(said);
        if let Some(question) = answered {
            conversation.messages[question].answered_by.push(here);
        }
        if let Some(first) = repeated {
            conversation.messages[first].repeated_by.push(here);
        }
    }
    conversations
}

/// Whom answers are for whose questions are not in the capture: by link, and by DUID or by address.
struct Addressees {
    by_duid: HashMap<(String, Vec<u8>), usize>,
    by_address: HashMap<(String, Ipv6Addr), usize>,
    unheard: usize,
}

impl Addressees {
    fn of(conversations: &[Conversation<'_>]) -> Self {
        let mut all = Self {
            by_duid: HashMap::new(),
            by_address: HashMap::new(),
            unheard: 0,
        };
        for (index, conversation) in conversations.iter().enumerate() {
            all.add(index, &conversation.party);
        }
        all
    }

    /// Of several on one link, the first counts.
    fn add(&mut self, index: usize, party: &Party) {
        let link = || party.link.clone();
        let by_duid = self.by_duid.entry((link(), party.duid.clone()));
        by_duid.or_insert(index);
        let by_address = self.by_address.entry((link(), party.address));
        by_address.or_insert(index);
    }

    /// The client that an answer is for; it is added if it is not heard.
    fn find(
        &mut self,
        conversations: &mut Vec<Conversation<'_>>,
        packet: &Packet,
        tree: &Message,
    ) -> usize {
        let duid = client_id(tree.core()).unwrap_or_default();
        let address = *packet.datagram.destination.ip();
        let link = packet.link.clone();
        let known = match duid.is_empty() {
            true => self.by_address.get(&(link.clone(), address)),
            false => self.by_duid.get(&(link.clone(), duid.clone())),
        };
        if let Some(known) = known {
            return *known;
        }
        self.unheard += 1;
        let name = match self.unheard {
            1 => "unheard".to_owned(),
            number => format!("unheard-{number}"),
        };
        let party = Party {
            name,
            duid,
            link,
            path: Vec::new(),
            address,
        };
        self.add(conversations.len(), &party);
        conversations.push(Conversation {
            party,
            heard: false,
            messages: Vec::new(),
        });
        conversations.len() - 1
    }
}

/// An IA of a message.
#[derive(Clone, Copy, Debug)]
pub struct Ia<'a> {
    /// The code of its option.
    pub code: u16,
    /// Its IAID.
    pub iaid: u32,
    /// T1, in seconds.
    pub t1: u32,
    /// T2, in seconds.
    pub t2: u32,
    /// What is in it.
    pub options: &'a Options,
}

/// An address or a prefix in an IA.
#[derive(Clone, Copy, Debug)]
pub struct Lease {
    /// The address, or the prefix without its length.
    pub address: Ipv6Addr,
    /// The length of the prefix; 128 of an address.
    pub length: u8,
    /// The preferred lifetime, in seconds.
    pub preferred: u32,
    /// The valid lifetime, in seconds.
    pub valid: u32,
}

impl Ia<'_> {
    /// `ia-na 1`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} {}", dissect::option_name(self.code), self.iaid)
    }

    /// Whether it is the same one in another message.
    #[must_use]
    pub fn is(&self, other: &Ia<'_>) -> bool {
        (self.code, self.iaid) == (other.code, other.iaid)
    }

    /// The addresses and prefixes in it.
    pub fn leases(&self) -> impl Iterator<Item = Lease> {
        self.options.list.iter().filter_map(|it| {
            if let Value::Address {
                address,
                preferred,
                valid,
                ..
            } = it.value
            {
                Some(Lease {
                    address,
                    length: 128,
                    preferred,
                    valid,
                })
            } else if let Value::Prefix {
                preferred,
                valid,
                length,
                prefix,
                ..
            } = it.value
            {
                Some(Lease {
                    address: prefix,
                    length,
                    preferred,
                    valid,
                })
            } else {
                None
            }
        })
    }
}

impl std::fmt::Display for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.length {
            128 => write!(f, "{}", self.address),
            length => write!(f, "{}/{length}", self.address),
        }
    }
}

/// The IAs of a message that are for addresses or for prefixes.
#[must_use]
pub fn ias(message: &Message) -> Vec<Ia<'_>> {
    let options = message.options.list.iter();
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
                t1: *t1,
                t2: *t2,
                options,
            })
        })
        .collect()
}
