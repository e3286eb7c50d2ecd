//! The server of this workspace.

use std::ffi::OsString;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::link::Namespace;
use crate::rig::product::adapter::{Adapter, Deed, Ear, Files, Home, Order, Post, Said, Told};
use crate::rig::product::wide::obeyed;
use crate::rig::product::{KEY_FILE, NotExpressible, Scene, adapter};
use crate::rig::{INTERFACE, RigError, operator};

#[derive(Debug)]
pub(super) struct Dhcp6s;

impl Adapter for Dhcp6s {
    fn name(&self) -> &'static str {
        "dhcp6s of this project"
    }

    fn word(&self) -> &'static str {
        "dhcp6s"
    }

    fn home(&self) -> Option<Home> {
        None
    }

    fn recognises(&self, stdout: &str, _: &str) -> bool {
        stdout.starts_with("dhcp6s ")
    }

    fn translate(&self, scene: &Scene<'_>) -> Result<String, NotExpressible> {
        Ok(scene.text.to_owned())
    }

    fn config_file(&self) -> &'static str {
        "dhcp6s.conf"
    }

    fn arguments(&self, files: Files<'_>) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = vec!["-f".into(), "-d".into()];
        arguments.extend(["--duid".into(), files.at("dhcp6s_duid").into()]);
        arguments.extend(["--leases".into(), files.leases.into()]);
        arguments.extend(["-k".into(), files.at(KEY_FILE).into()]);
        arguments.extend(["-c".into(), files.at(self.config_file()).into()]);
        arguments.extend(["-P".into(), files.at("dhcp6s.pid").into()]);
        arguments.push(INTERFACE.into());
        arguments
    }

    fn is_ready(&self, log: &[String], _: &Namespace) -> bool {
        let ready = adapter::serving();
        log.iter().any(|line| line.contains(&ready))
    }

    /// Its log says so.
    fn look_again(&self) -> Duration {
        Duration::MAX
    }

    fn ear(&self) -> Box<dyn Ear> {
        Box::new(OurEar)
    }

    fn tell(&self, order: &Order<'_>, post: &Post<'_>) -> Result<Told, RigError> {
        match order {
            Order::Reload => Ok(Told::Signal(Signal::SIGHUP)),
            Order::Remove(duid, ia) => {
                operator::remove(post.namespace, duid, *ia)?;
                Ok(Told::Waiting)
            }
        }
    }

    fn has_one_socket(&self) -> bool {
        true
    }

    fn cannot(&self, _: Deed) -> Option<&'static str> {
        None
    }
}

#[derive(Debug)]
struct OurEar;

impl Ear for OurEar {
    fn hear(&mut self, line: &str) -> Option<Said> {
        let dropped = || drop_label(line).map(|label| Said::Drop(label.to_owned()));
        obeyed(line).map(Said::Obeyed).or_else(dropped)
    }
}

/// The reason in a line that tells of a drop.
fn drop_label(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("dropped: ")?;
    rest.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_of_a_drop_is_the_word_behind_dropped() {
        let line = "Nov/23/2026 09:15:22: engine: dropped: no-client-id from fe80::c1 (24 bytes)";
        assert_eq!(drop_label(line), Some("no-client-id"));
        assert_eq!(drop_label("received solicit from fe80::c1"), None);
    }
}
