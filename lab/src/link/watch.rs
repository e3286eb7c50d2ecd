//! Notices when addresses on the interfaces of a namespace come, go or change.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket,
};

use crate::link::{Error, Namespace};

/// Readable when something has changed.
#[derive(Debug)]
pub struct Watch {
    socket: OwnedFd,
}

impl Watch {
    /// From now on, nothing that changes in this namespace goes unnoticed.
    ///
    /// # Errors
    /// The system does not tell of changes.
    pub fn new(namespace: &Namespace) -> Result<Self, Error> {
        let failed = |errno| Error::system("listen for changes of addresses", errno);
        namespace
            .run(subscribe)
            .map(|socket| Self { socket })
            .map_err(failed)
    }

    /// Forgets what has been noticed. What it was is for the caller to find out.
    ///
    /// # Errors
    /// What was noticed cannot be read.
    pub fn clear(&self) -> Result<(), Error> {
        let mut buffer = [0; 8192];
        loop {
            match recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
                Err(Errno::EAGAIN) => return Ok(()),
                // ENOBUFS: so much has changed that some of it was not told, which is as good.
                Ok(_) | Err(Errno::EINTR | Errno::ENOBUFS) => {}
                Err(errno) => return Err(Error::system("read changes of addresses", errno)),
            }
        }
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn subscribe() -> nix::Result<OwnedFd> {
    let kind = (
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkRoute,
    );
    let socket = socket(AddressFamily::Netlink, kind.0, kind.1, kind.2)?;
    let group = u32::try_from(libc::RTMGRP_IPV6_IFADDR).expect("a single bit");
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, group))?;
    Ok(socket)
}
