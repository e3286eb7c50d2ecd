//! `dhcp6lab run`: plays scenarios and compares what happens with their snapshots.

mod crew;
mod files;
mod mistake;
mod place;
mod progress;
mod recorder;
mod selection;
mod testimony;

pub(crate) use progress::Progress;
pub(crate) use selection::load;

use std::io::{self, IsTerminal, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread;
use std::time::{Instant, SystemTime};

use crate::capture;
use crate::conformance::Coverage;
use crate::link::wire::Choice;
use crate::link::{self, Device, Interruption, rootless};
use crate::peer::{self, Unusable};
use crate::report::{Results, Terminal, Verdict, annotations};
use crate::rig::product::Product;
use crate::rig::server::Program;
use crate::scenario::{self, Scenario};
use crate::shell::quoted;
use crate::status::{BAD_INPUT, FAILED, LACKING, PASSED};
use crate::witness;
use files::Files;
use place::Place;
use recorder::{Recorder, Task};

/// A live scenario takes a processor for a quarter of its time: so many for each are played at once.
const JOBS_PER_PROCESSOR: usize = 4;

/// What is to be played, where, and what comes of it.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dhcp6lab run --rig sim scenarios/solicit\n  dhcp6lab run --repeat 100 --filter rebind scenarios\n  dhcp6lab run --html report.html --junit report.xml scenarios"
)]
pub struct RunArguments {
    /// Scenarios, and folders of scenarios.
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// Where to play them: in process, over a real link, or both. Both, if not said, where this machine
    /// lets us make links.
    #[arg(long, value_enum)]
    pub rig: Option<RigChoice>,
    /// What the link of the live rig is made of: a TAP, or a veth pair. A TAP, if not said, where /dev/net/tun can be
    /// opened.
    #[arg(long, value_enum, value_name = "DEVICE")]
    pub link: Option<Device>,
    /// The server to test over a real link, if not the one of this workspace: a word (kea, wide), which means the
    /// program that Debian installs, a program, which is asked what it is, or both (kea:FILE). What the original one
    /// (wide) does is compared with what ours does; other servers are held to expectations and RFCs.
    #[arg(long, value_name = "SERVER")]
    pub server: Option<PathBuf>,
    /// A command line that starts a server which reads our configuration language, such as 'prog -c {config}
    /// {interface}'. It may have {config}, {interface}, {duid}, {leases} and {folder}.
    #[arg(long, value_name = "COMMAND", conflicts_with = "server")]
    pub server_command: Option<String>,
    /// The image of our server to test over a real link, by a name that podman knows, in the place of the program of
    /// this workspace; needs podman. It is played on the live rig alone, if nothing else is said.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["server", "server_command"])]
    pub image: Option<String>,
    /// Plays only scenarios that have this text in their path, their reason or their sections; of several texts, one.
    #[arg(long, value_name = "TEXT")]
    pub filter: Vec<String>,
    /// How many scenarios are played at the same time. They wait for most of the time, so by default it is four for
    /// each processor.
    #[arg(long, short, value_name = "NUMBER")]
    pub jobs: Option<NonZeroUsize>,
    /// Plays each scenario so often, and fails if one does not go exactly as the first time.
    #[arg(long, value_name = "TIMES", default_value = "1")]
    pub repeat: NonZeroUsize,
    /// Ends at the first failure.
    #[arg(long)]
    pub fail_fast: bool,
    /// Does not have tshark read every answer a second time. Otherwise an answer that it reads in another way, or calls
    /// malformed, fails its scenario.
    #[arg(long)]
    pub no_witness: bool,
    /// Makes what happens the snapshot, where it is another or there is none.
    #[arg(long)]
    pub bless: bool,
    /// Lists the scenarios that are on purpose unlike the original server, with the reasons, and plays nothing.
    #[arg(long)]
    pub differs: bool,
    /// Takes a scenario without snapshot for a failure, as is done where CI=true.
    #[arg(long)]
    pub strict: bool,
    /// Lists at the end what the results say of every requirement of the RFCs.
    #[arg(long)]
    pub coverage: bool,
    /// Writes a JUnit XML report, for GitHub, GitLab and Jenkins.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Writes a report for programs: all that is known, as docs/reports.md says.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Writes a report for people: one page with every conversation as a packet ladder, which needs no network.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Writes the packets of every scenario to a pcapng file in this folder, with comments that say which step they
    /// belong to. Without it, a report in a file has such captures of failures beside it, in FILE-packets.
    #[arg(long, value_name = "FOLDER")]
    pub pcap: Option<PathBuf>,
}

/// Where scenarios are to be played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum RigChoice {
    /// The engine in process, with a virtual clock.
    Sim,
    /// The program in a network namespace, behind a link that the lab holds.
    Live,
    /// One after the other.
    Both,
}

/// Why nothing, or not everything, could be played.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Scenarios(Vec<scenario::Error>),
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{}: {source}", path.display())]
    Capture {
        path: PathBuf,
        source: capture::Error,
    },
    #[error("{}: not a scenario: its name does not end in .yaml", .0.display())]
    Name(PathBuf),
    #[error(transparent)]
    Server(#[from] Unusable),
    #[error(
        "{0} is played over a real link alone, and the sim rig has our engine in process: leave --rig out"
    )]
    NotInProcess(String),
    #[error("there is no scenario (a file whose name ends in .yaml) at {0}")]
    Nothing(String),
    #[error("no scenario has `{0}` in its path, its reason or its sections")]
    Filtered(String),
    #[error("the live rig cannot run: {0}")]
    Lacking(String),
    #[error("no answer was read a second time: {0}; --no-witness does without")]
    Witness(#[from] witness::Error),
    #[error("cannot write the report: {0}")]
    Report(#[from] io::Error),
    #[error("cannot write the report: {0}")]
    Form(String),
}

impl Error {
    fn status(&self) -> u8 {
        match self {
            Self::Lacking(_) | Self::Witness(_) | Self::Server(Unusable::Missing(_)) => LACKING,
            Self::Scenarios(_)
            | Self::File { .. }
            | Self::Capture { .. }
            | Self::Name(_)
            | Self::Server(Unusable::NoProgram { .. })
            | Self::NotInProcess(_)
            | Self::Nothing(_)
            | Self::Filtered(_)
            | Self::Form(_)
            | Self::Report(_) => BAD_INPUT,
        }
    }
}

/// What a run takes from its surroundings rather than from the command line.
#[derive(Clone, Debug, Default)]
struct Surroundings {
    /// Whether nobody watches, and what is missing is a failure: `CI=true`.
    ci: bool,
    /// Whether GitHub shows failures beside the files: `GITHUB_ACTIONS=true`.
    github: bool,
    /// Whether there is a terminal that can show how far the run is.
    terminal: bool,
    /// Whether somebody has had enough.
    interruption: Interruption,
}

/// Runs, and returns the exit status.
pub fn run(arguments: &RunArguments, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    if arguments.rig != Some(RigChoice::Sim) {
        // While there is one thread. What came of it is told where a link is needed.
        let _ = rootless::ensure();
    }
    let surroundings = Surroundings {
        ci: says_true("CI"),
        github: says_true("GITHUB_ACTIONS"),
        terminal: io::stderr().is_terminal(),
        interruption: match link::interruptible() {
            Ok(interruption) => interruption,
            Err(error) => {
                // Without standard error there is nobody to tell.
                let _ = writeln!(err, "dhcp6lab: {error}");
                return LACKING;
            }
        },
    };
    run_in(&surroundings, arguments, out, err)
}

fn run_in(
    surroundings: &Surroundings,
    arguments: &RunArguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> u8 {
    let status = match play_all(surroundings, arguments, out, err) {
        Ok(Verdict::Passed) => PASSED,
        Ok(Verdict::Failed) => FAILED,
        Ok(Verdict::NotStarted) => BAD_INPUT,
        // Whoever read the report has seen enough of it, and nobody knows how the rest would have gone.
        Err(Error::Report(error)) if error.kind() == io::ErrorKind::BrokenPipe => FAILED,
        Err(error) => {
            // Without standard error there is nobody to tell.
            let _ = writeln!(err, "dhcp6lab: {error}");
            error.status()
        }
    };
    match surroundings.interruption.signal() {
        None => status,
        // As a shell says it.
        Some(signal) => u8::try_from(128 + signal).unwrap_or(FAILED),
    }
}

fn play_all(
    surroundings: &Surroundings,
    arguments: &RunArguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Verdict, Error> {
    let scenarios = selection::sift(load(&arguments.paths)?, &arguments.filter)?;
    if arguments.differs {
        return list_differing(&scenarios, out);
    }
    let places = places(arguments, err)?;
    let files = Files::create(arguments)?;
    let (started, start) = (SystemTime::now(), Instant::now());
    let strict = arguments.strict || surroundings.ci;
    let tasks: Vec<Task<'_>> = scenarios
        .iter()
        .flat_map(|(path, scenario)| places.iter().map(move |place| (path, scenario, place)))
        .map(|(path, scenario, place)| Task {
            path,
            scenario,
            place,
        })
        .collect();
    let mut recorder = Recorder {
        arguments,
        tasks: &tasks,
        strict,
        rows: Vec::new(),
        terminal: Terminal::new(&mut *out, strict),
        progress: Progress::new(tasks.len(), !surroundings.terminal),
        reports: files.are_wanted(),
        error: None,
    };
    let work = |task: &Task<'_>| {
        let start = Instant::now();
        let taken = task
            .place
            .play(task.path, task.scenario, arguments.repeat.get());
        // What is cut short by a signal says nothing about the server.
        let whole = surroundings.interruption.signal().is_none();
        whole.then(|| (taken, start.elapsed()))
    };
    crew::play(&tasks, workers(arguments), work, &mut recorder);
    recorder.progress.finish();
    let Recorder {
        mut rows,
        mut terminal,
        mut error,
        ..
    } = recorder;
    let mut unheard = None;
    if !arguments.no_witness {
        match testimony::hear(&mut rows) {
            Ok(contested) => {
                let mut contested = contested.iter().filter_map(|index| rows.get(*index));
                if error.is_none() {
                    let added = contested.try_for_each(|row| terminal.add(row));
                    error = added.err().map(Error::from);
                }
            }
            Err(error) => unheard = Some(Error::Witness(error)),
        }
    }
    let mut results = Results {
        unplayed: tasks.len() - rows.len(),
        rows,
        strict,
        started,
        took: start.elapsed(),
        command: command(),
    };
    files.write(&mut results, &scenarios)?;
    if let Some(error) = error {
        return Err(error);
    }
    // Where the original is not played, nobody is interested.
    let original = places.iter().any(|it| matches!(it, Place::Original(_)));
    let differing = scenarios
        .iter()
        .filter(|(_, it)| original && !it.differs.0.is_empty());
    terminal.finish(&results, differing.count())?;
    if arguments.coverage {
        let coverage = Coverage::new(&results, &scenarios);
        write!(out, "\n{}", coverage.table())?;
    }
    if surroundings.github {
        out.write_all(annotations(&results).as_bytes())?;
    }
    match unheard {
        None => Ok(results.verdict()),
        Some(error) if surroundings.ci && results.verdict() == Verdict::Passed => Err(error),
        Some(error) => {
            // Without standard error there is nobody to tell.
            let _ = writeln!(err, "dhcp6lab: {error}");
            Ok(results.verdict())
        }
    }
}

/// Whether a variable of the environment says `true`.
fn says_true(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|it| it == "true")
}

/// The command line, as a shell takes it.
fn command() -> String {
    let words = std::env::args().skip(1);
    let words = words.map(|it| quoted(&it));
    std::iter::once("dhcp6lab".to_owned())
        .chain(words)
        .collect::<Vec<_>>()
        .join(" ")
}

/// How many scenarios are played at once.
fn workers(arguments: &RunArguments) -> usize {
    let processors = || thread::available_parallelism().map_or(1, usize::from);
    let asked = arguments.jobs.map(usize::from);
    asked.unwrap_or_else(|| JOBS_PER_PROCESSOR * processors())
}

/// Where everything is to be played.
fn places(arguments: &RunArguments, err: &mut dyn Write) -> Result<Vec<Place>, Error> {
    let command = arguments.server_command.clone().map(Program::Command);
    let named = arguments.server.as_deref().map(peer::named).transpose()?;
    let image = arguments.image.as_deref().map(peer::image).transpose()?;
    let named = command.or(image).or(named);
    if let Some(server) = &named {
        let foreign = server.product() != Product::Dhcp6s;
        let in_process = match arguments.rig {
            Some(RigChoice::Sim) => true,
            // With ours, the engine in process is played as well.
            Some(RigChoice::Both) => foreign,
            Some(RigChoice::Live) | None => false,
        };
        if in_process {
            return Err(Error::NotInProcess(match foreign {
                true => server.product().name().to_owned(),
                false => "a server that is named".to_owned(),
            }));
        }
    }
    // Without standard error there is nobody to tell.
    let mut tell = |text: String| drop(writeln!(err, "dhcp6lab: {text}"));
    if let Some(Program::Foreign(Product::Wide, server)) = named {
        tell(format!(
            "{} is the original server: what it does is compared with what ours does",
            server.display()
        ));
        return Ok(vec![Place::original(server)?]);
    }
    if let Some(server @ (Program::Foreign(..) | Program::Command(_))) = named {
        peer::runs_here(&server)?;
        tell(format!(
            "{} is held to expectations and RFCs, not to snapshots",
            server.product().name()
        ));
        let choice = device(arguments)?;
        tell(format!("{} over {choice}", server.product().word()));
        return Ok(vec![Place::foreign(server, choice.device)]);
    }
    let rig = match arguments.rig {
        Some(rig) => rig,
        None if arguments.image.is_some() => RigChoice::Live,
        None => match link::available() {
            Ok(()) => RigChoice::Both,
            Err(error) => {
                tell(format!("live is not played: {error}"));
                RigChoice::Sim
            }
        },
    };
    let mut places = Vec::new();
    if rig != RigChoice::Live {
        places.push(Place::Sim);
    }
    if rig != RigChoice::Sim {
        let choice = device(arguments)?;
        tell(format!("live over {choice}"));
        places.push(Place::live(named, choice.device)?);
    }
    Ok(places)
}

/// What links are made of: what the user demands, or what there is.
fn device(arguments: &RunArguments) -> Result<Choice, Error> {
    let lacking = |error: link::Error| Error::Lacking(error.to_string());
    link::available().map_err(lacking)?;
    let choice = arguments.link.map_or_else(Device::best, Into::into);
    if choice.device == Device::Tap {
        link::wire::tap_available().map_err(|error| lacking(error.into()))?;
    }
    Ok(choice)
}

/// The scenarios that are unlike the original server on purpose, with the reasons.
fn list_differing(
    scenarios: &[(PathBuf, Scenario)],
    out: &mut dyn Write,
) -> Result<Verdict, Error> {
    for (path, scenario) in scenarios {
        for reason in &scenario.differs.0 {
            writeln!(out, "{}: {}", path.display(), reason.trim())?;
        }
    }
    Ok(Verdict::Passed)
}

#[cfg(test)]
mod tests;
