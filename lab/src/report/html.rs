//! The report as a page: what was played, with every conversation as a packet ladder.

use std::fmt::Write as _;

use crate::conformance::{Coverage, Shown, State};
use crate::ladder::svg::{self, Mark, escape};
use crate::ladder::{Happening, Ladder};
use crate::plural::counted;
use crate::report::document::{Document, Outcomes, Played};
use crate::report::page::{page, sections, tiles};
use crate::report::server_name;

/// How many octets stand in a line of a dump.
const DUMP_OCTETS: usize = 16;

/// The page.
#[must_use]
pub fn html(document: &Document) -> String {
    let mut body = String::new();
    head(document, &mut body);
    body.push_str(TOOLS);
    let mut topic = None;
    for (index, played) in document.scenarios.iter().enumerate() {
        if topic != Some(&played.topic) {
            topic = Some(&played.topic);
            let _ = writeln!(body, "<h2 class=\"topic\">{}</h2>", escape(&played.topic));
        }
        scenario(index, played, &mut body);
    }
    coverage(&document.conformance, &document.scenarios, &mut body);
    page("dhcp6lab report", &body)
}

/// What the scenarios say of each requirement; what they do not show stands at the end, folded. Scenarios that are about
/// no requirement have no such table.
fn coverage(coverage: &Coverage, scenarios: &[Played], body: &mut String) {
    if scenarios.iter().all(|it| it.covers.is_empty()) {
        return;
    }
    let uncovered = coverage.0.iter().any(|it| it.state == State::Uncovered);
    let part = match uncovered {
        true => {
            " A part was played: what it does not show, other scenarios may, and this says nothing about them."
        }
        false => "",
    };
    let _ = write!(
        body,
        "<h2 id=\"conformance\">Conformance</h2><p class=\"lead\">{}.{part}</p>",
        escape(coverage.summary().trim())
    );
    let fold = |title: &str, state: State| {
        let such: Vec<&Shown> = coverage.0.iter().filter(|it| it.state == state).collect();
        match such.len() {
            0 => String::new(),
            count => format!(
                "<details class=\"fold\"><summary>{title} ({count})</summary>{}</details>\n",
                table(&such, scenarios)
            ),
        }
    };
    let folded = [State::Uncovered, State::Absent];
    let shown: Vec<&Shown> = coverage
        .0
        .iter()
        .filter(|it| !folded.contains(&it.state))
        .collect();
    body.push_str(&table(&shown, scenarios));
    body.push_str(&fold("Not shown by what was played", State::Uncovered));
    body.push_str(&fold("Absent on purpose", State::Absent));
}

fn table(rows: &[&Shown], scenarios: &[Played]) -> String {
    let mut html = String::from(
        "<table><tr><th></th><th>Level</th><th>A server …</th><th>Section</th><th>Shown by</th></tr>",
    );
    rows.iter()
        .for_each(|it| requirement(it, scenarios, &mut html));
    html.push_str("</table>");
    html
}

fn requirement(shown: &Shown, scenarios: &[Played], body: &mut String) {
    let Shown {
        requirement,
        state,
        by,
    } = shown;
    let class = match state {
        State::Passed => "passed",
        State::Failed => "failed",
        State::Open | State::Tests | State::Uncovered => "open",
        State::Absent => "absent",
    };
    let _ = write!(
        body,
        "<tr class=\"{class}\" id=\"{0}\"><td class=\"id\">{0}</td><td>{1}</td><td>{2}</td>\
         <td><div class=\"facts\">{3}</div></td><td>",
        escape(&requirement.id),
        escape(&requirement.level),
        escape(&requirement.says),
        sections(&requirement.rfc),
    );
    for reason in requirement.tests.iter().chain(&requirement.absent) {
        let _ = write!(body, "{} ", escape(reason));
    }
    let mut last = None;
    for it in by {
        if last != Some(&it.path) {
            let index = scenarios.iter().position(|played| played.path == it.path);
            let played = index.and_then(|index| Some((index, scenarios.get(index)?)));
            if let Some((index, played)) = played {
                let _ = write!(body, "<a href=\"#s{index}\">{}</a> ", escape(&played.claim));
            }
            last = Some(&it.path);
        }
        let _ = write!(
            body,
            "<span class=\"badge {}\">{}</span> ",
            it.class,
            escape(it.rig)
        );
    }
    body.push_str("</td></tr>\n");
}

/// The filter above the scenarios.
const TOOLS: &str = "<div class=\"tools\">\
    <input type=\"search\" placeholder=\"Filter: words of the claim, the reason, the path, a section …  ( / )\" \
    aria-label=\"Filter\">\
    <button data-outcome=\"failed\" aria-pressed=\"false\">failed</button>\
    <button data-outcome=\"new\" aria-pressed=\"false\">new</button>\
    <button data-outcome=\"skipped\" aria-pressed=\"false\">skipped</button>\
    <button data-outcome=\"passed\" aria-pressed=\"false\">passed</button>\
    <span class=\"found\"></span></div>\n";

fn head(document: &Document, body: &mut String) {
    let summary = &document.summary;
    let _ = write!(
        body,
        "<h1>{}</h1>\n<p class=\"lead\">{} in {} · {} · {} · <code>{}</code></p>\n",
        match summary.failed {
            0 if summary.not_played > 0 => "Cut short".to_owned(),
            0 => "Everything is as it should be".to_owned(),
            several => counted(several, "failure"),
        },
        counted(document.scenarios.len(), "scenario"),
        duration(document.took_ms),
        escape(&document.started),
        escape(&document.tool),
        escape(&document.command),
    );
    let mut counted = vec![
        ("passed", summary.passed, "passed"),
        ("failed", summary.failed, "failed"),
        ("new", summary.new, "new, without snapshot"),
        ("skipped", summary.skipped, "skipped"),
    ];
    if summary.not_played > 0 {
        counted.push(("failed", summary.not_played, "not played"));
    }
    body.push_str(&tiles(&counted));
    body.push_str("<div class=\"bar-of\">");
    for (class, number, _) in counted {
        let none = if number == 0 { " none" } else { "" };
        let _ = write!(
            body,
            "<i class=\"{class}{none}\" style=\"flex:{number}\"></i>"
        );
    }
    body.push_str("</div>\n");
}

fn scenario(index: usize, played: &Played, body: &mut String) {
    let haystack = format!(
        "{} {} {} {} {}",
        played.path,
        played.claim,
        played.why,
        played.rfc.join(" "),
        played.covers.join(" ")
    );
    let took = played
        .results
        .iter()
        .map(|it| it.took_ms)
        .max()
        .unwrap_or_default();
    let _ = write!(
        body,
        "<details class=\"scenario\" id=\"s{index}\" data-outcome=\"{}\" data-text=\"{}\">\
         <summary><i class=\"dot {}\"></i><span class=\"claim\">{}</span>",
        played.class,
        escape(&haystack.to_lowercase()),
        played.class,
        escape(&played.claim),
    );
    for result in &played.results {
        let _ = write!(
            body,
            "<span class=\"badge {}\" title=\"{}\">{}</span>",
            result.class,
            escape(result.reason.as_deref().unwrap_or(result.class)),
            escape(result.rig)
        );
    }
    let _ = write!(
        body,
        "<span class=\"took\">{}</span></summary><template><div class=\"body\">",
        duration(took)
    );
    let _ = write!(
        body,
        "<p class=\"why\">{}</p><div class=\"facts\">{}{}<span class=\"mono\">{}</span></div>",
        escape(&played.why),
        sections(&played.rfc),
        covers(&played.covers),
        escape(&played.path)
    );
    for result in played.results.iter().filter(|it| it.same_as.is_none()) {
        story(played, result, body);
    }
    fold("Configuration", &escape(&played.config), body);
    if let Some(snapshot) = &played.snapshot {
        fold("Snapshot", &escape(snapshot), body);
    }
    if !played.differs.is_empty() {
        fold(
            "The original server does something else",
            &escape(&played.differs.join("\n")),
            body,
        );
    }
    body.push_str("</div></template></details>\n");
}

/// The requirements that a scenario shows, as links to their rows.
fn covers(ids: &[String]) -> String {
    ids.iter()
        .map(|id| format!("<a href=\"#{0}\">{0}</a>", escape(id)))
        .collect()
}

/// What happened on one rig, or on several where the same did.
fn story(played: &Played, result: &Outcomes, body: &mut String) {
    let also = played
        .results
        .iter()
        .filter(|it| it.same_as == Some(result.rig));
    let mut rigs = vec![result.rig];
    rigs.extend(also.map(|it| it.rig));
    let _ = write!(
        body,
        "<h3>{} · {}</h3>",
        escape(&rigs.join(", ")),
        result.class
    );
    if let Some(reason) = &result.reason {
        let _ = write!(body, "<p>{}</p>", escape(reason));
    }
    for fault in &result.faults {
        let step = fault
            .step
            .map_or_else(String::new, |it| format!("step {it}: "));
        let _ = write!(
            body,
            "<div class=\"failure\">{step}{}</div>",
            escape(&fault.text)
        );
    }
    if !result.faults.is_empty() {
        let _ = write!(
            body,
            "<p class=\"again\">Again: <code>{}</code></p>",
            escape(&result.again)
        );
    }
    if let Some(capture) = &result.capture {
        let path = capture.display().to_string();
        let _ = write!(
            body,
            "<p class=\"again\">Packets, with comments: <code>{}</code></p>",
            escape(&path)
        );
    }
    if let Some(lines) = &result.difference {
        let _ = write!(
            body,
            "<h3>Expected (−) and got (+)</h3><pre class=\"diff\">{}</pre>",
            coloured(lines)
        );
    }
    if let Some(ladder) = &result.ladder {
        let marks: Vec<Mark> = result
            .faults
            .iter()
            .filter_map(|it| {
                Some(Mark {
                    step: it.step?,
                    text: it.text.lines().next()?.to_owned(),
                })
            })
            .collect();
        stage(ladder, &marks, server_name(result.rig), body);
    }
}

/// The ladder, and beside it what was said in full.
fn stage(ladder: &Ladder, marks: &[Mark], server: &str, body: &mut String) {
    let _ = write!(
        body,
        "<div class=\"stage\"><div class=\"picture\">{}</div><div class=\"words\">",
        svg::draw(ladder, marks, server)
    );
    for (index, rung) in ladder.rungs.iter().enumerate() {
        let _ = write!(
            body,
            "<div data-of=\"{index}\" hidden><pre>{}</pre>",
            escape(rung.text.trim_end())
        );
        if let Happening::Message(said) = &rung.what {
            let _ = write!(body, "<pre class=\"octets\">{}</pre>", dump(&said.hex));
        }
        body.push_str("</div>");
    }
    body.push_str("<p class=\"hint\">Point at a message to read it in full; click to keep it.</p></div></div>");
}

fn fold(title: &str, text: &str, body: &mut String) {
    if !text.trim().is_empty() {
        let _ = write!(
            body,
            "<details class=\"fold\"><summary>{title}</summary><pre>{text}</pre></details>"
        );
    }
}

/// The lines of a difference, marked as what was taken away and what came.
fn coloured(lines: &str) -> String {
    let mut html = String::new();
    for line in lines.lines() {
        let text = escape(line);
        let _ = match line.as_bytes().first() {
            Some(b'-') => write!(html, "<del>{text}</del>"),
            Some(b'+') => write!(html, "<ins>{text}</ins>"),
            _ => writeln!(html, "{text}"),
        };
    }
    html
}

/// Hexadecimal digits, in lines of 16 octets with the number of the first.
fn dump(hex: &str) -> String {
    let octets: Vec<&str> = (0..hex.len() / 2)
        .filter_map(|it| hex.get(2 * it..2 * it + 2))
        .collect();
    let lines = octets.chunks(DUMP_OCTETS).enumerate();
    let lines =
        lines.map(|(index, line)| format!("{:04x}  {}", index * DUMP_OCTETS, line.join(" ")));
    lines.collect::<Vec<_>>().join("\n")
}

fn duration(ms: u64) -> String {
    match ms {
        0..1000 => format!("{ms} ms"),
        1000..60_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        _ => format!("{}:{:02} min", ms / 60_000, ms / 1000 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_numbers_its_lines() {
        let hex = "00".repeat(17) + "ff";
        assert_eq!(
            dump(&hex),
            format!("0000  {}\n0010  00 ff", ["00"; 16].join(" "))
        );
        assert_eq!(dump(""), "");
    }

    #[test]
    fn a_difference_keeps_its_lines_and_is_escaped() {
        assert_eq!(
            coloured("  <a>\n- b\n+ c\n"),
            "  &lt;a&gt;\n<del>- b</del><ins>+ c</ins>"
        );
    }

    #[test]
    fn a_duration_is_short() {
        assert_eq!(
            [7, 1234, 61_000].map(duration),
            ["7 ms", "1.2 s", "1:01 min"]
        );
    }
}
