//! The process around the server: into the background, and the file with its number.
//!
//! A server that detaches is forked before it has a runtime or a thread. The process that was started waits
//! until the server is ready or has failed, so its exit status is the truth about the start; the original
//! server reports success first and fails unseen.
//!
//! Not here: what has to be done to be ready (`main`), and what signals mean to a server that is.

use nix::fcntl::OFlag;
use nix::sys::signal::{SigHandler, SigSet, Signal, signal};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{
    ForkResult, Pid, chdir, dup2_stderr, dup2_stdin, dup2_stdout, fork, pipe2, setsid,
};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Keeps signals for `heed_signals`. Whoever asks for a reload before the server is ready would end it. And process 1
/// would never hear that it is to end: what nobody listens for does not reach it. To be called while the process has
/// one thread.
///
/// # Errors
/// The system does not know such a signal.
pub fn hold_signals() -> io::Result<()> {
    Ok(held().thread_block()?)
}

/// Lets signals come, now that somebody listens for them, in this thread and those that it starts from now on.
pub(super) fn heed_signals() -> io::Result<()> {
    Ok(held().thread_unblock()?)
}

fn held() -> SigSet {
    let mut held = SigSet::from(Signal::SIGHUP);
    if is_first() {
        held.add(Signal::SIGTERM);
        held.add(Signal::SIGINT);
    }
    held
}

/// Whether this is process 1: that of a container, which ends with it and in which there is no syslog.
#[must_use]
pub fn is_first() -> bool {
    std::process::id() == 1
}

/// Leaves no trace of processes that process 1 is given because their parents have ended, as happens with commands that
/// are run in a container: the kernel forgets at once the children of whoever ignores their ends.
///
/// # Errors
/// The system does not know that signal.
#[expect(unsafe_code, reason = "a signal is ignored by saying so to the system")]
pub fn forget_orphans() -> io::Result<()> {
    // SAFETY: no function of ours runs at that signal, before or after.
    unsafe { signal(Signal::SIGCHLD, SigHandler::SigIgn) }?;
    Ok(())
}

/// Which of the two processes this is after [`Detached::start`].
#[derive(Debug)]
pub enum Role {
    /// The one that was started: it ends with this status. Why the server failed has been said on standard
    /// error.
    Launcher(ExitCode),
    /// The one that serves.
    Server(Detached),
}

/// The server's end of the line to the process that waits for it. Dropping it counts as a failure.
#[derive(Debug)]
pub struct Detached {
    line: File,
    /// What standard error becomes; a server that is ready may not be able to open it any more.
    null: File,
}

/// What is sent when the server is ready; a message about a failure never begins with it.
const READY: u8 = 0;

impl Detached {
    /// Forks: the server continues in a session of its own, in `/`, without standard input and output. It
    /// keeps standard error until it is ready. To be called while the process has one thread.
    ///
    /// # Errors
    /// The system has no room for another process, or there is no `/dev/null`.
    #[expect(unsafe_code, reason = "a process is detached by forking")]
    pub fn start() -> io::Result<Role> {
        let null = null_device()?;
        let (waiting, line) = pipe2(OFlag::O_CLOEXEC)?;
        // SAFETY: this is the only thread, as the caller promises, so the child finds no lock held.
        match unsafe { fork() }? {
            ForkResult::Parent { child } => {
                drop(line);
                let outcome = outcome(&mut File::from(waiting), &mut io::stderr());
                Ok(Role::Launcher(
                    outcome.unwrap_or_else(|| ended_early(child)),
                ))
            }
            ForkResult::Child => {
                drop(waiting);
                let apart = set_apart(&null);
                let detached = Self {
                    line: line.into(),
                    null,
                };
                match apart {
                    Ok(()) => Ok(Role::Server(detached)),
                    Err(error) => {
                        detached.fail(&format!("cannot detach: {error}"));
                        Err(error)
                    }
                }
            }
        }
    }

    /// Lets the waiting process end with success. From here on nothing reaches standard error.
    ///
    /// # Errors
    /// Standard error cannot be let go of. The waiting process ends all the same.
    pub fn ready(self) -> io::Result<()> {
        self.ready_after(|null| Ok(dup2_stderr(null)?))
    }

    fn ready_after(mut self, let_go: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
        let gone = let_go(&self.null);
        // If the waiting process was killed, there is nobody to tell.
        drop(self.line.write_all(&[READY]));
        gone
    }

    /// Lets the waiting process print this and end with failure.
    pub fn fail(mut self, message: &str) {
        let message = message.trim_start_matches(char::from(READY));
        drop(self.line.write_all(message.as_bytes()));
    }
}

fn null_device() -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open("/dev/null")
}

fn set_apart(null: &File) -> io::Result<()> {
    setsid()?;
    chdir("/")?;
    dup2_stdin(null)?;
    dup2_stdout(null)?;
    Ok(())
}

/// Waits for what the server has to say. `None`: it ended without a word.
fn outcome(line: &mut impl Read, stderr: &mut impl Write) -> Option<ExitCode> {
    let mut said = Vec::new();
    // What arrived before a failure to read is all there is.
    drop(line.read_to_end(&mut said));
    match said.as_slice() {
        [] => None,
        [READY, ..] => Some(ExitCode::SUCCESS),
        message => {
            drop(
                stderr
                    .write_all(message)
                    .and_then(|()| stderr.write_all(b"\n")),
            );
            Some(ExitCode::FAILURE)
        }
    }
}

fn ended_early(child: Pid) -> ExitCode {
    let how = match waitpid(child, None) {
        Ok(WaitStatus::Signaled(_, signal, _)) => format!(" ({signal})"),
        Ok(WaitStatus::Exited(_, status)) => format!(" (status {status})"),
        _ => String::new(),
    };
    drop(writeln!(
        io::stderr(),
        "dhcp6s: the server ended before it was ready{how}"
    ));
    ExitCode::FAILURE
}

/// The file that holds the number of this process for as long as it lives.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
}

impl PidFile {
    /// Writes the number of this process over whatever the file holds.
    ///
    /// # Errors
    /// The file cannot be written; the server runs without it as well.
    pub fn create(path: &Path) -> io::Result<Self> {
        fs::write(path, own_number())?;
        Ok(Self {
            path: path.to_owned(),
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.path.clone()
    }
}

impl Drop for PidFile {
    /// Removes the file, unless a server that was started since has written its own number there.
    fn drop(&mut self) {
        // What is no file, `/dev/null` for one, is nobody's to remove.
        let is_file = fs::symlink_metadata(&self.path).is_ok_and(|it| it.is_file());
        if is_file && fs::read(&self.path).is_ok_and(|held| held == own_number().as_bytes()) {
            // A file that stays is what the original server leaves on most ways out.
            drop(fs::remove_file(&self.path));
        }
    }
}

fn own_number() -> String {
    format!("{}\n", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::OwnedFd;

    fn heard(line: &[u8]) -> (Option<bool>, String) {
        let mut stderr = Vec::new();
        let outcome = outcome(&mut &line[..], &mut stderr);
        let success = outcome.map(|code| format!("{code:?}") == format!("{:?}", ExitCode::SUCCESS));
        (success, String::from_utf8(stderr).expect("text"))
    }

    fn detached(line: OwnedFd) -> Detached {
        Detached {
            line: line.into(),
            null: null_device().expect("a device"),
        }
    }

    #[test]
    fn the_launcher_ends_as_the_server_says() {
        assert_eq!(heard(&[READY]), (Some(true), String::new()));
        assert_eq!(heard(b"no room"), (Some(false), "no room\n".to_owned()));
        assert_eq!(heard(b""), (None, String::new()));
    }

    #[test]
    fn a_failure_is_heard_through_the_line() {
        let (waiting, line) = pipe2(OFlag::O_CLOEXEC).expect("a pipe");
        detached(line).fail("\0cannot bind");
        let mut stderr = Vec::new();
        outcome(&mut File::from(waiting), &mut stderr).expect("an outcome");
        assert_eq!(stderr, b"cannot bind\n");
    }

    #[test]
    fn a_server_that_keeps_standard_error_is_ready_all_the_same() {
        let (waiting, line) = pipe2(OFlag::O_CLOEXEC).expect("a pipe");
        let kept = detached(line).ready_after(|_| Err(io::ErrorKind::NotFound.into()));
        assert!(kept.is_err());
        let mut said = Vec::new();
        File::from(waiting).read_to_end(&mut said).expect("read");
        assert_eq!(said, [READY]);
    }

    #[test]
    fn the_pid_file_is_removed_by_its_owner_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("pid");
        fs::write(&path, "123456 and more").expect("written");
        let file = PidFile::create(&path).expect("created");
        assert_eq!(fs::read_to_string(&path).expect("read"), own_number());
        drop(file);
        assert!(!path.exists());

        let file = PidFile::create(&path).expect("created");
        fs::write(&path, "1\n").expect("written");
        drop(file);
        assert!(path.exists());
    }

    #[test]
    fn what_is_no_file_is_never_removed() {
        let directory = tempfile::tempdir().expect("a directory");
        let (file, link) = (directory.path().join("file"), directory.path().join("pid"));
        std::os::unix::fs::symlink(&file, &link).expect("a link");
        // It holds this process's number, as a device never does.
        drop(PidFile::create(&link).expect("created"));
        assert_eq!(fs::read_to_string(&link).expect("read"), own_number());
    }

    #[test]
    fn a_pid_file_that_cannot_be_written_is_an_error() {
        assert!(PidFile::create(Path::new("/nonexistent/pid")).is_err());
    }
}
