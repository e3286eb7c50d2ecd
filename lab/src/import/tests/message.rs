//! Octets → steps that compose to them.

use std::net::Ipv6Addr;

use proptest::prelude::*;

use std::time::Duration;

use super::{address, ia, message, option};
use crate::compose::{self, Memory};
use crate::dissect;
use crate::import::message::{Context, send};
use crate::rig::Datagram;
use crate::scenario::{Client, Code, Message, Send};

fn client(order: &[u16]) -> Client {
    Client {
        model: None,
        link: None,
        name: "client".into(),
        duid: vec![0, 3, 0, 1, 2, 0, 0, 0, 0, 7],
        address: "fe80::c1".parse().expect("an address"),
        key: None,
        order: order.iter().copied().map(Code).collect(),
    }
}

fn datagram(payload: &[u8]) -> Datagram {
    Datagram {
        source: "[fe80::c1]:546".parse().expect("an address"),
        destination: "[ff02::1:2]:547".parse().expect("an address"),
        payload: payload.to_vec(),
    }
}

/// The step for octets, composed again.
fn said(payload: &[u8], client: &Client) -> (Send, Vec<u8>) {
    let taken: [Ipv6Addr; 0] = [];
    let context = Context {
        client,
        memory: &Memory::default(),
        last_xid: None,
        knows_server: false,
        taken: &taken,
    };
    let (send, _) = send(&datagram(payload), &context);
    let xid = dissect::message(payload).core().xid().unwrap_or_default();
    let composed = compose::datagram(&send, client, &mut Memory::default(), xid, Duration::ZERO);
    (send, composed.payload)
}

fn relayed(inner: &[u8]) -> Vec<u8> {
    let head = [&[12, 3][..], &[0x20; 16], &[0xfe; 16]].concat();
    [
        head,
        option(37, b"remote"),
        option(9, inner),
        option(18, b"port"),
    ]
    .concat()
}

#[test]
fn what_fields_can_say_they_say() {
    let octets = message(
        1,
        7,
        &[option(8, &[0, 0]), ia(3, &[address("2001:db8::5", 1, 2)])],
    );
    for octets in [octets.clone(), relayed(&octets)] {
        let (send, composed) = said(&octets, &client(&[]));
        assert_eq!(composed, octets);
        let Message::Client(1, fields) = send.message else {
            panic!("{send:?}")
        };
        assert!(
            fields.options.is_none() && fields.order.is_none(),
            "{fields:?}"
        );
    }
}

#[test]
fn a_clients_habit_is_not_said_again() {
    let octets = message(1, 7, &[option(6, &[0, 23]), option(8, &[0, 0])]);
    let order = |habit: &[u16]| {
        let Message::Client(_, fields) = said(&octets, &client(habit)).0.message else {
            panic!("it has fields")
        };
        fields.order
    };
    assert!(order(&[1, 6]).is_none());
    assert!(order(&[]).is_some());
}

#[test]
fn what_cannot_be_read_survives_as_octets() {
    let cut = [&[1, 0, 0, 7][..], &[0, 3, 0, 40, 1]].concat();
    let (send, composed) = said(&cut, &client(&[]));
    assert_eq!(composed, cut);
    assert!(matches!(send.message, Message::Client(1, _)), "{send:?}");
    for octets in [&[][..], &[1], &[12, 0, 1], &[0, 0, 0]] {
        let (send, composed) = said(octets, &client(&[]));
        assert_eq!(composed, octets);
        assert!(matches!(send.message, Message::Raw(_)), "{send:?}");
    }
}

fn options() -> impl Strategy<Value = Vec<u8>> {
    let code = prop_oneof![1..28_u16, any::<u16>()];
    let content = proptest::collection::vec(any::<u8>(), 0..40);
    let one = (code, content).prop_map(|(code, content)| option(code, &content));
    proptest::collection::vec(one, 0..8).prop_map(|it| it.concat())
}

proptest! {
    #[test]
    fn every_message_composes_to_its_octets(
        message_type in 0..40_u8, xid: [u8; 3], options in options(), cut in 0..60_usize, relay: bool
    ) {
        let mut octets = [&[message_type][..], &xid, &options].concat();
        if cut < octets.len() {
            octets.truncate(octets.len() - cut / 4);
        }
        if relay {
            octets = relayed(&relayed(&octets));
        }
        let composed = said(&octets, &client(&[8, 1, 6])).1;
        prop_assert_eq!(composed, octets);
    }

    #[test]
    fn any_octets_compose_to_themselves(octets in proptest::collection::vec(any::<u8>(), 0..120)) {
        prop_assert_eq!(said(&octets, &client(&[])).1, octets);
    }
}
