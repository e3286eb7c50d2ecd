//! `dhcp6lab bless`: shows how transcripts differ from their snapshots, and makes those snapshots that somebody accepts.

use std::fmt::Write as _;
use std::io::{self, BufRead, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use crate::player;
use crate::plural::counted;
use crate::report::hunks;
use crate::rig::bench;
use crate::run::load;
use crate::scenario::Scenario;
use crate::status::{BAD_INPUT, FAILED, PASSED};
use crate::suite;

/// What is to be reviewed.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:\n  dhcp6lab bless scenarios/renew\n  \
                        dhcp6lab bless --reason 'T2 is rounded up (RFC 9915 §21.4)' scenarios")]
pub struct BlessArguments {
    /// Scenarios, and folders of scenarios. They are played on the simulated rig.
    #[arg(default_value = "scenarios")]
    pub paths: Vec<PathBuf>,
    /// Accepts everything that differs, for this reason, which is printed as the message of the commit to be made.
    /// Without it, you are asked about one at a time.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// Reviews, and returns the exit status: 0 if everything is as its snapshot says in the end.
pub fn run(arguments: &BlessArguments, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let stdin = io::stdin();
    if arguments.reason.is_none() && !stdin.is_terminal() {
        return tell(
            err,
            "there is no terminal to ask on: give a reason with --reason TEXT",
        );
    }
    review(arguments, &mut stdin.lock(), out, err)
}

fn tell(err: &mut dyn Write, text: &str) -> u8 {
    // Without standard error there is nobody to tell.
    let _ = writeln!(err, "dhcp6lab: {text}");
    BAD_INPUT
}

/// What the one who is asked says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Accept,
    Refuse,
    Quit,
}

fn review(
    arguments: &BlessArguments,
    answers: &mut dyn BufRead,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> u8 {
    let reason = arguments.reason.as_deref().map(str::trim);
    if reason == Some("") {
        return tell(err, "--reason: say why the snapshots change");
    }
    let scenarios = match load(&arguments.paths) {
        Ok(scenarios) => scenarios,
        Err(error) => return tell(err, &error.to_string()),
    };
    let (mut accepted, mut open) = (Vec::new(), 0);
    for (path, scenario) in &scenarios {
        let change = match change(path, scenario) {
            Ok(None) => continue,
            Ok(Some(change)) => change,
            Err(Trouble::Failed(text)) => {
                open += 1;
                // Nobody can bless what does not do what it is about.
                let _ = writeln!(out, "{}: not to be blessed\n{text}", path.display());
                continue;
            }
            Err(Trouble::File(error)) => {
                let snapshot = suite::snapshot_path(path);
                return tell(err, &format!("{}: {error}", snapshot.display()));
            }
        };
        let asked = show(path, scenario, &change, out).and_then(|()| match reason {
            Some(_) => Ok(Answer::Accept),
            None => ask(answers, out),
        });
        match asked {
            Ok(Answer::Accept) => match suite::bless(path, &change.transcript) {
                Ok(()) => accepted.push((path, change.is_new)),
                Err(error) => {
                    let snapshot = suite::snapshot_path(path);
                    return tell(err, &format!("{}: {error}", snapshot.display()));
                }
            },
            Ok(Answer::Refuse) => open += 1,
            Ok(Answer::Quit) => {
                open += 1;
                break;
            }
            Err(error) => return tell(err, &format!("cannot go on: {error}")),
        }
    }
    let mut text = summary(scenarios.len(), accepted.len(), open);
    if !accepted.is_empty() {
        text.push_str(&message(&accepted, reason));
    }
    let _ = write!(out, "{text}");
    if open > 0 { FAILED } else { PASSED }
}

/// How a transcript differs from its snapshot.
struct Change {
    transcript: String,
    /// The difference, or the whole if there is no snapshot.
    shown: String,
    is_new: bool,
}

/// Why there is nothing to accept.
enum Trouble {
    Failed(String),
    File(io::Error),
}

fn change(path: &Path, scenario: &Scenario) -> Result<Option<Change>, Trouble> {
    if scenario.only_live().is_some() {
        return Ok(None);
    }
    let rig = bench::sim(&scenario.places());
    let mut rig = rig.map_err(|it| Trouble::Failed(it.to_string()))?;
    let played = player::play(scenario, rig.as_mut());
    if !played.failures.is_empty() {
        let failures = played.failures.iter().map(|it| format!("    {it}\n"));
        return Err(Trouble::Failed(failures.collect()));
    }
    let transcript = played.text();
    let snapshot = suite::snapshot(path).map_err(Trouble::File)?;
    Ok(match snapshot {
        Some(snapshot) if snapshot == transcript => None,
        Some(snapshot) => Some(Change {
            shown: hunks(&snapshot, &transcript),
            is_new: false,
            transcript,
        }),
        None => Some(Change {
            shown: transcript.clone(),
            is_new: true,
            transcript,
        }),
    })
}

fn show(path: &Path, scenario: &Scenario, change: &Change, out: &mut dyn Write) -> io::Result<()> {
    let kind = if change.is_new {
        "new"
    } else {
        "changed: - the snapshot, + now"
    };
    writeln!(out, "\n{} ({kind})", path.display())?;
    writeln!(
        out,
        "  {}",
        scenario
            .why
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    )?;
    writeln!(out, "  RFC {}\n", scenario.rfc.join(", RFC "))?;
    writeln!(out, "{}", change.shown.trim_end())
}

/// Asks until there is an answer. Who says nothing more has had enough.
fn ask(answers: &mut dyn BufRead, out: &mut dyn Write) -> io::Result<Answer> {
    loop {
        write!(out, "\nIs that as it should be? y: yes, n: no, q: quit > ")?;
        out.flush()?;
        let mut line = String::new();
        if answers.read_line(&mut line)? == 0 {
            return Ok(Answer::Quit);
        }
        match line.trim().to_lowercase().as_str() {
            "y" | "yes" => return Ok(Answer::Accept),
            "n" | "no" => return Ok(Answer::Refuse),
            "q" | "quit" => return Ok(Answer::Quit),
            _ => {}
        }
    }
}

fn summary(scenarios: usize, accepted: usize, open: usize) -> String {
    let (scenarios, accepted) = (
        counted(scenarios, "scenario"),
        counted(accepted, "snapshot"),
    );
    format!("\n{scenarios}, {accepted} made, {open} not\n")
}

/// The message of the commit that is to be made.
fn message(accepted: &[(&PathBuf, bool)], reason: Option<&str>) -> String {
    let mut text = String::from("\nfor the commit:\n\n");
    if let Some(reason) = reason {
        let _ = writeln!(text, "    {reason}\n");
    }
    for (path, is_new) in accepted {
        let kind = if *is_new { "new" } else { "changed" };
        let snapshot = suite::snapshot_path(path);
        let _ = writeln!(text, "    {kind}: {}", snapshot.display());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use tempfile::TempDir;

    const SCENARIO: &str = "why: It is a test.\nrfc: [\"9915 §18.3.6\"]\nclients: { first: {} }\n\
                            steps:\n  - send: { from: first, information-request: {} }\n";

    /// Two scenarios whose snapshots are out of date.
    fn folder() -> TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["a", "b"] {
            let write = |ending: &str, text: &str| {
                let file = folder.path().join(format!("{name}.{ending}"));
                fs::write(file, text).expect("a file");
            };
            write("yaml", &format!("{SCENARIO}  - expect: reply\n"));
            write("snap", "---\nsource: x\n---\n→ first\n");
        }
        folder
    }

    fn bless(folder: &TempDir, reason: Option<&str>, answers: &str) -> (u8, String) {
        let arguments = BlessArguments {
            paths: vec![folder.path().to_owned()],
            reason: reason.map(Into::into),
        };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let status = review(&arguments, &mut answers.as_bytes(), &mut out, &mut err);
        out.append(&mut err);
        (status, String::from_utf8(out).expect("text"))
    }

    fn is_blessed(folder: &TempDir, name: &str) -> bool {
        let snapshot = suite::snapshot(&folder.path().join(name)).expect("readable");
        snapshot.is_some_and(|it| it.contains("Reply"))
    }

    #[test]
    fn what_is_accepted_is_made_the_snapshot_and_nothing_else() {
        let folder = folder();
        let (status, text) = bless(&folder, None, "what?\nn\ny\n");
        assert_eq!(status, FAILED, "{text}");
        assert!(
            !is_blessed(&folder, "a.yaml") && is_blessed(&folder, "b.yaml"),
            "{text}"
        );
        assert!(text.contains("It is a test."), "{text}");
        assert!(text.contains("- → first\n"), "{text}");
        assert!(text.contains("+ ← server  Reply"), "{text}");
        assert!(
            text.contains("2 scenarios, 1 snapshot made, 1 not\n"),
            "{text}"
        );
        let (status, text) = bless(&folder, None, "y\n");
        assert_eq!(status, PASSED, "{text}");
        let (status, text) = bless(&folder, None, "");
        assert_eq!(status, PASSED, "{text}");
    }

    #[test]
    fn who_quits_or_goes_away_accepts_nothing_more() {
        for answers in ["q\n", ""] {
            let folder = folder();
            let (status, _) = bless(&folder, None, answers);
            assert_eq!(status, FAILED);
            assert!(!is_blessed(&folder, "a.yaml") && !is_blessed(&folder, "b.yaml"));
        }
    }

    #[test]
    fn all_are_accepted_for_a_reason_which_is_printed_for_the_commit() {
        let folder = folder();
        let (status, text) = bless(&folder, Some("Replies are sent."), "");
        assert_eq!(status, PASSED, "{text}");
        assert!(is_blessed(&folder, "a.yaml") && is_blessed(&folder, "b.yaml"));
        let end = text.split("for the commit:").nth(1).expect("a message");
        assert!(end.contains("    Replies are sent.\n"), "{end}");
        assert_eq!(end.matches("changed: ").count(), 2, "{end}");
        assert_eq!(bless(&folder, Some(" "), "").0, BAD_INPUT);
    }

    #[test]
    fn what_fails_its_expectations_is_never_blessed() {
        let folder = folder();
        let wrong = format!("{SCENARIO}  - expect: silence\n");
        fs::write(folder.path().join("a.yaml"), wrong).expect("a file");
        let (status, text) = bless(&folder, Some("because"), "");
        assert_eq!(status, FAILED, "{text}");
        assert!(
            !is_blessed(&folder, "a.yaml") && is_blessed(&folder, "b.yaml"),
            "{text}"
        );
        assert!(
            text.contains("a.yaml: not to be blessed\n    step 2: "),
            "{text}"
        );
    }
}
