//! Tests of what a replay does with captures, and of what it says.

mod command;
mod meaning;
mod play;

use std::path::{Path, PathBuf};

use crate::capture::{self, Capture};

/// A capture of this repository: a client that obtains an address, renews it twice and releases it, and another
/// one that gets the address then. The IAID of both is 193.
const RECORDED: &str = "dhclient-address.pcap";

fn path() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    workspace.join("pcaps").join(RECORDED)
}

fn recorded() -> Capture {
    capture::open(&path()).expect("a capture of the repository")
}
