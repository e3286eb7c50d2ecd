//! Plays scenarios against the original server and against our own engine, and compares the transcripts.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::lens::{Lens, Pools, Rule};
use crate::player::{self, Played};
use crate::report::diff;
use crate::rig::RigError;
use crate::rig::live::Live;
use crate::rig::product::Product;
use crate::rig::server::Program;
use crate::rig::sim::Sim;
use crate::scenario::{Scenario, Step};

/// Where Debian installs the original server, and the package.
const ORIGINAL: &str = "/usr/sbin/dhcp6s";
const PACKAGE: &str = "wide-dhcpv6-server";

/// What came of comparing one scenario.
#[derive(Clone, Debug)]
pub struct Compared {
    /// The file.
    pub path: PathBuf,
    /// The reason that the scenario gives for a difference.
    pub reason: Option<String>,
    /// What was found.
    pub outcome: Outcome,
}

/// How two servers went through a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// They did the same.
    Same {
        /// The rules without which that would not be so.
        rules: Vec<Rule>,
    },
    /// They did not.
    Different {
        /// How the original ended, if it did so by itself (`SIGSEGV`).
        ended: Option<String>,
        /// What differs, line by line: `-` ours, `+` the original's.
        lines: String,
    },
    /// It cannot be played against the original; why.
    Incomparable(&'static str),
    /// Something else went wrong.
    Failed(String),
}

impl Compared {
    /// What is wrong with the scenario's `differs`, if anything.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        let path = self.path.display();
        match (&self.outcome, &self.reason) {
            (Outcome::Same { .. }, Some(_)) => Some(format!(
                "{path}: `differs` gives a reason, and nothing differs from the original server"
            )),
            (Outcome::Different { lines, .. }, None) => Some(format!(
                "{path}: the original server does something else (- ours, + the original); give the \
                 reason under `differs`, or do as it does:\n{lines}"
            )),
            (Outcome::Failed(text), _) => Some(format!("{path}: {text}")),
            (Outcome::Same { .. }, None)
            | (Outcome::Different { .. }, Some(_))
            | (Outcome::Incomparable(_), _) => None,
        }
    }
}

/// All scenarios, compared.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// In the order of their paths.
    pub compared: Vec<Compared>,
}

impl Survey {
    /// What is wrong with `differs` in the scenarios, and rules that are not needed.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults: Vec<String> = self.compared.iter().filter_map(Compared::fault).collect();
        let needed = |rule: &Rule| {
            self.compared
                .iter()
                .any(|it| matches!(&it.outcome, Outcome::Same { rules } if rules.contains(rule)))
        };
        let idle = Rule::ALL.iter().filter(|rule| !needed(rule));
        faults.extend(idle.map(|rule| {
            format!("no scenario shows the general difference {rule:?}: remove it, or add one")
        }));
        faults
    }

    /// In one line, how many scenarios came to what.
    #[must_use]
    pub fn summary(&self) -> String {
        let count = |of: fn(&Outcome) -> bool| {
            let outcomes = self.compared.iter().map(|it| &it.outcome);
            outcomes.filter(|it| of(it)).count()
        };
        format!(
            "{} the same, {} different, {} cannot be compared, {} failed",
            count(|it| matches!(it, Outcome::Same { .. })),
            count(|it| matches!(it, Outcome::Different { .. })),
            count(|it| matches!(it, Outcome::Incomparable(_))),
            count(|it| matches!(it, Outcome::Failed(_))),
        )
    }
}

/// The original server, where its package puts it.
///
/// # Errors
/// It is not installed.
pub fn original() -> Result<PathBuf, RigError> {
    let path = Path::new(ORIGINAL);
    match Product::of(path) {
        Ok(Some(Product::Wide)) => Ok(path.to_owned()),
        Ok(_) => Err(RigError(format!(
            "{ORIGINAL} is not the original server; Debian's package {PACKAGE} has it"
        ))),
        Err(error) => Err(RigError(format!(
            "the original server cannot be run: {ORIGINAL}: {error}; Debian's package {PACKAGE} has it"
        ))),
    }
}

/// Compares all these scenarios, some at a time; `progress` hears of each, as it is done.
pub fn survey(
    scenarios: &[(PathBuf, Scenario)],
    original: &Path,
    progress: impl Fn(&Compared) + Sync,
) -> Survey {
    // A server and its namespace keep a processor busy half of the time.
    let workers = 2 * thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((path, scenario)) =
                    scenarios.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    let compared = compare(path, scenario, original);
                    progress(&compared);
                    found.lock().expect("nobody panics with it").push(compared);
                }
            });
        }
    });
    let mut compared = found.into_inner().expect("nobody panics with it");
    compared.sort_by(|a, b| a.path.cmp(&b.path));
    Survey { compared }
}

/// Plays one scenario against both servers.
#[must_use]
pub fn compare(path: &Path, scenario: &Scenario, original: &Path) -> Compared {
    let outcome = match incomparable(scenario) {
        Some(why) => Outcome::Incomparable(why),
        None => play(scenario, original).unwrap_or_else(|error| Outcome::Failed(error.to_string())),
    };
    Compared {
        path: path.to_owned(),
        reason: scenario.differs.as_ref().map(|it| it.trim().to_owned()),
        outcome,
    }
}

/// Why a scenario cannot be played against the original, if so.
fn incomparable(scenario: &Scenario) -> Option<&'static str> {
    let told = |step: &Step| matches!(step, Step::Reload(_) | Step::Remove(_));
    if scenario.steps.iter().any(told) {
        return Some(
            "The original is told through its control channel alone, which is closed here; a signal ends it.",
        );
    }
    if scenario.only_sim().is_some() {
        return Some("More time passes than anybody can wait for.");
    }
    if scenario.config.contains("required;") {
        return Some("The original does not know `required`.");
    }
    let disk = |step: &Step| matches!(step, Step::Disk(_));
    scenario
        .steps
        .iter()
        .any(disk)
        .then_some("The original keeps nothing on a disk that could be full.")
}

fn play(scenario: &Scenario, original: &Path) -> Result<Outcome, RigError> {
    let setup = scenario.setup();
    let ours = watch(scenario, Sim::start(&setup)?)?;
    let program = Program::Wide(original.to_owned());
    let theirs = watch(scenario, Live::start(&setup, program)?)?;
    let read = |played: &Played, rules: &[Rule]| {
        let lens = Lens::new(rules, pools(scenario));
        played.transcript.render_through(&played.names, lens)
    };
    let (our_text, their_text) = (read(&ours, &Rule::ALL), read(&theirs, &Rule::ALL));
    if our_text != their_text {
        return Ok(Outcome::Different {
            ended: theirs.transcript.end().map(str::to_owned),
            lines: diff(&our_text, &their_text),
        });
    }
    let mut rules = Rule::ALL.to_vec();
    rules.retain(|rule| {
        let others: Vec<Rule> = Rule::ALL.into_iter().filter(|it| it != rule).collect();
        read(&ours, &others) != read(&theirs, &others)
    });
    Ok(Outcome::Same { rules })
}

fn watch(scenario: &Scenario, mut rig: impl crate::rig::Rig) -> Result<Played, RigError> {
    let played = player::watch(scenario, &mut rig);
    match played.failures.as_slice() {
        [] => Ok(played),
        failures => {
            let mut text = format!("on the rig {}:", rig.name());
            for failure in failures {
                let _ = write!(text, "\n    {failure}");
            }
            Err(RigError(text))
        }
    }
}

/// The pools of all configurations that the scenario gives a server.
fn pools(scenario: &Scenario) -> Pools {
    let later = scenario.steps.iter().filter_map(|step| match step {
        Step::Restart(it) | Step::Crash(it) => it.config.as_deref(),
        Step::Reload(it) => Some(it.config.as_str()),
        Step::Send(_)
        | Step::Exchange(_)
        | Step::Expect(_)
        | Step::Advance(_)
        | Step::Disk(_)
        | Step::Remove(_) => None,
    });
    let configurations = std::iter::once(scenario.config.as_str()).chain(later);
    let own = scenario.link.addresses.iter().map(|it| it.address);
    Pools::new(configurations, own)
}
