//! The Authentication option of a message (RFC 3315 §21.4.1).

use schemars::JsonSchema;
use serde::Deserialize;

use super::value::Hex;
use crate::authentication::Secret;

/// What an Authentication option says that is not as usual: `none` for no option, or a map.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Authentication {
    /// The protocol, if not delayed authentication.
    pub protocol: Option<u8>,
    /// The algorithm, if not HMAC-MD5.
    pub algorithm: Option<u8>,
    /// The replay detection method, if not a counter.
    pub method: Option<u8>,
    /// The value of the replay detection field: one more than in the client's last message.
    pub replay: Option<u64>,
    /// Whether there is authentication information: in all messages but a Solicit.
    pub information: Option<bool>,
    /// The DHCP realm, if not that of the client's key.
    pub realm: Option<String>,
    /// The key id, if not that of the client's key.
    pub id: Option<u32>,
    /// The secret that the MAC is made with, if not that of the client's key.
    pub secret: Option<Secret>,
    /// The MAC, if not the right one.
    pub mac: Option<Hex>,
}
