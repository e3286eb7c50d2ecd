//! Stable names for transaction ids, DUIDs and link-local addresses; nothing else is hidden.
//!
//! Names are given to what was dissected, never to text, so a value that merely looks like one stays.

use std::net::Ipv6Addr;

use crate::authentication::{Key, Signed};
use crate::rig::{SERVER_ADDRESS, SERVER_DUID};
use crate::scenario::Client;

/// The names that a transcript uses.
#[derive(Clone, Debug, Default)]
pub struct Names {
    duids: Vec<(Vec<u8>, String)>,
    addresses: Vec<(Ipv6Addr, String)>,
    /// In order of appearance.
    xids: Vec<u32>,
    keys: Vec<Key>,
}

impl Names {
    /// Names for the server and these clients.
    #[must_use]
    pub fn new(clients: &[Client]) -> Self {
        let mut names = Self {
            duids: vec![(SERVER_DUID.to_vec(), "<server>".to_owned())],
            addresses: vec![(SERVER_ADDRESS, "server".to_owned())],
            xids: Vec::new(),
            keys: clients.iter().filter_map(|it| it.key.clone()).collect(),
        };
        for client in clients {
            names
                .duids
                .push((client.duid.clone(), format!("<{}>", client.name)));
            names.addresses.push((client.address, client.name.clone()));
        }
        names
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
        let known = self.addresses.iter().find(|(it, _)| *it == address);
        known.map_or_else(|| address.to_string(), |(_, name)| name.clone())
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
