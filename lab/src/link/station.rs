//! The lab's end of the link: one station that speaks for every client and every relay agent.

use std::collections::HashSet;
use std::net::Ipv6Addr;
use std::os::fd::{AsFd, BorrowedFd};

use crate::link::fragment::{Reassembly, split_to};
use crate::link::frame::{
    ETHERNET_LEN, FRAGMENT, ICMPV6, IPV6_LEN, MTU, Mac, Packet, UDP, multicast_mac,
};
use crate::link::neighbour::{self, Solicitation};
use crate::link::{Error, Wire, udp};
use crate::rig::Datagram;

/// The hardware address of everything that the lab plays.
pub const LAB_MAC: Mac = [0x02, 0, 0, 0, 0, 0xfe];

/// A sender and receiver of datagrams over a [`Wire`].
#[derive(Debug)]
pub struct Station {
    wire: Wire,
    peer_mac: Mac,
    peer: Ipv6Addr,
    /// The addresses that the peer's host knows to be ours.
    introduced: HashSet<Ipv6Addr>,
    /// The addresses that we let nobody else have.
    claimed: HashSet<Ipv6Addr>,
    mtu: usize,
    reassembly: Reassembly,
    identification: u32,
}

impl Station {
    /// A station on the link with a peer at the other end.
    #[must_use]
    pub fn new(wire: Wire, peer_mac: Mac, peer: Ipv6Addr) -> Self {
        Self {
            wire,
            peer_mac,
            peer,
            introduced: HashSet::new(),
            claimed: HashSet::new(),
            mtu: MTU,
            reassembly: Reassembly::default(),
            identification: 0,
        }
    }

    /// Lets nobody else on the link have an address.
    pub fn claim(&mut self, address: Ipv6Addr) {
        self.claimed.insert(address);
    }

    /// Sends no longer packets than this from now on. It is 1280 at least, and at most what the link carries.
    pub fn limit(&mut self, mtu: usize) {
        self.mtu = mtu.min(MTU);
    }

    /// Takes it that the peer's host knows none of our addresses any more.
    pub fn introduce_again(&mut self) {
        self.introduced.clear();
    }

    /// Puts a datagram on the link, in fragments if it is too long for one frame. All of it has been
    /// received by the peer's host when this returns.
    ///
    /// # Errors
    /// It is too long for UDP, or the link is gone.
    pub fn send(&mut self, datagram: &Datagram) -> Result<(), Error> {
        let (source, destination) = (*datagram.source.ip(), *datagram.destination.ip());
        let too_long = || {
            let length = datagram.payload.len();
            let reason = std::io::Error::other("no UDP datagram is so long");
            Error::system(format!("send {length} octets"), reason)
        };
        let payload = udp::write(datagram).ok_or_else(too_long)?;
        self.introduce(source)?;
        let packet = Packet {
            source,
            destination,
            hop_limit: 64,
            next_header: UDP,
            payload: &payload,
        };
        if IPV6_LEN + payload.len() <= self.mtu {
            return self.put(&packet);
        }
        self.identification = self.identification.wrapping_add(1);
        for piece in split_to(self.mtu, UDP, &payload, self.identification) {
            self.put(&Packet {
                next_header: FRAGMENT,
                payload: &piece,
                ..packet
            })?;
        }
        Ok(())
    }

    /// The next datagram from the peer; `None` if there is none now. On the way, answers whoever looks
    /// for an address that is not the peer's own; what else hosts say to each other is passed over.
    ///
    /// # Errors
    /// The link is gone.
    pub fn receive(&mut self) -> Result<Option<Datagram>, Error> {
        loop {
            let Some(frame) = self.wire.receive()? else {
                return Ok(None);
            };
            let Some(packet) = Packet::parse(frame) else {
                continue;
            };
            if let Some(asked) = Solicitation::parse(&packet) {
                self.answer(asked)?;
                continue;
            }
            let (source, destination) = (packet.source, packet.destination);
            let whole = self.reassembly.take(&packet);
            let Some((UDP, payload)) = whole else {
                continue;
            };
            if let Some(datagram) = udp::parse(source, destination, &payload) {
                return Ok(Some(datagram));
            }
        }
    }

    fn introduce(&mut self, address: Ipv6Addr) -> Result<(), Error> {
        let nobodys = address.is_unspecified() || address.is_loopback() || address.is_multicast();
        if nobodys || address == self.peer || !self.introduced.insert(address) {
            return Ok(());
        }
        let introduction = Solicitation {
            asker: address,
            target: self.peer,
        };
        self.put(&icmp(address, self.peer, &introduction.message(LAB_MAC)))
    }

    fn answer(&mut self, asked: Solicitation) -> Result<(), Error> {
        // An unspecified asker wants to own the address.
        if asked.asker.is_unspecified() && self.claimed.contains(&asked.target) {
            let objection = asked.objection(LAB_MAC);
            return self.put(&icmp(asked.target, neighbour::ALL_NODES, &objection));
        }
        if asked.asker.is_unspecified() || asked.target == self.peer {
            return Ok(());
        }
        self.put(&icmp(asked.target, asked.asker, &asked.answer(LAB_MAC)))
    }

    fn put(&mut self, packet: &Packet<'_>) -> Result<(), Error> {
        let destination = packet.destination;
        let mac = if destination.is_multicast() {
            multicast_mac(destination)
        } else {
            self.peer_mac
        };
        let frame = packet
            .frame(LAB_MAC, mac)
            .expect("what is put on the link fits the link");
        debug_assert!(
            frame.len() <= ETHERNET_LEN + MTU,
            "longer packets are fragmented before"
        );
        self.wire.send(&frame)
    }
}

impl AsFd for Station {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wire.as_fd()
    }
}

fn icmp(source: Ipv6Addr, destination: Ipv6Addr, payload: &[u8]) -> Packet<'_> {
    let hop_limit = neighbour::HOP_LIMIT;
    Packet {
        source,
        destination,
        hop_limit,
        next_header: ICMPV6,
        payload,
    }
}
