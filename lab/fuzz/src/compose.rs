//! Datagrams: mostly what clients send, some of it bent.

use super::input::Input;
use dhcp6s::lease::Prefix;
use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::Md5;
use std::net::Ipv6Addr;

/// The server's DUID.
pub(super) const SERVER: [u8; 10] = [0, 3, 0, 1, 2, 0, 0, 0, 0, 1];
/// The clients that configurations and messages are about.
const CLIENTS: usize = 6;
const RELAY_FORWARD: u8 = 12;

/// The DUID of a client.
fn client(number: usize) -> Vec<u8> {
    let number = u8::try_from(number % CLIENTS).unwrap_or(0);
    vec![0, 3, 0, 1, 2, 0, 0, 0, 1, number]
}

/// A message under construction.
pub(super) struct Message {
    octets: Vec<u8>,
}

impl Message {
    pub(super) fn new(message_type: u8, [a, b, c]: [u8; 3]) -> Self {
        let octets = vec![message_type, a, b, c];
        Self { octets }
    }

    pub(super) fn option(&mut self, code: u16, value: &[u8]) {
        option(&mut self.octets, code, value);
    }

    pub(super) fn ia(&mut self, code: u16, iaid: u32, leases: &[u8]) {
        let value = [&iaid.to_be_bytes()[..], &[0; 8], leases].concat();
        self.option(code, &value);
    }

    pub(super) fn octets(&self) -> &[u8] {
        &self.octets
    }
}

fn option(out: &mut Vec<u8>, code: u16, value: &[u8]) {
    let value = value.get(..usize::from(u16::MAX)).unwrap_or(value);
    out.extend(code.to_be_bytes());
    out.extend(u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(value);
}

/// A datagram of a client that may know of these leases.
pub(super) fn datagram(input: &mut Input<'_>, known: &[Prefix]) -> Vec<u8> {
    let message_type = [1, 3, 5, 6, 3, 5, 1, 4, 8, 9, 11, 8, 3, 5, 2, 0][input.below(16)];
    let mut message = Message::new(message_type, [0, 0, input.octet()]);
    let shape = input.octet();
    let names_server = match message_type {
        1 | 4 | 6 | 11 => shape == 255,
        _ => shape != 255,
    };
    if names_server {
        message.option(2, &SERVER);
    }
    if shape != 254 {
        message.option(1, &client(input.below(CLIENTS)));
    }
    for _ in 0..input.below(6) {
        part(input, &mut message, known);
    }
    if shape & 0x3c == 0x3c {
        authenticate(input, &mut message);
    }
    let mut octets = message.octets;
    if shape & 7 == 7 {
        for _ in 0..levels(input) {
            octets = relayed(input, &octets);
        }
    }
    if shape == 253 {
        octets.truncate(usize::from(input.octet()));
    }
    octets
}

/// Ends a message with delayed authentication: a wish, or a proof that may be good.
fn authenticate(input: &mut Input<'_>, message: &mut Message) {
    let kind = input.octet();
    let mut value = vec![2, 1, 0, 0, 0, 0, 0, 0, 0, 0, input.octet()];
    if kind & 3 == 0 {
        message.option(11, &value);
        return;
    }
    value.extend([b'r', 0, 0, 0, 1 ^ kind >> 7]);
    value.extend([0; 16]);
    message.option(11, &value);
    let mut mac = Hmac::<Md5>::new_from_slice(&[]).expect("a key of any length");
    mac.update(&message.octets);
    let place = message.octets.len() - 16;
    message.octets[place..].copy_from_slice(&mac.finalize().into_bytes());
    message.octets[place] ^= kind >> 6 & 1;
}

fn levels(input: &mut Input<'_>) -> usize {
    match input.octet() {
        255 => 33,
        254 => 32,
        number => usize::from(number % 4),
    }
}

/// One more option of a message.
fn part(input: &mut Input<'_>, message: &mut Message, known: &[Prefix]) {
    match input.below(10) {
        0..=3 => ia(input, message, 3, known),
        4 | 5 => ia(input, message, 25, known),
        6 => message.option(6, input.counted()),
        7 => message.option(14, &[]),
        8 => message.option(8, &[0, 0]),
        _ => {
            let code = u16::from_be_bytes(input.array());
            message.option(code % 150, input.counted());
        }
    }
}

fn ia(input: &mut Input<'_>, message: &mut Message, code: u16, known: &[Prefix]) {
    let iaid = input.below(3).try_into().unwrap_or(0);
    let mut leases = Vec::new();
    for _ in 0..input.below(4) {
        let (address, length) = lease(input, known);
        let address = address.to_be_bytes();
        match code {
            3 => option(
                &mut leases,
                5,
                &[&address[..], &[0, 0, 0, 9, 0, 0, 0, 9]].concat(),
            ),
            _ => option(
                &mut leases,
                26,
                &[&[0, 0, 0, 9, 0, 0, 0, 9, length], &address[..]].concat(),
            ),
        }
        if input.rarely() {
            leases.truncate(leases.len() - input.below(9));
        }
    }
    message.ia(code, iaid, &leases);
}

/// An address or prefix that somebody has, or could have, or that nobody can.
fn lease(input: &mut Input<'_>, known: &[Prefix]) -> (u128, u8) {
    const LINK: u128 = 0x2001_0db8_0001 << 80;
    let length = [128, 64, 60, 56, 48, 0, 62, 129][input.below(8)];
    let number = input.octet();
    let some = u128::from(number);
    match input.below(6) {
        0 | 1 => match known.get(usize::from(number) % known.len().max(1)) {
            Some(known) => (known.address().to_bits(), known.length()),
            None => (0, length),
        },
        2 => (LINK | 0x10 | (some & 15), length),
        3 => ((0x2001_0db8_0d00 << 80) | (some << 68), length),
        4 => ((0x2001_0db8_0002 << 80) | some, length),
        _ => (u128::from_be_bytes(input.array()), length),
    }
}

/// Puts a relay level around a message.
fn relayed(input: &mut Input<'_>, message: &[u8]) -> Vec<u8> {
    let link = [
        "2001:db8:1::2",
        "::",
        "2001:db8:2::2",
        "fe80::2",
        "2001:db8:1::3",
        "::",
    ][input.below(6)];
    let link: Ipv6Addr = link.parse().unwrap_or(Ipv6Addr::UNSPECIFIED);
    let mut out = vec![RELAY_FORWARD, input.octet()];
    out.extend(link.octets());
    out.extend([0xfe; 16]);
    let kind = input.octet();
    if kind & 1 != 0 {
        option(&mut out, 18, input.counted());
    }
    if kind & 2 != 0 {
        option(&mut out, 135, &[0, 0]);
    }
    if kind & 4 != 0 {
        option(&mut out, 43, input.counted());
    }
    if kind & 8 != 0 {
        option(&mut out, 37, input.counted());
    }
    option(&mut out, 9, message);
    if kind & 16 != 0 {
        option(&mut out, u16::from(input.octet()), input.counted());
    }
    out
}
