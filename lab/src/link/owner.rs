//! Whose namespaces, programs and temporary folders are whose, so that those of runs that were killed can be removed.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use netns_rs::{DefaultEnv, Env, NetNs};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::link::Error;
use crate::link::netns::end_everything_in;
use crate::link::process::end_all;

/// What the names of everything that the lab leaves about for a while begin with.
const PREFIX: &str = "dhcp6lab-";

/// The variable in the environment of every program that the lab starts, and so of what those start. It tells whose
/// they are even where their namespace has no name here, as that of another user namespace.
const MARK: &str = "DHCP6LAB_OWNER";

/// A process. Numbers of processes come around again, so the time of its start, in ticks since the
/// machine's, is part of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pid: u32,
    started: u64,
}

impl Owner {
    pub(super) fn this_process() -> Self {
        let pid = std::process::id();
        Self {
            pid,
            started: started(pid).unwrap_or_default(),
        }
    }

    /// What the names of its things begin with.
    pub(super) fn prefix(self) -> String {
        format!("{PREFIX}{}-{}-", self.pid, self.started)
    }

    fn of(name: &str) -> Option<Self> {
        let mut parts = name.strip_prefix(PREFIX)?.split('-');
        Some(Self {
            pid: parts.next()?.parse().ok()?,
            started: parts.next()?.parse().ok()?,
        })
    }

    fn lives(self) -> bool {
        started(self.pid) == Some(self.started)
    }
}

fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is a name in parentheses, which may hold anything; the 22nd is what we want.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19)?.parse().ok()
}

/// Held while something is made that is not to be left behind.
static MAKING: RwLock<()> = RwLock::new(());

/// To be held while a namespace, a program or a folder is made, and no longer: at the end of this process, whoever asks
/// for it waits in vain.
pub(super) fn making() -> RwLockReadGuard<'static, ()> {
    MAKING.read().unwrap_or_else(PoisonError::into_inner)
}

/// Removes what there is of this process, which is about to end. As long as the guard lives, nothing new is made.
pub(super) fn remove_for_good() -> RwLockWriteGuard<'static, ()> {
    let guard = MAKING.write().unwrap_or_else(PoisonError::into_inner);
    remove_own();
    guard
}

/// A folder that is removed when it goes out of scope, or by a later run.
///
/// # Errors
/// It cannot be made.
pub fn temporary_folder() -> Result<TempDir, Error> {
    let _making = making();
    tempfile::Builder::new()
        .prefix(&Owner::this_process().prefix())
        .tempdir()
        .map_err(|source| Error::system("make a temporary folder", source))
}

/// Notes in the environment of a program whose it is.
pub(super) fn mark(command: &mut Command) {
    command.env(MARK, Owner::this_process().prefix());
}

/// Removes the namespaces, programs and temporary folders whose owners are gone. What cannot be removed stays: it
/// harms nobody.
pub fn sweep() {
    remove_all(|owner| !owner.lives());
}

/// Removes the namespaces, programs and temporary folders of this process, which is about to end.
pub(super) fn remove_own() {
    let this = Owner::this_process();
    remove_all(|owner| owner == this);
}

fn remove_all(goes: impl Fn(Owner) -> bool) {
    end_all(|pid| owner_of(pid).is_some_and(&goes));
    for name in things(&DefaultEnv.persist_dir(), &goes) {
        let path = DefaultEnv.persist_dir().join(&name);
        end_everything_in(&path);
        if NetNs::get(&name).and_then(NetNs::remove).is_err() {
            let _ = fs::remove_file(path);
        }
    }
    let folder = std::env::temp_dir();
    for name in things(&folder, &goes) {
        let _ = fs::remove_dir_all(folder.join(name));
    }
}

/// Whose program a process runs, if it is the lab's. In a container processes have other numbers, so that what is
/// noted there tells nothing here.
fn owner_of(pid: Pid) -> Option<Owner> {
    if !counts_as_we_do(pid) {
        return None;
    }
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let mut variables = environment.split(|octet| *octet == 0);
    let value = variables.find_map(|it| it.strip_prefix(MARK.as_bytes())?.strip_prefix(b"="))?;
    Owner::of(str::from_utf8(value).ok()?)
}

/// Whether a process is in the same namespace of process numbers.
fn counts_as_we_do(pid: Pid) -> bool {
    let theirs = fs::read_link(format!("/proc/{pid}/ns/pid"));
    let ours = fs::read_link("/proc/self/ns/pid");
    matches!((theirs, ours), (Ok(theirs), Ok(ours)) if theirs == ours)
}

fn things(folder: &Path, goes: impl Fn(Owner) -> bool) -> Vec<String> {
    let names = |entries: fs::ReadDir| {
        entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect()
    };
    let mut names: Vec<String> = fs::read_dir(folder).map(names).unwrap_or_default();
    names.retain(|name| Owner::of(name).is_some_and(&goes));
    names
}
