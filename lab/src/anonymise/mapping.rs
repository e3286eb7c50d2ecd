//! What names and numbers become: the same thing always becomes the same other thing, and without the secret nobody
//! knows which. Lengths and forms stay.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::link::frame::Mac;

/// IAIDs below are counters.
const SMALL_IAID: u32 = 0x1_0000;
/// The capture begins so long after 1970, and up to a year later: 2020-01-01 00:00:00 UTC.
pub(super) const BEGINNING: u64 = 1_577_836_800;
pub(super) const YEAR: u64 = 365 * 24 * 3600;

/// Gives everything that may tell who somebody is another name.
pub(super) struct Mapping {
    keyed: Hmac<Sha256>,
    /// Hardware addresses in the capture: they are also looked for where nobody says that they are.
    macs: BTreeSet<Mac>,
    /// By how much times are shifted: forwards, and backwards.
    shift: (Duration, Duration),
    /// How many different things of each kind were replaced.
    replaced: BTreeMap<Kind, BTreeSet<Vec<u8>>>,
    /// Prefixes of addresses whose next bit is to be flipped or not, which costs time.
    pub(super) bits: BTreeMap<(u32, u128), bool>,
}

/// What is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    HardwareAddress,
    Duid,
    Address,
    Iaid,
    Name,
    Text,
    Octets,
    Unreadable,
}

impl Kind {
    /// What several of them are called.
    pub(super) fn plural(self) -> &'static str {
        match self {
            Self::HardwareAddress => "hardware addresses",
            Self::Duid => "DUIDs",
            Self::Address => "addresses and prefixes",
            Self::Iaid => "IAIDs",
            Self::Name => "labels of domain names",
            Self::Text => "texts",
            Self::Octets => "contents without a known form",
            Self::Unreadable => "contents that cannot be parsed, by octets ff",
        }
    }
}

impl Mapping {
    /// One that depends on a secret. The capture begins at `start`.
    pub(super) fn new(secret: &[u8], start: Duration, macs: BTreeSet<Mac>) -> Self {
        // Any length will do as a key.
        let keyed = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
        let mut mapping = Self {
            keyed,
            macs,
            shift: (Duration::ZERO, Duration::from_secs(start.as_secs())),
            replaced: BTreeMap::new(),
            bits: BTreeMap::new(),
        };
        let [a, b, c, d, ..] = mapping.digest("time", &[]);
        let within = u64::from(u32::from_be_bytes([a, b, c, d])) % YEAR;
        mapping.shift.0 = Duration::from_secs(BEGINNING + within);
        mapping
    }

    /// How many different things of each kind were replaced.
    pub(super) fn counts(&self) -> impl Iterator<Item = (Kind, usize)> {
        self.replaced
            .iter()
            .map(|(kind, things)| (*kind, things.len()))
    }

    pub(super) fn note(&mut self, kind: Kind, thing: &[u8]) {
        self.replaced
            .entry(kind)
            .or_default()
            .insert(thing.to_vec());
    }

    pub(super) fn digest(&self, label: &str, content: &[u8]) -> [u8; 32] {
        let mut keyed = self.keyed.clone();
        keyed.update(label.as_bytes());
        keyed.update(&[0]);
        keyed.update(content);
        keyed.finalize().into_bytes().into()
    }

    /// So many octets that depend on a content.
    pub(super) fn stream(&self, label: &str, content: &[u8], len: usize) -> Vec<u8> {
        let blocks = (0_u32..).flat_map(|number| {
            let content = [&number.to_be_bytes(), content].concat();
            self.digest(label, &content)
        });
        blocks.take(len).collect()
    }

    /// A time of the capture.
    pub(super) fn time(&self, at: Duration) -> Duration {
        at.saturating_add(self.shift.0).saturating_sub(self.shift.1)
    }

    /// A hardware address: groups stay, and so does whether somebody made it up.
    pub(super) fn mac(&mut self, mac: Mac) -> Mac {
        const FLAGS: u8 = 0b11;
        let is_group = mac[0] & 1 == 1;
        if is_group || mac == [0; 6] {
            return mac;
        }
        self.note(Kind::HardwareAddress, &mac);
        let [a, b, c, d, e, f, ..] = self.digest("mac", &mac);
        [(a & !FLAGS) | (mac[0] & FLAGS), b, c, d, e, f]
    }

    /// The hardware address of a frame that goes to an address.
    pub(super) fn frame_mac(&mut self, mac: Mac, to: Ipv6Addr) -> Mac {
        match mac {
            [0x33, 0x33, ..] => crate::link::frame::multicast_mac(to),
            _ => self.mac(mac),
        }
    }

    /// A DUID: its type, its length and its enterprise stay.
    pub(super) fn duid(&mut self, duid: &[u8]) -> Vec<u8> {
        const ETHERNET: [u8; 2] = [0, 1];
        self.note(Kind::Duid, duid);
        let Some((kind, rest)) = duid.split_first_chunk::<2>() else {
            return self.octets(duid);
        };
        let rest = match (u16::from_be_bytes(*kind), rest) {
            (1, [h0, h1, t0, t1, t2, t3, address @ ..]) => {
                let time = u32::from_be_bytes([*t0, *t1, *t2, *t3]);
                let time = self.duid_time(time).to_be_bytes();
                [
                    &[*h0, *h1],
                    &time[..],
                    &self.hardware([*h0, *h1] == ETHERNET, address),
                ]
                .concat()
            }
            (2, [a, b, c, d, identifier @ ..]) => {
                [&[*a, *b, *c, *d], self.opaque(identifier).as_slice()].concat()
            }
            (3, [h0, h1, address @ ..]) => [
                &[*h0, *h1],
                self.hardware([*h0, *h1] == ETHERNET, address).as_slice(),
            ]
            .concat(),
            _ => self.octets(rest),
        };
        [kind, rest.as_slice()].concat()
    }

    /// Seconds since 2000 are shifted as the capture is; they wrap around.
    fn duid_time(&self, time: u32) -> u32 {
        let (forwards, backwards) = self.shift;
        let low = |time: Duration| u32::try_from(time.as_secs() & u64::from(u32::MAX)).unwrap_or(0);
        time.wrapping_add(low(forwards))
            .wrapping_sub(low(backwards))
    }

    /// An address of that length behind a hardware type.
    pub(super) fn hardware(&mut self, ethernet: bool, address: &[u8]) -> Vec<u8> {
        match <Mac>::try_from(address) {
            Ok(mac) if ethernet => self.mac(mac).to_vec(),
            _ => self.octets(address),
        }
    }

    /// An IAID: small ones stay; clients make others from their hardware addresses.
    pub(super) fn iaid(&mut self, iaid: u32) -> u32 {
        if iaid < SMALL_IAID {
            return iaid;
        }
        let octets = iaid.to_be_bytes();
        self.note(Kind::Iaid, &octets);
        let card = self.macs.iter().find(|it| it.ends_with(&octets)).copied();
        if let Some(card) = card {
            let [_, _, rest @ ..] = self.mac(card);
            return u32::from_be_bytes(rest);
        }
        let [a, b, c, d, ..] = self.digest("iaid", &octets);
        u32::from_be_bytes([a, b, c, d]) | SMALL_IAID
    }

    /// Octets: none stays as it is, except that hardware addresses in them follow, and that zeros stay zeros.
    pub(super) fn octets(&mut self, content: &[u8]) -> Vec<u8> {
        if content.iter().all(|it| *it == 0) {
            return content.to_vec();
        }
        self.note(Kind::Octets, content);
        let stream = self.stream("octets", content, content.len());
        let mut mapped: Vec<u8> = content
            .iter()
            .zip(stream)
            .map(|(octet, chance)| match octet {
                0 => 0,
                // Another one, and not zero.
                _ => match octet.wrapping_add(1 + chance % 254) {
                    0 => octet.wrapping_sub(1).max(1),
                    other => other,
                },
            })
            .collect();
        let places: Vec<(usize, Mac)> = content
            .windows(6)
            .enumerate()
            .filter_map(|(at, it)| {
                Some((
                    at,
                    Mac::try_from(it).ok().filter(|it| self.macs.contains(it))?,
                ))
            })
            .collect();
        for (at, mac) in places {
            let mac = self.mac(mac);
            if let Some(place) = mapped.get_mut(at..at + mac.len()) {
                place.copy_from_slice(&mac);
            }
        }
        mapped
    }

    /// What cannot be parsed: it still cannot be parsed.
    pub(super) fn unreadable(&mut self, content: &[u8]) -> Vec<u8> {
        if !content.is_empty() {
            self.note(Kind::Unreadable, content);
        }
        vec![0xff; content.len()]
    }
}
