//! What is wrong with a text that is no YAML, for people who do not know the words of a parser: what they most probably
//! did, where, and what would be right.

/// A mistake with its place, line and column from 1.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) reason: String,
}

/// The mistake behind what a parser says of a place.
pub(super) fn explain(text: &str, line: usize, column: usize, said: &str) -> Mistake {
    let at = |reason: &str| Mistake {
        line,
        column,
        reason: reason.to_owned(),
    };
    if let Some(mistake) = tab(text, line) {
        return mistake;
    }
    if said.contains("quoted scalar") && !said.contains("escape") && !said.contains("hexadecimal") {
        return quote(text, line, column);
    }
    if let Some(mistake) = colon(text, line) {
        return mistake;
    }
    if let Some(mistake) = bracket(text, line, column) {
        return mistake;
    }
    match said {
        it if it.contains("mapping values are not allowed") || it.contains("placement of ':'") => {
            at(
                "a `:` is not expected here: a text with a `: ` in it needs quotes, and each key of a map begins in the \
                same column",
            )
        }
        it if it.contains("flow ") => {
            at("a bracket above is not closed, or there is no `,` between two things in it")
        }
        it if it.contains("block mapping")
            || it.contains("block collection")
            || it.contains("expected ':'")
            || it.contains("expect ':'")
            || it.contains("simple key expected")
            || it.contains("invalid indentation") =>
        {
            at(
                "this line does not go with those above: the keys of a map, and each `-` of a list, begin in the same \
                column, and behind a key stands a `:`",
            )
        }
        it if it.contains("wrongly indented line in block scalar") => at(
            "this line is indented less than the first line of its text: each line below a `|` begins where the \
                first one does, or farther right",
        ),
        it if it.contains("block sequence entries") => {
            at("a `-` is not expected here: a list begins on a line of its own, below its key")
        }
        it if it.contains("escape") || it.contains("hexadecimal") => at(
            "there is no such escape: within \"…\" write `\\\\` for a `\\`, or put the text in '…'",
        ),
        it if it.contains("unexpected character") || it.contains("plain scalar cannot start") => {
            at("a text cannot begin with this character: put it in quotes")
        }
        it if it.contains("misplaced bracket") => at("this bracket closes nothing"),
        it => at(&format!("this is no YAML: {it}")),
    }
}

/// A tab ahead of a line, or of one right above.
fn tab(text: &str, line: usize) -> Option<Mistake> {
    let near = line.saturating_sub(2)..=line;
    let mut lines = text.lines().zip(1..).filter(|(_, it)| near.contains(it));
    lines.find_map(|(content, line)| {
        let indentation = content.split(|it: char| !it.is_whitespace()).next()?;
        let column = indentation.find('\t')? + 1;
        Some(Mistake {
            line,
            column,
            reason: "a tab: YAML is indented with blanks alone".to_owned(),
        })
    })
}

/// A quotation mark that nothing closes. Where it stands is where the parser began to read the text, or the last one
/// before the place at which it gave up.
fn quote(text: &str, line: usize, column: usize) -> Mistake {
    let before = text.lines().zip(1..).take(line);
    let marks = before.flat_map(|(content, number)| {
        let within = content
            .chars()
            .zip(1..)
            .filter(move |(_, it)| number < line || *it <= column);
        within
            .filter(|(it, _)| ['"', '\''].contains(it))
            .map(move |(mark, at)| (mark, number, at))
    });
    let (mark, line, column) = marks.last().unwrap_or(('"', line, column));
    Mistake {
        line,
        column,
        reason: format!("a text in quotes is not closed: there is no other `{mark}` that ends it"),
    }
}

/// The innermost bracket ahead of a place that is not closed there. One in the text of a configuration stands behind a
/// word, and opens nothing in YAML.
fn bracket(text: &str, line: usize, column: usize) -> Option<Mistake> {
    let mut open = Vec::new();
    for (content, number) in text.lines().zip(1..).take(line) {
        let (mut quoted, mut before) = (None, None);
        for (sign, at) in content.chars().zip(1..) {
            if number == line && at >= column {
                break;
            }
            match (quoted, sign) {
                (None, '"' | '\'') => quoted = Some(sign),
                (Some(mark), _) if sign == mark => quoted = None,
                (None, '{' | '[')
                    if !open.is_empty() || matches!(before, None | Some(':' | '-')) =>
                {
                    open.push((sign, number, at));
                }
                (None, '}' | ']') => drop(open.pop()),
                _ => {}
            }
            if !sign.is_whitespace() {
                before = Some(sign);
            }
        }
    }
    let (sign, line, column) = open.pop()?;
    Some(Mistake {
        line,
        column,
        reason: format!("this `{sign}` is not closed, or there is no `,` between two things in it"),
    })
}

/// A key without a blank behind its colon, on a line or on one of the two above it.
fn colon(text: &str, line: usize) -> Option<Mistake> {
    let near = line.saturating_sub(2)..=line;
    let lines = text.lines().zip(1..).filter(|(_, it)| near.contains(it));
    let found = lines.filter_map(|(content, line)| {
        let rest = content.trim_start().trim_start_matches("- ").trim_start();
        let (key, value) = rest.split_once(':')?;
        let is_key = !key.is_empty() && key.chars().all(|it| it.is_ascii_lowercase() || it == '_');
        let joined = value.starts_with(|it: char| !it.is_whitespace() && it != ':' && it != '/');
        (is_key && joined).then(|| Mistake {
            line,
            column: content.chars().count() - value.chars().count(),
            reason: format!(
                "a blank is missing behind the colon: `{key}: {}`",
                value.trim_end()
            ),
        })
    });
    found.last()
}

#[cfg(test)]
mod tests {
    use crate::scenario::document::read;
    use std::path::Path;

    fn refusal(text: &str) -> String {
        read(Path::new("x.yaml"), text)
            .expect_err("it is no YAML")
            .to_string()
    }

    #[test]
    fn what_people_do_is_told_in_words() {
        for (text, place, words) in [
            ("why: x\nclients:\n\tfirst: {}\n", "x.yaml:3:1: ", "a tab: "),
            (
                "steps:\n  - send:\n  \t  from: first\n",
                "x.yaml:3:3: ",
                "a tab: ",
            ),
            ("why:It fails\nrfc: []\n", "x.yaml:1:4: ", "`why: It fails`"),
            (
                "why: It fails: always\n",
                "x.yaml:1:",
                "a text with a `: ` in it needs quotes",
            ),
            (
                "why: \"It fails\nrfc: []\nsteps: []\n",
                "x.yaml:1:6: ",
                "not closed",
            ),
            (
                "why: 'It fails\nrfc: []\n",
                "x.yaml:1:6: ",
                "no other `'` that ends it",
            ),
            (
                "clients: { first: {}\nsteps: []\n",
                "x.yaml:1:10: ",
                "this `{` is not closed",
            ),
            (
                "rfc: [\"9915 §18\"\nsteps: {}\n",
                "x.yaml:1:6: ",
                "this `[` is not closed",
            ),
            (
                "config: |\n  interface eth0 {\nwhy: x\n rfc: []\n",
                "x.yaml:4:",
                "same column",
            ),
            ("why: x\n rfc: []\n", "x.yaml:2:", "same column"),
            (
                "steps:\n  - send: {}\n - expect: reply\n",
                "x.yaml:3:",
                "same column",
            ),
            (
                "why: x\nsteps\nrfc: []\n",
                "x.yaml:",
                "behind a key stands a `:`",
            ),
            ("steps: - expect: reply\n", "x.yaml:1:", "below its key"),
            ("why: \"a \\d\"\n", "x.yaml:1:", "no such escape"),
            ("why: @x\n", "x.yaml:1:", "put it in quotes"),
        ] {
            let said = refusal(text);
            assert!(
                said.starts_with(place) && said.contains(words),
                "{text}{said}"
            );
        }
    }
}
