//! Records and segment files from any octets.

use super::input::Input;
use dhcp6s::lease::{
    Change, ChangeLog, IaKey, IaKind, LeaseState, LeaseTable, Prefix, Record, Replay, Timestamp,
};
use dhcp6s::store::{Journal, LeaseStore};
use dhcp6s::wire::Duid;
use std::fs;
use std::net::Ipv6Addr;
use std::path::Path;

/// Where the checksum of a segment's header, and of a frame, stands.
const HEADER_CHECKED: usize = 40;
const FRAME_CHECKED: usize = 40;
const MARK: [u8; 8] = *b"\x7fsegment";

/// Reads the octets as records, and opens a journal that is made of them: it is either refused and left as it
/// is, or goes on from what it holds.
pub fn journal(octets: &[u8]) {
    let mut input = Input::new(octets);
    match input.below(4) {
        0 => records(input.all()),
        1 => opened(&[input.all().to_vec()]),
        _ => {
            let mut segments = Vec::new();
            let mut batch = 1;
            while !input.is_empty() && segments.len() < 3 {
                segments.push(segment(&mut input, segments.len() as u64 + 1, &mut batch));
            }
            opened(&segments);
        }
    }
}

/// Whatever records the octets hold: each is written as it was read, and a table takes them all.
fn records(octets: &[u8]) {
    let mut table = LeaseTable::default();
    let mut rest = octets;
    while let Ok((record, behind)) = Record::read(rest) {
        let mut written = Vec::new();
        record.write(&mut written);
        assert_eq!(rest.strip_suffix(behind), Some(written.as_slice()));
        match record {
            Record::Lease(change) => {
                table.apply(&change);
                // What is only remembered may be one too many.
                let now = table.get(change.prefix).map(|it| it.change());
                let forgotten = now.is_none() && change.state == LeaseState::Released;
                assert!(now == Some(kept(change)) || forgotten);
            }
            Record::Counter(counter) => {
                table.set_counter(&counter);
                assert_eq!(table.counter(&counter.duid), Some(&counter));
            }
        }
        consistent(&table);
        rest = behind;
    }
    table.expire(Timestamp(u64::MAX - 1));
    consistent(&table);
}

/// A change as a table keeps it: what lies past the year 36812 is never.
fn kept(mut change: Change) -> Change {
    let times = [
        &mut change.changed,
        &mut change.preferred_until,
        &mut change.valid_until,
    ];
    for time in times {
        if time.0 >= (1 << 40) - 1 {
            *time = Timestamp::NEVER;
        }
    }
    change
}

/// No two leases are in each other's way, and every lease is found by its binding.
pub(super) fn consistent(table: &LeaseTable) {
    let mut taken = Vec::new();
    for lease in table.iter() {
        let found = table
            .of_binding(&lease.holder())
            .filter(|it| it.prefix() == lease.prefix());
        assert!(found.count() == 1 || lease.state() == LeaseState::Declined);
        if lease.state() != LeaseState::Released {
            taken.push(lease.prefix().bounds());
        }
    }
    taken.sort_unstable();
    for pair in taken.windows(2) {
        assert!(pair[0].1 < pair[1].0, "{pair:?}");
    }
    for &(first, last) in &taken {
        assert!(table.unavailable().contains(first) && table.unavailable().contains(last));
    }
    let runs = taken.len() + table.excluded().run_count();
    assert!(table.unavailable().run_count() <= runs);
    assert_eq!(table.iter().count(), table.len());
}

/// A segment whose checksums are right, unless the input says otherwise.
fn segment(input: &mut Input<'_>, number: u64, batch: &mut u64) -> Vec<u8> {
    let odd = |input: &mut Input<'_>, number: u64| match input.rarely() {
        true => u64::from_be_bytes(input.array()),
        false => number,
    };
    let mut out = b"dhcp6sJ\x01".to_vec();
    for field in [number, *batch, 1] {
        out.extend(odd(input, field).to_be_bytes());
    }
    out.extend(MARK);
    let checksum = crc32(&[&out[..HEADER_CHECKED]]);
    out.extend(checksum.to_be_bytes());
    for _ in 0..input.below(4) {
        let mut records = Vec::new();
        let mut count = 0;
        for _ in 0..input.below(4) {
            match input.rarely() {
                true => records.extend_from_slice(input.counted()),
                false => change(input).write(&mut records),
            }
            count += 1;
        }
        let oldest = if input.rarely() { number } else { 1 };
        let mut header = MARK.to_vec();
        for field in [*batch, oldest, records.len() as u64, count] {
            header.extend(odd(input, field).to_be_bytes());
        }
        let mut checksum = crc32(&[&header[..FRAME_CHECKED], &records]).to_be_bytes();
        if input.rarely() {
            checksum = input.array();
        }
        out.extend(header);
        out.extend(checksum);
        out.extend(records);
        *batch += 1;
    }
    if input.rarely() {
        out.truncate(out.len() - usize::from(input.octet()).min(out.len()));
    }
    if input.rarely() {
        out.extend_from_slice(input.counted());
    }
    out
}

fn change(input: &mut Input<'_>) -> Change {
    let length = [128, 128, 64, 56, 48, 0, 1, 127][input.below(8)];
    let network = u128::from(input.octet()) << 64;
    let address = Ipv6Addr::from_bits((0x2001_0db8 << 96) | network | u128::from(input.octet()));
    let [changed, preferred, valid] = input.array();
    Change {
        prefix: Prefix::new(address, length).expect("at most 128"),
        holder: IaKey {
            duid: Duid::new(&[0, 3, input.octet()]).expect("a DUID"),
            kind: [IaKind::Na, IaKind::Pd][input.below(2)],
            iaid: u32::from(input.octet()),
        },
        state: [
            LeaseState::Active,
            LeaseState::Released,
            LeaseState::Declined,
        ][input.below(3)],
        changed: Timestamp(u64::from(changed)),
        preferred_until: Timestamp(u64::from(preferred)),
        valid_until: Timestamp(u64::from(valid)),
    }
}

fn opened(segments: &[Vec<u8>]) {
    let dir = tempfile::tempdir().expect("a folder");
    for (index, octets) in segments.iter().enumerate() {
        let name = format!("leases-{:08}.journal", index + 1);
        fs::write(dir.path().join(name), octets).expect("a file");
    }
    let before = files(dir.path());
    let mut found = Vec::new();
    let Ok(mut journal) = Journal::open(dir.path(), |record| found.push(*record)) else {
        assert_eq!(
            files(dir.path()),
            before,
            "what is refused is left as it was"
        );
        return;
    };
    assert_eq!(journal.recovery().records, found.len() as u64);
    let mut replay = Replay::default();
    found.iter().for_each(|record| replay.take(record));
    consistent(&replay.finish());

    let mut log = ChangeLog::default();
    let more = change(&mut Input::new(b"more"));
    log.push(&more);
    journal.commit(&log).expect("a commit");
    found.push(Record::Lease(more));
    drop(journal);
    let mut again = Vec::new();
    let journal = Journal::open(dir.path(), |record| again.push(*record)).expect("a journal");
    // Segments that a restatement made superfluous are gone by now, with what they held.
    let whole = files(dir.path()).len() == before.len();
    assert!(found.ends_with(&again) && again.last() == Some(&Record::Lease(more)));
    assert!(!whole || again.len() == found.len());
    assert!(journal.recovery().cuts.is_empty());
}

/// The segments and what they hold.
fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".journal") {
            files.push((name.into_owned(), fs::read(&path).expect("a file")));
        }
    }
    files.sort();
    files
}

/// The checksum of the journal: CRC-32 as in Ethernet.
fn crc32(parts: &[&[u8]]) -> u32 {
    let mut crc = u32::MAX;
    for &octet in parts.iter().copied().flatten() {
        crc ^= u32::from(octet);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}
