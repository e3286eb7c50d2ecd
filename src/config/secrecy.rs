//! What of a configuration may be shown: everything but the secrets of keys.
//!
//! Messages, and the lines that are printed with them, are cut out of a copy of the file that has `*` where
//! secrets are. The copy is made from the text alone, before any of it is understood, so that a secret stays
//! hidden where the statement around it is full of mistakes: the keyword may be misspelt, a quotation mark may be
//! missing, the statement may be commented out. Where in doubt, more is hidden.

use super::diagnostic::nearest;
use super::lex::is_word;
use std::ops::Range;

const KEYWORD: &str = "secret";
/// The statement whose quotations are secrets, but for those behind [`SHOWN`].
const BLOCK: &[u8] = b"keyinfo";
const SHOWN: [&[u8]; 2] = [b"realm", b"expire"];
const NAME_OF_KEY: &[u8] = b"delayedkey";
/// A word behind one of these is a name, be it what it may.
const BEFORE_NAMES: [&[u8]; 5] = [
    b"address-pool",
    b"prefix-pool",
    b"authentication",
    NAME_OF_KEY,
    b"key",
];

/// A copy of the text, octet for octet, with `*` in place of secrets.
pub(super) fn masked(text: &[u8]) -> Vec<u8> {
    let mut shown = text.to_vec();
    for secret in secrets(text) {
        let octets = shown.get_mut(secret).unwrap_or_default();
        for octet in octets.iter_mut().filter(|it| !matches!(it, b'"' | b'\n')) {
            *octet = b'*';
        }
    }
    shown
}

/// The octets of a file that are secrets, in file order. They do not overlap.
fn secrets(text: &[u8]) -> Vec<Range<usize>> {
    let mut scanner = Scanner {
        text,
        last: &[],
        in_block: false,
        comment: false,
    };
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(octet) = text.get(at).copied() {
        let (end, secret) = scanner.step(at, octet);
        found.extend(secret);
        at = end.max(at + 1);
    }
    found
}

/// Whether a word is the keyword, or was meant to be.
fn is_keyword(word: &[u8]) -> bool {
    // Nearly all words of a long file are told apart by this.
    let likely = (5..=8).contains(&word.len()) && word.iter().take(2).any(|it| it | 0x20 == b's');
    likely
        && str::from_utf8(word)
            .is_ok_and(|word| nearest(&word.to_ascii_lowercase(), [KEYWORD]).is_some())
}

struct Scanner<'a> {
    text: &'a [u8],
    /// The word before.
    last: &'a [u8],
    in_block: bool,
    comment: bool,
}

impl Scanner<'_> {
    /// Looks at what begins here. Returns where it ends and what of it is secret.
    fn step(&mut self, at: usize, octet: u8) -> (usize, Option<Range<usize>>) {
        match octet {
            b'\n' => self.comment = false,
            b'#' => self.comment = true,
            b'}' => self.in_block = false,
            b'"' if self.in_block && SHOWN.contains(&self.last) => return (self.shown(at), None),
            // A name has no quotation marks: whoever writes them there may have taken the secret for the name.
            b'"' if self.in_block || self.last == NAME_OF_KEY => return self.value(at),
            octet if is_word(octet) => return self.word(at),
            _ => {}
        }
        (at + 1, None)
    }

    fn word(&mut self, at: usize) -> (usize, Option<Range<usize>>) {
        let end = self.find(at, |octet| !is_word(octet));
        let text = self.text;
        let word = text.get(at..end).unwrap_or_default();
        let before = std::mem::replace(&mut self.last, word);
        if word == BLOCK {
            self.in_block = true;
        }
        let quoted = at > 0 && text.get(at - 1) == Some(&b'"') && text.get(end) == Some(&b'"');
        if !is_keyword(word) || quoted || BEFORE_NAMES.contains(&before) {
            return (end, None);
        }
        self.value(end)
    }

    /// Behind a quotation that may be shown. Where it does not look like one, behind its quotation mark.
    fn shown(&mut self, at: usize) -> usize {
        self.last = &[];
        let end = self.find(at + 1, |octet| matches!(octet, b'"' | b';' | b'\n'));
        match self.text.get(end) {
            Some(b'"') => end + 1,
            _ => at + 1,
        }
    }

    /// The value that is written from here on.
    fn value(&self, from: usize) -> (usize, Option<Range<usize>>) {
        let comment = self.comment;
        let blank = |octet| matches!(octet, b' ' | b'\t' | b'\r') || octet == b'\n' && !comment;
        let first = self.find(from, |octet| !blank(octet));
        let ends = |octet| matches!(octet, b';' | b'{' | b'}' | b'\n');
        if self.text.get(first) != Some(&b'"') {
            let end = self.find(first, ends);
            return (end, Some(first..end).filter(|it| !it.is_empty()));
        }
        let start = first + 1;
        let close = self.find(start, |octet| octet == b'"' || comment && octet == b'\n');
        match self.text.get(close) {
            Some(b'"') => {}
            Some(_) => return (close, Some(start..close)),
            None => {
                // Nobody closed it. More than one statement is not hidden for that.
                let end = self.find(start, |octet| octet == b';');
                return (end, Some(start..end));
            }
        }
        // What is glued to it may be the end of a secret that has a quotation mark in it.
        let end = self.find(close + 1, ends);
        let glued = self.text.get(close + 1..end).unwrap_or_default();
        let all_blank = glued.iter().all(|octet| octet.is_ascii_whitespace());
        (end, Some(start..if all_blank { close } else { end }))
    }

    /// Where from here on the first such octet is, or the end of the file.
    fn find(&self, from: usize, wanted: impl Fn(u8) -> bool) -> usize {
        let rest = self.text.get(from..).unwrap_or_default();
        let length = rest.iter().position(|octet| wanted(*octet));
        from + length.unwrap_or(rest.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        String::from_utf8(masked(text.as_bytes())).expect("what was text")
    }

    #[test]
    fn a_secret_is_hidden_however_it_is_written() {
        for (text, hidden) in [
            ("secret \"MTIz\"; expire", "secret \"****\"; expire"),
            ("{secret\n\"MT\nIz\";}", "{secret\n\"**\n**\";}"),
            ("secret MTIz+/a=; x", "secret ********; x"),
            ("secret 'MTIz'\nx", "secret ******\nx"),
            ("secret \"MTIz; x", "secret \"****; x"),
            ("secrt \"MTIz\";", "secrt \"****\";"),
            ("Secret\t\"MTIz\";", "Secret\t\"****\";"),
            (
                "secret-key \"MTIz\"; secret \"MTIz\"",
                "secret-key \"MTIz\"; secret \"****\"",
            ),
        ] {
            assert_eq!(shown(text), hidden);
        }
    }

    #[test]
    fn everything_else_is_shown() {
        for text in [
            "pool secret { range ::1 to ::2; };",
            "host h { address-pool secret; };",
            "script \"/a\"; realm \"r\"; expire \"forever\"; option domain-name \"server\";",
            "secret",
            "",
        ] {
            assert_eq!(shown(text), text);
        }
    }

    fn hidden(text: &str) -> Vec<&str> {
        secrets(text.as_bytes())
            .into_iter()
            .map(|range| &text[range])
            .collect()
    }

    #[test]
    fn a_secret_is_found_and_nothing_else() {
        let text = "keyinfo k { realm \"r\"; keyid 1; secret \"cHNr\"; expire \"forever\"; };\n\
                    option domain-name \"example.net\";";
        assert_eq!(hidden(text), ["cHNr"]);
        assert_eq!(hidden("pool secret { range a to b; };"), [""; 0]);
        assert_eq!(hidden("interface e { address-pool secret 10; };"), [""; 0]);
        assert_eq!(
            hidden("host h { delayedkey secret; };\noption domain-name \"secret\";"),
            [""; 0]
        );
        assert_eq!(hidden("option domain-name \"secret.example\";"), [""; 0]);
    }

    #[test]
    fn mistakes_do_not_bring_a_secret_to_light() {
        for text in [
            "secret cHNr;",
            "secret \"cHNr;",
            "secret = cHNr;",
            "secert \"cHNr\";",
            "SECRET\n\t\"cHNr\"",
            "secret \"x\"cHNr\";",
            "secret \"x\ncHNr\";",
            "realm \"r; keyid 1;\nsecret \"cHNr\";",
            "# secret \"cHNr\";",
            "// secret cHNr",
            "keyinfo k { key \"cHNr\"; };",
            "keyinfo k { realm \"r\"; \"secret\" \"cHNr\"; };",
            "keyinfo k { realm \"secret\"; secret \"cHNr\"; };",
            "realm \"r\" secret \"cHNr\" keyid 1",
            "keyinfo k { realm \"r; secret \"cHNr\"; };",
            "keyinfo k { realm \"a;b\"; secret \"cHNr\"; };",
            "key x { algorithm hmac-md5; secret \"cHNr\"; }",
            "secret \"cHNr",
        ] {
            let at = text.find("cHNr").expect("a secret");
            let secrets = secrets(text.as_bytes());
            let covers = |it: &Range<usize>| it.start <= at && at + 4 <= it.end;
            assert!(secrets.iter().any(covers), "{text}: {secrets:?}");
        }
    }

    #[test]
    fn a_comment_about_secrets_hides_nothing_of_the_next_line() {
        let text = "# a \"secret\n# secret\noption refreshtime 700;";
        assert_eq!(hidden(text), [""; 0]);
        assert_eq!(hidden("secret \"a;\nb; c"), ["a"]);
    }
}
