//! What our dissector sees in a message, sorted by tshark's names for the fields.

use std::collections::BTreeMap;

use crate::dissect::{self, Head, Message, Name, NtpPart, Opt, Options, Value};
use crate::ladder::hex;

/// tshark's names of the fields that are compared.
pub(super) const FIELDS: &[&str] = &[
    "dhcpv6.msgtype",
    "dhcpv6.xid",
    "dhcpv6.hopcount",
    "dhcpv6.linkaddr",
    "dhcpv6.peeraddr",
    "dhcpv6.option.type",
    "dhcpv6.option.length",
    "dhcpv6.duid.bytes",
    "dhcpv6.iaid",
    "dhcpv6.iaid.t1",
    "dhcpv6.iaid.t2",
    "dhcpv6.iaaddr.ip",
    "dhcpv6.iaaddr.pref_lifetime",
    "dhcpv6.iaaddr.valid_lifetime",
    "dhcpv6.iaprefix.pref_addr",
    "dhcpv6.iaprefix.pref_len",
    "dhcpv6.iaprefix.pref_lifetime",
    "dhcpv6.iaprefix.valid_lifetime",
    "dhcpv6.status_code",
    "dhcpv6.status_msg",
    "dhcpv6.option_preference",
    "dhcpv6.auth.protocol",
    "dhcpv6.auth.algorithm",
    "dhcpv6.auth.rdm",
    "dhcpv6.auth.replay_detection",
    "dhcpv6.interface_id",
    "dhcpv6.dns_server",
    "dhcpv6.search_list_entry",
    "dhcpv6.sip_server_a",
    "dhcpv6.sip_server_domain_search_fqdn",
    "dhcpv6.nis_server",
    "dhcpv6.nis_fqdn",
    "dhcpv6.nisp_server",
    "dhcpv6.nisp_fqdn",
    "dhcpv6.sntp_server",
    "dhcpv6.lifetime",
    "dhcpv6.bcmcs_server_a",
    "dhcpv6.bcmcs_server_fqdn",
    "dhcpv6.ntpserver.addr",
    "dhcpv6.ntpserver.mc_addr",
    "dhcpv6.ntpserver.fqdn",
    "dhcpv6.relay_port",
];

/// A value, and the option that it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// As tshark would write it.
    pub value: String,
    /// `option 3 (ia-na) › option 1 (address)`.
    pub place: String,
}

/// What is in a message, one list a field, in the order of the octets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    items: BTreeMap<&'static str, Vec<Item>>,
    /// The names and contents of all options.
    contents: Vec<(String, Vec<u8>)>,
    /// The option that is read at present.
    place: Vec<String>,
}

impl Account {
    /// What we see in these octets.
    #[must_use]
    pub fn of(octets: &[u8]) -> Self {
        let mut account = Self {
            items: FIELDS.iter().map(|field| (*field, Vec::new())).collect(),
            ..Self::default()
        };
        account.message(&dissect::message(octets));
        account
    }

    /// The lists, by field; fields that are not in the message have an empty one.
    #[must_use]
    pub fn items(&self) -> &BTreeMap<&'static str, Vec<Item>> {
        &self.items
    }

    /// Whether there is an option of that name with such a content.
    pub(super) fn holds(&self, option: &str, such: impl Fn(&[u8]) -> bool) -> bool {
        let mut contents = self.contents.iter();
        contents.any(|(name, content)| name == option && such(content))
    }

    fn add(&mut self, field: &'static str, value: impl ToString) {
        let place = match self.place.as_slice() {
            [] => "the header".to_owned(),
            place => place.join(" › "),
        };
        let value = value.to_string();
        let items = self.items.entry(field).or_default();
        items.push(Item { value, place });
    }

    fn message(&mut self, message: &Message) {
        self.add("dhcpv6.msgtype", message.message_type);
        match &message.head {
            Head::Client { xid } => self.add("dhcpv6.xid", format!("0x{xid:06x}")),
            Head::Relay { hops, link, peer } => {
                self.add("dhcpv6.hopcount", hops);
                self.add("dhcpv6.linkaddr", link);
                self.add("dhcpv6.peeraddr", peer);
            }
            Head::Cut(_) => {}
        }
        self.options(&message.options);
    }

    fn options(&mut self, options: &Options) {
        for (index, option) in options.list.iter().enumerate() {
            let name = dissect::option_name(option.code);
            self.place.push(format!("option {} ({name})", index + 1));
            self.contents.push((name, option.octets.clone()));
            self.option(option);
            self.place.pop();
        }
    }

    fn option(&mut self, option: &Opt) {
        if !SOFTWIRES.contains(&option.code) {
            self.add("dhcpv6.option.type", option.code);
            self.add("dhcpv6.option.length", option.octets.len());
        }
        match &option.value {
            Value::Duid(duid) => self.add("dhcpv6.duid.bytes", hex(duid)),
            Value::Ia { iaid, t1, t2, .. } => {
                self.add("dhcpv6.iaid", format!("{iaid:08x}"));
                self.add("dhcpv6.iaid.t1", t1);
                self.add("dhcpv6.iaid.t2", t2);
            }
            Value::Address {
                address,
                preferred,
                valid,
                ..
            } => {
                self.add("dhcpv6.iaaddr.ip", address);
                self.add("dhcpv6.iaaddr.pref_lifetime", preferred);
                self.add("dhcpv6.iaaddr.valid_lifetime", valid);
            }
            Value::Prefix {
                preferred,
                valid,
                length,
                prefix,
                ..
            } => {
                self.add("dhcpv6.iaprefix.pref_lifetime", preferred);
                self.add("dhcpv6.iaprefix.valid_lifetime", valid);
                self.add("dhcpv6.iaprefix.pref_len", length);
                self.add("dhcpv6.iaprefix.pref_addr", prefix);
            }
            Value::Status { code, text } => {
                self.add("dhcpv6.status_code", code);
                // To tshark a text ends at a NUL.
                let text = text.split('\0').next().unwrap_or_default();
                if !text.is_empty() {
                    self.add("dhcpv6.status_msg", text);
                }
            }
            Value::Authentication {
                protocol,
                algorithm,
                method,
                replay,
                ..
            } => {
                self.add("dhcpv6.auth.protocol", protocol);
                self.add("dhcpv6.auth.algorithm", algorithm);
                self.add("dhcpv6.auth.rdm", method);
                self.add("dhcpv6.auth.replay_detection", format!("{replay:016x}"));
            }
            Value::Message(message) => self.message(message),
            Value::Number(number) => {
                if let Some(field) = number_field(option.code) {
                    self.add(field, number);
                }
            }
            Value::Addresses(addresses) => {
                if let Some(field) = addresses_field(option.code) {
                    addresses.iter().for_each(|it| self.add(field, it));
                }
            }
            Value::Names(names) => {
                if let Some(field) = names_field(option.code) {
                    names.iter().for_each(|it| self.name(field, it));
                }
            }
            Value::Ntp(parts) => parts.iter().for_each(|part| self.ntp(part)),
            Value::Opaque(content) if option.code == INTERFACE_ID && !content.is_empty() => {
                self.add("dhcpv6.interface_id", hex(content));
            }
            Value::Empty
            | Value::IaTa { .. }
            | Value::Codes(_)
            | Value::Numbers(_)
            | Value::Items { .. }
            | Value::EnterpriseOptions { .. }
            | Value::EnterpriseData { .. }
            | Value::Fqdn { .. }
            | Value::Text(_)
            | Value::Options(_)
            | Value::LinkLayer { .. }
            | Value::Opaque(_)
            | Value::Malformed(_) => {}
        }
        // tshark leaves what relay agents would have answers hold (RFC 6422) closed.
        let open = option
            .value
            .options()
            .filter(|_| option.code != RELAY_SUPPLIED);
        if let Some(options) = open {
            self.options(options);
        }
    }

    /// A domain name. tshark has other fields for the root and for those of a single label.
    fn name(&mut self, field: &'static str, name: &Name) {
        if name.text.trim_end_matches('.').contains('.') {
            self.add(field, &name.text);
        }
    }

    fn ntp(&mut self, part: &NtpPart) {
        match part {
            NtpPart::Server(address) => self.add("dhcpv6.ntpserver.addr", address),
            NtpPart::Multicast(address) => self.add("dhcpv6.ntpserver.mc_addr", address),
            NtpPart::Name(name) => self.name("dhcpv6.ntpserver.fqdn", name),
            NtpPart::Unknown(..) => {}
        }
    }
}

const INTERFACE_ID: u16 = 18;
const RELAY_SUPPLIED: u16 = 66;
/// What is inside the containers of softwires (RFC 7598) is opaque to the server, and tshark does not list all of it.
pub(super) const SOFTWIRES: std::ops::RangeInclusive<u16> = 89..=93;

fn number_field(code: u16) -> Option<&'static str> {
    Some(match code {
        7 => "dhcpv6.option_preference",
        32 => "dhcpv6.lifetime",
        135 => "dhcpv6.relay_port",
        _ => return None,
    })
}

fn addresses_field(code: u16) -> Option<&'static str> {
    Some(match code {
        22 => "dhcpv6.sip_server_a",
        23 => "dhcpv6.dns_server",
        27 => "dhcpv6.nis_server",
        28 => "dhcpv6.nisp_server",
        31 => "dhcpv6.sntp_server",
        34 => "dhcpv6.bcmcs_server_a",
        _ => return None,
    })
}

fn names_field(code: u16) -> Option<&'static str> {
    Some(match code {
        21 => "dhcpv6.sip_server_domain_search_fqdn",
        24 => "dhcpv6.search_list_entry",
        29 => "dhcpv6.nis_fqdn",
        30 => "dhcpv6.nisp_fqdn",
        33 => "dhcpv6.bcmcs_server_fqdn",
        _ => return None,
    })
}
