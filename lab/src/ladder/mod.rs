//! The packet ladder: who said what to whom, for people who would rather look than read.
//!
//! A [`Ladder`] is worked out from a transcript: a rail for each client, relay agent and server, and a rung for
//! each thing that happened. [`draw`] draws a transcript as text, [`svg`] a ladder as a picture.

mod gist;
pub mod svg;
mod text;

pub use text::draw;

use std::net::Ipv6Addr;

use serde::Serialize;

use crate::dissect::{self, Head, Message};
use crate::normalise::Names;
use crate::rig::Datagram;
use crate::transcript::{Transcript, What};

/// What transcripts say of a message that the link loses.
const LOST: &str = "~ lost on the link";
/// More relay agents than these in a row stand on one rail.
const AGENTS_MAX: usize = 4;

/// A conversation, as it can be drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ladder {
    /// From left to right: clients, relay agents, the server.
    pub rails: Vec<Rail>,
    /// From top to bottom.
    pub rungs: Vec<Rung>,
}

/// Somebody who takes part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rail {
    /// As what.
    pub role: Role,
    /// What transcripts call it; of a relay agent its address.
    pub name: String,
}

/// As what somebody takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "called what the RFCs call them")]
pub enum Role {
    Client,
    Relay,
    Server,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rung {
    /// The number of the step that it belongs to, from 1.
    pub step: usize,
    /// Milliseconds since the start of the scenario.
    pub at_ms: u64,
    /// What the transcript says of it.
    pub text: String,
    /// What it was.
    #[serde(flatten)]
    pub what: Happening,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Happening {
    /// Somebody said something.
    Message(Said),
    /// Something that is no message: time passed, the server was started again.
    Band {
        /// In words.
        what: String,
    },
    /// Nothing came, and it is not said of one message alone.
    Silence {
        /// Why, if the server gave a reason.
        dropped: Option<String>,
    },
    /// The server ended by itself.
    Ended {
        /// By which signal, or with which exit status.
        how: String,
    },
}

/// A message between a client and the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Said {
    /// Its name, without those of relay agents.
    pub name: String,
    /// What the transcript calls its transaction id.
    pub xid: Option<String>,
    /// Whether the server said it.
    pub from_server: bool,
    /// Its way: one leg, and one more for each relay agent.
    pub legs: Vec<Leg>,
    /// What it is about, in a few lines, the most important first.
    pub gist: Vec<String>,
    /// What became of it, if it was not answered: `no-client-id`, or `silence`.
    pub dropped: Option<String>,
    /// Whether the link lost it.
    pub lost: bool,
    /// What UDP carried, in hexadecimal.
    pub hex: String,
}

/// The way of a message from one rail to the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Leg {
    /// The number of the rail, from 0.
    pub from: usize,
    /// The number of the rail, from 0.
    pub to: usize,
    /// The message as it is called there.
    pub name: String,
    /// What the relay agent adds.
    pub gist: Vec<String>,
}

impl Ladder {
    /// The ladder of a transcript.
    #[must_use]
    pub fn new(transcript: &Transcript, names: &Names) -> Self {
        let mut builder = Builder {
            names: names.clone(),
            ladder: Self::default(),
            open: Vec::new(),
        };
        let texts = transcript.render_entries(names);
        for (entry, text) in transcript.entries().iter().zip(texts) {
            let what = match &entry.what {
                What::Sent { by, datagram } => Some(builder.said(Some(by), datagram)),
                What::Received(datagram) => Some(builder.said(None, datagram)),
                What::Note(note) => builder.note(note),
                What::Ended(how) => Some(Happening::Ended { how: how.clone() }),
            };
            builder.ladder.rungs.extend(what.map(|what| Rung {
                step: entry.step,
                at_ms: u64::try_from(entry.at.as_millis()).unwrap_or(u64::MAX),
                text,
                what,
            }));
        }
        builder.finish()
    }
}

struct Builder {
    names: Names,
    ladder: Ladder,
    /// The rungs of messages that nothing has come of yet.
    open: Vec<usize>,
}

impl Builder {
    /// A message; `by` is who sent it, if not the server.
    fn said(&mut self, by: Option<&str>, datagram: &Datagram) -> Happening {
        let tree = dissect::message(&datagram.payload);
        let levels: Vec<&Message> = tree.levels().collect();
        let (core, agents) = match levels.split_last() {
            Some((core, agents)) => (*core, agents),
            None => (&tree, [].as_slice()),
        };
        let server = self.rail(Role::Server, "server".to_owned());
        let client = match by {
            Some(name) => name.to_owned(),
            None => self.addressee(agents, datagram),
        };
        let mut way = vec![self.rail(Role::Client, client)];
        way.extend(self.agents(agents, datagram, by.is_some()));
        way.push(server);
        // What a leg carries: the client's own message first, then what each agent makes of it.
        let mut carried: Vec<(String, Vec<String>)> = vec![(core.name(), Vec::new())];
        match agents {
            [] => {}
            several if several.len() > AGENTS_MAX => {
                let count = several.len();
                carried.push((tree.name(), vec![format!("{count} relay levels")]));
            }
            several => carried.extend(
                several
                    .iter()
                    .rev()
                    .map(|it| (it.name(), gist::of_agent(it))),
            ),
        }
        let hops = way.iter().zip(way.iter().skip(1)).zip(carried);
        let mut legs: Vec<Leg> = hops
            .map(|((&from, &to), (name, gist))| Leg {
                from,
                to,
                name,
                gist,
            })
            .collect();
        if by.is_none() {
            legs.reverse();
            for leg in &mut legs {
                std::mem::swap(&mut leg.from, &mut leg.to);
            }
            self.answered(core.xid());
        } else {
            self.open.push(self.ladder.rungs.len());
        }
        Happening::Message(Said {
            name: core.name(),
            xid: core.xid().map(|it| self.names.xid(it)),
            from_server: by.is_none(),
            legs,
            gist: gist::of_message(core, &self.names),
            dropped: None,
            lost: false,
            hex: hex(&datagram.payload),
        })
    }

    /// Who an answer is for in the end.
    fn addressee(&self, agents: &[&Message], datagram: &Datagram) -> String {
        let address = agents
            .last()
            .and_then(|it| peer(it))
            .unwrap_or(*datagram.destination.ip());
        self.names.address(address)
    }

    /// The rails of the agents, the one closest to the client first.
    fn agents(&mut self, agents: &[&Message], datagram: &Datagram, sent: bool) -> Vec<usize> {
        if agents.len() > AGENTS_MAX {
            let name = format!("{} agents", agents.len());
            return vec![self.rail(Role::Relay, name)];
        }
        let outermost = match sent {
            true => *datagram.source.ip(),
            false => *datagram.destination.ip(),
        };
        let mut addresses: Vec<Ipv6Addr> = agents.iter().filter_map(|it| peer(it)).collect();
        // The peer of the last level is the client; that of each other level is an agent.
        addresses.pop();
        addresses.insert(0, outermost);
        addresses.truncate(agents.len());
        addresses.reverse();
        let rails = addresses.iter();
        rails
            .map(|it| self.rail(Role::Relay, it.to_string()))
            .collect()
    }

    fn rail(&mut self, role: Role, name: String) -> usize {
        let rails = &mut self.ladder.rails;
        let known = rails
            .iter()
            .position(|it| it.role == role && it.name == name);
        known.unwrap_or_else(|| {
            rails.push(Rail { role, name });
            rails.len() - 1
        })
    }

    /// A note is drawn across, unless it says what became of the one message that is still open.
    fn note(&mut self, note: &str) -> Option<Happening> {
        if note == LOST && self.lose(note) {
            return None;
        }
        let Some(fate) = note.strip_prefix("∅ ") else {
            self.open.clear();
            let what = note.trim_start_matches("— ").to_owned();
            return Some(Happening::Band { what });
        };
        let dropped = fate.strip_prefix("dropped: ").map(str::to_owned);
        let open = std::mem::take(&mut self.open);
        let one = match open.as_slice() {
            [one] => self.ladder.rungs.get_mut(*one),
            _ => None,
        };
        let Some(Rung {
            text,
            what: Happening::Message(said),
            ..
        }) = one
        else {
            return Some(Happening::Silence { dropped });
        };
        said.dropped = Some(dropped.unwrap_or_else(|| fate.to_owned()));
        text.push_str(note);
        text.push('\n');
        None
    }

    /// Has the last message get lost on its way between the lab's own agents or clients and the server. Says whether
    /// there is one.
    fn lose(&mut self, note: &str) -> bool {
        let last = self.ladder.rungs.len().checked_sub(1);
        let rung = last.and_then(|it| self.ladder.rungs.get_mut(it));
        let Some(Rung {
            text,
            what: Happening::Message(said),
            ..
        }) = rung
        else {
            return false;
        };
        said.lost = true;
        if said.from_server {
            // It gets no further than the server's own link.
            said.legs.truncate(1);
        }
        text.push_str(note);
        text.push('\n');
        self.open.retain(|it| Some(*it) != last);
        true
    }

    /// The message with that transaction id has been answered.
    fn answered(&mut self, xid: Option<u32>) {
        let Some(name) = xid.map(|it| self.names.xid(it)) else {
            return;
        };
        let rungs = &self.ladder.rungs;
        let is_it = |rung: &usize| {
            matches!(
                rungs.get(*rung).map(|it| &it.what),
                Some(Happening::Message(said)) if said.xid.as_ref() == Some(&name)
            )
        };
        if let Some(index) = self.open.iter().position(is_it) {
            self.open.remove(index);
        }
    }

    /// Puts the rails in order: clients, agents from the client's end, the server.
    fn finish(self) -> Ladder {
        let Ladder { rails, mut rungs } = self.ladder;
        let mut order: Vec<usize> = (0..rails.len()).collect();
        order.sort_by_key(|index| rails.get(*index).map(|it| it.role));
        let place = |old: usize| order.iter().position(|it| *it == old).unwrap_or(old);
        for rung in &mut rungs {
            if let Happening::Message(said) = &mut rung.what {
                for leg in &mut said.legs {
                    (leg.from, leg.to) = (place(leg.from), place(leg.to));
                }
            }
        }
        let rails = order
            .iter()
            .filter_map(|it| rails.get(*it).cloned())
            .collect();
        Ladder { rails, rungs }
    }
}

/// Who a relay agent had a message from, or passes one on to.
fn peer(level: &Message) -> Option<Ipv6Addr> {
    match level.head {
        Head::Relay { peer, .. } => Some(peer),
        Head::Client { .. } | Head::Cut(_) => None,
    }
}

/// Octets in hexadecimal, as a row of digits.
pub(crate) fn hex(octets: &[u8]) -> String {
    use std::fmt::Write as _;
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::player;
    use crate::rig::sim::Sim;
    use crate::scenario::Scenario;
    use std::path::Path;

    /// The ladder of a scenario with these steps.
    pub(super) fn ladder(steps: &str) -> Ladder {
        let text = format!(
            "why: It is a test.\nrfc: [\"9915 §18\"]\nconfig: |\n  interface eth0 {{ address-pool lan 3600 7200; }};\n  \
             pool lan {{ range 2001:db8:1::10 to 2001:db8:1::1f; }};\nclients: {{ first: {{}}, second: {{}} }}\n\
             steps:\n{steps}"
        );
        let scenario = Scenario::parse(Path::new("x.yaml"), &text).expect("a scenario");
        let mut sim = Sim::start(&scenario.setup()).expect("a server");
        let played = player::play(&scenario, &mut sim);
        Ladder::new(&played.transcript, &played.names)
    }

    fn said(rung: &Rung) -> &Said {
        let Happening::Message(said) = &rung.what else {
            panic!("no message: {rung:?}")
        };
        said
    }

    #[test]
    fn an_exchange_through_two_agents_has_a_leg_for_each() {
        let ladder = ladder(
            "  - exchange: { from: first, relay: [{ link: \"2001:db8:9::1\" }, { link: \"2001:db8:1::2\" }], \
             ia_na: { iaid: 1 } }\n",
        );
        let rails: Vec<_> = ladder.rails.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(rails, ["first", "fe80::e1", "fe80::e2", "server"]);
        assert_eq!(ladder.rungs.len(), 4);
        let legs = |rung: &Rung| -> Vec<(usize, usize, String)> {
            let legs = said(rung).legs.iter();
            legs.map(|it| (it.from, it.to, it.name.clone())).collect()
        };
        let leg = |from, to, name: &str| (from, to, name.to_owned());
        assert_eq!(
            legs(&ladder.rungs[0]),
            [
                leg(0, 1, "Solicit"),
                leg(1, 2, "Relay-forward"),
                leg(2, 3, "Relay-forward")
            ]
        );
        assert_eq!(
            legs(&ladder.rungs[3]),
            [
                leg(3, 2, "Relay-reply"),
                leg(2, 1, "Relay-reply"),
                leg(1, 0, "Reply")
            ]
        );
        assert_eq!(said(&ladder.rungs[3]).xid.as_deref(), Some("xid#2"));
    }

    #[test]
    fn a_dropped_message_says_so_itself_and_a_crash_stands_across() {
        let ladder = ladder(
            "  - send: { from: second, solicit: { client_id: none } }\n  - expect: { dropped: no-client-id }\n  \
             - crash: server\n  - send: { from: first, raw: \"01\" }\n  - send: { from: second, raw: \"02\" }\n  \
             - expect: silence\n",
        );
        let [solicit, crash, _, _, silence] = ladder.rungs.as_slice() else {
            panic!("{ladder:?}")
        };
        assert_eq!(said(solicit).dropped.as_deref(), Some("no-client-id"));
        assert_eq!((solicit.step, crash.step), (1, 3));
        assert_eq!(
            crash.what,
            Happening::Band {
                what: "crash".into()
            }
        );
        assert_eq!(silence.what, Happening::Silence { dropped: None });
    }

    #[test]
    fn a_message_that_the_link_loses_says_so_itself() {
        let ladder = ladder(
            "  - faults: [{ drop: both }]\n  - send: { from: first, solicit: {} }\n  - expect: silence\n  \
             - faults: [{ drop: server }]\n  - send: { from: second, relay: [{ link: \"2001:db8:1::2\" }], solicit: {} }\n  \
             - expect: silence\n",
        );
        let messages = ladder.rungs.iter().filter_map(|it| match &it.what {
            Happening::Message(said) => Some((said.name.as_str(), said.lost, said.legs.len())),
            Happening::Band { .. } | Happening::Silence { .. } | Happening::Ended { .. } => None,
        });
        let messages: Vec<_> = messages.collect();
        let expected = [
            ("Solicit", true, 1),
            ("Solicit", false, 2),
            ("Advertise", true, 1),
        ];
        assert_eq!(messages, expected, "{ladder:?}");
        let picture = svg::draw(&ladder, &[], "kea");
        assert_eq!(picture.matches("lost on the link").count(), 2, "{picture}");
        assert_eq!(picture.matches("class=\"cross\"").count(), 2, "{picture}");
        assert!(picture.contains(">kea</text>"), "{picture}");
    }

    #[test]
    fn many_agents_share_a_rail() {
        let agents = ["{}"; 9].join(", ");
        let ladder = ladder(&format!(
            "  - send: {{ from: first, relay: [{agents}], solicit: {{}} }}\n  - expect: silence\n"
        ));
        let rails: Vec<_> = ladder.rails.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(rails, ["first", "9 agents", "server"]);
    }
}
