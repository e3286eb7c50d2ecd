//! All that came of a run, as it stands in the JSON report; the page is made of the same. docs/reports.md tells what
//! the fields are.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Serialize;

use crate::conformance::Coverage;
use crate::ladder::Ladder;
use crate::report::{Class, Outcome, Results, Row};
use crate::scenario::Scenario;

/// The version of the form. It is raised when a field goes or comes to mean something else.
const VERSION: u32 = 1;

/// The whole report.
#[derive(Clone, Debug, Serialize)]
pub struct Document {
    /// The version of the form: 1.
    pub version: u32,
    /// The program and its version.
    pub tool: String,
    /// When the run began, RFC 3339 in UTC.
    pub started: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// The command line.
    pub command: String,
    /// How many results there are of each kind.
    pub summary: Summary,
    /// What was played, in the order of the files.
    pub scenarios: Vec<Played>,
    /// What that says of each requirement of the RFCs.
    pub conformance: Coverage,
}

/// How many results there are of each kind; one scenario on two rigs has two.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Summary {
    /// As they should be.
    pub passed: usize,
    /// Not as they should be.
    pub failed: usize,
    /// Without snapshot, so that nobody knows yet.
    pub new: usize,
    /// Not playable on that rig.
    pub skipped: usize,
    /// Left out because the run ended early.
    pub not_played: usize,
}

/// A scenario and what came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Played {
    /// The file.
    pub path: String,
    /// The folder that it is in.
    pub topic: String,
    /// What it claims, from the name of the file.
    pub claim: String,
    /// Why it exists.
    pub why: String,
    /// The sections that it is about.
    pub rfc: Vec<String>,
    /// The requirements that it shows.
    pub covers: Vec<String>,
    /// What the original server does differently, and why this one does not.
    pub differs: Vec<String>,
    /// The configuration of the server.
    pub config: String,
    /// The worst of the results: `passed`, `failed`, `new` or `skipped`.
    pub class: &'static str,
    /// What its snapshot says, if it has one.
    pub snapshot: Option<String>,
    /// One for each rig.
    pub results: Vec<Outcomes>,
}

/// What came of a scenario on one rig.
#[derive(Clone, Debug, Serialize)]
pub struct Outcomes {
    /// The name of the rig, or of the server if it is not ours.
    pub rig: &'static str,
    /// `passed`, `failed`, `new` or `skipped`.
    pub class: &'static str,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Why it was skipped, or why the original server does something else.
    pub reason: Option<String>,
    /// What is wrong.
    pub faults: Vec<Fault>,
    /// What differs from what was expected, in lines that begin with `- ` (expected), `+ ` (got) or two blanks.
    pub difference: Option<String>,
    /// The command that plays this again, and nothing else.
    pub again: String,
    /// The file with the packets and comments on them, if one was written.
    pub capture: Option<PathBuf>,
    /// The rig whose conversation was the same, word for word; then it is told there.
    pub same_as: Option<&'static str>,
    /// What happened, as text.
    pub transcript: Option<String>,
    /// What happened, as it can be drawn.
    pub ladder: Option<Ladder>,
}

/// Something that is wrong.
#[derive(Clone, Debug, Serialize)]
pub struct Fault {
    /// The number of the step, from 1, if it is about one.
    pub step: Option<usize>,
    /// In words.
    pub text: String,
}

impl Document {
    /// The report on a run over these scenarios.
    #[must_use]
    pub fn new(results: &Results, scenarios: &[(PathBuf, Scenario)]) -> Self {
        let count = |class| results.count(class);
        let mut rows = results.rows.iter().peekable();
        let mut played = Vec::new();
        for (path, scenario) in scenarios {
            let mut of_it: Vec<&Row> = Vec::new();
            while let Some(row) = rows.next_if(|row| row.path == *path) {
                of_it.push(row);
            }
            if !of_it.is_empty() {
                played.push(Played::new(path, scenario, &of_it, results.strict));
            }
        }
        Self {
            version: VERSION,
            tool: format!("dhcp6lab {}", env!("CARGO_PKG_VERSION")),
            started: timestamp(results.started),
            took_ms: millis(results.took),
            command: results.command.clone(),
            summary: Summary {
                passed: count(Class::Passed),
                failed: count(Class::Failed),
                new: count(Class::New),
                skipped: count(Class::Skipped),
                not_played: results.unplayed,
            },
            scenarios: played,
            conformance: Coverage::new(results, scenarios),
        }
    }
}

impl Played {
    fn new(path: &Path, scenario: &Scenario, rows: &[&Row], strict: bool) -> Self {
        let classes: Vec<Class> = rows.iter().map(|it| it.class(strict)).collect();
        let worst = [Class::Failed, Class::New, Class::Passed, Class::Skipped];
        let class = worst.into_iter().find(|it| classes.contains(it));
        Self {
            path: path.display().to_string(),
            topic: topic(path),
            claim: claim(path),
            why: scenario.why.trim().to_owned(),
            rfc: scenario.rfc.clone(),
            covers: scenario.covers.0.clone(),
            differs: scenario.differs.0.clone(),
            config: scenario.config.clone(),
            class: class.unwrap_or(Class::Skipped).name(),
            snapshot: rows.iter().find_map(|it| it.snapshot.clone()),
            results: rows
                .iter()
                .enumerate()
                .map(|(index, row)| {
                    let earlier = rows.get(..index).unwrap_or_default();
                    Outcomes::new(row, earlier, strict)
                })
                .collect(),
        }
    }
}

impl Outcomes {
    fn new(row: &Row, earlier: &[&Row], strict: bool) -> Self {
        let faults = row.faults(strict);
        // A failure is drawn where it happened, even if all that was said is the same.
        let same = earlier.iter().find(|it| {
            row.played.is_some()
                && it.played.is_some()
                && it.transcript == row.transcript
                && it.faults(strict) == faults
        });
        let ladder = row
            .played
            .as_ref()
            .filter(|_| same.is_none())
            .map(|it| Ladder::new(&it.transcript, &it.names));
        Self {
            rig: row.rig,
            class: row.class(strict).name(),
            took_ms: millis(row.took),
            reason: match &row.outcome {
                Outcome::Skipped(reason) | Outcome::Explained { reason, .. } => {
                    Some(reason.clone())
                }
                Outcome::Passed
                | Outcome::New
                | Outcome::Blessed
                | Outcome::Failed(_)
                | Outcome::Wrong(_)
                | Outcome::Differs
                | Outcome::Unsteady { .. }
                | Outcome::NotStarted(_) => None,
            },
            faults: faults
                .into_iter()
                .map(|(step, text)| Fault { step, text })
                .collect(),
            difference: row.difference(),
            again: row.again.clone(),
            capture: row.capture.clone(),
            same_as: same.map(|it| it.rig),
            transcript: ladder.is_some().then(|| row.transcript.clone()),
            ladder,
        }
    }
}

/// The folder that a scenario is in.
pub(super) fn topic(path: &Path) -> String {
    let folder = path.parent().and_then(Path::file_name);
    folder.map_or_else(String::new, |it| it.to_string_lossy().into_owned())
}

/// What a scenario claims: the name of its file as a sentence.
pub(super) fn claim(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let sentence = stem.replace('-', " ");
    let mut letters = sentence.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => sentence,
    }
}

fn timestamp(time: SystemTime) -> String {
    let time = jiff::Timestamp::try_from(time).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let seconds = jiff::Timestamp::from_second(time.as_second());
    seconds.unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string()
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_file_name_is_a_sentence() {
        let path = Path::new("scenarios/relay/any-hop-count-is-served.yaml");
        assert_eq!(claim(path), "Any hop count is served");
        assert_eq!(topic(path), "relay");
        assert_eq!(topic(Path::new("x.yaml")), "");
    }

    #[test]
    fn a_time_is_written_in_whole_seconds() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_767_225_600_700);
        assert_eq!(timestamp(time), "2026-01-01T00:00:00Z");
    }
}
