//! The journal against a disk that fails, stops and is damaged.

mod damage;
mod disk;
mod faults;
mod restatement;
mod tmpfs;

use super::format::SegmentHeader;
use super::{Journal, Limits, OpenError};
use crate::lease::Record;
use crate::store::contract::{Subject, change, contract_tests, log, push};
use crate::store::{LeaseStore, journal::segment::Segment};
use disk::TestDisk;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn tempdir() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

fn segment(dir: &Path, number: u64) -> PathBuf {
    Segment::path(dir, number)
}

/// Opens with a disk that works as `disk` says, and returns what was replayed.
fn open_on(
    disk: &TestDisk,
    dir: &Path,
    limits: Limits,
) -> Result<(Journal, Vec<Record>), OpenError> {
    let mut found = Vec::new();
    let disk = Box::new(disk.clone());
    let journal = Journal::open_with(dir, limits, disk, |change| found.push(*change))?;
    Ok((journal, found))
}

/// Opens with a disk that works.
fn open(dir: &Path) -> Result<(Journal, Vec<Record>), OpenError> {
    open_on(&TestDisk::default(), dir, Limits::default())
}

struct OnDisk {
    dir: TempDir,
    disk: TestDisk,
}

impl OnDisk {
    fn new() -> Self {
        Self {
            dir: tempdir(),
            disk: TestDisk::default(),
        }
    }
}

impl Subject for OnDisk {
    type Store = Journal;

    fn open(&mut self) -> (Journal, Vec<Record>) {
        let dir = self.dir.path();
        open_on(&self.disk, dir, Limits::default()).expect("a good journal")
    }

    fn crash(&mut self, store: Journal) {
        drop(store);
        self.set_room(None);
    }

    fn set_full(&mut self, _: &mut Journal, full: bool) {
        self.set_room(full.then_some(20));
    }
}

impl OnDisk {
    fn set_room(&self, room: Option<usize>) {
        self.disk.plan().room = room;
    }
}

contract_tests!(OnDisk::new());

#[test]
fn a_journal_that_is_open_cannot_be_opened_again() {
    let dir = tempdir();
    let (journal, _) = open(dir.path()).expect("a new journal");
    let error = open(dir.path()).expect_err("in use");
    let text = format!(
        "{} is in use by process {}; stop that one, or name another directory with --leases",
        dir.path().display(),
        std::process::id()
    );
    assert_eq!(error.to_string(), text);
    drop(journal);
    open(dir.path()).expect("not in use any more");
}

#[test]
fn directories_that_are_missing_are_made() {
    let dir = tempdir();
    let deep = dir.path().join("var/lib/dhcp6s");
    let (mut journal, _) = open(&deep).expect("a new journal");
    journal.commit(&log(&[change(1, 1)])).expect("room");
    drop(journal);
    assert_eq!(open(&deep).expect("a good journal").1, [change(1, 1)]);
}

#[test]
fn a_commit_is_one_write_and_one_sync_and_none_without_changes() {
    let dir = tempdir();
    let disk = TestDisk::default();
    let (mut journal, _) = open_on(&disk, dir.path(), Limits::default()).expect("a new journal");
    let before = disk.plan().clone();
    for time in 0..5 {
        journal.commit(&log(&[change(1, time)])).expect("room");
        journal.commit(&log(&[])).expect("nothing to do");
    }
    let after = disk.plan().clone();
    assert_eq!(after.writes - before.writes, 5);
    assert_eq!(after.syncs - before.syncs, 5);
    assert_eq!(after.operations - before.operations, 10);
}

#[test]
fn opening_says_what_it_found() {
    let dir = tempdir();
    let (mut journal, _) = open(dir.path()).expect("a new journal");
    assert_eq!(journal.recovery(), &super::Recovery::default());
    journal
        .commit(&log(&[change(1, 1), change(2, 1)]))
        .expect("room");
    journal.commit(&log(&[change(1, 2)])).expect("room");
    let size = journal.size_bytes();
    drop(journal);

    let path = segment(dir.path(), 1);
    assert_eq!(fs::metadata(&path).expect("a file").len(), size);
    let mut octets = fs::read(&path).expect("a file");
    octets.extend_from_slice(&[7; 30]);
    fs::write(&path, octets).expect("a file");

    let (journal, _) = open(dir.path()).expect("a good journal");
    let recovery = journal.recovery();
    assert_eq!((recovery.batches, recovery.records), (2, 3));
    let cuts: Vec<_> = recovery.cuts.iter().map(ToString::to_string).collect();
    let path = path.display();
    assert_eq!(
        cuts,
        [format!(
            "cut 30 octets of an unfinished batch from {path} at offset {size}"
        )]
    );
    assert_eq!(journal.size_bytes(), size);
}

#[test]
fn files_with_other_names_are_left_alone() {
    let dir = tempdir();
    let names = [
        "leases-1.journal",
        "leases-+0000001.journal",
        "duid",
        "leases-00000001.journal~",
    ];
    for name in names {
        fs::write(dir.path().join(name), "other").expect("a file");
    }
    drop(open(dir.path()).expect("a new journal"));
    for name in names {
        assert_eq!(fs::read(dir.path().join(name)).expect("a file"), b"other");
    }
    assert_eq!(
        fs::metadata(segment(dir.path(), 1)).expect("a file").len(),
        SegmentHeader::LEN as u64
    );
}
