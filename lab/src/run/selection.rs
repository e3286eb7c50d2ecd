//! Which scenarios are meant, and whether all of them can be read.

use std::path::{Path, PathBuf};

use super::Error;
use crate::scenario::Scenario;
use crate::suite;

/// All scenarios, or everything that is wrong with them.
pub(crate) fn load(paths: &[PathBuf]) -> Result<Vec<(PathBuf, Scenario)>, Error> {
    let mut files = Vec::new();
    for path in paths {
        let found = suite::scenarios(path).map_err(|source| Error::File {
            path: path.clone(),
            source,
        })?;
        if let Some(other) = found.iter().find(|it| !suite::is_scenario(it)) {
            return Err(Error::Name(other.clone()));
        }
        files.extend(found);
    }
    if files.is_empty() {
        let paths: Vec<String> = paths.iter().map(|it| it.display().to_string()).collect();
        return Err(Error::Nothing(paths.join(", ")));
    }
    let (mut scenarios, mut errors) = (Vec::new(), Vec::new());
    for path in files {
        match Scenario::load(&path) {
            Ok(scenario) => scenarios.push((path, scenario)),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() {
        Ok(scenarios)
    } else {
        Err(Error::Scenarios(errors))
    }
}

/// Keeps the scenarios that one of the filters finds: in the path, the reason, the sections,
/// or the requirements. Without filters, all.
pub(super) fn sift(
    mut scenarios: Vec<(PathBuf, Scenario)>,
    filters: &[String],
) -> Result<Vec<(PathBuf, Scenario)>, Error> {
    let wanted: Vec<String> = filters.iter().map(|it| it.to_lowercase()).collect();
    scenarios.retain(|(path, scenario)| {
        wanted.is_empty()
            || wanted
                .iter()
                .any(|it| haystack(path, scenario).contains(it))
    });
    if scenarios.is_empty() {
        return Err(Error::Filtered(filters.join("`, `")));
    }
    Ok(scenarios)
}

/// What a filter looks at, in lower case.
fn haystack(path: &Path, scenario: &Scenario) -> String {
    let Scenario {
        why, rfc, covers, ..
    } = scenario;
    let (rfc, covers) = (rfc.join("\n"), covers.0.join("\n"));
    format!("{}\n{why}\n{rfc}\n{covers}", path.display()).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenarios() -> Vec<(PathBuf, Scenario)> {
        let read = |(path, why): (&str, &str)| {
            let text = format!(
                "why: {why}\nrfc: [\"9915 §18.3.6\"]\nclients: {{ first: {{}} }}\nsteps:\n  \
                 - send: {{ from: first, solicit: {{}} }}\n"
            );
            let path = PathBuf::from(path);
            let scenario = Scenario::parse(&path, &text).expect("a scenario");
            (path, scenario)
        };
        [
            ("renew/one.yaml", "The Lease lasts."),
            ("rebind/two.yaml", "It ends."),
        ]
        .map(read)
        .into()
    }

    fn found(filters: &[&str]) -> Vec<String> {
        let filters: Vec<String> = filters.iter().map(ToString::to_string).collect();
        match sift(scenarios(), &filters) {
            Ok(kept) => kept
                .iter()
                .map(|(path, _)| path.display().to_string())
                .collect(),
            Err(error) => vec![error.to_string()],
        }
    }

    #[test]
    fn a_filter_looks_at_path_reason_and_sections() {
        assert_eq!(found(&[]).len(), 2);
        assert_eq!(found(&["rebind"]), ["rebind/two.yaml"]);
        assert_eq!(found(&["the lease"]), ["renew/one.yaml"]);
        assert_eq!(found(&["§18.3.6"]).len(), 2);
        assert_eq!(found(&["one", "two"]).len(), 2);
        assert_eq!(
            found(&["three"]),
            ["no scenario has `three` in its path, its reason or its sections"]
        );
    }
}
