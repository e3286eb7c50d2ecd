//! Plays a scenario over a rig: steps in, a transcript and a verdict out.
//!
//! What comes without being expected is a failure, and so is what does not come, and an answer that the
//! judge finds fault with. A failure does not end the scenario: what follows often shows why.
//!
//! A scenario can also be watched: then nothing is expected of the server, and whatever it does is written
//! down, so that two servers can be compared.

mod choice;
mod expectation;
mod link;
mod operation;
mod retransmission;
#[cfg(test)]
mod tests;
mod traffic;

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::time::Duration;

use self::link::{Link, Passenger};
use self::operation::{interface_text, with_config};
use self::retransmission::Unanswered;
use crate::compose::Memory;
use crate::dissect;
use crate::normalise::Names;
use crate::rig::product::Product;
use crate::rig::{Datagram, Disk, Ran, Rig, RigError};
use crate::scenario::{
    Client, Exchange, Expected, Fields, Ia, Message, Program, Save, Saved, Scenario, Send, Several,
    Step, Transport, Wanted,
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

/// Plays a scenario with another server than ours: as [`play`], but where a message is dropped nobody asks why, and
/// answers are held to what RFCs demand. What relay agents send to all servers goes to the server's own address if
/// it does not hear that.
pub fn play_foreign(scenario: &Scenario, rig: &mut dyn Rig, product: Product) -> Played {
    run(scenario, rig, Manner::Foreign(product))
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
    /// All but the reasons why it drops messages, and what is our own rule.
    Foreign(Product),
    /// Nothing.
    Watched,
}

fn run(scenario: &Scenario, rig: &mut dyn Rig, manner: Manner) -> Played {
    let mut first = case(scenario, rig, manner);
    let Some(title) = &scenario.title else {
        return first;
    };
    let mut whole = Transcript::default();
    let mut failures = Vec::new();
    let mut add = |title: &str, played: Played| {
        whole.append(title, played.names, played.transcript);
        failures.extend(played.failures.into_iter().map(|it| Failure {
            step: it.step,
            text: format!("({title}) {}", it.text),
        }));
    };
    let names = first.names.clone();
    add(title, first);
    for further in &scenario.further {
        let title = further.title.as_deref().unwrap_or_default();
        first = match rig.fresh(&further.setup()) {
            Ok(()) => case(further, rig, manner),
            Err(error) => Played {
                transcript: Transcript::default(),
                names: names.clone(),
                failures: vec![Failure {
                    step: 1,
                    text: error.to_string(),
                }],
            },
        };
        add(title, first);
    }
    Played {
        transcript: whole,
        names,
        failures,
    }
}

/// Plays a scenario with one set of parameters.
fn case(scenario: &Scenario, rig: &mut dyn Rig, manner: Manner) -> Played {
    let mut player = Player {
        scenario,
        rig,
        watching: manner == Manner::Watched,
        foreign: match manner {
            Manner::Foreign(product) => Some(product),
            Manner::Ours | Manner::Watched => None,
        },
        ended: false,
        memories: HashMap::new(),
        transcript: Transcript::default(),
        failures: Vec::new(),
        step: 0,
        clock: Duration::ZERO,
        xid: FIRST_XID,
        link: Link::new(scenario.seed),
        questions: Vec::new(),
        unanswered: HashMap::new(),
        settled: true,
        open: false,
        answers: VecDeque::new(),
        drops: VecDeque::new(),
        taken: HashSet::new(),
        last: None,
        saved: Saved::default(),
    };
    if let Err(error) = player.run() {
        player.failures.push(Failure {
            step: player.step,
            text: error.to_string(),
        });
    }
    Played {
        transcript: player.transcript,
        names: Names::of(scenario),
        failures: player.failures,
    }
}

struct Player<'a> {
    scenario: &'a Scenario,
    rig: &'a mut dyn Rig,
    /// Whether nothing is expected.
    watching: bool,
    /// The server, if it is not ours.
    foreign: Option<Product>,
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
    link: Link,
    /// What reached the server and is not answered yet, with the client that sent it.
    questions: Vec<(String, Datagram)>,
    /// What each client said last.
    unanswered: HashMap<&'a str, Unanswered>,
    /// Whether the server's doings were collected since the last message.
    settled: bool,
    /// Whether something was sent since the last expectation.
    open: bool,
    /// What has arrived from the server and was not expected yet.
    answers: VecDeque<Passenger>,
    drops: VecDeque<String>,
    /// The transaction ids of all answers that have come to their clients.
    taken: HashSet<u32>,
    /// The last answer that was expected.
    last: Option<Datagram>,
    saved: Saved,
}

impl<'a> Player<'a> {
    fn run(&mut self) -> Result<(), RigError> {
        let scenario = self.scenario;
        for index in 0..scenario.steps.len() {
            self.step = index + 1;
            let step = scenario.step(index, &self.saved).map_err(RigError)?;
            self.transcript.begin_step(self.step);
            // Messages in a row go out together; whatever else follows them, they are dealt with first.
            if !matches!(*step, Step::Send(_)) {
                self.settle()?;
            }
            if !matches!(*step, Step::Send(_) | Step::Expect(_) | Step::Save(_)) {
                self.refuse_rest();
            }
            if self.ended {
                break;
            }
            self.play(&step)?;
        }
        self.settle()?;
        self.refuse_rest();
        Ok(())
    }

    fn play(&mut self, step: &Step) -> Result<(), RigError> {
        match step {
            Step::Send(send) => self.send(send),
            Step::Exchange(exchange) => self.exchange(exchange),
            Step::Expect(_) if self.watching => {
                self.take_all();
                Ok(())
            }
            Step::Expect(expect) => {
                self.open = false;
                let alone = expect.0.len() == 1;
                for expected in &expect.0 {
                    self.expect(expected, alone);
                }
                Ok(())
            }
            Step::Save(save) => self.save(save),
            Step::Run(program) => self.run_program(program),
            Step::Faults(faults) => {
                self.note(match faults.0.is_empty() {
                    true => "the link works",
                    false => "the link has faults",
                });
                self.link.fail(&faults.0);
                Ok(())
            }
            Step::Retransmit(retransmit) => {
                let Some(client) = self.client(&retransmit.from) else {
                    return Ok(());
                };
                let times = retransmit.times.unwrap_or(1);
                self.retransmit(&client.name, times)
            }
            Step::Advance(span) => {
                self.note(&format!("advance {span}"));
                self.advance(span.0)
            }
            Step::Crash(restart) => {
                self.note(&with_config("crash", restart));
                self.server(restart.server.as_deref())?
                    .crash(restart.config.as_deref())
            }
            Step::Restart(restart) => {
                self.note(&with_config("restart", restart));
                self.server(restart.server.as_deref())?
                    .restart(restart.config.as_deref())
            }
            Step::Interface(step) => {
                self.note(&interface_text(step));
                self.server(step.server.as_deref())?.interface(&step.change)
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

    fn run_program(&mut self, program: &Program) -> Result<(), RigError> {
        let words = std::iter::once(&program.program).chain(&program.arguments);
        let words: Vec<&str> = words.map(String::as_str).collect();
        self.note(&format!("run {}", words.join(" ")));
        let Ran { status, output } = self.rig.run(program)?;
        let text = |status: Option<i32>| {
            status.map_or_else(|| "a signal".to_owned(), |it| format!("status {it}"))
        };
        let printed = format!("it printed:\n{}", output.trim_end());
        if status != Some(program.status) {
            let (wanted, got) = (text(Some(program.status)), text(status));
            self.fail(format!(
                "{} ended with {got} instead of {wanted}; {printed}",
                program.program
            ));
        }
        if let Some(wanted) = program
            .output
            .as_ref()
            .filter(|it| !output.contains(it.trim_end()))
        {
            self.fail(format!(
                "{} did not print `{}`; {printed}",
                program.program,
                wanted.trim_end()
            ));
        }
        Ok(())
    }

    /// Keeps values of the last answer.
    fn save(&mut self, save: &Save) -> Result<(), RigError> {
        let names: Vec<&str> = save.0.iter().map(|(name, _)| name.as_str()).collect();
        self.note(&format!("save {}", names.join(", ")));
        let last = self.last.as_ref();
        let missing = last.and_then(|answer| self.saved.take(save, answer).err());
        match (last.is_some(), missing) {
            (true, None) => Ok(()),
            (true, Some(part)) => Err(RigError(format!("the answer has no {part} to save"))),
            (false, _) => Err(RigError("there is no answer to save from".into())),
        }
    }

    /// Writes down everything that came, or that nothing did.
    fn take_all(&mut self) {
        let silent = self.answers.is_empty();
        self.refuse_rest();
        if silent {
            self.transcript.silence(self.clock, None);
        }
    }

    /// What came of messages and no step expects.
    fn refuse_rest(&mut self) {
        self.ignore_surplus();
        let came = !self.answers.is_empty() || !self.drops.is_empty();
        while let Some(passenger) = self.answers.pop_front() {
            let name = dissect::message(&passenger.datagram.payload).core().name();
            self.take(passenger);
            self.fail(format!("the server sent an unexpected {name}"));
            self.ignore_surplus();
        }
        let foreign = self.foreign.is_some();
        let drops = std::mem::take(&mut self.drops);
        for label in drops.into_iter().filter(|_| !foreign) {
            self.fail(format!(
                "the server dropped a message, and no step expects that: add \
                 `expect: {{ dropped: {label} }}`"
            ));
        }
        // What is on its way may still be answered.
        if self.link.next_due().is_some() {
            return;
        }
        if std::mem::replace(&mut self.open, false) && !came && !self.ended {
            self.fail(
                "nothing came of the message, and no step expects that: add `expect: silence`"
                    .into(),
            );
        }
    }

    /// Holds what happened against one expectation; `alone` if it is the only one of its step.
    fn expect(&mut self, expected: &Expected, alone: bool) {
        match expected {
            Expected::Message(message_type) => {
                self.expect_message(*message_type, &Wanted::default());
            }
            Expected::Answer(message_type, wanted) => self.expect_message(*message_type, wanted),
            Expected::Silence => {
                self.drops.clear();
                self.expect_nothing(None);
            }
            Expected::Dropped(_) if self.foreign.is_some() => {
                if alone {
                    self.expect_nothing(None);
                }
            }
            Expected::Dropped(reason) => {
                let dropped = self.drops.pop_front();
                match alone {
                    true => self.expect_nothing(dropped.as_deref()),
                    false => self.transcript.silence(self.clock, dropped.as_deref()),
                }
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

    fn expect_message(&mut self, message_type: u8, wanted: &Wanted) {
        let name = dissect::message_name(message_type);
        let Some(passenger) = self.answers.pop_front() else {
            let why = match self.drops.pop_front() {
                Some(reason) => format!(": {reason}"),
                None => String::new(),
            };
            self.transcript.silence(self.clock, None);
            self.fail(format!(
                "the server was silent instead of sending {name}{why}"
            ));
            return;
        };
        let tree = dissect::message(&passenger.datagram.payload);
        let is = |it: &dissect::Message| it.message_type == message_type;
        if is(&tree) || is(tree.core()) {
            let names = Names::of(self.scenario);
            for difference in expectation::differences(wanted, &passenger.datagram, &names) {
                self.fail(format!("the {name} is not as expected: {difference}"));
            }
        } else {
            let other = tree.core().name();
            self.fail(format!("the server sent {other} instead of {name}"));
        }
        self.take(passenger);
    }

    /// An answer has come to its client, which learns from it.
    fn take(&mut self, passenger: Passenger) {
        let client = passenger.client.as_deref();
        if let Some(client) = client.and_then(|it| self.scenario.clients.get(it)) {
            let tree = dissect::message(&passenger.datagram.payload);
            self.taken.extend(tree.core().xid());
            let memory = self.memories.entry(&client.name).or_default();
            memory.learn(tree.core());
        }
        self.last = Some(passenger.datagram);
    }

    fn exchange(&mut self, exchange: &Exchange) -> Result<(), RigError> {
        let Some(client) = self.client(&exchange.from) else {
            self.fail(format!("there is no client `{}`", exchange.from));
            return Ok(());
        };
        let legs: &[(u8, u8)] = match exchange.rapid_commit {
            true => &[(SOLICIT, REPLY)],
            false => &[(SOLICIT, ADVERTISE), (REQUEST, REPLY)],
        };
        for &(message_type, answer) in legs {
            self.send(&leg(exchange, message_type))?;
            self.settle()?;
            self.open = false;
            self.retransmit(&client.name, exchange.retransmit)?;
            self.open = false;
            if self.watching {
                let mut answers = self.answers.iter();
                let goes_on = !self.ended && answers.any(|it| is(&it.datagram, answer));
                if !self.ended {
                    self.take_all();
                }
                if goes_on {
                    continue;
                }
                break;
            }
            let failed = self.failures.len();
            match answer == ADVERTISE && self.scenario.has_several_servers() {
                true => self.choose(&client.name),
                false => self.expect_message(answer, &Wanted::default()),
            }
            if self.failures.len() > failed {
                break;
            }
            // Of several servers, those that are not meant say so.
            if self.link.is_lossy() || self.scenario.has_several_servers() {
                self.drops.clear();
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
pub(crate) fn leg(exchange: &Exchange, message_type: u8) -> Send {
    let solicits = message_type == SOLICIT;
    let ias = |ias: &Option<Several<Ia>>| {
        let mut ias = ias.clone();
        if let (Some(ias), false) = (&mut ias, solicits) {
            ias.0.iter_mut().for_each(|it| it.leases = None);
        }
        ias
    };
    Send {
        from: exchange.from.clone(),
        transport: Transport {
            source: exchange.source.clone(),
            to: exchange.to,
            relay: exchange.relay.clone(),
            on: exchange.on.clone(),
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
