//! `docs/matrix.md`: who passes what, and why not.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::matrix::survey::{Cell, Matrix};
use crate::matrix::table::{Counts, LINES, ON_PURPOSE};
use crate::matrix::verdict::{Cause, Verdicts, spoiled};

const HEAD: &str = "\
# Other servers, by the same scenarios

Written by `cargo lab matrix --markdown docs/matrix.md`: change `lab/peers.yaml` and the scenarios, not this file.

Every scenario is played with this server and with the DHCPv6 servers that Debian has, over a real link. The scenario's
configuration is translated into each server's own language. What other servers are held to:

- what a scenario expects: the type of each answer, or silence. Where this server says why it drops a message, silence is
  enough. Snapshots are for this server alone;
- what RFCs demand of every answer (`lab/src/judge`): addresses and ports, identifiers, relay levels, where options may
  stand and how often, statuses, T1 and T2. What an RFC merely recommends, such as the port that answers leave from, is
  not asked for.

Not every scenario says something about every server. *Not expressible* is what a server cannot do, or its configuration
cannot say. *Cannot be played* is mostly what takes hours: this server plays that in virtual time, others have none.
*Another way* is where RFCs leave several ways, the scenario shows the one that this server goes (`choice`), and the
other server goes another.

The scenarios were written for this server, so that it passes them says little. They are a fair measure for others only
where an RFC says what is right, which is why each failure below names the section.
";

/// The text of `docs/matrix.md`.
#[must_use]
pub fn document(matrix: &Matrix, verdicts: &Verdicts) -> String {
    let mut text = HEAD.to_owned();
    topics(matrix, &mut text);
    causes(matrix, verdicts, &mut text);
    riddles(matrix, &mut text);
    choices(matrix, &mut text);
    left_out(matrix, &mut text);
    text
}

fn topics(matrix: &Matrix, text: &mut String) {
    let columns = 0..matrix.servers.len();
    text.push_str("\n## Passed of those that a server can be held to\n\n| topic |");
    for server in &matrix.servers {
        let _ = write!(text, " {} |", server.title());
    }
    let _ = writeln!(text, "\n|---|{}", "---:|".repeat(matrix.servers.len()));
    for topic in matrix.topics() {
        let _ = write!(text, "| {topic} |");
        for column in columns.clone() {
            let _ = write!(
                text,
                " {} |",
                Counts::of(matrix, column, Some(&topic)).score()
            );
        }
        text.push('\n');
    }
    let all: Vec<Counts> = columns.map(|it| Counts::of(matrix, it, None)).collect();
    let line = |text: &mut String, name: &str, cells: Vec<String>| {
        let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
    };
    line(
        text,
        "**all**",
        all.iter().map(|it| format!("**{}**", it.score())).collect(),
    );
    for (name, number) in LINES {
        if name == "failed, nobody knows why" && all.iter().all(|it| number(it) == 0) {
            continue;
        }
        line(
            text,
            name,
            all.iter().map(|it| number(it).to_string()).collect(),
        );
    }
}

/// The causes of failures, server by server, each with its scenarios.
fn causes(matrix: &Matrix, verdicts: &Verdicts, text: &mut String) {
    text.push_str("\n## Why they fail\n");
    for (column, server) in matrix.servers.iter().enumerate() {
        let shown = verdicts.shown(matrix, column);
        let on_purpose = spoiled(matrix, column, Cause::Differs).len();
        if shown.is_empty() && on_purpose == 0 {
            continue;
        }
        let _ = writeln!(text, "\n### {}\n", server.title());
        for (verdict, rows) in shown {
            let (cause, rfc) = (&verdict.cause, verdict.rfc.join(", "));
            let what = verdict.text.trim();
            let _ = writeln!(text, "- **{cause}** ({}: RFC {rfc}). {what}", verdict.kind);
            for row in rows {
                let _ = writeln!(text, "  - {}", link(&row.topic(), &row.claim()));
            }
        }
        if on_purpose > 0 {
            let _ = writeln!(
                text,
                "- **{ON_PURPOSE}** in {on_purpose} scenarios: [differences.md](differences.md) has the reasons."
            );
        }
    }
}

fn riddles(matrix: &Matrix, text: &mut String) {
    let unexplained = matrix.unexplained();
    if unexplained.is_empty() {
        return;
    }
    text.push_str("\n## Not explained yet\n\n");
    for (scenario, product, failures) in unexplained {
        let first = failures
            .first()
            .and_then(|it| it.lines().next())
            .unwrap_or_default();
        let _ = writeln!(text, "- {}, {scenario}: {first}", product.name());
    }
}

fn choices(matrix: &Matrix, text: &mut String) {
    let mut lines = String::new();
    for row in &matrix.rows {
        let servers = matrix.servers.iter().zip(&row.cells);
        let others: Vec<&str> = servers
            .filter(|(_, cell)| matches!(cell, Cell::Choice(_)))
            .map(|(server, _)| server.product.name())
            .collect();
        if !others.is_empty() {
            let link = link(&row.topic(), &row.claim());
            let _ = writeln!(lines, "- {link}: {}", others.join(", "));
        }
    }
    if !lines.is_empty() {
        text.push_str(
            "\n## Who goes another way\n\nThe scenario says why both ways are allowed.\n\n",
        );
        text.push_str(&lines);
    }
}

/// What could not be played, server by server, by why not.
fn left_out(matrix: &Matrix, text: &mut String) {
    text.push_str("\n## Not expressible, or not to be played\n");
    for (column, server) in matrix.servers.iter().enumerate() {
        let mut reasons: BTreeMap<(bool, &str), usize> = BTreeMap::new();
        for cell in matrix.cells(column, None) {
            let key = match cell {
                Cell::NotExpressible(why) => (false, why.as_str()),
                Cell::NotPlayable(why) => (true, why.as_str()),
                Cell::Passed | Cell::Choice(_) | Cell::Failed(_) => continue,
            };
            *reasons.entry(key).or_default() += 1;
        }
        if reasons.is_empty() {
            continue;
        }
        let _ = writeln!(text, "\n### {}\n", server.title());
        for ((unplayable, why), count) in reasons {
            let what = if unplayable {
                "cannot be played"
            } else {
                "not expressible"
            };
            let _ = writeln!(text, "- {what}, {count}: {why}");
        }
    }
}

fn link(topic: &str, claim: &str) -> String {
    let said = claim.replace('-', " ");
    format!("[{said}](../scenarios/{topic}/{claim}.yaml)")
}
