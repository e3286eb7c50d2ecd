//! What a `resolv.conf` says that clients can be told (resolver(5)): its DNS servers and search domains.
//!
//! A line counts if its keyword stands at the very beginning; of `search` and `domain` the last line counts;
//! whatever is not known is passed over, as the resolver does it. It is a parser of our own because those of others
//! refuse a file for one line that they do not like, and do not tell which servers no client could reach, and why.
//!
//! Not here: where the file is, and what is made of it (`super`).

use crate::wire::DomainName;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// The largest `resolv.conf` that is read, in octets. What is behind that is not looked at.
pub const LEN_MAX: usize = 64 << 10;
/// The most DNS servers that are announced: far more than any client asks.
const SERVERS_MAX: usize = 16;
/// The most search domains that are announced, so that every answer has room for them.
const DOMAINS_MAX: usize = 32;

/// What the file says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Resolvers {
    /// DNS servers that clients can ask, each once, in the order of the file.
    pub servers: Vec<Ipv6Addr>,
    /// Domains that clients can search names in, each once, in the order of the file.
    pub domains: Vec<DomainName>,
    /// What clients are not told, each once, in the order of the file.
    pub left_out: Vec<LeftOut>,
    /// Whether the stub of systemd-resolved is asked, so that the servers proper stand in another file.
    pub stub: bool,
}

/// Something of the file that clients are not told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeftOut {
    /// The word in the file.
    pub word: String,
    /// What is the matter with it, as the end of a sentence.
    pub why: Why,
}

/// Why clients are not told something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// The server is reached from this machine alone.
    Local,
    /// It has an IPv4 address.
    Ipv4,
    /// It is a link-local address on another link, or on several.
    OtherLink,
    /// No server can have the address: it is a multicast address, say.
    Unusable,
    /// It is no address.
    NoAddress,
    /// It is no domain name that a message could hold.
    NoName,
    /// There are enough already.
    TooMany,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.why {
            Why::Local => "only this machine can ask it",
            Why::Ipv4 => "DHCPv6 carries no IPv4 addresses",
            Why::OtherLink => "a link-local address, which is not known to be on the clients' link",
            Why::Unusable => "no server can have that address",
            Why::NoAddress => "not an address",
            Why::NoName => "not a domain name",
            Why::TooMany => "there are enough without it",
        };
        write!(f, "{} ({why})", self.word.escape_debug())
    }
}

/// Reads the file. `is_link` says whether the part behind the `%` of a link-local address names the one link that
/// is served.
#[must_use]
pub fn read(text: &[u8], is_link: &dyn Fn(&str) -> bool) -> Resolvers {
    let text = text.get(..LEN_MAX).unwrap_or(text);
    let text = String::from_utf8_lossy(text);
    let mut found = Resolvers::default();
    let mut search = Vec::new();
    for line in text.lines() {
        let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
        // A keyword that is set in is none.
        match words.next().filter(|word| line.starts_with(word)) {
            Some("nameserver") => {
                if let Some(word) = words.next() {
                    found.server(word, is_link);
                }
            }
            Some("search") => search = words.collect(),
            Some("domain") => search = words.take(1).collect(),
            _ => {}
        }
    }
    for word in search {
        found.domain(word);
    }
    found
}

impl Resolvers {
    fn server(&mut self, word: &str, is_link: &dyn Fn(&str) -> bool) {
        let (text, scope) = match word.split_once('%') {
            Some((text, scope)) => (text, Some(scope)),
            None => (word, None),
        };
        let why = match text.parse::<IpAddr>() {
            Err(_) => Why::NoAddress,
            Ok(IpAddr::V4(address)) if address.octets().starts_with(&[127, 0, 0]) => {
                // The addresses of systemd-resolved.
                self.stub |= [53, 54].contains(&address.octets()[3]);
                Why::Local
            }
            Ok(IpAddr::V4(address)) if address.is_loopback() || address.is_unspecified() => {
                Why::Local
            }
            Ok(IpAddr::V4(_)) => Why::Ipv4,
            Ok(IpAddr::V6(address)) if address.is_loopback() || address.is_unspecified() => {
                Why::Local
            }
            Ok(IpAddr::V6(address)) if address.to_ipv4_mapped().is_some() => Why::Ipv4,
            Ok(IpAddr::V6(address)) if address.is_multicast() => Why::Unusable,
            Ok(IpAddr::V6(address))
                if address.is_unicast_link_local() && !scope.is_some_and(is_link) =>
            {
                Why::OtherLink
            }
            Ok(IpAddr::V6(address)) if self.servers.contains(&address) => return,
            Ok(IpAddr::V6(_)) if self.servers.len() >= SERVERS_MAX => Why::TooMany,
            Ok(IpAddr::V6(address)) => return self.servers.push(address),
        };
        self.leave_out(word, why);
    }

    fn domain(&mut self, word: &str) {
        let why = match DomainName::encode(word) {
            // The root: names are looked for as they are, which they are without it.
            Ok(name) if name.as_bytes().len() == 1 => return,
            Ok(name) if self.domains.contains(&name) => return,
            Ok(_) if self.domains.len() >= DOMAINS_MAX => Why::TooMany,
            // What the text of a configuration cannot hold.
            Ok(_) if word.contains('"') => Why::NoName,
            Ok(name) => return self.domains.push(name),
            Err(_) => Why::NoName,
        };
        self.leave_out(word, why);
    }

    fn leave_out(&mut self, word: &str, why: Why) {
        let new = LeftOut {
            word: word.to_owned(),
            why,
        };
        if !self.left_out.contains(&new) {
            self.left_out.push(new);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Resolvers {
        read(text.as_bytes(), &|scope| scope == "eth0" || scope == "2")
    }

    fn servers(text: &str) -> Vec<String> {
        let found = read_text(text).servers;
        found.iter().map(ToString::to_string).collect()
    }

    fn domains(text: &str) -> Vec<String> {
        let found = read_text(text).domains;
        found.iter().map(ToString::to_string).collect()
    }

    fn left_out(text: &str) -> Vec<Why> {
        let found = read_text(text).left_out;
        found.iter().map(|it| it.why).collect()
    }

    #[test]
    fn servers_and_domains_are_read_in_their_order() {
        let text = "# made by hand\n\
                    nameserver 2001:db8::53\n\
                    nameserver\t2001:db8::54  # behind it, anything\n\
                    nameserver 2001:DB8:0::53\n\
                    search example.net lab.Example.NET example.net\n\
                    options edns0 trust-ad\n\
                    sortlist 192.0.2.0\n";
        assert_eq!(servers(text), ["2001:db8::53", "2001:db8::54"]);
        assert_eq!(domains(text), ["example.net", "lab.example.net"]);
        assert_eq!(left_out(text), []);
    }

    #[test]
    fn the_last_of_search_and_domain_counts() {
        assert_eq!(domains("search a.net b.net\ndomain c.net d.net"), ["c.net"]);
        assert_eq!(
            domains("domain c.net\nsearch a.net b.net\n"),
            ["a.net", "b.net"]
        );
        assert_eq!(domains("search a.net\nsearch ."), [""; 0]);
        assert_eq!(domains("search a.net\nsearch"), [""; 0]);
    }

    #[test]
    fn what_does_not_begin_the_line_with_its_keyword_does_not_count() {
        for text in [
            " nameserver 2001:db8::53",
            "#nameserver 2001:db8::53",
            "; nameserver 2001:db8::53",
            "nameservers 2001:db8::53",
            "nameserver2001:db8::53",
            "nameserver",
            "NAMESERVER 2001:db8::53",
            "",
        ] {
            assert_eq!(read_text(text), Resolvers::default(), "{text}");
        }
    }

    #[test]
    fn servers_that_clients_cannot_reach_are_left_out_with_the_reason() {
        for (word, why) in [
            ("127.0.0.1", Why::Local),
            ("127.0.0.53", Why::Local),
            ("127.8.9.1", Why::Local),
            ("0.0.0.0", Why::Local),
            ("::1", Why::Local),
            ("::", Why::Local),
            ("192.0.2.1", Why::Ipv4),
            ("::ffff:192.0.2.1", Why::Ipv4),
            ("fe80::1", Why::OtherLink),
            ("fe80::1%eth1", Why::OtherLink),
            ("ff02::1", Why::Unusable),
            ("dns.example.net", Why::NoAddress),
            ("2001:db8::53,", Why::NoAddress),
        ] {
            let found = read_text(&format!("nameserver {word}\nnameserver {word}\n"));
            assert_eq!(found.servers, [""; 0].map(|_: &str| Ipv6Addr::LOCALHOST));
            let expected = LeftOut {
                word: word.to_owned(),
                why,
            };
            assert_eq!(found.left_out, [expected], "{word}");
        }
    }

    #[test]
    fn a_link_local_server_on_the_link_that_is_served_is_told() {
        let text = "nameserver fe80::1%eth0\nnameserver fe80::2%2\n";
        assert_eq!(servers(text), ["fe80::1", "fe80::2"]);
    }

    #[test]
    fn the_stub_of_systemd_is_noticed() {
        assert!(read_text("nameserver 127.0.0.53").stub);
        assert!(!read_text("nameserver 127.0.0.1\nnameserver 192.0.2.53").stub);
    }

    #[test]
    fn names_that_no_message_can_hold_are_left_out() {
        let long = "a".repeat(64);
        assert_eq!(
            left_out(&format!(
                "search a..b {long} ex\u{e4}mple \"quoted\" ok.net"
            )),
            [Why::NoName; 4]
        );
        assert_eq!(domains(&format!("search a..b {long} ok.net")), ["ok.net"]);
    }

    #[test]
    fn a_file_of_any_size_and_content_is_read_with_bounds() {
        let many: String = (0..100)
            .map(|it| format!("nameserver 2001:db8::{it}\n"))
            .collect();
        let found = read_text(&many);
        assert_eq!(found.servers.len(), SERVERS_MAX);
        assert!(found.left_out.iter().all(|it| it.why == Why::TooMany));
        let many: String = (0..100).map(|it| format!(" a{it}.net")).collect();
        assert_eq!(
            read_text(&format!("search{many}")).domains.len(),
            DOMAINS_MAX
        );
        let huge = "x".repeat(LEN_MAX) + "\nnameserver 2001:db8::53\n";
        assert_eq!(read_text(&huge), Resolvers::default());
        assert_eq!(
            read(&[0xff, 0, b'\n', 0xfe], &|_| true),
            Resolvers::default()
        );
    }

    #[test]
    fn what_is_left_out_is_shown_on_one_line() {
        let found = read_text("nameserver \u{1b}[31m");
        let said = found.left_out.first().expect("one").to_string();
        assert_eq!(said, "\\u{1b}[31m (not an address)");
    }
}
