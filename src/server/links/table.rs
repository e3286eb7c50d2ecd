//! `Table`: the interfaces of this network namespace with their IPv6 addresses, as the kernel tells of them.

use super::message::{Address, Interface, Ipv6, Message, State};
use crate::engine::Link;
use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv6Addr;

/// Whether a link can answer clients; if not, what it waits for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Condition {
    /// It can.
    Ready,
    /// There is no interface of that name.
    Absent,
    /// The interface is down.
    Down,
    /// Nothing is plugged in, or the other end is not ready.
    NoCarrier,
    /// IPv6 is disabled.
    Ipv6Disabled,
    /// The interface has no IPv6.
    NoIpv6,
    /// There is no link-local address, which answers to clients come from.
    NoLinkLocal,
    /// The link-local address is being checked for duplicates (RFC 4862 §5.4).
    Tentative(Ipv6Addr),
    /// Somebody else on the link has the link-local address.
    Duplicate(Ipv6Addr),
    /// The port cannot be had there, for that reason.
    Refused(String),
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready => f.write_str("it is ready"),
            Self::Absent => f.write_str("it does not exist"),
            Self::Down => f.write_str("it is down"),
            Self::NoCarrier => f.write_str("it has no carrier"),
            Self::Ipv6Disabled => f.write_str("IPv6 is disabled on it"),
            Self::NoIpv6 => f.write_str("it has no IPv6, which takes an MTU of 1280 at least"),
            Self::NoLinkLocal => f.write_str("it has no link-local address"),
            Self::Tentative(address) => {
                write!(
                    f,
                    "its link-local address {address} is being checked for duplicates"
                )
            }
            Self::Duplicate(address) => {
                write!(
                    f,
                    "its link-local address {address} belongs to another host, too"
                )
            }
            Self::Refused(reason) => f.write_str(reason),
        }
    }
}

/// The interfaces that there are.
#[derive(Debug, Default)]
pub(super) struct Table {
    links: BTreeMap<u32, Entry>,
}

#[derive(Debug, Default)]
struct Entry {
    interface: Interface,
    addresses: BTreeMap<Ipv6Addr, Address>,
    /// The last link-local address has gone, and whether IPv6 has with it is not known yet.
    asked: bool,
}

impl Table {
    /// Takes over what a message says. Returns the index of an interface that has to be asked about, for what
    /// has happened to it is not told unasked.
    pub(super) fn apply(&mut self, message: &Message) -> Option<u32> {
        match message {
            Message::Link(interface) => {
                let entry = self.links.entry(interface.index).or_default();
                entry.interface = interface.clone();
                entry.asked = false;
            }
            Message::LinkGone(index) => drop(self.links.remove(index)),
            // Of an interface that is not known there is a message under way.
            Message::Address(index, address) => {
                let entry = self.links.get_mut(index)?;
                entry.addresses.insert(address.address, *address);
            }
            Message::AddressGone(index, address) => {
                let entry = self.links.get_mut(index)?;
                let was = entry.link_local().count();
                entry.addresses.remove(address);
                // Where IPv6 is disabled or taken away, this is the only sign of it.
                if was > 0 && entry.link_local().count() == 0 && entry.interface.running {
                    entry.asked = true;
                    return Some(*index);
                }
            }
            Message::Done | Message::Refused(_) => {}
        }
        None
    }

    /// What to forget: the interfaces, or addresses, that were not among those told.
    pub(super) fn missing_links(&self, told: impl Fn(u32) -> bool) -> Vec<Message> {
        let gone = self.links.keys().filter(|index| !told(**index));
        gone.map(|index| Message::LinkGone(*index)).collect()
    }

    pub(super) fn missing_addresses(&self, told: impl Fn(u32, Ipv6Addr) -> bool) -> Vec<Message> {
        let all = self.links.iter();
        let all = all.flat_map(|(index, it)| it.addresses.keys().map(|address| (*index, *address)));
        let gone = all.filter(|(index, address)| !told(*index, *address));
        gone.map(|(index, address)| Message::AddressGone(index, address))
            .collect()
    }

    /// The index of an interface, by its name or another one that it has.
    pub(super) fn index(&self, name: &str) -> Option<u32> {
        let all = || self.links.iter();
        let first = all().find(|(_, it)| it.interface.name == name);
        let other = || all().find(|(_, it)| it.interface.others.iter().any(|it| it == name));
        first.or_else(other).map(|(index, _)| *index)
    }

    /// What the kernel calls the interface with that index.
    pub(super) fn name(&self, index: u32) -> Option<&str> {
        self.links.get(&index).map(|it| it.interface.name.as_str())
    }

    /// Whether an interface is one end of a pair that leads out of this namespace.
    pub(super) fn leads_out(&self, index: u32) -> bool {
        self.links
            .get(&index)
            .is_some_and(|it| it.interface.leads_out)
    }

    /// The interface with that index, under the name that the operator gave it, and its addresses.
    pub(super) fn link(&self, name: &str, index: u32) -> Option<Link> {
        let entry = self.links.get(&index)?;
        let (usable, claimed): (Vec<&Address>, Vec<&Address>) = entry
            .addresses
            .values()
            .partition(|it| it.state == State::Usable);
        Some(Link {
            name: name.to_owned(),
            addresses: usable.iter().map(|it| (it.address, it.length)).collect(),
            claimed: claimed.iter().map(|it| it.address).collect(),
        })
    }

    /// What an interface waits for, if anything; `None` while that is being found out.
    pub(super) fn condition(&self, index: u32) -> Option<Condition> {
        let Some(entry) = self.links.get(&index) else {
            return Some(Condition::Absent);
        };
        let interface = &entry.interface;
        if !interface.up {
            return Some(Condition::Down);
        }
        // Loopback has no address of the link, and takes any.
        if interface.loopback {
            return Some(Condition::Ready);
        }
        let of_state = |state| {
            let mut all = entry.link_local();
            all.find(|it| it.state == state).map(|it| it.address)
        };
        if entry.link_local().count() == 0 {
            match interface.ipv6 {
                _ if entry.asked => return None,
                Ipv6::Disabled => return Some(Condition::Ipv6Disabled),
                Ipv6::Absent => return Some(Condition::NoIpv6),
                Ipv6::On => {}
            }
        }
        if !interface.running {
            return Some(Condition::NoCarrier);
        }
        if of_state(State::Usable).is_some() {
            return Some(Condition::Ready);
        }
        let waits = of_state(State::Tentative).map(Condition::Tentative);
        let waits = waits.or_else(|| of_state(State::Duplicate).map(Condition::Duplicate));
        Some(waits.unwrap_or(Condition::NoLinkLocal))
    }
}

impl Entry {
    fn link_local(&self) -> impl Iterator<Item = &Address> {
        let all = self.addresses.values();
        all.filter(|it| it.address.is_unicast_link_local())
    }
}
