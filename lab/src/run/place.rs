//! Where scenarios are played, and one of them played there.

use std::path::{Path, PathBuf};

use super::{Error, mistake};
use crate::differences::{self, Compared};
use crate::link::{self, Device};
use crate::peer::{self, Obstacle};
use crate::player::{self, Played};
use crate::program;
use crate::report::Outcome;
use crate::rig::product::Product;
use crate::rig::server::Program;
use crate::rig::{Rig, RigError, bench};
use crate::scenario::Scenario;

/// Where scenarios are played.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Sim,
    Live(Program, Device),
    Original(PathBuf),
    Foreign(Program, Device),
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
    pub(super) fn live(server: Option<Program>, device: Device) -> Result<Self, Error> {
        let server = match server {
            Some(server) => server,
            None => {
                let path = program::server().map_err(|error| Error::Lacking(error.to_string()))?;
                peer::named(&path)?
            }
        };
        Ok(Self::Live(server, device))
    }

    pub(super) fn original(server: PathBuf) -> Result<Self, Error> {
        link::available().map_err(|error| Error::Lacking(error.to_string()))?;
        Ok(Self::Original(server))
    }

    pub(super) fn foreign(server: Program, device: Device) -> Self {
        Self::Foreign(server, device)
    }

    /// Whether its server is held to expectations and RFCs alone, and not to snapshots.
    pub(super) fn is_foreign(&self) -> bool {
        matches!(self, Self::Foreign(..))
    }

    /// Which other server it is whose failures may have known causes.
    pub(super) fn product(&self) -> Option<Product> {
        match self {
            Self::Foreign(server, _) => Some(server.product()),
            Self::Sim | Self::Live(..) | Self::Original(_) => None,
        }
    }

    /// What reports call it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Sim => "sim",
            Self::Live(..) => "live",
            Self::Original(_) => "wide",
            Self::Foreign(server, _) => server.product().word(),
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
        if let (Self::Sim, Some(reason)) = (self, scenario.only_live()) {
            return Taken::Other(Outcome::Skipped(reason.to_owned()));
        }
        if let (Self::Live(..), Some(reason)) = (self, scenario.only_sim()) {
            return Taken::Other(Outcome::Skipped(reason.to_owned()));
        }
        if let Self::Foreign(server, _) = self
            && let Some(obstacle) = peer::obstacle(scenario, server.product())
        {
            let (Obstacle::NotExpressible(why) | Obstacle::NotPlayable(why)) = obstacle;
            return Taken::Other(Outcome::Skipped(why));
        }
        let places = scenario.places();
        let started: Result<Box<dyn Rig + Send>, RigError> = match self {
            Self::Sim => bench::sim(&places),
            Self::Live(server, device) | Self::Foreign(server, device) => {
                bench::live(&places, *device, server)
            }
            Self::Original(server) => {
                let compared = differences::compare(path, scenario, server);
                return Taken::Other(held_against(compared));
            }
        };
        match started {
            Ok(mut rig) => Taken::Played(Box::new(match self {
                Self::Foreign(server, _) => {
                    player::play_foreign(scenario, rig.as_mut(), server.product())
                }
                Self::Sim | Self::Live(..) | Self::Original(_) => {
                    player::play(scenario, rig.as_mut())
                }
            })),
            Err(error) => {
                let said = mistake::in_scenario(path, &scenario.config, &error.to_string());
                Taken::Other(Outcome::NotStarted(said))
            }
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
