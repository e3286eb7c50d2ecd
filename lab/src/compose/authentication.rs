//! The Authentication option of a client's message (RFC 3315 §21.4.1).

use super::{Memory, SOLICIT, option};
use crate::authentication::{AUTHENTICATION, Key, MAC_LEN, mac};
use crate::scenario::{Authentication, Client, Fields};

/// An Authentication option that is not signed yet.
pub(super) struct Unsigned {
    /// The option, with zeros where the MAC belongs.
    pub(super) option: Vec<u8>,
    /// How the MAC is made.
    mac: Mac,
}

enum Mac {
    /// Not at all.
    Absent,
    /// With this secret.
    With(Vec<u8>),
    /// It is this.
    Is(Vec<u8>),
}

/// The Authentication options of a message: what the step says, else one if the client has a key.
pub(super) fn authentications(
    message_type: u8,
    fields: &Fields,
    client: &Client,
    memory: &mut Memory,
) -> Vec<Unsigned> {
    match (&fields.auth, &client.key) {
        (Some(written), key) => {
            let written = written.0.iter();
            written
                .map(|it| unsigned(message_type, it, key.as_ref(), memory))
                .collect()
        }
        (None, Some(key)) => {
            let usual = Authentication::default();
            vec![unsigned(message_type, &usual, Some(key), memory)]
        }
        (None, None) => Vec::new(),
    }
}

fn unsigned(
    message_type: u8,
    written: &Authentication,
    key: Option<&Key>,
    memory: &mut Memory,
) -> Unsigned {
    let informs = written.information.unwrap_or(message_type != SOLICIT);
    let replay = match (written.replay, informs) {
        (Some(replay), _) => replay,
        (None, true) => memory.counted.wrapping_add(1),
        (None, false) => 0,
    };
    let mut content = vec![
        written.protocol.unwrap_or(2),
        written.algorithm.unwrap_or(1),
        written.method.unwrap_or(0),
    ];
    content.extend(replay.to_be_bytes());
    if !informs {
        let option = option(AUTHENTICATION, &content);
        let mac = Mac::Absent;
        return Unsigned { option, mac };
    }
    memory.counted = replay;
    let realm = written.realm.as_ref().or(key.map(|it| &it.realm));
    content.extend(realm.into_iter().flat_map(|it| it.bytes()));
    let id = written.id.or(key.map(|it| it.id)).unwrap_or(0);
    content.extend(id.to_be_bytes());
    content.extend([0; MAC_LEN]);
    let secret = written.secret.as_ref().or(key.map(|it| &it.secret));
    Unsigned {
        option: option(AUTHENTICATION, &content),
        mac: match &written.mac {
            Some(mac) => Mac::Is(mac.0.clone()),
            None => Mac::With(secret.map(|it| it.0.clone()).unwrap_or_default()),
        },
    }
}

impl Unsigned {
    /// Puts the MAC in its place in the message that has the option.
    pub(super) fn sign(&self, message: &mut [u8]) {
        let made = match &self.mac {
            Mac::Absent => return,
            Mac::With(secret) => mac(secret, message).to_vec(),
            Mac::Is(octets) => octets.clone(),
        };
        let mut windows = message.windows(self.option.len());
        let Some(at) = windows.position(|it| it == self.option) else {
            return;
        };
        let end = at + self.option.len();
        for (place, octet) in message[end - MAC_LEN..end].iter_mut().zip(made) {
            *place = octet;
        }
    }
}
