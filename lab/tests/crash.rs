//! The server is killed at any moment, again and again, and every lease that a Reply promised is still there.
//!
//! Many clients keep a real server busy over a real link; its journal is on a real disk. Whatever Reply has
//! reached the clients' socket when the server is gone is a promise. A kill ends the process and not the
//! machine: what was written and not synced survives it.
//!
//! `DHCP6S_CRASH_ROUNDS` sets how often the server is killed, `DHCP6S_CRASH_SEED` repeats what chance decided;
//! what the system decides is different each time.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use dhcp6lab::link::{Cable, Namespace};
use dhcp6lab::load::port::{drain, exchange, now};
use dhcp6lab::load::{Breach, Chance, Client, Crowd, Ia, IaKind, Pace, Patience, Port};
use dhcp6lab::rig::server::{PATIENCE, Program, Server};
use dhcp6lab::rig::{INTERFACE, RigError};
use tempfile::TempDir;

#[path = "support/journal.rs"]
mod journal;
#[path = "support/server.rs"]
mod server;
mod support;

/// Clients with an address of a pool that has room for all.
const AT_EASE: u16 = 2000;
/// Clients that share 64 addresses, which they can have for four seconds.
const CROWDED: u16 = 96;
/// Clients with a delegated prefix besides their address.
const DELEGATED: u16 = 64;
/// Clients that wait for an answer at a time.
const WINDOW: usize = 256;
/// After how long a client sends again what was not answered.
const PAUSE: Duration = Duration::from_millis(500);

/// How many rounds it takes until something is tried that is not tried each time.
const CUT_SHORT_EVERY: usize = 8;
const ROLL_CALL_EVERY: usize = 20;
const AGE_EVERY: usize = 25;

#[test]
fn every_lease_that_a_reply_promised_survives_a_kill() {
    if !support::can_run(&[]) {
        return;
    }
    let in_ci = std::env::var("CI").as_deref() == Ok("true");
    let rounds = from_environment("ROUNDS").unwrap_or(if in_ci { 200 } else { 40 });
    let seed = from_environment("SEED").unwrap_or_else(|| u64::from(now().subsec_nanos()));
    say(&format!("crash: {rounds} rounds with seed {seed}"));

    let mut folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder on disk");
    let mut lab = Lab::new(&folder, seed).expect("the link can be made");
    let began = Instant::now();
    let outcome = (1..=rounds).try_for_each(|round| lab.round(round));
    say(&format!(
        "crash: {} in {:.1} s",
        lab.report(),
        began.elapsed().as_secs_f32()
    ));
    let outcome = outcome.and_then(|()| lab.is_worth_something());
    if let Err(error) = outcome {
        folder.disable_cleanup(true);
        panic!(
            "{}\n(the journal is in {})",
            error.0,
            folder.path().display()
        );
    }
}

fn from_environment<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(format!("DHCP6S_CRASH_{name}")).ok()?;
    let number = text.parse().ok();
    assert!(
        number.is_some(),
        "DHCP6S_CRASH_{name} is not a number: {text}"
    );
    number
}

/// Says it past the harness, which hides what a test prints that succeeds.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

struct Lab {
    server: Server,
    port: Port,
    crowd: Crowd,
    chance: Chance,
    journal: PathBuf,
    /// How long the server took to start.
    start: Duration,
    /// Whether the journal is about to begin a new segment.
    is_aged: bool,
    /// Whether the last kill was in the middle of a restatement.
    is_restating: bool,
    counts: Counts,
    // Dropped last: the other end of the link.
    _clients: Namespace,
}

#[derive(Default)]
struct Counts {
    rounds: usize,
    roll_calls: usize,
    /// Kills before the server said that it serves.
    starts_cut_short: usize,
    /// Leases that were looked for, and those that were not as promised.
    checked: usize,
    lost: usize,
    given_twice: usize,
    not_renewed: usize,
    /// Kills that left the last batch unfinished, and those in the middle of a restatement.
    torn: usize,
    restating: usize,
    segments: u64,
}

impl Lab {
    fn new(folder: &TempDir, seed: u64) -> Result<Self, RigError> {
        let cable = Cable::lay([0x02, 0, 0, 0, 0, 0xc1])?;
        let program = Program::Binary(server::path());
        let journal = folder.path().join("leases");
        let mut server = Server::new(program, cable.server, &configuration())?;
        server.keep_leases_in(&journal);
        let mut chance = Chance::new(seed);
        Ok(Self {
            server,
            port: Port::open(&cable.client, INTERFACE, None)?,
            crowd: Crowd::new(
                clients(),
                Pace::Window(WINDOW),
                Patience::Every(PAUSE),
                Chance::new(chance.draw()),
            ),
            chance,
            journal,
            start: Duration::from_millis(50),
            is_aged: false,
            is_restating: false,
            counts: Counts::default(),
            _clients: cable.client,
        })
    }

    /// Has the server started, killed under load, and its journal checked.
    fn round(&mut self, round: usize) -> Result<(), RigError> {
        if round.is_multiple_of(CUT_SHORT_EVERY) {
            self.server.launch()?;
            let said = self.kill_within(Duration::ZERO, self.start)?;
            let serves = said.iter().any(|line| line.contains("serving on"));
            self.counts.starts_cut_short += usize::from(!serves);
        }
        let began = Instant::now();
        self.server.start()?;
        self.start = began.elapsed();
        if round.is_multiple_of(ROLL_CALL_EVERY) {
            self.call_roll()?;
        }
        if self.is_restating {
            self.finish_restatement()?;
        }
        // A restatement begins with the first commit and takes some milliseconds.
        let (least, most) = if self.is_aged { (1, 25) } else { (5, 100) };
        self.kill_within(Duration::from_millis(least), Duration::from_millis(most))?;
        self.counts.rounds += 1;
        self.is_aged = round % AGE_EVERY == 5 && journal::age(&self.journal).map_err(RigError)?;
        Ok(())
    }

    /// Has every client renew what it was promised; all must get it.
    fn call_roll(&mut self) -> Result<(), RigError> {
        self.crowd.hurry();
        self.crowd.call_roll();
        exchange(&mut self.crowd, &mut self.port, Instant::now() + PATIENCE)?;
        if !self.crowd.is_settled() {
            return Err(self.server.failure("does not answer any more"));
        }
        self.crowd.mingle();
        self.counts.roll_calls += 1;
        Ok(())
    }

    /// Has clients keep the server busy until all leases are restated, and the segments before that are gone.
    fn finish_restatement(&mut self) -> Result<(), RigError> {
        let until = Instant::now() + PATIENCE;
        self.crowd.hurry();
        while journal::segments(&self.journal).map_err(RigError)?.len() > 1 {
            if Instant::now() >= until {
                return Err(self.server.failure("does not end its restatement"));
            }
            let soon = Instant::now() + Duration::from_millis(10);
            exchange(&mut self.crowd, &mut self.port, soon)?;
        }
        Ok(())
    }

    /// Kills the server at some moment of a time in which clients keep it busy, and checks what it leaves.
    /// Returns what it said.
    fn kill_within(&mut self, least: Duration, most: Duration) -> Result<Vec<String>, RigError> {
        let range = most.saturating_sub(least).as_micros();
        let chosen = self
            .chance
            .below(usize::try_from(range).unwrap_or(usize::MAX));
        let until = Instant::now() + least + Duration::from_micros(chosen as u64);
        self.crowd.hurry();
        exchange(&mut self.crowd, &mut self.port, until)?;
        let said = self.server.lines()?;
        self.server.check()?;
        self.server.kill()?;
        // What it sent is a promise, although it is gone.
        drain(&mut self.crowd, &mut self.port)?;
        self.check().map(|()| said)
    }

    fn check(&mut self) -> Result<(), RigError> {
        let left = journal::read(&self.journal).map_err(RigError)?;
        let promises: Vec<_> = self.crowd.promises(now()).collect();
        let broken: Vec<_> = promises.iter().filter_map(|it| left.breaks(it)).collect();
        let breaches = self.crowd.breaches();
        self.counts.checked += promises.len();
        self.counts.lost += broken.len();
        let not_renewed = |it: &&Breach| matches!(it, Breach::NotRenewed { .. });
        self.counts.not_renewed = breaches.iter().filter(not_renewed).count();
        self.counts.given_twice = left.given_twice.len() + breaches.len() - self.counts.not_renewed;
        self.counts.torn += usize::from(left.is_torn);
        self.is_restating = left.segments.len() > 1;
        self.counts.restating += usize::from(self.is_restating);
        self.counts.segments = left.segments.last().copied().unwrap_or_default();

        let twice = left.given_twice.iter();
        let twice = twice.map(|it| format!("{it} was given to a second client in the journal"));
        let breaches = breaches.iter().map(ToString::to_string);
        let found: Vec<_> = broken.into_iter().chain(twice).chain(breaches).collect();
        if found.is_empty() {
            return Ok(());
        }
        let round = self.counts.rounds + 1;
        let mut text = format!("round {round}, {} broken promises:", found.len());
        for one in found.iter().take(10) {
            let _ = write!(text, "\n    {one}");
        }
        Err(RigError(text))
    }

    /// Whether there was something to lose: if not, nothing was shown.
    fn is_worth_something(&self) -> Result<(), RigError> {
        let counts = &self.counts;
        let tried = [
            counts.checked > counts.rounds,
            counts.rounds < CUT_SHORT_EVERY || counts.starts_cut_short > 0,
            counts.rounds < ROLL_CALL_EVERY || counts.roll_calls > 0,
            counts.rounds < AGE_EVERY || counts.segments > 1,
        ];
        if tried.contains(&false) {
            let what =
                "too little was tried: leases, starts cut short, roll calls and new segments";
            return Err(RigError(format!("{what}: {tried:?}")));
        }
        Ok(())
    }

    fn report(&self) -> String {
        let (counts, tally) = (&self.counts, self.crowd.tally());
        format!(
            "{} rounds, {} leases checked, {} lost, {} given twice, {} not renewed; {} answers, {} leases \
             granted, {} released, {} roll calls; {} starts cut short, {} unfinished batches, {} kills in a \
             restatement, {} segments",
            counts.rounds,
            counts.checked,
            counts.lost,
            counts.given_twice,
            counts.not_renewed,
            tally.answers,
            tally.granted,
            tally.released,
            counts.roll_calls,
            counts.starts_cut_short,
            counts.torn,
            counts.restating,
            counts.segments,
        )
    }
}

/// The configuration: a pool with room for everybody, a small one for the crowded, a prefix for some.
fn configuration() -> String {
    let mut text = format!(
        "interface {INTERFACE} {{ allow rapid-commit; address-pool lan 3600 7200; }};\n\
         pool lan {{ range 2001:db8:1::1:0 to 2001:db8:1::ffff:ffff; }};\n\
         pool crowded {{ range 2001:db8:1::1000 to 2001:db8:1::103f; }};\n"
    );
    for number in 0..CROWDED {
        let _ = writeln!(
            text,
            "host crowded{number} {{ duid {}; address-pool crowded 2 4; }};",
            duid_text(&duid(b'c', number)),
        );
    }
    for number in 0..DELEGATED {
        let _ = writeln!(
            text,
            "host delegated{number} {{ duid {}; prefix 2001:db8:{:x}::/48 3600 7200; }};",
            duid_text(&duid(b'd', number)),
            0x100 + number,
        );
    }
    text
}

fn clients() -> Vec<Client> {
    let address = |iaid| Ia {
        kind: IaKind::Na,
        iaid,
    };
    let prefix = Ia {
        kind: IaKind::Pd,
        iaid: 1,
    };
    let at_ease = (0..AT_EASE).map(|number| {
        let mut duid = duid(b'a', number);
        // Some are as long as a DUID can be (RFC 9915 §11.1), so that batches are of all lengths.
        if number % 8 == 0 {
            duid.resize(130, b'.');
        }
        Client::new(duid, vec![address(1)])
    });
    let crowded = (0..CROWDED).map(|number| Client::new(duid(b'c', number), vec![address(1)]));
    let delegated = (0..DELEGATED).map(|number| {
        let ias = vec![address(1), prefix];
        Client::new(duid(b'd', number), ias)
    });
    at_ease.chain(crowded).chain(delegated).collect()
}

/// The DUID of the client with that number in its group.
fn duid(group: u8, number: u16) -> Vec<u8> {
    let [high, low] = number.to_be_bytes();
    vec![0, 3, 0, 1, 2, 0, 0, group, high, low]
}

fn duid_text(duid: &[u8]) -> String {
    let octets: Vec<_> = duid.iter().map(|octet| format!("{octet:02x}")).collect();
    octets.join(":")
}
