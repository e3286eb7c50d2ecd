//! Models of clients: what is typical of the messages of one, byte for byte, as defaults for what steps say.
//!
//! The catalogue is made of the files under `scenarios/clients` that have a `model`; it is part of the program,
//! so that `client: windows-11` means the same in every scenario, wherever that is.

use std::path::Path;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::step::{Fields, Hop, Ia, Source};
use super::value::{Hex, MessageType, Several};
use super::words::nearest;

include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));

/// What is typical of a client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Model {
    /// The form of its DUID. The last octet is the client's number in the scenario, so that two of a kind differ.
    pub duid: Option<Hex>,
    /// Where its messages come from, if not from its address and port 546.
    pub source: Source,
    /// The messages that it sends to the server's own address.
    pub unicast: Several<MessageType>,
    /// The relay agents that it sits behind, the one closest to the server first.
    pub relay: Vec<Hop>,
    /// What stands in all its messages.
    pub all: Fields,
    /// What stands in these as well, or instead.
    pub solicit: Fields,
    /// As `solicit`.
    pub request: Fields,
    /// As `solicit`.
    pub confirm: Fields,
    /// As `solicit`.
    pub renew: Fields,
    /// As `solicit`.
    pub rebind: Fields,
    /// As `solicit`.
    pub release: Fields,
    /// As `solicit`.
    pub decline: Fields,
    /// As `solicit`.
    pub information_request: Fields,
}

impl Model {
    /// What stands in a message of that type of which a step says this much.
    #[must_use]
    pub fn complete(&self, message_type: u8, said: &Fields) -> Fields {
        let special = match message_type {
            1 => &self.solicit,
            3 => &self.request,
            4 => &self.confirm,
            5 => &self.renew,
            6 => &self.rebind,
            8 => &self.release,
            9 => &self.decline,
            11 => &self.information_request,
            _ => return said.or(&self.all),
        };
        said.or(&special.or(&self.all))
    }

    /// The DUID of the client with that number, from 0xc1; `None` if nothing is typical of it.
    #[must_use]
    pub fn duid(&self, number: u8) -> Option<Vec<u8>> {
        let mut duid = self.duid.as_ref()?.0.clone();
        *duid.last_mut()? = number;
        Some(duid)
    }
}

impl Fields {
    /// These, and what they do not say from others. IAs take from the first IA of their kind there.
    fn or(&self, base: &Self) -> Self {
        let said = self.clone();
        Self {
            r#type: said.r#type.or(base.r#type),
            xid: said.xid.or(base.xid),
            same_xid: said.same_xid.or(base.same_xid),
            client_id: said.client_id.or_else(|| base.client_id.clone()),
            server_id: said.server_id.or_else(|| base.server_id.clone()),
            elapsed: said.elapsed.or(base.elapsed),
            oro: said.oro.or_else(|| base.oro.clone()),
            ia_na: ias(said.ia_na, base.ia_na.as_ref()),
            ia_pd: ias(said.ia_pd, base.ia_pd.as_ref()),
            ia_ta: ias(said.ia_ta, base.ia_ta.as_ref()),
            rapid_commit: said.rapid_commit.or(base.rapid_commit),
            options: said.options.or_else(|| base.options.clone()),
            auth: said.auth.or_else(|| base.auth.clone()),
            order: said.order.or_else(|| base.order.clone()),
            without: said.without.or_else(|| base.without.clone()),
            reverse: said.reverse.or(base.reverse),
            truncate: said.truncate.or(base.truncate),
            append: said.append.or_else(|| base.append.clone()),
        }
    }
}

fn ias(said: Option<Several<Ia>>, base: Option<&Several<Ia>>) -> Option<Several<Ia>> {
    let Some(mut said) = said else {
        return base.cloned();
    };
    if let Some(model) = base.and_then(|it| it.0.first()) {
        for ia in &mut said.0 {
            ia.t1 = ia.t1.or(model.t1);
            ia.t2 = ia.t2.or(model.t2);
            ia.preferred = ia.preferred.or(model.preferred);
            ia.valid = ia.valid.or(model.valid);
            ia.leases = ia.leases.take().or_else(|| model.leases.clone());
            ia.options = ia.options.take().or_else(|| model.options.clone());
        }
    }
    Some(said)
}

/// A file of the catalogue, as far as it is about the client.
#[derive(Deserialize)]
struct File {
    why: String,
    model: Model,
}

/// The names of all models, sorted.
pub fn names() -> impl Iterator<Item = &'static str> {
    CATALOGUE.iter().map(|(name, _)| *name)
}

/// The file that has the model of that name.
#[must_use]
pub fn file(name: &str) -> Option<&'static str> {
    let found = CATALOGUE.iter().find(|(it, _)| *it == name);
    found.map(|(_, text)| *text)
}

/// Why there is a model of that name, in a few sentences; nothing if there is none.
#[must_use]
pub fn why(name: &str) -> String {
    let file = file(name).and_then(|text| serde_yaml::from_str::<File>(text).ok());
    file.map_or_else(String::new, |it| it.why)
}

/// What to say about a name that no model has.
#[must_use]
pub fn unknown(name: &str) -> String {
    let hint = match nearest(name, names()) {
        Some(near) => format!("did you mean `{near}`? "),
        None => String::new(),
    };
    format!("there is no client model `{name}`; {hint}`dhcp6lab clients` lists them")
}

/// The model of that name, or in the file of that name if it ends with `.yaml`.
///
/// # Errors
/// There is none; the text says which may be meant.
pub fn find(name: &str, folder: &Path) -> Result<Arc<Model>, String> {
    let read: String;
    let text = if name.ends_with(".yaml") {
        let path = folder.join(name);
        let refuse = |error| format!("cannot read the client model {}: {error}", path.display());
        read = std::fs::read_to_string(&path).map_err(refuse)?;
        read.as_str()
    } else {
        file(name).ok_or_else(|| unknown(name))?
    };
    let file: File = serde_yaml::from_str(text)
        .map_err(|error| format!("`{name}` has no client model that can be read: {error}"))?;
    Ok(Arc::new(file.model))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    fn fields(text: &str) -> Fields {
        serde_yaml::from_str(text).expect("fields")
    }

    fn model(text: &str) -> Model {
        serde_yaml::from_str(text).expect("a model")
    }

    #[test]
    fn every_file_of_the_catalogue_has_a_model() {
        for name in names() {
            if let Err(error) = find(name, Path::new("")) {
                panic!("{error}");
            }
        }
    }

    #[test]
    fn a_step_comes_before_the_message_and_that_before_all_messages() {
        let model = model("{ all: { oro: 1, elapsed: 1, xid: 1 }, renew: { oro: 2, elapsed: 2 } }");
        let said = fields("{ oro: 3 }");
        let renew = fields("{ oro: 3, elapsed: 2, xid: 1 }");
        assert_eq!(model.complete(5, &said), renew);
        let rebind = fields("{ oro: 3, elapsed: 1, xid: 1 }");
        assert_eq!(model.complete(6, &said), rebind);
    }

    #[test]
    fn a_step_may_leave_out_what_is_typical() {
        let model =
            model("{ all: { rapid_commit: true, ia_pd: { iaid: 7 }, options: [{ code: 9 }] } }");
        let said = fields("{ rapid_commit: false, ia_pd: none, options: [] }");
        assert_eq!(model.complete(1, &said), said);
    }

    #[test]
    fn an_ia_of_a_step_is_otherwise_typical() {
        let model = model("{ all: { ia_na: { iaid: 7, t1: 10, t2: 20, valid: given } } }");
        let said = fields("{ ia_na: [{ iaid: 1, t1: 5 }, { iaid: 2, leases: none }] }");
        let whole = fields(
            "{ ia_na: [{ iaid: 1, t1: 5, t2: 20, valid: given },
                       { iaid: 2, t1: 10, t2: 20, valid: given, leases: none }] }",
        );
        assert_eq!(model.complete(1, &said), whole);
    }

    #[test]
    fn two_of_a_kind_have_duids_of_their_own() {
        let model = model("{ duid: \"0004 0102 03ff\" }");
        assert_eq!(model.duid(0xc1), Some(vec![0, 4, 1, 2, 3, 0xc1]));
        assert_eq!(model.duid(0xc2), Some(vec![0, 4, 1, 2, 3, 0xc2]));
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_nearest() {
        let error = find("windows-12", Path::new("")).expect_err("there is none");
        assert!(error.contains("did you mean `windows-1"), "{error}");
    }

    fn refused(text: &str) -> String {
        let error = Scenario::parse(Path::new("x.yaml"), text).expect_err("it is wrong");
        error.to_string()
    }

    #[test]
    fn a_model_that_is_unknown_or_unused_is_refused_where_it_stands() {
        let head = "why: it is a test\nrfc: [\"9915 §18\"]\n";
        let steps = "steps: [{ send: { from: pc, solicit: {} } }]\n";
        let error = refused(&format!(
            "{head}clients: {{ pc: {{ client: windows-77 }} }}\n{steps}"
        ));
        assert_eq!(
            error,
            "x.yaml:3:26: there is no client model `windows-77`; did you mean `windows-7`? \
             `dhcp6lab clients` lists them"
        );
        let error = refused(&format!(
            "{head}model: {{}}\nclients: {{ pc: {{}} }}\n{steps}"
        ));
        assert_eq!(
            error,
            "x.yaml:3:8: no client has this model: give one `client: x`"
        );
    }

    #[test]
    fn a_model_goes_by_the_name_of_its_file() {
        let text = "why: it is a test\nrfc: [\"9915 §18\"]\nmodel: { duid: \"000401ff\" }\n\
                    clients: { one: { client: x }, other: { client: x } }\n\
                    steps: [{ send: { from: one, solicit: {} } }]\n";
        let scenario = Scenario::parse(Path::new("x.yaml"), text).expect("a scenario");
        let duids = scenario.clients.0.iter().map(|it| it.duid.clone());
        assert_eq!(
            duids.collect::<Vec<_>>(),
            [vec![0, 4, 1, 0xc1], vec![0, 4, 1, 0xc2]]
        );
    }
}
