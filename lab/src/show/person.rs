//! Who a client is: its DUID in words, its addresses, its way to the server.

use std::time::Duration;

use crate::conversation::Conversation;
use crate::dialogue::Level;

/// DUIDs count seconds since 2000-01-01 00:00:00 UTC (RFC 9915 §11.2).
const DUID_EPOCH: Duration = Duration::from_secs(946_684_800);

/// Octets with colons between them.
pub(super) fn colons(octets: &[u8]) -> String {
    octets
        .iter()
        .map(|it| format!("{it:02x}"))
        .collect::<Vec<_>>()
        .join(":")
}

/// A time since 1970, as RFC 3339 writes it, with microseconds.
pub(super) fn time(at: Duration) -> String {
    let secs = i64::try_from(at.as_secs()).unwrap_or(i64::MAX);
    let nanos = i32::try_from(at.subsec_micros()).unwrap_or(0) * 1000;
    match jiff::Timestamp::new(secs, nanos) {
        Ok(time) => format!("{time:.6}"),
        Err(_) => format!("{secs} s after 1970"),
    }
}

/// What a DUID says: `DUID-LLT, Ethernet 08:00:27:fe:8f:95, of 2012-07-08`.
pub(super) fn duid(duid: &[u8]) -> String {
    let Some((kind, rest)) = duid.split_first_chunk::<2>() else {
        return format!("{} octets, too few for a DUID", duid.len());
    };
    let hardware = |hardware: [u8; 2], address: &[u8]| match hardware {
        [0, 1] => format!("Ethernet {}", colons(address)),
        other => format!(
            "hardware type {} {}",
            u16::from_be_bytes(other),
            colons(address)
        ),
    };
    let number = |octets: [u8; 4]| u32::from_be_bytes(octets);
    match (u16::from_be_bytes(*kind), rest) {
        (1, [h0, h1, a, b, c, d, address @ ..]) => {
            let made = DUID_EPOCH + Duration::from_secs(number([*a, *b, *c, *d]).into());
            let day: String = time(made).chars().take(10).collect();
            format!("DUID-LLT, {}, of {day}", hardware([*h0, *h1], address))
        }
        (2, [a, b, c, d, identifier @ ..]) => {
            format!(
                "DUID-EN, enterprise {}, {}",
                number([*a, *b, *c, *d]),
                colons(identifier)
            )
        }
        (3, [h0, h1, address @ ..]) => format!("DUID-LL, {}", hardware([*h0, *h1], address)),
        (4, rest) => format!("DUID-UUID, {} octets", rest.len()),
        (other, _) => format!("DUID of type {other}"),
    }
}

/// One agent of a client's way: `link 2001:db8::1, interface-id "Gi0/1"`.
pub(super) fn level(level: &Level) -> String {
    let id = level
        .interface_id
        .as_ref()
        .map(|id| match std::str::from_utf8(id) {
            Ok(text) if !text.is_empty() && text.chars().all(|it| (' '..='~').contains(&it)) => {
                format!(", interface-id {text:?}")
            }
            _ => format!(", interface-id {}", colons(id)),
        });
    format!("link {}{}", level.link, id.unwrap_or_default())
}

/// The hardware address that a client's frames come from.
pub(super) fn mac(conversation: &Conversation<'_>) -> Option<String> {
    let direct = conversation.party.path.is_empty();
    let mut said = conversation
        .messages
        .iter()
        .filter(|it| !it.from_server && direct);
    said.find_map(|it| it.packet.macs).map(|it| colons(&it.0))
}

/// Everything that a client may be called by, in lower case.
pub(super) fn names(conversation: &Conversation<'_>) -> Vec<String> {
    let party = &conversation.party;
    let duid = colons(&party.duid);
    let mut names = vec![
        party.name.to_lowercase(),
        party.address.to_string(),
        duid.replace(':', ""),
        duid,
    ];
    names.extend(mac(conversation));
    names.retain(|it| !it.is_empty());
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duid_is_said_in_words() {
        let of = |head: &[u8]| duid(&[head, &[0, 1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7]].concat());
        assert_eq!(
            of(&[0, 1]),
            "DUID-LLT, Ethernet 02:03:04:05:06:07, of 2000-01-01"
        );
        assert_eq!(duid(&[0, 3, 0, 1, 9]), "DUID-LL, Ethernet 09");
        assert_eq!(
            duid(&[0, 2, 0, 0, 0xab, 0x11, 7]),
            "DUID-EN, enterprise 43793, 07"
        );
        assert_eq!(duid(&[0, 4, 1, 2]), "DUID-UUID, 2 octets");
        assert_eq!(duid(&[0, 9, 1]), "DUID of type 9");
        assert_eq!(duid(&[0, 1, 1]), "DUID of type 1");
        assert_eq!(duid(&[0]), "1 octets, too few for a DUID");
    }

    #[test]
    fn a_time_is_said_to_the_microsecond() {
        assert_eq!(time(Duration::new(0, 1_500)), "1970-01-01T00:00:00.000001Z");
        assert_eq!(
            time(Duration::from_secs(u64::MAX)),
            "9223372036854775807 s after 1970"
        );
    }
}
