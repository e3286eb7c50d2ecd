//! The schema and the parser over every scenario of the repository and every example of the reference: what one
//! takes the other takes, what one refuses the other refuses, and both know the same keys at every place.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::schema;
use crate::scenario::document::{self, Content, Node};
use crate::scenario::{DROP_LABELS, Scenario};
use crate::{dissect, suite};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the lab is a folder of the workspace")
}

/// Every scenario and every example of the reference, by their paths.
fn all() -> Vec<(PathBuf, String)> {
    let paths = suite::scenarios(&root().join("scenarios")).expect("readable scenarios");
    let mut all: Vec<(PathBuf, String)> = paths
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a readable scenario");
            (path, text)
        })
        .collect();
    let reference = root().join("docs/scenarios.md");
    let text = fs::read_to_string(&reference).expect("a readable reference");
    all.extend(suite::examples(&text).map(|it| (reference.clone(), it.to_owned())));
    all
}

fn json(text: &str) -> Value {
    serde_yaml::from_str(text).expect("YAML that is JSON, too")
}

/// Where something stands, without the numbers of elements: `steps.send.from`.
fn walk<'a>(node: &'a Node, way: &str, see: &mut dyn FnMut(&str, Option<&'a Node>, &'a Node)) {
    match &node.content {
        Content::Scalar(_) => {}
        Content::List(elements) => {
            for element in elements {
                see(way, None, element);
                walk(element, way, see);
            }
        }
        Content::Map(entries) => {
            for (key, value) in entries {
                let way = format!("{way}.{}", key.as_text().unwrap_or_default());
                see(&way, Some(key), value);
                walk(value, &way, see);
            }
        }
    }
}

/// The text with the last letter of a word doubled, which stands where a node does.
fn misspelt(text: &str, node: &Node) -> Option<String> {
    let word = node.as_text()?;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let line = lines.get_mut(node.place.line - 1)?;
    let start: usize = line
        .chars()
        .take(node.place.column - 1)
        .map(char::len_utf8)
        .sum();
    if !line.get(start..)?.starts_with(word) {
        return None;
    }
    line.insert(start + word.len(), word.chars().next_back()?);
    Some(lines.join("\n"))
}

/// Whether people choose the keys that stand there.
fn is_free(way: &str) -> bool {
    let mut parents = way.rsplit('.').skip(1);
    way.contains('$')
        || matches!(
            parents.next(),
            Some("clients" | "servers" | "for" | "save" | "environment")
        )
}

#[test]
fn every_scenario_and_example_is_as_the_schema_says() {
    let validator = jsonschema::draft202012::new(&schema()).expect("a schema");
    for (path, text) in all() {
        let errors: Vec<String> = validator
            .iter_errors(&json(&text))
            .map(|it| format!("{}: {it}", it.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{}: {errors:#?}\n{text}", path.display());
    }
}

#[test]
fn every_misspelt_key_is_refused_with_its_place_and_the_right_one() {
    let validator = jsonschema::draft202012::new(&schema()).expect("a schema");
    let mut seen = BTreeSet::new();
    for (path, text) in all() {
        let tree = document::read(&path, &text).expect("YAML");
        let mut found = Vec::new();
        walk(&tree, "", &mut |way, key, _| {
            let key = key.filter(|_| !is_free(way) && seen.insert(way.to_owned()));
            found.extend(key.map(|it| (way.to_owned(), it.clone())));
        });
        for (way, key) in found {
            let word = key.as_text().expect("a key is a word");
            let wrong = misspelt(&text, &key).unwrap_or_else(|| panic!("{way} in {text}"));
            let refusal = Scenario::parse(&path, &wrong).expect_err(&way).to_string();
            assert!(
                refusal.starts_with(&format!("{}: ", key.place)),
                "{way}: {refusal} instead of {}",
                key.place
            );
            assert!(
                refusal.contains(&format!("did you mean `{word}`?")),
                "{way}: {refusal}"
            );
            assert!(!validator.is_valid(&json(&wrong)), "{way} is not refused");
        }
    }
    assert!(seen.len() > 100, "{seen:#?}");
}

#[test]
fn every_misspelt_word_is_refused_with_its_place_and_the_right_one() {
    let validator = jsonschema::draft202012::new(&schema()).expect("a schema");
    let mut words: BTreeSet<String> = DROP_LABELS.iter().map(|it| (*it).to_owned()).collect();
    words.extend(dissect::message_names());
    words.extend(dissect::option_names().map(str::to_owned));
    words.extend(dissect::status_names());
    let others = [
        "silence", "server", "client", "both", "full", "room", "own", "none", "true", "infinity",
    ];
    words.extend(others.map(str::to_owned));
    let mut seen = BTreeSet::new();
    for (path, text) in all() {
        let tree = document::read(&path, &text).expect("YAML");
        let clients = tree.get("clients").and_then(Node::as_map);
        let clients: Vec<&str> = clients
            .into_iter()
            .flatten()
            .filter_map(|(name, _)| name.as_text())
            .collect();
        let mut found = Vec::new();
        walk(&tree, "", &mut |way, _, value| {
            let Content::Scalar(scalar) = &value.content else {
                return;
            };
            // The names of clients and servers are the scenario's own; a schema knows none of them.
            let is_server = way.ends_with(".crash") || way.ends_with(".restart");
            let is_name = is_server || clients.contains(&scalar.text.as_str());
            let is_text = [
                "text",
                "hex",
                "raw",
                "interface_id",
                "config",
                "why",
                "realm",
            ];
            let is_text = way.split('.').any(|it| is_text.contains(&it)) || is_free(way);
            let known = scalar.plain && (words.contains(&scalar.text) || is_name) && !is_text;
            if known && seen.insert(format!("{way}: {}", scalar.text)) {
                found.push((way.to_owned(), value.clone(), is_name));
            }
        });
        for (way, value, is_name) in found {
            let word = value.as_text().expect("a word");
            // Included clients have their place elsewhere.
            let Some(wrong) = misspelt(&text, &value) else {
                continue;
            };
            let refusal = Scenario::parse(&path, &wrong).expect_err(&way).to_string();
            assert!(
                refusal.starts_with(&format!("{}: ", value.place)),
                "{way}: {refusal} instead of {}",
                value.place
            );
            assert!(refusal.contains(&format!("`{word}`")), "{way}: {refusal}");
            assert!(
                is_name || !validator.is_valid(&json(&wrong)),
                "{way}: {word} is not refused"
            );
        }
    }
    assert!(seen.len() > 100, "{seen:#?}");
}

/// All that a schema says of the value that a key or an element has; the empty key is that of an element.
fn below<'a>(root: &'a Value, here: &[&'a Value], key: &str) -> Vec<&'a Value> {
    let mut found = Vec::new();
    for schema in here {
        let part = match key {
            "" => schema.get("items"),
            _ => schema
                .pointer(&format!(
                    "/properties/{}",
                    key.replace('~', "~0").replace('/', "~1")
                ))
                .or_else(|| {
                    schema
                        .get("additionalProperties")
                        .filter(|it| it.is_object())
                }),
        };
        found.extend(part.into_iter().flat_map(|it| opened(root, it)));
    }
    found
}

/// A schema with everything that it may be instead.
fn opened<'a>(root: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
    let mut found = vec![schema];
    if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        let target = root.pointer(name.trim_start_matches('#'));
        found.extend(opened(root, target.expect("a reference leads somewhere")));
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        let parts = schema
            .get(key)
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        found.extend(parts.flat_map(|it| opened(root, it)));
    }
    found
}

fn keys(schemas: &[&Value]) -> BTreeSet<String> {
    let properties = schemas
        .iter()
        .filter_map(|it| it.get("properties")?.as_object());
    properties.flat_map(|it| it.keys().cloned()).collect()
}

/// Visits every map of a document with what the schema says of it.
fn maps<'a>(
    root: &'a Value,
    here: &[&'a Value],
    node: &Node,
    see: &mut dyn FnMut(&Node, &[&'a Value]),
) {
    match &node.content {
        Content::Scalar(_) => {}
        Content::List(elements) => {
            let below = below(root, here, "");
            elements.iter().for_each(|it| maps(root, &below, it, see));
        }
        Content::Map(entries) => {
            see(node, here);
            for (key, value) in entries {
                let below = below(root, here, key.as_text().unwrap_or_default());
                maps(root, &below, value, see);
            }
        }
    }
}

/// The keys that the parser says it knows in the map that begins with this key.
fn known_to_parser(path: &Path, text: &str, key: &Node) -> Option<BTreeSet<String>> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let line = &mut lines[key.place.line - 1];
    let start: usize = line
        .chars()
        .take(key.place.column - 1)
        .map(char::len_utf8)
        .sum();
    line.replace_range(start..start + key.as_text()?.len(), "qqqqqq");
    let refusal = Scenario::parse(path, &lines.join("\n")).err()?.to_string();
    let listed = refusal
        .split_once("`qqqqqq` is not")?
        .1
        .split_once("Known: ")?
        .1;
    Some(
        listed
            .split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect(),
    )
}

#[test]
fn parser_and_schema_know_the_same_keys_at_every_place() {
    let schema = schema();
    let mut compared: BTreeMap<Vec<String>, BTreeSet<String>> = BTreeMap::new();
    let mut seen: BTreeSet<Vec<String>> = BTreeSet::new();
    for (path, text) in all() {
        let tree = document::read(&path, &text).expect("YAML");
        let mut found = Vec::new();
        maps(
            &schema,
            &opened(&schema, &schema),
            &tree,
            &mut |node, here| {
                let said: Vec<String> = keys(here).into_iter().collect();
                let first = node.as_map().and_then(<[_]>::first);
                if let Some((key, _)) = first.filter(|_| !said.is_empty()) {
                    found.push((said, key.clone()));
                }
            },
        );
        for (said, key) in found {
            seen.insert(said.clone());
            if compared.contains_key(&said) {
                continue;
            }
            if let Some(known) = known_to_parser(&path, &text, &key) {
                compared.insert(said, known);
            }
        }
    }
    for (said, known) in &compared {
        let said: BTreeSet<String> = said.iter().cloned().collect();
        assert_eq!(said, *known, "left: the schema, right: the parser");
    }
    // The options of an answer are too many to be listed; both have them from one table.
    let unknown: Vec<_> = seen
        .iter()
        .filter(|it| !compared.contains_key(*it) && it.len() <= 30)
        .collect();
    assert!(
        unknown.is_empty(),
        "the parser does not say what it knows: {unknown:#?}"
    );

    // Everything that the schema describes stands in some scenario, so that it was compared.
    let mut described = BTreeSet::new();
    collect_keys(&schema, &mut described);
    let compared: BTreeSet<String> = seen.into_iter().flatten().collect();
    let missing: Vec<_> = described.difference(&compared).collect();
    assert!(
        missing.is_empty(),
        "no scenario and no example has a map with {missing:?}"
    );
}

fn collect_keys(schema: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(object) => {
            for (key, value) in object {
                if let ("properties", Value::Object(properties)) = (key.as_str(), value) {
                    found.extend(properties.keys().cloned());
                }
                collect_keys(value, found);
            }
        }
        Value::Array(list) => list.iter().for_each(|it| collect_keys(it, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_key_stands_in_the_reference() {
    let reference = fs::read_to_string(root().join("docs/scenarios.md")).expect("a reference");
    let mut described = BTreeSet::new();
    collect_keys(&schema(), &mut described);
    let options: BTreeSet<&str> = dissect::option_names().collect();
    let missing: Vec<_> = described
        .iter()
        .filter(|it| !options.contains(it.as_str()) && !reference.contains(&format!("`{it}`")))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/scenarios.md does not tell of {missing:?}"
    );
}

#[test]
fn what_is_described_has_a_description_for_editors() {
    let schema = schema();
    let properties = schema["properties"].as_object().expect("an object");
    for (key, value) in properties {
        assert!(
            value.get("description").is_some(),
            "{key} has no description"
        );
    }
}
