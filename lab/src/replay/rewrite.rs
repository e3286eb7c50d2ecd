//! What a client says differently because it talks to another server than the recorded one: whom it names, and
//! what it has been given. Everything else stays octet for octet.

use std::net::Ipv6Addr;

use crate::dissect::{self, Head, Message};
use crate::scenario::Block;

const REQUEST: u8 = 3;
const CONFIRM: u8 = 4;
const RENEW: u8 = 5;
const REBIND: u8 = 6;
const RELEASE: u8 = 8;
const DECLINE: u8 = 9;

const SERVER_ID: u16 = 2;
const IA_NA: u16 = 3;
const IA_TA: u16 = 4;
const ADDRESS: u16 = 5;
const RELAY_MESSAGE: u16 = 9;
const IA_PD: u16 = 25;
const PREFIX: u16 = 26;

/// Octets ahead of the options: of a message, of a relay message, and in an IA with and without T1 and T2.
const HEADER_LEN: usize = 4;
const RELAY_HEADER_LEN: usize = 34;
const IA_HEADER_LEN: usize = 12;
const IA_TA_HEADER_LEN: usize = 4;

/// One value that was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrite {
    /// The number of the packet in the capture.
    pub number: usize,
    /// Where in it: `server-id`, `ia-na 1 > address`, `destination`.
    pub place: String,
    /// The recorded value.
    pub from: String,
    /// What was sent in its place.
    pub to: String,
}

/// What has to follow the live server.
pub(super) struct Follow<'a> {
    /// The DUID to name in the place of a recorded one.
    pub(super) server_id: &'a dyn Fn(&[u8]) -> Option<Vec<u8>>,
    /// The lease to name in the place of a recorded one.
    pub(super) lease: &'a dyn Fn(Block) -> Option<Block>,
}

/// The octets to send in the place of recorded ones, and what was changed: place, from, to. A message that
/// cannot be read to its end stays as it is.
pub(super) fn follow(
    octets: &[u8],
    follow: &Follow<'_>,
) -> (Vec<u8>, Vec<(String, String, String)>) {
    let tree = dissect::message(octets);
    let whole = |it: &Message| it.options.rest.is_empty() && !matches!(it.head, Head::Cut(_));
    if !tree.levels().all(whole) {
        return (octets.to_vec(), Vec::new());
    }
    let mut writer = Writer {
        follow,
        changes: Vec::new(),
    };
    let written = writer.message(octets);
    (written, writer.changes)
}

/// The same octets with another message at the core; the relay levels around it stay.
pub(super) fn with_core(octets: &[u8], core: &[u8]) -> Vec<u8> {
    let relayed = octets.first().copied().is_some_and(dissect::is_relay);
    let split = octets.split_at_checked(RELAY_HEADER_LEN);
    let Some((head, options)) = split.filter(|_| relayed) else {
        return core.to_vec();
    };
    let mut written = head.to_vec();
    let mut opened = false;
    each(options, &mut written, |code, content| match code {
        // Of several only the first is the message (RFC 9915 §19.3).
        RELAY_MESSAGE if !std::mem::replace(&mut opened, true) => with_core(content, core),
        _ => content.to_vec(),
    });
    written
}

struct Writer<'a> {
    follow: &'a Follow<'a>,
    changes: Vec<(String, String, String)>,
}

impl Writer<'_> {
    fn message(&mut self, octets: &[u8]) -> Vec<u8> {
        let message_type = octets.first().copied().unwrap_or_default();
        let relayed = dissect::is_relay(message_type);
        let header = if relayed {
            RELAY_HEADER_LEN
        } else {
            HEADER_LEN
        };
        let Some((head, options)) = octets.split_at_checked(header) else {
            return octets.to_vec();
        };
        let names_leases = [REQUEST, CONFIRM, RENEW, REBIND, RELEASE, DECLINE];
        let names_leases = names_leases.contains(&message_type);
        let mut written = head.to_vec();
        let mut opened = false;
        each(options, &mut written, |code, content| match code {
            // Of several only the first is the message (RFC 9915 §19.3).
            RELAY_MESSAGE if relayed && !std::mem::replace(&mut opened, true) => {
                self.message(content)
            }
            SERVER_ID if !relayed => self.server_id(content),
            IA_NA | IA_TA | IA_PD if names_leases => self.ia(code, content),
            _ => content.to_vec(),
        });
        written
    }

    fn server_id(&mut self, duid: &[u8]) -> Vec<u8> {
        match (self.follow.server_id)(duid).filter(|it| it != duid) {
            Some(other) => {
                let change = ("server-id".to_owned(), hex(duid), hex(&other));
                self.changes.push(change);
                other
            }
            None => duid.to_vec(),
        }
    }

    fn ia(&mut self, code: u16, content: &[u8]) -> Vec<u8> {
        let header = match code {
            IA_TA => IA_TA_HEADER_LEN,
            _ => IA_HEADER_LEN,
        };
        let (Some((head, options)), Some(iaid)) =
            (content.split_at_checked(header), content.first_chunk())
        else {
            return content.to_vec();
        };
        let ia = format!(
            "{} {}",
            dissect::option_name(code),
            u32::from_be_bytes(*iaid)
        );
        let mut written = head.to_vec();
        each(options, &mut written, |code, content| {
            let Some((from, at)) = listed(code, content) else {
                return content.to_vec();
            };
            let mut content = content.to_vec();
            if let Some(to) = (self.follow.lease)(from).filter(|it| *it != from)
                && let Some(field) = content.get_mut(at..at + 16)
            {
                field.copy_from_slice(&to.address.octets());
                // The length of a prefix stands ahead of it.
                if let (Some(length), Some(before)) = (to.length, at.checked_sub(1)) {
                    content[before] = length;
                }
                let place = format!("{ia} > {}", dissect::option_name(code));
                self.changes.push((place, from.to_string(), to.to_string()));
            }
            content
        });
        written
    }
}

/// The lease that an option in an IA lists, and where its address begins.
fn listed(code: u16, content: &[u8]) -> Option<(Block, usize)> {
    const PREFIX_AT: usize = 9;
    let (at, length) = match code {
        ADDRESS => (0, None),
        PREFIX => (PREFIX_AT, Some(*content.get(PREFIX_AT - 1)?)),
        _ => return None,
    };
    let address = content.get(at..)?.first_chunk::<16>()?;
    let address = Ipv6Addr::from(*address);
    Some((Block { address, length }, at))
}

/// Copies options, each with the content that comes of its own; what is no option is copied as it is.
fn each(mut octets: &[u8], out: &mut Vec<u8>, mut content: impl FnMut(u16, &[u8]) -> Vec<u8>) {
    while let Some((&[a, b, c, d], rest)) = octets.split_first_chunk::<4>() {
        let length = usize::from(u16::from_be_bytes([c, d]));
        let Some((inside, rest)) = rest.split_at_checked(length) else {
            break;
        };
        let inside = content(u16::from_be_bytes([a, b]), inside);
        out.extend([a, b]);
        out.extend(
            u16::try_from(inside.len())
                .unwrap_or(u16::MAX)
                .to_be_bytes(),
        );
        out.extend(inside);
        octets = rest;
    }
    out.extend(octets);
}

/// Octets with colons.
pub(super) fn hex(octets: &[u8]) -> String {
    let octets: Vec<String> = octets.iter().map(|it| format!("{it:02x}")).collect();
    octets.join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: [u8; 4] = [0, 3, 9, 9];
    const NEW: [u8; 6] = [0, 3, 1, 2, 3, 4];

    fn block(text: &str) -> Block {
        text.parse().expect("a block")
    }

    fn followed(octets: &[u8]) -> (Vec<u8>, Vec<(String, String, String)>) {
        let given = |from: Block| match from.length {
            None => Some(block("2001:db8::77")),
            Some(_) => Some(block("2001:db8:7700::/40")),
        };
        let rules = Follow {
            server_id: &|duid| (duid == OLD).then(|| NEW.to_vec()),
            lease: &given,
        };
        follow(octets, &rules)
    }

    fn option(code: u8, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).expect("short");
        [&[0, code, 0, length], content].concat()
    }

    /// A message of that type with a Server Identifier, an IA_NA and an IA_PD that list a lease, and what else.
    fn message(message_type: u8, server: &[u8], na: &str, pd: &str, rest: &[u8]) -> Vec<u8> {
        let (na, pd) = (block(na), block(pd));
        let address = [na.address.octets().as_slice(), &[1; 8]].concat();
        let prefix = [
            &[1; 8][..],
            &[pd.length.expect("one")],
            &pd.address.octets(),
        ]
        .concat();
        let na = [&[0; 12][..], &option(5, &address), &option(13, &[0, 0])].concat();
        let pd = [&[0; 12][..], &option(26, &prefix)].concat();
        let parts = [
            &[message_type, 1, 2, 3][..],
            &option(8, &[0, 9]),
            &option(2, server),
            &option(3, &na),
            &option(25, &pd),
            rest,
        ];
        parts.concat()
    }

    fn recorded(message_type: u8) -> Vec<u8> {
        message(message_type, &OLD, "2001:db8::5", "2001:db8:500::/48", &[])
    }

    #[test]
    fn the_server_and_the_leases_follow_and_nothing_else_changes() {
        for message_type in [3, 4, 5, 6, 8, 9] {
            let (octets, changes) = followed(&recorded(message_type));
            let new = message(
                message_type,
                &NEW,
                "2001:db8::77",
                "2001:db8:7700::/40",
                &[],
            );
            assert_eq!(octets, new);
            let places: Vec<&str> = changes.iter().map(|it| it.0.as_str()).collect();
            assert_eq!(
                places,
                ["server-id", "ia-na 0 > address", "ia-pd 0 > prefix"]
            );
            assert_eq!(
                (changes[0].1.as_str(), changes[1].2.as_str()),
                ("00:03:09:09", "2001:db8::77")
            );
        }
    }

    #[test]
    fn what_a_client_wishes_for_in_a_solicit_stays() {
        let (octets, changes) = followed(&recorded(1));
        assert_eq!(
            octets,
            message(1, &NEW, "2001:db8::5", "2001:db8:500::/48", &[])
        );
        assert_eq!(changes.len(), 1);
    }

    #[test]
    fn relay_levels_grow_with_the_message_in_them() {
        let wrap = |inner: &[u8]| {
            [
                &[12, 0][..],
                &[7; 32],
                &option(18, b"x"),
                &option(9, inner),
                &option(9, &OLD),
            ]
            .concat()
        };
        let (octets, changes) = followed(&wrap(&wrap(&recorded(5))));
        let new = message(5, &NEW, "2001:db8::77", "2001:db8:7700::/40", &[]);
        assert_eq!(octets, wrap(&wrap(&new)));
        assert_eq!(changes.len(), 3);
    }

    #[test]
    fn another_message_takes_the_place_of_the_one_at_the_core() {
        let wrap =
            |inner: &[u8]| [&[12, 0][..], &[7; 32], &option(18, b"x"), &option(9, inner)].concat();
        let relayed = wrap(&wrap(&recorded(5)));
        assert_eq!(
            with_core(&relayed, &[8, 0, 0, 1]),
            wrap(&wrap(&[8, 0, 0, 1]))
        );
        assert_eq!(with_core(&recorded(5), &[8, 0, 0, 1]), [8, 0, 0, 1]);
    }

    #[test]
    fn a_server_and_leases_that_need_not_follow_stay() {
        let other = message(5, &[0, 3, 8, 8], "2001:db8::77", "2001:db8:7700::/40", &[]);
        assert_eq!(followed(&other), (other.clone(), Vec::new()));
    }

    #[test]
    fn a_malformed_message_stays_as_it_is() {
        let mut octets = recorded(5);
        octets.push(0);
        assert_eq!(followed(&octets), (octets.clone(), Vec::new()));
        for end in 0..octets.len() {
            // Whatever is cut off, nothing panics, and what was not read to its end stays.
            let cut = &octets[..end];
            let (written, changes) = followed(cut);
            assert!(!changes.is_empty() || written == cut);
        }
    }

    #[test]
    fn options_that_are_too_short_to_hold_a_lease_stay() {
        let short = [
            &[5, 0, 0, 1][..],
            &option(3, &[1; 3]),
            &option(25, &[0; 12]),
        ]
        .concat();
        let ia = [&[0; 12][..], &option(5, &[1; 3]), &option(26, &[1; 8])].concat();
        let short = [short, option(3, &ia)].concat();
        assert_eq!(followed(&short), (short.clone(), Vec::new()));
    }
}
