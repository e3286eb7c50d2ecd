//! Stable names for transaction ids, DUIDs and link-local addresses; nothing else is hidden.
//!
//! Names are given to what was dissected, never to text, so a value that merely looks like one stays.

use std::net::{Ipv6Addr, SocketAddrV6};

use crate::authentication::{Key, Signed};
use crate::rig::Identity;
use crate::scenario::{Client, Known, ONLY_SERVER, Scenario};

/// The names that a transcript uses.
#[derive(Clone, Debug, Default)]
pub struct Names {
    duids: Vec<(Vec<u8>, String)>,
    /// With the number of the link.
    addresses: Vec<(u32, Ipv6Addr, String)>,
    servers: Vec<Known>,
    /// In order of appearance.
    xids: Vec<u32>,
    keys: Vec<Key>,
}

impl Names {
    /// Names for the one server and these clients.
    #[must_use]
    pub fn new(clients: &[Client]) -> Self {
        let server = Known {
            name: ONLY_SERVER.to_owned(),
            link: 0,
            identity: Identity::default(),
            addresses: Vec::new(),
        };
        Self::with(vec![server], clients.iter().map(|it| (0, it)))
    }

    /// Names for the servers and clients of a scenario.
    #[must_use]
    pub fn of(scenario: &Scenario) -> Self {
        let clients = scenario.clients.0.iter();
        let clients = clients.map(|it| (scenario.link_number(it.link.as_deref()).unwrap_or(0), it));
        Self::with(scenario.known_servers(), clients)
    }

    fn with<'a>(servers: Vec<Known>, clients: impl Iterator<Item = (u32, &'a Client)>) -> Self {
        let mut names = Self::default();
        for server in &servers {
            let (duid, name) = (server.identity.duid.clone(), server.name.clone());
            names.duids.push((duid, format!("<{name}>")));
            let address = server.identity.address();
            names.addresses.push((server.link, address, name));
        }
        for (link, client) in clients {
            let name = client.name.clone();
            names.duids.push((client.duid.clone(), format!("<{name}>")));
            names.addresses.push((link, client.address, name));
            names.keys.extend(client.key.clone());
        }
        names.servers = servers;
        names
    }

    /// The server that sends from this address; the first one if it is nobody's.
    #[must_use]
    pub fn server(&self, source: SocketAddrV6) -> &str {
        let is_its = |it: &&Known| {
            let own = it.identity.address() == *source.ip() || it.addresses.contains(source.ip());
            it.link == source.scope_id() && own
        };
        let known = self.servers.iter().find(is_its).or(self.servers.first());
        known.map_or(ONLY_SERVER, |it| &it.name)
    }

    /// What an address on a link is called, and if it has no name there, what it is called elsewhere.
    #[must_use]
    pub fn endpoint(&self, end: SocketAddrV6) -> String {
        let mut known = self.addresses.iter();
        let on_link = known.find(|(link, it, _)| *link == end.scope_id() && it == end.ip());
        on_link.map_or_else(|| self.address(*end.ip()), |(_, _, name)| name.clone())
    }

    /// What a transaction id is called from its first appearance on.
    pub fn xid(&mut self, xid: u32) -> String {
        let known = self.xids.iter().position(|it| *it == xid);
        let index = known.unwrap_or_else(|| {
            self.xids.push(xid);
            self.xids.len() - 1
        });
        format!("xid#{}", index + 1)
    }

    /// What the MAC of a message is called: it depends on the time. Without a key for it, it has no name.
    #[must_use]
    pub fn mac(&self, signed: &Signed) -> Option<&'static str> {
        let mut keys = self.keys.iter().filter(|it| signed.names(it)).peekable();
        keys.peek()?;
        Some(match keys.any(|it| signed.is_by(it)) {
            true => "valid",
            false => "wrong",
        })
    }

    /// What an address is called.
    #[must_use]
    pub fn address(&self, address: Ipv6Addr) -> String {
        let known = self.addresses.iter().find(|(_, it, _)| *it == address);
        known.map_or_else(|| address.to_string(), |(_, _, name)| name.clone())
    }

    /// What a DUID is called, if it has a name.
    #[must_use]
    pub fn duid(&self, duid: &[u8]) -> Option<&str> {
        let known = self.duids.iter().find(|(it, _)| it == duid);
        known.map(|(_, name)| name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_id_keeps_its_number() {
        let mut names = Names::new(&[]);
        assert_eq!(
            [names.xid(7), names.xid(5), names.xid(7)],
            ["xid#1", "xid#2", "xid#1"]
        );
    }
}
