//! What the answers of a capture tell about how their server is configured.

use std::collections::{HashMap, HashSet};
use std::net::Ipv6Addr;

use crate::dialogue::{Dialogue, Turn};
use crate::dissect::{self, Message, Opt, Options};
use crate::scenario::Block;

const SOLICIT: u8 = 1;
const ADVERTISE: u8 = 2;
const REQUEST: u8 = 3;
const CONFIRM: u8 = 4;
const RENEW: u8 = 5;
const REBIND: u8 = 6;
const REPLY: u8 = 7;

const STATUS_CODE: u16 = 13;
const RAPID_COMMIT: u16 = 14;
const IA_NA: u16 = 3;
const IA_PD: u16 = 25;
const NO_ADDRS_AVAIL: u16 = 2;
const NOT_ON_LINK: u16 = 4;
const NO_PREFIX_AVAIL: u16 = 6;
/// What belongs to one message or one client, or is no option of a configuration: identifiers, leases, statuses,
/// authentication, Server Unicast, Reconfigure Accept.
const NOT_CONFIGURED: [u16; 13] = [1, 2, 3, 4, 5, 8, 11, 12, 13, RAPID_COMMIT, 20, 25, 26];

/// What a server has for one client.
#[derive(Clone, Debug)]
pub(super) struct Host {
    pub(super) name: String,
    pub(super) duid: Vec<u8>,
    pub(super) given: Vec<Given>,
    /// Whether it asks for an address and no server answers it.
    pub(super) wants_pool: bool,
    /// Whether it asks for a prefix and no server answers it, and of which length.
    pub(super) wants_prefix: Option<Option<u8>>,
    /// The most leases that it got in one IA.
    pub(super) leases_in_one_ia: usize,
    /// Whether any server answers it.
    is_answered: bool,
}

/// A lease that a client got, or says that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) block: Block,
    /// Preferred and valid, if a server said so.
    pub(super) lifetimes: Option<(u32, u32)>,
    /// Whether it was bound by a Reply, and not only offered.
    bound: bool,
}

/// What is known about the recorded server.
#[derive(Clone, Debug, Default)]
pub(super) struct Observed {
    pub(super) hosts: Vec<Host>,
    /// Which of the hosts each client is: one that moves to another link stays the same.
    host_of: Vec<usize>,
    /// Options in answers, each value once, in the order of appearance.
    pub(super) options: Vec<Opt>,
    /// Their codes and octets.
    seen: HashSet<(u16, Vec<u8>)>,
    /// Preferred lifetime, T1 and T2 of IAs with leases.
    pub(super) times: Vec<(u32, u32, u32)>,
    pub(super) rapid_commit: bool,
    /// Whether a server had no address, or no prefix, for somebody.
    pub(super) no_addresses: bool,
    pub(super) no_prefixes: bool,
    /// Addresses of which a server said that they fit the link, and that they do not.
    pub(super) confirmed: Vec<Ipv6Addr>,
    pub(super) off_link: Vec<Ipv6Addr>,
}

impl Observed {
    pub(super) fn new(dialogue: &Dialogue) -> Self {
        let mut observed = Self::default();
        let mut known = HashMap::new();
        for (index, client) in dialogue.clients.iter().enumerate() {
            let host = *known.entry(&client.duid).or_insert_with(|| {
                observed.hosts.push(Host {
                    name: client.name.clone(),
                    duid: client.duid.clone(),
                    given: Vec::new(),
                    wants_pool: false,
                    wants_prefix: None,
                    leases_in_one_ia: 0,
                    is_answered: false,
                });
                observed.hosts.len() - 1
            });
            observed.hosts[host].is_answered |= dialogue.is_answered(index);
            observed.host_of.push(host);
        }
        for (index, turn) in dialogue.turns.iter().enumerate() {
            let Some(answer) = dialogue.chosen(index) else {
                continue;
            };
            let answer = dissect::message(&answer.datagram.payload);
            if [ADVERTISE, REPLY].contains(&answer.core().message_type) {
                observed.hear(turn, answer.core());
            }
        }
        for turn in &dialogue.turns {
            observed.wish(turn);
        }
        observed
    }

    /// The lifetimes of the first lease that was given.
    pub(super) fn usual_lifetimes(&self) -> Option<(u32, u32)> {
        let mut given = self.hosts.iter().flat_map(|it| &it.given);
        let fits = |it: &(u32, u32)| it.0 <= it.1;
        given.find_map(|it| it.lifetimes.filter(fits))
    }

    /// The value of an option that is a number.
    pub(super) fn number(&self, code: u16) -> Option<u32> {
        let mut options = self.options.iter().filter(|it| it.code == code);
        options.find_map(|it| it.value.number())
    }

    fn host(&mut self, client: usize) -> Option<&mut Host> {
        self.hosts.get_mut(*self.host_of.get(client)?)
    }

    /// Learns from an answer.
    fn hear(&mut self, turn: &Turn, answer: &Message) {
        let question = turn.tree();
        let question = question.core();
        let status = status(&answer.options);
        self.no_addresses |= status == Some(NO_ADDRS_AVAIL);
        self.no_prefixes |= status == Some(NO_PREFIX_AVAIL);
        if question.message_type == CONFIRM {
            let named = named(question).map(|it| it.address).collect::<Vec<_>>();
            match status {
                Some(NOT_ON_LINK) => self.off_link.extend(named),
                _ => self.confirmed.extend(named),
            }
        }
        let commits = answer.options.first(RAPID_COMMIT).is_some();
        self.rapid_commit |=
            question.message_type == SOLICIT && answer.message_type == REPLY && commits;
        for option in &answer.options.list {
            let is_configured = !NOT_CONFIGURED.contains(&option.code);
            if is_configured && self.seen.insert((option.code, option.octets.clone())) {
                self.options.push(option.clone());
            }
            if let Some(ia) = option.value.association() {
                let options = ia.options;
                let leases: Vec<Given> = leases(options).collect();
                match self::status(options) {
                    Some(NO_ADDRS_AVAIL) => self.no_addresses = true,
                    Some(NO_PREFIX_AVAIL) => self.no_prefixes = true,
                    _ => {}
                }
                let preferred = leases.iter().filter_map(|it| it.lifetimes).map(|it| it.0);
                if let Some(preferred) = preferred.min() {
                    self.times
                        .extend(ia.times.map(|(t1, t2)| (preferred, t1, t2)));
                }
                if let Some(host) = self.host(turn.client) {
                    host.leases_in_one_ia = host.leases_in_one_ia.max(leases.len());
                    // What a Reply says counts more than what was only offered.
                    let counts = answer.message_type == REPLY;
                    host.get(leases, counts);
                }
            }
        }
    }

    /// What a client asks for that no server answers in the capture.
    fn wish(&mut self, turn: &Turn) {
        let Some(host) = self.host(turn.client).filter(|it| !it.is_answered) else {
            return;
        };
        let tree = turn.tree();
        let question = tree.core();
        let asks = [SOLICIT, REQUEST, RENEW, REBIND].contains(&question.message_type);
        if question.message_type != SOLICIT && question.message_type <= 9 {
            let held = named(question).map(|block| Given {
                block,
                lifetimes: None,
                bound: false,
            });
            host.get(held.collect(), false);
        }
        let lists = |code| question.options.first(code);
        host.wants_pool |= asks && lists(IA_NA).is_some();
        if let Some(ia) = lists(IA_PD).filter(|_| asks) {
            let hints = ia.value.options().into_iter().flat_map(blocks);
            let lengths = hints.filter_map(|it| it.length);
            let length = lengths.filter(|it| (48..=64).contains(it)).last();
            host.wants_prefix = Some(length.or(host.wants_prefix.flatten()));
        }
        if host.given.iter().any(|it| it.block.length.is_some()) {
            host.wants_prefix = None;
        }
        if host.given.iter().any(|it| it.block.length.is_none()) {
            host.wants_pool = false;
        }
    }
}

impl Host {
    /// Takes note of leases; `again` also of the lifetimes of those that are known.
    fn get(&mut self, leases: Vec<Given>, again: bool) {
        for lease in leases {
            match self.given.iter_mut().find(|it| it.block == lease.block) {
                Some(known) if again && !known.bound => {
                    *known = Given {
                        bound: true,
                        ..lease
                    };
                }
                Some(_) => {}
                None => self.given.push(Given {
                    bound: again,
                    ..lease
                }),
            }
        }
    }
}

fn status(options: &Options) -> Option<u16> {
    options.first(STATUS_CODE)?.value.status()
}

/// The leases that a client names.
fn named(message: &Message) -> impl Iterator<Item = Block> {
    let options = message.options.list.iter();
    let ias = options.filter_map(|it| it.value.association());
    ias.flat_map(|it| blocks(it.options))
}

fn blocks(options: &Options) -> impl Iterator<Item = Block> {
    let listed = options.list.iter().filter_map(|it| it.value.listed());
    listed.map(Block::from)
}

/// The leases that an IA of an answer gives.
fn leases(options: &Options) -> impl Iterator<Item = Given> {
    let listed = options.list.iter().filter_map(|it| it.value.listed());
    listed.filter(|it| it.valid > 0).map(|it| Given {
        block: it.into(),
        lifetimes: Some((it.preferred, it.valid)),
        bound: false,
    })
}
