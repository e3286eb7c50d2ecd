//! The files of `lab/tests/language`: what each is about, and why its verdict is another than the original's.

use std::fs;
use std::path::{Path, PathBuf};

use crate::original::Verdict;

/// Behind this is what the original server makes of the file; only where ours makes something else of it.
const ORIGINAL: &str = "original: ";
/// Behind this is why; it may go on in the lines below.
const DIFFERS: &str = "differs: ";
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// One file.
#[derive(Debug)]
pub(crate) struct Example {
    /// Its name in the folder.
    pub(crate) name: String,
    /// Its first comment: what it is about.
    pub(crate) about: String,
    /// What the original makes of it and why this server does not, where they differ.
    pub(crate) difference: Option<(Verdict, String)>,
}

/// The folder of the files.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/language")
}

/// All files, by name.
pub(crate) fn all() -> Vec<Example> {
    let entries = fs::read_dir(folder()).expect("a folder");
    let mut paths: Vec<PathBuf> = entries.map(|it| it.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|it| it == "conf"));
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Example {
    let name = path
        .file_name()
        .expect("a file")
        .to_string_lossy()
        .into_owned();
    let text = fs::read(path).expect("it can be read");
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text);
    let text = String::from_utf8_lossy(text);
    let head = text.lines().map_while(|line| line.strip_prefix('#'));
    let (mut about, mut original, mut differs) = (Vec::new(), None, None::<Vec<String>>);
    for line in head {
        let line = line.trim();
        if let Some(verdict) = line.strip_prefix(ORIGINAL) {
            let verdict = Verdict::from_word(verdict);
            original = Some(verdict.unwrap_or_else(|| panic!("{name}: no verdict: {line}")));
        } else if let Some(reason) = line.strip_prefix(DIFFERS) {
            differs = Some(vec![reason.to_owned()]);
        } else {
            differs.as_mut().unwrap_or(&mut about).push(line.to_owned());
        }
    }
    // A file without anything in it says it by that.
    assert!(
        !about.is_empty() || text.is_empty(),
        "{name} does not say what it is about"
    );
    assert_eq!(
        original.is_some(),
        differs.is_some(),
        "{name} says half of how it differs"
    );
    let difference = original.zip(differs.map(|lines| lines.join(" ")));
    Example {
        name,
        about: about.join(" "),
        difference,
    }
}
