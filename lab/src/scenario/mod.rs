//! The YAML model of a scenario: what the file says, and nothing about what becomes of it.
//!
//! Unknown keys are refused, so that a slip of the pen is not a test that tests nothing. What a key means
//! is told here, field by field; how messages are made of them is `compose`.

mod authentication;
pub(crate) mod document;
mod expect;
mod fault;
mod load;
pub mod model;
mod operation;
mod program;
mod save;
mod schema;
mod step;
mod topology;
mod value;
pub(crate) mod words;

pub use authentication::Authentication;
pub use expect::{
    DROP_LABELS, Expect, Expected, Seconds, Status, Wanted, WantedIa, WantedLease, WantedOption,
    WantedOptions,
};
pub use fault::{Fault, Kind as FaultKind, Part, Side};
pub use load::{Error, step_places};
pub use model::Model;
pub use operation::{Reload, Remove, Restart, Retransmit};
pub use program::{Program, Side as ProgramSide};
pub use save::{Save, Saved};
pub use schema::schema;
pub use step::{
    Exchange, Fields, Hop, Ia, Lease, Message, RawOption, Send, Source, Step, Target, Transport,
};
pub use topology::{InterfaceStep, Known, Links, ONLY_SERVER, Server, Servers};
pub use value::{Block, Code, Elapsed, Hex, Identifier, MessageType, Opaque, Several, Span, Wish};

use std::borrow::Cow;
use std::fmt;
use std::net::Ipv6Addr;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use self::document::Values;
use crate::authentication::Key;
use crate::rig::Setup;

/// One scenario: a server, its clients, and what happens between them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What the scenario shows, so that a reader can judge the snapshot.
    pub why: String,
    /// The sections that it is about: `9915 §18.3.2`.
    pub rfc: Vec<String>,
    /// The requirements that it shows, by their names in `lab/conformance.yaml`: `SOL-6`.
    #[serde(default)]
    pub covers: Several<String>,
    /// What the original server does differently, and why this one does not; nothing, if they do the same.
    #[serde(default)]
    pub differs: Several<String>,
    /// What is a choice of this server's where RFCs leave several ways: other servers may go another way.
    #[serde(default)]
    pub choice: Several<String>,
    /// What is typical of a client that this scenario is about, under the name of the file.
    #[serde(default)]
    pub model: Option<Model>,
    /// The text of `dhcp6s.conf`, or `{ file: … }`; the interface is `eth0`.
    #[serde(default)]
    #[schemars(with = "schema::Configuration")]
    pub config: String,
    /// The server's place on the link.
    #[serde(default)]
    pub link: Link,
    /// The servers, where there are several, in the order of the file; `config` and `link` are of the only one
    /// otherwise.
    #[serde(default)]
    pub servers: Servers,
    /// The links, by name, where there are several. Servers and clients are on the first one if they do not say.
    #[serde(default)]
    pub links: Links,
    /// The clients, in the order of the file.
    #[serde(default)]
    pub clients: Clients,
    /// What chance on the link depends on: the same seed, the same faults.
    #[serde(default)]
    pub seed: u64,
    /// What happens, in order.
    // They are read one by one, as each may use what those before it have saved.
    #[serde(deserialize_with = "read_later")]
    pub steps: Vec<Step>,
    /// The steps as they are written, as far as they use saved values.
    #[serde(skip)]
    late: Vec<Option<Late>>,
    /// The values of the parameters, if there are any: `type=renew lifetime=60`.
    #[serde(skip)]
    pub title: Option<String>,
    /// The same scenario with the other values of its parameters, each for a server of its own.
    #[serde(skip)]
    pub further: Vec<Self>,
    /// What steps and configuration are played with: `name: [value, …]`. Every combination is played on a server
    /// of its own.
    // This key and the next are dealt with before the rest is read.
    #[serde(default, rename = "for")]
    #[schemars(with = "schema::Parameters")]
    _parameters: serde::de::IgnoredAny,
    /// Files with further configuration, clients and steps, which come ahead of those here.
    #[serde(default, rename = "include")]
    #[schemars(with = "Several<String>")]
    _include: serde::de::IgnoredAny,
}

fn read_later<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Step>, D::Error> {
    serde::de::IgnoredAny::deserialize(deserializer)?;
    Ok(Vec::new())
}

/// So often a client can send a message again where time is real: before the third time it waits for more than 5 s.
pub const PATIENT_TIMES: u32 = 2;

/// A step that can be read only when the values are there that it uses.
#[derive(Clone, Debug)]
struct Late {
    written: document::Node,
    parameters: Values,
}

/// The server's place on the link.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// The server's addresses with their prefix lengths; the link-local one is always there.
    pub addresses: Vec<Block>,
}

impl Default for Link {
    fn default() -> Self {
        let address = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1);
        Self {
            addresses: vec![Block {
                address,
                length: Some(64),
            }],
        }
    }
}

/// A client on the link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// What steps and transcripts call it.
    pub name: String,
    /// Its DUID.
    pub duid: Vec<u8>,
    /// Its link-local address.
    pub address: Ipv6Addr,
    /// What it authenticates its messages with.
    pub key: Option<Key>,
    /// Which options come first in its messages, and in which order; the others follow as usual.
    pub order: Vec<Code>,
    /// What is typical of it, if it has a model.
    pub model: Option<Modelled>,
    /// Its link, by its name; the first if absent.
    pub link: Option<String>,
}

/// The model of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Modelled {
    /// The name of the model.
    pub name: String,
    /// What it says; nothing until it was looked up.
    pub model: Arc<Model>,
    /// Whether the scenario says what the client's DUID is.
    own_duid: bool,
}

/// The clients of a scenario, in the order of the file.
///
/// The first has the DUID `00:03:00:01:02:00:00:00:00:c1` and the address `fe80::c1`, the second `c2` in both
/// places, and so on, unless the scenario says otherwise.
#[derive(Clone, Debug, Default)]
pub struct Clients(pub Vec<Client>);

impl Clients {
    /// The client of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Client> {
        self.0.iter().find(|it| it.name == name)
    }

    /// Looks the models of all clients up, by the name of the client and that of its model.
    ///
    /// # Errors
    /// There is no such model, as the lookup says.
    pub fn resolve<E>(
        &mut self,
        find: impl Fn(&str, &str) -> Result<Arc<Model>, E>,
    ) -> Result<(), E> {
        for (index, client) in self.0.iter_mut().enumerate() {
            let Some(modelled) = &mut client.model else {
                continue;
            };
            modelled.model = find(&client.name, &modelled.name)?;
            if let (false, Some(duid)) = (modelled.own_duid, modelled.model.duid(number(index))) {
                client.duid = duid;
            }
        }
        Ok(())
    }
}

/// The last octet of the DUID and the address of a client, unless the scenario says otherwise.
fn number(index: usize) -> u8 {
    0xc1_u8.wrapping_add(u8::try_from(index).unwrap_or(u8::MAX))
}

/// What of a client is not as usual.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ClientFields {
    /// Its DUID in hexadecimal.
    duid: Option<Hex>,
    /// Where its messages come from, and answers go to.
    address: Option<Ipv6Addr>,
    /// What it authenticates its messages with.
    key: Option<Key>,
    /// Its model: a name of the catalogue, or a file that ends with `.yaml`.
    client: Option<String>,
    /// Which options come first in its messages, and in which order; the others follow as usual.
    #[serde(default)]
    order: Vec<Code>,
    /// The link that it is on; the first of `links` if absent.
    link: Option<String>,
}

impl<'de> Deserialize<'de> for Clients {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ClientsVisitor;
        impl<'de> Visitor<'de> for ClientsVisitor {
            type Value = Clients;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("clients by name: `{ first: {} }`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Clients, A::Error> {
                let mut clients = Vec::new();
                while let Some((name, written)) = map.next_entry::<String, ClientFields>()? {
                    let last = number(clients.len());
                    let own_duid = written.duid.is_some();
                    clients.push(Client {
                        name,
                        duid: written
                            .duid
                            .map_or_else(|| vec![0, 3, 0, 1, 2, 0, 0, 0, 0, last], |it| it.0),
                        address: written.address.unwrap_or_else(|| {
                            Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, u16::from(last))
                        }),
                        key: written.key,
                        order: written.order,
                        model: written.client.map(|name| Modelled {
                            name,
                            model: Arc::default(),
                            own_duid,
                        }),
                        link: written.link,
                    });
                }
                Ok(Clients(clients))
            }
        }
        deserializer.deserialize_map(ClientsVisitor)
    }
}

impl Scenario {
    /// What is played, one after the other, each on a new server: the scenario itself, and the same with the other
    /// values of its parameters.
    pub fn cases(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(&self.further)
    }

    /// The step with that index, with the values that earlier ones have saved.
    ///
    /// # Errors
    /// A value is missing, or does not fit where it stands.
    pub(crate) fn step(&self, index: usize, saved: &Saved) -> Result<Cow<'_, Step>, String> {
        match self.late.get(index) {
            Some(Some(late)) => {
                let mut values = late.parameters.clone();
                values.extend(saved.0.clone());
                let read = document::fill(&late.written, &values)
                    .and_then(|node| Step::deserialize(&node));
                read.map(Cow::Owned).map_err(|fault| fault.to_string())
            }
            Some(None) | None => Ok(Cow::Borrowed(&self.steps[index])),
        }
    }

    /// What the rig needs to know before the server starts.
    #[must_use]
    pub fn setup(&self) -> Setup {
        let addresses = self.link.addresses.iter();
        Setup {
            config: self.config.clone(),
            addresses: addresses
                .map(|it| (it.address, it.length.unwrap_or(128)))
                .collect(),
        }
    }

    /// The text of every configuration that it gives its one server: at the start, and in later steps.
    pub fn configurations(&self) -> impl Iterator<Item = &str> {
        let steps = self.cases().flat_map(|it| &it.steps);
        let later = steps.filter_map(|step| match step {
            Step::Restart(it) | Step::Crash(it) => it.config.as_deref(),
            Step::Reload(it) => Some(it.config.as_str()),
            Step::Remove(_)
            | Step::Send(_)
            | Step::Exchange(_)
            | Step::Expect(_)
            | Step::Advance(_)
            | Step::Retransmit(_)
            | Step::Faults(_)
            | Step::Run(_)
            | Step::Save(_)
            | Step::Disk(_)
            | Step::Interface(_) => None,
        });
        let first = self.cases().map(|it| it.config.as_str());
        first.chain(later)
    }

    /// Why it can be played on the simulated rig alone, if so.
    #[must_use]
    pub fn only_sim(&self) -> Option<&'static str> {
        const PATIENCE_SECS: u64 = 5;
        const LONG: &str = "only on sim: it lets more than 5 s pass";
        let steps = self.cases().flat_map(|it| &it.steps);
        steps.into_iter().find_map(|step| match step {
            Step::Advance(span) if span.0.as_secs() > PATIENCE_SECS => Some(LONG),
            Step::Exchange(exchange) if exchange.retransmit > PATIENT_TIMES => Some(LONG),
            Step::Retransmit(_) => Some(LONG),
            Step::Interface(_)
            | Step::Faults(_)
            | Step::Run(_)
            | Step::Save(_)
            | Step::Advance(_)
            | Step::Remove(_)
            | Step::Reload(_)
            | Step::Disk(_)
            | Step::Send(_)
            | Step::Exchange(_)
            | Step::Expect(_)
            | Step::Crash(_)
            | Step::Restart(_) => None,
        })
    }
}
