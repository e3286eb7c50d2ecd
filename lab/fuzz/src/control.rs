//! Frames of the control channel: nothing that comes in does harm, and what is understood means one thing.

use super::input::Input;
use dhcp6s::control::frame::{HEADER_LEN, Incoming, LEN_MAX, Request, open, seal};
use dhcp6s::control::{Command, Key};
use dhcp6s::lease::Timestamp;

/// Reads octets as they come by, and as the body of a frame that is signed.
pub fn control(octets: &[u8]) {
    let key = Key::new(b"key");
    let mut input = Input::new(octets);
    let now = Timestamp(u64::from(u32::from_be_bytes(input.array())));
    let command = u16::from(input.octet());
    let rest = input.all();
    if let Some(frame) = arrive(rest) {
        assert!(rest.starts_with(&frame));
        assert_eq!(open(&frame, &key, now), open(&frame, &key, now));
    }
    match seal(command, rest, &key, now) {
        Ok(frame) => signed(&frame, &key, now),
        Err(_) => assert!(rest.len() > LEN_MAX - HEADER_LEN - 16),
    }
}

/// A frame that is right so far: it arrives whole, and the command in it, if there is one, survives being sent on.
fn signed(frame: &[u8], key: &Key, now: Timestamp) {
    assert_eq!(arrive(frame).as_deref(), Some(frame));
    let Ok(command) = open(frame, key, now) else {
        return;
    };
    let again = Request::Command(command).seal(key, now);
    let again = again.expect("commands are short");
    assert_eq!(open(&again, key, now), Ok(command));
    assert_eq!(open(&again, &Key::new(b"other"), now).ok(), None);
    // Only flags and what stands behind a DUID are tolerated and not kept.
    let same_len = again.len() == frame.len();
    assert!(same_len || matches!(command, Command::Remove(_)) && again.len() < frame.len());
}

/// What is taken of octets that come one by one; `None` if they say that they are too many.
fn arrive(octets: &[u8]) -> Option<Vec<u8>> {
    let mut incoming = Incoming::default();
    for octet in octets {
        match incoming.missing() {
            [] => break,
            [first, ..] => *first = *octet,
        }
        incoming.advance(1).ok()?;
    }
    Some(incoming.octets().to_vec())
}
