//! The rules of the architecture, checked on the source itself: what may know what, what the decisions must
//! not touch, how long a file may be, and that scenarios, snapshots and reasons to drop a message belong
//! together.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use dhcp6lab::conformance;
use dhcp6lab::scenario::{DROP_LABELS, Scenario};
use dhcp6lab::suite;
use dhcp6s::engine::DropReason;
use paths::{Named, named};

#[path = "support/paths.rs"]
mod paths;

/// The modules of the server, and the others that each may use. `main` sees everything.
const MAY_USE: &[(&str, &[&str])] = &[
    ("wire", &[]),
    ("lease", &["wire"]),
    ("config", &["wire", "lease", "secret"]),
    ("engine", &["wire", "lease", "config"]),
    ("store", &["lease"]),
    (
        "check",
        &[
            "wire",
            "lease",
            "config",
            "engine",
            "server",
            "cli",
            "diagnostics",
            "reading",
            "surroundings",
            "unconfigured",
        ],
    ),
    ("diagnostics", &["config"]),
    ("secret", &[]),
    ("control", &["wire", "lease", "secret"]),
    ("confine", &[]),
    (
        "server",
        &[
            "wire",
            "lease",
            "config",
            "control",
            "engine",
            "store",
            "unconfigured",
        ],
    ),
    ("identity", &["wire", "lease"]),
    ("logging", &[]),
    ("unconfigured", &["wire", "lease", "config"]),
    (
        "surroundings",
        &["lease", "config", "cli", "server", "unconfigured"],
    ),
    ("cli", &["config", "logging", "unconfigured"]),
    ("ctl", &["wire", "lease", "config", "control"]),
    ("remedy", &["identity", "store"]),
    (
        "reading",
        &[
            "cli",
            "config",
            "diagnostics",
            "server",
            "surroundings",
            "unconfigured",
        ],
    ),
];

/// The modules that decide and nothing else: what comes out depends on what is handed in alone.
const PURE: &[&str] = &[
    "wire",
    "lease",
    "config",
    "engine",
    "secret",
    "unconfigured",
];

/// Files of other modules of which the same holds.
const PURE_FILES: &[&str] = &["src/control/frame.rs"];

/// What names a clock, a socket, a file, the environment, a thread or a random source.
const IMPURE: &[&str] = &[
    "std::time",
    "std::fs",
    "std::env",
    "std::thread",
    "std::process",
    "std::os",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
    "std::net::ToSocketAddrs",
    "getrandom",
    "libc",
    "nix",
    "socket2",
    "tokio",
];

/// The same, out of modules that hold harmless things too.
const IMPURE_WORDS: &[&str] = &[
    "DefaultHasher",
    "RandomState",
    "TcpListener",
    "TcpStream",
    "UdpSocket",
];

/// Where a rule does not hold: file, what it names, and why that is right.
const EXCEPTIONS: &[(&str, &str, &str)] = &[(
    "src/lease/table/index.rs",
    "RandomState",
    "it guards the hash tables against chosen collisions, and their order shows in no answer and no change",
)];

/// The most lines that a file has.
const LINES_MAX: usize = 600;
/// Files that are longer, and why they are not split.
const LONGER: &[(&str, &str)] = &[];

/// The only files of the lab that see into the server; all others see what leaves it.
const INSIDERS: &[&str] = &[
    "lab/src/rig/operator.rs",
    "lab/src/rig/sim.rs",
    "lab/tests/differential.rs",
    "lab/tests/language.rs",
    "lab/tests/model.rs",
    "lab/tests/support/journal.rs",
    "lab/tests/support/networks.rs",
    "lab/tests/tidy.rs",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the lab is a folder of the workspace")
}

/// The Rust files below a folder of the workspace, by their paths from its root.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                let text = fs::read_to_string(&path).expect("a file");
                let path = path.strip_prefix(root()).expect("a file of the workspace");
                found.push((path.to_string_lossy().into_owned(), text));
            }
        }
    }
    found.sort();
    found
}

/// Whether a file is compiled for tests alone.
fn is_test(path: &str) -> bool {
    let mut parts = path.split('/');
    parts.any(|it| matches!(it, "tests" | "tests.rs" | "contract.rs"))
}

/// The module of the server that a file belongs to, and how deep in the tree of modules it stands.
fn module_of(path: &str) -> Option<(&str, usize)> {
    let inside = path.strip_prefix("src/")?.strip_suffix(".rs")?;
    let inside = inside.strip_suffix("/mod").unwrap_or(inside);
    let module = inside.split('/').next()?;
    let known = MAY_USE.iter().any(|it| it.0 == module);
    known.then_some((module, inside.split('/').count()))
}

/// The module of the server that a path leads to from a file that deep.
fn target(path: &str, depth: usize) -> Option<&str> {
    let mut words = path.split("::").peekable();
    if words.peek() == Some(&"crate") {
        return words.nth(1);
    }
    let mut up = 0;
    while words.peek() == Some(&"super") {
        up += 1;
        words.next();
    }
    words.next().filter(|_| up == depth)
}

/// What a file of the server names and must not.
fn trespasses(path: &str, named: &[Named]) -> Vec<String> {
    let Some((module, depth)) = module_of(path) else {
        return Vec::new();
    };
    let rule = MAY_USE.iter().find(|it| it.0 == module);
    let may_use = rule.map_or(&[][..], |it| it.1);
    let mut found = Vec::new();
    for Named { line, path: name } in named {
        if let Some(other) = target(name, depth)
            && other != module
            && !may_use.contains(&other)
        {
            found.push(format!(
                "{path}:{line}: `{module}` must not know `{other}` ({name})"
            ));
        }
        let is_pure = PURE.contains(&module) || PURE_FILES.contains(&path);
        if let Some(what) = impure(name).filter(|_| is_pure)
            && !EXCEPTIONS.iter().any(|it| it.0 == path && it.1 == what)
        {
            found.push(format!("{path}:{line}: `{module}` must not name `{what}`"));
        }
    }
    found
}

/// What in a path is a clock, a socket, a file, the environment, a thread or a random source.
fn impure(name: &str) -> Option<&str> {
    let leads = |it: &&&str| {
        name.strip_prefix(**it)
            .is_some_and(|rest| rest.starts_with("::") || (rest.is_empty() && it.contains("::")))
    };
    let by_path = IMPURE.iter().find(leads).copied();
    by_path.or_else(|| name.split("::").find(|it| IMPURE_WORDS.contains(it)))
}

fn none(found: &[String]) {
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn modules_know_only_what_they_may() {
    let mut found = Vec::new();
    for (path, text) in sources("src") {
        if !is_test(&path) {
            found.extend(trespasses(&path, &named(&text)));
        }
    }
    none(&found);
}

#[test]
fn every_module_has_a_rule() {
    let map = fs::read_to_string(root().join("src/lib.rs")).expect("the crate map");
    let modules = map.lines().filter_map(|it| it.strip_prefix("pub mod "));
    let modules: BTreeSet<_> = modules.map(|it| it.trim_end_matches(';')).collect();
    let ruled: BTreeSet<_> = MAY_USE.iter().map(|it| it.0).collect();
    assert_eq!(modules, ruled);
}

#[test]
fn every_exception_is_needed() {
    let sources = sources("src");
    for (path, what, why) in EXCEPTIONS {
        let file = sources.iter().find(|it| it.0 == *path);
        let uses = file
            .is_some_and(|(_, text)| named(text).iter().any(|it| impure(&it.path) == Some(what)));
        assert!(uses, "{path} does not name {what}: {why}");
    }
}

#[test]
fn files_are_short_or_have_a_reason() {
    let mut found = Vec::new();
    for (path, text) in sources("src").into_iter().chain(sources("lab")) {
        let lines = text.lines().count();
        let listed = LONGER.iter().any(|it| it.0 == path);
        if (lines > LINES_MAX) != listed {
            found.push(format!(
                "{path} has {lines} lines: split it, or list the reason here"
            ));
        }
    }
    none(&found);
}

#[test]
fn the_lab_sees_what_leaves_the_server() {
    let mut found = Vec::new();
    for (path, text) in sources("lab") {
        // Adapters translate the configuration as the server understands it.
        let folders = ["lab/fuzz/", "lab/src/rig/product/"];
        let insider =
            INSIDERS.contains(&path.as_str()) || folders.iter().any(|it| path.starts_with(it));
        let uses = named(&text);
        if let Some(it) = uses.iter().find(|it| it.path.starts_with("dhcp6s::"))
            && !insider
        {
            found.push(format!(
                "{path}:{}: only {INSIDERS:?} may name {}",
                it.line, it.path
            ));
        }
    }
    none(&found);
}

/// The files below `scenarios/` that end that way.
fn scenario_files(extension: &str) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for topic in fs::read_dir(root().join("scenarios")).expect("scenarios") {
        let topic = topic.expect("an entry").path();
        assert!(topic.is_dir(), "{} belongs in a topic", topic.display());
        if topic.ends_with(suite::COMMON) {
            continue;
        }
        for file in fs::read_dir(topic).expect("a topic") {
            let path = file.expect("an entry").path();
            if path.extension().is_some_and(|it| it == extension) {
                found.insert(path);
            }
        }
    }
    found
}

#[test]
fn every_scenario_has_its_snapshot_and_every_snapshot_its_scenario() {
    let scenarios = scenario_files("yaml");
    let wanted: BTreeSet<_> = scenarios
        .iter()
        .map(|it| suite::snapshot_path(it))
        .collect();
    let there = scenario_files("snap");
    let apart: Vec<_> = wanted.symmetric_difference(&there).collect();
    assert!(apart.is_empty(), "{apart:#?} stand alone");
    assert!(!there.is_empty());
}

#[test]
fn every_reason_to_drop_a_message_has_a_scenario() {
    let snapshots = scenario_files("snap");
    let texts = snapshots
        .iter()
        .map(|it| fs::read_to_string(it).expect("a snapshot"));
    let all: String = texts.collect();
    let shown: BTreeSet<_> = all
        .split("dropped: ")
        .skip(1)
        .filter_map(|rest| rest.split_whitespace().next())
        .collect();
    let labels: BTreeSet<_> = DropReason::ALL.iter().map(|it| it.label()).collect();
    let missing: Vec<_> = labels.difference(&shown).collect();
    assert!(missing.is_empty(), "no scenario shows {missing:?}");
    let unknown: Vec<_> = shown.difference(&labels).collect();
    assert!(unknown.is_empty(), "no reason is called {unknown:?}");
}

#[test]
fn scenarios_may_name_every_reason_to_drop_a_message_and_no_other() {
    let labels: BTreeSet<_> = DropReason::ALL.iter().map(|it| it.label()).collect();
    let known: BTreeSet<_> = DROP_LABELS.iter().copied().collect();
    assert_eq!(known, labels);
}

#[test]
fn the_checker_finds_what_must_not_be() {
    let check = |path: &str, source: &str| trespasses(path, &named(source)).len();
    assert_eq!(check("src/wire/option.rs", "use crate::lease::Prefix;"), 1);
    assert_eq!(
        check("src/wire/option.rs", "use crate::wire::codes::OptionCode;"),
        0
    );
    assert_eq!(
        check("src/wire/option.rs", "use super::super::lease::Prefix;"),
        1
    );
    assert_eq!(
        check("src/wire/mod.rs", "pub use super::{config, wire};"),
        1
    );
    assert_eq!(
        check("src/lease/pool.rs", "let x = crate::engine::Engine::new();"),
        1
    );
    assert_eq!(
        check(
            "src/store/journal/format.rs",
            "use crate::{lease::Change, wire::Duid};"
        ),
        1
    );
    assert_eq!(
        check("src/store/journal/format.rs", "use super::super::Error;"),
        0
    );
    assert_eq!(check("src/server/mod.rs", "use crate::engine::Engine;"), 0);
    assert_eq!(
        check("src/server/mod.rs", "use crate::identity::Identity;"),
        1
    );
    assert_eq!(check("src/main.rs", "use dhcp6s::server::Server;"), 0);
}

#[test]
fn the_checker_finds_impurity_in_any_dress() {
    let check = |source: &str| trespasses("src/engine/assign.rs", &named(source)).len();
    for impure in [
        "use std::time::Duration;",
        "use std::{fmt, fs};",
        "use std::net::{Ipv6Addr, UdpSocket};",
        "let now = std::time::SystemTime::now();",
        "use std::hash::{BuildHasher, RandomState};",
        "let _ = getrandom::fill(&mut octets);",
        "tokio::spawn(x);",
    ] {
        assert!(check(impure) > 0, "{impure}");
    }
    for pure in [
        "use std::net::{Ipv6Addr, SocketAddrV6};",
        "use std::collections::HashMap;",
        "let libc = 1; // std::fs",
        "use std::io;",
    ] {
        assert_eq!(check(pure), 0, "{pure}");
    }
    let server = named("use std::time::SystemTime;");
    assert_eq!(trespasses("src/server/mod.rs", &server), [""; 0]);
    assert_eq!(trespasses("src/control/listener.rs", &server), [""; 0]);
    assert_eq!(trespasses("src/control/frame.rs", &server).len(), 1);
}

/// Requirements that no scenario shows yet.
const NOT_SHOWN: [&str; 1] = ["SEC-2"];

#[test]
fn every_requirement_is_shown_or_has_a_reason_and_not_both() {
    let mut shown = BTreeSet::new();
    for path in suite::scenarios(&root().join("scenarios")).expect("readable scenarios") {
        if let Ok(scenario) = Scenario::load(&path) {
            shown.extend(scenario.covers.0);
        }
    }
    let mut faults = Vec::new();
    for requirement in conformance::requirements() {
        let id = &requirement.id;
        let is_shown = shown.contains(id);
        let excused = requirement.tests.is_some() || requirement.absent.is_some();
        let listed = NOT_SHOWN.contains(&id.as_str());
        if requirement.absent.is_some() && is_shown {
            faults.push(format!("{id} is absent, and a scenario shows it"));
        }
        if !is_shown && !excused && !listed {
            faults.push(format!(
                "{id} is shown by nothing: add a scenario, or say why"
            ));
        }
        if is_shown && listed {
            faults.push(format!("{id} is shown by now: take it off the list here"));
        }
    }
    none(&faults);
}
