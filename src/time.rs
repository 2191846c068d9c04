//! Moments, as Coupa writes them and as HTTP does.
//!
//! A library for times would make a component larger by a tenth; what is needed
//! here is little, and the tests hold it against one.

use serde::{Deserialize, Serialize};

/// Seconds since 1970 in UTC, without leap seconds. Coupa's times have no fraction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Moment(i64);

/// The first and the last moment that can be written with four digits of a year.
const FIRST: i64 = -62_135_596_800;
const LAST: i64 = 253_402_300_799;
const DAY: i64 = 86_400;

impl Moment {
    /// From seconds since 1970; what lies beyond the years 1 to 9999 becomes the
    /// nearest that does not.
    pub fn from_unix(seconds: i64) -> Self {
        Self(seconds.clamp(FIRST, LAST))
    }

    /// Seconds since 1970.
    pub fn unix(self) -> i64 {
        self.0
    }

    /// Reads `2026-01-31T08:00:00+01:00` (RFC 3339), with or without a fraction,
    /// which is dropped.
    #[inline(never)]
    pub fn parse(text: &str) -> Option<Self> {
        let (date, rest) = text.split_at_checked(10)?;
        let days = date_of(date)?;
        let (time, zone) = rest.strip_prefix(['T', 't', ' '])?.split_at_checked(8)?;
        let seconds = time_of(time)?;
        let zone = match zone.strip_prefix('.') {
            None => zone,
            Some(fraction) => {
                let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
                (zone.len() < fraction.len()).then_some(zone)?
            }
        };
        let offset = match zone.as_bytes() {
            [b'Z' | b'z'] => 0,
            [sign @ (b'+' | b'-'), rest @ ..] => {
                let rest = std::str::from_utf8(rest).ok()?;
                let (hours, minutes) = rest.split_once(':')?;
                let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
                if hours > 23 || minutes > 59 {
                    return None;
                }
                let offset = hours * 3600 + minutes * 60;
                if *sign == b'-' { -offset } else { offset }
            }
            _ => return None,
        };
        let moment = days * DAY + seconds - offset;
        (FIRST..=LAST).contains(&moment).then_some(Self(moment))
    }

    /// The midnight in UTC that a date alone, `2026-01-31`, stands for in Coupa.
    pub fn of_date(text: &str) -> Option<Self> {
        (text.len() == 10)
            .then(|| date_of(text))
            .flatten()
            .map(|days| Self(days * DAY))
    }

    /// Reads a date of HTTP in the form that is sent, `Tue, 24 Nov 2026 21:00:00 GMT`, or
    /// in one of the two that are obsolete and read all the same (RFC 9110, 5.6.7):
    /// `Tuesday, 24-Nov-26 21:00:00 GMT`, of which `now` tells the century, and
    /// `Tue Nov 24 21:00:00 2026`.
    #[inline(never)]
    pub fn parse_http(text: &str, now: Self) -> Option<Self> {
        let words: Vec<_> = text.split_ascii_whitespace().collect();
        let (day, month, year, time) = match *words.as_slice() {
            [_, day, month, year, time, "GMT"] => (day, month, digits(year, 4)?, time),
            [_, date, time, "GMT"] => {
                let mut date = date.split('-');
                let (day, month, year) = (date.next()?, date.next()?, date.next()?);
                (day, month, near(digits(year, 2)?, now), time)
            }
            [_, month, day, time, year] => (day, month, digits(year, 4)?, time),
            _ => return None,
        };
        let names = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ];
        let month = names.iter().position(|name| *name == month)? + 1;
        let days = date_of(&format!("{year:04}-{month:02}-{day:0>2}"))?;
        Some(Self(days * DAY + time_of(time)?))
    }

    /// So many seconds lie between an earlier moment and this one; none where it is later.
    pub fn seconds_since(self, earlier: Self) -> u64 {
        u64::try_from(self.0 - earlier.0).unwrap_or_default()
    }

    /// So many seconds earlier.
    #[must_use]
    pub fn earlier(self, seconds: u64) -> Self {
        Self::from_unix(self.0.saturating_sub_unsigned(seconds))
    }
}

impl std::fmt::Display for Moment {
    /// `2026-01-31T07:00:00Z`, as Coupa's filters take it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (year, month, day) = civil(self.0.div_euclid(DAY));
        let second = self.0.rem_euclid(DAY);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
            second / 3600,
            second / 60 % 60,
            second % 60
        )
    }
}

/// The year of these last two digits that lies no more than fifty years ahead.
fn near(last_two: i64, now: Moment) -> i64 {
    let (this_year, ..) = civil(now.0.div_euclid(DAY));
    let latest = this_year + 50;
    latest - (latest - last_two).rem_euclid(100)
}

fn digits(text: &str, count: usize) -> Option<i64> {
    (text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

/// Days since 1970 of `2026-01-31`.
fn date_of(text: &str) -> Option<i64> {
    let mut parts = text.split('-');
    let year = digits(parts.next()?, 4)?;
    let month = digits(parts.next()?, 2)?;
    let day = digits(parts.next()?, 2)?;
    if parts.next().is_some() || year < 1 {
        return None;
    }
    let days = days(year, month, day);
    // A day that the month does not have comes back as another one.
    (civil(days) == (year, month, day)).then_some(days)
}

/// Seconds of `08:00:00`; a leap second is the first of the next minute.
fn time_of(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let hour = digits(parts.next()?, 2)?;
    let minute = digits(parts.next()?, 2)?;
    let second = digits(parts.next()?, 2)?;
    let fits = parts.next().is_none() && hour < 24 && minute < 60 && second <= 60;
    fits.then_some(hour * 3600 + minute * 60 + second)
}

/// Days since 1970 of a day of the Gregorian calendar. The year is counted from
/// March, so that a leap day is its last; 400 years have 146,097 days.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let from_march = (month + 9) % 12;
    let of_year = (153 * from_march + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day of a number of days since 1970.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12 + 1;
    (era * 400 + year + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn moments_are_those_of_a_library(seconds in FIRST..=LAST, offset in -86_000_i32..86_000) {
            let moment = Moment::from_unix(seconds);
            let theirs = jiff::Timestamp::from_second(seconds).unwrap();
            prop_assert_eq!(moment.to_string(), theirs.to_string());
            prop_assert_eq!(Moment::parse(&theirs.to_string()), Some(moment));
            let offset = jiff::tz::Offset::from_seconds(offset / 60 * 60).unwrap();
            let zoned = theirs.to_zoned_datetime(jiff::tz::TimeZone::fixed(offset));
            let text = zoned.strftime("%Y-%m-%dT%H:%M:%S.25%:z").to_string();
            if zoned.year() >= 1 && zoned.year() <= 9999 {
                prop_assert_eq!(Moment::parse(&text), Some(moment), "{}", text);
            }
            let year = theirs.to_zoned_datetime(jiff::tz::TimeZone::UTC).year();
            let two_digits = theirs.strftime("%A, %d-%b-").to_string()
                + &format!("{:02}", year % 100)
                + &theirs.strftime(" %H:%M:%S GMT").to_string();
            for http in [
                theirs.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string(),
                two_digits,
                theirs.strftime("%a %b %e %H:%M:%S %Y").to_string(),
            ] {
                prop_assert_eq!(Moment::parse_http(&http, moment), Some(moment), "{}", http);
            }
        }

        #[test]
        fn no_text_is_too_strange(text in "\\PC{0,40}") {
            let now = Moment::from_unix(0);
            let _ = (Moment::parse(&text), Moment::parse_http(&text, now), Moment::of_date(&text));
        }
    }

    #[test]
    fn a_year_of_two_digits_lies_at_most_fifty_years_ahead() {
        let now = Moment::parse("2026-11-30T00:00:00Z").unwrap();
        for (year, is) in [("26", 2026), ("76", 2076), ("77", 1977), ("94", 1994)] {
            let text = format!("Sunday, 06-Nov-{year} 08:49:37 GMT");
            let expected = Moment::parse(&format!("{is}-11-06T08:49:37Z"));
            assert_eq!(Moment::parse_http(&text, now), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "2026-02-30T00:00:00Z",
            "2026-01-31T24:00:00Z",
            "2026-01-31T00:00:00",
            "2026-01-31",
            "2026-01-31T00:00:00.Z",
            "2026-01-31T00:00:00+25:00",
            "0000-01-01T00:00:00Z",
        ] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
        assert_eq!(Moment::of_date("2023-02-29"), None);
        assert_eq!(
            Moment::of_date("2024-02-29"),
            Moment::parse("2024-02-29T00:00:00Z")
        );
    }
}
