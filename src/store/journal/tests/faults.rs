//! A disk that refuses: full is an answer, anything else is the end.

use super::disk::Plan;
use super::*;
use crate::store::Error;
use nix::errno::Errno;

/// A journal with one batch, on a disk that behaves as planned from then on.
fn broken(plan: impl Fn(&mut Plan)) -> (TempDir, TestDisk, Journal) {
    let dir = tempdir();
    let disk = TestDisk::default();
    let (mut journal, _) = open_on(&disk, dir.path(), Limits::default()).expect("a new journal");
    journal.commit(&log(&[change(1, 1)])).expect("room");
    plan(&mut disk.plan());
    (dir, disk, journal)
}

fn failure(result: Result<(), Error>) -> &'static str {
    match result {
        Err(Error::Failed { operation, .. }) => operation,
        other => panic!("not a failure: {other:?}"),
    }
}

#[test]
fn a_full_disk_keeps_the_changes_wherever_in_the_frame_room_ends() {
    for errno in [Errno::ENOSPC, Errno::EDQUOT] {
        for room in 0..100 {
            let (dir, disk, mut journal) = broken(|plan| {
                plan.room = Some(room);
                plan.full = Some(errno);
            });
            let size = journal.size_bytes();
            let refused = journal.commit(&log(&[change(2, 2)]));
            assert!(
                matches!(refused, Err(Error::Full { .. })),
                "{errno} after {room}"
            );
            assert_eq!(
                fs::metadata(segment(dir.path(), 1)).expect("a file").len(),
                size
            );
            assert_eq!(disk.plan().room, Some(room), "what was written is cut off");

            *disk.plan() = Plan::default();
            journal.commit(&log(&[change(3, 3)])).expect("room");
            assert_eq!(
                disk.plan().writes,
                1,
                "waiting and new changes are one frame"
            );
            drop(journal);
            let (_, found) = open(dir.path()).expect("a good journal");
            assert_eq!(found, [change(1, 1), change(2, 2), change(3, 3)]);
        }
    }
}

#[test]
fn a_write_that_fails_otherwise_is_the_end_and_costs_no_earlier_lease() {
    for errno in [Errno::EIO, Errno::EROFS, Errno::EFBIG] {
        let (dir, _, mut journal) = broken(|plan| plan.write_error = Some(errno));
        assert_eq!(failure(journal.commit(&log(&[change(2, 2)]))), "write");
        drop(journal);
        assert_eq!(open(dir.path()).expect("a good journal").1, [change(1, 1)]);
    }
}

#[test]
fn a_sync_that_fails_is_the_end_even_for_lack_of_room() {
    for errno in [Errno::EIO, Errno::ENOSPC, Errno::EDQUOT] {
        let (_dir, _, mut journal) = broken(|plan| plan.sync_error = Some(errno));
        assert_eq!(failure(journal.commit(&log(&[change(2, 2)]))), "sync");
    }
}

#[test]
fn a_full_disk_from_which_nothing_can_be_cut_is_the_end() {
    let (dir, _, mut journal) = broken(|plan| {
        plan.room = Some(60);
        plan.cut_error = Some(Errno::EIO);
    });
    assert_eq!(failure(journal.commit(&log(&[change(2, 2)]))), "cut");
    drop(journal);
    assert_eq!(open(dir.path()).expect("a good journal").1, [change(1, 1)]);
}

#[test]
fn the_last_batch_is_written_again_before_anybody_builds_on_it() {
    let (dir, disk, mut journal) = broken(|plan| plan.sync_error = Some(Errno::EIO));
    assert_eq!(failure(journal.commit(&log(&[change(2, 2)]))), "sync");
    drop(journal);
    *disk.plan() = Plan::default();
    let (_journal, found) = open_on(&disk, dir.path(), Limits::default()).expect("it reads well");
    assert_eq!(found, [change(1, 1), change(2, 2)]);
    let plan = disk.plan().clone();
    assert_eq!((plan.writes, plan.syncs), (1, 1));
}

#[test]
fn a_full_disk_is_no_reason_not_to_open() {
    let (dir, disk, journal) = broken(|plan| plan.room = Some(0));
    drop(journal);
    let (mut journal, found) =
        open_on(&disk, dir.path(), Limits::default()).expect("nothing new is needed");
    assert_eq!(found, [change(1, 1)]);
    let refused = journal.commit(&log(&[change(2, 2)]));
    assert!(matches!(refused, Err(Error::Full { .. })));
}
