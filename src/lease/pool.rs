//! Finds the next free address of a pool.

use std::fmt;

/// The key of the hash that places leases in pools (RFC 7943). Never printed.
#[derive(Clone)]
pub struct Secret([u8; Self::LEN]);

impl Secret {
    /// Octets of the secret.
    pub const LEN: usize = 32;

    /// The secret made of these octets.
    #[must_use]
    pub fn new(octets: [u8; Self::LEN]) -> Self {
        Self(octets)
    }

    /// The octets, for the file that they are kept in.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
