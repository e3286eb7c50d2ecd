//! Arguments → configuration → detach → server → exit status. No decisions.

use dhcp6s::check;
use dhcp6s::cli::{Arguments, Leases};
use dhcp6s::config::Config;
use dhcp6s::confine::{Needs, confine};
use dhcp6s::control::Listener;
use dhcp6s::diagnostics;
use dhcp6s::engine::Engine;
use dhcp6s::identity::Identity;
use dhcp6s::lease::{LeaseTable, Replay};
use dhcp6s::logging::{self, Destination};
use dhcp6s::reading::{Findings, Reading};
use dhcp6s::remedy::remedy;
use dhcp6s::server::process::{self, Detached, PidFile, Role};
use dhcp6s::server::{self, Parts, Server, When, links};
use dhcp6s::store::{Journal, LeaseStore, Volatile, layout};
use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    let mut arguments = match Arguments::read(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(status) => return status,
    };
    if arguments.check {
        return check::run(&arguments);
    }
    if let Err(error) = process::hold_signals() {
        complain(&format!("cannot hold back signals: {error}"));
        return ExitCode::FAILURE;
    }
    let stays = process::is_first() && !arguments.foreground;
    arguments.foreground |= stays;
    let program = std::env::args_os()
        .next()
        .unwrap_or_else(|| OsString::from("dhcp6s"));
    let destination = match arguments.foreground {
        true => Destination::Foreground,
        false => Destination::Syslog { program: &program },
    };
    // From here on, for what is wrong with the configuration is told to the syslog, too.
    if let Err(error) = logging::start(destination, arguments.verbosity()) {
        complain(&error.to_string());
        return ExitCode::FAILURE;
    }
    if stays {
        tracing::info!(
            "staying in the foreground, logging to standard error: this is process 1, and a container ends with it"
        );
    }
    let reading = Reading::new(&arguments);
    let config = match prepare(&mut arguments, &reading) {
        Ok(config) => config,
        Err(complaint) => {
            complaint.iter().for_each(|it| complain(it));
            return ExitCode::FAILURE;
        }
    };
    let detached = match arguments.foreground {
        true => None,
        false => match Detached::start() {
            Ok(Role::Launcher(status)) => return status,
            Ok(Role::Server(detached)) => Some(detached),
            Err(error) => {
                complain(&format!("cannot run in the background: {error}"));
                return ExitCode::FAILURE;
            }
        },
    };
    serve(&arguments, config, reading, detached)
}

/// Checks everything that can be checked before the process detaches. The error is a line to print, unless all
/// has been said.
fn prepare(arguments: &mut Arguments, reading: &Reading) -> Result<Config, Option<String>> {
    let one = |error: &dyn Error| Some(error.to_string());
    let missing = |it: &&String| !arguments.wait && links::index(it).is_none();
    if let Some(name) = arguments.interfaces.iter().find(missing) {
        let (name, there) = (name.clone(), links::names());
        if !arguments.foreground {
            tracing::error!(
                origin = "ifreset",
                "invalid interface({name}): No such device"
            );
        }
        return Err(one(&server::Error::NoInterface { name, there }));
    }
    let tell = |findings: &Findings| {
        diagnostics::print(&findings.in_files);
        match findings.said.is_empty() {
            true => arguments.warning().iter().for_each(|it| complain(it)),
            false => without_file(arguments, &findings.said),
        }
        findings.beside.iter().for_each(|it| complain(it));
        // Whoever starts a server in the background may not see what it prints.
        if !arguments.foreground {
            findings.log();
        }
    };
    let (config, findings) = reading.first().map_err(|findings| {
        tell(&findings);
        // Flags that do not fit together are not in a file.
        if !findings.in_files.is_empty() {
            tracing::error!(origin = "main", "failed to parse configuration file");
        }
        None
    })?;
    tell(&findings);
    arguments.make_absolute().map_err(|error| one(&error))?;
    Ok(config)
}

/// Says what is served although there is no configuration file.
fn without_file(arguments: &Arguments, said: &[String]) {
    let (file, served) = (arguments.config_file(), arguments.interfaces.join(", "));
    complain(&format!(
        "there is no configuration ({file}); what clients of {served} get:"
    ));
    said.iter().for_each(|it| complain(&format!("  {it}")));
    complain(
        "everything else takes a configuration; `dhcp6s --check` in place of `dhcp6s` shows how it begins",
    );
}

/// Runs the server to its end. Until it is ready, a failure is reported to whoever started it.
fn serve(
    arguments: &Arguments,
    config: Config,
    mut reading: Reading,
    detached: Option<Detached>,
) -> ExitCode {
    let (server, control, parts) = match build(arguments, &config) {
        Ok(built) => built,
        Err(error) => return give_up(detached, &*error),
    };
    if arguments.wait_ready {
        for (interface, reason) in server.waiting() {
            complain(&format!("waiting for {interface}: {reason}"));
        }
    }
    // Only now is it sure that the file does not belong to another server that runs.
    let pid_file = PidFile::create(&arguments.pid_file)
        .inspect_err(|error| {
            tracing::warn!("cannot write {}: {error}", arguments.pid_file.display());
        })
        .ok();
    if process::is_first()
        && let Err(error) = process::forget_orphans()
    {
        tracing::warn!("processes that end in this container may not be cleaned up: {error}");
    }
    let confinement = confine(&Needs {
        read: reading.files(),
        read_alone: reading.files_of_others(),
        write: directories(arguments),
        remove: pid_file.as_ref().map(PidFile::path),
    });
    if let Some(readable) = confinement.readable {
        reading.keep_to(readable);
    }
    let ready = || {
        if let Some(Err(error)) = detached.map(Detached::ready) {
            tracing::warn!("cannot let go of standard error: {error}");
        }
    };
    let when = match arguments.wait_ready {
        true => When::AllReady,
        false => When::Running,
    };
    let reading = Arc::new(reading);
    let again = Arc::clone(&reading);
    let reading = server::Reading {
        read: Arc::new(move || again.again()),
        is_outdated: Arc::new(move || reading.is_outdated()),
    };
    let outcome = server.run(parts, control, reading, (when, ready));
    drop(pid_file);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Where leases are kept on disk.
fn directories(arguments: &Arguments) -> Vec<PathBuf> {
    let interfaces = arguments.interfaces.iter();
    let leases = interfaces.map(|it| arguments.leases(it));
    leases.filter_map(Leases::directory).collect()
}

type Built = (Server, Listener, Vec<Parts>);

/// Everything that the server runs on, in the order in which a mistake is cheapest.
fn build(arguments: &Arguments, config: &Config) -> Result<Built, Box<dyn Error>> {
    let identity = Identity::load_or_create(&arguments.duid, &arguments.interfaces)
        .inspect_err(|_| tracing::error!(origin = "server6_init", "failed to get a DUID"))?;
    let server = Server::bind(&arguments.interfaces, arguments.wait)?;
    let control = Listener::open(&arguments.control_key, &arguments.control_port)?;
    if let Some(directory) = arguments.lease_directory() {
        layout::look(directory, &arguments.interfaces)?;
    }
    let mut parts: Vec<Parts> = Vec::new();
    for link in server.links() {
        let (store, table) = open(&arguments.leases(&link.name))?;
        let (duid, secret) = (identity.duid, &identity.secret);
        let engine = Engine::new(duid, secret, config.clone(), link, table);
        parts.push((engine, store));
    }
    server::reconcile(&mut parts);
    Ok((server, control, parts))
}

type Opened = (Box<dyn LeaseStore>, LeaseTable);

/// Opens the store of one interface, and reads the leases that it holds.
fn open(leases: &Leases) -> Result<Opened, Box<dyn Error>> {
    let Leases::Directory(path) = leases else {
        return Ok((Box::new(Volatile), LeaseTable::default()));
    };
    let mut replay = Replay::default();
    let journal = Journal::open(path, |record| replay.take(record))?;
    let table = replay.finish();
    let recovery = journal.recovery();
    for cut in &recovery.cuts {
        tracing::warn!("{cut}");
    }
    let (leases, records) = (table.len(), recovery.records);
    tracing::info!("leases in force or remembered: {leases}, read from {records} records");
    Ok((Box::new(journal), table))
}

fn give_up(detached: Option<Detached>, error: &(dyn Error + 'static)) -> ExitCode {
    let error = match remedy(error) {
        Some(help) => format!("{error}; {help}"),
        None => error.to_string(),
    };
    match detached {
        Some(detached) => {
            tracing::error!("{error}");
            detached.fail(&format!("dhcp6s: {error}"));
        }
        None => complain(&error),
    }
    ExitCode::FAILURE
}

fn complain(message: &str) {
    // Without standard error there is nobody to tell.
    drop(writeln!(io::stderr(), "dhcp6s: {message}"));
}
