//! Several servers on several links, and what happens to their interfaces.

use std::fmt;
use std::net::Ipv6Addr;

use schemars::JsonSchema;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::schema::Configuration;
use super::value::{Block, Hex, Several};
use super::words::nearest;
use super::{Link, Scenario, Step};
use crate::rig::bench::Place;
use crate::rig::{Change, Identity, Setup};

/// What a scenario with one server calls it.
pub const ONLY_SERVER: &str = "server";
/// So many servers can be told apart by the last octet of their hardware addresses, and none is taken for a client.
const SERVERS_MAX: usize = 100;

/// The servers of a scenario, in the order of the file.
///
/// The first has the DUID `00:03:00:01:02:00:00:00:00:01`, the link-local address `fe80::ff:fe00:1` and, on the first
/// link, `2001:db8:1::1/64`; the second `02`, `:2` and `::2` in these places, and so on; on the second link it would be
/// `2001:db8:2::2/64`.
#[derive(Clone, Debug, Default)]
pub struct Servers(pub Vec<Server>);

/// A server of a scenario with several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// What steps and transcripts call it.
    pub name: String,
    /// The text of its configuration.
    pub config: String,
    /// Its link, by its name; the first if absent.
    pub link: Option<String>,
    /// Its DUID.
    pub duid: Option<Vec<u8>>,
    /// Its addresses with their prefix lengths; the link-local one is always there.
    pub addresses: Option<Vec<Block>>,
}

/// What of a server is not as usual.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ServerFields {
    /// The text of its `dhcp6s.conf`, or `{ file: … }`; the interface is `eth0`.
    #[serde(default)]
    #[schemars(with = "Configuration")]
    config: String,
    /// The link that it is on; the first of `links` if absent.
    link: Option<String>,
    /// Its DUID in hexadecimal.
    duid: Option<Hex>,
    /// Its addresses with their prefix lengths; the link-local one is always there.
    addresses: Option<Vec<Block>>,
}

impl<'de> Deserialize<'de> for Servers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ServersVisitor;
        impl<'de> Visitor<'de> for ServersVisitor {
            type Value = Servers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("servers by name: `{ first: { config: … }, second: { config: … } }`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Servers, A::Error> {
                let mut servers = Vec::new();
                while let Some((name, written)) = map.next_entry::<String, ServerFields>()? {
                    servers.push(Server {
                        name,
                        config: written.config,
                        link: written.link,
                        duid: written.duid.map(|it| it.0),
                        addresses: written.addresses,
                    });
                }
                Ok(Servers(servers))
            }
        }
        deserializer.deserialize_map(ServersVisitor)
    }
}

/// `interface`: what happens to the interface of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceStep {
    /// The server, by its name; the first if absent.
    pub server: Option<String>,
    /// What happens.
    pub change: Change,
}

/// What can happen without more being said.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", rename = "state of an interface")]
#[schemars(rename = "InterfaceState")]
pub(super) enum State {
    /// It goes down, and loses its addresses.
    Down,
    /// It comes up again, with all of them.
    Up,
    /// It is deleted.
    Delete,
    /// It is made anew, with another index; the one that is there is deleted before.
    Recreate,
}

impl From<State> for Change {
    fn from(state: State) -> Self {
        match state {
            State::Down => Self::Down,
            State::Up => Self::Up,
            State::Delete => Self::Delete,
            State::Recreate => Self::Recreate,
        }
    }
}

/// One thing that happens, and to whom.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct InterfaceFields {
    /// The server; the first if absent.
    server: Option<String>,
    /// It goes down or up, is deleted, or made anew.
    state: Option<State>,
    /// It gets an address, with the length of its prefix.
    add: Option<Block>,
    /// Another host has the address that is added, and says so.
    #[serde(default)]
    taken: bool,
    /// It loses an address.
    remove: Option<Ipv6Addr>,
    /// The longest packet from then on, in octets: 1280 to 1500.
    mtu: Option<u32>,
}

/// The least that IPv6 needs (RFC 8200 §5), and the most that Ethernet carries.
const MTUS: std::ops::RangeInclusive<u32> = 1280..=1500;

impl InterfaceFields {
    fn change(&self) -> Result<Change, &'static str> {
        let one = "say one thing that happens: `state`, `add`, `remove` or `mtu`";
        if self.taken && self.add.is_none() {
            return Err("`taken` belongs to `add`");
        }
        match (self.state, self.add, self.remove, self.mtu) {
            (Some(state), None, None, None) => Ok(state.into()),
            (None, Some(block), None, None) => Ok(Change::Add {
                address: block.address,
                length: block.length.unwrap_or(128),
                taken: self.taken,
            }),
            (None, None, Some(address), None) => Ok(Change::Remove(address)),
            (None, None, None, Some(mtu)) if MTUS.contains(&mtu) => Ok(Change::Mtu(mtu)),
            (None, None, None, Some(_)) => Err("an MTU is 1280 to 1500 octets"),
            _ => Err(one),
        }
    }
}

impl<'de> Deserialize<'de> for InterfaceStep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StepVisitor;
        impl<'de> Visitor<'de> for StepVisitor {
            type Value = InterfaceStep;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`down`, `up`, `delete`, `recreate`, or `{ add: ADDRESS/LENGTH }`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<InterfaceStep, E> {
                let text = serde::de::value::StrDeserializer::new(text);
                State::deserialize(text).map(|state| InterfaceStep {
                    server: None,
                    change: state.into(),
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<InterfaceStep, A::Error> {
                let map = serde::de::value::MapAccessDeserializer::new(map);
                let fields = InterfaceFields::deserialize(map)?;
                let change = fields.change().map_err(A::Error::custom)?;
                Ok(InterfaceStep {
                    server: fields.server,
                    change,
                })
            }
        }
        deserializer.deserialize_any(StepVisitor)
    }
}

/// A server as transcripts know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// What it is called.
    pub name: String,
    /// The number of its link.
    pub link: u32,
    /// Who it is.
    pub identity: Identity,
    /// All addresses that it has at some time, but for the link-local one.
    pub addresses: Vec<Ipv6Addr>,
}

impl Scenario {
    /// What the rigs need to know before the servers start, in the order of the file.
    #[must_use]
    pub fn places(&self) -> Vec<Place> {
        let servers = self.servers.0.iter().enumerate();
        let mut places: Vec<Place> = servers.map(|(index, it)| self.place(index, it)).collect();
        if places.is_empty() {
            places.push(Place {
                link: 0,
                identity: Identity::default(),
                setup: self.setup(),
            });
        }
        places
    }

    fn place(&self, index: usize, server: &Server) -> Place {
        let number = u8::try_from(index + 1).unwrap_or(u8::MAX);
        let link = self.link_number(server.link.as_deref()).unwrap_or(0);
        let mut identity = Identity::numbered(number);
        if let Some(duid) = &server.duid {
            identity.duid.clone_from(duid);
        }
        let third = u16::try_from(link + 1).unwrap_or(u16::MAX);
        let usual = Ipv6Addr::new(0x2001, 0xdb8, third, 0, 0, 0, 0, u16::from(number));
        let written = server.addresses.as_ref();
        let addresses = written.map_or_else(
            || vec![(usual, 64)],
            |it| {
                it.iter()
                    .map(|it| (it.address, it.length.unwrap_or(128)))
                    .collect()
            },
        );
        Place {
            link,
            identity,
            setup: Setup {
                config: server.config.clone(),
                addresses,
            },
        }
    }

    /// The servers with the names that they have in transcripts.
    pub(crate) fn known_servers(&self) -> Vec<Known> {
        let places = self.places().into_iter().enumerate();
        let known = places.map(|(index, place)| {
            let server = self.servers.0.get(index);
            let mut addresses: Vec<Ipv6Addr> =
                place.setup.addresses.iter().map(|it| it.0).collect();
            let steps = self.cases().flat_map(|it| &it.steps);
            for step in steps {
                if let Step::Interface(step) = step
                    && let Change::Add { address, .. } = step.change
                    && self.server_index(step.server.as_deref()) == Some(index)
                {
                    addresses.push(address);
                }
            }
            Known {
                name: server.map_or(ONLY_SERVER, |it| &it.name).to_owned(),
                link: place.link,
                identity: place.identity,
                addresses,
            }
        });
        known.collect()
    }

    /// The index of the server that a step names: the first if it names none.
    pub(crate) fn server_index(&self, name: Option<&str>) -> Option<usize> {
        match name {
            None => Some(0),
            Some(name) => self.servers.0.iter().position(|it| it.name == name),
        }
    }

    /// Whether there are servers with names of their own, and so perhaps more than one.
    #[must_use]
    pub fn has_several_servers(&self) -> bool {
        !self.servers.0.is_empty()
    }

    /// The number of a link: the first if none is named. Where no links are declared, there is one without a name.
    pub(crate) fn link_number(&self, name: Option<&str>) -> Option<u32> {
        let Some(name) = name else { return Some(0) };
        let index = self.links.0.iter().position(|it| it == name)?;
        u32::try_from(index).ok()
    }

    /// What is wrong with servers and links, under which key; checked before the steps are.
    pub(super) fn topology_fault(&self) -> Option<(&'static str, String)> {
        let servers = &self.servers.0;
        let links = &self.links.0;
        let twice = |names: Vec<&str>| {
            let again =
                |(index, name): (usize, &&str)| names.iter().take(index).any(|it| it == name);
            let found = names.iter().enumerate().find(|it| again(*it));
            found.map(|(_, name)| format!("`{name}` stands twice: give one another name"))
        };
        if let Some(reason) = twice(links.iter().map(String::as_str).collect()) {
            return Some(("links", reason));
        }
        if !servers.is_empty() {
            if !self.config.is_empty() || self.link != Link::default() {
                let reason =
                    "with `servers`, each has its `config` and `addresses`: move those there";
                return Some(("servers", reason.to_owned()));
            }
            if !self.further.is_empty() || self.title.is_some() {
                let reason = "a scenario with `for` has one server: name it by `config` and `link`";
                return Some(("servers", reason.to_owned()));
            }
            if servers.len() > SERVERS_MAX {
                return Some(("servers", format!("there are more than {SERVERS_MAX}")));
            }
        }
        for server in servers {
            if let Err(reason) = self.know_link(server.link.as_deref()) {
                return Some(("servers", format!("{}: {reason}", server.name)));
            }
        }
        for client in &self.clients.0 {
            if let Err(reason) = self.know_link(client.link.as_deref()) {
                return Some(("clients", format!("{}: {reason}", client.name)));
            }
        }
        let places = self.places();
        let (mut seen, mut clash) = (Vec::new(), None);
        for (place, server) in places.iter().zip(servers) {
            for (address, _) in &place.setup.addresses {
                if seen.contains(&(place.link, *address)) {
                    let reason = format!("{}: {address} is another server's", server.name);
                    clash.get_or_insert(("servers", reason));
                }
                seen.push((place.link, *address));
            }
        }
        clash
    }

    /// What is wrong with the servers and links that a step names, and under which key.
    pub(super) fn check_places(&self, step: &Step) -> Result<(), (&'static str, String)> {
        let server = |name: &Option<String>| {
            let known = self.know_server(name.as_deref());
            known.map_err(|reason| ("server", reason))
        };
        let link = |name: &Option<String>| {
            let known = self.know_link(name.as_deref());
            known.map_err(|reason| ("on", reason))
        };
        match step {
            Step::Send(send) => link(&send.transport.on),
            Step::Exchange(exchange) => link(&exchange.on),
            Step::Remove(remove) => server(&remove.server),
            Step::Reload(reload) => server(&reload.server),
            Step::Crash(restart) | Step::Restart(restart) => server(&restart.server),
            Step::Interface(step) => server(&step.server),
            Step::Disk(_) if self.has_several_servers() => {
                let reason = "which disk? a scenario with a full disk has one server";
                Err(("disk", reason.to_owned()))
            }
            Step::Run(_) if self.has_several_servers() => {
                let reason = "beside which server? a scenario that runs a program has one server";
                Err(("run", reason.to_owned()))
            }
            Step::Expect(_)
            | Step::Advance(_)
            | Step::Retransmit(_)
            | Step::Faults(_)
            | Step::Save(_)
            | Step::Run(_)
            | Step::Disk(_) => Ok(()),
        }
    }

    /// An error unless there is such a link.
    fn know_link(&self, name: Option<&str>) -> Result<(), String> {
        let (Some(name), None) = (name, self.link_number(name)) else {
            return Ok(());
        };
        Err(unknown(
            "link",
            "links",
            name,
            self.links.0.iter().map(String::as_str),
        ))
    }

    /// An error unless there is such a server.
    fn know_server(&self, name: Option<&str>) -> Result<(), String> {
        let (Some(name), None) = (name, self.server_index(name)) else {
            return Ok(());
        };
        if self.servers.0.is_empty() {
            let hint = match nearest(name, std::iter::once(ONLY_SERVER)) {
                Some(near) => format!("; did you mean `{near}`?"),
                None => String::new(),
            };
            return Err(format!(
                "there is no server `{name}`: a scenario without `servers` has one, called `{ONLY_SERVER}`{hint}"
            ));
        }
        let names = self.servers.0.iter().map(|it| it.name.as_str());
        Err(unknown("server", "servers", name, names))
    }

    /// Why it can be played on the live rig alone, if so.
    #[must_use]
    pub fn only_live(&self) -> Option<&'static str> {
        let mut steps = self.cases().flat_map(|it| &it.steps);
        steps.find_map(|step| {
            if let Step::Run(_) = step {
                return Some("only live: it runs a program");
            }
            let Step::Interface(step) = step else {
                return None;
            };
            match step.change {
                Change::Down | Change::Up | Change::Delete | Change::Recreate => {
                    Some("only live: the engine sees no interface that comes and goes")
                }
                Change::Mtu(_) => Some("only live: the engine knows no MTU"),
                Change::Add { taken: true, .. } => {
                    Some("only live: the engine sees no address before it may be used")
                }
                Change::Add { .. } | Change::Remove(_) => None,
            }
        })
    }
}

fn unknown<'a>(
    what: &str,
    key: &str,
    name: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> String {
    let hint = match nearest(name, known.clone()) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => String::new(),
    };
    let known: Vec<&str> = known.collect();
    match known.is_empty() {
        true => format!("there is no {what} `{name}`: add it under `{key}`"),
        false => {
            let known = known.join(", ");
            format!(
                "there is no {what} `{name}`: add it under `{key}`, or use one of: {known}{hint}"
            )
        }
    }
}

/// Links by name: `[lan, guest]`.
pub type Links = Several<String>;

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const HEAD: &str = "why: it is a test\nrfc: [\"9915 §18\"]\nclients: { first: {} }\n";
    const STEPS: &str = "steps:\n  - exchange: { from: first }\n";

    fn parse(text: &str) -> Result<Scenario, String> {
        Scenario::parse(Path::new("x.yaml"), text).map_err(|it| it.to_string())
    }

    fn refusal(text: &str) -> String {
        parse(text).expect_err("it is wrong")
    }

    #[test]
    fn servers_have_numbers_links_and_addresses_that_follow_from_their_places() {
        let text = format!(
            "{HEAD}links: [lan, guest]\nservers:\n  one: {{}}\n  two: {{ link: guest, duid: \"00:04:05\" }}\n{STEPS}"
        );
        let places = parse(&text).expect("a scenario").places();
        assert_eq!(places.iter().map(|it| it.link).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(places[0].identity, Identity::numbered(1));
        assert_eq!(places[1].identity.duid, [0, 4, 5]);
        let address = "2001:db8:2::2".parse().expect("an address");
        assert_eq!(places[1].setup.addresses, [(address, 64)]);
    }

    #[test]
    fn a_scenario_without_servers_has_the_one_that_it_always_had() {
        let scenario = parse(&format!("{HEAD}config: \"option x;\"\n{STEPS}")).expect("a scenario");
        let [place] = <[Place; 1]>::try_from(scenario.places()).expect("one");
        assert_eq!(place.setup, scenario.setup());
        assert_eq!(place.identity, Identity::default());
    }

    #[test]
    fn a_link_or_server_that_is_not_there_is_named_with_those_that_are() {
        let text = format!("{HEAD}links: [lan]\nservers: {{ one: {{ link: lam }} }}\n{STEPS}");
        let error = refusal(&text);
        assert!(error.contains("there is no link `lam`"), "{error}");
        assert!(error.contains("did you mean `lan`?"), "{error}");
        let text = format!("{HEAD}servers: {{ one: {{}} }}\nsteps:\n  - crash: two\n");
        let error = refusal(&text);
        assert!(error.contains("there is no server `two`"), "{error}");
        let error = refusal(&format!("{HEAD}steps:\n  - crash: two\n"));
        assert!(error.contains("has one, called `server`"), "{error}");
    }

    #[test]
    fn what_belongs_to_a_server_does_not_stand_beside_servers() {
        let text = format!("{HEAD}config: \"x\"\nservers: {{ one: {{}} }}\n{STEPS}");
        assert!(refusal(&text).contains("move those there"));
    }

    #[test]
    fn no_two_servers_on_a_link_have_one_address() {
        let text = format!(
            "{HEAD}servers:\n  one: {{ addresses: [\"2001:db8::1/64\"] }}\n  two: {{ addresses: [\"2001:db8::1/64\"] }}\n{STEPS}"
        );
        assert!(refusal(&text).contains("two: 2001:db8::1 is another server's"));
    }

    #[test]
    fn a_scenario_that_no_rig_can_play_is_refused() {
        let text = format!("{HEAD}steps:\n  - interface: {{ state: down }}\n  - advance: 1h\n");
        let error = refusal(&text);
        assert!(
            error.contains("it can be played nowhere: only live: the engine sees no"),
            "{error}"
        );
        assert!(error.contains("only on sim: it lets more than"), "{error}");
    }

    #[test]
    fn one_thing_happens_to_an_interface_at_a_time() {
        for (step, reason) in [
            ("{ state: down, mtu: 1280 }", "say one thing that happens"),
            ("{}", "say one thing that happens"),
            ("{ mtu: 68 }", "an MTU is 1280 to 1500 octets"),
            ("{ state: up, taken: true }", "`taken` belongs to `add`"),
            ("sideways", "sideways"),
        ] {
            let error = refusal(&format!("{HEAD}steps:\n  - interface: {step}\n"));
            assert!(error.contains(reason), "{step}: {error}");
        }
    }
}
