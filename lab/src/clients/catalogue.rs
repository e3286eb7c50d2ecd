//! `dhcp6lab clients`: which client models there are, and what one says.

use std::io::{self, Write};

use crate::scenario::model;
use crate::status::{BAD_INPUT, PASSED};

/// Which model is asked for.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "A scenario uses a model by its name: `clients: { pc: { client: windows-11 } }`.\n\
                  Example: dhcp6lab clients windows-11"
)]
pub struct ClientsArguments {
    /// The model whose file is printed: what is typical of its messages, and what a server answers them. Without
    /// a name, all are listed.
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
}

/// Lists the models, or prints the file of one; returns the exit status.
pub fn run(arguments: &ClientsArguments, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let printed = match &arguments.name {
        None => list(out),
        Some(name) => match model::file(name) {
            Some(text) => out.write_all(text.as_bytes()),
            None => {
                // Without standard error there is nobody to tell.
                let _ = writeln!(err, "dhcp6lab: {}", model::unknown(name));
                return BAD_INPUT;
            }
        },
    };
    match printed {
        Ok(()) => PASSED,
        // Whoever reads may have seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => PASSED,
        Err(error) => {
            let _ = writeln!(err, "dhcp6lab: cannot print the models: {error}");
            BAD_INPUT
        }
    }
}

/// Each name with the first sentence of why there is such a model.
fn list(out: &mut dyn Write) -> io::Result<()> {
    let width = model::names().map(str::len).max().unwrap_or_default();
    for name in model::names() {
        let why = model::why(name);
        let sentence = why.split_inclusive(". ").next().unwrap_or_default().trim();
        writeln!(out, "{name:width$}  {sentence}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(name: Option<&str>) -> (u8, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let name = name.map(str::to_owned);
        let status = run(&ClientsArguments { name }, &mut out, &mut err);
        let text = |octets| String::from_utf8(octets).expect("text");
        (status, text(out), text(err))
    }

    #[test]
    fn the_list_tells_what_each_shows() {
        let (status, out, _) = said(None);
        assert_eq!(status, PASSED);
        let mut lines = out.lines();
        let windows = lines.find(|it| it.starts_with("windows-11 "));
        let windows = windows.expect("it is listed");
        assert!(windows.ends_with("the second one twice."), "{windows}");
    }

    #[test]
    fn a_model_is_printed_as_it_is_written() {
        let (status, out, _) = said(Some("windows-11"));
        assert_eq!(status, PASSED);
        assert!(
            out.starts_with("why: ") && out.contains("\nmodel:"),
            "{out}"
        );
    }

    #[test]
    fn an_unknown_model_is_bad_input() {
        let (status, out, err) = said(Some("windows-12"));
        assert_eq!((status, out.as_str()), (BAD_INPUT, ""));
        assert!(err.contains("did you mean `windows-1"), "{err}");
    }
}
