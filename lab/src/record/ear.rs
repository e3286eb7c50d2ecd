//! Listens on an interface: a copy of every frame that passes, sent or received.

use std::io::IoSliceMut;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::net::if_::{if_nameindex, if_nametoindex};
use nix::sys::socket::{ControlMessageOwned, LinkAddr, MsgFlags, recvmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;

use super::Failure;
use crate::link::packet::open_on_all;
use crate::link::{Error, Namespace};
use crate::status;

/// More than any frame has.
const FRAME_MAX: usize = 1 << 18;
/// Kinds of hardware whose frames begin with an Ethernet header (linux/if_arp.h): Ethernet and the loopback.
const HARDWARE_ETHERNET: [u16; 2] = [1, 772];
/// Kinds of hardware whose frames begin with an IP header: PPP, tunnels, and what has none.
const HARDWARE_IP: [u16; 6] = [512, 519, 768, 769, 776, 65534];
const LINK_TYPE_ETHERNET: u32 = 1;
const LINK_TYPE_RAW: u32 = 101;
/// What a copy of a sent frame is marked with (linux/if_packet.h).
const PACKET_OUTGOING: u8 = 4;
const LOOPBACK: u16 = 772;

/// A socket that hears an interface.
pub(super) struct Ear {
    socket: OwnedFd,
    index: usize,
    buffer: Vec<u8>,
}

/// One frame.
#[derive(Debug)]
pub(super) struct Heard<'a> {
    /// When it passed, since 1970.
    pub(super) at: Duration,
    /// What it begins with, by libpcap's numbers.
    pub(super) link_type: u32,
    pub(super) octets: &'a [u8],
}

impl Ear {
    /// Listens from now on on an interface of this machine.
    pub(super) fn on(interface: &str) -> Result<Self, Failure> {
        let index = if_nametoindex(interface).map_err(|_| {
            let all = if_nameindex();
            let names: Vec<_> = all
                .iter()
                .flatten()
                .map(|it| it.name().to_string_lossy().into_owned())
                .collect();
            let text = format!(
                "there is no interface {interface}; there are {}",
                names.join(", ")
            );
            Failure(status::BAD_INPUT, text)
        })?;
        let socket = open().map_err(|errno| {
            let text = if [Errno::EPERM, Errno::EACCES].contains(&errno) {
                "listening takes the capability CAP_NET_RAW: run it as root".to_owned()
            } else {
                format!("cannot listen: {errno}")
            };
            Failure(status::LACKING, text)
        })?;
        // Clients talk to a group that only servers and relay agents join. A card that cannot hear everything still
        // hears what is for this machine.
        let _ = hear_all(&socket, index);
        Ok(Self::new(socket, index))
    }

    /// Listens from now on on an interface of a namespace.
    pub(super) fn in_namespace(
        namespace: &Namespace,
        interface: &'static str,
    ) -> Result<Self, Error> {
        let opened = namespace.run(move || Ok((open()?, if_nametoindex(interface)?)));
        let (socket, index) = opened
            .map_err(|errno: Errno| Error::system(format!("listen on {interface}"), errno))?;
        Ok(Self::new(socket, index))
    }

    fn new(socket: OwnedFd, index: u32) -> Self {
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        Self {
            socket,
            index,
            buffer: vec![0; FRAME_MAX],
        }
    }

    /// Readable when something passed.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// The next frame; `None` if there is none now.
    pub(super) fn next(&mut self) -> Result<Option<Heard<'_>>, Error> {
        let failed = |errno| Error::system("listen in", errno);
        let mut control = nix::cmsg_space!(TimeSpec);
        let (len, link_type, at) = loop {
            let mut parts = [IoSliceMut::new(&mut self.buffer)];
            let (socket, none) = (self.socket.as_raw_fd(), MsgFlags::empty());
            let message = match recvmsg::<LinkAddr>(socket, &mut parts, Some(&mut control), none) {
                Err(Errno::EAGAIN) => return Ok(None),
                Err(Errno::EINTR) => continue,
                // It may come back, and what it said before is not lost.
                Err(Errno::ENETDOWN) => return Ok(None),
                other => other.map_err(failed)?,
            };
            let Some(from) = message.address else {
                continue;
            };
            // The socket hears all interfaces, and what a loopback sends it hears twice.
            let is_echo = from.hatype() == LOOPBACK && from.pkttype() == PACKET_OUTGOING;
            let Some(link_type) =
                link_type(from.hatype()).filter(|_| from.ifindex() == self.index && !is_echo)
            else {
                continue;
            };
            let mut times = message.cmsgs().map_err(failed)?.filter_map(|it| {
                let ControlMessageOwned::ScmTimestampns(at) = it else {
                    return None;
                };
                Some(Duration::from(at))
            });
            break (message.bytes, link_type, times.next().unwrap_or_default());
        };
        let octets = self.buffer.get(..len).unwrap_or_default();
        Ok(Some(Heard {
            at,
            link_type,
            octets,
        }))
    }
}

fn open() -> nix::Result<OwnedFd> {
    let socket = open_on_all()?;
    setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
    Ok(socket)
}

/// Has the card pass on what is for others, too, as long as the socket is open.
#[expect(
    unsafe_code,
    reason = "nix does not know memberships of packet sockets"
)]
fn hear_all(socket: &OwnedFd, index: u32) -> nix::Result<()> {
    let request = libc::packet_mreq {
        mr_ifindex: index.cast_signed(),
        mr_type: u16::try_from(libc::PACKET_MR_PROMISC).unwrap_or_default(),
        mr_alen: 0,
        mr_address: [0; 8],
    };
    let len = u32::try_from(size_of_val(&request)).unwrap_or_default();
    // SAFETY: the system reads `len` octets at the pointer, which are those of `request`, and keeps neither.
    let outcome = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_ADD_MEMBERSHIP,
            (&raw const request).cast(),
            len,
        )
    };
    Errno::result(outcome).map(drop)
}

fn link_type(hardware: u16) -> Option<u32> {
    match hardware {
        _ if HARDWARE_ETHERNET.contains(&hardware) => Some(LINK_TYPE_ETHERNET),
        _ if HARDWARE_IP.contains(&hardware) => Some(LINK_TYPE_RAW),
        _ => None,
    }
}
