//! Where a server is kept busy that the lab starts itself: two namespaces and a cable between them, with the
//! leases on a real disk.

use std::fmt::Write as _;

use tempfile::TempDir;

use crate::link::owner::temporary_folder;
use crate::link::{Cable, Error, Namespace};
use crate::load::client::Client;
use crate::load::message::{Ia, IaKind};
use crate::load::port::Port;
use crate::load::relay::Relay;
use crate::rig::server::{Program, Server};
use crate::rig::{INTERFACE, RigError};

/// What each client has leases of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Wants {
    /// An address.
    Na,
    /// A delegated prefix.
    Pd,
    /// Both.
    Both,
}

impl Wants {
    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Na => "an address each",
            Self::Pd => "a prefix each",
            Self::Both => "an address and a prefix each",
        }
    }

    fn ias(self) -> Vec<Ia> {
        let ia = |kind| Ia { kind, iaid: 1 };
        match self {
            Self::Na => vec![ia(IaKind::Na)],
            Self::Pd => vec![ia(IaKind::Pd)],
            Self::Both => vec![ia(IaKind::Na), ia(IaKind::Pd)],
        }
    }
}

/// So many clients, with DUIDs of their own.
#[must_use]
pub fn clients(count: u32, wants: Wants) -> Vec<Client> {
    (0..count)
        .map(|number| Client::new(duid(number).to_vec(), wants.ias()))
        .collect()
}

fn duid(number: u32) -> [u8; 10] {
    let [a, b, c, d] = number.to_be_bytes();
    [0, 3, 0, 1, 0x02, 0x10, a, b, c, d]
}

/// A configuration with room for all of them. Prefixes are delegated to hosts by name alone, so that each client
/// stands in it if it wants one.
#[must_use]
pub fn configuration(count: u32, wants: Wants) -> String {
    let mut text = format!(
        "option domain-name-servers 2001:db8:1::53;\n\
         interface {INTERFACE} {{ allow rapid-commit; address-pool lan 3600 7200; }};\n\
         pool lan {{ range 2001:db8:1:0:1:: to 2001:db8:1:0:1:ffff:ffff:ffff; }};\n"
    );
    if wants != Wants::Na {
        for number in 0..count {
            let octets: Vec<String> = duid(number).iter().map(|it| format!("{it:02x}")).collect();
            let (high, low) = (number >> 16, number & 0xffff);
            let _ = writeln!(
                text,
                "host client{number} {{ duid {}; prefix 2001:db8:{:x}:{low:x}::/64 3600 7200; }};",
                octets.join(":"),
                0x1000 + high
            );
        }
    }
    text
}

/// The server, and the cable to it.
#[derive(Debug)]
pub struct Site {
    server: Server,
    clients: Namespace,
    _leases: TempDir,
}

impl Site {
    /// Lays the cable and starts the server.
    ///
    /// # Errors
    /// The system does not let us, or the server does not start.
    pub fn new(program: Program, config: &str) -> Result<Self, RigError> {
        let cable = Cable::lay([0x02, 0, 0, 0, 0, 0xc1])?;
        let leases = temporary_folder()?;
        let mut server = Server::new(program, cable.server, config)?;
        server.keep_leases_in(&leases.path().join("leases"));
        server.start()?;
        Ok(Self {
            server,
            clients: cable.client,
            _leases: leases,
        })
    }

    /// The socket of all clients.
    ///
    /// # Errors
    /// The system does not let us.
    pub fn port(&self, relay: Option<Relay>) -> Result<Port, Error> {
        Port::open(&self.clients, INTERFACE, relay)
    }

    /// Takes in what the server has said since the last call, so that it need not wait until somebody does.
    ///
    /// # Errors
    /// It has ended.
    pub fn look(&mut self) -> Result<(), RigError> {
        self.server.lines()?;
        self.server.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_has_a_prefix_of_its_own() {
        let text = configuration(70_000, Wants::Both);
        let hosts: Vec<&str> = text.lines().filter(|it| it.starts_with("host ")).collect();
        assert_eq!(hosts.len(), 70_000);
        let prefix = |line: &str| line.split("prefix ").nth(1).map(str::to_owned);
        let prefixes: std::collections::HashSet<_> = hosts.iter().map(|it| prefix(it)).collect();
        assert_eq!(prefixes.len(), 70_000);
        assert!(
            hosts[65_537].contains("2001:db8:1001:1::/64"),
            "{}",
            hosts[65_537]
        );
    }
}
