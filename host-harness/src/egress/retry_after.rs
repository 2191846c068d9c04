//! How long an answer that refuses asks to be left alone (RFC 9110, 10.2.3): by seconds, or
//! by a date in any of the three forms that HTTP has had.

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, StatusCode};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use std::time::Duration;

/// No connector waits for longer than a day: it ends, and says why.
const LONGEST_TOLD: Duration = Duration::from_secs(24 * 60 * 60);

/// The forms of a date (RFC 9110, 5.6.7): the one that is sent, and two that are obsolete.
const FORMS: [&str; 3] = [
    "%a, %d %b %Y %H:%M:%S GMT",
    "%A, %d-%b-%y %H:%M:%S GMT",
    "%a %b %e %H:%M:%S %Y",
];

/// None where nothing is asked for, where the time has passed, and where nobody would wait
/// for so long. A date is held against the clock of whoever wrote it.
pub(super) fn asked_to_wait(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    let refuses = [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::SERVICE_UNAVAILABLE,
    ];
    if !refuses.contains(&status) {
        return None;
    }
    let text = |name: HeaderName| headers.get(name)?.to_str().ok().map(str::trim);
    let asked = text(RETRY_AFTER)?;
    let seconds = if asked.bytes().all(|byte| byte.is_ascii_digit()) {
        asked.parse().ok()?
    } else {
        let now = text(DATE).and_then(date).unwrap_or_else(Timestamp::now);
        let until = date(asked)?.as_second();
        u64::try_from(until - now.as_second()).ok()?
    };
    let long = Duration::from_secs(seconds);
    (!long.is_zero() && long <= LONGEST_TOLD).then_some(long)
}

fn date(text: &str) -> Option<Timestamp> {
    let read = |form: &&str| DateTime::strptime(form, text).ok();
    let date = FORMS.iter().find_map(read)?;
    Offset::UTC.to_timestamp(date).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(status: u16, retry_after: &str) -> Option<u64> {
        let now = "Fri, 06 Nov 2026 08:49:37 GMT";
        let headers = [(DATE, now), (RETRY_AFTER, retry_after)];
        let headers = headers.map(|(name, value)| (name, value.parse().unwrap()));
        let status = StatusCode::from_u16(status).unwrap();
        let long = asked_to_wait(status, &HeaderMap::from_iter(headers));
        long.map(|long| long.as_secs())
    }

    #[test]
    fn every_form_is_told() {
        for status in [429, 503] {
            for value in [
                "120",
                "Fri, 06 Nov 2026 08:51:37 GMT",
                "Friday, 06-Nov-26 08:51:37 GMT",
                "Fri Nov  6 08:51:37 2026",
            ] {
                assert_eq!(asked(status, value), Some(120), "{value}");
            }
        }
        assert_eq!(asked(500, "120"), None);
        for value in [
            "",
            "0",
            "-5",
            "soon",
            "99999999999999999999999",
            "86401",
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Fri, 31 Dec 9999 23:59:59 GMT",
        ] {
            assert_eq!(asked(429, value), None, "{value}");
        }
    }
}
