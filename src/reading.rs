//! `Reading`: the configuration that the command line asks for, read at the start and at each reload.
//!
//! A path that was relative at the start, behind `-c` or in an `include`, means the same file for as long as
//! the server runs, although in the background it works in `/`.
//!
//! Not here: what the files may say (`config`), and when they are read again (`server`).

use crate::cli::Arguments;
use crate::config::{self, Config, Diagnostic, Sources};
use crate::diagnostics;
use crate::server::links;
use crate::surroundings::{self, Subnets};
use crate::unconfigured::{PoolWish, Resolvers, Unconfigured};
use jiff::tz::TimeZone;
use std::cell::Cell;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// What there is to tell the operator about a configuration.
#[derive(Debug, Default)]
pub struct Findings {
    /// What is found in the files.
    pub in_files: Vec<Diagnostic>,
    /// What does not fit the command line or the machine.
    pub beside: Vec<String>,
    /// What clients get although there is no configuration file.
    pub said: Vec<String>,
}

impl Findings {
    /// Logs all of it, what is beside the files as a warning.
    pub fn log(&self) {
        diagnostics::log(&self.in_files);
        self.beside.iter().for_each(|it| tracing::warn!("{it}"));
        for line in &self.said {
            tracing::info!(notice = true, "{line}");
        }
    }
}

/// How the configuration is read.
#[derive(Debug)]
pub struct Reading {
    arguments: Arguments,
    /// Where the server was started; unknown if that directory was gone by then.
    directory: Option<PathBuf>,
    /// The one that the server was started in, as everywhere in the process: it is not looked up again.
    zone: TimeZone,
    /// The files that the configuration in force is made of.
    files: Mutex<Vec<String>>,
    /// The prefixes of the interfaces that it is made of; `None` if it does not depend on any.
    subnets: Mutex<Option<Subnets>>,
    /// Whether the first file was empty when it was last read.
    empty: AtomicBool,
    /// The resolvers that were last known.
    resolvers: Mutex<Option<Resolvers>>,
    /// The folders below which files can be read, if that does not go everywhere.
    readable: Option<Vec<PathBuf>>,
}

/// What the text is called that takes the place of a configuration file.
pub const NO_FILE: &str = "(no file)";

impl Reading {
    /// For use in the directory that the server is started in. The path behind `-c` is as it was written.
    #[must_use]
    pub fn new(arguments: &Arguments) -> Self {
        Self {
            arguments: arguments.clone(),
            directory: std::env::current_dir().ok(),
            zone: TimeZone::system(),
            files: Mutex::default(),
            subnets: Mutex::default(),
            empty: AtomicBool::new(false),
            resolvers: Mutex::default(),
            readable: None,
        }
    }

    /// The files that the configuration was read from, and the first one also if it is missing.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let read = files.iter().filter(|it| *it != NO_FILE);
        let first = std::iter::once(self.arguments.config_file());
        let names = first.chain(read.map(String::as_str));
        names.filter_map(|it| self.resolve(it).ok()).collect()
    }

    /// The files of the machine that are read where there is no configuration.
    #[must_use]
    pub fn files_of_others(&self) -> Vec<PathBuf> {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        match files.iter().any(|it| it == NO_FILE) {
            true => surroundings::RESOLVERS.map(PathBuf::from).into(),
            false => Vec::new(),
        }
    }

    /// From now on only what lies below these folders can be read, which is said where something else should be.
    pub fn keep_to(&mut self, readable: Vec<PathBuf>) {
        self.readable = Some(readable);
    }

    /// Reads it for the first time. A missing file is an empty configuration, with a warning; if the command line names
    /// none and there is none, the configuration is what is known without one.
    ///
    /// # Errors
    /// All mistakes and warnings, if there is at least one mistake.
    pub fn first(&self) -> Result<(Config, Findings), Findings> {
        self.read(false)
    }

    /// Reads it once more, and logs what there is to say about it; `None` if it cannot be used. A file that is
    /// gone since it was last read is a mistake now: it is about to be replaced, or was removed by accident, and
    /// without what it says clients would lose what they have.
    #[must_use]
    pub fn again(&self) -> Option<Config> {
        match self.read(true) {
            Ok((config, findings)) => {
                findings.log();
                Some(config)
            }
            Err(findings) => {
                findings.log();
                None
            }
        }
    }

    /// Whether the interfaces have other prefixes now than those that the configuration in force is made of.
    #[must_use]
    pub fn is_outdated(&self) -> bool {
        let subnets = self.subnets.lock().unwrap_or_else(PoisonError::into_inner);
        let now = |before| surroundings::links_since(Some(before), &self.arguments.interfaces);
        subnets
            .as_ref()
            .is_some_and(|before| *before != now(before))
    }

    /// What is served without a configuration file; `None` if there is one.
    fn without_file(&self, again: bool, subnets: &Subnets) -> Result<Option<Unconfigured>, String> {
        let path = self.arguments.config_file();
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        // One that was there is about to be replaced, or was removed by accident.
        if again && files.iter().any(|it| it == path) {
            return Ok(None);
        }
        drop(files);
        let mut last = self
            .resolvers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        surroundings::unconfigured(&self.arguments, Path::new(path), subnets, &mut last)
    }

    fn read(&self, again: bool) -> Result<(Config, Findings), Findings> {
        let served = &self.arguments.interfaces;
        let follows = self.arguments.pool == Some(PoolWish::Auto);
        // Looked at first: what changes meanwhile is noticed later.
        let before = self.subnets.lock().unwrap_or_else(PoisonError::into_inner);
        let subnets = surroundings::links_since(before.as_ref(), served);
        drop(before);
        let made = self
            .without_file(again, &subnets)
            .map_err(|mistake| Findings {
                beside: vec![mistake],
                ..Findings::default()
            })?;
        let path = match &made {
            Some(_) => NO_FILE,
            None => self.arguments.config_file(),
        };
        let waits = self.arguments.wait;
        let first_is_empty = Cell::new(false);
        let sources = Sources {
            read: &|name| match &made {
                Some(made) if name == NO_FILE => Ok(made.text.clone().into_bytes()),
                _ => {
                    let text = config::read_bounded(self.open(name)?)?;
                    if name == path {
                        first_is_empty.set(text.trim_ascii().is_empty());
                    }
                    Ok(text)
                }
            },
            // One that is served may be away just now, and is waited for; with --wait, so may any be.
            interface_exists: &|name| {
                waits || served.iter().any(|it| it == name) || links::index(name).is_some()
            },
            addresses_of: &|name| Some(links::addresses(name).unwrap_or_default()),
            now: jiff::Timestamp::now().to_zoned_datetime(self.zone.clone()),
        };
        let mut findings = Findings::default();
        let loaded = config::load_for(path, &sources, served).map_err(|found| Findings {
            in_files: found,
            ..Findings::default()
        })?;
        let mut last = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        // A file that is about to be written, or that the disk had no room for, is no wish to give nothing.
        let first_is_empty = first_is_empty.get();
        let was_something = !self.empty.load(Ordering::Relaxed);
        let first_is_missing = again && loaded.files.is_empty();
        let is_lost = |it: &&String| first_is_missing || last.contains(it);
        let lost: Vec<String> = loaded.missing.iter().filter(is_lost).cloned().collect();
        if !lost.is_empty() {
            let text = |it| format!("{it}: there is no such file any more");
            findings.beside = lost.iter().map(text).collect();
            return Err(findings);
        }
        if again && was_something && first_is_empty {
            let text = "is empty; write a configuration into it, or restart the server without it";
            findings.beside = vec![format!("{path} {text}")];
            return Err(findings);
        }
        let mut config = loaded.config;
        findings.in_files = loaded.warnings;
        match made {
            Some(made) => {
                findings.beside.extend(made.warnings());
                findings.said = made.said;
            }
            None => {
                let nothing = served.iter().filter_map(|it| config.nothing_for(it));
                findings.beside.extend(nothing);
            }
        }
        if let Err(twice) = self.arguments.add_dns_servers(&mut config) {
            findings.beside.push(twice.to_string());
            return Err(findings);
        }
        *last = loaded.files;
        self.empty.store(first_is_empty, Ordering::Relaxed);
        drop(last);
        *self.subnets.lock().unwrap_or_else(PoisonError::into_inner) = follows.then_some(subnets);
        Ok((config, findings))
    }

    fn open(&self, name: &str) -> io::Result<File> {
        let path = self.resolve(name)?;
        File::open(&path).map_err(|error| match &self.readable {
            Some(readable) if error.kind() == io::ErrorKind::PermissionDenied => {
                // A path that is not known in full is left to what the system said.
                let real = path.canonicalize().unwrap_or_default();
                let within = readable.iter().any(|it| {
                    let folder = it.canonicalize();
                    folder.is_ok_and(|folder| real.starts_with(folder))
                });
                match real.is_absolute() && !within {
                    true => io::Error::new(error.kind(), elsewhere(readable)),
                    false => error,
                }
            }
            _ => error,
        })
    }

    /// The path that a name stands for.
    fn resolve(&self, name: &str) -> io::Result<PathBuf> {
        match &self.directory {
            Some(directory) => Ok(directory.join(name)),
            None if Path::new(name).is_absolute() => Ok(name.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

/// Why a running server cannot read a file, and what to do.
fn elsewhere(readable: &[PathBuf]) -> String {
    if readable.is_empty() {
        return "a running server reads no folder that was not there at its start; restart it"
            .to_owned();
    }
    let folders: Vec<_> = readable.iter().map(|it| it.display().to_string()).collect();
    let folders = folders.join(", ");
    format!(
        "a running server reads only below the folders that it knew at its start ({folders}); restart it to add others"
    )
}
