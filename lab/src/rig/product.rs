//! Which server it is that runs: what servers do not have in common.
//!
//! Files and command line, the sign that it is ready, how it is told to reload, and what its log tells. What
//! is said on the link is the same for all of them, and so is the proof that nothing more comes, except where a configuration
//! keeps the original server from answering even the fence: then its log has to tell that it is done.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::link::{self, Namespace, Process};
use crate::rig::fence::FENCE_ADDRESS;
use crate::rig::server::PATIENCE;
use crate::rig::{INTERFACE, IaName, RigError};

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
/// What it takes to tell it something, and where it listens.
pub(super) const KEY: &str = "dGhlIGxhYidzIGtleQ==\n";
pub(super) const KEY_OCTETS: &[u8] = b"the lab's key";
pub(super) const CONTROL_PORT: u16 = 5547;
/// What tells it; Debian's package wide-dhcpv6-client has it.
const WIDE_CONTROL: &str = "/usr/sbin/dhcp6ctl";

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
    /// ours, which tells, nor the original, which knows no such option and lists those that it does, or if it
    /// does not end.
    ///
    /// # Errors
    /// It cannot be run.
    pub fn of(program: &Path) -> io::Result<Option<Self>> {
        let (mut stdout, mut stderr) = (tempfile::tempfile()?, tempfile::tempfile()?);
        let mut command = Command::new(program);
        command.arg("--version").stdin(Stdio::null());
        command.stdout(stdout.try_clone()?);
        command.stderr(stderr.try_clone()?);
        let mut process = Process::spawn(command).map_err(io::Error::other)?;
        let ended = process.wait(Instant::now() + PATIENCE);
        if ended.map_err(io::Error::other)?.is_none() {
            return Ok(None);
        }
        let said = |file: &mut File| -> io::Result<Vec<u8>> {
            let mut octets = Vec::new();
            file.seek(SeekFrom::Start(0))?;
            file.take(1 << 16).read_to_end(&mut octets)?;
            Ok(octets)
        };
        Ok(Self::by_words(&said(&mut stdout)?, &said(&mut stderr)?))
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

    /// Whether it can be talked to, after these lines of its log. The original does not say so, but the last
    /// thing that it does before it waits for messages is to open its control port.
    pub(super) fn is_ready(self, log: &[String], namespace: &Namespace) -> bool {
        match self {
            Self::Dhcp6s => {
                let ready = format!("serving on {INTERFACE}");
                log.iter().any(|line| line.contains(&ready))
            }
            Self::Wide => namespace.run(|| {
                let sockets = std::fs::read_to_string("/proc/thread-self/net/tcp6");
                sockets.is_ok_and(|table| listens(&table, CONTROL_PORT))
            }),
        }
    }

    /// After how long another look tells whether it is ready, if its log does not.
    pub(super) fn look_again(self) -> Duration {
        match self {
            Self::Dhcp6s => Duration::MAX,
            Self::Wide => Duration::from_millis(1),
        }
    }

    /// How it is told to do something.
    pub(super) fn way_to_tell<'a>(self, order: &Order<'a>, folder: &Path) -> Way<'a> {
        match (self, order) {
            (Self::Dhcp6s, Order::Reload) => Way::Signal(Signal::SIGHUP),
            (Self::Dhcp6s, Order::Remove(duid, ia)) => Way::Remove(duid, *ia),
            (Self::Wide, order) => {
                let mut command = Command::new(WIDE_CONTROL);
                command.arg("-S").arg("-k").arg(folder.join(KEY_FILE));
                match order {
                    Order::Reload => command.arg("reload"),
                    Order::Remove(duid, ia) => {
                        let (kind, iaid) = match ia {
                            IaName::Na(iaid) => ("IA_NA", iaid),
                            IaName::Pd(iaid) => ("IA_PD", iaid),
                        };
                        let octets: Vec<String> =
                            duid.iter().map(|octet| format!("{octet:02x}")).collect();
                        command.args(["remove", "binding", "IA", kind]);
                        command.args([iaid.to_string(), octets.join(":")])
                    }
                };
                Way::Command(command)
            }
        }
    }

    /// Whether it has to be asked to end and waited for. The original keeps nothing that it could lose, and
    /// forgets now and then that it was asked.
    pub(super) fn ends_in_order(self) -> bool {
        self == Self::Dhcp6s
    }
}

/// What a running server can be told.
#[derive(Clone, Copy, Debug)]
pub(super) enum Order<'a> {
    /// To take over the configuration that is in its file now.
    Reload,
    /// To forget the binding of that client.
    Remove(&'a [u8], IaName),
}

/// How it is told.
#[derive(Debug)]
pub(super) enum Way<'a> {
    /// By a signal.
    Signal(Signal),
    /// By a program that runs beside it.
    Command(Command),
    /// By asking it through its control port to forget that binding: see `operator`.
    Remove(&'a [u8], IaName),
}

/// Whether somebody listens at that port, by the system's table of TCP sockets.
fn listens(table: &str, port: u16) -> bool {
    const LISTEN: &str = "0A";
    let suffix = format!(":{port:04X}");
    table.lines().any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let local = fields.next().is_some_and(|it| it.ends_with(&suffix));
        local && fields.nth(1) == Some(LISTEN)
    })
}

/// What a line of the log tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// A message was dropped, for the reason with that label.
    Drop(String),
    /// The fence was read, and cannot be answered. Whatever came before it is done with.
    FenceRefused,
    /// What it was told to do is done, or cannot be.
    Obeyed(bool),
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
        if let Some(done) = obeyed(line) {
            return Some(Said::Obeyed(done));
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

/// Whether a line says that what the server was told to do is done, or that it is not.
fn obeyed(line: &str) -> Option<bool> {
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
        let said = |text| obeyed(&format!("{STAMP}server6_reload: {text}"));
        assert_eq!(said("server reloaded"), Some(true));
        assert_eq!(said("failed to reload configuration file"), Some(false));
        assert_eq!(said("something else"), None);
        assert_eq!(obeyed("server reloaded"), None);
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
    fn who_is_connected_does_not_listen() {
        let row = |state| {
            format!(
                "  sl  local_address remote_address st\n   \
                 0: 00000000000000000000000001000000:15AB 00000000000000000000000000000000:0000 {state} 0\n"
            )
        };
        assert!(listens(&row("0A"), 5547));
        assert!(!listens(&row("01"), 5547));
        assert!(!listens(&row("0A"), 547));
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
