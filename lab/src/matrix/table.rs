//! The matrix on a terminal.

use std::fmt::Write as _;

use crate::matrix::survey::{Cell, Matrix};
use crate::matrix::verdict::{Cause, Verdicts, spoiled};

/// How many cells of a server came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) passed: usize,
    pub(super) choice: usize,
    pub(super) explained: usize,
    pub(super) unexplained: usize,
    pub(super) inexpressible: usize,
    pub(super) unplayable: usize,
}

impl Counts {
    pub(super) fn of(matrix: &Matrix, column: usize, topic: Option<&str>) -> Self {
        let mut counts = Self::default();
        for cell in matrix.cells(column, topic) {
            *match cell {
                Cell::Passed => &mut counts.passed,
                Cell::Choice(_) => &mut counts.choice,
                Cell::Failed(failed) if failed.is_explained() => &mut counts.explained,
                Cell::Failed(_) => &mut counts.unexplained,
                Cell::NotExpressible(_) => &mut counts.inexpressible,
                Cell::NotPlayable(_) => &mut counts.unplayable,
            } += 1;
        }
        counts
    }

    /// How many it passes of those that it can be held to.
    pub(super) fn score(&self) -> String {
        let held = self.passed + self.explained + self.unexplained;
        match held {
            0 => "–".to_owned(),
            held => format!("{}/{held}", self.passed),
        }
    }
}

/// One of them.
type Number = fn(&Counts) -> usize;

/// What the numbers of a server are called, and how to get at them.
pub(super) const LINES: [(&str, Number); 6] = [
    ("passed", |it| it.passed),
    ("failed", |it| it.explained),
    ("failed, nobody knows why", |it| it.unexplained),
    ("another way, which is allowed", |it| it.choice),
    ("not expressible", |it| it.inexpressible),
    ("cannot be played", |it| it.unplayable),
];

/// How it is told that the scenarios themselves say why the original server fails.
pub(super) const ON_PURPOSE: &str = "Ours is unlike it on purpose";

/// A row per topic and the sums, or, if `all`, a row per scenario; then the causes of failures, and what nobody has
/// explained.
pub(super) fn table(matrix: &Matrix, verdicts: &Verdicts, all: bool) -> String {
    let columns = 0..matrix.servers.len();
    let head = matrix.servers.iter().map(|it| it.product.word().to_owned());
    let mut lines = vec![
        std::iter::once(String::new())
            .chain(head)
            .collect::<Vec<_>>(),
    ];
    for topic in matrix.topics() {
        let scores = columns
            .clone()
            .map(|it| Counts::of(matrix, it, Some(&topic)).score());
        lines.push(std::iter::once(topic.clone()).chain(scores).collect());
        if !all {
            continue;
        }
        for row in matrix.rows.iter().filter(|row| row.topic() == topic) {
            let marks = row.cells.iter().map(|cell| mark(cell).to_owned());
            lines.push(
                std::iter::once(format!("  {}", row.claim()))
                    .chain(marks)
                    .collect(),
            );
        }
    }
    let all_counts: Vec<Counts> = columns
        .clone()
        .map(|it| Counts::of(matrix, it, None))
        .collect();
    let sums = all_counts.iter().map(Counts::score);
    lines.push(std::iter::once("all".to_owned()).chain(sums).collect());
    let mut text = aligned(&lines);
    text.push_str("\nPassed of those that a server can be held to. In all:\n\n");
    let mut lines = Vec::new();
    for (name, number) in LINES {
        let numbers = all_counts.iter().map(|it| number(it).to_string());
        lines.push(std::iter::once(name.to_owned()).chain(numbers).collect());
    }
    text.push_str(&aligned(&lines));
    for (column, server) in matrix.servers.iter().enumerate() {
        let shown = verdicts.shown(matrix, column);
        let on_purpose = spoiled(matrix, column, Cause::Differs).len();
        if shown.is_empty() && on_purpose == 0 {
            continue;
        }
        let _ = writeln!(text, "\n{}:", server.title());
        for (verdict, rows) in shown {
            let (cause, rfc) = (&verdict.cause, verdict.rfc.join(", "));
            let count = rows.len();
            let _ = writeln!(text, "  {count:3}  {cause} ({}: RFC {rfc})", verdict.kind);
        }
        if on_purpose > 0 {
            let _ = writeln!(
                text,
                "  {on_purpose:3}  {ON_PURPOSE}: see docs/differences.md"
            );
        }
    }
    for (scenario, product, failures) in matrix.unexplained() {
        let _ = writeln!(text, "\nunexplained: {} in {scenario}", product.word());
        for failure in failures {
            let _ = writeln!(text, "    {}", failure.trim_end().replace('\n', "\n    "));
        }
    }
    text
}

pub(super) fn mark(cell: &Cell) -> &'static str {
    match cell {
        Cell::Passed => "ok",
        Cell::Choice(_) => "other",
        Cell::Failed(failed) if failed.is_explained() => "FAILED",
        Cell::Failed(_) => "FAILED?",
        Cell::NotExpressible(_) => "–",
        Cell::NotPlayable(_) => "·",
    }
}

/// The first column to the left, the others to the right.
fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|it| it.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let mut row = String::new();
        for (index, (cell, width)) in line.iter().zip(&widths).enumerate() {
            let _ = match index {
                0 => write!(row, "{cell:width$}"),
                _ => write!(row, "  {cell:>width$}"),
            };
        }
        let _ = writeln!(text, "{}", row.trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::survey::{Failed, Row, Server};
    use crate::rig::product::Product;

    fn matrix() -> Matrix {
        let failed = |cause| {
            Cell::Failed(Failed {
                failures: vec![("step 1: the server was silent".into(), cause)],
                transcript: String::new(),
            })
        };
        let row = |claim: &str, cells: [Cell; 2]| Row {
            path: format!("scenarios/relay/{claim}.yaml").into(),
            cells: cells.into(),
        };
        Matrix {
            servers: vec![
                Server::new(Product::Dhcp6s, None),
                Server::new(Product::Kea, Some("2.2.0".into())),
            ],
            rows: vec![
                row("first", [Cell::Passed, failed(Some(Cause::Verdict(0)))]),
                row("second", [Cell::Passed, failed(None)]),
                row("third", [Cell::Passed, Cell::NotExpressible("no".into())]),
            ],
        }
    }

    #[test]
    fn scores_causes_and_riddles_are_shown() {
        let list =
            "- { server: kea, cause: It is so, rfc: [\"9915 §1\"], text: Really., explains: [] }";
        let verdicts = serde_yaml::from_str(list).expect("a list");
        let text = table(&matrix(), &verdicts, true);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "          dhcp6s      kea");
        assert_eq!(lines[1], "relay        3/3      0/2");
        assert_eq!(lines[2], "  first       ok   FAILED");
        assert_eq!(lines[3], "  second      ok  FAILED?");
        assert_eq!(lines[4], "  third       ok        –");
        assert!(
            text.contains("\nKea 2.2.0:\n    1  It is so (fault: RFC 9915 §1)\n"),
            "{text}"
        );
        let riddle = "\nunexplained: kea in relay/second\n    step 1: the server was silent\n";
        assert!(text.ends_with(riddle), "{text}");
    }
}
