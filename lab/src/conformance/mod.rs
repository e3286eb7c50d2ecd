//! What RFCs ask of a server, and which scenarios show it.
//!
//! The list is `lab/conformance.yaml`: each requirement in our words with its section, and where nothing has to be shown
//! by a scenario, why not. Scenarios name the requirements that they show under `covers`.

mod coverage;

pub use coverage::{Coverage, Shown, State};

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

/// Something that an RFC asks of a server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// What it is called: `SOL-6`.
    pub id: String,
    /// How strongly it is asked for: `MUST`, or as the head of the list says.
    pub level: String,
    /// Where: `9915 §18.3.9`.
    pub rfc: Vec<String>,
    /// What a server does that fulfils it.
    pub says: String,
    /// Which other tests show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<String>,
    /// Why this server does not do that, on purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent: Option<String>,
}

/// The whole list, in its order.
///
/// # Panics
/// It cannot be read, which a test rules out.
#[must_use]
pub fn requirements() -> &'static [Requirement] {
    static LIST: OnceLock<Vec<Requirement>> = OnceLock::new();
    LIST.get_or_init(|| {
        serde_yaml::from_str(include_str!("../../conformance.yaml"))
            .expect("the list of requirements is part of the program")
    })
}

/// Whether there is a requirement of that name.
#[must_use]
pub fn is_known(id: &str) -> bool {
    requirements().iter().any(|it| it.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_can_be_read_and_names_nothing_twice() {
        let all = requirements();
        assert!(all.len() > 200);
        for (index, requirement) in all.iter().enumerate() {
            let earlier = all.iter().take(index);
            assert!(
                earlier.clone().all(|it| it.id != requirement.id),
                "{} stands twice",
                requirement.id
            );
            assert!(
                !requirement.rfc.is_empty(),
                "{} has no section",
                requirement.id
            );
        }
    }

    #[test]
    fn what_other_tests_show_is_in_files_that_there_are() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for requirement in requirements() {
            if let Some(file) = &requirement.tests {
                assert!(root.join(file).exists(), "{}: {file}", requirement.id);
            }
        }
    }
}
