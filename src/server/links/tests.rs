//! One interface followed through everything that can happen to it, in every order.

use super::follower::{Follower, Step};
use super::message::{Address, Interface, Ipv6, Message, State};
use super::table::{Condition, Table};
use proptest::prelude::*;
use std::net::Ipv6Addr;

const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const GLOBAL: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

fn interface(index: u32, name: &str) -> Interface {
    Interface {
        index,
        name: name.to_owned(),
        ..Interface::default()
    }
}

fn up(index: u32, running: bool) -> Message {
    Message::Link(Interface {
        up: true,
        running,
        ..interface(index, "eth0")
    })
}

fn down(index: u32) -> Message {
    Message::Link(interface(index, "eth0"))
}

fn address(index: u32, address: Ipv6Addr, state: State) -> Message {
    let length = 64;
    Message::Address(
        index,
        Address {
            address,
            length,
            state,
            deprecated: false,
            permanent: true,
        },
    )
}

/// What the kernel knows, and somebody who follows `eth0`. Every message is checked against what must always hold.
struct World {
    table: Table,
    follower: Follower,
    attached: Option<u32>,
}

impl World {
    fn new() -> Self {
        Self {
            table: Table::default(),
            follower: Follower::new("eth0"),
            attached: None,
        }
    }

    fn hear(&mut self, message: &Message) -> (Vec<Step>, Option<u32>) {
        let unclear = self.table.apply(message);
        let steps = self.follower.follow(message, &self.table);
        for step in &steps {
            match step {
                Step::Attach(index) => {
                    assert_eq!(self.attached.replace(*index), None, "attached twice")
                }
                Step::Detach => assert!(self.attached.take().is_some(), "detached twice"),
                Step::Renamed(_) | Step::Addresses(_) | Step::Readdressed => {
                    assert!(self.attached.is_some());
                }
            }
        }
        assert_eq!(self.attached, self.follower.index());
        if let Some(index) = self.attached {
            assert_eq!(
                self.table.link("eth0", index).as_ref(),
                Some(self.follower.link())
            );
        } else {
            assert_eq!(
                self.table.index("eth0"),
                None,
                "it is there and not followed"
            );
        }
        (steps, unclear)
    }

    fn hear_all<'a>(&mut self, messages: impl IntoIterator<Item = &'a Message>) {
        for message in messages {
            self.hear(message);
        }
    }

    fn condition(&self) -> Condition {
        self.follower.condition(&self.table).expect("a condition")
    }
}

fn permutations(items: &[Message]) -> Vec<Vec<Message>> {
    let [_, _, ..] = items else {
        return vec![items.to_vec()];
    };
    let mut all = Vec::new();
    for place in 0..items.len() {
        let mut rest = items.to_vec();
        let first = rest.remove(place);
        for mut tail in permutations(&rest) {
            tail.insert(0, first.clone());
            all.push(tail);
        }
    }
    all
}

/// What happens to an interface at boot, whatever the order.
fn boot(index: u32) -> Vec<Vec<Message>> {
    let other = Message::Link(Interface {
        up: true,
        running: true,
        ..interface(index + 100, "eth1")
    });
    permutations(&[
        up(index, true),
        other,
        address(index + 100, LINK_LOCAL, State::Usable),
        address(index, GLOBAL, State::Tentative),
        address(index, LINK_LOCAL, State::Usable),
    ])
}

#[test]
fn in_every_order_of_a_boot_it_is_attached_once_and_ready_at_the_end() {
    for order in boot(2) {
        let mut world = World::new();
        // The kernel tells of an interface before it tells of its addresses.
        world.hear(&down(2));
        assert_eq!(world.condition(), Condition::Down);
        world.hear_all(&order);
        assert_eq!(world.attached, Some(2));
        assert_eq!(world.condition(), Condition::Ready, "{order:?}");
        assert_eq!(world.follower.link().addresses, [(LINK_LOCAL, 64)]);
        assert_eq!(world.follower.link().claimed, [GLOBAL]);
    }
}

#[test]
fn it_may_be_deleted_and_come_again_at_any_time_with_any_index() {
    for order in boot(2) {
        for lived in 0..order.len() {
            for again in [2, 7] {
                let mut world = World::new();
                world.hear(&down(2));
                world.hear_all(order.iter().take(lived));
                let (steps, _) = world.hear(&Message::LinkGone(2));
                assert_eq!(steps, [Step::Detach]);
                assert_eq!(world.condition(), Condition::Absent);
                let (steps, _) = world.hear(&down(again));
                assert_eq!(steps.first(), Some(&Step::Attach(again)));
                assert!(
                    world.follower.link().addresses.is_empty(),
                    "those of the old one"
                );
                world.hear_all(&[up(again, true), address(again, LINK_LOCAL, State::Usable)]);
                assert_eq!(world.condition(), Condition::Ready);
            }
        }
    }
}

#[test]
fn each_thing_that_is_missing_is_what_it_waits_for() {
    let tentative = address(2, LINK_LOCAL, State::Tentative);
    let usable = address(2, LINK_LOCAL, State::Usable);
    let mut world = World::new();
    for (message, condition) in [
        (Message::LinkGone(2), Condition::Absent),
        (down(2), Condition::Down),
        (up(2, false), Condition::NoCarrier),
        (up(2, true), Condition::NoLinkLocal),
        (tentative, Condition::Tentative(LINK_LOCAL)),
        (
            address(2, LINK_LOCAL, State::Duplicate),
            Condition::Duplicate(LINK_LOCAL),
        ),
        (
            address(2, GLOBAL, State::Usable),
            Condition::Duplicate(LINK_LOCAL),
        ),
        (usable.clone(), Condition::Ready),
        (up(2, false), Condition::NoCarrier),
        (up(2, true), Condition::Ready),
        (down(2), Condition::Down),
    ] {
        world.hear(&message);
        assert_eq!(world.condition(), condition, "{message:?}");
    }
}

#[test]
fn where_the_last_link_local_address_has_gone_the_interface_is_asked_whether_it_has_ipv6() {
    for (ipv6, condition) in [
        (Ipv6::On, Condition::NoLinkLocal),
        (Ipv6::Disabled, Condition::Ipv6Disabled),
        (Ipv6::Absent, Condition::NoIpv6),
    ] {
        let mut world = World::new();
        world.hear_all(&[up(2, true), address(2, LINK_LOCAL, State::Usable)]);
        let (_, unclear) = world.hear(&Message::AddressGone(2, LINK_LOCAL));
        assert_eq!(unclear, Some(2));
        assert_eq!(world.follower.condition(&world.table), None);
        world.hear(&Message::Link(Interface {
            up: true,
            running: true,
            ipv6,
            ..interface(2, "eth0")
        }));
        assert_eq!(world.condition(), condition);
        // That IPv6 is back is told by an address alone.
        world.hear(&address(2, LINK_LOCAL, State::Usable));
        assert_eq!(world.condition(), Condition::Ready);
    }
}

#[test]
fn loopback_needs_no_address_of_a_link() {
    let mut world = World::new();
    world.hear(&Message::Link(Interface {
        up: true,
        running: true,
        loopback: true,
        ..interface(1, "eth0")
    }));
    assert_eq!(world.condition(), Condition::Ready);
}

#[test]
fn under_another_name_it_is_the_same_until_it_is_gone() {
    let mut world = World::new();
    world.hear_all(&[up(2, true), address(2, LINK_LOCAL, State::Usable)]);
    let called = Message::Link(Interface {
        up: true,
        running: true,
        ..interface(2, "lan0")
    });
    let (steps, _) = world.hear_renamed(&called);
    assert_eq!(steps, [Step::Renamed("lan0".to_owned())]);
    assert_eq!(world.condition(), Condition::Ready);
    // Another one that takes the name is not the one that is served.
    assert_eq!(world.hear_renamed(&down(3)).0, []);
    let (steps, _) = world.hear_renamed(&Message::LinkGone(2));
    assert_eq!(steps.get(..2), Some(&[Step::Detach, Step::Attach(3)][..]));
}

impl World {
    /// The same where `eth0` may be the name of another interface than the followed one.
    fn hear_renamed(&mut self, message: &Message) -> (Vec<Step>, Option<u32>) {
        let unclear = self.table.apply(message);
        (self.follower.follow(message, &self.table), unclear)
    }
}

#[test]
fn an_alternative_name_is_a_name_and_comes_second() {
    let by_alias = Message::Link(Interface {
        others: vec!["eth0".to_owned()],
        ..interface(2, "enp3s0")
    });
    let mut world = World::new();
    let (steps, _) = world.hear(&by_alias);
    assert_eq!(steps.first(), Some(&Step::Attach(2)));
    let mut table = Table::default();
    for message in [&by_alias, &down(3)] {
        table.apply(message);
    }
    assert_eq!(table.index("eth0"), Some(3));
}

#[test]
fn an_address_that_is_deprecated_is_news_although_the_server_keeps_it() {
    let mut world = World::new();
    let usable = address(2, GLOBAL, State::Usable);
    world.hear_all(&[up(2, true), address(2, LINK_LOCAL, State::Usable)]);
    world.hear(&usable);
    let in_use = |world: &World| {
        let own = world.table.own(2);
        own.iter().any(|it| it.address == GLOBAL && it.in_use)
    };
    assert!(in_use(&world));
    assert_eq!(world.hear(&usable).0, []);
    let Message::Address(_, mut told) = usable else {
        panic!("an address")
    };
    told.deprecated = true;
    let (steps, _) = world.hear(&Message::Address(2, told));
    assert_eq!(steps, [Step::Readdressed]);
    assert!(!in_use(&world));
    // What an interface has when it is back may be news to others.
    world.hear(&Message::LinkGone(2));
    world.hear(&up(2, true));
    let (steps, _) = world.hear(&Message::Address(2, told));
    assert!(steps.contains(&Step::Readdressed), "{steps:?}");
}

#[test]
fn what_a_survey_does_not_tell_of_is_forgotten() {
    let mut world = World::new();
    world.hear_all(&[up(2, true), address(2, LINK_LOCAL, State::Usable)]);
    world.hear(&address(2, GLOBAL, State::Usable));
    let gone = world
        .table
        .missing_addresses(|_, address| address == LINK_LOCAL);
    assert_eq!(gone, [Message::AddressGone(2, GLOBAL)]);
    assert_eq!(world.table.missing_links(|index| index == 2), []);
    assert_eq!(world.table.missing_links(|_| false), [Message::LinkGone(2)]);
}

fn any_message() -> impl Strategy<Value = Message> {
    let index = 1_u32..4;
    let state = prop_oneof![
        Just(State::Usable),
        Just(State::Tentative),
        Just(State::Duplicate)
    ];
    let any_address = prop_oneof![Just(LINK_LOCAL), Just(GLOBAL)];
    prop_oneof![
        (index.clone(), any::<[bool; 2]>()).prop_map(|(index, [is_up, running])| {
            // Each name is that of one interface at a time, as the kernel has it.
            let name = if index == 1 { "eth0" } else { "eth1" };
            Message::Link(Interface {
                up: is_up,
                running: is_up && running,
                ..interface(index, name)
            })
        }),
        index.clone().prop_map(Message::LinkGone),
        (index.clone(), any_address.clone(), state)
            .prop_map(|(index, it, state)| address(index, it, state)),
        (index, any_address).prop_map(|(index, it)| Message::AddressGone(index, it)),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_it_ends_ready_once_all_is_well(
        messages in prop::collection::vec(any_message(), 0..40),
    ) {
        let mut world = World::new();
        world.hear_all(&messages);
        world.hear_all(&[up(1, true), address(1, LINK_LOCAL, State::Usable)]);
        prop_assert_eq!(world.attached, Some(1));
        prop_assert_eq!(world.condition(), Condition::Ready);
    }
}
