//! Sockets, threads, signals and the real clock.

pub mod process;
