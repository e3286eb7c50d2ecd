//! The socket that all clients share, and the only clock of this module.

use std::io::{self, ErrorKind};
use std::net::{Ipv6Addr, SocketAddrV6, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::net::if_::if_nametoindex;
use nix::sys::socket::{setsockopt, sockopt};

use crate::link::{Error, Namespace, wait};
use crate::load::crowd::Crowd;
use crate::load::message::{CLIENT_PORT, SERVER_PORT, SERVERS};

/// What the system may hold for us: far more than all answers that a crowd waits for.
const RECEIVE_BUFFER: usize = 8 << 20;
/// No answer is longer than a UDP datagram can be.
const DATAGRAM_MAX: usize = 1 << 16;
/// After so many messages it is time to look for answers.
const BURST_MAX: usize = 64;

/// A socket on port 546 of an interface.
#[derive(Debug)]
pub struct Port {
    socket: UdpSocket,
    servers: SocketAddrV6,
    buffer: Vec<u8>,
}

impl Port {
    /// Opens it on the interface of that name.
    ///
    /// # Errors
    /// The system does not let us.
    pub fn open(namespace: &Namespace, interface: &'static str) -> Result<Self, Error> {
        let failed = |source| Error::system(format!("open port {CLIENT_PORT}"), source);
        let (socket, index) = namespace.run(move || bind(interface)).map_err(failed)?;
        Ok(Self {
            socket,
            servers: SocketAddrV6::new(SERVERS, SERVER_PORT, 0, index),
            buffer: vec![0; DATAGRAM_MAX],
        })
    }

    /// Sends a message to the servers on the link. One that the link has no room for is lost, as on any link.
    ///
    /// # Errors
    /// The link is gone.
    pub fn send(&self, message: &[u8]) -> Result<(), Error> {
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
            Ok(length) => Ok(self.buffer.get(..length)),
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

fn bind(interface: &str) -> io::Result<(UdpSocket, u32)> {
    let index = if_nametoindex(interface)?;
    let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, CLIENT_PORT))?;
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
fn send(crowd: &mut Crowd, port: &Port) -> Result<usize, Error> {
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
