//! The rules that findings are about, each with a short name that stays.

/// A rule that a message may break.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// What scripts know it by.
    pub name: &'static str,
    /// How bad it is.
    pub kind: Kind,
    /// Whose it is.
    pub by: By,
    /// Where it stands.
    pub rfc: &'static str,
    /// What breaking it means.
    pub says: &'static str,
}

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It breaks a rule.
    Error,
    /// It is allowed, or was once, and worth knowing.
    Peculiarity,
}

/// Who has to keep a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Whoever sends the message.
    Anyone,
    /// Clients.
    Client,
    /// Relay agents.
    Relay,
    /// Servers.
    Server,
    /// Nobody: it tells about the capture.
    Capture,
}

macro_rules! rules {
    ($($constant:ident = $kind:ident $by:ident $name:literal, $rfc:literal, $says:literal;)*) => {
        $(pub(super) static $constant: Rule = Rule {
            name: $name, kind: Kind::$kind, by: By::$by, rfc: $rfc, says: $says,
        };)*
        /// All rules, in the order of the documentation.
        pub static RULES: &[&Rule] = &[$(&$constant),*];
    };
}

rules! {
    CUT_HEADER = Error Anyone "cut-header", "RFC 9915 §8, §9",
        "the message ends within its header";
    STRAY_OCTETS = Error Anyone "stray-octets", "RFC 9915 §21.1",
        "octets follow from which no option can be read: a length is wrong, or the message was cut";
    MALFORMED_OPTION = Error Anyone "malformed-option", "RFC 9915 §21",
        "the content of an option does not have the form that its code promises";
    REPEATED_OPTION = Error Anyone "repeated-option", "RFC 9915 §21",
        "an option stands twice that may stand only once";
    MISPLACED_OPTION = Error Anyone "misplaced-option", "RFC 9915 §21.6, §21.22",
        "an address or a prefix stands outside of the IA that it belongs to";
    REPEATED_IA = Error Anyone "repeated-ia", "RFC 9915 §21.4, §21.21",
        "two IAs of one type have the same IAID";
    BAD_DUID = Error Anyone "bad-duid", "RFC 9915 §11.1",
        "a DUID is shorter than 3 or longer than 130 octets";
    ODD_DUID = Peculiarity Anyone "odd-duid", "RFC 9915 §11",
        "a DUID has no known type, or not the length of its type; it is still to be compared as it is";
    PREFIX_BITS = Peculiarity Anyone "prefix-bits", "RFC 9915 §21.22",
        "a prefix has bits behind its length";
    UNKNOWN_MESSAGE = Peculiarity Anyone "unknown-message", "RFC 9915 §16",
        "the type of the message is not known: clients and servers discard it";
    OVER_IPV4 = Error Anyone "over-ipv4", "RFC 9915 §5",
        "DHCPv6 goes over IPv6, and this came over IPv4";

    NO_CLIENT_ID = Error Client "no-client-id", "RFC 9915 §16.2 to §16.9",
        "the message needs a Client Identifier: servers discard it";
    NO_SERVER_ID = Error Client "no-server-id", "RFC 9915 §16.4, §16.6, §16.8, §16.9",
        "the message needs a Server Identifier: servers discard it";
    UNFIT_SERVER_ID = Error Client "unfit-server-id", "RFC 9915 §16.2, §16.5, §16.7",
        "the message is for any server and must not name one: servers discard it";
    OTHER_SERVER = Error Client "other-server", "RFC 9915 §16, §18.2.2",
        "the message names a server that gave this client no answer, while another one did: that one stays silent";
    NO_ELAPSED_TIME = Error Client "no-elapsed-time", "RFC 9915 §21.9",
        "a client's message has no Elapsed Time";
    NO_OPTION_REQUEST = Error Client "no-option-request", "RFC 9915 §21.7",
        "Solicit, Request, Renew, Rebind or Information-request without Option Request: no option is asked for";
    UNFIT_REQUEST = Error Client "unfit-option-request", "RFC 9915 §21.7",
        "the Option Request has a code that it must not have";
    REPEATED_REQUEST = Peculiarity Client "repeated-option-request", "RFC 9915 §21.7",
        "the Option Request has a code twice";
    NO_SOL_MAX_RT = Peculiarity Client "no-sol-max-rt", "RFC 9915 §18.2.1",
        "the Option Request of a Solicit lacks SOL_MAX_RT, as that of clients from before RFC 7083";
    NO_IA = Peculiarity Client "no-ia", "RFC 9915 §18.2.1",
        "the message asks for no address and no prefix";
    IA_IN_INFORMATION_REQUEST = Error Client "ia-in-information-request", "RFC 9915 §16.12",
        "an Information-request has an IA: servers discard it";
    IA_TA = Peculiarity Client "ia-ta", "RFC 9915 §21.5",
        "temporary addresses are obsolete: servers ignore the IA_TA";
    NOTHING_TO_CONFIRM = Error Client "nothing-to-confirm", "RFC 9915 §18.2.3",
        "a Confirm names no address: servers do not answer";
    NOTHING_TO_GIVE_UP = Error Client "nothing-to-give-up", "RFC 9915 §18.2.7, §18.2.8",
        "a Release or Decline has an IA without a lease";
    DECLINED_PREFIX = Error Client "declined-prefix", "RFC 9915 §18.2.8",
        "a Decline has an IA_PD: prefixes cannot be declined";
    CLIENT_TIMES = Peculiarity Client "client-times", "RFC 9915 §21.4, §21.21",
        "T1, T2 are not 0 in what a client sends; servers ignore them";
    CONFIRM_LIFETIMES = Peculiarity Client "confirm-lifetimes", "RFC 9915 §18.2.3",
        "lifetimes of a Confirm are not 0; servers ignore them";
    FQDN_PLACE = Error Client "unfit-fqdn", "RFC 4704 §5",
        "Client FQDN stands in another message than Solicit, Request, Renew or Rebind";
    FQDN_FLAGS = Error Anyone "fqdn-flags", "RFC 4704 §4.1",
        "Client FQDN has both S and N set";
    CLIENT_PORT = Peculiarity Client "client-port", "RFC 9915 §7.2",
        "a client sends from another port than 546; answers go to 546 all the same";
    SERVER_PORT = Error Client "server-port", "RFC 9915 §7.2",
        "a message to a server goes to another port than 547";
    UNICAST = Peculiarity Client "unicast", "RFC 9915 §16",
        "a client sends to a server's own address: servers need not accept that any more";
    CLIENT_SOURCE = Peculiarity Client "client-source", "RFC 9915 §5, §13.1",
        "a client multicasts from an address that is not link-local";
    XID_REUSED = Peculiarity Client "reused-xid", "RFC 9915 §16.1",
        "another message has the transaction id of an earlier one: late answers can be mistaken";
    DUID_SHARED = Peculiarity Client "shared-duid", "RFC 9915 §11",
        "one DUID comes from several addresses of a link: cloned machines, or a client with two interfaces";
    DUID_CHANGED = Peculiarity Client "changed-duid", "RFC 9915 §11",
        "one address uses several DUIDs: firmware and system, or a client that forgets";
    ADVERTISE_IGNORED = Peculiarity Client "ignored-advertise", "RFC 9915 §18.2.9",
        "a client goes on with Solicit although it was sent an Advertise with what it asked for";
    REPLY_IGNORED = Peculiarity Client "ignored-reply", "RFC 9915 §18.2.10",
        "a client repeats its message although it was answered";

    EARLY_RETRANSMISSION = Error Client "early-retransmission", "RFC 9915 §15",
        "a message is repeated before its retransmission timeout";
    NO_BACKOFF = Error Client "no-backoff", "RFC 9915 §15",
        "the time between repetitions does not double";
    ELAPSED_BACKWARDS = Error Client "elapsed-backwards", "RFC 9915 §15, §21.9",
        "the Elapsed Time of a repetition is less than before";
    ELAPSED_WRONG = Peculiarity Client "elapsed-wrong", "RFC 9915 §21.9",
        "the Elapsed Time does not count hundredths of a second since the first message";
    ELAPSED_STARTS = Peculiarity Client "elapsed-starts", "RFC 9915 §21.9",
        "the first message of an exchange has an Elapsed Time other than 0";

    UNANSWERED = Peculiarity Server "unanswered", "RFC 9915 §18.3",
        "a message is not answered, however often it is repeated";
    UNASKED = Peculiarity Server "unasked", "RFC 9915 §18.3",
        "an answer to nothing that is in the capture";
    LATE = Peculiarity Server "late-answer", "RFC 9915 §15",
        "the answer comes after the client's first timeout";
    NO_SERVER_ID_BACK = Error Server "answer-without-server-id", "RFC 9915 §16.3, §16.10",
        "an answer has no Server Identifier: clients discard it";
    OTHER_CLIENT_ID = Error Server "other-client-id", "RFC 9915 §16.3, §16.10",
        "the answer does not have the client's own identifier back: clients discard it";
    OTHER_SERVER_ANSWERS = Error Server "other-server-answers", "RFC 9915 §16.4, §16.6, §16.8, §16.9",
        "a server answers a message that names another server";
    WRONG_ANSWER = Error Server "wrong-answer", "RFC 9915 §18.3",
        "the type of the answer does not fit the message";
    NO_RAPID_COMMIT = Error Server "no-rapid-commit", "RFC 9915 §18.2.1",
        "a Reply to a Solicit has no Rapid Commit: clients discard it";
    UNFIT_OPTION = Peculiarity Server "unfit-option", "RFC 9915 §21, appendix B",
        "the answer has an option that does not belong into it; clients ignore it";
    ANSWER_PORT = Error Server "answer-port", "RFC 9915 §7.2, §18.3.10",
        "an answer to a client goes to another port than 546";
    ANSWER_SOURCE_PORT = Peculiarity Server "answer-source-port", "RFC 9915 §7.2",
        "an answer comes from another port than 547: firewalls drop it";
    ANSWER_ADDRESS = Error Server "answer-address", "RFC 9915 §18.3.10, §19.3",
        "an answer goes to another address than the message came from";
    OUTER_STATUS = Error Server "outer-status", "RFC 9915 §18.3, §21.13",
        "a status about leases stands beside the IAs instead of in them: clients throw away everything";
    IA_STATUS = Error Server "ia-status", "RFC 9915 §18.3, §21.13",
        "an IA has a status that cannot be about it";
    EMPTY_IA = Error Server "empty-ia", "RFC 9915 §18.3",
        "an IA has neither a lease nor a status";
    IA_UNASKED = Error Server "unasked-ia", "RFC 9915 §18.3",
        "the answer has an IA that was not asked for";
    IA_UNANSWERED = Error Server "unanswered-ia", "RFC 9915 §18.3",
        "an IA of the message is not in the answer";
    T1_AFTER_T2 = Error Server "t1-after-t2", "RFC 9915 §21.4, §21.21",
        "T1 is greater than T2: clients discard the IA";
    UNEQUAL_TIMES = Error Server "unequal-times", "RFC 9915 §18.1, §18.3.4",
        "the IAs of an answer have different T1 and T2";
    CROSSED_LIFETIMES = Error Server "crossed-lifetimes", "RFC 9915 §21.6, §21.22",
        "a lease is preferred for longer than it is valid: clients discard it";
    IMPOSSIBLE_LEASE = Error Server "impossible-lease", "RFC 9915 §13.1",
        "an address or prefix that nobody can be given: link-local, multicast, loopback or unspecified";
    LEASE_TWICE = Error Server "lease-given-twice", "RFC 9915 §13",
        "a lease is given to a client while another one has it";
    OFF_LINK = Peculiarity Server "off-link", "RFC 9915 §13.1",
        "an address is not of the /64 that the relay agent says the client is on";
    UNLIKE_ADVERTISE = Peculiarity Server "unlike-advertise", "RFC 9915 §18.3.2",
        "the Reply gives something else than the server advertised";
    CHANGED_ANSWER = Peculiarity Server "changed-answer", "RFC 9915 §18.3.2",
        "a repetition is answered with other leases than the message before it";
    OPTION_UNREQUESTED = Peculiarity Server "unrequested-option", "RFC 9915 §21.7",
        "the answer has an option that was not asked for";
    SERVER_UNICAST = Peculiarity Server "server-unicast", "RFC 9915 §21.12",
        "Server Unicast is obsolete and must not be sent any more";
    UNSIGNED_RECONFIGURE = Error Server "unsigned-reconfigure", "RFC 9915 §16.11",
        "a Reconfigure without authentication: clients discard it";

    RENEWED_EARLY = Peculiarity Client "renewed-early", "RFC 9915 §18.2.4",
        "a Renew before T1";
    REBOUND_EARLY = Peculiarity Client "rebound-early", "RFC 9915 §18.2.5",
        "a Rebind before T2";
    RENEWED_EXPIRED = Error Client "renewed-expired", "RFC 9915 §18.2.4, §18.2.5",
        "a Renew or Rebind for a lease that has ended";
    NEVER_GIVEN = Peculiarity Client "never-given", "RFC 9915 §18.2.4, §18.2.7",
        "a message names a lease that the server did not give to this client in the capture, though it gave another";

    HOP_COUNT = Error Relay "hop-count", "RFC 9915 §19.1",
        "the hop count is not the number of agents before this one, or more than 8";
    NO_RELAY_MESSAGE = Error Relay "no-relay-message", "RFC 9915 §9",
        "a message of a relay agent carries no message";
    LINK_ADDRESS = Error Relay "link-address", "RFC 9915 §19.1.1",
        "the link-address tells nothing about the link: it is link-local or multicast";
    NO_LINK = Peculiarity Relay "no-link", "RFC 9915 §19.1.1, RFC 6221 §5",
        "the agent closest to the client gives no link-address and no Interface-Id: the server cannot tell the link";
    RELAY_LEVEL = Error Server "relay-levels", "RFC 9915 §19.3",
        "a Relay-reply has other levels, hop counts, link or peer addresses than what it answers";
    INTERFACE_ID = Error Server "interface-id", "RFC 9915 §19.3, §21.18",
        "a Relay-reply does not have the Interface-Id back: the agent does not know where to";
    RELAY_PORT = Error Server "relay-port", "RFC 8357 §5.2, RFC 9915 §7.2",
        "a Relay-reply goes to another port than the agent listens on";

    CAPTURED_TWICE = Peculiarity Capture "captured-twice", "",
        "the same datagram was captured twice, as on a bridge or on several interfaces";
}
