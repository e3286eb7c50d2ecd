//! What the server answers to the steps, found out by asking it: a scenario says what is right now, and the
//! capture's answers, where they are others, stand beside it as comments.

use super::steps::{self, Said, Step};
use crate::compose::Memory;
use crate::dissect;
use crate::rig::sim::Sim;
use crate::rig::{Event, Rig, RigError, Setup};
use crate::scenario::{Client, Expected};
use std::time::Duration;

/// Plays the steps on the simulated rig and fills in what came of each.
///
/// # Errors
/// The configuration cannot be used.
pub(super) fn fill(steps: &mut [Step], clients: &[Client], setup: &Setup) -> Result<(), RigError> {
    let mut asker = Asker {
        sim: Sim::start(setup)?,
        clients,
        memories: vec![Memory::default(); clients.len()],
        xid: 1,
    };
    for step in steps {
        match step {
            Step::Advance(secs) => asker.sim.advance(Duration::from_secs(*secs))?,
            Step::Said(said) => said.iter_mut().try_for_each(|it| asker.ask(it))?,
            Step::Exchange(_, legs) => {
                legs.iter_mut().try_for_each(|it| asker.ask(it))?;
                let answered = legs.iter().all(|it| {
                    let expected = it.recorded.map(Expected::Message);
                    expected.is_some_and(|wanted| it.expected == [wanted])
                });
                if !answered {
                    *step = Step::Said(std::mem::take(legs));
                }
            }
        }
    }
    Ok(())
}

struct Asker<'a> {
    sim: Sim,
    clients: &'a [Client],
    memories: Vec<Memory>,
    xid: u32,
}

impl Asker<'_> {
    fn ask(&mut self, said: &mut Said) -> Result<(), RigError> {
        let memory = &mut self.memories[said.client];
        let datagram = steps::datagram(said, self.clients, memory, self.xid);
        self.xid += 1;
        self.sim.deliver(&datagram)?;
        for event in self.sim.settle()? {
            said.expected.push(match event {
                Event::Answer(answer) => {
                    let tree = dissect::message(&answer.payload);
                    memory.learn(tree.core());
                    Expected::Message(tree.core().message_type)
                }
                Event::Drop(label) => Expected::Dropped(label),
                Event::Ended(ended) => return Err(ended.into()),
            });
        }
        if said.expected.is_empty() {
            said.expected.push(Expected::Silence);
        }
        Ok(())
    }
}
