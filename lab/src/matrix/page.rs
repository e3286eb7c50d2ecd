//! The matrix as one HTML page that needs nothing else: each cell that is not passed opens to what happened.

use std::fmt::Write as _;

use crate::matrix::survey::{Cell, Failed, Matrix};
use crate::matrix::table::{Counts, LINES, ON_PURPOSE, mark};
use crate::matrix::verdict::{Cause, Verdicts, spoiled};
use crate::plural::counted;

const STYLE: &str = "\
:root { color-scheme: light dark; --line: #8884; --ok: #1a7f37; --bad: #cf222e; --odd: #9a6700; --mute: #888; }\n\
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }\n\
table { border-collapse: collapse; margin: 1rem 0; }\n\
th, td { padding: .2rem .7rem; border-bottom: 1px solid var(--line); text-align: right; }\n\
th:first-child, td:first-child { text-align: left; }\n\
thead th { position: sticky; top: 0; background: Canvas; }\n\
tr.all td { font-weight: 600; border-top: 2px solid var(--line); }\n\
.ok { color: var(--ok); } .failed { color: var(--bad); } .odd { color: var(--odd); } .mute { color: var(--mute); }\n\
details { margin: .3rem 0; } details details { margin-left: 1.5rem; }\n\
summary { cursor: pointer; }\n\
pre { overflow-x: auto; padding: .8rem; border: 1px solid var(--line); font-size: 13px; }\n\
ul { margin: .3rem 0; }\n";

/// The page.
pub(super) fn page(matrix: &Matrix, verdicts: &Verdicts) -> String {
    let mut text = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>DHCPv6 servers by scenario</title>\n\
         <style>{STYLE}</style></head><body>\n<h1>DHCPv6 servers by scenario</h1>\n\
         <p>How many scenarios each server passes, of those that it can be held to. Below, each scenario \
         opens to what happened.</p>\n"
    );
    scores(matrix, &mut text);
    causes(matrix, verdicts, &mut text);
    text.push_str("<h2>Scenarios</h2>\n");
    for topic in matrix.topics() {
        topic_details(matrix, verdicts, &topic, &mut text);
    }
    text.push_str("</body></html>\n");
    text
}

fn scores(matrix: &Matrix, text: &mut String) {
    let columns = 0..matrix.servers.len();
    text.push_str("<table><thead><tr><th>topic</th>");
    for server in &matrix.servers {
        let _ = write!(text, "<th>{}</th>", escaped(&server.title()));
    }
    text.push_str("</tr></thead><tbody>\n");
    for topic in matrix.topics() {
        let _ = write!(
            text,
            "<tr><td><a href=\"#{0}\">{0}</a></td>",
            escaped(&topic)
        );
        for column in columns.clone() {
            let counts = Counts::of(matrix, column, Some(&topic));
            let class = match (counts.unexplained, counts.explained) {
                (0, 0) => "ok",
                (0, _) => "odd",
                _ => "failed",
            };
            let _ = write!(text, "<td class=\"{class}\">{}</td>", counts.score());
        }
        text.push_str("</tr>\n");
    }
    let all: Vec<Counts> = columns.map(|it| Counts::of(matrix, it, None)).collect();
    text.push_str("<tr class=\"all\"><td>all</td>");
    for counts in &all {
        let _ = write!(text, "<td>{}</td>", counts.score());
    }
    text.push_str("</tr>\n");
    for (name, number) in LINES {
        let _ = write!(text, "<tr><td class=\"mute\">{name}</td>");
        for counts in &all {
            let _ = write!(text, "<td class=\"mute\">{}</td>", number(counts));
        }
        text.push_str("</tr>\n");
    }
    text.push_str("</tbody></table>\n");
}

fn causes(matrix: &Matrix, verdicts: &Verdicts, text: &mut String) {
    text.push_str("<h2>Why they fail</h2>\n");
    for (column, server) in matrix.servers.iter().enumerate() {
        let shown = verdicts.shown(matrix, column);
        let on_purpose = spoiled(matrix, column, Cause::Differs).len();
        if shown.is_empty() && on_purpose == 0 {
            continue;
        }
        let _ = writeln!(text, "<h3>{}</h3><ul>", escaped(&server.title()));
        for (verdict, rows) in shown {
            let _ = writeln!(
                text,
                "<li><b>{}</b> ({}, {}: RFC {}). {}</li>",
                escaped(&verdict.cause),
                verdict.kind,
                counted(rows.len(), "scenario"),
                escaped(&verdict.rfc.join(", ")),
                escaped(&verdict.text)
            );
        }
        if on_purpose > 0 {
            let scenarios = counted(on_purpose, "scenario");
            let _ = writeln!(text, "<li>{ON_PURPOSE} in {scenarios}.</li>");
        }
        text.push_str("</ul>\n");
    }
}

fn topic_details(matrix: &Matrix, verdicts: &Verdicts, topic: &str, text: &mut String) {
    let _ = writeln!(text, "<h3 id=\"{0}\">{0}</h3>", escaped(topic));
    for row in matrix.rows.iter().filter(|row| row.topic() == topic) {
        let marks: Vec<String> = matrix
            .servers
            .iter()
            .zip(&row.cells)
            .map(|(server, cell)| {
                let (class, word) = (class(cell), server.product.word());
                format!("<span class=\"{class}\">{word} {}</span>", mark(cell))
            })
            .collect();
        let claim = escaped(&row.claim().replace('-', " "));
        let _ = writeln!(
            text,
            "<details><summary>{claim} <small>{}</small></summary>",
            marks.join(" · ")
        );
        for (server, cell) in matrix.servers.iter().zip(&row.cells) {
            cell_details(&server.title(), cell, verdicts, text);
        }
        text.push_str("</details>\n");
    }
}

fn class(cell: &Cell) -> &'static str {
    match cell {
        Cell::Passed => "ok",
        Cell::Choice(_) => "odd",
        Cell::Failed(_) => "failed",
        Cell::NotExpressible(_) | Cell::NotPlayable(_) => "mute",
    }
}

fn cell_details(server: &str, cell: &Cell, verdicts: &Verdicts, text: &mut String) {
    let server = escaped(server);
    let _ = match cell {
        Cell::Passed => writeln!(text, "<p>{server}: <span class=\"ok\">passed</span></p>"),
        Cell::NotExpressible(why) => {
            writeln!(text, "<p>{server}: not expressible: {}</p>", escaped(why))
        }
        Cell::NotPlayable(why) => {
            writeln!(text, "<p>{server}: cannot be played: {}</p>", escaped(why))
        }
        Cell::Choice(failed) => {
            let _ = writeln!(
                text,
                "<details><summary>{server}: <span class=\"odd\">another way, which is allowed</span></summary>"
            );
            failed_details(failed, verdicts, text);
            Ok(())
        }
        Cell::Failed(failed) => {
            let _ = writeln!(
                text,
                "<details open><summary>{server}: <span class=\"failed\">failed</span></summary>"
            );
            failed_details(failed, verdicts, text);
            Ok(())
        }
    };
}

fn failed_details(failed: &Failed, verdicts: &Verdicts, text: &mut String) {
    text.push_str("<ul>\n");
    for (failure, cause) in &failed.failures {
        let cause = match (verdicts.get(*cause), cause) {
            (Some(it), _) => {
                let rfc = escaped(&it.rfc.join(", "));
                format!(" — {} (RFC {rfc})", escaped(&it.cause))
            }
            (None, Some(Cause::Choice)) => " — allowed, too".to_owned(),
            (None, Some(_)) => format!(" — {ON_PURPOSE}"),
            (None, None) => " — <b>nobody knows why</b>".to_owned(),
        };
        let _ = writeln!(text, "<li>{}{cause}</li>", escaped(failure));
    }
    let _ = writeln!(
        text,
        "</ul><pre>{}</pre></details>",
        escaped(&failed.transcript)
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::survey::{Row, Server};
    use crate::rig::product::Product;

    #[test]
    fn a_failure_opens_to_its_transcript_and_nothing_in_it_is_markup() {
        let matrix = Matrix {
            servers: vec![Server::new(Product::Kea, None)],
            rows: vec![Row {
                path: "scenarios/relay/a-claim.yaml".into(),
                cells: vec![Cell::Failed(Failed {
                    failures: vec![("step 1: <b>".into(), None)],
                    transcript: "→ first  to <server> & others\n".into(),
                })],
            }],
        };
        let text = page(&matrix, &Verdicts(Vec::new()));
        assert!(
            text.contains("<li>step 1: &lt;b&gt; — <b>nobody knows why</b></li>"),
            "{text}"
        );
        assert!(
            text.contains("<pre>→ first  to &lt;server&gt; &amp; others\n</pre>"),
            "{text}"
        );
        let (opened, closed) = (
            text.matches("<details").count(),
            text.matches("</details>").count(),
        );
        assert_eq!(opened, closed);
    }
}
