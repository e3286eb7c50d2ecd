//! Real clients on a real link: WIDE's `dhcp6c`, ISC's `dhclient`, Roy Marples' `dhcpcd`, `dibbler-client` and
//! `systemd-networkd`.
//!
//! A `site` is the place: a server and a client, each in a namespace, joined by a cable. A `session` is one
//! run of a client there, from its first message to its end. `life` is what every client goes through;
//! what differs between them is behind [`Client`]. Each brings its own configuration, lease file and hook,
//! and sees a file system on which it can change nothing that is not its own.

use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;

use crate::clients::site::Site;
use crate::link;

pub mod catalogue;
mod dhclient;
mod dhcp6c;
mod dhcpcd;
mod dibbler;
pub mod life;
mod networkd;
pub mod session;
pub mod site;

pub use dhclient::Dhclient;
pub use dhcp6c::{AuthenticDhcp6c, Dhcp6c};
pub use dhcpcd::Dhcpcd;
pub use dibbler::Dibbler;
pub use networkd::Networkd;

/// What a client is to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    /// An IA_NA.
    Address,
    /// An IA_PD.
    Prefix,
    /// Both, in the same messages.
    Both,
}

impl Wants {
    /// Whether it asks for an address.
    #[must_use]
    pub fn address(self) -> bool {
        matches!(self, Self::Address | Self::Both)
    }

    /// Whether it asks for a prefix.
    #[must_use]
    pub fn prefix(self) -> bool {
        matches!(self, Self::Prefix | Self::Both)
    }
}

/// Who a client is, and what it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The last octet of its DUID, which is of the link-layer kind.
    pub number: u8,
    /// What it asks for.
    pub wants: Wants,
}

impl Identity {
    /// Its DUID.
    #[must_use]
    pub fn duid(&self) -> [u8; 10] {
        [0, 3, 0, 1, 2, 0, 0, 0, 0, self.number]
    }

    /// Its DUID as text, octets in hex and colons between them.
    #[must_use]
    pub fn duid_text(&self) -> String {
        self.duid().map(|octet| format!("{octet:02x}")).join(":")
    }
}

/// How a client is made to give its leases back.
#[derive(Debug)]
pub enum Release {
    /// It does, and ends, when it gets this signal.
    On(Signal),
    /// Another program does it in its place.
    By(Command),
}

/// A DHCPv6 client program.
pub trait Client: std::fmt::Debug {
    /// The name of the program, and of the Debian package that it comes with.
    fn program(&self) -> (&'static str, &'static str);

    /// The preferred and valid lifetime, in seconds, that make it renew as soon as it ever does.
    fn lifetimes(&self) -> (u32, u32);

    /// Whether it tells the system how long addresses may be used.
    fn passes_lifetimes_on(&self) -> bool;

    /// Whether it gives its leases back at its end.
    fn releases(&self) -> bool {
        true
    }

    /// Writes its files; `folder` is its own.
    ///
    /// # Errors
    /// They cannot be written.
    fn prepare(&self, site: &Site, folder: &Path, identity: Identity) -> Result<(), link::Error>;

    /// The command that starts it in the foreground, telling on its standard error what it does.
    fn start(&self, folder: &Path, identity: Identity) -> Command;

    /// How it gives up what it has.
    fn release(&self, folder: &Path, identity: Identity) -> Release;

    /// Whether this line of its standard error says that it has extended its leases.
    fn has_renewed(&self, line: &str) -> bool;

    /// Whether this line of its standard error says that it asks for leases anew, as one that has lost
    /// what it had: with a Solicit or a Request.
    fn asks_anew(&self, line: &str) -> bool;

    /// What the client wrote down about its leases, if it writes such things, and what must be in it.
    ///
    /// # Errors
    /// There is a file, and it cannot be read.
    fn notes(&self, site: &Site, folder: &Path) -> Result<Option<Notes>, link::Error>;
}

/// The content of a lease file, and how this client writes an address and a prefix into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notes {
    /// The content.
    pub content: Vec<u8>,
    /// How [`site::ADDRESS`] looks there.
    pub address: Vec<u8>,
    /// How [`site::PREFIX`] looks there.
    pub prefix: Vec<u8>,
}

impl Notes {
    /// Whether the lease that `wants` stands for is written down, and no other.
    #[must_use]
    pub fn tell_of(&self, wants: Wants) -> bool {
        let has = |what: &[u8]| self.content.windows(what.len()).any(|part| part == what);
        has(&self.address) == wants.address() && has(&self.prefix) == wants.prefix()
    }
}
