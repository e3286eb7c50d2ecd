//! What a run leaves in files: every report of the same run, as those read it that it is for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

const HEAD: &str = "rfc: [\"9915 §18.3.2\"]\ncovers: [SOL-1]\nconfig: |\n  interface eth0 { address-pool lan 3600 7200; };\n  \
                    pool lan { range 2001:db8:1::10 to 2001:db8:1::1f; };\nclients: { first: {} }\nsteps:\n";
const PASSES: &str = "why: Through <an> agent & back.\n";
const PASSES_STEPS: &str =
    "  - exchange: { from: first, relay: [{ link: \"2001:db8:1::2\" }], ia_na: { iaid: 1 } }\n";
const FAILS: &str = "why: It fails.\n";
const FAILS_STEPS: &str = "  - crash: server\n  - send: { from: first, solicit: { client_id: none } }\n  \
                           - expect: { dropped: no-client-id }\n  - send: { from: first, solicit: {} }\n  - expect: silence\n";

/// A folder with one scenario that passes and one that does not, and what a run over it said.
fn run(more: &[&str]) -> (TempDir, Output) {
    let folder = tempfile::tempdir().expect("a folder");
    let topic = folder.path().join("topic");
    fs::create_dir(&topic).expect("a folder");
    let write = |name: &str, text: String| fs::write(topic.join(name), text).expect("a file");
    write("it-fails.yaml", format!("{FAILS}{HEAD}{FAILS_STEPS}"));
    write("it-passes.yaml", format!("{PASSES}{HEAD}{PASSES_STEPS}"));
    let output = Command::new(env!("CARGO_BIN_EXE_dhcp6lab"))
        .current_dir(folder.path())
        .args(["run", "--rig", "sim", "--no-witness", "topic"])
        .args(more)
        .env_remove("CI")
        .env_remove("GITHUB_ACTIONS")
        .output()
        .expect("the lab can be run");
    (folder, output)
}

fn read(folder: &TempDir, name: &str) -> String {
    fs::read_to_string(folder.path().join(name)).expect("the report")
}

#[test]
fn the_json_report_has_everything() {
    let (folder, output) = run(&["--json", "report.json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_str(&read(&folder, "report.json")).expect("JSON");
    assert_eq!(report["version"], 1);
    assert_eq!(report["summary"]["failed"], 1);
    assert_eq!(report["summary"]["new"], 1);
    let [fails, passes] = report["scenarios"].as_array().expect("a list").as_slice() else {
        panic!("{report}")
    };
    assert_eq!(fails["path"], "topic/it-fails.yaml");
    assert_eq!(fails["class"], "failed");
    let result = &fails["results"][0];
    assert_eq!(result["faults"][0]["step"], 5);
    assert_eq!(
        result["again"],
        "dhcp6lab run --rig sim topic/it-fails.yaml"
    );
    assert_eq!(
        result["capture"],
        "report-packets/topic-it-fails-sim.pcapng"
    );
    let requirements = report["conformance"].as_array().expect("a list");
    let shown = requirements
        .iter()
        .find(|it| it["id"] == "SOL-1")
        .expect("it is there");
    assert_eq!(shown["state"], "failed");
    assert_eq!(shown["by"][0]["path"], "topic/it-fails.yaml");
    assert!(requirements.iter().any(|it| it["state"] == "absent"));
    assert_eq!(passes["why"], "Through <an> agent & back.");
    let rails = &passes["results"][0]["ladder"]["rails"];
    let names: Vec<_> = rails
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| &it["name"])
        .collect();
    assert_eq!(names, ["first", "fe80::e1", "server"]);
    let rung = &passes["results"][0]["ladder"]["rungs"][0];
    assert_eq!(rung["kind"], "message");
    assert_eq!(rung["name"], "Solicit");
    assert!(
        rung["hex"].as_str().expect("digits").starts_with("0c00"),
        "{rung}"
    );
}

#[test]
fn the_page_is_one_well_formed_file_with_a_picture_of_each_conversation() {
    let (folder, _) = run(&["--html", "report.html"]);
    let page = read(&folder, "report.html");
    assert!(
        page.contains("Through &lt;an&gt; agent &amp; back."),
        "{page}"
    );
    assert!(!page.contains("Through <an>"));
    assert_eq!(page.matches("<svg").count(), 2);
    assert!(page.contains("https://www.rfc-editor.org/rfc/rfc9915#section-18.3.2"));
    assert!(page.contains("dropped: no-client-id"));
    assert!(page.contains("<tr class=\"failed\" id=\"SOL-1\">"));
    // What is no HTML of its own has to be XML, too, so its tags match.
    let start = page.find("<main>").expect("a beginning");
    let end = page.find("</main>").expect("an end") + "</main>".len();
    let body = page[start..end].replace(" hidden>", " hidden=\"\">");
    let body = body.replace("aria-label=\"Filter\">", "aria-label=\"Filter\"/>");
    if let Err(error) = roxmltree::Document::parse(&body) {
        panic!("{error}");
    }
}

#[test]
fn the_junit_report_counts_as_the_terminal_does() {
    let (folder, output) = run(&["--junit", "report.xml"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.ends_with("0 passed, 1 failed, 1 new\n"), "{said}");
    let text = read(&folder, "report.xml");
    let report = roxmltree::Document::parse(&text).expect("well-formed");
    let root = report.root_element();
    assert_eq!(root.attribute("tests"), Some("2"));
    assert_eq!(root.attribute("failures"), Some("1"));
    let failure = report.descendants().find(|it| it.has_tag_name("failure"));
    let failure = failure.and_then(|it| it.text()).expect("a text");
    assert!(
        failure.contains("step 5: the server sent an unexpected Advertise"),
        "{failure}"
    );
}

#[test]
fn the_coverage_is_a_table_of_requirements() {
    let (_folder, output) = run(&["--coverage"]);
    let said = String::from_utf8_lossy(&output.stdout);
    let table = said
        .split("0 passed, 1 failed, 1 new\n")
        .nth(1)
        .expect("a table");
    let lines: Vec<&str> = table.lines().collect();
    let at = lines
        .iter()
        .position(|it| it.starts_with("SOL-1 "))
        .expect("a row");
    assert!(
        lines[at].ends_with("[9915 §18.3.1] failed"),
        "{}",
        lines[at]
    );
    assert!(
        lines[at + 1].ends_with("failed   sim  topic/it-fails.yaml"),
        "{}",
        lines[at + 1]
    );
    assert!(
        lines[at + 2].ends_with("new      sim  topic/it-passes.yaml"),
        "{}",
        lines[at + 2]
    );
}

#[test]
fn github_is_told_the_line_of_the_step() {
    let folder = run(&[]).0;
    let output = Command::new(env!("CARGO_BIN_EXE_dhcp6lab"))
        .current_dir(folder.path())
        .args(["run", "--rig", "sim", "--no-witness", "topic"])
        .env_remove("CI")
        .env("GITHUB_ACTIONS", "true")
        .output()
        .expect("the lab can be run");
    let said = String::from_utf8_lossy(&output.stdout);
    let line = said
        .lines()
        .find(|it| it.starts_with("::error"))
        .expect("an annotation");
    // The fifth step is in the thirteenth line: why, rfc, covers, three of the configuration, clients, steps, and five.
    assert!(
        line.starts_with("::error file=topic/it-fails.yaml,line=13,"),
        "{line}"
    );
}

#[test]
fn a_report_that_cannot_be_written_is_found_out_before_anything_is_played() {
    let (_folder, output) = run(&["--html", "missing/report.html"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("missing/report.html: No such file"), "{said}");
    assert_eq!(output.stdout, b"");
}

/// What tshark says is on the packets of a capture; `None` where there is no tshark and need not be.
fn comments(capture: &Path) -> Option<Vec<String>> {
    let output = Command::new("tshark")
        .arg("-r")
        .arg(capture)
        .args(["-T", "fields", "-e", "frame.comment"])
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => {
            assert!(
                std::env::var_os("CI").is_none(),
                "tshark is missing: {error}"
            );
            eprintln!("NOT RUN: tshark is missing ({error})");
            return None;
        }
    };
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).expect("text");
    Some(text.lines().map(str::to_owned).collect())
}

#[test]
fn the_packets_of_a_failure_say_what_happened() {
    let (folder, _) = run(&["--html", "report.html"]);
    let packets = folder.path().join("report-packets");
    let found: Vec<PathBuf> = fs::read_dir(&packets)
        .expect("a folder")
        .map(|it| it.expect("an entry").path())
        .collect();
    let capture = packets.join("topic-it-fails-sim.pcapng");
    assert_eq!(
        found,
        std::slice::from_ref(&capture),
        "only failures have captures here"
    );
    let Some(comments) = comments(&capture) else {
        return;
    };
    let [dropped, solicit, advertise] = comments.as_slice() else {
        panic!("{comments:?}")
    };
    for (comment, parts) in [
        (
            dropped,
            [
                "crash",
                "step 2: first sends",
                "then: dropped: no-client-id",
            ]
            .as_slice(),
        ),
        (solicit, &["step 4: first sends"]),
        (
            advertise,
            &[
                "step 5: the server sends",
                "✗ step 5: the server sent an unexpected Advertise",
            ],
        ),
    ] {
        for part in parts {
            assert!(comment.contains(part), "{part} is not in {comment}");
        }
    }
}

#[test]
fn all_packets_are_written_if_they_are_asked_for() {
    let (folder, _) = run(&["--pcap", "packets"]);
    let packets = fs::read_dir(folder.path().join("packets")).expect("a folder");
    assert_eq!(packets.count(), 2);
}
