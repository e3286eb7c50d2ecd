//! Message, option and status codes as open newtypes: unknown values stay representable.

use std::fmt;

/// Declares an open code type: named constants, and any other value kept as it came.
macro_rules! codes {
    ($(#[$doc:meta])* $name:ident($repr:ty) { $($(#[$item:meta])* $constant:ident = $value:literal, $text:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub struct $name(pub $repr);

        impl $name {
            $($(#[$item])* pub const $constant: Self = Self($value);)*

            /// The registered name, or `None` for a value that this server has no name for.
            #[must_use]
            pub fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$constant => Some($text),)*
                    _ => None,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.name() {
                    Some(name) => f.write_str(name),
                    None => write!(f, "{}", self.0),
                }
            }
        }
    };
}

codes! {
    /// The first octet of a message (RFC 9915 §7.3).
    MessageType(u8) {
        /// A client looks for servers.
        SOLICIT = 1, "solicit";
        /// A server offers itself.
        ADVERTISE = 2, "advertise";
        /// A client takes what was offered.
        REQUEST = 3, "request";
        /// A client asks whether its addresses still fit the link.
        CONFIRM = 4, "confirm";
        /// A client extends its leases at the server that gave them.
        RENEW = 5, "renew";
        /// A client extends its leases at any server.
        REBIND = 6, "rebind";
        /// A server answers.
        REPLY = 7, "reply";
        /// A client gives leases back.
        RELEASE = 8, "release";
        /// A client found an address in use by somebody else.
        DECLINE = 9, "decline";
        /// A server asks a client to contact it.
        RECONFIGURE = 10, "reconfigure";
        /// A client asks for options without leases.
        INFORMATION_REQUEST = 11, "information-request";
        /// A relay agent passes a message towards servers.
        RELAY_FORWARD = 12, "relay-forward";
        /// A server passes a message to a relay agent.
        RELAY_REPLY = 13, "relay-reply";
    }
}

codes! {
    /// The code of an option (RFC 9915 §21, IANA registry).
    OptionCode(u16) {
        /// Client Identifier (RFC 9915 §21.2).
        CLIENT_ID = 1, "client-id";
        /// Server Identifier (RFC 9915 §21.3).
        SERVER_ID = 2, "server-id";
        /// Identity Association for Non-temporary Addresses (RFC 9915 §21.4).
        IA_NA = 3, "ia-na";
        /// Identity Association for Temporary Addresses, obsolete (RFC 9915 §21.5).
        IA_TA = 4, "ia-ta";
        /// IA Address (RFC 9915 §21.6).
        IA_ADDRESS = 5, "ia-address";
        /// Option Request (RFC 9915 §21.7).
        OPTION_REQUEST = 6, "option-request";
        /// Preference (RFC 9915 §21.8).
        PREFERENCE = 7, "preference";
        /// Elapsed Time (RFC 9915 §21.9).
        ELAPSED_TIME = 8, "elapsed-time";
        /// Relay Message (RFC 9915 §21.10).
        RELAY_MESSAGE = 9, "relay-message";
        /// Authentication (RFC 9915 §21.11).
        AUTHENTICATION = 11, "authentication";
        /// Server Unicast, obsolete (RFC 9915 §21.12).
        SERVER_UNICAST = 12, "server-unicast";
        /// Status Code (RFC 9915 §21.13).
        STATUS_CODE = 13, "status-code";
        /// Rapid Commit (RFC 9915 §21.14).
        RAPID_COMMIT = 14, "rapid-commit";
        /// User Class (RFC 9915 §21.15).
        USER_CLASS = 15, "user-class";
        /// Vendor Class (RFC 9915 §21.16).
        VENDOR_CLASS = 16, "vendor-class";
        /// Vendor-specific Information (RFC 9915 §21.17).
        VENDOR_OPTIONS = 17, "vendor-options";
        /// Interface-Id (RFC 9915 §21.18).
        INTERFACE_ID = 18, "interface-id";
        /// Reconfigure Message (RFC 9915 §21.19).
        RECONFIGURE_MESSAGE = 19, "reconfigure-message";
        /// Reconfigure Accept (RFC 9915 §21.20).
        RECONFIGURE_ACCEPT = 20, "reconfigure-accept";
        /// SIP servers by name (RFC 3319 §3.1).
        SIP_SERVER_NAMES = 21, "sip-server-names";
        /// SIP servers by address (RFC 3319 §3.2).
        SIP_SERVER_ADDRESSES = 22, "sip-server-addresses";
        /// Recursive DNS servers (RFC 3646 §3).
        DNS_SERVERS = 23, "dns-servers";
        /// Domain search list (RFC 3646 §4).
        DOMAIN_LIST = 24, "domain-list";
        /// Identity Association for Prefix Delegation (RFC 9915 §21.21).
        IA_PD = 25, "ia-pd";
        /// IA Prefix (RFC 9915 §21.22).
        IA_PREFIX = 26, "ia-prefix";
        /// NIS servers (RFC 3898 §3).
        NIS_SERVERS = 27, "nis-servers";
        /// NIS+ servers (RFC 3898 §4).
        NISP_SERVERS = 28, "nisp-servers";
        /// NIS domain (RFC 3898 §5).
        NIS_DOMAIN = 29, "nis-domain";
        /// NIS+ domain (RFC 3898 §6).
        NISP_DOMAIN = 30, "nisp-domain";
        /// SNTP servers (RFC 4075 §4).
        SNTP_SERVERS = 31, "sntp-servers";
        /// Information Refresh Time (RFC 9915 §21.23).
        REFRESH_TIME = 32, "refresh-time";
        /// BCMCS controllers by name (RFC 4280 §4.2).
        BCMCS_NAMES = 33, "bcmcs-names";
        /// BCMCS controllers by address (RFC 4280 §4.4).
        BCMCS_ADDRESSES = 34, "bcmcs-addresses";
        /// Relay agent Remote-ID (RFC 4649 §3).
        REMOTE_ID = 37, "remote-id";
        /// Relay agent Echo Request (RFC 4994 §3).
        ECHO_REQUEST = 43, "echo-request";
        /// NTP server (RFC 5908 §4).
        NTP_SERVER = 56, "ntp-server";
        /// Relay Source Port (RFC 8357 §4.2).
        RELAY_PORT = 135, "relay-port";
    }
}

codes! {
    /// The code inside a Status Code option (RFC 9915 §21.13).
    StatusCode(u16) {
        /// It worked.
        SUCCESS = 0, "Success";
        /// It failed, for no reason that has a code.
        UNSPEC_FAIL = 1, "UnspecFail";
        /// No address can be given to this IA.
        NO_ADDRS_AVAIL = 2, "NoAddrsAvail";
        /// The server has no record of this IA.
        NO_BINDING = 3, "NoBinding";
        /// An address does not fit the client's link.
        NOT_ON_LINK = 4, "NotOnLink";
        /// Use multicast, obsolete.
        USE_MULTICAST = 5, "UseMulticast";
        /// No prefix can be delegated to this IA.
        NO_PREFIX_AVAIL = 6, "NoPrefixAvail";
    }
}
