//! Findings about the configuration on standard error.
//!
//! Not here: what they look like (`config::render`).

use crate::config::{Diagnostic, Look, render};
use std::env;
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
