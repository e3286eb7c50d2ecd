//! Failures as GitHub shows them beside the files: workflow commands on standard output.

use crate::report::{Class, Results};
use crate::scenario;

/// One line for each failure.
#[must_use]
pub fn annotations(results: &Results) -> String {
    let mut text = String::new();
    for row in &results.rows {
        if row.class(results.strict) != Class::Failed {
            continue;
        }
        let steps = scenario::step_places(&row.path);
        for (step, fault) in row.faults(results.strict) {
            let place = step.and_then(|it| steps.get(it.checked_sub(1)?));
            let (file, line) = place.map_or((&row.path, 1), |(file, line)| (file, *line));
            let path = property(&file.display().to_string());
            let step = step.map_or_else(String::new, |it| format!("step {it}: "));
            let title = property(&format!("{} on {}", row.path.display(), row.rig));
            let message = message(&format!("{step}{}\n{}", fault.trim_end(), row.again));
            text.push_str(&format!(
                "::error file={path},line={line},title={title}::{message}\n"
            ));
        }
    }
    text
}

/// The value of a property, as GitHub unescapes it.
fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}

/// A message, as GitHub unescapes it.
fn message(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::player::Failure;
    use crate::report::Outcome;
    use crate::report::tests::{results, row};

    const SOURCE: &str = "why: x\nsteps:\n  # First.\n  - send:\n      from: first\n      list:\n        - one\n\n  \
                          - expect: reply\ndiffers: no\n";

    #[test]
    fn a_step_is_shown_where_it_stands_be_it_in_an_included_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).expect("a file");
            path
        };
        let included = write("two.yaml", "# Two steps.\nsteps:\n- a: 1\n- b: 2\n");
        let path = write(
            "x.yaml",
            "include: two.yaml\nsteps:\n  - c: 3\n  - include: two.yaml\n  - d: 4\n",
        );
        let failed = |step| Failure {
            step,
            text: "x".into(),
        };
        let name = path.to_str().expect("a plain path");
        let failures = (0..8).map(failed).collect();
        let text = annotations(&results(vec![row(name, "sim", Outcome::Failed(failures))]));
        let places: Vec<_> = text
            .lines()
            .map(|it| it.split_once(",title").expect("a title").0)
            .collect();
        let at = |path: &std::path::Path, line: usize| {
            format!("::error file={},line={line}", path.display())
        };
        let expected = [
            at(&path, 1),
            at(&included, 3),
            at(&included, 4),
            at(&path, 3),
            at(&included, 3),
            at(&included, 4),
            at(&path, 5),
            at(&path, 1),
        ];
        assert_eq!(places, expected);
    }

    #[test]
    fn a_failure_is_one_line_whatever_is_in_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a,b.yaml");
        fs::write(&path, SOURCE).expect("a file");
        let failure = Failure {
            step: 2,
            text: "100%\nsilent".into(),
        };
        let path = path.to_str().expect("a plain path");
        let rows = vec![
            row(path, "live", Outcome::Failed(vec![failure])),
            row(path, "sim", Outcome::Passed),
        ];
        let text = annotations(&results(rows));
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.starts_with("::error file=/"), "{text}");
        assert!(text.contains("a%2Cb.yaml,line=9,title="), "{text}");
        assert!(
            text.contains("::step 2: 100%25%0Asilent%0Adhcp6lab run"),
            "{text}"
        );
    }
}
