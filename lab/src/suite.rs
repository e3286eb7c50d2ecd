//! Finds scenarios and the snapshots beside them.
//!
//! A snapshot is a file of insta's: a header between two lines of dashes, then the transcript. Both the
//! tests and `dhcp6lab run` compare with it, so it is read and written here in the same form.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The name of folders with files that scenarios include, and that are none themselves.
pub const COMMON: &str = "common";
/// What a snapshot begins with.
const HEADER: &str = "---\nsource: lab/tests/scenarios.rs\n---\n";

/// The scenarios at a path: itself if it is a file, all of a folder and the folders in it otherwise, but for those that
/// are called `common`.
///
/// # Errors
/// The path cannot be read.
pub fn scenarios(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut entries: Vec<PathBuf> = fs::read_dir(path)?
        .map(|entry| entry.map(|it| it.path()))
        .collect::<io::Result<_>>()?;
    entries.sort();
    let mut found = Vec::new();
    for entry in entries {
        let is_common = entry.file_name().is_some_and(|it| it == COMMON);
        if is_scenario(&entry) || (entry.is_dir() && !is_common) {
            found.extend(scenarios(&entry)?);
        }
    }
    Ok(found)
}

/// The scenarios that a document in Markdown shows: its YAML that begins with `why`.
pub fn examples(document: &str) -> impl Iterator<Item = &str> {
    let blocks = document.split("\n```yaml\n").skip(1);
    let blocks = blocks.filter_map(|it| Some(it.split_once("\n```")?.0));
    blocks.filter(|it| it.starts_with("why:"))
}

/// Whether a file is a scenario by its name.
#[must_use]
pub fn is_scenario(path: &Path) -> bool {
    path.extension().is_some_and(|it| it == "yaml")
}

/// Where the snapshot of a scenario is.
#[must_use]
pub fn snapshot_path(scenario: &Path) -> PathBuf {
    scenario.with_extension("snap")
}

/// The transcript that the snapshot of a scenario has; `None` if there is no snapshot.
///
/// # Errors
/// There is one that cannot be read.
pub fn snapshot(scenario: &Path) -> io::Result<Option<String>> {
    let text = match fs::read_to_string(snapshot_path(scenario)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read?,
    };
    let body = text
        .strip_prefix("---\n")
        .and_then(|it| it.split_once("\n---\n"))
        .map_or(text.as_str(), |(_, body)| body);
    Ok(Some(body.to_owned()))
}

/// Makes a transcript the snapshot of a scenario.
///
/// # Errors
/// The file cannot be written.
pub fn bless(scenario: &Path, transcript: &str) -> io::Result<()> {
    fs::write(snapshot_path(scenario), format!("{HEADER}{transcript}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blessed_transcript_is_the_snapshot() {
        let folder = tempfile::tempdir().expect("a folder");
        let scenario = folder.path().join("topic/a-claim.yaml");
        fs::create_dir(folder.path().join("topic")).expect("a folder");
        fs::write(&scenario, "").expect("a file");
        assert_eq!(snapshot(&scenario).expect("readable"), None);
        bless(&scenario, "→ first\n").expect("writable");
        assert_eq!(
            snapshot(&scenario).expect("readable").as_deref(),
            Some("→ first\n")
        );
        assert_eq!(scenarios(folder.path()).expect("readable"), [scenario]);
    }
}
