//! Datagrams → a pcap file.

use std::io::Write;
use std::net::Ipv6Addr;
use std::time::Duration;

use pcap_file::pcap::{PcapHeader, PcapPacket, PcapWriter};

use super::Error;
use crate::link::frame::{self, Mac, UDP, multicast_mac};
use crate::link::udp;
use crate::rig::{Datagram, SERVER_ADDRESS, SERVER_MAC};

/// When the captures of scenarios begin: 2026-01-01 00:00:00 UTC.
pub(super) const EPOCH: Duration = Duration::from_secs(1_767_225_600);
/// More than any packet has.
pub(super) const PACKET_MAX: u32 = 1 << 18;

/// Writes datagrams, each with the time since the start of its scenario.
///
/// # Errors
/// The writer does not take it, or a datagram is longer than IPv6 can say.
pub fn write<'a>(
    datagrams: impl Iterator<Item = (Duration, &'a Datagram)>,
    out: impl Write,
) -> Result<(), Error> {
    let failed = |error: &dyn std::fmt::Display| Error::Write(error.to_string());
    let header = PcapHeader {
        snaplen: PACKET_MAX,
        ..PcapHeader::default()
    };
    let mut writer = PcapWriter::with_header(out, header).map_err(|error| failed(&error))?;
    for (at, datagram) in datagrams {
        let frame = frame(datagram).ok_or_else(|| failed(&"a datagram is too long"))?;
        let length = u32::try_from(frame.len()).unwrap_or(u32::MAX);
        let packet = PcapPacket::new(EPOCH + at, length, frame).map_err(|error| failed(&error))?;
        writer
            .write_packet(&packet)
            .map_err(|error| failed(&error))?;
    }
    writer.flush().map_err(|error| failed(&error))
}

/// The frame that carries a datagram on the lab's link.
pub(super) fn frame(datagram: &Datagram) -> Option<Vec<u8>> {
    let (source, destination) = (*datagram.source.ip(), *datagram.destination.ip());
    let payload = udp::write(datagram)?;
    let packet = frame::Packet {
        source,
        destination,
        hop_limit: if destination.is_multicast() { 1 } else { 64 },
        next_header: UDP,
        payload: &payload,
    };
    packet.frame(mac(source), mac(destination))
}

/// A card for an address: the server's own, a group's, or one that ends as the address does.
fn mac(address: Ipv6Addr) -> Mac {
    let [.., a, b] = address.octets();
    match address {
        SERVER_ADDRESS => SERVER_MAC,
        _ if address.is_multicast() => multicast_mac(address),
        _ => [2, 0, 0, 0, a, b],
    }
}
