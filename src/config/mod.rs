//! Text → [`Config`]: the only place that knows the `dhcp6s.conf` grammar.
//!
//! [`load`] follows `include` statements and reports every mistake of all files at once, each with its place
//! and a remedy. It opens nothing itself: the caller says how a file is read and which interfaces exist.

mod ast;
mod clients;
mod cursor;
mod diagnostic;
mod excerpt;
mod expiry;
mod futile;
mod hosts;
mod keys;
mod lex;
mod model;
mod options;
mod parse;
mod pools;
mod render;
mod resolve;
mod secrecy;
mod shared;
mod surroundings;
#[cfg(test)]
mod tests;

pub(crate) use diagnostic::nearest;
pub use diagnostic::{Diagnostic, LISTED_MAX, Severity};
pub use excerpt::Excerpt;
pub use model::{
    Config, Host, Interface, Key, KeySecret, KeyUse, Lifetimes, Options, Pool, PoolUse, PrefixPool,
    Reservation,
};
pub use render::{Look, render};

use crate::lease::Timestamp;
use ast::{Statement, Text};
use diagnostic::{File, Report, quoted};
use lex::Source;
use std::io::{self, Read};
use std::net::Ipv6Addr;

/// The addresses of an interface, each with the length of its prefix.
pub type Addresses = Vec<(Ipv6Addr, u8)>;

/// What a configuration is read from and checked against.
pub struct Sources<'a> {
    /// Reads a file by its path as written, [as far as makes sense](read_bounded); a relative one is relative
    /// to the working directory.
    pub read: &'a dyn Fn(&str) -> io::Result<Vec<u8>>,
    /// Whether there is a network interface of that name.
    pub interface_exists: &'a dyn Fn(&str) -> bool,
    /// The addresses that an interface has now; `None` if it is not there, which is a warning where
    /// `interface_exists` lets it pass.
    pub addresses_of: &'a dyn Fn(&str) -> Option<Addresses>,
    /// The time, and the time zone that dates in the configuration are meant in.
    pub now: jiff::ZonedDateTime,
}

/// A time in UTC, for [`Sources::now`] where the time zone does not matter.
#[must_use]
pub fn utc(time: Timestamp) -> jiff::ZonedDateTime {
    let seconds = i64::try_from(time.0).unwrap_or(i64::MAX);
    let time = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX);
    time.to_zoned_datetime(jiff::tz::TimeZone::UTC)
}

/// A time as people write it, in the time zone of `now`; a time that never comes is `never`.
#[must_use]
pub fn local(time: Timestamp, now: &jiff::ZonedDateTime) -> String {
    if time == Timestamp::NEVER {
        return "never".to_owned();
    }
    let utc = utc(time).timestamp();
    let there = utc.to_zoned_datetime(now.time_zone().clone());
    there.strftime("%Y-%m-%d %H:%M %Z").to_string()
}

/// A configuration that can be used.
#[derive(Debug)]
pub struct Loaded {
    /// What the operator decided.
    pub config: Config,
    /// What in it has no effect or may not mean what it says.
    pub warnings: Vec<Diagnostic>,
    /// The files that were read, by the names that they were opened with, in the order of reading; none if the
    /// first one is missing.
    pub files: Vec<String>,
    /// The files that are missing, by the names that they were looked for with: the first one, or included ones.
    pub missing: Vec<String>,
}

/// How many files may include each other in a row, besides the first one.
const INCLUDE_DEPTH_MAX: usize = 10;
/// How many files a configuration is made of at most, each counted as often as it is included.
const FILES_MAX: usize = 1000;
/// The largest file that is read, in octets.
const FILE_LEN_MAX: usize = 64 << 20;

/// Reads a file for [`Sources::read`]: to its end, or to where it is too large to be a configuration, so that a
/// device without an end is refused like any large file.
///
/// # Errors
/// The file cannot be read.
pub fn read_bounded(file: impl Read) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let limit = u64::try_from(FILE_LEN_MAX).unwrap_or(u64::MAX);
    file.take(limit.saturating_add(1)).read_to_end(&mut text)?;
    Ok(text)
}

/// Reads the configuration that begins in this file. A missing file is an empty configuration.
///
/// # Errors
/// All mistakes and warnings, file by file from top to bottom, if there is at least one mistake.
pub fn load(path: &str, sources: &Sources<'_>) -> Result<Loaded, Vec<Diagnostic>> {
    load_for(path, sources, &[])
}

/// The same for a server of these interfaces: what two of them could give to different clients is a mistake, too.
///
/// # Errors
/// As above.
pub fn load_for(
    path: &str,
    sources: &Sources<'_>,
    served: &[String],
) -> Result<Loaded, Vec<Diagnostic>> {
    let mut loader = Loader {
        read: sources.read,
        files: Vec::new(),
        read_names: Vec::new(),
        missing: Vec::new(),
        open: Vec::new(),
        statements: Vec::new(),
        gaps: false,
        report: Report::default(),
    };
    loader.first(path);
    let Loader {
        files,
        read_names,
        missing,
        statements,
        gaps,
        mut report,
        ..
    } = loader;
    let config = resolve::resolve(&statements, gaps, sources, &mut report);
    if !report.has_errors() {
        futile::lifetimes(&statements, &mut report);
        surroundings::review(&config, &statements, sources, &mut report);
        shared::review(&config, &statements, served, &mut report);
    }
    let failed = report.has_errors();
    let diagnostics = report.finish(&files);
    if failed {
        Err(diagnostics)
    } else {
        Ok(Loaded {
            config,
            warnings: diagnostics,
            files: read_names,
            missing,
        })
    }
}

struct Loader<'a> {
    read: &'a dyn Fn(&str) -> io::Result<Vec<u8>>,
    files: Vec<File>,
    read_names: Vec<String>,
    missing: Vec<String>,
    /// The files that the one being read is included from, and itself.
    open: Vec<String>,
    statements: Vec<Statement>,
    gaps: bool,
    report: Report,
}

impl Loader<'_> {
    fn first(&mut self, path: &str) {
        match (self.read)(path) {
            Ok(text) if text.len() <= FILE_LEN_MAX => self.file(path, text),
            read => {
                let number = self.add(path, Vec::new());
                match read {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        self.missing.push(path.to_owned());
                        self.report.about(
                            number,
                            Severity::Warning,
                            "there is no such file".to_owned(),
                            "the configuration is empty",
                        );
                    }
                    Err(error) if error.kind() == io::ErrorKind::IsADirectory => self.report.about(
                        number,
                        Severity::Error,
                        "is a directory".to_owned(),
                        "name a file; in a container, see that what is mounted there exists",
                    ),
                    Err(error) => self.report.about(
                        number,
                        Severity::Error,
                        format!("cannot be read: {error}"),
                        "check the path and its permissions",
                    ),
                    Ok(_) => self.report.about(
                        number,
                        Severity::Error,
                        format!("is larger than {FILE_LEN_MAX} octets"),
                        "split it with `include`",
                    ),
                }
            }
        }
    }

    fn add(&mut self, path: &str, text: Vec<u8>) -> usize {
        self.files.push(File {
            name: path.to_owned(),
            text,
        });
        self.files.len() - 1
    }

    /// Reads the statements of a file, and in their place those of the files that it includes.
    fn file(&mut self, path: &str, text: Vec<u8>) {
        let number = self.add(path, secrecy::masked(&text));
        let Some(file) = self.files.get(number) else {
            return;
        };
        let source = Source {
            number,
            text: &text,
            shown: &file.text,
        };
        let parsed = parse::parse(source, &mut self.report);
        drop(text);
        self.gaps |= parsed.gaps;
        self.read_names.push(path.to_owned());
        self.open.push(path.to_owned());
        for statement in parsed.statements {
            match statement {
                Statement::Include(path) if !self.report.is_full() => self.include(&path),
                Statement::Include(_) => {}
                Statement::Block(_)
                | Statement::Option(_)
                | Statement::IdAssoc(_)
                | Statement::Authentication(_)
                | Statement::KeyInfo(_) => self.statements.push(statement),
            }
        }
        self.open.pop();
    }

    fn include(&mut self, text: &Text) {
        let shown = quoted(&text.octets);
        let mistake = match str::from_utf8(&text.octets) {
            Err(_) => (format!("{shown} is not UTF-8"), "rename the file"),
            Ok(path) if self.open.iter().any(|open| open == path) => {
                (format!("{shown} includes itself"), "remove this")
            }
            Ok(_) if self.open.len() > INCLUDE_DEPTH_MAX => (
                format!("{shown} is included more than {INCLUDE_DEPTH_MAX} files deep"),
                "include it from a file nearer to the first one",
            ),
            Ok(_) if self.files.len() >= FILES_MAX => (
                format!("{shown} is one file more than the {FILES_MAX} that can be read"),
                "join some of them",
            ),
            Ok(path) => match (self.read)(path) {
                Ok(octets) if octets.len() <= FILE_LEN_MAX => return self.file(path, octets),
                Ok(_) => (
                    format!("{shown} is larger than {FILE_LEN_MAX} octets"),
                    "split it",
                ),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.missing.push(path.to_owned());
                    let found = format!("there is no file {shown}");
                    self.report.warning(text.span, found, "it is left out");
                    return;
                }
                Err(error) => (
                    format!("{shown} cannot be read: {error}"),
                    "include a file that can be",
                ),
            },
        };
        self.gaps = true;
        self.report.error(text.span, mistake.0, mistake.1);
    }
}
