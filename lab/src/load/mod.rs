//! Load: many clients at once, as fast as the server answers, and what they may believe in.
//!
//! A [`Crowd`] decides what its clients say and takes in what they are told. It is handed bytes and the time
//! and knows no socket; a [`Port`] is the socket that all of them share, and [`exchange`](port::exchange)
//! moves messages between the two. What clients were promised is for the caller to compare with what the
//! server knows.
//!
//! Time is what has passed since 1970, as the server counts it: promises are compared with its files.

pub mod chance;
pub mod client;
pub mod command;
pub mod crowd;
pub mod message;
pub mod mix;
mod orders;
pub mod outcome;
pub mod owners;
pub mod pace;
pub mod plot;
pub mod port;
pub mod relay;
pub mod site;
pub mod tally;
#[cfg(test)]
mod tests;

pub use chance::Chance;
pub use client::{Client, Lease};
pub use command::{LoadArguments, run};
pub use crowd::{Breach, Crowd, Promise};
pub use message::{Block, Ia, IaKind};
pub use pace::{Pace, Patience};
pub use port::Port;
pub use relay::Relay;
pub use tally::Tally;
