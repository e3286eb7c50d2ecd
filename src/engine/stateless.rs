//! The configured options that accompany an answer (RFC 9915 §18.3.9, §21.7).

use super::admit::Query;
use crate::config::Options;
use crate::wire::{DomainName, OptionCode, Writer};
use std::net::Ipv6Addr;

/// The configured options in wire form, encoded once, in the order of the original server.
#[derive(Debug)]
pub(super) struct Stateless {
    options: Vec<Encoded>,
    refresh_time: Option<Vec<u8>>,
}

#[derive(Debug)]
struct Encoded {
    code: OptionCode,
    /// Sent to a client without an Option Request option too.
    unasked: bool,
    octets: Vec<u8>,
}

impl Stateless {
    pub(super) fn new(config: &Options) -> Self {
        let mut options = Vec::new();
        let mut add = |code, unasked, value: Vec<u8>| {
            if !value.is_empty() {
                options.push(Encoded {
                    code,
                    unasked,
                    octets: encode(code, &value),
                });
            }
        };
        add(OptionCode::SIP_SERVER_NAMES, true, names(&config.sip_names));
        add(
            OptionCode::SIP_SERVER_ADDRESSES,
            true,
            addresses(&config.sip_addresses),
        );
        add(
            OptionCode::DNS_SERVERS,
            true,
            addresses(&config.dns_servers),
        );
        add(OptionCode::DOMAIN_LIST, true, names(&config.domain_list));
        add(
            OptionCode::NIS_SERVERS,
            true,
            addresses(&config.nis_servers),
        );
        add(
            OptionCode::NISP_SERVERS,
            true,
            addresses(&config.nisp_servers),
        );
        add(OptionCode::NIS_DOMAIN, true, names(&config.nis_domains));
        add(OptionCode::NISP_DOMAIN, true, names(&config.nisp_domains));
        add(
            OptionCode::SNTP_SERVERS,
            true,
            addresses(&config.ntp_servers),
        );
        add(OptionCode::BCMCS_NAMES, true, names(&config.bcmcs_names));
        add(
            OptionCode::BCMCS_ADDRESSES,
            true,
            addresses(&config.bcmcs_addresses),
        );
        // The successor of option 31 holds one server each (RFC 5908 §4). Clients that know it ask for it.
        for server in &config.ntp_servers {
            let address = encode(OptionCode(1), &server.octets());
            add(OptionCode::NTP_SERVER, false, address);
        }
        let refresh_time = config
            .refresh_time_secs
            .map(|secs| encode(OptionCode::REFRESH_TIME, &secs.to_be_bytes()));
        Self {
            options,
            refresh_time,
        }
    }

    /// Writes the options that the client asks for, or all of them if it has no Option Request option.
    pub(super) fn write(&self, query: &Query<'_>, writer: &mut Writer<'_>) {
        for option in &self.options {
            let wanted = match query.requests(option.code) {
                Some(asked) => asked || self.stands_in(query, option.code),
                None => option.unasked,
            };
            if wanted {
                writer.encoded(&option.octets);
            }
        }
    }

    /// Writes the refresh time if the client wants it; only Replies to Information-requests have it
    /// (RFC 9915 §21.23).
    pub(super) fn write_refresh_time(&self, query: &Query<'_>, writer: &mut Writer<'_>) {
        if let Some(octets) = self.refresh_time.as_deref()
            && query.wants(OptionCode::REFRESH_TIME)
        {
            writer.encoded(octets);
        }
    }

    /// Whether a client that asks for one kind of BCMCS list gets this one instead, because it is the only
    /// one that is configured (RFC 4280 §4.6).
    fn stands_in(&self, query: &Query<'_>, code: OptionCode) -> bool {
        let other = match code {
            OptionCode::BCMCS_NAMES => OptionCode::BCMCS_ADDRESSES,
            OptionCode::BCMCS_ADDRESSES => OptionCode::BCMCS_NAMES,
            _ => return false,
        };
        query.requests(other) == Some(true) && self.options.iter().all(|it| it.code != other)
    }
}

/// An option in wire form. What is longer than an option can be was refused with the configuration.
fn encode(code: OptionCode, value: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(4 + value.len());
    octets.extend_from_slice(&code.0.to_be_bytes());
    octets.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
    octets.extend_from_slice(value);
    octets
}

fn addresses(addresses: &[Ipv6Addr]) -> Vec<u8> {
    addresses.iter().flat_map(Ipv6Addr::octets).collect()
}

fn names(names: &[DomainName]) -> Vec<u8> {
    names
        .iter()
        .flat_map(|name| name.as_bytes())
        .copied()
        .collect()
}
