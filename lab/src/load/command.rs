//! `dhcp6lab load`: keeps a server busy, and reports how it bears that.

use std::collections::HashSet;
use std::fs;
use std::io::{self, IsTerminal as _, Write};
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::link::{self, Interruption, rootless};
use crate::load::chance::Chance;
use crate::load::client::Intent;
use crate::load::mix::Mix;
use crate::load::outcome::Outcome;
use crate::load::pace::{Pace, Patience};
use crate::load::port::{Port, exchange, now};
use crate::load::relay::Relay;
use crate::load::site::{self, Site};
use crate::load::{Crowd, plot};
use crate::peer::{self, Unusable};
use crate::rig::RigError;
use crate::status::{BAD_INPUT, FAILED, LACKING, PASSED};

/// How often the progress is shown, and whether somebody has had enough is looked at.
const SLICE: Duration = Duration::from_millis(100);
/// How many exchanges are under way if nothing is said about pace.
const WINDOW: usize = 256;
/// The time in which all clients of an avalanche begin: SOL_MAX_DELAY (RFC 9915 §7.6).
const AVALANCHE: Duration = Duration::from_secs(1);
/// The random numbers of a run that names no seed.
const SEED: u64 = 9915;

/// What is to be done to which server.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        dhcp6lab load                                  our server, as fast as it can, in namespaces of the lab's own\n  \
        dhcp6lab load --rate 2000 --duration 30s --json load.json --svg load.svg\n  \
        dhcp6lab load --clients 50000 --avalanche      all at once, as after a power cut\n  \
        dhcp6lab load --mix renew=8,information-request=1,release=1,solicit=1\n  \
        dhcp6lab load eth1 --rate 100                  the server on the link of eth1, whatever it is: it will give\n  \
                                                       its addresses to clients that do not exist\n\n\
        Exit status: 0 done, 1 a lease was given twice or was lost, or more is incomplete than --max-loss allows, \
        2 bad input, 3 the machine lacks something.")]
pub struct LoadArguments {
    /// The interface on whose link the server is. Without it, the lab starts a server in a namespace of its own.
    pub interface: Option<String>,
    /// Exchanges that are begun each second, whether the server keeps up or not. What is not answered within
    /// --timeout is lost.
    #[arg(long, value_name = "NUMBER", value_parser = rate, conflicts_with_all = ["window", "avalanche"])]
    pub rate: Option<f64>,
    /// Goes as fast as the server can, with so many exchanges under way at any time. This is the default, with 256.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1_000_000),
          conflicts_with = "avalanche")]
    pub window: Option<u32>,
    /// All clients begin within a second and send again as RFC 9915 §15 says, until all are served.
    #[arg(long, conflicts_with = "mix")]
    pub avalanche: bool,
    /// How many clients there are.
    #[arg(long, value_name = "NUMBER", default_value = "10000",
          value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub clients: u32,
    /// For how long exchanges are begun; or until every client has its lease, if that is all that they want.
    /// An avalanche is given up after it.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = span)]
    pub duration: Duration,
    /// What clients do, and how often: solicit, rapid-commit, confirm, renew, rebind, release, decline and
    /// information-request with their weights. Where leases are needed, they are obtained before the run begins.
    #[arg(long, value_name = "KIND=WEIGHT,…", default_value = "solicit=1")]
    pub mix: Mix,
    /// What each client has leases of.
    #[arg(long, value_enum, default_value = "na")]
    pub ia: site::Wants,
    /// Sends by way of so many relay agents, one behind the other.
    #[arg(long, value_name = "DEPTH", value_parser = clap::value_parser!(u8).range(1..=32))]
    pub relay: Option<u8>,
    /// The address of the clients' link that the relay agent closest to them gives.
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "2001:db8:1::fffe",
        requires = "relay"
    )]
    pub link_address: Ipv6Addr,
    /// After what time an exchange that is not answered counts as lost.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = span)]
    pub timeout: Duration,
    /// Has every client renew its leases behind the run: what was promised has to be there.
    #[arg(long)]
    pub audit: bool,
    /// The server to start, if not the one of this workspace: see `dhcp6lab run --help`.
    #[arg(long, value_name = "SERVER", conflicts_with = "interface")]
    pub server: Option<PathBuf>,
    /// The configuration of the server to start, if not one with room for all clients.
    #[arg(long, value_name = "FILE", conflicts_with = "interface")]
    pub config: Option<PathBuf>,
    /// The share of exchanges, in percent, that may be incomplete; more is a failure.
    #[arg(long, value_name = "PERCENT")]
    pub max_loss: Option<f64>,
    /// What chance begins with; the same number gives the same messages.
    #[arg(long, value_name = "NUMBER", default_value_t = SEED)]
    pub seed: u64,
    /// Writes everything that was measured to this file.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Draws rate and latency into this file.
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}

/// Why there is no outcome.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Unusable(#[from] Unusable),
    #[error("{0}")]
    Lacking(String),
    #[error("the server does not start with this configuration: {0}")]
    NotStarted(String),
    #[error("{0}")]
    Ended(String),
    #[error(transparent)]
    Link(#[from] link::Error),
    #[error("only {got} of {of} clients got a lease before the run: a mix with {what} needs them")]
    Unprepared { got: u64, of: u32, what: String },
    #[error("cannot write the report: {0}")]
    Report(#[from] io::Error),
}

impl Error {
    fn status(&self) -> u8 {
        match self {
            Self::File { .. }
            | Self::NotStarted(_)
            | Self::Unusable(Unusable::NoProgram { .. }) => BAD_INPUT,
            Self::Unusable(Unusable::Missing(_)) | Self::Lacking(_) | Self::Link(_) => LACKING,
            Self::Unprepared { .. } | Self::Ended(_) | Self::Report(_) => FAILED,
        }
    }
}

/// A span of time as scenarios write it: `500ms`, `30s`, `5m`, or a number of seconds.
fn span(text: &str) -> Result<Duration, String> {
    let split = text
        .find(|it: char| it.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err("write it as 500ms, 30s, 5m or 1h".to_owned()),
    };
    let secs = number.trim().parse::<f64>().ok().map(|it| it * unit);
    let secs = secs.filter(|it| (0.001..=86_400.0).contains(it));
    secs.map(Duration::from_secs_f64)
        .ok_or_else(|| "write it as 500ms, 30s, 5m or 1h, up to a day".to_owned())
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok();
    rate.filter(|it| (0.01..=10_000_000.0).contains(it))
        .ok_or_else(|| "a rate is a number above 0, of exchanges a second".to_owned())
}

/// Runs, and returns the exit status.
pub fn run(arguments: &LoadArguments, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    match load(arguments, out) {
        Ok((status, None)) => status,
        // As a shell says it.
        Ok((_, Some(signal))) => u8::try_from(128 + signal).unwrap_or(FAILED),
        Err(Error::Report(error)) if error.kind() == io::ErrorKind::BrokenPipe => FAILED,
        Err(error) => {
            // Without standard error there is nobody to tell.
            let _ = writeln!(err, "dhcp6lab: {error}");
            error.status()
        }
    }
}

fn load(arguments: &LoadArguments, out: &mut dyn Write) -> Result<(u8, Option<i32>), Error> {
    // What cannot be written is better known before the run than behind it.
    for path in [&arguments.json, &arguments.svg].into_iter().flatten() {
        write(path, "")?;
    }
    if arguments.interface.is_none() {
        // While there is one thread. What came of it is told where a link is needed.
        let _ = rootless::ensure();
    }
    let interruption = link::interruptible()?;
    let mut target = Target::new(arguments)?;
    let clients = site::clients(arguments.clients, arguments.ia);
    let (pace, patience) = arguments.pace();
    let chance = Chance::new(arguments.seed);
    let mut crowd = Crowd::new(clients, Pace::Window(WINDOW), patience, chance);

    let mut run = Run {
        crowd: &mut crowd,
        target: &mut target,
        interruption: &interruption,
        line: line(),
    };
    if arguments.mix.needs_leases() {
        run.prepare(arguments)?;
    }
    let took = run.measure(arguments, pace, patience)?;
    let mut outcome = Outcome::new(
        arguments.words(),
        run.target.name.clone(),
        took,
        run.crowd.tally(),
    );
    let mut unrenewed = 0;
    if arguments.audit && interruption.signal().is_none() {
        let (renewed, missing) = run.audit(arguments)?;
        outcome.leases.audited = Some(renewed);
        unrenewed = missing;
    }
    run.line.finish_and_clear();
    outcome.breaches = crowd.breaches().iter().map(ToString::to_string).collect();
    if unrenewed > 0 && interruption.signal().is_none() {
        outcome.breaches.push(format!(
            "{unrenewed} clients could not renew what they have"
        ));
    }
    if interruption.signal().is_some() {
        outcome.load.push_str(" (cut short)");
    }

    write!(out, "{}", outcome.text())?;
    if let Some(path) = &arguments.json {
        let json = serde_json::to_string_pretty(&outcome).map_err(io::Error::other)?;
        write(path, &(json + "\n"))?;
    }
    if let Some(path) = &arguments.svg {
        write(path, &plot::svg(&outcome))?;
    }
    let lossy = arguments
        .max_loss
        .is_some_and(|most| outcome.incomplete() > most);
    let good = outcome.breaches.is_empty() && !lossy && outcome.completed > 0;
    Ok((if good { PASSED } else { FAILED }, interruption.signal()))
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text).map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })
}

impl LoadArguments {
    fn pace(&self) -> (Pace, Patience) {
        let lossy = Patience::GiveUp(self.timeout);
        match (self.rate, self.avalanche) {
            (Some(rate), _) => (Pace::PerSecond(rate), lossy),
            (None, true) => {
                let each = f64::from(self.clients) / AVALANCHE.as_secs_f64();
                (Pace::PerSecond(each), Patience::Rfc)
            }
            (None, false) => (Pace::Window(self.window()), lossy),
        }
    }

    fn window(&self) -> usize {
        self.window.map_or(WINDOW, |it| it as usize)
    }

    /// What is done, in words.
    fn words(&self) -> String {
        let how = match (self.rate, self.avalanche) {
            (Some(rate), _) => format!("{rate} exchanges/s for {:?}", self.duration),
            (None, true) => "all at once, sending again as RFC 9915 §15 says".to_owned(),
            (None, false) => format!(
                "{} exchanges under way, for {:?}",
                self.window(),
                self.duration
            ),
        };
        let relay = match self.relay {
            None => String::new(),
            Some(1) => ", by way of a relay agent".to_owned(),
            Some(depth) => format!(", by way of {depth} relay agents"),
        };
        let (clients, ia, mix) = (self.clients, self.ia.words(), &self.mix);
        format!("{clients} clients with {ia}: {mix}; {how}{relay}")
    }
}

/// Where the server is.
struct Target {
    port: Port,
    name: String,
    /// Keeps what the lab has made.
    site: Option<Site>,
}

impl Target {
    fn new(arguments: &LoadArguments) -> Result<Self, Error> {
        let relay = arguments.relay.map(|depth| Relay {
            depth,
            link: arguments.link_address,
        });
        if let Some(interface) = &arguments.interface {
            let name = format!("whatever is on the link of {interface}");
            let port = Port::open_here(interface, relay)?;
            return Ok(Self {
                port,
                name,
                site: None,
            });
        }
        link::available().map_err(|error| Error::Lacking(error.to_string()))?;
        let program = match &arguments.server {
            Some(server) => peer::named(server)?,
            None => peer::installed(crate::rig::product::Product::Dhcp6s)?,
        };
        let config = match &arguments.config {
            None => site::configuration(arguments.clients, arguments.ia),
            Some(path) => fs::read_to_string(path).map_err(|source| Error::File {
                path: path.clone(),
                source,
            })?,
        };
        let name = program.product().name().to_owned();
        let not_started = |error: RigError| Error::NotStarted(error.to_string());
        let site = Site::new(program, &config).map_err(not_started)?;
        let port = site.port(relay)?;
        Ok(Self {
            port,
            name,
            site: Some(site),
        })
    }

    /// Listens to what a server that was started says, so that it need not wait for that; an error if it has ended.
    fn look(&mut self) -> Result<(), Error> {
        match &mut self.site {
            None => Ok(()),
            Some(site) => site.look().map_err(|error| Error::Ended(error.to_string())),
        }
    }
}

/// A run that goes on.
struct Run<'a> {
    crowd: &'a mut Crowd,
    target: &'a mut Target,
    interruption: &'a Interruption,
    line: ProgressBar,
}

impl Run<'_> {
    /// Has every client obtain its leases, as fast as that goes.
    fn prepare(&mut self, arguments: &LoadArguments) -> Result<(), Error> {
        let acquire = Intent::Acquire {
            rapid_commit: false,
        };
        let patience = Patience::Every(Duration::from_millis(500));
        self.crowd
            .obey(&[(acquire, 1)], Pace::Window(WINDOW), patience, now());
        // A server that has no lease left would be asked for ever.
        let most = Duration::from_secs(10) + Duration::from_millis(arguments.clients.into());
        self.go_on("obtaining leases", Instant::now() + most, |crowd| {
            crowd.tally().completed + crowd.tally().refused >= u64::from(arguments.clients)
        })?;
        let got = self.crowd.tally().completed;
        if got < u64::from(arguments.clients) && self.interruption.signal().is_none() {
            return Err(Error::Unprepared {
                got,
                of: arguments.clients,
                what: arguments.mix.to_string(),
            });
        }
        self.crowd.rest_all();
        self.go_on("", Instant::now() + arguments.timeout, |_| false)
    }

    /// Does what was asked for, and says how long that took.
    fn measure(
        &mut self,
        arguments: &LoadArguments,
        pace: Pace,
        patience: Patience,
    ) -> Result<Duration, Error> {
        let start = Instant::now();
        self.crowd
            .obey(arguments.mix.orders(), pace, patience, now());
        let clients = u64::from(arguments.clients);
        let all_begun = |crowd: &Crowd| arguments.avalanche && crowd.tally().begun >= clients;
        self.go_on("", start + arguments.duration, all_begun)?;
        self.crowd.rest_all();
        // Who waits may have an answer yet.
        let grace = match arguments.avalanche {
            true => arguments.duration.saturating_sub(start.elapsed()),
            false => arguments.timeout,
        };
        let ended = start.elapsed();
        self.go_on("", Instant::now() + grace, |_| false)?;
        Ok(match arguments.avalanche {
            true => start.elapsed(),
            false => ended,
        })
    }

    /// Has every client renew what it has, and says how many did, and how many did not get an answer.
    fn audit(&mut self, arguments: &LoadArguments) -> Result<(u64, u64), Error> {
        let patience = Patience::Every(Duration::from_millis(500));
        self.crowd
            .obey(&[(Intent::Renew, 1)], Pace::Window(WINDOW), patience, now());
        self.crowd.call_roll();
        let most = Duration::from_secs(10) + Duration::from_millis(arguments.clients.into());
        let then = now();
        let holders: HashSet<&[u8]> = self.crowd.promises(then).map(|it| it.duid).collect();
        let holders = holders.len() as u64;
        self.go_on("audit", Instant::now() + most, |_| false)?;
        let renewed = self.crowd.tally().completed;
        Ok((renewed, holders.saturating_sub(renewed)))
    }

    /// Moves messages until then, until nobody has anything more to do, or until enough was done.
    fn go_on(
        &mut self,
        phase: &str,
        until: Instant,
        enough: impl Fn(&Crowd) -> bool,
    ) -> Result<(), Error> {
        let over = |crowd: &Crowd| crowd.is_settled() || enough(crowd);
        while Instant::now() < until && !over(self.crowd) && self.interruption.signal().is_none() {
            let slice = until.min(Instant::now() + SLICE);
            exchange(self.crowd, &mut self.target.port, slice)?;
            self.target.look()?;
            let tally = self.crowd.tally();
            self.line.set_message(format!(
                "{phase} {} completed, {} refused, {} lost, {} under way",
                tally.completed,
                tally.refused,
                tally.lost,
                self.crowd.under_way()
            ));
            self.line.tick();
        }
        Ok(())
    }
}

/// The line on the terminal that says how far a run is; nothing where standard error is none.
fn line() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {elapsed} {msg}");
    ProgressBar::new_spinner()
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_units() {
        assert_eq!(span("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(span("1.5"), Ok(Duration::from_millis(1500)));
        assert_eq!(span("5m"), Ok(Duration::from_secs(300)));
        for wrong in ["", "s", "5 years", "0", "-1s", "1e9s", "NaN"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_rate_is_a_positive_number() {
        assert_eq!(rate("0.5"), Ok(0.5));
        for wrong in ["0", "-1", "inf", "NaN", "fast"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }
}
