//! ISC's `dhclient -6`. It leaves everything but the protocol to a script, which is ours here.

use std::path::Path;
use std::process::Command;

use crate::clients::site::{ADDRESS, DOWNSTREAM, PREFIX, Site};
use crate::clients::{Client, Identity, Notes, Release};
use crate::link::Error;
use crate::rig::INTERFACE;

/// ISC's client.
#[derive(Clone, Copy, Debug)]
pub struct Dhclient;

/// Does with an address and a prefix what the client's own script would, and touches nothing else. Of the
/// prefix, the first address is taken for the downstream interface.
const SCRIPT: &str = r#"#!/bin/sh
case "$reason" in
BOUND6 | RENEW6 | REBIND6)
	lifetimes="valid_lft $new_max_life preferred_lft $new_preferred_life"
	if [ -n "$new_ip6_address" ]; then
		ip -6 address replace "$new_ip6_address/128" dev "$interface" $lifetimes
	fi
	if [ -n "$new_ip6_prefix" ]; then
		ip -6 address replace "${new_ip6_prefix%/*}1/64" dev DOWNSTREAM $lifetimes
	fi
	;;
RELEASE6 | EXPIRE6 | STOP6)
	if [ -n "$old_ip6_address" ]; then
		ip -6 address del "$old_ip6_address/128" dev "$interface"
	fi
	if [ -n "$old_ip6_prefix" ]; then
		ip -6 address del "${old_ip6_prefix%/*}1/64" dev DOWNSTREAM
	fi
	;;
esac
echo "hook: $reason" >&2
"#;

impl Client for Dhclient {
    fn program(&self) -> (&'static str, &'static str) {
        ("dhclient", "isc-dhcp-client")
    }

    fn lifetimes(&self) -> (u32, u32) {
        (8, 20)
    }

    fn passes_lifetimes_on(&self) -> bool {
        true
    }

    fn prepare(&self, site: &Site, folder: &Path, identity: Identity) -> Result<(), Error> {
        let duid: String = identity
            .duid()
            .map(|octet| format!("\\{octet:03o}"))
            .concat();
        site.write(&folder.join("dhclient.conf"), "")?;
        site.write(
            &folder.join("dhclient.leases"),
            format!("default-duid \"{duid}\";\n"),
        )?;
        let script = SCRIPT.replace("DOWNSTREAM", DOWNSTREAM);
        site.write_program(&folder.join("hook"), &script)
    }

    fn start(&self, folder: &Path, identity: Identity) -> Command {
        let mut command = Command::new("dhclient");
        command.args(["-6", "-d", "-v"]);
        if identity.wants.address() {
            command.arg("-N");
        }
        if identity.wants.prefix() {
            command.arg("-P");
        }
        command
            .arg("-cf")
            .arg(folder.join("dhclient.conf"))
            .arg("-lf")
            .arg(folder.join("dhclient.leases"))
            .arg("-pf")
            .arg(folder.join("dhclient.pid"))
            .arg("-sf")
            .arg(folder.join("hook"))
            .arg(INTERFACE);
        command
    }

    fn release(&self, folder: &Path, identity: Identity) -> Release {
        // A second one takes over from the first by way of its files.
        let mut command = self.start(folder, identity);
        command.arg("-r");
        Release::By(command)
    }

    fn has_renewed(&self, line: &str) -> bool {
        line == "hook: RENEW6"
    }

    fn asks_anew(&self, line: &str) -> bool {
        line.starts_with("XMT: Solicit on") || line.starts_with("XMT: Request on")
    }

    fn notes(&self, site: &Site, folder: &Path) -> Result<Option<Notes>, Error> {
        let (prefix, length) = PREFIX;
        Ok(Some(Notes {
            content: site.read(&folder.join("dhclient.leases"))?,
            address: format!("iaaddr {ADDRESS} {{").into(),
            prefix: format!("iaprefix {prefix}/{length} {{").into(),
        }))
    }
}
