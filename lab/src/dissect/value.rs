//! The content of an option.

use std::net::Ipv6Addr;

use super::reader::{Name, Reader};
use super::registry::{Form, form};
use super::{DEPTH_MAX, Message, Options};

/// What an option says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "fields are called what the RFCs call them")]
pub enum Value {
    /// Nothing, as it should.
    Empty,
    /// A client, server or relay agent.
    Duid(Vec<u8>),
    /// An identity association with T1 and T2.
    Ia {
        iaid: u32,
        t1: u32,
        t2: u32,
        options: Options,
    },
    /// An identity association for temporary addresses.
    IaTa { iaid: u32, options: Options },
    /// An address in an IA.
    Address {
        address: Ipv6Addr,
        preferred: u32,
        valid: u32,
        options: Options,
    },
    /// A prefix in an IA.
    Prefix {
        preferred: u32,
        valid: u32,
        length: u8,
        prefix: Ipv6Addr,
        options: Options,
    },
    /// The codes of options.
    Codes(Vec<u16>),
    /// Numbers that are no codes of options.
    Numbers(Vec<u16>),
    /// A number.
    Number(u32),
    /// A message in a message.
    Message(Box<Message>),
    /// Authentication.
    Authentication {
        protocol: u8,
        algorithm: u8,
        method: u8,
        replay: u64,
        information: Vec<u8>,
    },
    /// How something went.
    Status { code: u16, text: String },
    /// Items that mean nothing here, of an enterprise if there is a number.
    Items {
        enterprise: Option<u32>,
        items: Vec<Vec<u8>>,
    },
    /// Options of an enterprise.
    EnterpriseOptions {
        enterprise: u32,
        options: Vec<(u16, Vec<u8>)>,
    },
    /// Octets of an enterprise.
    EnterpriseData { enterprise: u32, data: Vec<u8> },
    /// Addresses.
    Addresses(Vec<Ipv6Addr>),
    /// Complete domain names.
    Names(Vec<Name>),
    /// The name that a client would like.
    Fqdn { flags: u8, name: Name },
    /// Where a time server is.
    Ntp(Vec<NtpPart>),
    /// Text.
    Text(String),
    /// Options.
    Options(Options),
    /// The address of a network card.
    LinkLayer { hardware: u16, address: Vec<u8> },
    /// Octets that mean nothing here.
    Opaque(Vec<u8>),
    /// Octets that do not have the form that they should.
    Malformed(Vec<u8>),
}

/// One suboption of an NTP server option (RFC 5908 §4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NtpPart {
    /// The address of a server.
    Server(Ipv6Addr),
    /// A multicast group that time is sent to.
    Multicast(Ipv6Addr),
    /// The name of a server.
    Name(Name),
    /// A suboption with another code.
    Unknown(u16, Vec<u8>),
}

/// An identity association, whatever its kind.
#[derive(Clone, Copy, Debug)]
pub struct Association<'a> {
    /// The IAID.
    pub iaid: u32,
    /// T1 and T2, where its kind has them.
    pub times: Option<(u32, u32)>,
    /// The options in it.
    pub options: &'a Options,
}

/// An address or a prefix in an IA.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'a> {
    /// The address, or where the prefix begins.
    pub address: Ipv6Addr,
    /// The length, of a prefix.
    pub length: Option<u8>,
    /// The preferred lifetime, in seconds.
    pub preferred: u32,
    /// The valid lifetime, in seconds.
    pub valid: u32,
    /// The options in it.
    pub options: &'a Options,
}

impl Value {
    /// The identity association that it is.
    #[must_use]
    pub fn association(&self) -> Option<Association<'_>> {
        if let Self::Ia {
            iaid,
            t1,
            t2,
            options,
        } = self
        {
            Some(Association {
                iaid: *iaid,
                times: Some((*t1, *t2)),
                options,
            })
        } else if let Self::IaTa { iaid, options } = self {
            Some(Association {
                iaid: *iaid,
                times: None,
                options,
            })
        } else {
            None
        }
    }

    /// The lease that it lists.
    #[must_use]
    pub fn listed(&self) -> Option<Listed<'_>> {
        if let Self::Address {
            address,
            preferred,
            valid,
            options,
        } = self
        {
            Some(Listed {
                address: *address,
                length: None,
                preferred: *preferred,
                valid: *valid,
                options,
            })
        } else if let Self::Prefix {
            preferred,
            valid,
            length,
            prefix,
            options,
        } = self
        {
            Some(Listed {
                address: *prefix,
                length: Some(*length),
                preferred: *preferred,
                valid: *valid,
                options,
            })
        } else {
            None
        }
    }

    /// The DUID that it is.
    #[must_use]
    pub fn duid(&self) -> Option<&[u8]> {
        if let Self::Duid(duid) = self {
            Some(duid)
        } else {
            None
        }
    }

    /// The number that it is.
    #[must_use]
    pub fn number(&self) -> Option<u32> {
        if let Self::Number(number) = self {
            Some(*number)
        } else {
            None
        }
    }

    /// The options in it.
    #[must_use]
    pub fn options(&self) -> Option<&Options> {
        if let Self::Ia { options, .. }
        | Self::IaTa { options, .. }
        | Self::Address { options, .. }
        | Self::Prefix { options, .. }
        | Self::Options(options) = self
        {
            Some(options)
        } else {
            None
        }
    }

    /// The message in it.
    #[must_use]
    pub fn message(&self) -> Option<&Message> {
        if let Self::Message(message) = self {
            Some(message)
        } else {
            None
        }
    }

    /// Its status code.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        if let Self::Status { code, .. } = self {
            Some(*code)
        } else {
            None
        }
    }

    /// Reads the content of the option with that code.
    pub(super) fn read(code: u16, octets: &[u8], depth: usize) -> Self {
        if depth >= DEPTH_MAX {
            return Self::Opaque(octets.to_vec());
        }
        let mut reader = Reader(octets);
        // What is left over was not explained.
        Self::parse(form(code), &mut reader, depth + 1)
            .filter(|_| reader.is_empty())
            .unwrap_or_else(|| Self::Malformed(octets.to_vec()))
    }

    fn parse(form: Form, reader: &mut Reader<'_>, depth: usize) -> Option<Self> {
        Some(match form {
            Form::Empty => Self::Empty,
            Form::Duid => Self::Duid(some(reader.rest())?.to_vec()),
            Form::Ia => Self::Ia {
                iaid: reader.u32()?,
                t1: reader.u32()?,
                t2: reader.u32()?,
                options: Options::read(reader.rest(), depth),
            },
            Form::IaTa => Self::IaTa {
                iaid: reader.u32()?,
                options: Options::read(reader.rest(), depth),
            },
            Form::IaAddress => Self::Address {
                address: reader.address()?,
                preferred: reader.u32()?,
                valid: reader.u32()?,
                options: Options::read(reader.rest(), depth),
            },
            Form::IaPrefix => Self::Prefix {
                preferred: reader.u32()?,
                valid: reader.u32()?,
                length: reader.u8().filter(|it| *it <= 128)?,
                prefix: reader.address()?,
                options: Options::read(reader.rest(), depth),
            },
            Form::Codes => Self::Codes(all(reader, Reader::u16)?),
            Form::Numbers => Self::Numbers(all(reader, Reader::u16)?),
            Form::U8 => Self::Number(reader.u8()?.into()),
            Form::U16 => Self::Number(reader.u16()?.into()),
            Form::U32 => Self::Number(reader.u32()?),
            Form::Message => Self::Message(Box::new(Message::read(some(reader.rest())?, depth))),
            Form::Authentication => Self::Authentication {
                protocol: reader.u8()?,
                algorithm: reader.u8()?,
                method: reader.u8()?,
                replay: reader.u64()?,
                information: reader.rest().to_vec(),
            },
            Form::Status => Self::Status {
                code: reader.u16()?,
                text: text(reader)?,
            },
            Form::Items => Self::Items {
                enterprise: None,
                items: items(reader)?,
            },
            Form::EnterpriseItems => Self::Items {
                enterprise: Some(reader.u32()?),
                items: items(reader)?,
            },
            Form::EnterpriseOptions => Self::EnterpriseOptions {
                enterprise: reader.u32()?,
                options: all(reader, |it| Some((it.u16()?, it.item()?.to_vec())))?,
            },
            Form::EnterpriseData => Self::EnterpriseData {
                enterprise: reader.u32()?,
                data: reader.rest().to_vec(),
            },
            Form::Address => Self::Addresses(vec![reader.address()?]),
            Form::Addresses => {
                Self::Addresses(all(reader, Reader::address).filter(|it| !it.is_empty())?)
            }
            Form::Name => Self::Names(vec![complete_name(reader)?]),
            Form::Names => Self::Names(all(reader, complete_name)?),
            Form::Fqdn => Self::Fqdn {
                flags: reader.u8()?,
                name: reader.name()?,
            },
            Form::Ntp => Self::Ntp(all(reader, ntp_part)?),
            Form::Text => Self::Text(text(reader).filter(|it| !it.is_empty())?),
            Form::Options => Self::Options(Options::read(reader.rest(), depth)),
            Form::LinkLayer => Self::LinkLayer {
                hardware: reader.u16()?,
                address: reader.rest().to_vec(),
            },
            Form::Opaque => Self::Opaque(reader.rest().to_vec()),
        })
    }
}

fn some(octets: &[u8]) -> Option<&[u8]> {
    Some(octets).filter(|it| !it.is_empty())
}

/// Reads one thing after the other to the end.
fn all<'a, T>(
    reader: &mut Reader<'a>,
    one: impl Fn(&mut Reader<'a>) -> Option<T>,
) -> Option<Vec<T>> {
    let mut things = Vec::new();
    while !reader.is_empty() {
        things.push(one(reader)?);
    }
    Some(things)
}

fn items(reader: &mut Reader<'_>) -> Option<Vec<Vec<u8>>> {
    all(reader, |it| it.item().map(<[u8]>::to_vec))
}

fn complete_name(reader: &mut Reader<'_>) -> Option<Name> {
    reader.name().filter(|it| it.complete)
}

fn text(reader: &mut Reader<'_>) -> Option<String> {
    String::from_utf8(reader.rest().to_vec()).ok()
}

fn ntp_part(reader: &mut Reader<'_>) -> Option<NtpPart> {
    let code = reader.u16()?;
    let mut content = Reader(reader.item()?);
    let part = match code {
        1 => NtpPart::Server(content.address()?),
        2 => NtpPart::Multicast(content.address()?),
        3 => NtpPart::Name(complete_name(&mut content)?),
        _ => NtpPart::Unknown(code, content.rest().to_vec()),
    };
    Some(part).filter(|_| content.is_empty())
}
