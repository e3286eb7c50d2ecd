//! Where in a scenario's own file a mistake of its configuration stands: the server only knows the configuration.

use std::fmt::Write as _;
use std::path::Path;

use crate::scenario::document::{self, Node};

/// What servers call the file of their configuration.
const CONFIG_FILE: &str = "dhcp6s.conf:";

/// What a server says about the configuration of a scenario, with the places of the file that it is written in, each
/// with its line. What comes from an include stays as it is.
pub(super) fn in_scenario(path: &Path, config: &str, said: &str) -> String {
    let Some(origin) = Origin::of(path, config) else {
        return said.to_owned();
    };
    let mut text = String::new();
    let mut moved = false;
    for line in said.lines() {
        // The server's own excerpt counts the lines of another file.
        if moved && is_excerpt(line) {
            continue;
        }
        let found = mentioned(line).and_then(|(around, line, column)| {
            let (line, column) = origin.place(line, column)?;
            Some((around, line, column))
        });
        moved = found.is_some();
        let Some(((before, behind), line, column)) = found else {
            let _ = writeln!(text, "{line}");
            continue;
        };
        let file = &origin.file;
        let _ = writeln!(text, "{before}{file}:{line}:{column}{behind}");
        text.push_str(&origin.excerpt(line, column));
    }
    text
}

/// Where a configuration is written.
struct Origin {
    file: String,
    lines: Vec<String>,
    /// So many lines of the configuration come from elsewhere, ahead of those in the file.
    included: usize,
    /// The line of the file with the first of its own lines, from 1.
    first: usize,
    /// So many columns stand ahead of each.
    indentation: usize,
}

impl Origin {
    /// `None` where it cannot be told, as in a folded text.
    fn of(path: &Path, config: &str) -> Option<Self> {
        let source = std::fs::read_to_string(path).ok()?;
        let root = document::read(path, &source).ok()?;
        let written = root.get("config")?;
        if let Some(file) = written.get("file").and_then(Node::as_text) {
            let file = path.parent().unwrap_or(Path::new("")).join(file.trim());
            let source = std::fs::read_to_string(&file).ok()?;
            return Some(Self {
                file: file.display().to_string(),
                included: config.lines().count().checked_sub(source.lines().count())?,
                lines: source.lines().map(str::to_owned).collect(),
                first: 1,
                indentation: 0,
            });
        }
        let own = written.as_text()?;
        let lines: Vec<String> = source.lines().map(str::to_owned).collect();
        let (ahead, sign) = own.lines().enumerate().find(|it| !it.1.trim().is_empty())?;
        // On the line of its key, or on one of those below it.
        let mut near = lines.iter().enumerate().skip(written.place.line - 1);
        let (at, indentation) = near.find_map(|(at, line)| {
            let within = line.find(sign)?;
            Some((at, line.get(..within)?.chars().count()))
        })?;
        Some(Self {
            file: path.display().to_string(),
            included: config.lines().count().checked_sub(own.lines().count())?,
            first: (at + 1).checked_sub(ahead)?,
            lines,
            indentation,
        })
    }

    /// The place in the file of a place in the configuration, both from 1.
    fn place(&self, line: usize, column: usize) -> Option<(usize, usize)> {
        let own = line.checked_sub(self.included + 1)?;
        let line = self.first + own;
        self.lines.get(line - 1)?;
        Some((line, column + self.indentation))
    }

    /// The line of the file with a mark below the column.
    fn excerpt(&self, line: usize, column: usize) -> String {
        let content = self.lines.get(line - 1).map_or("", String::as_str);
        let blank = " ".repeat(line.to_string().len());
        let mark = " ".repeat(column.saturating_sub(1));
        format!("  {line} | {content}\n  {blank} | {mark}^\n")
    }
}

/// A place in the configuration that a line names, and what stands around it.
fn mentioned(line: &str) -> Option<((&str, &str), usize, usize)> {
    let (before, behind) = line.split_once(CONFIG_FILE)?;
    // What stands directly ahead of it is a folder.
    let before = match before.rfind(char::is_whitespace) {
        Some(at) => before.get(..=at)?,
        None => "",
    };
    let number = |text: &str| -> Option<(usize, usize)> {
        let digits = text.chars().take_while(char::is_ascii_digit).count();
        Some((text.get(..digits)?.parse().ok()?, digits))
    };
    let (at, digits) = number(behind)?;
    let behind = behind.get(digits..)?.strip_prefix(':')?;
    let (column, digits) = number(behind)?;
    Some(((before, behind.get(digits..)?), at, column))
}

/// Whether it is a line of a file as compilers show it: `12 | text`, ` | ^`.
fn is_excerpt(line: &str) -> bool {
    let rest = line
        .trim_start()
        .trim_start_matches(|it: char| it.is_ascii_digit());
    rest.trim_start().starts_with('|')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// What is said of a mistake in the last line of a configuration that is written so, under that name.
    fn said(written: &str, config: &str, said: &str) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.yaml");
        fs::write(&path, written).expect("a file");
        fs::write(folder.path().join("other.conf"), "one;\nthree;\n").expect("a file");
        let told = in_scenario(&path, config, said);
        told.replace(&format!("{}/", folder.path().display()), "")
    }

    #[test]
    fn a_block_of_text_is_told_by_line_and_column() {
        let written = "why: x\nconfig: |\n\n    one;\n    two three;\nsteps: []\n";
        assert_eq!(
            said(
                written,
                "\none;\ntwo three;\n",
                "dhcp6s.conf:3:5: error: no; write four"
            ),
            "a.yaml:5:9: error: no; write four\n  5 |     two three;\n    |         ^\n"
        );
        // A live server has a folder, and shows lines by itself.
        let live = "its last words:\n/tmp/x/dhcp6s.conf:2:1: error: no\n  |\n2 | one;\n  | ^^^\n  = help: write two\n";
        assert_eq!(
            said(written, "\none;\ntwo three;\n", live),
            "its last words:\na.yaml:4:5: error: no\n  4 |     one;\n    |     ^\n  = help: write two\n"
        );
    }

    #[test]
    fn includes_ahead_of_it_are_not_counted_and_not_told() {
        let written = "include: b.yaml\nconfig: |\n  two;\n";
        let config = "one;\nzero;\ntwo;\n";
        let told = said(written, config, "dhcp6s.conf:3:1: no");
        assert!(told.starts_with("a.yaml:3:3: no\n"), "{told}");
        let told = said(written, config, "dhcp6s.conf:1:1: no");
        assert_eq!(told, "dhcp6s.conf:1:1: no\n");
    }

    #[test]
    fn a_text_in_quotes_and_a_file_are_told_as_well() {
        let told = said("config: 'one; two;'\n", "one; two;", "dhcp6s.conf:1:6: no");
        assert!(told.starts_with("a.yaml:1:15: no\n"), "{told}");
        let told = said(
            "config: { file: other.conf }\n",
            "one;\nthree;\n",
            "dhcp6s.conf:2:1: no",
        );
        assert!(
            told.starts_with("other.conf:2:1: no\n  2 | three;\n"),
            "{told}"
        );
    }

    #[test]
    fn what_names_no_place_stays() {
        let text = "the server did not start\n";
        assert_eq!(said("config: x\n", "x", text), text);
        assert_eq!(
            said("steps: []\n", "x", "dhcp6s.conf:1:1: no"),
            "dhcp6s.conf:1:1: no"
        );
    }
}
