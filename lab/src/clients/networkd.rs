//! `systemd-networkd`, without a booted system around it: no bus, no udev, no router.
//!
//! It does not wait for udev where `/sys` can't be written to, as in a container. Before version 256 it releases
//! nothing: at its end it drops what it has, and the server keeps the lease until it ends.

use std::path::Path;
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::sys::signal::Signal;

use crate::clients::site::{DOWNSTREAM, Site};
use crate::clients::{Client, Identity, Notes, Release};
use crate::link::Error;
use crate::rig::INTERFACE;

/// systemd's client.
#[derive(Clone, Copy, Debug)]
pub struct Networkd;

const PROGRAM: &str = "/lib/systemd/systemd-networkd";
/// Files here come before those of the machine with a greater name, wherever these are.
const CONFIG_FOLDER: &str = "/run/systemd/network";

impl Client for Networkd {
    fn program(&self) -> (&'static str, &'static str) {
        (PROGRAM, "systemd")
    }

    fn lifetimes(&self) -> (u32, u32) {
        (8, 20)
    }

    fn passes_lifetimes_on(&self) -> bool {
        true
    }

    fn releases(&self) -> bool {
        false
    }

    fn prepare(&self, site: &Site, _folder: &Path, identity: Identity) -> Result<(), Error> {
        let sys = Path::new("/sys");
        site.namespace().mount_over(sys, sys)?;
        site.namespace()
            .run(|| {
                let read_only = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
                mount(None::<&str>, "/sys", None::<&str>, read_only, None::<&str>)
            })
            .map_err(|errno| Error::system("make /sys read-only", errno))?;
        // What follows its type.
        let duid = identity.duid().map(|octet| format!("{octet:02x}"));
        let raw = duid[2..].join(":");
        let wants = |it| if it { "yes" } else { "no" };
        let (address, prefix) = (identity.wants.address(), identity.wants.prefix());
        let upstream = format!(
            "[Match]\nName={INTERFACE}\n\
             [Network]\nDHCP=ipv6\nLinkLocalAddressing=ipv6\nIPv6AcceptRA=no\nLLDP=no\n\
             [DHCPv6]\nWithoutRA=solicit\nDUIDType=link-layer\nDUIDRawData={raw}\nIAID=1\nUseHostname=no\n\
             UseAddress={}\nUseDelegatedPrefix={}\n",
            wants(address),
            wants(prefix),
        );
        let downstream = format!(
            "[Match]\nName={DOWNSTREAM}\n\
             [Network]\nLinkLocalAddressing=ipv6\nIPv6AcceptRA=no\nDHCPPrefixDelegation={}\nLLDP=no\n\
             [DHCPPrefixDelegation]\nUplinkInterface={INTERFACE}\nSubnetId=0\nToken=::1\nAnnounce=no\n",
            wants(prefix),
        );
        let folder = Path::new(CONFIG_FOLDER);
        site.write(&folder.join("00-upstream.network"), upstream)?;
        site.write(&folder.join("00-downstream.network"), downstream)
    }

    fn start(&self, _folder: &Path, _identity: Identity) -> Command {
        // It sends the name of the machine, which is none of the server's business here.
        let mut command = Command::new("unshare");
        let run = format!("echo exodus > /proc/sys/kernel/hostname; exec {PROGRAM}");
        command.args(["--uts", "sh", "-c", &run]);
        command.env("SYSTEMD_LOG_LEVEL", "debug");
        command.env("SYSTEMD_LOG_TARGET", "console");
        command
    }

    fn release(&self, _folder: &Path, _identity: Identity) -> Release {
        Release::On(Signal::SIGTERM)
    }

    fn has_renewed(&self, line: &str) -> bool {
        // It rebinds if the server was just restarting when it renewed.
        line.ends_with("State changed: renew -> bound")
            || line.ends_with("State changed: rebind -> bound")
    }

    fn asks_anew(&self, line: &str) -> bool {
        line.contains("DHCPv6 client: Sent Solicit") || line.contains("DHCPv6 client: Sent Request")
    }

    fn notes(&self, _site: &Site, _folder: &Path) -> Result<Option<Notes>, Error> {
        Ok(None)
    }
}
