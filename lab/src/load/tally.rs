//! What has happened so far: counts, latencies, and how they went over time.

use std::time::Duration;

use hdrhistogram::Histogram;

/// The length of one step of [`Tally::timeline`].
pub const STEP: Duration = Duration::from_millis(100);
/// Steps beyond this number are not kept: an hour.
const STEPS_MAX: usize = 36_000;
/// Longer latencies are counted as this one: an hour.
const LONGEST_MICROS: u64 = 3_600_000_000;

/// What has happened so far.
#[derive(Clone, Debug)]
pub struct Tally {
    /// Messages sent, those that were sent again included.
    pub sent: u64,
    /// Messages sent again.
    pub repeated: u64,
    /// Answers that somebody waited for.
    pub answers: u64,
    /// Answers that nobody waited for any more: work of the server that is wasted.
    pub unwanted: u64,
    /// Leases that Replies granted or extended.
    pub granted: u64,
    /// Leases that clients gave back.
    pub released: u64,
    /// Exchanges that were begun.
    pub begun: u64,
    /// Exchanges that ended with what the client wanted.
    pub completed: u64,
    /// Exchanges that ended because the server said no.
    pub refused: u64,
    /// Exchanges that were given up without an answer.
    pub lost: u64,
    /// Times from when an exchange was to set out to its end, in microseconds, of those that were completed.
    pub latency: Histogram<u64>,
    /// How it went over time.
    pub timeline: Vec<Step>,
}

/// What happened in one [`STEP`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Exchanges begun.
    pub begun: u32,
    /// Exchanges completed.
    pub completed: u32,
    /// Exchanges refused or given up.
    pub failed: u32,
    /// The longest time that a completed one took, in microseconds.
    pub slowest: u64,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            sent: 0,
            repeated: 0,
            answers: 0,
            unwanted: 0,
            granted: 0,
            released: 0,
            begun: 0,
            completed: 0,
            refused: 0,
            lost: 0,
            latency: Histogram::new_with_bounds(1, LONGEST_MICROS, 3)
                .expect("three digits of up to an hour are a range that there is"),
            timeline: Vec::new(),
        }
    }
}

impl Tally {
    /// Notes that an exchange was begun; `at` is the time since the first of them.
    pub fn begin(&mut self, at: Duration) {
        self.begun += 1;
        if let Some(step) = self.step(at) {
            step.begun += 1;
        }
    }

    /// Notes that one that took so long was completed.
    pub fn complete(&mut self, at: Duration, took: Duration) {
        self.completed += 1;
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.latency.saturating_record(micros);
        if let Some(step) = self.step(at) {
            step.completed += 1;
            step.slowest = step.slowest.max(micros);
        }
    }

    /// Notes that the server said no.
    pub fn refuse(&mut self, at: Duration) {
        self.refused += 1;
        self.fail(at);
    }

    /// Notes that an answer is not waited for any more.
    pub fn lose(&mut self, at: Duration) {
        self.lost += 1;
        self.fail(at);
    }

    fn fail(&mut self, at: Duration) {
        if let Some(step) = self.step(at) {
            step.failed += 1;
        }
    }

    fn step(&mut self, at: Duration) -> Option<&mut Step> {
        let index = usize::try_from(at.as_millis() / STEP.as_millis()).ok()?;
        if index >= STEPS_MAX {
            return None;
        }
        if index >= self.timeline.len() {
            self.timeline.resize(index + 1, Step::default());
        }
        self.timeline.get_mut(index)
    }
}
