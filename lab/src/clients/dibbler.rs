//! Tomasz Mrugalski's `dibbler-client`, which sets up interfaces itself.
//!
//! Its files are at fixed places: these are the client's own here. What it does, it tells on its standard output.

use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;

use crate::clients::site::{DOWNSTREAM, Site};
use crate::clients::{Client, Identity, Notes, Release};
use crate::link::Error;
use crate::rig::INTERFACE;

/// Dibbler's client.
#[derive(Clone, Copy, Debug)]
pub struct Dibbler;

const CONFIG_FOLDER: &str = "/etc/dibbler";
const STATE_FOLDER: &str = "/var/lib/dibbler";
/// Takes the first address of a prefix for the downstream interface, where the client does nothing by itself. It is
/// run after each change, but not at the end.
const SCRIPT: &str = r#"#!/bin/sh
case "$1" in
add | update)
	if [ -n "$PREFIX1" ]; then
		ip -6 address replace "${PREFIX1}1/64" dev DOWNSTREAM valid_lft "$PREFIX1VALID" preferred_lft "$PREFIX1PREF"
	fi
	;;
esac
"#;
/// Runs the client, and at its end takes away what the script has done.
const RUN: &str = r#"
dibbler-client run >&2 &
trap "kill -TERM $!" TERM
wait $! || wait $!
ip -6 address flush dev DOWNSTREAM scope global
"#;

impl Client for Dibbler {
    fn program(&self) -> (&'static str, &'static str) {
        ("dibbler-client", "dibbler-client")
    }

    fn lifetimes(&self) -> (u32, u32) {
        (8, 20)
    }

    fn passes_lifetimes_on(&self) -> bool {
        true
    }

    fn prepare(&self, site: &Site, folder: &Path, identity: Identity) -> Result<(), Error> {
        for place in [CONFIG_FOLDER, "/var/log"] {
            site.namespace().mount_memory(Path::new(place), 1 << 20)?;
        }
        let hook = folder.join("hook");
        site.write_program(&hook, &SCRIPT.replace("DOWNSTREAM", DOWNSTREAM))?;
        let mut config = format!(
            "log-level 7\nlog-mode short\nscript \"{}\"\ndownlink-prefix-ifaces \"{DOWNSTREAM}\"\niface {INTERFACE} {{\n",
            hook.display()
        );
        if identity.wants.address() {
            config += "ia 1\n";
        }
        if identity.wants.prefix() {
            config += "pd 1\n";
        }
        config += "}\n";
        site.write(&Path::new(CONFIG_FOLDER).join("client.conf"), config)?;
        let state = Path::new(STATE_FOLDER);
        site.write(&state.join("client-duid"), identity.duid_text())?;
        site.write(Path::new("/var/log/dibbler/dibbler-client.log"), "")
    }

    fn start(&self, _folder: &Path, _identity: Identity) -> Command {
        let mut command = Command::new("sh");
        command.arg("-c").arg(RUN.replace("DOWNSTREAM", DOWNSTREAM));
        command
    }

    fn release(&self, _folder: &Path, _identity: Identity) -> Release {
        Release::On(Signal::SIGTERM)
    }

    fn has_renewed(&self, line: &str) -> bool {
        // The first is about an address, the other about a prefix, which it has added in other words.
        line.contains(" updated on ") || line.contains("PD: Updating prefix")
    }

    fn asks_anew(&self, line: &str) -> bool {
        line.contains("Creating SOLICIT message") || line.contains("Creating REQUEST")
    }

    fn notes(&self, _site: &Site, _folder: &Path) -> Result<Option<Notes>, Error> {
        // It writes its leases down some time after it has told the system of them, and does not say when.
        Ok(None)
    }
}
