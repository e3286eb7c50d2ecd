//! Says what serde says about a file in the words of somebody who writes scenarios.

/// A reason with its place in the document: `steps[1].send` becomes `step 2, send`, as failures call it.
pub(super) fn reword(message: &str) -> String {
    match message.split_once(": ") {
        Some((path, reason)) if !path.contains([' ', '`']) => {
            format!("{}: {}", place(path), explain(reason))
        }
        _ => explain(message),
    }
}

/// A path with numbers from 1.
fn place(path: &str) -> String {
    let mut text = String::new();
    for part in path.split('[') {
        match part.split_once(']') {
            Some((index, rest)) => {
                let number = index.parse().map_or(0, |it: usize| it + 1);
                text.push_str(&format!(" {number}{rest}"));
            }
            None => text.push_str(part),
        }
    }
    match text.strip_prefix("steps ") {
        Some(rest) => format!("step {}", rest.replacen('.', ", ", 1)),
        None => text,
    }
}

fn explain(reason: &str) -> String {
    if let Some((name, known)) = unknown(reason, "unknown field `") {
        return not_known(name, "a key here", known);
    }
    if let Some((name, known)) = unknown(reason, "unknown variant `") {
        return not_known(name, "a step", known);
    }
    let types = [
        ("u8", "255"),
        ("u16", "65535"),
        ("u32", "4294967295"),
        ("usize", "18446744073709551615"),
    ];
    let number = types.iter().find_map(|(name, most)| {
        let start = reason.strip_suffix(name)?.strip_suffix("expected ")?;
        Some(format!("{start}expected a number from 0 to {most}"))
    });
    number.unwrap_or_else(|| reason.to_owned())
}

/// The name that is not known and what serde lists behind it.
fn unknown<'a>(reason: &'a str, start: &str) -> Option<(&'a str, &'a str)> {
    reason.strip_prefix(start)?.split_once("`, expected ")
}

fn not_known(name: &str, what: &str, listed: &str) -> String {
    let known: Vec<&str> = listed.split('`').skip(1).step_by(2).collect();
    let hint = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "there is nothing like it.".to_owned(),
    };
    let known: Vec<String> = known.iter().map(|it| format!("`{it}`")).collect();
    let known = known.join(", ");
    format!("`{name}` is not {what}; {hint} Known: {known}")
}

/// Which of these somebody may have meant.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let close = |it: &str| {
        let begins_alike = name.chars().take(2).eq(it.chars().take(2));
        begins_alike || distance(name, it) <= name.chars().count() / 3 + 1
    };
    known
        .filter(|it| close(it))
        .min_by_key(|it| distance(name, it))
}

/// How many characters have to be added, removed or replaced to turn one word into the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, letter) in one.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, it) in other.iter().enumerate() {
            let replaced = row[j] + usize::from(letter != *it);
            next.push(replaced.min(row[j + 1] + 1).min(next[j] + 1));
        }
        row = next;
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_counted_as_in_failures() {
        assert_eq!(
            place("steps[1].send.relay[0].hops"),
            "step 2, send.relay 1.hops"
        );
        assert_eq!(place("steps[0]"), "step 1");
        assert_eq!(place("clients.first.duid"), "clients.first.duid");
    }

    #[test]
    fn what_was_meant_is_suggested() {
        assert_eq!(
            reword(
                "steps[0]: unknown variant `reboot`, expected one of `send`, `crash`, `restart`"
            ),
            "step 1: `reboot` is not a step; did you mean `restart`? Known: `send`, `crash`, `restart`"
        );
        for (wrong, right) in [("frist", "first"), ("ia_nna", "ia_na"), ("step", "steps")] {
            assert_eq!(
                nearest(wrong, ["why", right, "duid"].into_iter()),
                Some(right)
            );
        }
        assert_eq!(nearest("discover", ["solicit", "send"].into_iter()), None);
    }

    #[test]
    fn a_number_has_a_range_and_not_a_type() {
        assert_eq!(
            reword("steps[2].send.solicit.xid: invalid value: integer `-1`, expected u32"),
            "step 3, send.solicit.xid: invalid value: integer `-1`, expected a number from 0 to 4294967295"
        );
    }
}
