//! Captures: a transcript's datagrams → pcap, and the DHCPv6 datagrams of a pcap.
//!
//! Written files are Ethernet as it would have been on the wire, so every other tool can open them. Read
//! are Ethernet with or without VLAN tags, raw IP, and Linux's cooked captures; whatever is not DHCPv6
//! over IPv6 is passed over. Fragments are not put together.

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::net::Ipv6Addr;
use std::path::Path;
use std::time::Duration;

use pcap_file::DataLink;
use pcap_file::pcap::{PcapHeader, PcapPacket, PcapReader, PcapWriter};

use crate::compose::{CLIENT_PORT, SERVER_PORT};
use crate::link::frame::{self, ETHERNET_LEN, Mac, UDP, multicast_mac};
use crate::link::udp;
use crate::rig::{Datagram, SERVER_ADDRESS, SERVER_MAC};

/// When the captures of scenarios begin: 2026-01-01 00:00:00 UTC.
const EPOCH: Duration = Duration::from_secs(1_767_225_600);
/// More than any packet has.
const PACKET_MAX: usize = 1 << 18;
const ETHERTYPE_IPV6: u16 = 0x86dd;
const ETHERTYPES_VLAN: [u16; 2] = [0x8100, 0x88a8];

/// Why a capture cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not a pcap file, or is damaged.
    #[error("this is no classic pcap file, or a damaged one: {0}")]
    Read(String),
    /// It holds frames of another kind.
    #[error("frames of link type {0} cannot be read: capture Ethernet, or use `-i any`")]
    LinkType(u32),
    /// It cannot be written.
    #[error("the capture cannot be written: {0}")]
    Write(String),
}

/// The DHCPv6 of a capture.
#[derive(Clone, Debug, Default)]
pub struct Capture {
    /// Its datagrams, in the order of the file.
    pub packets: Vec<Packet>,
    /// What could not be read, and why: the rest of a truncated file, a datagram of which a fragment is missing.
    pub remarks: Vec<String>,
}

/// One DHCPv6 datagram of a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The number of its last frame in the file, from 1, as other tools count.
    pub number: usize,
    /// When it was captured, since 1970.
    pub at: Duration,
    /// The link that it was on, as far as its frame tells: `vlan 7`, `pppoe session 12`, or empty.
    pub link: String,
    /// The hardware addresses of its frame, source first; `None` where the link type has none.
    pub macs: Option<(Mac, Mac)>,
    /// The hop limit.
    pub hop_limit: u8,
    /// The datagram.
    pub datagram: Datagram,
}

/// Reads the capture in a file.
///
/// # Errors
/// It cannot be read at all.
pub fn open(path: &Path) -> Result<Capture, Error> {
    let file = File::open(path).map_err(|error| Error::Read(error.to_string()))?;
    let datagrams = read(BufReader::new(file))?;
    let packets = (1..).zip(datagrams).map(|(number, (at, datagram))| Packet {
        number,
        at,
        link: String::new(),
        macs: None,
        hop_limit: 0,
        datagram,
    });
    Ok(Capture {
        packets: packets.collect(),
        remarks: Vec::new(),
    })
}

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
        snaplen: u32::try_from(PACKET_MAX).unwrap_or(u32::MAX),
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
fn frame(datagram: &Datagram) -> Option<Vec<u8>> {
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

/// The DHCPv6 datagrams of a capture, with their times.
///
/// # Errors
/// It is no capture that can be read here.
pub fn read(input: impl Read) -> Result<Vec<(Duration, Datagram)>, Error> {
    let failed = |error: &dyn std::fmt::Display| Error::Read(error.to_string());
    let mut reader =
        PcapReader::with_capacity(input, PACKET_MAX).map_err(|error| failed(&error))?;
    let link = reader.header().datalink;
    let mut datagrams = Vec::new();
    let ip = packet_in(link).ok_or(Error::LinkType(link.into()))?;
    while let Some(packet) = reader.next_packet() {
        let packet = packet.map_err(|error| failed(&error))?;
        let datagram = ip(packet.data()).and_then(dhcp);
        datagrams.extend(datagram.map(|it| (packet.timestamp(), it)));
    }
    Ok(datagrams)
}

/// Finds the IPv6 packet in a frame.
type Unframe = fn(&[u8]) -> Option<&[u8]>;

/// How the IPv6 packet in a frame of that type is found.
fn packet_in(link: DataLink) -> Option<Unframe> {
    Some(if link == DataLink::ETHERNET {
        ethernet
    } else if [DataLink::RAW, DataLink::IPV6].contains(&link) {
        |packet| Some(packet)
    } else if link == DataLink::LINUX_SLL {
        |frame| cooked(frame, 14, 16)
    } else if link == DataLink::LINUX_SLL2 {
        |frame| cooked(frame, 0, 20)
    } else {
        return None;
    })
}

/// The IPv6 packet in an Ethernet frame, behind any VLAN tags.
fn ethernet(frame: &[u8]) -> Option<&[u8]> {
    let mut at = ETHERNET_LEN - 2;
    loop {
        let ethertype = u16_at(frame, at)?;
        at += 2;
        match ethertype {
            ETHERTYPE_IPV6 => return frame.get(at..),
            _ if ETHERTYPES_VLAN.contains(&ethertype) => at += 2,
            _ => return None,
        }
    }
}

/// The IPv6 packet behind the header of a cooked capture.
fn cooked(frame: &[u8], protocol_at: usize, header_len: usize) -> Option<&[u8]> {
    (u16_at(frame, protocol_at)? == ETHERTYPE_IPV6).then(|| frame.get(header_len..))?
}

fn u16_at(octets: &[u8], at: usize) -> Option<u16> {
    let pair = octets.get(at..)?.first_chunk::<2>()?;
    Some(u16::from_be_bytes(*pair))
}

/// The datagram in an IPv6 packet, if it is DHCPv6 and whole.
fn dhcp(ip: &[u8]) -> Option<Datagram> {
    let mut framed = vec![0; ETHERNET_LEN - 2];
    framed.extend(ETHERTYPE_IPV6.to_be_bytes());
    framed.extend(ip);
    let packet = frame::Packet::parse(&framed)?;
    let payload = skip_extensions(packet.next_header, packet.payload)?;
    let datagram = udp::parse(packet.source, packet.destination, payload)?;
    let ports = [datagram.source.port(), datagram.destination.port()];
    let is_dhcp = ports
        .iter()
        .any(|it| [CLIENT_PORT, SERVER_PORT].contains(it));
    is_dhcp.then_some(datagram)
}

/// What follows the extension headers that say their own length (RFC 8200 §4.3 to §4.6), if it is UDP.
fn skip_extensions(mut next_header: u8, mut octets: &[u8]) -> Option<&[u8]> {
    const HOP_BY_HOP: u8 = 0;
    const ROUTING: u8 = 43;
    const DESTINATION: u8 = 60;
    while next_header != UDP {
        if ![HOP_BY_HOP, ROUTING, DESTINATION].contains(&next_header) {
            return None;
        }
        let [next, length, ..] = *octets else {
            return None;
        };
        next_header = next;
        octets = octets.get((usize::from(length) + 1) * 8..)?;
    }
    Some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(payload: &[u8]) -> Datagram {
        Datagram {
            source: "[fe80::c1]:546".parse().expect("an address"),
            destination: "[ff02::1:2]:547".parse().expect("an address"),
            payload: payload.to_vec(),
        }
    }

    fn written(datagrams: &[Datagram]) -> Vec<u8> {
        let mut file = Vec::new();
        let timed = datagrams.iter().zip(0..);
        let timed = timed.map(|(it, secs)| (Duration::from_secs(secs), it));
        write(timed, &mut file).expect("memory takes it");
        file
    }

    /// A capture of one frame.
    fn capture(datalink: DataLink, frame: &[u8]) -> Vec<u8> {
        let header = PcapHeader {
            datalink,
            ..PcapHeader::default()
        };
        let mut writer = PcapWriter::with_header(Vec::new(), header).expect("memory takes it");
        let length = u32::try_from(frame.len()).expect("short");
        let packet = PcapPacket::new(EPOCH, length, frame).expect("a packet");
        writer.write_packet(&packet).expect("memory takes it");
        writer.into_inner()
    }

    fn payloads(file: &[u8]) -> Vec<Vec<u8>> {
        let datagrams = read(file).expect("a capture");
        datagrams.into_iter().map(|(_, it)| it.payload).collect()
    }

    #[test]
    fn what_was_written_is_read_again() {
        let datagrams = [datagram(&[1, 2, 3, 4]), datagram(&[7; 3000])];
        let read = read(written(&datagrams).as_slice()).expect("a capture");
        let (times, same): (Vec<_>, Vec<_>) = read.into_iter().unzip();
        assert_eq!(same, datagrams);
        assert_eq!(times, [EPOCH, EPOCH + Duration::from_secs(1)]);
    }

    #[test]
    fn every_link_type_has_the_packet_behind_its_own_header() {
        let frame = frame(&datagram(&[1, 2, 3, 4])).expect("short");
        let ip = &frame[ETHERNET_LEN..];
        let tag = [0x81, 0, 0, 5];
        let tagged = [&frame[..12], &tag, &frame[12..]].concat();
        let sll = [&[0; 14][..], &[0x86, 0xdd], ip].concat();
        let sll2 = [&[0x86, 0xdd][..], &[0; 18], ip].concat();
        for (link, frame) in [
            (DataLink::ETHERNET, tagged.as_slice()),
            (DataLink::RAW, ip),
            (DataLink::LINUX_SLL, &sll),
            (DataLink::LINUX_SLL2, &sll2),
        ] {
            assert_eq!(payloads(&capture(link, frame)), [[1, 2, 3, 4]], "{link:?}");
        }
    }

    #[test]
    fn frames_without_dhcpv6_are_passed_over() {
        let mut other = datagram(&[0; 8]);
        other.source.set_port(5353);
        other.destination.set_port(5353);
        assert!(payloads(&written(&[other])).is_empty());
        assert!(payloads(&capture(DataLink::ETHERNET, &[0; 9])).is_empty());
    }

    #[test]
    fn a_capture_of_another_link_type_is_refused() {
        let file = capture(DataLink::IEEE802_11, &[0; 20]);
        assert!(matches!(read(file.as_slice()), Err(Error::LinkType(105))));
    }

    #[test]
    fn a_damaged_file_is_refused_and_not_read_for_ever() {
        let file = written(&[datagram(&[1, 2, 3, 4])]);
        assert!(matches!(read(&file[..file.len() - 1]), Err(Error::Read(_))));
        assert!(matches!(read(&file[..5]), Err(Error::Read(_))));
    }
}
