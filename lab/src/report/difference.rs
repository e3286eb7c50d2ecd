//! What differs between two texts.

use std::fmt::Write as _;

use similar::{ChangeTag, TextDiff};

/// So many lines around what differs.
const CONTEXT: usize = 3;

/// All lines of two texts, with what only one has marked: `-` the old one, `+` the new one.
#[must_use]
pub fn diff(old: &str, new: &str) -> String {
    let changes = TextDiff::from_lines(old, new);
    let mut text = String::new();
    for change in changes.iter_all_changes() {
        line(&mut text, change.tag(), change.value());
    }
    text
}

/// What differs between two texts with a few lines around it; a line of dots stands for what is left out.
#[must_use]
pub fn hunks(old: &str, new: &str) -> String {
    let changes = TextDiff::from_lines(old, new);
    let mut text = String::new();
    let mut reached = 0;
    for group in changes.grouped_ops(CONTEXT) {
        let begins = group.first().map_or(0, |it| it.old_range().start);
        if begins > reached {
            text.push_str("  …\n");
        }
        reached = group.last().map_or(reached, |it| it.old_range().end);
        for operation in &group {
            for change in changes.iter_changes(operation) {
                line(&mut text, change.tag(), change.value());
            }
        }
    }
    if !text.is_empty() && reached < old.lines().count() {
        text.push_str("  …\n");
    }
    text
}

fn line(text: &mut String, tag: ChangeTag, value: &str) {
    let mark = match tag {
        ChangeTag::Equal => ' ',
        ChangeTag::Delete => '-',
        ChangeTag::Insert => '+',
    };
    let _ = writeln!(text, "{mark} {}", value.trim_end_matches('\n'));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_keeps_what_both_have() {
        assert_eq!(
            diff("a\nb\nc\n", "a\nx\nc\nd\n"),
            "  a\n- b\n+ x\n  c\n+ d\n"
        );
    }

    #[test]
    fn a_hunk_has_little_around_it_and_says_what_is_left_out() {
        let old: String = ('a'..='t').map(|it| format!("{it}\n")).collect();
        let new = old.replace("j\n", "x\n");
        assert_eq!(
            hunks(&old, &new),
            "  …\n  g\n  h\n  i\n- j\n+ x\n  k\n  l\n  m\n  …\n"
        );
        assert_eq!(hunks(&old, &old), "");
        assert_eq!(hunks("a\nb\n", "b\n"), "- a\n  b\n");
    }
}
