//! Plays the clients of a capture against a live server.
//!
//! A recording of the lab's own servers is said again octet for octet and has to be answered so (`exact`). Any
//! other capture is played as its clients would play it: what must follow the live server is rewritten
//! (`rewrite`), and the answers are compared by what they mean to a client (`meaning`). Whom they are played to is a
//! `peer`: the server on a rig of the lab, or one somewhere behind an interface (`against`), which is given back at the
//! end what it gave (`holdings`).

mod against;
mod command;
mod exact;
mod holdings;
mod json;
mod meaning;
mod page;
mod peer;
mod play;
mod reason;
mod rewrite;
#[cfg(test)]
mod tests;

pub use command::{ReplayArguments, run};
pub use exact::{Replayed, replay, setup};
pub use meaning::Row;
pub use play::{Compared, Options, Played, play};
pub use reason::{Class, Reason};
pub use rewrite::Rewrite;
