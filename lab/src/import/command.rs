//! `dhcp6lab import`: a capture → a scenario.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::draft::Draft;
use crate::capture;
use crate::dialogue::Dialogue;
use crate::rig::RigError;
use crate::status::{BAD_INPUT, PASSED};

/// Turns a capture into a scenario, with a configuration that makes the server answer as recorded.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Example:
  dhcp6lab import customer.pcap -o scenarios/customers/no-prefix.yaml --client windows
  dhcp6lab run scenarios/customers/no-prefix.yaml

What a step expects is what dhcp6s answers with that configuration; where the capture has another answer, a
comment says so. Exit status: 0 the scenario is written, 2 the file is bad or has no message of a client.")]
pub struct ImportArguments {
    /// The capture: any that `dhcp6lab show` can read.
    pub file: PathBuf,
    /// Where the scenario goes; to standard output, if not said.
    #[arg(long, short, value_name = "YAML")]
    pub output: Option<PathBuf>,
    /// Takes what the client of that name says, and nothing else.
    #[arg(long, value_name = "NAME")]
    pub client: Option<String>,
    /// Lets no time pass, so that the scenario can be played live at once: without it, `advance` stands where
    /// leases end or are renewed.
    #[arg(long)]
    pub no_time: bool,
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{}: {source}", path.display())]
    Capture {
        path: PathBuf,
        source: capture::Error,
    },
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{}: {reason}", path.display())]
    Nothing { path: PathBuf, reason: String },
    #[error("the server does not start with the guessed configuration:\n{0}")]
    Guess(#[from] RigError),
    #[error("cannot write the scenario: {0}")]
    Output(#[from] io::Error),
}

/// Imports, and returns the exit status.
pub fn run(arguments: &ImportArguments, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    match import(arguments, out, err) {
        Ok(()) => PASSED,
        Err(error) => {
            // Without standard error there is nobody to tell.
            let _ = writeln!(err, "dhcp6lab: {error}");
            BAD_INPUT
        }
    }
}

fn import(
    arguments: &ImportArguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), Error> {
    let path = &arguments.file;
    let capture = capture::open(path).map_err(|source| Error::Capture {
        path: path.clone(),
        source,
    })?;
    let dialogue = Dialogue::new(&capture);
    let dialogue = dialogue
        .playable(arguments.client.as_deref())
        .map_err(|reason| Error::Nothing {
            path: path.clone(),
            reason,
        })?;
    for remark in &dialogue.remarks {
        // Without standard error there is nobody to tell.
        let _ = writeln!(err, "dhcp6lab: note: {remark}");
    }
    let origin = path.file_name().unwrap_or(path.as_os_str());
    let draft = Draft::new(&dialogue, &origin.to_string_lossy(), !arguments.no_time)?;
    let text = draft.text();
    match &arguments.output {
        None => out.write_all(text.as_bytes())?,
        Some(output) => write(output, &text)?,
    }
    Ok(())
}

/// Writes a file, and nothing half.
fn write(path: &Path, text: &str) -> Result<(), Error> {
    // People go on with what was imported: that is not to be lost, nor the capture itself.
    let file = fs::File::create_new(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|source| Error::File {
        path: path.to_owned(),
        source: match source.kind() {
            io::ErrorKind::AlreadyExists => {
                io::Error::other("it exists already: remove it, or write to another file")
            }
            _ => source,
        },
    })
}
