//! Says what is wrong with a file in the words of somebody who writes scenarios.

use serde::de::Unexpected;

/// So many known words are listed; of more, only the nearest is told.
const LISTED_MAX: usize = 30;

/// That a word is not one of those that are known, and which may have been meant.
pub(crate) fn not_known<'a>(
    name: &str,
    what: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> String {
    let hint = match nearest(name, known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "there is nothing like it.".to_owned(),
    };
    let known: Vec<String> = known.map(|it| format!("`{it}`")).collect();
    let listed = match known.len() {
        1..=LISTED_MAX => format!(" Known: {}", known.join(", ")),
        _ => String::new(),
    };
    format!("`{name}` is not {what}; {hint}{listed}")
}

/// What serde calls something that it did not expect.
pub(super) fn unexpected(it: &Unexpected<'_>) -> String {
    match it {
        Unexpected::Bool(it) => format!("`{it}`"),
        Unexpected::Unsigned(it) => format!("the number {it}"),
        Unexpected::Signed(it) => format!("the number {it}"),
        Unexpected::Float(it) => format!("the number {it}"),
        Unexpected::Str(it) => format!("the text `{it}`"),
        Unexpected::Unit => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a map".to_owned(),
        Unexpected::Char(_)
        | Unexpected::Bytes(_)
        | Unexpected::Option
        | Unexpected::NewtypeStruct
        | Unexpected::Enum
        | Unexpected::UnitVariant
        | Unexpected::NewtypeVariant
        | Unexpected::TupleVariant
        | Unexpected::StructVariant
        | Unexpected::Other(_) => it.to_string(),
    }
}

/// What serde calls what it did expect.
pub(super) fn expected(it: &str) -> String {
    let numbers = [
        ("u8", "255"),
        ("u16", "65535"),
        ("u32", "4294967295"),
        ("u64", "18446744073709551615"),
        ("usize", "18446744073709551615"),
    ];
    if let Some((_, most)) = numbers.iter().find(|(name, _)| *name == it) {
        return format!("a number from 0 to {most}");
    }
    match it {
        "a boolean" => "`true` or `false`".to_owned(),
        "a string" => "a text".to_owned(),
        "a sequence" => "a list".to_owned(),
        _ if it.starts_with("struct ") => "a map".to_owned(),
        _ => it.to_owned(),
    }
}

/// Which of these somebody may have meant.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let close = |it: &str| {
        let begins_alike = name.chars().take(2).eq(it.chars().take(2));
        begins_alike || distance(name, it) <= name.chars().count() / 3 + 1
    };
    known
        .filter(|it| close(it))
        .min_by_key(|it| distance(name, it))
}

/// How many characters have to be added, removed, replaced or exchanged with their neighbour to turn one word
/// into the other.
fn distance(one: &str, other: &str) -> usize {
    let one: Vec<char> = one.chars().collect();
    let other: Vec<char> = other.chars().collect();
    let mut rows: Vec<Vec<usize>> = vec![(0..=other.len()).collect()];
    for (i, letter) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, it) in other.iter().enumerate() {
            let above = &rows[i];
            let replaced = above[j] + usize::from(letter != it);
            let mut least = replaced.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *letter == other[j - 1] && one[i - 1] == *it {
                least = least.min(rows[i - 1][j - 1] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[one.len()][other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_suggested() {
        let known = ["send", "crash", "restart"];
        assert_eq!(
            not_known("reboot", "a step", known.into_iter()),
            "`reboot` is not a step; did you mean `restart`? Known: `send`, `crash`, `restart`"
        );
        for (wrong, right) in [("frist", "first"), ("ia_nna", "ia_na"), ("step", "steps")] {
            assert_eq!(
                nearest(wrong, ["why", right, "duid"].into_iter()),
                Some(right)
            );
        }
        assert_eq!(nearest("discover", ["solicit", "send"].into_iter()), None);
        assert_eq!(nearest("ot", ["to", "raw"].into_iter()), Some("to"));
    }

    #[test]
    fn a_number_has_a_range_and_not_a_type() {
        assert_eq!(expected("u32"), "a number from 0 to 4294967295");
        assert_eq!(unexpected(&Unexpected::Signed(-1)), "the number -1");
    }
}
