//! `Rig`: where a scenario is played. One has the engine in process, one a real server behind a link that
//! the lab holds; `bench` puts several of them together.

use std::net::{Ipv6Addr, SocketAddrV6};
use std::time::Duration;

use crate::scenario;

pub mod ballast;
pub mod bench;
pub mod fence;
mod foreign;
mod interface;
pub mod live;
mod operator;
pub mod product;
mod program;
pub mod server;
pub mod sim;

/// One UDP datagram on a link of the lab, as its IPv6 and UDP headers describe it. The scope of both addresses is the
/// number of the link, from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Who sent it.
    pub source: SocketAddrV6,
    /// Who it is for.
    pub destination: SocketAddrV6,
    /// What UDP carries.
    pub payload: Vec<u8>,
}

impl Datagram {
    /// The number of the link that it is on.
    #[must_use]
    pub fn link(&self) -> u32 {
        self.destination.scope_id()
    }

    /// The same on another link.
    #[must_use]
    pub fn on(mut self, link: u32) -> Self {
        self.source.set_scope_id(link);
        self.destination.set_scope_id(link);
        self
    }
}

/// What a server did with what was delivered to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It sent a datagram.
    Answer(Datagram),
    /// It said that it drops a datagram, and the label of the reason (`no-client-id`).
    Drop(String),
    /// It ended by itself; nothing comes after this.
    Ended(Ended),
}

/// The end of a server that nobody asked to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The signal (`SIGSEGV`), or the exit status.
    pub how: String,
    /// The last lines of its log.
    pub last_words: String,
}

/// What a rig needs to know before the server starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The text of `dhcp6s.conf`. The served interface is called [`INTERFACE`].
    pub config: String,
    /// The server's own addresses on the link, with their prefix lengths, besides [`SERVER_ADDRESS`].
    pub addresses: Vec<(Ipv6Addr, u8)>,
}

/// The name of the interface that the server serves.
pub const INTERFACE: &str = "eth0";
/// The hardware address of that interface.
pub const SERVER_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x01];
/// The link-local address that follows from it.
pub const SERVER_ADDRESS: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, 0x0001);
/// Link-local addresses that only the lab itself sends from: the server, the fence, and what fills the disk.
pub const RESERVED: [Ipv6Addr; 3] = [
    SERVER_ADDRESS,
    fence::FENCE_ADDRESS,
    ballast::BALLAST_ADDRESS,
];
/// The server's DUID in every scenario: link-layer, so that no clock is in it.
pub const SERVER_DUID: [u8; 10] = [0, 3, 0, 1, 0x02, 0, 0, 0, 0, 0x01];
/// The allocator's secret in every scenario, so that both rigs choose the same addresses.
pub const SECRET: [u8; 32] = *b"the lab's secret is known to all";

/// Who a server is: what has to differ where there are several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its DUID.
    pub duid: Vec<u8>,
    /// The hardware address of its interface.
    pub mac: [u8; 6],
}

impl Identity {
    /// The server with that number, from 1: it is the last octet of both.
    #[must_use]
    pub fn numbered(number: u8) -> Self {
        let (mut duid, mut mac) = (SERVER_DUID, SERVER_MAC);
        duid[9] = number;
        mac[5] = number;
        Self {
            duid: duid.to_vec(),
            mac,
        }
    }

    /// The link-local address that follows from the hardware address (RFC 4291 appendix A).
    #[must_use]
    pub fn address(&self) -> Ipv6Addr {
        let [a, b, c, d, e, f] = self.mac.map(u16::from);
        let groups = [(a ^ 2) << 8 | b, c << 8 | 0xff, 0xfe00 | d, e << 8 | f];
        let [w, x, y, z] = groups;
        Ipv6Addr::new(0xfe80, 0, 0, 0, w, x, y, z)
    }
}

impl Default for Identity {
    fn default() -> Self {
        Self::numbered(1)
    }
}

/// What happens to the interface that a server serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It goes down, and loses its addresses.
    Down,
    /// It comes up again, with all of them.
    Up,
    /// It is gone.
    Delete,
    /// There is another one of its name, with another index.
    Recreate,
    /// It gets an address. If that is taken, another host on the link says so (RFC 4862 §5.4), and it may not be used.
    Add {
        /// The address.
        address: Ipv6Addr,
        /// The length of its prefix.
        length: u8,
        /// Whether another host has it.
        taken: bool,
    },
    /// It loses an address.
    Remove(Ipv6Addr),
    /// The longest packet from then on, in octets.
    Mtu(u32),
}

/// Whether the disk that holds the leases has room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    /// Nothing more can be written.
    Full,
    /// There is room.
    Room,
}

/// What came of a program that a scenario runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// Its exit status; `None` if a signal ended it.
    pub status: Option<i32>,
    /// What it printed.
    pub output: String,
}

/// An IA by what its client calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IaName {
    /// The IA_NA with that IAID.
    Na(u32),
    /// The IA_PD with that IAID.
    Pd(u32),
}

/// Why a rig cannot go on. The text says what and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct RigError(pub String);

impl From<Ended> for RigError {
    fn from(Ended { how, last_words }: Ended) -> Self {
        Self(format!(
            "the server ended by itself ({how}); its last words:\n{last_words}"
        ))
    }
}

/// Where a scenario is played.
pub trait Rig {
    /// The name for reports: `sim` or `live`.
    fn name(&self) -> &'static str;

    /// Puts another server in the place of the one that was there: with this setup, and without any leases.
    ///
    /// # Errors
    /// The server does not start.
    fn fresh(&mut self, setup: &Setup) -> Result<(), RigError> {
        let _ = setup;
        Err(RigError(format!(
            "the {} rig has one server, and a scenario with `for` needs one for each case",
            self.name()
        )))
    }

    /// The server with that number, from 0, as a rig of its own.
    ///
    /// # Errors
    /// There is one server, or not that many.
    fn server(&mut self, index: usize) -> Result<&mut dyn Rig, RigError> {
        Err(RigError(format!(
            "the {} rig has one server, and a step names server {index}",
            self.name()
        )))
    }

    /// Changes the interface that the server serves. When this returns, the server has noticed.
    ///
    /// # Errors
    /// The rig has no such interface, or the server does not serve it afterwards.
    fn interface(&mut self, change: &Change) -> Result<(), RigError> {
        let _ = change;
        Err(RigError(format!(
            "the {} rig has no interface that can change",
            self.name()
        )))
    }

    /// Puts a datagram on the link.
    ///
    /// # Errors
    /// The link cannot take it.
    fn deliver(&mut self, datagram: &Datagram) -> Result<(), RigError>;

    /// Everything that the server did since the last call with what was delivered, in order, once it is
    /// certain that nothing more comes of it.
    ///
    /// # Errors
    /// The server does not answer any more.
    fn settle(&mut self) -> Result<Vec<Event>, RigError>;

    /// Lets time pass.
    ///
    /// # Errors
    /// The rig cannot wait that long.
    fn advance(&mut self, time: Duration) -> Result<(), RigError>;

    /// Ends the server at once, as a power cut would, and starts it again on the leases that survived;
    /// with another configuration if one is given.
    ///
    /// # Errors
    /// The server does not start.
    fn crash(&mut self, config: Option<&str>) -> Result<(), RigError>;

    /// Asks the server to end, waits until it has, and starts it again; with another configuration if one
    /// is given.
    ///
    /// # Errors
    /// The server does not end or start.
    fn restart(&mut self, config: Option<&str>) -> Result<(), RigError>;

    /// Puts another configuration in the place of the one before and tells the server to take it over. Says
    /// whether it has; otherwise it has said that it keeps the one that it had.
    ///
    /// # Errors
    /// The server says neither.
    fn reload(&mut self, config: &str) -> Result<bool, RigError>;

    /// Tells the server to forget the binding of an IA of the client with that DUID. Says whether there was
    /// one. When this returns, it is forgotten.
    ///
    /// # Errors
    /// The server cannot be told.
    fn remove(&mut self, duid: &[u8], ia: IaName) -> Result<bool, RigError>;

    /// Runs a program to its end.
    ///
    /// # Errors
    /// The rig cannot run any, or not this one, or it does not end.
    fn run(&mut self, program: &scenario::Program) -> Result<Ran, RigError> {
        let (name, program) = (self.name(), &program.program);
        Err(RigError(format!(
            "the {name} rig cannot run {program}: time is not real there"
        )))
    }

    /// Fills the disk that holds the leases, or makes room on it. When this returns, the server has noticed.
    ///
    /// # Errors
    /// The rig has no say over the disk.
    fn disk(&mut self, disk: Disk) -> Result<(), RigError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_server_is_the_one_of_scenarios_with_one() {
        let first = Identity::default();
        assert_eq!((&*first.duid, first.mac), (&SERVER_DUID[..], SERVER_MAC));
        assert_eq!(first.address(), SERVER_ADDRESS);
        let second: Ipv6Addr = "fe80::ff:fe00:2".parse().expect("an address");
        assert_eq!(Identity::numbered(2).address(), second);
    }
}
