//! `--check`: reads a configuration, says what a server with it does and what is wrong with it, and does nothing.
//!
//! It needs no privileges and opens no file but those of the configuration: no socket, no leases, no DUID. An
//! interface that is named and does not exist is a warning here, so that a configuration can be checked on another
//! machine than the one that it is for; a server refuses to start then.

mod describe;
mod pools;
mod words;

use crate::cli::Arguments;
use crate::config::{self, Diagnostic, LISTED_MAX, Severity, Sources};
use crate::diagnostics;
use crate::reading::NO_FILE;
use crate::server::links;
use crate::surroundings;
use describe::{Subject, describe};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

/// Checks the configuration. The description goes to standard output; findings and their number go to standard
/// error. It fails if there are mistakes.
#[must_use]
pub fn run(arguments: &Arguments) -> ExitCode {
    let mut tally = Tally::default();
    let file = arguments.config_file();
    let subnets = surroundings::links_of(&arguments.interfaces);
    let made = match surroundings::unconfigured(arguments, Path::new(file), &subnets, &mut None) {
        Ok(made) => made,
        Err(mistake) => {
            tally.complain(Severity::Error, &mistake);
            return tally.end();
        }
    };
    let path = match &made {
        Some(made) => {
            made.warnings().for_each(|it| tally.add_marked(&it));
            NO_FILE
        }
        None => file,
    };
    if made.is_none()
        && let Some(warning) = arguments.warning()
    {
        tally.complain(Severity::Warning, warning);
    }
    let now = jiff::ZonedDateTime::now();
    let sources = Sources {
        read: &|path| match &made {
            Some(made) if path == NO_FILE => Ok(made.text.clone().into_bytes()),
            _ => config::read_bounded(File::open(path)?),
        },
        interface_exists: &|_| true,
        addresses_of: &links::addresses,
        now: now.clone(),
    };
    match config::load_for(path, &sources, &arguments.interfaces) {
        Err(found) => tally.print(&found),
        Ok(mut loaded) => {
            let served = &arguments.interfaces;
            let added = arguments.add_dns_servers(&mut loaded.config);
            if added.is_ok() {
                let text = describe(&Subject {
                    config: &loaded.config,
                    files: &loaded.files,
                    instead: made.as_ref().map(|made| (file, made)),
                    served,
                    now: &now,
                });
                tell(&text, &mut tally);
            }
            tally.print(&loaded.warnings);
            if let Err(error) = added {
                tally.complain(Severity::Error, &error.to_string());
            }
            for served in served {
                about_served(served, &loaded.config, &mut tally);
            }
            if made.is_none() {
                let nothing = served.iter();
                let nothing = nothing.filter_map(|it| loaded.config.nothing_for(it));
                nothing.for_each(|it| tally.add_marked(&it));
            }
        }
    }
    tally.end()
}

/// What to say about the interface that would be served.
fn about_served(served: &str, config: &config::Config, tally: &mut Tally) {
    let named = config.interfaces.iter().any(|it| it.name == served);
    if !named && links::index(served).is_none() {
        let there = links::names().join(", ");
        let text = format!("interface {served} does not exist here; there are: {there}");
        tally.complain(Severity::Warning, &text);
    }
}

fn tell(text: &str, tally: &mut Tally) {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Ok(()) => {}
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        Err(error) => {
            let text = format!("cannot write to standard output: {error}");
            tally.complain(Severity::Error, &text);
        }
    }
}

/// How much was found.
#[derive(Default)]
struct Tally {
    errors: usize,
    warnings: usize,
    notes: usize,
}

impl Tally {
    fn add(&mut self, severity: Severity) {
        match severity {
            Severity::Error => self.errors += 1,
            Severity::Warning => self.warnings += 1,
            Severity::Note => self.notes += 1,
        }
    }

    /// A warning that is marked as one already.
    fn add_marked(&mut self, warning: &str) {
        self.add(Severity::Warning);
        say(&format!("dhcp6s: {warning}"));
    }

    fn print(&mut self, found: &[Diagnostic]) {
        found.iter().for_each(|it| self.add(it.severity));
        diagnostics::print(found);
    }

    fn complain(&mut self, severity: Severity, text: &str) {
        self.add(severity);
        let mark = match severity {
            Severity::Warning => "warning: ",
            Severity::Error | Severity::Note => "",
        };
        say(&format!("dhcp6s: {mark}{text}"));
    }

    /// Says how much was found, if anything, apart from what was found.
    fn end(self) -> ExitCode {
        let counts = [
            (self.errors, "mistake"),
            (self.warnings, "warning"),
            (self.notes, "note"),
        ];
        let counts = counts.into_iter().filter(|(count, _)| *count > 0);
        let said: Vec<String> = counts
            .map(|(count, what)| match count {
                1 => format!("1 {what}"),
                // One of them says that there are more than are listed.
                _ if count > LISTED_MAX => format!("{LISTED_MAX} {what}s or more"),
                _ => format!("{count} {what}s"),
            })
            .collect();
        if !said.is_empty() {
            say(&format!("\n{}", said.join(", ")));
        }
        match self.errors {
            0 => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        }
    }
}

fn say(text: &str) {
    // Without standard error there is nobody to tell.
    drop(writeln!(io::stderr(), "{text}"));
}
