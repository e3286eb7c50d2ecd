//! `dhcpcd`, which sets up interfaces itself and tells a hook about it.
//!
//! It does without router advertisements here: there is no router.

use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;

use crate::clients::site::{ADDRESS, DOWNSTREAM, PREFIX, Site};
use crate::clients::{Client, Identity, Notes, Release};
use crate::link::Error;
use crate::rig::INTERFACE;

/// Roy Marples' client.
#[derive(Clone, Copy, Debug)]
pub struct Dhcpcd;

const HOOK: &str = "#!/bin/sh\necho \"hook: $interface $reason\" >&2\n";
/// A Vendor Class in place of its own, which names the kernel and the processor of this machine, under the
/// number for examples (RFC 5612).
const VENDOR_CLASS: &str = "vendclass 32473 dhcpcd";
const DUID_FILE: &str = "/var/lib/dhcpcd/duid";

impl Client for Dhcpcd {
    fn program(&self) -> (&'static str, &'static str) {
        ("dhcpcd", "dhcpcd-base")
    }

    fn lifetimes(&self) -> (u32, u32) {
        (8, 20)
    }

    fn passes_lifetimes_on(&self) -> bool {
        true
    }

    fn prepare(&self, site: &Site, folder: &Path, identity: Identity) -> Result<(), Error> {
        let hook = folder.join("hook");
        let mut config = format!(
            "ipv6only\nnoipv6rs\nduid\n{VENDOR_CLASS}\nscript {}\nallowinterfaces {INTERFACE}\n\
             interface {INTERFACE}\n",
            hook.display()
        );
        if identity.wants.address() {
            config += "ia_na 1\n";
        }
        if identity.wants.prefix() {
            config += &format!("ia_pd 2 {DOWNSTREAM}/0/64/1\n");
        }
        site.write(&folder.join("dhcpcd.conf"), config)?;
        site.write(Path::new(DUID_FILE), identity.duid_text() + "\n")?;
        site.write_program(&hook, HOOK)
    }

    fn start(&self, folder: &Path, _identity: Identity) -> Command {
        let mut command = Command::new("dhcpcd");
        command.args(["-B", "-d", "--configure", "-f"]);
        command.arg(folder.join("dhcpcd.conf")).arg(INTERFACE);
        command
    }

    fn release(&self, _folder: &Path, _identity: Identity) -> Release {
        // What `dhcpcd --release` sends.
        Release::On(Signal::SIGALRM)
    }

    fn has_renewed(&self, line: &str) -> bool {
        line == format!("hook: {INTERFACE} RENEW6")
    }

    fn asks_anew(&self, line: &str) -> bool {
        ["soliciting a DHCPv6 lease", "SOLICIT6", "REQUEST6"]
            .iter()
            .any(|word| line.contains(word))
    }

    fn notes(&self, site: &Site, _folder: &Path) -> Result<Option<Notes>, Error> {
        // The Reply as it came: preferred and valid lifetime, length and address of a prefix in a row.
        let (preferred, valid) = self.lifetimes();
        let lifetimes = [preferred.to_be_bytes(), valid.to_be_bytes()].concat();
        let (prefix, length) = PREFIX;
        let path = format!("/var/lib/dhcpcd/{INTERFACE}.lease6");
        Ok(Some(Notes {
            content: site.read(Path::new(&path))?,
            address: [&ADDRESS.octets()[..], &lifetimes].concat(),
            prefix: [&lifetimes[..], &[length], &prefix.octets()].concat(),
        }))
    }
}
