//! Least privilege: gives up, for good, what a server that is about to serve does not need any more.
//!
//! A message that makes the server do what its sender likes then finds a process that can answer DHCPv6, change the
//! leases, and little else. In this order, for each step needs what a later one takes away:
//!
//! 1. Everything that takes more is done before: configuration, DUID and secret are read, the journal is replayed,
//!    the control port, port 547, the syslog and the pid file are open, and the time zone is known.
//! 2. No new privileges: no program that this process could become has more than it has. Landlock and seccomp take
//!    this for granted.
//! 3. `capabilities`: all but CAP_NET_BIND_SERVICE, which is in use when an interface comes back and port 547 is
//!    taken there again. First the sets that only matter to other programs, for that takes a capability itself.
//! 4. `files`, by Landlock: reads below the folders that the configuration came from, for the next reload; writes in
//!    the folder of the leases. No TCP either way, no signal to other processes. Opens those folders, so it comes
//!    before the calls are filtered; and after the capabilities, for which it makes no difference.
//! 5. `calls`, by seccomp: the system calls that a server makes, and no others: no program is started, no process
//!    forked, nothing mounted or traced. Last, for all of the above are system calls that are not among them.
//!
//! It is done while the process has one thread; those that it starts later have no more than this one. What the kernel
//! or the container does not offer is said in one line and done without: whoever has no Landlock still wants their
//! leases.
//!
//! Not here: who may use the control channel (`control`), and under which user the server runs, which is for whoever
//! starts it.

mod calls;
mod capabilities;
mod files;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

/// What the server still does with files while it serves.
#[derive(Clone, Default, Debug)]
pub struct Needs {
    /// The files that are read again at a reload, by the names that they were found by. Whatever else lies in the
    /// same folders may be read, too, for files are replaced by others of the same name.
    pub read: Vec<PathBuf>,
    /// Files that are read again although what else lies in their folders is none of ours. One that is replaced by
    /// another of the same name is out of reach.
    pub read_alone: Vec<PathBuf>,
    /// Folders in which files are made, written and removed.
    pub write: Vec<PathBuf>,
    /// A file that is removed at the end.
    pub remove: Option<PathBuf>,
}

/// What holds from now on.
#[derive(Debug)]
pub struct Confinement {
    /// The folders below which files can be read; `None` if the kernel does not hold the process to them.
    pub readable: Option<Vec<PathBuf>>,
}

/// Gives up everything but what these needs take, for the calling thread and those that it starts. Says in the log
/// what holds, and what does not and why.
pub fn confine(needs: &Needs) -> Confinement {
    let mut holds = Vec::new();
    let mut note = |what: &str, outcome: Result<String, String>| match outcome {
        Ok(text) => holds.push(text),
        Err(why) => tracing::warn!("{what}: {why}; serving without that protection"),
    };
    let privileges = nix::sys::prctl::set_no_new_privs();
    note(
        "programs can still give this process new privileges",
        privileges
            .map(|()| "no new privileges".to_owned())
            .map_err(|errno| errno.desc().to_owned()),
    );
    note("capabilities are not dropped", capabilities::give_up(needs));
    let rules = files::Rules::new(needs);
    let files = rules.enforce();
    let held = files.is_ok();
    note("files are not protected by Landlock", files);
    note("system calls are not filtered by seccomp", calls::filter());
    tracing::info!("confined: {}", holds.join("; "));
    Confinement {
        readable: held.then_some(rules.readable),
    }
}
