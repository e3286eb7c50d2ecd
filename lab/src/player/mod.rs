//! Plays a scenario over a rig: steps in, a transcript and a verdict out.
//!
//! What comes without being expected is a failure, and so is what does not come, and an answer that the
//! judge finds fault with. A failure does not end the scenario: what follows often shows why.
//!
//! A scenario can also be watched: then nothing is expected of the server, and whatever it does is written
//! down, so that two servers can be compared.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::time::Duration;

use crate::compose::{self, Memory};
use crate::dissect;
use crate::judge::{self, signature};
use crate::normalise::Names;
use crate::rig::{Datagram, Disk, Event, IaName, Rig, RigError};
use crate::scenario::{
    Client, Exchange, Expected, Fields, Ia, Message, Reload, Remove, Restart, Scenario, Send,
    Several, Step, Transport,
};
use crate::transcript::Transcript;

const SOLICIT: u8 = 1;
const ADVERTISE: u8 = 2;
const REQUEST: u8 = 3;
const REPLY: u8 = 7;

/// Where the transaction ids of messages begin that do not say their own.
const FIRST_XID: u32 = 0x00da_b001;

/// What came of a scenario.
#[derive(Clone, Debug)]
pub struct Played {
    /// What happened.
    pub transcript: Transcript,
    /// The names for it.
    pub names: Names,
    /// What should not have happened; the scenario has passed if there is nothing.
    pub failures: Vec<Failure>,
}

impl Played {
    /// The transcript as text.
    #[must_use]
    pub fn text(&self) -> String {
        self.transcript.render(&self.names)
    }
}

/// Something that should not have happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The number of the step, from 1.
    pub step: usize,
    /// What happened.
    pub text: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {}: {}", self.step, self.text)
    }
}

/// Plays a scenario to its end, or until the rig gives up.
pub fn play(scenario: &Scenario, rig: &mut dyn Rig) -> Played {
    run(scenario, rig, Manner::Ours)
}

/// Plays a scenario with another server than ours: as [`play`], but where a message is dropped nobody asks why.
pub fn play_foreign(scenario: &Scenario, rig: &mut dyn Rig) -> Played {
    run(scenario, rig, Manner::Foreign)
}

/// Plays a scenario to its end and writes down what the server does, whatever that is. The only failures are
/// those of the rig. If the server ends by itself, so does the transcript, and says how.
pub fn watch(scenario: &Scenario, rig: &mut dyn Rig) -> Played {
    run(scenario, rig, Manner::Watched)
}

/// What a server is held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Everything.
    Ours,
    /// All but the reasons why it drops messages.
    Foreign,
    /// Nothing.
    Watched,
}

fn run(scenario: &Scenario, rig: &mut dyn Rig, manner: Manner) -> Played {
    let mut player = Player {
        scenario,
        rig,
        watching: manner == Manner::Watched,
        foreign: manner == Manner::Foreign,
        ended: false,
        memories: HashMap::new(),
        transcript: Transcript::default(),
        failures: Vec::new(),
        step: 0,
        clock: Duration::ZERO,
        xid: FIRST_XID,
        questions: Vec::new(),
        settled: true,
        answers: VecDeque::new(),
        drops: VecDeque::new(),
    };
    if let Err(error) = player.run() {
        player.failures.push(Failure {
            step: player.step,
            text: error.to_string(),
        });
    }
    Played {
        transcript: player.transcript,
        names: Names::new(&scenario.clients.0),
        failures: player.failures,
    }
}

struct Player<'a> {
    scenario: &'a Scenario,
    rig: &'a mut dyn Rig,
    /// Whether nothing is expected.
    watching: bool,
    /// Whether reasons to drop a message do not count.
    foreign: bool,
    /// Whether the server has ended by itself.
    ended: bool,
    memories: HashMap<&'a str, Memory>,
    transcript: Transcript,
    failures: Vec<Failure>,
    /// The number of the step at hand.
    step: usize,
    /// The time since the start, as far as steps let it pass.
    clock: Duration,
    xid: u32,
    /// What was sent and is not answered yet, with the client that sent it.
    questions: Vec<(&'a str, Datagram)>,
    /// Whether the server's doings were collected since the last message.
    settled: bool,
    answers: VecDeque<Datagram>,
    drops: VecDeque<String>,
}

impl<'a> Player<'a> {
    fn run(&mut self) -> Result<(), RigError> {
        let scenario = self.scenario;
        for (index, step) in scenario.steps.iter().enumerate() {
            self.step = index + 1;
            // Messages in a row go out together; whatever else follows them, they are dealt with first.
            if !matches!(step, Step::Send(_)) {
                self.settle()?;
            }
            if !matches!(step, Step::Send(_) | Step::Expect(_)) {
                self.refuse_rest();
            }
            if self.ended {
                break;
            }
            self.transcript.begin_step(self.step);
            self.play(step)?;
        }
        self.settle()?;
        self.refuse_rest();
        Ok(())
    }

    fn play(&mut self, step: &'a Step) -> Result<(), RigError> {
        match step {
            Step::Send(send) => self.send(send),
            Step::Exchange(exchange) => self.exchange(exchange),
            Step::Expect(_) if self.watching => {
                self.take_all();
                Ok(())
            }
            Step::Expect(expect) => {
                for expected in &expect.0 {
                    self.expect(expected);
                }
                Ok(())
            }
            Step::Advance(span) => {
                self.note(&format!("advance {span}"));
                self.clock += span.0;
                self.rig.advance(span.0)
            }
            Step::Crash(restart) => {
                self.note(&with_config("crash", restart));
                self.rig.crash(restart.config.as_deref())
            }
            Step::Restart(restart) => {
                self.note(&with_config("restart", restart));
                self.rig.restart(restart.config.as_deref())
            }
            Step::Reload(reload) => self.reload(reload),
            Step::Remove(remove) => self.remove(remove),
            Step::Disk(disk) => {
                self.note(match disk {
                    Disk::Full => "the disk is full",
                    Disk::Room => "the disk has room again",
                });
                self.rig.disk(*disk)
            }
        }
    }

    fn reload(&mut self, reload: &Reload) -> Result<(), RigError> {
        let taken = self.rig.reload(&reload.config)?;
        let refused = if self.watching {
            !taken
        } else {
            reload.refused
        };
        self.note(match refused {
            false => "reload with another configuration",
            true => "reload with another configuration, which is refused",
        });
        match (taken, reload.refused) {
            (true, true) => self.fail("the server took over the configuration".into()),
            (false, false) => self.fail("the server refused the configuration".into()),
            _ => {}
        }
        Ok(())
    }

    fn remove(&mut self, remove: &Remove) -> Result<(), RigError> {
        let (Some(client), Some(ia)) = (self.client(&remove.client), remove.ia()) else {
            self.fail("there is no such client, or not one IA".into());
            return Ok(());
        };
        let known = self.rig.remove(&client.duid, ia)?;
        let unknown = if self.watching {
            !known
        } else {
            remove.unknown
        };
        let unknown = if unknown { ", which is not known" } else { "" };
        let name = &remove.client;
        self.note(&match ia {
            IaName::Na(iaid) => format!("remove IA_NA {iaid} of {name}{unknown}"),
            IaName::Pd(iaid) => format!("remove IA_PD {iaid} of {name}{unknown}"),
        });
        match (known, remove.unknown) {
            (true, true) => self.fail("the server knew of that binding".into()),
            (false, false) => self.fail("the server knew of no such binding".into()),
            _ => {}
        }
        Ok(())
    }

    fn note(&mut self, text: &str) {
        self.transcript.step(self.clock, text);
    }

    fn fail(&mut self, text: String) {
        if self.watching {
            return;
        }
        let step = self.step;
        self.failures.push(Failure { step, text });
    }

    fn client(&self, name: &str) -> Option<&'a Client> {
        self.scenario.clients.get(name)
    }

    fn send(&mut self, send: &Send) -> Result<(), RigError> {
        let Some(client) = self.client(&send.from) else {
            self.fail(format!("there is no client `{}`", send.from));
            return Ok(());
        };
        // An answer that is still there cannot be one to this message.
        if self.settled {
            self.refuse_rest();
            self.questions.clear();
        }
        let memory = self.memories.entry(&client.name).or_default();
        let datagram = compose::datagram(send, client, memory, self.xid, self.clock);
        self.xid += 1;
        self.transcript
            .sent(self.clock, &client.name, datagram.clone());
        self.rig.deliver(&datagram)?;
        self.questions.push((&client.name, datagram));
        self.settled = false;
        Ok(())
    }

    fn settle(&mut self) -> Result<(), RigError> {
        if std::mem::replace(&mut self.settled, true) {
            return Ok(());
        }
        for event in self.rig.settle()? {
            match event {
                Event::Answer(datagram) => self.answers.push_back(datagram),
                Event::Drop(label) => self.drops.push_back(label),
                Event::Ended(ended) if self.watching => {
                    self.refuse_rest();
                    self.transcript.ended(self.clock, &ended.how);
                    self.ended = true;
                }
                Event::Ended(ended) => return Err(ended.into()),
            }
        }
        Ok(())
    }

    /// Writes down everything that came, or that nothing did.
    fn take_all(&mut self) {
        let silent = self.answers.is_empty();
        self.refuse_rest();
        if silent {
            self.transcript.silence(self.clock, None);
        }
    }

    /// What was sent and nobody waited for.
    fn refuse_rest(&mut self) {
        while let Some(datagram) = self.answers.pop_front() {
            let name = dissect::message(&datagram.payload).core().name();
            self.take(datagram);
            self.fail(format!("the server sent an unexpected {name}"));
        }
        self.drops.clear();
    }

    fn expect(&mut self, expected: &Expected) {
        match expected {
            Expected::Message(message_type) => self.expect_message(*message_type),
            Expected::Silence => self.expect_nothing(None),
            Expected::Dropped(_) if self.foreign => self.expect_nothing(None),
            Expected::Dropped(reason) => {
                let dropped = self.drops.pop_front();
                self.expect_nothing(dropped.as_deref());
                if dropped.as_ref() != Some(reason) {
                    let dropped = dropped.as_deref().unwrap_or("nothing");
                    self.fail(format!("the server dropped {dropped} instead of {reason}"));
                }
            }
        }
    }

    /// Writes down that nothing came, if that is so, and what was dropped.
    fn expect_nothing(&mut self, dropped: Option<&str>) {
        let silent = self.answers.is_empty();
        self.refuse_rest();
        if silent || dropped.is_some() {
            self.transcript.silence(self.clock, dropped);
        }
    }

    fn expect_message(&mut self, message_type: u8) {
        let name = dissect::message_name(message_type);
        let Some(datagram) = self.answers.pop_front() else {
            let why = match self.drops.front() {
                Some(reason) => format!(": {reason}"),
                None => String::new(),
            };
            self.transcript.silence(self.clock, None);
            self.fail(format!(
                "the server was silent instead of sending {name}{why}"
            ));
            return;
        };
        let tree = dissect::message(&datagram.payload);
        let is = |it: &dissect::Message| it.message_type == message_type;
        if !is(&tree) && !is(tree.core()) {
            let other = tree.core().name();
            self.fail(format!("the server sent {other} instead of {name}"));
        }
        self.take(datagram);
    }

    /// Writes an answer down, judges it, and lets its client learn from it.
    fn take(&mut self, datagram: Datagram) {
        let tree = dissect::message(&datagram.payload);
        let xid = tree.core().xid();
        let question = self
            .questions
            .iter()
            .position(|(_, question)| dissect::message(&question.payload).core().xid() == xid);
        match question.map(|index| self.questions.remove(index)) {
            Some((name, question)) => {
                for fault in judge::faults(&question, &datagram) {
                    self.fail(format!("the {} is wrong: {fault}", tree.core().name()));
                }
                let memory = self.memories.entry(name).or_default();
                if let Some(client) = self.scenario.clients.get(name) {
                    let faults = signature::faults(client, &question, &datagram, &mut memory.heard);
                    self.failures
                        .extend(faults.into_iter().map(|fault| Failure {
                            step: self.step,
                            text: format!("the {} is wrong: {fault}", tree.core().name()),
                        }));
                }
                memory.learn(tree.core());
            }
            None => self.fail(format!(
                "{} answers nothing that was sent",
                tree.core().name()
            )),
        }
        self.transcript.received(self.clock, datagram);
    }

    fn exchange(&mut self, exchange: &'a Exchange) -> Result<(), RigError> {
        let legs: &[(u8, u8)] = match exchange.rapid_commit {
            true => &[(SOLICIT, REPLY)],
            false => &[(SOLICIT, ADVERTISE), (REQUEST, REPLY)],
        };
        for &(message_type, answer) in legs {
            self.send(&leg(exchange, message_type))?;
            self.settle()?;
            if self.watching {
                let goes_on = !self.ended && self.answers.iter().any(|it| is(it, answer));
                if !self.ended {
                    self.take_all();
                }
                if goes_on {
                    continue;
                }
                break;
            }
            let failed = self.failures.len();
            self.expect_message(answer);
            if self.failures.len() > failed {
                break;
            }
        }
        Ok(())
    }
}

/// Whether the message at the core of a datagram is of that type.
fn is(datagram: &Datagram, message_type: u8) -> bool {
    dissect::message(&datagram.payload).core().message_type == message_type
}

/// One message of an exchange: the Request lists what was advertised, whatever the hints were.
fn leg(exchange: &Exchange, message_type: u8) -> Send {
    let solicits = message_type == SOLICIT;
    let ias = |ias: &Option<Several<Ia>>| {
        let mut ias = ias.clone();
        let requested = ias.iter_mut().filter(|_| !solicits);
        for ia in requested.flat_map(|it| &mut it.0) {
            ia.leases = None;
        }
        ias
    };
    Send {
        from: exchange.from.clone(),
        transport: Transport {
            source: exchange.source.clone(),
            to: exchange.to,
            relay: exchange.relay.clone(),
        },
        message: Message::Client(
            message_type,
            Fields {
                ia_na: ias(&exchange.ia_na),
                ia_pd: ias(&exchange.ia_pd),
                oro: exchange.oro.clone(),
                rapid_commit: exchange.rapid_commit.then_some(true),
                options: exchange.options.clone(),
                ..Fields::default()
            },
        ),
    }
}

fn with_config(what: &str, restart: &Restart) -> String {
    match restart.config {
        Some(_) => format!("{what}, and start with another configuration"),
        None => what.to_owned(),
    }
}
