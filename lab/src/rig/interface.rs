//! The interface that a server serves, with the lab's end of its link: how it is made, and what happens to it.

use std::fs;
use std::net::Ipv6Addr;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::process::Command;
use std::time::Instant;

use crate::link::frame::{MTU, Mac};
use crate::link::ip::batch;
use crate::link::watch::Watch;
use crate::link::wire::bring_up;
use crate::link::{Device, Error, Namespace, Station, Wire, wait};
use crate::rig::server::PATIENCE;
use crate::rig::{Change, Datagram, INTERFACE, Identity};

/// An interface of a namespace.
#[derive(Debug)]
pub(super) struct Interface {
    device: Device,
    mac: Mac,
    link_local: Ipv6Addr,
    addresses: Vec<(Ipv6Addr, u8)>,
    mtu: u32,
    up: bool,
    /// The lab's end; nothing while there is no interface.
    station: Option<Station>,
}

impl Interface {
    /// Makes it in a namespace, with these addresses besides the link-local one.
    ///
    /// # Errors
    /// The system does not let us.
    pub(super) fn new(
        device: Device,
        identity: &Identity,
        addresses: &[(Ipv6Addr, u8)],
        namespace: &Namespace,
    ) -> Result<Self, Error> {
        let mut interface = Self {
            device,
            mac: identity.mac,
            link_local: identity.address(),
            addresses: addresses.to_vec(),
            mtu: u32::try_from(MTU).unwrap_or(u32::MAX),
            up: false,
            station: None,
        };
        interface.create(namespace)?;
        Ok(interface)
    }

    pub(super) fn device(&self) -> Device {
        self.device
    }

    /// Whether anything can reach the server.
    pub(super) fn is_up(&self) -> bool {
        self.up
    }

    /// Puts a datagram on the link; where the interface is away or down, it is lost.
    pub(super) fn send(&mut self, datagram: &Datagram) -> Result<(), Error> {
        match &mut self.station {
            Some(station) if self.up => station.send(datagram),
            _ => Ok(()),
        }
    }

    /// The next datagram from the server; `None` if there is none now.
    pub(super) fn receive(&mut self) -> Result<Option<Datagram>, Error> {
        match &mut self.station {
            Some(station) if self.up => station.receive(),
            _ => Ok(None),
        }
    }

    /// Readable when something has come.
    pub(super) fn ear(&self) -> Option<BorrowedFd<'_>> {
        let station = self.station.as_ref().filter(|_| self.up);
        station.map(Station::as_fd)
    }

    /// Does that to it.
    pub(super) fn change(&mut self, namespace: &Namespace, change: &Change) -> Result<(), Error> {
        let ip = |text: String| batch(namespace, text + "\n");
        match change {
            Change::Down => {
                self.up = false;
                ip(format!("link set {INTERFACE} down"))
            }
            Change::Up => self.raise(namespace),
            Change::Delete => self.delete(namespace),
            Change::Recreate => {
                if self.station.is_some() {
                    self.delete(namespace)?;
                }
                self.create(namespace)
            }
            Change::Add {
                address,
                length,
                taken: true,
            } => self.contend(namespace, *address, *length),
            Change::Add {
                address, length, ..
            } => {
                self.addresses.push((*address, *length));
                ip(format!("addr add {address}/{length} dev {INTERFACE} nodad"))?;
                announce(namespace)
            }
            Change::Remove(address) => {
                let is_it = |(it, _): &&(Ipv6Addr, u8)| it == address;
                let length = self.addresses.iter().find(is_it).map_or(64, |it| it.1);
                self.addresses.retain(|(it, _)| it != address);
                ip(format!("addr del {address}/{length} dev {INTERFACE}"))
            }
            Change::Mtu(mtu) => {
                self.mtu = *mtu;
                self.limit_station();
                ip(format!("link set {INTERFACE} mtu {mtu}"))
            }
        }
    }

    /// Has the lab send no longer packets than the interface takes.
    fn limit_station(&mut self) {
        if let Some(station) = &mut self.station {
            station.limit(usize::try_from(self.mtu).unwrap_or(MTU));
        }
    }

    fn create(&mut self, namespace: &Namespace) -> Result<(), Error> {
        let wire = Wire::open(self.device, namespace, INTERFACE)?;
        self.station = Some(Station::new(wire, self.mac, self.link_local));
        self.limit_station();
        self.raise(namespace)
    }

    fn raise(&mut self, namespace: &Namespace) -> Result<(), Error> {
        bring_up(namespace, INTERFACE, self.mac, self.mtu, &self.addresses)?;
        announce(namespace)?;
        self.up = true;
        if let Some(station) = &mut self.station {
            // Whoever goes down forgets where its neighbours are.
            station.introduce_again();
        }
        Ok(())
    }

    fn delete(&mut self, namespace: &Namespace) -> Result<(), Error> {
        self.up = false;
        let deleted = batch(namespace, format!("link del {INTERFACE}\n"));
        self.station = None;
        deleted
    }

    /// Gives it an address that another host on the link has, and waits until the system has found that out.
    fn contend(
        &mut self,
        namespace: &Namespace,
        address: Ipv6Addr,
        length: u8,
    ) -> Result<(), Error> {
        let failed = |source| Error::system(format!("wait until {address} is found taken"), source);
        let Some(station) = &mut self.station else {
            return Ok(());
        };
        station.claim(address);
        look_for_duplicates(namespace, true)?;
        let watch = Watch::new(namespace)?;
        batch(
            namespace,
            format!("addr add {address}/{length} dev {INTERFACE}\n"),
        )?;
        let until = Instant::now() + PATIENCE;
        loop {
            // The question whether anybody has the address is answered on the way.
            while station.receive()?.is_some() {}
            watch.clear()?;
            let mut ip = Command::new("ip");
            ip.args(["-6", "address", "show", "dev", INTERFACE, "dadfailed"]);
            if namespace
                .command(ip)?
                .contains(&format!(" {address}/{length} "))
            {
                return look_for_duplicates(namespace, false);
            }
            let waited = wait(&[watch.as_fd(), station.as_fd()], until).map_err(failed)?;
            if waited == [false, false] {
                return Err(failed(std::io::ErrorKind::TimedOut.into()));
            }
        }
    }
}

/// Has the system tell everybody now that the interface has changed. Of an address it tells some time after that is
/// there, and only then would a server look.
fn announce(namespace: &Namespace) -> Result<(), Error> {
    batch(namespace, format!("link set {INTERFACE} alias dhcp6lab\n"))
}

/// Whether the system asks, before it uses an address, if somebody has it; and at once.
fn look_for_duplicates(namespace: &Namespace, whether: bool) -> Result<(), Error> {
    let set = move || {
        let folder = format!("/proc/sys/net/ipv6/conf/{INTERFACE}");
        fs::write(format!("{folder}/router_solicitation_delay"), "0")?;
        fs::write(
            format!("{folder}/accept_dad"),
            u8::from(whether).to_string(),
        )
    };
    namespace
        .run(set)
        .map_err(|source| Error::system("look for duplicates of addresses", source))
}

/// Whether somebody in this namespace has not read yet what the system tells of links and addresses.
pub(super) fn is_news_unread() -> bool {
    let sockets = fs::read_to_string("/proc/thread-self/net/netlink").unwrap_or_default();
    has_unread(&sockets)
}

/// Whether in a table of netlink sockets one that listens to groups has octets waiting.
fn has_unread(sockets: &str) -> bool {
    // sk, protocol, number, groups, octets waiting
    sockets.lines().skip(1).any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let listens = fields
            .get(3)
            .is_some_and(|it| it.bytes().any(|octet| octet != b'0'));
        listens && fields.get(4).is_some_and(|it| *it != "0")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_listens_to_groups_can_leave_news_unread() {
        let table = |groups: &str, waiting: u32| {
            format!(
                "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n\
                 0000000000000000 0   1234       {groups} {waiting}        0        0     2        0        7\n"
            )
        };
        assert!(has_unread(&table("00000101", 768)));
        assert!(!has_unread(&table("00000101", 0)));
        assert!(!has_unread(&table("00000000", 768)));
        assert!(!has_unread(""));
    }
}
