//! `dhcp6ctl health`: whether links can answer, asked of the servers of this network namespace. It takes no key.

use super::complain;
use crate::config::local;
use crate::control::health::{Health, served};
use std::io::{self, ErrorKind, Write as _};
use std::process::ExitCode;

/// Tells of these interfaces, or of all that are served; it fails if one is not ready, or nobody serves it.
pub(super) fn run(interfaces: &[String]) -> ExitCode {
    let found = match interfaces {
        [] => served(),
        named => Ok(named.to_vec()),
    };
    let interfaces = match found {
        Ok(found) if found.is_empty() => {
            complain("no server runs in this network namespace");
            return ExitCode::FAILURE;
        }
        Ok(found) => found,
        Err(error) => {
            complain(&format!("cannot find out which servers run: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let now = jiff::ZonedDateTime::now();
    let mut all_ready = true;
    for interface in &interfaces {
        let asked = Health::ask(interface);
        all_ready &= asked.as_ref().is_ok_and(|it| it.waits.is_none());
        let text = match asked {
            Ok(health) => told(&health, &now),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                "no server of this network namespace serves it".to_owned()
            }
            Err(error) => format!("no answer: {error}"),
        };
        // The exit status counts, whether or not anybody reads.
        drop(writeln!(io::stdout(), "{interface}: {text}"));
    }
    if all_ready {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn told(health: &Health, now: &jiff::ZonedDateTime) -> String {
    let since = local(health.since, now);
    let (answered, dropped) = (health.answered, health.dropped);
    let state = match &health.waits {
        None => format!("ready since {since}"),
        Some(reason) => format!("waiting since {since}: {reason}"),
    };
    format!("{state}; {answered} answered, {dropped} dropped")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::utc;
    use crate::lease::Timestamp;

    #[test]
    fn the_state_is_told_with_its_begin_and_reason() {
        let now = utc(Timestamp(1_795_478_400));
        let mut health = Health {
            waits: None,
            since: Timestamp(1_795_478_400),
            answered: 3,
            dropped: 1,
        };
        let ready = "ready since 2026-11-24 00:00 UTC; 3 answered, 1 dropped";
        assert_eq!(told(&health, &now), ready);
        health.waits = Some("it has no carrier".to_owned());
        let waiting =
            "waiting since 2026-11-24 00:00 UTC: it has no carrier; 3 answered, 1 dropped";
        assert_eq!(told(&health, &now), waiting);
    }
}
