//! Opening a journal: the directory, who may use it, and where the next batch goes.

use super::disk::{Disk, RealDisk};
use super::error::{Holder, OpenError};
use super::format::FrameBuffer;
use super::replay::Replayed;
use super::segment::failed;
use super::{Journal, Limits};
use crate::lease::Record;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process;

impl Journal {
    /// Opens the journal in a directory, which is made if there is none, and replays every record in the
    /// order in which they were committed. What was replayed ahead of an error must be forgotten.
    ///
    /// The lock belongs to the process that opens the journal and to those that it forks.
    ///
    /// # Errors
    /// The journal is in use, the file system refuses something, or what was committed is not all there.
    pub fn open(dir: &Path, replay: impl FnMut(&Record)) -> Result<Self, OpenError> {
        Self::open_with(dir, Limits::default(), Box::new(RealDisk), replay)
    }

    pub(super) fn open_with(
        dir: &Path,
        limits: Limits,
        mut disk: Box<dyn Disk>,
        replay: impl FnMut(&Record),
    ) -> Result<Self, OpenError> {
        create_dir(&mut *disk, dir).map_err(failed("create", dir))?;
        let lock = lock(dir)?;
        let mut replayed = Replayed::new(replay);
        let last = replayed.read_all(dir)?;
        let segment = replayed.settle(&mut *disk, dir, last)?;
        let mut journal = Self {
            dir: dir.to_path_buf(),
            disk,
            limits,
            frame: FrameBuffer::new(),
            restated: false,
            older: replayed.older,
            segment,
            oldest: replayed.oldest,
            next_batch: replayed.next_batch,
            live_len: replayed.live_len,
            recovery: replayed.recovery,
            _lock: lock,
        };
        journal.remove_obsolete()?;
        Ok(journal)
    }
}

/// Makes a directory and those above it, each with its name durable.
fn create_dir(disk: &mut dyn Disk, dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    let parent = match dir.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => dir,
    };
    if parent != dir {
        create_dir(disk, parent)?;
    }
    fs::create_dir(dir)?;
    disk.sync_dir(parent)
}

/// Takes the lock, and leaves word of who has it.
fn lock(dir: &Path) -> Result<Flock<File>, OpenError> {
    let path = dir.join("lock");
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(failed("open", &path))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => {
            // Nothing depends on the number, and a full disk is no reason not to start.
            let _ = fs::write(&path, format!("{}\n{}\n", process::id(), whereabouts()));
            Ok(lock)
        }
        Err((_, Errno::EWOULDBLOCK)) => Err(OpenError::Locked {
            dir: dir.to_path_buf(),
            holder: fs::read_to_string(&path)
                .ok()
                .and_then(|text| holder(&text, &whereabouts())),
        }),
        Err((_, errno)) => Err(failed("lock", &path)(errno.into()).into()),
    }
}

/// Where a number of a process means something: the host, and its space of numbers. Empty without `/proc`.
fn whereabouts() -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let numbers = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    format!("{} {}", host.trim(), numbers.display())
}

/// Who wrote that to the file of the lock, seen from here.
fn holder(text: &str, here: &str) -> Option<Holder> {
    let (pid, rest) = text.split_once('\n').unwrap_or((text, ""));
    let there = rest.trim_end();
    // An earlier release wrote the number alone.
    let is_here = there.is_empty() || there == here.trim_end();
    let host = there.split(' ').next().unwrap_or_default();
    Some(Holder {
        pid: pid.trim().parse().ok()?,
        elsewhere: (!is_here).then(|| host.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_elsewhere_is_told_with_its_host() {
        let holder = |text| holder(text, "here pid:[1]");
        let of = |pid, elsewhere: Option<&str>| {
            let elsewhere = elsewhere.map(str::to_owned);
            Some(Holder { pid, elsewhere })
        };
        assert_eq!(holder("12\n"), of(12, None));
        assert_eq!(holder("12\nhere pid:[1]\n"), of(12, None));
        assert_eq!(holder("1\nhere pid:[2]\n"), of(1, Some("here")));
        assert_eq!(holder("1\nthere pid:[1]\n"), of(1, Some("there")));
        assert_eq!(holder(""), None);
    }
}
