//! `dhcp6lab show`: what is in captures, for people who have to find out what went wrong.

mod json;
mod page;
mod person;

use std::collections::HashSet;
use std::fmt;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use crate::capture::{self, Capture};
use crate::conversation::{self, Conversation};
use crate::findings::{self, Finding, Kind};
use crate::status;

use page::Page;

/// The command line of `dhcp6lab show`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dhcp6lab show customer.pcapng
  dhcp6lab show --findings *.pcap         which message breaks which rule; status 1 if one does
  dhcp6lab show --client desktop-7 customer.pcapng.gz

Findings are described in docs/captures.md. pcap and pcapng are read, compressed with gzip or not.")]
pub struct ShowArguments {
    /// The captures.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Shows only this client: its name as shown, its DUID, its hardware address or its IPv6 address, or a part of
    /// one of them.
    #[arg(long, value_name = "CLIENT")]
    pub client: Option<String>,
    /// Shows only what is wrong or unusual. The exit status is 1 if something is wrong.
    #[arg(long)]
    pub findings: bool,
    /// Prints one JSON document about everything, for programs.
    #[arg(long)]
    pub json: bool,
    /// Shows the octets of each message, too.
    #[arg(long)]
    pub hex: bool,
    /// Whether to use colours.
    #[arg(long, value_enum, default_value_t = Colour::Auto, value_name = "WHEN")]
    pub color: Colour,
}

/// Whether to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Colour {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Colour {
    fn is_on(self) -> bool {
        match self {
            Self::Auto => {
                let refused = std::env::var_os("NO_COLOR").is_some_and(|it| !it.is_empty());
                std::io::stdout().is_terminal() && !refused
            }
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// A capture, and what is to be shown of it.
struct Shown<'a> {
    path: &'a Path,
    capture: &'a Capture,
    conversations: Vec<Conversation<'a>>,
    findings: Vec<Finding>,
}

/// Shows captures, and returns the exit status.
pub fn run(arguments: &ShowArguments, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let mut worst = status::PASSED;
    let mut documents = Vec::new();
    for path in &arguments.files {
        let outcome = show(arguments, path, &mut documents, out);
        let status = outcome.unwrap_or_else(|text| {
            // Without standard error there is nobody to tell.
            let _ = writeln!(err, "dhcp6lab: {}: {text}", path.display());
            status::BAD_INPUT
        });
        worst = worst.max(status);
    }
    if arguments.json {
        let document = serde_json::json!({ "files": documents });
        // As above.
        let _ = writeln!(out, "{document:#}");
    }
    worst
}

/// Shows one capture.
fn show(
    arguments: &ShowArguments,
    path: &Path,
    documents: &mut Vec<serde_json::Value>,
    out: &mut dyn Write,
) -> Result<u8, String> {
    let capture = capture::open(path).map_err(|error| error.to_string())?;
    if capture.packets.is_empty() {
        let remarks = capture.remarks.iter().map(|it| format!("\n  {it}"));
        let remarks: String = remarks.collect();
        return Err(format!(
            "there is no DHCPv6 in it (UDP ports 546 and 547){remarks}"
        ));
    }
    let conversations = conversation::sort(&capture);
    let findings = findings::find(&conversations);
    let mut shown = Shown {
        path,
        capture: &capture,
        conversations,
        findings,
    };
    if let Some(client) = &arguments.client {
        shown.keep(client)?;
    }
    let wrong = shown.findings.iter().any(|it| it.rule.kind == Kind::Error);
    if arguments.json {
        documents.push(json::document(&shown, arguments.hex));
    } else {
        let page = Page::new(arguments.color.is_on(), arguments.hex);
        let text = match arguments.findings {
            true => page.findings(&shown),
            false => page.everything(&shown),
        };
        write_or_stop(out, &text)?;
    }
    Ok(match arguments.findings && wrong {
        true => status::FAILED,
        false => status::PASSED,
    })
}

/// Writes; whoever stops reading has seen enough.
fn write_or_stop(out: &mut dyn Write, text: &dyn fmt::Display) -> Result<(), String> {
    match write!(out, "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(format!("cannot print: {error}"))
        }
        _ => Ok(()),
    }
}

impl Shown<'_> {
    /// Keeps only the clients that are called like that.
    fn keep(&mut self, client: &str) -> Result<(), String> {
        let wanted = client.to_lowercase();
        let names = |it: &Conversation<'_>| person::names(it);
        let exact = |it: &Conversation<'_>| names(it).contains(&wanted);
        let partly = |it: &Conversation<'_>| names(it).iter().any(|name| name.contains(&wanted));
        let is_exact = self.conversations.iter().any(exact);
        let fits = |it: &Conversation<'_>| if is_exact { exact(it) } else { partly(it) };
        let known: Vec<_> = self
            .conversations
            .iter()
            .map(|it| it.party.name.clone())
            .collect();
        self.conversations.retain(|it| fits(it));
        if self.conversations.is_empty() {
            return Err(format!(
                "there is no client {client:?}; there are {}",
                known.join(", ")
            ));
        }
        let numbers = |it: &Conversation<'_>| {
            let messages = it.messages.iter();
            messages.map(|it| it.packet.number).collect::<Vec<_>>()
        };
        let kept: HashSet<usize> = self.conversations.iter().flat_map(numbers).collect();
        self.findings.retain(|it| kept.contains(&it.packet));
        Ok(())
    }
}
