//! Notices when addresses on the interfaces of a namespace come, go or change, and tells which there are.

use std::net::Ipv6Addr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket,
};

use crate::link::{Error, Namespace, wait};

/// How long an interface may take to get its link-local address.
const PATIENCE: Duration = Duration::from_secs(10);

/// An address on an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assigned {
    /// The interface.
    pub interface: String,
    /// The address, with the length of its prefix.
    pub address: String,
    /// How many more seconds it may be used; `None` means for ever.
    pub valid_secs: Option<u32>,
}

/// Which addresses count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those of the link.
    Link,
    /// Those of the Internet.
    Global,
}

/// Readable when something has changed since the last look.
#[derive(Debug)]
pub struct Watch {
    socket: OwnedFd,
}

impl Watch {
    /// From now on, nothing that changes in this namespace goes unnoticed.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn new(namespace: &Namespace) -> Result<Self, Error> {
        let failed = |errno| Error::system("listen for changes of addresses", errno);
        namespace
            .run(subscribe)
            .map(|socket| Self { socket })
            .map_err(failed)
    }

    /// The addresses that are in use now, by interface.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn look(&self, namespace: &Namespace, scope: Scope) -> Result<Vec<Assigned>, Error> {
        // What is told now may say what was noticed before, so that has to be forgotten first.
        self.clear()?;
        let scope = match scope {
            Scope::Link => "link",
            Scope::Global => "global",
        };
        let mut ip = Command::new("ip");
        ip.args(["-6", "-oneline", "address", "show", "scope", scope]);
        let shown = namespace.command(ip)?;
        let mut assigned: Vec<_> = shown.lines().filter_map(Assigned::read).collect();
        assigned.sort_by(|a, b| (&a.interface, &a.address).cmp(&(&b.interface, &b.address)));
        Ok(assigned)
    }

    /// Waits until an interface that was brought up since this began to watch has its link-local address.
    /// Before that, answers would come from another one.
    ///
    /// # Errors
    /// It does not get one.
    pub fn until_ready(&self, namespace: &Namespace, interface: &str) -> Result<(), Error> {
        let waiting = || format!("wait for the link-local address of {interface}");
        self.until(namespace, Scope::Link, waiting, |assigned| {
            assigned.iter().any(|one| one.interface == interface)
        })
    }

    /// Waits until an interface has these addresses besides that one. What is added may be used a moment later,
    /// even where nobody looks for duplicates.
    ///
    /// # Errors
    /// It does not get them.
    pub fn until_usable(
        &self,
        namespace: &Namespace,
        interface: &str,
        addresses: &[(Ipv6Addr, u8)],
    ) -> Result<(), Error> {
        let waiting = || format!("wait for the addresses of {interface}");
        let global = addresses
            .iter()
            .filter(|(address, _)| !address.is_unicast_link_local());
        let wanted: Vec<String> = global
            .map(|(address, length)| format!("{address}/{length}"))
            .collect();
        self.until(namespace, Scope::Global, waiting, |assigned| {
            wanted.iter().all(|it| {
                let is_it = |one: &Assigned| one.interface == interface && one.address == *it;
                assigned.iter().any(is_it)
            })
        })
    }

    fn until(
        &self,
        namespace: &Namespace,
        scope: Scope,
        waiting: impl Fn() -> String,
        done: impl Fn(&[Assigned]) -> bool,
    ) -> Result<(), Error> {
        let until = Instant::now() + PATIENCE;
        loop {
            if done(&self.look(namespace, scope)?) {
                return Ok(());
            }
            let changed = wait(&[self.as_fd()], until);
            if changed.map_err(|source| Error::system(waiting(), source))? == [false] {
                return Err(Error::system(waiting(), Errno::ETIMEDOUT));
            }
        }
    }

    /// Forgets what has changed so far.
    ///
    /// # Errors
    /// The system does not tell.
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

impl Assigned {
    /// Reads `2: eth0 inet6 2001:db8:1::1000/128 scope global dynamic \ valid_lft 8sec preferred_lft 4sec`.
    fn read(line: &str) -> Option<Self> {
        let words: Vec<_> = line.split_whitespace().collect();
        // Not in use yet. It takes a moment even where nobody looks for duplicates.
        if words.contains(&"tentative") {
            return None;
        }
        let behind = |key: &str| {
            let at = words.iter().position(|word| *word == key)?;
            words.get(at + 1).copied()
        };
        Some(Self {
            interface: words.get(1).map(|&word| word.to_owned())?,
            address: behind("inet6")?.to_owned(),
            valid_secs: behind("valid_lft")?
                .strip_suffix("sec")
                .and_then(|secs| secs.parse().ok()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_not_in_use_yet_does_not_count() {
        let line = r"2: eth0    inet6 fe80::ff:fe00:1/64 scope link tentative \       valid_lft forever preferred_lft forever";
        assert_eq!(Assigned::read(line), None);
    }

    #[test]
    fn an_address_with_a_lifetime_and_one_without_are_read() {
        let line = r"2: eth0    inet6 2001:db8:1::1000/128 scope global dynamic noprefixroute \       valid_lft 7sec preferred_lft 3sec";
        let read = Assigned::read(line).expect("an address");
        assert_eq!(
            (
                read.interface.as_str(),
                read.address.as_str(),
                read.valid_secs
            ),
            ("eth0", "2001:db8:1::1000/128", Some(7)),
        );
        let line = r"4: lan0    inet6 2001:db8:100::1/64 scope global \       valid_lft forever preferred_lft forever";
        assert_eq!(Assigned::read(line).expect("an address").valid_secs, None);
    }
}
