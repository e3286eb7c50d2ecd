//! The text of a file → its tree.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::{Content, Fault, Node, Place, Scalar, mistake};

/// The most parts that a document has once its aliases are opened.
const NODES_MAX: usize = 200_000;
/// How deep lists and maps may be nested.
const DEPTH_MAX: usize = 64;

/// Reads a text that holds one document; the path is for messages.
///
/// # Errors
/// It is not YAML, holds no document or several, a key twice, or more than anybody would write.
pub(crate) fn read(path: &Path, text: &str) -> Result<Node, Fault> {
    let mut reader = Reader {
        file: path.into(),
        text,
        parser: Parser::new_from_str(text),
        anchors: HashMap::new(),
        nodes: 0,
    };
    reader.document()
}

struct Reader<'a> {
    file: Arc<Path>,
    text: &'a str,
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    /// What aliases stand for, and how many parts that has.
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Place), Fault> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, self.place(span))),
            Some(Err(error)) => {
                let (line, column) = (error.marker().line(), error.marker().col() + 1);
                let mistake = mistake::explain(self.text, line, column, error.info());
                let place = Place {
                    file: Arc::clone(&self.file),
                    line: mistake.line,
                    column: mistake.column,
                };
                Err(Fault::at(&place, mistake.reason))
            }
            None => Err(Fault::at(&self.beginning(), "the file ends too early")),
        }
    }

    fn place(&self, span: Span) -> Place {
        Place {
            file: Arc::clone(&self.file),
            line: span.start.line().max(1),
            column: span.start.col() + 1,
        }
    }

    fn beginning(&self) -> Place {
        Place {
            file: Arc::clone(&self.file),
            line: 1,
            column: 1,
        }
    }

    fn document(&mut self) -> Result<Node, Fault> {
        let mut root = None;
        loop {
            let (event, place) = self.next()?;
            if event == Event::StreamEnd {
                return root.ok_or_else(|| Fault::at(&self.beginning(), "the file is empty"));
            }
            let frame = [Event::Nothing, Event::StreamStart, Event::DocumentEnd];
            if frame.contains(&event) || matches!(event, Event::DocumentStart(_)) {
                continue;
            }
            if root.is_some() {
                return Err(Fault::at(&place, "a second document: make it another file"));
            }
            root = Some(self.node(event, place, 0)?);
        }
    }

    /// What begins with an event.
    fn node(&mut self, event: Event<'a>, place: Place, depth: usize) -> Result<Node, Fault> {
        self.count(1, &place)?;
        if depth > DEPTH_MAX {
            return Err(Fault::at(&place, "nested too deeply"));
        }
        let before = self.nodes;
        let (content, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => {
                let scalar = Scalar {
                    text: text.into_owned(),
                    plain: style == ScalarStyle::Plain,
                    filled: false,
                };
                (Content::Scalar(scalar), anchor)
            }
            Event::SequenceStart(anchor, _) => (Content::List(self.list(depth)?), anchor),
            Event::MappingStart(anchor, _) => (Content::Map(self.map(depth)?), anchor),
            Event::Alias(anchor) => {
                let Some((node, size)) = self.anchors.get(&anchor).cloned() else {
                    return Err(Fault::at(&place, "an alias for nothing that stands above"));
                };
                self.count(size, &place)?;
                (node.content, 0)
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => return Err(Fault::at(&place, "a value is missing here")),
        };
        let node = Node { place, content };
        if anchor > 0 {
            let size = self.nodes - before + 1;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok(node)
    }

    fn count(&mut self, nodes: usize, place: &Place) -> Result<(), Fault> {
        self.nodes += nodes;
        if self.nodes > NODES_MAX {
            return Err(Fault::at(place, "the file holds too much"));
        }
        Ok(())
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Fault> {
        let mut elements = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(elements),
                (event, place) => elements.push(self.node(event, place, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<(Node, Node)>, Fault> {
        let mut entries: Vec<(Node, Node)> = Vec::new();
        loop {
            let (event, place) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(entries);
            }
            let key = self.node(event, place, depth + 1)?;
            let Some(name) = key.as_text() else {
                return Err(Fault::at(&key.place, "a key is a word"));
            };
            if entries.iter().any(|(it, _)| it.as_text() == Some(name)) {
                return Err(Fault::at(&key.place, format!("`{name}` stands twice here")));
            }
            let (event, place) = self.next()?;
            let value = self.node(event, place, depth + 1)?;
            entries.push((key, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        read(Path::new("x.yaml"), text)
            .expect_err("it is wrong")
            .to_string()
    }

    #[test]
    fn every_part_has_its_place() {
        let root = read(Path::new("x.yaml"), "a: 1\nb:\n  - { c: \"2\" }\n").expect("YAML");
        let b = root.get("b").expect("a key");
        let c = b.elements()[0].get("c").expect("a key");
        assert_eq!(c.place.to_string(), "x.yaml:3:10");
        let one = root.get("a").expect("a key");
        assert!(matches!(&one.content, Content::Scalar(it) if it.plain && it.text == "1"));
        assert!(matches!(&c.content, Content::Scalar(it) if !it.plain));
    }

    #[test]
    fn what_is_no_document_is_refused_with_its_place() {
        assert_eq!(refusal(""), "x.yaml:1:1: the file is empty");
        assert_eq!(refusal("a: 1\na: 2\n"), "x.yaml:2:1: `a` stands twice here");
        assert_eq!(
            refusal("a: 1\n---\nb: 2\n"),
            "x.yaml:3:1: a second document: make it another file"
        );
        assert!(refusal("a: [1\nb: 2\n").starts_with("x.yaml:1:4: this `[` is not closed"));
        assert!(refusal("a: *nowhere\n").starts_with("x.yaml:1:"));
    }

    #[test]
    fn aliases_that_multiply_are_refused() {
        let mut text = "a0: &a0 [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]\n".to_owned();
        for level in 1..12 {
            let inner = format!("*a{}", level - 1);
            let inner = [inner.as_str(); 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{inner}]\n"));
        }
        assert!(refusal(&text).ends_with("the file holds too much"));
        let deep = "[".repeat(5000);
        assert!(refusal(&deep).starts_with("x.yaml:1:"));
    }

    #[test]
    fn an_alias_stands_for_what_its_anchor_holds() {
        let root = read(Path::new("x.yaml"), "a: &it { b: 1 }\nc: *it\n").expect("YAML");
        let b = root.get("c").and_then(|it| it.get("b"));
        assert_eq!(b.and_then(Node::as_text), Some("1"));
    }
}
