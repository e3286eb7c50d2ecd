//! WIDE's `dhcp6c`, the counterpart of the original server.
//!
//! It opens a control port if there is a key in `dhcp6cctlkey` in its folder. It keeps no leases on disk, gives addresses to the system for ever, and takes no T1 below 18 seconds.

use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;

use crate::authentication::Key;
use crate::clients::site::{DOWNSTREAM, Site};
use crate::clients::{Client, Identity, Notes, Release};
use crate::link::Error;
use crate::rig::INTERFACE;

/// WIDE's client.
#[derive(Clone, Copy, Debug)]
pub struct Dhcp6c;

/// WIDE's client, told to authenticate itself and its server (RFC 3315 §21.4).
#[derive(Clone, Debug)]
pub struct AuthenticDhcp6c(pub Key);

impl Dhcp6c {
    /// Writes its files, with more to send and more statements than it needs for its leases.
    fn write(
        site: &Site,
        folder: &Path,
        identity: Identity,
        sends: &str,
        statements: &str,
    ) -> Result<(), Error> {
        let (mut sends, mut statements) = (sends.to_owned(), statements.to_owned());
        if identity.wants.address() {
            sends += "\tsend ia-na 1;\n";
            statements += "id-assoc na 1 { };\n";
        }
        if identity.wants.prefix() {
            sends += "\tsend ia-pd 1;\n";
            statements += &format!(
                "id-assoc pd 1 {{\n\
                 \tprefix-interface {DOWNSTREAM} {{ sla-id 0; sla-len 8; ifid 1; }};\n\
                 }};\n"
            );
        }
        let config = format!("interface {INTERFACE} {{\n{sends}}};\n{statements}");
        site.write(&folder.join("dhcp6c.conf"), config)?;
        // A length as this machine writes it, then the DUID.
        let duid = identity.duid();
        let length = u16::try_from(duid.len()).expect("a DUID has at most 130 octets");
        let file = [&length.to_ne_bytes()[..], &duid].concat();
        site.write(Path::new("/var/lib/dhcpv6/dhcp6c_duid"), file)
    }
}

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
        Self::write(site, folder, identity, "", "")
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

impl Client for AuthenticDhcp6c {
    fn program(&self) -> (&'static str, &'static str) {
        Dhcp6c.program()
    }

    fn lifetimes(&self) -> (u32, u32) {
        Dhcp6c.lifetimes()
    }

    fn passes_lifetimes_on(&self) -> bool {
        Dhcp6c.passes_lifetimes_on()
    }

    fn prepare(&self, site: &Site, folder: &Path, identity: Identity) -> Result<(), Error> {
        let Key { realm, id, secret } = &self.0;
        let statements = format!(
            "authentication delayed {{ protocol delayed; algorithm hmac-md5; rdm monocounter; }};\n\
             keyinfo key1 {{ realm \"{realm}\"; keyid {id}; secret \"{secret}\"; }};\n"
        );
        Dhcp6c::write(
            site,
            folder,
            identity,
            "\tsend authentication delayed;\n",
            &statements,
        )
    }

    fn start(&self, folder: &Path, identity: Identity) -> Command {
        Dhcp6c.start(folder, identity)
    }

    fn release(&self, folder: &Path, identity: Identity) -> Release {
        Dhcp6c.release(folder, identity)
    }

    fn has_renewed(&self, line: &str) -> bool {
        Dhcp6c.has_renewed(line)
    }

    fn asks_anew(&self, line: &str) -> bool {
        Dhcp6c.asks_anew(line)
    }

    fn notes(&self, site: &Site, folder: &Path) -> Result<Option<Notes>, Error> {
        Dhcp6c.notes(site, folder)
    }
}
