//! What goes over the link: messages out, answers in, and time that passes meanwhile.

use std::time::Duration;

use super::link::Passenger;
use super::retransmission::Unanswered;
use super::{Failure, Player};
use crate::compose;
use crate::dissect;
use crate::judge::{self, signature};
use crate::rig::{Datagram, Event, RigError, SERVER_ADDRESS};
use crate::scenario::{Send, Side};

impl Player<'_> {
    /// A client says something new.
    pub(super) fn send(&mut self, send: &Send) -> Result<(), RigError> {
        let Some(client) = self.client(&send.from) else {
            self.fail(format!("there is no client `{}`", send.from));
            return Ok(());
        };
        let unanswered = Unanswered::new(send.clone(), self.clock);
        self.unanswered.insert(&client.name, unanswered);
        self.transmit(send)
    }

    fn transmit(&mut self, send: &Send) -> Result<(), RigError> {
        let Some(client) = self.client(&send.from) else {
            return Ok(());
        };
        // An answer that is still there cannot be one to this message.
        if self.settled {
            self.refuse_rest();
            self.questions.clear();
        }
        let memory = self.memories.entry(&client.name).or_default();
        let on = send.transport.on.as_ref().or(client.link.as_ref());
        let link = self.scenario.link_number(on.map(String::as_str));
        let mut datagram =
            compose::datagram(send, client, memory, self.xid, self.clock).on(link.unwrap_or(0));
        self.xid += 1;
        let deaf = self.foreign.is_some_and(|it| !it.hears_all_servers());
        if deaf && send.transport.to.is_none() && *datagram.destination.ip() == compose::SERVERS {
            datagram.destination.set_ip(SERVER_ADDRESS);
        }
        self.transcript
            .sent(self.clock, &client.name, datagram.clone());
        self.settled = false;
        self.open = true;
        let passenger = Passenger {
            from: Side::Client,
            client: Some(client.name.clone()),
            datagram,
        };
        for passenger in self.pass(passenger) {
            self.deliver(passenger)?;
        }
        Ok(())
    }

    /// Sends a message on its way, writes down what befalls it, and returns what arrives.
    fn pass(&mut self, passenger: Passenger) -> Vec<Passenger> {
        let passage = self.link.pass(passenger, self.clock);
        for note in &passage.notes {
            self.transcript.link(self.clock, note);
        }
        passage.arrivals
    }

    /// Hands the rig what has arrived on its side.
    fn deliver(&mut self, passenger: Passenger) -> Result<(), RigError> {
        self.settled = false;
        self.rig.deliver(&passenger.datagram)?;
        let name = passenger.client.unwrap_or_default();
        self.questions.push((name, passenger.datagram));
        Ok(())
    }

    /// Collects what came of everything that was sent.
    pub(super) fn settle(&mut self) -> Result<(), RigError> {
        if std::mem::replace(&mut self.settled, true) {
            return Ok(());
        }
        for passenger in self.link.stragglers(Side::Client) {
            self.deliver(passenger)?;
        }
        self.settled = true;
        for event in self.rig.settle()? {
            match event {
                Event::Answer(datagram) => self.hear(datagram),
                Event::Drop(label) => self.drops.push_back(label),
                Event::Ended(ended) if self.watching => {
                    self.refuse_rest();
                    self.transcript.ended(self.clock, &ended.how);
                    self.ended = true;
                }
                Event::Ended(ended) => return Err(ended.into()),
            }
        }
        self.answers.extend(self.link.stragglers(Side::Server));
        Ok(())
    }

    /// Judges an answer as the server sent it, writes it down, and sends it on its way.
    fn hear(&mut self, datagram: Datagram) {
        let tree = dissect::message(&datagram.payload);
        let (name, xid) = (tree.core().name(), tree.core().xid());
        let question = self
            .questions
            .iter()
            .position(|(_, question)| dissect::message(&question.payload).core().xid() == xid);
        // Where there are several servers, each may answer.
        let several = self.scenario.has_several_servers();
        let question = question.map(|index| match several {
            true => self.questions[index].clone(),
            false => self.questions.remove(index),
        });
        let client = match question {
            Some((client, question)) => {
                let ours = self.foreign.is_none();
                let faults = judge::faults(&question, &datagram).into_iter();
                for fault in faults.filter(|it| ours || it.rfc.is_some()) {
                    self.fail(format!("the {name} is wrong: {fault}"));
                }
                // Delayed authentication is obsolete, and no other server is configured for it.
                if let Some(client) = self.client(&client).filter(|_| ours) {
                    let memory = self.memories.entry(&client.name).or_default();
                    let faults = signature::faults(client, &question, &datagram, &mut memory.heard);
                    self.failures
                        .extend(faults.into_iter().map(|fault| Failure {
                            step: self.step,
                            text: format!("the {name} is wrong: {fault}"),
                        }));
                }
                Some(client)
            }
            None => {
                self.fail(format!("{name} answers nothing that was sent"));
                None
            }
        };
        self.transcript.received(self.clock, datagram.clone());
        let passenger = Passenger {
            from: Side::Server,
            client,
            datagram,
        };
        let arrivals = self.pass(passenger);
        self.answers.extend(arrivals);
    }

    /// Lets time pass; what was delayed arrives when its time has come.
    pub(super) fn advance(&mut self, time: Duration) -> Result<(), RigError> {
        let end = self.clock + time;
        self.arrive_until(end, false)?;
        let rest = end - self.clock;
        self.clock = end;
        self.rig.advance(rest)
    }

    /// Lets a client wait, for no longer than until it has an answer.
    fn wait(&mut self, time: Duration) -> Result<(), RigError> {
        let end = self.clock + time;
        self.arrive_until(end, true)?;
        if !self.answers.is_empty() {
            return Ok(());
        }
        let rest = end - self.clock;
        self.clock = end;
        self.rig.advance(rest)
    }

    /// Lets everything arrive that is due by then; all but the first answer is left if `one` is set.
    fn arrive_until(&mut self, end: Duration, one: bool) -> Result<(), RigError> {
        while let Some(due) = self.link.next_due().filter(|it| *it <= end) {
            self.rig.advance(due - self.clock)?;
            self.clock = due;
            for passenger in self.link.arrive(due) {
                let name = dissect::message(&passenger.datagram.payload).core().name();
                let client = passenger.client.as_deref().unwrap_or("a stranger");
                match passenger.from {
                    Side::Server => {
                        let text = format!("the delayed {name} for {client} arrives");
                        self.transcript.link(due, &text);
                        self.answers.push_back(passenger);
                    }
                    Side::Client | Side::Both => {
                        let text = format!("the delayed {name} of {client} arrives");
                        self.transcript.link(due, &text);
                        self.deliver(passenger)?;
                    }
                }
            }
            self.settle()?;
            self.ignore_surplus();
            if one && !self.answers.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// On a link with faults a client may get an answer more than once; it goes on with the first.
    pub(super) fn ignore_surplus(&mut self) {
        while self.link.is_lossy()
            && let Some(passenger) = self.answers.front()
            && let Some(client) = &passenger.client
            && let Some(xid) = dissect::message(&passenger.datagram.payload).core().xid()
            && self.taken.contains(&xid)
        {
            let text = format!("{client} has an answer to that already");
            self.transcript.link(self.clock, &text);
            self.answers.pop_front();
        }
    }

    /// A client waits for an answer and says its last message again, so often at most (RFC 9915 §15).
    pub(super) fn retransmit(&mut self, name: &str, times: u32) -> Result<(), RigError> {
        for _ in 0..times {
            self.ignore_surplus();
            if self.ended || !self.answers.is_empty() {
                break;
            }
            let Some(unanswered) = self.unanswered.get(name) else {
                self.fail(format!("{name} has sent nothing that it could send again"));
                break;
            };
            let timeout = unanswered.timeout();
            self.note(&format!(
                "{name} waits {}s for an answer",
                timeout.as_secs()
            ));
            self.wait(timeout)?;
            if !self.answers.is_empty() {
                break;
            }
            let clock = self.clock;
            let Some(unanswered) = self.unanswered.get_mut(name) else {
                break;
            };
            let send = unanswered.again(clock);
            // That nothing came is what it is about.
            (self.open, self.drops) = (false, std::collections::VecDeque::new());
            self.transmit(&send)?;
            self.settle()?;
        }
        Ok(())
    }
}
