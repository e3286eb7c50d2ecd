//! The control channel: what `dhcp6ctl` may ask of a running server, and how it is asked.
//!
//! A command is one frame over a TCP connection to `[::1]`, signed with a key that both sides have in a file;
//! there is no answer. `frame` knows the octets, `key` and `port` what the operator says, `listener` is the
//! server's side and `client` the other one. Whether a link can answer is told without a key (`health`).
//!
//! Not here: what a command does (`server`), and the command line of `dhcp6ctl` (`ctl`).

pub mod client;
pub mod frame;
pub mod health;
pub mod key;
mod listener;
mod port;

pub use key::Key;
pub use listener::{Error, Listener};
pub use port::{UnknownPort, resolve};

use crate::lease::{IaKey, Timestamp};
use std::time::{SystemTime, UNIX_EPOCH};

/// What the holder of the control key asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Command {
    /// Take over the configuration as it is now.
    Reload,
    /// End.
    Stop,
    /// Forget a binding, so that what the client holds is free.
    Remove(IaKey),
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Timestamp(since.map_or(0, |since| since.as_secs()))
}
