//! `Adapter`: what the lab has to know about a server to run it.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::link::Namespace;
use crate::rig::product::{NotExpressible, Scene};
use crate::rig::{INTERFACE, IaName, RigError};

/// What the lab has to know about a server to run it.
///
/// # How an adapter is written
///
/// One file, with a unit struct that has no state, and a variant of [`super::Product`]. In the order in which it pays:
///
/// 1. [`translate`](Self::translate), the larger part: a pure function from the scenario's configuration, in the model
///    of the server's own library, to the text of a configuration file. What the other server cannot do or say is
///    [`NotExpressible`], as precisely as a reader needs to judge whether that is so: "a lifetime per host (`host
///    router`): lifetimes belong to subnets". It is never left out silently, since then the scenario would blame the
///    server for it. Where our server does by itself what is a setting of the other one (T1 at half of the preferred
///    lifetime, say), the setting is made, so that both have the same orders.
/// 2. [`lay_out`](Self::lay_out): files beside the configuration, above all the one with the DUID, which is
///    [`crate::rig::SERVER_DUID`] everywhere. Where a server insists on a place of the machine's, a folder of its own is
///    mounted over that place, which only its namespace sees ([`Namespace::mount_over`], [`Namespace::mount_memory`]).
/// 3. [`arguments`](Self::arguments) and [`environment`](Self::environment): in the foreground, with a log on standard
///    output or standard error (both are read) that says everything.
/// 4. [`is_ready`](Self::is_ready), unless the usual sign is right: somebody holds UDP port 547 and has joined
///    `ff02::1:2`. Nothing ever sleeps to be on the safe side.
/// 5. [`ear`](Self::ear): what lines of the log mean. The rig proves silence with the fence, an Information-request of the
///    lab's own behind everything else (`rig::fence`). A server that does not answer it, always or with some
///    configurations, has to say in its log that it has come to it: the ear then says [`Said::FenceRefused`].
/// 6. [`tell`](Self::tell) and [`cannot`](Self::cannot): reload and remove, or why not.
///
/// The translation has unit tests beside it, one for each thing that it expresses and each that it does not.
pub(in crate::rig) trait Adapter: fmt::Debug + Sync {
    /// What people call it: `Kea`.
    fn name(&self) -> &'static str;

    /// What command lines call it: `kea`.
    fn word(&self) -> &'static str;

    /// Where Debian puts it; `None` if it is in no package.
    fn home(&self) -> Option<Home>;

    /// Whether a program that says this on standard output and standard error, asked with `--version`, is this one.
    fn recognises(&self, stdout: &str, stderr: &str) -> bool;

    /// The text of the configuration file.
    ///
    /// # Errors
    /// The server cannot do what the scene says, or its configuration cannot say it.
    fn translate(&self, scene: &Scene<'_>) -> Result<String, NotExpressible>;

    /// The name of that file, in the folder of the server.
    fn config_file(&self) -> &'static str;

    /// Puts files where the server looks for them, as far as it cannot be told or the lab does not do so for all:
    /// the folder has the configuration, and `dhcp6s_duid`, `dhcp6s_secret` and the control key for those that read
    /// these. Done once, before the first start.
    ///
    /// # Errors
    /// The system refuses.
    fn lay_out(&self, files: Files<'_>, namespace: &Namespace) -> Result<(), RigError> {
        let _ = (files, namespace);
        Ok(())
    }

    /// The command line, without the program. The server stays in the foreground and logs to standard output or
    /// standard error.
    fn arguments(&self, files: Files<'_>) -> Vec<OsString>;

    /// What the environment has to say.
    fn environment(&self, files: Files<'_>) -> Vec<(&'static str, OsString)> {
        let _ = files;
        Vec::new()
    }

    /// Whether it can be talked to, after these new lines of its log.
    fn is_ready(&self, log: &[String], namespace: &Namespace) -> bool {
        let _ = log;
        namespace.run(super::scene::hears_clients)
    }

    /// After how long another look tells whether it is ready, if its log does not.
    fn look_again(&self) -> Duration {
        Duration::from_millis(1)
    }

    /// What listens to the log of one run of the server.
    fn ear(&self) -> Box<dyn Ear> {
        Box::new(Deaf)
    }

    /// Tells it to do something that it [can](Self::cannot). Its new configuration is in its file already.
    ///
    /// # Errors
    /// It cannot be told.
    fn tell(&self, order: &Order<'_>, post: &Post<'_>) -> Result<Told, RigError>;

    /// Why that cannot be done to it, if so. Scenarios with such a step are not played.
    fn cannot(&self, deed: Deed) -> Option<&'static str>;

    /// Whether all that is sent to it goes through one socket, so that it reads everything in the order in which it came.
    /// With several, say one for what comes by multicast, it may read the fence ahead of what was sent before; then the
    /// rig waits until nothing is left to be read before it sends the fence.
    fn has_one_socket(&self) -> bool {
        false
    }

    /// Whether it hears what relay agents send to All_DHCP_Servers, `ff05::1:3` (RFC 9915 §7.1). To one that does not,
    /// agents send to its own address, as their operators would tell them to; scenarios that name the group show it.
    fn hears_all_servers(&self) -> bool {
        true
    }

    /// How it is stopped.
    fn ending(&self) -> Ending {
        Ending::Success
    }
}

/// How a server is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rig) enum Ending {
    /// By SIGTERM, and it ends with status 0.
    Success,
    /// By SIGTERM, and nobody knows its status.
    AnyStatus,
    /// By SIGKILL, since it does not take orders, and would keep no more if it did.
    Killed,
}

/// Where Debian puts a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Home {
    /// The program.
    pub program: &'static str,
    /// The package.
    pub package: &'static str,
}

/// Where the files of a server are.
#[derive(Clone, Copy, Debug)]
pub struct Files<'a> {
    /// The folder with its configuration and all else.
    pub folder: &'a Path,
    /// The folder for leases, on a disk of its own.
    pub leases: &'a Path,
}

impl Files<'_> {
    /// A file in the folder of the server.
    #[must_use]
    pub fn at(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// What a scenario may do to a server, besides sending it messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// It ends at once, and starts on the leases that it has stored.
    Crash,
    /// It ends in order, and starts on the leases that it has stored.
    Restart,
    /// It takes over another configuration and keeps its leases.
    Reload,
    /// It forgets a binding because the operator says so.
    Remove,
    /// The disk with its leases is full.
    FullDisk,
}

/// What a running server can be told.
#[derive(Clone, Copy, Debug)]
pub(in crate::rig) enum Order<'a> {
    /// To take over the configuration that is in its file now.
    Reload,
    /// To forget the binding of that client.
    Remove(&'a [u8], IaName),
}

/// Where a running server can be reached.
#[derive(Debug)]
pub(in crate::rig) struct Post<'a> {
    pub(in crate::rig) files: Files<'a>,
    pub(in crate::rig) namespace: &'a Namespace,
}

/// What came of telling it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rig) enum Told {
    /// It will say in its log what it did ([`Said::Obeyed`]).
    Waiting,
    /// It has to be sent that signal, and will then say in its log what it did.
    Signal(Signal),
    /// It has done it (true), or cannot.
    Done(bool),
    /// It does so when it is started anew, which is how its operators do it.
    Restart,
}

/// What a line of the log tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::rig) enum Said {
    /// A message was dropped, for the reason with that label. Our server alone has labels.
    Drop(String),
    /// The fence was read, and cannot be answered. Whatever came before it is done with.
    FenceRefused,
    /// What it was told to do is done, or cannot be.
    Obeyed(bool),
}

/// Listens to the log of a server.
pub(in crate::rig) trait Ear: fmt::Debug + Send {
    /// What the next line of the log tells, if that is of interest.
    fn hear(&mut self, line: &str) -> Option<Said>;
}

/// For logs that tell nothing.
#[derive(Debug)]
struct Deaf;

impl Ear for Deaf {
    fn hear(&mut self, _: &str) -> Option<Said> {
        None
    }
}

/// The end of a sentence about the served interface, in the log of our server.
pub(super) fn serving() -> String {
    format!("serving on {INTERFACE}")
}
