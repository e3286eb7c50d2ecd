//! Relay agents between the clients and the server (RFC 9915 §19).

use std::net::Ipv6Addr;

const RELAY_FORWARD: u8 = 12;
const RELAY_REPLY: u8 = 13;
const RELAY_MESSAGE: u16 = 9;
const INTERFACE_ID: u16 = 18;
/// Type, hop count, link-address and peer-address.
const HEADER_LEN: usize = 34;
/// Where the DUID of a client's message is: behind the header, code and length of its first option.
const DUID_AT: usize = 8;
/// Code, length and content of the Interface-Id.
const INTERFACE_ID_LEN: usize = 4 + 4;

/// So many agents, one behind the other.
#[derive(Clone, Copy, Debug)]
pub struct Relay {
    /// How many there are, from 1 to 32.
    pub depth: u8,
    /// The address of the clients' link that the one closest to them gives.
    pub link: Ipv6Addr,
}

impl Relay {
    /// Wraps a client's message in one Relay-forward after the other. Each client has an address of its own, by
    /// its DUID, which is the first option of its messages.
    pub fn wrap(&self, message: &[u8], out: &mut Vec<u8>) {
        out.clear();
        let levels = usize::from(self.depth);
        for level in (0..levels).rev() {
            let closest = level == 0;
            let link = if closest {
                self.link
            } else {
                Ipv6Addr::UNSPECIFIED
            };
            let peer = if closest {
                client(message)
            } else {
                agent(level)
            };
            let hops = u8::try_from(level).unwrap_or(u8::MAX);
            out.extend([RELAY_FORWARD, hops]);
            out.extend(link.octets());
            out.extend(peer.octets());
            out.extend(INTERFACE_ID.to_be_bytes());
            out.extend(4_u16.to_be_bytes());
            out.extend([0, 0, 0, hops]);
            let inner = message.len() + level * (HEADER_LEN + INTERFACE_ID_LEN + 4);
            out.extend(RELAY_MESSAGE.to_be_bytes());
            out.extend(u16::try_from(inner).unwrap_or(u16::MAX).to_be_bytes());
        }
        out.extend(message);
    }

    /// The message in that many Relay-replies; `None` if there are more or fewer, or one of them cannot be read.
    #[must_use]
    pub fn unwrap<'a>(&self, mut datagram: &'a [u8]) -> Option<&'a [u8]> {
        for _ in 0..self.depth {
            if datagram.first() != Some(&RELAY_REPLY) {
                return None;
            }
            let mut options = datagram.get(HEADER_LEN..)?;
            datagram = loop {
                let (&[c0, c1, l0, l1], rest) = options.split_first_chunk()?;
                let length = usize::from(u16::from_be_bytes([l0, l1]));
                let (value, rest) = rest.split_at_checked(length)?;
                if u16::from_be_bytes([c0, c1]) == RELAY_MESSAGE {
                    break value;
                }
                options = rest;
            };
        }
        (datagram.first() != Some(&RELAY_REPLY)).then_some(datagram)
    }
}

/// The link-local address of the client that a message is from.
fn client(message: &[u8]) -> Ipv6Addr {
    let mut octets = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0];
    let length = message.get(DUID_AT - 1).copied().map_or(0, usize::from);
    let duid = message.get(DUID_AT..DUID_AT + length).unwrap_or_default();
    if let (Some(end), Some(place)) = (duid.last_chunk::<6>(), octets.last_chunk_mut()) {
        *place = *end;
    }
    octets.into()
}

/// The address of the agent at that level, from the client's side.
fn agent(level: usize) -> Ipv6Addr {
    let number = u16::try_from(level).unwrap_or(u16::MAX);
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xe, number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissect;

    const MESSAGE: [u8; 14] = [1, 0, 0, 9, 0, 1, 0, 6, 0, 3, 0, 1, 7, 8];

    fn wrapped(depth: u8) -> Vec<u8> {
        let link = "2001:db8:9::1".parse().expect("an address");
        let mut out = Vec::new();
        Relay { depth, link }.wrap(&MESSAGE, &mut out);
        out
    }

    #[test]
    fn a_message_lies_at_the_core_of_as_many_levels() {
        for depth in [1, 2, 8, 32] {
            let tree = dissect::message(&wrapped(depth));
            assert_eq!(tree.core().xid(), Some(9), "{depth}");
            let text = format!("{tree:?}");
            assert_eq!(text.matches("2001:db8:9::1").count(), 1, "{text}");
        }
    }

    #[test]
    fn what_comes_back_is_unwrapped_if_it_has_as_many_levels() {
        let link = Ipv6Addr::LOCALHOST;
        let mut reply = wrapped(2);
        for octet in [0, HEADER_LEN + INTERFACE_ID_LEN + 4] {
            reply[octet] = RELAY_REPLY;
        }
        let unwrap = |depth| Relay { depth, link }.unwrap(&reply).map(<[u8]>::to_vec);
        assert_eq!(unwrap(2).as_deref(), Some(&MESSAGE[..]));
        assert_eq!(unwrap(1), None);
        assert_eq!(unwrap(3), None);
        for end in 0..reply.len() - MESSAGE.len() {
            assert_eq!(
                Relay { depth: 2, link }.unwrap(&reply[..end]),
                None,
                "{end}"
            );
        }
    }
}
