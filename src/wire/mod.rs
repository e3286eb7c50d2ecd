//! Bytes ⇄ meaning: knows no clock, configuration, lease or socket.
//!
//! Reading borrows from the datagram and checks it once: what a view was made of tiles exactly, so walking
//! it afterwards cannot fail. Writing appends to a buffer that the caller reuses. No length field decides
//! an allocation, and nothing here panics on any input (RFC 9915 §8, §21.1).
//!
//! Not here: which messages a server accepts (`engine::admit`).

pub mod codes;
mod duid;
mod message;
mod name;
mod option;
mod writer;

pub use codes::{MessageType, OptionCode, StatusCode};
pub use duid::Duid;
pub use message::{Message, RelayMessage};
pub use name::{DomainName, NameError};
pub(crate) use option::requested;
pub use option::{
    Authentication, DelayedInformation, Ia, IaAddress, IaPrefix, OptionList, Options, RawOption,
    Status,
};
pub use writer::{TooLong, Writer};

/// The most octets that UDP carries over IPv6 without jumbograms.
pub const PAYLOAD_MAX: usize = 65_527;

/// Why octets cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// Fewer octets than the fixed part needs: 4 for a message, 34 for a relay message, or what the option
    /// at hand prescribes.
    #[error("it is too short")]
    Short,
    /// An option runs past the end of what encloses it, or 1 to 3 octets are left over.
    #[error("its options do not fit its length")]
    Misfit,
    /// A field holds a value that is not allowed there.
    #[error("it holds a value out of range")]
    Range,
}
