//! Says again what clients once said, and holds every answer against the recorded one, octet by octet.
//!
//! Nothing is rewritten: all servers of the lab have one DUID and one secret, so that what a client told
//! the recorded server is as true for this one.

use std::time::Duration;

use crate::clients::site::SERVER;
use crate::dissect::{self, Value};
use crate::judge;
use crate::normalise::Names;
use crate::recording::Conversation;
use crate::rig::{Datagram, Event, Rig, RigError, Setup};
use crate::transcript::Transcript;

const ADVERTISE: u8 = 2;
const REPLY: u8 = 7;
const RELAY_REPLY: u8 = 13;
const CLIENT_ID: u16 = 1;

/// What came of saying it again.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// What happened this time.
    pub transcript: Transcript,
    /// The names for it.
    pub names: Names,
    /// Where this server did something else than the recorded one, or what no server should.
    pub differences: Vec<String>,
}

impl Replayed {
    /// The transcript as text.
    #[must_use]
    pub fn text(&self) -> String {
        self.transcript.render(&self.names)
    }
}

/// What a rig needs to know before the recorded clients come.
#[must_use]
pub fn setup(conversation: &Conversation) -> Setup {
    Setup {
        config: conversation.config.clone(),
        addresses: vec![SERVER],
    }
}

/// Delivers what clients sent, with as much time between as there was, and restarts the server where it
/// was restarted.
///
/// # Errors
/// The rig gives up.
pub fn replay(conversation: &Conversation, rig: &mut dyn Rig) -> Result<Replayed, RigError> {
    let names = Names::new(&conversation.clients.0);
    let (mut transcript, mut answers) = (Transcript::default(), Vec::new());
    let mut differences = Vec::new();
    let (start, mut secs) = (conversation.start(), 0);
    for (index, (at, datagram)) in conversation.datagrams.iter().enumerate() {
        let at = at.saturating_sub(start);
        if conversation.restarts.contains(&index) {
            transcript.step(at, "restart");
            rig.restart(None)?;
        }
        if is_answer(datagram) {
            continue;
        }
        let passed = at.as_secs().saturating_sub(secs);
        if passed > 0 {
            transcript.step(at, &format!("advance {passed}s"));
            rig.advance(Duration::from_secs(passed))?;
            secs += passed;
        }
        transcript.sent(at, &sender(conversation, datagram), datagram.clone());
        rig.deliver(datagram)?;
        for event in rig.settle()? {
            match event {
                Event::Answer(answer) => {
                    let faults = judge::faults(datagram, &answer).into_iter();
                    differences.extend(faults.map(|fault| fault.to_string()));
                    transcript.received(at, answer.clone());
                    answers.push(answer);
                }
                Event::Drop(reason) => transcript.silence(at, Some(&reason)),
                Event::Ended(ended) => return Err(ended.into()),
            }
        }
    }
    let recorded = conversation.datagrams.iter().map(|(_, it)| it);
    let recorded: Vec<&Datagram> = recorded.filter(|it| is_answer(it)).collect();
    for index in 0..recorded.len().max(answers.len()) {
        let (then, now) = (recorded.get(index).copied(), answers.get(index));
        if then != now {
            differences.push(difference(index + 1, then, now, &names));
        }
    }
    Ok(Replayed {
        transcript,
        names,
        differences,
    })
}

/// Whether it is a server that says this.
fn is_answer(datagram: &Datagram) -> bool {
    let message_type = datagram.payload.first();
    message_type.is_some_and(|it| [ADVERTISE, REPLY, RELAY_REPLY].contains(it))
}

/// The name of the client that has the DUID in a message.
fn sender(conversation: &Conversation, datagram: &Datagram) -> String {
    let tree = dissect::message(&datagram.payload);
    let id = tree.core().options.first(CLIENT_ID);
    let has = |duid: &[u8]| id.is_some_and(|it| it.value == Value::Duid(duid.to_vec()));
    let mut clients = conversation.clients.0.iter();
    let sender = clients.find(|it| has(&it.duid));
    sender.map_or_else(|| "a stranger".to_owned(), |it| it.name.clone())
}

/// Both answers as text, under names in common.
fn difference(
    number: usize,
    then: Option<&Datagram>,
    now: Option<&Datagram>,
    names: &Names,
) -> String {
    let mut both = Transcript::default();
    for (title, answer) in [("recorded", then), ("now", now)] {
        both.step(Duration::ZERO, title);
        match answer {
            Some(answer) => both.received(Duration::ZERO, answer.clone()),
            None => both.silence(Duration::ZERO, None),
        }
    }
    format!("answer {number} differs:\n{}", both.render(names))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::life;
    use crate::rig::sim::Sim;

    fn sim(conversation: &Conversation) -> Sim {
        Sim::start(&setup(conversation)).expect("a server")
    }

    /// What a client says that is served at once, and what it says much later, answered by a server.
    fn recorded() -> Conversation {
        let mut conversation = Conversation {
            config: "interface eth0 { allow rapid-commit; address-pool lan 60 120; };\n\
                     pool lan { range 2001:db8:1::1000 to 2001:db8:1::1fff; };\n"
                .into(),
            clients: life::clients(),
            restarts: vec![2],
            datagrams: Vec::new(),
        };
        let mut sim = sim(&conversation);
        for (at, xid) in [(1_000_000, 1), (1_000_030, 2)] {
            let at = Duration::from_secs(at);
            let question = rapid_solicit(&conversation, xid);
            conversation.datagrams.push((at, question.clone()));
            sim.deliver(&question).expect("it is taken");
            for event in sim.settle().expect("it goes on") {
                let Event::Answer(answer) = event else {
                    panic!("{event:?}")
                };
                conversation.datagrams.push((at, answer));
            }
        }
        conversation
    }

    fn rapid_solicit(conversation: &Conversation, xid: u8) -> Datagram {
        let duid = &conversation.clients.0[0].duid;
        let ia = [&[0, 3, 0, 12, 0, 0, 0, 1][..], &[0; 8]].concat();
        let parts = [&[1, 0, 0, xid, 0, 1, 0, 10][..], duid, &ia, &[0, 14, 0, 0]];
        Datagram {
            source: "[fe80::ff:fe00:c1]:546".parse().expect("an address"),
            destination: "[ff02::1:2]:547".parse().expect("an address"),
            payload: parts.concat(),
        }
    }

    fn differences(conversation: &Conversation) -> Vec<String> {
        let replayed = replay(conversation, &mut sim(conversation)).expect("it goes on");
        replayed.differences
    }

    #[test]
    fn the_same_server_says_the_same_with_or_without_a_restart() {
        let mut conversation = recorded();
        assert_eq!(conversation.datagrams.len(), 4);
        let replayed = replay(&conversation, &mut sim(&conversation)).expect("it goes on");
        assert_eq!(replayed.differences, [""; 0]);
        let text = replayed.text();
        assert!(
            text.contains("\n— restart\n— advance 30s\n→ client  Solicit"),
            "{text}"
        );
        conversation.restarts.clear();
        assert_eq!(differences(&conversation), [""; 0]);
    }

    #[test]
    fn one_octet_of_an_answer_is_a_difference_that_shows_both() {
        let original = recorded();
        // Octet 0 is the type, which tells answers from questions.
        for at in 1..original.datagrams[1].1.payload.len() {
            let mut changed = original.clone();
            changed.datagrams[1].1.payload[at] ^= 1;
            let [difference] = differences(&changed)
                .try_into()
                .expect("one answer was changed");
            let difference: String = difference;
            let both = difference.strip_prefix("answer 1 differs:\n— recorded\n");
            let (then, now) = both
                .and_then(|it| it.split_once("— now\n"))
                .expect("two parts");
            assert_ne!(then, now, "octet {at}");
        }
    }

    #[test]
    fn answers_that_are_missing_or_new_are_differences() {
        let mut conversation = recorded();
        let last = conversation
            .datagrams
            .pop()
            .expect("it ends with an answer");
        let new = differences(&conversation);
        assert!(
            new[0].contains("— recorded\n∅ silence\n— now\n← server"),
            "{new:?}"
        );
        conversation.datagrams.extend([last.clone(), last]);
        let missing = differences(&conversation);
        assert!(missing[0].ends_with("— now\n∅ silence\n"), "{missing:?}");
    }

    #[test]
    fn another_configuration_shows_in_the_answers() {
        let mut conversation = recorded();
        conversation.config = conversation.config.replace("60 120", "60 121");
        assert_eq!(differences(&conversation).len(), 2);
    }
}
