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

/// A configuration that can be used, and what to tell the operator about it, one line each.
pub type Read = (Config, Vec<String>);

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
    /// All mistakes and warnings, one line each, if there is at least one mistake.
    pub fn first(&self) -> Result<Read, Vec<String>> {
        self.read(false)
    }

    /// Reads it once more. A missing file is a mistake now: it is about to be replaced, or was removed by
    /// accident, and an empty configuration would take from every client what it has.
    ///
    /// # Errors
    /// All mistakes and warnings, one line each, if there is at least one mistake.
    pub fn again(&self) -> Result<Read, Vec<String>> {
        self.read(true)
    }

    fn read(&self, must_exist: bool) -> Result<Read, Vec<String>> {
        let served = &self.arguments.interface;
        let path = &self.arguments.config;
        let sources = Sources {
            read: &|path| config::read_bounded(File::open(self.resolve(path)?)?),
            // The one that is served may be away just now, and is waited for.
            interface_exists: &|name| name == served || links::index(name).is_some(),
            now: jiff::ZonedDateTime::now(),
        };
        let lines = |found: &[Diagnostic]| found.iter().map(ToString::to_string).collect();
        let loaded = config::load(path, &sources).map_err(|found| lines(&found))?;
        if loaded.missing && must_exist {
            return Err(vec![format!("{path}: there is no such file")]);
        }
        let mut warnings: Vec<String> = lines(&loaded.warnings);
        let mut config = loaded.config;
        warnings.extend(config.nothing_for(served));
        if let Err(twice) = self.arguments.add_dns_servers(&mut config) {
            warnings.push(twice.to_string());
            return Err(warnings);
        }
        Ok((config, warnings))
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
