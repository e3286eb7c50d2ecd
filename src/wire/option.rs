//! The option iterator, and typed views of the options that a server reads.

use super::{Error, OptionCode, StatusCode};
use std::net::Ipv6Addr;

/// A run of options that is known to tile its octets exactly (RFC 9915 §21.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Options<'a> {
    octets: &'a [u8],
}

/// One option as it stands in the message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RawOption<'a> {
    /// Its code.
    pub code: OptionCode,
    /// Its octets, without code and length.
    pub value: &'a [u8],
}

impl<'a> Options<'a> {
    /// Checks that code, length and value follow each other up to the last octet.
    ///
    /// # Errors
    /// A length runs past the end, or 1 to 3 octets are left over.
    pub fn read(octets: &'a [u8]) -> Result<Self, Error> {
        let mut rest = octets;
        while !rest.is_empty() {
            (_, rest) = split(rest).ok_or(Error::Misfit)?;
        }
        Ok(Self { octets })
    }

    /// The options in the order in which they stand.
    #[must_use]
    pub fn iter(&self) -> OptionList<'a> {
        OptionList { rest: self.octets }
    }

    /// All options of that code.
    pub fn all(&self, code: OptionCode) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.iter()
            .filter(move |option| option.code == code)
            .map(|option| option.value)
    }

    /// The value of the first option of that code. Further ones of an option that may stand only once are
    /// neither merged nor looked at (RFC 9915 §21).
    #[must_use]
    pub fn first(&self, code: OptionCode) -> Option<&'a [u8]> {
        self.all(code).next()
    }

    /// Whether there is an option of that code, of whatever length.
    #[must_use]
    pub fn has(&self, code: OptionCode) -> bool {
        self.first(code).is_some()
    }
}

/// Walks over options.
#[derive(Clone, Debug)]
pub struct OptionList<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for OptionList<'a> {
    type Item = RawOption<'a>;

    fn next(&mut self) -> Option<RawOption<'a>> {
        let (option, rest) = split(self.rest)?;
        self.rest = rest;
        Some(option)
    }
}

/// The option at the front, and what follows it.
fn split(octets: &[u8]) -> Option<(RawOption<'_>, &[u8])> {
    let (&[code_high, code_low, len_high, len_low], rest) = octets.split_first_chunk::<4>()?;
    let len = u16::from_be_bytes([len_high, len_low]);
    let (value, rest) = rest.split_at_checked(usize::from(len))?;
    let code = OptionCode(u16::from_be_bytes([code_high, code_low]));
    Some((RawOption { code, value }, rest))
}

/// An IA_NA or IA_PD option (RFC 9915 §21.4, §21.21): both have one format.
#[derive(Clone, Copy, Debug)]
pub struct Ia<'a> {
    /// The client's number for this IA.
    pub iaid: u32,
    /// When to renew, in seconds.
    pub t1: u32,
    /// When to rebind, in seconds.
    pub t2: u32,
    /// Addresses or prefixes, and a status.
    pub options: Options<'a>,
}

impl<'a> Ia<'a> {
    /// Reads the value of an IA_NA or IA_PD option.
    ///
    /// # Errors
    /// Fewer than 12 octets, or options that do not tile.
    pub fn read(value: &'a [u8]) -> Result<Self, Error> {
        let (iaid, rest) = number(value)?;
        let (t1, rest) = number(rest)?;
        let (t2, rest) = number(rest)?;
        Ok(Self {
            iaid,
            t1,
            t2,
            options: Options::read(rest)?,
        })
    }
}

/// An IA Address option (RFC 9915 §21.6).
#[derive(Clone, Copy, Debug)]
pub struct IaAddress<'a> {
    /// The address.
    pub address: Ipv6Addr,
    /// Preferred lifetime in seconds.
    pub preferred_secs: u32,
    /// Valid lifetime in seconds.
    pub valid_secs: u32,
    /// Options inside it.
    pub options: Options<'a>,
}

impl<'a> IaAddress<'a> {
    /// Reads the value of an IA Address option.
    ///
    /// # Errors
    /// Fewer than 24 octets, or options that do not tile.
    pub fn read(value: &'a [u8]) -> Result<Self, Error> {
        let (&address, rest) = value.split_first_chunk::<16>().ok_or(Error::Short)?;
        let (preferred_secs, rest) = number(rest)?;
        let (valid_secs, rest) = number(rest)?;
        Ok(Self {
            address: Ipv6Addr::from_octets(address),
            preferred_secs,
            valid_secs,
            options: Options::read(rest)?,
        })
    }
}

/// An IA Prefix option (RFC 9915 §21.22).
#[derive(Clone, Copy, Debug)]
pub struct IaPrefix<'a> {
    /// Preferred lifetime in seconds.
    pub preferred_secs: u32,
    /// Valid lifetime in seconds.
    pub valid_secs: u32,
    /// The length of the prefix, 0 to 128.
    pub length: u8,
    /// The prefix; bits beyond the length are as received.
    pub prefix: Ipv6Addr,
    /// Options inside it.
    pub options: Options<'a>,
}

impl<'a> IaPrefix<'a> {
    /// Reads the value of an IA Prefix option.
    ///
    /// # Errors
    /// Fewer than 25 octets, a prefix length over 128, or options that do not tile.
    pub fn read(value: &'a [u8]) -> Result<Self, Error> {
        let (preferred_secs, rest) = number(value)?;
        let (valid_secs, rest) = number(rest)?;
        let (&length, rest) = rest.split_first().ok_or(Error::Short)?;
        let (&prefix, rest) = rest.split_first_chunk::<16>().ok_or(Error::Short)?;
        if length > 128 {
            return Err(Error::Range);
        }
        Ok(Self {
            preferred_secs,
            valid_secs,
            length,
            prefix: Ipv6Addr::from_octets(prefix),
            options: Options::read(rest)?,
        })
    }
}

/// A Status Code option (RFC 9915 §21.13).
#[derive(Clone, Copy, Debug)]
pub struct Status<'a> {
    /// The code.
    pub code: StatusCode,
    /// The text for people: UTF-8 as sent, without a NUL; may be empty.
    pub text: &'a [u8],
}

impl<'a> Status<'a> {
    /// Reads the value of a Status Code option.
    ///
    /// # Errors
    /// Fewer than 2 octets.
    pub fn read(value: &'a [u8]) -> Result<Self, Error> {
        let (&code, text) = value.split_first_chunk::<2>().ok_or(Error::Short)?;
        Ok(Self {
            code: StatusCode(u16::from_be_bytes(code)),
            text,
        })
    }
}

/// An Authentication option (RFC 9915 §21.11).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Authentication<'a> {
    /// The protocol.
    pub protocol: u8,
    /// The algorithm, whose meaning depends on the protocol.
    pub algorithm: u8,
    /// The replay detection method.
    pub method: u8,
    /// The value of the replay detection field.
    pub replay: u64,
    /// What the protocol makes of the rest; may be empty.
    pub information: &'a [u8],
}

impl<'a> Authentication<'a> {
    /// Delayed authentication, a protocol that RFC 9915 has no longer (RFC 3315 §21.4).
    pub const DELAYED: u8 = 2;
    /// The only algorithm of delayed authentication.
    pub const HMAC_MD5: u8 = 1;
    /// The replay detection method of a counter that only grows.
    pub const MONOTONIC: u8 = 0;
    /// Octets of the MAC of delayed authentication.
    pub const MAC_LEN: usize = 16;

    /// Reads the value of an Authentication option.
    ///
    /// # Errors
    /// Fewer than 11 octets.
    pub fn read(value: &'a [u8]) -> Result<Self, Error> {
        let (&[protocol, algorithm, method], rest) =
            value.split_first_chunk::<3>().ok_or(Error::Short)?;
        let (&replay, information) = rest.split_first_chunk::<8>().ok_or(Error::Short)?;
        Ok(Self {
            protocol,
            algorithm,
            method,
            replay: u64::from_be_bytes(replay),
            information,
        })
    }
}

/// The authentication information of delayed authentication (RFC 3315 §21.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DelayedInformation<'a> {
    /// The DHCP realm.
    pub realm: &'a [u8],
    /// The number of the key in that realm.
    pub key_id: u32,
    /// The MAC.
    pub mac: &'a [u8; Authentication::MAC_LEN],
}

impl<'a> DelayedInformation<'a> {
    /// Reads the information of an Authentication option of that protocol.
    ///
    /// # Errors
    /// Fewer than 20 octets.
    pub fn read(information: &'a [u8]) -> Result<Self, Error> {
        let (rest, mac) = information.split_last_chunk().ok_or(Error::Short)?;
        let (realm, &key_id) = rest.split_last_chunk::<4>().ok_or(Error::Short)?;
        Ok(Self {
            realm,
            key_id: u32::from_be_bytes(key_id),
            mac,
        })
    }
}

/// The codes that an Option Request or Echo Request option lists; `None` if its length is odd, in which
/// case the option counts as absent.
pub(crate) fn requested(value: &[u8]) -> Option<impl Iterator<Item = OptionCode> + Clone> {
    let (pairs, []) = value.as_chunks::<2>() else {
        return None;
    };
    Some(
        pairs
            .iter()
            .map(|&pair| OptionCode(u16::from_be_bytes(pair))),
    )
}

fn number(octets: &[u8]) -> Result<(u32, &[u8]), Error> {
    let (&number, rest) = octets.split_first_chunk::<4>().ok_or(Error::Short)?;
    Ok((u32::from_be_bytes(number), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_option_that_runs_past_the_end_makes_all_unreadable() {
        let good = [0, 8, 0, 2, 0, 0, 0, 14, 0, 0];
        assert_eq!(Options::read(&good).expect("options").iter().count(), 2);
        for len in [1, 2, 3, 4, 5, 7, 8, 9] {
            assert_eq!(Options::read(&good[..len]), Err(Error::Misfit), "{len}");
        }
    }

    #[test]
    fn a_prefix_longer_than_128_bits_is_refused() {
        let mut value = [0; 25];
        value[8] = 128;
        assert!(IaPrefix::read(&value).is_ok());
        value[8] = 129;
        assert_eq!(IaPrefix::read(&value).err(), Some(Error::Range));
        assert_eq!(IaPrefix::read(&value[..24]).err(), Some(Error::Short));
    }

    #[test]
    fn an_authentication_ends_in_key_id_and_mac_whatever_the_realm() {
        let mac: [u8; 16] = *b"0123456789abcdef";
        for realm in [&b""[..], b"home.example"] {
            let head = [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 5];
            let value = [&head[..], realm, &[0, 0, 1, 0], &mac].concat();
            let read = Authentication::read(&value).expect("an option");
            assert_eq!((read.protocol, read.algorithm, read.method), (2, 1, 0));
            assert_eq!(read.replay, 5);
            let information = DelayedInformation::read(read.information).expect("information");
            assert_eq!(information.realm, realm);
            assert_eq!((information.key_id, information.mac), (256, &mac));
        }
        assert_eq!(Authentication::read(&[0; 10]), Err(Error::Short));
        assert!(Authentication::read(&[0; 11]).is_ok());
        assert_eq!(DelayedInformation::read(&[0; 19]), Err(Error::Short));
    }

    #[test]
    fn an_option_request_of_odd_length_counts_as_absent() {
        assert!(requested(&[0, 23, 0]).is_none());
        let codes: Vec<_> = requested(&[0, 23, 0, 24]).expect("a list").collect();
        assert_eq!(codes, [OptionCode::DNS_SERVERS, OptionCode::DOMAIN_LIST]);
    }

    proptest! {
        #[test]
        fn what_was_read_tiles(octets: Vec<u8>) {
            if let Ok(options) = Options::read(&octets) {
                let total: usize = options.iter().map(|option| 4 + option.value.len()).sum();
                prop_assert_eq!(total, octets.len());
            }
            let _ = (Ia::read(&octets), IaAddress::read(&octets), IaPrefix::read(&octets));
        }
    }
}
