//! Steps → datagrams, read back by `dissect`.

use super::*;
use crate::dissect::{self, Head, Opt};
use crate::scenario::{Code, Hex, Transport};
use proptest::prelude::*;

fn client() -> Client {
    Client {
        name: "first".into(),
        duid: vec![0, 3, 0, 1, 2],
        address: "fe80::c1".parse().expect("an address"),
        key: None,
        order: Vec::new(),
        model: None,
        link: None,
    }
}

fn sent(message: Message, relay: Vec<Hop>) -> Datagram {
    let send = Send {
        from: "first".into(),
        transport: Transport {
            relay: Some(relay),
            ..Transport::default()
        },
        message,
    };
    datagram(&send, &client(), &mut Memory::default(), 7, Duration::ZERO)
}

fn solicit(fields: Fields) -> Tree {
    dissect::message(&sent(Message::Client(1, fields), vec![]).payload)
}

fn codes(tree: &Tree) -> Vec<u16> {
    tree.options.list.iter().map(|it| it.code).collect()
}

#[test]
fn identifiers_are_as_many_as_the_step_says() {
    let server = Some(Several(vec![Identifier::Server]));
    let with = |client_id, server_id| {
        codes(&solicit(Fields {
            client_id,
            server_id,
            ..Fields::default()
        }))
    };
    assert_eq!(with(None, None), [CLIENT_ID, ELAPSED_TIME]);
    assert_eq!(
        with(Some(Several(vec![])), server),
        [SERVER_ID, ELAPSED_TIME]
    );
    let two = Some(Several(vec![Identifier::Own, Identifier::Octets(vec![9])]));
    assert_eq!(with(two, None), [CLIENT_ID, CLIENT_ID, ELAPSED_TIME]);
}

#[test]
fn options_come_in_the_order_of_the_message_else_of_the_client() {
    let mut client = client();
    client.order = [OPTION_REQUEST, IA_NA, CLIENT_ID].map(Code).to_vec();
    let say = |order: Option<[u16; 2]>| {
        let fields = Fields {
            oro: Some(Several(vec![])),
            order: order.map(|it| Several(it.map(Code).to_vec())),
            ..Fields::default()
        };
        let message = Message::Client(1, fields);
        let send = Send {
            from: "first".into(),
            transport: Transport::default(),
            message,
        };
        let datagram = datagram(&send, &client, &mut Memory::default(), 7, Duration::ZERO);
        codes(&dissect::message(&datagram.payload))
    };
    assert_eq!(say(None), [OPTION_REQUEST, CLIENT_ID, ELAPSED_TIME]);
    let elapsed_first = Some([ELAPSED_TIME, 999]);
    assert_eq!(
        say(elapsed_first),
        [ELAPSED_TIME, CLIENT_ID, OPTION_REQUEST]
    );
}

#[test]
fn a_relay_agent_orders_its_options_too() {
    let hop = Hop {
        interface_id: Some(crate::scenario::Opaque(b"x".to_vec())),
        order: vec![Code(RELAY_MESSAGE)],
        link: None,
        ..Hop::default()
    };
    let datagram = sent(Message::Client(1, Fields::default()), vec![hop]);
    let tree = dissect::message(&datagram.payload);
    assert_eq!(codes(&tree), [RELAY_MESSAGE, INTERFACE_ID]);
}

/// The datagrams of a client that says this, one message after the other, with the server's answers between.
fn dialogue(says: &[(u64, u8, &str)], answer: &[u8]) -> Vec<Datagram> {
    let mut memory = Memory::default();
    let mut say = |(secs, message_type, fields): &(u64, u8, &str)| {
        let fields = serde_yaml::from_str(fields).expect("fields");
        let send = Send {
            from: "first".into(),
            transport: Transport::default(),
            message: Message::Client(*message_type, fields),
        };
        let now = Duration::from_secs(*secs);
        let said = datagram(
            &send,
            &client(),
            &mut memory,
            message_type.to_owned().into(),
            now,
        );
        memory.learn(&dissect::message(answer));
        said
    };
    says.iter().map(&mut say).collect()
}

#[test]
fn elapsed_time_is_counted_from_the_first_message_with_its_transaction_id() {
    let says = [
        (5, 1, "{ elapsed: counted }"),
        (7, 1, "{ elapsed: counted, same_xid: true }"),
        (8, 1, "{ elapsed: counted-in-seconds, same_xid: true }"),
        (9, 3, "{ elapsed: counted }"),
        (3000, 3, "{ elapsed: counted, same_xid: true }"),
    ];
    let said = dialogue(&says, &[7, 0, 0, 0]);
    let times = said.iter().map(|it| {
        let tree = dissect::message(&it.payload);
        tree.options.first(ELAPSED_TIME).map(|it| it.value.clone())
    });
    let expected = [0, 200, 3, 0, 65535].map(|it| Some(Value::Number(it)));
    assert_eq!(times.collect::<Vec<_>>(), expected);
}

#[test]
fn what_was_given_is_said_again_but_in_a_solicit() {
    let ia = [0, 3, 0, 40, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 8, 0, 5, 0, 24];
    let address = [&[0x20; 16][..], &[0, 0, 0, 1, 0, 0, 0, 2]].concat();
    let answer = [&[7, 0, 0, 7][..], &ia, &address].concat();
    let fields = "{ ia_na: { iaid: 1, t1: given, t2: given, preferred: given, valid: given } }";
    let said = dialogue(&[(0, 3, fields), (0, 5, fields), (0, 1, fields)], &answer);
    let nothing = [0, 3, 0, 12, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    assert!(said[0].payload.ends_with(&nothing));
    assert!(said[1].payload.ends_with(&answer[4..]));
    assert!(said[2].payload.ends_with(&nothing));
}

#[test]
fn an_option_may_be_left_out_whatever_else_is_said() {
    let fields = "{ without: [client-id, ia-na], ia_na: [{ iaid: 1 }, { iaid: 2 }], oro: 23 }";
    let said = dialogue(&[(0, 1, fields)], &[7, 0, 0, 0]);
    let tree = dissect::message(&said[0].payload);
    assert_eq!(codes(&tree), [ELAPSED_TIME, OPTION_REQUEST]);
}

#[test]
fn the_last_place_of_a_kind_is_that_of_all_that_are_left() {
    let ias = "ia_na: [{ iaid: 1 }, { iaid: 2 }, { iaid: 3 }]";
    let fields = format!("{{ order: [ia-na, elapsed-time, ia-na], {ias} }}");
    let said = dialogue(&[(0, 1, &fields)], &[7, 0, 0, 0]);
    let tree = dissect::message(&said[0].payload);
    assert_eq!(codes(&tree), [IA_NA, ELAPSED_TIME, IA_NA, IA_NA, CLIENT_ID]);
}

#[test]
fn a_message_is_said_again_with_another_elapsed_time_and_nothing_else() {
    let mut memory = Memory::default();
    let mut say = |message| {
        let send = Send {
            from: "first".into(),
            transport: Transport::default(),
            message,
        };
        datagram(&send, &client(), &mut memory, 7, Duration::ZERO).payload
    };
    let fields = Fields {
        reverse: Some(true),
        ..Fields::default()
    };
    let first = say(Message::Client(1, fields));
    let again = say(Message::Again(Some(0x0102)));
    let at = first
        .iter()
        .zip(&again)
        .position(|(one, other)| one != other);
    let at = at.expect("the time is another");
    assert_eq!(
        (&first[at..at + 2], &again[at..at + 2]),
        (&[0, 0][..], &[1, 2][..])
    );
    assert_eq!(
        (&first[..at], &first[at + 2..]),
        (&again[..at], &again[at + 2..])
    );
    assert_eq!(say(Message::Again(None)), again);
}

#[test]
fn leases_are_carried_forward_with_the_lifetimes_that_the_step_says() {
    let mut memory = Memory::default();
    let given = [0, 3, 0, 40, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 24];
    let address = [&[0x20; 16][..], &[0, 0, 0, 1, 0, 0, 0, 2]].concat();
    let answer = [&[7, 0, 0, 7][..], &given, &address].concat();
    memory.learn(&dissect::message(&answer));
    let ia = Ia {
        iaid: 1,
        count: None,
        t1: None,
        t2: None,
        leases: None,
        preferred: Some(Wish::Secs(3)),
        valid: Some(Wish::Secs(4)),
        options: None,
    };
    let fields = Fields {
        ia_na: Some(Several(vec![ia])),
        ..Fields::default()
    };
    let send = Send {
        from: "first".into(),
        transport: Transport::default(),
        message: Message::Client(5, fields),
    };
    let octets = datagram(&send, &client(), &mut memory, 7, Duration::ZERO).payload;
    let address = [&[0x20; 16][..], &[0, 0, 0, 3, 0, 0, 0, 4]].concat();
    assert!(octets.ends_with(&address), "{octets:02x?}");
}

#[test]
fn messages_for_one_server_name_it() {
    for message_type in 1..=11 {
        let message = sent(Message::Client(message_type, Fields::default()), vec![]);
        let names = codes(&dissect::message(&message.payload)).contains(&SERVER_ID);
        assert_eq!(
            names,
            matches!(message_type, 3 | 5 | 8 | 9),
            "{message_type}"
        );
    }
}

#[test]
fn an_option_may_lie_about_its_length() {
    let tree = solicit(Fields {
        elapsed: Some(Elapsed::Absent),
        client_id: Some(Several(vec![])),
        options: Some(vec![RawOption {
            code: Code(7),
            hex: Hex(vec![5]),
            text: String::new(),
            zeros: 0,
            length: Some(2),
        }]),
        ..Fields::default()
    });
    assert!(tree.options.list.is_empty());
    assert_eq!(tree.options.rest, [0, 7, 0, 2, 5]);
}

#[test]
fn relay_agents_count_hops_and_name_who_was_before_them() {
    let hops = vec![Hop::default(), Hop::default()];
    let datagram = sent(Message::Client(1, Fields::default()), hops);
    assert_eq!(datagram.source.to_string(), "[fe80::e2]:547");
    assert_eq!(*datagram.destination.ip(), SERVERS);
    let tree = dissect::message(&datagram.payload);
    let heads: Vec<String> = tree
        .levels()
        .map(|level| match &level.head {
            Head::Relay { hops, link, peer } => format!("{hops} {link} {peer}"),
            Head::Client { xid } => format!("{xid}"),
            Head::Cut(_) => "cut".to_owned(),
        })
        .collect();
    assert_eq!(heads, ["1 :: fe80::e1", "0 :: fe80::c1", "7"]);
}

fn lease() -> impl Strategy<Value = Lease> {
    let length = proptest::option::of(0..=128u8);
    (any::<u128>(), length, any::<[u32; 2]>()).prop_map(|(address, length, [preferred, valid])| {
        Lease {
            block: Block {
                address: Ipv6Addr::from_bits(address),
                length,
            },
            preferred,
            valid,
            options: vec![],
        }
    })
}

fn ia() -> impl Strategy<Value = Ia> {
    let leases = proptest::collection::vec(lease(), 0..4);
    (any::<[u32; 3]>(), leases).prop_map(|([iaid, t1, t2], leases)| Ia {
        iaid,
        count: None,
        t1: Some(Wish::Secs(t1)),
        t2: Some(Wish::Secs(t2)),
        leases: Some(Several(leases)),
        preferred: None,
        valid: None,
        options: None,
    })
}

/// What an IA option says, in the terms of a step.
fn read_back(option: &Opt) -> Option<Ia> {
    let Value::Ia {
        iaid,
        t1,
        t2,
        options,
    } = &option.value
    else {
        return None;
    };
    let leases = options.list.iter().map(|it| listed(&it.value));
    Some(Ia {
        iaid: *iaid,
        count: None,
        t1: Some(Wish::Secs(*t1)),
        t2: Some(Wish::Secs(*t2)),
        leases: Some(Several(leases.collect::<Option<_>>()?)),
        preferred: None,
        valid: None,
        options: None,
    })
}

proptest! {
    #[test]
    fn what_is_composed_is_dissected_to_the_same(
        message_type in 1..12u8,
        xid in 0..1u32 << 24,
        time: u16,
        requested in proptest::collection::vec(any::<u16>(), 0..9),
        ia_na in proptest::collection::vec(ia(), 0..4),
        ia_pd in proptest::collection::vec(ia(), 0..4),
        reverse: bool,
    ) {
        let fields = Fields {
            xid: Some(xid),
            elapsed: Some(Elapsed::Is(time)),
            oro: Some(Several(requested.iter().copied().map(Code).collect())),
            ia_na: Some(Several(ia_na.clone())),
            ia_pd: Some(Several(ia_pd.clone())),
            reverse: Some(reverse),
            ..Fields::default()
        };
        let datagram = sent(Message::Client(message_type, fields), vec![]);
        let mut tree = dissect::message(&datagram.payload);
        if reverse {
            tree.options.list.reverse();
        }
        prop_assert_eq!(tree.message_type, message_type);
        prop_assert_eq!(tree.xid(), Some(xid));
        prop_assert!(tree.options.rest.is_empty());
        let value = |code| tree.options.first(code).map(|it| it.value.clone());
        prop_assert_eq!(value(CLIENT_ID), Some(Value::Duid(client().duid)));
        prop_assert_eq!(value(ELAPSED_TIME), Some(Value::Number(time.into())));
        prop_assert_eq!(value(OPTION_REQUEST), Some(Value::Codes(requested)));
        for (code, ias) in [(IA_NA, ia_na), (IA_PD, ia_pd)] {
            let read: Option<Vec<Ia>> = tree.options.all(code).map(read_back).collect();
            prop_assert_eq!(read, Some(ias));
        }
    }
}

/// What a client with a key sends.
mod authenticated {
    use super::*;
    use crate::authentication::{AUTHENTICATION, Key, Secret, Signed};
    use crate::scenario::Authentication;

    fn key() -> Key {
        Key {
            realm: "r".into(),
            id: 1,
            secret: Secret(b"right".to_vec()),
        }
    }

    /// The octets of messages in a row.
    fn said(messages: &[(u8, Fields)]) -> Vec<Vec<u8>> {
        let client = Client {
            key: Some(key()),
            ..client()
        };
        let mut memory = Memory::default();
        let say = |(message_type, fields): &(u8, Fields)| {
            let send = Send {
                from: "first".into(),
                transport: Transport::default(),
                message: Message::Client(*message_type, fields.clone()),
            };
            datagram(&send, &client, &mut memory, 7, Duration::ZERO).payload
        };
        messages.iter().map(say).collect()
    }

    fn with(auth: Authentication) -> Fields {
        Fields {
            auth: Some(Several(vec![auth])),
            ..Fields::default()
        }
    }

    #[test]
    fn a_solicit_asks_and_later_messages_are_signed_and_counted() {
        let far = with(Authentication {
            replay: Some(10),
            ..Authentication::default()
        });
        let messages = [1, 3, 5].map(|it| (it, Fields::default()));
        let said = said(&[&messages[..], &[(5, far)], &messages[2..]].concat());
        assert_eq!(
            said[0][said[0].len() - 11..],
            [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        );
        let counts = said[1..].iter().map(|octets| {
            let signed = Signed::read(octets).expect("it is signed");
            assert!(signed.is_by(&key()) && signed.is_last);
            signed.replay
        });
        assert_eq!(counts.collect::<Vec<_>>(), [1, 2, 10, 11]);
    }

    #[test]
    fn what_is_said_to_be_wrong_is_wrong() {
        let other = Some(Secret(b"wrong".to_vec()));
        let broken = [
            Authentication {
                secret: other,
                ..Authentication::default()
            },
            Authentication {
                mac: Some(Hex(vec![0; 16])),
                ..Authentication::default()
            },
            Authentication {
                id: Some(2),
                ..Authentication::default()
            },
            Authentication {
                realm: Some(String::new()),
                ..Authentication::default()
            },
        ];
        for octets in said(&broken.map(|it| (3, with(it)))) {
            assert!(!Signed::read(&octets).expect("it is signed").is_by(&key()));
        }
        let none = Fields {
            auth: Some(Several(vec![])),
            ..Fields::default()
        };
        let appended = Fields {
            append: Some(Hex(vec![0, 14, 0, 0])),
            ..Fields::default()
        };
        let said = said(&[(3, none), (3, appended)]);
        assert!(!codes(&dissect::message(&said[0])).contains(&AUTHENTICATION));
        assert!(!Signed::read(&said[1]).expect("it is signed").is_by(&key()));
    }

    #[test]
    fn a_mac_covers_the_options_behind_it() {
        let reversed = Fields {
            reverse: Some(true),
            ..Fields::default()
        };
        let said = said(&[(3, reversed)]);
        let signed = Signed::read(&said[0]).expect("it is signed");
        assert!(signed.is_by(&key()) && !signed.is_last);
    }
}
