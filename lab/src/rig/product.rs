//! Which server it is that runs: what servers do not have in common.
//!
//! Files and command line, the word that it is ready, and what its log tells. What is said on the link is
//! the same for all of them, and so is the proof that nothing more comes, except where a configuration
//! keeps the original server from answering even the fence: then its log has to tell that it is done.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::link::{self, Namespace};
use crate::rig::fence::FENCE_ADDRESS;
use crate::rig::{INTERFACE, RigError};

/// A server that the lab knows how to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// The one of this workspace.
    Dhcp6s,
    /// The original, WIDE's `dhcp6s`.
    Wide,
}

/// Where the files of a server are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Files<'a> {
    /// The folder with `dhcp6s.conf` and `dhcp6s_duid`.
    pub(super) folder: &'a Path,
    /// The folder for leases.
    pub(super) leases: &'a Path,
}

impl Files<'_> {
    fn at(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// The file with the key of the control channel, in the folder of a server.
pub(super) const KEY_FILE: &str = "dhcp6sctlkey";

/// The only place where the original looks for its DUID.
const WIDE_STATE: &str = "/var/lib/dhcpv6";

impl Product {
    /// What people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dhcp6s => "dhcp6s of this project",
            Self::Wide => "WIDE's dhcp6s",
        }
    }

    /// Which one a program is, by what it says when it is asked for its version; `None` if that is neither
    /// ours, which tells, nor the original, which knows no such option and lists those that it does.
    ///
    /// # Errors
    /// It cannot be run.
    pub fn of(program: &Path) -> std::io::Result<Option<Self>> {
        let output = Command::new(program)
            .arg("--version")
            .stdin(Stdio::null())
            .output()?;
        Ok(Self::by_words(&output.stdout, &output.stderr))
    }

    fn by_words(stdout: &[u8], stderr: &[u8]) -> Option<Self> {
        let usage = String::from_utf8_lossy(stderr);
        if stdout.starts_with(b"dhcp6s ") {
            Some(Self::Dhcp6s)
        } else if usage.contains("[-c configfile]") && usage.contains("intface") {
            Some(Self::Wide)
        } else {
            None
        }
    }

    /// Puts the files where the server looks for them, as far as it cannot be told.
    ///
    /// # Errors
    /// The system refuses.
    pub(super) fn lay_out(self, folder: &Path, namespace: &Namespace) -> Result<(), RigError> {
        match self {
            Self::Dhcp6s => Ok(()),
            Self::Wide => {
                let place = Path::new(WIDE_STATE);
                if !place.is_dir() {
                    return Err(RigError(format!(
                        "the original server needs a folder {WIDE_STATE}: install Debian's \
                         wide-dhcpv6-server, or make the folder"
                    )));
                }
                Ok(namespace.mount_over(folder, place)?)
            }
        }
    }

    /// The command line, without the program.
    pub(super) fn arguments(self, files: Files<'_>) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = Vec::new();
        match self {
            Self::Dhcp6s => {
                arguments.push("-d".into());
                arguments.extend(["--duid".into(), files.at("dhcp6s_duid").into()]);
                arguments.extend(["--leases".into(), files.leases.into()]);
            }
            // Its log says all only with -D.
            Self::Wide => arguments.push("-D".into()),
        }
        arguments.extend(["-k".into(), files.at(KEY_FILE).into()]);
        arguments.extend(["-c".into(), files.at("dhcp6s.conf").into()]);
        arguments.extend(["-P".into(), files.at("dhcp6s.pid").into()]);
        arguments.push(INTERFACE.into());
        arguments
    }

    /// Whether a line of its log says that it can be talked to.
    pub(super) fn is_ready(self, line: &str) -> bool {
        match self {
            Self::Dhcp6s => line.contains(&format!("serving on {INTERFACE}")),
            // The last thing that it does before it waits for messages; its socket is open and in the groups.
            // With a key it does not tell of that, but of whoever comes to its control port and says nothing.
            Self::Wide => {
                line.contains("server6_init: skip opening control port")
                    || line.contains("control channel was reset by peer")
            }
        }
    }

    /// Whether it has to be asked to end and waited for. The original keeps nothing that it could lose, and
    /// forgets now and then that it was asked.
    pub(super) fn ends_in_order(self) -> bool {
        self == Self::Dhcp6s
    }
}

/// What a line of the log tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// A message was dropped, for the reason with that label.
    Drop(String),
    /// The fence was read, and cannot be answered. Whatever came before it is done with.
    FenceRefused,
    /// It was told to read its configuration again, and has taken it over or has not.
    Reload(bool),
}

/// Listens to the log of a server.
#[derive(Debug)]
pub(super) struct Ear {
    product: Product,
    /// Whether the last message that the original says it received is a fence.
    at_fence: bool,
}

impl Ear {
    pub(super) fn new(product: Product) -> Self {
        Self {
            product,
            at_fence: false,
        }
    }

    /// What the next line of the log tells, if that is of interest.
    pub(super) fn hear(&mut self, line: &str) -> Option<Said> {
        if let Some(taken) = reload_outcome(line) {
            return Some(Said::Reload(taken));
        }
        match self.product {
            Product::Dhcp6s => drop_label(line).map(|label| Said::Drop(label.to_owned())),
            Product::Wide => {
                if let Some((_, from)) = line.split_once("server6_recv: received ") {
                    self.at_fence = from.ends_with(&format!("from {FENCE_ADDRESS}%{INTERFACE}"));
                    return None;
                }
                let refused = self.at_fence && line.contains("failed to construct reply options");
                refused.then_some(Said::FenceRefused)
            }
        }
    }
}

/// Whether a line of either log says that the server has taken over a configuration, or that it has not.
fn reload_outcome(line: &str) -> Option<bool> {
    let (_, rest) = line.split_once("server6_reload: ")?;
    match rest {
        "server reloaded" => Some(true),
        "failed to reload configuration file" => Some(false),
        _ => None,
    }
}

/// The reason in a line of our log that tells of a drop.
fn drop_label(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("dropped: ")?;
    rest.split_whitespace().next()
}

impl From<link::Error> for RigError {
    fn from(error: link::Error) -> Self {
        Self(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: &str = "Nov/23/2026 09:15:22: ";

    #[test]
    fn the_reason_of_a_drop_is_the_word_behind_dropped() {
        let line = format!("{STAMP}engine: dropped: no-client-id from fe80::c1 (24 bytes)");
        assert_eq!(drop_label(&line), Some("no-client-id"));
        assert_eq!(drop_label("received solicit from fe80::c1"), None);
    }

    #[test]
    fn what_came_of_a_reload_is_told_in_two_sentences() {
        let said = |text| reload_outcome(&format!("{STAMP}server6_reload: {text}"));
        assert_eq!(said("server reloaded"), Some(true));
        assert_eq!(said("failed to reload configuration file"), Some(false));
        assert_eq!(said("something else"), None);
        assert_eq!(reload_outcome("server reloaded"), None);
    }

    #[test]
    fn a_server_is_known_by_its_answer_to_a_question_for_its_version() {
        let usage =
            b"dhcp6s: invalid option -- '-'\nusage: dhcp6s [-c configfile] [-dDf] intface\n";
        assert_eq!(Product::by_words(b"", usage), Some(Product::Wide));
        assert_eq!(
            Product::by_words(b"dhcp6s 0.1.0\n", b""),
            Some(Product::Dhcp6s)
        );
        assert_eq!(Product::by_words(b"isc-dhcpd-4.4.3\n", b""), None);
        assert_eq!(Product::by_words(b"", b"usage: true\n"), None);
    }

    #[test]
    fn only_the_fence_can_be_refused() {
        let mut ear = Ear::new(Product::Wide);
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
