//! What the command line asks for in place of a configuration file: `--pool` and `--pd`.

use crate::lease::Prefix;
use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// Where clients get addresses from: the value of `--pool`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PoolWish {
    /// A /64 of each interface.
    Auto,
    /// The addresses from the first to the last, both included.
    Range(Ipv6Addr, Ipv6Addr),
}

/// What prefixes are delegated from: the value of `--pd`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PrefixWish {
    /// The prefix that is divided.
    pub prefix: Prefix,
    /// The length of each part.
    pub length: u8,
}

/// The word that stands for a /64 of the interface.
const AUTO: &str = "auto";
/// The usual length of a prefix for a site.
const SITE_LENGTH: u8 = 56;
/// The longest prefix that a link can be numbered from (RFC 4291 §2.5.1).
const LINK_LENGTH: u8 = 64;
/// A prefix that has fewer than 16 parts of the usual length is divided into prefixes of single links.
const SITES_LENGTH_MAX: u8 = SITE_LENGTH - 4;

impl FromStr for PoolWish {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == AUTO {
            return Ok(Self::Auto);
        }
        let Some((first, last)) = text.split_once('-') else {
            return Err(format!(
                "write `{AUTO}`, or the first and the last address as in `2001:db8:1::1000-2001:db8:1::1fff`"
            ));
        };
        let (first, last) = (address(first)?, address(last)?);
        if first > last {
            return Err("it is upside down: exchange the two addresses".to_owned());
        }
        Ok(Self::Range(first, last))
    }
}

impl FromStr for PrefixWish {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (whole, parts) = match text.split_once(',') {
            Some((whole, parts)) => (whole, Some(parts)),
            None => (text, None),
        };
        let Some((start, length)) = whole.split_once('/') else {
            return Err("write a prefix with its length, as in `2001:db8:8000::/36`".to_owned());
        };
        let start = address(start)?;
        let length = number(length)?;
        let prefix = Prefix::new(start, length).ok_or("a prefix has 128 bits at most")?;
        if prefix.address() != start {
            return Err(format!(
                "{start} has bits beyond its prefix length: write {prefix}"
            ));
        }
        let parts = match parts {
            Some(parts) => number(parts)?,
            None if length <= SITES_LENGTH_MAX => SITE_LENGTH,
            None => LINK_LENGTH,
        };
        match parts {
            _ if parts > LINK_LENGTH => Err(format!(
                "no router can number a link with a /{parts}: delegate a /{LINK_LENGTH} at most, out of a shorter \
                 prefix"
            )),
            _ if parts < length => Err(format!("no /{parts} fits in {prefix}")),
            _ => Ok(Self {
                prefix,
                length: parts,
            }),
        }
    }
}

/// An address that a client can have.
fn address(text: &str) -> Result<Ipv6Addr, String> {
    let address: Ipv6Addr = text
        .parse()
        .map_err(|_| format!("`{}` is not an IPv6 address", text.escape_debug()))?;
    match address.octets()[0] {
        0x20..=0x3f | 0xfc | 0xfd => Ok(address),
        _ => Err(format!(
            "{address} is neither a global nor a unique local address"
        )),
    }
}

fn number(text: &str) -> Result<u8, String> {
    text.parse()
        .map_err(|_| format!("`{}` is not a prefix length", text.escape_debug()))
}

impl fmt::Display for PoolWish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str(AUTO),
            Self::Range(first, last) => write!(f, "{first}-{last}"),
        }
    }
}

impl fmt::Display for PrefixWish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.prefix, self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(text: &str) -> Result<String, String> {
        text.parse::<PoolWish>().map(|it| it.to_string())
    }

    fn pd(text: &str) -> Result<String, String> {
        text.parse::<PrefixWish>().map(|it| it.to_string())
    }

    #[test]
    fn a_pool_is_the_word_or_a_range() {
        assert_eq!(pool("auto"), Ok("auto".to_owned()));
        let range = "2001:db8:1::1000-2001:db8:1::1fff";
        assert_eq!(pool(range), Ok(range.to_owned()));
        assert_eq!(pool("fd00::1-fd00::1"), Ok("fd00::1-fd00::1".to_owned()));
        for (wrong, said) in [
            ("", "write `auto`"),
            ("Auto", "write `auto`"),
            ("2001:db8::/64", "write `auto`"),
            ("2001:db8::2-2001:db8::1", "upside down"),
            ("2001:db8::2-", "`` is not an IPv6 address"),
            ("192.0.2.1-192.0.2.9", "`192.0.2.1` is not an IPv6 address"),
            ("fe80::1-fe80::9", "neither a global"),
            ("2001:db8::1-ff02::1", "neither a global"),
        ] {
            let error = pool(wrong).expect_err("a mistake");
            assert!(error.contains(said), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_prefix_is_divided_into_sites_or_links_unless_it_says_otherwise() {
        for (text, meant) in [
            ("2001:db8::/32", "2001:db8::/32,56"),
            ("2001:db8:8000::/52", "2001:db8:8000::/52,56"),
            ("2001:db8:8000::/53", "2001:db8:8000::/53,64"),
            ("2001:db8:1:1::/64", "2001:db8:1:1::/64,64"),
            ("2001:db8::/32,48", "2001:db8::/32,48"),
            ("fd00:1::/48,48", "fd00:1::/48,48"),
        ] {
            assert_eq!(pd(text), Ok(meant.to_owned()));
        }
    }

    #[test]
    fn what_cannot_be_divided_is_refused() {
        for (wrong, said) in [
            ("2001:db8::", "with its length"),
            ("2001:db8::/", "`` is not a prefix length"),
            ("2001:db8::/129", "128 bits at most"),
            ("2001:db8::/300", "not a prefix length"),
            ("2001:db8::1/32", "write 2001:db8::/32"),
            ("2001:db8::/65", "fits in"),
            ("2001:db8::/48,40", "no /40 fits in 2001:db8::/48"),
            ("2001:db8::/48,72", "no router can number a link with a /72"),
            ("2001:db8::/48,", "not a prefix length"),
            ("fe80::/48", "neither a global"),
            ("::/0", "neither a global"),
        ] {
            let error = pd(wrong).expect_err("a mistake");
            assert!(error.contains(said), "{wrong}: {error}");
        }
    }
}
