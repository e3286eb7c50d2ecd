//! The report as JUnit XML: a suite for each topic, a test for each scenario and rig.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::report::document::{claim, topic};
use crate::report::{Class, Outcome, Results, Row};

/// The report, as GitHub, GitLab and Jenkins read it.
///
/// # Errors
/// Text cannot be made of it.
pub fn junit(results: &Results) -> Result<String, quick_junit::SerializeError> {
    let mut suites: BTreeMap<String, TestSuite> = BTreeMap::new();
    for row in &results.rows {
        let topic = topic(&row.path);
        let suite = suites
            .entry(topic.clone())
            .or_insert_with_key(|topic| TestSuite::new(topic.as_str()));
        suite.add_test_case(case(row, &topic, results.strict));
    }
    let mut report = Report::new("dhcp6lab");
    report.set_time(results.took);
    for (_, mut suite) in suites {
        let times = suite.test_cases.iter().filter_map(|it| it.time);
        suite.set_time(times.sum());
        report.add_test_suite(suite);
    }
    report.to_string()
}

fn case(row: &Row, topic: &str, strict: bool) -> TestCase {
    let status = match row.class(strict) {
        Class::Passed | Class::New => TestCaseStatus::success(),
        Class::Skipped => {
            let mut status = TestCaseStatus::skipped();
            if let Outcome::Skipped(reason) = &row.outcome {
                status.set_message(reason.as_str());
            }
            status
        }
        Class::Failed => failure(row, strict),
    };
    let name = format!("{} ({})", claim(&row.path), row.rig);
    let mut case = TestCase::new(name.as_str(), status);
    case.set_classname(format!("{topic}.{}", row.rig));
    case.set_time(row.took);
    let file = row.path.display().to_string();
    case.extra.insert("file".into(), file.into());
    case
}

fn failure(row: &Row, strict: bool) -> TestCaseStatus {
    let (kind, what) = match row.outcome {
        Outcome::NotStarted(_) => (NonSuccessKind::Error, "configuration"),
        Outcome::Differs => (NonSuccessKind::Failure, "snapshot"),
        Outcome::Unsteady { .. } => (NonSuccessKind::Failure, "unsteady"),
        Outcome::Failed(_)
        | Outcome::Wrong(_)
        | Outcome::New
        | Outcome::Blessed
        | Outcome::Explained { .. }
        | Outcome::Skipped(_)
        | Outcome::Passed => (NonSuccessKind::Failure, "expectation"),
    };
    let mut text = String::new();
    for (step, fault) in row.faults(strict) {
        let step = step.map_or_else(String::new, |it| format!("step {it}: "));
        let _ = writeln!(text, "{step}{fault}");
    }
    let message = text.lines().next().unwrap_or_default().to_owned();
    if let Some(lines) = row.difference() {
        let _ = write!(text, "\n- expected, + got:\n\n{lines}");
    }
    let _ = write!(text, "\nagain: {}\n", row.again);
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(message);
    status.set_type(what);
    status.set_description(text);
    status
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::player::Failure;
    use crate::report::tests::{results, row};

    #[test]
    fn every_result_is_a_test_case_that_parsers_read() {
        let failure = Failure {
            step: 2,
            text: "<silence> & \u{1b}[31m\u{0} \"]]>\"".into(),
        };
        let rows = vec![
            row("scenarios/solicit/a-b.yaml", "sim", Outcome::Passed),
            row(
                "scenarios/solicit/a-b.yaml",
                "live",
                Outcome::Skipped("time <passes>".into()),
            ),
            row(
                "scenarios/renew/c.yaml",
                "sim",
                Outcome::Failed(vec![failure]),
            ),
            row(
                "scenarios/renew/d.yaml",
                "sim",
                Outcome::NotStarted("x:1:1: no".into()),
            ),
            row("scenarios/renew/e.yaml", "sim", Outcome::New),
        ];
        let text = junit(&results(rows)).expect("text");
        let document = roxmltree::Document::parse(&text).expect("well-formed");
        let root = document.root_element();
        assert_eq!(root.tag_name().name(), "testsuites");
        let totals = ["tests", "failures", "errors"].map(|it| root.attribute(it).unwrap_or(""));
        assert_eq!(totals, ["5", "1", "1"]);
        let suites: Vec<_> = root
            .children()
            .filter(|it| it.has_tag_name("testsuite"))
            .collect();
        let names: Vec<_> = suites
            .iter()
            .filter_map(|it| it.attribute("name"))
            .collect();
        assert_eq!(names, ["renew", "solicit"]);
        assert_eq!(
            suites[1]
                .attribute("skipped")
                .or(suites[1].attribute("disabled")),
            Some("1")
        );
        let find = |tag: &str| {
            document
                .descendants()
                .find(|it| it.has_tag_name(tag))
                .expect("it is there")
        };
        assert_eq!(find("skipped").attribute("message"), Some("time <passes>"));
        let failure = find("failure");
        assert!(
            failure
                .attribute("message")
                .expect("one")
                .starts_with("step 2: <silence> & ")
        );
        assert!(
            failure
                .text()
                .expect("text")
                .contains("again: dhcp6lab run")
        );
        assert_eq!(
            failure.parent().expect("a case").attribute("file"),
            Some("scenarios/renew/c.yaml")
        );
        assert!(find("error").text().expect("text").contains("x:1:1: no"));
    }
}
