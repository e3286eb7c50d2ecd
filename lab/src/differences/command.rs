//! `dhcp6lab differences`: plays all scenarios against the original server and prints the document.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::{Compared, Outcome, document, original, survey};
use crate::link;
use crate::rig::RigError;
use crate::run::load;
use crate::status::{BAD_INPUT, FAILED, LACKING, PASSED};

/// The folder with all scenarios, from the root of the workspace.
const ALL_SCENARIOS: &str = "scenarios";

/// What is to be compared.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example: dhcp6lab differences > docs/differences.md")]
pub struct DifferencesArguments {
    /// Scenarios, and folders of scenarios.
    #[arg(default_value = ALL_SCENARIOS)]
    pub paths: Vec<PathBuf>,
    /// The original server, if it is not installed as /usr/sbin/dhcp6s.
    #[arg(long, value_name = "FILE")]
    pub server: Option<PathBuf>,
}

/// Compares, prints the document to `out` and all else to `err`, and returns the exit status.
pub fn run(arguments: &DifferencesArguments, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let scenarios = match load(&arguments.paths) {
        Ok(scenarios) => scenarios,
        Err(error) => return tell(err, &error.to_string(), BAD_INPUT),
    };
    let server = match ready(arguments.server.as_deref()) {
        Ok(server) => server,
        Err(error) => return tell(err, &error.to_string(), LACKING),
    };
    let found = survey(&scenarios, &server, |compared| {
        // Without standard error there is nobody to tell.
        let _ = writeln!(std::io::stderr(), "{}", line(compared));
    });
    if let Err(error) = write!(out, "{}", document(&found)).and_then(|()| out.flush()) {
        return tell(err, &format!("cannot write the document: {error}"), FAILED);
    }
    let complete = arguments.paths == [PathBuf::from(ALL_SCENARIOS)];
    let faults = found.faults(complete);
    for fault in &faults {
        tell(err, fault, FAILED);
    }
    if !complete {
        let text = format!(
            "the document is about these scenarios alone; docs/differences.md is made of all in {ALL_SCENARIOS}"
        );
        tell(err, &text, PASSED);
    }
    tell(err, &found.summary(), PASSED);
    if faults.is_empty() { PASSED } else { FAILED }
}

/// The original server, if it can be run here.
fn ready(server: Option<&Path>) -> Result<PathBuf, RigError> {
    link::remove_on_signal()?;
    link::available()?;
    server.map_or_else(original, |it| Ok(it.to_owned()))
}

fn line(compared: &Compared) -> String {
    let mark = match (&compared.outcome, compared.fault()) {
        (_, Some(_)) => "FAILED   ",
        (Outcome::Different { .. }, None) => "different",
        (Outcome::Incomparable(_), None) => "left out ",
        (Outcome::Same { .. } | Outcome::Failed(_), None) => "same     ",
    };
    format!("{mark} {}", compared.path.display())
}

fn tell(err: &mut dyn Write, text: &str, status: u8) -> u8 {
    // Without standard error there is nobody to tell.
    let _ = writeln!(err, "dhcp6lab: {text}");
    status
}
