//! Packet sockets: every frame of an interface, and frames that go out on it as they are.

use std::io;
use std::mem;
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::net::if_::if_nametoindex;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockProtocol, SockType, setsockopt, socket, sockopt,
};

/// How many octets may wait in a socket: thousands of frames.
const WAITING_BYTES: usize = 4 << 20;

/// A socket that hears all interfaces of the calling thread's namespace, in which thousands of frames may
/// wait.
///
/// # Errors
/// It takes rights that this program does not have.
pub(crate) fn open_on_all() -> nix::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(
        AddressFamily::Packet,
        SockType::Raw,
        flags,
        SockProtocol::EthAll,
    )?;
    // Beyond the system's limit with the right that only root outside of user namespaces has.
    setsockopt(&socket, sockopt::RcvBufForce, &WAITING_BYTES)
        .or_else(|_| setsockopt(&socket, sockopt::RcvBuf, &WAITING_BYTES))?;
    Ok(socket)
}

/// A socket that hears an interface of the calling thread's namespace, and puts frames on its link.
///
/// # Errors
/// There is no such interface, or it takes rights that this program does not have.
#[expect(unsafe_code, reason = "nix has no address of a packet socket")]
pub(crate) fn open(interface: &str) -> io::Result<OwnedFd> {
    let socket = open_on_all()?;
    let index = if_nametoindex(interface)?;
    // SAFETY: it is made of integers, for which all zeros are a value.
    let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
    address.sll_family = libc::sa_family_t::try_from(libc::AF_PACKET).unwrap_or_default();
    address.sll_protocol = u16::try_from(libc::ETH_P_ALL).unwrap_or_default().to_be();
    address.sll_ifindex = i32::try_from(index).unwrap_or_default();
    let length = libc::socklen_t::try_from(size_of::<libc::sockaddr_ll>()).unwrap_or_default();
    // SAFETY: the system reads `length` octets at the pointer, which are those of `address`, and keeps neither.
    let bound = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) };
    if bound < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(socket)
}
