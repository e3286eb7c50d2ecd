//! Things that anybody on the link can cause at will, said at most once a minute.

use std::time::{Duration, Instant};

/// How long nothing more is said.
const PAUSE: Duration = Duration::from_secs(60);

/// Counts what happened since it was last said.
#[derive(Debug, Default)]
pub(super) struct Rarely {
    count: u64,
    said: Option<Instant>,
}

impl Rarely {
    /// Counts one more. Returns how many there were since the last time, if it is time to say so.
    pub(super) fn count(&mut self, now: Instant) -> Option<u64> {
        self.count += 1;
        if self
            .said
            .is_some_and(|said| now.duration_since(said) < PAUSE)
        {
            return None;
        }
        self.said = Some(now);
        Some(std::mem::take(&mut self.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_said_at_once_and_the_others_together() {
        let (mut rarely, start) = (Rarely::default(), Instant::now());
        assert_eq!(rarely.count(start), Some(1));
        assert_eq!(rarely.count(start), None);
        assert_eq!(rarely.count(start + PAUSE / 2), None);
        assert_eq!(rarely.count(start + PAUSE), Some(3));
        assert_eq!(rarely.count(start + PAUSE), None);
    }
}
