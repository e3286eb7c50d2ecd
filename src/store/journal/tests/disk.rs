//! A disk that does as it is told: fills up, fails, or stops in the middle of something.

use super::super::disk::{Disk, RealDisk};
use nix::errno::Errno;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

/// Nothing is synced: what a test looks at is what was written.
#[derive(Clone, Debug, Default)]
pub(super) struct TestDisk(Arc<Mutex<Plan>>);

/// How the disk behaves, and what was asked of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    /// Octets that can still be written; then `full`.
    pub(super) room: Option<usize>,
    /// What to say when there is no room; by default, no space.
    pub(super) full: Option<Errno>,
    pub(super) no_files: bool,
    pub(super) write_error: Option<Errno>,
    pub(super) sync_error: Option<Errno>,
    pub(super) cut_error: Option<Errno>,
    pub(super) remove_error: Option<Errno>,
    /// Operations until the disk stops: the one it stops in is a write that is half done, or does not happen.
    pub(super) stop_after: Option<usize>,
    pub(super) operations: usize,
    pub(super) writes: usize,
    pub(super) syncs: usize,
}

impl TestDisk {
    pub(super) fn plan(&self) -> MutexGuard<'_, Plan> {
        self.0.lock().expect("no test panics while it holds this")
    }

    /// Counts an operation, and refuses it if the disk has stopped or is to fail in it.
    fn begin(&self, error: impl Fn(&Plan) -> Option<Errno>) -> io::Result<MutexGuard<'_, Plan>> {
        let mut plan = self.plan();
        plan.operations += 1;
        if plan.is_stopped() {
            return Err(Errno::EIO.into());
        }
        error(&plan).map_or(Ok(plan), |errno| Err(errno.into()))
    }
}

impl Plan {
    fn is_stopped(&self) -> bool {
        self.stop_after.is_some_and(|after| self.operations > after)
    }

    fn stops_now(&self) -> bool {
        self.stop_after
            .is_some_and(|after| self.operations == after + 1)
    }

    fn full(&self) -> Errno {
        self.full.unwrap_or(Errno::ENOSPC)
    }
}

impl Disk for TestDisk {
    fn create(&mut self, path: &Path) -> io::Result<File> {
        self.begin(|plan| plan.no_files.then(|| plan.full()))
            .map(drop)?;
        RealDisk.create(path)
    }

    fn write_at(&mut self, file: &File, octets: &[u8], offset: u64) -> io::Result<usize> {
        let mut plan = self.begin(|plan| plan.write_error).inspect_err(|_| {
            if self.plan().stops_now() {
                let _ = RealDisk.write_at(file, &octets[..octets.len() / 2], offset);
            }
        })?;
        plan.writes += 1;
        let fits = octets.len().min(plan.room.unwrap_or(usize::MAX));
        if fits == 0 {
            return Err(plan.full().into());
        }
        plan.room = plan.room.map(|room| room - fits);
        RealDisk.write_at(file, &octets[..fits], offset)
    }

    fn sync(&mut self, _: &File) -> io::Result<()> {
        self.begin(|plan| plan.sync_error)?.syncs += 1;
        Ok(())
    }

    fn cut(&mut self, file: &File, len: u64) -> io::Result<()> {
        let mut plan = self.begin(|plan| plan.cut_error)?;
        // What is cut off is room again.
        let freed = file.metadata()?.len().saturating_sub(len);
        let freed = usize::try_from(freed).unwrap_or(usize::MAX);
        plan.room = plan.room.map(|room| room + freed);
        RealDisk.cut(file, len)
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.begin(|plan| plan.remove_error).map(drop)?;
        RealDisk.remove(path)
    }

    fn sync_dir(&mut self, _: &Path) -> io::Result<()> {
        self.begin(|_| None).map(drop)
    }
}
