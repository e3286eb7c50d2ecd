//! Where scenarios are played, and one of them played there.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::Error;
use crate::differences::{self, Compared};
use crate::link;
use crate::player::{self, Played};
use crate::program;
use crate::report::Outcome;
use crate::rig::live::Live;
use crate::rig::product::Product;
use crate::rig::server::Program;
use crate::rig::sim::Sim;
use crate::rig::{Rig, RigError};
use crate::scenario::Scenario;

/// Where scenarios are played.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Sim,
    Live(Program),
    Original(PathBuf),
}

/// What came of a scenario in a place.
#[derive(Clone, Debug)]
pub(super) enum Taken {
    /// It was played to its end, or until the rig gave up.
    Played(Box<Played>),
    /// It was not, or there is no more to say.
    Other(Outcome),
}

impl Place {
    pub(super) fn live(server: Option<Program>) -> Result<Self, Error> {
        link::available().map_err(|error| Error::Lacking(error.to_string()))?;
        let server = match server {
            Some(server) => server,
            None => {
                let path = program::server().map_err(|error| Error::Lacking(error.to_string()))?;
                check_server(&path)?;
                Program::Binary(path)
            }
        };
        Ok(Self::Live(server))
    }

    pub(super) fn original(server: PathBuf) -> Result<Self, Error> {
        link::available().map_err(|error| Error::Lacking(error.to_string()))?;
        Ok(Self::Original(server))
    }

    /// What reports call it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Sim => "sim",
            Self::Live(_) => "live",
            Self::Original(_) => "wide",
        }
    }

    /// Plays a scenario so often, and compares: the first time counts, and all others have to be the same.
    pub(super) fn play(&self, path: &Path, scenario: &Scenario, times: usize) -> Taken {
        let first = self.play_once(path, scenario);
        for time in 2..=times {
            if let Some(lines) = first.differs_from(&self.play_once(path, scenario)) {
                return Taken::Other(Outcome::Unsteady { time, lines });
            }
        }
        first
    }

    fn play_once(&self, path: &Path, scenario: &Scenario) -> Taken {
        if let (Self::Live(_), Some(reason)) = (self, scenario.only_sim()) {
            return Taken::Other(Outcome::Skipped(reason.to_owned()));
        }
        let setup = scenario.setup();
        let started: Result<Box<dyn Rig>, RigError> = match self {
            Self::Sim => Sim::start(&setup).map(|it| Box::new(it) as _),
            Self::Live(server) => Live::start(&setup, server.clone()).map(|it| Box::new(it) as _),
            Self::Original(server) => {
                let compared = differences::compare(path, scenario, server);
                return Taken::Other(held_against(compared));
            }
        };
        match started {
            Ok(mut rig) => Taken::Played(Box::new(player::play(scenario, rig.as_mut()))),
            Err(error) => Taken::Other(Outcome::NotStarted(error.to_string())),
        }
    }
}

impl Taken {
    /// What is not as it was the first time, if anything.
    fn differs_from(&self, again: &Self) -> Option<String> {
        let (first, again) = (self.text(), again.text());
        (first != again).then(|| crate::report::hunks(&first, &again))
    }

    /// All that has to be the same each time.
    fn text(&self) -> String {
        match self {
            Self::Played(played) => {
                let failures = played.failures.iter();
                let failures: String = failures.map(|it| format!("{it}\n")).collect();
                played.text() + &failures
            }
            // What a server says about that has times in it.
            Self::Other(Outcome::NotStarted(_)) => "the server does not start\n".to_owned(),
            Self::Other(outcome) => format!("{outcome:?}\n"),
        }
    }
}

/// What a comparison with the original server is in the light of what the scenario says about it.
fn held_against(compared: Compared) -> Outcome {
    use differences::Outcome as Found;
    if let Some(fault) = compared.fault() {
        return Outcome::Wrong(fault);
    }
    match compared.outcome {
        Found::Incomparable(why) => Outcome::Skipped(why.to_owned()),
        Found::Different { lines, .. } => Outcome::Explained {
            reason: compared.reasons.join(" "),
            lines,
        },
        Found::Same { .. } | Found::Failed(_) => Outcome::Passed,
    }
}

/// Whether there is a program that can be run.
fn check_server(path: &Path) -> Result<(), Error> {
    let reason = match fs::metadata(path) {
        Ok(it) if it.is_file() && it.permissions().mode() & 0o111 != 0 => return Ok(()),
        Ok(_) => "it is no program".to_owned(),
        Err(error) => error.to_string(),
    };
    Err(Error::Server {
        path: path.to_owned(),
        reason,
    })
}

/// The server that the user names: `wide:FILE` is the original one, and so is a file that turns out to be.
pub(crate) fn named(server: &Path) -> Result<Program, Error> {
    let original = server.to_str().and_then(|it| it.strip_prefix("wide:"));
    if let Some(path) = original.map(PathBuf::from) {
        check_server(&path)?;
        return Ok(Program::Wide(path));
    }
    check_server(server)?;
    let product = Product::of(server).map_err(|error| Error::Server {
        path: server.to_owned(),
        reason: error.to_string(),
    })?;
    Ok(match product {
        Some(Product::Wide) => Program::Wide(server.to_owned()),
        Some(Product::Dhcp6s) | None => Program::Binary(server.to_owned()),
    })
}
