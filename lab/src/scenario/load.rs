//! Reads scenarios, and says where and how a file is wrong.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::words::{nearest, reword};
use super::{Expected, Scenario, Step, model};

/// Why a file is no scenario.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It does not say what a scenario says.
    #[error("{}:{line}:{column}: {reason}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong there, and what would be right.
        reason: String,
    },
}

impl Scenario {
    /// Reads the scenario in a file.
    ///
    /// # Errors
    /// The file cannot be read, or is no scenario.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(path, &text)
    }

    /// Reads the scenario in a text; the path is for messages.
    ///
    /// # Errors
    /// The text is no scenario.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Error> {
        let refuse = |error: &serde_yaml::Error| {
            let (line, column) = error
                .location()
                .map_or((1, 1), |it| (it.line(), it.column()));
            let reason = error.to_string();
            // The place is said once, ahead of the reason.
            let end = reason.rfind(" at line ").unwrap_or(reason.len());
            Error::Content {
                path: path.to_owned(),
                line,
                column,
                reason: reword(reason.get(..end).unwrap_or(&reason)),
            }
        };
        let mut scenario: Self = serde_yaml::from_str(text).map_err(|error| refuse(&error))?;
        let fault = scenario
            .find_models(path)
            .or_else(|| scenario.first_fault());
        match fault {
            None => Ok(scenario),
            Some(fault) => {
                // A second reading, which fails at the step in question, tells where that is.
                let reader = serde_yaml::Deserializer::from_str(text);
                match reader.deserialize_map(FailAt(&fault)) {
                    Err(error) => Err(refuse(&error)),
                    Ok(()) => Err(refuse(&serde_yaml::Error::custom(fault.reason))),
                }
            }
        }
    }

    /// Looks up the models of the clients. Its own goes by the name of the file.
    fn find_models(&mut self, path: &Path) -> Option<Fault> {
        let (folder, name) = (path.parent().unwrap_or(path), path.file_stem());
        let own = self.model.as_ref().zip(name);
        let unused = own.filter(|(_, name)| {
            let clients = self.clients.0.iter().filter_map(|it| it.model.as_ref());
            !clients.map(|it| it.name.as_str()).any(|it| *it == **name)
        });
        let fault = |key, reason| Fault {
            key,
            index: None,
            reason,
        };
        if let Some((_, name)) = unused {
            let name = name.to_string_lossy();
            let reason = format!("no client has this model: give one `client: {name}`");
            return Some(fault("model", reason));
        }
        let found = self.clients.resolve(|wanted| match own {
            Some((model, name)) if *wanted == *name => Ok(Arc::new(model.clone())),
            _ => model::find(wanted, folder),
        });
        found.err().map(|reason| fault("clients", reason))
    }

    /// What the forms of single values cannot rule out.
    fn first_fault(&self) -> Option<Fault> {
        let fault = |key, index, reason: String| Some(Fault { key, index, reason });
        if self.why.trim().is_empty() {
            return fault(
                "why",
                None,
                "say in a sentence what the scenario shows".into(),
            );
        }
        if self.rfc.is_empty() {
            return fault(
                "rfc",
                None,
                "name the section that it is about: [\"9915 §18.3.2\"]".into(),
            );
        }
        if let Some(entry) = self.rfc.iter().find(|it| !is_section(it)) {
            let reason = format!("`{entry}` is no section: write it as \"9915 §18.3.2\"");
            return fault("rfc", None, reason);
        }
        for (index, client) in self.clients.0.iter().enumerate() {
            let earlier = self.clients.0.iter().take(index);
            if earlier.clone().any(|it| it.name == client.name) {
                let reason = format!("`{}` stands twice: give one another name", client.name);
                return fault("clients", None, reason);
            }
        }
        if self.steps.is_empty() {
            return fault(
                "steps",
                None,
                "nothing happens: add a step such as `exchange: { from: CLIENT }`".into(),
            );
        }
        let mut sent = false;
        for (index, step) in self.steps.iter().enumerate() {
            if let Err(reason) = self.check(step, sent) {
                return fault("steps", Some(index), reason);
            }
            sent = matches!(step, Step::Send(_) | Step::Expect(_));
        }
        None
    }

    fn check(&self, step: &Step, sent: bool) -> Result<(), String> {
        let known = |name: &str| match self.clients.get(name) {
            Some(_) => Ok(()),
            None => Err(self.no_client(name)),
        };
        match step {
            Step::Send(send) => known(&send.from),
            Step::Exchange(exchange) => known(&exchange.from),
            Step::Expect(expect) => {
                if !sent {
                    return Err("nothing was sent: put a `send` ahead of `expect`".into());
                }
                let silent = |it: &Expected| !matches!(it, Expected::Message(_));
                match expect.0.as_slice() {
                    [] => Err("expect something, or `silence`".into()),
                    [_] => Ok(()),
                    several if several.iter().any(silent) => {
                        Err("silence is expected alone: give it a step of its own".into())
                    }
                    [..] => Ok(()),
                }
            }
            Step::Remove(remove) => {
                known(&remove.client)?;
                let Some(_) = remove.ia() else {
                    return Err("name one IA: `ia_na: IAID` or `ia_pd: IAID`".into());
                };
                Ok(())
            }
            Step::Reload(_)
            | Step::Advance(_)
            | Step::Crash(_)
            | Step::Restart(_)
            | Step::Disk(_) => Ok(()),
        }
    }

    fn no_client(&self, name: &str) -> String {
        let names: Vec<&str> = self.clients.0.iter().map(|it| it.name.as_str()).collect();
        let hint = match nearest(name, names.iter().copied()) {
            Some(near) => format!("; did you mean `{near}`?"),
            None => String::new(),
        };
        let names = names.join(", ");
        format!("there is no client `{name}`: add it under `clients`, or use one of: {names}{hint}")
    }
}

/// Whether it is the number of an RFC and a section: `9915 §18.3.2`.
fn is_section(text: &str) -> bool {
    let plain =
        |it: &str| !it.is_empty() && it.chars().all(|it| it.is_ascii_alphanumeric() || it == '.');
    text.split_once(" §").is_some_and(|(rfc, section)| {
        !rfc.is_empty() && rfc.bytes().all(|it| it.is_ascii_digit()) && plain(section)
    })
}

/// What is wrong, and where: under a key, and there perhaps with an element of the list.
struct Fault {
    key: &'static str,
    index: Option<usize>,
    reason: String,
}

/// Reads a document and fails at the place of a fault, since only failures tell their place.
struct FailAt<'a>(&'a Fault);

impl<'de> Visitor<'de> for FailAt<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a scenario")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == self.0.key {
                map.next_value_seed(Element(self.0))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// The value under the key of a fault.
struct Element<'a>(&'a Fault);

impl<'de> DeserializeSeed<'de> for Element<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.0.index {
            Some(_) => deserializer.deserialize_seq(self),
            None => deserializer.deserialize_any(Fail(&self.0.reason)),
        }
    }
}

impl<'de> Visitor<'de> for Element<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        for _ in 0..self.0.index.unwrap_or_default() {
            seq.next_element::<IgnoredAny>()?;
        }
        seq.next_element_seed(Fail(&self.0.reason))?;
        Ok(())
    }
}

/// Fails, whatever it reads.
struct Fail<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Fail<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Fail<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        Err(E::custom(self.0))
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        Err(A::Error::custom(self.0))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        Err(A::Error::custom(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "why: it is a test\nrfc: [\"9915 §18\"]\nclients: { first: {} }\n";

    fn refusal(text: &str) -> String {
        let error = Scenario::parse(Path::new("x.yaml"), text).expect_err("it is wrong");
        error.to_string()
    }

    fn refused_step(step: &str) -> String {
        refusal(&format!("{HEAD}steps:\n{step}\n"))
    }

    #[test]
    fn the_example_of_the_readme_is_read() {
        let text = format!(
            "{HEAD}steps:\n  - exchange: {{ from: first, ia_na: {{ iaid: 1 }} }}\n  - crash: server\n  \
             - send: {{ from: first, solicit: {{ ia_na: {{ iaid: 1, leases: none }} }} }}\n  \
             - expect: advertise\n  - advance: 30m\n  - send: {{ from: first, raw: \"01\" }}\n  \
             - expect: {{ dropped: too-short }}\n"
        );
        let scenario = Scenario::parse(Path::new("x.yaml"), &text).expect("a scenario");
        assert_eq!(scenario.steps.len(), 7);
        assert!(scenario.only_sim().is_some());
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_place_and_the_known_ones() {
        let error = refusal("why: x\nrfc: [\"9915 §18\"]\nstep: []\n");
        assert!(
            error.starts_with(
                "x.yaml:3:1: `step` is not a key here; did you mean `steps`? Known: `why`"
            ),
            "{error}"
        );
        let error = refused_step("  - send:\n      from: first\n      solicit:\n        xidd: 5");
        assert!(
            error.starts_with(
                "x.yaml:8:9: step 1, send.solicit: `xidd` is not a key here; did you mean `xid`?"
            ),
            "{error}"
        );
    }

    #[test]
    fn an_unknown_message_is_refused_with_its_place() {
        let error = refused_step("  - send: { from: first, discover: {} }");
        assert!(error.starts_with("x.yaml:5:"), "{error}");
        assert!(error.contains("`discover` is not a key here"), "{error}");
    }

    #[test]
    fn a_client_that_is_not_declared_is_refused_where_it_is_named() {
        let error = refused_step("  - crash: server\n  - send: { from: second, solicit: {} }");
        assert_eq!(
            error,
            "x.yaml:6:5: step 2: there is no client `second`: add it under `clients`, or use one of: first"
        );
    }

    #[test]
    fn a_removal_names_one_ia_of_a_known_client() {
        for ia in ["", ", ia_na: 1, ia_pd: 1"] {
            let error = refused_step(&format!("  - remove: {{ client: first{ia} }}"));
            assert!(error.contains("name one IA"), "{error}");
        }
        let error = refused_step("  - remove: { client: second, ia_na: 1 }");
        assert!(error.contains("there is no client `second`"), "{error}");
    }

    #[test]
    fn digits_without_quotes_are_no_octets() {
        let error = refused_step("  - send: { from: first, raw: 12 }");
        assert!(error.contains("in quotes"), "{error}");
    }

    #[test]
    fn expecting_without_sending_is_refused() {
        let error = refused_step("  - expect: silence");
        assert!(
            error.ends_with("nothing was sent: put a `send` ahead of `expect`"),
            "{error}"
        );
    }

    #[test]
    fn two_messages_in_one_step_are_refused() {
        let error = refused_step("  - send: { from: first, solicit: {}, renew: {} }");
        assert!(error.contains("make it two steps"), "{error}");
    }

    #[test]
    fn a_scenario_without_steps_or_with_a_strange_section_is_refused() {
        let error = refusal(&format!("{HEAD}steps: []\n"));
        assert!(error.starts_with("x.yaml:4:"), "{error}");
        assert!(error.contains("nothing happens"), "{error}");
        let error = refusal("why: x\nrfc: [\"RFC 9915\"]\nsteps: []\n");
        assert!(
            error.ends_with("`RFC 9915` is no section: write it as \"9915 §18.3.2\""),
            "{error}"
        );
    }

    #[test]
    fn a_word_that_is_no_step_is_refused_with_what_may_be_meant() {
        let error = refused_step("  - restrat: server");
        assert!(
            error.contains("step 1: `restrat` is not a step; did you mean `restart`?"),
            "{error}"
        );
    }
}
