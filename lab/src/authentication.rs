//! Delayed authentication (RFC 3315 §21.4), as a client that has a key does it.
//!
//! Knows nothing of the server's own, so that each checks the other.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::Md5;
use serde::{Deserialize, Deserializer, de};

use crate::dissect::{self, Message, Value};

/// The code of the Authentication option.
pub const AUTHENTICATION: u16 = 11;
/// Octets of a MAC.
pub const MAC_LEN: usize = 16;

/// The key of a client.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// The DHCP realm.
    pub realm: String,
    /// Its number there.
    pub id: u32,
    /// What only the client and the server know.
    pub secret: Secret,
}

/// Octets in base64, as in a `keyinfo` statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret(pub Vec<u8>);

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let octets = STANDARD.decode(&text);
        octets.map(Self).map_err(|_| {
            de::Error::custom(format!("`{text}` is not base64: write it as in `keyinfo`"))
        })
    }
}

/// The MAC of a message that ends in, or contains, zeros in the place where it belongs.
#[must_use]
pub fn mac(secret: &[u8], message: &[u8]) -> [u8; MAC_LEN] {
    let mut hmac = Hmac::<Md5>::new_from_slice(secret).expect("HMAC takes keys of any length");
    hmac.update(message);
    hmac.finalize().into_bytes().into()
}

/// The authentication of a message that says whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The value of the replay detection field.
    pub replay: u64,
    /// The DHCP realm.
    pub realm: Vec<u8>,
    /// The number of the key.
    pub id: u32,
    /// The MAC.
    pub mac: [u8; MAC_LEN],
    /// Whether no option stands behind it.
    pub is_last: bool,
    /// The message with zeros in the place of the MAC.
    covered: Vec<u8>,
}

impl Signed {
    /// The authentication of what UDP carries, or of the message at its core; `None` if there is none, or none of
    /// this protocol.
    #[must_use]
    pub fn read(payload: &[u8]) -> Option<Self> {
        let octets = core(payload);
        let tree = dissect::message(&octets);
        let list = &tree.options.list;
        let at = list.iter().position(|it| it.code == AUTHENTICATION)?;
        let Value::Authentication {
            protocol: 2,
            algorithm: 1,
            method: 0,
            replay,
            information,
        } = &list.get(at)?.value
        else {
            return None;
        };
        let (rest, mac) = information.split_last_chunk()?;
        let (realm, id) = rest.split_last_chunk()?;
        let end = list.iter().take(at + 1).map(|it| 4 + it.octets.len());
        let end = 4 + end.sum::<usize>();
        let mut covered = octets;
        covered.get_mut(end - MAC_LEN..end)?.fill(0);
        Some(Self {
            replay: *replay,
            realm: realm.to_vec(),
            id: u32::from_be_bytes(*id),
            mac: *mac,
            is_last: at + 1 == list.len(),
            covered,
        })
    }

    /// Whether it says that it was made with that key.
    #[must_use]
    pub fn names(&self, key: &Key) -> bool {
        self.realm == key.realm.as_bytes() && self.id == key.id
    }

    /// Whether it was.
    #[must_use]
    pub fn is_by(&self, key: &Key) -> bool {
        self.names(key) && mac(&key.secret.0, &self.covered) == self.mac
    }
}

/// The octets of the message that relay agents carry, or of the message itself.
fn core(payload: &[u8]) -> Vec<u8> {
    let tree = dissect::message(payload);
    let inner = tree.levels().filter(|it| it.relayed().is_some());
    let code = dissect::option_code("relay-message");
    let innermost = inner.filter_map(|it: &Message| it.options.first(code?));
    innermost
        .last()
        .map_or_else(|| payload.to_vec(), |it| it.octets.clone())
}

/// Whether a value of the replay detection field is newer than another: ahead, by less than half the way round.
#[must_use]
pub fn is_newer(value: u64, than: u64) -> bool {
    value != than && value.wrapping_sub(than) < 1 << 63
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of RFC 2202 §2, test cases 1 and 2.
    #[test]
    fn a_mac_is_hmac_md5() {
        let hex = |mac: [u8; MAC_LEN]| mac.map(|octet| format!("{octet:02x}")).concat();
        assert_eq!(
            hex(mac(&[0x0b; 16], b"Hi There")),
            "9294727a3638bb1c13f48ef8158bfc9d"
        );
        assert_eq!(
            hex(mac(b"Jefe", b"what do ya want for nothing?")),
            "750c783e6ab0b503eaa86e310a5db738"
        );
    }
}
