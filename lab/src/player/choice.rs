//! Which of several offers a client goes on with (RFC 9915 §18.2.9).

use super::Player;
use crate::dissect::{self, Message, Options, Value};

const ADVERTISE: u8 = 2;
const PREFERENCE: u16 = 7;

impl Player<'_> {
    /// All servers that advertise have been heard; the client goes on with one of them, and forgets the others.
    pub(super) fn choose(&mut self, client: &str) {
        let before = self.memories.get(client).cloned().unwrap_or_default();
        let mut offers = Vec::new();
        // The first one has to be there; of the others nothing is expected but that they advertise, too.
        loop {
            let next = self.answers.front().map(|it| it.datagram.clone());
            let failed = self.failures.len();
            self.expect_message(ADVERTISE, &crate::scenario::Wanted::default());
            if self.failures.len() > failed {
                return;
            }
            offers.extend(next);
            if self.answers.is_empty() {
                break;
            }
        }
        let trees: Vec<Message> = offers
            .iter()
            .map(|it| dissect::message(&it.payload).core().clone())
            .collect();
        let (Some(index), true) = (best(&trees), offers.len() > 1) else {
            return;
        };
        let mut memory = before;
        memory.learn(&trees[index]);
        if let Some(it) = self.memories.get_mut(client) {
            *it = memory;
        }
        let names = crate::normalise::Names::of(self.scenario);
        let server = names.server(offers[index].source).to_owned();
        self.note(&format!("{client} goes on with {server}"));
    }
}

/// The index of the offer that a client takes: one with leases before one without, then the highest preference, then
/// the first to come.
fn best(offers: &[Message]) -> Option<usize> {
    let rank = |offer: &Message| (gives(&offer.options), preference(offer));
    let ranks = offers.iter().map(rank).enumerate();
    let best = ranks.reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.map(|(index, _)| index)
}

/// The value of the Preference option; 0 without one (RFC 9915 §21.8).
fn preference(offer: &Message) -> u32 {
    match offer.options.first(PREFERENCE).map(|it| &it.value) {
        Some(Value::Number(number)) => *number,
        _ => 0,
    }
}

/// Whether there is an address or prefix in an IA.
fn gives(options: &Options) -> bool {
    let of_ias = options.list.iter().filter_map(|it| it.value.options());
    of_ias.flat_map(|it| &it.list).any(|it| {
        let lease = &it.value;
        matches!(lease, Value::Address { .. } | Value::Prefix { .. })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An Advertise with a preference, if any, and an IA_NA with an address or without.
    fn offer(preference: Option<u8>, gives: bool) -> Message {
        let mut octets = vec![2, 0, 0, 1];
        if let Some(value) = preference {
            octets.extend([0, 7, 0, 1, value]);
        }
        let address = [&[0, 5, 0, 24][..], &[7; 24]].concat();
        let address = if gives { address } else { Vec::new() };
        octets.extend([0, 3, 0, 12 + u8::try_from(address.len()).expect("short")]);
        octets.extend([0; 12]);
        octets.extend(address);
        dissect::message(&octets)
    }

    #[test]
    fn the_highest_preference_wins_and_of_equals_the_first() {
        let offers = [
            offer(None, true),
            offer(Some(5), true),
            offer(Some(255), true),
            offer(Some(255), true),
        ];
        assert_eq!(best(&offers), Some(2));
        assert_eq!(best(&offers[..2]), Some(1));
        assert_eq!(best(&[offer(None, true), offer(Some(0), true)]), Some(0));
        assert_eq!(best(&[]), None);
    }

    #[test]
    fn an_offer_without_leases_is_the_last_choice() {
        assert_eq!(best(&[offer(Some(255), false), offer(None, true)]), Some(1));
        assert_eq!(best(&[offer(None, false), offer(Some(1), false)]), Some(1));
    }
}
