//! Reading the segments: what is replayed, what is cut, and what is refused.
//!
//! Nothing is changed before everything was read and found good. The only damage that a crash can do is to
//! the last frame or, if no batch followed, to the header of the last segment: batches are written one at a
//! time, each made durable before the next. So a bad frame that has another one begun behind it, or is in a
//! segment that is not the last, was once good, and its changes were promised to somebody.
//!
//! The last frame itself may never have been made durable, although it reads well: the system keeps what it
//! could not write. It is therefore written and synced once more before anybody builds on it.

use super::Older;
use super::disk::{Disk, is_full, write_all};
use super::error::{Damage, OpenError};
use super::format::{Frame, HeaderFlaw, Mark, SegmentHeader};
use super::segment::{Segment, failed};
use crate::lease::Record;
use crate::store::Error;
use std::collections::VecDeque;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// More segments or batches than there will ever be. Counting on from no more than that cannot overflow.
const COUNT_MAX: u64 = u64::MAX / 2;

/// What opening found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Recovery {
    /// Batches that were replayed.
    pub batches: u64,
    /// Records that were replayed; more than leases, which have a record for each change.
    pub records: u64,
    /// What was cut off because it was never finished: at most the end of one segment and a later one that
    /// was begun and had no header yet.
    pub cuts: Vec<Cut>,
}

/// The end of a file that was written when the server or its machine stopped. No answer depends on it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cut {
    /// The segment.
    pub path: PathBuf,
    /// Where it was cut, in octets; 0 if it was removed.
    pub offset: u64,
    /// How many octets there were behind.
    pub octets: u64,
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        if self.offset == 0 {
            write!(f, "removed {path}, which was begun and never used")
        } else {
            let (octets, offset) = (self.octets, self.offset);
            write!(
                f,
                "cut {octets} octets of an unfinished batch from {path} at offset {offset}"
            )
        }
    }
}

/// What is known after the segments read so far.
pub(super) struct Replayed<R> {
    replay: R,
    pub(super) older: VecDeque<Older>,
    pub(super) oldest: u64,
    pub(super) next_batch: u64,
    pub(super) live_len: u64,
    pub(super) recovery: Recovery,
    /// A segment that was begun and has no header.
    unborn: Option<PathBuf>,
}

/// The last segment, as far as it is good.
pub(super) struct Last {
    path: PathBuf,
    number: u64,
    mark: Mark,
    len: usize,
    /// Where its last frame begins; without one, its header.
    unsettled: usize,
    octets: Vec<u8>,
}

impl<R: FnMut(&Record)> Replayed<R> {
    pub(super) fn new(replay: R) -> Self {
        Self {
            replay,
            older: VecDeque::new(),
            oldest: 1,
            next_batch: 1,
            live_len: 0,
            recovery: Recovery::default(),
            unborn: None,
        }
    }

    /// Reads all segments, changes nothing, and returns the last.
    pub(super) fn read_all(&mut self, dir: &Path) -> Result<Option<Last>, OpenError> {
        let mut numbers = list(dir).map_err(failed("list", dir))?;
        if let Some(&number) = numbers.last()
            && let Some(octets) = unborn(dir, number)?
        {
            numbers.pop();
            let path = Segment::path(dir, number);
            self.recovery.cuts.push(Cut {
                path: path.clone(),
                offset: 0,
                octets,
            });
            self.unborn = Some(path);
            // One that has no header yet follows one that has, unless it is the first of all.
            if numbers.is_empty() && number != 1 {
                return Err(missing(dir, number - 1));
            }
        }
        for (number, next) in numbers.iter().zip(numbers.iter().skip(1)) {
            if next - number > 1 {
                return Err(missing(dir, number + 1));
            }
        }
        let Some((&last, earlier)) = numbers.split_last() else {
            return Ok(None);
        };
        for &number in earlier {
            let segment = self.read_segment(dir, number, false)?;
            self.older.push_back(Older {
                number,
                len: segment.len as u64,
            });
        }
        let segment = self.read_segment(dir, last, true)?;
        if let Some(&first) = numbers.first()
            && first > self.oldest
        {
            return Err(missing(dir, first - 1));
        }
        Ok(Some(segment))
    }

    fn read_segment(&mut self, dir: &Path, number: u64, is_last: bool) -> Result<Last, OpenError> {
        let path = Segment::path(dir, number);
        let octets = fs::read(&path).map_err(failed("read", &path))?;
        let damaged = |offset: usize, damage| OpenError::Damaged {
            path: path.clone(),
            offset: offset as u64,
            damage,
        };
        let header = match SegmentHeader::decode(&octets) {
            Ok(header) => header,
            Err(HeaderFlaw::Damaged) => return Err(damaged(0, Damage::Header)),
            Err(HeaderFlaw::Version(version)) => return Err(OpenError::Version { path, version }),
        };
        self.enter(number, &header)
            .map_err(|damage| damaged(0, damage))?;
        let mut unsettled = 0;
        let mut len = SegmentHeader::LEN;
        while let Some(rest) = octets.get(len..).filter(|rest| !rest.is_empty()) {
            let Some(frame) = Frame::read(rest, &header.mark) else {
                if !is_last || Frame::begins_within(rest.get(1..).unwrap_or_default(), &header.mark)
                {
                    return Err(damaged(len, Damage::Frame));
                }
                self.recovery.cuts.push(Cut {
                    path: path.clone(),
                    offset: len as u64,
                    octets: rest.len() as u64,
                });
                break;
            };
            self.replay_frame(number, &frame, len)
                .map_err(|damage| damaged(len, damage))?;
            unsettled = len;
            len += frame.len();
        }
        Ok(Last {
            path,
            number,
            mark: header.mark,
            len,
            unsettled,
            octets,
        })
    }

    /// Checks that a segment continues those before it.
    fn enter(&mut self, number: u64, header: &SegmentHeader) -> Result<(), Damage> {
        if header.number != number {
            return Err(Damage::Number(header.number));
        }
        if header.number.max(header.first_batch) > COUNT_MAX {
            return Err(Damage::Content("the header counts beyond reason"));
        }
        if self.older.is_empty() {
            self.next_batch = header.first_batch;
            self.oldest = header.oldest;
        }
        if header.first_batch != self.next_batch {
            return Err(Damage::Batch {
                expected: self.next_batch,
                found: header.first_batch,
            });
        }
        if header.oldest != self.oldest || header.oldest > number {
            return Err(Damage::Content(
                "the header needs other segments than those before it",
            ));
        }
        Ok(())
    }

    fn replay_frame(&mut self, number: u64, frame: &Frame<'_>, at: usize) -> Result<(), Damage> {
        if frame.batch != self.next_batch {
            return Err(Damage::Batch {
                expected: self.next_batch,
                found: frame.batch,
            });
        }
        if frame.oldest != self.oldest {
            // A restatement ends in the segment that it filled.
            if frame.oldest != number || frame.oldest < self.oldest {
                return Err(Damage::Content(
                    "the batch ends a restatement that nobody began",
                ));
            }
            self.oldest = frame.oldest;
            self.live_len = (at + frame.len()) as u64;
        }
        self.recovery.records += frame.replay(&mut self.replay)?;
        self.recovery.batches += 1;
        self.next_batch += 1;
        Ok(())
    }

    /// Cuts what was never finished, makes durable what was replayed, and returns the segment to go on in.
    pub(super) fn settle(
        &self,
        disk: &mut dyn Disk,
        dir: &Path,
        last: Option<Last>,
    ) -> Result<Segment, OpenError> {
        if let Some(path) = &self.unborn {
            disk.remove(path).map_err(failed("remove", path))?;
        }
        let Some(last) = last else {
            return Ok(Segment::create(disk, dir, 1, 1, 1)?);
        };
        let path = last.path;
        let file = File::options()
            .write(true)
            .open(&path)
            .map_err(failed("open", &path))?;
        disk.cut(&file, last.len as u64)
            .map_err(failed("cut", &path))?;
        let again = last
            .octets
            .get(last.unsettled..last.len)
            .unwrap_or_default();
        match write_all(disk, &file, again, last.unsettled as u64) {
            // Where a write needs new room even to repeat what is there, what is there has to do.
            Err(error) if is_full(&error) => {}
            result => result.map_err(failed("write", &path))?,
        }
        disk.sync(&file).map_err(failed("sync", &path))?;
        disk.sync_dir(dir).map_err(failed("sync", dir))?;
        Ok(Segment {
            path,
            file,
            number: last.number,
            mark: last.mark,
            len: last.len as u64,
        })
    }
}

fn missing(dir: &Path, number: u64) -> OpenError {
    OpenError::Missing {
        path: Segment::path(dir, number),
    }
}

/// The numbers of all segments, in order; other files are left alone.
fn list(dir: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(dir)? {
        numbers.extend(Segment::number(dir, &entry?.path()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Whether a segment has no header and nothing else: if so, how many octets there are.
fn unborn(dir: &Path, number: u64) -> Result<Option<u64>, Error> {
    let path = Segment::path(dir, number);
    let len = fs::metadata(&path).map_err(failed("read", &path))?.len();
    if len > SegmentHeader::LEN as u64 {
        return Ok(None);
    }
    let octets = fs::read(&path).map_err(failed("read", &path))?;
    let torn = SegmentHeader::decode(&octets) == Err(HeaderFlaw::Damaged);
    Ok(torn.then_some(len))
}
