//! Plays all scenarios with all servers, some at a time.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::link::Device;
use crate::matrix::verdict::{Cause, Verdicts};
use crate::peer::{self, Obstacle};
use crate::player::{self, Played};
use crate::rig::bench;
use crate::rig::live::WAIT_ON_SIM;
use crate::rig::product::Product;
use crate::rig::server::Program;
use crate::scenario::Scenario;
use crate::suite;

/// A column: a server.
#[derive(Clone, Debug)]
pub struct Server {
    /// Which one it is.
    pub product: Product,
    /// Its version, if it tells.
    pub version: Option<String>,
}

impl Server {
    /// A server of that version.
    #[must_use]
    pub fn new(product: Product, version: Option<String>) -> Self {
        Self { product, version }
    }

    /// Its name with the version.
    #[must_use]
    pub fn title(&self) -> String {
        let name = self.product.name();
        match &self.version {
            Some(version) => format!("{name} {version}"),
            None => name.to_owned(),
        }
    }
}

/// A row: a scenario.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its file.
    pub path: PathBuf,
    /// What came of it, server by server.
    pub cells: Vec<Cell>,
}

impl Row {
    /// The folder that it is in.
    #[must_use]
    pub fn topic(&self) -> String {
        part(self.path.parent().and_then(Path::file_name))
    }

    /// Its name.
    #[must_use]
    pub fn claim(&self) -> String {
        part(self.path.file_stem())
    }

    /// Both: `topic/claim`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.topic(), self.claim())
    }
}

fn part(text: Option<&std::ffi::OsStr>) -> String {
    text.map_or_else(String::new, |it| it.to_string_lossy().into_owned())
}

/// What came of one scenario with one server.
#[derive(Clone, Debug)]
pub enum Cell {
    /// All that it is held to holds.
    Passed,
    /// It went another way where the scenario says that there are several; what it did otherwise.
    Choice(Failed),
    /// It does not do what it is held to.
    Failed(Failed),
    /// It cannot do what the configuration says, or cannot be told; why.
    NotExpressible(String),
    /// The scenario cannot be played with it; why.
    NotPlayable(String),
}

/// What a server did otherwise.
#[derive(Clone, Debug)]
pub struct Failed {
    /// What was not as expected, in order, each with its cause, if that is known.
    pub failures: Vec<(String, Option<Cause>)>,
    /// All that happened.
    pub transcript: String,
}

impl Failed {
    /// Whether there is a cause for all of it.
    #[must_use]
    pub fn is_explained(&self) -> bool {
        self.failures.iter().all(|(_, cause)| cause.is_some())
    }
}

/// Who passes what.
#[derive(Clone, Debug, Default)]
pub struct Matrix {
    /// The columns.
    pub servers: Vec<Server>,
    /// The rows, in the order of their paths.
    pub rows: Vec<Row>,
}

impl Matrix {
    /// The topics, in order.
    #[must_use]
    pub fn topics(&self) -> Vec<String> {
        let mut topics: Vec<String> = self.rows.iter().map(Row::topic).collect();
        topics.dedup();
        topics
    }

    /// The cells of a server, of one topic or of all.
    pub fn cells(&self, column: usize, topic: Option<&str>) -> impl Iterator<Item = &Cell> {
        let rows = self.rows.iter();
        let wanted = rows.filter(move |row| topic.is_none_or(|topic| row.topic() == topic));
        wanted.filter_map(move |row| row.cells.get(column))
    }

    /// What nobody has explained yet: scenario, server and failures. Whatever our own server does wrong is among it.
    #[must_use]
    pub fn unexplained(&self) -> Vec<(String, Product, Vec<String>)> {
        let mut found = Vec::new();
        for row in &self.rows {
            for (server, cell) in self.servers.iter().zip(&row.cells) {
                if let Cell::Failed(failed) = cell
                    && !failed.is_explained()
                {
                    let failures = failed.failures.iter().filter(|(_, cause)| cause.is_none());
                    let failures = failures.map(|(text, _)| text.clone()).collect();
                    found.push((row.name(), server.product, failures));
                }
            }
        }
        found
    }
}

/// Plays each scenario with each server, so many at a time. `progress` hears of each that is done.
pub fn survey(
    scenarios: &[(PathBuf, Scenario)],
    servers: &[(Server, Program)],
    verdicts: &Verdicts,
    jobs: usize,
    progress: impl Fn() + Sync,
) -> Matrix {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::new());
    let count = scenarios.len() * servers.len();
    thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        break;
                    }
                    let pair = scenarios.get(index / servers.len());
                    let Some((path, scenario)) = pair else { break };
                    let Some((_, program)) = servers.get(index % servers.len()) else {
                        break;
                    };
                    let cell = play(path, scenario, program, verdicts);
                    found
                        .lock()
                        .expect("nobody panics with it")
                        .push((index, cell));
                    progress();
                }
            });
        }
    });
    let mut cells = found.into_inner().expect("nobody panics with it");
    cells.sort_by_key(|(index, _)| *index);
    let mut cells = cells.into_iter().map(|(_, cell)| cell);
    let rows = scenarios.iter().map(|(path, _)| Row {
        path: path.clone(),
        cells: cells.by_ref().take(servers.len()).collect(),
    });
    Matrix {
        rows: rows.collect(),
        servers: servers.iter().map(|(server, _)| server.clone()).collect(),
    }
}

fn play(path: &Path, scenario: &Scenario, program: &Program, verdicts: &Verdicts) -> Cell {
    let product = program.product();
    if product == Product::Dhcp6s {
        return play_ours(path, scenario, program);
    }
    match peer::obstacle(scenario, product) {
        Some(Obstacle::NotExpressible(why)) => return Cell::NotExpressible(why),
        Some(Obstacle::NotPlayable(why)) => return Cell::NotPlayable(why),
        None => {}
    }
    let (mut failures, transcript) = match peer::play(scenario, program.clone()) {
        Ok(played) => told(&played),
        Err(error) => (vec![error.to_string()], String::new()),
    };
    if failures.is_empty() {
        return Cell::Passed;
    }
    if waits_too_long(&mut failures) {
        return Cell::NotPlayable("more time passes than anybody can wait for".into());
    }
    let row = Row {
        path: path.to_owned(),
        cells: Vec::new(),
    };
    let name = row.name();
    let cause = |failure: &str| {
        let open = !scenario.choice.0.is_empty() && is_about_expectations(failure);
        let on_purpose = product == Product::Wide && !scenario.differs.0.is_empty();
        verdicts
            .cause(product, &name, failure)
            .or(open.then_some(Cause::Choice))
            .or(on_purpose.then_some(Cause::Differs))
    };
    let failed = Failed {
        failures: failures
            .into_iter()
            .map(|it| (it.clone(), cause(&it)))
            .collect(),
        transcript,
    };
    let open = |(_, cause): &(String, Option<Cause>)| *cause == Some(Cause::Choice);
    if failed.failures.iter().all(open) {
        return Cell::Choice(failed);
    }
    Cell::Failed(failed)
}

/// Takes out that a client would have had to wait for long, which may depend on what the server does; whether that is
/// all that is to be said of it.
fn waits_too_long(failures: &mut Vec<String>) -> bool {
    failures.retain(|it| !it.contains(WAIT_ON_SIM));
    failures.is_empty()
}

/// Whether a failure is about which answer came, and not about what is wrong with it or about the end of a server.
pub(super) fn is_about_expectations(failure: &str) -> bool {
    let text = failure.split_once(": ").map_or(failure, |it| it.1);
    // With parameters, they stand first.
    let text = match text.starts_with('(') {
        true => text.split_once(") ").map_or(text, |it| it.1),
        false => text,
    };
    let begins = [
        "the server was silent instead of ",
        "the server sent ",
        "nothing came of ",
    ];
    begins.iter().any(|it| text.starts_with(it)) || text.contains(" is not as expected: ")
}

/// Ours is held to its snapshot, too, over a real link or, where time passes, in process.
fn play_ours(path: &Path, scenario: &Scenario, program: &Program) -> Cell {
    let places = scenario.places();
    let started = match scenario.only_sim() {
        Some(_) => bench::sim(&places),
        None => bench::live(&places, Device::best().device, program),
    };
    let (mut failures, transcript) = match started {
        Ok(mut rig) => told(&player::play(scenario, rig.as_mut())),
        Err(error) => (vec![error.to_string()], String::new()),
    };
    match suite::snapshot(path) {
        Ok(Some(snapshot)) if snapshot.trim_end() == transcript.trim_end() => {}
        Ok(None) => {}
        Ok(Some(_)) => failures.push("it is not as in the snapshot".to_owned()),
        Err(error) => failures.push(format!("the snapshot cannot be read: {error}")),
    }
    if failures.is_empty() {
        return Cell::Passed;
    }
    Cell::Failed(Failed {
        failures: failures.into_iter().map(|it| (it, None)).collect(),
        transcript,
    })
}

fn told(played: &Played) -> (Vec<String>, String) {
    let failures = played.failures.iter().map(ToString::to_string).collect();
    (failures, played.text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_hides_no_failure_ahead_of_it() {
        let wait = format!("step 3: {WAIT_ON_SIM}");
        assert!(waits_too_long(&mut vec![wait.clone()]));
        let mut failures = vec!["step 2: the server ended by itself".to_owned(), wait];
        assert!(!waits_too_long(&mut failures));
        assert_eq!(failures, ["step 2: the server ended by itself"]);
    }

    #[test]
    fn a_choice_excuses_which_answer_came_and_nothing_else() {
        for excused in [
            "step 2: the server was silent instead of sending Reply",
            "step 2: the server sent an unexpected Reply",
            "step 2: the server sent Reply instead of Advertise",
            "step 2: (seed=1) the server sent an unexpected Reply",
            "step 2: the Reply is not as expected: status\n        expected  Success",
        ] {
            assert!(is_about_expectations(excused), "{excused}");
        }
        for held in [
            "step 2: the Reply is wrong: it has no server identifier (RFC 9915 §18.3)",
            "step 2: the server ended by itself (SIGSEGV); its last words:\n",
            "the server did not start; its last words:\n",
        ] {
            assert!(!is_about_expectations(held), "{held}");
        }
    }
}
