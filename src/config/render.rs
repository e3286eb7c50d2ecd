//! Findings as people want to see them: place, severity and text on one line, then the line of the file with a
//! caret, then what helps.
//!
//! The first line is `FILE:LINE:COLUMN: error: TEXT`, the form that compilers use: editors jump to it, and one
//! `grep` finds place and text together. That is why the title does it, and not the `-->` below the title that
//! the renderer would write by itself.
//!
//! Not here: where the text goes and whether that is a terminal (`diagnostics`), and the form on one line for
//! logs, which is [`Diagnostic`]'s `Display`.

use super::diagnostic::{Diagnostic, Severity};
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// Whether the text may hold escape sequences.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Look {
    /// It holds none.
    Plain,
    /// It is coloured for a terminal.
    Coloured,
}

/// More than any line that is shown has, so that the renderer does not cut what is cut already.
const WIDTH: usize = 1000;

/// All findings in their order, one block of lines each, blocks parted by an empty line. Without findings it is
/// empty.
#[must_use]
pub fn render(found: &[Diagnostic], look: Look) -> String {
    let renderer = match look {
        Look::Plain => Renderer::plain(),
        Look::Coloured => Renderer::styled(),
    };
    let renderer = renderer.term_width(WIDTH);
    let mut shown = String::new();
    for finding in found {
        if !shown.is_empty() {
            shown.push('\n');
        }
        shown.push_str(&one(finding, &renderer));
        shown.push('\n');
    }
    shown
}

fn one(finding: &Diagnostic, renderer: &Renderer) -> String {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let severity = finding.severity.word();
    let level = level.with_name(format!("{} {severity}", finding.place()));
    let Some(excerpt) = &finding.excerpt else {
        let text = match &finding.remedy {
            Some(remedy) => format!("{}; {remedy}", finding.text),
            None => finding.text.clone(),
        };
        return renderer.render(&[Group::with_title(level.primary_title(text))]);
    };
    let mark = AnnotationKind::Primary.span(excerpt.marked.clone());
    let snippet = Snippet::source(excerpt.text.as_str())
        .line_start(finding.line)
        .annotation(mark);
    let group = level.primary_title(finding.text.as_str()).element(snippet);
    let group = match &finding.remedy {
        Some(remedy) => group.element(Level::HELP.message(remedy.as_str())),
        None => group,
    };
    renderer.render(&[group])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load, utc};
    use crate::lease::Timestamp;
    use std::io;

    fn rendered(text: &[u8], look: Look) -> String {
        let read = |path: &str| match path {
            "F" => Ok(text.to_vec()),
            _ => Err(io::ErrorKind::NotFound.into()),
        };
        let sources = Sources {
            read: &read,
            interface_exists: &|_| true,
            addresses_of: &|_| Some(Vec::new()),
            now: utc(Timestamp(0)),
        };
        match load("F", &sources) {
            Ok(loaded) => render(&loaded.warnings, look),
            Err(found) => render(&found, look),
        }
    }

    fn plain(text: &str) -> String {
        rendered(text.as_bytes(), Look::Plain)
    }

    #[test]
    fn a_finding_is_its_place_its_line_and_what_helps() {
        assert_eq!(
            plain(
                "pool lan { range 2001:db8::1 to 2001:db8::2; };\ninterface e { address-pool lam 9; };"
            ),
            "\
F:2:28: error: pool `lam` is not defined
  |
2 | interface e { address-pool lam 9; };
  |                            ^^^
  |
  = help: did you mean `lan`?
"
        );
    }

    #[test]
    fn all_findings_are_shown_apart() {
        assert_eq!(
            plain("option ntp-servers ::1\n\toption refreshtime = 7;\n"),
            "\
F:1:23: error: `;` is missing after `::1`
  |
1 | option ntp-servers ::1
  |                       ^
  |
  = help: add it

F:2:21: warning: `=` is ignored
  |
2 |     option refreshtime = 7;
  |                        ^
  |
  = help: remove it

F:2:23: error: a refresh time of 7 is too short
  |
2 |     option refreshtime = 7;
  |                          ^
  |
  = help: write at least 600
"
        );
    }

    #[test]
    fn a_finding_without_place_is_one_line() {
        let found = load(
            "\u{1b}[31m",
            &Sources {
                read: &|_| Err(io::ErrorKind::PermissionDenied.into()),
                interface_exists: &|_| true,
                addresses_of: &|_| Some(Vec::new()),
                now: utc(Timestamp(0)),
            },
        );
        assert_eq!(
            render(&found.expect_err("a mistake"), Look::Plain),
            "␛[31m: error: cannot be read: permission denied; check the path and its permissions\n"
        );
        assert_eq!(plain(""), "");
    }

    #[test]
    fn the_caret_stands_below_the_finding_whatever_is_before_it() {
        for before in [
            "\t",
            "\u{feff}",
            "\u{1}\u{1b}",
            "= \u{301}",
            "\u{e9}",
            "日本語 ",
            "\u{200b}",
        ] {
            let text = format!("{before} option domain-name-servers nowhere;");
            let shown = plain(&text);
            let lines: Vec<&str> = shown.lines().collect();
            let caret = lines
                .iter()
                .rposition(|it| it.contains("^^^^^^^"))
                .expect("a caret");
            // Where the two lines are cut, they are equally wide.
            let (source, _) = lines[caret - 1].split_once("nowhere").expect("the line");
            let (space, _) = lines[caret].split_once('^').expect("a caret");
            let wide = source
                .chars()
                .filter(|it| ('日'..='語').contains(it) || "日本語".contains(*it))
                .count();
            let none = source.chars().filter(|it| *it == '\u{301}').count();
            assert_eq!(space.len(), source.chars().count() + wide - none, "{shown}");
            assert!(
                shown.chars().all(|it| it == '\n' || !it.is_control()),
                "{shown:?}"
            );
        }
    }

    #[test]
    fn octets_that_are_no_text_move_no_caret() {
        let shown = rendered(
            b"# \xff\xfe\noption \xe9 domain-name-servers x\0;\r\n",
            Look::Plain,
        );
        assert!(
            shown.contains(
                "2 | option \u{fffd} domain-name-servers x␀;\n  |                               ^\n"
            ),
            "{shown}"
        );
        assert!(!shown.contains(['\r', '\0']), "{shown:?}");
    }

    #[test]
    fn colour_comes_only_where_it_is_wanted() {
        let text = b"option nonsense 1;";
        assert!(rendered(text, Look::Coloured).contains("\u{1b}["));
        assert!(!rendered(text, Look::Plain).contains('\u{1b}'));
    }

    #[test]
    fn no_excerpt_shows_a_secret() {
        let shown = plain("keyinfo k { realm \"r\"; keyid x; secret \"cHNr\"; };");
        assert!(shown.contains("secret \"****\";"), "{shown}");
        assert!(!shown.contains("cHNr"), "{shown}");
    }

    #[test]
    fn a_huge_line_gives_a_short_excerpt() {
        let text = format!("option ntp-servers{} x;", " 2001:db8::1".repeat(100_000));
        let shown = plain(&text);
        assert!(
            shown.lines().all(|line| line.chars().count() < 200),
            "{shown}"
        );
    }
}
