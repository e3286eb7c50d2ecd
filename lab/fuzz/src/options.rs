//! Messages as the answers are judged by: strict, and apart from `dhcp6s::wire`.

use std::net::Ipv6Addr;

/// An option: its code and its value.
pub(super) type Options<'a> = Vec<(u16, &'a [u8])>;

/// The options that these octets consist of; `None` if they do not tile.
pub(super) fn options(mut octets: &[u8]) -> Option<Options<'_>> {
    let mut options = Vec::new();
    while !octets.is_empty() {
        let (&[a, b, c, d], rest) = octets.split_first_chunk()?;
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([c, d])))?;
        options.push((u16::from_be_bytes([a, b]), value));
        octets = rest;
    }
    Some(options)
}

/// The value of the first option of that code.
pub(super) fn first<'a>(options: &Options<'a>, code: u16) -> Option<&'a [u8]> {
    options
        .iter()
        .find(|option| option.0 == code)
        .map(|option| option.1)
}

/// The codes that an Option Request or Echo Request option of even length lists.
pub(super) fn codes(value: &[u8]) -> Option<Vec<u16>> {
    let (pairs, rest) = value.as_chunks::<2>();
    rest.is_empty()
        .then(|| pairs.iter().map(|&pair| u16::from_be_bytes(pair)).collect())
}

/// A relay level.
pub(super) struct Level<'a> {
    /// Everything ahead of the options but the type.
    pub(super) header: &'a [u8],
    pub(super) options: Options<'a>,
}

impl Level<'_> {
    pub(super) fn link_address(&self) -> Ipv6Addr {
        let octets = self.header.get(1..17).and_then(|it| it.first_chunk());
        Ipv6Addr::from_octets(*octets.expect("33 octets"))
    }
}

/// A message and the relay levels around it, the one closest to the server first.
pub(super) struct Opened<'a> {
    pub(super) levels: Vec<Level<'a>>,
    pub(super) message_type: u8,
    pub(super) transaction_id: &'a [u8],
    pub(super) options: Options<'a>,
}

/// Opens relay levels whose messages have that type, and reads what is in the last; `None` if anything does
/// not fit.
pub(super) fn open(mut octets: &[u8], relay_type: u8) -> Option<Opened<'_>> {
    let mut levels = Vec::new();
    while octets.first() == Some(&relay_type) {
        let (header, rest) = octets.get(1..)?.split_at_checked(33)?;
        let options = options(rest)?;
        octets = first(&options, 9)?;
        levels.push(Level { header, options });
    }
    let (&[message_type], rest) = octets.split_first_chunk()?;
    let (transaction_id, rest) = rest.split_at_checked(3)?;
    Some(Opened {
        levels,
        message_type,
        transaction_id,
        options: options(rest)?,
    })
}

/// An IA, be it asked for or answered with.
pub(super) struct Ia<'a> {
    /// Of the option: IA_NA or IA_PD.
    pub(super) code: u16,
    pub(super) iaid: u32,
    pub(super) times: (u32, u32),
    pub(super) options: Options<'a>,
}

/// An address (length 128) or prefix in an IA.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Listed {
    pub(super) address: u128,
    pub(super) length: u8,
    pub(super) preferred: u32,
    pub(super) valid: u32,
}

impl Listed {
    pub(super) fn bounds(self) -> (u128, u128) {
        let host = u128::MAX.checked_shr(self.length.into()).unwrap_or(0);
        (self.address & !host, self.address | host)
    }
}

impl<'a> Ia<'a> {
    /// The IA_NAs and IA_PDs among options; `None` if one cannot be read.
    pub(super) fn all(among: &Options<'a>) -> Option<Vec<Self>> {
        let ias = among.iter().filter(|option| matches!(option.0, 3 | 25));
        ias.map(|&(code, value)| {
            let (numbers, rest) = value.split_at_checked(12)?;
            let number = |at| numbers.get(at..).and_then(|it| it.first_chunk());
            let number = |at| number(at).copied().map(u32::from_be_bytes);
            Some(Self {
                code,
                iaid: number(0)?,
                times: (number(4)?, number(8)?),
                options: options(rest)?,
            })
        })
        .collect()
    }

    /// What it lists, as far as it can be read.
    pub(super) fn listed(&self) -> Vec<Listed> {
        let readable = |&(code, value): &(u16, &[u8])| {
            let (address, preferred, valid, length, rest) = match (self.code, code) {
                (3, 5) => (
                    value.get(..16)?,
                    value.get(16..20)?,
                    value.get(20..24)?,
                    128,
                    24,
                ),
                (25, 26) => {
                    let length = *value.get(8).filter(|&&length| length <= 128)?;
                    (
                        value.get(9..25)?,
                        value.get(..4)?,
                        value.get(4..8)?,
                        length,
                        25,
                    )
                }
                _ => return None,
            };
            options(value.get(rest..)?)?;
            Some(Listed {
                address: u128::from_be_bytes(*address.first_chunk()?),
                length,
                preferred: u32::from_be_bytes(*preferred.first_chunk()?),
                valid: u32::from_be_bytes(*valid.first_chunk()?),
            })
        };
        self.options.iter().filter_map(readable).collect()
    }

    /// The code of its status.
    pub(super) fn status(&self) -> Option<u16> {
        let value = first(&self.options, 13)?;
        value.first_chunk().copied().map(u16::from_be_bytes)
    }
}
