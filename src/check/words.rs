//! Numbers as people say them.

use crate::config::Lifetimes;
use crate::lease::Timestamp;
use std::net::Ipv6Addr;

/// A time span: its two largest units, of days, hours, minutes and seconds, that say it exactly, or all of them.
pub(super) fn duration(secs: u32) -> String {
    if secs == Timestamp::INFINITY_SECS {
        return "for ever".to_owned();
    }
    let units = [(86_400, "day"), (3600, "h"), (60, "min"), (1, "s")];
    let mut rest = secs;
    let mut parts = Vec::new();
    for (length, unit) in units {
        let count = rest / length;
        rest %= length;
        match (count, unit) {
            (0, _) => {}
            (2.., "day") => parts.push(format!("{count} days")),
            _ => parts.push(format!("{count} {unit}")),
        }
    }
    if parts.is_empty() {
        return "0 s".to_owned();
    }
    parts.join(" ")
}

/// The two lifetimes of a lease.
pub(super) fn lifetimes(lifetimes: Lifetimes) -> String {
    let (preferred, valid) = (lifetimes.preferred_secs, lifetimes.valid_secs);
    if preferred == valid {
        return format!("{} preferred and valid", duration(valid));
    }
    let preferred = match preferred {
        0 => "never preferred".to_owned(),
        _ => format!("{} preferred", duration(preferred)),
    };
    format!("{preferred}, {} valid", duration(valid))
}

/// How many addresses lie between two, both included.
pub(super) fn count(first: Ipv6Addr, last: Ipv6Addr) -> String {
    match last.to_bits().checked_sub(first.to_bits()) {
        None => "no addresses".to_owned(),
        Some(0) => "1 address".to_owned(),
        // Of all 2^128 addresses the number itself has no room.
        Some(u128::MAX) => "2^128 addresses".to_owned(),
        Some(less_one) => format!("{} addresses", number(less_one + 1)),
    }
}

/// A number: exactly where that can be grasped, else as a power of two, or the nearest one if that is close.
pub(super) fn number(number: u128) -> String {
    /// Numbers up to this are written out.
    const GRASPED: u128 = 10_000_000;
    if number <= GRASPED {
        return number.to_string();
    }
    if number.is_power_of_two() {
        return format!("2^{}", number.ilog2());
    }
    // Less than a hundredth above one power of two, or below the next.
    let below = 1_u128 << number.ilog2();
    let above_by = number - below;
    let below_by = below - above_by;
    match () {
        () if above_by < below / 100 => format!("about 2^{}", number.ilog2()),
        () if below_by < below / 50 => format!("about 2^{}", number.ilog2() + 1),
        () => format!("about {}", scientific(number)),
    }
}

/// A large number with two digits, as in `1.8 × 10^19`.
fn scientific(number: u128) -> String {
    let exponent = number.ilog10();
    let tenths = number / 10_u128.pow(exponent.saturating_sub(1));
    format!("{}.{} × 10^{exponent}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_said_in_their_units() {
        for (secs, said) in [
            (0, "0 s"),
            (1, "1 s"),
            (90, "1 min 30 s"),
            (3600, "1 h"),
            (86_400, "1 day"),
            (2 * 86_400 + 3661, "2 days 1 h 1 min 1 s"),
            (u32::MAX, "for ever"),
        ] {
            assert_eq!(duration(secs), said);
        }
    }

    #[test]
    fn lifetimes_are_said_apart_only_where_they_differ() {
        let said = |preferred_secs, valid_secs| {
            lifetimes(Lifetimes {
                preferred_secs,
                valid_secs,
            })
        };
        assert_eq!(said(3600, 7200), "1 h preferred, 2 h valid");
        assert_eq!(said(600, 600), "10 min preferred and valid");
        assert_eq!(said(0, 60), "never preferred, 1 min valid");
        assert_eq!(said(60, u32::MAX), "1 min preferred, for ever valid");
        assert_eq!(said(u32::MAX, u32::MAX), "for ever preferred and valid");
    }

    #[test]
    fn huge_numbers_can_be_grasped() {
        let said = |first: &str, last: &str| {
            let address = |text: &str| text.parse().expect("an address");
            count(address(first), address(last))
        };
        for (first, last, expected) in [
            ("::1", "::1", "1 address"),
            ("::1000", "::ffff", "61440 addresses"),
            ("::", "::98:967f", "10000000 addresses"),
            ("::", "::98:9680", "about 1.0 × 10^7 addresses"),
            ("::", "::ffff:ffff:ffff:ffff", "2^64 addresses"),
            ("::1000", "::ffff:ffff:ffff:ffff", "about 2^64 addresses"),
            ("::", "::1:0:0:0:1000", "about 2^64 addresses"),
            ("::", "::1:8000:0:0:0", "about 2.7 × 10^19 addresses"),
            (
                "::",
                "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                "2^128 addresses",
            ),
            (
                "::1",
                "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                "about 2^128 addresses",
            ),
            ("::2", "::1", "no addresses"),
        ] {
            assert_eq!(said(first, last), expected, "{first} {last}");
        }
    }
}
