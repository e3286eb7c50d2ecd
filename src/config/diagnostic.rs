//! What is wrong with a configuration, where, and what helps.
//!
//! While files are read, findings carry byte spans; line, column and excerpt are worked out once at the end. A
//! report holds a bounded number of findings, so a file of any size yields a list that can be read.
//!
//! Not here: what counts as a mistake (`lex`, `parse`, `resolve`), and how findings are shown (`render`).

use super::excerpt::{Excerpt, printable};
use std::fmt;
use std::ops::Range;

/// The most findings of one severity that are listed. If there may be more, one more finding says so.
pub const LISTED_MAX: usize = 100;

/// Whether a configuration can be used in spite of what was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    /// It cannot.
    Error,
    /// It can, but something in it has no effect or may not mean what it says.
    Warning,
    /// It can, and works; this is what it comes to.
    Note,
}

impl Severity {
    /// The word for it in messages.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One finding about a configuration file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// Whether the configuration can be used all the same.
    pub severity: Severity,
    /// The file, by the name that it was opened with.
    pub file: String,
    /// The line, from 1; 0 if the finding is about the file as a whole.
    pub line: usize,
    /// The column in characters, from 1; 0 if the finding is about the file as a whole.
    pub column: usize,
    /// The octets of the file that it is about; empty where something is missing.
    pub span: Range<usize>,
    /// What was found, with the offending text.
    pub text: String,
    /// What helps.
    pub remedy: Option<String>,
    /// The line that it is about; `None` if it is about the file as a whole.
    pub excerpt: Option<Excerpt>,
}

impl Diagnostic {
    /// `FILE:LINE:COLUMN:`, or `FILE:` if it is about the file as a whole.
    pub(super) fn place(&self) -> String {
        let file: String = self.file.chars().map(printable).collect();
        match self.line {
            0 => format!("{file}:"),
            line => format!("{file}:{line}:{}:", self.column),
        }
    }
}

/// One line, for logs.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place())?;
        if self.severity != Severity::Error {
            write!(f, " {}:", self.severity.word())?;
        }
        write!(f, " {}", self.text)?;
        match &self.remedy {
            Some(remedy) => write!(f, "; {remedy}"),
            None => Ok(()),
        }
    }
}

/// A stretch of one of the files that make up a configuration.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Span {
    pub(super) file: usize,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Span {
    /// From the start of this one to the end of a later one in the same file.
    pub(super) fn to(self, last: Self) -> Self {
        Self {
            end: last.end,
            ..self
        }
    }

    /// The empty stretch just behind this one.
    pub(super) fn behind(self) -> Self {
        Self {
            start: self.end,
            ..self
        }
    }
}

/// A file of the configuration as it may be shown.
pub(super) struct File {
    pub(super) name: String,
    /// What was read, octet for octet, with secrets hidden.
    pub(super) text: Vec<u8>,
}

struct Finding {
    severity: Severity,
    file: usize,
    span: Option<Span>,
    text: String,
    remedy: String,
}

/// Everything found so far.
#[derive(Default)]
pub(super) struct Report {
    findings: Vec<Finding>,
    errors: usize,
    warnings: usize,
    notes: usize,
}

impl Report {
    /// Adds an error at a place. The remedy may be empty.
    pub(super) fn error(&mut self, span: Span, text: impl Into<String>, remedy: impl Into<String>) {
        self.add(
            Severity::Error,
            span.file,
            Some(span),
            text.into(),
            remedy.into(),
        );
    }

    /// Adds a warning at a place. The remedy may be empty.
    pub(super) fn warning(
        &mut self,
        span: Span,
        text: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(
            Severity::Warning,
            span.file,
            Some(span),
            text.into(),
            remedy.into(),
        );
    }

    /// Adds a note about a place. The remedy may be empty.
    pub(super) fn note(&mut self, span: Span, text: impl Into<String>, remedy: impl Into<String>) {
        self.add(
            Severity::Note,
            span.file,
            Some(span),
            text.into(),
            remedy.into(),
        );
    }

    /// Adds a finding about a file as a whole.
    pub(super) fn about(&mut self, file: usize, severity: Severity, text: String, remedy: &str) {
        self.add(severity, file, None, text, remedy.to_owned());
    }

    /// Whether there are so many errors that looking for more is of no use.
    pub(super) fn is_full(&self) -> bool {
        self.errors >= LISTED_MAX
    }

    /// Whether there are any errors.
    pub(super) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    fn add(
        &mut self,
        severity: Severity,
        file: usize,
        span: Option<Span>,
        text: String,
        remedy: String,
    ) {
        let count = match severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
            Severity::Note => &mut self.notes,
        };
        *count += 1;
        if *count <= LISTED_MAX {
            self.findings.push(Finding {
                severity,
                file,
                span,
                text,
                remedy,
            });
        }
    }

    /// All findings with their lines, columns and excerpts, file by file from top to bottom.
    pub(super) fn finish(mut self, files: &[File]) -> Vec<Diagnostic> {
        self.findings
            .sort_by_key(|finding| (finding.file, finding.span));
        let mut diagnostics = Vec::with_capacity(self.findings.len());
        let mut place: Option<Place<'_>> = None;
        for finding in self.findings {
            let Some(file) = files.get(finding.file) else {
                continue;
            };
            let mut diagnostic = Diagnostic {
                severity: finding.severity,
                file: file.name.clone(),
                line: 0,
                column: 0,
                span: 0..0,
                text: finding.text,
                remedy: Some(finding.remedy).filter(|remedy| !remedy.is_empty()),
                excerpt: None,
            };
            if let Some(span) = finding.span {
                let here = place
                    .take()
                    .filter(|it| it.file == finding.file)
                    .unwrap_or_else(|| Place::new(finding.file, &file.text));
                let here = place.insert(here);
                here.advance(span.start);
                (diagnostic.line, diagnostic.column) = (here.line, here.column);
                diagnostic.span = span.start..span.end;
                let excerpt = Excerpt::new(&file.text, span.start..span.end);
                diagnostic.excerpt = Some(excerpt);
            }
            diagnostics.push(diagnostic);
        }
        let unlisted = [
            (self.errors >= LISTED_MAX).then(|| {
                let text = "there are too many mistakes to list".to_owned();
                let remedy = format!("the first {} are above", LISTED_MAX);
                (Severity::Error, text, remedy)
            }),
            (self.warnings > LISTED_MAX).then(|| {
                let more = self.warnings - LISTED_MAX;
                let text = format!("there are {more} more warnings");
                (Severity::Warning, text, "deal with these first".to_owned())
            }),
        ];
        for (severity, text, remedy) in unlisted.into_iter().flatten() {
            diagnostics.extend(files.first().map(|first| Diagnostic {
                severity,
                file: first.name.clone(),
                line: 0,
                column: 0,
                span: 0..0,
                text,
                remedy: Some(remedy),
                excerpt: None,
            }));
        }
        diagnostics
    }
}

/// Where in a file the last finding was. Findings come from top to bottom, so each octet is looked at once.
struct Place<'a> {
    file: usize,
    text: &'a [u8],
    at: usize,
    line: usize,
    column: usize,
}

impl<'a> Place<'a> {
    fn new(file: usize, text: &'a [u8]) -> Self {
        Self {
            file,
            text,
            at: match text.starts_with(BYTE_ORDER_MARK) {
                // Nobody sees it, and no editor counts it.
                true => BYTE_ORDER_MARK.len(),
                false => 0,
            },
            line: 1,
            column: 1,
        }
    }

    /// Goes on to a place that is not before this one.
    fn advance(&mut self, to: usize) {
        let passed = self.text.get(self.at..to).unwrap_or_default();
        // The octets of UTF-8 that do not begin a character are those with the top bits 10.
        let characters = |text: &[u8]| text.iter().filter(|octet| **octet & 0xc0 != 0x80).count();
        match passed.iter().rposition(|octet| *octet == b'\n') {
            Some(last) => {
                self.line += passed.iter().filter(|octet| **octet == b'\n').count();
                self.column = 1 + characters(passed.get(last + 1..).unwrap_or_default());
            }
            None => self.column += characters(passed),
        }
        self.at = self.at.max(to);
    }
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A piece of a file as it may stand in a message: on one line, not too long, in quotation marks.
pub(super) fn quoted(text: &[u8]) -> String {
    const SHOWN_MAX: usize = 60;
    let text = String::from_utf8_lossy(text.get(..SHOWN_MAX * 4).unwrap_or(text));
    let mut shown = String::new();
    for character in text.chars().take(SHOWN_MAX) {
        match character {
            '"' | '\'' | '\\' => shown.push(character),
            _ => shown.extend(character.escape_debug()),
        }
    }
    if text.chars().nth(SHOWN_MAX).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// The word of a list that was probably meant, if one is close enough to what was written.
pub(crate) fn nearest<'a>(
    written: &str,
    words: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    const LEN_MAX: usize = 40;
    if written.len() > LEN_MAX {
        return None;
    }
    let limit = (written.len() / 3).max(1);
    words
        .into_iter()
        .map(|word| (edits(written.as_bytes(), word.as_bytes()), word))
        .filter(|(edits, word)| *edits <= limit && *edits < word.len())
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, word)| word)
}

/// How many octets have to be inserted, removed, replaced or swapped with their neighbour.
fn edits(from: &[u8], to: &[u8]) -> usize {
    let mut before: Vec<usize> = vec![0; to.len() + 1];
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (row, have) in from.iter().enumerate() {
        let mut now = vec![row + 1; to.len() + 1];
        for (column, want) in to.iter().enumerate() {
            let replaced = last[column] + usize::from(have != want);
            let mut best = replaced.min(last[column + 1] + 1).min(now[column] + 1);
            let swapped =
                row > 0 && column > 0 && from[row - 1] == *want && to[column - 1] == *have;
            if swapped {
                best = best.min(before[column - 1] + 1);
            }
            now[column + 1] = best;
        }
        before = last;
        last = now;
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swapped_pair_of_letters_is_one_edit() {
        assert_eq!(edits(b"pool", b"pool"), 0);
        assert_eq!(edits(b"adress-pool", b"address-pool"), 1);
        assert_eq!(edits(b"optoin", b"option"), 1);
        assert_eq!(edits(b"", b"pool"), 4);
    }

    #[test]
    fn only_close_words_are_suggested() {
        let words = ["pool", "host", "option"];
        assert_eq!(nearest("pol", words), Some("pool"));
        assert_eq!(nearest("optoins", words), Some("option"));
        assert_eq!(nearest("subnet6", words), None);
        assert_eq!(nearest(&"o".repeat(5000), words), None);
    }

    #[test]
    fn columns_count_characters() {
        let text = "a\nbü;x".as_bytes();
        let mut place = Place::new(0, text);
        for (offset, expected) in [
            (0, (1, 1)),
            (2, (2, 1)),
            (5, (2, 3)),
            (5, (2, 3)),
            (text.len(), (2, 5)),
        ] {
            place.advance(offset);
            assert_eq!((place.line, place.column), expected, "{offset}");
        }
        let mut place = Place::new(0, text);
        place.advance(5);
        assert_eq!((place.line, place.column), (2, 3));
    }

    #[test]
    fn a_byte_order_mark_is_no_column() {
        let mut place = Place::new(0, b"\xef\xbb\xbfa;");
        place.advance(4);
        assert_eq!((place.line, place.column), (1, 2));
    }

    #[test]
    fn what_is_not_listed_is_told() {
        let files = [File {
            name: "F\x1b".to_owned(),
            text: b"x".to_vec(),
        }];
        let span = Span {
            file: 0,
            start: 0,
            end: 1,
        };
        let mut report = Report::default();
        for number in 0..103 {
            report.warning(span, format!("w{number}"), "");
        }
        let found = report.finish(&files);
        assert_eq!(found.len(), 101);
        assert_eq!(found[0].to_string(), "F␛:1:1: warning: w0");
        assert_eq!(
            found[100].to_string(),
            "F␛: warning: there are 3 more warnings; deal with these first"
        );
    }

    #[test]
    fn quoted_text_stays_short_and_on_one_line() {
        assert_eq!(quoted(b"a\nb"), "`a\\nb`");
        let long = quoted(&[b'x'; 1000]);
        assert_eq!(long.chars().count(), 63);
    }
}
