//! What of a configuration may be shown: everything but the secrets of keys.
//!
//! Messages, and the lines that are printed with them, are cut out of a copy of the file that has `*` where
//! secrets are. The copy is made from the text alone, before any of it is understood, so that a secret stays
//! hidden where the statement around it is full of mistakes.

use super::diagnostic::nearest;
use super::lex::is_word;

/// The keyword that a secret stands behind.
const KEYWORD: &str = "secret";

/// A copy of the text, octet for octet, with `*` in place of what stands behind `secret`.
pub(super) fn masked(text: &[u8]) -> Vec<u8> {
    let mut shown = text.to_vec();
    let mut at = 0;
    while let Some(octet) = text.get(at).copied() {
        if !is_word(octet) {
            at += 1;
            continue;
        }
        let rest = text.get(at..).unwrap_or_default();
        let word_len = run(rest, is_word);
        at += word_len;
        let word = rest.get(..word_len).unwrap_or_default();
        let behind = rest.get(word_len..).unwrap_or_default();
        let blanks = run(behind, |octet| octet.is_ascii_whitespace());
        let value = behind.get(blanks..).unwrap_or_default();
        let len = secret_len(word, value);
        if let Some(secret) = shown.get_mut(at + blanks..at + blanks + len) {
            for octet in secret
                .iter_mut()
                .filter(|octet| !matches!(octet, b'"' | b'\n'))
            {
                *octet = b'*';
            }
        }
        if len > 0 {
            at += blanks + len;
        }
    }
    shown
}

/// How much of what stands behind a word is a secret.
fn secret_len(word: &[u8], value: &[u8]) -> usize {
    let exact = word == KEYWORD.as_bytes();
    match value.first() {
        Some(b'"') if exact || is_close(word) => {
            let inner = value.get(1..).unwrap_or_default();
            match inner.iter().position(|octet| *octet == b'"') {
                Some(len) => len + 2,
                None => 1 + line_len(inner),
            }
        }
        // The quotation marks were forgotten; or somebody has called a pool so.
        Some(octet) if exact && !matches!(octet, b'{' | b'}' | b';') => line_len(value),
        _ => 0,
    }
}

fn is_close(word: &[u8]) -> bool {
    let word = str::from_utf8(word).unwrap_or_default();
    word.len() < 2 * KEYWORD.len() && nearest(&word.to_ascii_lowercase(), [KEYWORD]).is_some()
}

fn line_len(text: &[u8]) -> usize {
    run(text, |octet| !matches!(octet, b';' | b'\n'))
}

fn run(text: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    let end = text.iter().position(|octet| !belongs(*octet));
    end.unwrap_or(text.len())
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
}
