//! What a server with this configuration does, in plain words.
//!
//! Not here: pools (`pools`), whether the configuration is right (`config`), and where the text goes (`super`).

use super::pools::Shown;
use super::words::{duration, lifetimes};
use crate::config::{Config, Host, Interface, Key, Lifetimes, Reservation, local};
use crate::engine::renewal;
use crate::lease::{Runs, Timestamp};
use crate::unconfigured::Unconfigured;
use crate::wire::{DomainName, Duid, OptionCode};
use std::collections::HashMap;
use std::fmt::{Display, Write as _};
use std::net::Ipv6Addr;

/// What is described.
pub(super) struct Subject<'a> {
    pub(super) config: &'a Config,
    /// The files that the configuration was read from.
    pub(super) files: &'a [String],
    /// The file that there could be and is not, and what takes its place.
    pub(super) instead: Option<(&'a str, &'a Unconfigured)>,
    /// The interfaces that are served; none for all that there are statements for.
    pub(super) served: &'a [String],
    /// The time, and the zone that times are said in.
    pub(super) now: &'a jiff::ZonedDateTime,
}

/// The description: paragraphs, each a heading with its lines set in below it.
pub(super) fn describe(subject: &Subject<'_>) -> String {
    let config = subject.config;
    let mut reserved = Runs::default();
    for host in &config.hosts {
        for reservation in host.addresses.iter().chain(&host.prefixes) {
            let (first, last) = reservation.prefix.bounds();
            reserved.insert(first, last);
        }
    }
    let mut text = Text {
        config,
        reserved,
        said: String::new(),
    };
    match subject.instead {
        Some((file, made)) => text.origin(file, made),
        None => text.files(subject.files),
    }
    if gives_nothing(config, subject.served) {
        text.heading(
            "There is nothing to give: clients are told that there are no addresses and no prefixes, and get \
             no options.",
        );
    }
    let shown = text.links(subject.served);
    text.other_pools(&shown, !subject.served.is_empty());
    text.hosts();
    text.options();
    text.keys(subject.now);
    if let Some((_, made)) = subject.instead
        && !made.text.is_empty()
    {
        text.heading("The same as a configuration file");
        made.text.lines().for_each(|it| text.line(it));
    }
    text.said
}

fn gives_nothing(config: &Config, served: &[String]) -> bool {
    let given = |lifetimes: Lifetimes| lifetimes.valid_secs > 0;
    let mut links = config
        .interfaces
        .iter()
        .filter(|it| served.is_empty() || served.contains(&it.name));
    let pooled = links.any(|it| {
        let mut pools = it.pool.iter().chain(&it.prefix_pool);
        pools.any(|it| given(it.lifetimes))
    });
    let hosts = config.hosts.iter().filter(|it| it.duid.is_some());
    let mut hosted = hosts.flat_map(|host| {
        let reserved = host.addresses.iter().chain(&host.prefixes);
        let of_pools = host.pool.iter().chain(&host.prefix_pool);
        let of_pools = of_pools.map(|it| it.lifetimes);
        reserved.map(|it| it.lifetimes).chain(of_pools)
    });
    !pooled && !hosted.any(given) && options(config).next().is_none()
}

pub(super) struct Text<'a> {
    pub(super) config: &'a Config,
    /// What belongs to hosts, their prefixes included, and comes out of no pool.
    pub(super) reserved: Runs,
    said: String,
}

impl<'a> Text<'a> {
    pub(super) fn heading(&mut self, text: &str) {
        if !self.said.is_empty() {
            self.said.push('\n');
        }
        self.said.push_str(text);
        self.said.push('\n');
    }

    pub(super) fn line(&mut self, text: impl Display) {
        // Writing to a `String` cannot fail.
        let _ = writeln!(self.said, "  {text}");
    }

    fn origin(&mut self, file: &str, made: &Unconfigured) {
        self.heading(&format!(
            "There is no configuration ({file}). Without one, clients get:"
        ));
        made.said.iter().for_each(|it| self.line(it));
    }

    fn files(&mut self, files: &[String]) {
        let shown: Vec<String> = files
            .iter()
            .map(|name| name.escape_debug().to_string())
            .collect();
        match shown.as_slice() {
            [] => self.heading("The configuration is empty: there is no file."),
            names => {
                let names = names.join(", ");
                self.heading(&format!(
                    "The configuration can be used. It was read from {names}."
                ));
            }
        }
    }

    /// The links, and the pools that were described with them.
    fn links(&mut self, served: &[String]) -> Shown {
        let mut shown = Shown::default();
        const NONE: &str = "No statement: no addresses but those of hosts.";
        for interface in &self.config.interfaces {
            if served.is_empty() || served.contains(&interface.name) {
                self.link(interface);
                shown.note(interface);
            }
        }
        for name in served {
            if !self.config.interfaces.iter().any(|it| it.name == *name) {
                self.heading(&format!("Link {name}"));
                self.line(NONE);
            }
        }
        if served.is_empty() && self.config.interfaces.is_empty() {
            self.heading("Any link");
            self.line(NONE);
        }
        shown
    }

    fn link(&mut self, interface: &Interface) {
        self.heading(&format!("Link {}", interface.name));
        let pool = interface
            .pool
            .and_then(|it| Some((self.config.pools.get(it.pool)?, it.lifetimes)));
        match pool {
            None => self.line("Addresses: none but those of hosts."),
            Some((pool, lifetimes)) if lifetimes.valid_secs == 0 => self.line(format_args!(
                "Addresses: none but those of hosts, for pool {} has a valid lifetime of 0.",
                pool.name
            )),
            Some((pool, lifetimes)) => {
                let range = self.range(pool);
                self.line(format_args!("Addresses: pool {}, {range}.", pool.name));
                self.line(format_args!("Lifetimes: {}.", times(lifetimes)));
            }
        }
        self.prefixes(interface.prefix_pool, "Prefixes");
        match interface.preference {
            None => self.line("Preference: not sent, which counts as 0."),
            Some(255) => self.line("Preference: 255; clients take the offer at once."),
            Some(preference) => self.line(format_args!("Preference: {preference}.")),
        }
        self.line(match interface.rapid_commit {
            true => "Rapid commit: allowed; clients that ask for it get a Reply to their Solicit.",
            false => "Rapid commit: not allowed.",
        });
    }

    fn hosts(&mut self) {
        let mut known: HashMap<Duid, &str> = HashMap::new();
        for host in &self.config.hosts {
            let Some(duid) = host.duid else {
                self.heading(&format!("Host {}", host.name));
                self.line("Not used: it has no DUID.");
                continue;
            };
            self.heading(&format!("Host {}, client {duid}, on every link", host.name));
            match known.get(&duid) {
                Some(first) => {
                    self.line(format_args!(
                        "Not used: host {first} is about the same client."
                    ));
                }
                None => {
                    known.insert(duid, &host.name);
                    self.host(host);
                }
            }
        }
    }

    fn host(&mut self, host: &Host) {
        for (what, reservations) in [("Address", &host.addresses), ("Prefix", &host.prefixes)] {
            for Reservation { prefix, lifetimes } in reservations {
                match lifetimes.valid_secs {
                    0 => self.line(format_args!(
                        "{what} {prefix}: given to nobody, for its valid lifetime is 0."
                    )),
                    _ => self.line(format_args!("{what} {prefix}: {}.", times(*lifetimes))),
                }
            }
        }
        if let Some(pool_use) = host.pool
            && let Some(pool) = self.config.pools.get(pool_use.pool)
        {
            let further = match host.addresses.is_empty() {
                true => "Addresses",
                false => "Further addresses",
            };
            let times = times(pool_use.lifetimes);
            self.line(format_args!("{further}: pool {}; {times}.", pool.name));
        }
        self.prefixes(
            host.prefix_pool,
            match host.prefixes.is_empty() {
                true => "Prefixes",
                false => "Further prefixes",
            },
        );
        if let Some(key_use) = host.key
            && let Some(key) = self.config.keys.get(key_use.key)
        {
            let when = match key_use.required {
                true => "messages without authentication are refused",
                false => "needed once the client has authenticated",
            };
            self.line(format_args!("Key: {}; {when}.", key.name));
        }
    }

    fn options(&mut self) {
        let lines: Vec<String> = options(self.config).collect();
        let refresh = self.config.options.refresh_time_secs;
        if !lines.is_empty() {
            self.heading("Options, for clients that ask for them or do not say what they want");
            lines.iter().for_each(|line| self.line(line));
        }
        if let Some(secs) = refresh {
            self.heading("Refresh time, in Replies to Information-request");
            let code = OptionCode::REFRESH_TIME.0;
            self.line(format_args!("{code} refreshtime: {}", duration(secs)));
        }
    }

    fn keys(&mut self, now: &jiff::ZonedDateTime) {
        let mut users: HashMap<usize, Vec<&'a str>> = HashMap::new();
        for host in &self.config.hosts {
            if let Some(key_use) = host.key {
                users.entry(key_use.key).or_default().push(&host.name);
            }
        }
        for (number, key) in self.config.keys.iter().enumerate() {
            self.key(key, users.get(&number).map_or(&[], Vec::as_slice), now);
        }
    }

    fn key(&mut self, key: &Key, users: &[&str], now: &jiff::ZonedDateTime) {
        self.heading(&format!("Key {}", key.name));
        let realm = String::from_utf8_lossy(&key.realm);
        let realm = realm.escape_debug();
        self.line(format_args!("Realm \"{realm}\", number {}.", key.id));
        match key.expires {
            Timestamp::NEVER => self.line("Never ends."),
            expires => self.line(format_args!("Ends on {}.", local(expires, now))),
        }
        match users {
            [] => self.line("Used by no host."),
            users => self.line(format_args!("Used by: {}.", users.join(", "))),
        }
    }
}

/// The lifetimes of a lease, and when its client comes back.
pub(super) fn times(of: Lifetimes) -> String {
    let times = renewal(std::iter::once(of));
    let lifetimes = lifetimes(of);
    match times.t1 {
        Timestamp::INFINITY_SECS => format!("{lifetimes}; never renewed"),
        t1 => {
            let (t1, t2) = (duration(t1), duration(times.t2));
            format!("{lifetimes}; renewed after {t1} (T1), rebound after {t2} (T2)")
        }
    }
}

/// The options that are set, one line each.
fn options(config: &Config) -> impl Iterator<Item = String> {
    let options = &config.options;
    let addresses = |list: &[Ipv6Addr]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    let names = |list: &[DomainName]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    [
        (
            OptionCode::SIP_SERVER_NAMES,
            "sip-server-domain-name",
            names(&options.sip_names),
        ),
        (
            OptionCode::SIP_SERVER_ADDRESSES,
            "sip-server-address",
            addresses(&options.sip_addresses),
        ),
        (
            OptionCode::DNS_SERVERS,
            "domain-name-servers",
            addresses(&options.dns_servers),
        ),
        (
            OptionCode::DOMAIN_LIST,
            "domain-name",
            names(&options.domain_list),
        ),
        (
            OptionCode::NIS_SERVERS,
            "nis-server-address",
            addresses(&options.nis_servers),
        ),
        (
            OptionCode::NISP_SERVERS,
            "nisp-server-address",
            addresses(&options.nisp_servers),
        ),
        (
            OptionCode::NIS_DOMAIN,
            "nis-domain-name",
            names(&options.nis_domains),
        ),
        (
            OptionCode::NISP_DOMAIN,
            "nisp-domain-name",
            names(&options.nisp_domains),
        ),
        (
            OptionCode::SNTP_SERVERS,
            "ntp-servers",
            addresses(&options.ntp_servers),
        ),
        (
            OptionCode::BCMCS_NAMES,
            "bcmcs-server-domain-name",
            names(&options.bcmcs_names),
        ),
        (
            OptionCode::BCMCS_ADDRESSES,
            "bcmcs-server-address",
            addresses(&options.bcmcs_addresses),
        ),
    ]
    .into_iter()
    .filter(|(_, _, values)| !values.is_empty())
    .map(|(code, keyword, values)| {
        let also = match code {
            OptionCode::SNTP_SERVERS => "; also as option 56, for clients that ask for that",
            _ => "",
        };
        format!("{} {keyword}: {}{also}", code.0, values.join(" "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load, utc};
    use std::io;

    fn described(text: &str, served: &[&str]) -> String {
        let served: Vec<String> = served.iter().map(|it| (*it).to_owned()).collect();
        let sources = Sources {
            read: &|path| match path {
                "F" => Ok(text.as_bytes().to_vec()),
                _ => Err(io::ErrorKind::NotFound.into()),
            },
            interface_exists: &|_| true,
            addresses_of: &|_| Some(Vec::new()),
            now: utc(Timestamp(0)),
        };
        let loaded = load("F", &sources).expect("a configuration");
        describe(&Subject {
            config: &loaded.config,
            files: &loaded.files,
            instead: None,
            served: &served,
            now: &sources.now,
        })
    }

    const FULL: &str = "
option domain-name-servers 2001:db8:1::53 2001:db8:2::53;
option domain-name \"example.net\";
option ntp-servers 2001:db8:1::123;
option refreshtime 7200;
interface eth0 { address-pool lan 3600 7200; allow rapid-commit; preference 255; };
interface eth1 { preference 7; };
pool lan { range 2001:db8:1::1000 to 2001:db8:1::ffff; };
pool staff { range 2001:db8:2:: to 2001:db8:2:0:ffff:ffff:ffff:ffff; };
pool spare { range 2001:db8:3::1 to 2001:db8:3::1; };
host router { duid 00:03:00:01:0a; prefix 2001:db8:d00::/56 infinity; delayedkey branch required; };
host twin { duid 00:03:00:01:0a; prefix 2001:db8:e00::/56 600; };
host mail {
    duid 00:03:00:01:0b; address 2001:db8:1::1025 600 86400; address-pool staff 60 3601; delayedkey branch;
};
host nobody { address 2001:db8:1::26 600; };
host gone { duid 00:03:00:01:0c; address 2001:db8:1::27 0; };
keyinfo branch {
    realm \"branch.example\"; keyid 4096; secret \"c2VjcmV0\"; expire \"2030-12-31 23:59\";
};
keyinfo spare { realm \"\"; keyid 1; secret \"c2VjcmV0\"; };
";

    #[test]
    fn all_that_a_server_does_is_told() {
        assert_eq!(
            described(FULL, &[]),
            "\
The configuration can be used. It was read from F.

Link eth0
  Addresses: pool lan, 61440 addresses from 2001:db8:1::1000 to 2001:db8:1::ffff, 1 of them kept for hosts.
  Lifetimes: 1 h preferred, 2 h valid; renewed after 30 min (T1), rebound after 48 min (T2).
  Preference: 255; clients take the offer at once.
  Rapid commit: allowed; clients that ask for it get a Reply to their Solicit.

Link eth1
  Addresses: none but those of hosts.
  Preference: 7.
  Rapid commit: not allowed.

Pool staff
  Addresses: 2^64 addresses from 2001:db8:2:: to 2001:db8:2:0:ffff:ffff:ffff:ffff.
  Used by hosts alone.

Pool spare
  Addresses: 1 address from 2001:db8:3::1 to 2001:db8:3::1.
  Not used: no `address-pool` names it.

Host router, client 00:03:00:01:0a, on every link
  Prefix 2001:db8:d00::/56: for ever preferred and valid; never renewed.
  Key: branch; messages without authentication are refused.

Host twin, client 00:03:00:01:0a, on every link
  Not used: host router is about the same client.

Host mail, client 00:03:00:01:0b, on every link
  Address 2001:db8:1::1025: 10 min preferred, 1 day valid; renewed after 5 min (T1), rebound after 8 min (T2).
  Further addresses: pool staff; 1 min preferred, 1 h 1 s valid; renewed after 30 s (T1), rebound after 48 s (T2).
  Key: branch; needed once the client has authenticated.

Host nobody
  Not used: it has no DUID.

Host gone, client 00:03:00:01:0c, on every link
  Address 2001:db8:1::27: given to nobody, for its valid lifetime is 0.

Options, for clients that ask for them or do not say what they want
  23 domain-name-servers: 2001:db8:1::53 2001:db8:2::53
  24 domain-name: example.net
  31 ntp-servers: 2001:db8:1::123; also as option 56, for clients that ask for that

Refresh time, in Replies to Information-request
  32 refreshtime: 2 h

Key branch
  Realm \"branch.example\", number 4096.
  Ends on 2030-12-31 23:59 UTC.
  Used by: router, mail.

Key spare
  Realm \"\", number 1.
  Never ends.
  Used by no host.
"
        );
    }

    #[test]
    fn pools_of_prefixes_are_told() {
        let text = "
interface eth0 { prefix-pool sites 3600 7200; };
interface eth1 { prefix-pool links 0; };
pool sites { prefixes 2001:db8:8000::/36 length 56; };
pool links { prefixes 2001:db8:4000::/64 length 64; };
pool spare { prefixes 2001:db8:5000::/48 length 64; };
host router {
    duid 00:03:00:01:0a; prefix 2001:db8:8000::/56 600; prefix-pool spare infinity;
};
";
        let said = described(text, &["eth0"]);
        for line in [
            "  Prefixes: pool sites, 1048576 of length 56 in 2001:db8:8000::/36, some of them kept for hosts or in use.",
            "  Lifetimes: 1 h preferred, 2 h valid; renewed after 30 min (T1), rebound after 48 min (T2).",
            "  Further prefixes: pool spare, 65536 of length 64 in 2001:db8:5000::/48.",
            "  Lifetimes: for ever preferred and valid; never renewed.",
        ] {
            assert!(said.lines().any(|it| it == line), "{line} in {said}");
        }
        assert!(!said.contains("There is nothing to give"), "{said}");
        let said = described(text, &[]);
        assert!(
            said.contains(
                "Prefixes: none but those of hosts, for pool links has a valid lifetime of 0."
            ),
            "{said}"
        );
        let unused = described("pool p { prefixes 2001:db8::/64 length 64; };", &[]);
        assert!(
            unused.contains("Pool p\n  Prefixes: 1 of length 64 in 2001:db8::/64.\n  Not used"),
            "{unused}"
        );
    }

    #[test]
    fn one_link_is_told_without_the_others() {
        let said = described(FULL, &["eth1"]);
        assert!(
            said.contains("Link eth1\n") && !said.contains("Link eth0"),
            "{said}"
        );
        assert!(
            said.contains("Pool staff\n") && !said.contains("Pool lan"),
            "{said}"
        );
        assert!(
            described(FULL, &["eth9"])
                .contains("Link eth9\n  No statement: no addresses but those of hosts.\n")
        );
    }

    #[test]
    fn several_links_are_told() {
        let said = described(FULL, &["eth9", "eth0", "eth1"]);
        let told = |name: &str| said.matches(&format!("Link {name}\n")).count();
        assert_eq!(
            (told("eth0"), told("eth1"), told("eth9")),
            (1, 1, 1),
            "{said}"
        );
    }

    #[test]
    fn what_hosts_keep_from_a_pool_is_told_by_addresses_and_prefixes() {
        let range = |hosts: &str| {
            let pool = "pool p { range 2001:db8::1000 to 2001:db8::1fff; };";
            let said = described(
                &format!("interface e {{ address-pool p 9; }}; {pool} {hosts}"),
                &[],
            );
            let line = said
                .lines()
                .find(|it| it.contains("pool p"))
                .map(str::to_owned);
            let line = line.expect("a line about the pool");
            let (_, kept) = line.split_once("2001:db8::1fff").expect("a range");
            kept.to_owned()
        };
        let host =
            |name: &str, what: &str| format!("host {name} {{ duid 00:01:0{name}; {what} }};");
        assert_eq!(range(&host("1", "prefix 2001:db8::2000/116 9;")), ".");
        let address = host("1", "address 2001:db8::1001 9;");
        assert_eq!(range(&address), ", 1 of them kept for hosts.");
        // One that two hosts have is one.
        let both = address.clone()
            + &host(
                "2",
                "address 2001:db8::1001 9; prefix 2001:db8::1f00/120 9;",
            );
        assert_eq!(range(&both), ", 257 of them kept for hosts.");
        assert_eq!(
            range(&host("1", "prefix 2001:db8::/64 9;")),
            ", all of them kept for hosts, so that nobody gets any."
        );
    }

    #[test]
    fn nothing_to_give_is_told() {
        const NOTHING: &str = "There is nothing to give";
        assert!(described("", &[]).contains(NOTHING));
        let pool = "pool p { range ::1 to ::2; }; interface e { address-pool p ";
        assert!(described(&format!("{pool} 0; }};"), &[]).contains(NOTHING));
        assert!(!described(&format!("{pool} 1; }};"), &[]).contains(NOTHING));
        assert!(described(&format!("{pool} 1; }};"), &["f"]).contains(NOTHING));
        let host = "address 2001:db8::1 1; };";
        assert!(described(&format!("host h {{ {host}"), &[]).contains(NOTHING));
        assert!(!described(&format!("host h {{ duid 00:01:02; {host}"), &[]).contains(NOTHING));
        assert!(!described("option nis-domain-name \"a\";", &["f"]).contains(NOTHING));
    }
}
