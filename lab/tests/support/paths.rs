//! The paths that a Rust file names, as far as rules about them need it: `use` lines with their braces taken
//! apart, and paths in code. Comments, text and test modules name nothing.

/// A path like `crate::wire::Duid`, and the line that it stands on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Named {
    pub(crate) line: usize,
    pub(crate) path: String,
}

/// Every path of a file, single words among them.
pub(crate) fn named(source: &str) -> Vec<Named> {
    let code = code(source);
    let mut reader = Reader {
        tokens: tokens(&code),
        at: 0,
        named: Vec::new(),
    };
    while reader.at < reader.tokens.len() {
        reader.path("");
    }
    reader.named
}

/// The file up to its test module, with blanks for what is not code.
fn code(source: &str) -> String {
    let tests = [
        "\n#[cfg(test)]\nmod tests {",
        "\n#[cfg(test)]\npub(crate) mod",
    ];
    let ends = tests.iter().filter_map(|it| source.find(it));
    let source = source.get(..ends.min().unwrap_or(source.len()));
    let mut rest = source.unwrap_or_default();
    let mut code = String::new();
    while let Some(first) = rest.chars().next() {
        let len = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if first == '"' {
            text_len(rest)
        } else if let Some(len) = character_len(rest) {
            len
        } else {
            code.push(first);
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
            continue;
        };
        let (skipped, behind) = rest.split_at(len);
        code.extend(skipped.chars().filter(|&it| it == '\n'));
        code.push(' ');
        rest = behind;
    }
    code
}

/// Octets of the text between quotation marks that stands in front.
fn text_len(source: &str) -> usize {
    let mut escaped = false;
    for (index, character) in source.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return index + 1,
            _ => {}
        }
    }
    source.len()
}

/// Octets of the character in quotation marks that stands in front; a lifetime is none.
fn character_len(source: &str) -> Option<usize> {
    let inner = source.strip_prefix('\'')?;
    let escaped = usize::from(inner.starts_with('\\'));
    let len: usize = inner.chars().take(1 + escaped).map(char::len_utf8).sum();
    inner.get(len..)?.starts_with('\'').then_some(len + 2)
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Token {
    Word(usize, String),
    Colons,
    Open,
    Close,
    Other,
}

fn tokens(code: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    for (index, line) in code.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let is_word = |it: char| it.is_alphanumeric() || it == '_';
            let len = match first {
                _ if is_word(first) => rest.find(|it| !is_word(it)).unwrap_or(rest.len()),
                ':' if rest.starts_with("::") => 2,
                _ => first.len_utf8(),
            };
            let (token, behind) = rest.split_at(len);
            tokens.push(match token {
                "::" => Token::Colons,
                "{" => Token::Open,
                "}" => Token::Close,
                _ if is_word(first) => Token::Word(index + 1, token.to_owned()),
                _ => Token::Other,
            });
            rest = behind.trim_start();
        }
    }
    tokens
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
    named: Vec<Named>,
}

impl Reader {
    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn take(&mut self, token: &Token) -> bool {
        let found = self.tokens.get(self.at) == Some(token);
        self.at += usize::from(found);
        found
    }

    /// Reads one path, or a token that belongs to none; `prefix` stands in front of the braces around it.
    fn path(&mut self, prefix: &str) {
        let Some(Token::Word(line, word)) = self.next() else {
            return;
        };
        let mut path = format!("{prefix}{word}");
        while self.take(&Token::Colons) {
            if self.take(&Token::Open) {
                let prefix = format!("{path}::");
                while self.at < self.tokens.len() && !self.take(&Token::Close) {
                    self.path(&prefix);
                }
                return;
            }
            match self.tokens.get(self.at) {
                Some(Token::Word(_, word)) => path = format!("{path}::{word}"),
                _ => break,
            }
            self.at += 1;
        }
        self.named.push(Named { line, path });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(source: &str) -> Vec<String> {
        let named = named(source).into_iter();
        named
            .map(|it| it.path)
            .filter(|it| it.contains("::"))
            .collect()
    }

    #[test]
    fn braces_are_taken_apart() {
        let source =
            "use std::{fs, io::{self, Read as R}};\nuse crate::wire::{\n    Duid,\n    Writer,\n};";
        assert_eq!(
            paths(source),
            [
                "std::fs",
                "std::io::self",
                "std::io::Read",
                "std::io::as",
                "std::io::R",
                "crate::wire::Duid",
                "crate::wire::Writer"
            ]
        );
    }

    #[test]
    fn code_names_paths_too() {
        let source = "fn f<'a>(x: &'a std::fs::File) -> Vec::<u8> { match c { ':' => libc::bind(x), _ => {} } }";
        assert_eq!(paths(source), ["std::fs::File", "libc::bind"]);
        let lines = named("\n\nlibc::x()");
        assert_eq!(lines[0].line, 3);
    }

    #[test]
    fn comments_text_and_test_modules_name_nothing() {
        let source = "//! std::fs\n/// [`std::env`]\nlet x = \"std::time \\\" std::net\"; // libc::x\n\
                      \n#[cfg(test)]\nmod tests {\n    use std::thread::spawn;\n}\n";
        assert_eq!(paths(source), [""; 0]);
    }
}
