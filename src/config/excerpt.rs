//! The line that a finding is about, made fit to be shown.
//!
//! A file may hold anything: lines of megabytes, control characters, octets that are no text. What comes out is
//! one line of bounded length without any of these, and where in it the finding is.
//!
//! Not here: secrets, which the text that is handed in has no more (`secrecy`).

use std::ops::Range;

/// The line that a finding is about, as it may be shown to anybody on any terminal: without secrets and control
/// characters, and cut to a bounded length.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Excerpt {
    /// The text, without a line end.
    pub text: String,
    /// The octets of `text` that the finding is about; empty where something is missing.
    pub marked: Range<usize>,
}

/// The most characters of a line that are shown.
const SHOWN_MAX: usize = 100;
/// Characters shown before the finding where a line is cut.
const BEFORE: usize = 40;
/// Octets that are looked at on either side of where the finding begins.
const REACH: usize = 4 * SHOWN_MAX;
const CUT: char = '…';
/// Columns that a tab is wide.
const TAB: usize = 4;
const BYTE_ORDER_MARK: char = '\u{feff}';

/// A character that is shown, and the octets of the file that it stands for.
struct Piece {
    shown: char,
    from: usize,
    to: usize,
}

impl Excerpt {
    /// The line in which a stretch of a file begins.
    pub(super) fn new(text: &[u8], span: Range<usize>) -> Self {
        let (line, whole) = line(text, span.start);
        let pieces = pieces(text, line);
        let first = pieces.partition_point(|piece| piece.to <= span.start);
        let last = match span.is_empty() {
            true => first,
            false => pieces.partition_point(|piece| piece.from < span.end),
        };
        let shown = window(pieces.len(), first);
        let mut excerpt = Self {
            text: String::new(),
            marked: 0..0,
        };
        if shown.start > 0 || !whole.start {
            excerpt.text.push(CUT);
        }
        for (number, piece) in pieces.iter().enumerate().take(shown.end).skip(shown.start) {
            if number == first {
                excerpt.marked.start = excerpt.text.len();
            }
            excerpt.text.push(piece.shown);
            if number < last {
                excerpt.marked.end = excerpt.text.len();
            }
        }
        if first == shown.end {
            excerpt.marked.start = excerpt.text.len();
        }
        excerpt.marked.end = excerpt.marked.end.max(excerpt.marked.start);
        if shown.end < pieces.len() || !whole.end {
            excerpt.text.push(CUT);
        }
        excerpt
    }
}

/// Whether a line is there from its start and to its end.
struct Whole {
    start: bool,
    end: bool,
}

/// The line around a place, as far as is looked at.
fn line(text: &[u8], at: usize) -> (Range<usize>, Whole) {
    let at = at.min(text.len());
    let low = at.saturating_sub(REACH);
    let high = at.saturating_add(REACH).min(text.len());
    let before = text.get(low..at).unwrap_or_default();
    let behind = text.get(at..high).unwrap_or_default();
    let start = before.iter().rposition(|octet| *octet == b'\n');
    let end = behind.iter().position(|octet| *octet == b'\n');
    let whole = Whole {
        start: start.is_some() || low == 0,
        end: end.is_some() || high == text.len(),
    };
    let mut line = start.map_or(low, |it| low + it + 1)..end.map_or(high, |it| at + it);
    let goes_on = |at: usize| text.get(at).is_some_and(|octet| octet & 0xc0 == 0x80);
    // A character has at most three octets more.
    for _ in 0..3 {
        if !whole.start && line.start < at && goes_on(line.start) {
            line.start += 1;
        }
        if !whole.end && line.end > at && goes_on(line.end) {
            line.end -= 1;
        }
    }
    if whole.end && line.end > at && text.get(line.end - 1) == Some(&b'\r') {
        line.end -= 1;
    }
    (line, whole)
}

fn pieces(text: &[u8], line: Range<usize>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut at = line.start;
    for chunk in text.get(line).unwrap_or_default().utf8_chunks() {
        for character in chunk.valid().chars() {
            let (from, to) = (at, at + character.len_utf8());
            at = to;
            let (shown, count) = match character {
                BYTE_ORDER_MARK if from == 0 => continue,
                '\t' => (' ', TAB),
                _ => (printable(character), 1),
            };
            pieces.extend((0..count).map(|_| Piece { shown, from, to }));
        }
        let (from, to) = (at, at + chunk.invalid().len());
        at = to;
        let shown = char::REPLACEMENT_CHARACTER;
        pieces.extend((from < to).then_some(Piece { shown, from, to }));
    }
    pieces
}

/// A character that takes the place of one that would do something to a terminal, or that nobody can see.
pub(super) fn printable(character: char) -> char {
    /// The pictures of the control characters begin here.
    const PICTURES: u32 = 0x2400;
    let picture = |number| char::from_u32(PICTURES + number);
    let code = u32::from(character);
    match code {
        0..=0x1f => picture(code).unwrap_or(char::REPLACEMENT_CHARACTER),
        0x7f => picture(0x21).unwrap_or(char::REPLACEMENT_CHARACTER),
        // C1 controls, soft hyphen, and what joins, parts or turns text without being seen.
        0x80..=0x9f
        | 0xad
        | 0x61c
        | 0x180e
        | 0x200b..=0x200f
        | 0x2028..=0x202e
        | 0x2060..=0x206f
        | 0xfeff
        | 0xfff9..=0xfffb
        | 0xe0000..=0xe0fff => char::REPLACEMENT_CHARACTER,
        _ => character,
    }
}

/// Which of so many characters are shown if the finding begins at this one.
fn window(count: usize, first: usize) -> Range<usize> {
    if count <= SHOWN_MAX {
        return 0..count;
    }
    let end = first.saturating_sub(BEFORE).saturating_add(SHOWN_MAX);
    let end = end.min(count);
    end - SHOWN_MAX..end
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The excerpt with brackets around what is marked.
    fn excerpt(text: &[u8], span: Range<usize>) -> String {
        let Excerpt { mut text, marked } = Excerpt::new(text, span);
        text.insert(marked.end, ']');
        text.insert(marked.start, '[');
        text
    }

    #[test]
    fn the_line_is_shown_with_its_mark() {
        assert_eq!(excerpt(b"a\nbcd e\nf", 3..4), "b[c]d e");
        assert_eq!(excerpt(b"a\nbcd e\nf", 7..7), "bcd e[]");
        assert_eq!(excerpt(b"", 0..0), "[]");
        assert_eq!(excerpt(b"abc\ndef\nghi", 1..9), "a[bc]");
        assert_eq!(excerpt(b"abc", 99..120), "abc[]");
    }

    #[test]
    fn what_would_disturb_a_terminal_is_replaced() {
        assert_eq!(excerpt(b"\tx\0\x1b[2J;\x7f\r\n", 1..2), "    [x]␀␛[2J;␡");
        assert_eq!(excerpt("\u{feff}a = 'b'\r\n".as_bytes(), 5..6), "a [=] 'b'");
        assert_eq!(
            excerpt(b"caf\xe9 \xff\xfe", 3..4),
            "caf[\u{fffd}] \u{fffd}\u{fffd}"
        );
        assert_eq!(
            excerpt("a\u{202e}b\u{9b}c\u{2028}d".as_bytes(), 0..1),
            "[a]\u{fffd}b\u{fffd}c\u{fffd}d"
        );
        assert_eq!(excerpt(b"a\rb\r\r\n", 2..3), "a␍[b]␍");
    }

    #[test]
    fn wide_characters_are_marked_as_a_whole() {
        let text = "# 日本 x";
        assert_eq!(excerpt(text.as_bytes(), 2..5), "# [日]本 x");
    }

    #[test]
    fn a_line_of_any_length_is_cut_around_the_finding() {
        let mut text = vec![b'x'; 1_000_000];
        text.splice(500_000..500_003, *b"ABC");
        let shown = excerpt(&text, 500_000..500_003);
        assert_eq!(shown.chars().count(), SHOWN_MAX + 4);
        assert!(shown.starts_with("…x") && shown.ends_with("x…"));
        assert!(shown.contains("x[ABC]x"), "{shown}");
        let whole = excerpt(&text, 500_000..1_000_000);
        assert!(
            whole.contains("x[ABCx") && whole.ends_with("x]…"),
            "{whole}"
        );
        assert!(excerpt(&text, 0..1).starts_with("[x]xx"));
        assert!(excerpt(&text, 1_000_000..1_000_000).ends_with("xx[]"));
    }

    #[test]
    fn a_cut_does_not_split_a_character() {
        for shift in 0..4 {
            let text = format!("{}{}", "x".repeat(shift), "日".repeat(1000));
            let shown = excerpt(text.as_bytes(), shift + 900..shift + 903);
            assert!(
                shown.contains("[日]") && !shown.contains('\u{fffd}'),
                "{shown}"
            );
        }
        let stray = excerpt(&[0x80; 5000], 2000..2001);
        assert_eq!(stray.chars().count(), SHOWN_MAX + 4);
    }
}
