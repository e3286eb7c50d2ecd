//! `dhcp6lab run`: plays scenarios and compares what happens with their snapshots.

mod crew;
mod place;
mod progress;
mod selection;
mod testimony;

pub(crate) use selection::load;

use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::capture;
use crate::link::wire::Choice;
use crate::link::{self, Device, Interruption, rootless};
use crate::peer::{self, Unusable};
use crate::player::Played;
use crate::report::{Class, Outcome, Results, Row, Terminal, Verdict};
use crate::rig::product::Product;
use crate::rig::server::Program;
use crate::scenario::{self, Scenario};
use crate::status::{BAD_INPUT, FAILED, LACKING, PASSED};
use crate::suite;
use crate::witness;
use place::{Place, Taken};
use progress::Progress;

/// A live scenario takes a processor for a quarter of its time: so many for each are played at once.
const JOBS_PER_PROCESSOR: usize = 4;

/// What is to be played, where, and what comes of it.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dhcp6lab run --rig sim scenarios/solicit\n  dhcp6lab run --repeat 100 --filter rebind scenarios"
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
    /// Writes the datagrams of every scenario to a capture in this folder.
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
            | Self::Nothing(_)
            | Self::Filtered(_)
            | Self::Report(_) => BAD_INPUT,
        }
    }
}

/// What a run takes from its surroundings rather than from the command line.
#[derive(Clone, Debug, Default)]
struct Surroundings {
    /// Whether nobody watches, and what is missing is a failure: `CI=true`.
    ci: bool,
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
        ci: std::env::var_os("CI").is_some_and(|it| it == "true"),
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
    if let Some(folder) = &arguments.pcap {
        fs::create_dir_all(folder).map_err(|source| Error::File {
            path: folder.clone(),
            source,
        })?;
    }
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
        error,
        ..
    } = recorder;
    if let Some(error) = error {
        return Err(error);
    }
    let mut unheard = None;
    if !arguments.no_witness {
        match testimony::hear(&mut rows) {
            Ok(contested) => {
                for row in contested.iter().filter_map(|index| rows.get(*index)) {
                    terminal.add(row)?;
                }
            }
            Err(error) => unheard = Some(Error::Witness(error)),
        }
    }
    let results = Results {
        unplayed: tasks.len() - rows.len(),
        rows,
        strict,
    };
    let differing = scenarios.iter().filter(|(_, it)| !it.differs.0.is_empty());
    terminal.finish(&results, differing.count())?;
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
    let named = command.or(named);
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

/// A scenario to be played in a place.
#[derive(Debug)]
struct Task<'a> {
    path: &'a Path,
    scenario: &'a Scenario,
    place: &'a Place,
}

/// Compares what comes of each task with its snapshot, and writes it down.
struct Recorder<'a, W> {
    arguments: &'a RunArguments,
    tasks: &'a [Task<'a>],
    strict: bool,
    rows: Vec<Row>,
    terminal: Terminal<W>,
    progress: Progress,
    /// What kept the run from its end.
    error: Option<Error>,
}

impl<W: Write> crew::Foreman<(Taken, Duration)> for Recorder<'_, W> {
    fn arrived(&mut self, _: &(Taken, Duration)) {
        self.progress.advance();
    }

    fn take(&mut self, index: usize, (taken, took): (Taken, Duration)) -> ControlFlow<()> {
        let Some(task) = self.tasks.get(index) else {
            return ControlFlow::Continue(());
        };
        match self.record(task, taken, took) {
            Ok(Class::Failed) if self.arguments.fail_fast => ControlFlow::Break(()),
            Ok(_) => ControlFlow::Continue(()),
            Err(error) => {
                self.error = Some(error);
                ControlFlow::Break(())
            }
        }
    }
}

impl<W: Write> Recorder<'_, W> {
    fn record(&mut self, task: &Task<'_>, taken: Taken, took: Duration) -> Result<Class, Error> {
        let failed = |source| Error::File {
            path: suite::snapshot_path(task.path),
            source,
        };
        let mut row = Row {
            path: task.path.to_owned(),
            rig: task.place.name(),
            outcome: Outcome::Passed,
            transcript: String::new(),
            snapshot: suite::snapshot(task.path).map_err(failed)?,
            played: None,
            took,
            again: again(task, self.arguments),
        };
        match taken {
            Taken::Other(outcome) => row.outcome = outcome,
            Taken::Played(played) => {
                if let Some(folder) = &self.arguments.pcap {
                    write_capture(&played, &capture_path(folder, task.path, row.rig))?;
                }
                row.transcript = played.text();
                // A snapshot holds what this server does, and no RFC says that others must.
                let snapshot = match task.place.is_foreign() {
                    true => Some(row.transcript.as_str()),
                    false => row.snapshot.as_deref(),
                };
                row.outcome = judged(&played, snapshot, &row.transcript);
                row.played = Some(*played);
            }
        }
        if self.arguments.bless && matches!(row.outcome, Outcome::New | Outcome::Differs) {
            suite::bless(task.path, &row.transcript).map_err(failed)?;
            row.outcome = Outcome::Blessed;
        }
        let class = row.class(self.strict);
        if class == Class::Failed {
            self.progress.fail();
        }
        let Self {
            terminal, progress, ..
        } = self;
        progress.print(|| terminal.add(&row))?;
        self.rows.push(row);
        Ok(class)
    }
}

/// What a transcript is in the light of the snapshot.
fn judged(played: &Played, snapshot: Option<&str>, transcript: &str) -> Outcome {
    if !played.failures.is_empty() {
        return Outcome::Failed(played.failures.clone());
    }
    match snapshot {
        Some(snapshot) if snapshot == transcript => Outcome::Passed,
        Some(_) => Outcome::Differs,
        None => Outcome::New,
    }
}

/// The command that plays a scenario again where it was played, and nothing else.
fn again(task: &Task<'_>, arguments: &RunArguments) -> String {
    let mut words = vec!["dhcp6lab".to_owned(), "run".to_owned()];
    match task.place {
        Place::Original(_) | Place::Foreign(..) => {}
        Place::Sim | Place::Live(..) => {
            words.extend(["--rig".to_owned(), task.place.name().to_owned()]);
        }
    }
    let server = arguments.server.as_ref();
    if let Some(server) = server.filter(|_| !matches!(task.place, Place::Sim)) {
        words.extend(["--server".to_owned(), quoted(&server.display().to_string())]);
    }
    if let Some(device) = arguments.link.filter(|_| !matches!(task.place, Place::Sim)) {
        words.extend(["--link".to_owned(), device.to_string().to_lowercase()]);
    }
    if let Some(command) = &arguments.server_command {
        words.extend(["--server-command".to_owned(), quoted(command)]);
    }
    if arguments.repeat.get() > 1 {
        words.push(format!("--repeat {}", arguments.repeat));
    }
    words.push(quoted(&task.path.display().to_string()));
    words.join(" ")
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |it: char| it.is_ascii_alphanumeric() || "/._-+:=@%".contains(it);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
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

/// The capture of a scenario: named by topic, claim and rig.
fn capture_path(folder: &Path, scenario: &Path, rig: &str) -> PathBuf {
    let topic = scenario.parent().and_then(Path::file_name);
    let parts = [topic, scenario.file_stem()];
    let mut name: Vec<String> = parts
        .into_iter()
        .flatten()
        .map(|it| it.to_string_lossy().into_owned())
        .collect();
    name.push(rig.to_owned());
    folder.join(format!("{}.pcap", name.join("-")))
}

fn write_capture(played: &Played, path: &Path) -> Result<(), Error> {
    let file = File::create(path).map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })?;
    capture::write(played.transcript.datagrams(), BufWriter::new(file)).map_err(|source| {
        Error::Capture {
            path: path.to_owned(),
            source,
        }
    })
}

#[cfg(test)]
mod tests;
