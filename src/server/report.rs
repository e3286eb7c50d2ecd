//! What the log says of messages and leases: where the original server has words for it, those, with the level and
//! the origin that it gives them, for people's scripts look for them.
//!
//! A drop is one message: those words, and behind them the name of the counter and who sent the message. Leases are
//! told of twice, by `info!` as what a person wants to know and by `debug!` as the original's bindings.
//!
//! Not here: how a message is written down (`logging`).

use crate::engine::{Arrival, Binding, DropReason, Event};
use crate::lease::IaKind;
use crate::wire::{Duid, Message, MessageType, OptionCode, RelayMessage};
use std::fmt;
use std::net::SocketAddrV6;

/// An address in the log: a link-local one is of an interface.
#[derive(Clone, Copy)]
pub(super) struct Peer<'a> {
    pub(super) address: SocketAddrV6,
    pub(super) interface: &'a str,
}

impl fmt::Display for Peer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.address.ip();
        if address.is_unicast_link_local() {
            write!(f, "{address}%{}", self.interface)
        } else {
            write!(f, "{address}")
        }
    }
}

/// What the original server calls a message.
#[derive(Clone, Copy)]
pub(super) struct Name(pub(super) MessageType);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            MessageType::INFORMATION_REQUEST => f.write_str("information request"),
            MessageType(known @ 1..=13) => MessageType(known).fmt(f),
            MessageType(unknown) => write!(f, "msg{unknown}"),
        }
    }
}

/// A DUID, cut where the original server cuts it.
struct ShortDuid(Duid);

impl fmt::Display for ShortDuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LEN_MAX: usize = 129;
        let octets = self.0.as_bytes();
        for (index, octet) in octets.iter().take(LEN_MAX).enumerate() {
            let separator = if index > 0 { ":" } else { "" };
            write!(f, "{separator}{octet:02x}")?;
        }
        f.write_str(if octets.len() > LEN_MAX { "..." } else { "" })
    }
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.holder.kind {
            IaKind::Na => "NA",
            IaKind::Pd => "PD",
        };
        write!(
            f,
            "[IA: duid={}, type={kind}, iaid={}, duration={}]",
            ShortDuid(self.holder.duid),
            self.holder.iaid,
            self.duration_secs
        )
    }
}

/// Says that something has arrived. What is shorter than a header has no type, and its drop says so.
pub(super) fn arrived(arrival: &Arrival<'_>, from: Peer<'_>) {
    if let [message_type, _, _, _, ..] = *arrival.payload {
        let name = Name(MessageType(message_type));
        tracing::debug!(origin = "server6_recv", "received {name} from {from}");
    }
}

/// Says what a message, or the time before it, did to bindings. A client without a binding whose message was
/// dropped is left to what is said of the drop.
pub(super) fn brought_about(events: &[Event], answered: bool) {
    for event in events {
        match event {
            Event::Added(binding) => {
                tracing::debug!(origin = "add_binding", "add a new binding {binding}");
            }
            Event::Updated(binding) => {
                let duid = ShortDuid(binding.holder.duid);
                tracing::debug!(
                    origin = "update_binding",
                    "update binding {binding} for {duid}"
                );
            }
            Event::Removed(binding) => {
                tracing::debug!(origin = "remove_binding", "remove a binding {binding}");
            }
            Event::Expired(prefix, binding) => {
                let (address, length) = (prefix.address(), prefix.length());
                tracing::debug!(
                    origin = "binding_timo",
                    "bound prefix {address}/{length} in {binding} has expired"
                );
            }
            Event::NoBinding(duid) if answered => {
                tracing::info!(origin = "update_ia", "{}", no_binding(duid));
            }
            Event::NoBinding(_) => {}
            Event::PoolEmpty => tracing::info!(
                origin = "get_free_address_from_pool",
                notice = true,
                "no available address"
            ),
        }
    }
}

/// Says why a message is not answered.
pub(super) fn dropped(reason: DropReason, arrival: &Arrival<'_>, from: Peer<'_>, events: &[Event]) {
    if !tracing::enabled!(tracing::Level::INFO) {
        return;
    }
    let core = Core::of(arrival.payload);
    let (origin, words) = words(reason, &core, from, events);
    tracing::info!(origin, "{words} (dropped: {reason} from {from})");
}

/// The innermost of what arrived that is there at all.
struct Core<'a> {
    octets: &'a [u8],
    /// Whether it came out of a Relay-forward.
    relayed: bool,
}

impl<'a> Core<'a> {
    fn of(payload: &'a [u8]) -> Self {
        let mut core = Self {
            octets: payload,
            relayed: false,
        };
        while core.message_type() == MessageType::RELAY_FORWARD
            && let Ok(relay) = RelayMessage::read(core.octets)
            && let Some(inner) = relay.options.first(OptionCode::RELAY_MESSAGE)
        {
            core = Self {
                octets: inner,
                relayed: true,
            };
        }
        core
    }

    fn message_type(&self) -> MessageType {
        MessageType(self.octets.first().copied().unwrap_or_default())
    }

    fn has(&self, code: OptionCode) -> bool {
        Message::read(self.octets).is_ok_and(|it| it.options.first(code).is_some())
    }
}

/// The origin that a drop has in the original server, and what it says there; where it has no words, our own.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "what the original server has no words for has our own"
)]
fn words(
    reason: DropReason,
    core: &Core<'_>,
    from: Peer<'_>,
    events: &[Event],
) -> (&'static str, String) {
    let kind = core.message_type();
    match reason {
        DropReason::TooShort
        | DropReason::Malformed
        | DropReason::MalformedIa
        | DropReason::UnknownType
        | DropReason::NotForServer
        | DropReason::UnusableSource
        | DropReason::RelayWithoutMessage
        | DropReason::RelayTooDeep => unreadable(reason, core, from),
        DropReason::Unicast if !requires_server_id(kind) => {
            (RECEIVE, "invalid unicast message".to_owned())
        }
        DropReason::Unicast => {
            let words = format!("unexpected unicast message from {from}");
            (handler(kind), words)
        }
        DropReason::AnswerTooLarge => (SEND, "failed to construct reply options".to_owned()),
        DropReason::NothingToAnswer => {
            let clients = events.iter().filter_map(Event::without_binding);
            let words = clients.take(1).map(|duid| no_binding(&duid)).collect();
            ("update_ia", words)
        }
        _ => (handler(kind), unfit(reason, core)),
    }
}

/// About what cannot be read as a client's message.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "what the original server has no words for has our own"
)]
fn unreadable(reason: DropReason, core: &Core<'_>, from: Peer<'_>) -> (&'static str, String) {
    let kind = core.message_type();
    let length = core.octets.len();
    let is_relay = kind == MessageType::RELAY_FORWARD;
    match reason {
        DropReason::TooShort if is_relay && length >= 4 => {
            (RELAY, format!("short relay message from {from}"))
        }
        DropReason::TooShort if core.relayed => {
            let words = format!("short packet ({length} bytes) in relay message");
            (RELAY, words)
        }
        DropReason::TooShort => (RECEIVE, format!("short packet ({length} bytes)")),
        DropReason::Malformed if is_relay => (RELAY, "failed to parse options".to_owned()),
        DropReason::Malformed | DropReason::MalformedIa => {
            (RECEIVE, "failed to parse options".to_owned())
        }
        DropReason::NotForServer if kind == MessageType::RELAY_REPLY && !core.relayed => {
            (RECEIVE, format!("relay reply message from {from}"))
        }
        DropReason::NotForServer | DropReason::UnknownType => {
            let words = format!("unknown or unsupported msgtype ({})", Name(kind));
            (RECEIVE, words)
        }
        DropReason::RelayWithoutMessage => {
            let words = format!("relay forward from {from} without a relay message");
            (RELAY, words)
        }
        DropReason::RelayTooDeep => (RELAY, reason.text().to_owned()),
        _ => (RECEIVE, reason.text().to_owned()),
    }
}

/// About a message that breaks a rule of its type.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "what the original server has no words for has our own"
)]
fn unfit(reason: DropReason, core: &Core<'_>) -> String {
    let kind = core.message_type();
    let words = match reason {
        DropReason::NoClientId => "no client ID option",
        DropReason::NoServerId => "no server ID option",
        DropReason::ForeignServerId if kind == MessageType::INFORMATION_REQUEST => {
            "server DUID mismatch"
        }
        DropReason::ForeignServerId => "server ID mismatch",
        DropReason::UnexpectedServerId if kind == MessageType::REBIND => {
            "server ID option is included in a rebind message"
        }
        DropReason::UnexpectedServerId => "server ID option found",
        DropReason::IaInInformationRequest if core.has(OptionCode::IA_PD) => {
            "information request contains an IA_PD option"
        }
        DropReason::IaInInformationRequest if core.has(OptionCode::IA_NA) => {
            "information request contains an IA_NA option"
        }
        _ => reason.text(),
    };
    words.to_owned()
}

fn no_binding(duid: &Duid) -> String {
    format!("no binding found for {}", ShortDuid(*duid))
}

/// Whether messages of that type are meant for one server, and may have been sent to its address once.
fn requires_server_id(kind: MessageType) -> bool {
    matches!(
        kind,
        MessageType::REQUEST | MessageType::RENEW | MessageType::RELEASE | MessageType::DECLINE
    )
}

const RECEIVE: &str = "server6_recv";
const RELAY: &str = "process_relayforw";
pub(super) const SEND: &str = "server6_send";

/// What the original server calls the routine for a type of message.
fn handler(kind: MessageType) -> &'static str {
    match kind {
        MessageType::SOLICIT => "react_solicit",
        MessageType::REQUEST => "react_request",
        MessageType::CONFIRM => "react_confirm",
        MessageType::RENEW => "react_renew",
        MessageType::REBIND => "react_rebind",
        MessageType::RELEASE => "react_release",
        MessageType::DECLINE => "react_decline",
        MessageType::INFORMATION_REQUEST => "react_informreq",
        _ => RECEIVE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::IaKey;
    use std::net::Ipv6Addr;

    fn peer(address: &str) -> Peer<'static> {
        let address: Ipv6Addr = address.parse().expect("an address");
        Peer {
            address: SocketAddrV6::new(address, 546, 0, 7),
            interface: "eth0",
        }
    }

    #[test]
    fn a_link_local_address_names_its_interface_and_no_other_does() {
        assert_eq!(peer("fe80::1").to_string(), "fe80::1%eth0");
        assert_eq!(peer("2001:db8::1").to_string(), "2001:db8::1");
    }

    #[test]
    fn messages_have_the_names_of_the_original_server() {
        let names = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255];
        let names = names.map(|number| Name(MessageType(number)).to_string());
        assert_eq!(
            names.join(" "),
            "msg0 solicit advertise request confirm renew rebind reply release decline \
             reconfigure information request relay-forward relay-reply msg14 msg255"
        );
    }

    #[test]
    fn a_long_duid_is_cut_as_the_original_server_cuts_it() {
        let said = |len: usize| ShortDuid(Duid::new(&vec![0xab; len]).expect("a DUID")).to_string();
        assert!(said(129).len() == 129 * 3 - 1 && said(129).ends_with(":ab"));
        assert!(said(130).len() == 129 * 3 - 1 + 3 && said(130).ends_with(":ab..."));
    }

    #[test]
    fn a_binding_without_an_end_has_the_longest_duration() {
        let binding = Binding {
            holder: IaKey {
                duid: Duid::new(&[0, 1]).expect("a DUID"),
                kind: IaKind::Pd,
                iaid: 7,
            },
            duration_secs: u32::MAX,
        };
        assert_eq!(
            binding.to_string(),
            "[IA: duid=00:01, type=PD, iaid=7, duration=4294967295]"
        );
    }
}
