//! What happens to the server, and what clients do about silence.

use std::fmt;

use schemars::JsonSchema;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::schema::Configuration;
use super::topology::ONLY_SERVER;
use crate::rig::IaName;

/// `restart` and `crash`: the server by its name, or `{ config: … }` for a start with another configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restart {
    /// The server, by its name; the first if absent.
    pub server: Option<String>,
    /// The text of the configuration from then on.
    pub config: Option<String>,
}

impl<'de> Deserialize<'de> for Restart {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RestartVisitor;
        impl<'de> Visitor<'de> for RestartVisitor {
            type Value = Restart;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`server`, or `{ config: … }`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Restart, E> {
                Ok(Restart {
                    server: Some(text.to_owned()).filter(|it| it != ONLY_SERVER),
                    config: None,
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Restart, A::Error> {
                let map = serde::de::value::MapAccessDeserializer::new(map);
                RestartFields::deserialize(map).map(|it| Restart {
                    server: it.server,
                    config: Some(it.config),
                })
            }
        }
        deserializer.deserialize_any(RestartVisitor)
    }
}

/// A start with another configuration.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RestartFields {
    /// The server; the first if absent.
    #[serde(default)]
    server: Option<String>,
    /// The text of the configuration from then on.
    #[schemars(with = "Configuration")]
    config: String,
}

/// `retransmit`: who, and how often at most.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retransmit {
    /// The name of the client.
    pub from: String,
    /// How often it sends its last message again, if no answer comes.
    #[serde(default)]
    pub times: Option<u32>,
}

/// `reload`: the configuration from then on, unless the server has to refuse it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reload {
    /// The server, by its name; the first if absent.
    #[serde(default)]
    pub server: Option<String>,
    /// The text of the configuration.
    #[schemars(with = "Configuration")]
    pub config: String,
    /// Whether the server has to find a mistake in it, and to keep the one that it has.
    #[serde(default)]
    pub refused: bool,
}

/// `remove`: a binding, named by its client and one IA.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Remove {
    /// The server, by its name; the first if absent.
    #[serde(default)]
    pub server: Option<String>,
    /// The name of the client.
    pub client: String,
    /// The IAID of an IA_NA.
    #[serde(default)]
    pub ia_na: Option<u32>,
    /// The IAID of an IA_PD.
    #[serde(default)]
    pub ia_pd: Option<u32>,
    /// Whether the server must not know of any such binding.
    #[serde(default)]
    pub unknown: bool,
}

impl Remove {
    /// The IA; `None` unless there is exactly one.
    #[must_use]
    pub fn ia(&self) -> Option<IaName> {
        match (self.ia_na, self.ia_pd) {
            (Some(iaid), None) => Some(IaName::Na(iaid)),
            (None, Some(iaid)) => Some(IaName::Pd(iaid)),
            _ => None,
        }
    }
}
