//! The document: what differs, why, and what could not be compared.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use super::{Compared, Outcome, Survey};
use crate::lens::Rule;

const HEAD: &str = "\
# How it differs from the original server

Written by `cargo lab differences`: change the scenarios, not this file. Every scenario is played against this server
and against the original one, WIDE's `dhcp6s` as Debian has it. What differs in the answers is listed here with the
reason, and the tests fail if something differs that is not listed, or is listed and differs no more.

How both behave as programs is compared in [differences-of-the-process.md](differences-of-the-process.md), and how they
read their configuration in [differences-of-the-language.md](differences-of-the-language.md). What an operator notices
who goes from one to the other is in [switching.md](switching.md).

## Everywhere

These show in nearly every exchange. They are left out of the comparison by one rule each, and not mentioned again.
";

/// The text of `docs/differences.md`.
#[must_use]
pub fn document(survey: &Survey) -> String {
    let mut text = HEAD.to_owned();
    text.push('\n');
    for rule in Rule::ALL {
        let (what, why) = told(rule);
        let _ = writeln!(text, "- **{what}** {why}");
    }
    topics(survey, &mut text);
    left_out(survey, &mut text);
    text
}

/// What a rule leaves out, and why that is different.
fn told(rule: Rule) -> (&'static str, &'static str) {
    match rule {
        Rule::AnswerPort => (
            "Answers leave from port 547.",
            "The original sends them from a port that the system chooses, which stateful filters refuse. Left out: \
             the source port of an answer, if it is 1024 or higher.",
        ),
        Rule::StatusText => (
            "A status has a text.",
            "The original sends the code alone. Left out: that text (RFC 9915 §21.13), never the code.",
        ),
        Rule::PoolAddress => (
            "Where in its pool a lease is cannot be guessed.",
            "It follows from the client's identity and a secret (RFC 7943); the original gives the lowest free \
             address. Left out: which of the ordinary addresses of a pool it is. Addresses are numbered in order of \
             appearance, so it shows whether two leases are the same one. Those that a `host` statement names, that \
             the server has itself, or that no host may have are not ordinary.",
        ),
    }
}

/// The differences, by the folders of the scenarios and there by reason.
fn topics(survey: &Survey, text: &mut String) {
    let mut topics: BTreeMap<String, Vec<(&str, Vec<String>)>> = BTreeMap::new();
    for compared in &survey.compared {
        let Outcome::Different { ended, .. } = &compared.outcome else {
            continue;
        };
        let (topic, _) = place(&compared.path);
        let mut scenario = link(compared);
        if let Some(how) = ended {
            let _ = write!(scenario, " (**{how}**)");
        }
        let reasons = topics.entry(topic).or_default();
        for reason in &compared.reasons {
            match reasons.iter_mut().find(|(known, _)| known == reason) {
                Some((_, scenarios)) => scenarios.push(scenario.clone()),
                None => reasons.push((reason, vec![scenario.clone()])),
            }
        }
    }
    // What ends or silences the original comes first.
    let first = topics.remove_entry("robustness");
    for (topic, reasons) in first.into_iter().chain(topics) {
        let _ = writeln!(text, "\n## {}\n", title(&topic));
        for (reason, scenarios) in reasons {
            let _ = writeln!(text, "- {reason}");
            for scenario in scenarios {
                let _ = writeln!(text, "  - {scenario}");
            }
        }
    }
}

/// What could not be compared, by why not.
fn left_out(survey: &Survey, text: &mut String) {
    let mut rules: BTreeMap<&str, Vec<&Compared>> = BTreeMap::new();
    for compared in &survey.compared {
        if let Outcome::Incomparable(why) = compared.outcome {
            rules.entry(why).or_default().push(compared);
        }
    }
    if rules.is_empty() {
        return;
    }
    text.push_str("\n## Not compared\n");
    for (why, scenarios) in rules {
        let _ = writeln!(text, "\n{why} ({})\n", scenarios.len());
        for compared in scenarios {
            let _ = write!(text, "- {}", link(compared));
            for reason in &compared.reasons {
                let _ = write!(text, ". Known without: {reason}");
            }
            text.push('\n');
        }
    }
}

fn link(compared: &Compared) -> String {
    let (topic, claim) = place(&compared.path);
    let said = claim.replace('-', " ");
    format!("[{said}](../scenarios/{topic}/{claim}.yaml)")
}

/// Topic and claim.
fn place(path: &Path) -> (String, String) {
    let text = |part: Option<&std::ffi::OsStr>| {
        part.map_or_else(String::new, |it| it.to_string_lossy().into_owned())
    };
    let topic = path.parent().and_then(Path::file_name);
    (text(topic), text(path.file_stem()))
}

fn title(topic: &str) -> String {
    let mut letters = topic.replace('-', " ").chars().collect::<Vec<char>>();
    if let Some(first) = letters.first_mut() {
        *first = first.to_ascii_uppercase();
    }
    letters.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(claim: &str, reason: &str, outcome: Outcome) -> Compared {
        Compared {
            path: format!("/somewhere/scenarios/rapid-commit/{claim}.yaml").into(),
            reasons: (!reason.is_empty())
                .then(|| reason.to_owned())
                .into_iter()
                .collect(),
            outcome,
        }
    }

    fn different(ended: Option<&str>) -> Outcome {
        Outcome::Different {
            ended: ended.map(str::to_owned),
            lines: "- a\n+ b\n".into(),
        }
    }

    #[test]
    fn one_reason_stands_once_with_all_its_scenarios() {
        let survey = Survey {
            compared: vec![
                compared("a-claim", "It is so.", different(None)),
                compared("more", "It is so.", different(Some("ends with SIGSEGV"))),
                compared("same", "", Outcome::Same { rules: Vec::new() }),
                compared("slow", "", Outcome::Incomparable("It lasts.")),
            ],
        };
        let text = document(&survey);
        let (_, end) = text.split_once("\n## Rapid commit\n").expect("the topic");
        assert_eq!(
            end,
            "\n- It is so.\n  \
             - [a claim](../scenarios/rapid-commit/a-claim.yaml)\n  \
             - [more](../scenarios/rapid-commit/more.yaml) (**ends with SIGSEGV**)\n\
             \n## Not compared\n\
             \nIt lasts. (1)\n\
             \n- [slow](../scenarios/rapid-commit/slow.yaml)\n"
        );
    }
}
