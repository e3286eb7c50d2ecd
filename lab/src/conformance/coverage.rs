//! Which requirement was shown by which scenario, and what came of it.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde::Serialize;

use super::{Requirement, requirements};
use crate::report::{Class, Results};
use crate::scenario::Scenario;

/// What came of each requirement in a run.
#[derive(Clone, Debug, Serialize)]
pub struct Coverage(pub Vec<Shown>);

/// What came of one.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    /// The requirement.
    #[serde(flatten)]
    pub requirement: &'static Requirement,
    /// In one word.
    pub state: State,
    /// The scenarios that show it, with what came of them.
    pub by: Vec<By>,
}

/// A scenario that shows a requirement, on one rig.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct By {
    /// The file.
    pub path: String,
    /// The rig, or the server.
    pub rig: &'static str,
    /// What came of it: `passed`, `failed`, `new` or `skipped`.
    pub class: &'static str,
}

/// What a run says of a requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// A scenario shows it, and all that do have passed.
    Passed,
    /// One of the scenarios that show it has failed.
    Failed,
    /// The scenarios that show it were not played to their end.
    Open,
    /// Other tests show it.
    Tests,
    /// This server does not do that, on purpose.
    Absent,
    /// Nothing that was played shows it.
    Uncovered,
}

impl State {
    /// All of them, in the order of reports.
    const ALL: [(Self, &'static str); 6] = [
        (Self::Failed, "failed"),
        (Self::Passed, "passed"),
        (Self::Open, "not played"),
        (Self::Tests, "shown by other tests"),
        (Self::Uncovered, "not shown by what was played"),
        (Self::Absent, "absent on purpose"),
    ];

    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(state, _)| *state == self);
        found.map_or("", |(_, name)| name)
    }
}

impl Coverage {
    /// What a run over these scenarios says of every requirement.
    #[must_use]
    pub fn new(results: &Results, scenarios: &[(PathBuf, Scenario)]) -> Self {
        let shown = requirements().iter().map(|requirement| {
            let covers = |it: &&(PathBuf, Scenario)| it.1.covers.0.contains(&requirement.id);
            let mut by = Vec::new();
            for (path, _) in scenarios.iter().filter(covers) {
                let rows = results.rows.iter().filter(|it| it.path == *path);
                by.extend(rows.map(|row| By {
                    path: path.display().to_string(),
                    rig: row.rig,
                    class: row.class(results.strict).name(),
                }));
            }
            Shown {
                requirement,
                state: state(requirement, &by),
                by,
            }
        });
        Self(shown.collect())
    }

    /// How many there are of each state, and those that something is wrong with, for terminals.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut text = format!("{} requirements:", self.0.len());
        for (state, name) in State::ALL {
            let count = self.0.iter().filter(|it| it.state == state).count();
            if count > 0 {
                let _ = write!(text, " {count} {name},");
            }
        }
        text.truncate(text.len() - 1);
        text.push('\n');
        text
    }

    /// The whole table, for terminals.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = String::new();
        for Shown {
            requirement,
            state,
            by,
        } in &self.0
        {
            let Requirement {
                id,
                level,
                says,
                tests,
                absent,
                rfc,
            } = requirement;
            let _ = writeln!(
                text,
                "{id:8} {level:10} {says} [{}] {}",
                rfc.join(", "),
                state.name()
            );
            for reason in tests.iter().chain(absent) {
                let _ = writeln!(text, "             {reason}");
            }
            for By { path, rig, class } in by {
                let _ = writeln!(text, "             {class:8} {rig:4} {path}");
            }
        }
        text.push('\n');
        text.push_str(&self.summary());
        text
    }
}

fn state(requirement: &Requirement, by: &[By]) -> State {
    let is = |class: Class| by.iter().any(|it| it.class == class.name());
    if is(Class::Failed) {
        State::Failed
    } else if is(Class::Passed) {
        State::Passed
    } else if !by.is_empty() {
        State::Open
    } else if requirement.tests.is_some() {
        State::Tests
    } else if requirement.absent.is_some() {
        State::Absent
    } else {
        State::Uncovered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requirement(tests: Option<&str>, absent: Option<&str>) -> Requirement {
        Requirement {
            id: "X-1".into(),
            level: "MUST".into(),
            rfc: vec!["9915 §1".into()],
            says: "Does it.".into(),
            tests: tests.map(Into::into),
            absent: absent.map(Into::into),
        }
    }

    fn by(classes: &[Class]) -> Vec<By> {
        let by = classes.iter().map(|class| By {
            path: "a.yaml".into(),
            rig: "sim",
            class: class.name(),
        });
        by.collect()
    }

    #[test]
    fn one_failure_outweighs_all_that_passed() {
        let plain = requirement(None, None);
        assert_eq!(
            state(&plain, &by(&[Class::Passed, Class::Failed])),
            State::Failed
        );
        assert_eq!(
            state(&plain, &by(&[Class::Passed, Class::Skipped])),
            State::Passed
        );
        assert_eq!(
            state(&plain, &by(&[Class::Skipped, Class::New])),
            State::Open
        );
    }

    #[test]
    fn what_no_scenario_shows_is_uncovered_unless_there_is_a_reason() {
        assert_eq!(state(&requirement(None, None), &[]), State::Uncovered);
        assert_eq!(state(&requirement(Some("a.rs"), None), &[]), State::Tests);
        assert_eq!(state(&requirement(None, Some("no")), &[]), State::Absent);
        assert_eq!(
            state(&requirement(None, Some("no")), &by(&[Class::Passed])),
            State::Passed
        );
    }
}
