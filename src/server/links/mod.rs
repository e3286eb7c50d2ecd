//! The interfaces and their addresses, and word of every change from the kernel.
//!
//! Nothing is polled. `Watch` listens, asks once for all that there is, and from then on hears of changes; where the
//! kernel had to drop some, it asks for everything again. `message` reads what the kernel says, `Table` holds it, and a
//! `Follower` works out what follows for one served interface.
//!
//! Not here: what is done about it (`server::served`).

mod follower;
mod message;
mod table;
#[cfg(test)]
mod tests;

use crate::config::Addresses;
use message::{Message, Request, request};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, getsockname,
    recvfrom, send, setsockopt, socket, sockopt,
};
use std::collections::BTreeSet;
use std::io;
use std::net::Ipv6Addr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use table::Table;

pub(super) use follower::{Follower, Step};
pub use table::Condition;

/// Bits of the netlink groups for links and IPv6 addresses (linux/rtnetlink.h).
const RTMGRP_LINK: u32 = 1;
const RTMGRP_IPV6_IFADDR: u32 = 0x100;
/// Room for one datagram: the kernel fills half of it at most when it tells of many interfaces.
const DATAGRAM_MAX: usize = 64 << 10;
/// Room for changes that wait to be read; what does not fit costs asking for everything again.
const WAITING_MAX: usize = 1 << 20;

/// The index of an interface, by its name or another one that it has; `None` if there is none.
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
    let named = nix::net::if_::if_nameindex();
    let all = named.iter().flatten();
    let mut names: Vec<_> = all
        .map(|it| it.name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names.dedup();
    names
}

/// The addresses that an interface can use now, with the lengths of their prefixes; `None` if there is none of that
/// name.
#[must_use]
pub fn addresses(name: &str) -> Option<Addresses> {
    let watch = Watch::open().ok()?;
    let index = watch.table.index(name)?;
    Some(watch.table.link(name, index)?.addresses)
}

/// What the kernel has told so far.
#[derive(Debug)]
pub(super) struct Watch {
    netlink: OwnedFd,
    /// The number that the kernel knows the socket by.
    port: u32,
    table: Table,
    buffer: Box<[u8]>,
    /// The number of the last request.
    number: u32,
    survey: Option<Survey>,
    /// The kernel has dropped something since the survey began.
    lost: bool,
}

/// Everything is being asked for: first the interfaces, then the addresses.
#[derive(Debug)]
struct Survey {
    number: u32,
    asked: Request,
    links: BTreeSet<u32>,
    addresses: BTreeSet<(u32, Ipv6Addr)>,
    interrupted: bool,
}

impl Watch {
    /// Listens from now on, and finds out all that there is.
    ///
    /// # Errors
    /// The system does not tell.
    pub(super) fn open() -> io::Result<Self> {
        let netlink = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC,
            SockProtocol::NetlinkRoute,
        )?;
        // With less room, more has to be asked for again.
        let _ = setsockopt(&netlink, sockopt::RcvBuf, &WAITING_MAX);
        let groups = NetlinkAddr::new(0, RTMGRP_LINK | RTMGRP_IPV6_IFADDR);
        bind(netlink.as_raw_fd(), &groups)?;
        let port = getsockname::<NetlinkAddr>(netlink.as_raw_fd())?.pid();
        let mut watch = Self {
            netlink,
            port,
            table: Table::default(),
            buffer: vec![0; DATAGRAM_MAX].into_boxed_slice(),
            number: 0,
            survey: None,
            lost: false,
        };
        watch.begin_survey()?;
        while watch.survey.is_some() {
            let mut polled = [PollFd::new(watch.netlink.as_fd(), PollFlags::POLLIN)];
            match poll(&mut polled, PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
            watch.read(&mut [])?;
        }
        Ok(watch)
    }

    /// A follower of the interface of that name, and what is to be done about it at once.
    pub(super) fn follow(&self, name: &str) -> (Follower, Vec<Step>) {
        let mut follower = Follower::new(name);
        let steps = follower.follow(&Message::Done, &self.table);
        (follower, steps)
    }

    /// What that follower's interface waits for; `None` while that is being found out.
    pub(super) fn condition(&self, follower: &Follower) -> Option<Condition> {
        follower.condition(&self.table)
    }

    /// The index of an interface, by its name or another one that it has.
    pub(super) fn index(&self, name: &str) -> Option<u32> {
        self.table.index(name)
    }

    /// Whether an interface is one end of a pair that leads out of this namespace.
    pub(super) fn leads_out(&self, index: u32) -> bool {
        self.table.leads_out(index)
    }

    /// Reads all that waits, message by message, and collects behind each follower what is to be done. Says whether
    /// interfaces may be others than they seem, because something was lost.
    ///
    /// # Errors
    /// The system does not tell any more.
    pub(super) fn read(
        &mut self,
        followers: &mut [(&mut Follower, Vec<Step>)],
    ) -> io::Result<bool> {
        let mut surveyed = false;
        loop {
            let fd = self.netlink.as_raw_fd();
            let len = match recvfrom::<NetlinkAddr>(fd, &mut self.buffer) {
                // Whoever is not the kernel has nothing to tell.
                Ok((_, Some(from))) if from.pid() != 0 => continue,
                Ok((len, _)) => len,
                Err(Errno::EAGAIN) => break,
                Err(Errno::EINTR) => continue,
                Err(Errno::ENOBUFS) => {
                    self.lost = true;
                    continue;
                }
                Err(errno) => return Err(errno.into()),
            };
            for told in message::read(self.buffer.get(..len).unwrap_or_default()) {
                surveyed |= self.take(&told, followers)?;
            }
        }
        if self.lost && self.survey.is_none() {
            self.begin_survey()?;
        }
        Ok(surveyed)
    }

    /// Takes over a message. Says whether a survey has ended with it.
    fn take(
        &mut self,
        told: &message::Told,
        followers: &mut [(&mut Follower, Vec<Step>)],
    ) -> io::Result<bool> {
        self.apply(&told.message, followers)?;
        let ours = told.port == self.port;
        let asked = |it: &&mut Survey| ours && it.number == told.request;
        let Some(survey) = self.survey.as_mut().filter(asked) else {
            return Ok(false);
        };
        survey.interrupted |= told.interrupted;
        match &told.message {
            Message::Link(interface) => drop(survey.links.insert(interface.index)),
            Message::Address(index, it) => drop(survey.addresses.insert((*index, it.address))),
            Message::Refused(error) if *error != 0 => {
                return Err(io::Error::from_raw_os_error(*error));
            }
            Message::Done => return self.go_on(followers),
            Message::LinkGone(_) | Message::AddressGone(..) | Message::Refused(_) => {}
        }
        Ok(false)
    }

    fn apply(
        &mut self,
        message: &Message,
        followers: &mut [(&mut Follower, Vec<Step>)],
    ) -> io::Result<()> {
        let unclear = self.table.apply(message);
        for (follower, steps) in followers {
            steps.extend(follower.follow(message, &self.table));
        }
        match unclear {
            Some(index) => self.ask(Request::Link(index)).map(drop),
            None => Ok(()),
        }
    }

    fn begin_survey(&mut self) -> io::Result<()> {
        self.lost = false;
        self.survey = Some(Survey {
            number: self.ask(Request::Links)?,
            asked: Request::Links,
            links: BTreeSet::new(),
            addresses: BTreeSet::new(),
            interrupted: false,
        });
        Ok(())
    }

    /// Goes from interfaces to addresses, and from there to the end. Says whether it is the end.
    fn go_on(&mut self, followers: &mut [(&mut Follower, Vec<Step>)]) -> io::Result<bool> {
        let Some(mut survey) = self.survey.take() else {
            return Ok(false);
        };
        if survey.interrupted {
            self.begin_survey()?;
            return Ok(false);
        }
        let gone = match survey.asked {
            Request::Links => self.table.missing_links(|it| survey.links.contains(&it)),
            Request::Addresses | Request::Link(_) => {
                let told = |index, address| survey.addresses.contains(&(index, address));
                self.table.missing_addresses(told)
            }
        };
        for message in &gone {
            self.apply(message, followers)?;
        }
        if survey.asked == Request::Links {
            survey.asked = Request::Addresses;
            survey.number = self.ask(Request::Addresses)?;
            self.survey = Some(survey);
            return Ok(false);
        }
        Ok(true)
    }

    /// Sends a request and returns its number.
    fn ask(&mut self, what: Request) -> io::Result<u32> {
        // What is told unasked has the number 0.
        self.number = self.number.wrapping_add(1).max(1);
        let octets = request(what, self.number);
        send(self.netlink.as_raw_fd(), &octets, MsgFlags::empty())?;
        Ok(self.number)
    }
}

impl AsRawFd for Watch {
    fn as_raw_fd(&self) -> RawFd {
        self.netlink.as_raw_fd()
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.netlink.as_fd()
    }
}
