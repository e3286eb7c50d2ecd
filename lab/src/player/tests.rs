//! The player over a rig that does what each test tells it.

use std::collections::VecDeque;
use std::net::SocketAddrV6;
use std::path::Path;

use super::*;
use crate::compose::{CLIENT_PORT, SERVER_PORT};
use crate::rig::{Ended, Event, IaName, SERVER_ADDRESS, SERVER_DUID};

/// Answers every message with the next of its answers.
#[derive(Default)]
struct Puppet {
    delivered: Vec<Datagram>,
    answers: VecDeque<Answer>,
    said: Vec<String>,
}

/// What the puppet does about a message.
enum Answer {
    /// It sends a message of that type with these options, behind both identifiers.
    Message(u8, Vec<u8>),
    /// It says that it drops it.
    Drop(&'static str),
    /// Nothing.
    Silence,
    /// It sends these octets instead.
    Octets(Vec<u8>),
    /// It ends.
    End,
}

impl Puppet {
    fn answer(question: &Datagram, answer: Answer) -> Option<Event> {
        let payload = match answer {
            Answer::Silence => return None,
            Answer::Drop(label) => return Some(Event::Drop(label.to_owned())),
            Answer::Octets(octets) => octets,
            Answer::End => {
                return Some(Event::Ended(Ended {
                    how: "SIGSEGV".into(),
                    last_words: "I was fine".into(),
                }));
            }
            Answer::Message(message_type, options) => {
                let client_id = dissect::message(&question.payload).options;
                let client_id = &client_id
                    .first(1)
                    .expect("the client says who it is")
                    .octets;
                let mut octets = vec![message_type];
                octets.extend(&question.payload[1..4]);
                octets.extend([0, 1, 0, u8::try_from(client_id.len()).expect("short")]);
                octets.extend(client_id);
                octets.extend([0, 2, 0, 10]);
                octets.extend(SERVER_DUID);
                octets.extend(options);
                octets
            }
        };
        Some(Event::Answer(Datagram {
            source: SocketAddrV6::new(SERVER_ADDRESS, SERVER_PORT, 0, 0),
            destination: SocketAddrV6::new(*question.source.ip(), CLIENT_PORT, 0, 0),
            payload,
        }))
    }
}

impl Rig for Puppet {
    fn name(&self) -> &'static str {
        "puppet"
    }

    fn deliver(&mut self, datagram: &Datagram) -> Result<(), RigError> {
        self.delivered.push(datagram.clone());
        Ok(())
    }

    fn settle(&mut self) -> Result<Vec<Event>, RigError> {
        let delivered = std::mem::take(&mut self.delivered);
        let events = delivered.iter().filter_map(|question| {
            let answer = self.answers.pop_front().unwrap_or(Answer::Silence);
            Self::answer(question, answer)
        });
        Ok(events.collect())
    }

    fn advance(&mut self, time: Duration) -> Result<(), RigError> {
        self.said.push(format!("advance {}", time.as_secs()));
        Ok(())
    }

    fn crash(&mut self, _: Option<&str>) -> Result<(), RigError> {
        Err(RigError("the server did not start".into()))
    }

    fn restart(&mut self, config: Option<&str>) -> Result<(), RigError> {
        self.said.push(format!("restart {config:?}"));
        Ok(())
    }

    fn reload(&mut self, config: &str) -> Result<bool, RigError> {
        self.said.push(format!("reload {config}"));
        Ok(config == "good")
    }

    fn remove(&mut self, duid: &[u8], ia: IaName) -> Result<bool, RigError> {
        self.said
            .push(format!("remove {ia:?} of {} octets", duid.len()));
        Ok(ia == IaName::Na(1))
    }

    fn disk(&mut self, disk: Disk) -> Result<(), RigError> {
        self.said.push(format!("{disk:?}"));
        Ok(())
    }
}

/// An IA_NA 1 with this address and the lifetimes 60 and 90.
fn ia(last: u8) -> Vec<u8> {
    let mut octets = vec![
        0, 3, 0, 40, 0, 0, 0, 1, 0, 0, 0, 30, 0, 0, 0, 48, 0, 5, 0, 24,
    ];
    octets.extend([0x20, 1, 0xd, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    octets.extend([0, 0, 0, 60, 0, 0, 0, 90]);
    octets
}

#[test]
fn what_no_step_expects_is_a_failure_even_if_nothing_comes() {
    let send = "  - send: { from: first, solicit: {} }\n";
    let dropped = failures(send, vec![Answer::Drop("malformed")]);
    assert_eq!(
        dropped,
        "step 1: the server dropped a message, and no step expects that: add \
         `expect: { dropped: malformed }`"
    );
    let nothing = failures(&format!("{send}  - advance: 1s\n"), vec![Answer::Silence]);
    assert_eq!(
        nothing,
        "step 2: nothing came of the message, and no step expects that: add `expect: silence`"
    );
    let silence = format!("{send}  - expect: silence\n");
    assert_eq!(failures(&silence, vec![Answer::Drop("malformed")]), "");
    let one_of_two = format!("{send}{send}  - expect: {{ dropped: malformed }}\n");
    let two = vec![Answer::Drop("malformed"), Answer::Drop("unicast")];
    assert!(failures(&one_of_two, two).contains("add `expect: { dropped: unicast }`"));
}

#[test]
fn what_an_answer_says_is_compared_where_the_step_says_something() {
    let expect = |wanted: &str| {
        let steps = format!(
            "  - send: {{ from: first, renew: {{ ia_na: {{ iaid: 1 }} }} }}\n  \
             - expect: {{ reply: {wanted} }}\n"
        );
        failures(&steps, vec![Answer::Message(REPLY, ia(5))])
    };
    for right in [
        "{}",
        "{ status: none, ia_pd: none, options: { preference: absent, client-id: <first> } }",
        "{ ia_na: { iaid: 1, t1: 30, t2: 48, status: none, leases: \"2001:db8:1::5\" } }",
        "{ ia_na: { iaid: 1, leases: { within: \"2001:db8:1::/64\", preferred: 60, valid: 90 } } }",
    ] {
        assert_eq!(expect(right), "", "{right}");
    }
    for (wrong, place, expected, got) in [
        ("{ ia_na: { iaid: 1, t1: 31 } }", "ia-na 1, t1", "31", "30"),
        (
            "{ ia_na: { iaid: 0xc1 } }",
            "ia-na",
            "one with IAID 193 (0xc1)",
            "one with IAID 1",
        ),
        ("{ ia_na: none }", "ia-na", "no ia-na", "one with IAID 1"),
        (
            "{ ia_pd: { iaid: 1 } }",
            "ia-pd",
            "one with IAID 1",
            "no ia-pd",
        ),
        ("{ status: no-binding }", "status", "NoBinding", "none"),
        (
            "{ ia_na: { iaid: 1, leases: none } }",
            "ia-na 1, leases",
            "none",
            "2001:db8:1::5 preferred=60 valid=90",
        ),
        (
            "{ ia_na: { iaid: 1, leases: { lease: \"2001:db8:1::5\", valid: infinity } } }",
            "ia-na 1, 2001:db8:1::5, valid",
            "infinity",
            "90",
        ),
        (
            "{ options: { preference: present } }",
            "preference",
            "present",
            "absent",
        ),
        (
            "{ options: { client-id: absent } }",
            "client-id",
            "absent",
            "<first>",
        ),
        (
            "{ options: { client-id: { hex: \"00\" } } }",
            "client-id",
            "00",
            "000300010200000000c1",
        ),
        ("{ source: { port: 546 } }", "source port", "546", "547"),
    ] {
        let text = expect(wrong);
        let line = format!(
            "step 2: the Reply is not as expected: {place}\n        expected  {expected}\n        \
             got       {got}"
        );
        assert!(text.starts_with(&line), "{wrong}: {text}");
    }
}

#[test]
fn a_value_that_the_answer_does_not_have_ends_the_scenario() {
    let steps = "  - send: { from: first, renew: {} }\n  - expect: reply\n  \
                 - save: { lease: ia_na.1.address }\n  - advance: 1s\n";
    let (played, puppet) = play_steps(steps, vec![Answer::Message(REPLY, Vec::new())]);
    let failures: Vec<String> = played.failures.iter().map(ToString::to_string).collect();
    assert_eq!(
        failures,
        ["step 3: the answer has no ia-na 1 with a lease 1 to save"]
    );
    assert!(puppet.said.is_empty(), "time passed");
}

#[test]
fn chance_on_the_link_is_the_same_for_the_same_seed_and_another_for_another() {
    let play_with = |seed: u64| {
        let text = format!(
            "why: A test.\nrfc: [\"9915 §18\"]\nclients: {{ first: {{}} }}\nseed: {seed}\nsteps:\n  \
             - faults: [{{ corrupt: both, part: 50% }}, {{ duplicate: both, part: 50% }}]\n{}",
            "  - send: { from: first, renew: {} }\n  - expect: silence\n".repeat(8)
        );
        let scenario = Scenario::parse(Path::new("x.yaml"), &text).expect("a scenario");
        play(&scenario, &mut Puppet::default()).text()
    };
    assert_eq!(play_with(1), play_with(1));
    let all: std::collections::BTreeSet<String> = (1..6).map(play_with).collect();
    assert_eq!(all.len(), 5);
}

#[test]
fn a_rig_with_one_server_plays_no_second_case() {
    let text = "why: A test.\nrfc: [\"9915 §18\"]\nfor: { n: [1, 2] }\nclients: { first: {} }\nsteps:\n  \
                - advance: $n\n";
    let scenario = Scenario::parse(Path::new("x.yaml"), text).expect("a scenario");
    let played = play(&scenario, &mut Puppet::default());
    assert!(
        played.text().contains("== n=1\n— advance 1s\n\n== n=2\n"),
        "{}",
        played.text()
    );
    let failures: Vec<String> = played.failures.iter().map(ToString::to_string).collect();
    assert!(
        failures[0].starts_with("step 1: (n=2) the puppet rig has one server"),
        "{failures:?}"
    );
}

fn scenario(steps: &str) -> Scenario {
    let text =
        format!("why: A test.\nrfc: [\"9915 §18\"]\nclients: {{ first: {{}} }}\nsteps:\n{steps}");
    Scenario::parse(Path::new("x.yaml"), &text).expect("a scenario")
}

fn play_steps(steps: &str, answers: Vec<Answer>) -> (Played, Puppet) {
    let scenario = scenario(steps);
    let mut puppet = Puppet {
        answers: answers.into(),
        ..Puppet::default()
    };
    let played = play(&scenario, &mut puppet);
    (played, puppet)
}

/// The failures, one to a line.
fn failures(steps: &str, answers: Vec<Answer>) -> String {
    let (played, _) = play_steps(steps, answers);
    let lines: Vec<String> = played.failures.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

const SOLICIT_ONE: &str = "  - send: { from: first, solicit: { ia_na: { iaid: 1 } } }\n";

#[test]
fn an_exchange_requests_what_was_advertised() {
    let (played, _) = play_steps(
        "  - exchange: { from: first, ia_na: { iaid: 1, leases: \"2001:db8:1::99\" } }\n",
        vec![Answer::Message(2, ia(7)), Answer::Message(7, ia(7))],
    );
    assert_eq!(played.failures, []);
    let expected = "\
→ first  Solicit  xid#1  to ff02::1:2
    client-id  <first>
    elapsed-time  0
    ia-na      iaid=1 t1=0 t2=0
      address  2001:db8:1::99 preferred=0 valid=0
← server  Advertise  xid#1  to first
    client-id  <first>
    server-id  <server>
    ia-na      iaid=1 t1=30 t2=48
      address  2001:db8:1::7 preferred=60 valid=90
→ first  Request  xid#2  to ff02::1:2
    client-id  <first>
    server-id  <server>
    elapsed-time  0
    ia-na      iaid=1 t1=0 t2=0
      address  2001:db8:1::7 preferred=0 valid=0
← server  Reply  xid#2  to first
    client-id  <first>
    server-id  <server>
    ia-na      iaid=1 t1=30 t2=48
      address  2001:db8:1::7 preferred=60 valid=90
";
    assert_eq!(played.text(), expected);
}

#[test]
fn an_answer_that_nobody_expects_is_a_failure() {
    let unexpected = "step 1: the server sent an unexpected Advertise";
    assert_eq!(
        failures(SOLICIT_ONE, vec![Answer::Message(2, ia(7))]),
        unexpected
    );
    let steps = format!("{SOLICIT_ONE}  - expect: silence\n");
    let unexpected = "step 2: the server sent an unexpected Advertise";
    assert_eq!(
        failures(&steps, vec![Answer::Message(2, ia(7))]),
        unexpected
    );
}

#[test]
fn silence_is_a_failure_where_an_answer_is_expected_and_tells_the_reason() {
    let steps = format!("{SOLICIT_ONE}  - expect: advertise\n");
    assert_eq!(
        failures(&steps, vec![Answer::Drop("no-client-id")]),
        "step 2: the server was silent instead of sending Advertise: no-client-id"
    );
}

#[test]
fn a_drop_must_be_for_the_expected_reason() {
    let steps = format!("{SOLICIT_ONE}  - expect: {{ dropped: unicast }}\n");
    assert_eq!(failures(&steps, vec![Answer::Drop("unicast")]), "");
    assert_eq!(
        failures(&steps, vec![Answer::Drop("malformed")]),
        "step 2: the server dropped malformed instead of unicast"
    );
    assert_eq!(
        failures(&steps, vec![Answer::Silence]),
        "step 2: the server dropped nothing instead of unicast"
    );
}

#[test]
fn another_type_than_the_expected_one_is_a_failure() {
    let steps = format!("{SOLICIT_ONE}  - expect: reply\n");
    assert_eq!(
        failures(&steps, vec![Answer::Message(2, ia(7))]),
        "step 2: the server sent Advertise instead of Reply"
    );
}

#[test]
fn an_answer_with_another_transaction_id_answers_nothing() {
    let steps = format!("{SOLICIT_ONE}  - expect: advertise\n");
    let text = failures(&steps, vec![Answer::Octets(vec![2, 9, 9, 9])]);
    assert_eq!(text, "step 2: Advertise answers nothing that was sent");
}

#[test]
fn messages_in_a_row_are_answered_in_their_order() {
    let steps = format!("{SOLICIT_ONE}{SOLICIT_ONE}  - expect: [advertise, advertise]\n");
    let answers = vec![Answer::Message(2, ia(7)), Answer::Message(2, ia(7))];
    assert_eq!(failures(&steps, answers), "");
}

#[test]
fn a_renew_lists_what_the_last_reply_gave() {
    let (played, _) = play_steps(
        "  - exchange: { from: first, ia_na: { iaid: 1 } }\n\
         \x20 - send: { from: first, renew: { ia_na: [{ iaid: 1 }, { iaid: 2 }] } }\n",
        vec![Answer::Message(2, ia(7)), Answer::Message(7, ia(8))],
    );
    let renew = "\
→ first  Renew  xid#3  to ff02::1:2
    client-id  <first>
    server-id  <server>
    elapsed-time  0
    ia-na      iaid=1 t1=0 t2=0
      address  2001:db8:1::8 preferred=0 valid=0
    ia-na      iaid=2 t1=0 t2=0
";
    assert!(played.text().ends_with(renew), "{}", played.text());
}

#[test]
fn steps_reach_the_rig_and_the_transcript() {
    let (played, puppet) = play_steps(
        "  - advance: 30m\n  - disk: full\n  - restart: { config: \"# none\" }\n",
        vec![],
    );
    assert_eq!(
        puppet.said,
        ["advance 1800", "Full", "restart Some(\"# none\")"]
    );
    assert_eq!(
        played.text(),
        "— advance 30m\n— the disk is full\n— restart, and start with another configuration\n"
    );
}

#[test]
fn what_the_operator_asks_has_to_come_about_as_expected() {
    let steps = "  - reload: { config: good }\n\
                 \x20 - reload: { config: bad, refused: true }\n\
                 \x20 - reload: { config: bad }\n\
                 \x20 - reload: { config: good, refused: true }\n\
                 \x20 - remove: { client: first, ia_na: 1 }\n\
                 \x20 - remove: { client: first, ia_pd: 1, unknown: true }\n\
                 \x20 - remove: { client: first, ia_pd: 1 }\n\
                 \x20 - remove: { client: first, ia_na: 1, unknown: true }\n";
    let (played, puppet) = play_steps(steps, vec![]);
    let failures: Vec<_> = played.failures.iter().map(ToString::to_string).collect();
    assert_eq!(
        failures,
        [
            "step 3: the server refused the configuration",
            "step 4: the server took over the configuration",
            "step 7: the server knew of no such binding",
            "step 8: the server knew of that binding",
        ]
    );
    assert_eq!(puppet.said[1], "reload bad");
    assert_eq!(puppet.said[5], "remove Pd(1) of 10 octets");
    let text = played.text();
    assert!(text.contains("— reload with another configuration, which is refused\n"));
    assert!(text.contains("— remove IA_PD 1 of first, which is not known\n"));
}

#[test]
fn a_rig_that_gives_up_ends_the_scenario() {
    let steps = format!("  - crash: server\n{SOLICIT_ONE}");
    let (played, puppet) = play_steps(&steps, vec![]);
    assert_eq!(played.failures.len(), 1);
    assert_eq!(
        played.failures[0].to_string(),
        "step 1: the server did not start"
    );
    assert!(puppet.delivered.is_empty());
}

#[test]
fn an_answer_is_judged() {
    let steps = format!("{SOLICIT_ONE}  - expect: advertise\n");
    let with = |extra: &[u8]| vec![Answer::Message(2, [&ia(7), extra].concat())];
    let fault = |text: &str| format!("step 2: the Advertise is wrong: {text}");
    for (extra, text) in [
        (
            &[0, 7, 0, 1, 9, 0, 7, 0, 1, 9][..],
            "preference stands twice (RFC 9915 §21)",
        ),
        (
            &[0, 23, 0, 3, 1, 2, 3],
            "dns-servers is malformed (RFC 9915 §21)",
        ),
        (
            &[0, 14, 0, 0],
            "rapid-commit does not belong there (RFC 9915 §21.14)",
        ),
        (
            &[0, 13, 0, 2, 0, 2],
            "NoAddrsAvail stands outside of an IA (RFC 9915 §18.3.9)",
        ),
        (
            &[0, 1],
            "there are octets that are no option (RFC 9915 §21.1)",
        ),
        (
            &[
                0, 25, 0, 18, 0, 0, 0, 1, 0, 0, 0, 30, 0, 0, 0, 48, 0, 13, 0, 2, 0, 6,
            ],
            "nobody asked for ia-pd 1 (RFC 9915 §18.3.2)",
        ),
    ] {
        assert_eq!(failures(&steps, with(extra)), fault(text));
    }
    let missing = failures(&steps, vec![Answer::Message(2, vec![])]);
    assert_eq!(
        missing,
        fault("ia-na 1 is not answered (RFC 9915 §18.3.2, §18.3.4, §18.3.9)")
    );
}

/// The lines of a watched transcript that tell what the server did.
fn watched(steps: &str, answers: Vec<Answer>) -> Vec<String> {
    let mut puppet = Puppet {
        answers: answers.into(),
        ..Puppet::default()
    };
    let played = watch(&scenario(steps), &mut puppet);
    assert_eq!(played.failures, []);
    let text = played.text();
    let told = text.lines().filter(|line| !line.starts_with([' ', '→']));
    told.map(str::to_owned).collect()
}

#[test]
fn who_watches_expects_nothing() {
    let steps = format!(
        "{SOLICIT_ONE}  - expect: {{ dropped: malformed }}\n{SOLICIT_ONE}  - expect: advertise\n"
    );
    let answers = vec![Answer::Message(7, ia(7)), Answer::Drop("no-client-id")];
    let expected = ["← server  Reply  xid#1  to first", "∅ silence"];
    assert_eq!(watched(&steps, answers), expected);
    let exchange = "  - exchange: { from: first, ia_na: { iaid: 1 } }\n";
    let broken_off = ["← server  Reply  xid#1  to first"];
    assert_eq!(
        watched(exchange, vec![Answer::Message(7, ia(7))]),
        broken_off
    );
}

#[test]
fn who_watches_a_reload_sees_what_came_of_it() {
    // The puppet takes this configuration, and knows of this binding.
    let steps = "  - reload: { config: \"good\", refused: true }\n  - remove: { client: first, ia_na: 1, unknown: true }\n";
    let expected = [
        "— reload with another configuration",
        "— remove IA_NA 1 of first",
    ];
    assert_eq!(watched(steps, Vec::new()), expected);
}

#[test]
fn what_is_watched_ends_with_the_server() {
    let steps = format!("{SOLICIT_ONE}  - expect: advertise\n{SOLICIT_ONE}  - expect: advertise\n");
    let ended = ["✗ the server ended: SIGSEGV"];
    assert_eq!(watched(&steps, vec![Answer::End]), ended);
    let text = failures(&steps, vec![Answer::End]);
    assert!(
        text.contains("SIGSEGV") && text.ends_with("I was fine"),
        "{text}"
    );
}
