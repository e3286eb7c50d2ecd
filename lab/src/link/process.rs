//! Programs that the lab starts: they can be waited for with a deadline, and do not outlive the lab.

use std::fs;
use std::io;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, Command, ExitStatus};
use std::time::{Duration, Instant};

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;

use crate::link::{Error, owner, wait};

/// How long programs that were killed may take to end.
const PATIENCE: Duration = Duration::from_secs(2);

/// A program that was started. It is killed when this goes out of scope, or the thread that started it
/// ends: see `Namespace`.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    ended: OwnedFd,
}

impl Process {
    /// Starts a program.
    ///
    /// # Errors
    /// It cannot be started.
    #[expect(
        unsafe_code,
        reason = "the child arranges for its own end before it becomes the program"
    )]
    pub fn spawn(mut command: Command) -> Result<Self, Error> {
        let name = command.get_program().to_string_lossy().into_owned();
        owner::mark(&mut command);
        let hears_all = SigSet::empty();
        // SAFETY: between fork and exec only async-signal-safe calls are allowed; prctl and sigprocmask are,
        // and turning their errno into an `io::Error` neither allocates nor locks.
        unsafe {
            command.pre_exec(move || {
                set_pdeathsig(Signal::SIGKILL)?;
                Ok(hears_all.thread_set_mask()?)
            });
        }
        let made = {
            let _making = owner::making();
            command.spawn()
        };
        let mut child = made.map_err(|source| Error::system(format!("start {name}"), source))?;
        match pidfd(pid(&child)) {
            Ok(ended) => Ok(Self { name, child, ended }),
            Err(source) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(Error::system(format!("watch {name}"), source))
            }
        }
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its standard error, if that is a pipe and has not been taken before.
    pub fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// Sends it a signal. That it has ended already is no error.
    ///
    /// # Errors
    /// The system refuses.
    pub fn signal(&self, signal: Signal) -> Result<(), Error> {
        // Its number is not given to another before we have waited for it, which takes `&mut self`.
        kill(pid(&self.child), signal)
            .map_err(|errno| Error::system(format!("send {signal} to {}", self.name), errno))
    }

    /// Waits until it has ended; `None` if it has not by then.
    ///
    /// # Errors
    /// The system cannot wait for it.
    pub fn wait(&mut self, until: Instant) -> Result<Option<ExitStatus>, Error> {
        let waited = wait(&[self.ended.as_fd()], until).and_then(|ended| match *ended {
            [true] => self.child.wait().map(Some),
            _ => Ok(None),
        });
        waited.map_err(|source| Error::system(format!("wait for {}", self.name), source))
    }

    /// Ends it at once, and waits until it has.
    ///
    /// # Errors
    /// The system refuses.
    pub fn kill(&mut self) -> Result<(), Error> {
        self.child
            .kill()
            .and_then(|()| self.child.wait())
            .map(drop)
            .map_err(|source| Error::system(format!("kill {}", self.name), source))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id().cast_signed())
}

/// All processes that there are.
pub(super) fn processes() -> impl Iterator<Item = Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|it| it.file_name().to_str()?.parse().ok().map(Pid::from_raw))
}

/// Kills processes and waits for their end. One that may end by itself meanwhile is as good.
pub(super) fn end_all(processes: impl Iterator<Item = Pid>) {
    let until = Instant::now() + PATIENCE;
    for pid in processes.filter(|pid| *pid != Pid::this()) {
        if let Ok(ended) = pidfd(pid)
            && kill(pid, Signal::SIGKILL).is_ok()
        {
            let _ = wait(&[ended.as_fd()], until);
        }
    }
}

/// A descriptor that can be read from once the process has ended.
#[expect(
    unsafe_code,
    reason = "neither the standard library nor nix has pidfd_open yet"
)]
pub(super) fn pidfd(pid: Pid) -> io::Result<OwnedFd> {
    // SAFETY: takes two integers, touches no memory of ours, and returns a descriptor or -1.
    let descriptor = unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) };
    let descriptor = i32::try_from(descriptor).unwrap_or(-1);
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the system has just opened it for us, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}
