//! WIDE's `dhcp6c`, the counterpart of the original server.
//!
//! It opens a control port if there is a key in `dhcp6cctlkey` in its folder. It keeps no leases on disk, gives addresses to the system for ever, and takes no T1 below 18 seconds.

use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;

use crate::clients::site::{DOWNSTREAM, Site};
use crate::clients::{Client, Identity, Notes, Release};
use crate::link::Error;
use crate::rig::INTERFACE;

/// WIDE's client.
#[derive(Clone, Copy, Debug)]
pub struct Dhcp6c;

impl Client for Dhcp6c {
    fn program(&self) -> (&'static str, &'static str) {
        ("dhcp6c", "wide-dhcpv6-client")
    }

    fn lifetimes(&self) -> (u32, u32) {
        (30, 60)
    }

    fn passes_lifetimes_on(&self) -> bool {
        false
    }

    fn prepare(&self, site: &Site, folder: &Path, identity: Identity) -> Result<(), Error> {
        let (mut sends, mut associations) = (String::new(), String::new());
        if identity.wants.address() {
            sends += "\tsend ia-na 1;\n";
            associations += "id-assoc na 1 { };\n";
        }
        if identity.wants.prefix() {
            sends += "\tsend ia-pd 1;\n";
            associations += &format!(
                "id-assoc pd 1 {{\n\
                 \tprefix-interface {DOWNSTREAM} {{ sla-id 0; sla-len 8; ifid 1; }};\n\
                 }};\n"
            );
        }
        let config = format!("interface {INTERFACE} {{\n{sends}}};\n{associations}");
        site.write(&folder.join("dhcp6c.conf"), config)?;
        // A length as this machine writes it, then the DUID.
        let duid = identity.duid();
        let length = u16::try_from(duid.len()).expect("a DUID has at most 130 octets");
        let file = [&length.to_ne_bytes()[..], &duid].concat();
        site.write(Path::new("/var/lib/dhcpv6/dhcp6c_duid"), file)
    }

    fn start(&self, folder: &Path, _identity: Identity) -> Command {
        let mut command = Command::new("dhcp6c");
        command
            .args(["-f", "-D", "-k"])
            .arg(folder.join("dhcp6cctlkey"))
            .arg("-c")
            .arg(folder.join("dhcp6c.conf"))
            .arg("-p")
            .arg(folder.join("dhcp6c.pid"))
            .arg(INTERFACE);
        command
    }

    fn release(&self, _folder: &Path, _identity: Identity) -> Release {
        Release::On(Signal::SIGTERM)
    }

    fn has_renewed(&self, line: &str) -> bool {
        line.contains("update_address: update an address")
            || line.contains("update_prefix: update a prefix")
    }

    fn asks_anew(&self, line: &str) -> bool {
        line.contains("client6_send: send solicit") || line.contains("client6_send: send request")
    }

    fn notes(&self, _site: &Site, _folder: &Path) -> Result<Option<Notes>, Error> {
        Ok(None)
    }
}
