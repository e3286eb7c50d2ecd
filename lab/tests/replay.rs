//! Every capture is played and becomes a scenario: those of this repository, and those in `$DHCP6S_CAPTURES`, by
//! default `../shared/pcaps` beside the workspace. With `-- --nocapture` the table of what came of each is printed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use dhcp6lab::capture;
use dhcp6lab::compose::{self, Memory};
use dhcp6lab::dialogue::{Dialogue, server_id};
use dhcp6lab::dissect;
use dhcp6lab::import::{self, Draft};
use dhcp6lab::player;
use dhcp6lab::replay::{self, Class, Options, Played};
use dhcp6lab::rig::live::Live;
use dhcp6lab::rig::sim::Sim;
use dhcp6lab::rig::{Rig, Setup};
use dhcp6lab::scenario::{Exchange, Fields, Message, Scenario, Send, Step, Transport};

#[path = "support/server.rs"]
mod server;
mod support;

const SOLICIT: u8 = 1;
const REQUEST: u8 = 3;

fn folder(path: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let paths = entries.map(|it| it.path());
    let mut files: Vec<_> = paths
        .filter(|it| it.extension().is_some_and(|it| it == "pcap"))
        .collect();
    files.sort();
    files
}

/// All captures that there are; says loudly if those of others are missing.
fn captures() -> Vec<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let own = folder(&workspace.join("pcaps"));
    assert!(own.len() >= 9, "the captures of the repository are missing");
    let default = workspace.join("../shared/pcaps");
    let others = std::env::var_os("DHCP6S_CAPTURES").map_or(default, PathBuf::from);
    let others = folder(&others);
    if others.is_empty() {
        eprintln!("NOT RUN on captures of others: set DHCP6S_CAPTURES to a folder of them");
    }
    own.into_iter().chain(others).collect()
}

fn name(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

fn dialogue(path: &Path) -> Dialogue {
    let capture = capture::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Dialogue::new(&capture)
}

fn guessed(dialogue: &Dialogue, path: &Path) -> Setup {
    let guess = import::guess(dialogue, &name(path));
    import::usable(guess).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn played(dialogue: &Dialogue, path: &Path) -> Played {
    let setup = guessed(dialogue, path);
    let mut sim = Sim::start(&setup).expect("it has started before");
    let options = Options {
        recorded_time: true,
    };
    replay::play(dialogue, &setup, options, &mut sim)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn scenario(dialogue: &Dialogue, path: &Path, time: bool) -> Scenario {
    let draft = Draft::new(dialogue, &name(path), time);
    let text = draft.expect("it can be made").text();
    let yaml = path.with_extension("imported.yaml");
    Scenario::parse(&yaml, &text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn passes(scenario: &Scenario, rig: &mut dyn Rig, path: &Path) {
    let played = player::play(scenario, rig);
    let failures: Vec<String> = played.failures.iter().map(ToString::to_string).collect();
    assert!(
        failures.is_empty(),
        "{} on {}: {}\n{}",
        path.display(),
        rig.name(),
        failures.join("\n"),
        played.text()
    );
}

/// One row for each capture that clients speak in.
#[test]
fn every_capture_is_played_and_becomes_a_scenario_that_passes() {
    let live = support::can_run(&[]);
    println!("| capture | clients | messages | answers | replay, guessed | sim | live |");
    println!("|---|---|---|---|---|---|---|");
    for path in captures() {
        let dialogue = dialogue(&path);
        let (clients, turns) = (dialogue.clients.len(), dialogue.turns.len());
        let answers = dialogue.answers;
        let name = name(&path);
        if turns == 0 {
            println!("| {name} | 0 | 0 | {answers} | no client | - | - |");
            assert!(dialogue.playable(None).is_err());
            continue;
        }
        let played = played(&dialogue, &path);
        assert_eq!(played.turns.len(), turns, "{name}");
        let timed = scenario(&dialogue, &path, true);
        let mut sim = Sim::start(&timed.setup()).expect("a server");
        passes(&timed, &mut sim, &path);
        let mut on_live = "not run";
        if live {
            // Real time would only pass.
            let scenario = scenario(&dialogue, &path, false);
            let server = server::path();
            let rig = Live::start(&scenario.setup(), server.as_path());
            let mut rig = rig.unwrap_or_else(|error| panic!("{name}: {error}"));
            passes(&scenario, &mut rig, &path);
            on_live = "passes";
        }
        let compared = played.turns.iter().filter(|it| !it.rows.is_empty());
        let outcome = match (compared.count(), played.differences()) {
            (0, _) => "nothing to compare".to_owned(),
            (count, 0) => format!("{count} equal"),
            (_, count) => format!("{count} differ"),
        };
        println!("| {name} | {clients} | {turns} | {answers} | {outcome} | passes | {on_live} |");
    }
}

/// The sends of a scenario in order, both of an exchange.
fn sends(scenario: &Scenario) -> Vec<Send> {
    let mut sends = Vec::new();
    for step in &scenario.steps {
        if let Step::Send(send) = step {
            sends.push((**send).clone());
        } else if let Step::Exchange(exchange) = step {
            sends.extend([SOLICIT, REQUEST].map(|it| leg(exchange, it)));
        }
    }
    sends
}

/// A message of an exchange, by the words of the reference.
fn leg(exchange: &Exchange, message_type: u8) -> Send {
    let mut fields = Fields {
        ia_na: exchange.ia_na.clone(),
        ia_pd: exchange.ia_pd.clone(),
        oro: exchange.oro.clone(),
        options: exchange.options.clone(),
        ..Fields::default()
    };
    if message_type == REQUEST {
        let ias = [&mut fields.ia_na, &mut fields.ia_pd].into_iter().flatten();
        ias.flat_map(|it| &mut it.0).for_each(|it| it.leases = None);
    }
    Send {
        from: exchange.from.clone(),
        transport: Transport {
            on: None,
            source: exchange.source.clone(),
            to: exchange.to,
            relay: exchange.relay.clone(),
        },
        message: Message::Client(message_type, fields),
    }
}

/// What a client knows once it was told of a server.
fn told_of(memory: &mut Memory, server: &[u8]) {
    let length = u16::try_from(server.len()).expect("a DUID is short");
    let answer = [&[7, 0, 0, 0, 0, 2][..], &length.to_be_bytes(), server].concat();
    memory.learn(&dissect::message(&answer));
}

#[test]
fn every_imported_step_composes_to_the_recorded_octets() {
    let mut messages = 0;
    for path in captures() {
        let dialogue = dialogue(&path);
        if dialogue.turns.is_empty() {
            continue;
        }
        let scenario = scenario(&dialogue, &path, true);
        let sends = sends(&scenario);
        assert_eq!(sends.len(), dialogue.turns.len(), "{}", path.display());
        let mut memories = vec![Memory::default(); dialogue.clients.len()];
        for (index, (send, turn)) in sends.iter().zip(&dialogue.turns).enumerate() {
            let name = &dialogue.clients[turn.client].name;
            assert_eq!(send.from, *name);
            let client = scenario.clients.get(name).expect("it is declared");
            let memory = &mut memories[turn.client];
            let tree = turn.tree();
            // Carried forward are the server's DUID, the transaction id and the leases: here those of the capture.
            if let Some(server) = server_id(tree.core())
                && dialogue.knows_server(turn.client, &server)
            {
                told_of(memory, &server);
            }
            let xid = tree.core().xid().unwrap_or_default();
            let composed = compose::datagram(send, client, memory, xid, Duration::ZERO);
            assert_eq!(
                composed.payload,
                turn.datagram.payload,
                "{}, packet {}: {send:?}",
                path.display(),
                turn.number
            );
            if let Some(answer) = dialogue.chosen(index) {
                memory.learn(dissect::message(&answer.datagram.payload).core());
            }
            messages += 1;
        }
    }
    println!("{messages} messages");
}

/// Captures that hold both sides, and how many differences there are between the recorded server and ours with the
/// guessed configuration, by kind: configuration, RFC, capture. None is unexplained.
const BOTH_SIDES: [(&str, [usize; 3]); 24] = [
    ("dhclient-address", [0; 3]),
    ("dhclient-address-and-prefix", [0; 3]),
    ("dhclient-prefix", [0; 3]),
    ("dhcp6c-address", [0; 3]),
    ("dhcp6c-address-and-prefix", [0; 3]),
    ("dhcp6c-prefix", [0; 3]),
    ("dhcpcd-address", [0; 3]),
    ("dhcpcd-address-and-prefix", [0; 3]),
    ("dhcpcd-prefix", [0; 3]),
    ("wireshark-sample-fresh-lease", [0; 3]),
    ("wireshark-sample-old-lease", [0; 3]),
    // T1 and T2, which this server chooses by itself.
    ("tcpdump-dhcpv6-ia-na", [0, 2, 0]),
    ("tcpdump-dhcpv6-ia-pd", [0, 2, 0]),
    ("tcpdump-dhcpv6-rfc6355-duid-uuid", [0, 1, 0]),
    ("zeek-pppoe-cisco-pd", [0, 2, 0]),
    ("shadowdhcp-mikrotik-kea.synth", [0, 8, 0]),
    // These too, and options that the client does not ask for.
    ("dhcpkit-softwire-map", [0, 8, 0]),
    // Reconfigure Accept, which this server does not do.
    ("dhcpkit-avm-fritzbox-2relays", [2, 0, 0]),
    // Server Unicast, and options in Replies to Confirm and Release.
    ("dibbler-remote-autoconf-2", [0, 6, 0]),
    // These too, and options 42 and 254, which the configuration cannot say.
    ("dibbler-remote-autoconf-3", [4, 14, 0]),
    ("arkime-synthetic", [0, 1, 0]),
    ("library-tests-go-cpp.synth", [0, 2, 0]),
    // A Renew about a lease from before the capture.
    ("from-text-ps5-dhcpcd.text", [0, 1, 1]),
    // An address beside its IA, and options that change from answer to answer.
    ("freeradius-client-server.synth", [4, 5, 1]),
];

#[test]
fn answers_are_equal_in_meaning_or_the_difference_is_explained() {
    let mut compared = 0;
    for path in captures() {
        let name = name(&path);
        let Some((_, expected)) = BOTH_SIDES.iter().find(|it| it.0 == name) else {
            continue;
        };
        let played = played(&dialogue(&path), &path);
        let kinds = [Class::Configuration, Class::Rfc, Class::Capture];
        let all: Vec<_> = played
            .turns
            .iter()
            .flat_map(|it| it.differences())
            .collect();
        assert_eq!(
            kinds.map(|it| played.count(it)),
            *expected,
            "{name}: {all:#?}"
        );
        assert_eq!(played.count(Class::Unexplained), 0, "{name}: {all:#?}");
        compared += 1;
    }
    assert!(compared >= 9, "{compared}");
}
