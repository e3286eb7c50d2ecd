//! `dhcp6lab`: plays client scenarios against a DHCPv6 server and writes down what it answers.

pub mod clients;
pub mod link;
pub mod load;
pub mod rig;
