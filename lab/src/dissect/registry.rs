//! What codes are called, and which form the content of an option has.

/// The form of an option's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Nothing.
    Empty,
    /// A DUID.
    Duid,
    /// IAID, T1, T2 and options.
    Ia,
    /// IAID and options.
    IaTa,
    /// An address, two lifetimes and options.
    IaAddress,
    /// Two lifetimes, a prefix and options.
    IaPrefix,
    /// Option codes.
    Codes,
    /// Numbers of two octets.
    Numbers,
    /// One octet.
    U8,
    /// Two octets.
    U16,
    /// Four octets.
    U32,
    /// A DHCP message.
    Message,
    /// Protocol, algorithm, method, replay detection and what belongs to the protocol.
    Authentication,
    /// A status code and text.
    Status,
    /// Items, each behind its length.
    Items,
    /// An enterprise number and items.
    EnterpriseItems,
    /// An enterprise number and options.
    EnterpriseOptions,
    /// An enterprise number and octets.
    EnterpriseData,
    /// One address.
    Address,
    /// Addresses.
    Addresses,
    /// One complete domain name.
    Name,
    /// Complete domain names.
    Names,
    /// Flags and a domain name that may be partial.
    Fqdn,
    /// One or more NTP suboptions.
    Ntp,
    /// Text.
    Text,
    /// Options.
    Options,
    /// A hardware type and an address.
    LinkLayer,
    /// Octets that mean nothing here.
    Opaque,
}

/// Code, name and form of every option that a client, a relay agent or a server like ours may send, and of
/// those that a client is likely to ask for.
const OPTIONS: &[(u16, &str, Form)] = &[
    (1, "client-id", Form::Duid),
    (2, "server-id", Form::Duid),
    (3, "ia-na", Form::Ia),
    (4, "ia-ta", Form::IaTa),
    (5, "address", Form::IaAddress),
    (6, "option-request", Form::Codes),
    (7, "preference", Form::U8),
    (8, "elapsed-time", Form::U16),
    (9, "relay-message", Form::Message),
    (11, "authentication", Form::Authentication),
    (12, "server-unicast", Form::Address),
    (13, "status-code", Form::Status),
    (14, "rapid-commit", Form::Empty),
    (15, "user-class", Form::Items),
    (16, "vendor-class", Form::EnterpriseItems),
    (17, "vendor-options", Form::EnterpriseOptions),
    (18, "interface-id", Form::Opaque),
    (19, "reconfigure-message", Form::U8),
    (20, "reconfigure-accept", Form::Empty),
    (21, "sip-server-names", Form::Names),
    (22, "sip-server-addresses", Form::Addresses),
    (23, "dns-servers", Form::Addresses),
    (24, "domain-list", Form::Names),
    (25, "ia-pd", Form::Ia),
    (26, "prefix", Form::IaPrefix),
    (27, "nis-servers", Form::Addresses),
    (28, "nisp-servers", Form::Addresses),
    (29, "nis-domain", Form::Name),
    (30, "nisp-domain", Form::Name),
    (31, "sntp-servers", Form::Addresses),
    (32, "refresh-time", Form::U32),
    (33, "bcmcs-names", Form::Names),
    (34, "bcmcs-addresses", Form::Addresses),
    (36, "civic-location", Form::Opaque),
    (37, "remote-id", Form::EnterpriseData),
    (38, "subscriber-id", Form::Opaque),
    (39, "client-fqdn", Form::Fqdn),
    (40, "pana-agents", Form::Addresses),
    (41, "posix-timezone", Form::Text),
    (42, "tzdb-timezone", Form::Text),
    (43, "echo-request", Form::Codes),
    (51, "lost-server", Form::Name),
    (52, "capwap-controllers", Form::Addresses),
    (53, "relay-id", Form::Duid),
    (56, "ntp-server", Form::Ntp),
    (57, "access-domain", Form::Name),
    (58, "sip-ua-names", Form::Names),
    (59, "boot-file", Form::Text),
    (60, "boot-parameters", Form::Items),
    (61, "client-architecture", Form::Numbers),
    (62, "network-interface", Form::Opaque),
    (64, "aftr-name", Form::Name),
    (65, "erp-domain", Form::Name),
    (66, "relay-supplied", Form::Options),
    (67, "pd-exclude", Form::Opaque),
    (68, "subnet-selection", Form::Opaque),
    (79, "link-layer-address", Form::LinkLayer),
    (80, "link-address", Form::Address),
    (81, "radius", Form::Opaque),
    (82, "sol-max-rt", Form::U32),
    (83, "inf-max-rt", Form::U32),
    (84, "address-selection", Form::Opaque),
    (86, "pcp-servers", Form::Addresses),
    (88, "dhcp4o6-servers", Form::Addresses),
    (94, "map-e", Form::Options),
    (95, "map-t", Form::Options),
    (96, "lw4over6", Form::Options),
    (103, "captive-portal", Form::Text),
    (112, "mud-url", Form::Text),
    (113, "prefix64", Form::Opaque),
    (135, "relay-port", Form::U16),
    (136, "sztp-redirect", Form::Items),
    (138, "ia-ll", Form::Ia),
    (139, "link-layer-lease", Form::Opaque),
    (143, "andsf-addresses", Form::Addresses),
    (144, "dnr", Form::Opaque),
    (148, "address-registration", Form::Empty),
];

const MESSAGES: &[(u8, &str)] = &[
    (1, "Solicit"),
    (2, "Advertise"),
    (3, "Request"),
    (4, "Confirm"),
    (5, "Renew"),
    (6, "Rebind"),
    (7, "Reply"),
    (8, "Release"),
    (9, "Decline"),
    (10, "Reconfigure"),
    (11, "Information-request"),
    (12, "Relay-forward"),
    (13, "Relay-reply"),
];

const STATUSES: &[(u16, &str)] = &[
    (0, "Success"),
    (1, "UnspecFail"),
    (2, "NoAddrsAvail"),
    (3, "NoBinding"),
    (4, "NotOnLink"),
    (5, "UseMulticast"),
    (6, "NoPrefixAvail"),
];

/// The form of an option's content.
pub(super) fn form(code: u16) -> Form {
    let known = OPTIONS.iter().find(|(it, ..)| *it == code);
    known.map_or(Form::Opaque, |(.., form)| *form)
}

/// What an option is called; its code if it has no name here.
#[must_use]
pub fn option_name(code: u16) -> String {
    let known = OPTIONS.iter().find(|(it, ..)| *it == code);
    known.map_or_else(
        || format!("option-{code}"),
        |(_, name, _)| (*name).to_owned(),
    )
}

/// The code of the option with that name.
#[must_use]
pub fn option_code(name: &str) -> Option<u16> {
    let known = OPTIONS.iter().find(|(_, it, _)| *it == name);
    known.map(|(code, ..)| *code)
}

/// What a message is called; its type if it has no name here.
#[must_use]
pub fn message_name(message_type: u8) -> String {
    let known = MESSAGES.iter().find(|(it, _)| *it == message_type);
    known.map_or_else(
        || format!("Message-{message_type}"),
        |(_, name)| (*name).to_owned(),
    )
}

/// The type of the message with that name in lower case: `information-request`.
#[must_use]
pub fn message_type(name: &str) -> Option<u8> {
    let known = MESSAGES.iter();
    let mut known = known.filter(|(_, it)| it.to_ascii_lowercase() == name);
    known.next().map(|(message_type, _)| *message_type)
}

/// The names of all messages in lower case.
pub fn message_names() -> impl Iterator<Item = String> + Clone {
    MESSAGES.iter().map(|(_, it)| it.to_ascii_lowercase())
}

/// The names of all options.
pub fn option_names() -> impl Iterator<Item = &'static str> + Clone {
    OPTIONS.iter().map(|(_, it, _)| *it)
}

/// The names of all statuses, as scenarios write them: `no-addrs-avail`.
pub fn status_names() -> impl Iterator<Item = String> + Clone {
    STATUSES.iter().map(|(_, it)| hyphened(it))
}

/// The code of the status with that name: `no-addrs-avail`.
#[must_use]
pub fn status_code(name: &str) -> Option<u16> {
    let known = STATUSES.iter().find(|(_, it)| hyphened(it) == name);
    known.map(|(code, _)| *code)
}

/// `NoAddrsAvail` as `no-addrs-avail`.
fn hyphened(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push('-');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

/// Whether a message of that type has the header of relay agents.
#[must_use]
pub fn is_relay(message_type: u8) -> bool {
    matches!(message_type, 12 | 13)
}

/// Whether options with that code may stand more than once where they stand (RFC 9915 §21, and the column "Singleton
/// Option" of IANA's registry).
#[must_use]
pub fn may_repeat(code: u16) -> bool {
    const MAY: [u16; 20] = [
        3, 4, 5, 16, 17, 25, 26, 56, 74, 86, 89, 90, 94, 98, 104, 113, 138, 139, 144, 145,
    ];
    MAY.contains(&code)
}

/// What a status is called; its number if it has no name here.
#[must_use]
pub fn status_name(status: u16) -> String {
    let known = STATUSES.iter().find(|(it, _)| *it == status);
    known.map_or_else(
        || format!("status-{status}"),
        |(_, name)| (*name).to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_stand_twice_is_what_the_rfc_says() {
        // RFC 9915 §21, and RFC 5908 §4 and RFC 6334 beyond it.
        assert!([3, 5, 16, 17, 25, 26, 56].into_iter().all(may_repeat));
        assert!(![1, 2, 6, 7, 8, 9, 14, 37, 64].into_iter().any(may_repeat));
    }

    #[test]
    fn no_code_and_no_name_stands_twice() {
        for (index, (code, name, _)) in OPTIONS.iter().enumerate() {
            let earlier = &OPTIONS[..index];
            assert!(
                earlier.iter().all(|it| it.0 < *code && it.1 != *name),
                "{code} {name}"
            );
        }
    }
}
