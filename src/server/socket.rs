//! The UDP socket: bound to port 547 of one interface, read and written in batches.
//!
//! It needs CAP_NET_BIND_SERVICE and nothing else (Linux 5.7 or later). Bound to its interface, it gets what arrives there and
//! nothing else, so that one process per interface can share the port and relayed unicast finds the right
//! one.

use super::holder;
use crate::engine::{Answer, Arrival};
use crate::wire::PAYLOAD_MAX;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Type};
use std::io;
use std::mem::{size_of, zeroed};
use std::net::{Ipv6Addr, SocketAddrV6, UdpSocket};
use std::num::NonZeroU32;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

/// Where servers listen (RFC 9915 §7.2).
const PORT: u16 = 547;
/// All_DHCP_Relay_Agents_and_Servers and All_DHCP_Servers (RFC 9915 §7.1).
const GROUPS: [Ipv6Addr; 2] = [
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2),
    Ipv6Addr::new(0xff05, 0, 0, 0, 0, 0, 1, 3),
];
/// Datagrams that one system call takes or sends.
pub(super) const BATCH_MAX: usize = 64;
/// Octets that the kernel may hold for us in each direction; it cuts this to its own limit.
const BUFFER: usize = 8 << 20;
/// How long a batch waits for room to be sent. Answers to neighbours that do not exist fill the socket's buffer
/// for seconds; what does not fit then is dropped, and clients ask again.
const PATIENCE: Duration = Duration::from_millis(20);
/// Room for one IPV6_PKTINFO control message, and to spare.
const CONTROL_LEN: usize = 64;

/// Why the socket cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has the port on this interface.
    #[error("UDP port {PORT} on {interface} is taken by {holder}")]
    InUse {
        /// The interface to serve.
        interface: String,
        /// Who that is, as far as the system tells, and what to do about it.
        holder: String,
    },
    /// This process must not bind the port.
    #[error("no permission to bind UDP port {PORT}: run as root or with CAP_NET_BIND_SERVICE")]
    Permission,
    /// Anything else.
    #[error("cannot {operation} on {interface}: {source}")]
    Other {
        /// What was tried, as a verb.
        operation: &'static str,
        /// The interface to serve.
        interface: String,
        /// What the system said.
        source: io::Error,
    },
}

/// Binds the port on an interface and joins the groups that clients and relay agents send to.
pub(super) fn bind(interface: &str, index: u32) -> Result<UdpSocket, Error> {
    let other = |operation| {
        move |source: io::Error| match source.raw_os_error() {
            Some(libc::EADDRINUSE) => Error::InUse {
                interface: interface.to_owned(),
                holder: holder::of(PORT),
            },
            Some(libc::EACCES | libc::EPERM) => Error::Permission,
            _ => Error::Other {
                operation,
                interface: interface.to_owned(),
                source,
            },
        }
    };
    let socket = socket2::Socket::new(Domain::IPV6, Type::DGRAM.nonblocking(), Some(Protocol::UDP))
        .map_err(other("open a socket"))?;
    socket.set_only_v6(true).map_err(other("leave out IPv4"))?;
    // Else it would get what others on this host have joined, such as what is sent to all nodes.
    socket
        .set_multicast_all_v6(false)
        .map_err(other("leave out the groups of others"))?;
    // By its index: by now the name may be that of another one.
    socket
        .bind_device_by_index_v6(NonZeroU32::new(index))
        .map_err(other("bind to the interface"))?;
    setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)
        .map_err(io::Error::from)
        .map_err(other("ask for destination addresses"))?;
    // Refused only where memory is short; then the default has to do.
    let _ = socket.set_recv_buffer_size(BUFFER);
    let _ = socket.set_send_buffer_size(BUFFER);
    let address = SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, PORT, 0, 0);
    socket
        .bind(&address.into())
        .map_err(other("bind UDP port 547"))?;
    for group in &GROUPS {
        match socket.join_multicast_v6(group, index) {
            // The interface has no IPv6; when it does, they are joined anew.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {}
            joined => joined.map_err(other("join the DHCPv6 groups"))?,
        }
    }
    Ok(socket.into())
}

impl Error {
    /// Whether the reason is that there is no such interface any more.
    pub(super) fn is_gone(&self) -> bool {
        let Self::Other { source, .. } = self else {
            return false;
        };
        matches!(source.raw_os_error(), Some(libc::ENODEV | libc::ENXIO))
    }
}

/// Joins the groups anew. A socket still counts as a member when the interface has lost its groups, which it
/// does, for one, while its MTU is below what IPv6 needs.
pub(super) fn rejoin(socket: &UdpSocket, index: u32) {
    for group in &GROUPS {
        // Without IPv6 on the interface neither works; its return is another change.
        let _ = socket.leave_multicast_v6(group, index);
        let _ = socket.join_multicast_v6(group, index);
    }
}

/// The datagrams of one batch.
#[derive(Debug)]
pub(super) struct Received {
    octets: Vec<u8>,
    headers: Vec<Header>,
}

#[derive(Clone, Copy, Debug)]
struct Header {
    len: usize,
    source: SocketAddrV6,
    destination: Ipv6Addr,
}

impl Received {
    pub(super) fn new() -> Self {
        let octets = vec![0; BATCH_MAX * PAYLOAD_MAX];
        Self {
            octets,
            headers: Vec::with_capacity(BATCH_MAX),
        }
    }

    /// What the last call of `receive` took.
    pub(super) fn arrivals(&self) -> impl Iterator<Item = Arrival<'_>> {
        let slots = self.octets.chunks(PAYLOAD_MAX);
        self.headers
            .iter()
            .zip(slots)
            .map(|(header, slot)| Arrival {
                payload: slot.get(..header.len).unwrap_or_default(),
                source: header.source,
                destination: header.destination,
            })
    }

    /// Takes up to [`BATCH_MAX`] waiting datagrams, in place of those taken before.
    #[expect(
        unsafe_code,
        reason = "no crate offers recvmmsg with control messages and reused buffers"
    )]
    pub(super) fn receive(&mut self, socket: &UdpSocket) -> io::Result<()> {
        self.headers.clear();
        let mut names = [const { unspecified() }; BATCH_MAX];
        let mut controls = [Control([0; CONTROL_LEN]); BATCH_MAX];
        // SAFETY: both are plain C structures of integers and pointers, for which all zeroes is a value.
        let (mut vectors, mut messages): ([libc::iovec; BATCH_MAX], [libc::mmsghdr; BATCH_MAX]) =
            unsafe { (zeroed(), zeroed()) };
        let slots = self.octets.chunks_mut(PAYLOAD_MAX);
        let parts = slots.zip(&mut vectors).zip(&mut names).zip(&mut controls);
        for (message, (((slot, vector), name), control)) in messages.iter_mut().zip(parts) {
            vector.iov_base = slot.as_mut_ptr().cast();
            vector.iov_len = slot.len();
            let header = &mut message.msg_hdr;
            header.msg_name = std::ptr::from_mut(name).cast();
            header.msg_namelen = size_of_val32(name);
            header.msg_iov = vector;
            header.msg_iovlen = 1;
            header.msg_control = control.0.as_mut_ptr().cast();
            header.msg_controllen = CONTROL_LEN;
        }
        // SAFETY: every header points at one slot, one name and one control buffer of the lengths given,
        // all of which outlive the call and are not touched during it.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                messages.as_mut_ptr(),
                u32::try_from(BATCH_MAX).unwrap_or(0),
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        for (message, name) in messages.iter().zip(&names).take(count) {
            // SAFETY: the kernel filled the header and the control buffer that it points at.
            let destination = unsafe { packet_info(&message.msg_hdr) };
            self.headers.push(Header {
                len: usize::try_from(message.msg_len)
                    .unwrap_or(0)
                    .min(PAYLOAD_MAX),
                source: SocketAddrV6::new(
                    Ipv6Addr::from_octets(name.sin6_addr.s6_addr),
                    u16::from_be(name.sin6_port),
                    name.sin6_flowinfo,
                    name.sin6_scope_id,
                ),
                destination: destination.unwrap_or(Ipv6Addr::UNSPECIFIED),
            });
        }
        Ok(())
    }
}

/// Sends answers, out of the interface with that index, and reports on each. One that the system refuses does
/// not keep back the others, nor does one that finds no room in time.
pub(super) fn send<'a>(
    socket: &UdpSocket,
    index: u32,
    mut answers: impl Iterator<Item = Answer<'a>>,
    mut report: impl FnMut(&Answer<'a>, io::Result<()>),
) {
    let mut deadline = None;
    let mut batch: Vec<Answer<'a>> = Vec::with_capacity(BATCH_MAX);
    loop {
        batch.clear();
        batch.extend(answers.by_ref().take(BATCH_MAX));
        if batch.is_empty() {
            return;
        }
        let mut rest = batch.as_slice();
        while let Some((first, others)) = rest.split_first() {
            match send_some(socket, index, rest) {
                Ok(count) => {
                    let (taken, left) = rest.split_at(count.clamp(1, rest.len()));
                    taken.iter().for_each(|it| report(it, Ok(())));
                    rest = left;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let deadline = *deadline.get_or_insert_with(|| Instant::now() + PATIENCE);
                    if !wait_for_room(socket, deadline) {
                        report(first, Err(error));
                        rest = others;
                    }
                }
                Err(error) => {
                    report(first, Err(error));
                    rest = others;
                }
            }
        }
    }
}

/// Hands a batch to the system and says how many of it were taken. The error is about the first.
#[expect(
    unsafe_code,
    reason = "no crate offers sendmmsg with a control message per datagram"
)]
fn send_some(socket: &UdpSocket, index: u32, answers: &[Answer<'_>]) -> io::Result<usize> {
    let mut names = [const { unspecified() }; BATCH_MAX];
    let mut controls = [Control([0; CONTROL_LEN]); BATCH_MAX];
    // SAFETY: both are plain C structures of integers and pointers, for which all zeroes is a value.
    let (mut vectors, mut messages): ([libc::iovec; BATCH_MAX], [libc::mmsghdr; BATCH_MAX]) =
        unsafe { (zeroed(), zeroed()) };
    let parts = answers
        .iter()
        .zip(&mut vectors)
        .zip(&mut names)
        .zip(&mut controls);
    for (message, (((answer, vector), name), control)) in messages.iter_mut().zip(parts) {
        name.sin6_addr.s6_addr = answer.to.ip().octets();
        name.sin6_port = answer.to.port().to_be();
        name.sin6_scope_id = if answer.to.ip().is_unicast_link_local() {
            index
        } else {
            0
        };
        vector.iov_base = answer.payload.as_ptr().cast_mut().cast();
        vector.iov_len = answer.payload.len();
        let header = &mut message.msg_hdr;
        header.msg_name = std::ptr::from_mut(name).cast();
        header.msg_namelen = size_of_val32(name);
        header.msg_iov = vector;
        header.msg_iovlen = 1;
        header.msg_control = control.0.as_mut_ptr().cast();
        header.msg_controllen = CONTROL_LEN;
        // SAFETY: the header points at a control buffer with room for one packet info and its own header.
        unsafe { set_packet_info(header, answer.from, index) };
    }
    let count = u32::try_from(answers.len().min(BATCH_MAX)).unwrap_or(0);
    // SAFETY: the first `count` headers point at the answers, names and control buffers set up above; the
    // kernel only reads what the vectors point at.
    let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), messages.as_mut_ptr(), count, 0) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// Waits until the socket takes datagrams again; says whether it does before the deadline.
fn wait_for_room(socket: &UdpSocket, deadline: Instant) -> bool {
    let left = deadline.saturating_duration_since(Instant::now());
    let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
    let mut polled = [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)];
    poll(&mut polled, timeout).is_ok_and(|ready| ready > 0)
}

/// Octets with the alignment that control messages need.
#[derive(Clone, Copy)]
#[repr(align(8))]
struct Control([u8; CONTROL_LEN]);

#[expect(
    clippy::cast_possible_truncation,
    reason = "the number of an address family is small"
)]
const fn unspecified() -> libc::sockaddr_in6 {
    libc::sockaddr_in6 {
        sin6_family: libc::AF_INET6 as libc::sa_family_t,
        sin6_port: 0,
        sin6_flowinfo: 0,
        sin6_addr: libc::in6_addr { s6_addr: [0; 16] },
        sin6_scope_id: 0,
    }
}

fn size_of_val32<T>(value: &T) -> u32 {
    u32::try_from(size_of_val(value)).unwrap_or(u32::MAX)
}

/// The address that a datagram was sent to.
///
/// # Safety
/// The control buffer that the header points at must hold as many octets as the header says.
#[expect(unsafe_code, reason = "control messages are walked through pointers")]
unsafe fn packet_info(header: &libc::msghdr) -> Option<Ipv6Addr> {
    // SAFETY: by the condition above the macros of the C library stay inside the buffer.
    unsafe {
        let mut control = libc::CMSG_FIRSTHDR(header);
        while let Some(message) = control.as_ref() {
            if message.cmsg_level == libc::IPPROTO_IPV6 && message.cmsg_type == libc::IPV6_PKTINFO {
                let info = libc::CMSG_DATA(control)
                    .cast::<libc::in6_pktinfo>()
                    .read_unaligned();
                return Some(Ipv6Addr::from_octets(info.ipi6_addr.s6_addr));
            }
            control = libc::CMSG_NXTHDR(header, control);
        }
    }
    None
}

/// Sets source address and interface of a datagram, and the length of its control buffer.
///
/// # Safety
/// The header must point at an aligned control buffer with room for one `in6_pktinfo`.
#[expect(unsafe_code, reason = "control messages are written through pointers")]
unsafe fn set_packet_info(header: &mut libc::msghdr, from: Ipv6Addr, index: u32) {
    let info = libc::in6_pktinfo {
        ipi6_addr: libc::in6_addr {
            s6_addr: from.octets(),
        },
        ipi6_ifindex: index,
    };
    let len = size_of_val32(&info);
    // SAFETY: by the condition above there is room for the header and the data of the message.
    unsafe {
        header.msg_controllen = libc::CMSG_SPACE(len) as usize;
        let control = libc::CMSG_FIRSTHDR(header);
        if !control.is_null() {
            (*control).cmsg_level = libc::IPPROTO_IPV6;
            (*control).cmsg_type = libc::IPV6_PKTINFO;
            (*control).cmsg_len = libc::CMSG_LEN(len) as usize;
            libc::CMSG_DATA(control)
                .cast::<libc::in6_pktinfo>()
                .write_unaligned(info);
        }
    }
}

const _: () = assert!(size_of::<libc::in6_pktinfo>() + size_of::<libc::cmsghdr>() <= CONTROL_LEN);
