use super::*;

use std::fs;

use clap::Parser as _;

const SCENARIO: &str = "why: It is a test.\nrfc: [\"9915 §18.3.6\"]\nclients: { first: {} }\n\
                        steps:\n  - send: { from: first, information-request: {} }\n";

/// What `run --rig sim --no-witness` with more words asks for.
fn arguments(words: &[&str]) -> RunArguments {
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        arguments: RunArguments,
    }
    let line = ["run", "--rig", "sim", "--no-witness"].iter().chain(words);
    Line::try_parse_from(line)
        .expect("a command line")
        .arguments
}

/// Runs as it does without a terminal and where nobody has set CI; returns the exit status and what was printed.
fn run_here(words: &[&str]) -> (u8, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let surroundings = Surroundings::default();
    let status = run_in(&surroundings, &arguments(words), &mut out, &mut err);
    out.append(&mut err);
    (status, String::from_utf8(out).expect("text"))
}

/// A folder with scenarios of these texts: `0.yaml`, `1.yaml` and so on.
fn folder(texts: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (index, text) in texts.iter().enumerate() {
        fs::write(folder.path().join(format!("{index}.yaml")), text).expect("a file");
    }
    folder
}

/// Runs the scenarios with these texts.
fn run_all(texts: &[&str], more: &[&str]) -> (u8, String) {
    let folder = folder(texts);
    let path = folder.path().to_str().expect("a plain path");
    run_here(&[more, &[path]].concat())
}

fn passing() -> String {
    format!("{SCENARIO}  - expect: reply\n")
}

fn failing() -> String {
    format!("{SCENARIO}  - expect: silence\n")
}

#[test]
fn a_scenario_without_snapshot_is_printed_and_passes() {
    let (status, printed) = run_all(&[&passing()], &[]);
    assert_eq!(status, PASSED, "{printed}");
    assert!(
        printed.contains("← server  Reply  xid#1  to first"),
        "{printed}"
    );
}

#[test]
fn a_blessed_scenario_passes_by_its_snapshot() {
    let folder = folder(&[&passing()]);
    let path = folder.path().to_str().expect("a plain path");
    let (status, printed) = run_here(&["--bless", path]);
    assert_eq!(status, PASSED, "{printed}");
    assert!(printed.starts_with("blessed "), "{printed}");
    let (status, printed) = run_here(&["--strict", path]);
    assert_eq!(status, PASSED, "{printed}");
    assert!(printed.starts_with("ok "), "{printed}");
}

#[test]
fn what_fails_its_expectations_is_never_blessed() {
    let folder = folder(&[&failing()]);
    let path = folder.path().to_str().expect("a plain path");
    let (status, printed) = run_here(&["--bless", path]);
    assert_eq!(status, FAILED, "{printed}");
    assert!(!folder.path().join("0.snap").exists());
}

#[test]
fn what_is_not_expected_fails_the_run() {
    let (status, printed) = run_all(&[&failing(), SCENARIO], &[]);
    assert_eq!(status, FAILED);
    assert!(
        printed.contains("step 2: the server sent an unexpected Reply"),
        "{printed}"
    );
    assert!(
        printed.ends_with("0 passed, 2 failed, 0 new\n"),
        "{printed}"
    );
}

#[test]
fn results_stand_in_the_order_of_the_files_however_many_are_played_at_once() {
    let (passing, failing) = (passing(), failing());
    let texts: Vec<&str> = (0..10)
        .map(|it| if it == 3 { failing.as_str() } else { &passing })
        .collect();
    for jobs in ["1", "7"] {
        let (status, printed) = run_all(&texts, &["--jobs", jobs]);
        assert_eq!(status, FAILED, "{printed}");
        let heads = printed
            .lines()
            .filter(|it| it.contains(" sim ") && !it.starts_with(' '));
        let files: Vec<&str> = heads
            .filter_map(|it| it.split(".yaml").next()?.rsplit('/').next())
            .collect();
        assert_eq!(
            files,
            ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
            "{printed}"
        );
    }
}

#[test]
fn a_run_that_has_had_enough_says_how_much_it_left_out() {
    let (passing, failing) = (passing(), failing());
    let texts = [passing.as_str(), &failing, &passing];
    let (status, printed) = run_all(&texts, &["--fail-fast", "--jobs", "1"]);
    assert_eq!(status, FAILED);
    assert!(
        printed.ends_with("0 passed, 1 failed, 1 new, 1 not played\n"),
        "{printed}"
    );
}

#[test]
fn an_interrupted_run_says_so_with_its_status() {
    let folder = folder(&[&passing()]);
    let surroundings = Surroundings {
        interruption: Interruption::of(15),
        ..Surroundings::default()
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let path = folder.path().to_str().expect("a plain path");
    let status = run_in(&surroundings, &arguments(&[path]), &mut out, &mut err);
    assert_eq!(status, 128 + 15);
    assert_eq!(out, b"\n0 passed, 0 failed, 0 new, 1 not played\n");
}

/// A standard output whose reader is gone.
struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn reports_in_files_are_whole_although_nobody_reads_what_is_printed() {
    let folder = folder(&[&failing(), &passing(), &failing()]);
    let path = folder.path().to_str().expect("a plain path");
    let report = folder.path().join("report.xml");
    let words = ["--junit", report.to_str().expect("a plain path"), path];
    let surroundings = Surroundings::default();
    let status = run_in(
        &surroundings,
        &arguments(&words),
        &mut Closed,
        &mut Vec::new(),
    );
    assert_ne!(status, PASSED);
    let report = fs::read_to_string(report).expect("a report");
    assert_eq!(report.matches("<testcase").count(), 3, "{report}");
    assert_eq!(report.matches("<failure").count(), 2, "{report}");
}

#[test]
fn repeating_what_always_goes_the_same_way_changes_nothing() {
    let (status, printed) = run_all(&[&passing()], &["--repeat", "5"]);
    assert_eq!(status, PASSED, "{printed}");
    assert!(
        printed.ends_with("0 passed, 0 failed, 1 new\n"),
        "{printed}"
    );
}

#[test]
fn a_filter_that_finds_nothing_is_bad_input() {
    let (status, printed) = run_all(&[&passing()], &["--filter", "no such thing"]);
    assert_eq!(status, BAD_INPUT);
    assert!(
        printed.contains("no scenario has `no such thing`"),
        "{printed}"
    );
}

#[test]
fn the_command_that_repeats_a_failure_can_be_pasted_into_a_shell() {
    assert_eq!(quoted("scenarios/a-b.yaml"), "scenarios/a-b.yaml");
    assert_eq!(quoted("it's here.yaml"), r"'it'\''s here.yaml'");
    let (_, printed) = run_all(&[&failing()], &[]);
    assert!(
        printed.contains("again: dhcp6lab run --rig sim /"),
        "{printed}"
    );
}

#[test]
fn every_file_that_is_no_scenario_is_named_and_nothing_is_played() {
    let (status, printed) = run_all(&["why: 5", SCENARIO, "steps: []"], &[]);
    assert_eq!(status, BAD_INPUT);
    assert!(printed.contains("0.yaml:1:"), "{printed}");
    assert!(printed.contains("2.yaml:1:"), "{printed}");
    assert!(!printed.contains("passed"), "{printed}");
}

#[test]
fn an_unusable_configuration_is_bad_input_and_the_others_are_played() {
    let wrong = SCENARIO.replace("clients:", "config: \"nonsense\"\nclients:");
    let (status, printed) = run_all(&[&wrong, &passing()], &[]);
    assert_eq!(status, BAD_INPUT, "{printed}");
    assert!(
        printed.contains("0.yaml:3:10: `nonsense` is not a statement"),
        "{printed}"
    );
    assert!(!printed.contains("step"), "{printed}");
    assert!(
        printed.ends_with("0 passed, 1 failed, 1 new\n"),
        "{printed}"
    );
}

#[test]
fn what_came_instead_of_silence_is_not_called_silence() {
    let (_, printed) = run_all(&[&failing()], &[]);
    assert!(!printed.contains('∅'), "{printed}");
}

#[test]
fn a_file_of_another_name_and_a_server_that_is_none_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let refusal = |name: &str, more: &[&str]| {
        let path = folder.path().join(name);
        fs::write(&path, SCENARIO).expect("a file");
        let path = path.to_str().expect("a plain path");
        let (status, printed) = run_here(&[more, &[path]].concat());
        assert_eq!(status, BAD_INPUT);
        printed
    };
    let text = refusal("a.yml", &[]);
    assert!(
        text.ends_with("a.yml: not a scenario: its name does not end in .yaml\n"),
        "{text}"
    );
    let text = refusal("a.yaml", &["--server", "/nonexist"]);
    assert!(
        text.starts_with("dhcp6lab: /nonexist: not a server: "),
        "{text}"
    );
}

#[test]
fn a_requirement_that_there_is_not_is_refused_with_what_may_be_meant() {
    let text = passing().replace("clients:", "covers: [SOL-99]\nclients:");
    let (status, printed) = run_all(&[&text], &[]);
    assert_eq!(status, BAD_INPUT, "{printed}");
    assert!(
        printed.contains("0.yaml:3:9: covers: `SOL-99` is no requirement of lab/conformance.yaml; did you mean `SOL-9`?"),
        "{printed}"
    );
}
