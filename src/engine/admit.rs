//! Message validation (RFC 9915 §16): a message becomes a `Query` or a reason to drop it.

use super::relay::Hops;
use super::{Arrival, DropReason};
use crate::lease::{IaKey, IaKind, Prefix};
use crate::wire::{
    Duid, Ia, IaAddress, IaPrefix, Message, MessageType, OptionCode, Options, requested,
};

/// The most IAs that one message may have: far more than any client has, and few enough that an answer for
/// all of them is small.
const IAS_MAX: usize = 64;

/// The messages that a server answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Solicit,
    Request,
    Confirm,
    Renew,
    Rebind,
    Release,
    Decline,
    InformationRequest,
}

/// A message that is fit to be answered.
#[derive(Debug)]
pub(super) struct Query<'a> {
    pub(super) kind: Kind,
    pub(super) transaction_id: [u8; 3],
    /// The client; only an Information-request may do without.
    pub(super) client: Option<Duid>,
    pub(super) options: Options<'a>,
    /// The message as a whole.
    pub(super) message: Message<'a>,
    ias: Ias<'a>,
    pub(super) hops: Hops<'a>,
}

impl<'a> Query<'a> {
    /// The IA_NAs and IA_PDs in the order of the message. Of two with one kind and IAID the first counts
    /// (RFC 9915 §21.4: they must not be).
    pub(super) fn ias(&self) -> impl Iterator<Item = QueryIa<'a>> {
        self.ias.iter().copied()
    }

    /// Whether the message has that IA.
    pub(super) fn has_ia(&self, kind: IaKind, iaid: u32) -> bool {
        self.ias.has(kind, iaid)
    }

    /// Whether the client wants that option: it asks for it, or has no (readable) Option Request option.
    pub(super) fn wants(&self, code: OptionCode) -> bool {
        self.requests(code).unwrap_or(true)
    }

    /// Whether the Option Request option lists that option; `None` without one.
    pub(super) fn requests(&self, code: OptionCode) -> Option<bool> {
        let mut codes = self
            .options
            .first(OptionCode::OPTION_REQUEST)
            .and_then(requested)?;
        Some(codes.any(|it| it == code))
    }
}

/// The IAs of a query, found once: options that are none of them can stand between by the thousand.
#[derive(Debug)]
struct Ias<'a> {
    ias: [Option<QueryIa<'a>>; IAS_MAX],
    len: usize,
}

impl<'a> Ias<'a> {
    const NONE: Self = Self {
        ias: [None; IAS_MAX],
        len: 0,
    };

    /// Those among the options, each once.
    ///
    /// # Errors
    /// There are too many, or one cannot be read.
    fn read(options: Options<'a>) -> Result<Self, DropReason> {
        let mut ias = Self::NONE;
        let mut count = 0;
        for option in options.iter() {
            let kind = match option.code {
                OptionCode::IA_NA => IaKind::Na,
                OptionCode::IA_PD => IaKind::Pd,
                _ => continue,
            };
            if count >= IAS_MAX {
                return Err(DropReason::TooManyIas);
            }
            count += 1;
            let ia = Ia::read(option.value).map_err(|_| DropReason::MalformedIa)?;
            if !ias.has(kind, ia.iaid)
                && let Some(place) = ias.ias.get_mut(ias.len)
            {
                *place = Some(QueryIa { kind, ia });
                ias.len += 1;
            }
        }
        Ok(ias)
    }

    fn iter(&self) -> impl Iterator<Item = &QueryIa<'a>> {
        self.ias.iter().take(self.len).flatten()
    }

    fn has(&self, kind: IaKind, iaid: u32) -> bool {
        self.iter().any(|it| it.kind == kind && it.ia.iaid == iaid)
    }
}

/// One IA of a query.
#[derive(Clone, Copy, Debug)]
pub(super) struct QueryIa<'a> {
    pub(super) kind: IaKind,
    pub(super) ia: Ia<'a>,
}

impl<'a> QueryIa<'a> {
    /// The key of its binding.
    pub(super) fn key(&self, client: Duid) -> IaKey {
        IaKey {
            duid: client,
            kind: self.kind,
            iaid: self.ia.iaid,
        }
    }

    /// The addresses or prefixes that it lists. Lifetimes are not looked at (RFC 9915 §21.6, §21.22);
    /// unreadable ones count as absent.
    pub(super) fn listed(&self) -> impl Iterator<Item = Prefix> + use<'a> {
        let kind = self.kind;
        self.ia
            .options
            .iter()
            .filter_map(move |option| match (kind, option.code) {
                (IaKind::Na, OptionCode::IA_ADDRESS) => IaAddress::read(option.value)
                    .ok()
                    .map(|it| Prefix::host(it.address)),
                (IaKind::Pd, OptionCode::IA_PREFIX) => IaPrefix::read(option.value)
                    .ok()
                    .and_then(|it| Prefix::new(it.prefix, it.length)),
                _ => None,
            })
    }

    /// Those of the listed ones that name a lease: an address `::` or a prefix `::/n` names none.
    pub(super) fn leases(&self) -> impl Iterator<Item = Prefix> + use<'a> {
        self.listed()
            .filter(|prefix| !prefix.address().is_unspecified())
    }
}

/// Checks a message by the rules of its type.
///
/// # Errors
/// The first rule that it breaks.
pub(super) fn admit<'a>(
    server: &Duid,
    arrival: &Arrival<'_>,
    hops: Hops<'a>,
    message: Message<'a>,
) -> Result<Query<'a>, DropReason> {
    let kind = match message.message_type {
        MessageType::SOLICIT => Kind::Solicit,
        MessageType::REQUEST => Kind::Request,
        MessageType::CONFIRM => Kind::Confirm,
        MessageType::RENEW => Kind::Renew,
        MessageType::REBIND => Kind::Rebind,
        MessageType::RELEASE => Kind::Release,
        MessageType::DECLINE => Kind::Decline,
        MessageType::INFORMATION_REQUEST => Kind::InformationRequest,
        MessageType::ADVERTISE | MessageType::REPLY | MessageType::RECONFIGURE => {
            return Err(DropReason::NotForServer);
        }
        _ => return Err(DropReason::UnknownType),
    };
    if hops.is_empty() && !arrival.destination.is_multicast() {
        return Err(DropReason::Unicast);
    }
    let options = message.options;
    let twice = |code| options.all(code).nth(1).is_some();
    if twice(OptionCode::AUTHENTICATION) {
        return Err(DropReason::DuplicateAuthentication);
    }
    if twice(OptionCode::CLIENT_ID) || twice(OptionCode::SERVER_ID) {
        return Err(DropReason::DuplicateIdentifier);
    }
    let client = options
        .first(OptionCode::CLIENT_ID)
        .map(|value| {
            Duid::new(value)
                .filter(|_| value.len() >= Duid::WIRE_LEN_MIN)
                .ok_or(DropReason::NoClientId)
        })
        .transpose()?;
    if client.is_none() && kind != Kind::InformationRequest {
        return Err(DropReason::NoClientId);
    }
    check_server_id(server, kind, options)?;
    let ias = read_ias(kind, options)?;
    Ok(Query {
        kind,
        transaction_id: message.transaction_id,
        client,
        options,
        message,
        ias,
        hops,
    })
}

/// Who the message is for (RFC 9915 §16.2 to §16.12).
fn check_server_id(server: &Duid, kind: Kind, options: Options<'_>) -> Result<(), DropReason> {
    let named = options.first(OptionCode::SERVER_ID);
    let ours = named == Some(server.as_bytes());
    match (kind, named) {
        (Kind::Solicit | Kind::Confirm | Kind::Rebind, Some(_)) => {
            Err(DropReason::UnexpectedServerId)
        }
        (Kind::Solicit | Kind::Confirm | Kind::Rebind | Kind::InformationRequest, None) => Ok(()),
        (Kind::Request | Kind::Renew | Kind::Release | Kind::Decline, None) => {
            Err(DropReason::NoServerId)
        }
        (_, Some(_)) if ours => Ok(()),
        (_, Some(_)) => Err(DropReason::ForeignServerId),
    }
}

fn read_ias(kind: Kind, options: Options<'_>) -> Result<Ias<'_>, DropReason> {
    if kind == Kind::InformationRequest {
        // IA_TA is obsolete, but an IA option all the same (RFC 9915 §16.12).
        let ias = [OptionCode::IA_NA, OptionCode::IA_TA, OptionCode::IA_PD];
        return match options.iter().any(|option| ias.contains(&option.code)) {
            true => Err(DropReason::IaInInformationRequest),
            false => Ok(Ias::NONE),
        };
    }
    Ias::read(options)
}
