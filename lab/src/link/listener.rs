//! Listens in on an interface: what was said on it can be read afterwards, with the times at which the
//! system saw it. No program and no thread takes part; the copies wait in the socket.

use std::io::IoSliceMut;
use std::os::fd::{AsFd as _, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::{ControlMessageOwned, LinkAddr, MsgFlags, recvmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;

use crate::link::frame::{ETHERNET_LEN, MTU, Packet, UDP};
use crate::link::packet::open_on_all;
use crate::link::{Error, Namespace, udp};
use crate::rig::Datagram;

/// A datagram with the time at which it was seen, since 1970.
pub type Timed = (Duration, Datagram);

/// A socket that gets a copy of every frame of an interface, whether sent or received.
#[derive(Debug)]
pub struct Listener {
    socket: OwnedFd,
    interface: usize,
}

impl Listener {
    /// Listens from now on.
    ///
    /// # Errors
    /// The system does not let us.
    pub fn new(namespace: &Namespace, interface: &'static str) -> Result<Self, Error> {
        let open = move || -> nix::Result<(OwnedFd, u32)> {
            let socket = open_on_all()?;
            setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
            Ok((socket, if_nametoindex(interface)?))
        };
        let (socket, index) = namespace
            .run(open)
            .map_err(|errno| Error::system(format!("listen on {interface}"), errno))?;
        Ok(Self {
            socket,
            interface: usize::try_from(index).unwrap_or(usize::MAX),
        })
    }

    /// The UDP datagrams since the last call, in the order in which they passed.
    ///
    /// # Errors
    /// The socket cannot be read.
    pub fn datagrams(&mut self) -> Result<Vec<Timed>, Error> {
        let mut datagrams = Vec::new();
        let mut buffer = [0; ETHERNET_LEN + MTU];
        while let Some((at, length)) = self.receive(&mut buffer)? {
            let packet = buffer.get(..length).and_then(Packet::parse);
            let udp = packet.filter(|it| it.next_header == UDP);
            // The checksum is left to the card, and a copy may have been taken before.
            let datagram =
                udp.and_then(|it| udp::parse_unsummed(it.source, it.destination, it.payload));
            datagrams.extend(datagram.map(|it| (at, it)));
        }
        Ok(datagrams)
    }

    /// Readable when something was said.
    #[must_use]
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// The next frame of the interface: when, and how long it is; `None` if there is none now.
    fn receive(&self, buffer: &mut [u8]) -> Result<Option<(Duration, usize)>, Error> {
        let failed = |errno| Error::system("listen in", errno);
        let mut control = nix::cmsg_space!(TimeSpec);
        loop {
            let (socket, none) = (self.socket.as_raw_fd(), MsgFlags::empty());
            let mut parts = [IoSliceMut::new(buffer)];
            let message = match recvmsg::<LinkAddr>(socket, &mut parts, Some(&mut control), none) {
                Err(Errno::EAGAIN) => return Ok(None),
                Err(Errno::EINTR) => continue,
                other => other.map_err(failed)?,
            };
            // The socket hears all interfaces of the namespace.
            if message.address.map(|it| it.ifindex()) != Some(self.interface) {
                continue;
            }
            for note in message.cmsgs().map_err(failed)? {
                if let ControlMessageOwned::ScmTimestampns(at) = note {
                    return Ok(Some((at.into(), message.bytes)));
                }
            }
            return Err(failed(Errno::ENOMSG));
        }
    }
}
