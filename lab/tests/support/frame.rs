//! Frames of the control channel, made from what is known of the original, and not by the server's own code.

use dhcp6lab::authentication::mac;
use std::time::{SystemTime, UNIX_EPOCH};

/// The content of a key file, and the secret that it stands for.
pub(crate) const KEY_FILE: &str = "MTIzNDU2Nzg5MGFiY2RlZg==\n";
const SECRET: &[u8] = b"1234567890abcdef";

pub(crate) const RELOAD: u16 = 1;
pub(crate) const REMOVE: u16 = 2;
pub(crate) const START: u16 = 3;
pub(crate) const STOP: u16 = 4;

/// A frame, right unless something in it is changed.
pub(crate) struct Frame {
    pub(crate) command: u16,
    pub(crate) version: u16,
    /// What the header says of the length, if not the truth.
    pub(crate) len: Option<u16>,
    /// Seconds since 1970.
    pub(crate) time: u32,
    pub(crate) secret: &'static [u8],
    pub(crate) body: Vec<u8>,
}

impl Frame {
    pub(crate) fn new(command: u16) -> Self {
        Self {
            command,
            version: 0,
            len: None,
            time: now(),
            secret: SECRET,
            body: Vec::new(),
        }
    }

    pub(crate) fn octets(&self) -> Vec<u8> {
        let len = u16::try_from(16 + self.body.len()).expect("a short body");
        let fields = [self.command, self.len.unwrap_or(len), self.version, 0];
        let mut octets: Vec<u8> = fields.iter().flat_map(|it| it.to_be_bytes()).collect();
        octets.extend(self.time.to_be_bytes());
        let whole = [&octets[..], &[0; 16], &self.body].concat();
        octets.extend_from_slice(&mac(self.secret, &whole));
        octets.extend_from_slice(&self.body);
        octets
    }
}

/// Seconds since 1970, as a frame has them.
pub(crate) fn now() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let secs = since.expect("it is later than 1970").as_secs();
    u32::try_from(secs).expect("it is earlier than 2106")
}
