//! What the clients of a capture are called: as they call themselves where they do, so that people know them.

use std::collections::{HashMap, HashSet};

use super::Dialogue;
use crate::dissect::{Message, Value};

const USER_CLASS: u16 = 15;
const VENDOR_CLASS: u16 = 16;
const CLIENT_FQDN: u16 = 39;
const NAME_MAX: usize = 24;
/// What a text begins with, and what its client is called then.
const KINDS: [(&str, &str); 8] = [
    ("msft", "windows"),
    ("dhcpcd", "dhcpcd"),
    ("android-dhcp", "android"),
    ("docsis", "modem"),
    ("erouter", "erouter"),
    ("pxeclient", "pxe"),
    ("ipxe", "ipxe"),
    ("udhcp", "udhcp"),
];
/// Hardware types of DUIDs whose addresses are those of network cards.
const HARDWARE: [u16; 2] = [1, 6];

/// Gives every client a name that no other has.
pub(super) fn give(dialogue: &mut Dialogue) {
    let alone = dialogue.clients.len() == 1;
    let mut names = Names::default();
    for index in 0..dialogue.clients.len() {
        let turns = dialogue.turns_of(index).iter();
        let trees: Vec<Message> = turns.map(|it| dialogue.turns[*it].tree()).collect();
        let called = trees.iter().find_map(|it| host_name(it.core()));
        let called = called.or_else(|| trees.iter().find_map(|it| kind(it.core())));
        let duid = &dialogue.clients[index].duid;
        let base = called.unwrap_or_else(|| match hardware(duid).filter(|_| !alone) {
            Some([a, b]) => format!("client-{a:02x}{b:02x}"),
            None => "client".to_owned(),
        });
        dialogue.clients[index].name = names.next(base);
    }
}

/// The names that were given.
#[derive(Default)]
struct Names {
    taken: HashSet<String>,
    /// By what a client is called, the number that the last one of that name got.
    numbers: HashMap<String, usize>,
}

impl Names {
    /// The first name that nobody has: `windows`, `windows-2`, `windows-3`.
    fn next(&mut self, base: String) -> String {
        let number = self.numbers.entry(base.clone()).or_default();
        loop {
            *number += 1;
            let name = match *number {
                1 => base.clone(),
                number => format!("{base}-{number}"),
            };
            if self.taken.insert(name.clone()) {
                return name;
            }
        }
    }
}

/// The first label of the name that a client would like to have in the DNS.
fn host_name(message: &Message) -> Option<String> {
    let Value::Fqdn { name, .. } = &message.options.first(CLIENT_FQDN)?.value else {
        return None;
    };
    word(name.text.split('.').next()?)
}

/// What kind of client it says that it is.
fn kind(message: &Message) -> Option<String> {
    let options = message.options.list.iter();
    let classes = options.filter(|it| [USER_CLASS, VENDOR_CLASS].contains(&it.code));
    let first = |value: &Value| {
        let Value::Items { items, .. } = value else {
            return None;
        };
        items.first().cloned()
    };
    let mut items = classes.filter_map(|it| first(&it.value));
    items.find_map(|item| {
        let text = String::from_utf8_lossy(&item).to_lowercase();
        let known = KINDS.iter().find(|(start, _)| text.starts_with(start));
        match known {
            Some((_, name)) => Some((*name).to_owned()),
            None => word(text.split([' ', ':', ';', '/', ',']).next()?),
        }
    })
}

/// A text as a name that needs no quotes; `None` if too little is left.
fn word(text: &str) -> Option<String> {
    let plain = text.to_lowercase();
    let plain: String = plain
        .chars()
        .map(|it| if it.is_ascii_alphanumeric() { it } else { '-' })
        .take(NAME_MAX)
        .collect();
    let plain = plain.trim_matches('-');
    let begins = plain.starts_with(|it: char| it.is_ascii_alphabetic());
    // YAML takes these for something else than text.
    let odd = ["true", "false", "null", "yes", "no", "on", "off", "none"];
    (plain.len() >= 2 && begins && !odd.contains(&plain)).then(|| plain.to_owned())
}

/// The last two octets of the network card in a DUID.
fn hardware(duid: &[u8]) -> Option<[u8; 2]> {
    let (kind, rest) = duid.split_first_chunk::<2>()?;
    let (hardware, address) = rest.split_first_chunk::<2>()?;
    let by_card = matches!(kind, [0, 1 | 3]) && HARDWARE.contains(&u16::from_be_bytes(*hardware));
    address.last_chunk::<2>().copied().filter(|_| by_card)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialogue::tests::capture;

    fn names(messages: &[Vec<u8>]) -> Vec<String> {
        let said: Vec<_> = messages
            .iter()
            .map(|it| ("[fe80::c1]:546", "[ff02::1:2]:547", it.clone()))
            .collect();
        let dialogue = Dialogue::new(&capture(&said));
        dialogue.clients.into_iter().map(|it| it.name).collect()
    }

    /// A Solicit of the client with a card that ends like that.
    fn solicit(card: u8, option: &[u8]) -> Vec<u8> {
        let head = [1, 0, 0, 7, 0, 1, 0, 10, 0, 3, 0, 1, 2, 0, 0, 0, 0xab, card];
        [&head, option].concat()
    }

    #[test]
    fn a_client_is_called_by_its_host_name_then_by_its_kind_then_by_its_card() {
        let fqdn = [&[0, 39, 0, 9, 1, 7][..], b"Alice_1"].concat();
        let class = [&[0, 16, 0, 14, 0, 0, 1, 55, 0, 8][..], b"MSFT 5.0"].concat();
        assert_eq!(
            names(&[solicit(1, &fqdn), solicit(2, &class), solicit(3, &[])]),
            ["alice-1", "windows", "client-ab03"]
        );
    }

    #[test]
    fn a_name_is_found_at_once_however_many_have_it() {
        let mut names = Names::default();
        assert_eq!(names.next("windows-2".into()), "windows-2");
        for number in 1..=5_000 {
            let name = names.next("windows".into());
            let expected = match number {
                1 => "windows".to_owned(),
                number => format!("windows-{}", number + 1),
            };
            assert_eq!(name, expected);
        }
        // Each look takes the next number.
        let looks: usize = names.numbers.values().sum();
        assert_eq!(looks, 5_002);
    }

    #[test]
    fn no_two_clients_have_one_name() {
        let class = [&[0, 16, 0, 14, 0, 0, 1, 55, 0, 8][..], b"MSFT 5.0"].concat();
        assert_eq!(
            names(&[solicit(1, &class), solicit(2, &class)]),
            ["windows", "windows-2"]
        );
        assert_eq!(names(&[solicit(1, &[])]), ["client"]);
    }

    #[test]
    fn a_name_that_nobody_could_write_is_none() {
        let named = |label: &[u8]| {
            let length = u8::try_from(label.len()).expect("short");
            let fqdn = [&[0, 39, 0, length + 2, 1, length][..], label].concat();
            names(&[solicit(1, &fqdn)])
        };
        for label in [&b"\xff\xfe"[..], b"1", b"none", b"---"] {
            assert_eq!(named(label), ["client"]);
        }
        assert_eq!(named(b"host"), ["host"]);
    }
}
