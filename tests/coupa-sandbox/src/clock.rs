//! Time as it is stored: one text form in UTC, so that texts sort as instants do.

use jiff::Timestamp;
use jiff::civil;
use jiff::tz::{Offset, TimeZone};

/// The zone of the company, where timestamps are printed with an offset.
const COMPANY_ZONE: &str = "America/Los_Angeles";

/// This moment, to the second.
pub fn now() -> String {
    canonical(Timestamp::now())
}

/// Seconds since 1970 in the stored form.
pub fn from_seconds(seconds: i64) -> String {
    canonical(Timestamp::from_second(seconds).unwrap_or_default())
}

/// Reads a date or a date and time in any ISO 8601 form and gives the stored
/// one. Without an offset it is UTC, and without a time midnight, as Coupa's
/// documentation says of filters.
pub fn parse_instant(text: &str) -> Option<String> {
    let text = text.trim();
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(canonical(instant));
    }
    let local = text
        .parse::<civil::DateTime>()
        .or_else(|_| text.parse::<civil::Date>().map(|date| date.at(0, 0, 0, 0)))
        .ok()?;
    Some(canonical(Offset::UTC.to_timestamp(local).ok()?))
}

/// Reads a date, or the date in UTC of a date and time.
pub fn parse_date(text: &str) -> Option<String> {
    parse_instant(text).map(|instant| instant[..10].to_owned())
}

/// The stored form with the company's offset: `2024-03-04T09:12:40-08:00`.
pub fn with_offset(stored: &str) -> Option<String> {
    let instant: Timestamp = stored.parse().ok()?;
    let zone = TimeZone::get(COMPANY_ZONE).unwrap_or(TimeZone::UTC);
    let local = instant.to_zoned_datetime(zone);
    Some(local.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())
}

fn canonical(instant: Timestamp) -> String {
    instant.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_an_instant_is_one() {
        for (given, stored) in [
            ("2024-01-02T03:04:05Z", "2024-01-02T03:04:05Z"),
            ("2024-01-02T03:04:05.750+02:00", "2024-01-02T01:04:05Z"),
            ("2024-01-02T03:04:05", "2024-01-02T03:04:05Z"),
            ("2024-01-02", "2024-01-02T00:00:00Z"),
        ] {
            assert_eq!(parse_instant(given).as_deref(), Some(stored), "{given}");
        }
        assert_eq!(parse_instant("yesterday"), None);
        assert_eq!(
            parse_date("2024-01-02T23:00:00-05:00").as_deref(),
            Some("2024-01-03")
        );
    }

    #[test]
    fn the_company_is_in_los_angeles() {
        let winter = with_offset("2024-03-04T17:12:40Z");
        assert_eq!(winter.as_deref(), Some("2024-03-04T09:12:40-08:00"));
    }
}
