//! Failures as GitHub shows them beside the files: workflow commands on standard output.

use std::fs;

use crate::report::{Class, Results};

/// One line for each failure.
#[must_use]
pub fn annotations(results: &Results) -> String {
    let mut text = String::new();
    for row in &results.rows {
        if row.class(results.strict) != Class::Failed {
            continue;
        }
        let source = fs::read_to_string(&row.path).unwrap_or_default();
        let path = property(&row.path.display().to_string());
        for (step, fault) in row.faults(results.strict) {
            let line = step.and_then(|it| line_of_step(&source, it)).unwrap_or(1);
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

/// The line that a step begins in, from 1. Of steps that come from elsewhere nothing is known.
fn line_of_step(source: &str, step: usize) -> Option<usize> {
    let lines = source.lines().enumerate();
    let mut inside = lines
        .skip_while(|(_, line)| !line.starts_with("steps:"))
        .skip(1);
    let mut items = Vec::new();
    let mut indent = None;
    for (index, line) in inside.by_ref() {
        let text = line.trim_start();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let depth = line.len() - text.len();
        if depth == 0 && !text.starts_with('-') {
            break;
        }
        if text.starts_with('-') && *indent.get_or_insert(depth) == depth {
            items.push(index + 1);
        }
    }
    items.get(step.checked_sub(1)?).copied()
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
    use super::*;
    use crate::player::Failure;
    use crate::report::Outcome;
    use crate::report::tests::{results, row};

    const SOURCE: &str = "why: x\nsteps:\n  # First.\n  - send:\n      from: first\n      list:\n        - one\n\n  \
                          - expect: reply\ndiffers: no\n";

    #[test]
    fn a_step_is_found_in_its_file() {
        assert_eq!(line_of_step(SOURCE, 1), Some(4));
        assert_eq!(line_of_step(SOURCE, 2), Some(9));
        assert_eq!(line_of_step(SOURCE, 3), None);
        assert_eq!(line_of_step(SOURCE, 0), None);
        assert_eq!(line_of_step("steps:\n- a: 1\n- b: 2\n", 2), Some(3));
        assert_eq!(line_of_step("why: x\n", 1), None);
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
