//! Tests of what becomes of captures.

mod guess;
mod message;
mod steps;

use std::time::Duration;

use crate::capture::{Capture, Packet};
use crate::dialogue::Dialogue;
use crate::rig::Datagram;

/// The capture of messages of a client and of a server, one in a second: source, destination, octets.
fn dialogue(said: &[(&str, &str, Vec<u8>)]) -> Dialogue {
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
    Dialogue::new(&Capture {
        packets: packets.collect(),
        remarks: Vec::new(),
    })
}

/// Questions of one client, each with its answer if there is one.
fn asked(pairs: &[(Vec<u8>, Option<Vec<u8>>)]) -> Dialogue {
    let (client, all, server) = ("[fe80::c1]:546", "[ff02::1:2]:547", "[fe80::1]:547");
    let said = pairs.iter().flat_map(|(question, answer)| {
        let answer = answer.clone().map(|it| (server, client, it));
        std::iter::once((client, all, question.clone())).chain(answer)
    });
    dialogue(&said.collect::<Vec<_>>())
}

fn option(code: u16, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("short");
    [&code.to_be_bytes()[..], &length.to_be_bytes(), content].concat()
}

/// A message of that type and transaction id, with the client's DUID.
fn message(message_type: u8, xid: u8, options: &[Vec<u8>]) -> Vec<u8> {
    let id = option(1, &[0, 3, 0, 1, 2, 0, 0, 0, 0, 7]);
    [&[message_type, 0, 0, xid][..], &id, &options.concat()].concat()
}

/// A message of the server.
fn answer(message_type: u8, xid: u8, options: &[Vec<u8>]) -> Vec<u8> {
    let id = option(2, &[0, 3, 0, 1, 9, 9, 9, 9, 9, 9]);
    message(message_type, xid, &[id, options.concat()])
}

fn ia(code: u16, inside: &[Vec<u8>]) -> Vec<u8> {
    let head = [1_u32, 0, 0].map(u32::to_be_bytes).concat();
    option(code, &[head, inside.concat()].concat())
}

fn address(text: &str, preferred: u32, valid: u32) -> Vec<u8> {
    let address: std::net::Ipv6Addr = text.parse().expect("an address");
    let lifetimes = [preferred, valid].map(u32::to_be_bytes).concat();
    option(5, &[&address.octets()[..], &lifetimes].concat())
}

fn prefix(text: &str, length: u8, preferred: u32, valid: u32) -> Vec<u8> {
    let prefix: std::net::Ipv6Addr = text.parse().expect("a prefix");
    let lifetimes = [preferred, valid].map(u32::to_be_bytes).concat();
    option(26, &[&lifetimes[..], &[length], &prefix.octets()].concat())
}
