//! The `dhcp6lab` program: arguments → what is to be done → exit status.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use dhcp6lab::anonymise::{self, AnonymiseArguments};
use dhcp6lab::bless::{self, BlessArguments};
use dhcp6lab::clients::catalogue::{self, ClientsArguments};
use dhcp6lab::demo::{self, DemoArguments};
use dhcp6lab::differences::{self, DifferencesArguments};
use dhcp6lab::import::{self, ImportArguments};
use dhcp6lab::load::{self, LoadArguments};
use dhcp6lab::matrix::{self, MatrixArguments};
use dhcp6lab::record::{self, RecordArguments};
use dhcp6lab::replay::{self, ReplayArguments};
use dhcp6lab::run::{self, RunArguments};
use dhcp6lab::schema::{self, SchemaArguments};
use dhcp6lab::show::{self, ShowArguments};

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
    Run(RunArguments),
    /// Prints the JSON Schema of scenarios, with which editors complete, explain and check them.
    Schema(SchemaArguments),
    /// Turns a capture into a scenario, with a configuration that makes the server answer as recorded.
    Import(ImportArguments),
    /// Plays the clients of a capture against a live server, and compares its answers with the recorded ones.
    Replay(ReplayArguments),
    /// Shows what is in captures, client by client, and what is wrong with it.
    Show(ShowArguments),
    /// Shows how transcripts differ from their snapshots, and makes those snapshots that you accept.
    Bless(BlessArguments),
    /// Writes down what is said in DHCPv6 on an interface, or between a client program and our server.
    Record(RecordArguments),
    /// Gives everybody in a capture another name, so that it can be sent to others.
    Anonymise(AnonymiseArguments),
    /// Plays scenarios against the original server too, and prints how it differs from ours, as Markdown; needs
    /// the original.
    Differences(DifferencesArguments),
    /// Lists the models of clients that scenarios can use, or prints one.
    Clients(ClientsArguments),
    /// Keeps a server busy with many clients, and reports rates, latencies and whether every promise was kept.
    Load(LoadArguments),
    /// Plays scenarios with every server that is installed, and prints who passes what.
    Matrix(MatrixArguments),
    /// Serves a client between two namespaces and prints the exchange as a ladder.
    Demo(DemoArguments),
}

fn main() -> ExitCode {
    let (out, err) = (&mut std::io::stdout(), &mut std::io::stderr());
    ExitCode::from(match Arguments::parse().command {
        Command::Run(arguments) => run::run(&arguments, out, err),
        Command::Schema(arguments) => schema::run(&arguments, out, err),
        Command::Import(arguments) => import::run(&arguments, out, err),
        Command::Replay(arguments) => replay::run(&arguments, out, err),
        Command::Show(arguments) => show::run(&arguments, out, err),
        Command::Bless(arguments) => bless::run(&arguments, out, err),
        Command::Record(arguments) => record::run(&arguments, out, err),
        Command::Anonymise(arguments) => anonymise::run(&arguments, out, err),
        Command::Differences(arguments) => differences::run(&arguments, out, err),
        Command::Clients(arguments) => catalogue::run(&arguments, out, err),
        Command::Load(arguments) => load::run(&arguments, out, err),
        Command::Matrix(arguments) => matrix::run(&arguments, out, err),
        Command::Demo(arguments) => demo::run(&arguments, out, err),
    })
}
