//! Bytes ⇄ meaning: knows no clock, configuration, lease or socket.

pub mod codes;
mod duid;
mod name;

pub use codes::{MessageType, OptionCode, StatusCode};
pub use duid::Duid;
pub use name::{DomainName, NameError};
