//! A file system that really fills up.

use super::*;
use crate::store::Error;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use std::thread;

/// Mounts a file system of 64 KiB that only the calling thread sees, and that is gone when it ends.
fn small_disk(at: &Path) -> nix::Result<()> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    mount(
        Some("tmpfs"),
        at,
        Some("tmpfs"),
        MsFlags::empty(),
        Some("size=64k"),
    )
}

fn fill_and_recover(dir: &Path) {
    let mut found = 0;
    let mut journal = Journal::open(dir, |_| {}).expect("a new journal");
    let ballast = dir.join("ballast");
    fs::write(&ballast, [0; 8192]).expect("room");
    let many: Vec<_> = (0..50).map(|lease| change(lease, 1)).collect();
    let mut committed = 0;
    let full = loop {
        match journal.commit(&log(&many)) {
            Ok(()) => committed += many.len(),
            Err(error) => break error,
        }
    };
    assert!(matches!(full, Error::Full { .. }), "{full}");
    let refused = journal.commit(&log(&[]));
    assert!(matches!(refused, Err(Error::Full { .. })));

    fs::remove_file(&ballast).expect("the ballast");
    journal.commit(&log(&[])).expect("room");
    committed += many.len();
    drop(journal);
    Journal::open(dir, |_| found += 1).expect("a good journal");
    assert_eq!(found, committed);
}

#[test]
fn a_file_system_that_fills_up_loses_nothing_and_goes_on_when_there_is_room() {
    let dir = tempdir();
    let at = dir.path().to_path_buf();
    let ran = thread::spawn(move || small_disk(&at).map(|()| fill_and_recover(&at)));
    if let Err(errno) = ran.join().expect("the claim holds") {
        eprintln!("NOT RUN: a small file system cannot be mounted here: {errno}");
    }
}
