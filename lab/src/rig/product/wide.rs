//! The original server, WIDE's `dhcp6s`.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use crate::link::Namespace;
use crate::program::ORIGINAL;
use crate::rig::fence::FENCE_ADDRESS;
use crate::rig::product::adapter::{
    Adapter, Deed, Ear, Ending, Files, Home, Order, Post, Said, Told,
};
use crate::rig::product::scene::is_local_port;
use crate::rig::product::{CONTROL_PORT, KEY_FILE, NotExpressible, Scene};
use crate::rig::{INTERFACE, IaName, RigError};

/// The only place where it looks for its DUID.
const STATE: &str = "/var/lib/dhcpv6";
/// What tells it something; Debian's package wide-dhcpv6-client has it.
const CONTROL: &str = "/usr/sbin/dhcp6ctl";

#[derive(Debug)]
pub(super) struct Wide;

impl Adapter for Wide {
    fn name(&self) -> &'static str {
        "WIDE's dhcp6s"
    }

    fn word(&self) -> &'static str {
        "wide"
    }

    fn home(&self) -> Option<Home> {
        let (program, package) = ORIGINAL;
        Some(Home { program, package })
    }

    /// It knows no such option and lists those that it does.
    fn recognises(&self, _: &str, stderr: &str) -> bool {
        stderr.contains("[-c configfile]") && stderr.contains("intface")
    }

    fn translate(&self, scene: &Scene<'_>) -> Result<String, NotExpressible> {
        Ok(scene.text.to_owned())
    }

    fn config_file(&self) -> &'static str {
        "dhcp6s.conf"
    }

    fn lay_out(&self, files: Files<'_>, namespace: &Namespace) -> Result<(), RigError> {
        let place = Path::new(STATE);
        if !place.is_dir() {
            return Err(RigError(format!(
                "the original server needs a folder {STATE}: install Debian's wide-dhcpv6-server, or make the folder"
            )));
        }
        Ok(namespace.mount_over(files.folder, place)?)
    }

    fn arguments(&self, files: Files<'_>) -> Vec<OsString> {
        // Its log says all only with -D.
        let mut arguments: Vec<OsString> = vec!["-f".into(), "-D".into()];
        arguments.extend(["-k".into(), files.at(KEY_FILE).into()]);
        arguments.extend(["-c".into(), files.at(self.config_file()).into()]);
        arguments.extend(["-P".into(), files.at("dhcp6s.pid").into()]);
        arguments.push(INTERFACE.into());
        arguments
    }

    /// It does not say so, but the last thing that it does before it waits for messages is to open its control port.
    fn is_ready(&self, _: &[String], namespace: &Namespace) -> bool {
        const LISTEN: &str = "0A";
        namespace.run(|| {
            let sockets = std::fs::read_to_string("/proc/thread-self/net/tcp6");
            sockets.is_ok_and(|table| is_local_port(&table, CONTROL_PORT, Some(LISTEN)))
        })
    }

    fn ear(&self) -> Box<dyn Ear> {
        Box::<WideEar>::default()
    }

    fn tell(&self, order: &Order<'_>, post: &Post<'_>) -> Result<Told, RigError> {
        let mut command = Command::new(CONTROL);
        command.arg("-S").arg("-k").arg(post.files.at(KEY_FILE));
        match order {
            Order::Reload => command.arg("reload"),
            Order::Remove(duid, ia) => {
                let (kind, iaid) = match ia {
                    IaName::Na(iaid) => ("IA_NA", iaid),
                    IaName::Pd(iaid) => ("IA_PD", iaid),
                };
                let octets: Vec<String> = duid.iter().map(|octet| format!("{octet:02x}")).collect();
                command.args(["remove", "binding", "IA", kind]);
                command.args([iaid.to_string(), octets.join(":")])
            }
        };
        post.namespace.command(command)?;
        Ok(Told::Waiting)
    }

    fn has_one_socket(&self) -> bool {
        true
    }

    fn cannot(&self, deed: Deed) -> Option<&'static str> {
        (deed == Deed::FullDisk).then_some("it keeps nothing on a disk that could be full")
    }

    /// It keeps nothing that it could lose, and forgets now and then that it was asked.
    fn ending(&self) -> Ending {
        Ending::Killed
    }
}

#[derive(Debug, Default)]
struct WideEar {
    /// Whether the last message that it says it received is a fence.
    at_fence: bool,
}

impl Ear for WideEar {
    fn hear(&mut self, line: &str) -> Option<Said> {
        if let Some(done) = obeyed(line) {
            return Some(Said::Obeyed(done));
        }
        if let Some((_, from)) = line.split_once("server6_recv: received ") {
            self.at_fence = from.ends_with(&format!("from {FENCE_ADDRESS}%{INTERFACE}"));
            return None;
        }
        let refused = self.at_fence && line.contains("failed to construct reply options");
        refused.then_some(Said::FenceRefused)
    }
}

/// Whether a line says that what the server was told to do is done, or that it is not. Our server uses these words too.
pub(super) fn obeyed(line: &str) -> Option<bool> {
    if let Some((_, rest)) = line.split_once("server6_reload: ") {
        return match rest {
            "server reloaded" => Some(true),
            "failed to reload configuration file" => Some(false),
            _ => None,
        };
    }
    if line.contains(": removed by the operator: ") {
        return Some(true);
    }
    let (_, rest) = line
        .split_once("server6_do_ctlcommand: ")
        .or(line.split_once("remove_binding: "))?;
    match rest {
        it if it.starts_with("no such binding") => Some(false),
        it if it.starts_with("remove a binding") => Some(true),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: &str = "Nov/23/2026 09:15:22: ";

    #[test]
    fn what_came_of_a_reload_is_told_in_two_sentences() {
        let said = |text| obeyed(&format!("{STAMP}server6_reload: {text}"));
        assert_eq!(said("server reloaded"), Some(true));
        assert_eq!(said("failed to reload configuration file"), Some(false));
        assert_eq!(said("something else"), None);
        assert_eq!(obeyed("server reloaded"), None);
    }

    #[test]
    fn only_the_fence_can_be_refused() {
        let mut ear = WideEar::default();
        let mut hear = |text: &str| ear.hear(&format!("{STAMP}{text}"));
        let refused = "react_informreq: failed to construct reply options";
        hear("server6_recv: received information request from fe80::c1%eth0");
        assert_eq!(hear(refused), None);
        hear("server6_recv: received information request from fe80::fe%eth0");
        assert_eq!(hear(refused), Some(Said::FenceRefused));
        hear("server6_recv: received solicit from fe80::c1%eth0");
        assert_eq!(hear(refused), None);
    }
}
