//! Findings about the configuration, on standard error and in the log.
//!
//! Not here: what they look like (`config::render`).

use crate::config::{Diagnostic, Look, Severity, render};
use std::env;
use std::fmt;
use std::io::{self, IsTerminal, Write};

/// Prints the findings on standard error, coloured if that is a terminal that can do it and nobody minds
/// (<https://no-color.org>).
pub fn print(found: &[Diagnostic]) {
    let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = env::var_os("TERM").is_none_or(|it| it == "dumb");
    let look = match io::stderr().is_terminal() && !dumb && !set("NO_COLOR") {
        true => Look::Coloured,
        false => Look::Plain,
    };
    // Without standard error there is nobody to tell.
    drop(io::stderr().write_all(render(found, look).as_bytes()));
}

/// Logs the findings, one line each.
pub fn log(found: &[Diagnostic]) {
    for finding in found {
        let line = Line(finding);
        match finding.severity {
            Severity::Error => tracing::error!("{line}"),
            Severity::Warning => tracing::warn!("{line}"),
            Severity::Note => tracing::info!("{line}"),
        }
    }
}

/// The form that scripts know from the original server, `FILE:LINE TEXT`.
struct Line<'a>(&'a Diagnostic);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let finding = self.0;
        f.write_str(&finding.file)?;
        if finding.line > 0 {
            write!(f, ":{}", finding.line)?;
        }
        write!(f, " {}", finding.text)?;
        match &finding.remedy {
            Some(remedy) => write!(f, "; {remedy}"),
            None => Ok(()),
        }
    }
}
