//! Takes from the tokens what the grammar asks for, and reports what stands there instead.
//!
//! A missing `;` that plainly belongs somewhere, and a keyword that is misspelt, are reported and taken as
//! read; every other mistake is a [`Skip`].
//!
//! Not here: the grammar (`parse`).

use super::ast::{
    ALIASES, DECLARATIONS, Duration, Durations, Number, STATEMENTS, Text, Word, Words,
    begins_something,
};
use super::diagnostic::{Report, Span, nearest};
use super::lex::{Source, Token, TokenKind};

/// The mistake is reported; what is left of the statement has to be skipped.
pub(super) struct Skip;

/// A file as it is being parsed.
pub(super) struct Parser<'a> {
    pub(super) source: Source<'a>,
    pub(super) text: &'a [u8],
    /// The place of the first octet.
    pub(super) start: Span,
    pub(super) tokens: Vec<Token>,
    pub(super) at: usize,
    /// The first token of the statement or declaration that is being read.
    pub(super) began: usize,
    /// The end of a block was taken for granted, and no `;` is to be looked for.
    pub(super) abandoned: bool,
    pub(super) gaps: bool,
    pub(super) report: &'a mut Report,
}

impl Parser<'_> {
    pub(super) fn durations(&mut self) -> Result<Durations, Skip> {
        let preferred = self.duration()?;
        let more = self.peek().is_some_and(|token| {
            let text = self.word_at(token);
            token.kind == TokenKind::Word
                && !begins_something(text)
                && (!self.on_new_line() || text == "infinity" || number_of(text).is_some())
        });
        let valid = if more { Some(self.duration()?) } else { None };
        Ok(Durations { preferred, valid })
    }

    pub(super) fn duration(&mut self) -> Result<Duration, Skip> {
        const WHAT: &str = "a lifetime";
        if let Some(token) = self.peek()
            && self.word_at(token) == "infinity"
        {
            self.at += 1;
            return Ok(Duration::Infinity(token.span));
        }
        let remedy = match self.peek_word().and_then(with_unit) {
            Some(seconds) => format!("write `{seconds}`"),
            None => "write seconds or `infinity`".to_owned(),
        };
        self.number_or(WHAT, &remedy).map(Duration::Seconds)
    }

    pub(super) fn prefix(&mut self) -> Result<(Word, Number), Skip> {
        let address = self.word("an IPv6 prefix")?;
        if self.peek_kind() != Some(TokenKind::Slash) {
            return Err(self.expected(
                "`/`",
                "write the prefix with its length, as in `2001:db8::/48`",
            ));
        }
        self.at += 1;
        Ok((address, self.number("a prefix length")?))
    }

    pub(super) fn number(&mut self, what: &str) -> Result<Number, Skip> {
        self.number_or(what, "")
    }

    pub(super) fn number_or(&mut self, what: &str, remedy: &str) -> Result<Number, Skip> {
        let Some((value, whole)) = self.peek_word().and_then(number_of) else {
            return Err(self.expected(what, remedy));
        };
        let word = self.word(what)?;
        if !whole {
            self.report.warning(
                word.span,
                format!(
                    "the fraction of {} is ignored",
                    self.source.quoted(word.span)
                ),
                format!("write `{value}`"),
            );
        }
        Ok(Number {
            value,
            span: word.span,
        })
    }

    pub(super) fn word(&mut self, what: &str) -> Result<Word, Skip> {
        match self.peek() {
            Some(token) if token.kind == TokenKind::Word => {
                self.at += 1;
                Ok(Word {
                    text: self.word_at(token).to_owned(),
                    span: token.span,
                })
            }
            Some(token) if token.kind == TokenKind::Quoted => {
                Err(self.expected(what, "remove the quotation marks"))
            }
            _ => Err(self.expected(what, "")),
        }
    }

    pub(super) fn name(&mut self, of: &str) -> Result<Word, Skip> {
        self.word(&format!("a name for `{of}`"))
    }

    pub(super) fn text(&mut self, what: &str) -> Result<Text, Skip> {
        match self.peek() {
            Some(token) if token.kind == TokenKind::Quoted => {
                self.at += 1;
                let inner = token.span.start + 1..token.span.end - 1;
                let octets = self.text.get(inner).unwrap_or_default().to_vec();
                Ok(Text {
                    octets,
                    span: token.span,
                })
            }
            Some(token) if matches!(token.kind, TokenKind::Word | TokenKind::Slash) => {
                Err(self.expected(&format!("{what} in quotation marks"), "put it in `\"`"))
            }
            _ => Err(self.expected(&format!("{what} in quotation marks"), "")),
        }
    }

    /// A text that cannot have a line end in it.
    pub(super) fn line_text(&mut self, what: &str) -> Result<Text, Skip> {
        let text = self.text(what)?;
        if text.octets.contains(&b'\n') && self.torn_quotation() {
            return Err(Skip);
        }
        Ok(text)
    }

    pub(super) fn keyword<T: Copy>(
        &mut self,
        what: &str,
        words: Words<T>,
    ) -> Result<(T, Span), Skip> {
        self.spelt(what, words).map(|(key, span, _)| (key, span))
    }

    /// The next word as one of a list; one that is close to a word of the list is reported and taken for it.
    pub(super) fn spelt<T: Copy>(
        &mut self,
        what: &str,
        words: Words<T>,
    ) -> Result<(T, Span, &'static str), Skip> {
        let Some(token) = self.peek().filter(|token| token.kind == TokenKind::Word) else {
            return Err(self.expected(what, ""));
        };
        let text = self.word_at(token).to_owned();
        if let Some((keyword, key)) = words.iter().find(|(keyword, _)| *keyword == text) {
            self.at += 1;
            return Ok((*key, token.span, keyword));
        }
        let shown = self.source.quoted(token.span);
        let elsewhere = if DECLARATIONS.iter().any(|(keyword, _)| *keyword == text) {
            Some("inside the braces of `interface`, `host` or `pool`")
        } else if STATEMENTS.iter().any(|(keyword, _)| *keyword == text) {
            Some("outside of all braces")
        } else {
            None
        };
        if let Some(place) = elsewhere {
            let found = format!("{shown} cannot stand here");
            self.report
                .error(token.span, found, format!("it belongs {place}"));
            return Err(Skip);
        }
        let close = elsewhere_called(&text, words)
            .or_else(|| nearest(&text, words.iter().map(|(keyword, _)| *keyword)));
        let meant = words.iter().find(|(keyword, _)| Some(*keyword) == close);
        let remedy = match meant {
            Some((keyword, _)) => format!("did you mean `{keyword}`?"),
            None => format!("one of {} can stand here", list(words)),
        };
        self.report
            .error(token.span, format!("{shown} is not {what}"), remedy);
        let (keyword, key) = meant.ok_or(Skip)?;
        self.at += 1;
        Ok((*key, token.span, keyword))
    }

    /// The `;` behind a statement. A missing one that plainly belongs here is reported and taken as read.
    pub(super) fn end(&mut self) -> Result<(), Skip> {
        if std::mem::take(&mut self.abandoned) {
            return Ok(());
        }
        let next = self.peek();
        let plain = match next.map(|token| token.kind) {
            Some(TokenKind::Semicolon) => {
                self.at += 1;
                return Ok(());
            }
            Some(TokenKind::Word) => {
                self.on_new_line() || self.peek_word().is_some_and(begins_something)
            }
            Some(TokenKind::Close) | None => true,
            Some(TokenKind::Quoted | TokenKind::Open | TokenKind::Comma | TokenKind::Slash) => {
                false
            }
        };
        if !plain {
            return Err(self.expected("`;`", ""));
        }
        if self.torn_quotation() {
            return Err(Skip);
        }
        let (last, shown) = self.last();
        self.report.error(
            last.behind(),
            format!("`;` is missing after {shown}"),
            "add it",
        );
        Ok(())
    }

    /// Reports that the next token is not what must stand here.
    pub(super) fn expected(&mut self, what: &str, remedy: &str) -> Skip {
        if self.torn_quotation() {
            return Skip;
        }
        let next_line = self.next_begins();
        match self.peek() {
            Some(token)
                if self.at == 0
                    || !next_line
                        && !matches!(
                            token.kind,
                            TokenKind::Semicolon | TokenKind::Open | TokenKind::Close
                        ) =>
            {
                let shown = self.source.quoted(token.span);
                let found = format!("{shown} stands where {what} is expected");
                self.report.error(token.span, found, remedy);
            }
            _ => {
                let (last, shown) = self.last();
                let found = format!("{what} is missing after {shown}");
                self.report.error(last.behind(), found, remedy);
            }
        }
        Skip
    }

    /// Whether the mistake is that an earlier quotation was not closed on its line. From there on, text and
    /// quotations are exchanged, so the rest of the file is given up.
    pub(super) fn torn_quotation(&mut self) -> bool {
        let near = self.at.saturating_sub(1)..(self.at + 1).min(self.tokens.len());
        let torn = self
            .tokens
            .get(near)
            .unwrap_or_default()
            .iter()
            .find(|token| {
                token.kind == TokenKind::Quoted
                    && self
                        .text
                        .get(token.span.start..token.span.end)
                        .unwrap_or_default()
                        .contains(&b'\n')
            });
        let Some(torn) = torn.copied() else {
            return false;
        };
        let rest = self.text.get(torn.span.start..).unwrap_or_default();
        let line_len = rest.iter().position(|octet| *octet == b'\n');
        let first = Span {
            end: torn.span.start + line_len.unwrap_or(rest.len()),
            ..torn.span
        };
        self.report.error(
            torn.span,
            format!("{} is not closed on its line", self.source.quoted(first)),
            "add `\"` where the text ends; what follows was not read",
        );
        self.at = self.tokens.len();
        self.abandoned = true;
        self.gaps = true;
        true
    }

    pub(super) fn lone_semicolons(&mut self) {
        if let Some(token) = self.peek() {
            self.report
                .error(token.span, "`;` ends nothing", "remove it");
        }
        while self.peek_kind() == Some(TokenKind::Semicolon) {
            self.at += 1;
        }
    }

    /// Whether the statement has begun and the next line plainly begins another one.
    fn next_begins(&self) -> bool {
        self.at > self.began && self.peek_word().is_some_and(begins_something) && self.on_new_line()
    }

    /// Goes behind the `;` or the block that ends the statement, or to where the next one plainly begins, but
    /// not out of the block that it is in.
    pub(super) fn skip(&mut self) {
        let mut depth = 0_usize;
        while let Some(kind) = self.peek_kind() {
            match kind {
                TokenKind::Open => depth += 1,
                TokenKind::Close if depth == 0 => return,
                TokenKind::Word if depth == 0 && self.next_begins() => return,
                TokenKind::Close => {
                    depth -= 1;
                    if depth == 0 {
                        self.at += 1;
                        if self.peek_kind() == Some(TokenKind::Semicolon) {
                            self.at += 1;
                        }
                        return;
                    }
                }
                TokenKind::Semicolon if depth == 0 => {
                    self.at += 1;
                    return;
                }
                TokenKind::Semicolon
                | TokenKind::Word
                | TokenKind::Quoted
                | TokenKind::Comma
                | TokenKind::Slash => {}
            }
            self.at += 1;
        }
    }

    pub(super) fn peek(&self) -> Option<Token> {
        self.tokens.get(self.at).copied()
    }

    pub(super) fn peek_kind(&self) -> Option<TokenKind> {
        self.peek().map(|token| token.kind)
    }

    pub(super) fn peek_word(&self) -> Option<&str> {
        self.peek()
            .filter(|token| token.kind == TokenKind::Word)
            .map(|token| self.word_at(token))
    }

    pub(super) fn word_at(&self, token: Token) -> &str {
        let octets = self
            .text
            .get(token.span.start..token.span.end)
            .unwrap_or_default();
        std::str::from_utf8(octets).unwrap_or_default()
    }

    /// The token just read and its text.
    pub(super) fn last(&self) -> (Span, String) {
        match self.at.checked_sub(1).and_then(|at| self.tokens.get(at)) {
            Some(token) => (token.span, self.source.quoted(token.span)),
            None => (self.start, "the start of the file".to_owned()),
        }
    }

    /// Whether a line ends between the token just read and the next one.
    pub(super) fn on_new_line(&self) -> bool {
        let last = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        let Some((last, next)) = last.zip(self.tokens.get(self.at)) else {
            return true;
        };
        self.text
            .get(last.span.end..next.span.start)
            .unwrap_or_default()
            .contains(&b'\n')
    }
}

/// The word of a list that other programs call by this name.
fn elsewhere_called<T>(written: &str, words: Words<T>) -> Option<&'static str> {
    let written = written.to_ascii_lowercase().replace('_', "-");
    let meant = ALIASES
        .iter()
        .find(|(alias, _)| *alias == written)
        .map_or(written.as_str(), |(_, meant)| *meant);
    words
        .iter()
        .map(|(keyword, _)| *keyword)
        .find(|keyword| *keyword == meant)
}

/// The words of a list for a message.
fn list<T>(words: Words<T>) -> String {
    let words: Vec<String> = words
        .iter()
        .map(|(keyword, _)| format!("`{keyword}`"))
        .collect();
    words.join(", ")
}

/// The integer part of a number, and whether it is all of it.
fn number_of(text: &str) -> Option<(u64, bool)> {
    let (integer, fraction) = match text.split_once('.') {
        Some((integer, fraction)) => (integer, Some(fraction)),
        None => (text, None),
    };
    let digits = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit());
    let nonempty = fraction.map_or(!integer.is_empty(), |fraction| !fraction.is_empty());
    if !nonempty || !digits(integer) || !digits(fraction.unwrap_or_default()) {
        return None;
    }
    let limit = i64::MAX.unsigned_abs();
    let value = match integer {
        "" => 0,
        _ => integer.parse().unwrap_or(limit).min(limit),
    };
    Some((value, fraction.is_none()))
}

/// The seconds of a number with a unit, as other servers take it.
fn with_unit(text: &str) -> Option<u64> {
    let unit = match text.as_bytes().last()? {
        b's' => 1,
        b'm' => 60,
        b'h' => 3600,
        b'd' => 86_400,
        b'w' => 604_800,
        _ => return None,
    };
    let (number, true) = number_of(text.get(..text.len() - 1)?)? else {
        return None;
    };
    number.checked_mul(unit)
}
