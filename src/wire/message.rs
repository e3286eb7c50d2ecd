//! Checked views over a received datagram.

use super::{Authentication, Error, MessageType, OptionCode, Options};
use std::net::Ipv6Addr;

/// A message between client and server (RFC 9915 §8).
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// What kind of message it is.
    pub message_type: MessageType,
    /// The 24 bits that join an answer to its question.
    pub transaction_id: [u8; 3],
    /// Its options.
    pub options: Options<'a>,
    octets: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads a message of any type but the relay types.
    ///
    /// # Errors
    /// Fewer than 4 octets, or options that do not tile.
    pub fn read(octets: &'a [u8]) -> Result<Self, Error> {
        let (&[message_type, a, b, c], options) =
            octets.split_first_chunk::<4>().ok_or(Error::Short)?;
        Ok(Self {
            message_type: MessageType(message_type),
            transaction_id: [a, b, c],
            options: Options::read(options)?,
            octets,
        })
    }

    /// The octets ahead of the MAC that ends its first Authentication option, and those behind: with zeros in the
    /// place of the MAC they are what it was made of (RFC 3315 §21.4.1). `None` if no MAC can be there.
    #[must_use]
    pub fn around_mac(&self) -> Option<(&'a [u8], &'a [u8])> {
        let mut end = 4;
        for option in self.options.iter() {
            end += 4 + option.value.len();
            if option.code == OptionCode::AUTHENTICATION {
                option.value.len().checked_sub(Authentication::MAC_LEN)?;
                let (ahead, behind) = self.octets.split_at_checked(end)?;
                return Some((ahead.get(..end - Authentication::MAC_LEN)?, behind));
            }
        }
        None
    }
}

/// A message between relay agents and servers (RFC 9915 §9).
#[derive(Clone, Copy, Debug)]
pub struct RelayMessage<'a> {
    /// Relay-forward or Relay-reply.
    pub message_type: MessageType,
    /// How many relay agents passed it on before.
    pub hop_count: u8,
    /// An address on the link of the client, or `::`.
    pub link_address: Ipv6Addr,
    /// Who the relay agent had it from.
    pub peer_address: Ipv6Addr,
    /// Its options, the Relay Message option among them.
    pub options: Options<'a>,
}

impl<'a> RelayMessage<'a> {
    /// Reads a message of a relay type.
    ///
    /// # Errors
    /// Fewer than 34 octets, or options that do not tile.
    pub fn read(octets: &'a [u8]) -> Result<Self, Error> {
        let (&[message_type, hop_count], rest) =
            octets.split_first_chunk::<2>().ok_or(Error::Short)?;
        let (&link, rest) = rest.split_first_chunk::<16>().ok_or(Error::Short)?;
        let (&peer, options) = rest.split_first_chunk::<16>().ok_or(Error::Short)?;
        Ok(Self {
            message_type: MessageType(message_type),
            hop_count,
            link_address: Ipv6Addr::from_octets(link),
            peer_address: Ipv6Addr::from_octets(peer),
            options: Options::read(options)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_that_are_too_short_are_refused() {
        for len in 0..4 {
            assert_eq!(
                Message::read(&[1; 4][..len]).err(),
                Some(Error::Short),
                "{len}"
            );
        }
        for len in 0..34 {
            assert_eq!(
                RelayMessage::read(&[12; 34][..len]).err(),
                Some(Error::Short),
                "{len}"
            );
        }
    }

    #[test]
    fn a_mac_ends_the_authentication_option_wherever_that_stands() {
        let mac: [u8; 16] = *b"0123456789abcdef";
        let ahead = [3, 0, 0, 1, 0, 8, 0, 2, 0, 0, 0, 11, 0, 18, 9, 9];
        let octets = [&ahead[..], &mac, &[0, 14, 0, 0]].concat();
        let message = Message::read(&octets).expect("a message");
        let behind = &[0, 14, 0, 0][..];
        assert_eq!(message.around_mac(), Some((&ahead[..], behind)));
        let short = [&[3, 0, 0, 1, 0, 11, 0, 15][..], &mac[..15]].concat();
        let none = [3, 0, 0, 1, 0, 8, 0, 2, 0, 0];
        for octets in [&short[..], &none] {
            let message = Message::read(octets).expect("a message");
            assert_eq!(message.around_mac(), None);
        }
    }

    #[test]
    fn a_message_without_options_is_read() {
        let message = Message::read(&[11, 0xab, 0xcd, 0xef]).expect("a message");
        assert_eq!(message.message_type, MessageType::INFORMATION_REQUEST);
        assert_eq!(message.transaction_id, [0xab, 0xcd, 0xef]);
        assert_eq!(message.options.iter().count(), 0);
    }
}
