//! The pair of interfaces that is there without a device of its own: one end in the server's namespace, the other in
//! one that holds nothing else, with a packet socket of ours on it.

use std::fs;
use std::io::{self, ErrorKind};
use std::mem;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{LinkAddr, MsgFlags, recvfrom, send};

use crate::link::frame::{ETHERNET_LEN, MTU, mac_text};
use crate::link::ip::batch;
use crate::link::station::LAB_MAC;
use crate::link::{Error, Namespace, packet};

/// The lab's end of the pair, in its namespace.
const LAB_END: &str = "lab";

/// The lab's end of a pair of virtual Ethernet interfaces. Both go away with it.
#[derive(Debug)]
pub struct Veth {
    socket: OwnedFd,
    buffer: Box<[u8]>,
    /// Nothing but the lab's end is in it, and the system there keeps silent.
    _namespace: Namespace,
}

impl Veth {
    /// Makes the interface in a namespace. It is down, and has a hardware address that chance decides.
    ///
    /// # Errors
    /// The system does not let us.
    pub(super) fn open(namespace: &Namespace, name: &'static str) -> Result<Self, Error> {
        let lab = Namespace::new()?;
        let silent = || fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
        lab.run(silent)
            .map_err(|source| Error::system("keep the lab's end of a link silent", source))?;
        let other = lab.path().file_name().unwrap_or_default().to_string_lossy();
        let lab_mac = mac_text(LAB_MAC);
        let pair = format!(
            "link add {name} type veth peer name {LAB_END} address {lab_mac} mtu {MTU} netns {other}\n"
        );
        batch(namespace, pair)?;
        namespace
            .run(move || finish_checksums(name))
            .map_err(|source| {
                Error::system(format!("have checksums of {name} computed"), source)
            })?;
        // Before the socket, which would otherwise begin with an error; the other end is still down.
        batch(&lab, format!("link set {LAB_END} up\n"))?;
        let socket = lab
            .run(listen)
            .map_err(|source| Error::system("open a packet socket", source))?;
        let buffer = vec![0; ETHERNET_LEN + MTU].into_boxed_slice();
        Ok(Self {
            socket,
            buffer,
            _namespace: lab,
        })
    }

    /// Puts a frame on the link; the system has dealt with it when this returns.
    ///
    /// # Errors
    /// The link does not take it.
    pub(super) fn send(&mut self, frame: &[u8]) -> Result<(), Error> {
        match send(self.socket.as_raw_fd(), frame, MsgFlags::empty()) {
            Ok(length) if length == frame.len() => Ok(()),
            Ok(_) => Err(Error::system(
                "write to the veth",
                io::Error::from(ErrorKind::WriteZero),
            )),
            Err(errno) => Err(Error::system("write to the veth", errno)),
        }
    }

    /// The next frame that came from the interface; `None` if there is none now.
    ///
    /// # Errors
    /// The link is gone.
    pub(super) fn receive(&mut self) -> Result<Option<&[u8]>, Error> {
        loop {
            match recvfrom::<LinkAddr>(self.socket.as_raw_fd(), &mut self.buffer) {
                // What we sent ourselves comes back.
                Ok((_, Some(from))) if from.pkttype() == libc::PACKET_OUTGOING => {}
                Ok((length, _)) => return Ok(self.buffer.get(..length)),
                Err(Errno::EAGAIN) => return Ok(None),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(Error::system("read from the veth", errno)),
            }
        }
    }
}

impl AsFd for Veth {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A socket that gets every frame of the lab's end, and sends there.
#[expect(unsafe_code, reason = "nix does not have the option")]
fn listen() -> io::Result<OwnedFd> {
    let socket = packet::open(LAB_END)?;
    // A queue drops what it is given until the system has noticed that the other end is up. There is none to wait in.
    let bypass: libc::c_int = 1;
    let length = libc::socklen_t::try_from(size_of_val(&bypass)).unwrap_or_default();
    // SAFETY: the system reads as many octets as it is told, and keeps no reference to them.
    let set = unsafe {
        let value = (&raw const bypass).cast();
        let (level, option) = (libc::SOL_PACKET, libc::PACKET_QDISC_BYPASS);
        libc::setsockopt(socket.as_raw_fd(), level, option, value, length)
    };
    if set < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(socket)
}

/// Has the system compute the checksums of what it sends, which it would otherwise leave to a card that is not there.
#[expect(unsafe_code, reason = "nix has no ioctl of ethtool")]
fn finish_checksums(name: &str) -> io::Result<()> {
    /// Sets whether the card computes checksums (linux/ethtool.h).
    const ETHTOOL_STXCSUM: u32 = 0x17;
    #[repr(C)]
    struct Value {
        command: u32,
        data: u32,
    }
    // SAFETY: takes integers and returns a descriptor or -1.
    let socket = unsafe { libc::socket(libc::AF_INET6, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    if socket < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the system has just opened it for us, and nobody else knows of it.
    let socket = unsafe { OwnedFd::from_raw_fd(socket) };
    let mut off = Value {
        command: ETHTOOL_STXCSUM,
        data: 0,
    };
    // SAFETY: zeros are a valid `ifreq`.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    // The last octet stays zero.
    let room = request.ifr_name.len() - 1;
    for (to, from) in request.ifr_name.iter_mut().take(room).zip(name.bytes()) {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_data = (&raw mut off).cast();
    // SAFETY: the request names an interface and points to a value of the form that the command has; both outlive
    // the call.
    let done = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL, &raw mut request) };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
