//! Why a journal is refused, and what to do about it.

use super::format::{FrameFlaw, VERSION};
use crate::lease::RecordError;
use crate::store::Error;
use std::path::PathBuf;

/// Why a journal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error(
        "{} is in use by {}; stop that one, or name another directory with --leases",
        dir.display(),
        by(.holder.as_ref())
    )]
    Locked {
        /// The directory of the journal.
        dir: PathBuf,
        /// The process, if it said so.
        holder: Option<Holder>,
    },
    /// The file system refused something.
    #[error(transparent)]
    Disk(#[from] Error),
    /// Changes that were promised cannot be read.
    #[error(
        "{path}: offset {offset}: {damage}; restore the directory from a copy, or, to give up every change from \
         there on, run `truncate -s {offset} {path}` and move the segments with higher numbers away"
    )]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Octets of it that are good.
        offset: u64,
        /// What is wrong behind them.
        damage: Damage,
    },
    /// A segment is not there although others need it.
    #[error(
        "{path} is missing, and with it changes that later segments build on; restore it from a copy, or move \
         the directory away to start without leases"
    )]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// A segment was written by a server with another idea of its form.
    #[error(
        "{path}: format version {version} (this server knows {VERSION}); use the server that wrote it"
    )]
    Version {
        /// The segment.
        path: PathBuf,
        /// What it says.
        version: u8,
    },
}

/// A process that has a journal open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Holder {
    /// Its number, where it runs.
    pub pid: u32,
    /// The host that it runs on, if its number means nothing here: it is in another container, or on another host.
    pub elsewhere: Option<String>,
}

fn by(holder: Option<&Holder>) -> String {
    match holder {
        None => "another process".to_owned(),
        Some(Holder {
            pid,
            elsewhere: None,
        }) => format!("process {pid}"),
        Some(Holder {
            pid,
            elsewhere: Some(host),
        }) => format!("process {pid} of another container or host, which is called {host}"),
    }
}

/// What is wrong with a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Damage {
    /// The header of the segment is not as it was written.
    #[error("the header is damaged")]
    Header,
    /// The file has the name of another segment.
    #[error("the header is that of segment {0}")]
    Number(u64),
    /// A frame is not as it was written, and was not the last thing written.
    #[error("a batch is damaged that others follow")]
    Frame,
    /// Batches are missing or doubled.
    #[error("batch {found} stands where batch {expected} belongs")]
    Batch {
        /// What should come here.
        expected: u64,
        /// What comes here.
        found: u64,
    },
    /// The batch is whole, and holds something that is not a record.
    #[error("in the batch, {0}")]
    Record(RecordError),
    /// What stands there is whole, and still wrong: no release of this server writes it.
    #[error("{0}")]
    Content(&'static str),
}

impl From<FrameFlaw> for Damage {
    fn from(flaw: FrameFlaw) -> Self {
        match flaw {
            FrameFlaw::Record(error) => Self::Record(error),
            FrameFlaw::Count => Self::Content("the batch has more or fewer records than it says"),
        }
    }
}
