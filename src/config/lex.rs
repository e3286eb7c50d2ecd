//! Text → tokens with their places.
//!
//! A word is a word: whether it is a keyword, a number, a name or an address depends on where it stands, so
//! that is left to the parser, and a pool may well be called `pool` or `1`. An octet that belongs to no
//! token is left out with a warning, because the original server ignores it too; carriage returns and a
//! byte order mark go without one.
//!
//! Not here: which tokens may follow each other (`parse`).

use super::diagnostic::{Report, Span, quoted};

/// What a token is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TokenKind {
    /// A run of letters, digits and `:._-`.
    Word,
    /// Everything between two quotation marks, which are part of the span.
    Quoted,
    /// `;`
    Semicolon,
    /// `{`
    Open,
    /// `}`
    Close,
    /// `,`
    Comma,
    /// `/`
    Slash,
}

/// A token and its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) span: Span,
}

/// A file that is being read.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    /// Its number in the report.
    pub(super) number: usize,
    pub(super) text: &'a [u8],
    /// The same with secrets hidden, for messages.
    pub(super) shown: &'a [u8],
}

impl Source<'_> {
    /// A stretch of the file as it may stand in a message.
    pub(super) fn quoted(&self, span: Span) -> String {
        let stretch = |text: &[u8]| text.get(span.start..span.end).unwrap_or_default().to_vec();
        let (text, shown) = (stretch(self.text), stretch(self.shown));
        if text == shown {
            quoted(&text)
        } else {
            "`****`".to_owned()
        }
    }
}

/// Splits a file into tokens; what is ignored or can stand nowhere is reported.
pub(super) fn tokens(source: Source<'_>, report: &mut Report) -> Vec<Token> {
    let mut lexer = Lexer {
        text: source.text,
        source,
        at: 0,
        report,
    };
    if lexer.text.starts_with(BYTE_ORDER_MARK) {
        lexer.at = BYTE_ORDER_MARK.len();
    }
    let mut tokens = Vec::new();
    while let Some(octet) = lexer.text.get(lexer.at).copied() {
        tokens.extend(lexer.next(octet));
    }
    tokens
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Whether an octet can be part of a word.
pub(super) fn is_word(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b':' | b'.' | b'_' | b'-')
}

fn is_noise(octet: u8) -> bool {
    !is_word(octet)
        && !matches!(
            octet,
            b' ' | b'\t' | b'\r' | b'\n' | b'#' | b'"' | b';' | b'{' | b'}' | b',' | b'/'
        )
}

struct Lexer<'a> {
    text: &'a [u8],
    source: Source<'a>,
    at: usize,
    report: &'a mut Report,
}

impl Lexer<'_> {
    /// Consumes at least one octet.
    fn next(&mut self, octet: u8) -> Option<Token> {
        match octet {
            b' ' | b'\t' | b'\r' | b'\n' => {
                self.at += 1;
                None
            }
            b'#' => {
                self.take_while(|octet| octet != b'\n');
                None
            }
            b';' => self.punctuation(TokenKind::Semicolon),
            b'{' => self.punctuation(TokenKind::Open),
            b'}' => self.punctuation(TokenKind::Close),
            b',' => self.punctuation(TokenKind::Comma),
            b'/' => self.slash(),
            b'"' => self.quotation(),
            octet if is_word(octet) => {
                let span = self.take_while(is_word);
                Some(Token {
                    kind: TokenKind::Word,
                    span,
                })
            }
            _ => {
                let span = self.take_while(is_noise);
                let found = format!("{} is ignored", self.source.quoted(span));
                self.report.warning(span, found, "remove it");
                None
            }
        }
    }

    fn span(&self, start: usize) -> Span {
        Span {
            file: self.source.number,
            start,
            end: self.at,
        }
    }

    fn rest(&self) -> &[u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn take_while(&mut self, belongs: impl Fn(u8) -> bool) -> Span {
        let start = self.at;
        let rest = self.rest();
        self.at += rest
            .iter()
            .position(|octet| !belongs(*octet))
            .unwrap_or(rest.len());
        self.span(start)
    }

    fn punctuation(&mut self, kind: TokenKind) -> Option<Token> {
        self.at += 1;
        Some(Token {
            kind,
            span: self.span(self.at - 1),
        })
    }

    /// A slash belongs to a prefix. Comments of other languages are told apart here: no statement has `//`
    /// or `/*`, and taking them as such keeps what they hold from being reported word by word.
    fn slash(&mut self) -> Option<Token> {
        let start = self.at;
        let rest = self.rest();
        if rest.starts_with(b"//") {
            self.take_while(|octet| octet != b'\n');
        } else if rest.starts_with(b"/*") {
            let end = rest.windows(2).skip(2).position(|pair| pair == b"*/");
            self.at += end.map_or(rest.len(), |end| end + 4);
        } else {
            return self.punctuation(TokenKind::Slash);
        }
        let mark = Span {
            end: start + 2,
            ..self.span(start)
        };
        let shown = self.source.quoted(mark);
        self.report.error(
            mark,
            format!("{shown} does not begin a comment"),
            "begin each line of it with `#`",
        );
        None
    }

    fn quotation(&mut self) -> Option<Token> {
        let start = self.at;
        self.at += 1;
        match self.rest().iter().position(|octet| *octet == b'"') {
            Some(len) => {
                self.at += len + 1;
                Some(Token {
                    kind: TokenKind::Quoted,
                    span: self.span(start),
                })
            }
            None => {
                let span = self.span(start);
                self.report.warning(
                    span,
                    "`\"` has no partner and is ignored",
                    "add the other `\"`",
                );
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::diagnostic::File;
    use super::*;

    fn lex(text: &str) -> (Vec<(TokenKind, String)>, Vec<String>) {
        let files = [File {
            name: "F".to_owned(),
            text: text.as_bytes().to_vec(),
        }];
        let source = Source {
            number: 0,
            text: text.as_bytes(),
            shown: text.as_bytes(),
        };
        let mut report = Report::default();
        let tokens = tokens(source, &mut report);
        let shown = tokens.iter().map(|token| {
            (
                token.kind,
                text[token.span.start..token.span.end].to_owned(),
            )
        });
        let findings = report.finish(&files);
        (
            shown.collect(),
            findings.iter().map(ToString::to_string).collect(),
        )
    }

    #[test]
    fn words_run_as_far_as_they_can() {
        let (tokens, findings) = lex("prefix 2001:db8::/48{a,b}; # no \"token\" here\nx");
        let texts: Vec<&str> = tokens.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "prefix",
                "2001:db8::",
                "/",
                "48",
                "{",
                "a",
                ",",
                "b",
                "}",
                ";",
                "x"
            ]
        );
        assert_eq!(findings, [""; 0]);
    }

    #[test]
    fn quotations_hold_everything_but_a_quotation_mark() {
        let (tokens, _) = lex("\"a # b\n;\" c");
        assert_eq!(tokens[0], (TokenKind::Quoted, "\"a # b\n;\"".to_owned()));
        assert_eq!(tokens[1], (TokenKind::Word, "c".to_owned()));
    }

    #[test]
    fn noise_is_ignored_with_a_warning() {
        let (tokens, findings) = lex("\u{feff}a = 'b'\r\n");
        assert_eq!(tokens.len(), 2);
        assert_eq!(
            findings,
            [
                "F:1:3: warning: `=` is ignored; remove it",
                "F:1:5: warning: `'` is ignored; remove it",
                "F:1:7: warning: `'` is ignored; remove it",
            ]
        );
    }

    #[test]
    fn a_lone_quotation_mark_is_noise() {
        let (tokens, findings) = lex("a \"b;");
        assert_eq!(tokens.len(), 3);
        assert_eq!(
            findings,
            ["F:1:3: warning: `\"` has no partner and is ignored; add the other `\"`"]
        );
    }

    #[test]
    fn comments_of_other_languages_are_one_mistake_each() {
        let (tokens, findings) = lex("/* a ; b */ c // d e\nf /*/");
        assert_eq!(tokens.len(), 2);
        assert_eq!(findings.len(), 3);
        assert_eq!(
            findings[0],
            "F:1:1: `/*` does not begin a comment; begin each line of it with `#`"
        );
    }
}
