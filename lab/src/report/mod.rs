//! What people see of a run: a line per scenario, what went wrong in the failed ones, and a summary.

pub mod page;

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::PathBuf;

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
    /// The transcript is another than that of the snapshot, which is this one.
    Differs(String),
    /// The server did not start with the configuration of the scenario; what was said about that.
    NotStarted(String),
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
    /// What happened, if it was played to its end.
    pub played: Option<Played>,
}

impl Row {
    fn has_failed(&self) -> bool {
        match self.outcome {
            Outcome::Failed(_)
            | Outcome::Wrong(_)
            | Outcome::Differs(_)
            | Outcome::NotStarted(_) => true,
            Outcome::Passed
            | Outcome::New
            | Outcome::Blessed
            | Outcome::Explained { .. }
            | Outcome::Skipped(_) => false,
        }
    }
}

/// Writes a run down while it goes on.
#[derive(Debug)]
pub struct Report<W> {
    out: W,
    /// Whether a scenario without snapshot is a failure.
    strict: bool,
    verdict: Verdict,
    passed: usize,
    failed: usize,
    new: usize,
    skipped: usize,
    /// The last new scenario, with its transcript.
    shown: Option<(PathBuf, String)>,
}

impl<W: Write> Report<W> {
    /// A report on a run that begins now. A strict one takes a scenario without snapshot for a failure.
    pub fn new(out: W, strict: bool) -> Self {
        Self {
            out,
            strict,
            verdict: Verdict::Passed,
            passed: 0,
            failed: 0,
            new: 0,
            skipped: 0,
            shown: None,
        }
    }

    /// Takes in one result: a line, and of the first failure everything.
    ///
    /// # Errors
    /// The writer does not take it.
    pub fn add(&mut self, result: &Row) -> io::Result<()> {
        let first_failure = self.failed == 0;
        let (mark, note) = match &result.outcome {
            Outcome::New if self.strict => ("FAILED ", " (no snapshot, and CI=true)".into()),
            Outcome::New => (
                "new    ",
                " (no snapshot: read it, then run again with --bless)".into(),
            ),
            Outcome::Passed => ("ok     ", String::new()),
            Outcome::Blessed => ("blessed", String::new()),
            Outcome::Explained { reason, .. } => ("differs", format!(" ({reason})")),
            Outcome::Skipped(reason) => ("skipped", format!(" ({reason})")),
            Outcome::Failed(_)
            | Outcome::Wrong(_)
            | Outcome::Differs(_)
            | Outcome::NotStarted(_) => ("FAILED ", String::new()),
        };
        let (path, rig) = (result.path.display(), result.rig);
        writeln!(self.out, "{mark} {rig:4} {path}{note}")?;
        match &result.outcome {
            Outcome::Passed | Outcome::Blessed => self.passed += 1,
            Outcome::Explained { lines, .. } => {
                self.passed += 1;
                writeln!(self.out, "\n{lines}")?;
            }
            Outcome::New => {
                match self.strict {
                    true => self.fail(Verdict::Failed),
                    false => self.new += 1,
                }
                self.show(result)?;
            }
            Outcome::Skipped(_) => self.skipped += 1,
            Outcome::Failed(_) | Outcome::Wrong(_) | Outcome::Differs(_) => {
                self.fail(Verdict::Failed);
            }
            Outcome::NotStarted(_) => self.fail(Verdict::NotStarted),
        }
        if result.has_failed() {
            write!(self.out, "{}", explain(result, first_failure))?;
        }
        self.out.flush()
    }

    fn fail(&mut self, verdict: Verdict) {
        self.failed += 1;
        if self.verdict != Verdict::NotStarted {
            self.verdict = verdict;
        }
    }

    /// Prints the transcript of a new scenario, unless another rig has just given the same.
    fn show(&mut self, result: &Row) -> io::Result<()> {
        let shown = Some((result.path.clone(), result.transcript.clone()));
        if self.shown != shown {
            write!(self.out, "\n{}\n", result.transcript)?;
            self.shown = shown;
        }
        Ok(())
    }

    /// Ends the report; `differing` is how many scenarios are unlike the original server on purpose.
    ///
    /// # Errors
    /// The writer does not take it.
    pub fn finish(mut self, differing: usize) -> io::Result<Verdict> {
        writeln!(self.out)?;
        if differing > 0 {
            writeln!(
                self.out,
                "{differing} on purpose unlike the original server; --differs lists them"
            )?;
        }
        let (passed, failed, new) = (self.passed, self.failed, self.new);
        write!(self.out, "{passed} passed, {failed} failed, {new} new")?;
        match self.skipped {
            0 => writeln!(self.out)?,
            skipped => writeln!(self.out, ", {skipped} skipped")?,
        }
        self.out.flush()?;
        Ok(self.verdict)
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
        Outcome::Wrong(what) => {
            let _ = writeln!(text, "    {what}");
        }
        Outcome::Differs(snapshot) => {
            let _ = writeln!(text, "    it is not as in the snapshot (- there, + now):\n");
            let _ = writeln!(text, "{}", diff(snapshot, &result.transcript));
        }
        Outcome::NotStarted(said) => {
            let _ = writeln!(
                text,
                "    the server does not start with the configuration of this scenario:"
            );
            for line in said.lines() {
                let _ = writeln!(text, "    {line}");
            }
        }
        Outcome::Passed
        | Outcome::New
        | Outcome::Blessed
        | Outcome::Explained { .. }
        | Outcome::Skipped(_) => {}
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
            outcome,
            transcript: "→ first\n".into(),
            played: None,
        }
    }

    fn report(outcomes: &[Outcome]) -> (String, Verdict) {
        report_strictly(outcomes, false)
    }

    fn report_strictly(outcomes: &[Outcome], strict: bool) -> (String, Verdict) {
        let mut out = Vec::new();
        let mut report = Report::new(&mut out, strict);
        for outcome in outcomes {
            report
                .add(&result(outcome.clone()))
                .expect("memory takes it");
        }
        let verdict = report.finish(1).expect("memory takes it");
        (String::from_utf8(out).expect("text"), verdict)
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
        let (text, verdict) = report(&[Outcome::Passed, Outcome::Skipped("time".into())]);
        assert_eq!(verdict, Verdict::Passed);
        assert!(
            text.ends_with(
                "\n1 on purpose unlike the original server; --differs lists them\n\
                 1 passed, 0 failed, 0 new, 1 skipped\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn what_is_new_on_two_rigs_is_shown_once_and_fails_a_strict_run() {
        let both = [Outcome::New, Outcome::New];
        let (text, verdict) = report(&both);
        assert_eq!(verdict, Verdict::Passed);
        assert_eq!(text.matches("→ first").count(), 1, "{text}");
        assert!(text.ends_with("0 passed, 0 failed, 2 new\n"), "{text}");
        let (text, verdict) = report_strictly(&both, true);
        assert_eq!(verdict, Verdict::Failed);
        assert!(text.ends_with("0 passed, 2 failed, 0 new\n"), "{text}");
    }

    #[test]
    fn a_server_that_does_not_start_is_worse_than_a_failure() {
        let outcomes = [
            Outcome::NotStarted("dhcp6s.conf:1:1: no".into()),
            Outcome::Failed(Vec::new()),
        ];
        let (text, verdict) = report(&outcomes);
        assert_eq!(verdict, Verdict::NotStarted);
        assert!(text.contains("    dhcp6s.conf:1:1: no\n"), "{text}");
    }

    #[test]
    fn a_failure_is_told_with_its_step_and_the_transcript() {
        let failure = Failure {
            step: 2,
            text: "the server was silent".into(),
        };
        let (text, verdict) = report(&[Outcome::Failed(vec![failure])]);
        assert_eq!(verdict, Verdict::Failed);
        assert!(text.contains("step 2: the server was silent"), "{text}");
        assert!(text.contains("→ first"), "{text}");
    }
}
