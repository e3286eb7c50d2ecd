//! The reports that a run leaves in files.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use super::{Error, RunArguments};
use crate::report::{Class, Document, Results, html, junit, packets_path, write_packets};
use crate::scenario::Scenario;

/// The files, open from the start: that one cannot be written is not to be found out at the end.
#[derive(Debug)]
pub(super) struct Files {
    junit: Option<Open>,
    json: Option<Open>,
    html: Option<Open>,
    packets: Packets,
}

#[derive(Debug)]
struct Open {
    path: PathBuf,
    file: File,
}

/// Of which scenarios the packets are written, and where.
#[derive(Debug)]
enum Packets {
    All(PathBuf),
    Failed(PathBuf),
    None,
}

impl Files {
    /// Makes the files that were asked for, empty.
    pub(super) fn create(arguments: &RunArguments) -> Result<Self, Error> {
        let open = |path: &Option<PathBuf>| path.as_deref().map(Open::new).transpose();
        let reports = [&arguments.html, &arguments.json, &arguments.junit];
        let first = reports.into_iter().find_map(Option::as_deref);
        let packets = match (&arguments.pcap, first) {
            (Some(folder), _) => {
                make(folder)?;
                Packets::All(folder.clone())
            }
            (None, Some(report)) => Packets::Failed(beside(report)),
            (None, None) => Packets::None,
        };
        Ok(Self {
            junit: open(&arguments.junit)?,
            json: open(&arguments.json)?,
            html: open(&arguments.html)?,
            packets,
        })
    }

    /// Whether there are any.
    pub(super) fn are_wanted(&self) -> bool {
        let reports = [&self.junit, &self.json, &self.html];
        reports.iter().any(|it| it.is_some()) || matches!(self.packets, Packets::All(_))
    }

    /// Writes them.
    pub(super) fn write(
        self,
        results: &mut Results,
        scenarios: &[(PathBuf, Scenario)],
    ) -> Result<(), Error> {
        self.packets.write(results, scenarios)?;
        if let Some(file) = self.junit {
            let text = junit(results).map_err(|error| Error::Form(error.to_string()))?;
            file.write(&text)?;
        }
        if self.json.is_none() && self.html.is_none() {
            return Ok(());
        }
        let document = Document::new(results, scenarios);
        if let Some(file) = self.json {
            let text = serde_json::to_string_pretty(&document);
            file.write(&(text.map_err(|error| Error::Form(error.to_string()))? + "\n"))?;
        }
        if let Some(file) = self.html {
            file.write(&html(&document))?;
        }
        Ok(())
    }
}

impl Open {
    fn new(path: &Path) -> Result<Self, Error> {
        let file = File::create(path).map_err(|source| failed(path, source))?;
        let path = path.to_owned();
        Ok(Self { path, file })
    }

    fn write(mut self, text: &str) -> Result<(), Error> {
        let written = self.file.write_all(text.as_bytes());
        written.map_err(|source| failed(&self.path, source))
    }
}

impl Packets {
    fn write(&self, results: &mut Results, scenarios: &[(PathBuf, Scenario)]) -> Result<(), Error> {
        let (folder, all) = match self {
            Self::All(folder) => (folder, true),
            Self::Failed(folder) => (folder, false),
            Self::None => return Ok(()),
        };
        let strict = results.strict;
        for row in &mut results.rows {
            let wanted = all || row.class(strict) == Class::Failed;
            let Some(played) = row.played.as_ref().filter(|_| wanted) else {
                continue;
            };
            make(folder)?;
            let path = packets_path(folder, row);
            let file = File::create(&path).map_err(|source| failed(&path, source))?;
            let scenario = scenarios.iter().find(|(it, _)| *it == row.path);
            let why = scenario.map_or("", |(_, scenario)| scenario.why.as_str());
            write_packets(row, played, why, BufWriter::new(file)).map_err(|source| {
                let path = path.clone();
                Error::Capture { path, source }
            })?;
            row.capture = Some(path);
        }
        Ok(())
    }
}

/// Where the packets of failures are: `report.html` has them in `report-packets`.
fn beside(report: &Path) -> PathBuf {
    let stem = report.file_stem().unwrap_or_default().to_string_lossy();
    report.with_file_name(format!("{stem}-packets"))
}

fn make(folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(|source| failed(folder, source))
}

fn failed(path: &Path, source: std::io::Error) -> Error {
    let path = path.to_owned();
    Error::File { path, source }
}
