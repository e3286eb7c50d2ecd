//! ISC's Kea: `kea-dhcp6`.

mod translate;

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::link::Namespace;
use crate::rig::product::adapter::{Adapter, Deed, Ear, Files, Home, Order, Post, Said, Told};
use crate::rig::product::{NotExpressible, Scene};
use crate::rig::server::PATIENCE;
use crate::rig::{IaName, RigError};

/// The socket that it takes commands at, in its folder.
const SOCKET: &str = "kea.socket";

#[derive(Debug)]
pub(super) struct Kea;

impl Adapter for Kea {
    fn name(&self) -> &'static str {
        "Kea"
    }

    fn word(&self) -> &'static str {
        "kea"
    }

    fn home(&self) -> Option<Home> {
        Some(Home {
            program: "/usr/sbin/kea-dhcp6",
            package: "kea-dhcp6-server",
        })
    }

    /// It knows no such option and says who it is.
    fn recognises(&self, _: &str, stderr: &str) -> bool {
        stderr.contains("Kea DHCPv6 server")
    }

    fn translate(&self, scene: &Scene<'_>) -> Result<String, NotExpressible> {
        translate::translate(scene)
    }

    fn config_file(&self) -> &'static str {
        "kea.json"
    }

    fn arguments(&self, files: Files<'_>) -> Vec<OsString> {
        vec!["-c".into(), files.at(self.config_file()).into()]
    }

    fn environment(&self, files: Files<'_>) -> Vec<(&'static str, OsString)> {
        let folder = || files.folder.as_os_str().to_owned();
        vec![
            ("KEA_PIDFILE_DIR", folder()),
            ("KEA_LOCKFILE_DIR", folder()),
        ]
    }

    fn is_ready(&self, log: &[String], _: &Namespace) -> bool {
        log.iter().any(|line| line.contains(" DHCP6_STARTED "))
    }

    fn ear(&self) -> Box<dyn Ear> {
        Box::new(KeaEar)
    }

    fn tell(&self, order: &Order<'_>, post: &Post<'_>) -> Result<Told, RigError> {
        match order {
            Order::Reload => Ok(Told::Signal(Signal::SIGHUP)),
            Order::Remove(duid, ia) => remove(post.files, duid, *ia).map(Told::Done),
        }
    }

    fn hears_all_servers(&self) -> bool {
        false
    }

    fn cannot(&self, deed: Deed) -> Option<&'static str> {
        (deed == Deed::FullDisk).then_some("the lab does not fill the disk of other servers")
    }
}

#[derive(Debug)]
struct KeaEar;

impl Ear for KeaEar {
    fn hear(&mut self, line: &str) -> Option<Said> {
        if line.contains(" DHCP6_DYNAMIC_RECONFIGURATION_SUCCESS ") {
            return Some(Said::Obeyed(true));
        }
        let failed = line.contains(" DHCP6_DYNAMIC_RECONFIGURATION_FAIL ");
        failed.then_some(Said::Obeyed(false))
    }
}

/// Deletes the leases of a binding; says whether there were any.
fn remove(files: Files<'_>, duid: &[u8], ia: IaName) -> Result<bool, RigError> {
    let (kind, iaid) = match ia {
        IaName::Na(iaid) => ("IA_NA", iaid),
        IaName::Pd(iaid) => ("IA_PD", iaid),
    };
    let duid: Vec<String> = duid.iter().map(|octet| format!("{octet:02x}")).collect();
    let arguments = json!({ "duid": duid.join(":") });
    let found = ask(files, "lease6-get-by-duid", &arguments)?;
    let mut known = false;
    let leases = found.pointer("/arguments/leases").and_then(Value::as_array);
    for lease in leases.into_iter().flatten() {
        // Those that are given back or over stay in the list for a while.
        let active = lease.get("state") == Some(&json!(0));
        if active
            && lease.get("type") == Some(&json!(kind))
            && lease.get("iaid") == Some(&json!(iaid))
        {
            let arguments = json!({ "ip-address": lease.get("ip-address"), "type": kind });
            let deleted = ask(files, "lease6-del", &arguments)?;
            known |= deleted.get("result") == Some(&json!(0));
        }
    }
    Ok(known)
}

/// Sends one command and returns what it answers.
fn ask(files: Files<'_>, command: &str, arguments: &Value) -> Result<Value, RigError> {
    let ask = || -> std::io::Result<Value> {
        let mut stream = UnixStream::connect(files.at(SOCKET))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let question = json!({ "command": command, "arguments": arguments });
        stream.write_all(question.to_string().as_bytes())?;
        stream.shutdown(Shutdown::Write)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(serde_json::from_str(&answer)?)
    };
    ask().map_err(|error| RigError(format!("Kea does not take the command {command}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_of_a_reload_is_in_the_log() {
        let said = |name: &str| {
            let line =
                format!("2026-11-24 22:31:04.123 ERROR [kea-dhcp6.dhcp6/1] {name} some text");
            KeaEar.hear(&line)
        };
        let success = said("DHCP6_DYNAMIC_RECONFIGURATION_SUCCESS");
        assert_eq!(success, Some(Said::Obeyed(true)));
        let failure = said("DHCP6_DYNAMIC_RECONFIGURATION_FAIL");
        assert_eq!(failure, Some(Said::Obeyed(false)));
        assert_eq!(said("DHCP6_DYNAMIC_RECONFIGURATION"), None);
    }
}
