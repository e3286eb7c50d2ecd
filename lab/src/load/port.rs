//! The socket that all clients share, as themselves or through relay agents, and the only clock of this module.

use std::io::{self, ErrorKind};
use std::net::{Ipv6Addr, SocketAddrV6, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::net::if_::if_nametoindex;
use nix::sys::socket::{setsockopt, sockopt};

use crate::link::{Error, Namespace, wait};
use crate::load::crowd::Crowd;
use crate::load::message::{CLIENT_PORT, SERVER_PORT, SERVERS};
use crate::load::relay::Relay;

/// What the system may hold for us: far more than all answers that a crowd waits for.
const RECEIVE_BUFFER: usize = 8 << 20;
/// No answer is longer than a UDP datagram can be.
const DATAGRAM_MAX: usize = 1 << 16;
/// After so many messages it is time to look for answers.
const BURST_MAX: usize = 64;

/// A socket on port 546 of an interface, or on port 547 if relay agents are between.
#[derive(Debug)]
pub struct Port {
    socket: UdpSocket,
    servers: SocketAddrV6,
    relay: Option<Relay>,
    wrapped: Vec<u8>,
    buffer: Vec<u8>,
}

impl Port {
    /// Opens it on the interface of that name, in a namespace of the lab.
    ///
    /// # Errors
    /// The system does not let us.
    pub fn open(
        namespace: &Namespace,
        interface: &'static str,
        relay: Option<Relay>,
    ) -> Result<Self, Error> {
        namespace.run(move || Self::open_here(interface, relay))
    }

    /// Opens it on the interface of that name, where this program runs.
    ///
    /// # Errors
    /// The system does not let us.
    pub fn open_here(interface: &str, relay: Option<Relay>) -> Result<Self, Error> {
        let port = match relay {
            None => CLIENT_PORT,
            Some(_) => SERVER_PORT,
        };
        let failed = |source| Error::system(format!("open port {port} on {interface}"), source);
        let (socket, index) = bind(interface, port).map_err(failed)?;
        Ok(Self {
            socket,
            servers: SocketAddrV6::new(SERVERS, SERVER_PORT, 0, index),
            relay,
            wrapped: Vec::new(),
            buffer: vec![0; DATAGRAM_MAX],
        })
    }

    /// Sends a message to the servers on the link. One that the link has no room for is lost, as on any link.
    ///
    /// # Errors
    /// The link is gone.
    pub fn send(&mut self, message: &[u8]) -> Result<(), Error> {
        let message = match &self.relay {
            None => message,
            Some(relay) => {
                relay.wrap(message, &mut self.wrapped);
                &self.wrapped
            }
        };
        match self.socket.send_to(message, self.servers) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => {
                Err(Error::system("send a message", error))
            }
            _ => Ok(()),
        }
    }

    /// The next datagram that came; `None` if there is none now.
    ///
    /// # Errors
    /// The link is gone.
    pub fn receive(&mut self) -> Result<Option<&[u8]>, Error> {
        match self.socket.recv(&mut self.buffer) {
            Ok(length) => {
                let datagram = self.buffer.get(..length).unwrap_or_default();
                Ok(Some(match &self.relay {
                    None => datagram,
                    // What no agent can pass on reaches no client: nobody will know it.
                    Some(relay) => relay.unwrap(datagram).unwrap_or_default(),
                }))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(source) => Err(Error::system("receive a message", source)),
        }
    }
}

impl AsFd for Port {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn bind(interface: &str, port: u16) -> io::Result<(UdpSocket, u32)> {
    let index = if_nametoindex(interface)?;
    let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, port))?;
    socket.set_nonblocking(true)?;
    // Beyond the system's limit with the right that only root outside of user namespaces has.
    setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER)
        .or_else(|_| setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER))?;
    Ok((socket, index))
}

/// What has passed since 1970.
#[must_use]
pub fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// Has the clients talk with the server until the time has come, or until a roll call is over.
///
/// # Errors
/// The link is gone.
pub fn exchange(crowd: &mut Crowd, port: &mut Port, until: Instant) -> Result<(), Error> {
    while Instant::now() < until && !crowd.is_settled() {
        let sent = send(crowd, port)?;
        if drain(crowd, port)? == 0 && sent < BURST_MAX {
            let left = crowd.due().map(|due| due.saturating_sub(now()));
            let due = left.map_or(until, |left| until.min(Instant::now() + left));
            wait(&[port.as_fd()], due)
                .map_err(|source| Error::system("wait for an answer", source))?;
        }
    }
    Ok(())
}

/// Sends what clients have to say, as far as it is not too much at once, and says how many messages that were.
fn send(crowd: &mut Crowd, port: &mut Port) -> Result<usize, Error> {
    for count in 0..BURST_MAX {
        let Some(message) = crowd.next(now()) else {
            return Ok(count);
        };
        port.send(message)?;
    }
    Ok(BURST_MAX)
}

/// Has the clients take in what has come, and says how many datagrams that were.
///
/// # Errors
/// The link is gone.
pub fn drain(crowd: &mut Crowd, port: &mut Port) -> Result<usize, Error> {
    let mut count = 0;
    while let Some(datagram) = port.receive()? {
        crowd.take(now(), datagram);
        count += 1;
    }
    Ok(count)
}
