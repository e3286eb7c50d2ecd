//! What is known about the failures of other servers: the causes, each with the section that it breaks.
//!
//! They are in `lab/peers.yaml`, grouped by cause. A failure that no cause explains is one that somebody has to look at,
//! and so is a cause that explains nothing any more.

use std::fmt;
use std::path::Path;

use serde::Deserialize;

use crate::matrix::survey::{Cell, Matrix, Row, is_about_expectations};
use crate::rig::product::Product;
use crate::scenario::Scenario;

/// The causes that this program knows.
const KNOWN: &str = include_str!("../../peers.yaml");

/// Why a server fails in some scenarios.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// The word for the server.
    pub server: String,
    /// The cause in a few words.
    pub cause: String,
    /// What kind of cause it is.
    #[serde(default)]
    pub kind: Kind,
    /// The sections that the server breaks, or that leave it the choice: `9915 §18.3.7`.
    pub rfc: Vec<String>,
    /// What the server does, and what it should do.
    pub text: String,
    /// The failures that come from it.
    pub explains: Vec<Case>,
}

/// What kind of cause it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The server does not do what an RFC demands or recommends.
    #[default]
    Fault,
    /// The server ends by itself.
    Crash,
    /// The server lacks something that nobody demands of it, and its configuration has no word for that, so that it shows
    /// only when it is played.
    Limit,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fault => "fault",
            Self::Crash => "crash",
            Self::Limit => "limit",
        })
    }
}

/// Failures in some scenarios.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The scenarios: `topic/claim`, in which `*` stands for anything.
    pub scenario: String,
    /// What their failures say, in part; `*` stands for anything. Everything, if it is left out.
    #[serde(default)]
    pub says: String,
}

impl Case {
    fn explains(&self, scenario: &str, failure: &str) -> bool {
        matches(&self.scenario, scenario) && matches(&format!("*{}*", self.says), failure)
    }
}

/// Where the cause of a failure is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// By the verdict at this place in the list.
    Verdict(usize),
    /// By the scenario itself, under `choice`: there are other ways than ours.
    Choice,
    /// By the scenario itself, under `differs`: that is about the original server alone.
    Differs,
}

/// All causes.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct Verdicts(pub Vec<Verdict>);

impl Verdicts {
    /// Those that this program knows.
    ///
    /// # Errors
    /// Its own list is not as it should be; the text says where.
    pub fn known() -> Result<Self, String> {
        Self::parse(KNOWN)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let verdicts: Self =
            serde_yaml::from_str(text).map_err(|error| format!("lab/peers.yaml: {error}"))?;
        for verdict in &verdicts.0 {
            if Product::by_word(&verdict.server).is_none() {
                let server = &verdict.server;
                return Err(format!("lab/peers.yaml: `{server}` is no server"));
            }
        }
        Ok(verdicts)
    }

    /// The cause of a failure of that server in a scenario, named `topic/claim`.
    #[must_use]
    pub fn cause(&self, server: Product, scenario: &str, failure: &str) -> Option<Cause> {
        let place = self.0.iter().position(|it| {
            let mut cases = it.explains.iter();
            it.server == server.word() && cases.any(|it| it.explains(scenario, failure))
        });
        place.map(Cause::Verdict)
    }

    /// What is known about a failure of that server in a scenario of that path, in a line.
    #[must_use]
    pub fn explanation(
        &self,
        server: Product,
        path: &Path,
        scenario: &Scenario,
        failure: &str,
    ) -> Option<String> {
        let row = Row {
            path: path.to_owned(),
            cells: Vec::new(),
        };
        if let Some(verdict) = self.get(self.cause(server, &row.name(), failure)) {
            let (cause, kind, rfc) = (&verdict.cause, verdict.kind, verdict.rfc.join(", RFC "));
            return Some(format!("{cause} ({kind}, RFC {rfc})"));
        }
        let open = is_about_expectations(failure);
        let choice = scenario.choice.0.first().filter(|_| open)?;
        Some(format!("others may do otherwise: {}", choice.trim()))
    }

    /// The verdict, if it is in this list.
    #[must_use]
    pub fn get(&self, cause: Option<Cause>) -> Option<&Verdict> {
        match cause? {
            Cause::Verdict(index) => self.0.get(index),
            Cause::Choice | Cause::Differs => None,
        }
    }

    /// What the list says and the matrix does not show: cases whose scenarios were played without such a failure. A
    /// case for several scenarios is judged only if the matrix is of all of them.
    #[must_use]
    pub fn stale(&self, matrix: &Matrix, complete: bool) -> Vec<String> {
        let mut stale = Vec::new();
        for verdict in &self.0 {
            let mut servers = matrix.servers.iter();
            let Some(column) = servers.position(|it| it.product.word() == verdict.server) else {
                continue;
            };
            for case in &verdict.explains {
                let rows = || {
                    let rows = matrix.rows.iter();
                    rows.filter(|row| matches(&case.scenario, &row.name()))
                };
                let judged = complete || (!case.scenario.contains('*') && rows().next().is_some());
                let shown = rows().any(|row| match row.cells.get(column) {
                    Some(Cell::Failed(failed)) => failed
                        .failures
                        .iter()
                        .any(|(failure, _)| case.explains(&row.name(), failure)),
                    _ => false,
                });
                if judged && !shown {
                    let (server, cause) = (&verdict.server, &verdict.cause);
                    stale.push(format!(
                        "{server}: \"{cause}\" explains no failure in {}{}",
                        case.scenario,
                        match case.says.as_str() {
                            "" => String::new(),
                            says => format!(" that says \"{says}\""),
                        }
                    ));
                }
            }
        }
        stale
    }

    /// The causes that a server shows, in the order of the list, each with the scenarios that it spoils.
    #[must_use]
    pub fn shown<'a>(
        &'a self,
        matrix: &'a Matrix,
        column: usize,
    ) -> Vec<(&'a Verdict, Vec<&'a Row>)> {
        let verdicts = self.0.iter().enumerate();
        let spoiled = verdicts
            .map(|(index, verdict)| (verdict, spoiled(matrix, column, Cause::Verdict(index))));
        spoiled.filter(|(_, rows)| !rows.is_empty()).collect()
    }
}

/// The scenarios that a server fails for that cause.
pub(super) fn spoiled(matrix: &Matrix, column: usize, cause: Cause) -> Vec<&Row> {
    let has = |row: &&Row| match row.cells.get(column) {
        Some(Cell::Failed(failed)) => failed.failures.iter().any(|(_, it)| *it == Some(cause)),
        _ => false,
    };
    matrix.rows.iter().filter(has).collect()
}

/// Whether a text is like a pattern, in which `*` stands for anything, also for nothing.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let mut last = None;
    for part in parts {
        if let Some(before) = last.replace(part) {
            let Some(at) = rest.find(before) else {
                return false;
            };
            rest = rest.get(at + before.len()..).unwrap_or_default();
        }
    }
    match last {
        Some(last) => rest.ends_with(last),
        None => rest.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::survey::{Failed, Server};

    #[test]
    fn a_star_stands_for_anything() {
        assert!(matches("relay/*", "relay/a-claim"));
        assert!(matches("*", ""));
        assert!(matches("*a*b*", "xaxbx"));
        assert!(matches("a*a", "aa"));
        assert!(!matches("a*a", "a"));
        assert!(!matches("relay/*", "release/a-claim"));
        assert!(!matches("relay", "relay/a-claim"));
        assert!(!matches("*b*a*", "xaxbx"));
    }

    #[test]
    fn the_list_of_this_program_can_be_read() {
        let verdicts = Verdicts::known().unwrap_or_else(|error| panic!("{error}"));
        for verdict in &verdicts.0 {
            assert!(!verdict.explains.is_empty(), "{}", verdict.cause);
            assert!(!verdict.rfc.is_empty(), "{}", verdict.cause);
        }
    }

    const LIST: &str = "- server: kea\n  cause: It is so.\n  rfc: [\"9915 §1\"]\n  text: Really.\n  explains:\n    \
                        - { scenario: relay/a-claim, says: silent }\n    - { scenario: \"release/*\" }\n";

    fn matrix(failure: &str, cause: Option<Cause>) -> Matrix {
        Matrix {
            servers: vec![Server::new(Product::Kea, None)],
            rows: vec![Row {
                path: "scenarios/relay/a-claim.yaml".into(),
                cells: vec![Cell::Failed(Failed {
                    failures: vec![(failure.to_owned(), cause)],
                    transcript: String::new(),
                })],
            }],
        }
    }

    #[test]
    fn a_failure_has_the_cause_that_explains_it() {
        let list = Verdicts::parse(LIST).expect("a list");
        let cause = |server, scenario, failure| list.cause(server, scenario, failure);
        let silent = "step 1: the server was silent";
        assert_eq!(
            cause(Product::Kea, "relay/a-claim", silent),
            Some(Cause::Verdict(0))
        );
        assert_eq!(
            cause(Product::Kea, "release/x", "anything"),
            Some(Cause::Verdict(0))
        );
        assert_eq!(cause(Product::Kea, "relay/a-claim", "step 1: no"), None);
        assert_eq!(cause(Product::Wide, "relay/a-claim", silent), None);
        let shown = matrix(silent, Some(Cause::Verdict(0)));
        assert_eq!(list.shown(&shown, 0).first().map(|it| it.1.len()), Some(1));
    }

    #[test]
    fn a_failure_is_told_with_its_cause_or_with_the_choice_of_its_scenario() {
        let list = Verdicts::parse(LIST).expect("a list");
        let path = Path::new("scenarios/relay/a-claim.yaml");
        let known = |choice: &str, failure: &str| {
            let text = format!(
                "why: It is a test.\nrfc: [\"9915 §18\"]\n{choice}clients: {{ first: {{}} }}\nsteps:\n  \
                 - send: {{ from: first, solicit: {{}} }}\n"
            );
            let scenario = Scenario::parse(path, &text).unwrap_or_else(|error| panic!("{error}"));
            list.explanation(Product::Kea, path, &scenario, failure)
        };
        let silent = "step 1: the server was silent instead of sending Reply";
        let cause = known("", silent);
        assert_eq!(cause.as_deref(), Some("It is so. (fault, RFC 9915 §1)"));
        let other = "step 1: the server sent an unexpected Reply";
        assert_eq!(known("", other), None);
        let choice = known("choice: Either is right.\n", other);
        assert_eq!(
            choice.as_deref(),
            Some("others may do otherwise: Either is right.")
        );
    }

    #[test]
    fn what_explains_nothing_any_more_is_told_if_it_was_played() {
        let list = Verdicts::parse(LIST).expect("a list");
        let silent = matrix("step 1: the server was silent", Some(Cause::Verdict(0)));
        assert_eq!(list.stale(&silent, false), Vec::<String>::new());
        let all = list.stale(&silent, true);
        assert_eq!(all, ["kea: \"It is so.\" explains no failure in release/*"]);
        let other = matrix("step 1: something else", None);
        let told = list.stale(&other, false);
        assert_eq!(
            told,
            ["kea: \"It is so.\" explains no failure in relay/a-claim that says \"silent\""]
        );
    }

    #[test]
    fn a_server_that_nobody_knows_is_refused() {
        let text = LIST.replace("kea", "nobody");
        let error = Verdicts::parse(&text).expect_err("there is no such server");
        assert_eq!(error, "lab/peers.yaml: `nobody` is no server");
    }
}
