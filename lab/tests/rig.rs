//! The live rig itself: what it passes on, in which order, and that it leaves nothing behind.

use std::net::{Ipv6Addr, SocketAddrV6};
use std::time::Duration;

use dhcp6lab::link::Device;
use dhcp6lab::rig::live::Live;
use dhcp6lab::rig::{Datagram, Disk, Event, Rig, SERVER_ADDRESS, Setup};
use rstest::rstest;

#[path = "support/server.rs"]
mod server;
mod support;

fn setup() -> Setup {
    let config = "interface eth0 { address-pool lan 3600 7200; };\n\
                  pool lan { range 2001:db8:1::10 to 2001:db8:1::1f; };\n";
    let address = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1);
    Setup {
        config: config.into(),
        addresses: vec![(address, 64)],
    }
}

fn from(client: u16, message: u8, options: &[u8]) -> Datagram {
    let [high, low] = client.to_be_bytes();
    Datagram {
        source: SocketAddrV6::new(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, client), 546, 0, 0),
        destination: "[ff02::1:2]:547".parse().expect("an address"),
        payload: [&[message, 0, high, low][..], options].concat(),
    }
}

/// A message that every server drops: a Solicit without a Client Identifier (RFC 9915 §16.2).
fn nameless(client: u16) -> Datagram {
    from(client, 1, &[])
}

fn information_request(client: u16) -> Datagram {
    let [high, low] = client.to_be_bytes();
    from(
        client,
        11,
        &[0, 1, 0, 10, 0, 3, 0, 1, 2, 0, 0, 0, high, low],
    )
}

/// The events in short: whom an answer is for, or why there is none.
fn told(events: &[Event]) -> Vec<String> {
    let tell = |event: &Event| match event {
        Event::Answer(answer) => {
            assert_eq!(*answer.source.ip(), SERVER_ADDRESS);
            assert_eq!(answer.source.port(), 547);
            answer.destination.to_string()
        }
        Event::Drop(label) => label.clone(),
        Event::Ended(ended) => ended.how.clone(),
    };
    events.iter().map(tell).collect()
}

#[rstest]
fn answers_and_drops_come_in_the_order_of_what_was_delivered(
    #[values(Device::Tap, Device::Veth)] device: Device,
) {
    if !support::can_run_over(device) {
        return;
    }
    let mut live =
        Live::start_over(device, &setup(), server::path().as_path()).expect("the server starts");
    for datagram in [
        information_request(0xc1),
        nameless(0xc2),
        information_request(0xc3),
        nameless(0xc1),
    ] {
        live.deliver(&datagram).expect("the link takes it");
    }
    let events = live.settle().expect("the server answers");
    assert_eq!(
        told(&events),
        [
            "[fe80::c1]:546",
            "no-client-id",
            "[fe80::c3]:546",
            "no-client-id"
        ],
    );
    assert_eq!(live.settle().expect("it needs no answer"), []);
}

#[rstest]
fn a_server_that_was_ended_or_killed_is_there_again(
    #[values(Device::Tap, Device::Veth)] device: Device,
) {
    if !support::can_run_over(device) {
        return;
    }
    let mut live =
        Live::start_over(device, &setup(), server::path().as_path()).expect("the server starts");
    for _ in 0..2 {
        live.deliver(&nameless(0xc1)).expect("the link takes it");
        live.restart(None).expect("it restarts");
        live.deliver(&information_request(0xc1))
            .expect("the link takes it");
        live.crash(Some(&setup().config))
            .expect("it starts after a crash");
        live.deliver(&information_request(0xc1))
            .expect("the link takes it");
        let events = live.settle().expect("the server answers");
        assert_eq!(
            told(&events).last().map(String::as_str),
            Some("[fe80::c1]:546")
        );
    }
}

#[rstest]
fn what_comes_while_time_passes_is_kept(#[values(Device::Tap, Device::Veth)] device: Device) {
    if !support::can_run_over(device) {
        return;
    }
    let mut live =
        Live::start_over(device, &setup(), server::path().as_path()).expect("the server starts");
    live.deliver(&information_request(0xc1))
        .expect("the link takes it");
    live.advance(Duration::from_millis(200))
        .expect("it can wait so long");
    assert_eq!(
        told(&live.settle().expect("the server answers")),
        ["[fe80::c1]:546"]
    );
    let error = live
        .advance(Duration::from_secs(3600))
        .expect_err("nobody waits an hour");
    assert!(error.to_string().contains("simulated rig"), "{error}");
}

/// A Solicit with Rapid Commit, which changes leases and asks for nothing more than an answer.
fn rapid_solicit(client: u16) -> Datagram {
    let mut options = information_request(client).payload.split_off(4);
    options.extend([0, 14, 0, 0, 0, 3, 0, 12, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    from(client, 1, &options)
}

#[rstest]
fn a_full_disk_is_full_for_the_next_change_and_room_is_room_again(
    #[values(Device::Tap, Device::Veth)] device: Device,
) {
    if !support::can_run_over(device) {
        return;
    }
    let config = setup()
        .config
        .replace("address-pool", "allow rapid-commit; address-pool");
    let setup = Setup { config, ..setup() };
    let mut live =
        Live::start_over(device, &setup, server::path().as_path()).expect("the server starts");
    for round in 0..4 {
        let [before, during, after] = [0xa0, 0xb0, 0xc0].map(|first| first + round);
        live.deliver(&rapid_solicit(before))
            .expect("the link takes it");
        live.disk(Disk::Full).expect("the disk fills");
        let events = live.settle().expect("the server answers");
        assert_eq!(
            told(&events),
            [format!("[fe80::{before:x}]:546")],
            "what came before"
        );

        live.deliver(&rapid_solicit(during))
            .expect("the link takes it");
        live.deliver(&information_request(during))
            .expect("the link takes it");
        let events = live
            .settle()
            .expect("the server answers what needs no room");
        assert_eq!(
            told(&events),
            ["store-full", &format!("[fe80::{during:x}]:546")],
        );

        live.disk(Disk::Room).expect("there is room again");
        live.deliver(&rapid_solicit(after))
            .expect("the link takes it");
        let events = live.settle().expect("the server answers");
        assert_eq!(
            told(&events),
            [format!("[fe80::{after:x}]:546")],
            "what came after"
        );
    }
}

#[rstest]
fn a_relayed_message_of_many_fragments_arrives_whole_and_so_does_its_answer(
    #[values(Device::Tap, Device::Veth)] device: Device,
) {
    if !support::can_run_over(device) {
        return;
    }
    let mut live =
        Live::start_over(device, &setup(), server::path().as_path()).expect("the server starts");
    let relay = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 2);
    let interface_id: Vec<u8> = (0..=250).cycle().take(40_000).collect();
    let inner = information_request(0xc1).payload;
    let header = [
        &[12, 0][..],
        &relay.octets(),
        &Ipv6Addr::UNSPECIFIED.octets(),
    ]
    .concat();
    let payload = [header, option(18, &interface_id), option(9, &inner)].concat();
    let relayed = Datagram {
        source: SocketAddrV6::new(relay, 547, 0, 0),
        destination: "[2001:db8:1::1]:547".parse().expect("an address"),
        payload,
    };
    live.deliver(&relayed).expect("the link takes it");
    let events = live.settle().expect("the server answers");
    let [Event::Answer(answer)] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!(answer.destination, relayed.source);
    assert_eq!(answer.source, relayed.destination);
    assert_eq!(answer.payload[0], 13, "a Relay-reply");
    let echo = option(18, &interface_id);
    assert!(
        answer.payload.windows(echo.len()).any(|part| part == echo),
        "the Interface-Id"
    );
}

fn option(code: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).expect("an option has at most 65,535 octets");
    [&code.to_be_bytes()[..], &length.to_be_bytes(), value].concat()
}

#[rstest]
fn a_configuration_that_the_server_refuses_is_reported_with_its_words(
    #[values(Device::Tap, Device::Veth)] device: Device,
) {
    if !support::can_run_over(device) {
        return;
    }
    let broken = Setup {
        config: "interface {".into(),
        ..setup()
    };
    let error =
        Live::start_over(device, &broken, server::path().as_path()).expect_err("it cannot start");
    assert!(error.to_string().contains("dhcp6s.conf"), "{error}");
}
