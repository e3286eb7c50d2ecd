//! Puts values in the place of `$name` and `${name}`; `$$` is the sign itself.
//!
//! A scalar that is nothing but a name becomes the value, whatever that is: a number, a list, a map. Within
//! a longer text the text of the value takes the place.

use std::collections::BTreeMap;

use super::{Content, Fault, Node, Scalar};
use crate::scenario::words;

/// What names stand for.
pub(in crate::scenario) type Values = BTreeMap<String, Node>;

/// A piece of a text.
enum Piece<'a> {
    Text(&'a str),
    Name(&'a str),
}

/// Whether something can be called so.
pub(in crate::scenario) fn is_name(text: &str) -> bool {
    let mut letters = text.chars();
    letters
        .next()
        .is_some_and(|it| it.is_ascii_alphabetic() || it == '_')
        && letters.all(|it| it.is_ascii_alphanumeric() || it == '_')
}

/// The pieces of a text. A sign that no name follows is itself.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, behind) = rest.split_at(at);
        if !before.is_empty() {
            pieces.push(Piece::Text(before));
        }
        let behind = behind.strip_prefix('$').unwrap_or(behind);
        let braced = behind.strip_prefix('{').and_then(|it| it.split_once('}'));
        let end = behind
            .find(|it: char| !(it.is_ascii_alphanumeric() || it == '_'))
            .unwrap_or(behind.len());
        let (bare, behind_bare) = behind.split_at(end);
        if let Some(twice) = behind.strip_prefix('$') {
            pieces.push(Piece::Text("$"));
            rest = twice;
        } else if let Some((name, behind)) = braced.filter(|(name, _)| is_name(name)) {
            pieces.push(Piece::Name(name));
            rest = behind;
        } else if is_name(bare) {
            pieces.push(Piece::Name(bare));
            rest = behind_bare;
        } else {
            pieces.push(Piece::Text("$"));
            rest = behind;
        }
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    pieces
}

/// The names that a text is made of.
fn names(text: &str) -> impl Iterator<Item = &str> {
    pieces(text).into_iter().filter_map(|piece| match piece {
        Piece::Name(name) => Some(name),
        Piece::Text(_) => None,
    })
}

/// All names in a tree, each with the node that has it.
pub(in crate::scenario) fn names_in<'a>(node: &'a Node, found: &mut Vec<(&'a str, &'a Node)>) {
    match &node.content {
        Content::Scalar(scalar) => found.extend(names(&scalar.text).map(|name| (name, node))),
        Content::List(elements) => elements.iter().for_each(|it| names_in(it, found)),
        Content::Map(entries) => {
            for (key, value) in entries {
                names_in(key, found);
                names_in(value, found);
            }
        }
    }
}

/// The tree with values for names.
///
/// # Errors
/// A name has no value, or one that is not single stands in the middle of a text, or where a key is.
pub(in crate::scenario) fn fill(node: &Node, values: &Values) -> Result<Node, Fault> {
    let content = match &node.content {
        Content::Scalar(scalar) => return fill_scalar(node, scalar, values),
        Content::List(elements) => {
            let elements = elements.iter().map(|it| fill(it, values));
            Content::List(elements.collect::<Result<_, _>>()?)
        }
        Content::Map(entries) => {
            let mut filled: Vec<(Node, Node)> = Vec::new();
            for (key, value) in entries {
                let key = fill(key, values)?;
                let Some(name) = key.as_text() else {
                    return Err(Fault::at(&key.place, "a key is a word"));
                };
                if filled.iter().any(|(it, _)| it.as_text() == Some(name)) {
                    return Err(Fault::at(&key.place, format!("`{name}` stands twice here")));
                }
                filled.push((key, fill(value, values)?));
            }
            Content::Map(filled)
        }
    };
    Ok(Node {
        place: node.place.clone(),
        content,
    })
}

fn fill_scalar(node: &Node, scalar: &Scalar, values: &Values) -> Result<Node, Fault> {
    if !scalar.text.contains('$') {
        return Ok(node.clone());
    }
    let pieces = pieces(&scalar.text);
    let value = |name: &str| {
        values.get(name).ok_or_else(|| {
            let known = values.keys().map(String::as_str);
            let reason = words::not_known(name, "a name that has a value here", known);
            Fault::at(
                &node.place,
                format!("{reason}. For the sign itself, write `$$`"),
            )
        })
    };
    // What is wrong with a value is wrong here.
    let place = node.place.clone();
    if let [Piece::Name(name)] = pieces.as_slice() {
        let mut content = value(name)?.content.clone();
        if let Content::Scalar(scalar) = &mut content {
            scalar.filled = true;
        }
        return Ok(Node { place, content });
    }
    let mut text = String::new();
    for piece in &pieces {
        match piece {
            Piece::Text(plain) => text.push_str(plain),
            Piece::Name(name) => match value(name)?.as_text() {
                Some(it) => text.push_str(it),
                None => {
                    let reason = format!("`${name}` is no single value, and stands in a text");
                    return Err(Fault::at(&place, reason));
                }
            },
        }
    }
    let scalar = Scalar {
        text,
        plain: scalar.plain,
        filled: true,
    };
    Ok(Node {
        place,
        content: Content::Scalar(scalar),
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::scenario::document::read;

    fn tree(text: &str) -> Node {
        read(Path::new("x.yaml"), text).expect("YAML")
    }

    fn filled(text: &str) -> String {
        let values = tree("{ n: 7, word: rebind, list: [1, 2], sign: \"a$b\" }");
        let entries = values.as_map().expect("a map").iter();
        let values: Values = entries
            .map(|(key, value)| (key.as_text().expect("a word").to_owned(), value.clone()))
            .collect();
        match fill(&tree(text), &values) {
            Ok(node) => match &node.content {
                Content::Scalar(it) => it.text.clone(),
                Content::List(it) => format!("{} elements", it.len()),
                Content::Map(_) => "a map".to_owned(),
            },
            Err(fault) => fault.to_string(),
        }
    }

    #[test]
    fn names_give_way_to_values_and_signs_to_one() {
        assert_eq!(filled("$n"), "7");
        assert_eq!(filled("2001:db8:${n}::$n"), "2001:db8:7::7");
        assert_eq!(filled("$$n costs 5$"), "$n costs 5$");
        assert_eq!(filled("$sign"), "a$b");
        assert_eq!(filled("$list"), "2 elements");
        assert_eq!(
            filled("x $list"),
            "x.yaml:1:1: `$list` is no single value, and stands in a text"
        );
    }

    #[test]
    fn a_name_without_a_value_is_refused_with_the_nearest() {
        let refusal = filled("a $wrod");
        let wanted = "x.yaml:1:1: `wrod` is not a name that has a value here; did you mean `word`?";
        assert!(refusal.starts_with(wanted), "{refusal}");
    }

    #[test]
    fn keys_are_filled_too_and_stay_single() {
        let values = Values::from([("word".to_owned(), tree("rebind"))]);
        let node = fill(&tree("{ $word: {} }"), &values).expect("it fits");
        assert!(node.get("rebind").is_some());
        let twice = fill(&tree("{ $word: {}, rebind: {} }"), &values);
        assert_eq!(
            twice.expect_err("a key stands twice").to_string(),
            "x.yaml:1:14: `rebind` stands twice here"
        );
    }
}
