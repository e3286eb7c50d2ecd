//! A program that is no part of the lab: `run`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// `run`: a program, what it is told, and what has to come of it. The lab cannot run one where time is virtual, so
/// this is for the live rig.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// Its name or path.
    pub program: String,
    /// What stands behind that on its command line.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// Variables of its environment, besides those that the lab has.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Where it runs: beside the server, if not said.
    #[serde(default)]
    pub at: Side,
    /// Its exit status, if not 0.
    #[serde(default)]
    pub status: i32,
    /// A text that is in what it prints.
    #[serde(default)]
    pub output: Option<String>,
}

/// Where a program runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", rename = "place for a program")]
#[schemars(rename = "PlaceOfProgram")]
pub enum Side {
    /// In the network namespace of the server, with its interface and its control channel.
    #[default]
    Server,
    /// Where the lab itself runs.
    Lab,
}
