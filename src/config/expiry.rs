//! When a key ends: `forever`, `YYYY-MM-DD hh:mm`, `MM-DD hh:mm` or `hh:mm`, in local time.
//!
//! A year or day that is left out is the current one. So the short forms name one moment, not one that comes
//! again: once it is over, the key has ended, as with the long form. A key that got another year whenever the
//! server is started would never end.

use crate::lease::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::{Span, ZonedDateTime};

/// The end of a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Expiry {
    /// The last second in which the key is good.
    pub(super) at: Timestamp,
    /// The date that counts, where the one that is written does not exist.
    pub(super) moved_to: Option<Date>,
    /// How many octets at the end of the text were not read.
    pub(super) ignored_len: usize,
}

/// Reads the end of a key; `None` where the text is none of the forms.
pub(super) fn read(text: &[u8], now: &ZonedDateTime) -> Option<Expiry> {
    if text == b"forever" {
        return Some(Expiry {
            at: Timestamp::NEVER,
            moved_to: None,
            ignored_len: 0,
        });
    }
    let today = now.date();
    for form in [Form::Full, Form::YearLess, Form::TimeAlone] {
        if let Some((written, rest)) = form.read(text, today) {
            return Some(expiry(written, rest, now));
        }
    }
    None
}

/// What is written: a day of a month that may not have it, and a minute.
struct Written {
    year: i16,
    month: i8,
    day: i8,
    hour: i8,
    minute: i8,
}

#[derive(Clone, Copy)]
enum Form {
    Full,
    YearLess,
    TimeAlone,
}

impl Form {
    /// What a text of this form says, and what stands behind it.
    fn read(self, text: &[u8], today: Date) -> Option<(Written, &[u8])> {
        let mut rest = text;
        let mut written = Written {
            year: today.year(),
            month: today.month(),
            day: today.day(),
            hour: 0,
            minute: 0,
        };
        if let Self::Full = self {
            written.year = number(&mut rest, 4, 0..=9999)?;
            rest = rest.strip_prefix(b"-")?;
        }
        if let Self::Full | Self::YearLess = self {
            written.month = number(&mut rest, 2, 1..=12)?.try_into().ok()?;
            rest = rest.strip_prefix(b"-")?;
            written.day = number(&mut rest, 2, 1..=31)?.try_into().ok()?;
        }
        written.hour = number(&mut rest, 2, 0..=23)?.try_into().ok()?;
        rest = rest.strip_prefix(b":")?;
        written.minute = number(&mut rest, 2, 0..=59)?.try_into().ok()?;
        Some((written, rest))
    }
}

/// Takes a number of so many digits at most from the front, with the blanks before it.
fn number(
    rest: &mut &[u8],
    digits_max: usize,
    range: std::ops::RangeInclusive<i16>,
) -> Option<i16> {
    let digits = rest.trim_ascii_start();
    let len = digits
        .iter()
        .take(digits_max)
        .take_while(|octet| octet.is_ascii_digit())
        .count();
    let (digits, behind) = digits.split_at_checked(len)?;
    *rest = behind;
    let number = str::from_utf8(digits).ok()?.parse().ok()?;
    range.contains(&number).then_some(number)
}

fn expiry(written: Written, rest: &[u8], now: &ZonedDateTime) -> Expiry {
    let exact = Date::new(written.year, written.month, written.day).ok();
    // As in the original server, the days that a month lacks are those of the next one.
    let counted = exact.or_else(|| {
        let first = Date::new(written.year, written.month, 1).ok()?;
        let days = i64::from(written.day) - 1;
        first.checked_add(Span::new().days(days)).ok()
    });
    let counted = counted.unwrap_or(Date::MAX);
    let moment = counted.at(written.hour, written.minute, 0, 0);
    Expiry {
        at: timestamp(moment, now),
        moved_to: exact.is_none().then_some(counted),
        ignored_len: rest.len(),
    }
}

/// A moment of local time; one before 1970 is the first moment.
fn timestamp(moment: DateTime, now: &ZonedDateTime) -> Timestamp {
    let zoned = moment.to_zoned_datetime(now.time_zone().clone());
    let seconds = match zoned {
        Ok(zoned) => zoned.timestamp().as_second(),
        Err(_) if moment < now.datetime() => 0,
        Err(_) => jiff::Timestamp::MAX.as_second(),
    };
    Timestamp(seconds.try_into().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::{Offset, TimeZone};

    /// 2026-11-24 12:30:10, two hours east of Greenwich.
    fn now() -> ZonedDateTime {
        let zone = TimeZone::fixed(Offset::constant(2));
        let now = Date::constant(2026, 11, 24).at(12, 30, 10, 0);
        now.to_zoned_datetime(zone).expect("a time")
    }

    fn at(text: &str) -> Option<u64> {
        read(text.as_bytes(), &now()).map(|it| it.at.0)
    }

    #[test]
    fn all_forms_are_local_time() {
        // 2026-11-24 00:00:00 UTC.
        const TODAY: u64 = 1_795_478_400;
        assert_eq!(at("forever"), Some(Timestamp::NEVER.0));
        assert_eq!(at("2026-11-24 02:00"), Some(TODAY));
        assert_eq!(at("11-24 02:00"), Some(TODAY));
        assert_eq!(at("02:00"), Some(TODAY));
        assert_eq!(at("12:31"), Some(TODAY + 10 * 3600 + 31 * 60));
        assert_eq!(at("01-01 02:00"), Some(TODAY - 327 * 86_400));
        assert_eq!(at("2027-01-01 02:00"), Some(TODAY + 38 * 86_400));
        assert_eq!(at("1960-01-01 00:00"), Some(0));
    }

    #[test]
    fn zeros_may_be_left_out_and_blanks_added() {
        assert_eq!(at("2027-2-3 1:5"), at("2027-02-03 01:05"));
        assert_eq!(at(" 2027-02-03 \t01:05"), at("2027-02-03 01:05"));
        assert_eq!(at("2027-02-0301:05"), at("2027-02-03 01:05"));
    }

    #[test]
    fn a_day_that_a_month_lacks_is_one_of_the_next() {
        let moved = read(b"2027-02-31 00:00", &now()).expect("a date");
        assert_eq!(moved.moved_to, Some(Date::constant(2027, 3, 3)));
        assert_eq!(Some(moved.at.0), at("2027-03-03 00:00"));
    }

    #[test]
    fn what_stands_behind_a_date_is_counted() {
        let seconds = read(b"2027-02-03 00:00:30", &now()).expect("a date");
        assert_eq!(seconds.ignored_len, 3);
    }

    #[test]
    fn other_texts_are_no_dates() {
        for text in [
            "",
            "Forever",
            "forever ",
            "2027-02-03",
            "2027-02-03 24:00",
            "2027-13-03 00:00",
            "02027-02-03 00:00",
            "2027 - 02 - 03 00:00",
            "12",
            "12:",
            ":30",
            "12:60",
        ] {
            assert_eq!(at(text), None, "{text}");
        }
    }

    #[test]
    fn dates_at_the_ends_of_time_are_dates() {
        assert!(at("9999-12-31 23:59").is_some());
        assert_eq!(at("0000-01-01 00:00"), Some(0));
    }
}
