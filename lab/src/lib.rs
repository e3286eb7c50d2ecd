//! `dhcp6lab`: plays client scenarios against a DHCPv6 server and writes down what it answers.

pub mod authentication;
pub mod capture;
pub mod clients;
pub mod compose;
pub mod demo;
pub mod differences;
pub mod dissect;
pub mod judge;
pub mod ladder;
pub mod lens;
pub mod link;
pub mod load;
pub mod normalise;
pub mod peer;
pub mod player;
pub mod program;
pub mod recording;
pub mod replay;
pub mod report;
pub mod rig;
pub mod run;
pub mod scenario;
pub mod status;
pub mod suite;
pub mod transcript;
