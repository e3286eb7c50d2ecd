//! `dhcp6lab replay`: arguments → what is played where → what is printed, and the exit status.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::against::{Outside, Unfit};
use super::play::{self, Options, Played};
use super::reason::Class;
use super::{exact, json, page};
use crate::capture;
use crate::dialogue::Dialogue;
use crate::import;
use crate::link;
use crate::peer::named;
use crate::program;
use crate::recording::{self, Conversation};
use crate::rig::live::Live;
use crate::rig::server::Program;
use crate::rig::sim::Sim;
use crate::rig::{Rig, RigError, Setup};
use crate::status::{BAD_INPUT, FAILED, LACKING, PASSED};

/// Plays the clients of a capture against a live server, and compares its answers with the recorded ones.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dhcp6lab replay customer.pcap                          against dhcp6s as the capture lets guess it
  dhcp6lab replay customer.pcap --config dhcp6s.conf     against dhcp6s as you configure it
  dhcp6lab replay customer.pcap --config dhcp6s.conf --rig live --client windows
  dhcp6lab replay customer.pcap --server kea             against Kea with the same configuration
  dhcp6lab replay customer.pcap --against eth0           against whoever serves DHCPv6 behind eth0

A capture with the notes of a recording beside it, as in pcaps/, is played octet for octet, unless --config, --guess or
--against is given.

--against takes root (CAP_NET_RAW). It says beforehand what it sends, sends nothing that the capture does not hold, from
the interface's own addresses, and has the clients give back in the end what they were given. Servers know clients by
their DUIDs: do not play one that lives in that network (`dhcp6lab anonymise` makes another client of it).

Exit status: 0 equal in meaning, 1 it differs, 2 the file or the configuration is bad or there is no
message of a client, 3 the machine lacks something.")]
pub struct ReplayArguments {
    /// The capture: any that `dhcp6lab show` can read.
    pub file: PathBuf,
    /// The configuration of the live server; its interface is eth0.
    #[arg(long, value_name = "CONF", conflicts_with = "guess")]
    pub config: Option<PathBuf>,
    /// Guesses a configuration from the recorded answers, as `dhcp6lab import` does. This is the default.
    #[arg(long)]
    pub guess: bool,
    /// Where to play: the engine in process with a virtual clock, or a real server behind a real link.
    #[arg(long, value_enum, default_value_t = Place::Sim)]
    pub rig: Place,
    /// The server to play against, if not the one of this workspace: a word (kea, wide), which means the program of
    /// that Debian package, a word and a file (kea:FILE), or a file. It is played on the live rig.
    #[arg(long, value_name = "SERVER")]
    pub server: Option<PathBuf>,
    /// Plays to the servers that are somewhere behind this interface, on the link or behind a relay agent on it, and
    /// starts none.
    #[arg(long, value_name = "IFACE", conflicts_with_all = ["config", "guess", "rig", "server"])]
    pub against: Option<String>,
    /// With --against: does not release at the end what clients were given.
    #[arg(long, requires = "against")]
    pub keep: bool,
    /// Whether as much time passes between messages as was recorded, or none. If not said: recorded on sim,
    /// fastest elsewhere.
    #[arg(long, value_enum)]
    pub timing: Option<Timing>,
    /// Plays the client of that name alone.
    #[arg(long, value_name = "NAME")]
    pub client: Option<String>,
    /// Kinds of differences that do not make the exit status 1: `rfc,configuration` lets only those through that
    /// nobody can explain.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "KIND")]
    pub accept: Vec<Class>,
    /// Writes what came of it to this file too, as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// Where to play.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Place {
    /// The engine in process, with a virtual clock.
    Sim,
    /// The program in a network namespace, behind a link that the lab holds.
    Live,
}

/// How much time passes between messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Timing {
    /// As much as was recorded.
    Recorded,
    /// None.
    Fastest,
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{}: {source}", path.display())]
    Capture {
        path: PathBuf,
        source: capture::Error,
    },
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Recording(#[from] recording::Error),
    #[error("{}: {reason}", path.display())]
    Nothing { path: PathBuf, reason: String },
    #[error(
        "{0} does not go with a recording that has its notes beside it, as that is played octet for octet; --guess plays \
         it as any other capture"
    )]
    Exact(&'static str),
    #[error("{0}")]
    Server(String),
    #[error("the live rig cannot run: {0}")]
    Lacking(String),
    #[error("the server does not start with {about}:\n{source}")]
    NotStarted { about: String, source: RigError },
    #[error("{0}")]
    Against(Unfit),
    #[error("{0}")]
    Rig(#[from] RigError),
    #[error("cannot write the report: {0}")]
    Report(#[from] io::Error),
}

impl Error {
    fn status(&self) -> u8 {
        match self {
            Self::Lacking(_) => LACKING,
            Self::Against(Unfit(status, _)) => *status,
            Self::Rig(_) => FAILED,
            Self::Report(error) if error.kind() == io::ErrorKind::BrokenPipe => FAILED,
            Self::Capture { .. }
            | Self::File { .. }
            | Self::Recording(_)
            | Self::Nothing { .. }
            | Self::Exact(_)
            | Self::Server(_)
            | Self::NotStarted { .. }
            | Self::Report(_) => BAD_INPUT,
        }
    }
}

/// Plays, and returns the exit status.
pub fn run(arguments: &ReplayArguments, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    match replay(arguments, out, err) {
        Ok(status) => status,
        Err(error) => {
            // Without standard error there is nobody to tell.
            let _ = writeln!(err, "dhcp6lab: {error}");
            error.status()
        }
    }
}

/// Plays, and returns the exit status if it could be played.
fn replay(
    arguments: &ReplayArguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<u8, Error> {
    if let Some(interface) = &arguments.against {
        return replay_outside(arguments, interface, out, err);
    }
    let notes = arguments.file.with_extension("yaml");
    if arguments.config.is_none() && !arguments.guess && recording::is_notes(&notes) {
        return replay_exactly(arguments, out).map(|equal| if equal { PASSED } else { FAILED });
    }
    let dialogue = dialogue(&arguments.file, arguments.client.as_deref())?;
    let file = arguments.file.display().to_string();
    let (setup, about) = setup(arguments, &dialogue, &file)?;
    let mut rig = start(arguments, &setup, &about)?;
    let timing = arguments.timing.unwrap_or(match rig.name() {
        "sim" => Timing::Recorded,
        _ => Timing::Fastest,
    });
    let options = Options {
        recorded_time: timing == Timing::Recorded,
    };
    let played: Played = play::play(&dialogue, &setup, options, rig.as_mut())?;
    let (rig, server) = (rig.name(), arguments.server.as_deref());
    let server = server.map_or_else(|| "dhcp6s".to_owned(), |it| it.display().to_string());
    let whom = format!("{server} on {rig} with {about}");
    report(arguments, &dialogue, &played, timing, (rig, &whom), out)
}

/// Plays to servers that nobody here started.
fn replay_outside(
    arguments: &ReplayArguments,
    interface: &str,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<u8, Error> {
    let dialogue = dialogue(&arguments.file, arguments.client.as_deref())?;
    let interruption = link::interruptible().map_err(|it| Error::Lacking(it.to_string()))?;
    let outside = Outside::on(interface, interruption.clone());
    let mut outside = outside.map_err(Error::Against)?;
    // Without standard error there is nobody to tell.
    let _ = writeln!(
        err,
        "{}",
        page::announcement(&dialogue, interface, outside.address(), arguments.keep)
    );
    let timing = arguments.timing.unwrap_or(Timing::Fastest);
    let options = Options {
        recorded_time: timing == Timing::Recorded,
    };
    let played = play::play_outside(&dialogue, options, &mut outside, arguments.keep)?;
    let whom = format!("whoever serves behind {interface}");
    let status = report(
        arguments,
        &dialogue,
        &played,
        timing,
        (interface, &whom),
        out,
    )?;
    Ok(match interruption.signal() {
        None => status,
        // As a shell says it.
        Some(signal) => u8::try_from(128 + signal).unwrap_or(FAILED),
    })
}

/// Tells what came of it, and returns the exit status. `place` is where it was played, `whom` to which server there.
fn report(
    arguments: &ReplayArguments,
    dialogue: &Dialogue,
    played: &Played,
    timing: Timing,
    (place, whom): (&str, &str),
    out: &mut dyn Write,
) -> Result<u8, Error> {
    let time = match timing {
        Timing::Recorded => "recorded time",
        Timing::Fastest => "no time between messages",
    };
    let file = arguments.file.display().to_string();
    let heading = vec![format!("{file}, against {whom}, {time}")];
    out.write_all(page::write(dialogue, played, &heading).as_bytes())?;
    if let Some(path) = &arguments.json {
        let report = json::write(dialogue, played, &file, place);
        write_json(path, &report)?;
    }
    let mut accepted = 0;
    for (index, kind) in arguments.accept.iter().enumerate() {
        // Said twice, it is accepted once.
        if !arguments.accept.iter().take(index).any(|it| it == kind) {
            accepted += played.count(*kind);
        }
    }
    Ok(match played.differences() == accepted {
        true => PASSED,
        false => FAILED,
    })
}

fn write_json(path: &Path, report: &serde_json::Value) -> Result<(), Error> {
    let text = format!("{report:#}\n");
    fs::write(path, text).map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })
}

/// What a capture holds, of one client if a name is given.
fn dialogue(path: &Path, client: Option<&str>) -> Result<Dialogue, Error> {
    let capture = capture::open(path).map_err(|source| Error::Capture {
        path: path.to_owned(),
        source,
    })?;
    let dialogue = Dialogue::new(&capture);
    let playable = dialogue.playable(client);
    playable.map_err(|reason| Error::Nothing {
        path: path.to_owned(),
        reason,
    })
}

/// What the server starts with, and what that is called.
fn setup(
    arguments: &ReplayArguments,
    dialogue: &Dialogue,
    file: &str,
) -> Result<(Setup, String), Error> {
    let guess = import::guess(dialogue, file);
    let guessed = "the guessed configuration".to_owned();
    let Some(path) = &arguments.config else {
        let usable = import::usable(guess);
        return match usable {
            Ok(setup) => Ok((setup, guessed)),
            Err(source) => Err(Error::NotStarted {
                about: guessed,
                source,
            }),
        };
    };
    let config = fs::read_to_string(path).map_err(|source| Error::File {
        path: path.clone(),
        source,
    })?;
    let setup = Setup {
        config,
        addresses: guess.addresses,
    };
    Ok((setup, path.display().to_string()))
}

/// A rig with the server, which has started.
fn start(arguments: &ReplayArguments, setup: &Setup, about: &str) -> Result<Box<dyn Rig>, Error> {
    let not_started = |source| Error::NotStarted {
        about: about.to_owned(),
        source,
    };
    let server = arguments.server.as_deref().map(named).transpose();
    let server = server.map_err(|error| Error::Server(error.to_string()))?;
    if arguments.rig == Place::Sim && server.is_none() {
        let sim = Sim::start(setup).map_err(not_started)?;
        return Ok(Box::new(sim));
    }
    let lacking = |error: String| Error::Lacking(error);
    link::remove_on_signal().map_err(|error| lacking(error.to_string()))?;
    link::available().map_err(|error| lacking(error.to_string()))?;
    let server = match server {
        Some(server) => server,
        None => Program::Binary(program::server().map_err(|error| lacking(error.to_string()))?),
    };
    Ok(Box::new(Live::start(setup, server).map_err(not_started)?))
}

/// Plays a recording of the lab's own servers, which has to be answered octet for octet.
fn replay_exactly(arguments: &ReplayArguments, out: &mut dyn Write) -> Result<bool, Error> {
    let unfit = [
        (arguments.client.is_some(), "--client"),
        (arguments.timing.is_some(), "--timing"),
        (!arguments.accept.is_empty(), "--accept"),
    ];
    if let Some((_, option)) = unfit.into_iter().find(|(said, _)| *said) {
        return Err(Error::Exact(option));
    }
    let conversation = Conversation::load(&arguments.file)?;
    let mut rig = start(
        arguments,
        &exact::setup(&conversation),
        "the recorded configuration",
    )?;
    let replayed = exact::replay(&conversation, rig.as_mut())?;
    let file = arguments.file.display();
    writeln!(
        out,
        "{file}, as its yaml says, octet for octet, on {}",
        rig.name()
    )?;
    out.write_all(replayed.text().as_bytes())?;
    for difference in &replayed.differences {
        writeln!(out, "{difference}")?;
    }
    let count = replayed.differences.len();
    match count {
        0 => writeln!(out, "every answer is the recorded one")?,
        1 => writeln!(out, "1 difference")?,
        _ => writeln!(out, "{count} differences")?,
    }
    if let Some(path) = &arguments.json {
        let report = serde_json::json!({
            "file": file.to_string(),
            "rig": rig.name(),
            "equal": count == 0,
            "differences": replayed.differences,
        });
        write_json(path, &report)?;
    }
    Ok(count == 0)
}
