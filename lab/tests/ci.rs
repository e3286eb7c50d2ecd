//! What `docs/ci.md` has people write is well-formed, and names nothing that the lab does not have. (That its jobs
//! pass and fail as it says, `image.rs` shows with the image.)

use std::collections::BTreeSet;
use std::process::Command;

use serde_yaml::Value;

#[path = "support/handbook.rs"]
mod handbook;

/// The job files in the document: name and content.
fn jobs(document: &str) -> Vec<(String, Value)> {
    let blocks = handbook::blocks(document);
    let named = blocks.iter().filter_map(|it| Some((it.file()?, it)));
    let named = named.filter(|(name, it)| it.language == "yaml" && name.starts_with('.'));
    named
        .map(|(name, it)| {
            let value = serde_yaml::from_str(it.text);
            let value = value.unwrap_or_else(|error| panic!("{name}: {error}"));
            (name.to_owned(), value)
        })
        .collect()
}

/// All texts in a value.
fn texts<'a>(value: &'a Value, into: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => into.push(text),
        Value::Sequence(values) => values.iter().for_each(|it| texts(it, into)),
        Value::Mapping(values) => values.values().for_each(|it| texts(it, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Tagged(_) => {}
    }
}

/// The commands of the lab in a line: from the name of the subcommand on.
fn commands(line: &str) -> Option<Vec<&str>> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let own = words
        .iter()
        .rposition(|it| *it == "dhcp6lab" || *it == "/dhcp6lab")?;
    let behind = words.get(own + 1..)?;
    // In a container's command line, the name of the image is next.
    let entry = own.checked_sub(1).and_then(|it| words.get(it));
    let behind = if entry == Some(&"--entrypoint") {
        behind.get(1..)?
    } else {
        behind
    };
    let end = behind
        .iter()
        .position(|it| ["||", "&&", "|", ";"].contains(it));
    Some(behind.get(..end.unwrap_or(behind.len()))?.to_vec())
}

fn help(words: &[&str]) -> String {
    let mut lab = Command::new(env!("CARGO_BIN_EXE_dhcp6lab"));
    let output = lab.args(words).arg("--help").output().expect("the lab");
    assert!(
        output.status.success(),
        "{words:?} is no command of the lab"
    );
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn the_jobs_are_yaml_and_keep_what_they_write() {
    let document = handbook::document();
    let jobs = jobs(&document);
    let names: Vec<&str> = jobs.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, [".github/workflows/dhcpv6.yaml", ".gitlab-ci.yml"]);
    for (name, job) in &jobs {
        let mut found = Vec::new();
        texts(job, &mut found);
        assert!(found.contains(&"reports/"), "{name} keeps no reports");
        let scripts = found.join("\n");
        for option in ["--junit", "--html", "--json"] {
            let written = scripts.split(option).nth(1);
            let written = written.unwrap_or_else(|| panic!("{name} writes no {option}"));
            let path = written.trim_start().trim_start_matches('"');
            assert!(path.starts_with("reports/"), "{name}: {option} {path}");
        }
    }
    let (_, gitlab) = jobs.last().expect("two jobs");
    let junit = &gitlab["dhcpv6"]["artifacts"]["reports"]["junit"];
    assert_eq!(junit.as_str(), Some("reports/scenarios.xml"));
}

#[test]
fn the_commands_are_those_of_the_lab() {
    let document = handbook::document();
    let mut scripts: Vec<String> = Vec::new();
    for block in handbook::blocks(&document) {
        if block.language == "sh" {
            scripts.push(block.text.to_owned());
        }
    }
    for (_, job) in jobs(&document) {
        let mut found = Vec::new();
        texts(&job, &mut found);
        scripts.extend(found.into_iter().map(str::to_owned));
    }
    let lines = scripts.iter().flat_map(|it| handbook::lines(it));
    // What is in single quotes is the command line of another program.
    let lines: Vec<String> = lines
        .map(|line| line.split('\'').step_by(2).collect())
        .collect();
    let mut seen = BTreeSet::new();
    for line in &lines {
        let Some(words) = commands(line) else {
            continue;
        };
        let Some((subcommand, arguments)) = words.split_first() else {
            continue;
        };
        if subcommand.starts_with('-') {
            // `--help`, or the end of a command of podman's.
            continue;
        }
        let help = help(&[subcommand]);
        for option in arguments.iter().filter(|it| it.starts_with("--")) {
            let known = help
                .split_whitespace()
                .any(|it| it.trim_end_matches(',') == *option);
            assert!(known, "{subcommand} has no {option}: {line}");
        }
        seen.insert((*subcommand).to_owned());
    }
    let seen: Vec<&str> = seen.iter().map(String::as_str).collect();
    assert_eq!(seen, ["anonymise", "import", "replay", "run", "show"]);
}
