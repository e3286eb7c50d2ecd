//! Plays scenarios against the original server and against our own engine, and compares the transcripts.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::lens::{Lens, Pools, Rule};
use crate::player::{self, Played};
use crate::program::ORIGINAL;
use crate::report::diff;
use crate::rig::live::Live;
use crate::rig::product::Product;
use crate::rig::server::Program;
use crate::rig::sim::Sim;
use crate::rig::{Ended, RigError};
use crate::scenario::{Scenario, Step};

/// What came of comparing one scenario.
#[derive(Clone, Debug)]
pub struct Compared {
    /// The file.
    pub path: PathBuf,
    /// The reasons that the scenario gives for differences.
    pub reasons: Vec<String>,
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
        /// What became of the original, if it ended by itself: `ends with SIGSEGV`.
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
        match (&self.outcome, self.reasons.as_slice()) {
            (Outcome::Same { .. }, [_, ..]) => Some(
                "`differs` gives a reason, and nothing differs from the original server".to_owned(),
            ),
            (Outcome::Different { lines, .. }, []) => Some(format!(
                "the original server does something else (- ours, + the original); give the \
                 reason under `differs`, or do as it does:\n{lines}"
            )),
            (Outcome::Failed(text), _) => Some(text.clone()),
            (Outcome::Same { .. }, [])
            | (Outcome::Different { .. }, [_, ..])
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
    /// What is wrong with `differs` in the scenarios, and, if these are all of them, rules that are not needed.
    #[must_use]
    pub fn faults(&self, complete: bool) -> Vec<String> {
        let fault = |it: &Compared| Some(format!("{}: {}", it.path.display(), it.fault()?));
        let mut faults: Vec<String> = self.compared.iter().filter_map(fault).collect();
        let needed = |rule: &Rule| {
            self.compared
                .iter()
                .any(|it| matches!(&it.outcome, Outcome::Same { rules } if rules.contains(rule)))
        };
        // Which are needed, only all scenarios together tell.
        let idle = Rule::ALL.iter().filter(|rule| complete && !needed(rule));
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
    let (program, package) = ORIGINAL;
    let path = Path::new(program);
    match Product::of(path) {
        Ok(Some(Product::Wide)) => Ok(path.to_owned()),
        Ok(_) => Err(RigError(format!(
            "{program} is not the original server; Debian's package {package} has it"
        ))),
        Err(error) => Err(RigError(format!(
            "the original server cannot be run: {program}: {error}; Debian's package {package} has it"
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
        reasons: scenario
            .differs
            .0
            .iter()
            .map(|it| it.trim().into())
            .collect(),
        outcome,
    }
}

/// Why a scenario cannot be played against the original, if so.
fn incomparable(scenario: &Scenario) -> Option<&'static str> {
    if scenario.has_several_servers() {
        return Some("It has several servers.");
    }
    if scenario.only_sim().is_some() {
        return Some("More time passes than anybody can wait for.");
    }
    let steps = scenario.cases().flat_map(|it| &it.steps);
    steps.into_iter().find_map(|step| match step {
        Step::Disk(_) => Some("The original keeps nothing on a disk that could be full."),
        Step::Interface(_) => Some("Only ours is asked what it makes of changes of its interface."),
        Step::Run(_) => Some("It runs a program, which is made for this server."),
        Step::Advance(_)
        | Step::Retransmit(_)
        | Step::Faults(_)
        | Step::Save(_)
        | Step::Reload(_)
        | Step::Remove(_)
        | Step::Send(_)
        | Step::Exchange(_)
        | Step::Expect(_)
        | Step::Crash(_)
        | Step::Restart(_) => None,
    })
}

fn play(scenario: &Scenario, original: &Path) -> Result<Outcome, RigError> {
    let setup = scenario.setup();
    let ours = watch(scenario, Sim::start(&setup)?)?;
    let program = Program::Foreign(Product::Wide, original.to_owned());
    let theirs = match Live::try_to_start(&setup, program)? {
        Ok(live) => watch(scenario, live)?,
        Err(Ended { how, .. }) => {
            return Ok(Outcome::Different {
                ended: Some("does not start".to_owned()),
                lines: format!("+ the server does not start: {how}\n"),
            });
        }
    };
    let read = |played: &Played, rules: &[Rule]| {
        let lens = Lens::new(rules, pools(scenario));
        played.transcript.render_through(&played.names, lens)
    };
    let (our_text, their_text) = (read(&ours, &Rule::ALL), read(&theirs, &Rule::ALL));
    if our_text != their_text {
        return Ok(Outcome::Different {
            ended: theirs
                .transcript
                .end()
                .map(|how| format!("ends with {how}")),
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
    let configurations = scenario.configurations();
    let own = scenario.link.addresses.iter().map(|it| it.address);
    Pools::new(configurations, own)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddrV6;
    use std::time::Duration;

    use super::*;
    use crate::compose::{CLIENT_PORT, SERVER_PORT};
    use crate::normalise::Names;
    use crate::rig::{Datagram, SERVER_ADDRESS, SERVER_DUID};
    use crate::transcript::Transcript;

    /// A Reply with the server's identifier, an IA_NA with T1, T2 and one address of a pool, and a status.
    fn reply(t1: u8, last: u8, status: &[u8]) -> Vec<u8> {
        let mut octets = vec![7, 0, 0, 1, 0, 2, 0, 10];
        octets.extend(SERVER_DUID);
        octets.extend([0, 3, 0, 40, 0, 0, 0, 1, 0, 0, 0, t1, 0, 0, 0, 99]);
        octets.extend([0, 5, 0, 24, 0x20, 0x01, 0x0d, 0xb8, 0, 1]);
        octets.extend([0, 0, 0, 0, 0, 0, 0, 0, 0x10, last]);
        octets.extend([0, 0, 0, 100, 0, 0, 0, 200]);
        octets.extend([0, 13, 0, u8::try_from(status.len()).expect("short")]);
        octets.extend(status);
        octets
    }

    fn datagram(payload: Vec<u8>) -> Datagram {
        Datagram {
            source: SocketAddrV6::new(SERVER_ADDRESS, SERVER_PORT, 0, 0),
            destination: SocketAddrV6::new(SERVER_ADDRESS, CLIENT_PORT, 0, 0),
            payload,
        }
    }

    fn seen(datagrams: impl IntoIterator<Item = Datagram>) -> String {
        let mut transcript = Transcript::default();
        for datagram in datagrams {
            transcript.received(Duration::ZERO, datagram);
        }
        let config = "pool lan { range 2001:db8:1::1000 to 2001:db8:1::10ff; };";
        let pools = Pools::new(std::iter::once(config), std::iter::empty());
        transcript.render_through(&Names::new(&[]), Lens::new(&Rule::ALL, pools))
    }

    fn once(payload: Vec<u8>) -> String {
        seen([datagram(payload)])
    }

    #[test]
    fn what_is_different_everywhere_is_not_seen() {
        let ours = once(reply(50, 0x77, b"\0\0fine"));
        let mut theirs = datagram(reply(50, 0x01, b"\0\0"));
        theirs.source.set_port(40_000);
        assert_eq!(ours, seen([theirs]));
    }

    #[test]
    fn all_else_is_seen() {
        let usual = once(reply(50, 1, b"\0\0"));
        assert_ne!(usual, once(reply(49, 1, b"\0\0")), "another T1");
        assert_ne!(usual, once(reply(50, 1, b"\0\x02")), "another status");
        let (head, options) = (reply(50, 1, b"\0\0")[..18].to_vec(), reply(50, 1, b"\0\0"));
        let (ia, status) = options[18..].split_at(44);
        assert_ne!(usual, once([&head, status, ia].concat()), "another order");
        let mut late = reply(50, 1, b"\0\0");
        late[18 + 4 + 12 + 4 + 16 + 3] += 1;
        assert_ne!(usual, once(late), "another lifetime");
        let mut elsewhere = datagram(reply(50, 1, b"\0\0"));
        elsewhere
            .source
            .set_ip("fe80::5".parse().expect("an address"));
        assert_ne!(usual, seen([elsewhere.clone()]), "another address");
        elsewhere = datagram(reply(50, 1, b"\0\0"));
        elsewhere.destination.set_port(40_000);
        assert_ne!(usual, seen([elsewhere]), "another destination");
    }

    #[test]
    fn two_leases_are_not_one() {
        let answers =
            |first, second| seen([first, second].map(|last| datagram(reply(50, last, b"\0\0"))));
        assert_eq!(answers(1, 2), answers(9, 4));
        assert_ne!(answers(1, 2), answers(1, 1));
    }

    #[test]
    fn a_reason_and_a_difference_belong_together() {
        let lines = String::from("+ more\n");
        let different = Outcome::Different { ended: None, lines };
        let same = Outcome::Same { rules: Vec::new() };
        let fault = |outcome: &Outcome, reasons: &[&str]| {
            Compared {
                path: "scenarios/topic/a-claim.yaml".into(),
                reasons: reasons.iter().map(|it| (*it).to_owned()).collect(),
                outcome: outcome.clone(),
            }
            .fault()
        };
        assert_eq!(fault(&same, &[]), None);
        assert_eq!(fault(&different, &["It is so."]), None);
        let text = fault(&same, &["It is so."]).expect("a fault");
        assert!(text.contains("nothing differs"), "{text}");
        let text = fault(&different, &[]).expect("a fault");
        assert!(text.ends_with("+ more\n"), "{text}");
    }
}
