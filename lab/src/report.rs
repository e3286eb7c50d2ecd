//! What people see of a run: a line per scenario, what went wrong in the failed ones, and a summary.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::player::Failure;

/// How a scenario went on one rig.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As the snapshot says.
    Passed,
    /// It went without failure and there is no snapshot, so nobody knows yet whether it is right.
    New,
    /// Its transcript was made the snapshot.
    Blessed,
    /// It cannot be played on this rig; the reason.
    Skipped(String),
    /// Something happened that should not have.
    Failed(Vec<Failure>),
    /// The transcript is another than that of the snapshot, which is this one.
    Differs(String),
}

/// One scenario that was played.
#[derive(Clone, Debug)]
pub struct Row {
    /// The file.
    pub path: PathBuf,
    /// The name of the rig.
    pub rig: &'static str,
    /// Why the original server answers differently, if it does.
    pub differs: Option<String>,
    /// How it went.
    pub outcome: Outcome,
    /// What happened.
    pub transcript: String,
}

impl Row {
    fn has_failed(&self) -> bool {
        match self.outcome {
            Outcome::Failed(_) | Outcome::Differs(_) => true,
            Outcome::Passed | Outcome::New | Outcome::Blessed | Outcome::Skipped(_) => false,
        }
    }
}

/// Writes a run down while it goes on.
#[derive(Debug)]
pub struct Report<W> {
    out: W,
    passed: usize,
    failed: usize,
    skipped: usize,
    differing: Vec<(PathBuf, String)>,
}

impl<W: Write> Report<W> {
    /// A report on a run that begins now.
    pub fn new(out: W) -> Self {
        Self {
            out,
            passed: 0,
            failed: 0,
            skipped: 0,
            differing: Vec::new(),
        }
    }

    /// Takes in one result: a line, and of the first failure everything.
    ///
    /// # Errors
    /// The writer does not take it.
    pub fn add(&mut self, result: &Row) -> io::Result<()> {
        let first_failure = self.failed == 0;
        let (mark, note) = match &result.outcome {
            Outcome::Passed => ("ok     ", String::new()),
            Outcome::New => (
                "new    ",
                " (no snapshot: read it, then run again with --bless)".into(),
            ),
            Outcome::Blessed => ("blessed", String::new()),
            Outcome::Skipped(reason) => ("skipped", format!(" ({reason})")),
            Outcome::Failed(_) | Outcome::Differs(_) => ("FAILED ", String::new()),
        };
        let (path, rig) = (result.path.display(), result.rig);
        writeln!(self.out, "{mark} {rig:4} {path}{note}")?;
        match &result.outcome {
            Outcome::Passed | Outcome::Blessed => self.passed += 1,
            Outcome::New => {
                self.passed += 1;
                write!(self.out, "\n{}\n", result.transcript)?;
            }
            Outcome::Skipped(_) => self.skipped += 1,
            Outcome::Failed(_) | Outcome::Differs(_) => self.failed += 1,
        }
        if result.has_failed() {
            write!(self.out, "{}", explain(result, first_failure))?;
        }
        if let Some(reason) = &result.differs
            && !self.differing.iter().any(|(it, _)| *it == result.path)
        {
            self.differing.push((result.path.clone(), reason.clone()));
        }
        self.out.flush()
    }

    /// Ends the report; says whether nothing failed.
    ///
    /// # Errors
    /// The writer does not take it.
    pub fn finish(mut self) -> io::Result<bool> {
        if !self.differing.is_empty() {
            writeln!(self.out, "\nOn purpose unlike the original server:")?;
            for (path, reason) in &self.differing {
                writeln!(self.out, "  {}: {}", name(path), reason.trim())?;
            }
        }
        write!(self.out, "\n{} passed, {} failed", self.passed, self.failed)?;
        match self.skipped {
            0 => writeln!(self.out)?,
            skipped => writeln!(self.out, ", {skipped} skipped")?,
        }
        Ok(self.failed == 0)
    }
}

/// The last two parts of a path: topic and claim.
fn name(path: &Path) -> String {
    let claim = path.file_stem().unwrap_or_default().to_string_lossy();
    match path.parent().and_then(Path::file_name) {
        Some(topic) => format!("{}/{claim}", topic.to_string_lossy()),
        None => claim.into_owned(),
    }
}

/// What went wrong; with the whole transcript if there is room for it.
fn explain(result: &Row, fully: bool) -> String {
    let mut text = String::new();
    match &result.outcome {
        Outcome::Failed(failures) => {
            for failure in failures {
                let _ = writeln!(text, "    {failure}");
            }
            if fully {
                let _ = write!(text, "\n{}\n", result.transcript);
            }
        }
        Outcome::Differs(snapshot) => {
            let _ = writeln!(text, "    it is not as in the snapshot (- there, + now):\n");
            let _ = writeln!(text, "{}", diff(snapshot, &result.transcript));
        }
        Outcome::Passed | Outcome::New | Outcome::Blessed | Outcome::Skipped(_) => {}
    }
    text
}

/// The lines of two texts by their longest common subsequence, with what only one has marked.
#[must_use]
pub fn diff(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    // common[i][j]: how many lines of old[i..] and new[j..] go together.
    let mut common = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = match old[i] == new[j] {
                true => common[i + 1][j + 1] + 1,
                false => common[i + 1][j].max(common[i][j + 1]),
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut text = String::new();
    while i < old.len() || j < new.len() {
        let (mark, line) = if i < old.len() && j < new.len() && old[i] == new[j] {
            (i, j) = (i + 1, j + 1);
            (' ', old[i - 1])
        } else if j == new.len() || (i < old.len() && common[i + 1][j] >= common[i][j + 1]) {
            i += 1;
            ('-', old[i - 1])
        } else {
            j += 1;
            ('+', new[j - 1])
        };
        let _ = writeln!(text, "{mark} {line}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(outcome: Outcome) -> Row {
        Row {
            path: "scenarios/topic/a-claim.yaml".into(),
            rig: "sim",
            differs: None,
            outcome,
            transcript: "→ first\n".into(),
        }
    }

    fn report(outcomes: &[Outcome]) -> (String, bool) {
        let mut out = Vec::new();
        let mut report = Report::new(&mut out);
        for outcome in outcomes {
            report
                .add(&result(outcome.clone()))
                .expect("memory takes it");
        }
        let passed = report.finish().expect("memory takes it");
        (String::from_utf8(out).expect("text"), passed)
    }

    #[test]
    fn a_diff_keeps_what_both_have() {
        assert_eq!(
            diff("a\nb\nc\n", "a\nx\nc\nd\n"),
            "  a\n- b\n+ x\n  c\n+ d\n"
        );
    }

    #[test]
    fn a_run_without_failures_has_passed() {
        let (text, passed) = report(&[Outcome::Passed, Outcome::Skipped("time".into())]);
        assert!(passed);
        assert!(
            text.ends_with("\n1 passed, 0 failed, 1 skipped\n"),
            "{text}"
        );
    }

    #[test]
    fn a_failure_is_told_with_its_step_and_the_transcript() {
        let failure = Failure {
            step: 2,
            text: "the server was silent".into(),
        };
        let (text, passed) = report(&[Outcome::Failed(vec![failure])]);
        assert!(!passed);
        assert!(text.contains("step 2: the server was silent"), "{text}");
        assert!(text.contains("→ first"), "{text}");
    }
}
