//! What clients hold that a server outside of the lab gave them, and the messages that give it back.

use std::collections::BTreeMap;

use super::rewrite::with_core;
use crate::dialogue::{client_id, server_id};
use crate::dissect::{self, Message};
use crate::rig::Datagram;
use crate::scenario::Block;

const REPLY: u8 = 7;
const RELEASE: u8 = 8;
const DECLINE: u8 = 9;

const CLIENT_ID: u16 = 1;
const SERVER_ID: u16 = 2;
const ADDRESS: u16 = 5;
const ELAPSED_TIME: u16 = 8;
const PREFIX: u16 = 26;

/// What the clients of a dialogue hold, by their number in it.
#[derive(Debug, Default)]
pub(super) struct Holdings(BTreeMap<usize, Held>);

/// What one client holds.
#[derive(Debug)]
struct Held {
    /// The message that was answered with it: where the client is, and how it gets to the server.
    question: Datagram,
    client: Vec<u8>,
    server: Vec<u8>,
    leases: Vec<Lease>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Lease {
    /// The code of the IA's option.
    ia: u16,
    iaid: u32,
    block: Block,
}

/// A message that gives back what a client holds.
#[derive(Debug)]
pub(super) struct GiveBack {
    /// The number of the client in the dialogue.
    pub(super) client: usize,
    /// The addresses and prefixes, as text.
    pub(super) leases: Vec<String>,
    /// The Release.
    pub(super) release: Datagram,
}

impl Holdings {
    /// Takes note of what a client asked, and what it was answered.
    pub(super) fn note(&mut self, client: usize, question: &Datagram, answer: &Datagram) {
        let (asked, told) = (
            dissect::message(&question.payload),
            dissect::message(&answer.payload),
        );
        let (asked, told) = (asked.core(), told.core());
        if told.message_type != REPLY {
            return;
        }
        if [RELEASE, DECLINE].contains(&asked.message_type) {
            let gone = leases(asked);
            if let Some(held) = self.0.get_mut(&client) {
                held.leases
                    .retain(|it| !gone.iter().any(|(gone, _)| gone == it));
            }
            return;
        }
        let (Some(duid), Some(server)) = (client_id(asked), server_id(told)) else {
            return;
        };
        let held = self.0.entry(client).or_insert_with(|| Held {
            question: question.clone(),
            client: duid,
            server: server.clone(),
            leases: Vec::new(),
        });
        for (lease, valid) in leases(told) {
            held.leases.retain(|it| *it != lease);
            if valid > 0 {
                held.question = question.clone();
                held.server.clone_from(&server);
                held.leases.push(lease);
            }
        }
    }

    /// One message for each client that holds something.
    pub(super) fn give_back(&self) -> Vec<GiveBack> {
        let holders = self.0.iter().filter(|(_, held)| !held.leases.is_empty());
        let messages = holders.map(|(client, held)| GiveBack {
            client: *client,
            leases: held.leases.iter().map(|it| it.block.to_string()).collect(),
            release: held.release(),
        });
        messages.collect()
    }
}

impl Held {
    /// A Release of everything, by the way that its leases came (RFC 9915 §18.2.7).
    fn release(&self) -> Datagram {
        let xid = dissect::message(&self.question.payload).core().xid();
        // Another one than that of the message before, whose answer may still be under way.
        let [_, xid @ ..] = (!xid.unwrap_or_default()).to_be_bytes();
        let mut message = vec![RELEASE];
        message.extend(xid);
        put(&mut message, CLIENT_ID, &self.client);
        put(&mut message, SERVER_ID, &self.server);
        put(&mut message, ELAPSED_TIME, &[0, 0]);
        let mut ias: BTreeMap<(u16, u32), Vec<u8>> = BTreeMap::new();
        for lease in &self.leases {
            let Block { address, length } = lease.block;
            let address = address.octets();
            let (code, content) = match length {
                None => (ADDRESS, [&address[..], &[0; 8]].concat()),
                Some(length) => (PREFIX, [&[0; 8][..], &[length], &address].concat()),
            };
            let inside = ias.entry((lease.ia, lease.iaid)).or_default();
            put(inside, code, &content);
        }
        for ((code, iaid), inside) in ias {
            let content = [&iaid.to_be_bytes()[..], &[0; 8], &inside].concat();
            put(&mut message, code, &content);
        }
        Datagram {
            payload: with_core(&self.question.payload, &message),
            ..self.question.clone()
        }
    }
}

fn put(message: &mut Vec<u8>, code: u16, content: &[u8]) {
    let length = u16::try_from(content.len()).unwrap_or(u16::MAX);
    message.extend(code.to_be_bytes());
    message.extend(length.to_be_bytes());
    message.extend(content);
}

/// The leases of a message with T1 and T2 in their IAs, each with its valid lifetime.
fn leases(message: &Message) -> Vec<(Lease, u32)> {
    let mut found = Vec::new();
    for option in &message.options.list {
        let Some(association) = option.value.association() else {
            continue;
        };
        if association.times.is_none() {
            continue;
        }
        let listed = association.options.list.iter();
        found.extend(listed.filter_map(|it| it.value.listed()).map(|it| {
            let lease = Lease {
                ia: option.code,
                iaid: association.iaid,
                block: it.into(),
            };
            (lease, it.valid)
        }));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn option(code: u8, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).expect("short");
        [&[0, code, 0, length], content].concat()
    }

    /// An IA_NA and an IA_PD with a lease of that valid lifetime each, both with IAID 7.
    fn ias(valid: u8) -> Vec<u8> {
        let lifetimes = [0, 0, 0, valid, 0, 0, 0, valid];
        let address = [&[0x20, 1, 0xd, 0xb8][..], &[0; 11], &[5], &lifetimes].concat();
        let prefix = [&lifetimes[..], &[56], &[0x20, 1, 0xd, 0xb8, 1], &[0; 11]].concat();
        let head = [0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0];
        let na = [&head[..], &option(5, &address)].concat();
        let pd = [&head[..], &option(26, &prefix)].concat();
        [option(3, &na), option(25, &pd)].concat()
    }

    fn datagram(message_type: u8, rest: &[u8]) -> Datagram {
        let ids = [option(1, &[0, 4, 1]), option(2, &[0, 4, 9])].concat();
        Datagram {
            source: "[fe80::c1]:546".parse().expect("an address"),
            destination: "[ff02::1:2]:547".parse().expect("an address"),
            payload: [&[message_type, 0, 0, 1], &ids[..], rest].concat(),
        }
    }

    #[test]
    fn what_a_reply_gave_is_given_back_in_one_message() {
        let mut holdings = Holdings::default();
        let (request, reply) = (datagram(3, &[]), datagram(7, &ias(60)));
        holdings.note(4, &datagram(1, &[]), &datagram(2, &ias(60)));
        assert!(holdings.give_back().is_empty(), "an offer is no lease");
        holdings.note(4, &request, &reply);
        holdings.note(4, &datagram(5, &ias(60)), &reply);
        let back = holdings.give_back();
        assert_eq!(back.len(), 1);
        assert_eq!((back[0].client, back[0].leases.len()), (4, 2));
        let elapsed = option(8, &[0, 0]);
        let ids = [option(1, &[0, 4, 1]), option(2, &[0, 4, 9])].concat();
        let expected = [&[8, 0xff, 0xff, 0xfe], &ids[..], &elapsed, &ias(0)].concat();
        assert_eq!(back[0].release.payload, expected);
        assert_eq!(back[0].release.destination, request.destination);
    }

    #[test]
    fn what_the_client_gave_back_itself_and_what_the_server_took_is_held_no_more() {
        for (asked, told) in [
            (datagram(8, &ias(0)), datagram(7, &[])),
            (datagram(9, &ias(0)), datagram(7, &[])),
            (datagram(5, &ias(60)), datagram(7, &ias(0))),
        ] {
            let mut holdings = Holdings::default();
            holdings.note(0, &datagram(3, &[]), &datagram(7, &ias(60)));
            assert_eq!(holdings.give_back().len(), 1);
            holdings.note(0, &asked, &told);
            assert!(holdings.give_back().is_empty());
        }
    }

    #[test]
    fn a_relayed_client_gives_back_by_its_relay_agent() {
        let wrap = |kind: u8, inner: &Datagram| Datagram {
            payload: [&[kind, 0][..], &[7; 32], &option(9, &inner.payload)].concat(),
            ..inner.clone()
        };
        let mut holdings = Holdings::default();
        holdings.note(
            0,
            &wrap(12, &datagram(3, &[])),
            &wrap(13, &datagram(7, &ias(60))),
        );
        let release = &holdings.give_back()[0].release;
        let tree = dissect::message(&release.payload);
        assert_eq!((tree.message_type, tree.core().message_type), (12, RELEASE));
    }
}
