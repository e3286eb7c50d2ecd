//! A YAML file as a tree whose every part knows its place, so that a mistake can be told with file, line and
//! column, wherever it comes from: the file itself, an include, or a parameter of a loop.
//!
//! `read` makes the tree of a text, `mistake` says what is wrong with one that has none, `include` joins trees, `fill` puts values in the place of `$names`, and
//! `deserialize` lets serde read from what comes out.

mod deserialize;
mod fill;
mod include;
mod mistake;
mod read;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

pub(crate) use deserialize::{Fault, keys_of};
pub(super) use fill::{Values, fill, is_name, names_in};
pub(super) use include::resolve;
pub(crate) use read::read;

/// Where something stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The file.
    pub(crate) file: Arc<Path>,
    /// The line, from 1.
    pub(crate) line: usize,
    /// The column, from 1.
    pub(crate) column: usize,
}

/// A part of a document.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) content: Content,
}

/// What stands there.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// A single value, as text.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// Keys and values, in the order of the file.
    Map(Vec<(Node, Node)>),
}

/// A single value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    /// Whether it has no quotes, so that it may be a number, a truth value or nothing.
    pub(crate) plain: bool,
    /// Whether it was put in the place of a name; then a number will do as a text.
    pub(crate) filled: bool,
}

impl Node {
    /// A text with quotes around it.
    pub(crate) fn text(place: Place, text: impl Into<String>) -> Self {
        let scalar = Scalar {
            text: text.into(),
            plain: false,
            filled: false,
        };
        Self {
            place,
            content: Content::Scalar(scalar),
        }
    }

    /// The text of a single value.
    pub(crate) fn as_text(&self) -> Option<&str> {
        if let Content::Scalar(scalar) = &self.content {
            Some(&scalar.text)
        } else {
            None
        }
    }

    /// The keys and values, if it has some.
    pub(crate) fn as_map(&self) -> Option<&[(Self, Self)]> {
        if let Content::Map(entries) = &self.content {
            Some(entries)
        } else {
            None
        }
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let mut entries = self.as_map()?.iter();
        entries.find_map(|(it, value)| (it.as_text() == Some(key)).then_some(value))
    }

    /// The list, or the one element that stands where a list may.
    pub(crate) fn elements(&self) -> &[Self] {
        if let Content::List(elements) = &self.content {
            elements
        } else {
            std::slice::from_ref(self)
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}
