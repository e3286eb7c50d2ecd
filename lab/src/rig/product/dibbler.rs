//! Dibbler: `dibbler-server`.

mod translate;

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use crate::link::Namespace;
use crate::rig::fence::FENCE_ADDRESS;
use crate::rig::product::adapter::{
    Adapter, Deed, Ear, Ending, Files, Home, Order, Post, Said, Told,
};
use crate::rig::product::{NotExpressible, Scene};
use crate::rig::{RigError, SERVER_DUID};

/// The only places where it looks for its configuration, its DUID and its leases, and writes its log.
const PLACES: [&str; 3] = ["/etc/dibbler", "/var/lib/dibbler", "/var/log/dibbler"];

#[derive(Debug)]
pub(super) struct Dibbler;

impl Adapter for Dibbler {
    fn name(&self) -> &'static str {
        "Dibbler"
    }

    fn word(&self) -> &'static str {
        "dibbler"
    }

    fn home(&self) -> Option<Home> {
        Some(Home {
            program: "/usr/sbin/dibbler-server",
            package: "dibbler-server",
        })
    }

    fn recognises(&self, stdout: &str, _: &str) -> bool {
        stdout.contains("Dibbler") && stdout.contains("(SERVER")
    }

    fn translate(&self, scene: &Scene<'_>) -> Result<String, NotExpressible> {
        translate::translate(scene)
    }

    fn config_file(&self) -> &'static str {
        "server.conf"
    }

    fn lay_out(&self, files: Files<'_>, namespace: &Namespace) -> Result<(), RigError> {
        for place in PLACES {
            if !Path::new(place).is_dir() {
                return Err(RigError(format!(
                    "Dibbler needs a folder {place}: install Debian's dibbler-server, or make the folder"
                )));
            }
        }
        let log = files.at("log");
        let duid: Vec<String> = SERVER_DUID
            .iter()
            .map(|octet| format!("{octet:02x}"))
            .collect();
        let path = files.leases.join("server-duid");
        let written = fs::create_dir(&log)
            .and_then(|()| namespace.run(move || fs::write(path, duid.join(":"))));
        written.map_err(|error| RigError(format!("cannot lay out Dibbler's files: {error}")))?;
        let [config, state, logs] = PLACES.map(Path::new);
        namespace.mount_over(files.folder, config)?;
        namespace.mount_over(files.leases, state)?;
        Ok(namespace.mount_over(&log, logs)?)
    }

    fn arguments(&self, _: Files<'_>) -> Vec<OsString> {
        vec!["run".into()]
    }

    fn is_ready(&self, log: &[String], _: &Namespace) -> bool {
        log.iter()
            .any(|line| line.contains("Server begins operation."))
    }

    fn ear(&self) -> Box<dyn Ear> {
        Box::<DibblerEar>::default()
    }

    /// It reads its configuration when it starts and at no other time.
    fn tell(&self, order: &Order<'_>, _: &Post<'_>) -> Result<Told, RigError> {
        match order {
            Order::Reload => Ok(Told::Restart),
            Order::Remove(..) => Err(RigError(
                "Dibbler cannot be told to forget a binding".into(),
            )),
        }
    }

    fn cannot(&self, deed: Deed) -> Option<&'static str> {
        match deed {
            Deed::Remove => Some("it cannot be told to forget a binding"),
            Deed::FullDisk => Some("the lab does not fill the disk of other servers"),
            Deed::Crash | Deed::Restart | Deed::Reload => None,
        }
    }

    fn ending(&self) -> Ending {
        Ending::AnyStatus
    }
}

#[derive(Debug, Default)]
struct DibblerEar {
    /// Whether the last message that it says it received is a fence.
    at_fence: bool,
}

impl Ear for DibblerEar {
    /// Where there is no option to give, it says so and answers no Information-request.
    fn hear(&mut self, line: &str) -> Option<Said> {
        if line.contains(" bytes on interface ") {
            self.at_fence = line.contains(&format!("addr={FENCE_ADDRESS}."));
            return None;
        }
        let refused = self.at_fence && line.contains("No options to answer in INF-REQUEST");
        refused.then_some(Said::FenceRefused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_fence_can_be_refused() {
        let mut ear = DibblerEar::default();
        let mut hear = |text: &str| ear.hear(&format!("0741s,367113us  Server Debug     {text}"));
        let from = |address: &str| {
            format!("Received 32 bytes on interface eth0/2 (socket=4, addr={address}.).")
        };
        let refused = "No options to answer in INF-REQUEST, so REPLY will not be send.";
        hear(&from("fe80::c1"));
        assert_eq!(hear(refused), None);
        hear(&from("fe80::fe"));
        assert_eq!(hear(refused), Some(Said::FenceRefused));
        hear(&from("fe80::fec1"));
        assert_eq!(hear(refused), None);
    }
}
