//! When clients repeat what they said (RFC 9915 §15), and what they say about the time.

use std::time::Duration;

use super::Report;
use super::rules::{
    CAPTURED_TWICE, EARLY_RETRANSMISSION, ELAPSED_BACKWARDS, ELAPSED_STARTS, ELAPSED_WRONG,
    NO_BACKOFF,
};
use crate::conversation::{Conversation, Said};
use crate::dissect::Value;

const OPTION_ELAPSED_TIME: u16 = 8;
/// What says that more time has passed than the field can say.
const ELAPSED_MAX: u32 = 0xffff;
/// The same datagram so soon again is one datagram that was seen twice.
const TWICE: Duration = Duration::from_millis(50);
/// Clocks of clients and of capturing machines differ by so much over an exchange, or by a tenth.
const SLACK: f64 = 1.0;

/// The first and the longest retransmission time of a message, in seconds (RFC 9915 §7.6).
pub(super) fn timeouts(kind: u8) -> Option<(f64, f64)> {
    // SOL_MAX_RT and INF_MAX_RT were 120 s before RFC 7083.
    Some(match kind {
        1 | 11 => (1.0, 120.0),
        3 => (1.0, 30.0),
        4 => (1.0, 4.0),
        5 | 6 => (10.0, 600.0),
        8 | 9 => (1.0, f64::INFINITY),
        _ => return None,
    })
}

pub(super) fn check(conversation: &Conversation<'_>, report: &mut Report) {
    let messages = &conversation.messages;
    let mut started = false;
    for (first, said) in messages.iter().enumerate() {
        if said.from_server || said.repeats.is_some() {
            continue;
        }
        let group: Vec<&Said<'_>> = conversation.transmissions(first).collect();
        let group = without_copies(&group, report);
        check_intervals(&group, report);
        check_elapsed(&group, started, report);
        started = true;
    }
}

/// The transmissions of a message, each one once.
fn without_copies<'a, 'b>(group: &[&'a Said<'b>], report: &mut Report) -> Vec<&'a Said<'b>> {
    let mut kept: Vec<&Said<'_>> = Vec::new();
    for said in group {
        let copy = kept.last().filter(|it| {
            it.packet.datagram.payload == said.packet.datagram.payload
                && said.at().saturating_sub(it.at()) <= TWICE
        });
        match copy {
            Some(original) => {
                let text = format!("as packet {}", original.packet.number);
                report.add(&CAPTURED_TWICE, said, text);
            }
            None => kept.push(said),
        }
    }
    kept
}

fn check_intervals(group: &[&Said<'_>], report: &mut Report) {
    let Some((initial, longest)) = group.first().and_then(|it| timeouts(it.kind())) else {
        return;
    };
    let mut before: Option<f64> = None;
    for pair in group.windows(2) {
        let [earlier, later] = pair else { continue };
        let passed = later.at().saturating_sub(earlier.at()).as_secs_f64();
        match before {
            None if passed < 0.9 * initial - 0.01 => {
                let text = format!(
                    "again after {passed:.3} s, not before {:.1} s",
                    0.9 * initial
                );
                report.add(&EARLY_RETRANSMISSION, later, text);
            }
            // Doubled, less the tenth that chance may take, and what clocks and scheduling may.
            Some(before) if passed < 1.7 * before && passed < 0.85 * longest => {
                let text =
                    format!("again after {passed:.1} s, and after {before:.1} s the time before");
                report.add(&NO_BACKOFF, later, text);
                return;
            }
            _ => {}
        }
        before = Some(passed);
    }
}

fn check_elapsed(group: &[&Said<'_>], started: bool, report: &mut Report) {
    let elapsed = |said: &Said<'_>| {
        let option = said.core().options.first(OPTION_ELAPSED_TIME)?;
        let Value::Number(elapsed) = option.value else {
            return None;
        };
        Some(elapsed)
    };
    let Some((first, start)) = group.first().and_then(|it| Some((it, elapsed(it)?))) else {
        return;
    };
    // Of an exchange that is the first of its client, the beginning may be before the capture.
    if started && start != 0 {
        report.add(
            &ELAPSED_STARTS,
            first,
            format!("{start} hundredths of a second"),
        );
    }
    let mut before = start;
    for said in group.iter().skip(1) {
        let Some(now) = elapsed(said) else { continue };
        if now < before {
            let text = format!("{now}, and {before} before that");
            return report.add(&ELAPSED_BACKWARDS, said, text);
        }
        before = now;
        let passed = said.at().saturating_sub(first.at()).as_secs_f64();
        let told = f64::from(now - start);
        let wrong = (told / 100.0 - passed).abs() > SLACK + passed / 10.0;
        if wrong && now != ELAPSED_MAX {
            let seconds = (told - passed).abs() <= SLACK + passed / 10.0;
            let unit = if seconds { ": it counts seconds" } else { "" };
            let text =
                format!("{told} hundredths of a second, when {passed:.1} s have passed{unit}");
            return report.add(&ELAPSED_WRONG, said, text);
        }
    }
}
