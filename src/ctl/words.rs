//! The words of a command → what is asked for, by the rules of the original.

use crate::config::nearest;
use crate::control::Command;
use crate::control::frame::Request;
use crate::lease::{IaKey, IaKind};
use crate::wire::Duid;

/// A command, and what about its words the operator should change although it is sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Order {
    pub(super) request: Request,
    pub(super) warnings: Vec<String>,
}

/// Why words are no command.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("`{word}` is not {what}{}", hint.map(|it| format!("; did you mean `{it}`?")).unwrap_or_default())]
    Unknown {
        word: String,
        what: &'static str,
        hint: Option<&'static str>,
    },
    #[error("something is missing; write `{0}`")]
    Short(&'static str),
    #[error("`remove` is for a server alone; -S commands a server")]
    ServerOnly,
    #[error("`{0}` is for a client alone; leave out -S")]
    ClientOnly(&'static str),
    #[error("`{0}` is not a DUID of 1 to 130 octets, such as 00:03:00:01:02:00:5e:10:00:17")]
    Duid(String),
}

const REMOVE: &str = "remove binding IA IA_NA|IA_PD IAID DUID";
const START: &str = "start interface IF";
const STOP: &str = "stop interface IF";

/// Reads the words of a command for a server or a client. Words behind it are warned about and count for nothing.
pub(super) fn read(words: &[String], server: bool) -> Result<Order, Error> {
    let mut warnings = Vec::new();
    let mut words = words.iter().map(String::as_str);
    let mut next = |usage| words.next().ok_or(Error::Short(usage));
    let command = next("COMMAND")?;
    let what = "a command: reload, stop, remove, start or health";
    let request = match one_of(command, &["reload", "stop", "remove", "start"], what)? {
        "reload" => Request::Command(Command::Reload),
        "stop" => match next(STOP) {
            Err(_) => Request::Command(Command::Stop),
            Ok(_) if server => return Err(Error::ClientOnly(STOP)),
            Ok(target) => {
                one_of(target, &["interface"], "what can be stopped: interface IF")?;
                Request::StopInterface(named(next(STOP)?, STOP)?)
            }
        },
        "remove" if !server => return Err(Error::ServerOnly),
        "remove" => {
            one_of(next(REMOVE)?, &["binding"], "what can be removed: binding")?;
            one_of(next(REMOVE)?, &["IA"], "a kind of binding: IA")?;
            let kind = one_of(
                next(REMOVE)?,
                &["IA_NA", "IA_PD"],
                "an IA type: IA_NA, IA_PD",
            )?;
            let kind = if kind == "IA_NA" {
                IaKind::Na
            } else {
                IaKind::Pd
            };
            let text = next(REMOVE)?;
            let iaid = number(text);
            if text.parse() != Ok(iaid) {
                warnings.push(format!(
                    "the IAID `{text}` is taken as the decimal number {iaid}"
                ));
            }
            let text = next(REMOVE)?;
            let duid = Duid::parse(text).ok_or_else(|| Error::Duid(text.to_owned()))?;
            Request::Command(Command::Remove(IaKey { duid, kind, iaid }))
        }
        _ if server => return Err(Error::ClientOnly(START)),
        _ => {
            let what = "what can be started: interface IF";
            one_of(next(START)?, &["interface"], what)?;
            Request::StartInterface(named(next(START)?, START)?)
        }
    };
    if let Ok(word) = next("") {
        warnings.push(format!("`{word}` and what follows it count for nothing"));
    }
    Ok(Order { request, warnings })
}

/// The one of these words that this is.
fn one_of(word: &str, known: &[&'static str], what: &'static str) -> Result<&'static str, Error> {
    known.iter().copied().find(|it| *it == word).ok_or_else(|| {
        let of_one_case = |it: &&&str| it.eq_ignore_ascii_case(word);
        let hint = known.iter().find(of_one_case).copied();
        Error::Unknown {
            word: word.to_owned(),
            what,
            hint: hint.or_else(|| nearest(word, known.iter().copied())),
        }
    })
}

fn named(name: &str, usage: &'static str) -> Result<String, Error> {
    match name {
        "" => Err(Error::Short(usage)),
        name => Ok(name.to_owned()),
    }
}

/// A number as C's `strtol` reads it in base ten, in 32 bits: blanks, a sign, and as many digits as there are.
fn number(text: &str) -> u32 {
    let blank = |it: char| it.is_ascii_whitespace() || it == '\x0b';
    let text = text.trim_start_matches(blank);
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = text.chars().map_while(|it| it.to_digit(10));
    let value = digits.fold(0_i64, |value, digit| {
        let digit = i64::from(digit);
        let digit = if negative { -digit } else { digit };
        value.saturating_mul(10).saturating_add(digit)
    });
    let [.., a, b, c, d] = value.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(words: &str, server: bool) -> Result<Order, Error> {
        let words: Vec<_> = words.split_whitespace().map(str::to_owned).collect();
        read(&words, server)
    }

    fn request(words: &str, server: bool) -> Request {
        let order = order(words, server).expect("a command");
        assert_eq!(order.warnings, [""; 0]);
        order.request
    }

    fn refusal(words: &str, server: bool) -> String {
        order(words, server).expect_err("refused").to_string()
    }

    #[test]
    fn a_server_and_a_client_have_commands_in_common() {
        for server in [true, false] {
            assert_eq!(request("reload", server), Request::Command(Command::Reload));
            assert_eq!(request("stop", server), Request::Command(Command::Stop));
        }
    }

    #[test]
    fn bindings_are_removed_from_servers_alone() {
        for (name, kind) in [("IA_NA", IaKind::Na), ("IA_PD", IaKind::Pd)] {
            let words = format!("remove binding IA {name} 300 00:03:00:01:aB");
            let duid = Duid::new(&[0, 3, 0, 1, 0xab]).expect("a DUID");
            let iaid = 300;
            assert_eq!(
                request(&words, true),
                Request::Command(Command::Remove(IaKey { duid, kind, iaid }))
            );
            assert!(refusal(&words, false).contains("-S"));
        }
    }

    #[test]
    fn interfaces_are_started_and_stopped_by_clients_alone() {
        let name = "eth0".to_owned();
        assert_eq!(
            request("start interface eth0", false),
            Request::StartInterface(name.clone())
        );
        assert_eq!(
            request("stop interface eth0", false),
            Request::StopInterface(name)
        );
        for words in [
            "start",
            "start interface eth0",
            "stop interface eth0",
            "stop x",
        ] {
            assert!(refusal(words, true).contains("leave out -S"), "{words}");
        }
    }

    #[test]
    fn what_is_no_command_is_told_with_what_would_be_one() {
        for (words, server, said) in [
            ("reolad", true, "did you mean `reload`?"),
            (
                "restart",
                true,
                "a command: reload, stop, remove, start or health",
            ),
            ("remove", true, REMOVE),
            ("remove bindings", true, "did you mean `binding`?"),
            ("remove binding", true, REMOVE),
            ("remove binding ia", true, "did you mean `IA`?"),
            ("remove binding IA", true, REMOVE),
            ("remove binding IA IA_TA 1 00:01", true, "IA_NA, IA_PD"),
            (
                "remove binding IA ia_pd 1 00:01",
                true,
                "did you mean `IA_PD`?",
            ),
            ("remove binding IA IA_NA 1", true, REMOVE),
            (
                "remove binding IA IA_NA 1 00:1",
                true,
                "`00:1` is not a DUID",
            ),
            ("start", false, START),
            ("start eth0", false, "`eth0` is not what can be started"),
            ("start interface", false, START),
            ("stop eth0", false, "`eth0` is not what can be stopped"),
            ("stop interface", false, STOP),
        ] {
            let refusal = refusal(words, server);
            assert!(refusal.contains(said), "{words}: {refusal}");
        }
    }

    #[test]
    fn an_iaid_is_read_as_the_original_reads_it() {
        for (text, iaid) in [
            ("0", 0),
            ("300", 300),
            ("4294967295", u32::MAX),
            ("4294967296", 0),
            ("4294967297", 1),
            ("-1", u32::MAX),
            ("+7", 7),
            ("010", 10),
            (" \t12abc", 12),
            ("0x10", 0),
            ("x", 0),
            ("", 0),
            ("99999999999999999999", u32::MAX),
            ("-99999999999999999999", 0),
        ] {
            assert_eq!(number(text), iaid, "{text}");
        }
    }

    #[test]
    fn what_the_original_sends_by_accident_is_sent_with_a_warning() {
        for (words, warnings) in [
            ("remove binding IA IA_NA 0x10 00:01", 1),
            ("remove binding IA IA_NA 4294967296 00:01", 1),
            ("remove binding IA IA_NA 1 00:01 more words", 1),
            ("remove binding IA IA_NA x 00:01 more", 2),
            ("reload more", 1),
        ] {
            let order = order(words, true).expect("a command");
            assert_eq!(order.warnings.len(), warnings, "{words}: {order:?}");
        }
        let order = order("stop interface eth0 eth1", false).expect("a command");
        assert!(order.warnings[0].contains("`eth1`"), "{order:?}");
    }
}
