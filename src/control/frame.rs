//! Frames ⇄ commands, octet for octet as the original has them.
//!
//! ```text
//! 0   2   4   6   8       12       28
//! ┌───┬───┬───┬───┬───────┬────────┬──────┐
//! │cmd│len│ 0 │ 0 │ time  │ digest │ body │   len: octets from 12 on; digest: HMAC-MD5 of
//! └───┴───┴───┴───┴───────┴────────┴──────┘   everything, with zeros in its own place
//! ```
//!
//! The checks and their order are the original's, but for one: the IA type that a removal names is the one that is
//! removed. Nothing tells a frame from its repetition, so within 300 seconds a repeated one is obeyed again; the
//! time has no finer grain, and an operator may well say the same twice in one second.

use super::{Command, Key};
use crate::lease::{IaKey, IaKind, Timestamp};
use crate::wire::Duid;
use hmac::Mac as _;

/// Octets ahead of the digest.
pub const HEADER_LEN: usize = 12;
/// The most octets of a frame.
pub const LEN_MAX: usize = 1024;
const DIGEST_LEN: usize = 16;
/// How far the sender's clock may be from ours, in seconds, the last one included.
const SKEW_SECS: u32 = 300;
const VERSION: u16 = 0;

const RELOAD: u16 = 1;
const REMOVE: u16 = 2;
const START: u16 = 3;
const STOP: u16 = 4;

/// What a removal or a start is about.
const BINDING: u32 = 1;
const INTERFACE: u32 = 4;
/// The kind of binding.
const IA: u32 = 2;
const IA_PD: u32 = 3;
const IA_NA: u32 = 5;

/// Why a frame is not obeyed. The texts are those that the original logs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// The connection ended in the middle of it.
    #[error("control channel was reset by peer")]
    Incomplete,
    /// It took longer to arrive than anybody waits.
    #[error("no complete command within {0} seconds")]
    Late(u64),
    /// It says that it is longer than any command.
    #[error("too large command ({0} bytes)")]
    TooLarge(usize),
    /// It is from another time.
    #[error("timestamp is out of range")]
    Timestamp,
    /// Its sender has another key, or it was changed on its way.
    #[error("authentication failure")]
    Authentication,
    /// It is of another protocol.
    #[error("unsupported version: {0}")]
    Version(u16),
    /// It asks for something that a server does not do.
    #[error("unknown control command: {command} (len={len})")]
    UnknownCommand {
        /// What it asks for.
        command: u16,
        /// Octets of its body.
        len: usize,
    },
    /// It says more than there is to say.
    #[error("invalid command length for {command}: {len}")]
    Length {
        /// What it asks for.
        command: &'static str,
        /// Octets of its body.
        len: usize,
    },
    /// It does not say what to remove. The original logs nothing here.
    #[error("invalid command length for remove: {0}")]
    RemoveTooShort(usize),
    /// It wants something other than a binding removed.
    #[error("unknown remove target: {0}")]
    Target(u32),
    /// It is about something other than an IA.
    #[error("unknown binding type: {0}")]
    Binding(u32),
    /// The IA is neither an IA_NA nor an IA_PD.
    #[error("unknown IA type: {0}")]
    IaType(u32),
    /// The DUID is longer than what is there.
    #[error("DUID length mismatch")]
    DuidLength,
    /// No client can have that DUID.
    #[error("no such binding")]
    NoSuchBinding,
}

/// A frame as it arrives, in pieces of any size. What comes behind it is never looked at.
#[derive(Clone, Debug)]
pub struct Incoming {
    octets: [u8; LEN_MAX],
    filled: usize,
    /// Octets of the whole as far as is known.
    len: usize,
}

impl Default for Incoming {
    fn default() -> Self {
        Self {
            octets: [0; LEN_MAX],
            filled: 0,
            len: HEADER_LEN,
        }
    }
}

impl Incoming {
    /// The place for the octets that are missing; none are when the frame is complete.
    pub fn missing(&mut self) -> &mut [u8] {
        self.octets
            .get_mut(self.filled..self.len)
            .unwrap_or_default()
    }

    /// Takes note that so many octets have been put into that place.
    ///
    /// # Errors
    /// The frame is longer than any command.
    pub fn advance(&mut self, count: usize) -> Result<(), Refusal> {
        self.filled = self.len.min(self.filled.saturating_add(count));
        if self.filled == HEADER_LEN && self.len == HEADER_LEN {
            let [_, _, high, low, ..] = self.octets;
            let len = HEADER_LEN + usize::from(u16::from_be_bytes([high, low]));
            if len > LEN_MAX {
                return Err(Refusal::TooLarge(len));
            }
            self.len = len;
        }
        Ok(())
    }

    /// The octets that are there.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        self.octets.get(..self.filled).unwrap_or(&self.octets)
    }
}

/// The command in a complete frame. The digest is compared in constant time.
///
/// # Errors
/// The first check that it fails.
pub fn open(frame: &[u8], key: &Key, now: Timestamp) -> Result<Command, Refusal> {
    let (header, rest) = frame
        .split_first_chunk::<HEADER_LEN>()
        .ok_or(Refusal::Incomplete)?;
    let [c0, c1, _, _, v0, v1, _, _, t0, t1, t2, t3] = *header;
    let sent = u32::from_be_bytes([t0, t1, t2, t3]);
    if sent.wrapping_sub(low(now)).min(low(now).wrapping_sub(sent)) > SKEW_SECS {
        return Err(Refusal::Timestamp);
    }
    let (digest, body) = rest
        .split_at_checked(DIGEST_LEN)
        .ok_or(Refusal::Authentication)?;
    key.digest(&[header, &[0; DIGEST_LEN], body])
        .verify_slice(digest)
        .map_err(|_| Refusal::Authentication)?;
    match u16::from_be_bytes([v0, v1]) {
        VERSION => {}
        other => return Err(Refusal::Version(other)),
    }
    let bare = |command, name| match body.len() {
        0 => Ok(command),
        len => Err(Refusal::Length { command: name, len }),
    };
    match u16::from_be_bytes([c0, c1]) {
        RELOAD => bare(Command::Reload, "reload"),
        STOP => bare(Command::Stop, "stop"),
        REMOVE => removal(body).map(Command::Remove),
        command => Err(Refusal::UnknownCommand {
            command,
            len: body.len(),
        }),
    }
}

/// The low 32 bits of a time, which are what a frame has room for.
fn low(time: Timestamp) -> u32 {
    let [.., a, b, c, d] = time.0.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

fn removal(body: &[u8]) -> Result<IaKey, Refusal> {
    let mut rest = body;
    let mut number = || match rest.split_first_chunk() {
        Some((octets, behind)) => {
            rest = behind;
            Ok(u32::from_be_bytes(*octets))
        }
        None => Err(Refusal::RemoveTooShort(body.len())),
    };
    match number()? {
        BINDING => {}
        other => return Err(Refusal::Target(other)),
    }
    match number()? {
        IA => {}
        other => return Err(Refusal::Binding(other)),
    }
    let _flags = number()?;
    let (ia_type, iaid, duid_len) = (number()?, number()?, number()?);
    let kind = match ia_type {
        IA_NA => IaKind::Na,
        IA_PD => IaKind::Pd,
        other => return Err(Refusal::IaType(other)),
    };
    // What stands behind the DUID is tolerated, as in the original.
    let duid = usize::try_from(duid_len)
        .ok()
        .and_then(|len| rest.get(..len))
        .ok_or(Refusal::DuidLength)?;
    let duid = Duid::new(duid).ok_or(Refusal::NoSuchBinding)?;
    Ok(IaKey { duid, kind, iaid })
}

/// What can be asked of a server or of WIDE's client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Request {
    /// A command that a server understands; a client understands all but removals.
    Command(Command),
    /// Begin anew on an interface: for a client.
    StartInterface(String),
    /// Give back what was obtained on an interface: for a client.
    StopInterface(String),
}

impl Request {
    /// The frame that asks for it.
    ///
    /// # Errors
    /// It would be too large, which only the name of an interface can bring about.
    pub fn seal(&self, key: &Key, now: Timestamp) -> Result<Vec<u8>, Refusal> {
        match self {
            Self::Command(Command::Reload) => seal(RELOAD, &[], key, now),
            Self::Command(Command::Stop) => seal(STOP, &[], key, now),
            Self::Command(Command::Remove(binding)) => seal(REMOVE, &about(binding), key, now),
            Self::StartInterface(name) => seal(START, &interface(name), key, now),
            Self::StopInterface(name) => seal(STOP, &interface(name), key, now),
        }
    }
}

/// A frame around any body.
///
/// # Errors
/// It would be too large.
pub fn seal(command: u16, body: &[u8], key: &Key, now: Timestamp) -> Result<Vec<u8>, Refusal> {
    let len = DIGEST_LEN + body.len();
    let short = u16::try_from(len).ok();
    let short = short.filter(|_| HEADER_LEN + len <= LEN_MAX);
    let short = short.ok_or(Refusal::TooLarge(HEADER_LEN + len))?;
    let mut frame = Vec::with_capacity(HEADER_LEN + len);
    for field in [command, short, VERSION, 0] {
        frame.extend(field.to_be_bytes());
    }
    frame.extend(low(now).to_be_bytes());
    let digest = key.digest(&[&frame, &[0; DIGEST_LEN], body]).finalize();
    frame.extend_from_slice(&digest.into_bytes());
    frame.extend_from_slice(body);
    Ok(frame)
}

fn about(binding: &IaKey) -> Vec<u8> {
    let kind = match binding.kind {
        IaKind::Na => IA_NA,
        IaKind::Pd => IA_PD,
    };
    let mut body = numbers(&[BINDING, IA, 0, kind, binding.iaid]);
    counted(&mut body, binding.duid.as_bytes());
    body
}

fn interface(name: &str) -> Vec<u8> {
    let mut body = numbers(&[INTERFACE]);
    counted(&mut body, &[name.as_bytes(), &[0]].concat());
    body
}

fn numbers(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|it| it.to_be_bytes()).collect()
}

fn counted(body: &mut Vec<u8>, octets: &[u8]) {
    // What is longer makes a frame too large, whatever its count says.
    let count = u32::try_from(octets.len()).unwrap_or(u32::MAX);
    body.extend(count.to_be_bytes());
    body.extend_from_slice(octets);
}

#[cfg(test)]
mod tests;
