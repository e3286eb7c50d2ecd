//! One segment file that batches are appended to.

use super::disk::{Disk, is_full, write_all};
use super::format::{FrameBuffer, Mark, SegmentHeader};
use crate::store::Error;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// The segment that is written to; everything below `len` is whole and durable.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) number: u64,
    pub(super) mark: Mark,
    pub(super) len: u64,
}

impl Segment {
    /// Where the segment of that number is kept.
    pub(super) fn path(dir: &Path, number: u64) -> PathBuf {
        dir.join(format!("leases-{number:08}.journal"))
    }

    /// The number in the name of a segment file, or `None` if the file is something else.
    pub(super) fn number(dir: &Path, path: &Path) -> Option<u64> {
        let name = path.file_name()?.to_str()?;
        let digits = name.strip_prefix("leases-")?.strip_suffix(".journal")?;
        let number = digits.parse().ok()?;
        (Self::path(dir, number) == path).then_some(number)
    }

    /// Begins a segment, durable before the first batch is written to it: a segment that holds a batch
    /// therefore has a whole header.
    ///
    /// # Errors
    /// [`Error::Full`] leaves nothing behind.
    pub(super) fn create(
        disk: &mut dyn Disk,
        dir: &Path,
        number: u64,
        first_batch: u64,
        oldest: u64,
    ) -> Result<Self, Error> {
        let path = Self::path(dir, number);
        let mut mark = Mark::default();
        getrandom::fill(&mut mark).map_err(|error| {
            failed("draw a mark for", &path)(io::Error::other(error.to_string()))
        })?;
        let header = SegmentHeader {
            number,
            first_batch,
            oldest,
            mark,
        };
        let file = match disk.create(&path) {
            Ok(file) => file,
            Err(source) if is_full(&source) => return Err(Error::Full { path, source }),
            Err(source) => return Err(failed("create", &path)(source)),
        };
        if let Err(source) = write_all(disk, &file, &header.encode(), 0) {
            if !is_full(&source) {
                return Err(failed("write", &path)(source));
            }
            disk.remove(&path).map_err(failed("remove", &path))?;
            return Err(Error::Full { path, source });
        }
        disk.sync(&file).map_err(failed("sync", &path))?;
        disk.sync_dir(dir).map_err(failed("sync", dir))?;
        Ok(Self {
            path,
            file,
            number,
            mark,
            len: SegmentHeader::LEN as u64,
        })
    }

    /// Appends a frame and makes it durable: one write, one sync.
    ///
    /// # Errors
    /// [`Error::Full`] leaves the file as it was.
    pub(super) fn append(
        &mut self,
        disk: &mut dyn Disk,
        frame: &mut FrameBuffer,
        batch: u64,
        oldest: u64,
    ) -> Result<(), Error> {
        let octets = frame.seal(&self.mark, batch, oldest);
        if let Err(source) = write_all(disk, &self.file, octets, self.len) {
            if !is_full(&source) {
                return Err(failed("write", &self.path)(source));
            }
            // The cut need not be durable: until the next sync succeeds this is a torn tail, which opening
            // cuts in the same way.
            disk.cut(&self.file, self.len)
                .map_err(failed("cut", &self.path))?;
            return Err(Error::Full {
                path: self.path.clone(),
                source,
            });
        }
        // A sync that finds no room is a failure too. The system may have dropped the octets that it could
        // not place and call them written from then on, so no later sync would say what became of them.
        disk.sync(&self.file).map_err(failed("sync", &self.path))?;
        self.len += octets.len() as u64;
        Ok(())
    }
}

/// Says what was tried when the system refused it.
pub(super) fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Failed {
        operation,
        path: path.to_path_buf(),
        source,
    }
}
