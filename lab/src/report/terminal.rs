//! What people see of a run while it goes on: a line for each scenario, all about the first failure, and a summary.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::PathBuf;

use crate::ladder;
use crate::report::{Class, Outcome, Results, Row, server_name};
use crate::transcript::{Entry, What};

/// What a line begins with that tells why another server fails.
pub(super) const KNOWN: &str = "known: ";
/// At most so many lines of a difference or a conversation; the report files have the rest.
const LINES_MAX: usize = 40;
/// So many messages ahead of the step that failed are shown with it.
const BEFORE: usize = 3;

/// Writes a run down while it goes on.
#[derive(Debug)]
pub struct Terminal<W> {
    out: W,
    strict: bool,
    failed: bool,
    /// The last new scenario, with its transcript.
    shown: Option<(PathBuf, String)>,
}

impl<W: Write> Terminal<W> {
    /// For a run that begins now. A strict one takes a scenario without snapshot for a failure.
    pub fn new(out: W, strict: bool) -> Self {
        Self {
            out,
            strict,
            failed: false,
            shown: None,
        }
    }

    /// Takes in one result: a line, and of the first failure everything.
    ///
    /// # Errors
    /// The writer does not take it.
    pub fn add(&mut self, row: &Row) -> io::Result<()> {
        let failed = row.class(self.strict) == Class::Failed;
        let (mark, note) = match (&row.outcome, failed) {
            (Outcome::New, true) => ("FAILED ", " (no snapshot)".into()),
            (Outcome::New, false) => (
                "new    ",
                " (no snapshot: read it, then run again with --bless)".into(),
            ),
            (Outcome::Blessed, _) => ("blessed", String::new()),
            (Outcome::Explained { reason, .. }, _) => ("differs", format!(" ({reason})")),
            (Outcome::Skipped(reason), _) => ("skipped", format!(" ({reason})")),
            (_, true) => ("FAILED ", String::new()),
            (_, false) => ("ok     ", String::new()),
        };
        let (path, rig) = (row.path.display(), row.rig);
        writeln!(self.out, "{mark} {rig:4} {path}{note}")?;
        if let Outcome::Explained { lines, .. } = &row.outcome {
            writeln!(self.out, "\n{lines}")?;
        }
        if row.outcome == Outcome::New {
            self.show(row)?;
        } else if failed {
            let text = match std::mem::replace(&mut self.failed, true) {
                false => in_full(row, self.strict),
                true => in_short(row, self.strict),
            };
            self.out.write_all(text.as_bytes())?;
        }
        self.out.flush()
    }

    /// Prints the transcript of a new scenario, unless another rig has just given the same.
    fn show(&mut self, row: &Row) -> io::Result<()> {
        let shown = Some((row.path.clone(), row.transcript.clone()));
        if self.shown != shown {
            write!(self.out, "\n{}\n", row.transcript)?;
            self.shown = shown;
        }
        Ok(())
    }

    /// Ends the report; `differing` is how many scenarios are unlike the original server on purpose.
    ///
    /// # Errors
    /// The writer does not take it.
    pub fn finish(mut self, results: &Results, differing: usize) -> io::Result<()> {
        writeln!(self.out)?;
        if differing > 0 {
            writeln!(
                self.out,
                "{differing} on purpose unlike the original server; --differs lists them"
            )?;
        }
        let count = |class| results.count(class);
        let (passed, failed, new) = (
            count(Class::Passed),
            count(Class::Failed),
            count(Class::New),
        );
        write!(self.out, "{passed} passed, {failed} failed, {new} new")?;
        for (number, what) in [
            (count(Class::Skipped), "skipped"),
            (results.unplayed, "not played"),
        ] {
            if number > 0 {
                write!(self.out, ", {number} {what}")?;
            }
        }
        writeln!(self.out)?;
        self.out.flush()
    }
}

/// Everything that helps to find out what went wrong.
fn in_full(row: &Row, strict: bool) -> String {
    let mut text = faults(row, strict);
    let conversation = conversation(row);
    if !conversation.is_empty() {
        let _ = write!(text, "\n{conversation}");
    }
    if let Some(lines) = row.difference() {
        let _ = writeln!(text, "\n    - expected, + got:\n");
        text.push_str(&indented(&lines, LINES_MAX));
    }
    let _ = writeln!(text, "\n    again: {}\n", row.again);
    text
}

/// What went wrong, in a line or two.
fn in_short(row: &Row, strict: bool) -> String {
    let all = faults(row, strict);
    // Whatever is left out, the cause is what one wants to know.
    let known: Vec<&str> = all.lines().filter(|it| it.contains(KNOWN)).collect();
    let all: String = all
        .lines()
        .filter(|it| !it.contains(KNOWN))
        .map(|line| format!("{line}\n"))
        .collect();
    let mut text: String = all
        .lines()
        .take(2)
        .map(|line| format!("{line}\n"))
        .collect();
    let rest = all.lines().count().saturating_sub(2);
    if rest > 0 {
        let _ = writeln!(text, "    … and {rest} lines more");
    } else if let Some(lines) = row.difference() {
        let changed = lines
            .lines()
            .filter(|it| it.starts_with(['-', '+']))
            .take(2);
        for line in changed {
            let _ = writeln!(text, "      {line}");
        }
    }
    for line in known {
        let _ = writeln!(text, "{line}");
    }
    text
}

fn faults(row: &Row, strict: bool) -> String {
    let mut text = String::new();
    for (step, fault) in row.faults(strict) {
        let step = step.map_or_else(String::new, |it| format!("step {it}: "));
        text.push_str(&indented(&format!("{step}{fault}"), usize::MAX));
    }
    text
}

fn indented(text: &str, lines_max: usize) -> String {
    let mut indented = String::new();
    for line in text.lines().take(lines_max) {
        let _ = writeln!(indented, "    {}", line.trim_end());
    }
    let rest = text.lines().count().saturating_sub(lines_max);
    if rest > 0 {
        let _ = writeln!(indented, "    … and {rest} lines more");
    }
    indented
}

/// The part of the conversation around the first failure, as a ladder.
fn conversation(row: &Row) -> String {
    let (Outcome::Failed(failures), Some(played)) = (&row.outcome, &row.played) else {
        return String::new();
    };
    let Some(step) = failures.first().map(|it| it.step) else {
        return String::new();
    };
    let entries = played.transcript.entries();
    let texts = played.transcript.render_entries(&played.names);
    let end = entries.partition_point(|it| it.step <= step);
    let failing = entries.partition_point(|it| it.step < step);
    let begin = ahead(entries, failing.min(end), BEFORE);
    let mut excerpt = String::new();
    if begin > 0 {
        let _ = writeln!(excerpt, "… {begin} earlier");
    }
    let lines = texts.get(begin..end).unwrap_or_default().concat();
    excerpt.push_str(&lines);
    if end < texts.len() {
        let _ = writeln!(excerpt, "… {} later", texts.len() - end);
    }
    let client = entries.iter().find_map(|it| match &it.what {
        What::Sent { by, .. } => Some(by.as_str()),
        What::Received(_) | What::Note(_) | What::Ended(_) => None,
    });
    let picture = ladder::draw(&excerpt, client.unwrap_or("client"), server_name(row.rig));
    indented(&picture, LINES_MAX)
}

/// Where so many messages ahead of an entry begin.
fn ahead(entries: &[Entry], at: usize, messages: usize) -> usize {
    let before = entries.iter().enumerate().take(at).rev();
    let is_message = |entry: &Entry| matches!(entry.what, What::Sent { .. } | What::Received(_));
    let mut found = before
        .filter(|(_, it)| is_message(it))
        .map(|(index, _)| index);
    found.nth(messages.saturating_sub(1)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::player;
    use crate::report::tests;
    use crate::rig::sim::Sim;
    use crate::scenario::Scenario;
    use std::path::Path;

    fn row(outcome: Outcome) -> Row {
        tests::row("scenarios/topic/a-claim.yaml", "sim", outcome)
    }

    fn told(rows: Vec<Row>, strict: bool) -> String {
        let mut out = Vec::new();
        let mut terminal = Terminal::new(&mut out, strict);
        for row in &rows {
            terminal.add(row).expect("memory takes it");
        }
        let results = Results {
            strict,
            ..tests::results(rows)
        };
        terminal.finish(&results, 1).expect("memory takes it");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_run_without_failures_is_a_line_each_and_a_summary() {
        let text = told(
            vec![row(Outcome::Passed), row(Outcome::Skipped("time".into()))],
            false,
        );
        assert_eq!(
            text,
            "ok      sim  scenarios/topic/a-claim.yaml\nskipped sim  scenarios/topic/a-claim.yaml (time)\n\n\
             1 on purpose unlike the original server; --differs lists them\n\
             1 passed, 0 failed, 0 new, 1 skipped\n"
        );
    }

    #[test]
    fn what_is_new_on_two_rigs_is_shown_once_and_fails_a_strict_run() {
        let both = || vec![row(Outcome::New), row(Outcome::New)];
        let text = told(both(), false);
        assert_eq!(text.matches("→ first").count(), 1, "{text}");
        assert!(text.ends_with("0 passed, 0 failed, 2 new\n"), "{text}");
        let text = told(both(), true);
        assert!(text.ends_with("0 passed, 2 failed, 0 new\n"), "{text}");
    }

    /// A scenario that goes on for a while after a step that fails.
    fn failed() -> Row {
        let renews = "  - send: { from: first, renew: {} }\n  - expect: reply\n".repeat(20);
        let text = format!(
            "why: It is a test.\nrfc: [\"9915 §18\"]\nconfig: |\n  interface eth0 {{ address-pool lan 3600 7200; }};\n  \
             pool lan {{ range 2001:db8:1::10 to 2001:db8:1::1f; }};\nclients: {{ first: {{}} }}\n\
             steps:\n{renews}  - send: {{ from: first, solicit: {{ xid: 9 }} }}\n  - expect: silence\n{renews}"
        );
        let scenario = Scenario::parse(Path::new("x.yaml"), &text).expect("a scenario");
        let mut sim = Sim::start(&scenario.setup()).expect("a server");
        let played = player::play(&scenario, &mut sim);
        let transcript = played.text();
        Row {
            snapshot: Some(transcript.replace("xid#21", "xid#99")),
            outcome: Outcome::Failed(played.failures.clone()),
            played: Some(played),
            transcript,
            ..row(Outcome::Passed)
        }
    }

    #[test]
    fn the_first_failure_is_told_with_its_surroundings_and_how_to_see_it_again() {
        let text = told(vec![failed(), failed()], false);
        let first = text.split("FAILED").nth(1).expect("a failure");
        for part in [
            "    step 42: the server sent an unexpected Advertise\n",
            "── Solicit  xid#21",
            "◀── Advertise  xid#21",
            "… 38 earlier",
            "… 40 later",
            "+ ← server  Advertise  xid#21",
            "again: dhcp6lab run --rig sim scenarios/topic/a-claim.yaml\n",
        ] {
            assert!(first.contains(part), "{part} is not in\n{first}");
        }
        assert!(first.lines().count() < 70, "{first}");
        let second = text.split("FAILED").nth(2).expect("a failure");
        assert!(second.contains("step 42: "), "{second}");
        assert!(!second.contains("──"), "{second}");
        assert!(second.lines().count() < 8, "{second}");
    }

    #[test]
    fn a_server_that_does_not_start_is_quoted() {
        let text = told(
            vec![row(Outcome::NotStarted("dhcp6s.conf:1:1: no\n".into()))],
            false,
        );
        assert!(text.contains("    dhcp6s.conf:1:1: no\n"), "{text}");
    }
}
