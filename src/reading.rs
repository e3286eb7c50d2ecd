//! `Reading`: the configuration that the command line asks for, read at the start and at each reload.
//!
//! A path that was relative at the start, behind `-c` or in an `include`, means the same file for as long as
//! the server runs, although in the background it works in `/`.
//!
//! Not here: what the files may say (`config`), and when they are read again (`server`).

use crate::cli::Arguments;
use crate::config::{self, Config, Diagnostic, Sources};
use crate::server::links;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// What there is to tell the operator about a configuration.
#[derive(Debug, Default)]
pub struct Findings {
    /// What is found in the files.
    pub in_files: Vec<Diagnostic>,
    /// What does not fit the command line.
    pub beside: Vec<String>,
}

impl Findings {
    /// One line for each.
    fn lines(&self) -> Vec<String> {
        let in_files = self.in_files.iter().map(ToString::to_string);
        in_files.chain(self.beside.iter().cloned()).collect()
    }
}

/// How the configuration is read.
#[derive(Clone, Debug)]
pub struct Reading {
    arguments: Arguments,
    /// Where the server was started; unknown if that directory was gone by then.
    directory: Option<PathBuf>,
}

impl Reading {
    /// For use in the directory that the server is started in. The path behind `-c` is as it was written.
    #[must_use]
    pub fn new(arguments: &Arguments) -> Self {
        Self {
            arguments: arguments.clone(),
            directory: std::env::current_dir().ok(),
        }
    }

    /// Reads it for the first time. A missing file is an empty configuration, with a warning.
    ///
    /// # Errors
    /// All mistakes and warnings, if there is at least one mistake.
    pub fn first(&self) -> Result<(Config, Findings), Findings> {
        self.read(false)
    }

    /// Reads it once more. A missing file is a mistake now: it is about to be replaced, or was removed by
    /// accident, and an empty configuration would take from every client what it has.
    ///
    /// # Errors
    /// All mistakes and warnings, one line each, if there is at least one mistake.
    pub fn again(&self) -> Result<(Config, Vec<String>), Vec<String>> {
        match self.read(true) {
            Ok((config, findings)) => Ok((config, findings.lines())),
            Err(findings) => Err(findings.lines()),
        }
    }

    fn read(&self, must_exist: bool) -> Result<(Config, Findings), Findings> {
        let served = &self.arguments.interface;
        let path = &self.arguments.config;
        let sources = Sources {
            read: &|path| config::read_bounded(File::open(self.resolve(path)?)?),
            // The one that is served may be away just now, and is waited for.
            interface_exists: &|name| name == served || links::index(name).is_some(),
            addresses_of: &|name| Some(links::addresses(name).unwrap_or_default()),
            now: jiff::ZonedDateTime::now(),
        };
        let mut findings = Findings::default();
        let loaded = config::load(path, &sources).map_err(|found| Findings {
            in_files: found,
            ..Findings::default()
        })?;
        if loaded.files.is_empty() && must_exist {
            findings.beside = vec![format!("{path}: there is no such file")];
            return Err(findings);
        }
        let mut config = loaded.config;
        findings.in_files = loaded.warnings;
        findings.beside.extend(config.nothing_for(served));
        if let Err(twice) = self.arguments.add_dns_servers(&mut config) {
            findings.beside.push(twice.to_string());
            return Err(findings);
        }
        Ok((config, findings))
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
