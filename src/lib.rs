//! `dhcp6s`: a DHCPv6 server, drop-in for WIDE's, correct by RFC 9915, durable and fast.
//!
//! What may know what: [`wire`] ← [`lease`] ← [`config`] ← [`engine`] ← [`server`]; [`store`] sees [`lease`]
//! alone. The first four are pure: bytes and a timestamp go in, bytes and changes come out.

pub mod check;
pub mod cli;
pub mod config;
pub mod confine;
pub mod control;
pub mod ctl;
pub mod diagnostics;
pub mod engine;
pub mod identity;
pub mod lease;
pub mod logging;
pub mod reading;
pub mod remedy;
pub mod secret;
pub mod server;
pub mod store;
pub mod surroundings;
pub mod unconfigured;
pub mod wire;
