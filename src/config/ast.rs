//! The statements of a configuration as written, with their places and the keywords that they are made of.
//!
//! Words are kept as text: whether one is an address, a DUID or the name of something is for `resolve`.

use super::diagnostic::Span;

/// A word or name.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) span: Span,
}

/// What stood between quotation marks; the marks are part of the span.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub(super) octets: Vec<u8>,
    pub(super) span: Span,
}

/// A number without its fraction; too large ones are `i64::MAX`, as in the original server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number {
    pub(super) value: u64,
    pub(super) span: Span,
}

/// One lifetime or a pair of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Durations {
    pub(super) preferred: Duration,
    pub(super) valid: Option<Duration>,
}

/// A lifetime as written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Duration {
    Infinity(Span),
    Seconds(Number),
}

/// A statement outside all braces.
#[derive(Clone, Debug)]
pub(super) enum Statement {
    Block(Block),
    Option(OptionStatement),
    IdAssoc(IdAssoc),
    Authentication(Authentication),
    KeyInfo(KeyInfo),
    Include(Text),
}

/// An `interface`, `profile`, `host` or `pool` statement.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) kind: BlockKind,
    pub(super) name: Word,
    pub(super) declarations: Vec<Declaration>,
    /// Whether all that stands in it could be read.
    pub(super) complete: bool,
}

/// The kinds of statement that share one set of declarations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum BlockKind {
    Interface,
    Profile,
    Host,
    Pool,
}

impl BlockKind {
    pub(super) fn keyword(self) -> &'static str {
        match self {
            Self::Interface => "interface",
            Self::Profile => "profile",
            Self::Host => "host",
            Self::Pool => "pool",
        }
    }
}

/// A line inside such a statement.
#[derive(Clone, Debug)]
pub(super) struct Declaration {
    /// Where its keyword is.
    pub(super) span: Span,
    pub(super) keyword: &'static str,
    pub(super) meaning: Meaning,
}

/// What a declaration says.
#[derive(Clone, Debug)]
pub(super) enum Meaning {
    Send(Vec<Item>),
    Allow(Item),
    Duid(Word),
    Address(Word, Durations),
    Prefix(Word, Number, Durations),
    Preference(Number),
    /// The key, and whether it is required.
    DelayedKey(Word, bool),
    Range(Word, Word),
    /// The prefix that is divided with its length, and the length of each part.
    Prefixes(Word, Number, Number),
    AddressPool(Word, Durations),
    PrefixPool(Word, Durations),
    /// `request`, `information-only` and `script`.
    ClientOnly,
}

/// An option or identity association after `send`, `request` or `allow`.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) span: Span,
    pub(super) keyword: &'static str,
    pub(super) kind: ItemKind,
}

/// What an item names.
#[derive(Clone, Debug)]
pub(super) enum ItemKind {
    RapidCommit,
    Authentication(Word),
    IaPd(Number),
    IaNa(Number),
    /// A DHCP option.
    Option,
}

/// An `option` statement.
#[derive(Clone, Debug)]
pub(super) struct OptionStatement {
    /// Where the name of the option is.
    pub(super) span: Span,
    pub(super) keyword: &'static str,
    /// The name is misspelt, so what follows from it may not be meant.
    pub(super) guessed: bool,
    pub(super) value: OptionValue,
}

/// The option and its value.
#[derive(Clone, Debug)]
pub(super) enum OptionValue {
    Addresses(AddressOption, Vec<Word>),
    Name(NameOption, Text),
    RefreshTime(Number),
}

/// The options that hold addresses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum AddressOption {
    Dns,
    Ntp,
    Sip,
    Nis,
    Nisp,
    Bcmcs,
}

/// The options that hold names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum NameOption {
    Domain,
    Sip,
    Bcmcs,
    Nis,
    Nisp,
}

/// An `id-assoc` statement; its content concerns clients alone.
#[derive(Clone, Debug)]
pub(super) struct IdAssoc {
    pub(super) span: Span,
    pub(super) kind: AssocKind,
    pub(super) number: Option<Number>,
    pub(super) lines: Vec<AssocLine>,
}

/// A line of an `id-assoc` statement.
#[derive(Clone, Debug)]
pub(super) enum AssocLine {
    Address(Word, Durations),
    Prefix(Word, Number, Durations),
    /// The interface of a `prefix-interface` and the values of its `sla-len`.
    Interface(Word, Vec<Number>),
}

/// `pd` or `na`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum AssocKind {
    Pd,
    Na,
}

/// An `authentication` statement.
#[derive(Clone, Debug)]
pub(super) struct Authentication {
    pub(super) name: Word,
    pub(super) lines: Vec<AuthLine>,
    pub(super) complete: bool,
}

/// A line of an `authentication` statement.
#[derive(Clone, Copy, Debug)]
pub(super) struct AuthLine {
    /// Where its keyword is.
    pub(super) span: Span,
    pub(super) keyword: &'static str,
    /// The protocol that it names, and where.
    pub(super) protocol: Option<(AuthProtocol, Span)>,
}

/// The word after `protocol`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum AuthProtocol {
    Delayed,
    Reconfig,
}

/// A `keyinfo` statement.
#[derive(Clone, Debug)]
pub(super) struct KeyInfo {
    pub(super) name: Word,
    pub(super) fields: Vec<KeyField>,
    pub(super) complete: bool,
}

/// A line of a `keyinfo` statement.
#[derive(Clone, Debug)]
pub(super) struct KeyField {
    pub(super) span: Span,
    pub(super) keyword: &'static str,
    pub(super) value: KeyValue,
}

/// What such a line says.
#[derive(Clone, Debug)]
pub(super) enum KeyValue {
    Realm(Text),
    Id(Number),
    Secret(Text),
    Expire(Text),
}

/// What a statement begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum StatementKey {
    Block(BlockKind),
    Option,
    IdAssoc,
    Authentication,
    KeyInfo,
    Include,
}

/// What a declaration begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum DeclarationKey {
    Send,
    Request,
    InformationOnly,
    Allow,
    Duid,
    Address,
    Prefix,
    Preference,
    Script,
    DelayedKey,
    Range,
    Prefixes,
    AddressPool,
    PrefixPool,
}

/// What an item begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ItemKey {
    RapidCommit,
    Authentication,
    IaPd,
    IaNa,
    Option,
}

/// The name of an option.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum OptionKey {
    Addresses(AddressOption),
    Name(NameOption),
    RefreshTime,
}

/// What a line of `keyinfo` begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum KeyKey {
    Realm,
    Id,
    Secret,
    Expire,
}

/// What a line of `id-assoc` begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum AssocKey {
    Address,
    Prefix,
    PrefixInterface,
}

/// What a line of `prefix-interface` begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum PrefixInterfaceKey {
    SlaLen,
    /// A number that may be any.
    Number,
    IfidRandom,
}

/// The word behind the name of a `delayedkey` that does not leave it to the client.
pub(super) const REQUIRED: &str = "required";

/// The word between the prefix of a `prefixes` and the length of its parts.
pub(super) const LENGTH: &str = "length";

/// What a line of `authentication` begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum AuthKey {
    Protocol,
    Algorithm,
    Rdm,
    Key,
}

/// Keywords of one place and what they mean there.
pub(super) type Words<T> = &'static [(&'static str, T)];

pub(super) const STATEMENTS: Words<StatementKey> = &[
    ("interface", StatementKey::Block(BlockKind::Interface)),
    ("profile", StatementKey::Block(BlockKind::Profile)),
    ("host", StatementKey::Block(BlockKind::Host)),
    ("pool", StatementKey::Block(BlockKind::Pool)),
    ("option", StatementKey::Option),
    ("id-assoc", StatementKey::IdAssoc),
    ("authentication", StatementKey::Authentication),
    ("keyinfo", StatementKey::KeyInfo),
    ("include", StatementKey::Include),
];

pub(super) const DECLARATIONS: Words<DeclarationKey> = &[
    ("send", DeclarationKey::Send),
    ("request", DeclarationKey::Request),
    ("information-only", DeclarationKey::InformationOnly),
    ("allow", DeclarationKey::Allow),
    ("duid", DeclarationKey::Duid),
    ("address", DeclarationKey::Address),
    ("prefix", DeclarationKey::Prefix),
    ("preference", DeclarationKey::Preference),
    ("script", DeclarationKey::Script),
    ("delayedkey", DeclarationKey::DelayedKey),
    ("range", DeclarationKey::Range),
    ("prefixes", DeclarationKey::Prefixes),
    ("address-pool", DeclarationKey::AddressPool),
    ("prefix-pool", DeclarationKey::PrefixPool),
];

pub(super) const OPTIONS: Words<OptionKey> = &[
    (
        "domain-name-servers",
        OptionKey::Addresses(AddressOption::Dns),
    ),
    ("domain-name", OptionKey::Name(NameOption::Domain)),
    ("ntp-servers", OptionKey::Addresses(AddressOption::Ntp)),
    (
        "sip-server-address",
        OptionKey::Addresses(AddressOption::Sip),
    ),
    ("sip-server-domain-name", OptionKey::Name(NameOption::Sip)),
    (
        "nis-server-address",
        OptionKey::Addresses(AddressOption::Nis),
    ),
    ("nis-domain-name", OptionKey::Name(NameOption::Nis)),
    ("nis-server-domain-name", OptionKey::Name(NameOption::Nis)),
    (
        "nisp-server-address",
        OptionKey::Addresses(AddressOption::Nisp),
    ),
    ("nisp-domain-name", OptionKey::Name(NameOption::Nisp)),
    ("nisp-server-domain-name", OptionKey::Name(NameOption::Nisp)),
    (
        "bcmcs-server-address",
        OptionKey::Addresses(AddressOption::Bcmcs),
    ),
    (
        "bcmcs-server-domain-name",
        OptionKey::Name(NameOption::Bcmcs),
    ),
    ("refreshtime", OptionKey::RefreshTime),
];

pub(super) const ITEMS: Words<ItemKey> = &[
    ("rapid-commit", ItemKey::RapidCommit),
    ("authentication", ItemKey::Authentication),
    ("ia-pd", ItemKey::IaPd),
    ("ia-na", ItemKey::IaNa),
    ("domain-name-servers", ItemKey::Option),
    ("domain-name", ItemKey::Option),
    ("ntp-servers", ItemKey::Option),
    ("sip-server-address", ItemKey::Option),
    ("sip-server-domain-name", ItemKey::Option),
    ("nis-server-address", ItemKey::Option),
    ("nis-domain-name", ItemKey::Option),
    ("nis-server-domain-name", ItemKey::Option),
    ("nisp-server-address", ItemKey::Option),
    ("nisp-domain-name", ItemKey::Option),
    ("nisp-server-domain-name", ItemKey::Option),
    ("bcmcs-server-address", ItemKey::Option),
    ("bcmcs-server-domain-name", ItemKey::Option),
    ("refreshtime", ItemKey::Option),
];

pub(super) const ASSOC_KINDS: Words<AssocKind> = &[("pd", AssocKind::Pd), ("na", AssocKind::Na)];

pub(super) const PD_LINES: Words<AssocKey> = &[
    ("prefix", AssocKey::Prefix),
    ("prefix-interface", AssocKey::PrefixInterface),
];

pub(super) const NA_LINES: Words<AssocKey> = &[("address", AssocKey::Address)];

pub(super) const PREFIX_INTERFACE_LINES: Words<PrefixInterfaceKey> = &[
    ("sla-id", PrefixInterfaceKey::Number),
    ("sla-len", PrefixInterfaceKey::SlaLen),
    ("ifid", PrefixInterfaceKey::Number),
    ("ifid-random", PrefixInterfaceKey::IfidRandom),
];

pub(super) const KEY_LINES: Words<KeyKey> = &[
    ("realm", KeyKey::Realm),
    ("keyid", KeyKey::Id),
    ("secret", KeyKey::Secret),
    ("expire", KeyKey::Expire),
];

pub(super) const AUTH_LINES: Words<AuthKey> = &[
    ("protocol", AuthKey::Protocol),
    ("algorithm", AuthKey::Algorithm),
    ("rdm", AuthKey::Rdm),
    ("key", AuthKey::Key),
];

pub(super) const AUTH_PROTOCOLS: Words<AuthProtocol> = &[
    ("delayed", AuthProtocol::Delayed),
    ("reconfig", AuthProtocol::Reconfig),
];

pub(super) const AUTH_ALGORITHMS: Words<()> = &[
    ("hmac-md5", ()),
    ("HMAC-MD5", ()),
    ("hmacmd5", ()),
    ("HMACMD5", ()),
];

pub(super) const AUTH_RDMS: Words<()> = &[("monocounter", ())];

/// What other servers and clients call something, and its name here.
pub(super) const ALIASES: &[(&str, &str)] = &[
    ("dns", "domain-name-servers"),
    ("dns-server", "domain-name-servers"),
    ("dns-servers", "domain-name-servers"),
    ("nameserver", "domain-name-servers"),
    ("nameservers", "domain-name-servers"),
    ("name-servers", "domain-name-servers"),
    ("rdnss", "domain-name-servers"),
    ("domain", "domain-name"),
    ("domain-list", "domain-name"),
    ("domain-search", "domain-name"),
    ("search", "domain-name"),
    ("dnssl", "domain-name"),
    ("ntp", "ntp-servers"),
    ("ntp-server", "ntp-servers"),
    ("sntp", "ntp-servers"),
    ("sntp-server", "ntp-servers"),
    ("sntp-servers", "ntp-servers"),
    ("information-refresh-time", "refreshtime"),
    ("info-refresh-time", "refreshtime"),
    ("refresh-time", "refreshtime"),
    ("sip-server", "sip-server-address"),
    ("sip-servers", "sip-server-address"),
    ("sip-domain", "sip-server-domain-name"),
    ("nis-servers", "nis-server-address"),
    ("nisp-servers", "nisp-server-address"),
    ("fixed-address6", "address"),
    ("fixed-prefix6", "prefix"),
    ("client-id", "duid"),
    ("range6", "range"),
    ("prefix6", "prefixes"),
    ("pd-pool", "prefix-pool"),
];

/// Whether a word begins a statement or a declaration.
pub(super) fn begins_something(word: &str) -> bool {
    STATEMENTS.iter().any(|(keyword, _)| *keyword == word)
        || DECLARATIONS.iter().any(|(keyword, _)| *keyword == word)
}
