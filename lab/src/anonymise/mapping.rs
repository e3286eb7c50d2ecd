//! What names and numbers become: the same thing always becomes the same other thing, and without the secret nobody
//! knows which. Lengths and forms stay.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::link::frame::Mac;

/// IIDs below are numbers that somebody chose (`::1`, `::10`) and name nobody.
const SMALL_IID: u64 = 0x1_0000;
/// IAIDs below are counters.
const SMALL_IAID: u32 = 0x1_0000;
/// All other addresses go into the prefix for documentation (RFC 9637), whose length this is.
const DOCUMENTATION: (Ipv6Addr, u32) = (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20);
/// The bits of an address that say on which link it is.
const LINK_BITS: u32 = 64;
/// Labels at the ends of names that many names have.
const KEPT_LABELS: [&str; 13] = [
    "com",
    "net",
    "org",
    "arpa",
    "ip6",
    "home",
    "local",
    "lan",
    "localdomain",
    "example",
    "test",
    "invalid",
    "internal",
];
/// What a text begins with that tells a product and nobody's name: it stays whole.
const KEPT_TEXTS: [&str; 6] = [
    "MSFT 5.0",
    "docsis",
    "eRouter",
    "PXEClient:Arch:",
    "HTTPClient:Arch:",
    "iPXE",
];
/// Words of texts that stay: of protocols, of products, and of what servers say about leases.
const KEPT_WORDS: [&str; 62] = [
    "http",
    "https",
    "tftp",
    "ftp",
    "dhcp",
    "dhcpv6",
    "dhcpcd",
    "android",
    "udhcp",
    "linux",
    "release",
    "released",
    "renew",
    "renewed",
    "received",
    "success",
    "succeeded",
    "ok",
    "status",
    "no",
    "not",
    "any",
    "all",
    "address",
    "addresses",
    "addrs",
    "prefix",
    "prefixes",
    "lease",
    "leases",
    "binding",
    "bindings",
    "found",
    "for",
    "this",
    "that",
    "the",
    "client",
    "server",
    "on",
    "link",
    "off",
    "is",
    "are",
    "was",
    "were",
    "of",
    "to",
    "in",
    "available",
    "unavailable",
    "assigned",
    "allocated",
    "be",
    "could",
    "sorry",
    "have",
    "has",
    "you",
    "your",
    "ia",
    "na",
];
/// The capture begins so long after 1970, and up to a year later: 2020-01-01 00:00:00 UTC.
const BEGINNING: u64 = 1_577_836_800;
const YEAR: u64 = 365 * 24 * 3600;

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
    bits: BTreeMap<(u32, u128), bool>,
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

    fn note(&mut self, kind: Kind, thing: &[u8]) {
        self.replaced
            .entry(kind)
            .or_default()
            .insert(thing.to_vec());
    }

    fn digest(&self, label: &str, content: &[u8]) -> [u8; 32] {
        let mut keyed = self.keyed.clone();
        keyed.update(label.as_bytes());
        keyed.update(&[0]);
        keyed.update(content);
        keyed.finalize().into_bytes().into()
    }

    /// So many octets that depend on a content.
    fn stream(&self, label: &str, content: &[u8], len: usize) -> Vec<u8> {
        let blocks = (0_u32..).flat_map(|number| {
            let content = [&number.to_be_bytes(), content].concat();
            self.digest(label, &content)
        });
        blocks.take(len).collect()
    }

    /// A time of the capture.
    pub(super) fn time(&self, at: Duration) -> Duration {
        (at + self.shift.0).saturating_sub(self.shift.1)
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

    /// An address. Well-known ones stay, and so do the prefixes for documentation.
    pub(super) fn address(&mut self, address: Ipv6Addr) -> Ipv6Addr {
        let mapped = self.mapped_address(address);
        if mapped != address {
            self.note(Kind::Address, &address.octets());
        }
        mapped
    }

    fn mapped_address(&mut self, address: Ipv6Addr) -> Ipv6Addr {
        let bits = address.to_bits();
        if address.is_unspecified() || address.is_loopback() {
            return address;
        }
        if address.is_multicast() {
            return self.group(address);
        }
        if let Some(inner) = address.to_ipv4_mapped() {
            let [a, b, c, d, ..] = self.digest("ipv4", &inner.octets());
            return std::net::Ipv4Addr::from([a, b, c, d]).to_ipv6_mapped();
        }
        let kept = kept_bits(address);
        let link = match kept {
            Some(kept) => self.preserved(bits, kept, LINK_BITS),
            None => self.documentation(bits),
        };
        let iid = self.iid(bits);
        Ipv6Addr::from_bits((link >> LINK_BITS << LINK_BITS) | u128::from(iid))
    }

    /// A prefix: what is behind its length stays nothing, or becomes something else.
    pub(super) fn prefix(&mut self, prefix: Ipv6Addr, length: u8) -> Ipv6Addr {
        if prefix.is_unspecified() {
            return prefix;
        }
        let behind = u128::MAX.checked_shr(length.into()).unwrap_or(0);
        let mapped = self.address(prefix).to_bits();
        match prefix.to_bits() & behind {
            0 => Ipv6Addr::from_bits(mapped & !behind),
            _ if mapped & behind == 0 => Ipv6Addr::from_bits(mapped | 1),
            _ => Ipv6Addr::from_bits(mapped),
        }
    }

    /// A multicast address: well-known groups stay, those that are made from an address follow it.
    fn group(&mut self, group: Ipv6Addr) -> Ipv6Addr {
        let segments = group.segments();
        let is_known = segments[1..6].iter().all(|it| *it == 0);
        let is_solicited = group.to_bits() >> 24
            == Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 0).to_bits() >> 24;
        if is_known {
            return group;
        }
        let [a, b, c, d, e, f, g, ..] = self.digest("group", &group.octets());
        match is_solicited {
            true => Ipv6Addr::from_bits(
                (group.to_bits() >> 24 << 24) | u128::from(u32::from_be_bytes([0, a, b, c])),
            ),
            false => {
                let [scope, ..] = segments;
                let at = |high, low| u16::from_be_bytes([high, low]);
                Ipv6Addr::new(scope, 0, 0, 0, at(a, b), at(c, d), at(e, f), g.into())
            }
        }
    }

    /// The first bits of an address of the Internet: two that have more than the length of the prefix for
    /// documentation in common have as many in common afterwards.
    fn documentation(&mut self, bits: u128) -> u128 {
        let (prefix, length) = DOCUMENTATION;
        let behind = u128::MAX >> length;
        (self.preserved(bits, length, LINK_BITS) & behind) | prefix.to_bits()
    }

    /// Replaces bits so that what two numbers have in common at the beginning, they have in common afterwards: each
    /// bit is flipped or not depending on all bits before it (as Xu et al. describe it for Crypto-PAn).
    fn preserved(&mut self, bits: u128, from: u32, to: u32) -> u128 {
        let mut mapped = bits;
        for at in from..to {
            let before = bits & !(u128::MAX.checked_shr(at).unwrap_or(0));
            let known = self.bits.get(&(at, before)).copied();
            let flip = known.unwrap_or_else(|| {
                let content = [&at.to_be_bytes()[..], &before.to_be_bytes()].concat();
                self.digest("bit", &content)[0] & 1 == 1
            });
            self.bits.insert((at, before), flip);
            mapped ^= u128::from(flip) << (127 - at);
        }
        mapped
    }

    /// The last 64 bits of an address. Made from a hardware address, they follow it (RFC 4291, appendix A).
    fn iid(&mut self, bits: u128) -> u64 {
        let iid = u64::try_from(bits & u128::from(u64::MAX)).unwrap_or(0);
        if iid < SMALL_IID {
            return iid;
        }
        const UNIVERSAL: u8 = 2;
        if let [a, b, c, 0xff, 0xfe, d, e, f] = iid.to_be_bytes() {
            let [a, b, c, d, e, f] = self.mac([a ^ UNIVERSAL, b, c, d, e, f]);
            return u64::from_be_bytes([a ^ UNIVERSAL, b, c, 0xff, 0xfe, d, e, f]);
        }
        // Whatever the link: prefixes that are longer than usual keep their relations, too.
        let mapped = self.preserved(iid.into(), LINK_BITS, 128);
        u64::try_from(mapped & u128::from(u64::MAX)).unwrap_or(0)
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

    /// The octets of one label of a domain name; `last` if it is at the end of a name of several.
    pub(super) fn label(&mut self, label: &[u8], last: bool) -> Vec<u8> {
        let kept = |it: &&str| label.eq_ignore_ascii_case(it.as_bytes());
        if last && KEPT_LABELS.iter().any(kept) {
            return label.to_vec();
        }
        self.note(Kind::Name, &label.to_ascii_lowercase());
        self.scrambled("label", label)
    }

    /// Text: each word becomes another one of the same form.
    pub(super) fn text(&mut self, text: &str) -> Vec<u8> {
        if KEPT_TEXTS.iter().any(|it| text.starts_with(it)) && text.len() <= 40 {
            return text.as_bytes().to_vec();
        }
        let mut mapped = Vec::with_capacity(text.len());
        for word in text.as_bytes().chunk_by(|a, b| is_word(*a) == is_word(*b)) {
            let plain = word.iter().all(|it| !is_word(*it));
            let kept = KEPT_WORDS
                .iter()
                .any(|it| word.eq_ignore_ascii_case(it.as_bytes()));
            mapped.extend(match plain || kept {
                true => word.to_vec(),
                false => self.scrambled("word", word),
            });
        }
        if mapped != text.as_bytes() {
            self.note(Kind::Text, text.as_bytes());
        }
        mapped
    }

    /// Letters become letters, digits become digits; upper and lower case make no difference and stay. No octet stays
    /// as it is, dots and the like apart.
    fn scrambled(&self, label: &str, word: &[u8]) -> Vec<u8> {
        let stream = self.stream(label, &word.to_ascii_lowercase(), word.len());
        let pairs = word.iter().zip(stream);
        let other = |octet: u8, first: u8, count: u8, chance: u8| {
            first + (octet - first + 1 + chance % (count - 1)) % count
        };
        let mapped = pairs.map(|(octet, chance)| match octet {
            b'a'..=b'z' => other(*octet, b'a', 26, chance),
            b'A'..=b'Z' => other(*octet, b'A', 26, chance),
            b'0'..=b'9' => other(*octet, b'0', 10, chance),
            // One octet of a letter of another alphabet.
            0x80.. => b'a' + chance % 26,
            _ => *octet,
        });
        mapped.collect()
    }

    /// Content without a known form, that may be text.
    pub(super) fn opaque(&mut self, content: &[u8]) -> Vec<u8> {
        match std::str::from_utf8(content) {
            Ok(text) if text.chars().all(|it| (' '..='~').contains(&it)) => self.text(text),
            _ => self.octets(content),
        }
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

fn is_word(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || octet >= 0x80
}

/// How many bits of an address stay because they name nobody; `None` of an address of the Internet.
fn kept_bits(address: Ipv6Addr) -> Option<u32> {
    let [first, second, ..] = address.segments();
    match (first, second) {
        (0x2001, 0x0db8) => Some(LINK_BITS),
        (0x3fff, 0..=0x0fff) => Some(LINK_BITS),
        _ if first & 0xffc0 == 0xfe80 => Some(LINK_BITS),
        _ if first & 0xfe00 == 0xfc00 => Some(8),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CARD: Mac = [0x00, 0x0c, 0x29, 0x52, 0x01, 0xf3];

    fn mapping() -> Mapping {
        Mapping::new(
            b"a secret",
            Duration::from_secs(1_500_000_000),
            BTreeSet::from([CARD]),
        )
    }

    fn address(text: &str) -> Ipv6Addr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_hardware_address_is_the_same_one_everywhere() {
        let mut mapping = mapping();
        let card = mapping.mac(CARD);
        assert!(card != CARD && card[0] & 3 == 0, "{card:02x?}");
        let duid = mapping.duid(&[&[0, 3, 0, 1][..], &CARD].concat());
        assert_eq!(duid, [&[0, 3, 0, 1][..], &card].concat());
        let [.., c, d, e, f] = card;
        assert_eq!(
            mapping.iaid(u32::from_be_bytes([0x29, 0x52, 0x01, 0xf3])),
            u32::from_be_bytes([c, d, e, f])
        );
        let own = mapping.address(address("fe80::20c:29ff:fe52:1f3")).octets();
        assert_eq!(
            own[8..],
            [
                card[0] ^ 2,
                card[1],
                card[2],
                0xff,
                0xfe,
                card[3],
                card[4],
                card[5]
            ]
        );
        let inside = mapping.octets(&[&[9, 9][..], &CARD].concat());
        assert!(inside.ends_with(&card) && inside[..2] != [9, 9]);
        assert_eq!(mapping.hardware(true, &CARD), card);
    }

    #[test]
    fn groups_and_well_known_addresses_stay() {
        let mut mapping = mapping();
        for known in [
            "ff02::1:2",
            "ff05::1:3",
            "ff02::1",
            "::",
            "::1",
            "2001:db8:1::10",
            "fe80::1",
        ] {
            assert_eq!(mapping.address(address(known)), address(known), "{known}");
        }
        assert_eq!(mapping.mac([0xff; 6]), [0xff; 6]);
        let group = address("ff02::1:2");
        assert_eq!(
            mapping.frame_mac([0x33, 0x33, 0, 1, 0, 2], group),
            [0x33, 0x33, 0, 1, 0, 2]
        );
        assert_eq!(mapping.counts().count(), 0);
        assert_ne!(
            mapping.address(address("ff02::1:ff52:1f3")),
            address("ff02::1:ff52:1f3")
        );
    }

    #[test]
    fn addresses_of_the_internet_become_documentation() {
        let mut mapping = mapping();
        for real in ["2a01:4f8:0:1::53", "64:ff9b::c000:201", "2002:c000:201::1"] {
            let [first, second, ..] = mapping.address(address(real)).segments();
            assert!(first == 0x3fff && second < 0x1000, "{real}");
        }
        let own = mapping.address(address("fd12:3456:789a::1"));
        assert_eq!(own.octets()[0], 0xfd);
        assert_ne!(own, address("fd12:3456:789a::1"));
    }

    #[test]
    fn a_prefix_has_nothing_behind_its_length_unless_it_had() {
        let mut mapping = mapping();
        let long = mapping.prefix(address("2a01:4f8:0:100::"), 56);
        assert_eq!(long.to_bits() & (u128::MAX >> 56), 0);
        let inside = mapping.address(address("2a01:4f8:0:1ab::1"));
        assert_eq!(inside.to_bits() >> 72, long.to_bits() >> 72);
        let odd = mapping.prefix(address("2001:db8::1"), 64);
        assert_ne!(odd.to_bits() & (u128::MAX >> 64), 0);
        assert_eq!(mapping.prefix(address("::"), 56), address("::"));
    }

    #[test]
    fn duids_keep_type_length_and_enterprise() {
        let mut mapping = mapping();
        for duid in [
            [&[0, 1, 0, 1, 9, 9, 9, 9][..], &CARD].concat(),
            vec![0, 2, 0, 0, 0xab, 0x11, 1, 2, 3, 4, 5, 6, 7, 8],
            [&[0, 4][..], &[7; 16]].concat(),
            vec![0, 9, 1],
        ] {
            let mapped = mapping.duid(&duid);
            assert_eq!((mapped.len(), &mapped[..2]), (duid.len(), &duid[..2]));
            assert_ne!(mapped, duid);
        }
        assert_eq!(
            mapping.duid(&[0, 2, 0, 0, 0xab, 0x11, 1, 2, 3])[2..6],
            [0, 0, 0xab, 0x11]
        );
    }

    #[test]
    fn texts_keep_their_form_and_what_names_nobody() {
        let mut mapping = mapping();
        let text = String::from_utf8(mapping.text("Gi0/0/0 of Alice-7")).expect("text");
        let form = |text: &str| -> String {
            let form = |it: char| match it {
                'a'..='z' => 'a',
                'A'..='Z' => 'A',
                '0'..='9' => '0',
                other => other,
            };
            text.chars().map(form).collect()
        };
        assert_eq!(form(&text), "Aa0/0/0 aa Aaaaa-0");
        assert!(
            text.contains(" of ") && !text.contains("Alice") && !text.contains('7'),
            "{text}"
        );
        assert_eq!(mapping.text("MSFT 5.0"), b"MSFT 5.0");
        assert_eq!(mapping.label(b"com", true), b"com");
        assert_ne!(mapping.label(b"com", false), b"com");
        assert_eq!(
            mapping.label(b"HoSt", false).to_ascii_lowercase(),
            mapping.label(b"host", false)
        );
        assert_eq!(mapping.text("héé").len(), "héé".len());
    }

    #[test]
    fn times_begin_in_another_year_and_keep_their_distances() {
        let mapping = mapping();
        let start = Duration::new(1_500_000_000, 7);
        let mapped = mapping.time(start);
        assert!((BEGINNING..=BEGINNING + YEAR).contains(&mapped.as_secs()));
        assert_eq!(mapped.subsec_nanos(), 7);
        assert_eq!(
            mapping.time(start + Duration::from_secs(9)) - mapped,
            Duration::from_secs(9)
        );
    }

    #[test]
    fn another_secret_gives_other_names() {
        let other = Mapping::new(b"another", Duration::ZERO, BTreeSet::new()).mac(CARD);
        assert_ne!(mapping().mac(CARD), other);
    }

    proptest! {
        #[test]
        fn what_addresses_have_in_common_they_have_in_common_afterwards(
            bits in any::<u128>(), at in 20..64_u32, rest in any::<u128>(),
        ) {
            let mut mapping = mapping();
            let first = (bits & (u128::MAX >> 3)) | (1 << 125);
            let flipped = first ^ (1 << (127 - at));
            let second = (flipped & !(u128::MAX >> (at + 1))) | (rest & (u128::MAX >> (at + 1)));
            let special = |bits| kept_bits(Ipv6Addr::from_bits(bits)).is_some();
            prop_assume!(!special(first) && !special(second));
            let map = |mapping: &mut Mapping, bits| mapping.address(Ipv6Addr::from_bits(bits)).to_bits();
            let (first, second) = (map(&mut mapping, first), map(&mut mapping, second));
            prop_assert_eq!((first ^ second).leading_zeros(), at);
        }

        #[test]
        fn no_octet_stays_where_it_was(content in prop::collection::vec(1..=255_u8, 1..60)) {
            let mapped = mapping().octets(&content);
            prop_assert_eq!(mapped.len(), content.len());
            prop_assert!(mapped.iter().zip(&content).all(|(a, b)| a != b && *a != 0));
        }
    }
}
