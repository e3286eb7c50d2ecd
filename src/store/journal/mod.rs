//! Leases in append-only segment files; one write and one sync per batch.
//!
//! A commit appends one frame. What a crash leaves unfinished at the very end is cut off when the journal is
//! opened; anything else that is not as it was written stops the server with file and offset, because
//! records that would be skipped are leases that would be given to somebody else.
//!
//! When the segments have grown enough, a new one is begun and the journal asks for a restatement: from then
//! on a few live leases come with each log. Once all of them are in the new segment the older ones are
//! removed, oldest first. Segments therefore disappear at the front only, and the frame that ends a
//! restatement says up to where they may. A restart meanwhile replays everything and asks again.
//!
//! Space is not allocated ahead. It would make the sync of a single change about a quarter cheaper and that of
//! a full batch hardly, and the file would end in octets that are neither a frame nor damage.
//!
//! Not here: what stands in a frame (`format`), how a file is written (`segment`), and what is accepted when
//! it is read back (`replay`).

mod disk;
mod error;
mod format;
mod open;
mod replay;
mod segment;
#[cfg(test)]
mod tests;

pub use error::{Damage, Holder, OpenError};
pub use replay::{Cut, Recovery};

use super::{Error, LeaseStore};
use crate::lease::ChangeLog;
use disk::{Disk, is_full};
use format::FrameBuffer;
use nix::fcntl::Flock;
use segment::{Segment, failed};
use std::collections::VecDeque;
use std::fs::{self, File};
use std::mem;
use std::path::{Path, PathBuf};

/// When the journal asks for a restatement.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Never below this many octets of segments.
    total_min: u64,
    /// And not below so many times what the live leases took when they were last restated.
    growth: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            total_min: 32 * 1024 * 1024,
            growth: 3,
        }
    }
}

/// A store in a directory of segment files, which nobody else can open while it exists.
#[derive(Debug)]
pub struct Journal {
    dir: PathBuf,
    disk: Box<dyn Disk>,
    limits: Limits,
    /// What the next commit writes; between commits, what found no room.
    frame: FrameBuffer,
    /// Whether `frame` ends the restatement.
    restated: bool,
    /// The segments behind the one that is written to, from the oldest on.
    older: VecDeque<Older>,
    segment: Segment,
    /// The first segment that is needed; below `segment` until a restatement ends.
    oldest: u64,
    next_batch: u64,
    /// Octets of the segment in which the last restatement ended, when it ended.
    live_len: u64,
    recovery: Recovery,
    _lock: Flock<File>,
}

/// A segment that is only read.
#[derive(Debug)]
struct Older {
    number: u64,
    len: u64,
}

impl Journal {
    /// Whether a directory holds a journal.
    #[must_use]
    pub fn is_in(dir: &Path) -> bool {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        let mut paths = entries.map(|it| it.path());
        paths.any(|it| Segment::number(dir, &it).is_some())
    }

    /// What opening found.
    #[must_use]
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// Octets of all segments.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.older.iter().map(|older| older.len).sum::<u64>() + self.segment.len
    }

    /// Whether old records are worth the trouble of a restatement. While none is wanted, this segment is all
    /// that is needed; older ones that could not be removed yet do not count.
    fn is_due(&self) -> bool {
        let limit = self.live_len.saturating_mul(self.limits.growth);
        !self.wants_restatement() && self.segment.len >= limit.max(self.limits.total_min)
    }

    /// Begins a new segment, which is what makes the journal ask for a restatement.
    fn begin_segment(&mut self) -> Result<(), Error> {
        let number = self.segment.number + 1;
        match Segment::create(
            &mut *self.disk,
            &self.dir,
            number,
            self.next_batch,
            self.oldest,
        ) {
            Ok(segment) => {
                let ended = mem::replace(&mut self.segment, segment);
                self.older.push_back(Older {
                    number: ended.number,
                    len: ended.len,
                });
                Ok(())
            }
            // Without room for another file there may still be room in this one; the next commit tries again.
            Err(Error::Full { .. }) => Ok(()),
            Err(error @ Error::Failed { .. }) => Err(error),
        }
    }

    /// Removes what a restatement made superfluous. Each removal is durable before the next, so that what a
    /// crash leaves begins somewhere and has no holes.
    fn remove_obsolete(&mut self) -> Result<(), Error> {
        while let Some(older) = self
            .older
            .front()
            .filter(|older| older.number < self.oldest)
        {
            let path = Segment::path(&self.dir, older.number);
            match self.disk.remove(&path) {
                Ok(()) => {}
                // Where copies are made before anything changes, even this takes room. It can wait.
                Err(error) if is_full(&error) => return Ok(()),
                Err(source) => return Err(failed("remove", &path)(source)),
            }
            self.disk
                .sync_dir(&self.dir)
                .map_err(failed("sync", &self.dir))?;
            self.older.pop_front();
        }
        Ok(())
    }
}

impl LeaseStore for Journal {
    fn commit(&mut self, log: &ChangeLog) -> Result<(), Error> {
        // Only while a restatement is wanted can one end: a pass that began before this segment did, and is
        // late to end, says nothing about it.
        self.restated |= log.restated_all() && self.wants_restatement();
        self.frame.push(log);
        if self.frame.is_empty() && !self.restated {
            return Ok(());
        }
        // Ahead of the batch: whoever sees that a restatement is wanted, sees it after this commit, and all
        // that is committed from then on is in the new segment.
        if self.is_due() {
            self.begin_segment()?;
        }
        let oldest = if self.restated {
            self.segment.number
        } else {
            self.oldest
        };
        self.segment
            .append(&mut *self.disk, &mut self.frame, self.next_batch, oldest)?;
        self.next_batch += 1;
        self.oldest = oldest;
        self.frame.clear();
        if mem::take(&mut self.restated) {
            self.live_len = self.segment.len;
        }
        self.remove_obsolete()
    }

    fn wants_restatement(&self) -> bool {
        self.oldest < self.segment.number
    }
}
