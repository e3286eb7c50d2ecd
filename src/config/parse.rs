//! Tokens → the statements as written.
//!
//! A mistake ends the statement that it is in, and reading goes on behind its `;` or `}`, so one run reports
//! all mistakes of a file. Where the meaning is plain in spite of the mistake (a missing `;`, a misspelt
//! keyword), reading goes on as if it were right. The grammar has three levels and no recursion beyond them.
//!
//! Not here: whether what the statements say makes sense (`resolve`), and reading included files (`load`).

use super::ast::*;
use super::cursor::{Parser, Skip};
use super::diagnostic::{Report, Span};
use super::lex::{Source, TokenKind, tokens};

/// What a file says.
pub(super) struct Parsed {
    pub(super) statements: Vec<Statement>,
    /// Whether a statement was skipped, so that something may seem undefined only because of that.
    pub(super) gaps: bool,
}

/// Reads the statements of one file.
pub(super) fn parse(source: Source<'_>, report: &mut Report) -> Parsed {
    let tokens = tokens(source, report);
    let mut parser = Parser {
        source,
        text: source.text,
        start: Span {
            file: source.number,
            start: 0,
            end: 0,
        },
        tokens,
        at: 0,
        began: 0,
        abandoned: false,
        gaps: false,
        report,
    };
    let statements = parser.file();
    Parsed {
        statements,
        gaps: parser.gaps,
    }
}

/// What stood between two braces.
struct Body<T> {
    lines: Vec<T>,
    complete: bool,
}

impl Parser<'_> {
    fn file(&mut self) -> Vec<Statement> {
        let mut statements = Vec::new();
        while let Some(token) = self.peek() {
            if self.report.is_full() {
                break;
            }
            self.began = self.at;
            match token.kind {
                TokenKind::Word => match self.statement() {
                    Ok(statement) => {
                        statements.push(statement);
                        if self.end().is_err() {
                            self.skip();
                        }
                    }
                    Err(Skip) => {
                        self.skip();
                        self.gaps |= self.may_have_defined();
                    }
                },
                TokenKind::Semicolon => self.lone_semicolons(),
                TokenKind::Close => {
                    self.report
                        .error(token.span, "`}` closes nothing", "remove it");
                    self.at += 1;
                    if self.peek_kind() == Some(TokenKind::Semicolon) {
                        self.at += 1;
                    }
                }
                TokenKind::Quoted | TokenKind::Open | TokenKind::Comma | TokenKind::Slash => {
                    self.expected("the name of a statement", "");
                    self.gaps = true;
                    self.skip();
                }
            }
        }
        statements
    }

    /// Whether something that others refer to may have been in the statement just skipped.
    fn may_have_defined(&self) -> bool {
        let skipped = self.tokens.get(self.began..self.at).unwrap_or_default();
        let mut words = skipped.iter().filter_map(|token| {
            let text = (token.kind == TokenKind::Word).then(|| self.word_at(*token))?;
            Some(STATEMENTS.iter().find(|(keyword, _)| *keyword == text)?.1)
        });
        let defines = |key| match key {
            StatementKey::Block(kind) => kind == BlockKind::Pool,
            StatementKey::Option => false,
            StatementKey::IdAssoc
            | StatementKey::Authentication
            | StatementKey::KeyInfo
            | StatementKey::Include => true,
        };
        // What does not begin with a keyword may have been meant as any.
        let first = skipped.first().map(|token| self.word_at(*token));
        let is_known = STATEMENTS
            .iter()
            .any(|(keyword, _)| Some(*keyword) == first);
        !is_known || words.any(defines)
    }

    fn statement(&mut self) -> Result<Statement, Skip> {
        let (key, span) = self.keyword("a statement", STATEMENTS)?;
        match key {
            StatementKey::Block(kind) => self.block(kind).map(Statement::Block),
            StatementKey::Option => self.option().map(Statement::Option),
            StatementKey::IdAssoc => self.id_assoc(span).map(Statement::IdAssoc),
            StatementKey::Authentication => self.authentication().map(Statement::Authentication),
            StatementKey::KeyInfo => self.key_info().map(Statement::KeyInfo),
            StatementKey::Include => self
                .line_text("the path to include")
                .map(Statement::Include),
        }
    }

    fn block(&mut self, kind: BlockKind) -> Result<Block, Skip> {
        let name = self.name(kind.keyword())?;
        let what = format!("`{} {}`", kind.keyword(), name.text);
        let body = self.body(&what, name.span, Self::declaration)?;
        Ok(Block {
            kind,
            name,
            declarations: body.lines,
            complete: body.complete,
        })
    }

    fn declaration(&mut self) -> Result<Declaration, Skip> {
        let (key, span, keyword) = self.spelt("a declaration", DECLARATIONS)?;
        let meaning = match key {
            DeclarationKey::Send => Meaning::Send(self.items()?),
            DeclarationKey::Request => {
                self.items()?;
                Meaning::ClientOnly
            }
            DeclarationKey::InformationOnly => Meaning::ClientOnly,
            DeclarationKey::Script => {
                self.text("the path of the script")?;
                Meaning::ClientOnly
            }
            DeclarationKey::Allow => Meaning::Allow(self.item()?),
            DeclarationKey::Duid => Meaning::Duid(self.word("a DUID")?),
            DeclarationKey::Address => {
                Meaning::Address(self.word("an IPv6 address")?, self.durations()?)
            }
            DeclarationKey::Prefix => {
                let (address, length) = self.prefix()?;
                Meaning::Prefix(address, length, self.durations()?)
            }
            DeclarationKey::Preference => Meaning::Preference(self.number("a number")?),
            DeclarationKey::DelayedKey => {
                let name = self.word("the name of a keyinfo")?;
                let required = self.peek_word() == Some(REQUIRED);
                self.at += usize::from(required);
                Meaning::DelayedKey(name, required)
            }
            DeclarationKey::Range => {
                let first = self.word("an IPv6 address")?;
                if self.peek_word() != Some("to") {
                    return Err(self.expected("`to`", "write `range FIRST to LAST`"));
                }
                self.at += 1;
                Meaning::Range(first, self.word("an IPv6 address")?)
            }
            DeclarationKey::Prefixes => {
                let (address, length) = self.prefix()?;
                if self.peek_word() != Some(LENGTH) {
                    let remedy = "write `prefixes PREFIX/LENGTH length LENGTH`";
                    return Err(self.expected("`length`", remedy));
                }
                self.at += 1;
                Meaning::Prefixes(address, length, self.number("a prefix length")?)
            }
            DeclarationKey::AddressPool => {
                Meaning::AddressPool(self.word("the name of a pool")?, self.durations()?)
            }
            DeclarationKey::PrefixPool => {
                Meaning::PrefixPool(self.word("the name of a pool")?, self.durations()?)
            }
        };
        Ok(Declaration {
            span,
            keyword,
            meaning,
        })
    }

    fn items(&mut self) -> Result<Vec<Item>, Skip> {
        let mut items = vec![self.item()?];
        while self.peek_kind() == Some(TokenKind::Comma) {
            self.at += 1;
            items.push(self.item()?);
        }
        Ok(items)
    }

    fn item(&mut self) -> Result<Item, Skip> {
        let (key, span, keyword) = self.spelt("an option", ITEMS)?;
        let kind = match key {
            ItemKey::RapidCommit => ItemKind::RapidCommit,
            ItemKey::Authentication => ItemKind::Authentication(self.name("authentication")?),
            ItemKey::IaPd => ItemKind::IaPd(self.number("the number of an id-assoc")?),
            ItemKey::IaNa => ItemKind::IaNa(self.number("the number of an id-assoc")?),
            ItemKey::Option => ItemKind::Option,
        };
        Ok(Item {
            span,
            keyword,
            kind,
        })
    }

    fn option(&mut self) -> Result<OptionStatement, Skip> {
        let written = self.at;
        let (key, span, keyword) = self.spelt("an option", OPTIONS)?;
        let written = self.tokens.get(written).map(|token| self.word_at(*token));
        let guessed = written != Some(keyword);
        let value = match key {
            OptionKey::Addresses(option) => OptionValue::Addresses(option, self.addresses()),
            OptionKey::Name(option) => OptionValue::Name(option, self.line_text("a domain name")?),
            OptionKey::RefreshTime => OptionValue::RefreshTime(self.number("a number of seconds")?),
        };
        Ok(OptionStatement {
            span,
            keyword,
            guessed,
            value,
        })
    }

    /// Words up to something that begins the next statement.
    fn addresses(&mut self) -> Vec<Word> {
        let mut words = Vec::new();
        while let Some(token) = self.peek() {
            match token.kind {
                TokenKind::Word => {
                    let text = self.word_at(token);
                    if begins_something(text) || (self.on_new_line() && !text.contains([':', '.']))
                    {
                        break;
                    }
                    words.push(Word {
                        text: text.to_owned(),
                        span: token.span,
                    });
                    self.at += 1;
                }
                TokenKind::Comma => {
                    self.report.error(
                        token.span,
                        "`,` stands between two addresses",
                        "separate them with blanks alone",
                    );
                    self.at += 1;
                    if self.report.is_full() {
                        break;
                    }
                }
                TokenKind::Quoted
                | TokenKind::Semicolon
                | TokenKind::Open
                | TokenKind::Close
                | TokenKind::Slash => break,
            }
        }
        words
    }

    fn id_assoc(&mut self, span: Span) -> Result<IdAssoc, Skip> {
        let (kind, kind_span) = self.keyword("a kind of id-assoc", ASSOC_KINDS)?;
        let number = match self.peek_kind() {
            Some(TokenKind::Word) => Some(self.number("a number")?),
            _ => None,
        };
        let lines = match kind {
            AssocKind::Pd => PD_LINES,
            AssocKind::Na => NA_LINES,
        };
        let body = self.body("`id-assoc`", kind_span, |parser| parser.assoc_line(lines))?;
        Ok(IdAssoc {
            span: span.to(kind_span),
            kind,
            number,
            lines: body.lines,
        })
    }

    fn assoc_line(&mut self, lines: Words<AssocKey>) -> Result<AssocLine, Skip> {
        let (key, _, keyword) = self.spelt("a declaration", lines)?;
        Ok(match key {
            AssocKey::Address => {
                AssocLine::Address(self.word("an IPv6 address")?, self.durations()?)
            }
            AssocKey::Prefix => {
                let (address, length) = self.prefix()?;
                AssocLine::Prefix(address, length, self.durations()?)
            }
            AssocKey::PrefixInterface => {
                let name = self.name(keyword)?;
                let what = format!("`prefix-interface {}`", name.text);
                let body = self.body(&what, name.span, Self::prefix_interface_line)?;
                AssocLine::Interface(name, body.lines.into_iter().flatten().collect())
            }
        })
    }

    /// The value of a `sla-len`; nothing of what can be any number.
    fn prefix_interface_line(&mut self) -> Result<Option<Number>, Skip> {
        let (key, _) = self.keyword("a declaration", PREFIX_INTERFACE_LINES)?;
        Ok(match key {
            PrefixInterfaceKey::SlaLen => Some(self.number("a number")?),
            PrefixInterfaceKey::Number => {
                self.number("a number")?;
                None
            }
            PrefixInterfaceKey::IfidRandom => None,
        })
    }

    fn authentication(&mut self) -> Result<Authentication, Skip> {
        let name = self.name("authentication")?;
        let what = format!("`authentication {}`", name.text);
        let body = self.body(&what, name.span, |parser| {
            let (key, span, keyword) = parser.spelt("a declaration", AUTH_LINES)?;
            let protocol = match key {
                AuthKey::Protocol => Some(parser.keyword("a protocol", AUTH_PROTOCOLS)?),
                AuthKey::Algorithm => {
                    parser.keyword("an algorithm", AUTH_ALGORITHMS)?;
                    None
                }
                AuthKey::Rdm => {
                    parser.keyword("a replay detection method", AUTH_RDMS)?;
                    None
                }
                AuthKey::Key => {
                    parser.word("the name of a keyinfo")?;
                    None
                }
            };
            Ok(AuthLine {
                span,
                keyword,
                protocol,
            })
        })?;
        Ok(Authentication {
            name,
            lines: body.lines,
            complete: body.complete,
        })
    }

    fn key_info(&mut self) -> Result<KeyInfo, Skip> {
        let name = self.name("keyinfo")?;
        let what = format!("`keyinfo {}`", name.text);
        let body = self.body(&what, name.span, Self::key_field)?;
        Ok(KeyInfo {
            name,
            fields: body.lines,
            complete: body.complete,
        })
    }

    fn key_field(&mut self) -> Result<KeyField, Skip> {
        let (key, span, keyword) = self.spelt("a declaration", KEY_LINES)?;
        let value = match key {
            KeyKey::Realm => KeyValue::Realm(self.text("a realm")?),
            KeyKey::Id => KeyValue::Id(self.number("a number")?),
            KeyKey::Secret => KeyValue::Secret(self.text("a secret")?),
            KeyKey::Expire => KeyValue::Expire(self.line_text("a date")?),
        };
        Ok(KeyField {
            span,
            keyword,
            value,
        })
    }

    /// Everything between `{` and `}`, each line ending with `;`.
    fn body<T>(
        &mut self,
        what: &str,
        header: Span,
        mut line: impl FnMut(&mut Self) -> Result<T, Skip>,
    ) -> Result<Body<T>, Skip> {
        if self.peek_kind() != Some(TokenKind::Open) {
            return Err(self.expected("`{`", ""));
        }
        self.at += 1;
        let mut body = Body {
            lines: Vec::new(),
            complete: true,
        };
        loop {
            self.began = self.at;
            match self.peek_kind() {
                _ if self.report.is_full() => return Err(Skip),
                Some(TokenKind::Close) => {
                    self.at += 1;
                    return Ok(body);
                }
                Some(TokenKind::Semicolon) => self.lone_semicolons(),
                Some(TokenKind::Word) if !self.block_begins() => {
                    let ended = match line(self) {
                        Ok(read) => {
                            body.lines.push(read);
                            self.end()
                        }
                        Err(Skip) => Err(Skip),
                    };
                    if ended.is_err() {
                        // What is skipped may be another line.
                        body.complete = false;
                        self.skip();
                    }
                }
                None | Some(TokenKind::Word) => {
                    if !self.abandoned {
                        let open = "add `};` where it ends";
                        self.report
                            .error(header, format!("{what} is not closed"), open);
                    }
                    self.abandoned = true;
                    body.complete = false;
                    return Ok(body);
                }
                Some(TokenKind::Quoted | TokenKind::Open | TokenKind::Comma | TokenKind::Slash) => {
                    self.expected("a declaration", "");
                    body.complete = false;
                    self.skip();
                }
            }
        }
    }

    /// Whether what follows can only be a statement of the outermost level: `pool NAME {`.
    fn block_begins(&self) -> bool {
        let mut ahead = self.tokens.iter().skip(self.at);
        let (Some(first), Some(second), Some(third)) = (ahead.next(), ahead.next(), ahead.next())
        else {
            return false;
        };
        second.kind == TokenKind::Word
            && third.kind == TokenKind::Open
            && STATEMENTS
                .iter()
                .any(|(keyword, _)| *keyword == self.word_at(*first))
    }
}
