//! Cuts and flipped octets: what opens has exactly the leases that it must, or is refused with a place.

use super::*;
use crate::store::journal::Damage;
use crate::store::journal::format::{Frame, FrameBuffer, HeaderFlaw};
use proptest::prelude::*;
use std::ops::Range;

/// A journal of several batches in one segment, and where each of them stands.
struct Written {
    dir: TempDir,
    octets: Vec<u8>,
    batches: Vec<(Range<usize>, Vec<Record>)>,
}

impl Written {
    fn new() -> Self {
        let dir = tempdir();
        let (mut journal, _) = open(dir.path()).expect("a new journal");
        let mut batches = Vec::new();
        let mut from = SegmentHeader::LEN;
        for changes in [
            vec![change(1, 1), change(2, 1)],
            vec![change(1, 2)],
            vec![change(3, 3), change(2, 3)],
        ] {
            journal.commit(&log(&changes)).expect("room");
            let to = usize::try_from(journal.size_bytes()).expect("a few octets");
            batches.push((from..to, changes));
            from = to;
        }
        drop(journal);
        let octets = fs::read(segment(dir.path(), 1)).expect("a file");
        Self {
            dir,
            octets,
            batches,
        }
    }

    fn last(&self) -> Range<usize> {
        self.batches.last().expect("three batches").0.clone()
    }

    /// The changes of all batches but the last.
    fn before_last(&self) -> Vec<Record> {
        let (_, before) = self.batches.split_last().expect("three batches");
        before
            .iter()
            .flat_map(|(_, changes)| changes.clone())
            .collect()
    }

    fn all(&self) -> Vec<Record> {
        self.batches
            .iter()
            .flat_map(|(_, changes)| changes.clone())
            .collect()
    }

    fn open_with(&self, octets: &[u8]) -> Result<(Journal, Vec<Record>), OpenError> {
        fs::write(segment(self.dir.path(), 1), octets).expect("a file");
        open(self.dir.path())
    }

    /// Every copy with one octet of that range changed, and where that is.
    fn flipped(&self, range: Range<usize>, masks: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
        range.flat_map(move |at| {
            masks.iter().map(move |mask| {
                let mut octets = self.octets.clone();
                octets[at] ^= mask;
                (at, octets)
            })
        })
    }
}

/// Where a journal was refused.
fn refused(result: Result<(Journal, Vec<Record>), OpenError>) -> (u64, Damage) {
    match result {
        Err(OpenError::Damaged { offset, damage, .. }) => (offset, damage),
        other => panic!("opened, or refused without a place: {other:?}"),
    }
}

fn every_mask() -> Vec<u8> {
    (1..=u8::MAX).collect()
}

const SOME_MASKS: [u8; 10] = [1, 2, 4, 8, 16, 32, 64, 128, 0x55, 0xff];

#[test]
fn a_last_batch_cut_at_any_octet_is_forgotten_and_does_not_come_back() {
    let written = Written::new();
    for len in written.last() {
        let (mut journal, found) = written
            .open_with(&written.octets[..len])
            .expect("a torn tail");
        assert_eq!(found, written.before_last(), "cut to {len}");
        let torn = len - written.last().start;
        let cuts = &journal.recovery().cuts;
        assert_eq!(cuts.iter().map(|cut| cut.octets).sum::<u64>(), torn as u64);

        journal.commit(&log(&[change(9, 9)])).expect("room");
        drop(journal);
        let (journal, found) = open(written.dir.path()).expect("a good journal");
        assert_eq!(found, [written.before_last(), vec![change(9, 9)]].concat());
        assert_eq!(journal.recovery().cuts, []);
    }
}

#[test]
fn a_last_batch_with_any_octet_changed_is_forgotten_whole() {
    let written = Written::new();
    for (at, octets) in written.flipped(written.last(), &SOME_MASKS) {
        let (journal, found) = written.open_with(&octets).expect("a torn tail");
        assert_eq!(found, written.before_last(), "changed at {at}");
        assert_eq!(journal.recovery().cuts.len(), 1);
        assert_eq!(journal.size_bytes(), written.last().start as u64);
    }
}

#[test]
fn a_frame_or_header_with_any_octet_changed_in_any_way_or_cut_off_is_none() {
    let written = Written::new();
    let header = SegmentHeader::decode(&written.octets).expect("a header");
    for (at, octets) in written.flipped(0..SegmentHeader::LEN, &every_mask()) {
        assert!(SegmentHeader::decode(&octets).is_err(), "changed at {at}");
    }
    for (range, _) in &written.batches {
        let frame = |octets: &[u8]| Frame::read(octets, &header.mark).is_some();
        assert!(frame(&written.octets[range.clone()]));
        for end in range.clone() {
            assert!(!frame(&written.octets[range.start..end]), "cut at {end}");
        }
        for (at, octets) in written.flipped(range.clone(), &every_mask()) {
            assert!(!frame(&octets[range.start..]), "changed at {at}");
        }
    }
}

#[test]
fn a_last_batch_of_which_any_part_was_never_written_is_forgotten_whole() {
    let written = Written::new();
    for at in written.last() {
        let mut octets = written.octets.clone();
        let end = (at + 16).min(octets.len());
        octets[at..end].fill(0);
        if octets == written.octets {
            continue;
        }
        let (_, found) = written.open_with(&octets).expect("a torn tail");
        assert_eq!(found, written.before_last(), "zeros at {at}");
    }
}

#[test]
fn zeros_or_noise_behind_the_last_batch_are_cut_and_cost_no_lease() {
    let written = Written::new();
    for tail in [vec![0; 4096], vec![0xff; 4096], every_mask()] {
        let (journal, found) = written
            .open_with(&[written.octets.clone(), tail].concat())
            .expect("a torn tail");
        assert_eq!(found, written.all());
        assert_eq!(journal.size_bytes(), written.octets.len() as u64);
    }
}

#[test]
fn an_earlier_batch_with_any_octet_changed_is_refused_with_its_place() {
    let written = Written::new();
    for (range, _) in &written.batches[..2] {
        for (at, octets) in written.flipped(range.clone(), &SOME_MASKS) {
            let place = refused(written.open_with(&octets));
            assert_eq!(
                place,
                (range.start as u64, Damage::Frame),
                "changed at {at}"
            );
            let after = fs::read(segment(written.dir.path(), 1)).expect("a file");
            assert!(after == octets, "refusing changed the file");
        }
    }
}

#[test]
fn a_header_with_any_octet_changed_is_refused() {
    let written = Written::new();
    for (at, octets) in written.flipped(0..SegmentHeader::LEN, &SOME_MASKS) {
        match written.open_with(&octets) {
            Err(OpenError::Version { .. }) if at == 7 => {}
            other => assert_eq!(refused(other), (0, Damage::Header), "changed at {at}"),
        }
    }
}

#[test]
fn a_segment_that_was_begun_and_has_no_whole_header_is_begun_again() {
    let written = Written::new();
    for len in 0..SegmentHeader::LEN {
        let (mut journal, found) = written.open_with(&written.octets[..len]).expect("torn");
        assert_eq!(found, []);
        let cuts: Vec<_> = journal
            .recovery()
            .cuts
            .iter()
            .map(ToString::to_string)
            .collect();
        let path = segment(written.dir.path(), 1);
        assert_eq!(
            cuts,
            [format!(
                "removed {}, which was begun and never used",
                path.display()
            )]
        );
        journal.commit(&log(&[change(1, 1)])).expect("room");
        drop(journal);
        assert_eq!(
            open(written.dir.path()).expect("a good journal").1,
            [change(1, 1)]
        );
    }
}

#[test]
fn a_batch_that_is_missing_or_doubled_is_refused_with_its_place() {
    let written = Written::new();
    let (first, second, third) = (
        &written.batches[0].0,
        &written.batches[1].0,
        &written.batches[2].0,
    );
    let without = [&written.octets[..first.end], &written.octets[third.clone()]].concat();
    let (expected, found) = (2, 3);
    let damage = Damage::Batch { expected, found };
    assert_eq!(
        refused(written.open_with(&without)),
        (first.end as u64, damage)
    );

    let doubled = [&written.octets[..], &written.octets[second.clone()]].concat();
    let (expected, found) = (4, 2);
    let damage = Damage::Batch { expected, found };
    assert_eq!(
        refused(written.open_with(&doubled)),
        (third.end as u64, damage)
    );
}

#[test]
fn a_whole_batch_with_other_records_than_it_says_is_refused() {
    let written = Written::new();
    let header = SegmentHeader::decode(&written.octets).expect("a header");
    let whole = |records: &[u8], count: u8| {
        // A frame of that many changes, its records exchanged and its checksum made good again.
        let mut buffer = FrameBuffer::new();
        for lease in 0..count {
            buffer.push(&log(&[change(lease, 4)]));
        }
        let mut frame = buffer.seal(&header.mark, 4, 1)[..44].to_vec();
        frame[24..32].copy_from_slice(&(records.len() as u64).to_be_bytes());
        let checksum = crc32fast::hash(&[&frame[..40], records].concat());
        frame[40..44].copy_from_slice(&checksum.to_be_bytes());
        [&written.octets[..], &frame, records].concat()
    };
    let record = log(&[change(1, 4)]).records().to_vec();
    assert_eq!(
        written.open_with(&whole(&record, 1)).expect("good").1.len(),
        6
    );
    for octets in [whole(&record, 2), whole(&[], 1), whole(&record[1..], 1)] {
        let (offset, _) = refused(written.open_with(&octets));
        assert_eq!(offset, written.octets.len() as u64);
    }
}

#[test]
fn what_a_refusal_says_to_do_works() {
    let written = Written::new();
    let mut octets = written.octets.clone();
    octets[written.batches[1].0.start + 50] ^= 1;
    let error = written.open_with(&octets).expect_err("a damaged batch");
    let path = segment(written.dir.path(), 1);
    let (path_text, offset) = (path.display(), written.batches[1].0.start);
    assert_eq!(
        error.to_string(),
        format!(
            "{path_text}: offset {offset}: a batch is damaged that others follow; restore the directory from a \
             copy, or, to give up every change from there on, run `truncate -s {offset} {path_text}` and move the \
             segments with higher numbers away"
        )
    );
    let (_, found) = written
        .open_with(&octets[..offset])
        .expect("nothing bad is left");
    assert_eq!(found, written.batches[0].1);
}

#[test]
fn an_earlier_segment_is_refused_whatever_octet_is_cut_off_or_changed() {
    let written = Written::new();
    let limits = Limits {
        total_min: 1,
        growth: 1,
    };
    let dir = written.dir.path();
    let (mut journal, _) = open_on(&TestDisk::default(), dir, limits).expect("a good journal");
    journal.commit(&log(&[change(4, 4)])).expect("room");
    assert!(journal.wants_restatement());
    drop(journal);
    let (_, found) = open(dir).expect("a good journal");
    assert_eq!(found, [written.all(), vec![change(4, 4)]].concat());

    for len in 0..written.octets.len() {
        let (offset, damage) = refused(written.open_with(&written.octets[..len]));
        let ends = written.batches.iter().any(|(range, _)| range.start == len);
        assert_eq!(matches!(damage, Damage::Batch { .. }), ends, "cut to {len}");
        let good = written
            .batches
            .iter()
            .map(|(range, _)| range.start)
            .rfind(|start| *start <= len);
        let expected = if ends { 0 } else { good.unwrap_or(0) };
        assert_eq!(offset, expected as u64, "cut to {len}");
    }
    for (at, octets) in written.flipped(written.last(), &SOME_MASKS) {
        let place = refused(written.open_with(&octets));
        assert_eq!(
            place,
            (written.last().start as u64, Damage::Frame),
            "changed at {at}"
        );
    }
    let noise = [&written.octets[..], &[0; 9]].concat();
    let place = refused(written.open_with(&noise));
    assert_eq!(place, (written.octets.len() as u64, Damage::Frame));

    fs::copy(segment(dir, 2), segment(dir, 1)).expect("a copy");
    assert_eq!(refused(open(dir)), (0, Damage::Number(2)));
    fs::remove_file(segment(dir, 1)).expect("a file");
    let error = open(dir).expect_err("a segment is missing");
    assert!(
        error
            .to_string()
            .contains("leases-00000001.journal is missing"),
        "{error}"
    );
}

#[test]
fn a_segment_of_another_version_is_left_alone_even_if_it_holds_nothing() {
    let written = Written::new();
    let mut octets = written.octets[..SegmentHeader::LEN].to_vec();
    octets[7] = 2;
    let error = written.open_with(&octets).expect_err("another version");
    assert!(
        error
            .to_string()
            .contains("format version 2 (this server knows 1)"),
        "{error}"
    );
    assert_eq!(SegmentHeader::decode(&octets), Err(HeaderFlaw::Version(2)));
}

proptest! {
    #[test]
    fn no_octets_make_reading_panic(mut octets: Vec<u8>, mark: [u8; 8], marked: bool) {
        let _ = SegmentHeader::decode(&octets);
        if marked {
            octets.splice(..0, mark);
        }
        let _ = Frame::read(&octets, &mark);
        prop_assert!(!marked || Frame::begins_within(&octets, &mark));
    }
}
