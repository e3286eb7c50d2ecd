//! Reads scenarios, and says where and how a file is wrong.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde::de::Error as _;

use crate::conformance;

use super::document::{self, Content, Fault, Node, Values};
use super::words::nearest;
use super::{Expected, Late, Save, Scenario, Step, model};

/// Why a file is no scenario.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read.
    #[error("cannot read {}: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
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

/// The most octets that a file of a scenario has.
const LEN_MAX: u64 = 4 << 20;
/// The most combinations that the parameters of a scenario have.
const CASES_MAX: usize = 256;

impl Scenario {
    /// Reads the scenario in a file.
    ///
    /// # Errors
    /// The file cannot be read, or is no scenario.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = text_of(path).map_err(|reason| Error::Read {
            path: path.to_owned(),
            reason,
        })?;
        Self::parse(path, &text)
    }

    /// Reads the scenario in a text; the path is for messages, and for what it includes.
    ///
    /// # Errors
    /// The text is no scenario.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Error> {
        read(path, text).map_err(|fault| Error::of(path, &fault))
    }
}

impl Error {
    fn of(path: &Path, fault: &Fault) -> Self {
        let place = fault.place();
        Self::Content {
            path: place.map_or(path, |it| &it.file).to_owned(),
            line: place.map_or(1, |it| it.line),
            column: place.map_or(1, |it| it.column),
            reason: fault.reason(),
        }
    }
}

/// The text of a file that is one, and not longer than anybody would write.
fn text_of(path: &Path) -> Result<String, String> {
    let open = || -> std::io::Result<Result<String, String>> {
        // What is no file may keep us waiting for ever.
        if !std::fs::metadata(path)?.is_file() {
            return Ok(Err("it is no file".to_owned()));
        }
        let mut text = String::new();
        let file = std::fs::File::open(path)?;
        file.take(LEN_MAX + 1).read_to_string(&mut text)?;
        match text.len() as u64 > LEN_MAX {
            true => Ok(Err(format!("it has more than {LEN_MAX} octets"))),
            false => Ok(Ok(text)),
        }
    };
    open().map_err(|error| error.to_string()).flatten()
}

fn read(path: &Path, text: &str) -> Result<Scenario, Fault> {
    let root = document::read(path, text)?;
    if root.as_map().is_none() {
        let reason = "a scenario has keys: `why`, `rfc`, `config`, `clients`, `steps`";
        return Err(Fault::at(&root.place, reason));
    }
    let root = document::resolve(root, &text_of)?;
    // A key that is misspelt comes ahead of what follows from that.
    let known = document::keys_of::<Scenario>();
    for (key, _) in root.as_map().unwrap_or_default() {
        let name = key.as_text().unwrap_or_default();
        if !known.contains(&name) {
            return Err(Fault::unknown_field(name, known).or_at(&key.place));
        }
    }
    let mut cases = Vec::new();
    for (title, parameters) in combinations(&root)? {
        cases.push(case(&root, title, &parameters)?);
    }
    let mut cases = cases.into_iter();
    let first = cases.next().expect("there is one without parameters, too");
    let scenario = Scenario {
        further: cases.collect(),
        ..first
    };
    if let (Some(live), Some(sim)) = (scenario.only_live(), scenario.only_sim()) {
        let reason = format!("it can be played nowhere: {live}; {sim}");
        let place = root.get("steps").unwrap_or(&root).place.clone();
        return Err(Fault::at(&place, reason));
    }
    Ok(scenario)
}

/// Where each step of the scenario in a file stands, be it in a file that it includes: the file, and the line from 1.
/// Nothing of a file that is none.
#[must_use]
pub fn step_places(path: &Path) -> Vec<(PathBuf, usize)> {
    let root = text_of(path).ok().and_then(|text| {
        let root = document::read(path, &text).ok()?;
        document::resolve(root, &text_of).ok()
    });
    let steps = root.as_ref().and_then(|it| it.get("steps"));
    let steps = steps.into_iter().flat_map(Node::elements);
    let places = steps.map(|it| (it.place.file.to_path_buf(), it.place.line));
    places.collect()
}

/// Every combination of the values that `for` gives to its names; the last name changes fastest.
fn combinations(root: &Node) -> Result<Vec<(Option<String>, Values)>, Fault> {
    let mut found = vec![(None, Values::new())];
    let Some(written) = root.get("for") else {
        return Ok(found);
    };
    let Some(parameters) = written.as_map().filter(|it| !it.is_empty()) else {
        let reason = "give values to names: `for: { lifetime: [60, 600] }`";
        return Err(Fault::at(&written.place, reason));
    };
    for (key, values) in parameters {
        let name = key.as_text().unwrap_or_default();
        if !document::is_name(name) {
            let reason = format!("`{name}` is no name: write letters, digits and `_`");
            return Err(Fault::at(&key.place, reason));
        }
        let Content::List(values) = &values.content else {
            let reason = format!("give `{name}` a list of values: `[60, 600]`");
            return Err(Fault::at(&values.place, reason));
        };
        if values.is_empty() {
            return Err(Fault::at(&key.place, format!("`{name}` has no values")));
        }
        if found.len() * values.len() > CASES_MAX {
            let reason = format!("these are more than {CASES_MAX} combinations");
            return Err(Fault::at(&key.place, reason));
        }
        let mut longer = Vec::new();
        for (title, earlier) in &found {
            for (index, value) in values.iter().enumerate() {
                let word = match value.as_text() {
                    Some(text) => text.to_owned(),
                    None => format!("#{}", index + 1),
                };
                let start = title
                    .as_ref()
                    .map_or_else(String::new, |it| format!("{it} "));
                let mut all = earlier.clone();
                all.insert(name.to_owned(), value.clone());
                longer.push((Some(format!("{start}{name}={word}")), all));
            }
        }
        found = longer;
    }
    Ok(found)
}

/// What is told as it is, whatever the parameters are.
const AS_IT_IS: &[&str] = &["why", "rfc", "covers", "differs", "for", "steps"];

fn case(root: &Node, title: Option<String>, parameters: &Values) -> Result<Scenario, Fault> {
    let mut entries = Vec::new();
    for (key, value) in root.as_map().unwrap_or_default() {
        let as_it_is = key.as_text().is_some_and(|it| AS_IT_IS.contains(&it));
        let value = match as_it_is {
            true => value.clone(),
            false => document::fill(value, parameters)?,
        };
        entries.push((key.clone(), value));
    }
    let head = Node {
        place: root.place.clone(),
        content: Content::Map(entries),
    };
    let mut scenario = Scenario::deserialize(&head)?;
    scenario.title = title;
    scenario.check_head(root)?;
    scenario.find_models(root)?;
    let mut names = Names {
        parameters: parameters.clone(),
        saved: Values::new(),
    };
    let steps = root.get("steps").map_or(&[][..], Node::elements);
    let mut before = Before::default();
    for (index, written) in steps.iter().enumerate() {
        let within = |fault: Fault| fault.in_element("steps", index);
        let (step, late) = names.read(written).map_err(within)?;
        let at = |wrong: Wrong| {
            let value = written.as_map().and_then(|it| Some(&it.first()?.1));
            // A server may be named without a map: `crash: first`.
            let alone = value.filter(|it| wrong.key == Some("server") && it.as_text().is_some());
            let named = wrong.key.zip(value).and_then(|(key, value)| value.get(key));
            let named = named.or(alone);
            within(Fault::at(&named.unwrap_or(written).place, wrong.reason))
        };
        scenario.check(&step, before).map_err(at)?;
        if let Step::Save(save) = &step {
            names.save(save, written).map_err(within)?;
        }
        before.pass(&step);
        scenario.steps.push(step);
        scenario.late.push(late);
    }
    Ok(scenario)
}

/// What is wrong with a step, and under which key if that is known.
struct Wrong {
    key: Option<&'static str>,
    reason: String,
}

impl<T: Into<String>> From<T> for Wrong {
    fn from(reason: T) -> Self {
        Self {
            key: None,
            reason: reason.into(),
        }
    }
}

/// What the steps before a step have done, as far as the step has to be able to rely on it.
#[derive(Clone, Copy, Default)]
struct Before {
    /// A message was sent, or a delayed one may have arrived, so that something can be expected.
    sent: bool,
    /// An answer was taken, so that something of it can be saved.
    answered: bool,
    /// Messages may be under way.
    delayed: bool,
}

impl Before {
    fn pass(&mut self, step: &Step) {
        let takes = matches!(step, Step::Expect(_) | Step::Exchange(_));
        self.answered = takes || (self.answered && matches!(step, Step::Save(_)));
        if let Step::Faults(faults) = step {
            self.delayed |= !faults.0.is_empty();
        }
        let sends = matches!(step, Step::Send(_) | Step::Expect(_) | Step::Retransmit(_));
        let keeps = matches!(step, Step::Save(_));
        let waits = matches!(step, Step::Advance(_));
        self.sent = sends || (keeps && self.sent) || (waits && self.delayed);
    }
}

/// The names that steps may use.
struct Names {
    parameters: Values,
    /// Of what earlier steps save, something of the same kind.
    saved: Values,
}

impl Names {
    /// Reads a step; with how it is written, if values have to be put in that are not there yet.
    fn read(&mut self, written: &Node) -> Result<(Step, Option<Late>), Fault> {
        let mut used = Vec::new();
        document::names_in(written, &mut used);
        let uses_saved = used.iter().any(|(name, _)| self.saved.contains_key(*name));
        let mut values = self.parameters.clone();
        values.extend(self.saved.clone());
        let node = document::fill(written, &values)?;
        let step = Step::deserialize(&node)?;
        let late = uses_saved.then(|| Late {
            written: written.clone(),
            parameters: self.parameters.clone(),
        });
        Ok((step, late))
    }

    /// Takes note of what a step saves.
    fn save(&mut self, save: &Save, written: &Node) -> Result<(), Fault> {
        for (name, part) in &save.0 {
            if self.parameters.contains_key(name) {
                let reason = format!("`{name}` is a parameter: save it under another name");
                return Err(Fault::at(&written.place, reason));
            }
            self.saved.insert(name.clone(), part.sample(&written.place));
        }
        Ok(())
    }
}

impl Scenario {
    /// Looks up the models of the clients. Its own goes by the name of the file.
    fn find_models(&mut self, root: &Node) -> Result<(), Fault> {
        let own = self.model.take().map(Arc::new);
        let own_name = root
            .place
            .file
            .file_stem()
            .map(|it| it.to_string_lossy().into_owned());
        let is_own = |name: &str| own.is_some() && own_name.as_deref() == Some(name);
        self.clients.resolve(|client, name| match &own {
            Some(model) if is_own(name) => Ok(Arc::clone(model)),
            _ => {
                let written = root.get("clients").and_then(|it| it.get(client));
                let written = written.and_then(|it| it.get("client"));
                let place = written.map_or(&root.place, |it| &it.place);
                let folder = place.file.parent().unwrap_or(Path::new(""));
                model::find(name, folder).map_err(|reason| Fault::at(place, reason))
            }
        })?;
        let mut names = self.clients.0.iter().filter_map(|it| it.model.as_ref());
        if let (Some(_), Some(written)) = (&own, root.get("model"))
            && !names.any(|it| is_own(&it.name))
        {
            let name = own_name.as_deref().unwrap_or_default();
            let reason = format!("no client has this model: give one `client: {name}`");
            return Err(Fault::at(&written.place, reason));
        }
        Ok(())
    }

    /// What the forms of single values cannot rule out, but for the steps.
    fn check_head(&self, root: &Node) -> Result<(), Fault> {
        let at = |key: &str, reason: String| {
            let node = root.get(key).unwrap_or(root);
            Err(Fault::at(&node.place, format!("{key}: {reason}")))
        };
        if self.why.trim().is_empty() {
            return at("why", "say in a sentence what the scenario shows".into());
        }
        if self.rfc.is_empty() {
            let reason = "name the section that it is about: [\"9915 §18.3.2\"]";
            return at("rfc", reason.into());
        }
        if let Some(entry) = self.rfc.iter().find(|it| !is_section(it)) {
            let reason = format!("`{entry}` is no section: write it as \"9915 §18.3.2\"");
            return at("rfc", reason);
        }
        if let Some(id) = self.covers.0.iter().find(|it| !conformance::is_known(it)) {
            let known = conformance::requirements().iter();
            let hint = match nearest(id, known.map(|it| it.id.as_str())) {
                Some(near) => format!("; did you mean `{near}`?"),
                None => String::new(),
            };
            let reason = format!("`{id}` is no requirement of lab/conformance.yaml{hint}");
            return at("covers", reason);
        }
        if let Some((key, reason)) = self.topology_fault() {
            return at(key, reason);
        }
        let steps = root.get("steps").map(|it| &it.content);
        match steps {
            Some(Content::List(steps)) if steps.is_empty() => {
                let reason = "nothing happens: add a step such as `exchange: { from: CLIENT }`";
                at("steps", reason.into())
            }
            Some(Content::List(_)) | None => Ok(()),
            Some(Content::Map(_) | Content::Scalar(_)) => {
                at("steps", "write a list: one `- ` ahead of each step".into())
            }
        }
    }

    fn check(&self, step: &Step, before: Before) -> Result<(), Wrong> {
        let known = |key, name: &str| match self.clients.get(name) {
            Some(_) => Ok(()),
            None => Err(Wrong {
                key: Some(key),
                reason: self.no_client(name),
            }),
        };
        self.check_places(step).map_err(|(key, reason)| Wrong {
            key: Some(key),
            reason,
        })?;
        match step {
            Step::Send(send) => known("from", &send.from),
            Step::Exchange(exchange) => known("from", &exchange.from),
            Step::Expect(expect) => {
                if !before.sent {
                    return Err("nothing was sent: put a `send` ahead of `expect`".into());
                }
                let silent = |it: &Expected| *it == Expected::Silence;
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
                known("client", &remove.client)?;
                let Some(_) = remove.ia() else {
                    return Err("name one IA: `ia_na: IAID` or `ia_pd: IAID`".into());
                };
                Ok(())
            }
            Step::Retransmit(retransmit) => known("from", &retransmit.from),
            Step::Faults(faults) => Ok(faults.0.iter().try_for_each(|it| it.kind().map(drop))?),
            Step::Save(save) => match (save.0.is_empty(), before.answered) {
                (true, _) => Err("name what is saved: `{ lease: ia_na.1.address }`".into()),
                (false, true) => Ok(()),
                (false, false) => {
                    Err("there is no answer: put `save` behind an `expect` or `exchange`".into())
                }
            },
            Step::Run(program) if program.program.trim().is_empty() => {
                Err("name a program: `{ program: dhcp6ctl }`".into())
            }
            Step::Run(_)
            | Step::Reload(_)
            | Step::Advance(_)
            | Step::Crash(_)
            | Step::Restart(_)
            | Step::Interface(_)
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
            "x.yaml:6:19: step 2: there is no client `second`: add it under `clients`, or use one of: first"
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
