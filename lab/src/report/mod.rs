//! What came of a run, and how it is told: on the terminal, to CI, as JSON, as a page, and as captures.

mod annotations;
mod difference;
mod document;
mod html;
mod junit;
mod packets;
pub mod page;
mod terminal;

pub use annotations::annotations;
pub use difference::{diff, hunks};
pub use document::Document;
pub use html::html;
pub use junit::junit;
pub use packets::{packets_path, write_packets};
pub use terminal::Terminal;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::player::{Failure, Played};

/// How a scenario went on one rig.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As the snapshot says.
    Passed,
    /// It went without failure and there is no snapshot, so nobody knows yet whether it is right.
    New,
    /// Its transcript was made the snapshot.
    Blessed,
    /// The original server does something else, as the scenario says; the reason, and what differs.
    Explained {
        /// Why.
        reason: String,
        /// Line by line.
        lines: String,
    },
    /// It cannot be played on this rig; the reason.
    Skipped(String),
    /// Something happened that should not have.
    Failed(Vec<Failure>),
    /// The comparison with the original server found something wrong; what.
    Wrong(String),
    /// The transcript is another than that of the snapshot.
    Differs,
    /// It did not go as it did the first time.
    Unsteady {
        /// Which time that was, from 2.
        time: usize,
        /// What was different: `-` the first time, `+` this time.
        lines: String,
    },
    /// The server did not start with the configuration of the scenario; what was said about that.
    NotStarted(String),
}

/// What an outcome means for a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// It is as it should be.
    Passed,
    /// It is not.
    Failed,
    /// Nobody knows yet.
    New,
    /// It could not be played.
    Skipped,
}

impl Class {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 4] = [Self::Passed, Self::Failed, Self::New, Self::Skipped];

    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::New => "new",
            Self::Skipped => "skipped",
        }
    }
}

/// How a run went as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing failed.
    Passed,
    /// Something that should not have happened did.
    Failed,
    /// With one of the configurations the server does not start.
    NotStarted,
}

/// One scenario that was played.
#[derive(Clone, Debug)]
pub struct Row {
    /// The file.
    pub path: PathBuf,
    /// The name of the rig.
    pub rig: &'static str,
    /// How it went.
    pub outcome: Outcome,
    /// What happened, as text.
    pub transcript: String,
    /// What the snapshot says should have, if there is one.
    pub snapshot: Option<String>,
    /// What happened, if it was played to its end.
    pub played: Option<Played>,
    /// What is known about the cause of each failure, in their order; empty for a server that nothing is known about.
    pub known: Vec<Option<String>>,
    /// How long it took.
    pub took: Duration,
    /// The command that plays this again, and nothing else.
    pub again: String,
    /// The file with its packets, if there is one.
    pub capture: Option<PathBuf>,
}

impl Row {
    /// What it means for the run; in a strict one, a scenario without snapshot has failed.
    #[must_use]
    pub fn class(&self, strict: bool) -> Class {
        match self.outcome {
            Outcome::Failed(_)
            | Outcome::Wrong(_)
            | Outcome::Differs
            | Outcome::Unsteady { .. }
            | Outcome::NotStarted(_) => Class::Failed,
            Outcome::New if strict => Class::Failed,
            Outcome::New => Class::New,
            Outcome::Passed | Outcome::Blessed | Outcome::Explained { .. } => Class::Passed,
            Outcome::Skipped(_) => Class::Skipped,
        }
    }

    /// What is wrong, each thing in a line or a few, with the number of its step if it has one.
    #[must_use]
    pub fn faults(&self, strict: bool) -> Vec<(Option<usize>, String)> {
        match &self.outcome {
            Outcome::Failed(failures) => {
                let known = |index: usize| self.known.get(index).and_then(Option::as_ref);
                let failures = failures.iter().enumerate();
                failures
                    .map(|(index, it)| {
                        let text = match known(index) {
                            Some(cause) => format!("{}\n{}{cause}", it.text, terminal::KNOWN),
                            None => it.text.clone(),
                        };
                        (Some(it.step), text)
                    })
                    .collect()
            }
            Outcome::Wrong(what) => vec![(None, what.clone())],
            Outcome::Differs => vec![(None, "it is not as in the snapshot".to_owned())],
            Outcome::Unsteady { time, .. } => {
                let text = format!("time {time} went another way than the first");
                vec![(None, text)]
            }
            Outcome::NotStarted(said) => {
                let text = "the server does not start with the configuration of this scenario:";
                vec![(None, format!("{text}\n{}", said.trim_end()))]
            }
            Outcome::New if strict => {
                let text = "it has no snapshot, so nobody has said that this is right";
                vec![(None, text.to_owned())]
            }
            Outcome::New
            | Outcome::Passed
            | Outcome::Blessed
            | Outcome::Explained { .. }
            | Outcome::Skipped(_) => Vec::new(),
        }
    }

    /// What differs from what was expected, line by line with a little around it: `-` expected, `+` got.
    #[must_use]
    pub fn difference(&self) -> Option<String> {
        match (&self.outcome, &self.snapshot) {
            (Outcome::Unsteady { lines, .. } | Outcome::Explained { lines, .. }, _) => {
                Some(lines.clone())
            }
            (Outcome::Differs | Outcome::Failed(_), Some(snapshot))
                if *snapshot != self.transcript =>
            {
                Some(hunks(snapshot, &self.transcript))
            }
            _ => None,
        }
    }
}

/// What the server of a rig is called in pictures: ours by its own name.
pub(crate) fn server_name(rig: &str) -> &str {
    match rig {
        "sim" | "live" => "dhcp6s",
        other => other,
    }
}

/// All that came of a run.
#[derive(Clone, Debug)]
pub struct Results {
    /// In the order of the files.
    pub rows: Vec<Row>,
    /// How many scenarios were not played after all, since somebody had enough.
    pub unplayed: usize,
    /// Whether a scenario without snapshot has failed.
    pub strict: bool,
    /// When it began.
    pub started: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// The command line.
    pub command: String,
}

impl Results {
    /// How many are of that class.
    #[must_use]
    pub fn count(&self, class: Class) -> usize {
        let rows = self.rows.iter();
        rows.filter(|it| it.class(self.strict) == class).count()
    }

    /// How it went as a whole.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let not_started = |row: &Row| matches!(row.outcome, Outcome::NotStarted(_));
        if self.rows.iter().any(not_started) {
            Verdict::NotStarted
        } else if self.count(Class::Failed) > 0 {
            Verdict::Failed
        } else {
            Verdict::Passed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row of a scenario that went that way.
    pub(super) fn row(path: &str, rig: &'static str, outcome: Outcome) -> Row {
        Row {
            path: path.into(),
            rig,
            outcome,
            transcript: "→ first\n".into(),
            snapshot: None,
            played: None,
            known: Vec::new(),
            took: Duration::from_millis(12),
            again: format!("dhcp6lab run --rig {rig} {path}"),
            capture: None,
        }
    }

    /// The results of a run with these rows.
    pub(super) fn results(rows: Vec<Row>) -> Results {
        Results {
            rows,
            unplayed: 0,
            strict: false,
            started: SystemTime::UNIX_EPOCH,
            took: Duration::from_millis(345),
            command: "dhcp6lab run scenarios".into(),
        }
    }

    #[test]
    fn a_known_cause_stands_below_its_failure() {
        let failure = |step, text: &str| Failure {
            step,
            text: text.to_owned(),
        };
        let failures = vec![failure(1, "one"), failure(2, "two")];
        let mut row = row("a.yaml", "kea", Outcome::Failed(failures));
        row.known = vec![None, Some("it is so".into())];
        let told = row.faults(false);
        assert_eq!(told[0], (Some(1), "one".to_owned()));
        assert_eq!(told[1], (Some(2), "two\nknown: it is so".to_owned()));
    }

    #[test]
    fn a_server_that_does_not_start_is_worse_than_a_failure() {
        let failed = || row("a.yaml", "sim", Outcome::Failed(Vec::new()));
        let passed = || row("b.yaml", "sim", Outcome::Passed);
        let not_started = row("c.yaml", "sim", Outcome::NotStarted("no".into()));
        assert_eq!(results(vec![passed()]).verdict(), Verdict::Passed);
        assert_eq!(results(vec![passed(), failed()]).verdict(), Verdict::Failed);
        let all = results(vec![not_started, failed(), passed()]);
        assert_eq!(all.verdict(), Verdict::NotStarted);
    }
}
