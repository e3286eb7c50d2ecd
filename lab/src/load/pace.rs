//! When clients set out, and for how long they wait before they say something again.

use std::time::Duration;

use crate::load::chance::Chance;
use crate::load::message::Kind;

/// When clients set out to do something.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// As soon as fewer than so many wait for an answer: as fast as the server lets them.
    Window(usize),
    /// So many a second, whether the server keeps up or not.
    PerSecond(f64),
}

impl Pace {
    /// When the exchange with that number sets out, from 0, counted from the first; `None` if that depends on
    /// others.
    #[must_use]
    pub fn sets_out(self, number: u64) -> Option<Duration> {
        match self {
            Self::Window(_) => None,
            #[expect(
                clippy::cast_precision_loss,
                reason = "2^52 exchanges take longer than any run"
            )]
            Self::PerSecond(rate) => Some(Duration::from_secs_f64(number as f64 / rate)),
        }
    }
}

/// What clients do about messages that are not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// They send them again each time that this has passed, for ever.
    Every(Duration),
    /// They give up after that time, and never send anything again: what is lost is seen.
    GiveUp(Duration),
    /// They do as real clients do: RFC 9915 §15 with the times of §7.6.
    Rfc,
}

/// What to do when a message has not been answered for as long as it was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Send it again, and wait for so long.
    Again(Duration),
    /// There will be no answer.
    GiveUp,
}

/// The retransmission of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retransmission {
    /// How long the last wait was; 0 before the first.
    wait: Duration,
    /// How often the message was sent.
    sent: u32,
    /// How long all waits were together.
    waited: Duration,
}

/// The first wait, the longest one, how often a message is sent at most, and for how long at most; 0 is no
/// limit (RFC 9915 §7.6).
struct Limits {
    first: Duration,
    longest: Duration,
    count: u32,
    duration: Duration,
}

const fn limits(kind: Kind) -> Limits {
    let (first_secs, longest_secs, count, duration_secs) = match kind {
        Kind::Solicit | Kind::InformationRequest | Kind::Advertise | Kind::Reply => (1, 3600, 0, 0),
        Kind::Request => (1, 30, 10, 0),
        Kind::Confirm => (1, 4, 0, 10),
        Kind::Renew | Kind::Rebind => (10, 600, 0, 0),
        Kind::Release | Kind::Decline => (1, 0, 4, 0),
    };
    Limits {
        first: Duration::from_secs(first_secs),
        longest: Duration::from_secs(longest_secs),
        count,
        duration: Duration::from_secs(duration_secs),
    }
}

impl Retransmission {
    /// That of a message that was not sent yet.
    pub const NEW: Self = Self {
        wait: Duration::ZERO,
        sent: 0,
        waited: Duration::ZERO,
    };

    /// What comes next, for a message of that kind: at first [`Next::Again`], which is when it is sent for the
    /// first time.
    pub fn next(&mut self, patience: Patience, kind: Kind, chance: &mut Chance) -> Next {
        let wait = match patience {
            Patience::Every(time) => time,
            Patience::GiveUp(_) if self.sent > 0 => return Next::GiveUp,
            Patience::GiveUp(time) => time,
            Patience::Rfc => match self.wait_by_rfc(&limits(kind), kind, chance) {
                Some(wait) => wait,
                None => return Next::GiveUp,
            },
        };
        self.wait = wait;
        self.waited += wait;
        self.sent += 1;
        Next::Again(wait)
    }

    /// RT as RFC 9915 §15 has it, or nothing if the message has been sent often or long enough.
    fn wait_by_rfc(&self, limits: &Limits, kind: Kind, chance: &mut Chance) -> Option<Duration> {
        let over = (limits.count > 0 && self.sent >= limits.count)
            || (!limits.duration.is_zero() && self.waited >= limits.duration);
        if over {
            return None;
        }
        if self.sent == 0 {
            // Of the first Solicit, RAND is greater than 0 (RFC 9915 §18.2.1).
            let rand = rand(chance);
            let rand = if kind == Kind::Solicit {
                rand.abs()
            } else {
                rand
            };
            return Some(limits.first.mul_f64(1.0 + rand));
        }
        let wait = self.wait.mul_f64(2.0 + rand(chance));
        let wait = match limits.longest {
            Duration::ZERO => wait,
            longest if wait > longest => longest.mul_f64(1.0 + rand(chance)),
            _ => wait,
        };
        Some(match limits.duration {
            Duration::ZERO => wait,
            duration => wait.min(duration.saturating_sub(self.waited)),
        })
    }
}

/// RAND: evenly between -0.1 and 0.1 (RFC 9915 §15).
fn rand(chance: &mut Chance) -> f64 {
    const STEPS: u32 = 20_001;
    let step = u32::try_from(chance.below(STEPS as usize)).unwrap_or(0);
    f64::from(step) / f64::from(STEPS - 1) * 0.2 - 0.1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long a message that nobody answers is waited for, each time, in seconds.
    fn waits(kind: Kind, seed: u64, most: usize) -> Vec<f64> {
        let (mut it, mut chance) = (Retransmission::NEW, Chance::new(seed));
        let mut next = || match it.next(Patience::Rfc, kind, &mut chance) {
            Next::Again(wait) => Some(wait.as_secs_f64()),
            Next::GiveUp => None,
        };
        std::iter::from_fn(&mut next).take(most).collect()
    }

    #[test]
    fn each_wait_is_twice_the_one_before_give_or_take_a_tenth() {
        for seed in 0..200 {
            let waits = waits(Kind::Solicit, seed, 30);
            assert!((1.0..=1.1).contains(&waits[0]), "{waits:?}");
            for pair in waits.windows(2) {
                let longest = pair[1] > 3600.0 * 0.899;
                let ratio = pair[1] / pair[0];
                assert!(longest || (1.9..=2.1).contains(&ratio), "{waits:?}");
            }
            let last = waits[29];
            assert!((3240.0..=3960.0).contains(&last), "{last}");
        }
    }

    #[test]
    fn what_has_a_count_or_a_duration_ends() {
        for seed in 0..200 {
            assert_eq!(waits(Kind::Request, seed, 99).len(), 10);
            assert_eq!(waits(Kind::Release, seed, 99).len(), 4);
            let confirm = waits(Kind::Confirm, seed, 99);
            let all: f64 = confirm.iter().sum();
            assert!((all - 10.0).abs() < 1e-6, "{confirm:?}");
            assert_eq!(waits(Kind::Renew, seed, 99).len(), 99);
        }
    }

    #[test]
    fn whoever_gives_up_sends_once() {
        let (mut it, mut chance) = (Retransmission::NEW, Chance::new(1));
        let second = Duration::from_secs(1);
        let mut next = || it.next(Patience::GiveUp(second), Kind::Solicit, &mut chance);
        assert_eq!(next(), Next::Again(second));
        assert_eq!(next(), Next::GiveUp);
    }

    #[test]
    fn exchanges_set_out_evenly() {
        let pace = Pace::PerSecond(4.0);
        assert_eq!(pace.sets_out(0), Some(Duration::ZERO));
        assert_eq!(pace.sets_out(6), Some(Duration::from_millis(1500)));
        assert_eq!(Pace::Window(3).sets_out(6), None);
    }
}
