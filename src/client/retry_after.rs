//! How long an answer asks to be left alone (RFC 9110, 10.2.3): by seconds, or by a date
//! in any of the three forms that HTTP has had.

use crate::host::Response;
use crate::time::Moment;

/// In milliseconds; none where it asks for nothing, for what has passed, or in a form that
/// nobody knows. More than can be counted is for ever.
pub fn retry_after(response: &Response) -> Option<u64> {
    let asked = response.header("retry-after")?.trim();
    let seconds = if !asked.is_empty() && asked.bytes().all(|byte| byte.is_ascii_digit()) {
        asked.parse().unwrap_or(u64::MAX)
    } else {
        let now = response.answered_at();
        Moment::parse_http(asked, now)?.seconds_since(now)
    };
    (seconds > 0).then(|| seconds.saturating_mul(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is asked for at 08:49:37 on the sixth of November 2026.
    fn asked(value: &str) -> Option<u64> {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let now = "Fri, 06 Nov 2026 08:49:37 GMT";
        let told = Response {
            headers: vec![header("date", now), header("retry-after", value)],
            came_at: 1_000_000_000,
            ..Response::default()
        };
        let untold = Response {
            headers: vec![header("retry-after", value)],
            came_at: 1_793_954_977,
            ..Response::default()
        };
        assert_eq!(retry_after(&told), retry_after(&untold), "{value}");
        retry_after(&told)
    }

    #[test]
    fn every_form_is_understood() {
        for (value, seconds) in [
            ("120", 120),
            (" 007 ", 7),
            ("Fri, 06 Nov 2026 08:51:37 GMT", 120),
            ("Friday, 06-Nov-26 08:51:37 GMT", 120),
            ("Fri Nov  6 08:51:37 2026", 120),
            ("Sat Nov 07 08:49:37 2026", 86_400),
            ("Thu, 31 Dec 2026 23:59:60 GMT", 4_806_623),
        ] {
            assert_eq!(asked(value), Some(seconds * 1000), "{value}");
        }
        for value in [
            "99999999999999999999999999",
            "18446744073709551615",
            "18446744073709552",
        ] {
            assert_eq!(asked(value), Some(u64::MAX), "{value}");
        }
        assert!(asked("Fri, 31 Dec 9999 23:59:59 GMT").is_some());
        for value in [
            "0",
            "",
            " ",
            "-5",
            "+5",
            "1.5",
            "5 s",
            "5, 5",
            "soon",
            "Fri, 06 Nov 2026 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Fri, 06 Nov 2026 08:51:37 CET",
            "Fri, 31 Feb 2027 08:51:37 GMT",
            "2026-11-06T08:51:37Z",
            "Fri, 06-Nov",
        ] {
            assert_eq!(asked(value), None, "{value}");
        }
    }
}
