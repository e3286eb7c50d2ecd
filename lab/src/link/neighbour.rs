//! Neighbour discovery (RFC 4861), as much of it as the lab needs: to be found, and to make itself known.

use std::net::Ipv6Addr;

use crate::link::frame::{ICMPV6, Mac, Packet, address, checksum};

const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;
const OPTION_SOURCE_MAC: u8 = 1;
const OPTION_TARGET_MAC: u8 = 2;
/// Solicited, and to be believed over what was known before.
const FLAGS: [u8; 4] = [0x60, 0, 0, 0];
/// To be believed over what was known before, and nobody's answer.
const OVERRIDE: [u8; 4] = [0x20, 0, 0, 0];
/// Everybody on a link.
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// What every message of neighbour discovery carries, and proof that no router has passed it on.
pub const HOP_LIMIT: u8 = 255;

/// Who asks for the hardware address of whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Solicitation {
    /// The address that the answer goes to; unspecified if somebody asks whether an address is taken.
    pub asker: Ipv6Addr,
    /// The address whose owner is looked for.
    pub target: Ipv6Addr,
}

impl Solicitation {
    /// Reads a whole packet; `None` if it is not a valid Neighbour Solicitation (RFC 4861 §7.1.1).
    #[must_use]
    pub fn parse(packet: &Packet<'_>) -> Option<Self> {
        if packet.next_header != ICMPV6
            || packet.hop_limit != HOP_LIMIT
            || checksum(packet.source, packet.destination, ICMPV6, packet.payload) != 0
        {
            return None;
        }
        let [SOLICITATION, 0, _, _, _, _, _, _, rest @ ..] = packet.payload else {
            return None;
        };
        let target = address(rest.get(..16)?)?;
        (!target.is_multicast()).then_some(Self {
            asker: packet.source,
            target,
        })
    }

    /// The message that asks, sent to the target itself. It also tells the target's host where the asker
    /// is: from then on an answer leaves that host at once, in its place among the others, instead of
    /// waiting until its receiver is found.
    #[must_use]
    pub fn message(&self, asker_mac: Mac) -> Vec<u8> {
        let body = body(
            SOLICITATION,
            [0; 4],
            self.target,
            [OPTION_SOURCE_MAC, 1],
            asker_mac,
        );
        sealed(self.asker, self.target, body)
    }

    /// The answer of the one who is looked for.
    #[must_use]
    pub fn answer(&self, target_mac: Mac) -> Vec<u8> {
        let body = body(
            ADVERTISEMENT,
            FLAGS,
            self.target,
            [OPTION_TARGET_MAC, 1],
            target_mac,
        );
        sealed(self.target, self.asker, body)
    }

    /// The answer to somebody who wants an address that its owner keeps (RFC 4861 §7.2.4). It goes to
    /// [`ALL_NODES`], since the asker has no address.
    #[must_use]
    pub fn objection(&self, target_mac: Mac) -> Vec<u8> {
        let body = body(
            ADVERTISEMENT,
            OVERRIDE,
            self.target,
            [OPTION_TARGET_MAC, 1],
            target_mac,
        );
        sealed(self.target, ALL_NODES, body)
    }
}

fn body(kind: u8, flags: [u8; 4], target: Ipv6Addr, option: [u8; 2], mac: Mac) -> Vec<u8> {
    [
        &[kind, 0, 0, 0][..],
        &flags,
        &target.octets(),
        &option,
        &mac,
    ]
    .concat()
}

fn sealed(source: Ipv6Addr, destination: Ipv6Addr, mut message: Vec<u8>) -> Vec<u8> {
    let sum = checksum(source, destination, ICMPV6, &message);
    if let Some(field) = message.get_mut(2..4) {
        field.copy_from_slice(&sum.to_be_bytes());
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ASKER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, 1);
    const TARGET: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xc1);
    const MAC: Mac = [2, 0, 0, 0, 0, 0xfe];

    fn packet(payload: &[u8]) -> Packet<'_> {
        Packet {
            source: ASKER,
            destination: TARGET,
            hop_limit: HOP_LIMIT,
            next_header: ICMPV6,
            payload,
        }
    }

    #[test]
    fn a_solicitation_is_read_as_it_was_written() {
        let asked = Solicitation {
            asker: ASKER,
            target: TARGET,
        };
        let message = asked.message(MAC);
        assert_eq!(message.len(), 32);
        assert_eq!(message[24..], [1, 1, 2, 0, 0, 0, 0, 0xfe]);
        assert_eq!(Solicitation::parse(&packet(&message)), Some(asked));
    }

    #[test]
    fn a_solicitation_that_a_router_passed_on_is_ignored() {
        let message = Solicitation {
            asker: ASKER,
            target: TARGET,
        }
        .message(MAC);
        let routed = Packet {
            hop_limit: 254,
            ..packet(&message)
        };
        assert_eq!(Solicitation::parse(&routed), None);
    }

    #[test]
    fn an_answer_is_solicited_overrides_and_names_the_targets_hardware_address() {
        let answer = Solicitation {
            asker: ASKER,
            target: TARGET,
        }
        .answer(MAC);
        assert_eq!(answer[..2], [ADVERTISEMENT, 0]);
        assert_eq!(answer[4..8], [0x60, 0, 0, 0]);
        assert_eq!(answer[8..24], TARGET.octets());
        assert_eq!(answer[24..], [2, 1, 2, 0, 0, 0, 0, 0xfe]);
        assert_eq!(checksum(TARGET, ASKER, ICMPV6, &answer), 0);
        assert_eq!(
            Solicitation::parse(&packet(&answer)),
            None,
            "it asks for nothing"
        );
    }

    #[test]
    fn who_asks_for_an_address_without_one_is_answered_before_everybody() {
        let asked = Solicitation {
            asker: Ipv6Addr::UNSPECIFIED,
            target: TARGET,
        };
        let objection = asked.objection(MAC);
        assert_eq!(objection[..2], [ADVERTISEMENT, 0]);
        assert_eq!(objection[4..8], [0x20, 0, 0, 0]);
        assert_eq!(objection[8..24], TARGET.octets());
        assert_eq!(checksum(TARGET, ALL_NODES, ICMPV6, &objection), 0);
    }

    proptest! {
        #[test]
        fn no_message_makes_the_parser_panic(message in prop::collection::vec(any::<u8>(), 0..64)) {
            let sealed = sealed(ASKER, TARGET, message.clone());
            let _ = Solicitation::parse(&packet(&message));
            let _ = Solicitation::parse(&packet(&sealed));
        }
    }
}
