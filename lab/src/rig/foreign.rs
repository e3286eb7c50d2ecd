//! Runs a program that a scenario names, to its end.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::link::{Namespace, Process};
use crate::rig::server::PATIENCE;
use crate::rig::{Ran, RigError};
use crate::scenario::{Program, ProgramSide};

/// The variable with the folder of the server's files.
const FOLDER: &str = "DHCP6LAB_SERVER";
/// The most octets that are looked at of what a program prints.
const OUTPUT_MAX: u64 = 1 << 20;

/// Runs it beside the server, whose files are in that folder, or beside the lab.
///
/// # Errors
/// It cannot be run, or does not end.
pub(super) fn run(
    program: &Program,
    namespace: &Namespace,
    folder: &Path,
) -> Result<Ran, RigError> {
    let wrong = |reason: String| RigError(format!("{}: {reason}", program.program));
    let mut output = tempfile::tempfile().map_err(|error| wrong(error.to_string()))?;
    let handle = || output.try_clone().map_err(|error| wrong(error.to_string()));
    let mut command = Command::new(&program.program);
    command
        .args(&program.arguments)
        .envs(&program.environment)
        .env(FOLDER, folder)
        .stdin(Stdio::null())
        .stdout(handle()?)
        .stderr(handle()?);
    let spawned = match program.at {
        ProgramSide::Server => namespace.spawn(command),
        ProgramSide::Lab => Process::spawn(command),
    };
    let mut process = spawned.map_err(|error| wrong(error.to_string()))?;
    let ended = process.wait(Instant::now() + PATIENCE);
    let Some(status) = ended.map_err(|error| wrong(error.to_string()))? else {
        process.kill().map_err(|error| wrong(error.to_string()))?;
        let secs = PATIENCE.as_secs();
        return Err(wrong(format!(
            "it has not ended after {secs} s, and was killed"
        )));
    };
    let mut printed = Vec::new();
    output
        .seek(SeekFrom::Start(0))
        .and_then(|_| output.take(OUTPUT_MAX).read_to_end(&mut printed))
        .map_err(|error| wrong(error.to_string()))?;
    Ok(Ran {
        status: status.code(),
        output: String::from_utf8_lossy(&printed).into_owned(),
    })
}
