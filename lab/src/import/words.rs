//! How values are written in configurations and scenarios.

use std::net::Ipv6Addr;

use crate::dissect::Name;

/// Octets in hexadecimal.
pub(super) fn hex(octets: &[u8], separator: &str) -> String {
    let octets: Vec<String> = octets.iter().map(|it| format!("{it:02x}")).collect();
    octets.join(separator)
}

/// A lifetime.
pub(super) fn seconds(secs: u32) -> String {
    match secs {
        u32::MAX => "infinity".to_owned(),
        _ => secs.to_string(),
    }
}

/// Addresses, each once, with blanks between.
pub(super) fn list(addresses: &[Ipv6Addr]) -> String {
    let texts = addresses.iter().map(ToString::to_string).collect();
    without_repeats(texts).join(" ")
}

/// The first of each.
pub(super) fn without_repeats(lines: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for line in lines {
        if !kept.iter().any(|it| it.eq_ignore_ascii_case(&line)) {
            kept.push(line);
        }
    }
    kept
}

/// A domain name as the configuration has it; `None` for one that it cannot say.
pub(super) fn domain(name: &Name) -> Option<String> {
    let text = name.text.strip_suffix('.')?;
    let plain = !text.contains(['\\', '"']) && name.complete;
    plain.then(|| text.to_lowercase())
}

/// Whether an address can be given to a client: one that is global or unique local.
pub(super) fn is_leasable(address: Ipv6Addr) -> bool {
    !address.is_unspecified()
        && !address.is_loopback()
        && !address.is_multicast()
        && !address.is_unicast_link_local()
}
