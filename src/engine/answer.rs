//! Writes a draft as a message, and wraps it back through the relay agents that it came by.
//!
//! The options stand in the order of the original server, which people's own tests may have recorded.

use super::admit::{Kind, Query};
use super::draft::{Draft, DraftIa, DraftLease};
use super::outbox::Entry;
use super::relay::Hop;
use super::times::Times;
use super::{Arrival, DropReason, Engine, Outbox};
use crate::lease::IaKind;
use crate::wire::{MessageType, OptionCode, StatusCode, Writer, requested};
use std::net::{Ipv6Addr, SocketAddrV6};

/// Where clients listen (RFC 9915 §7.2).
const CLIENT_PORT: u16 = 546;
/// Where servers and relay agents listen (RFC 9915 §7.2).
const SERVER_PORT: u16 = 547;
/// The most options that one relay level gets echoed, so that a long list costs no more than a short one.
const ECHO_MAX: usize = 64;

impl Engine {
    /// Writes the answer behind those in the outbox.
    ///
    /// # Errors
    /// It does not fit in a datagram; the outbox is as before.
    pub(super) fn write(
        &self,
        arrival: &Arrival<'_>,
        query: &Query<'_>,
        message_type: MessageType,
        draft: &Draft,
        outbox: &mut Outbox,
    ) -> Result<(), DropReason> {
        let start = outbox.octets.len();
        let mut writer = Writer::new(&mut outbox.octets);
        self.write_level(
            &mut query.hops.iter(),
            &mut writer,
            query,
            message_type,
            draft,
        );
        let len = writer.finish().map_err(|_| DropReason::AnswerTooLarge)?;
        let from = arrival.destination;
        outbox.answers.push(Entry {
            octets: start..start + len,
            to: destination(arrival, query),
            from: if from.is_multicast() {
                Ipv6Addr::UNSPECIFIED
            } else {
                from
            },
            promises: draft.needs_store(),
            lacks: draft.lacks(),
            message_type,
        });
        Ok(())
    }

    /// Writes the relay levels that are left, and the message at their core. As deep as `HOPS_MAX`.
    fn write_level<'a>(
        &self,
        hops: &mut dyn Iterator<Item = &Hop<'a>>,
        writer: &mut Writer<'_>,
        query: &Query<'a>,
        message_type: MessageType,
        draft: &Draft,
    ) {
        let Some(hop) = hops.next() else {
            return self.write_message(writer, query, message_type, draft);
        };
        let (link, peer) = (hop.link_address, hop.peer_address);
        writer.relay_message(MessageType::RELAY_REPLY, hop.hop_count, link, peer);
        let inner = writer.open(OptionCode::RELAY_MESSAGE);
        self.write_level(hops, writer, query, message_type, draft);
        writer.close(inner);
        echo(hop, writer);
    }

    fn write_message(
        &self,
        writer: &mut Writer<'_>,
        query: &Query<'_>,
        message_type: MessageType,
        draft: &Draft,
    ) {
        writer.message(message_type, query.transaction_id);
        if let Some(client) = query.options.first(OptionCode::CLIENT_ID) {
            writer.option(OptionCode::CLIENT_ID, client);
        }
        writer.option(OptionCode::SERVER_ID, self.server_duid.as_bytes());
        let times = draft.times();
        for (ia, leases) in draft.ias(IaKind::Na) {
            write_ia(writer, ia, leases, times);
        }
        if draft.rapid_commit {
            writer.option(OptionCode::RAPID_COMMIT, &[]);
        }
        if let Some(preference) = draft.preference {
            writer.option(OptionCode::PREFERENCE, &[preference]);
        }
        if let Some(status) = draft.status {
            writer.status(status, text(status, query.kind));
        }
        if draft.with_options {
            self.stateless.write(query, writer);
        }
        for (ia, leases) in draft.ias(IaKind::Pd) {
            write_ia(writer, ia, leases, times);
        }
        if query.kind == Kind::InformationRequest {
            self.stateless.write_refresh_time(query, writer);
        }
        self.sign(&draft.session, writer);
    }
}

/// A client is answered at its port, whatever port it sent from; a relay agent at the server port, unless
/// it asks for its own (RFC 9915 §7.2, RFC 8357 §5.2).
fn destination(arrival: &Arrival<'_>, query: &Query<'_>) -> SocketAddrV6 {
    let mut to = arrival.source;
    match query.hops.iter().next() {
        None => to.set_port(CLIENT_PORT),
        Some(hop) if relay_port(hop).is_some() => {}
        Some(_) => to.set_port(SERVER_PORT),
    }
    to
}

fn relay_port<'a>(hop: &Hop<'a>) -> Option<&'a [u8]> {
    hop.options
        .first(OptionCode::RELAY_PORT)
        .filter(|value| value.len() == 2)
}

/// What a relay agent gets back of its own options (RFC 9915 §21.18, RFC 8357 §5.2, RFC 4994 §5).
fn echo(hop: &Hop<'_>, writer: &mut Writer<'_>) {
    let interface_id = hop.options.first(OptionCode::INTERFACE_ID);
    if let Some(value) = interface_id {
        writer.option(OptionCode::INTERFACE_ID, value);
    }
    let relay_port = relay_port(hop);
    if let Some(value) = relay_port {
        writer.option(OptionCode::RELAY_PORT, value);
    }
    let Some(codes) = hop
        .options
        .first(OptionCode::ECHO_REQUEST)
        .and_then(requested)
    else {
        return;
    };
    for (index, code) in codes.clone().take(ECHO_MAX).enumerate() {
        let present = match code {
            OptionCode::RELAY_MESSAGE | OptionCode::INTERFACE_ID => true,
            OptionCode::RELAY_PORT => relay_port.is_some(),
            _ => codes.clone().take(index).any(|earlier| earlier == code),
        };
        if !present {
            hop.options
                .all(code)
                .for_each(|value| writer.option(code, value));
        }
    }
}

fn write_ia(writer: &mut Writer<'_>, ia: &DraftIa, leases: &[DraftLease], times: Times) {
    let code = match ia.kind {
        IaKind::Na => OptionCode::IA_NA,
        IaKind::Pd => OptionCode::IA_PD,
    };
    let option = writer.open_ia(code, ia.iaid, times.t1, times.t2);
    for lease in leases {
        let (prefix, times) = (lease.prefix, lease.lifetimes);
        let (address, preferred, valid) =
            (prefix.address(), times.preferred_secs, times.valid_secs);
        match ia.kind {
            IaKind::Na => writer.ia_address(address, preferred, valid),
            IaKind::Pd => writer.ia_prefix(address, prefix.length(), preferred, valid),
        }
    }
    if let Some(status) = ia.status {
        writer.status(status, text(status, Kind::Request));
    }
    writer.close(option);
}

/// What a status means, for whoever reads the client's log.
fn text(status: StatusCode, kind: Kind) -> &'static str {
    match (status, kind) {
        (StatusCode::SUCCESS, Kind::Confirm) => "all addresses fit the link",
        (StatusCode::SUCCESS, Kind::Release) => "released",
        (StatusCode::SUCCESS, Kind::Decline) => "declined",
        (StatusCode::NO_ADDRS_AVAIL, _) => "no address is free for this IA",
        (StatusCode::NO_PREFIX_AVAIL, _) => "no prefix is free for this IA",
        (StatusCode::NO_BINDING, _) => "this IA is not known here",
        (StatusCode::NOT_ON_LINK, _) => "an address does not fit the link",
        _ => "",
    }
}
