//! A scenario in the making: what goes into the file, and the proof that it says what was recorded.

use super::guess::{Guess, guess};
use super::steps::{self, Step};
use super::{expect, story, yaml};
use crate::dialogue::Dialogue;
use crate::rig::sim::Sim;
use crate::rig::{RigError, Setup};
use crate::scenario::Client;

/// How many lines of a guess the server may refuse.
const REFUSALS_MAX: usize = 100;

/// A scenario that is made of a dialogue.
#[derive(Debug)]
pub struct Draft {
    why: String,
    rfc: Vec<&'static str>,
    setup: Setup,
    clients: Vec<Client>,
    steps: Vec<Step>,
    comments: Vec<String>,
}

impl Draft {
    /// Makes one; `origin` is what the capture is called, and `time` says whether time passes in it.
    ///
    /// # Errors
    /// The server does not start with the guessed configuration.
    pub fn new(dialogue: &Dialogue, origin: &str, time: bool) -> Result<Self, RigError> {
        let setup = usable(guess(dialogue, origin))?;
        let taken = steps::taken(&setup);
        let clients = steps::clients(dialogue, &taken);
        let mut steps = steps::steps(dialogue, &clients, &taken);
        if !time {
            steps.retain(|it| !matches!(it, Step::Advance(_)));
        }
        expect::fill(&mut steps, &clients, &setup)?;
        let mut comments = vec![format!("Made of {origin} by `dhcp6lab import`.")];
        comments.extend(dialogue.remarks.iter().map(|it| format!("Note: {it}.")));
        Ok(Self {
            why: story::why(dialogue, origin),
            rfc: story::rfc(dialogue),
            setup,
            clients,
            steps,
            comments,
        })
    }

    /// The scenario as a file.
    #[must_use]
    pub fn text(&self) -> String {
        yaml::write(&yaml::File {
            comments: &self.comments,
            why: &self.why,
            rfc: &self.rfc,
            config: &self.setup.config,
            addresses: &self.setup.addresses,
            clients: &self.clients,
            steps: &self.steps,
        })
    }
}

/// A setup that the server starts with: lines that it refuses become comments.
///
/// # Errors
/// It refuses something that no line is to blame for.
pub fn usable(guess: Guess) -> Result<Setup, RigError> {
    let mut setup = Setup {
        config: guess.config,
        addresses: guess.addresses,
    };
    for _ in 0..REFUSALS_MAX {
        let Err(error) = Sim::start(&setup) else {
            return Ok(setup);
        };
        let text = error.to_string();
        let refused = text.lines().next().and_then(refusal);
        let lines: Vec<&str> = setup.config.lines().collect();
        let Some((number, reason)) = refused.filter(|it| is_statement(lines.get(it.0))) else {
            return Err(error);
        };
        let mut kept: Vec<String> = lines.iter().map(|it| (*it).to_owned()).collect();
        kept[number] = format!("# Cannot be said, as {reason}: {}", lines[number].trim());
        setup.config = kept.join("\n") + "\n";
    }
    Sim::start(&setup).map(|_| setup)
}

/// Whether a line is a statement of its own, which can be left out.
fn is_statement(line: Option<&&str>) -> bool {
    line.is_some_and(|it| it.ends_with(';') && !it.contains('{') && !it.starts_with(['}', '#']))
}

/// The line that a server refuses, from 0, and why: `dhcp6s.conf:5:18: error: reason`.
fn refusal(text: &str) -> Option<(usize, String)> {
    let rest = text.strip_prefix("dhcp6s.conf:")?;
    let (line, rest) = rest.split_once(':')?;
    let (_, reason) = rest.split_once(": ")?;
    let reason = reason.trim_start_matches("error: ");
    let number: usize = line.parse().ok()?;
    Some((number.checked_sub(1)?, reason.to_owned()))
}
