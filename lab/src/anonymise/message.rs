//! A message with other names in it: the same options, lengths and order.

use super::mapping::Mapping;
use crate::dissect::{Head, Message, Opt, Options, Value};

/// Option codes above are not assigned: what stands there may be anything.
const ASSIGNED_MAX: u16 = 255;
const OPTION_NETWORK_INTERFACE: u16 = 62;
const ETHERNET: u16 = 1;

/// The octets of a message.
pub(super) fn message(tree: &Message, mapping: &mut Mapping) -> Vec<u8> {
    let mut octets = Vec::new();
    match &tree.head {
        Head::Client { xid } => {
            octets.push(tree.message_type);
            let [_, xid @ ..] = xid.to_be_bytes();
            octets.extend(xid);
        }
        Head::Relay { hops, link, peer } => {
            octets.extend([tree.message_type, *hops]);
            octets.extend(mapping.address(*link).octets());
            octets.extend(mapping.address(*peer).octets());
        }
        // The type stays, so that it is cut short as it was.
        Head::Cut(cut) => {
            let (first, rest) = cut.split_at(cut.len().min(1));
            octets.extend(first);
            octets.extend(mapping.unreadable(rest));
        }
    }
    octets.extend(options(&tree.options, mapping));
    octets
}

fn options(options: &Options, mapping: &mut Mapping) -> Vec<u8> {
    let mut octets = Vec::new();
    for option in &options.list {
        let content = content(option, mapping);
        octets.extend(option.code.to_be_bytes());
        // As long as it was, and that fitted.
        octets.extend(
            u16::try_from(content.len())
                .unwrap_or(u16::MAX)
                .to_be_bytes(),
        );
        octets.extend(content);
    }
    octets.extend(mapping.unreadable(&options.rest));
    octets
}

/// So many octets at the beginning of a content that name nobody.
fn start(option: &Opt, len: usize) -> Vec<u8> {
    option.octets.iter().take(len).copied().collect()
}

/// The octets between two places of a content.
fn between(option: &Opt, from: usize, to: usize) -> Vec<u8> {
    option.octets.get(from..to).unwrap_or_default().to_vec()
}

fn content(option: &Opt, mapping: &mut Mapping) -> Vec<u8> {
    match &option.value {
        Value::Empty => Vec::new(),
        Value::Duid(duid) => mapping.duid(duid),
        Value::Ia {
            iaid,
            options: inside,
            ..
        } => {
            let mut octets = mapping.iaid(*iaid).to_be_bytes().to_vec();
            octets.extend(between(option, 4, 12));
            octets.extend(options(inside, mapping));
            octets
        }
        Value::IaTa {
            iaid,
            options: inside,
        } => {
            let mut octets = mapping.iaid(*iaid).to_be_bytes().to_vec();
            octets.extend(options(inside, mapping));
            octets
        }
        Value::Address {
            address,
            options: inside,
            ..
        } => {
            let mut octets = mapping.address(*address).octets().to_vec();
            octets.extend(between(option, 16, 24));
            octets.extend(options(inside, mapping));
            octets
        }
        Value::Prefix {
            length,
            prefix,
            options: inside,
            ..
        } => {
            let mut octets = start(option, 9);
            octets.extend(mapping.prefix(*prefix, *length).octets());
            octets.extend(options(inside, mapping));
            octets
        }
        Value::Codes(codes) => codes.iter().flat_map(|it| code(*it, mapping)).collect(),
        Value::Numbers(_) | Value::Number(_) => option.octets.clone(),
        Value::Message(inner) => message(inner, mapping),
        Value::Authentication { information, .. } => {
            // Counters that go by the clock would tell the time.
            let mut octets = start(option, 3);
            octets.extend(mapping.octets(&between(option, 3, 11)));
            octets.extend(mapping.octets(information));
            octets
        }
        Value::Status { text, .. } => {
            let mut octets = start(option, 2);
            octets.extend(mapping.text(text));
            octets
        }
        Value::Items { enterprise, items } => {
            let mut octets = start(option, if enterprise.is_some() { 4 } else { 0 });
            for item in items {
                octets.extend(u16::try_from(item.len()).unwrap_or(u16::MAX).to_be_bytes());
                octets.extend(mapping.opaque(item));
            }
            octets
        }
        Value::EnterpriseOptions { options, .. } => {
            let mut octets = start(option, 4);
            for (code, content) in options {
                octets.extend(code.to_be_bytes());
                octets.extend(
                    u16::try_from(content.len())
                        .unwrap_or(u16::MAX)
                        .to_be_bytes(),
                );
                octets.extend(mapping.opaque(content));
            }
            octets
        }
        Value::EnterpriseData { data, .. } => {
            let mut octets = start(option, 4);
            octets.extend(mapping.opaque(data));
            octets
        }
        Value::Addresses(addresses) => addresses
            .iter()
            .flat_map(|it| mapping.address(*it).octets())
            .collect(),
        Value::Names(_) => names(&option.octets, mapping),
        Value::Fqdn { .. } => {
            let mut octets = start(option, 1);
            octets.extend(names(option.octets.get(1..).unwrap_or_default(), mapping));
            octets
        }
        Value::Ntp(_) => ntp(&option.octets, mapping),
        Value::Text(text) => mapping.text(text),
        Value::Options(inside) => options(inside, mapping),
        Value::LinkLayer { hardware, address } => {
            let mut octets = start(option, 2);
            octets.extend(mapping.hardware(*hardware == ETHERNET, address));
            octets
        }
        Value::Opaque(octets) if option.code == OPTION_NETWORK_INTERFACE => octets.clone(),
        Value::Opaque(octets) => mapping.opaque(octets),
        Value::Malformed(octets) => mapping.unreadable(octets),
    }
}

/// A code that is asked for.
fn code(code: u16, mapping: &mut Mapping) -> [u8; 2] {
    let octets = code.to_be_bytes();
    if code <= ASSIGNED_MAX {
        return octets;
    }
    let mapped = mapping.octets(&octets);
    <[u8; 2]>::try_from(mapped).unwrap_or(octets)
}

/// Domain names on the wire (RFC 9915 §10), complete or not.
fn names(octets: &[u8], mapping: &mut Mapping) -> Vec<u8> {
    let mut mapped = Vec::with_capacity(octets.len());
    let mut rest = octets;
    while let Some((len, behind)) = rest.split_first() {
        // It was parsed before, so the lengths fit.
        let (label, behind) = behind.split_at(usize::from(*len).min(behind.len()));
        mapped.push(*len);
        if !label.is_empty() {
            let last = behind.first().is_none_or(|it| *it == 0);
            let alone = mapped.len() == 1 || rest.len() == octets.len();
            mapped.extend(mapping.label(label, last && !alone));
        }
        rest = behind;
    }
    mapped
}

/// Time servers (RFC 5908 §4).
fn ntp(octets: &[u8], mapping: &mut Mapping) -> Vec<u8> {
    let mut mapped = Vec::with_capacity(octets.len());
    let mut rest = octets;
    while let Some((header, behind)) = rest.split_first_chunk::<4>() {
        let [c0, c1, l0, l1] = *header;
        let len = usize::from(u16::from_be_bytes([l0, l1]));
        let (content, behind) = behind.split_at(len.min(behind.len()));
        mapped.extend(header);
        let address = <[u8; 16]>::try_from(content).map(std::net::Ipv6Addr::from);
        mapped.extend(match (u16::from_be_bytes([c0, c1]), address) {
            (1 | 2, Ok(address)) => mapping.address(address).octets().to_vec(),
            (3, _) => names(content, mapping),
            _ => mapping.opaque(content),
        });
        rest = behind;
    }
    mapped
}
