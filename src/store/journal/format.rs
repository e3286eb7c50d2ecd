//! The octets of a segment: a header, and one frame for each batch. Pure; numbers are big-endian.
//!
//! ```text
//! segment  magic 7, version 1, number 8, first batch 8, oldest 8, mark 8, checksum of these 4
//! frame    mark 8, batch 8, oldest 8, octets of records 8, records 8, checksum 4, then the records
//! ```
//! *Batch* counts frames over all segments without a gap. *Oldest* is the first segment that is still
//! needed: those below it may be missing, none from it on may. The checksum of a frame covers all of it but
//! itself.
//!
//! *Mark* is drawn at random for each segment, begins each of its frames, and occurs nowhere else: where it
//! stands, a frame was begun. Clients choose parts of a record, and not knowing the mark, none of them can
//! place something in a DUID that passes for a frame.

use crate::lease::{ChangeLog, Record, RecordError};

const MAGIC: [u8; 7] = *b"dhcp6sJ";

/// The version of the form described above.
pub(super) const VERSION: u8 = 1;

/// What every frame of a segment begins with.
pub(super) type Mark = [u8; 8];

/// What a segment begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SegmentHeader {
    /// Its place among the segments, which its file name repeats.
    pub(super) number: u64,
    /// The batch that its first frame holds.
    pub(super) first_batch: u64,
    /// The first segment that was needed when this one was begun.
    pub(super) oldest: u64,
    /// What its frames begin with.
    pub(super) mark: Mark,
}

/// Why octets are not the header of a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum HeaderFlaw {
    /// It ends early, or does not match its checksum.
    Damaged,
    /// It may be one, in a form that this server does not know.
    Version(u8),
}

impl SegmentHeader {
    /// Octets of the header.
    pub(super) const LEN: usize = 44;

    /// Its octets.
    pub(super) fn encode(&self) -> [u8; Self::LEN] {
        let mut out = [0; Self::LEN];
        out[..7].copy_from_slice(&MAGIC);
        out[7] = VERSION;
        out[8..16].copy_from_slice(&self.number.to_be_bytes());
        out[16..24].copy_from_slice(&self.first_batch.to_be_bytes());
        out[24..32].copy_from_slice(&self.oldest.to_be_bytes());
        out[32..40].copy_from_slice(&self.mark);
        let checksum = crc32fast::hash(&out[..40]);
        out[40..].copy_from_slice(&checksum.to_be_bytes());
        out
    }

    /// Reads the header at the front of a segment.
    pub(super) fn decode(segment: &[u8]) -> Result<Self, HeaderFlaw> {
        if let Some((magic, [version, ..])) = segment.split_first_chunk()
            && *magic == MAGIC
            && *version != VERSION
        {
            return Err(HeaderFlaw::Version(*version));
        }
        Self::decode_current(segment).ok_or(HeaderFlaw::Damaged)
    }

    fn decode_current(segment: &[u8]) -> Option<Self> {
        let checked = segment.get(..40)?;
        let mut input = segment;
        let magic: [u8; 7] = take(&mut input)?;
        let _version: [u8; 1] = take(&mut input)?;
        let header = Self {
            number: number(&mut input)?,
            first_batch: number(&mut input)?,
            oldest: number(&mut input)?,
            mark: take(&mut input)?,
        };
        (magic == MAGIC && checksum(&mut input)? == crc32fast::hash(checked)).then_some(header)
    }
}

/// A frame whose octets are those that were written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Frame<'a> {
    /// Its place among the frames of all segments.
    pub(super) batch: u64,
    /// The first segment that is needed from here on.
    pub(super) oldest: u64,
    count: u64,
    records: &'a [u8],
}

/// What a whole frame holds that none that this server wrote does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FrameFlaw {
    /// A record that is none.
    Record(RecordError),
    /// Another number of records than it says.
    Count,
}

impl<'a> Frame<'a> {
    /// Octets of a frame ahead of its checksum.
    const CHECKED_LEN: usize = 40;
    /// Octets of a frame ahead of its records.
    const HEADER_LEN: usize = Self::CHECKED_LEN + 4;

    /// The frame at the front of `octets`, or `None` if there is not a whole one.
    pub(super) fn read(octets: &'a [u8], mark: &Mark) -> Option<Self> {
        let mut rest = octets;
        let begins: Mark = take(&mut rest)?;
        let batch = number(&mut rest)?;
        let oldest = number(&mut rest)?;
        let records_len = number(&mut rest)?;
        let count = number(&mut rest)?;
        let expected = checksum(&mut rest)?;
        let records = rest.get(..usize::try_from(records_len).ok()?)?;
        let found = frame_checksum(octets.get(..Self::CHECKED_LEN)?, records);
        (begins == *mark && found == expected).then_some(Self {
            batch,
            oldest,
            count,
            records,
        })
    }

    /// Whether a frame begins anywhere in `octets`, be it whole or not.
    pub(super) fn begins_within(octets: &[u8], mark: &Mark) -> bool {
        octets.windows(mark.len()).any(|window| window == mark)
    }

    /// Octets of the frame, its header included.
    pub(super) fn len(&self) -> usize {
        Self::HEADER_LEN + self.records.len()
    }

    /// Hands out the records in order, and returns how many there were.
    pub(super) fn replay(&self, mut replay: impl FnMut(&Record)) -> Result<u64, FrameFlaw> {
        let mut rest = self.records;
        let mut count = 0;
        while !rest.is_empty() {
            let (record, behind) = Record::read(rest).map_err(FrameFlaw::Record)?;
            replay(&record);
            rest = behind;
            count += 1;
        }
        if count == self.count {
            Ok(count)
        } else {
            Err(FrameFlaw::Count)
        }
    }
}

/// The frame that is being filled: the changes of one log, and of earlier ones that found no room.
#[derive(Debug)]
pub(super) struct FrameBuffer {
    /// Room for the header, and the records.
    octets: Vec<u8>,
    count: u64,
}

impl FrameBuffer {
    /// A frame without records.
    pub(super) fn new() -> Self {
        Self {
            octets: vec![0; Frame::HEADER_LEN],
            count: 0,
        }
    }

    /// Appends the changes of a log.
    pub(super) fn push(&mut self, log: &ChangeLog) {
        self.octets.extend_from_slice(log.records());
        self.count += log.count() as u64;
    }

    /// Whether no records are in it.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Completes the header, and returns the whole frame.
    pub(super) fn seal(&mut self, mark: &Mark, batch: u64, oldest: u64) -> &[u8] {
        let (header, records) = self.octets.split_at_mut(Frame::HEADER_LEN);
        header[..8].copy_from_slice(mark);
        header[8..16].copy_from_slice(&batch.to_be_bytes());
        header[16..24].copy_from_slice(&oldest.to_be_bytes());
        header[24..32].copy_from_slice(&(records.len() as u64).to_be_bytes());
        header[32..40].copy_from_slice(&self.count.to_be_bytes());
        let checksum = frame_checksum(&header[..Frame::CHECKED_LEN], records);
        header[Frame::CHECKED_LEN..].copy_from_slice(&checksum.to_be_bytes());
        &self.octets
    }

    /// Forgets the records and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.octets.truncate(Frame::HEADER_LEN);
        self.count = 0;
    }
}

fn frame_checksum(header: &[u8], records: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(header);
    hasher.update(records);
    hasher.finalize()
}

fn take<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = input.split_first_chunk()?;
    *input = rest;
    Some(*head)
}

fn number(input: &mut &[u8]) -> Option<u64> {
    take(input).map(u64::from_be_bytes)
}

fn checksum(input: &mut &[u8]) -> Option<u32> {
    take(input).map(u32::from_be_bytes)
}
