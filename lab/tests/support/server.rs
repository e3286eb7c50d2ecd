//! The server to test.

use std::path::PathBuf;

/// The program of the server.
///
/// # Panics
/// There is none.
pub(crate) fn path() -> PathBuf {
    dhcp6lab::program::server().expect("a server to test")
}
