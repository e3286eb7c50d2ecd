//! Why a live answer is not the recorded one, as far as that can be told from both.

use std::fmt;

use crate::dissect::{self, Message};

const SOLICIT: u8 = 1;
const CONFIRM: u8 = 4;
const RENEW: u8 = 5;
const REBIND: u8 = 6;
const RELEASE: u8 = 8;
const DECLINE: u8 = 9;
const ADVERTISE: u8 = 2;
const REPLY: u8 = 7;
const INFORMATION_REQUEST: u8 = 11;

const ADDRESS: u16 = 5;
const OPTION_REQUEST: u16 = 6;
const PREFERENCE: u16 = 7;
const AUTHENTICATION: u16 = 11;
const SERVER_UNICAST: u16 = 12;
const RAPID_COMMIT: u16 = 14;
const RECONFIGURE_ACCEPT: u16 = 20;
const PREFIX: u16 = 26;
const REFRESH_TIME: u16 = 32;
const CLIENT_FQDN: u16 = 39;
const UNSPEC_FAIL: u16 = 1;
const NO_BINDING: u16 = 3;
const NOT_ON_LINK: u16 = 4;
const USE_MULTICAST: u16 = 5;

/// What kind of reason a difference has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Class {
    /// The servers are configured differently, or the live one cannot be configured like the recorded one.
    Configuration,
    /// The RFC leaves it to the server, or one of them does not do what it says.
    Rfc,
    /// The capture does not have what would be needed to compare.
    Capture,
    /// None that is known.
    Unexplained,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Configuration => "configuration",
            Self::Rfc => "RFC",
            Self::Capture => "capture",
            Self::Unexplained => "unexplained",
        })
    }
}

/// Why something differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The kind of reason.
    pub class: Class,
    /// The reason; empty if there is none that is known.
    pub text: String,
}

fn because(class: Class, text: impl Into<String>) -> Reason {
    let text = text.into();
    Reason { class, text }
}

/// No reason is known.
pub(super) fn unexplained() -> Reason {
    because(Class::Unexplained, "")
}

/// The message is of another type.
pub(super) fn message_type(question: &Message, recorded: u8, live: u8) -> Reason {
    let pair = [recorded, live];
    let rapid = question.options.first(RAPID_COMMIT).is_some();
    match question.message_type {
        SOLICIT if rapid && pair.contains(&REPLY) && pair.contains(&ADVERTISE) => because(
            Class::Configuration,
            "one server does Rapid Commit and the other does not (RFC 9915 §21.14)",
        ),
        _ => unexplained(),
    }
}

/// T1 or T2 of an IA.
pub(super) fn times(ia: &str) -> Reason {
    let section = if ia.starts_with("ia-pd") {
        "21.21"
    } else {
        "21.4"
    };
    because(
        Class::Rfc,
        format!("T1 and T2 are the server's choice (RFC 9915 §{section})"),
    )
}

/// The lifetimes of a lease.
pub(super) fn lifetimes() -> Reason {
    because(
        Class::Configuration,
        "the lifetimes are configured differently",
    )
}

/// A lease of another length.
pub(super) fn length() -> Reason {
    because(
        Class::Configuration,
        "the servers delegate prefixes of other lengths",
    )
}

/// A status, of the message or of an IA; `had` says whether the live server has ever given that IA something.
pub(super) fn status(recorded: u16, live: u16, had: bool, question: &Message) -> Reason {
    match (recorded, live) {
        (_, NO_BINDING) if !had && [RENEW, REBIND].contains(&question.message_type) => because(
            Class::Capture,
            "the binding is from before the capture, and the live server does not take it over: its configuration \
             gives this client something else on this link, or it takes over none (RFC 9915 §18.3.4)",
        ),
        (_, NO_BINDING) if !had => because(
            Class::Capture,
            "the binding is from before the capture, so the live server does not know it, whatever it would give",
        ),
        (UNSPEC_FAIL, _) => because(
            Class::Rfc,
            "the recorded server refuses and does not say why (RFC 9915 §21.13)",
        ),
        (USE_MULTICAST, _) => because(
            Class::Rfc,
            "no server asks for multicast any more (RFC 9915 §21.13)",
        ),
        (NO_BINDING, _) => because(
            Class::Rfc,
            "a server may create a binding that it has lost, if it has something to give (RFC 9915 §18.3.4)",
        ),
        (NOT_ON_LINK, _) if question.message_type != CONFIRM => because(
            Class::Configuration,
            "the servers have other prefixes on the link (RFC 9915 §18.3.2)",
        ),
        (0, _) | (_, 0) if question.message_type == CONFIRM => because(
            Class::Configuration,
            "the servers have other prefixes on the link (RFC 9915 §18.3.3)",
        ),
        (0, _) | (_, 0) => because(
            Class::Configuration,
            "one server has something to give and the other does not",
        ),
        _ => unexplained(),
    }
}

/// The status of the message, where one server says in the IAs what the other says for the whole.
pub(super) fn status_elsewhere() -> Reason {
    because(
        Class::Rfc,
        "a status about leases stands in their IA (RFC 9915 §18.3.2, §18.3.9)",
    )
}

/// An IA that only one server has in its answer.
pub(super) fn ia_missing(question: &Message, in_live: bool, code: u16) -> Reason {
    if in_live && code == NO_BINDING && [RELEASE, DECLINE].contains(&question.message_type) {
        return because(
            Class::Capture,
            "the binding is from before the capture, so the live server does not know it, whatever it would give \
             (RFC 9915 §18.3.7)",
        );
    }
    let only = if in_live { "live" } else { "recorded" };
    match question.message_type {
        CONFIRM => because(
            Class::Rfc,
            format!(
                "the {only} server adds an IA; a Reply to Confirm has a status alone (RFC 9915 §18.3.3)"
            ),
        ),
        RELEASE | DECLINE => because(
            Class::Rfc,
            format!(
                "the {only} server adds an IA; only one without a binding is in this Reply (RFC 9915 §18.3.7)"
            ),
        ),
        INFORMATION_REQUEST => because(
            Class::Rfc,
            format!(
                "the {only} server adds an IA, which must not be in this Reply (RFC 9915 §18.3.6)"
            ),
        ),
        _ if in_live => because(
            Class::Rfc,
            "the recorded server leaves out an IA that it was asked for (RFC 9915 §18.3.2, §18.3.9)",
        ),
        _ => unexplained(),
    }
}

/// A lease that only one server gives. `nothing` says whether the other one gives nothing at all in that IA.
pub(super) fn lease_missing(in_live: bool, nothing: bool) -> Reason {
    let (more, less) = if in_live {
        ("live", "recorded")
    } else {
        ("recorded", "live")
    };
    because(
        Class::Configuration,
        match nothing {
            true => format!("the {less} server has nothing to give for this IA"),
            false => format!("the {more} server gives more leases in one IA"),
        },
    )
}

/// A lease that the recorded server gave although it had been declined before.
pub(super) fn declined() -> Reason {
    because(
        Class::Rfc,
        "a client declined it before in this capture, so the live server gives it to nobody (RFC 9915 §18.3.8)",
    )
}

/// An option in an IA that only the recorded answer has.
pub(super) fn inner_option_missing(code: u16) -> Reason {
    let name = dissect::option_name(code);
    because(
        Class::Configuration,
        format!("the live server puts no {name} into IAs"),
    )
}

/// A lease that is another one than before on one side alone.
pub(super) fn relation(recorded_keeps: bool) -> Reason {
    let (keeps, gives) = match recorded_keeps {
        true => ("recorded", "live"),
        false => ("live", "recorded"),
    };
    because(
        Class::Unexplained,
        format!("the {keeps} server gives what it gave before, and the {gives} one something else"),
    )
}

/// An option that only the recorded answer has.
pub(super) fn option_missing(question: &Message, answer: u8, code: u16) -> Reason {
    let name = dissect::option_name(code);
    let rfc = |text: &str| because(Class::Rfc, text);
    match code {
        SERVER_UNICAST => rfc("no server may send it any more (RFC 9915 §21.12)"),
        ADDRESS | PREFIX => rfc("it stands in an IA and nowhere else (RFC 9915 §21.6, §21.22)"),
        PREFERENCE if answer != ADVERTISE => rfc("only an Advertise has it (RFC 9915 §21.8)"),
        RAPID_COMMIT if answer != REPLY => rfc("only a Reply has it (RFC 9915 §21.14)"),
        REFRESH_TIME if question.message_type != INFORMATION_REQUEST => {
            rfc("only a Reply to an Information-request has it (RFC 9915 §21.23)")
        }
        RECONFIGURE_ACCEPT => because(
            Class::Configuration,
            "the live server does not reconfigure its clients (RFC 9915 §21.20)",
        ),
        AUTHENTICATION => because(
            Class::Configuration,
            "the live server has no key for this client",
        ),
        CLIENT_FQDN => because(
            Class::Configuration,
            "the live server does not update the DNS (RFC 4704 §6)",
        ),
        _ if question.message_type == CONFIRM => {
            rfc("a Reply to Confirm has a status alone (RFC 9915 §18.3.3)")
        }
        _ if [RELEASE, DECLINE].contains(&question.message_type) => {
            rfc("a Reply to Release or Decline has a status alone (RFC 9915 §18.3.7, §18.3.8)")
        }
        _ if !asks(question, code) => because(
            Class::Rfc,
            format!("the client does not ask for {name} (RFC 9915 §18.3.9, §21.7)"),
        ),
        _ => because(
            Class::Configuration,
            format!("the live server has no {name} to give"),
        ),
    }
}

/// An option that only the live answer has.
pub(super) fn option_added(code: u16) -> Reason {
    let name = dissect::option_name(code);
    because(
        Class::Configuration,
        format!("the recorded server had no {name} to give"),
    )
}

/// An option with another value.
pub(super) fn option_value(code: u16) -> Reason {
    let name = dissect::option_name(code);
    because(
        Class::Configuration,
        format!("the servers are configured with another {name}"),
    )
}

/// The recorded server answered, and the live one did not; perhaps it says by a label why.
pub(super) fn silence(question: &Message, label: Option<&str>) -> Reason {
    let rfc = |section: &str| {
        format!(
            "the live server says `{}` (RFC 9915 §{section})",
            label.unwrap_or_default()
        )
    };
    match label {
        None => unexplained(),
        Some("unicast") => because(Class::Rfc, rfc("16")),
        Some("no-client-id" | "no-server-id" | "unexpected-server-id") => {
            because(Class::Rfc, rfc("16"))
        }
        Some("foreign-server-id") => because(
            Class::Rfc,
            "the message is for another server than the live one (RFC 9915 §16)",
        ),
        Some("duplicate-identifier") => because(Class::Rfc, rfc("21.2")),
        Some("malformed" | "malformed-ia" | "too-short") => because(Class::Rfc, rfc("16")),
        Some("ia-in-information-request") => because(Class::Rfc, rfc("16.12")),
        Some("unknown-type" | "not-for-server") => because(Class::Rfc, rfc("7.3")),
        Some("nothing-to-confirm") => because(Class::Rfc, rfc("18.3.3")),
        Some("nothing-to-answer") => because(
            Class::Capture,
            "the leases are from before the capture, and another server may have given them (RFC 9915 §18.3.5)",
        ),
        Some("relay-too-deep" | "relay-without-message") => because(Class::Rfc, rfc("19")),
        Some("link-unknown" | "unauthenticated" | "authentication-failed" | "key-expired") => {
            because(
                Class::Configuration,
                format!("the live server says `{}`", label.unwrap_or_default()),
            )
        }
        Some("replayed") => because(
            Class::Capture,
            "the capture was played to this server before: what it signs is old",
        ),
        Some(other) => because(
            Class::Unexplained,
            format!("the live server says `{other}` to {}", question.name()),
        ),
    }
}

/// The live server answered, and no recorded one did.
pub(super) fn unanswered() -> Reason {
    because(
        Class::Unexplained,
        "no recorded server answered, though its client went on",
    )
}

/// The recorded answer is for another client.
pub(super) fn foreign_client() -> Reason {
    because(
        Class::Rfc,
        "the recorded answer is for another client than the one that asked (RFC 9915 §16.3, §16.10)",
    )
}

/// Whether a client wants an option: it lists it, or it lists none at all.
fn asks(question: &Message, code: u16) -> bool {
    let mut requests = question.options.all(OPTION_REQUEST).peekable();
    if requests.peek().is_none() {
        return true;
    }
    let code = code.to_be_bytes();
    requests.any(|it| it.octets.chunks(2).any(|asked| asked == code))
}
