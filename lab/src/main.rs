//! The `dhcp6lab` program: arguments → what is to be done → exit status.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use dhcp6lab::differences::{self, DifferencesArguments};
use dhcp6lab::matrix::{self, MatrixArguments};
use dhcp6lab::run::{self, RunArguments};
use dhcp6lab::{demo, link, program, status};

/// Plays client scenarios against a DHCPv6 server and compares its answers with reviewed snapshots.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Exit status: 0 passed, 1 failed, 2 bad input (or a configuration \
                  with which the server does not start), 3 the machine lacks something."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Plays scenarios.
    Run(Run),
    /// Plays scenarios against the original server too, and prints how it differs from ours, as Markdown; needs
    /// root, and the original.
    Differences(Differences),
    /// Plays scenarios with every server that is installed, and prints who passes what; needs root.
    Matrix(MatrixArguments),
    /// Serves a client between two namespaces and prints the exchange as a ladder; needs root.
    Demo,
}

#[derive(Debug, clap::Args)]
struct Run {
    /// Scenarios, and folders of scenarios.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Where to play them: in process, over a real link, or both. Both, if not said, where this machine
    /// lets us make links.
    #[arg(long, value_enum)]
    rig: Option<RigChoice>,
    /// The server to test over a real link, if not the one of this workspace: a word (kea, wide), which means the
    /// program that Debian installs, a program, which is asked what it is, or both (kea:FILE). What the original one
    /// (wide) does is compared with what ours does; other servers are held to expectations and RFCs.
    #[arg(long, value_name = "SERVER")]
    server: Option<PathBuf>,
    /// A command line that starts a server which reads our configuration language, such as 'prog -c {config}
    /// {interface}'. It may have {config}, {interface}, {duid}, {leases} and {folder}.
    #[arg(long, value_name = "COMMAND", conflicts_with = "server")]
    server_command: Option<String>,
    /// The image of our server to test over a real link, by a name that podman knows, in the place of the program of
    /// this workspace; needs podman.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["server", "server_command"])]
    image: Option<String>,
    /// Makes what happens the snapshot, where it is another or there is none.
    #[arg(long)]
    bless: bool,
    /// Lists the scenarios that are on purpose unlike the original server, with the reasons, and plays nothing.
    #[arg(long)]
    differs: bool,
    /// Writes the datagrams of every scenario to a capture in this folder.
    #[arg(long, value_name = "FOLDER")]
    pcap: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct Differences {
    /// Scenarios, and folders of scenarios.
    #[arg(default_value = "scenarios")]
    paths: Vec<PathBuf>,
    /// The original server, if it is not installed as /usr/sbin/dhcp6s.
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum RigChoice {
    /// The engine in process, with a virtual clock.
    Sim,
    /// The program in a network namespace behind a TAP; needs root.
    Live,
    /// One after the other.
    Both,
}

impl From<Run> for RunArguments {
    fn from(run: Run) -> Self {
        let (sim, live, lacking) = match run.rig {
            Some(RigChoice::Sim) => (true, false, None),
            Some(RigChoice::Live) => (false, true, None),
            Some(RigChoice::Both) => (true, true, None),
            // Nothing else is asked about it.
            None if run.image.is_some() => (false, true, None),
            None => match link::available() {
                Ok(()) => (true, true, None),
                Err(error) => (true, false, Some(error.to_string())),
            },
        };
        Self {
            paths: run.paths,
            sim,
            live,
            lacking,
            server: run.server,
            server_command: run.server_command,
            image: run.image,
            bless: run.bless,
            differs: run.differs,
            strict: std::env::var_os("CI").is_some_and(|it| it == "true"),
            pcap: run.pcap,
        }
    }
}

fn main() -> ExitCode {
    let status = match Arguments::parse().command {
        Command::Run(arguments) => run::run(
            &arguments.into(),
            &mut std::io::stdout(),
            &mut std::io::stderr(),
        ),
        Command::Differences(Differences { paths, server }) => differences::run(
            &DifferencesArguments { paths, server },
            &mut std::io::stdout(),
            &mut std::io::stderr(),
        ),
        Command::Matrix(arguments) => {
            matrix::run(&arguments, &mut std::io::stdout(), &mut std::io::stderr())
        }
        Command::Demo => demo(&mut std::io::stdout(), &mut std::io::stderr()),
    };
    ExitCode::from(status)
}

fn demo(out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let outcome = match link::available() {
        Ok(()) => program::server()
            .and_then(|server| {
                link::remove_on_signal()?;
                demo::run(server, out)
            })
            .map_err(|error| (status::FAILED, error.to_string())),
        Err(error) => Err((status::LACKING, error.to_string())),
    };
    match outcome {
        Ok(()) => status::PASSED,
        Err((status, text)) => {
            // Without standard error there is nobody to tell.
            let _ = writeln!(err, "dhcp6lab: {text}");
            status
        }
    }
}
