//! A real link for a real server: a network namespace, a TAP in it, and the lab at the other end.
//!
//! `netns` makes namespaces and removes them, `rootless` makes that possible without root, `signal` has that done on Ctrl-C, `process` starts programs in them, `cable` joins two of them
//! and `watch` notices when their addresses change. Where the lab itself is at the other end, `tap` is the
//! link's device, `station` speaks for every client and relay agent on it by means of `frame`, `udp`,
//! `fragment` and `neighbour`, which know bytes only. What is said on the link is left to `rig::live`.

use std::io;
use std::os::fd::BorrowedFd;
use std::process::Command;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

pub mod cable;
pub mod fragment;
pub mod frame;
pub mod ip;
pub mod listener;
pub mod log;
pub mod neighbour;
pub mod netns;
pub mod owner;
pub(crate) mod packet;
pub mod process;
pub mod rootless;
mod signal;
pub mod station;
mod tap;
pub mod udp;
mod veth;
pub mod watch;
pub mod wire;

pub use cable::Cable;
pub use netns::Namespace;
pub use process::Process;
pub use signal::{Interruption, interruptible, remove_on_signal};
pub use station::Station;
pub use wire::{Device, Wire};

/// Why there is no link. The text says what was tried.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This machine, or this user on it, cannot make links.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The system refused something.
    #[error("cannot {operation}: {source}")]
    System {
        /// What was tried, as a verb and its object.
        operation: String,
        /// What the system said.
        source: io::Error,
    },
    /// A program that was to set up the link did not.
    #[error("{command}: {said}")]
    Tool {
        /// What was run.
        command: String,
        /// Its output.
        said: String,
    },
}

/// What is missing for links to be made here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// Namespaces and their links are root's, and this user cannot become root in a namespace.
    #[error(
        "network namespaces need root, and without it a user namespace, which cannot be had: {0}"
    )]
    UserNamespaces(String),
    /// The system makes none for us, although we are root.
    #[error("network namespaces cannot be made here: {0}")]
    Refused(String),
    /// This process has more than one thread, and would have to move to a user namespace.
    #[error("network namespaces need root, and it is too late to move to a user namespace")]
    Threads,
    /// The device that TAPs come from.
    #[error("/dev/net/tun cannot be opened: {0}")]
    Tun(String),
    /// A program.
    #[error("`{program}` is not installed; Debian's package {package} has it")]
    Program {
        /// Its name.
        program: &'static str,
        /// Where it comes from.
        package: &'static str,
    },
}

impl Error {
    pub(crate) fn system(operation: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self::System {
            operation: operation.into(),
            source: source.into(),
        }
    }
}

/// Whether links can be made here. Without root, this process moves to a user namespace for that: see
/// [`rootless::ensure`].
///
/// # Errors
/// The first thing that is missing.
pub fn available() -> Result<(), Error> {
    installed("ip", "iproute2")?;
    rootless::ensure()?;
    // The one certain way to know whether it may be done is to do it.
    let namespace = Namespace::new()?;
    Wire::open(Device::best().device, &namespace, "probe").map(drop)
}

/// Whether a program can be run, by a look along `PATH`.
///
/// # Errors
/// It is not there; `package` says where it would come from.
pub fn installed(program: &'static str, package: &'static str) -> Result<(), Unavailable> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    if found {
        Ok(())
    } else {
        Err(Unavailable::Program { program, package })
    }
}

/// Runs a program to its end.
///
/// # Errors
/// It cannot be run, or ends with anything but success.
pub fn run_to_end(mut command: Command) -> Result<String, Error> {
    let name = format!("{command:?}");
    let output = command
        .output()
        .map_err(|source| Error::system(format!("run {name}"), source))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    // Some tell on their standard output what went wrong.
    let said = [output.stderr, output.stdout].concat();
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    let command = format!("{name}: {}", output.status);
    Err(Error::Tool { command, said })
}

/// Waits until one of these can be read from, has been closed by the other side, or the time has come.
/// Says for each whether there is something to be had.
///
/// # Errors
/// The system cannot wait for one of them.
pub fn wait(files: &[BorrowedFd<'_>], until: Instant) -> io::Result<Vec<bool>> {
    let mut polled: Vec<_> = files
        .iter()
        .map(|file| PollFd::new(*file, PollFlags::POLLIN))
        .collect();
    loop {
        let left = until.saturating_duration_since(Instant::now());
        // Rounded up: a wait that ends just before its time would be followed by a few of no length.
        let millis = left.as_nanos().div_ceil(1_000_000);
        let timeout = PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX);
        match poll(&mut polled, timeout) {
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
            Ok(_) => {
                return Ok(polled
                    .iter()
                    .map(|file| file.any().unwrap_or(true))
                    .collect());
            }
        }
    }
}
