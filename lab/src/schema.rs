//! `dhcp6lab schema`: the form of scenarios, for editors.

use std::io::Write;

use crate::scenario;
use crate::status::{BAD_INPUT, PASSED};

/// What there is to say: nothing.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(after_help = "Example: dhcp6lab schema > scenario.schema.json\n\n\
                  Then write as the first line of a scenario:\n  \
                  # yaml-language-server: $schema=scenario.schema.json")]
pub struct SchemaArguments {}

/// Prints the schema, and returns the exit status.
pub fn run(_: &SchemaArguments, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let written = writeln!(out, "{:#}", scenario::schema());
    match written.and_then(|()| out.flush()) {
        Ok(()) => PASSED,
        Err(error) => {
            // Without standard error there is nobody to tell.
            let _ = writeln!(err, "dhcp6lab: cannot write the schema: {error}");
            BAD_INPUT
        }
    }
}
