//! The served interface: its index, its addresses, and word of their changes from the kernel.

use crate::engine::Link;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket,
};
use std::io;
use std::net::Ipv6Addr;
use std::os::fd::{AsRawFd, OwnedFd};
use tokio::io::unix::AsyncFd;

/// Bits of the netlink groups for links and IPv6 addresses (linux/rtnetlink.h).
const RTMGRP_LINK: u32 = 1;
const RTMGRP_IPV6_IFADDR: u32 = 0x100;

/// The index of an interface, or `None` if there is none of that name.
#[must_use]
pub fn index(name: &str) -> Option<u32> {
    nix::net::if_::if_nametoindex(name).ok()
}

/// What the system calls the interface with that index, or `None` if there is none.
pub(super) fn name_of(index: u32) -> Option<String> {
    let name = nix::net::if_::if_indextoname(index).ok()?;
    // nix takes the null pointer of a failure for success, and then the name is empty.
    Some(name.to_string_lossy().into_owned()).filter(|name| !name.is_empty())
}

/// The names of all interfaces, for messages.
#[must_use]
pub fn names() -> Vec<String> {
    let mut names: Vec<_> = nix::net::if_::if_nameindex()
        .map(|all| {
            all.iter()
                .map(|it| it.name().to_string_lossy().into_owned())
                .collect()
        })
        .unwrap_or_default();
    names.sort();
    names.dedup();
    names
}

/// The interface with that index, by the name that the operator calls it, and the addresses that it has now.
/// The system may list it by another name: it may have been renamed, or be called by an alternative name.
///
/// # Errors
/// There is no such interface, or the system does not tell.
pub fn read(name: &str, index: u32) -> io::Result<Link> {
    let listed = name_of(index).ok_or(io::ErrorKind::NotFound)?;
    let of_link = getifaddrs()?.filter(|it| it.interface_name == listed);
    let addresses = of_link.filter_map(|it| {
        let address = it.address?.as_sockaddr_in6()?.ip();
        let mask = it
            .netmask?
            .as_sockaddr_in6()
            .map_or(Ipv6Addr::UNSPECIFIED, |mask| mask.ip());
        let length = u8::try_from(mask.to_bits().leading_ones()).ok()?;
        Some((address, length))
    });
    let mut addresses: Vec<_> = addresses.collect();
    addresses.sort_unstable();
    Ok(Link {
        name: name.to_owned(),
        addresses,
    })
}

/// The addresses that an interface has now, with the lengths of their prefixes; `None` if there is none of that name.
#[must_use]
pub fn addresses(name: &str) -> Option<Vec<(Ipv6Addr, u8)>> {
    let link = read(name, index(name)?).ok()?;
    Some(link.addresses)
}

/// Word from the kernel that links or addresses have changed.
#[derive(Debug)]
pub(super) struct Changes {
    netlink: AsyncFd<OwnedFd>,
}

impl Changes {
    /// Listens from now on.
    #[expect(
        unsafe_code,
        reason = "tokio leaves it to the caller that the descriptor stays open"
    )]
    pub(super) fn listen() -> io::Result<Self> {
        let netlink = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC,
            SockProtocol::NetlinkRoute,
        )?;
        bind(
            netlink.as_raw_fd(),
            &NetlinkAddr::new(0, RTMGRP_LINK | RTMGRP_IPV6_IFADDR),
        )?;
        // SAFETY: an `OwnedFd` stays open, and stays the same, for as long as the `AsyncFd` owns it.
        let netlink = unsafe { AsyncFd::register(netlink) }.map_err(io::Error::from)?;
        Ok(Self { netlink })
    }

    /// Waits until something has changed. What it was is left to reading the interface again, which is
    /// right also where messages were lost.
    pub(super) async fn next(&self) -> io::Result<()> {
        let mut buffer = [0; 8192];
        loop {
            let mut ready = self.netlink.readable().await?;
            let mut any = false;
            let drained = ready.try_io(|netlink| {
                loop {
                    match recv(netlink.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
                        Ok(_) | Err(nix::errno::Errno::ENOBUFS) => any = true,
                        Err(error) => return Err(io::Error::from(error)),
                    }
                }
                #[expect(unreachable_code, reason = "the loop ends with an error alone")]
                Ok(())
            });
            match drained {
                Ok(Err(error)) => return Err(error),
                _ if any => return Ok(()),
                _ => {}
            }
        }
    }
}
