//! A server somewhere behind an interface of this machine, which nobody here started.
//!
//! Everything goes out with the hardware and the link-local address of the interface itself: that is an address which
//! nobody else on the link has, at which neighbour discovery is answered already, and which no switch has to learn
//! anew. A packet socket sends and hears, so that a client of this machine may keep the ports of DHCPv6.

use std::net::{Ipv6Addr, SocketAddrV6, UdpSocket};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::time::{Duration, Instant};
use std::{fmt, io};

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{LinkAddr, MsgFlags, recvfrom, send};

use super::peer::Peer;
use crate::compose::{CLIENT_PORT, SERVER_PORT};
use crate::dissect::{self, Message};
use crate::link::fragment::{Reassembly, split_to};
use crate::link::frame::{FRAGMENT, IPV6_LEN, Mac, Packet, UDP, multicast_mac};
use crate::link::{Error, Interruption, packet, udp, wait};
use crate::rig::{Datagram, Event, RigError};
use crate::status;

/// The kind of hardware that Ethernet is (linux/if_arp.h).
const HARDWARE_ETHERNET: u16 = 1;
/// Every link carries packets of this length, and longer ones may be cut up (RFC 8200 §5).
const MTU_MIN: usize = 1280;
/// No frame is longer, not even one that a card has put together.
const FRAME_MAX: usize = 1 << 17;
/// All_DHCP_Relay_Agents_and_Servers.
const SERVERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);

const SOLICIT: u8 = 1;
const ADVERTISE: u8 = 2;
const REPLY: u8 = 7;
const PREFERENCE: u16 = 7;
const PREFERENCE_MAX: u8 = 255;

/// How long an answer may take: more than the first timeout of any message but Renew and Rebind (RFC 9915 §7.6).
const ANSWER: Duration = Duration::from_secs(2);
/// How long a client collects Advertises (RFC 9915 §18.2.1).
const COLLECT: Duration = Duration::from_secs(1);
/// How long to wait before looking whether somebody wants an end.
const LOOK: Duration = Duration::from_millis(100);

/// Why nothing can be sent, with the exit status.
#[derive(Debug)]
pub(super) struct Unfit(pub(super) u8, pub(super) String);

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.1)
    }
}

/// The interface, and what is known of the server behind it.
pub(super) struct Outside {
    socket: OwnedFd,
    /// The name of the interface.
    interface: String,
    mac: Mac,
    address: Ipv6Addr,
    /// Where the last answer came from.
    server: Option<(Ipv6Addr, Mac)>,
    reassembly: Reassembly,
    identification: u32,
    buffer: Vec<u8>,
    begun: Instant,
    interruption: Interruption,
    /// Whether all that is left to do is what has to be done.
    winding_up: bool,
    /// Nobody reads from them: they keep the system from telling the server that nobody listens.
    _ports: Vec<UdpSocket>,
}

impl Outside {
    /// Takes an interface of this machine.
    ///
    /// # Errors
    /// There is none of that name, or it cannot be used; or this user may not.
    pub(super) fn on(interface: &str, interruption: Interruption) -> Result<Self, Unfit> {
        let Found {
            index,
            mac,
            address,
        } = find(interface)?;
        let socket = packet::open(interface).map_err(|error| {
            let text = match error.kind() == io::ErrorKind::PermissionDenied {
                true => format!(
                    "sending on {interface} takes the capability CAP_NET_RAW: run it as root"
                ),
                false => format!("cannot send on {interface}: {error}"),
            };
            Unfit(status::LACKING, text)
        })?;
        // One that is taken has somebody who listens.
        let ports =
            [CLIENT_PORT, SERVER_PORT].map(|port| SocketAddrV6::new(address, port, 0, index));
        let ports = ports.into_iter().filter_map(|it| UdpSocket::bind(it).ok());
        Ok(Self {
            socket,
            interface: interface.to_owned(),
            mac,
            address,
            server: None,
            reassembly: Reassembly::default(),
            identification: 0,
            buffer: vec![0; FRAME_MAX],
            begun: Instant::now(),
            interruption,
            winding_up: false,
            _ports: ports.collect(),
        })
    }

    /// The address that everything comes from.
    pub(super) fn address(&self) -> Ipv6Addr {
        self.address
    }

    fn failed(&self, what: &str, source: impl Into<io::Error>) -> RigError {
        Error::system(format!("{what} {}", self.interface), source).into()
    }

    fn send(&mut self, datagram: &Datagram) -> Result<(), RigError> {
        let destination = *datagram.destination.ip();
        let to = match self.server {
            Some((address, mac)) if address == destination => mac,
            _ => multicast_mac(destination),
        };
        let payload = udp::write(datagram).ok_or_else(|| {
            let reason = io::Error::other("no UDP datagram is so long");
            self.failed("send on", reason)
        })?;
        let packet = Packet {
            source: *datagram.source.ip(),
            destination,
            hop_limit: 64,
            next_header: UDP,
            payload: &payload,
        };
        if IPV6_LEN + payload.len() <= MTU_MIN {
            return self.put(&packet, to);
        }
        self.identification = self.identification.wrapping_add(1);
        for piece in split_to(MTU_MIN, UDP, &payload, self.identification) {
            let packet = Packet {
                next_header: FRAGMENT,
                payload: &piece,
                ..packet
            };
            self.put(&packet, to)?;
        }
        Ok(())
    }

    fn put(&self, packet: &Packet<'_>, to: Mac) -> Result<(), RigError> {
        let frame = packet
            .frame(self.mac, to)
            .expect("every piece fits into a frame");
        match send(self.socket.as_raw_fd(), &frame, MsgFlags::empty()) {
            // A card without room loses it, as any link may.
            Ok(_) | Err(Errno::ENOBUFS | Errno::EAGAIN) => Ok(()),
            Err(errno) => Err(self.failed("send on", errno)),
        }
    }

    /// The next datagram for us; `None` if there is none now.
    fn receive(&mut self) -> Result<Option<(Datagram, Mac)>, RigError> {
        loop {
            let length = match recvfrom::<LinkAddr>(self.socket.as_raw_fd(), &mut self.buffer) {
                Ok((_, Some(from))) if from.pkttype() == libc::PACKET_OUTGOING => continue,
                Ok((length, _)) => length,
                Err(Errno::EAGAIN) => return Ok(None),
                Err(Errno::EINTR) => continue,
                Err(errno) => return Err(self.failed("listen on", errno)),
            };
            let frame = self.buffer.get(..length).unwrap_or_default();
            let mac = frame.get(6..12).and_then(|it| Mac::try_from(it).ok());
            let (Some(packet), Some(mac)) = (Packet::parse(frame), mac) else {
                continue;
            };
            if packet.destination != self.address {
                continue;
            }
            let (source, destination) = (packet.source, packet.destination);
            let Some((UDP, payload)) = self.reassembly.take(&packet) else {
                continue;
            };
            // Between namespaces of one machine nobody fills in the checksum.
            if let Some(datagram) = udp::parse_unsummed(source, destination, &payload) {
                return Ok(Some((datagram, mac)));
            }
        }
    }

    /// Waits until something can be read, but not for longer.
    fn rest(&self, until: Instant) -> Result<(), RigError> {
        let until = until.min(Instant::now() + LOOK);
        wait(&[self.socket.as_fd()], until)
            .map(drop)
            .map_err(|error| self.failed("listen on", error))
    }
}

impl Peer for Outside {
    fn duid(&self) -> Option<Vec<u8>> {
        None
    }

    /// What went to a server alone goes to the one that answered; as long as there is none, to all of them.
    fn destination(&self, recorded: Ipv6Addr, _: Ipv6Addr) -> Ipv6Addr {
        match self.server {
            _ if recorded.is_multicast() => recorded,
            Some((address, _)) => address,
            None => SERVERS,
        }
    }

    fn source(&self, _: Ipv6Addr, _: usize) -> Ipv6Addr {
        self.address
    }

    fn wait_until(&mut self, at: Duration) -> Result<(), RigError> {
        let until = self.begun + at;
        while Instant::now() < until && !self.is_interrupted() {
            self.rest(until)?;
            // Nobody waits for what comes now.
            while self.receive()?.is_some() {}
        }
        Ok(())
    }

    /// The answers: those to a Solicit as a client collects them, the best one first; else the first one.
    fn exchange(&mut self, datagram: &Datagram) -> Result<Vec<Event>, RigError> {
        while self.receive()?.is_some() {}
        self.send(datagram)?;
        let sent = Instant::now();
        let asked = dissect::message(&datagram.payload);
        let (mut until, mut answers) = (sent + ANSWER, Vec::new());
        while Instant::now() < until && !self.is_interrupted() {
            self.rest(until)?;
            while let Some((answer, mac)) = self.receive()? {
                let told = dissect::message(&answer.payload);
                if !answers_to(&asked, &told) {
                    continue;
                }
                let collects = asked.core().message_type == SOLICIT
                    && told.core().message_type == ADVERTISE
                    && preference(&told) < PREFERENCE_MAX;
                until = if collects { sent + COLLECT } else { sent };
                answers.push((preference(&told), answer, mac));
            }
        }
        // The one that came first of several that are as good.
        answers.sort_by_key(|it| std::cmp::Reverse(it.0));
        if let Some((_, answer, mac)) = answers.first() {
            self.server = Some((*answer.source.ip(), *mac));
        }
        let answers = answers.into_iter();
        Ok(answers.map(|it| Event::Answer(it.1)).collect())
    }

    fn is_interrupted(&self) -> bool {
        !self.winding_up && self.interruption.signal().is_some()
    }

    fn wind_up(&mut self) {
        self.winding_up = true;
    }
}

/// Whether a message is a server's with the transaction id of the question.
fn answers_to(asked: &Message, told: &Message) -> bool {
    let told = told.core();
    [ADVERTISE, REPLY].contains(&told.message_type) && told.xid() == asked.core().xid()
}

fn preference(message: &Message) -> u8 {
    let option = message.core().options.first(PREFERENCE);
    let octet = option.and_then(|it| it.octets.first());
    octet.copied().unwrap_or_default()
}

/// An interface that can be used.
struct Found {
    index: u32,
    mac: Mac,
    address: Ipv6Addr,
}

fn find(interface: &str) -> Result<Found, Unfit> {
    let lacking = |text: String| Unfit(status::LACKING, text);
    let all = getifaddrs().map_err(|errno| lacking(format!("cannot list interfaces: {errno}")))?;
    let (mut names, mut link, mut address) = (Vec::new(), None, None);
    for entry in all {
        if !names.contains(&entry.interface_name) {
            names.push(entry.interface_name.clone());
        }
        let Some(it) = entry.address.filter(|_| entry.interface_name == interface) else {
            continue;
        };
        if let Some(it) = it.as_link_addr() {
            link = Some(*it);
        }
        let ip = it.as_sockaddr_in6().map(|it| it.ip());
        address = address.or(ip.filter(Ipv6Addr::is_unicast_link_local));
    }
    if !names.iter().any(|it| it == interface) {
        let text = format!(
            "there is no interface {interface}; there are {}",
            names.join(", ")
        );
        return Err(Unfit(status::BAD_INPUT, text));
    }
    let ethernet = link.filter(|it| it.hatype() == HARDWARE_ETHERNET);
    let Some((link, mac)) = ethernet.and_then(|it| Some((it, it.addr()?))) else {
        return Err(lacking(format!(
            "{interface} is no Ethernet: clients of a capture can be played on Ethernet alone"
        )));
    };
    let address = address.ok_or_else(|| {
        lacking(format!(
            "{interface} has no link-local address, which messages come from: bring it up (`ip link set {interface} up`), \
             and have IPv6 enabled on it"
        ))
    })?;
    Ok(Found {
        index: u32::try_from(link.ifindex()).unwrap_or_default(),
        mac,
        address,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_that_is_not_there_or_of_no_use_is_told() {
        let error = find("nonesuch").err().expect("there is none");
        assert_eq!(error.0, status::BAD_INPUT);
        assert!(
            error
                .1
                .starts_with("there is no interface nonesuch; there are lo"),
            "{error}"
        );
        let error = find("lo").err().expect("it is a loopback");
        assert_eq!(error.0, status::LACKING);
        assert!(error.1.starts_with("lo is no Ethernet"), "{error}");
    }

    #[test]
    fn an_answer_is_a_servers_and_has_the_transaction_id() {
        let message = |kind, xid| dissect::message(&[kind, 0, 0, xid]);
        assert!(answers_to(&message(1, 7), &message(2, 7)));
        assert!(!answers_to(&message(1, 7), &message(2, 8)));
        assert!(!answers_to(&message(1, 7), &message(1, 7)));
    }
}
