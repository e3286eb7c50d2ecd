//! The one T1/T2 pair that all IAs of an answer share (RFC 9915 §18.1).

use crate::config::Lifetimes;
use crate::lease::Timestamp;

/// When a client renews and rebinds, in seconds from the answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Times {
    /// When it asks the server that it has its leases from.
    pub t1: u32,
    /// When it asks any server.
    pub t2: u32,
}

/// Half and four fifths of the shortest preferred lifetime, the recommended values (RFC 9915 §21.4).
///
/// A lease that is not preferred at all counts by its valid lifetime. Without leases both are 0; only where
/// all lifetimes are infinite are they infinity. They are at least 1 otherwise, since 0 has another meaning.
#[must_use]
pub fn renewal(leases: impl Iterator<Item = Lifetimes>) -> Times {
    let base = leases
        .map(|it| {
            if it.preferred_secs > 0 {
                it.preferred_secs
            } else {
                it.valid_secs
            }
        })
        .min()
        .unwrap_or(0);
    match base {
        0 => Times { t1: 0, t2: 0 },
        Timestamp::INFINITY_SECS => Times { t1: base, t2: base },
        _ => {
            let t1 = (base / 2).max(1);
            // In two parts, because four times a long lifetime is more than 32 bits hold.
            let t2 = base / 5 * 4 + base % 5 * 4 / 5;
            Times { t1, t2: t2.max(t1) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(leases: &[(u32, u32)]) -> (u32, u32) {
        let leases = leases.iter();
        let times = renewal(leases.map(|&(preferred_secs, valid_secs)| Lifetimes {
            preferred_secs,
            valid_secs,
        }));
        (times.t1, times.t2)
    }

    #[test]
    fn the_shortest_preferred_lifetime_decides() {
        assert_eq!(times(&[(3600, 7200)]), (1800, 2880));
        assert_eq!(
            times(&[(3600, 7200), (100, 200), (u32::MAX, u32::MAX)]),
            (50, 80)
        );
        assert_eq!(times(&[]), (0, 0));
    }

    #[test]
    fn only_infinite_lifetimes_give_infinite_times() {
        assert_eq!(times(&[(u32::MAX, u32::MAX)]), (u32::MAX, u32::MAX));
    }

    #[test]
    fn t1_is_at_most_t2_and_neither_is_zero() {
        assert_eq!(times(&[(1, 1)]), (1, 1));
        assert_eq!(times(&[(3, 9)]), (1, 2));
        assert_eq!(times(&[(1 << 30, 1 << 31)]), (536_870_912, 858_993_459));
        assert_eq!(
            times(&[(2_147_483_647, u32::MAX)]),
            (1_073_741_823, 1_717_986_917)
        );
        assert_eq!(
            times(&[(u32::MAX - 1, u32::MAX)]),
            (2_147_483_647, 3_435_973_835)
        );
    }

    #[test]
    fn a_deprecated_lease_counts_by_its_valid_lifetime() {
        assert_eq!(times(&[(0, 600)]), (300, 480));
    }
}
