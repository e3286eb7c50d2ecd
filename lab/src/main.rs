//! The `dhcp6lab` program.

fn main() {}
