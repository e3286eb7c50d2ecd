//! `docs/ci.md`, taken apart: its blocks, the files that it has people write, and the commands of the lab in it.

use std::path::Path;

/// One block of the document.
pub(crate) struct Block<'a> {
    /// What is behind the three ticks.
    pub(crate) language: &'a str,
    /// What is in it.
    pub(crate) text: &'a str,
}

impl<'a> Block<'a> {
    /// The file that it is, by its first line.
    pub(crate) fn file(&self) -> Option<&'a str> {
        let (first, _) = self.text.split_once('\n')?;
        let name = first.strip_prefix("# ")?;
        (self.language != "sh" && !name.contains(' ')).then_some(name)
    }
}

pub(crate) fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/ci.md");
    std::fs::read_to_string(path).expect("the document")
}

/// The blocks, in their order.
pub(crate) fn blocks(document: &str) -> Vec<Block<'_>> {
    let pieces = document.split("\n```").collect::<Vec<_>>();
    let inside = pieces.iter().skip(1).step_by(2);
    inside
        .map(|piece| {
            let (language, text) = piece.split_once('\n').expect("a block has lines");
            Block { language, text }
        })
        .collect()
}

/// The lines of a shell, those that end with a backslash joined with the next.
pub(crate) fn lines(script: &str) -> Vec<String> {
    let joined = script.replace("\\\n", " ");
    joined.lines().map(|it| it.trim().to_owned()).collect()
}
