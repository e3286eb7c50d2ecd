//! Programs that the lab starts: they can be waited for with a deadline, and do not outlive the lab.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, Command, ExitStatus};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal};
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
    /// It, and never another one that is given its number later.
    handle: OwnedFd,
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
        match pidfd(Pid::from_raw(child.id().cast_signed())) {
            Ok(handle) => Ok(Self {
                name,
                child,
                handle,
            }),
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
        match send(self.handle.as_fd(), signal) {
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(errno) => Err(Error::system(
                format!("send {signal} to {}", self.name),
                errno,
            )),
        }
    }

    /// Waits until it has ended; `None` if it has not by then.
    ///
    /// # Errors
    /// The system cannot wait for it.
    pub fn wait(&mut self, until: Instant) -> Result<Option<ExitStatus>, Error> {
        let waited = wait(&[self.handle.as_fd()], until).and_then(|ended| match *ended {
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

/// All processes that there are.
fn processes() -> impl Iterator<Item = Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|it| it.file_name().to_str()?.parse().ok().map(Pid::from_raw))
}

/// Kills the processes that are meant, and waits for their end. One that may end by itself meanwhile is as good.
pub(super) fn end_all(is_meant: impl Fn(Pid) -> bool) {
    let until = Instant::now() + PATIENCE;
    for pid in processes().filter(|pid| *pid != Pid::this() && is_meant(*pid)) {
        // Its number may have become that of another one before we got hold of it, so we look again.
        if let Ok(process) = pidfd(pid)
            && is_meant(pid)
            && send(process.as_fd(), Signal::SIGKILL).is_ok()
        {
            let _ = wait(&[process.as_fd()], until);
        }
    }
}

/// Sends a signal to the process that a descriptor stands for; `ESRCH` if it has ended and was waited for.
#[expect(
    unsafe_code,
    reason = "neither the standard library nor nix has pidfd_send_signal yet"
)]
fn send(process: BorrowedFd<'_>, signal: Signal) -> nix::Result<()> {
    let (process, signal) = (process.as_raw_fd(), signal as i32);
    let (no_details, no_flags) = (std::ptr::null::<libc::siginfo_t>(), 0);
    // SAFETY: takes integers and a pointer that may be null, and touches no memory of ours.
    let outcome = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            process,
            signal,
            no_details,
            no_flags,
        )
    };
    Errno::result(outcome).map(drop)
}

/// A descriptor that stands for a process, and can be read from once it has ended.
#[expect(
    unsafe_code,
    reason = "neither the standard library nor nix has pidfd_open yet"
)]
fn pidfd(pid: Pid) -> io::Result<OwnedFd> {
    // SAFETY: takes two integers, touches no memory of ours, and returns a descriptor or -1.
    let descriptor = unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) };
    let descriptor = i32::try_from(descriptor).unwrap_or(-1);
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the system has just opened it for us, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_never_reaches_whoever_is_given_the_number_later() {
        let mut process = Process::spawn(Command::new("true")).expect("it starts");
        let until = Instant::now() + Duration::from_secs(60);
        assert!(process.wait(until).expect("it can be waited for").is_some());
        // Its number is free now. The system would refuse it, or signal a stranger.
        process
            .signal(Signal::SIGKILL)
            .expect("it has ended already");
        assert_eq!(
            send(process.handle.as_fd(), Signal::SIGKILL),
            Err(Errno::ESRCH)
        );
    }

    #[test]
    fn only_processes_that_are_meant_are_ended() {
        let spawn = || {
            let mut command = Command::new("sleep");
            command.arg("3600");
            Process::spawn(command).expect("it starts")
        };
        let (mut goes, mut stays) = (spawn(), spawn());
        let meant = Pid::from_raw(goes.id().cast_signed());
        // Somebody else has the number when we have got hold of it.
        let looks = std::cell::Cell::new(0);
        end_all(|pid| pid == meant && looks.replace(looks.get() + 1) == 0);
        assert!(goes.wait(Instant::now()).expect("waits").is_none());
        end_all(|pid| pid == meant);
        let until = Instant::now() + Duration::from_secs(60);
        assert!(goes.wait(until).expect("waits").is_some());
        assert!(stays.wait(Instant::now()).expect("waits").is_none());
    }
}
