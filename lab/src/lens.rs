//! A lens leaves out what is different everywhere, so that two servers can be compared on the rest.
//!
//! Every rule is about one value of an answer and no more: what it does not name stays as it was.

use std::net::{Ipv6Addr, SocketAddrV6};

use crate::compose::SERVER_PORT;

/// Something that is different in every scenario where it can be seen, and is told once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// From which port answers leave.
    AnswerPort,
    /// The text of a status.
    StatusText,
    /// Which of the ordinary addresses of a pool a lease is.
    PoolAddress,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::AnswerPort, Self::StatusText, Self::PoolAddress];
}

/// Ports from here on are what a system gives to a socket that asks for none.
const FIRST_UNPRIVILEGED_PORT: u16 = 1024;

/// What transcripts are read through.
#[derive(Clone, Debug, Default)]
pub struct Lens {
    rules: Vec<Rule>,
    pools: Pools,
    /// Addresses of pools in the order in which they appeared.
    leased: Vec<Ipv6Addr>,
}

impl Lens {
    /// A lens with these rules, for servers with these pools.
    #[must_use]
    pub fn new(rules: &[Rule], pools: Pools) -> Self {
        Self {
            rules: rules.to_vec(),
            pools,
            leased: Vec::new(),
        }
    }

    fn has(&self, rule: Rule) -> bool {
        self.rules.contains(&rule)
    }

    /// Where an answer comes from: port 547, if the system chose the port.
    #[must_use]
    pub fn answer_source(&self, source: SocketAddrV6) -> SocketAddrV6 {
        let mut source = source;
        if self.has(Rule::AnswerPort) && source.port() >= FIRST_UNPRIVILEGED_PORT {
            source.set_port(SERVER_PORT);
        }
        source
    }

    /// The text of a status: none.
    #[must_use]
    pub fn status_text<'a>(&self, text: &'a str) -> &'a str {
        match self.has(Rule::StatusText) {
            true => "",
            false => text,
        }
    }

    /// A leased or wished-for address: its pool, and its number in order of appearance. One that no server
    /// should choose, or that the configuration names, is not an ordinary address of its pool, and stays.
    pub fn lease(&mut self, address: Ipv6Addr) -> String {
        let pool = self.pools.ordinary(address);
        let Some((first, last)) = pool.filter(|_| self.has(Rule::PoolAddress)) else {
            return address.to_string();
        };
        let known = self.leased.iter().position(|it| *it == address);
        let index = known.unwrap_or_else(|| {
            self.leased.push(address);
            self.leased.len() - 1
        });
        format!("<{first} to {last} #{}>", index + 1)
    }
}

/// The pools of a server, as far as one of their addresses is as good as another.
#[derive(Clone, Debug, Default)]
pub struct Pools {
    ranges: Vec<(Ipv6Addr, Ipv6Addr)>,
    /// Addresses that mean something else as well.
    special: Vec<Ipv6Addr>,
}

impl Pools {
    /// The pools in these configurations; `own` are the server's addresses.
    #[must_use]
    pub fn new<'a>(
        configurations: impl Iterator<Item = &'a str>,
        own: impl Iterator<Item = Ipv6Addr>,
    ) -> Self {
        let mut pools = Self {
            ranges: Vec::new(),
            special: own.collect(),
        };
        for text in configurations {
            pools.read(text);
        }
        pools
    }

    fn read(&mut self, text: &str) {
        let text: String = text
            .lines()
            .map(|line| line.split('#').next().unwrap_or_default())
            .flat_map(|line| [line, " "])
            .collect();
        let words: Vec<&str> = text
            .split([' ', '\t', ';', '{', '}'])
            .filter(|word| !word.is_empty())
            .collect();
        for words in words.windows(4) {
            if let ["range", first, "to", last] = words
                && let (Ok(first), Ok(last)) = (first.parse(), last.parse())
                && !self.ranges.contains(&(first, last))
            {
                self.ranges.push((first, last));
            }
        }
        for words in words.windows(2) {
            if let ["address", address] = words {
                self.special.extend(address.parse::<Ipv6Addr>());
            }
        }
    }

    /// The pool that the address is in, if it is like the others there.
    fn ordinary(&self, address: Ipv6Addr) -> Option<(Ipv6Addr, Ipv6Addr)> {
        if self.special.contains(&address) || is_reserved(address) {
            return None;
        }
        let mut pools = self.ranges.iter().copied();
        pools.find(|(first, last)| (*first..=*last).contains(&address))
    }
}

/// Whether the interface identifier is one that belongs to no host (RFC 5453): the subnet-router anycast
/// address, those of the IANA's Ethernet block, and the reserved anycast addresses.
fn is_reserved(address: Ipv6Addr) -> bool {
    let [.., a, b, c, d] = address.segments();
    matches!(
        (a, b, c, d),
        (0, 0, 0, 0)
            | (0x0200, 0x5eff, 0xfe00..=0xfeff, _)
            | (0xfdff, 0xffff, 0xffff, 0xff80..=0xffff)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "interface eth0 { address-pool lan 3600 7200; };\n\
        pool lan { range 2001:db8:1::0 to 2001:db8:1::ff; }; # range 2001:db8:2::1 to 2001:db8:2::2\n\
        host h { duid 00:01:02; address 2001:db8:1::19 infinity; };\n";

    fn ip(text: &str) -> Ipv6Addr {
        text.parse().expect("an address")
    }

    fn lens(rules: &[Rule]) -> Lens {
        let own = std::iter::once(ip("2001:db8:1::1"));
        Lens::new(rules, Pools::new(std::iter::once(CONFIG), own))
    }

    #[test]
    fn ordinary_addresses_are_called_by_pool_and_order_of_appearance() {
        let mut lens = lens(&Rule::ALL);
        let names =
            ["2001:db8:1::20", "2001:db8:1::17", "2001:db8:1::20"].map(|it| lens.lease(ip(it)));
        let name = |number| format!("<2001:db8:1:: to 2001:db8:1::ff #{number}>");
        assert_eq!(names, [name(1), name(2), name(1)]);
    }

    #[test]
    fn addresses_that_mean_something_or_are_in_no_pool_stay() {
        let mut lens = lens(&Rule::ALL);
        // The anycast address, the server's own, a reserved one, one behind the pool, and one in a comment.
        for text in [
            "2001:db8:1::",
            "2001:db8:1::1",
            "2001:db8:1::19",
            "2001:db8:1::100",
            "2001:db8:2::1",
        ] {
            assert_eq!(lens.lease(ip(text)), text);
        }
        assert!(is_reserved(ip("2001:db8::fdff:ffff:ffff:ff80")));
        assert!(is_reserved(ip("2001:db8::200:5eff:fe12:3456")));
    }

    #[test]
    fn two_pools_are_told_apart() {
        let other = "pool lan { range 2001:db8:1::200 to 2001:db8:1::2ff; };";
        let pools = Pools::new([CONFIG, other].into_iter(), std::iter::empty());
        let mut lens = Lens::new(&Rule::ALL, pools);
        let (old, new) = (
            lens.lease(ip("2001:db8:1::20")),
            lens.lease(ip("2001:db8:1::220")),
        );
        assert!(old.contains("::ff") && new.contains("::2ff"), "{old} {new}");
    }

    #[test]
    fn only_a_port_that_the_system_chose_is_left_out_and_never_the_address() {
        let from = |port| SocketAddrV6::new(ip("2001:db8:1::1"), port, 0, 0);
        let lens = lens(&Rule::ALL);
        assert_eq!(lens.answer_source(from(49_152)), from(SERVER_PORT));
        assert_eq!(lens.answer_source(from(546)), from(546));
    }

    #[test]
    fn a_rule_that_is_not_in_the_lens_leaves_out_nothing() {
        let mut lens = lens(&[]);
        assert_eq!(lens.lease(ip("2001:db8:1::20")), "2001:db8:1::20");
        assert_eq!(lens.status_text("all gone"), "all gone");
        let source = SocketAddrV6::new(ip("fe80::1"), 49_152, 0, 0);
        assert_eq!(lens.answer_source(source), source);
    }
}
