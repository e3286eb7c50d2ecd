//! Joins the files that a document names: `include: FILE` at its top and among its steps, and
//! `config: { file: FILE }`.

use std::path::{Path, PathBuf};

use super::{Content, Fault, Node, Place, read};
use crate::scenario::words;

/// Reads a file, and says why it cannot.
pub(in crate::scenario) type Reading<'a> = &'a dyn Fn(&Path) -> Result<String, String>;

/// What every scenario says for itself.
const OWN: &[&str] = &["why", "rfc", "covers", "differs", "for", "seed"];
/// How many files may be open at once.
const DEPTH_MAX: usize = 16;
/// How many files may be joined, each as often as it is included: a few that include each other twice are thousands.
const FILES_MAX: usize = 256;

/// The document with everything in it that it names.
///
/// # Errors
/// A file cannot be read, is no such document, or leads back to itself.
pub(in crate::scenario) fn resolve(root: Node, read: Reading<'_>) -> Result<Node, Fault> {
    let path = root.place.file.to_path_buf();
    let mut joiner = Joiner {
        reading: read,
        open: vec![plain(&path)],
        joined: 0,
    };
    let Content::Map(entries) = root.content else {
        return Ok(root);
    };
    let mut whole = Vec::new();
    joiner.join(entries, &mut whole)?;
    Ok(Node {
        place: root.place,
        content: Content::Map(whole),
    })
}

struct Joiner<'a> {
    reading: Reading<'a>,
    /// The files that lead to where we are.
    open: Vec<PathBuf>,
    /// How many files were joined.
    joined: usize,
}

impl Joiner<'_> {
    /// Adds the keys of a file to those that are there, what it includes first.
    fn join(
        &mut self,
        entries: Vec<(Node, Node)>,
        whole: &mut Vec<(Node, Node)>,
    ) -> Result<(), Fault> {
        let (includes, entries): (Vec<_>, Vec<_>) = entries
            .into_iter()
            .partition(|(key, _)| key.as_text() == Some("include"));
        for file in includes.iter().flat_map(|(_, value)| value.elements()) {
            self.include(file, whole)?;
        }
        for (key, value) in entries {
            match key.as_text() {
                Some("steps") if matches!(value.content, Content::List(_)) => {
                    self.steps(key, value, whole)?;
                }
                Some("config") => {
                    let value = self.config(value)?;
                    add(whole, key, value)?;
                }
                Some("servers") => add(whole, key, self.configs(value)?)?,
                _ => add(whole, key, value)?,
            }
        }
        Ok(())
    }

    fn include(&mut self, file: &Node, whole: &mut Vec<(Node, Node)>) -> Result<(), Fault> {
        let path = self.path(file)?;
        if let Some(first) = self.open.iter().position(|it| *it == path) {
            let chain = self.open.iter().skip(first).chain([&path]);
            let chain: Vec<_> = chain.map(|it| it.display().to_string()).collect();
            let reason = format!("this includes itself: {}", chain.join(" → "));
            return Err(Fault::at(&file.place, reason));
        }
        if self.open.len() >= DEPTH_MAX {
            return Err(Fault::at(
                &file.place,
                "too many includes within each other",
            ));
        }
        self.joined += 1;
        if self.joined > FILES_MAX {
            let reason = format!(
                "this is one include more than {FILES_MAX}: a scenario has to do with fewer"
            );
            return Err(Fault::at(&file.place, reason));
        }
        let text = self.text(file, &path)?;
        let node = read(&path, &text)?;
        let Content::Map(entries) = node.content else {
            let reason = "an included file has keys, such as `config`, `clients` or `steps`";
            return Err(Fault::at(&node.place, reason));
        };
        let own = |(key, _): &&(Node, Node)| key.as_text().is_some_and(|it| OWN.contains(&it));
        if let Some((key, _)) = entries.iter().find(own) {
            let name = key.as_text().unwrap_or_default();
            let reason = format!("`{name}` belongs into the scenario, not into what it includes");
            return Err(Fault::at(&key.place, reason));
        }
        self.open.push(path);
        let joined = self.join(entries, whole);
        self.open.pop();
        joined
    }

    /// Adds steps, with those of included files where these are named.
    fn steps(
        &mut self,
        key: Node,
        value: Node,
        whole: &mut Vec<(Node, Node)>,
    ) -> Result<(), Fault> {
        let Content::List(elements) = value.content else {
            return Ok(());
        };
        let place = value.place;
        let list = |elements| Node {
            place: place.clone(),
            content: Content::List(elements),
        };
        add(whole, key.clone(), list(Vec::new()))?;
        for element in elements {
            match element.as_map() {
                Some([(name, file)]) if name.as_text() == Some("include") => {
                    for file in file.elements() {
                        self.include(file, whole)?;
                    }
                }
                _ => {
                    let element = self.configs(element)?;
                    add(whole, key.clone(), list(vec![element]))?;
                }
            }
        }
        Ok(())
    }

    /// A step, or servers, with the text of each configuration that is in a file.
    fn configs(&self, mut step: Node) -> Result<Node, Fault> {
        let Content::Map(entries) = &mut step.content else {
            return Ok(step);
        };
        for (_, value) in entries {
            let Content::Map(fields) = &mut value.content else {
                continue;
            };
            for (key, value) in fields {
                if key.as_text() == Some("config") {
                    *value = self.config(value.clone())?;
                }
            }
        }
        Ok(step)
    }

    /// The text of a configuration that is in a file of its own.
    fn config(&self, value: Node) -> Result<Node, Fault> {
        let Some(entries) = value.as_map() else {
            return Ok(value);
        };
        let other = |(key, _): &&(Node, Node)| key.as_text() != Some("file");
        if let Some((key, _)) = entries.iter().find(other) {
            let name = key.as_text().unwrap_or_default();
            let reason = words::not_known(name, "a key here", std::iter::once("file"));
            return Err(Fault::at(&key.place, reason));
        }
        let Some((_, file)) = entries.first() else {
            let reason = "write the text, or name its file: `{ file: server.conf }`";
            return Err(Fault::at(&value.place, reason));
        };
        let path = self.path(file)?;
        let text = self.text(file, &path)?;
        Ok(Node::text(value.place, text))
    }

    /// A file that is named in a file, from the folder of that.
    fn path(&self, file: &Node) -> Result<PathBuf, Fault> {
        let name = file.as_text().map(str::trim).filter(|it| !it.is_empty());
        let Some(name) = name else {
            return Err(Fault::at(
                &file.place,
                "name a file: `../common/clients.yaml`",
            ));
        };
        let folder = file.place.file.parent().unwrap_or(Path::new(""));
        Ok(plain(&folder.join(name)))
    }

    fn text(&self, file: &Node, path: &Path) -> Result<String, Fault> {
        (self.reading)(path).map_err(|error| {
            Fault::at(
                &file.place,
                format!("cannot read {}: {error}", path.display()),
            )
        })
    }
}

/// A path without the parts that lead nowhere.
fn plain(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if parts.file_name().is_some() => {
                parts.pop();
            }
            Component::Prefix(_)
            | Component::RootDir
            | Component::ParentDir
            | Component::Normal(_) => parts.push(part),
        }
    }
    parts
}

/// Adds what stands under a key: texts of the configuration, clients and steps join, all else stands once.
fn add(whole: &mut Vec<(Node, Node)>, key: Node, value: Node) -> Result<(), Fault> {
    let name = key.as_text().unwrap_or_default().to_owned();
    let there = whole
        .iter_mut()
        .find(|(it, _)| it.as_text() == Some(name.as_str()));
    let Some((_, there)) = there else {
        whole.push((key, value));
        return Ok(());
    };
    match (name.as_str(), &mut there.content, value.content) {
        ("config", Content::Scalar(first), Content::Scalar(second)) => {
            if !first.text.is_empty() && !first.text.ends_with('\n') {
                first.text.push('\n');
            }
            first.text.push_str(&second.text);
            Ok(())
        }
        ("clients", Content::Map(first), Content::Map(second)) => {
            for (client, value) in second {
                let known = first
                    .iter()
                    .find(|(it, _)| it.as_text() == client.as_text());
                if let Some((earlier, _)) = known {
                    return Err(twice(&client, &earlier.place));
                }
                first.push((client, value));
            }
            Ok(())
        }
        ("steps", Content::List(first), Content::List(second)) => {
            first.extend(second);
            Ok(())
        }
        _ => Err(twice(&key, &there.place)),
    }
}

fn twice(node: &Node, earlier: &Place) -> Fault {
    let name = node.as_text().unwrap_or_default();
    Fault::at(
        &node.place,
        format!("`{name}` stands twice: here and at {earlier}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: &[(&str, &str)] = &[
        ("a/pools.yaml", "config: one;\nclients: { first: {} }\n"),
        ("a/steps.yaml", "steps:\n  - crash: server\n"),
        ("a/deep.yaml", "include: pools.yaml\nconfig: two;\n"),
        ("a/loop.yaml", "include: ../a/./again.yaml\n"),
        ("a/again.yaml", "include: loop.yaml\n"),
        ("a/list.yaml", "- crash: server\n"),
        ("a/own.yaml", "config: x\nwhy: it is mine\n"),
        ("a/broken.yaml", "config: [\n"),
        ("a/server.conf", "from a file;\n"),
    ];

    fn joined(text: &str) -> Result<Node, Fault> {
        let reading = |path: &Path| {
            let path = plain(path);
            let file = FILES.iter().find(|(name, _)| Path::new(name) == path);
            file.map(|(_, text)| (*text).to_owned())
                .ok_or_else(|| "there is none".to_owned())
        };
        resolve(read(Path::new("t/x.yaml"), text).expect("YAML"), &reading)
    }

    fn refusal(text: &str) -> String {
        joined(text).expect_err("it is wrong").to_string()
    }

    #[test]
    fn configurations_clients_and_steps_join_in_order() {
        let whole = joined(
            "include: ../a/deep.yaml\nconfig: three;\nclients: { second: {} }\n\
             steps:\n  - send: {}\n  - include: ../a/steps.yaml\n  - expect: reply\n",
        )
        .expect("it is right");
        let config = whole.get("config").and_then(Node::as_text);
        assert_eq!(config, Some("one;\ntwo;\nthree;"));
        let clients = whole.get("clients").and_then(Node::as_map).expect("a map");
        assert_eq!(clients.len(), 2);
        let steps = whole.get("steps").expect("steps").elements();
        let places: Vec<String> = steps.iter().map(|it| it.place.to_string()).collect();
        assert_eq!(places, ["t/x.yaml:5:5", "a/steps.yaml:2:5", "t/x.yaml:7:5"]);
    }

    #[test]
    fn a_configuration_may_be_a_file() {
        let whole = joined("config: { file: ../a/server.conf }\n").expect("it is right");
        let config = whole.get("config").and_then(Node::as_text);
        assert_eq!(config, Some("from a file;\n"));
        let whole = joined("steps: [{ restart: { config: { file: ../a/server.conf } } }]\n");
        let whole = whole.expect("it is right");
        let step = &whole.get("steps").expect("steps").elements()[0];
        let config = step.get("restart").and_then(|it| it.get("config"));
        assert_eq!(config.and_then(Node::as_text), Some("from a file;\n"));
        assert!(
            refusal("config: { flie: x }\n")
                .starts_with("t/x.yaml:1:11: `flie` is not a key here; did you mean `file`?")
        );
    }

    #[test]
    fn what_cannot_be_included_is_refused_where_it_is_named() {
        assert_eq!(
            refusal("why: x\ninclude: ../a/none.yaml\n"),
            "t/x.yaml:2:10: cannot read a/none.yaml: there is none"
        );
        assert_eq!(
            refusal("include: {}\n"),
            "t/x.yaml:1:10: name a file: `../common/clients.yaml`"
        );
        assert_eq!(
            refusal("include: ../a/own.yaml\n"),
            "a/own.yaml:2:1: `why` belongs into the scenario, not into what it includes"
        );
        assert!(refusal("include: ../a/list.yaml\n").starts_with("a/list.yaml:1:1: an included"));
        assert!(refusal("include: ../a/broken.yaml\n").starts_with("a/broken.yaml:"));
        assert_eq!(
            refusal("include: ../a/pools.yaml\nclients: { first: {} }\n"),
            "t/x.yaml:2:12: `first` stands twice: here and at a/pools.yaml:2:12"
        );
    }

    #[test]
    fn few_files_cannot_become_very_many() {
        let reading = |path: &Path| {
            let name = path.file_stem().and_then(|it| it.to_str());
            let depth: usize = name.and_then(|it| it.parse().ok()).expect("a number");
            Ok(match depth {
                0 => "steps: []\n".to_owned(),
                _ => format!("include: [{0}.yaml, {0}.yaml]\n", depth - 1),
            })
        };
        let joined = |text: &str| {
            let root = read(Path::new("x.yaml"), text).expect("YAML");
            resolve(root, &reading)
        };
        joined("include: 7.yaml\n").expect("255 files are fine");
        let refusal = joined("include: 8.yaml\n").expect_err("511 are not");
        let text = refusal.to_string();
        assert!(text.contains("one include more than 256"), "{text}");
    }

    #[test]
    fn files_that_include_each_other_are_refused() {
        assert_eq!(
            refusal("include: ../a/loop.yaml\n"),
            "a/again.yaml:1:10: this includes itself: a/loop.yaml → a/again.yaml → a/loop.yaml"
        );
        assert!(refusal("include: x.yaml\n").contains("this includes itself"));
    }
}
