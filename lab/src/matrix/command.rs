//! `dhcp6lab matrix`: finds the servers, plays, and shows who passes what.

use std::fs;
use std::io::{IsTerminal as _, Write};
use std::path::PathBuf;
use std::thread;

use crate::link;
use crate::matrix::survey::{Matrix, Server, survey};
use crate::matrix::verdict::Verdicts;
use crate::matrix::{data, document, page, table};
use crate::peer;
use crate::rig::product::Product;
use crate::rig::server::Program;
use crate::run::{Progress, load};
use crate::status::{BAD_INPUT, FAILED, LACKING, PASSED};

/// Where all scenarios of the project are, seen from its root.
const ALL_SCENARIOS: &str = "scenarios";

/// Who passes what.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Example:\n  dhcp6lab matrix --servers dhcp6s,kea --jobs 4 --html matrix.html scenarios/relay\n\n\
    Causes of failures are looked up in lab/peers.yaml. Exit status: 0 if all failures are those of other servers and \
    explained there, 1 if not, 2 for bad input, 3 if this machine lacks a server that was asked for, or links."
)]
pub struct MatrixArguments {
    /// Scenarios, and folders of scenarios.
    #[arg(default_value = ALL_SCENARIOS)]
    pub paths: Vec<PathBuf>,
    /// The servers, parted by commas: words (dhcp6s, wide, kea), programs, or both (kea:FILE). All that are
    /// installed, if not said.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub servers: Vec<PathBuf>,
    /// A command line that starts one more server, which reads our configuration language: see `run --help`.
    #[arg(long, value_name = "COMMAND")]
    pub server_command: Option<String>,
    /// How many scenarios are played at once. Twice the number of processors, if not said.
    #[arg(long, value_name = "NUMBER")]
    pub jobs: Option<usize>,
    /// Prints a line for each scenario, and not for each topic alone.
    #[arg(long)]
    pub all: bool,
    /// Writes a page on which each failure opens to what happened.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Writes everything for other programs.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Writes what the project has as docs/matrix.md.
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
}

/// Plays, prints the table to `out` and all else to `err`, and returns the exit status.
pub fn run(arguments: &MatrixArguments, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    match play(arguments, out, err) {
        Ok(status) => status,
        Err((status, text)) => {
            // Without standard error there is nobody to tell.
            let _ = writeln!(err, "dhcp6lab: {text}");
            status
        }
    }
}

fn play(
    arguments: &MatrixArguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<u8, (u8, String)> {
    let scenarios = load(&arguments.paths).map_err(|error| (BAD_INPUT, error.to_string()))?;
    let verdicts = Verdicts::known().map_err(|error| (BAD_INPUT, error))?;
    let lacking = |error: link::Error| (LACKING, error.to_string());
    link::remove_on_signal().map_err(lacking)?;
    link::available().map_err(lacking)?;
    let servers = servers(arguments, err)?;
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let jobs = arguments.jobs.unwrap_or(2 * processors);
    let count = scenarios.len() * servers.len();
    let progress = Progress::new(count, !std::io::stderr().is_terminal());
    let matrix = survey(&scenarios, &servers, &verdicts, jobs, || progress.advance());
    progress.finish();
    let written = |path: &Option<PathBuf>, text: &dyn Fn() -> String| match path {
        Some(path) => {
            let failed = |error| {
                (
                    BAD_INPUT,
                    format!("cannot write {}: {error}", path.display()),
                )
            };
            fs::write(path, text()).map_err(failed)
        }
        None => Ok(()),
    };
    written(&arguments.html, &|| page::page(&matrix, &verdicts))?;
    written(&arguments.json, &|| {
        format!("{:#}\n", data::data(&matrix, &verdicts))
    })?;
    written(&arguments.markdown, &|| document(&matrix, &verdicts))?;
    let text = table::table(&matrix, &verdicts, arguments.all);
    write!(out, "{text}")
        .and_then(|()| out.flush())
        .map_err(|error| (FAILED, format!("cannot write the table: {error}")))?;
    let complete = arguments.paths == [PathBuf::from(ALL_SCENARIOS)];
    Ok(judge(&matrix, &verdicts, complete, err))
}

/// Tells of causes that explain nothing any more, and says how it went as a whole.
fn judge(matrix: &Matrix, verdicts: &Verdicts, complete: bool, err: &mut dyn Write) -> u8 {
    let stale = verdicts.stale(matrix, complete);
    for text in &stale {
        // Without standard error there is nobody to tell.
        let _ = writeln!(err, "dhcp6lab: lab/peers.yaml: {text}");
    }
    match stale.is_empty() && matrix.unexplained().is_empty() {
        true => PASSED,
        false => FAILED,
    }
}

/// The servers that were asked for, or all that are installed.
fn servers(
    arguments: &MatrixArguments,
    err: &mut dyn Write,
) -> Result<Vec<(Server, Program)>, (u8, String)> {
    let mut programs = Vec::new();
    for server in &arguments.servers {
        let program = peer::named(server);
        let program = program.and_then(|it| peer::runs_here(&it).map(|()| it));
        programs.push(program.map_err(|error| match error {
            peer::Unusable::Missing(_) => (LACKING, error.to_string()),
            peer::Unusable::NoProgram { .. } => (BAD_INPUT, error.to_string()),
        })?);
    }
    if arguments.servers.is_empty() {
        for product in Product::ALL {
            let program = peer::installed(product);
            match program.and_then(|it| peer::runs_here(&it).map(|()| it)) {
                Ok(program) => programs.push(program),
                Err(error) => {
                    // Without standard error there is nobody to tell.
                    let _ = writeln!(err, "dhcp6lab: {error}; it is left out");
                }
            }
        }
    }
    programs.extend(arguments.server_command.clone().map(Program::Command));
    let described = programs.into_iter().map(|program| {
        let version = match &program {
            Program::Binary(path) | Program::Foreign(_, path) => Product::version_of(path),
            Program::Image(_) | Program::Command(_) => None,
        };
        (Server::new(program.product(), version), program)
    });
    Ok(described.collect())
}
