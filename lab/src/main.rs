//! The `dhcp6lab` program: arguments → what is to be done → exit status.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use dhcp6lab::run::{self, RunArguments};

/// Plays client scenarios against a DHCPv6 server and compares its answers with reviewed snapshots.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Exit status: 0 passed, 1 failed, 2 bad input, 3 the machine lacks something."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Plays scenarios.
    Run(Run),
}

#[derive(Debug, clap::Args)]
struct Run {
    /// Scenarios, and folders of scenarios.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Where to play them: in process, over a real link, or both.
    #[arg(long, value_enum, default_value = "sim")]
    rig: RigChoice,
    /// The server to test over a real link, if not the one of this workspace.
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// Makes what happens the snapshot, where it is another or there is none.
    #[arg(long)]
    bless: bool,
    /// Writes the datagrams of every scenario to a capture in this folder.
    #[arg(long, value_name = "FOLDER")]
    pcap: Option<PathBuf>,
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
        let (sim, live) = match run.rig {
            RigChoice::Sim => (true, false),
            RigChoice::Live => (false, true),
            RigChoice::Both => (true, true),
        };
        Self {
            paths: run.paths,
            sim,
            live,
            server: run.server,
            bless: run.bless,
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
    };
    ExitCode::from(status)
}
