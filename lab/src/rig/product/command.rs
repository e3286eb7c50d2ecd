//! Any command line: a server that reads `dhcp6s.conf`, as our own does.

use std::ffi::OsString;

use crate::rig::product::adapter::{Adapter, Deed, Ending, Files, Home, Order, Post, Told};
use crate::rig::product::{NotExpressible, Scene};
use crate::rig::{INTERFACE, RigError};
use crate::shell::quoted;

#[derive(Debug)]
pub(super) struct AnyCommand;

/// What `--server-command` may say in braces, and what stands for it: words of a shell, whatever is in the names of
/// folders.
pub(in crate::rig) fn filled(line: &str, files: Files<'_>) -> String {
    let path = |name: &str| quoted(&files.at(name).display().to_string());
    line.replace("{config}", &path(AnyCommand.config_file()))
        .replace("{interface}", INTERFACE)
        .replace("{duid}", &path("dhcp6s_duid"))
        .replace("{leases}", &quoted(&files.leases.display().to_string()))
        .replace("{folder}", &quoted(&files.folder.display().to_string()))
}

impl Adapter for AnyCommand {
    fn name(&self) -> &'static str {
        "the command"
    }

    fn word(&self) -> &'static str {
        "command"
    }

    fn home(&self) -> Option<Home> {
        None
    }

    fn recognises(&self, _: &str, _: &str) -> bool {
        false
    }

    fn translate(&self, scene: &Scene<'_>) -> Result<String, NotExpressible> {
        Ok(scene.text.to_owned())
    }

    fn config_file(&self) -> &'static str {
        "dhcp6s.conf"
    }

    /// They are in the line.
    fn arguments(&self, _: Files<'_>) -> Vec<OsString> {
        Vec::new()
    }

    /// Nobody knows how it reloads; any server can be started anew.
    fn tell(&self, order: &Order<'_>, _: &Post<'_>) -> Result<Told, RigError> {
        match order {
            Order::Reload => Ok(Told::Restart),
            Order::Remove(..) => Err(RigError("nobody knows how it forgets a binding".into())),
        }
    }

    fn cannot(&self, deed: Deed) -> Option<&'static str> {
        match deed {
            Deed::Remove => Some("nobody knows how it forgets a binding"),
            Deed::FullDisk => Some("nobody knows how it takes a full disk"),
            Deed::Crash | Deed::Restart | Deed::Reload => None,
        }
    }

    fn ending(&self) -> Ending {
        Ending::AnyStatus
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn words_in_braces_are_filled_in() {
        let files = Files {
            folder: Path::new("/tmp/x"),
            leases: Path::new("/tmp/x/disk/leases"),
        };
        assert_eq!(
            filled("prog -c {config} {interface} --db={leases}/db", files),
            "prog -c /tmp/x/dhcp6s.conf eth0 --db=/tmp/x/disk/leases/db"
        );
    }

    #[test]
    fn a_folder_with_any_name_stays_one_word() {
        let files = Files {
            folder: Path::new("/tmp/it's; rm x"),
            leases: Path::new("/tmp/my leases"),
        };
        assert_eq!(
            filled("prog -c {config} {leases}/db", files),
            r"prog -c '/tmp/it'\''s; rm x/dhcp6s.conf' '/tmp/my leases'/db"
        );
    }
}
