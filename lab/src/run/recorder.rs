//! Compares what comes of each scenario with its snapshot, and writes it down.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use super::crew::Foreman;
use super::place::{Place, Taken};
use super::progress::Progress;
use super::{Error, RunArguments};
use crate::matrix::Verdicts;
use crate::player::Played;
use crate::report::{Class, Outcome, Row, Terminal};
use crate::scenario::Scenario;
use crate::shell::quoted;
use crate::suite;

/// A scenario to be played in a place.
#[derive(Debug)]
pub(super) struct Task<'a> {
    pub(super) path: &'a Path,
    pub(super) scenario: &'a Scenario,
    pub(super) place: &'a Place,
}

/// Compares what comes of each task with its snapshot, and writes it down.
pub(super) struct Recorder<'a, W> {
    pub(super) arguments: &'a RunArguments,
    pub(super) tasks: &'a [Task<'a>],
    pub(super) strict: bool,
    pub(super) rows: Vec<Row>,
    pub(super) terminal: Terminal<W>,
    pub(super) progress: Progress,
    /// Whether somebody waits for reports in files, whatever becomes of the terminal.
    pub(super) reports: bool,
    /// What went wrong with the run; since then nothing is printed.
    pub(super) error: Option<Error>,
}

impl<W: Write> Foreman<(Taken, Duration)> for Recorder<'_, W> {
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
                let goes_on = self.reports && matches!(error, Error::Report(_));
                self.error = Some(error);
                match goes_on {
                    true => ControlFlow::Continue(()),
                    false => ControlFlow::Break(()),
                }
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
            // A snapshot holds what this server does, and no RFC says that others must.
            snapshot: match task.place.is_foreign() {
                true => None,
                false => suite::snapshot(task.path).map_err(failed)?,
            },
            played: None,
            known: Vec::new(),
            took,
            again: again(task, self.arguments),
            capture: None,
        };
        match taken {
            Taken::Other(outcome) => row.outcome = outcome,
            Taken::Played(played) => {
                row.transcript = played.text();
                let snapshot = match task.place.is_foreign() {
                    true => Some(row.transcript.as_str()),
                    false => row.snapshot.as_deref(),
                };
                row.outcome = judged(&played, snapshot, &row.transcript);
                row.known = known(task, &played);
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
        let printed = match self.error {
            None => progress.print(|| terminal.add(&row)),
            Some(_) => Ok(()),
        };
        self.rows.push(row);
        printed?;
        Ok(class)
    }
}

/// What is known about the failures of another server, in their order.
fn known(task: &Task<'_>, played: &Played) -> Vec<Option<String>> {
    let verdicts = match Verdicts::known() {
        Ok(verdicts) if !played.failures.is_empty() => verdicts,
        Ok(_) | Err(_) => return Vec::new(),
    };
    let Some(product) = task.place.product() else {
        return Vec::new();
    };
    let failures = played.failures.iter().map(ToString::to_string);
    failures
        .map(|it| verdicts.explanation(product, task.path, task.scenario, &it))
        .collect()
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
    if let Some(command) = &arguments.server_command {
        words.extend(["--server-command".to_owned(), quoted(command)]);
    }
    if let Some(device) = arguments.link.filter(|_| !matches!(task.place, Place::Sim)) {
        words.extend(["--link".to_owned(), device.to_string().to_lowercase()]);
    }
    if arguments.repeat.get() > 1 {
        words.push(format!("--repeat {}", arguments.repeat));
    }
    words.push(quoted(&task.path.display().to_string()));
    words.join(" ")
}
