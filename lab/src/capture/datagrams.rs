//! IP packets → DHCPv6 datagrams: extension headers, tunnels, fragments, and what is not as it should be.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};

use super::container::Frame;
use super::unframe::{self, Unframed};
use super::{Envelope, Found, Packet};
use crate::compose::{CLIENT_PORT, SERVER_PORT};
use crate::link::fragment::Reassembly;
use crate::link::frame::{self, FRAGMENT, IPV6_LEN, UDP};
use crate::link::udp;
use crate::rig::Datagram;
use std::net::SocketAddrV6;

/// `Next Header` of the extension headers that say their own length (RFC 8200 §4.3, §4.4, §4.6, RFC 6275 §6.1).
const SKIPPED: [u8; 4] = [0, 43, 60, 135];
/// `Next Header` of an Authentication Header, which counts its length in another way (RFC 4302 §2.2).
const AUTHENTICATION: u8 = 51;
/// `Next Header` of IPv6 in IPv6 (RFC 2473), and `Protocol` of IPv6 in IPv4 (RFC 4213).
const IPV6: u8 = 41;
const IPV4_LEN: usize = 20;
/// So many pieces are remembered where there is no end to them.
const PIECES_MAX: usize = 4096;
/// So many frames are named in a remark.
const NAMED_MAX: usize = 8;

/// Collects the DHCPv6 datagrams of frames.
#[derive(Default)]
pub(super) struct Collector {
    pub(super) found: Vec<Found>,
    /// How many frames there are, of any kind.
    pub(super) frames: usize,
    /// Of each link, packets that came in pieces; never by how much their headers say.
    reassembly: BTreeMap<String, Reassembly>,
    /// The pieces of packets that are not complete.
    pieces: BTreeMap<Pieces, Waiting>,
    /// Packets in pieces of which the first one says that they are something else.
    foreign: BTreeSet<Pieces>,
    /// Frames with pieces of which it is known by now that they are of DHCPv6.
    pub(super) known: Vec<usize>,
    /// Frames, by what is wrong with them.
    odd: BTreeMap<&'static str, Vec<usize>>,
    /// Frames of link types that cannot be opened.
    pub(super) closed: BTreeMap<u32, usize>,
}

/// What the pieces of a packet have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Pieces {
    link: String,
    source: Ipv6Addr,
    destination: Ipv6Addr,
    identification: u32,
}

/// Pieces that wait for others.
#[derive(Default)]
struct Waiting {
    /// Their frames.
    frames: Vec<usize>,
    /// Whether the first one is there, which says that it is DHCPv6.
    is_dhcp: bool,
}

/// What an IP header says, and what could be captured behind it.
struct Ip {
    source: Ipv6Addr,
    destination: Ipv6Addr,
    class: u8,
    hop_limit: u8,
    next_header: u8,
    /// So much of the payload was not captured.
    missing: usize,
}

impl Ip {
    /// Reads a header, and takes the padding of the frame from behind the payload.
    fn read(packet: &[u8]) -> Option<(Self, &[u8])> {
        match packet.first()? >> 4 {
            4 => Self::version_4(packet),
            6 => Self::version_6(packet),
            _ => None,
        }
    }

    /// Of a tunnel, or of DHCPv6 that should not be where it is; addresses become IPv4-mapped ones.
    fn version_4(packet: &[u8]) -> Option<(Self, &[u8])> {
        let [
            first,
            class,
            high,
            low,
            _,
            _,
            o0,
            o1,
            hop_limit,
            next_header,
            ..,
        ] = *packet.first_chunk::<IPV4_LEN>()?;
        let header_len = usize::from(first & 0x0f) * 4;
        let rest = packet.get(header_len.max(IPV4_LEN)..)?;
        let len = usize::from(u16::from_be_bytes([high, low])).saturating_sub(header_len);
        let payload = rest.get(..len).unwrap_or(rest);
        let address = |at| -> Option<Ipv6Addr> {
            let octets = *packet.get(at..)?.first_chunk::<4>()?;
            Some(Ipv4Addr::from(octets).to_ipv6_mapped())
        };
        let ip = Self {
            source: address(12)?,
            destination: address(16)?,
            class,
            hop_limit,
            next_header,
            missing: len.saturating_sub(payload.len()),
        };
        // A piece that is not the first one begins with nothing that can be read.
        ([o0 & 0x1f, o1] == [0, 0]).then_some((ip, payload))
    }

    fn version_6(packet: &[u8]) -> Option<(Self, &[u8])> {
        let (header, rest) = packet.split_first_chunk::<IPV6_LEN>()?;
        let [first, second, _, _, high, low, next_header, hop_limit, ..] = *header;
        let len = usize::from(u16::from_be_bytes([high, low]));
        // Cards that cut up segments leave the length to be filled in.
        let len = if len == 0 { rest.len() } else { len };
        let payload = rest.get(..len).unwrap_or(rest);
        let ip = Self {
            source: frame::address(header.get(8..24)?)?,
            destination: frame::address(header.get(24..40)?)?,
            class: (first << 4) | (second >> 4),
            hop_limit,
            next_header,
            missing: len - payload.len(),
        };
        Some((ip, payload))
    }
}

impl Collector {
    /// Takes the DHCPv6 out of a frame, if there is any.
    pub(super) fn take(&mut self, frame: &Frame) {
        self.frames += 1;
        if !unframe::is_known(frame.link_type) {
            *self.closed.entry(frame.link_type).or_default() += 1;
            return;
        }
        let Some(unframed) = unframe::unframe(frame.link_type, &frame.octets) else {
            return;
        };
        if let Some(mut found) = self.datagram(frame, &unframed) {
            // An interface of a capture of all interfaces, or one of several that were captured.
            found.envelope.interface = match unframed.interface {
                Some(index) => Some(index.to_string()),
                None => frame.interface.clone(),
            };
            self.found.push(found);
        }
    }

    fn datagram(&mut self, frame: &Frame, unframed: &Unframed<'_>) -> Option<Found> {
        let mut tunnelled = false;
        let (mut ip, payload) = Ip::read(unframed.packet)?;
        let mut payload = payload.to_vec();
        let mut next_header = ip.next_header;
        loop {
            match next_header {
                UDP => break,
                IPV6 => {
                    let (inner, inside) = Ip::read(&payload)?;
                    payload = inside.to_vec();
                    ip = inner;
                    next_header = ip.next_header;
                    tunnelled = true;
                }
                FRAGMENT => {
                    (next_header, payload) = self.whole(frame, unframed, &ip, &payload)?;
                }
                AUTHENTICATION => {
                    let [next, length, ..] = *payload.as_slice() else {
                        return None;
                    };
                    payload = payload.get((usize::from(length) + 2) * 4..)?.to_vec();
                    next_header = next;
                }
                _ if SKIPPED.contains(&next_header) => {
                    let [next, length, ..] = *payload.as_slice() else {
                        return None;
                    };
                    payload = payload.get((usize::from(length) + 1) * 8..)?.to_vec();
                    next_header = next;
                }
                _ => return None,
            }
        }
        let (datagram, missing) = self.udp(frame, &ip, &payload)?;
        let in_ipv4 = ip.source.to_ipv4_mapped().is_some();
        let envelope = match tunnelled || in_ipv4 {
            true => Envelope::bare(ip.class),
            false => Envelope {
                link_type: frame.link_type,
                interface: None,
                header: unframed.header.to_vec(),
                layer: unframed.layer.clone(),
                class: ip.class,
            },
        };
        Some(Found {
            packet: Packet {
                number: frame.number,
                at: frame.at,
                link: unframed.link.clone(),
                macs: unframed.macs.filter(|_| !tunnelled),
                hop_limit: ip.hop_limit,
                datagram,
                missing,
                comments: frame.comments.clone(),
            },
            envelope,
        })
    }

    /// The packet of which a fragment is a piece, if it is the last one that was missing (RFC 8200 §4.5).
    fn whole(
        &mut self,
        frame: &Frame,
        unframed: &Unframed<'_>,
        ip: &Ip,
        payload: &[u8],
    ) -> Option<(u8, Vec<u8>)> {
        let (header, piece) = payload.split_first_chunk::<8>()?;
        let [next_header, _, o0, o1, i0, i1, i2, i3] = *header;
        let is_first = [o0, o1 & 0xf8] == [0, 0];
        if [o0, o1 & 0xf9] == [0, 0] {
            // All of it (RFC 6946).
            return Some((next_header, piece.to_vec()));
        }
        let key = Pieces {
            link: format!("{} {:?}", unframed.link, frame.interface),
            source: ip.source,
            destination: ip.destination,
            identification: u32::from_be_bytes([i0, i1, i2, i3]),
        };
        if next_header != UDP {
            return None;
        }
        // Only the first piece has the ports. What follows one that is foreign is so, too.
        match is_first {
            true if is_dhcp(piece) => {
                self.foreign.remove(&key);
            }
            true => {
                self.pieces.remove(&key);
                self.foreign.insert(key);
                return None;
            }
            false if self.foreign.contains(&key) => return None,
            false => {}
        }
        let waiting = self.pieces.entry(key.clone()).or_default();
        waiting.frames.push(frame.number);
        if is_first {
            waiting.is_dhcp = true;
            self.known.extend(&waiting.frames);
        } else if waiting.is_dhcp {
            self.known.push(frame.number);
        }
        if ip.missing > 0 {
            return None;
        }
        let packet = frame::Packet {
            source: ip.source,
            destination: ip.destination,
            hop_limit: ip.hop_limit,
            next_header: FRAGMENT,
            payload,
        };
        let whole = self
            .reassembly
            .entry(key.link.clone())
            .or_default()
            .take(&packet);
        if whole.is_some() {
            self.pieces.remove(&key);
        }
        whole
    }

    /// The datagram behind the last header, and how much of it was not captured.
    fn udp(&mut self, frame: &Frame, ip: &Ip, octets: &[u8]) -> Option<(Datagram, usize)> {
        let (header, rest) = octets.split_first_chunk::<{ udp::HEADER_LEN }>()?;
        let [s0, s1, d0, d1, l0, l1, ..] = *header;
        if !is_dhcp(octets) {
            return None;
        }
        let said = usize::from(u16::from_be_bytes([l0, l1]));
        let len = match said {
            0 => rest.len() + ip.missing,
            _ => match said.checked_sub(udp::HEADER_LEN) {
                Some(len) => len,
                None => {
                    self.note("the length of the UDP header is impossible", frame.number);
                    return None;
                }
            },
        };
        let payload = rest.get(..len).unwrap_or(rest);
        let missing = len - payload.len();
        if missing > 0 && missing <= ip.missing {
            self.note("only the beginning was captured", frame.number);
        } else if missing > 0 {
            self.note(
                "UDP says that it is longer than the packet that carries it",
                frame.number,
            );
        } else if ip.source.to_ipv4_mapped().is_none() {
            let summed = octets.get(..udp::HEADER_LEN + len).unwrap_or(octets);
            let sum = frame::checksum(ip.source, ip.destination, UDP, summed);
            if sum != 0 || header.ends_with(&[0, 0]) {
                let what = "the UDP checksum is wrong (as it is where the capturing machine is the sender: its \
                            card fills it in)";
                self.note(what, frame.number);
            }
        }
        let end = |address, port| SocketAddrV6::new(address, u16::from_be_bytes(port), 0, 0);
        let datagram = Datagram {
            source: end(ip.source, [s0, s1]),
            destination: end(ip.destination, [d0, d1]),
            payload: payload.to_vec(),
        };
        Some((datagram, missing))
    }

    fn note(&mut self, what: &'static str, frame: usize) {
        self.odd.entry(what).or_default().push(frame);
    }

    /// How many pieces of datagrams wait for others.
    pub(super) fn pieces(&self) -> usize {
        self.pieces.values().map(|it| it.frames.len()).sum()
    }

    /// Forgets what could not be read and, if there are too many, pieces: for whoever listens for ever.
    pub(super) fn forget(&mut self) {
        self.odd.clear();
        self.closed.clear();
        if self.pieces() + self.foreign.len() > PIECES_MAX {
            self.pieces.clear();
            self.foreign.clear();
        }
    }

    /// What could not be read, or only in part.
    pub(super) fn remarks(&self) -> Vec<String> {
        let odd = self.odd.iter();
        let odd = odd.map(|(what, frames)| format!("{}: {what}", named(frames)));
        let pieces = self.pieces.iter().map(|(key, frames)| {
            let Pieces { source, destination, .. } = key;
            let frames = named(&frames.frames);
            format!("{frames}: pieces of a packet from {source} to {destination}, of which others are missing or contradict them")
        });
        let closed = self.closed.iter();
        let closed = closed.map(|(link_type, count)| {
            format!("{count} frames of link type {link_type} were passed over: they cannot be opened here")
        });
        odd.chain(pieces).chain(closed).collect()
    }
}

/// `frame 7`, `frames 3, 5, 9`, `frames 1, 2, 3 and 40 others`.
fn named(frames: &[usize]) -> String {
    let named: Vec<_> = frames
        .iter()
        .take(NAMED_MAX)
        .map(usize::to_string)
        .collect();
    let word = if frames.len() == 1 { "frame" } else { "frames" };
    let more = match frames.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} others"),
    };
    format!("{word} {}{more}", named.join(", "))
}

/// Whether a UDP header is that of DHCPv6: one end has a well-known port, the other one may have any
/// (RFC 8357).
fn is_dhcp(octets: &[u8]) -> bool {
    let ports = octets
        .first_chunk::<4>()
        .map(|[a, b, c, d]| [[*a, *b], [*c, *d]]);
    ports
        .into_iter()
        .flatten()
        .any(|port| [CLIENT_PORT, SERVER_PORT].contains(&u16::from_be_bytes(port)))
}
