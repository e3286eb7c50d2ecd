//! Who said what to whom in a capture: its clients, what each of them said, and what came of that.
//!
//! Clients are told apart by DUID, link and relay path, as a server tells them apart. An answer belongs to the
//! last message before it that has its transaction id.
//!
//! Not here: how frames become datagrams (`capture`), and what messages mean (`replay`, `import`).

mod names;

use std::collections::HashMap;
use std::net::Ipv6Addr;
use std::time::Duration;

use crate::capture::{Capture, Packet};
use crate::compose::{CLIENT_PORT, SERVER_PORT};
use crate::dissect::{self, Head, Message};
use crate::rig::Datagram;

const SOLICIT: u8 = 1;
const REQUEST: u8 = 3;
const CLIENT_ID: u16 = 1;
const SERVER_ID: u16 = 2;
const INTERFACE_ID: u16 = 18;

/// What was said in a capture.
#[derive(Clone, Debug, Default)]
pub struct Dialogue {
    /// The clients, in the order of their first messages.
    pub clients: Vec<Party>,
    /// What they said, in the order of the capture.
    pub turns: Vec<Turn>,
    /// The DUIDs of the servers that answered, in the order of their first answers.
    pub servers: Vec<Vec<u8>>,
    /// How many messages of servers there are, answers to what the capture does not have among them.
    pub answers: usize,
    /// What is not as one would expect of a whole capture.
    pub remarks: Vec<String>,
    index: Index,
}

/// What tells clients apart: the DUID, the address of one without a DUID, the link, and the relay agents.
type Identity = (Vec<u8>, Option<Ipv6Addr>, String, Vec<Level>);
/// What a question is found by: the transaction id, and the DUID and the address that it comes from, if they count.
type Question = (u32, Option<Vec<u8>>, Option<Ipv6Addr>);

/// What is looked up for each message, so that a capture of thousands of clients takes as long for each of them as one
/// of a few.
#[derive(Clone, Debug, Default)]
struct Index {
    /// The clients.
    clients: HashMap<Identity, usize>,
    /// The turns of each client.
    turns: Vec<Vec<usize>>,
    /// The first turn of each transaction id, client and type.
    first: HashMap<(u32, usize, u8), usize>,
    /// The latest turn of those that a question is found by.
    latest: HashMap<Question, usize>,
}

/// A client on its link, or behind its relay agents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// What it is called: its host name or its kind where it says so.
    pub name: String,
    /// Its DUID; empty where it says none.
    pub duid: Vec<u8>,
    /// The link in the capture: `vlan 7`, or empty.
    pub link: String,
    /// The relay agents that its messages come by, the one closest to the server first.
    pub path: Vec<Level>,
    /// Where its first message comes from: its own address, not that of a relay agent.
    pub address: Ipv6Addr,
}

/// One relay agent of a path: what it says about where the client is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Level {
    /// The link-address.
    pub link: Ipv6Addr,
    /// The content of its Interface-Id.
    pub interface_id: Option<Vec<u8>>,
}

/// Something that a client said, and what was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The number of its packet in the capture.
    pub number: usize,
    /// When, since the first packet of the capture.
    pub at: Duration,
    /// Which of the clients said it.
    pub client: usize,
    /// What it said.
    pub datagram: Datagram,
    /// The type of the message at its core.
    pub message_type: u8,
    /// The first turn of those that say the same under one transaction id; itself if it is the first.
    pub first: usize,
    /// The answers, in the order of the capture.
    pub answers: Vec<Answer>,
}

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The number of its packet in the capture.
    pub number: usize,
    /// The DUID of the server; empty where the answer has none.
    pub server: Vec<u8>,
    /// What it said.
    pub datagram: Datagram,
}

impl Turn {
    /// What it says, with its relay levels.
    #[must_use]
    pub fn tree(&self) -> Message {
        dissect::message(&self.datagram.payload)
    }
}

impl Dialogue {
    /// Sorts what a capture holds.
    #[must_use]
    pub fn new(capture: &Capture) -> Self {
        let mut dialogue = Self {
            remarks: capture.remarks.clone(),
            ..Self::default()
        };
        let start = capture.packets.iter().map(|it| it.at).min();
        let start = start.unwrap_or_default();
        for packet in &capture.packets {
            let tree = dissect::message(&packet.datagram.payload);
            if is_from_server(&packet.datagram, &tree) {
                dialogue.hear(packet, &tree);
            } else {
                dialogue.say(packet, &tree, packet.at - start);
            }
        }
        names::give(&mut dialogue);
        dialogue
    }

    /// What can be played: everything, or what the client of a name said.
    ///
    /// # Errors
    /// There is no message of a client, or none of that one; the text says what there is.
    pub fn playable(self, client: Option<&str>) -> Result<Self, String> {
        if self.turns.is_empty() {
            return Err(match self.answers {
                0 => "there is no DHCPv6 in it".to_owned(),
                1 => {
                    "there is a message of a server in it, but none of a client to play".to_owned()
                }
                count => format!(
                    "there are {count} messages of servers in it, but none of a client to play"
                ),
            });
        }
        match client {
            None => Ok(self),
            Some(name) => self.only(name).ok_or_else(|| {
                let names: Vec<&str> = self.clients.iter().map(|it| it.name.as_str()).collect();
                let names = names.join(", ");
                format!("there is no client `{name}` in it; there are: {names}")
            }),
        }
    }

    /// The dialogue of the clients with that name alone; `None` if there is no such client.
    #[must_use]
    pub fn only(&self, name: &str) -> Option<Self> {
        let at = self.clients.iter().position(|it| it.name == name)?;
        let mut only = Self {
            clients: vec![self.clients[at].clone()],
            turns: Vec::new(),
            servers: self.servers.clone(),
            answers: 0,
            remarks: self.remarks.clone(),
            index: Index::default(),
        };
        let mut moved = HashMap::new();
        for (index, turn) in self.turns.iter().enumerate().filter(|it| it.1.client == at) {
            moved.insert(index, only.turns.len());
            only.answers += turn.answers.len();
            only.turns.push(Turn {
                client: 0,
                first: moved.get(&turn.first).copied().unwrap_or_default(),
                ..turn.clone()
            });
        }
        only.index.turns = vec![(0..only.turns.len()).collect()];
        Some(only)
    }

    /// Whether a Server Identifier that a client uses stands for a server that the capture has answers of. It
    /// also does where there are no answers to that client at all: then it was answered before.
    #[must_use]
    pub fn knows_server(&self, client: usize, duid: &[u8]) -> bool {
        self.servers.iter().any(|it| it == duid) || !self.is_answered(client)
    }

    /// Whether a client gets any answer in the capture.
    #[must_use]
    pub fn is_answered(&self, client: usize) -> bool {
        let mut turns = self.turns_of(client).iter();
        turns.any(|it| !self.turns[*it].answers.is_empty())
    }

    /// The turns of a client, in the order of the capture.
    fn turns_of(&self, client: usize) -> &[usize] {
        self.index.turns.get(client).map_or(&[], Vec::as_slice)
    }

    /// The turns of the client of a turn that come after it.
    fn later(&self, turn: usize) -> &[usize] {
        let client = self.turns.get(turn).map_or(usize::MAX, |it| it.client);
        let turns = self.turns_of(client);
        let after = turns.partition_point(|it| *it <= turn);
        turns.get(after..).unwrap_or_default()
    }

    /// Which answer of several counts: that of the server which its client asked next, else the first.
    #[must_use]
    pub fn chosen(&self, turn: usize) -> Option<&Answer> {
        let asked = self.turns.get(turn)?;
        let mut later = self.later(turn).iter().map(|it| &self.turns[*it]);
        let request = later.find(|it| it.message_type == REQUEST);
        let named = request.and_then(|it| server_id(it.tree().core()));
        let answers = asked.answers.iter();
        let mut chosen = answers.filter(|_| asked.message_type == SOLICIT);
        let chosen = chosen.find(|it| named.as_ref() == Some(&it.server));
        chosen.or(asked.answers.first())
    }

    /// Every turn that says the same as this one under the same transaction id, this one included.
    pub fn group(&self, turn: usize) -> impl Iterator<Item = usize> {
        let first = self.turns.get(turn).map_or(turn, |it| it.first);
        let later = self.later(first).iter().copied();
        let same = later.filter(move |it| self.turns[*it].first == first);
        std::iter::once(first).chain(same)
    }

    /// Takes something that a client said.
    fn say(&mut self, packet: &Packet, tree: &Message, at: Duration) {
        if packet.missing > 0 {
            self.remarks.push(format!(
                "packet {}: {} octets at the end were not captured, so it is played without them",
                packet.number, packet.missing
            ));
        }
        let core = tree.core();
        let path: Vec<Level> = tree.levels().filter_map(level).collect();
        let peer = tree.levels().filter_map(peer).last();
        let address = peer.unwrap_or(*packet.datagram.source.ip());
        let duid = client_id(core).unwrap_or_default();
        // Whoever says no DUID is known by the address.
        let known_by = duid.is_empty().then_some(address);
        let key = (duid.clone(), known_by, packet.link.clone(), path.clone());
        let client = *self.index.clients.entry(key).or_insert_with(|| {
            self.clients.push(Party {
                name: String::new(),
                duid: duid.clone(),
                link: packet.link.clone(),
                path,
                address,
            });
            self.index.turns.push(Vec::new());
            self.clients.len() - 1
        });
        let (index, message_type) = (self.turns.len(), core.message_type);
        let mut first = index;
        if let Some(xid) = core.xid() {
            let same = self.index.first.entry((xid, client, message_type));
            first = *same.or_insert(index);
            let source = *packet.datagram.source.ip();
            for duid in [None, Some(duid)] {
                for source in [None, Some(source)] {
                    self.index.latest.insert((xid, duid.clone(), source), index);
                }
            }
        }
        self.index.turns[client].push(index);
        self.turns.push(Turn {
            number: packet.number,
            at,
            client,
            datagram: packet.datagram.clone(),
            message_type,
            first,
            answers: Vec::new(),
        });
    }

    /// Takes something that a server said.
    fn hear(&mut self, packet: &Packet, tree: &Message) {
        self.answers += 1;
        let core = tree.core();
        let server = server_id(core).unwrap_or_default();
        if !server.is_empty() && !self.servers.contains(&server) {
            self.servers.push(server.clone());
        }
        let to = *packet.datagram.destination.ip();
        let duid = client_id(core);
        // Two clients may have chosen one transaction id; a server may name the wrong client. Of those that fit as
        // well, the latest.
        let question = core.xid().and_then(|xid| {
            let latest = |duid, source| self.index.latest.get(&(xid, duid, source)).copied();
            let both = duid.clone().and_then(|it| latest(Some(it), Some(to)));
            let named = duid.and_then(|it| latest(Some(it), None));
            let either = named.max(latest(None, Some(to)));
            both.or(either).or_else(|| latest(None, None))
        });
        match question.and_then(|it| self.turns.get_mut(it)) {
            Some(question) => question.answers.push(Answer {
                number: packet.number,
                server,
                datagram: packet.datagram.clone(),
            }),
            None => self.remarks.push(format!(
                "packet {}: {} {} answers nothing in this capture",
                packet.number,
                article(&core.name()),
                core.name()
            )),
        }
    }
}

fn article(name: &str) -> &'static str {
    match name.starts_with(['A', 'E', 'I', 'O', 'U']) {
        true => "an",
        false => "a",
    }
}

/// Whether it is a server that says this: by its type, and for types that a mistaken client may send, by port.
fn is_from_server(datagram: &Datagram, tree: &Message) -> bool {
    const ADVERTISE: u8 = 2;
    const REPLY: u8 = 7;
    const RECONFIGURE: u8 = 10;
    const RELAY_REPLY: u8 = 13;
    /// Leasequery-reply, -done and -data (RFC 5007 §4.1.1, RFC 5460 §5.2) and DHCPv4-response (RFC 7341 §5).
    const OTHERS: [u8; 4] = [15, 16, 17, 21];
    let (from, to) = (datagram.source.port(), datagram.destination.port());
    match tree.message_type {
        RELAY_REPLY => !datagram.destination.ip().is_multicast(),
        ADVERTISE | REPLY | RECONFIGURE => to == CLIENT_PORT || from == SERVER_PORT,
        other => OTHERS.contains(&other),
    }
}

fn level(message: &Message) -> Option<Level> {
    let Head::Relay { link, .. } = message.head else {
        return None;
    };
    let id = message.options.first(INTERFACE_ID);
    Some(Level {
        link,
        interface_id: id.map(|it| it.octets.clone()),
    })
}

fn peer(message: &Message) -> Option<Ipv6Addr> {
    match message.head {
        Head::Relay { peer, .. } => Some(peer),
        Head::Client { .. } | Head::Cut(_) => None,
    }
}

/// The DUID in the first Client Identifier of a message.
#[must_use]
pub fn client_id(message: &Message) -> Option<Vec<u8>> {
    identifier(message, CLIENT_ID)
}

/// The DUID in the first Server Identifier of a message.
#[must_use]
pub fn server_id(message: &Message) -> Option<Vec<u8>> {
    identifier(message, SERVER_ID)
}

fn identifier(message: &Message, code: u16) -> Option<Vec<u8>> {
    let option = message.options.first(code)?;
    option.value.duid().map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "[fe80::c1]:546";
    const SERVER: &str = "[fe80::1]:547";

    /// A capture of these datagrams: source, destination, octets.
    pub(super) fn capture(said: &[(&str, &str, Vec<u8>)]) -> Capture {
        let packets = (1..).zip(said).map(|(number, (from, to, payload))| Packet {
            number,
            at: Duration::from_secs(1000 + number as u64),
            link: String::new(),
            macs: None,
            hop_limit: 1,
            comments: Vec::new(),
            missing: 0,
            datagram: Datagram {
                source: from.parse().expect("an address"),
                destination: to.parse().expect("an address"),
                payload: payload.clone(),
            },
        });
        Capture {
            packets: packets.collect(),
            remarks: Vec::new(),
        }
    }

    /// A message with a Client Identifier, and a Server Identifier if there is a number for it.
    fn message(message_type: u8, xid: u8, client: u8, server: Option<u8>) -> Vec<u8> {
        let mut octets = vec![message_type, 0, 0, xid, 0, 1, 0, 3, 0, 4, client];
        octets.extend(server.iter().flat_map(|it| [0, 2, 0, 3, 0, 4, *it]));
        octets
    }

    fn from_client(octets: Vec<u8>) -> (&'static str, &'static str, Vec<u8>) {
        (SOURCE, "[ff02::1:2]:547", octets)
    }

    fn from_server(octets: Vec<u8>) -> (&'static str, &'static str, Vec<u8>) {
        (SERVER, SOURCE, octets)
    }

    #[test]
    fn answers_belong_to_the_last_message_with_their_transaction_id() {
        let dialogue = Dialogue::new(&capture(&[
            from_client(message(1, 7, 1, None)),
            from_client(message(1, 7, 2, None)),
            from_client(message(1, 7, 1, None)),
            from_server(message(2, 7, 1, Some(9))),
            from_server(message(2, 7, 2, Some(9))),
            from_server(message(2, 8, 1, Some(9))),
        ]));
        let answered: Vec<Vec<usize>> = dialogue
            .turns
            .iter()
            .map(|it| it.answers.iter().map(|it| it.number).collect())
            .collect();
        assert_eq!(answered, [vec![], vec![5], vec![4]]);
        assert_eq!(dialogue.turns[2].first, 0);
        assert_eq!(dialogue.group(0).collect::<Vec<_>>(), [0, 2]);
        assert_eq!(
            dialogue.remarks,
            ["packet 6: an Advertise answers nothing in this capture"]
        );
        assert_eq!(dialogue.answers, 3);
    }

    #[test]
    fn of_questions_with_one_transaction_id_the_one_that_fits_best_is_answered() {
        let (other, all) = ("[fe80::c2]:546", "[ff02::1:2]:547");
        let of = |answers: &[(&'static str, &'static str, Vec<u8>)]| {
            let mut said = vec![
                from_client(message(1, 7, 1, None)),
                (other, all, message(1, 7, 2, None)),
                (other, all, message(1, 7, 1, None)),
            ];
            said.extend_from_slice(answers);
            let dialogue = Dialogue::new(&capture(&said));
            let turns = dialogue.turns.iter();
            turns.map(|it| it.answers.len()).collect::<Vec<_>>()
        };
        // By DUID and address; by one of them, the latest; by none, the latest.
        assert_eq!(of(&[from_server(message(2, 7, 1, Some(9)))]), [1, 0, 0]);
        assert_eq!(of(&[(SERVER, other, message(2, 7, 9, Some(9)))]), [0, 0, 1]);
        let nowhere = "[fe80::c9]:546";
        assert_eq!(
            of(&[(SERVER, nowhere, message(2, 7, 2, Some(9)))]),
            [0, 1, 0]
        );
        assert_eq!(
            of(&[(SERVER, nowhere, message(2, 7, 9, Some(9)))]),
            [0, 0, 1]
        );
    }

    #[test]
    fn the_answer_of_the_server_that_is_asked_next_counts() {
        let dialogue = Dialogue::new(&capture(&[
            from_client(message(1, 7, 1, None)),
            from_server(message(2, 7, 1, Some(8))),
            from_server(message(2, 7, 1, Some(9))),
            from_client(message(3, 8, 1, Some(9))),
        ]));
        let chosen = dialogue.chosen(0).expect("there are two");
        assert_eq!(chosen.number, 3);
        assert!(dialogue.knows_server(0, &[0, 4, 8]));
        assert!(!dialogue.knows_server(0, &[0, 4, 7]));
    }

    #[test]
    fn a_client_is_another_one_on_another_link_and_behind_another_agent() {
        let inner = message(1, 7, 1, None);
        let mut outer = vec![12, 0];
        outer.extend([0x20; 32]);
        outer.extend([0, 9, 0, 11]);
        outer.extend(&inner);
        let mut capture = capture(&[
            from_client(inner.clone()),
            from_client(inner.clone()),
            from_client(outer.clone()),
            from_client(outer),
            from_client(vec![1, 0, 0, 7]),
        ]);
        capture.packets[1].link = "vlan 7".into();
        let dialogue = Dialogue::new(&capture);
        let clients: Vec<usize> = dialogue.turns.iter().map(|it| it.client).collect();
        assert_eq!(clients, [0, 1, 2, 2, 3]);
        assert!(dialogue.clients[3].duid.is_empty());
        let name = &dialogue.clients[2].name;
        let only = dialogue.only(name).expect("there is one");
        assert_eq!(only.turns.len(), 2);
        assert_eq!(only.turns[1].first, 0);
        assert!(dialogue.only("nobody").is_none());
    }

    #[test]
    fn servers_are_told_from_clients_by_type_and_port() {
        let from = |from: &str, to: &str, message_type: u8| {
            let capture = capture(&[(from, to, vec![message_type, 0, 0, 1])]);
            Dialogue::new(&capture).answers == 1
        };
        let multicast = "[ff02::1:2]:547";
        assert!(from(SERVER, SOURCE, 7) && from(SERVER, SOURCE, 10));
        assert!(!from(SOURCE, multicast, 1) && !from(SOURCE, multicast, 2));
        assert!(from(SERVER, SERVER, 13) && !from(SERVER, SERVER, 12));
        assert!(!from(SOURCE, multicast, 13) && from(SERVER, SERVER, 15));
    }
}
