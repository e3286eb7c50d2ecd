//! What a server does without a configuration file: the flags, the `resolv.conf` and the addresses of the interfaces
//! → the text of a configuration, and what to say about it.
//!
//! The text is in the language of `dhcp6s.conf` and is read like a file, so that it means what it would mean there,
//! and an operator can take it as the beginning of one.
//!
//! Not here: when there is no file, and where all that comes from (`reading`).

mod resolv_conf;
mod subnet;
mod wish;

pub use resolv_conf::{LEN_MAX, LeftOut, Resolvers, Why, read as read_resolv_conf};
pub use subnet::{OwnAddress, subnets};
pub use wish::{PoolWish, PrefixWish};

use crate::lease::Prefix;
use std::fmt::{Display, Write as _};
use std::net::Ipv6Addr;

/// The preferred and the valid lifetime of what is given, in seconds. Clients come back every half an hour, and so
/// learn soon that a provider has given the site another prefix.
const LIFETIMES_SECS: (u32, u32) = (3600, 7200);

/// What everything follows from.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The interfaces that are served, and the /64s that clients on each can have addresses of, the one to give from
    /// first.
    pub links: &'a [(String, Vec<Prefix>)],
    /// Where addresses come from.
    pub pool: Option<PoolWish>,
    /// Where prefixes come from.
    pub pd: Option<PrefixWish>,
    /// The DNS servers of the command line. They take the place of those of the resolv.conf.
    pub dns_servers: &'a [Ipv6Addr],
    /// What the resolv.conf says, or why that is not known.
    pub resolvers: Result<&'a Resolvers, &'a str>,
    /// The resolv.conf, for messages.
    pub resolv_conf: &'a str,
}

/// What a server does without a configuration file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unconfigured {
    /// The configuration. DNS servers of the command line are not in it.
    pub text: String,
    /// What it does, and how to get more: a line each.
    pub said: Vec<String>,
    /// Interfaces that addresses are wanted for and that have no /64.
    pub without_subnet: Vec<String>,
}

impl Unconfigured {
    /// What is wanted and cannot be given yet.
    pub fn warnings(&self) -> impl Iterator<Item = String> {
        self.without_subnet.iter().map(|name| {
            format!(
                "warning: no addresses are given on {name} before it has a global or unique local address with a \
                 prefix of length 64"
            )
        })
    }
}

/// Works out what a server does.
#[must_use]
pub fn make(known: &Known<'_>) -> Unconfigured {
    let mut maker = Maker {
        known,
        made: Unconfigured {
            text: String::new(),
            said: Vec::new(),
            without_subnet: Vec::new(),
        },
    };
    maker.dns_servers();
    maker.domains();
    maker.left_out();
    maker.links();
    maker.prefixes();
    maker.made
}

struct Maker<'a> {
    known: &'a Known<'a>,
    made: Unconfigured,
}

impl Maker<'_> {
    fn line(&mut self, text: impl Display) {
        // Writing to a `String` cannot fail.
        let _ = writeln!(self.made.text, "{text}");
    }

    fn say(&mut self, text: impl Display) {
        self.made.said.push(text.to_string());
    }

    fn dns_servers(&mut self) {
        let file = self.known.resolv_conf;
        match (self.known.dns_servers, self.known.resolvers) {
            (given @ [_, ..], _) => self.say(format_args!("DNS servers, by -n: {}", list(given))),
            (_, Err(why)) => self.say(format_args!(
                "DNS servers: none, because {file} cannot be read: {why}; -n ADDRESS names one"
            )),
            (_, Ok(resolvers)) if resolvers.servers.is_empty() => self.say(format_args!(
                "DNS servers: none, because {file} names none that clients can ask; -n ADDRESS names one"
            )),
            (_, Ok(resolvers)) => {
                let servers = list(&resolvers.servers);
                self.line(format_args!("option domain-name-servers {servers};"));
                self.say(format_args!("DNS servers, of {file}: {servers}"));
            }
        }
    }

    fn domains(&mut self) {
        let Ok(resolvers) = self.known.resolvers else {
            return;
        };
        for domain in &resolvers.domains {
            self.line(format_args!("option domain-name \"{domain}\";"));
        }
        if !resolvers.domains.is_empty() {
            let (file, domains) = (self.known.resolv_conf, list(&resolvers.domains));
            self.say(format_args!("search domains, of {file}: {domains}"));
        }
    }

    fn left_out(&mut self) {
        let Ok(resolvers) = self.known.resolvers else {
            return;
        };
        let is_said = |it: &&LeftOut| self.known.dns_servers.is_empty() || it.why == Why::NoName;
        let left_out: Vec<_> = resolvers.left_out.iter().filter(is_said).collect();
        for what in left_out {
            let file = self.known.resolv_conf;
            self.say(format_args!("not told to clients, of {file}: {what}"));
        }
    }

    /// The interfaces, with the pools that their clients get addresses from.
    fn links(&mut self) {
        let (preferred, valid) = LIFETIMES_SECS;
        for (name, subnets) in self.known.links {
            let range = match self.known.pool {
                None => None,
                Some(PoolWish::Range(first, last)) => Some((first, last)),
                Some(PoolWish::Auto) => subnets.first().copied().map(subnet::range),
            };
            let pool = format!("lan-{name}");
            if range.is_some() || self.known.pd.is_some() {
                self.line(format_args!("interface {name} {{"));
                if range.is_some() {
                    self.line(format_args!("    address-pool {pool} {preferred} {valid};"));
                }
                if self.known.pd.is_some() {
                    self.line(format_args!("    prefix-pool sites {preferred} {valid};"));
                }
                self.line("};");
            }
            match range {
                Some((first, last)) => {
                    self.line(format_args!("pool {pool} {{"));
                    self.line(format_args!("    range {first} to {last};"));
                    self.line("};");
                    self.say(format_args!("addresses on {name}: {first} to {last}"));
                }
                None if self.known.pool.is_some() => {
                    self.made.without_subnet.push(name.clone());
                }
                None => {}
            }
            let others: Vec<_> = match self.known.pool {
                Some(PoolWish::Auto) => subnets.iter().skip(1).collect(),
                Some(PoolWish::Range(..)) | None => Vec::new(),
            };
            if !others.is_empty() {
                self.say(format_args!(
                    "of {name}, too, and not given from, because a client gets one address: {}",
                    list(&others)
                ));
            }
        }
        if self.known.pool.is_none() {
            self.say("addresses: none; --pool auto gives them from the /64 of the interface");
        }
    }

    fn prefixes(&mut self) {
        match self.known.pd {
            None => self.say("prefixes: none; --pd PREFIX/LENGTH delegates parts of that"),
            Some(PrefixWish { prefix, length }) => {
                self.line("pool sites {");
                self.line(format_args!("    prefixes {prefix} length {length};"));
                self.line("};");
                self.say(format_args!("prefixes: each a /{length} of {prefix}"));
            }
        }
    }
}

fn list<T: Display>(values: &[T]) -> String {
    let values: Vec<String> = values.iter().map(T::to_string).collect();
    values.join(" ")
}

#[cfg(test)]
mod tests;
