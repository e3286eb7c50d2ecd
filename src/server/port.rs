//! The server's port on its interface, as the runtime and as the system calls need it.

use super::{Error, socket, system};
use std::io;
use std::net::UdpSocket;
use tokio::io::Interest;

#[derive(Debug)]
pub(super) struct Port {
    index: u32,
    awaited: tokio::net::UdpSocket,
    socket: UdpSocket,
}

impl Port {
    /// Takes over a socket that is bound to the interface with that index. To be called inside the runtime.
    pub(super) fn new(socket: UdpSocket, index: u32) -> Result<Self, Error> {
        let share = socket.try_clone().map_err(system("share the socket"))?;
        let awaited =
            tokio::net::UdpSocket::from_std(share).map_err(system("wait for the socket"))?;
        Ok(Self {
            index,
            awaited,
            socket,
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
}
