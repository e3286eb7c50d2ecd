//! What every store promises, as tests that each of them runs.

use super::{Error, LeaseStore};
use crate::lease::{
    Change, ChangeLog, IaKey, IaKind, LeaseState, Prefix, Record, ReplayCounter, Timestamp,
};
use crate::wire::Duid;
use std::net::Ipv6Addr;

/// A store that can be closed, opened again, and told to be full. Closing says no goodbye: it is a crash.
pub(super) trait Subject {
    type Store: LeaseStore;

    /// Opens what earlier stores kept, and says what that was.
    fn open(&mut self) -> (Self::Store, Vec<Record>);
    fn crash(&mut self, store: Self::Store);
    fn set_full(&mut self, store: &mut Self::Store, full: bool);
}

/// A record of that number: every third is a counter, the others are leases. `time` tells those of one number
/// apart.
pub(super) fn change(number: u8, time: u64) -> Record {
    let duid = Duid::new(&[0, 3, 0, 1, 2, 0, 0, 0, 0, number]).expect("ten octets");
    if number.is_multiple_of(3) {
        return Record::Counter(ReplayCounter {
            duid,
            key: [number; 16],
            received: time,
            sent: time + 10,
        });
    }
    Record::Lease(Change {
        prefix: Prefix::host(Ipv6Addr::from([
            0x2001,
            0xdb8,
            0,
            0,
            0,
            0,
            0,
            number.into(),
        ])),
        holder: IaKey {
            duid,
            kind: IaKind::Na,
            iaid: 1,
        },
        state: LeaseState::Active,
        changed: Timestamp(time),
        preferred_until: Timestamp(time + 10),
        valid_until: Timestamp(time + 20),
    })
}

/// A log of these records.
pub(super) fn log(records: &[Record]) -> ChangeLog {
    let mut log = ChangeLog::default();
    records.iter().for_each(|record| push(&mut log, record));
    log
}

/// Appends a record to a log.
pub(super) fn push(log: &mut ChangeLog, record: &Record) {
    match record {
        Record::Lease(change) => log.push(change),
        Record::Counter(counter) => log.push_counter(counter),
    }
}

pub(super) fn committed_changes_are_there_in_order_after_reopening(mut subject: impl Subject) {
    let batches = [
        vec![change(1, 1), change(2, 1), change(1, 2)],
        vec![change(3, 3)],
        vec![change(1, 4), change(2, 4)],
    ];
    let (mut store, found) = subject.open();
    assert_eq!(found, []);
    for batch in &batches {
        store.commit(&log(batch)).expect("room");
    }
    subject.crash(store);
    let (mut store, found) = subject.open();
    assert_eq!(found, batches.concat());

    store.commit(&log(&[change(4, 5)])).expect("room");
    subject.crash(store);
    assert_eq!(subject.open().1.last(), Some(&change(4, 5)));
}

pub(super) fn changes_that_found_no_room_are_not_there_after_a_crash(mut subject: impl Subject) {
    let (mut store, _) = subject.open();
    store.commit(&log(&[change(1, 1)])).expect("room");
    subject.set_full(&mut store, true);
    let refused = store.commit(&log(&[change(2, 2)]));
    assert!(matches!(refused, Err(Error::Full { .. })));
    subject.crash(store);
    assert_eq!(subject.open().1, [change(1, 1)]);
}

pub(super) fn changes_that_found_no_room_are_written_first_when_there_is(
    mut subject: impl Subject,
) {
    let (mut store, _) = subject.open();
    subject.set_full(&mut store, true);
    for time in 1..3 {
        let refused = store.commit(&log(&[change(1, time), change(2, time)]));
        assert!(matches!(refused, Err(Error::Full { .. })));
    }
    // Without changes of its own a log still says that there is no room for those before it.
    let refused = store.commit(&ChangeLog::default());
    assert!(matches!(refused, Err(Error::Full { .. })));
    subject.set_full(&mut store, false);
    store.commit(&log(&[change(1, 3)])).expect("room");
    store.commit(&ChangeLog::default()).expect("room");
    subject.crash(store);
    let expected =
        [(1, 1), (2, 1), (1, 2), (2, 2), (1, 3)].map(|(lease, time)| change(lease, time));
    assert_eq!(subject.open().1, expected);
}

pub(super) fn a_log_without_changes_writes_those_that_found_no_room(mut subject: impl Subject) {
    let (mut store, _) = subject.open();
    subject.set_full(&mut store, true);
    let refused = store.commit(&log(&[change(1, 1)]));
    assert!(matches!(refused, Err(Error::Full { .. })));
    subject.set_full(&mut store, false);
    store.commit(&ChangeLog::default()).expect("room");
    subject.crash(store);
    assert_eq!(subject.open().1, [change(1, 1)]);
}

pub(super) fn a_log_without_changes_needs_no_room(mut subject: impl Subject) {
    let (mut store, _) = subject.open();
    subject.set_full(&mut store, true);
    store.commit(&ChangeLog::default()).expect("nothing to do");
    subject.crash(store);
    assert_eq!(subject.open().1, []);
}

/// Runs all of it against the subject that an expression makes.
macro_rules! contract_tests {
    ($subject:expr; $($claim:ident),+ $(,)?) => {
        $(
            #[test]
            fn $claim() {
                $crate::store::contract::$claim($subject);
            }
        )+
    };
    ($subject:expr) => {
        $crate::store::contract::contract_tests!($subject;
            committed_changes_are_there_in_order_after_reopening,
            changes_that_found_no_room_are_not_there_after_a_crash,
            changes_that_found_no_room_are_written_first_when_there_is,
            a_log_without_changes_writes_those_that_found_no_room,
            a_log_without_changes_needs_no_room,
        );
    };
}
pub(super) use contract_tests;
