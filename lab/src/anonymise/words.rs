//! What names and texts become: others of the same form.

use super::mapping::{Kind, Mapping};

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
/// What a text begins with that tells a product and nobody's name: it stays, and so do the numbers of a version or an
/// architecture behind it.
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

/// Whether it is what stands behind the name of a product: short numbers with dots and colons, and the words that go with
/// them in the class of a boot program.
fn is_version(rest: &str) -> bool {
    const WORDS: [&str; 2] = ["UNDI", "Arch"];
    const DIGITS_MAX: usize = 6;
    let short = |it: &str| it.len() <= DIGITS_MAX && it.bytes().all(|it| it.is_ascii_digit());
    rest.split(['.', ':', '/'])
        .all(|it| short(it) || WORDS.contains(&it))
}

impl Mapping {
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
        let product = KEPT_TEXTS.iter().find_map(|it| text.strip_prefix(it));
        let (product, text) = match product {
            Some(rest) if is_version(rest) => return text.as_bytes().to_vec(),
            Some(rest) => text.split_at(text.len() - rest.len()),
            None => ("", text),
        };
        let mut mapped = product.as_bytes().to_vec();
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
        if mapped.get(product.len()..) != Some(text.as_bytes()) {
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
}

fn is_word(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || octet >= 0x80
}
