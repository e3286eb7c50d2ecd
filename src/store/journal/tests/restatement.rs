//! Growing, being restated, and letting go of old segments, with the disk stopping anywhere in between.

use super::disk::Plan;
use super::*;
use crate::lease::ChangeLog;
use crate::store::Error;
use nix::errno::Errno;
use std::collections::BTreeMap;

const SMALL: Limits = Limits {
    total_min: 1500,
    growth: 3,
};

/// The numbers of the segments there are.
fn segments(dir: &Path) -> Vec<u64> {
    (1..1000)
        .filter(|number| segment(dir, *number).exists())
        .collect()
}

fn restated(changes: &[Record]) -> ChangeLog {
    let mut log = log(changes);
    log.set_restated_all();
    log
}

/// Commits changes of one lease until the journal asks for a restatement.
fn grow(journal: &mut Journal) -> Record {
    let mut last = change(1, 0);
    for time in 1..1000 {
        if journal.wants_restatement() {
            return last;
        }
        last = change(1, time);
        journal.commit(&log(&[last])).expect("room");
    }
    panic!("it never asks");
}

#[test]
fn a_journal_that_has_grown_asks_and_lets_go_of_old_segments_once_all_is_restated() {
    let dir = tempdir();
    let (mut journal, _) = open_on(&TestDisk::default(), dir.path(), SMALL).expect("new");
    let last = grow(&mut journal);
    assert!(journal.size_bytes() >= SMALL.total_min);
    assert_eq!(segments(dir.path()), [1, 2]);

    journal.commit(&log(&[change(2, 5)])).expect("room");
    assert_eq!(segments(dir.path()), [1, 2]);
    journal.commit(&restated(&[last])).expect("room");
    assert_eq!(segments(dir.path()), [2]);
    assert!(!journal.wants_restatement());
    assert!(journal.size_bytes() < SMALL.total_min);

    drop(journal);
    let (journal, found) = open(dir.path()).expect("a good journal");
    assert_eq!(found[found.len() - 2..], [change(2, 5), last]);
    assert!(!journal.wants_restatement());
}

#[test]
fn the_more_the_live_leases_take_the_later_it_asks_also_after_a_restart() {
    let dir = tempdir();
    let (mut journal, _) = open_on(&TestDisk::default(), dir.path(), SMALL).expect("new");
    grow(&mut journal);
    let many: Vec<_> = (0..30).map(|lease| change(lease, 9)).collect();
    journal.commit(&restated(&many)).expect("room");
    let live = journal.size_bytes();
    assert!(live > SMALL.total_min);
    journal.commit(&log(&[change(1, 10)])).expect("room");
    drop(journal);

    let (mut journal, _) = open_on(&TestDisk::default(), dir.path(), SMALL).expect("good");
    grow(&mut journal);
    assert!(journal.size_bytes() >= live * SMALL.growth);
}

#[test]
fn a_restatement_that_nobody_asked_for_changes_nothing() {
    let dir = tempdir();
    let (mut journal, _) = open_on(&TestDisk::default(), dir.path(), SMALL).expect("new");
    journal.commit(&restated(&[])).expect("nothing to do");
    for time in 0..100 {
        // What ends with the very log that a segment begins with was begun before it.
        journal.commit(&restated(&[change(1, time)])).expect("room");
        if journal.wants_restatement() {
            assert_eq!(segments(dir.path()), [1, 2]);
            return;
        }
    }
    panic!("it never asks");
}

#[test]
fn a_restart_during_a_restatement_replays_everything_and_asks_again() {
    let dir = tempdir();
    let (mut journal, _) = open_on(&TestDisk::default(), dir.path(), SMALL).expect("new");
    let last = grow(&mut journal);
    journal.commit(&log(&[change(2, 5)])).expect("room");
    drop(journal);

    let (mut journal, found) = open_on(&TestDisk::default(), dir.path(), SMALL).expect("good");
    assert_eq!(found[found.len() - 2..], [last, change(2, 5)]);
    assert!(journal.wants_restatement());
    journal
        .commit(&restated(&[last, change(2, 5)]))
        .expect("room");
    assert_eq!(segments(dir.path()), [2]);
}

#[test]
fn without_live_leases_a_log_without_changes_ends_the_restatement() {
    let dir = tempdir();
    let (mut journal, _) = open_on(&TestDisk::default(), dir.path(), SMALL).expect("new");
    grow(&mut journal);
    journal.commit(&restated(&[])).expect("room");
    assert!(!journal.wants_restatement());
    drop(journal);
    open(dir.path()).expect("a good journal");
    assert_eq!(segments(dir.path()), [2]);
}

#[test]
fn a_restatement_that_finds_no_room_ends_when_there_is() {
    let dir = tempdir();
    let disk = TestDisk::default();
    let (mut journal, _) = open_on(&disk, dir.path(), SMALL).expect("new");
    let last = grow(&mut journal);
    disk.plan().room = Some(10);
    let refused = journal.commit(&restated(&[last]));
    assert!(matches!(refused, Err(Error::Full { .. })));
    assert_eq!(segments(dir.path()), [1, 2]);
    *disk.plan() = Plan::default();
    journal.commit(&log(&[])).expect("room");
    assert_eq!(segments(dir.path()), [2]);
}

#[test]
fn without_room_for_a_segment_the_old_one_goes_on() {
    for (no_files, room) in [(true, None), (false, Some(30))] {
        let dir = tempdir();
        let disk = TestDisk::default();
        let (mut journal, _) = open_on(&disk, dir.path(), SMALL).expect("new");
        while journal.size_bytes() < SMALL.total_min {
            journal.commit(&log(&[change(1, 1)])).expect("room");
        }
        disk.plan().no_files = no_files;
        disk.plan().room = room;
        let result = journal.commit(&log(&[change(2, 2)]));
        assert_eq!(matches!(result, Err(Error::Full { .. })), room.is_some());
        assert_eq!(segments(dir.path()), [1]);
        assert!(!journal.wants_restatement());
        *disk.plan() = Plan::default();
        journal.commit(&log(&[change(3, 3)])).expect("room");
        assert!(journal.wants_restatement());
        drop(journal);
        let (_, found) = open(dir.path()).expect("a good journal");
        assert_eq!(found[found.len() - 2..], [change(2, 2), change(3, 3)]);
    }
}

#[test]
fn old_segments_that_cannot_go_for_lack_of_room_go_later() {
    let dir = tempdir();
    let disk = TestDisk::default();
    let (mut journal, _) = open_on(&disk, dir.path(), SMALL).expect("new");
    let last = grow(&mut journal);
    disk.plan().remove_error = Some(Errno::ENOSPC);
    journal
        .commit(&restated(&[last]))
        .expect("durable, and that is what counts");
    journal.commit(&log(&[last])).expect("room");
    assert_eq!(
        segments(dir.path()),
        [1, 2],
        "what cannot go is no reason to ask again"
    );
    disk.plan().remove_error = None;
    journal.commit(&log(&[last])).expect("room");
    assert_eq!(segments(dir.path()), [2]);
}

#[test]
fn a_segment_that_is_missing_is_named_wherever_it_is() {
    let dir = tempdir();
    // Restarts without a restatement do not begin segments, so four of them are made from a full removal.
    let disk = TestDisk::default();
    let (mut journal, _) = open_on(&disk, dir.path(), SMALL).expect("new");
    disk.plan().remove_error = Some(Errno::ENOSPC);
    for _ in 0..3 {
        let last = grow(&mut journal);
        journal.commit(&restated(&[last])).expect("room");
    }
    let last = grow(&mut journal);
    drop(journal);
    assert_eq!(segments(dir.path()), [1, 2, 3, 4, 5]);

    let all = tempdir();
    let restore = |without: &[u64]| {
        for number in 1..=5 {
            let path = segment(all.path(), number);
            if without.contains(&number) {
                let _ = fs::remove_file(path);
            } else {
                fs::copy(segment(dir.path(), number), path).expect("a copy");
            }
        }
    };
    for (without, named) in [(2, 2), (3, 3), (4, 4)] {
        restore(&[without]);
        let error = open(all.path()).expect_err("a segment is missing");
        let text = format!("leases-{named:08}.journal is missing");
        assert!(error.to_string().contains(&text), "{error}");
    }
    restore(&[1, 2, 3, 4]);
    let error = open(all.path()).expect_err("a segment is missing");
    assert!(
        error
            .to_string()
            .contains("leases-00000004.journal is missing"),
        "{error}"
    );

    // Those that a restatement made superfluous may be missing from the front on, and go if they are there.
    for without in [&[][..], &[1], &[1, 2], &[1, 2, 3]] {
        restore(without);
        let (_, found) = open(all.path()).expect("a good journal");
        assert_eq!(found.last(), Some(&last));
        assert_eq!(segments(all.path()), [4, 5]);
    }
}

/// What a server does, as far as a store sees it: changes, and a restatement of everything when asked.
struct Server {
    /// The last change of each lease that was made durable.
    promised: BTreeMap<u8, Record>,
    /// Those that an interrupted commit may or may not have made durable.
    open: Vec<(u8, Record)>,
    time: u64,
}

/// What `change` was given to make it.
fn number(record: &Record) -> u8 {
    let duid = match record {
        Record::Lease(change) => change.holder.duid,
        Record::Counter(counter) => counter.duid,
    };
    *duid.as_bytes().last().expect("ten octets")
}

impl Server {
    /// Commits until something fails or enough was done.
    fn run(&mut self, journal: &mut Journal, batches: u64) -> Result<(), Error> {
        let mut restating = None;
        for _ in 0..batches {
            self.time += 1;
            let lease = u8::try_from(self.time * 7 % 20).expect("under 20");
            self.open = vec![(lease, change(lease, self.time))];
            let mut log = log(&[self.open[0].1]);
            restating = journal.wants_restatement().then(|| restating.unwrap_or(0));
            if let Some(from) = restating.as_mut() {
                for (_, change) in self.promised.range(*from..).take(4) {
                    push(&mut log, change);
                }
                // The lease that this log changes is stated by it, and last.
                push(&mut log, &self.open[0].1);
                match self.promised.range(*from..).nth(4) {
                    Some((next, _)) => *from = *next,
                    None => log.set_restated_all(),
                }
            }
            journal.commit(&log)?;
            self.promised.extend(self.open.drain(..));
        }
        Ok(())
    }

    fn check(&self, found: &[Record]) {
        let mut leases = BTreeMap::new();
        for change in found {
            leases.insert(number(change), *change);
        }
        let mut with_open = self.promised.clone();
        with_open.extend(self.open.iter().copied());
        assert!(leases == self.promised || leases == with_open);
    }
}

#[test]
fn a_disk_that_stops_in_any_operation_costs_no_promised_lease() {
    let mut begun = 0;
    for stop_after in 0.. {
        let dir = tempdir();
        let disk = TestDisk::default();
        disk.plan().stop_after = Some(stop_after);
        let mut server = Server {
            promised: BTreeMap::new(),
            open: Vec::new(),
            time: 0,
        };
        let finished = match open_on(&disk, dir.path(), SMALL) {
            Ok((mut journal, _)) => server.run(&mut journal, 80).is_ok(),
            Err(_) => false,
        };
        // Once more, with the disk stopping again while the journal is recovered or soon after.
        let so_far = disk.plan().operations;
        disk.plan().stop_after = Some(so_far + stop_after % 12);
        if let Ok((mut journal, found)) = open_on(&disk, dir.path(), SMALL) {
            server.check(&found);
            server.settle(&found);
            let _ = server.run(&mut journal, 5);
        }
        *disk.plan() = Plan::default();
        let (mut journal, found) = open_on(&disk, dir.path(), SMALL).expect("recoverable");
        server.check(&found);
        server.settle(&found);
        server.run(&mut journal, 60).expect("a disk that works");
        drop(journal);
        server.check(&open(dir.path()).expect("a good journal").1);
        begun = begun.max(*segments(dir.path()).last().expect("a segment"));
        if finished {
            break;
        }
    }
    assert!(begun >= 4, "only {begun} segments were begun");
}

impl Server {
    /// Takes over what was found, which has what was open or has not.
    fn settle(&mut self, found: &[Record]) {
        let open: Vec<_> = self.open.drain(..).collect();
        let there = open
            .into_iter()
            .filter(|(_, change)| found.contains(change));
        self.promised.extend(there);
    }
}
