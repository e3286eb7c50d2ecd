//! The `dhcp6s` program.

fn main() {}
