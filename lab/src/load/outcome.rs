//! What came of a run: as text, and as JSON.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use crate::load::tally::{STEP, Tally};

/// What came of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// What was asked for, in words.
    pub load: String,
    /// Which server answered, in words.
    pub server: String,
    /// From the first message to the last answer that was waited for, in seconds.
    pub seconds: f64,
    /// Exchanges that were begun.
    pub begun: u64,
    /// Exchanges that ended with what the client wanted.
    pub completed: u64,
    /// Exchanges that the server refused: no lease was left, for instance.
    pub refused: u64,
    /// Exchanges that were given up without an answer.
    pub lost: u64,
    /// Completed exchanges a second.
    pub rate: f64,
    /// Of completed exchanges, from when each was to set out to its end.
    pub latency: Latency,
    /// Messages and answers.
    pub messages: Messages,
    /// Leases.
    pub leases: Leases,
    /// What the server did wrong: a sentence each.
    pub breaches: Vec<String>,
    /// How it went, step by step.
    pub timeline: Vec<Moment>,
}

/// Latencies in milliseconds.
#[derive(Clone, Debug, Serialize)]
pub struct Latency {
    /// The mean.
    pub mean: f64,
    /// Half of them took no longer.
    pub p50: f64,
    /// 90 % took no longer.
    pub p90: f64,
    /// 99 % took no longer.
    pub p99: f64,
    /// 99.9 % took no longer.
    pub p999: f64,
    /// The longest.
    pub max: f64,
    /// Pairs of a share in percent and the latency that so many do not exceed, for plots.
    pub curve: Vec<(f64, f64)>,
}

/// Counts of messages.
#[derive(Clone, Debug, Serialize)]
pub struct Messages {
    /// Sent by clients, those that were sent again included.
    pub sent: u64,
    /// Sent again.
    pub repeated: u64,
    /// Answers that a client waited for.
    pub answers: u64,
    /// Answers that nobody waited for any more.
    pub unwanted: u64,
}

/// Counts of leases.
#[derive(Clone, Debug, Serialize)]
pub struct Leases {
    /// Granted or extended.
    pub granted: u64,
    /// Given back.
    pub released: u64,
    /// How many were renewed in the roll call behind the run, if there was one.
    pub audited: Option<u64>,
}

/// One step of the time line.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Moment {
    /// When it began, in seconds since the first message.
    pub at: f64,
    /// Exchanges a second that were begun.
    pub begun: f64,
    /// Exchanges a second that were completed.
    pub completed: f64,
    /// Exchanges a second that were refused or given up.
    pub failed: f64,
    /// The longest latency of those that were completed, in milliseconds.
    pub slowest: f64,
}

impl Outcome {
    /// What a tally says about a run of that length.
    #[must_use]
    pub fn new(load: String, server: String, took: Duration, tally: &Tally) -> Self {
        let seconds = took.as_secs_f64();
        let per_second = |count: u32| f64::from(count) / STEP.as_secs_f64();
        let timeline = tally.timeline.iter().enumerate().map(|(index, step)| {
            let at = STEP * u32::try_from(index).unwrap_or(u32::MAX);
            Moment {
                at: at.as_secs_f64(),
                begun: per_second(step.begun),
                completed: per_second(step.completed),
                failed: per_second(step.failed),
                slowest: millis(step.slowest),
            }
        });
        Self {
            load,
            server,
            seconds,
            begun: tally.begun,
            completed: tally.completed,
            refused: tally.refused,
            lost: tally.lost,
            rate: match seconds > 0.0 {
                true => float(tally.completed) / seconds,
                false => 0.0,
            },
            latency: Latency::new(tally),
            messages: Messages {
                sent: tally.sent,
                repeated: tally.repeated,
                answers: tally.answers,
                unwanted: tally.unwanted,
            },
            leases: Leases {
                granted: tally.granted,
                released: tally.released,
                audited: None,
            },
            breaches: Vec::new(),
            timeline: timeline.collect(),
        }
    }

    /// The share of exchanges that were not completed, in percent.
    #[must_use]
    pub fn incomplete(&self) -> f64 {
        match self.begun {
            0 => 0.0,
            begun => 100.0 * float(begun.saturating_sub(self.completed)) / float(begun),
        }
    }

    /// All of it as text for a terminal.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        let complete = 100.0 - self.incomplete();
        let (messages, leases, latency) = (&self.messages, &self.leases, &self.latency);
        let _ = writeln!(text, "{}\nagainst {}\n", self.load, self.server);
        let mut row = |name: &str, what: String| {
            let _ = writeln!(text, "  {name:<10}{what}");
        };
        row(
            "exchanges",
            format!(
                "{} begun, {} completed ({complete:.2} %), {} refused, {} lost",
                number(self.begun),
                number(self.completed),
                number(self.refused),
                number(self.lost)
            ),
        );
        row(
            "rate",
            format!(
                "{:.0} exchanges/s completed, in {:.1} s",
                self.rate, self.seconds
            ),
        );
        row(
            "latency",
            format!(
                "p50 {:.2} ms, p90 {:.2}, p99 {:.2}, p99.9 {:.2}, longest {:.2}",
                latency.p50, latency.p90, latency.p99, latency.p999, latency.max
            ),
        );
        row(
            "messages",
            format!(
                "{} sent, {} of them again; {} answers, and {} that nobody waited for",
                number(messages.sent),
                number(messages.repeated),
                number(messages.answers),
                number(messages.unwanted)
            ),
        );
        row(
            "leases",
            format!(
                "{} granted or extended, {} given back{}",
                number(leases.granted),
                number(leases.released),
                match leases.audited {
                    Some(count) => format!("; {} renewed in the audit", number(count)),
                    None => String::new(),
                }
            ),
        );
        match self.breaches.as_slice() {
            [] => row("promises", "kept: no lease was given to two clients".into()),
            breaches => {
                const SHOWN: usize = 10;
                row(
                    "promises",
                    format!("{} BROKEN:", number(breaches.len() as u64)),
                );
                for breach in breaches.iter().take(SHOWN) {
                    row("", breach.clone());
                }
            }
        }
        text
    }
}

impl Latency {
    fn new(tally: &Tally) -> Self {
        let histogram = &tally.latency;
        let quantile = |share: f64| millis(histogram.value_at_quantile(share));
        // From each point to the next, half of what is left: the scale on which tails can be seen.
        let mut shares = vec![0.0];
        let mut rest = 1.0;
        while rest * float(histogram.len()) >= 1.0 {
            rest /= 2.0;
            shares.push(1.0 - rest);
        }
        Self {
            mean: histogram.mean() / 1000.0,
            p50: quantile(0.5),
            p90: quantile(0.9),
            p99: quantile(0.99),
            p999: quantile(0.999),
            max: millis(histogram.max()),
            curve: shares
                .into_iter()
                .map(|share| (share * 100.0, quantile(share)))
                .collect(),
        }
    }
}

fn millis(micros: u64) -> f64 {
    float(micros) / 1000.0
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts beyond 2^52 take longer than any run"
)]
fn float(count: u64) -> f64 {
    count as f64
}

/// A number in groups of three digits.
fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome() -> Outcome {
        let mut tally = Tally::default();
        for index in 0..1000 {
            let at = Duration::from_millis(index);
            tally.begin(at);
            tally.complete(at, Duration::from_micros(index + 1));
        }
        tally.begin(Duration::from_millis(999));
        tally.lose(Duration::from_secs(2));
        let took = Duration::from_secs(2);
        Outcome::new("1,001 clients".into(), "a server".into(), took, &tally)
    }

    #[test]
    fn rates_and_shares_are_of_what_was_completed() {
        let outcome = outcome();
        assert!((outcome.rate - 500.0).abs() < 1e-9, "{}", outcome.rate);
        let incomplete = outcome.incomplete();
        assert!((incomplete - 100.0 / 1001.0).abs() < 1e-9, "{incomplete}");
        assert_eq!(outcome.timeline.len(), 21);
        let first = outcome.timeline[0];
        assert!((first.completed - 1000.0).abs() < 1e-9, "{first:?}");
        assert!((first.slowest - 0.1).abs() < 1e-9, "{first:?}");
        assert!((outcome.timeline[20].failed - 10.0).abs() < 1e-9);
    }

    #[test]
    fn quantiles_are_in_milliseconds_and_the_curve_ends_at_the_longest() {
        let latency = outcome().latency;
        assert!((latency.p50 - 0.5).abs() < 0.001, "{latency:?}");
        assert!((latency.p99 - 0.99).abs() < 0.001, "{latency:?}");
        assert!((latency.max - 1.0).abs() < 0.001, "{latency:?}");
        let (share, last) = latency.curve[latency.curve.len() - 1];
        assert!(
            share > 99.9 && (last - latency.max).abs() < 0.001,
            "{latency:?}"
        );
    }

    #[test]
    fn the_text_says_how_many_of_what() {
        let text = outcome().text();
        assert!(
            text.contains("1,001 begun, 1,000 completed (99.90 %), 0 refused, 1 lost"),
            "{text}"
        );
        let mut outcome = outcome();
        outcome.breaches = vec!["2001:db8::1/128 was given twice".into()];
        assert!(outcome.text().contains("1 BROKEN:\n"), "{}", outcome.text());
    }
}
