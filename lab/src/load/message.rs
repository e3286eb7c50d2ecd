//! The messages of clients and the answers to them: bytes ⇄ meaning.
//!
//! As little of DHCPv6 as load takes, and fast; nothing deliberately broken comes from here. Knows nothing of
//! `dhcp6s::wire`, so that it can catch it lying.

use std::fmt;
use std::net::Ipv6Addr;
use std::time::Duration;

/// Where clients listen (RFC 9915 §7.2).
pub const CLIENT_PORT: u16 = 546;
/// Where servers listen (RFC 9915 §7.2).
pub const SERVER_PORT: u16 = 547;
/// The group that clients send to (RFC 9915 §7.1).
pub const SERVERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);

const CLIENT_ID: u16 = 1;
const SERVER_ID: u16 = 2;
const IA_NA: u16 = 3;
const IA_ADDRESS: u16 = 5;
const ELAPSED_TIME: u16 = 8;
const STATUS_CODE: u16 = 13;
const RAPID_COMMIT: u16 = 14;
const IA_PD: u16 = 25;
const IA_PREFIX: u16 = 26;

/// IAID, T1 and T2, ahead of the options of an IA.
const IA_FIXED_LEN: usize = 12;

/// What a message is (RFC 9915 §7.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A client looks for a server.
    Solicit = 1,
    /// A server offers leases.
    Advertise = 2,
    /// A client wants what was offered.
    Request = 3,
    /// A client asks whether its addresses fit the link.
    Confirm = 4,
    /// A client wants to keep what it has.
    Renew = 5,
    /// A client wants to keep what it has, by whatever server.
    Rebind = 6,
    /// A server grants leases, or takes note.
    Reply = 7,
    /// A client gives back what it has.
    Release = 8,
    /// A client has found that somebody else uses its addresses.
    Decline = 9,
    /// A client wants configuration alone.
    InformationRequest = 11,
}

impl Kind {
    /// Whether such a message names the server that it is for (RFC 9915 §16).
    #[must_use]
    pub fn names_server(self) -> bool {
        matches!(
            self,
            Self::Request | Self::Renew | Self::Release | Self::Decline
        )
    }
}

/// The kind of an identity association.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IaKind {
    /// IA_NA: addresses.
    Na,
    /// IA_PD: delegated prefixes.
    Pd,
}

/// An identity association, as its client names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ia {
    /// IA_NA or IA_PD: the same IAID in both names two of them.
    pub kind: IaKind,
    /// The client's number for it.
    pub iaid: u32,
}

/// One address, as a block of length 128, or a delegated prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Block {
    /// Its first address.
    pub address: Ipv6Addr,
    /// How many leading bits all of its addresses share.
    pub length: u8,
}

impl Block {
    /// Its first and its last address as numbers.
    #[must_use]
    pub fn bounds(self) -> (u128, u128) {
        let host = u128::MAX.checked_shr(self.length.into()).unwrap_or(0);
        let first = self.address.to_bits() & !host;
        (first, first | host)
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

/// Writes a message of a client.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    /// Begins a message in place of what was in `out`. Of the transaction only the lower 24 bits are sent.
    pub fn new(out: &'a mut Vec<u8>, kind: Kind, transaction: u32, client: &[u8]) -> Self {
        let [_, a, b, c] = transaction.to_be_bytes();
        out.clear();
        out.extend([kind as u8, a, b, c]);
        let mut writer = Self { out };
        writer.option(CLIENT_ID, &[client]);
        writer
    }

    /// Says for how long the client has been trying (RFC 9915 §21.9).
    pub fn elapsed(&mut self, time: Duration) {
        let hundredths = u16::try_from(time.as_millis() / 10).unwrap_or(u16::MAX);
        self.option(ELAPSED_TIME, &[&hundredths.to_be_bytes()]);
    }

    /// Names the server that the message is for.
    pub fn server(&mut self, server: &[u8]) {
        self.option(SERVER_ID, &[server]);
    }

    /// Asks for a Reply where there would be an Advertise.
    pub fn rapid_commit(&mut self) {
        self.option(RAPID_COMMIT, &[]);
    }

    /// Adds an IA that lists these blocks, with nothing said about times.
    pub fn ia(&mut self, ia: Ia, blocks: impl Iterator<Item = Block>) {
        let (code, inner) = match ia.kind {
            IaKind::Na => (IA_NA, 4 + 24),
            IaKind::Pd => (IA_PD, 4 + 25),
        };
        let start = self.out.len();
        self.option(code, &[&ia.iaid.to_be_bytes(), &[0; 8]]);
        let mut length = IA_FIXED_LEN;
        for block in blocks {
            let address = block.address.octets();
            match ia.kind {
                IaKind::Na => self.option(IA_ADDRESS, &[&address, &[0; 8]]),
                IaKind::Pd => self.option(IA_PREFIX, &[&[0; 8], &[block.length], &address]),
            }
            length += inner;
        }
        let length = u16::try_from(length).expect("an IA of the lab lists a few blocks");
        if let Some(place) = self.out.get_mut(start + 2..start + 4) {
            place.copy_from_slice(&length.to_be_bytes());
        }
    }

    fn option(&mut self, code: u16, parts: &[&[u8]]) {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let length = u16::try_from(length).expect("options of the lab are short");
        self.out.extend(code.to_be_bytes());
        self.out.extend(length.to_be_bytes());
        parts.iter().for_each(|part| self.out.extend(*part));
    }
}

/// What a server sent to a client.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// Whether it grants what it holds; otherwise it offers it.
    pub is_reply: bool,
    /// The transaction that it belongs to.
    pub transaction: u32,
    /// The DUID of the client.
    pub client: &'a [u8],
    /// The DUID of the server.
    pub server: &'a [u8],
    /// Whether it grants to whom would have been content with an offer.
    pub rapid_commit: bool,
    options: &'a [u8],
}

impl<'a> Answer<'a> {
    /// Reads a message; `None` if it is no answer, or does not say whose and whom for.
    #[must_use]
    pub fn read(message: &'a [u8]) -> Option<Self> {
        let (&[kind, a, b, c], options) = message.split_first_chunk()?;
        let is_reply = kind == Kind::Reply as u8;
        if !is_reply && kind != Kind::Advertise as u8 {
            return None;
        }
        let find =
            |wanted| all(options).find_map(|(code, value)| (code == wanted).then_some(value));
        Some(Self {
            is_reply,
            transaction: u32::from_be_bytes([0, a, b, c]),
            client: find(CLIENT_ID)?,
            server: find(SERVER_ID)?,
            rapid_commit: find(RAPID_COMMIT).is_some(),
            options,
        })
    }

    /// The status of the message as a whole, unless that is Success (RFC 9915 §21.13).
    #[must_use]
    pub fn refusal(&self) -> Option<u16> {
        let (_, value) = all(self.options).find(|(code, _)| *code == STATUS_CODE)?;
        let status = u16::from_be_bytes(*value.first_chunk()?);
        (status != 0).then_some(status)
    }

    /// Every lease that it mentions: in which IA, what, and for how many seconds it is valid from now on.
    pub fn leases(&self) -> impl Iterator<Item = (Ia, Block, u32)> + use<'a> {
        all(self.options)
            .filter_map(|(code, value)| {
                let kind = match code {
                    IA_NA => IaKind::Na,
                    IA_PD => IaKind::Pd,
                    _ => return None,
                };
                let (iaid, _) = value.split_first_chunk()?;
                let iaid = u32::from_be_bytes(*iaid);
                Some((Ia { kind, iaid }, value.get(IA_FIXED_LEN..)?))
            })
            .flat_map(|(ia, options)| {
                all(options).filter_map(move |(code, value)| {
                    let (block, valid_secs) = match (ia.kind, code) {
                        (IaKind::Na, IA_ADDRESS) => address(value),
                        (IaKind::Pd, IA_PREFIX) => prefix(value),
                        _ => None,
                    }?;
                    Some((ia, block, valid_secs))
                })
            })
    }
}

/// Code and value of every option, up to where they stop making sense.
fn all(mut options: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (&[c0, c1, l0, l1], rest) = options.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        let (value, rest) = rest.split_at_checked(length)?;
        options = rest;
        Some((u16::from_be_bytes([c0, c1]), value))
    })
}

/// Address, preferred and valid lifetime (RFC 9915 §21.6).
fn address(value: &[u8]) -> Option<(Block, u32)> {
    let (address, rest) = value.split_first_chunk::<16>()?;
    let (_, valid) = rest.split_first_chunk::<4>()?;
    let block = Block {
        address: Ipv6Addr::from(*address),
        length: 128,
    };
    Some((block, u32::from_be_bytes(*valid.first_chunk()?)))
}

/// Preferred and valid lifetime, length and prefix (RFC 9915 §21.22).
fn prefix(value: &[u8]) -> Option<(Block, u32)> {
    let (_, rest) = value.split_first_chunk::<4>()?;
    let (valid, rest) = rest.split_first_chunk::<4>()?;
    let (&length, rest) = rest.split_first()?;
    let address = Ipv6Addr::from(*rest.first_chunk::<16>()?);
    let block = Block { address, length };
    (length <= 128).then_some((block, u32::from_be_bytes(*valid)))
}
