//! `dhcp6ctl`: the command line of the control channel, for our server, the original one, and WIDE's `dhcp6c`.
//!
//! Options, commands and exit statuses are those of the original command. It is silent where ours speaks: what
//! can be found out about a command is said, although the protocol has no answer.
//!
//! Not here: frames and connections (`control`).

mod health;
mod words;

use crate::control::client::{self, Sent};
use crate::control::{Key, key, resolve};
use clap::Parser;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::process::ExitCode;
use words::{Order, read};

const CLIENT: Process = Process {
    name: "client",
    program: "dhcp6c",
    key_file: "/etc/wide-dhcpv6/dhcp6cctlkey",
    port: "5546",
};
const SERVER: Process = Process {
    name: "server",
    program: "dhcp6s",
    key_file: "/etc/wide-dhcpv6/dhcp6sctlkey",
    port: "5547",
};

const ABOUT: &str = "Commands a running DHCPv6 server, or client. Without -S it is the client.";

const EXAMPLES: &str = "\
Commands:
  reload                               read the configuration again; bindings stay
  stop                                 end; a client gives back what it has
  remove binding IA IA_NA IAID DUID    forget the addresses of a client, so that they are free (-S)
  remove binding IA IA_PD IAID DUID    forget the prefixes of a client (-S)
  start interface IF                   begin anew on an interface (-C)
  stop interface IF                    give back what was obtained on an interface (-C)
  health [INTERFACE ...]               say whether servers here can answer; takes no key

Examples:
  dhcp6ctl -S reload
  dhcp6ctl -S remove binding IA IA_NA 1 00:03:00:01:02:00:5e:10:00:17
  dhcp6ctl start interface eth0

IAID and DUID are those that the log of the server names. The IAID is a decimal number.

Key:
  The process that is commanded and this program have to read the same key: a secret in base64 on
  the first line of a file. A process that finds none listens to nobody. To make one:
    (umask 077; head -c 16 /dev/urandom | base64 >/etc/wide-dhcpv6/dhcp6sctlkey)

Exit status: 0 when the command was sent; 1 otherwise. There is no answer in the protocol: what came
of the command is in the log of the process, for a server that runs with -d. With health, 0 if all
interfaces that are named, or else all that are served here, can answer; 1 otherwise.";

/// What is commanded.
#[derive(PartialEq, Eq, Debug)]
struct Process {
    name: &'static str,
    program: &'static str,
    key_file: &'static str,
    port: &'static str,
}

/// What the operator asks for.
#[derive(Parser, Clone, PartialEq, Eq, Debug)]
#[command(name = "dhcp6ctl", version, about = ABOUT, after_help = EXAMPLES)]
#[command(args_override_self = true, max_term_width = 100)]
struct Arguments {
    /// Command a client, which is what happens without -S.
    #[arg(short = 'C', conflicts_with = "server")]
    client: bool,

    /// Command a server.
    #[arg(short = 'S')]
    server: bool,

    /// The address that the process listens on.
    #[arg(
        short = 'a',
        visible_short_alias = 's',
        value_name = "ADDRESS",
        default_value = "::1"
    )]
    address: String,

    /// The key that the process has [default: /etc/wide-dhcpv6/dhcp6cctlkey, or dhcp6sctlkey with -S].
    #[arg(short = 'k', value_name = "FILE")]
    key_file: Option<PathBuf>,

    /// The TCP port that the process listens on, by number or name [default: 5546, or 5547 with -S].
    #[arg(short = 'p', value_name = "PORT")]
    port: Option<String>,

    /// What to command.
    #[arg(value_name = "COMMAND", required = true)]
    words: Vec<String>,
}

/// Does what a command line asks for, the program name first.
pub fn run<T: Into<OsString> + Clone>(words: impl IntoIterator<Item = T>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(words) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Nobody is left to be told that the terminal is gone.
            drop(error.print());
            return if error.use_stderr() {
                ExitCode::FAILURE
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    if let Some((command, interfaces)) = arguments.words.split_first()
        && command == "health"
    {
        return health::run(interfaces);
    }
    match arguments.obey() {
        Ok(text) => {
            // It is sent, whether or not anybody is left to hear of it.
            drop(writeln!(io::stdout(), "{text}"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn complain(message: &str) {
    // Without standard error there is nobody to tell.
    drop(writeln!(io::stderr(), "dhcp6ctl: {message}"));
}

/// Why nothing was sent.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Words(#[from] words::Error),
    #[error("{0}; -k names another key file")]
    Key(#[from] key::Error),
    #[error("-p: {0}")]
    Port(#[from] crate::control::UnknownPort),
    #[error("-a: `{address}` is not an IPv6 address: {reason}")]
    Address { address: String, reason: String },
    #[error(
        "{source}: no {program} runs there, or it has found no key in its key file (Debian's start script gives the server none)"
    )]
    Nobody {
        source: client::Error,
        program: &'static str,
    },
    #[error(transparent)]
    Send(#[from] client::Error),
}

impl Arguments {
    fn process(&self) -> Process {
        if self.server { SERVER } else { CLIENT }
    }

    /// Sends the command. Returns what is known of it then.
    fn obey(&self) -> Result<String, Error> {
        let Process {
            name,
            program,
            key_file,
            port,
        } = self.process();
        let Order { request, warnings } = read(&self.words, self.server)?;
        warnings.iter().for_each(|it| complain(it));
        let key_file = self.key_file.clone().unwrap_or_else(|| key_file.into());
        let key = Key::read(&key_file)?;
        let text = self.port.as_deref().unwrap_or(port);
        let (port, wrapped) = resolve(text)?;
        if wrapped {
            complain(&format!("-p {text} is above 65535; taken as {port}"));
        }
        let address = self.resolve(port)?;
        match client::send(&request, &key, address) {
            Ok(Sent::Closed) => Ok(format!(
                "sent to the {name} at {address}; what came of it is in its log (-d)"
            )),
            Ok(Sent::Open) => Ok(format!(
                "sent to the {name} at {address}, which is still at it; what comes of it is in its log (-d)"
            )),
            Err(source @ client::Error::Refused(_)) => Err(Error::Nobody { source, program }),
            Err(error) => Err(error.into()),
        }
    }

    fn resolve(&self, port: u16) -> Result<SocketAddr, Error> {
        let failure = |reason: String| Error::Address {
            address: self.address.clone(),
            reason,
        };
        let found = (self.address.as_str(), port)
            .to_socket_addrs()
            .map_err(|error| failure(error.to_string()))?;
        // Neither server nor client listens on anything else.
        let mut found = found.into_iter().filter(SocketAddr::is_ipv6);
        found
            .next()
            .ok_or_else(|| failure("it is one of another kind".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn parse(words: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(std::iter::once("dhcp6ctl").chain(words.split_whitespace()))
    }

    #[test]
    fn it_is_the_client_unless_the_server_is_meant() {
        for words in ["reload", "-C reload", "-CC reload"] {
            assert_eq!(parse(words).expect("arguments").process(), CLIENT);
        }
        for words in ["-S reload", "reload -S", "-S -S reload"] {
            assert_eq!(parse(words).expect("arguments").process(), SERVER);
        }
    }

    #[test]
    fn options_are_those_of_the_original_and_of_its_man_page() {
        let arguments = parse("-Sk key -p 1 -a ::2 remove binding").expect("arguments");
        assert_eq!(arguments.key_file, Some("key".into()));
        assert_eq!(arguments.port.as_deref(), Some("1"));
        assert_eq!(arguments.address, "::2");
        assert_eq!(arguments.words, ["remove", "binding"]);
        assert_eq!(parse("-s ::3 x").expect("arguments").address, "::3");
        assert_eq!(parse("x").expect("arguments").address, "::1");
        let last = parse("-p 1 -p 2 x -- -1").expect("arguments");
        assert_eq!(last.port.as_deref(), Some("2"));
        assert_eq!(last.words, ["x", "-1"]);
    }

    #[test]
    fn usage_errors_are_told_apart_from_help() {
        for wrong in ["", "-S", "-C -S reload", "-x reload", "reload -k"] {
            assert!(parse(wrong).expect_err("wrong").use_stderr(), "{wrong}");
        }
        for help in ["-h", "--help", "--version"] {
            assert!(!parse(help).expect_err("text").use_stderr(), "{help}");
        }
        Arguments::command().debug_assert();
    }

    #[test]
    fn an_address_is_one_of_ipv6() {
        let resolve = |text: &str| {
            parse(&format!("-a {text} x"))
                .expect("arguments")
                .resolve(7)
        };
        assert_eq!(
            resolve("::1").map_err(|error| error.to_string()),
            Ok("[::1]:7".parse().expect("an address"))
        );
        let error = resolve("127.0.0.1").expect_err("no address").to_string();
        assert!(
            error.starts_with("-a: `127.0.0.1` is not an IPv6 address"),
            "{error}"
        );
    }
}
