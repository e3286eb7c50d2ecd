//! The YAML model of a scenario: what the file says, and nothing about what becomes of it.
//!
//! Unknown keys are refused, so that a slip of the pen is not a test that tests nothing. What a key means
//! is told here, field by field; how messages are made of them is `compose`.

mod authentication;
mod load;
pub mod model;
mod step;
mod value;
mod words;

pub use authentication::Authentication;
pub use load::Error;
pub use model::Model;
pub use step::{
    Exchange, Expect, Expected, Fields, Hop, Ia, Lease, Message, RawOption, Reload, Remove,
    Restart, Send, Source, Step, Target, Transport,
};
pub use value::{
    Block, Code, Elapsed, Hex, Identifier, Lifetimes, MessageType, Opaque, Several, Span, Wish,
};

use std::fmt;
use std::net::Ipv6Addr;
use std::sync::Arc;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::authentication::Key;
use crate::rig::Setup;

/// One scenario: a server, its clients, and what happens between them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What the scenario shows, so that a reader can judge the snapshot.
    pub why: String,
    /// The sections that it is about: `9915 §18.3.2`.
    pub rfc: Vec<String>,
    /// What the original server does differently, and why this one does not; nothing, if they do the same.
    #[serde(default)]
    pub differs: Several<String>,
    /// What is typical of a client that this scenario is about, under the name of the file.
    #[serde(default)]
    pub model: Option<Model>,
    /// The text of `dhcp6s.conf`; the interface is `eth0`.
    #[serde(default)]
    pub config: String,
    /// The server's place on the link.
    #[serde(default)]
    pub link: Link,
    /// The clients, in the order of the file.
    #[serde(default)]
    pub clients: Clients,
    /// What happens, in order.
    #[serde(with = "serde_yaml::with::singleton_map_recursive")]
    pub steps: Vec<Step>,
}

/// The server's place on the link.
#[derive(Clone, Debug, Deserialize)]
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
    /// What is typical of it, if it has a model.
    pub model: Option<Modelled>,
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

    /// Looks the models of all clients up.
    ///
    /// # Errors
    /// There is no such model, as the lookup says.
    pub fn resolve(
        &mut self,
        find: impl Fn(&str) -> Result<Arc<Model>, String>,
    ) -> Result<(), String> {
        for (index, client) in self.0.iter_mut().enumerate() {
            let Some(modelled) = &mut client.model else {
                continue;
            };
            modelled.model = find(&modelled.name)?;
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

impl<'de> Deserialize<'de> for Clients {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            duid: Option<Hex>,
            address: Option<Ipv6Addr>,
            key: Option<Key>,
            client: Option<String>,
        }
        struct ClientsVisitor;
        impl<'de> Visitor<'de> for ClientsVisitor {
            type Value = Clients;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("clients by name: `{ first: {} }`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Clients, A::Error> {
                let mut clients = Vec::new();
                while let Some((name, written)) = map.next_entry::<String, Written>()? {
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
                        model: written.client.map(|name| Modelled {
                            name,
                            model: Arc::default(),
                            own_duid,
                        }),
                    });
                }
                Ok(Clients(clients))
            }
        }
        deserializer.deserialize_map(ClientsVisitor)
    }
}

impl Scenario {
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

    /// Why it can be played on the simulated rig alone, if so.
    #[must_use]
    pub fn only_sim(&self) -> Option<&'static str> {
        const PATIENCE_SECS: u64 = 5;
        self.steps.iter().find_map(|step| match step {
            Step::Advance(span) if span.0.as_secs() > PATIENCE_SECS => {
                Some("only on sim: it lets more than 5 s pass")
            }
            Step::Advance(_)
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
