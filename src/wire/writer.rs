//! Appends messages and options to a buffer that the caller reuses.

use super::{Authentication, MessageType, OptionCode, PAYLOAD_MAX, StatusCode};
use std::net::Ipv6Addr;

/// The message cannot be sent: an option is over 65,535 octets, or all together are over what UDP carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the message is too long")]
pub struct TooLong;

/// Writes one message at the end of a buffer. Dropped without [`Writer::finish`], it leaves no trace there.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    /// Where the last message between client and server begins.
    message_start: usize,
    overflow: bool,
    finished: bool,
}

/// An option whose length is not known yet.
#[derive(Debug)]
#[must_use = "the length of an open option is wrong until it is closed"]
pub struct OpenOption {
    value_start: usize,
}

impl<'a> Writer<'a> {
    /// Begins a message behind what the buffer holds.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        let start = out.len();
        Self {
            out,
            start,
            message_start: start,
            overflow: false,
            finished: false,
        }
    }

    /// The header of a message between client and server (RFC 9915 §8).
    pub fn message(&mut self, message_type: MessageType, transaction_id: [u8; 3]) {
        self.message_start = self.out.len();
        self.out.push(message_type.0);
        self.out.extend_from_slice(&transaction_id);
    }

    /// The header of a Relay-forward or Relay-reply message (RFC 9915 §9).
    pub fn relay_message(
        &mut self,
        message_type: MessageType,
        hop_count: u8,
        link_address: Ipv6Addr,
        peer_address: Ipv6Addr,
    ) {
        self.out.extend_from_slice(&[message_type.0, hop_count]);
        self.out.extend_from_slice(&link_address.octets());
        self.out.extend_from_slice(&peer_address.octets());
    }

    /// A whole option.
    pub fn option(&mut self, code: OptionCode, value: &[u8]) {
        let option = self.open(code);
        self.out.extend_from_slice(value);
        self.close(option);
    }

    /// Options that are already in wire form.
    pub fn encoded(&mut self, octets: &[u8]) {
        self.out.extend_from_slice(octets);
    }

    /// A Status Code option with its text (RFC 9915 §21.13).
    pub fn status(&mut self, code: StatusCode, text: &str) {
        let option = self.open(OptionCode::STATUS_CODE);
        self.out.extend_from_slice(&code.0.to_be_bytes());
        self.out.extend_from_slice(text.as_bytes());
        self.close(option);
    }

    /// Begins an IA_NA or IA_PD option (RFC 9915 §21.4, §21.21); its leases follow until it is closed.
    pub fn open_ia(&mut self, code: OptionCode, iaid: u32, t1: u32, t2: u32) -> OpenOption {
        let option = self.open(code);
        for number in [iaid, t1, t2] {
            self.out.extend_from_slice(&number.to_be_bytes());
        }
        option
    }

    /// An IA Address option (RFC 9915 §21.6).
    pub fn ia_address(&mut self, address: Ipv6Addr, preferred_secs: u32, valid_secs: u32) {
        let option = self.open(OptionCode::IA_ADDRESS);
        self.out.extend_from_slice(&address.octets());
        self.out.extend_from_slice(&preferred_secs.to_be_bytes());
        self.out.extend_from_slice(&valid_secs.to_be_bytes());
        self.close(option);
    }

    /// An IA Prefix option (RFC 9915 §21.22).
    pub fn ia_prefix(
        &mut self,
        prefix: Ipv6Addr,
        length: u8,
        preferred_secs: u32,
        valid_secs: u32,
    ) {
        let option = self.open(OptionCode::IA_PREFIX);
        self.out.extend_from_slice(&preferred_secs.to_be_bytes());
        self.out.extend_from_slice(&valid_secs.to_be_bytes());
        self.out.push(length);
        self.out.extend_from_slice(&prefix.octets());
        self.close(option);
    }

    /// Ends a message between client and server with an Authentication option of the delayed protocol (RFC 3315
    /// §21.4.1). `mac` is handed the octets of the message from its type on, with zeros where the MAC belongs.
    pub fn delayed_authentication(
        &mut self,
        replay: u64,
        realm: &[u8],
        key_id: u32,
        mac: impl FnOnce(&[u8]) -> [u8; Authentication::MAC_LEN],
    ) {
        let option = self.open(OptionCode::AUTHENTICATION);
        self.out.extend_from_slice(&[
            Authentication::DELAYED,
            Authentication::HMAC_MD5,
            Authentication::MONOTONIC,
        ]);
        self.out.extend_from_slice(&replay.to_be_bytes());
        self.out.extend_from_slice(realm);
        self.out.extend_from_slice(&key_id.to_be_bytes());
        self.out.extend_from_slice(&[0; Authentication::MAC_LEN]);
        self.close(option);
        let message = self.out.get_mut(self.message_start..).unwrap_or_default();
        let mac = mac(message);
        if let Some(field) = message.last_chunk_mut() {
            *field = mac;
        }
    }

    /// Begins an option; what is written until it is closed is its value.
    pub fn open(&mut self, code: OptionCode) -> OpenOption {
        self.out.extend_from_slice(&code.0.to_be_bytes());
        self.out.extend_from_slice(&[0, 0]);
        OpenOption {
            value_start: self.out.len(),
        }
    }

    /// Ends an option: its length becomes what was written since.
    pub fn close(&mut self, option: OpenOption) {
        let len = self.out.len().saturating_sub(option.value_start);
        let field = option
            .value_start
            .checked_sub(2)
            .and_then(|at| self.out.get_mut(at..at + 2));
        match (u16::try_from(len), field) {
            (Ok(len), Some(field)) => field.copy_from_slice(&len.to_be_bytes()),
            _ => self.overflow = true,
        }
    }

    /// Ends the message, and says how many octets it has.
    ///
    /// # Errors
    /// It cannot be sent; the buffer is as it was before the message began.
    pub fn finish(mut self) -> Result<usize, TooLong> {
        let len = self.out.len().saturating_sub(self.start);
        if self.overflow || len > PAYLOAD_MAX {
            return Err(TooLong);
        }
        self.finished = true;
        Ok(len)
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.out.truncate(self.start);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        DelayedInformation, Ia, IaAddress, IaPrefix, Message, RelayMessage, Status,
    };
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_unfinished_message_leaves_no_trace() {
        let mut out = vec![1, 2, 3];
        Writer::new(&mut out).message(MessageType::REPLY, [0; 3]);
        assert_eq!(out, [1, 2, 3]);
    }

    #[test]
    fn a_mac_covers_the_message_without_the_relay_levels() {
        let mut out = vec![1, 2, 3];
        let mut writer = Writer::new(&mut out);
        let unspecified = Ipv6Addr::UNSPECIFIED;
        writer.relay_message(MessageType::RELAY_REPLY, 0, unspecified, unspecified);
        let inner = writer.open(OptionCode::RELAY_MESSAGE);
        writer.message(MessageType::REPLY, [0, 0, 9]);
        let mut covered = Vec::new();
        writer.delayed_authentication(7, b"realm", 3, |octets| {
            covered.extend_from_slice(octets);
            [0xee; 16]
        });
        writer.close(inner);
        writer.option(OptionCode::INTERFACE_ID, b"eth0");
        writer.finish().expect("a message that fits");
        let relay = RelayMessage::read(&out[3..]).expect("a relay message");
        let inner = relay.options.first(OptionCode::RELAY_MESSAGE);
        let message = Message::read(inner.expect("what it carries")).expect("a message");
        let (ahead, behind) = message.around_mac().expect("a MAC");
        assert_eq!(covered, [ahead, &[0; 16], behind].concat());
        let value = message.options.first(OptionCode::AUTHENTICATION);
        let read = Authentication::read(value.expect("an option")).expect("an option");
        assert_eq!((read.protocol, read.algorithm, read.method), (2, 1, 0));
        let information = DelayedInformation::read(read.information).expect("information");
        assert_eq!((information.realm, information.key_id), (&b"realm"[..], 3));
        assert_eq!((read.replay, information.mac), (7, &[0xee; 16]));
    }

    #[test]
    fn a_message_over_the_limit_of_udp_is_refused() {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out);
        writer.message(MessageType::REPLY, [0; 3]);
        writer.option(OptionCode(65_000), &[0; PAYLOAD_MAX - 8]);
        assert_eq!(writer.finish(), Ok(PAYLOAD_MAX));
        let mut writer = Writer::new(&mut out);
        writer.option(OptionCode(65_000), &[0; PAYLOAD_MAX - 3]);
        assert_eq!(writer.finish(), Err(TooLong));
        let mut writer = Writer::new(&mut out);
        writer.option(OptionCode(65_000), &[0; 65_536]);
        assert_eq!(writer.finish(), Err(TooLong));
        assert_eq!(out.len(), PAYLOAD_MAX);
    }

    #[derive(Clone, Debug)]
    enum Item {
        Raw(u16, Vec<u8>),
        Address(u32, [u32; 2], Vec<(u128, [u32; 2])>),
        Prefix(u32, [u32; 2], Vec<(u128, u8, [u32; 2])>),
        Status(u16, String),
    }

    fn item() -> impl Strategy<Value = Item> {
        let raw = (any::<u16>(), any::<Vec<u8>>()).prop_map(|(code, value)| Item::Raw(code, value));
        let address = (
            any::<u32>(),
            any::<[u32; 2]>(),
            any::<Vec<(u128, [u32; 2])>>(),
        )
            .prop_map(|(iaid, times, leases)| Item::Address(iaid, times, leases));
        let lease = (any::<u128>(), 0..=128u8, any::<[u32; 2]>());
        let prefix = (
            any::<u32>(),
            any::<[u32; 2]>(),
            proptest::collection::vec(lease, 0..4),
        )
            .prop_map(|(iaid, times, leases)| Item::Prefix(iaid, times, leases));
        let status =
            (any::<u16>(), any::<String>()).prop_map(|(code, text)| Item::Status(code, text));
        prop_oneof![raw, address, prefix, status]
    }

    fn write(writer: &mut Writer<'_>, item: &Item) {
        match item {
            Item::Raw(code, value) => writer.option(OptionCode(*code), value),
            Item::Address(iaid, [t1, t2], leases) => {
                let ia = writer.open_ia(OptionCode::IA_NA, *iaid, *t1, *t2);
                for (address, [preferred, valid]) in leases {
                    writer.ia_address(Ipv6Addr::from_bits(*address), *preferred, *valid);
                }
                writer.close(ia);
            }
            Item::Prefix(iaid, [t1, t2], leases) => {
                let ia = writer.open_ia(OptionCode::IA_PD, *iaid, *t1, *t2);
                for (prefix, length, [preferred, valid]) in leases {
                    writer.ia_prefix(Ipv6Addr::from_bits(*prefix), *length, *preferred, *valid);
                }
                writer.close(ia);
            }
            Item::Status(code, text) => writer.status(StatusCode(*code), text),
        }
    }

    fn check(code: OptionCode, value: &[u8], item: &Item) {
        match item {
            Item::Raw(want, octets) => assert_eq!((code.0, value), (*want, octets.as_slice())),
            Item::Address(iaid, times, leases) => {
                let ia = Ia::read(value).expect("an IA_NA");
                assert_eq!(
                    (code, ia.iaid, [ia.t1, ia.t2]),
                    (OptionCode::IA_NA, *iaid, *times)
                );
                let read: Vec<_> = ia
                    .options
                    .all(OptionCode::IA_ADDRESS)
                    .map(|value| IaAddress::read(value).expect("an address"))
                    .map(|it| (it.address.to_bits(), [it.preferred_secs, it.valid_secs]))
                    .collect();
                assert_eq!(&read, leases);
            }
            Item::Prefix(iaid, times, leases) => {
                let ia = Ia::read(value).expect("an IA_PD");
                assert_eq!(
                    (code, ia.iaid, [ia.t1, ia.t2]),
                    (OptionCode::IA_PD, *iaid, *times)
                );
                let read: Vec<_> = ia
                    .options
                    .all(OptionCode::IA_PREFIX)
                    .map(|value| IaPrefix::read(value).expect("a prefix"))
                    .map(|it| {
                        (
                            it.prefix.to_bits(),
                            it.length,
                            [it.preferred_secs, it.valid_secs],
                        )
                    })
                    .collect();
                assert_eq!(&read, leases);
            }
            Item::Status(want, text) => {
                let status = Status::read(value).expect("a status");
                assert_eq!((status.code.0, status.text), (*want, text.as_bytes()));
            }
        }
    }

    proptest! {
        #[test]
        fn what_was_written_reads_back(
            message_type: u8,
            transaction_id: [u8; 3],
            hops in proptest::collection::vec((any::<u8>(), any::<[u128; 2]>()), 0..5),
            items in proptest::collection::vec(item(), 0..8),
        ) {
            let mut out = Vec::new();
            let mut writer = Writer::new(&mut out);
            let mut open = Vec::new();
            for (count, [link, peer]) in &hops {
                let (link, peer) = (Ipv6Addr::from_bits(*link), Ipv6Addr::from_bits(*peer));
                writer.relay_message(MessageType::RELAY_FORWARD, *count, link, peer);
                open.push(writer.open(OptionCode::RELAY_MESSAGE));
            }
            writer.message(MessageType(message_type), transaction_id);
            for item in &items {
                write(&mut writer, item);
            }
            for option in open.into_iter().rev() {
                writer.close(option);
                writer.option(OptionCode::INTERFACE_ID, b"eth0");
            }
            writer.finish().expect("a message that fits");

            let mut octets = out.as_slice();
            for (count, [link, peer]) in &hops {
                let relay = RelayMessage::read(octets).expect("a relay message");
                prop_assert_eq!(relay.message_type, MessageType::RELAY_FORWARD);
                prop_assert_eq!(relay.hop_count, *count);
                prop_assert_eq!(relay.link_address.to_bits(), *link);
                prop_assert_eq!(relay.peer_address.to_bits(), *peer);
                prop_assert_eq!(relay.options.first(OptionCode::INTERFACE_ID), Some(&b"eth0"[..]));
                octets = relay.options.first(OptionCode::RELAY_MESSAGE).expect("what it carries");
            }
            let message = Message::read(octets).expect("a message");
            prop_assert_eq!(message.message_type.0, message_type);
            prop_assert_eq!(message.transaction_id, transaction_id);
            let read: Vec<_> = message.options.iter().collect();
            prop_assert_eq!(read.len(), items.len());
            for (option, item) in read.iter().zip(&items) {
                check(option.code, option.value, item);
            }
        }
    }
}
