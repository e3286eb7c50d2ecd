//! A lease of the lab's own, renewed until the disk is full to the last octet.
//!
//! A file that takes all free space leaves room in the page that the journal ends in, enough for some dozens
//! of changes. Nobody but the server can use that up, so it is made to: by a client of the lab that renews
//! its lease until the server says that there is no room. From then on no change fits, however small, since
//! those that found no room go ahead of later ones.

use std::net::{Ipv6Addr, SocketAddrV6};

use crate::rig::Datagram;
use crate::rig::fence::{ALL_SERVERS, CLIENT_PORT, SERVER_PORT};

/// That client. No scenario may use its address or its DUID.
pub const BALLAST_ADDRESS: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xfd);

/// The option that names it: a DUID-LL.
const CLIENT_ID: [u8; 14] = [0, 1, 0, 10, 0, 3, 0, 1, 2, 0, 0, 0, 0, 0xfd];
const ELAPSED_TIME: [u8; 6] = [0, 8, 0, 2, 0, 0];
/// What the client says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Message {
    /// It looks for a server.
    Solicit = 1,
    /// It asks for what the server offers.
    Request = 3,
    /// It wants to keep what it has.
    Renew = 5,
    /// It gives back what it has.
    Release = 8,
}

const SERVER_ID: u16 = 2;
const IA_NA: u16 = 3;
const IA_ADDRESS: u16 = 5;
/// IAID, T1 and T2, which come before the options of an IA_NA.
const IA_FIXED_LEN: usize = 12;
#[rustfmt::skip]
const EMPTY_IA: [u8; 16] = [0, 3, 0, 12, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];

/// What the client has, or has been offered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ballast {
    /// The option that names the server.
    server_id: Vec<u8>,
    /// The option with the lease.
    lease: Vec<u8>,
    sent: u8,
}

impl Ballast {
    /// Reads what the server offers; `None` if there is no address in it.
    #[must_use]
    pub fn offered(advertise: &Datagram) -> Option<Self> {
        let options = advertise.payload.get(4..)?;
        let lease = option(options, IA_NA)?;
        option(lease.get(4 + IA_FIXED_LEN..)?, IA_ADDRESS)?;
        let server_id = option(options, SERVER_ID)?.to_vec();
        Some(Self {
            server_id,
            lease: lease.to_vec(),
            sent: 0,
        })
    }

    /// The first message of a client that has nothing.
    #[must_use]
    pub fn solicit() -> Datagram {
        datagram(Message::Solicit, 0, &[&EMPTY_IA])
    }

    /// A message about the lease.
    pub fn message(&mut self, message: Message) -> Datagram {
        self.sent = self.sent.wrapping_add(1);
        datagram(message, self.sent, &[&self.server_id, &self.lease])
    }
}

fn datagram(message: Message, number: u8, options: &[&[u8]]) -> Datagram {
    let header = [message as u8, 0xba, 0x11, number];
    Datagram {
        source: SocketAddrV6::new(BALLAST_ADDRESS, CLIENT_PORT, 0, 0),
        destination: SocketAddrV6::new(ALL_SERVERS, SERVER_PORT, 0, 0),
        payload: [&header[..], &CLIENT_ID, &ELAPSED_TIME, &options.concat()].concat(),
    }
}

/// The first option with that code, header included; `None` if there is none or the list is broken.
fn option(mut options: &[u8], code: u16) -> Option<&[u8]> {
    while let Some(([c0, c1, l0, l1], _)) = options.split_first_chunk() {
        let end = 4 + usize::from(u16::from_be_bytes([*l0, *l1]));
        let (one, rest) = options.split_at_checked(end)?;
        if u16::from_be_bytes([*c0, *c1]) == code {
            return Some(one);
        }
        options = rest;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: [u8; 7] = [0, 2, 0, 3, 1, 2, 3];

    fn advertise(ia_options: &[u8]) -> Datagram {
        let length = u8::try_from(12 + ia_options.len()).expect("short");
        let ia = [
            &[0, 3, 0, length, 0, 0, 0, 0xfe, 0, 0, 0, 1, 0, 0, 0, 2],
            ia_options,
        ]
        .concat();
        let payload = [&[2, 0xba, 0x11, 0][..], &SERVER, &ia].concat();
        Datagram {
            payload,
            ..Ballast::solicit()
        }
    }

    #[test]
    fn what_was_offered_is_asked_for_as_it_was() {
        let address = [&[0, 5, 0, 24][..], &[7; 24]].concat();
        let mut ballast = Ballast::offered(&advertise(&address)).expect("an offer");
        let renew = ballast.message(Message::Renew);
        assert_eq!(renew.payload[..4], [5, 0xba, 0x11, 1]);
        let said = &renew.payload[4..];
        assert_eq!(option(said, SERVER_ID), Some(&SERVER[..]));
        let lease = option(said, IA_NA).expect("it is there");
        assert_eq!(lease[16..], address);
    }

    #[test]
    fn an_advertise_without_an_address_offers_nothing() {
        let no_addresses = [0, 13, 0, 2, 0, 2];
        assert_eq!(Ballast::offered(&advertise(&no_addresses)), None);
    }
}
