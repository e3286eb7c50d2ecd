//! The server's port on its interface, for as long as there is one.
//!
//! A socket is bound to an interface by its index. When the interface is deleted, the server waits; when one
//! of that name is there again, with another index, it takes the port there. Nothing is polled: the kernel
//! tells of every change.

use super::{Error, links, socket, system};
use crate::engine::Link;
use std::io;
use std::net::UdpSocket;
use tokio::io::Interest;

#[derive(Debug)]
pub(super) struct Port {
    /// The name that the operator gave.
    interface: String,
    index: u32,
    /// One socket, as the runtime and as the system calls need it.
    awaited: tokio::net::UdpSocket,
    socket: UdpSocket,
    /// The interface is away.
    away: bool,
}

impl Port {
    /// Takes over a bound socket. To be called inside the runtime.
    pub(super) fn new(interface: String, index: u32, socket: UdpSocket) -> Result<Self, Error> {
        let share = socket.try_clone().map_err(system("share the socket"))?;
        let awaited =
            tokio::net::UdpSocket::from_std(share).map_err(system("wait for the socket"))?;
        Ok(Self {
            interface,
            index,
            awaited,
            socket,
            away: false,
        })
    }

    /// The socket for another thread, and the interface that it sends through.
    pub(super) fn share(&self) -> Result<(UdpSocket, u32), Error> {
        let socket = self
            .socket
            .try_clone()
            .map_err(system("share the socket"))?;
        Ok((socket, self.index))
    }

    /// Waits for datagrams and takes them.
    pub(super) async fn receive(&self, received: &mut socket::Received) -> io::Result<()> {
        self.awaited
            .async_io(Interest::READABLE, || received.receive(&self.socket))
            .await
    }

    /// Comes to terms with a change of interfaces or addresses. Says whether there is another socket now.
    pub(super) fn follow(&mut self) -> Result<bool, Error> {
        if links::name_of(self.index).is_some() {
            return Ok(false);
        }
        if !std::mem::replace(&mut self.away, true) {
            tracing::warn!(
                "{} is gone; waiting until it is there again",
                self.interface
            );
        }
        let Some(index) = links::index(&self.interface) else {
            return Ok(false);
        };
        match socket::bind(&self.interface, index) {
            Ok(socket) => {
                *self = Self::new(std::mem::take(&mut self.interface), index, socket)?;
                tracing::warn!("{} is there again; serving on it", self.interface);
                Ok(true)
            }
            Err(error) => {
                tracing::warn!("{error}");
                Ok(false)
            }
        }
    }

    /// Makes sure of the groups after the addresses have changed.
    pub(super) fn rejoin(&self) {
        socket::rejoin(&self.socket, self.index);
    }

    /// The interface with the addresses that it has now.
    pub(super) fn link(&self) -> io::Result<Link> {
        links::read(&self.interface, self.index)
    }
}
