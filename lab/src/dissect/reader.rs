//! Takes fields from the front of octets, as far as there are enough.

use std::net::Ipv6Addr;

/// What is left to read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// A number of three octets.
    pub(super) fn u24(&mut self) -> Option<u32> {
        self.array()
            .map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub(super) fn address(&mut self) -> Option<Ipv6Addr> {
        self.array::<16>().map(Ipv6Addr::from)
    }

    /// Octets behind a length of two octets.
    pub(super) fn item(&mut self) -> Option<&'a [u8]> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }

    /// A domain name without compression (RFC 9915 §10); without its root label if it is partial.
    pub(super) fn name(&mut self) -> Option<Name> {
        const LABEL_MAX: u8 = 63;
        const NAME_MAX: usize = 255;
        let mut name = Name {
            text: String::new(),
            complete: false,
        };
        let start = self.0.len();
        while !self.is_empty() {
            let length = self.u8().filter(|it| *it <= LABEL_MAX)?;
            if start - self.0.len() > NAME_MAX {
                return None;
            }
            if length == 0 {
                name.complete = true;
                break;
            }
            for octet in self.take(usize::from(length))? {
                match octet {
                    b'.' | b'\\' => name.text.extend(['\\', char::from(*octet)]),
                    0x21..=0x7e => name.text.push(char::from(*octet)),
                    _ => name.text.push_str(&format!("\\{octet:03}")),
                }
            }
            name.text.push('.');
        }
        Some(name)
    }
}

/// A domain name as text: every label with a dot behind it, unusual octets as in RFC 1035 §5.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The text; empty for the root.
    pub text: String,
    /// Whether the root label is there.
    pub complete: bool,
}
