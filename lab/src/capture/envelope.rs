//! What is around a datagram, and how it is put into it again when something inside has changed.

use std::net::{Ipv6Addr, SocketAddrV6};

use super::Packet;
use super::unframe::{IPV6, LinkLayer};
use crate::link::frame::{Mac, UDP, checksum};

/// What is around a datagram, from the beginning of its frame.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// What the frame begins with, by libpcap's numbers of link types.
    pub link_type: u32,
    /// The interface, if the file tells.
    pub interface: Option<String>,
    /// What is before the IP header.
    pub(super) header: Vec<u8>,
    /// Where in it things are.
    pub(super) layer: LinkLayer,
    /// The traffic class.
    pub(super) class: u8,
}

impl Envelope {
    /// That of a datagram in a tunnel, or in IPv4: without what is around.
    pub(super) fn bare(class: u8) -> Self {
        Self {
            link_type: IPV6,
            interface: None,
            header: Vec::new(),
            layer: LinkLayer::default(),
            class,
        }
    }

    /// The hardware addresses in it.
    #[must_use]
    pub fn macs(&self) -> Vec<Mac> {
        let macs = self.layer.macs.iter();
        macs.filter_map(|at| self.header.get(*at..)?.first_chunk().copied())
            .collect()
    }

    /// Puts other hardware addresses in.
    pub fn map_macs(&mut self, mut map: impl FnMut(Mac) -> Mac) {
        for at in self.layer.macs.clone() {
            let place = self.header.get_mut(at..).and_then(<[u8]>::first_chunk_mut);
            if let Some(place) = place {
                *place = map(*place);
            }
        }
    }

    /// The frame that carries a packet, and how long it was on the wire. Extension headers and fragments are not
    /// made again. `None` if the datagram is longer than IPv6 can say.
    #[must_use]
    pub fn seal(&self, packet: &Packet) -> Option<(Vec<u8>, usize)> {
        let datagram = &packet.datagram;
        let len = u16::try_from(8 + datagram.payload.len() + packet.missing).ok()?;
        let mut udp = Vec::with_capacity(8 + datagram.payload.len());
        udp.extend(datagram.source.port().to_be_bytes());
        udp.extend(datagram.destination.port().to_be_bytes());
        udp.extend(len.to_be_bytes());
        udp.extend([0, 0]);
        udp.extend(&datagram.payload);
        // Of what is not there, no checksum can be made.
        if packet.missing == 0 {
            let ip = |end: &SocketAddrV6| -> Ipv6Addr { *end.ip() };
            let sum = checksum(ip(&datagram.source), ip(&datagram.destination), UDP, &udp);
            let sum = if sum == 0 { 0xffff } else { sum };
            udp.get_mut(6..8)?.copy_from_slice(&sum.to_be_bytes());
        }
        let mut frame = self.header.clone();
        if let Some(at) = self.layer.pppoe {
            // What follows the six octets of its header (RFC 2516 §4).
            let inside = frame.len().checked_sub(at + 6)? + 40 + usize::from(len);
            let inside = u16::try_from(inside).ok()?.to_be_bytes();
            frame.get_mut(at + 4..at + 6)?.copy_from_slice(&inside);
        }
        frame.extend([0x60 | (self.class >> 4), self.class << 4, 0, 0]);
        frame.extend(len.to_be_bytes());
        frame.extend([UDP, packet.hop_limit]);
        frame.extend(datagram.source.ip().octets());
        frame.extend(datagram.destination.ip().octets());
        frame.extend(udp);
        let on_wire = frame.len() + packet.missing;
        Some((frame, on_wire))
    }
}
