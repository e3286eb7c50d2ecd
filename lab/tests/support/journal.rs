//! The journal that a killed server leaves behind, read as the server reads it.

use std::fs;
use std::net::Ipv6Addr;
use std::path::Path;

use dhcp6lab::load::{Block, Ia, IaKind as LabKind, Lease as LabLease, Promise};
use dhcp6s::lease::{
    Change, ChangeLog, IaKey, IaKind, Lease, LeaseState, LeaseTable, Prefix, Record, Replay,
    Timestamp,
};
use dhcp6s::store::{Journal, LeaseStore as _};
use dhcp6s::wire::Duid;

/// The journal begins a new segment with the first commit that finds more octets than this.
const SEGMENT_MAX: u64 = 32 << 20;
/// Records that are committed together to get there.
const REPEATS: usize = 10_000;
/// As much of a DUID as is printed: ten octets.
const DUID_TEXT_MAX: usize = 29;

/// What is in a journal.
pub(crate) struct Left {
    table: LeaseTable,
    /// Changes that gave a lease to somebody while somebody else had it.
    pub(crate) given_twice: Vec<String>,
    /// Whether it ends in a batch that was not finished.
    pub(crate) is_torn: bool,
    /// The numbers of its segments; more than one while leases are being restated.
    pub(crate) segments: Vec<u64>,
}

/// Reads the journal in `folder` and leaves it as it is: opening repairs, and that is for the server to do.
/// The copy that is read instead is made beside it.
pub(crate) fn read(folder: &Path) -> Result<Left, String> {
    let failed = |error| format!("cannot copy {}: {error}", folder.display());
    let beside = folder.parent().unwrap_or(folder);
    let copy = tempfile::tempdir_in(beside).map_err(failed)?;
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        fs::copy(folder.join(&name), copy.path().join(&name)).map_err(failed)?;
    }
    let mut left = Left {
        table: LeaseTable::default(),
        given_twice: Vec::new(),
        is_torn: false,
        segments: segments(folder)?,
    };
    let journal = Journal::open(copy.path(), |record| {
        // The table has a place for one holder of each address, so a second one shows only as it comes.
        if let Record::Lease(change) = record
            && is_anothers(&left.table, change)
        {
            left.given_twice.push(change.prefix.to_string());
        }
        match record {
            Record::Lease(change) => left.table.apply(change),
            Record::Counter(counter) => left.table.set_counter(counter),
        }
    })
    .map_err(|error| error.to_string())?;
    left.is_torn = !journal.recovery().cuts.is_empty();
    Ok(left)
}

/// The numbers of the segments that are there, in order.
pub(crate) fn segments(folder: &Path) -> Result<Vec<u64>, String> {
    let failed = |error| format!("cannot list {}: {error}", folder.display());
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let digits = name.to_str().and_then(|name| {
            let name = name.strip_prefix("leases-")?;
            name.strip_suffix(".journal")
        });
        numbers.extend(digits.and_then(|digits| digits.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Whether a change takes something while somebody else has it.
fn is_anothers(table: &LeaseTable, change: &Change) -> bool {
    change.state == LeaseState::Active
        && match table.get(change.prefix) {
            Some(lease) => {
                lease.state() == LeaseState::Active
                    && !lease.is_of(&change.holder)
                    && lease.valid_until() >= change.changed
            }
            // Blocks of different lengths, of which the lab's configuration has none that overlap.
            None => !table.is_free(change.prefix),
        }
}

impl Left {
    /// Why a promise is not kept; `None` if it is.
    pub(crate) fn breaks(&self, promise: &Promise<'_>) -> Option<String> {
        let lease = promise.lease;
        let key = IaKey {
            duid: Duid::new(promise.duid).expect("clients of the lab have DUIDs"),
            kind: match lease.ia.kind {
                LabKind::Na => IaKind::Na,
                LabKind::Pd => IaKind::Pd,
            },
            iaid: lease.ia.iaid,
        };
        let prefix = Prefix::new(lease.block.address, lease.block.length);
        let broken = match prefix.and_then(|prefix| self.table.get(prefix)) {
            None => "is not known".to_owned(),
            Some(found) if !found.is_of(&key) => {
                format!("is {:?} for {}", found.state(), text(&found.holder()))
            }
            Some(found) if found.state() != LeaseState::Active => {
                format!("is {:?}", found.state())
            }
            Some(found) if found.valid_until().0 < lease.until_secs => {
                format!("ends at {}", found.valid_until().0)
            }
            Some(_) => return None,
        };
        let (block, until, holder) = (lease.block, lease.until_secs, text(&key));
        Some(format!(
            "{block}, promised to {holder} until {until}, {broken}"
        ))
    }
}

/// A binding in short: clients of the lab differ in the first few octets of their DUIDs.
fn text(key: &IaKey) -> String {
    let duid = key.duid.to_string();
    let duid = duid.get(..DUID_TEXT_MAX).unwrap_or(&duid);
    format!("{} {} of {duid}", key.kind, key.iaid)
}

/// Repeats something in the journal that it says already until the next commit begins a new segment. Says
/// whether that is so; while leases are being restated it is not.
pub(crate) fn age(folder: &Path) -> Result<bool, String> {
    let mut replay = Replay::default();
    let mut journal = Journal::open(folder, |record| replay.take(record))
        .map_err(|error| format!("cannot age the journal: {error}"))?;
    let table = replay.finish();
    // The longest record, so that as few as possible have to be read again.
    let length = |change: &Change| change.holder.duid.as_bytes().len();
    let longest = table.iter().map(Lease::change).max_by_key(length);
    let Some(change) = longest.filter(|_| !journal.wants_restatement()) else {
        return Ok(false);
    };
    let mut log = ChangeLog::default();
    (0..REPEATS).for_each(|_| log.push(&change));
    while journal.size_bytes() < SEGMENT_MAX {
        journal.commit(&log).map_err(|error| error.to_string())?;
    }
    Ok(true)
}

#[test]
fn a_journal_breaks_what_it_does_not_say() {
    let folder = tempfile::tempdir().expect("a folder");
    let block = Block {
        address: Ipv6Addr::LOCALHOST,
        length: 128,
    };
    let ia = Ia {
        kind: LabKind::Na,
        iaid: 1,
    };
    let promise = |duid, until_secs| {
        let lease = LabLease {
            ia,
            block,
            until_secs,
        };
        Promise { duid, lease }
    };
    let left_by = |duid: &[u8], state, changed, until| {
        let mut log = ChangeLog::default();
        log.push(&Change {
            prefix: Prefix::host(block.address),
            holder: IaKey {
                duid: Duid::new(duid).expect("a DUID"),
                kind: IaKind::Na,
                iaid: 1,
            },
            state,
            changed: Timestamp(changed),
            preferred_until: Timestamp(until),
            valid_until: Timestamp(until),
        });
        let mut journal = Journal::open(folder.path(), |_| {}).expect("a journal");
        journal.commit(&log).expect("a disk with room");
        drop(journal);
        read(folder.path()).expect("a journal")
    };
    let (one, other) = (b"one".as_slice(), b"other".as_slice());

    let left = left_by(one, LeaseState::Active, 50, 100);
    assert_eq!(left.breaks(&promise(one, 100)), None);
    assert!(left.breaks(&promise(one, 101)).is_some());
    assert!(left.breaks(&promise(other, 100)).is_some());
    let left = left_by(one, LeaseState::Released, 60, 100);
    assert!(left.breaks(&promise(one, 100)).is_some());
    // One after the other, in one journal: to the same client, to another too early, and just not.
    for (duid, changed, given_twice) in [(one, 60, 0), (other, 200, 1), (one, 201, 1)] {
        let left = left_by(duid, LeaseState::Active, changed, 200);
        assert_eq!(left.given_twice.len(), given_twice, "at {changed}");
    }
}
