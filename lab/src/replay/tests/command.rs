//! What the command prints, and its exit status.

use std::fs;
use std::path::PathBuf;

use super::{path, recorded};
use crate::capture;
use crate::replay::command::{Place, ReplayArguments, Timing, run};
use crate::replay::reason::Class;
use crate::status::{BAD_INPUT, FAILED, PASSED};

fn arguments(file: PathBuf) -> ReplayArguments {
    ReplayArguments {
        file,
        config: None,
        guess: true,
        rig: Place::Sim,
        server: None,
        against: None,
        keep: false,
        timing: None,
        client: None,
        accept: Vec::new(),
        json: None,
    }
}

/// The exit status, standard output and standard error.
fn ran(arguments: &ReplayArguments) -> (u8, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let status = run(arguments, &mut out, &mut err);
    let text = |octets| String::from_utf8(octets).expect("text");
    (status, text(out), text(err))
}

/// Replays with a configuration.
fn with(config: &str, accept: &[Class]) -> (u8, String, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("dhcp6s.conf");
    fs::write(&file, config).expect("a file");
    ran(&ReplayArguments {
        guess: false,
        config: Some(file),
        accept: accept.to_vec(),
        ..arguments(path())
    })
}

#[test]
fn a_recording_is_replayed_octet_for_octet_unless_a_configuration_is_given() {
    let exactly = ReplayArguments {
        guess: false,
        ..arguments(path())
    };
    let (status, out, err) = ran(&exactly);
    assert_eq!((status, err.as_str()), (PASSED, ""));
    assert!(out.contains("octet for octet, on sim\n"), "{out}");
    assert!(out.ends_with("every answer is the recorded one\n"), "{out}");
}

#[test]
fn what_octets_cannot_heed_is_refused() {
    let exactly = || ReplayArguments {
        guess: false,
        ..arguments(path())
    };
    for (arguments, option) in [
        (
            ReplayArguments {
                client: Some("x".into()),
                ..exactly()
            },
            "--client",
        ),
        (
            ReplayArguments {
                timing: Some(Timing::Fastest),
                ..exactly()
            },
            "--timing",
        ),
        (
            ReplayArguments {
                accept: vec![Class::Rfc],
                ..exactly()
            },
            "--accept",
        ),
    ] {
        let (status, out, err) = ran(&arguments);
        assert_eq!((status, out.as_str()), (BAD_INPUT, ""));
        let start = format!("dhcp6lab: {option} does not go with a recording");
        assert!(err.starts_with(&start), "{err}");
    }
}

#[test]
fn equal_answers_stand_side_by_side() {
    let (status, out, err) = ran(&arguments(path()));
    assert_eq!((status, err.as_str()), (PASSED, ""));
    assert!(
        out.contains(" s  client-00c1 → Solicit  (packet 1)\n"),
        "{out}"
    );
    assert!(
        out.ends_with("\n7 messages: 7 answers are equal in meaning\n"),
        "{out}"
    );
    assert!(!out.contains('≠') && !out.contains("Rewritten"), "{out}");
}

#[test]
fn what_differs_is_marked_listed_and_counted() {
    let config = "interface eth0 { address-pool lan 5 8; };\n\
                  pool lan { range 2001:db8:1::2000 to 2001:db8:1::2fff; };\n";
    let (status, out, _) = with(config, &[]);
    assert_eq!(status, FAILED);
    assert!(out.contains(" ≠ ia-na 193 > address > lifetimes"), "{out}");
    assert!(out.contains("\nRewritten, to follow the live server:\n  packets 3, 5, 7, 9: ia-na 193 > address: 2001:db8:1::1000 → 2001:db8:1::2"), "{out}");
    assert!(out.contains("\n  packets 1, 3, 5, 7, 11, 13: ia-na 193 > address > lifetimes: recorded 4 8, live 5 8 (configuration: "), "{out}");
    assert!(
        out.ends_with("differences (6 configuration, 6 RFC)\n"),
        "{out}"
    );
    let kinds = [Class::Configuration, Class::Rfc];
    assert_eq!(with(config, &kinds).0, PASSED);
    assert_eq!(with(config, &kinds[..1]).0, FAILED);
}

#[test]
fn programs_get_the_same_as_json() {
    let folder = tempfile::tempdir().expect("a folder");
    let json = folder.path().join("report.json");
    let (status, ..) = ran(&ReplayArguments {
        json: Some(json.clone()),
        client: Some("client-00c2".into()),
        ..arguments(path())
    });
    assert_eq!(status, PASSED);
    let text = fs::read_to_string(json).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(report["equal"], true);
    assert_eq!(report["clients"][0]["name"], "client-00c2");
    let messages = report["messages"].as_array().expect("messages");
    assert_eq!(messages.len(), 2);
    assert_eq!(
        (&messages[1]["message"], &messages[1]["live"]),
        (&"Request".into(), &"Reply".into())
    );
}

#[test]
fn bad_input_is_refused_with_its_remedy() {
    let refusal = |arguments: ReplayArguments| {
        let (status, out, err) = ran(&arguments);
        assert_eq!((status, out.as_str()), (BAD_INPUT, ""));
        err
    };
    let err = refusal(arguments("/nonexistent.pcap".into()));
    assert!(err.starts_with("dhcp6lab: /nonexistent.pcap: "), "{err}");
    let err = refusal(ReplayArguments {
        client: Some("nobody".into()),
        ..arguments(path())
    });
    assert!(
        err.contains("there is no client `nobody` in it; there are: client"),
        "{err}"
    );
    let (status, _, err) = with("nonsense", &[]);
    assert_eq!(status, BAD_INPUT);
    assert!(
        err.contains("does not start with ") && err.contains("dhcp6s.conf:1:1:"),
        "{err}"
    );
    let folder = tempfile::tempdir().expect("a folder");
    let answers = folder.path().join("answers.pcap");
    let recorded = recorded();
    let packets = recorded
        .packets
        .iter()
        .filter(|it| it.datagram.payload[0] == 7);
    let timed = packets.map(|it| (it.at, &it.datagram));
    let file = fs::File::create(&answers).expect("a file");
    capture::write(timed, file).expect("it is written");
    let err = refusal(arguments(answers));
    assert!(
        err.contains("messages of servers in it, but none of a client"),
        "{err}"
    );
}
