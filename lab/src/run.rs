//! `dhcp6lab run`: plays scenarios and compares what happens with their snapshots.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::capture;
use crate::differences::{self, Compared};
use crate::link;
use crate::peer::{self, Obstacle, Unusable};
use crate::player::{self, Played};
use crate::program;
use crate::report::{Outcome, Report, Row, Verdict};
use crate::rig::live::Live;
use crate::rig::product::Product;
use crate::rig::server::Program;
use crate::rig::sim::Sim;
use crate::rig::{Rig, RigError};
use crate::scenario::{self, Scenario};
use crate::status::{BAD_INPUT, FAILED, LACKING, PASSED};
use crate::suite;

/// What is to be played, where, and what comes of it.
#[derive(Clone, Debug)]
pub struct RunArguments {
    /// Scenarios, and folders of scenarios.
    pub paths: Vec<PathBuf>,
    /// On the simulated rig.
    pub sim: bool,
    /// On the live rig.
    pub live: bool,
    /// Why the live rig is left out, if nobody asked for that.
    pub lacking: Option<String>,
    /// The server of the live rig, if not the one of the workspace: see [`peer::named`].
    pub server: Option<PathBuf>,
    /// A command line that starts the server of the live rig: see [`Program::Command`].
    pub server_command: Option<String>,
    /// The image with the server of the live rig: see [`peer::image`].
    pub image: Option<String>,
    /// Makes transcripts snapshots.
    pub bless: bool,
    /// Lists what is unlike the original server on purpose, and plays nothing.
    pub differs: bool,
    /// Takes a scenario without snapshot for a failure.
    pub strict: bool,
    /// The folder for captures.
    pub pcap: Option<PathBuf>,
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
    #[error("the live rig cannot run: {0}")]
    Lacking(String),
    #[error("cannot write the report: {0}")]
    Report(#[from] io::Error),
}

impl Error {
    fn status(&self) -> u8 {
        match self {
            Self::Lacking(_) | Self::Server(Unusable::Missing(_)) => LACKING,
            Self::Scenarios(_)
            | Self::File { .. }
            | Self::Capture { .. }
            | Self::Name(_)
            | Self::Server(Unusable::NoProgram { .. })
            | Self::Nothing(_)
            | Self::Report(_) => BAD_INPUT,
        }
    }
}

/// Runs, and returns the exit status.
pub fn run(arguments: &RunArguments, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    match play_all(arguments, out, err) {
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
    }
}

fn play_all(
    arguments: &RunArguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Verdict, Error> {
    let scenarios = load(&arguments.paths)?;
    if arguments.differs {
        return list_differing(&scenarios, out);
    }
    let command = arguments.server_command.clone().map(Program::Command);
    let named = arguments.server.as_deref().map(peer::named).transpose()?;
    let image = arguments.image.as_deref().map(peer::image).transpose()?;
    let named = command.or(image).or(named);
    let mut places = Vec::new();
    if let Some(Program::Foreign(Product::Wide, server)) = named {
        // Without standard error there is nobody to tell.
        let _ = writeln!(
            err,
            "dhcp6lab: {} is the original server: what it does is compared with what ours does",
            server.display()
        );
        places.push(Place::original(server)?);
    } else if let Some(program @ (Program::Foreign(..) | Program::Command(_))) = named {
        // Without standard error there is nobody to tell.
        let _ = writeln!(
            err,
            "dhcp6lab: {} is held to expectations and RFCs, not to snapshots",
            program.product().name()
        );
        places.push(Place::foreign(program)?);
    } else {
        if arguments.sim {
            places.push(Place::Sim);
        }
        if arguments.live {
            places.push(Place::live(named)?);
        }
    }
    if let Some(why) = &arguments.lacking {
        // Without standard error there is nobody to tell.
        let _ = writeln!(err, "dhcp6lab: live is not played: {why}");
    }
    if let Some(folder) = &arguments.pcap {
        fs::create_dir_all(folder).map_err(|source| Error::File {
            path: folder.clone(),
            source,
        })?;
    }
    let mut report = Report::new(out, arguments.strict);
    for (path, scenario) in &scenarios {
        for place in &places {
            report.add(&place.play(path, scenario, arguments)?)?;
        }
    }
    let differing = scenarios.iter().filter(|(_, it)| !it.differs.0.is_empty());
    Ok(report.finish(differing.count())?)
}

/// The scenarios that are unlike the original server on purpose, with the reasons.
fn differing(scenarios: &[(PathBuf, Scenario)]) -> impl Iterator<Item = (&Path, &str)> {
    scenarios.iter().flat_map(|(path, scenario)| {
        let reasons = scenario.differs.0.iter();
        reasons.map(|reason| (path.as_path(), reason.as_str()))
    })
}

fn list_differing(
    scenarios: &[(PathBuf, Scenario)],
    out: &mut dyn Write,
) -> Result<Verdict, Error> {
    for (path, reason) in differing(scenarios) {
        writeln!(out, "{}: {}", path.display(), reason.trim())?;
    }
    Ok(Verdict::Passed)
}

/// All scenarios, or everything that is wrong with them.
pub(crate) fn load(paths: &[PathBuf]) -> Result<Vec<(PathBuf, Scenario)>, Error> {
    let mut files = Vec::new();
    for path in paths {
        let found = suite::scenarios(path).map_err(|source| Error::File {
            path: path.clone(),
            source,
        })?;
        if let Some(other) = found.iter().find(|it| !suite::is_scenario(it)) {
            return Err(Error::Name(other.clone()));
        }
        files.extend(found);
    }
    if files.is_empty() {
        let paths: Vec<String> = paths.iter().map(|it| it.display().to_string()).collect();
        return Err(Error::Nothing(paths.join(", ")));
    }
    let (mut scenarios, mut errors) = (Vec::new(), Vec::new());
    for path in files {
        match Scenario::load(&path) {
            Ok(scenario) => scenarios.push((path, scenario)),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() {
        Ok(scenarios)
    } else {
        Err(Error::Scenarios(errors))
    }
}

/// Where scenarios are played.
enum Place {
    Sim,
    Live(Program),
    Original(PathBuf),
    Foreign(Program),
}

impl Place {
    fn live(server: Option<Program>) -> Result<Self, Error> {
        link::available().map_err(|error| Error::Lacking(error.to_string()))?;
        let server = match server {
            Some(server) => server,
            None => {
                let path = program::server().map_err(|error| Error::Lacking(error.to_string()))?;
                peer::named(&path)?
            }
        };
        link::remove_on_signal().map_err(|error| Error::Lacking(error.to_string()))?;
        Ok(Self::Live(server))
    }

    fn original(server: PathBuf) -> Result<Self, Error> {
        link::available().map_err(|error| Error::Lacking(error.to_string()))?;
        link::remove_on_signal().map_err(|error| Error::Lacking(error.to_string()))?;
        Ok(Self::Original(server))
    }

    fn foreign(program: Program) -> Result<Self, Error> {
        link::available().map_err(|error| Error::Lacking(error.to_string()))?;
        link::remove_on_signal().map_err(|error| Error::Lacking(error.to_string()))?;
        Ok(Self::Foreign(program))
    }

    fn is_foreign(&self) -> bool {
        matches!(self, Self::Foreign(_))
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Sim => "sim",
            Self::Live(_) => "live",
            Self::Original(_) => "wide",
            Self::Foreign(program) => program.product().word(),
        }
    }

    fn play(
        &self,
        path: &Path,
        scenario: &Scenario,
        arguments: &RunArguments,
    ) -> Result<Row, Error> {
        let row = |outcome, transcript, played| Row {
            path: path.to_owned(),
            rig: self.name(),
            outcome,
            transcript,
            played,
        };
        if let (Self::Live(_), Some(reason)) = (self, scenario.only_sim()) {
            return Ok(row(
                Outcome::Skipped(reason.to_owned()),
                String::new(),
                None,
            ));
        }
        if let Self::Foreign(program) = self
            && let Some(obstacle) = peer::obstacle(scenario, program.product())
        {
            let (Obstacle::NotExpressible(why) | Obstacle::NotPlayable(why)) = obstacle;
            return Ok(row(Outcome::Skipped(why), String::new(), None));
        }
        let setup = scenario.setup();
        let started: Result<Box<dyn Rig>, RigError> = match self {
            Self::Sim => Sim::start(&setup).map(|it| Box::new(it) as _),
            Self::Live(server) | Self::Foreign(server) => {
                Live::start(&setup, server.clone()).map(|it| Box::new(it) as _)
            }
            Self::Original(server) => {
                let compared = differences::compare(path, scenario, server);
                return Ok(row(held_against(compared), String::new(), None));
            }
        };
        let played = match started {
            Ok(mut rig) => match self {
                Self::Foreign(program) => {
                    player::play_foreign(scenario, rig.as_mut(), program.product())
                }
                Self::Sim | Self::Live(_) | Self::Original(_) => {
                    player::play(scenario, rig.as_mut())
                }
            },
            Err(error) => {
                return Ok(row(
                    Outcome::NotStarted(error.to_string()),
                    String::new(),
                    None,
                ));
            }
        };
        if let Some(folder) = &arguments.pcap {
            write_capture(&played, &capture_path(folder, path, self.name()))?;
        }
        let transcript = played.text();
        let bless = arguments.bless && !self.is_foreign();
        let outcome = if self.is_foreign() && played.failures.is_empty() {
            Outcome::Passed
        } else {
            compare(path, &played, &transcript, bless)?
        };
        Ok(row(outcome, transcript, Some(played)))
    }
}

/// What a comparison with the original server is in the light of what the scenario says about it.
fn held_against(compared: Compared) -> Outcome {
    use differences::Outcome as Found;
    if let Some(fault) = compared.fault() {
        return Outcome::Wrong(fault);
    }
    match compared.outcome {
        Found::Incomparable(why) => Outcome::Skipped(why.to_owned()),
        Found::Different { lines, .. } => Outcome::Explained {
            reason: compared.reasons.join(" "),
            lines,
        },
        Found::Same { .. } | Found::Failed(_) => Outcome::Passed,
    }
}

/// What a transcript is in the light of the snapshot.
fn compare(path: &Path, played: &Played, transcript: &str, bless: bool) -> Result<Outcome, Error> {
    if !played.failures.is_empty() {
        return Ok(Outcome::Failed(played.failures.clone()));
    }
    let failed = |source| Error::File {
        path: suite::snapshot_path(path),
        source,
    };
    let snapshot = suite::snapshot(path).map_err(failed)?;
    Ok(match snapshot {
        Some(snapshot) if snapshot == transcript => Outcome::Passed,
        _ if bless => {
            suite::bless(path, transcript).map_err(failed)?;
            Outcome::Blessed
        }
        Some(snapshot) => Outcome::Differs(snapshot),
        None => Outcome::New,
    })
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
mod tests {
    use super::*;

    const SCENARIO: &str = "why: It is a test.\nrfc: [\"9915 §18.3.6\"]\nclients: { first: {} }\n\
                            steps:\n  - send: { from: first, information-request: {} }\n";

    /// Runs the scenarios with these texts; returns the exit status and what was printed.
    fn run_all(texts: &[&str], bless: bool) -> (u8, String) {
        let folder = tempfile::tempdir().expect("a folder");
        for (index, text) in texts.iter().enumerate() {
            fs::write(folder.path().join(format!("{index}.yaml")), text).expect("a file");
        }
        let arguments = RunArguments {
            paths: vec![folder.path().to_owned()],
            sim: true,
            live: false,
            lacking: None,
            server: None,
            server_command: None,
            image: None,
            bless,
            differs: false,
            strict: false,
            pcap: Some(folder.path().join("captures")),
        };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut status = run(&arguments, &mut out, &mut err);
        if bless && status == PASSED {
            out.clear();
            status = run(
                &RunArguments {
                    bless: false,
                    ..arguments
                },
                &mut out,
                &mut err,
            );
        }
        out.append(&mut err);
        (status, String::from_utf8(out).expect("text"))
    }

    #[test]
    fn a_scenario_without_snapshot_is_printed_and_passes() {
        let text = format!("{SCENARIO}  - expect: reply\n");
        let (status, printed) = run_all(&[&text], false);
        assert_eq!(status, PASSED, "{printed}");
        assert!(
            printed.contains("← server  Reply  xid#1  to first"),
            "{printed}"
        );
    }

    #[test]
    fn a_blessed_scenario_passes_by_its_snapshot() {
        let text = format!("{SCENARIO}  - expect: reply\n");
        let (status, printed) = run_all(&[&text], true);
        assert_eq!(status, PASSED, "{printed}");
        assert!(printed.starts_with("ok "), "{printed}");
    }

    #[test]
    fn what_is_not_expected_fails_the_run() {
        let text = format!("{SCENARIO}  - expect: silence\n");
        let (status, printed) = run_all(&[&text, SCENARIO], false);
        assert_eq!(status, FAILED);
        assert!(
            printed.contains("step 2: the server sent an unexpected Reply"),
            "{printed}"
        );
        assert!(
            printed.ends_with("0 passed, 2 failed, 0 new\n"),
            "{printed}"
        );
    }

    #[test]
    fn every_file_that_is_no_scenario_is_named_and_nothing_is_played() {
        let (status, printed) = run_all(&["why: 5", SCENARIO, "steps: []"], false);
        assert_eq!(status, BAD_INPUT);
        assert!(printed.contains("0.yaml:1:"), "{printed}");
        assert!(printed.contains("2.yaml:1:"), "{printed}");
        assert!(!printed.contains("passed"), "{printed}");
    }

    #[test]
    fn an_unusable_configuration_is_bad_input_and_the_others_are_played() {
        let wrong = SCENARIO.replace("clients:", "config: \"nonsense\"\nclients:");
        let right = format!("{SCENARIO}  - expect: reply\n");
        let (status, printed) = run_all(&[&wrong, &right], false);
        assert_eq!(status, BAD_INPUT, "{printed}");
        assert!(printed.contains("    dhcp6s.conf:1:1: "), "{printed}");
        assert!(!printed.contains("step"), "{printed}");
        assert!(
            printed.ends_with("0 passed, 1 failed, 1 new\n"),
            "{printed}"
        );
    }

    #[test]
    fn what_came_instead_of_silence_is_not_called_silence() {
        let text = format!("{SCENARIO}  - expect: silence\n");
        let (_, printed) = run_all(&[&text], false);
        assert!(!printed.contains('∅'), "{printed}");
    }

    #[test]
    fn a_file_of_another_name_and_a_server_that_is_none_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let refusal = |name: &str, server| {
            let path = folder.path().join(name);
            fs::write(&path, SCENARIO).expect("a file");
            let arguments = RunArguments {
                paths: vec![path],
                sim: true,
                live: false,
                lacking: None,
                server,
                server_command: None,
                image: None,
                bless: false,
                differs: false,
                strict: false,
                pcap: None,
            };
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let status = run(&arguments, &mut out, &mut err);
            assert_eq!((status, out), (BAD_INPUT, Vec::new()));
            String::from_utf8(err).expect("text")
        };
        let text = refusal("a.yml", None);
        assert!(
            text.ends_with("a.yml: not a scenario: its name does not end in .yaml\n"),
            "{text}"
        );
        let text = refusal("a.yaml", Some("/nonexist".into()));
        assert!(
            text.starts_with("dhcp6lab: /nonexist: not a server: "),
            "{text}"
        );
    }
}
