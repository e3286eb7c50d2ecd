//! What the journal asks of the file system.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The operations that change something, as one after the other they can fail.
///
/// Each does what the system does; the tests bring a disk that fills up, fails, or stops in between.
pub(super) trait Disk: fmt::Debug + Send {
    /// Makes a file that must not exist yet.
    fn create(&mut self, path: &Path) -> io::Result<File> {
        File::options().write(true).create_new(true).open(path)
    }

    /// Writes at a place, perhaps not all of it.
    fn write_at(&mut self, file: &File, octets: &[u8], offset: u64) -> io::Result<usize> {
        file.write_at(octets, offset)
    }

    /// Makes what was written to a file, and its length, durable.
    fn sync(&mut self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    /// Shortens a file.
    fn cut(&mut self, file: &File, len: u64) -> io::Result<()> {
        file.set_len(len)
    }

    /// Removes a file.
    fn remove(&mut self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    /// Makes the names in a directory durable.
    fn sync_dir(&mut self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }
}

/// The file system as it is.
#[derive(Debug)]
pub(super) struct RealDisk;

impl Disk for RealDisk {}

/// Writes all of it, which is one write unless room runs out on the way.
pub(super) fn write_all(
    disk: &mut dyn Disk,
    file: &File,
    mut octets: &[u8],
    mut offset: u64,
) -> io::Result<()> {
    while !octets.is_empty() {
        match disk.write_at(file, octets, offset) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => {
                octets = octets.get(written..).unwrap_or_default();
                offset += written as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether an operation may work later, when somebody has made room.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    )
}
