//! The control channel: what `dhcp6ctl` may ask of a running server.

use crate::lease::IaKey;

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
