//! What happens to messages between the player and the rig: the faults that steps ask for.
//!
//! Both rigs are behind it, so the same faults befall the same messages on either. What chance decides depends
//! on the seed of the scenario and on the messages before, never on time.

use std::time::Duration;

use crate::dissect;
use crate::load::chance::Chance;
use crate::rig::Datagram;
use crate::scenario::{Fault, FaultKind, Part, Side, Span};

/// The link, and what is on its way.
#[derive(Debug)]
pub(super) struct Link {
    faults: Vec<Active>,
    chance: Chance,
    /// Messages that arrive at a certain time, the earliest first.
    delayed: Vec<Delayed>,
    /// Messages that wait for the next one of their side to go ahead.
    waiting: Vec<Passenger>,
    /// Whether anything was ever asked for.
    lossy: bool,
}

#[derive(Debug)]
struct Active {
    side: Side,
    kind: FaultKind,
    nth: Vec<u32>,
    part: Option<Part>,
    /// How many messages it could have befallen.
    seen: u32,
}

/// A message on its way.
#[derive(Clone, Debug)]
pub(super) struct Passenger {
    /// Which side it comes from: never `Side::Both`.
    pub(super) from: Side,
    /// The client that sent it, or that it is for, by its name.
    pub(super) client: Option<String>,
    pub(super) datagram: Datagram,
}

#[derive(Debug)]
struct Delayed {
    due: Duration,
    passenger: Passenger,
}

/// What became of a message.
#[derive(Debug, Default)]
pub(super) struct Passage {
    /// What befell it, in words.
    pub(super) notes: Vec<String>,
    /// What arrives now, in order.
    pub(super) arrivals: Vec<Passenger>,
}

impl Link {
    /// A link without faults.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            faults: Vec::new(),
            chance: Chance::new(seed),
            delayed: Vec::new(),
            waiting: Vec::new(),
            lossy: false,
        }
    }

    /// From now on these go wrong, and what went wrong before does no more.
    pub(super) fn fail(&mut self, faults: &[Fault]) {
        let active = faults.iter().filter_map(|fault| {
            let (side, kind) = fault.kind().ok()?;
            Some(Active {
                side,
                kind,
                nth: fault.nth.0.clone(),
                part: fault.part,
                seen: 0,
            })
        });
        self.faults = active.collect();
        self.lossy |= !self.faults.is_empty();
    }

    /// Whether anything may have gone wrong, so that answers can be missing or repeated.
    pub(super) fn is_lossy(&self) -> bool {
        self.lossy
    }

    /// Sends a message on its way.
    pub(super) fn pass(&mut self, passenger: Passenger, clock: Duration) -> Passage {
        let mut passage = Passage::default();
        let (from, sent) = (passenger.from, xid(&passenger.datagram));
        let mut copies = vec![passenger];
        let (mut held, mut by) = (false, Duration::ZERO);
        for fault in &mut self.faults {
            if copies.is_empty() || !fault.befalls(from, &mut self.chance) {
                continue;
            }
            let note = match &fault.kind {
                FaultKind::Drop => {
                    copies.clear();
                    "lost on the link".to_owned()
                }
                FaultKind::Duplicate => {
                    copies.extend(copies.clone());
                    "doubled on the link".to_owned()
                }
                FaultKind::Reorder => {
                    held = true;
                    "overtaken by the next one, if there is one".to_owned()
                }
                FaultKind::Delay(time) => {
                    by += *time;
                    format!("delayed by {}", Span(*time))
                }
                FaultKind::Corrupt { at, octets } => {
                    let payload = &copies[0].datagram.payload;
                    let mut changed = payload.clone();
                    let note = corrupt(&mut changed, *at, octets.as_deref(), &mut self.chance);
                    copies
                        .iter_mut()
                        .for_each(|it| it.datagram.payload.clone_from(&changed));
                    note
                }
                FaultKind::Truncate(to) => {
                    copies
                        .iter_mut()
                        .for_each(|it| it.datagram.payload.truncate(*to));
                    format!("cut to {} octets", copies[0].datagram.payload.len())
                }
            };
            passage.notes.push(note);
        }
        for copy in &mut copies {
            // An answer to something else is nobody's.
            if xid(&copy.datagram) != sent {
                copy.client = None;
            }
        }
        if by > Duration::ZERO {
            for passenger in copies {
                let due = clock + by;
                let at = self.delayed.partition_point(|it| it.due <= due);
                self.delayed.insert(at, Delayed { due, passenger });
            }
        } else if held {
            self.waiting.extend(copies);
        } else if !copies.is_empty() {
            passage.arrivals = copies;
            let overtaken = self.waiting.extract_if(.., |it| it.from == from);
            passage.arrivals.extend(overtaken);
        }
        passage
    }

    /// Messages of that side that wait for another one, which does not come.
    pub(super) fn stragglers(&mut self, from: Side) -> Vec<Passenger> {
        self.waiting.extract_if(.., |it| it.from == from).collect()
    }

    /// When the next delayed message arrives.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.delayed.first().map(|it| it.due)
    }

    /// The delayed messages that arrive by that time.
    pub(super) fn arrive(&mut self, clock: Duration) -> Vec<Passenger> {
        let count = self.delayed.partition_point(|it| it.due <= clock);
        let arrived = self.delayed.drain(..count);
        arrived.map(|it| it.passenger).collect()
    }
}

impl Active {
    fn befalls(&mut self, from: Side, chance: &mut Chance) -> bool {
        if self.side != Side::Both && self.side != from {
            return false;
        }
        self.seen += 1;
        match self.part {
            Some(Part(hundredths)) => chance.below(100) < usize::from(hundredths),
            None => self.nth.is_empty() || self.nth.contains(&self.seen),
        }
    }
}

fn xid(datagram: &Datagram) -> Option<u32> {
    dissect::message(&datagram.payload).core().xid()
}

/// Changes octets, and says which. What is not within the message is not changed.
fn corrupt(
    payload: &mut [u8],
    at: Option<usize>,
    octets: Option<&[u8]>,
    chance: &mut Chance,
) -> String {
    let at = at.unwrap_or_else(|| chance.below(payload.len()));
    let Some(old) = payload.get(at).copied() else {
        return format!("octet {at} would be changed, and there is none");
    };
    let flipped = [old ^ (1 << chance.below(8))];
    let new = octets.unwrap_or(&flipped);
    let mut changes = Vec::new();
    for (index, (place, octet)) in payload[at..].iter_mut().zip(new).enumerate() {
        changes.push(format!("octet {} {place:02x} → {octet:02x}", at + index));
        *place = *octet;
    }
    format!("changed on the link: {}", changes.join(", "))
}
