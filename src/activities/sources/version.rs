//! What tells one version of a record from another.

use crate::fingerprint::{START, hash};
use crate::time::Moment;
use serde_json::{Map, Value};

/// The fields by which a record says which version of it this is, in kebab case.
pub const FIELDS: [&str; 3] = ["version", "internal-revision", "updated-at"];

/// Times have no fraction, and Coupa's servers may not quite agree on what time it is: a
/// record that was changed so short a time before it was read can be changed again
/// without another time.
const SETTLED: u64 = 5;

/// A record as Coupa shows it.
#[derive(Debug, Default)]
pub struct Shown {
    pub exported: Option<bool>,
    version: Option<u32>,
    revision: Option<u32>,
    updated_at: Option<Moment>,
    /// A sign of all that is not about its versions and marks.
    content: u64,
}

impl Shown {
    pub fn parse(record: &str) -> Self {
        let Ok(Value::Object(fields)) = serde_json::from_str(record) else {
            return Self {
                content: hash(START, record),
                ..Self::default()
            };
        };
        let text = |name: &str| fields.get(name).map(plain).unwrap_or_default();
        Self {
            exported: match text("exported").as_str() {
                "true" | "1" => Some(true),
                "false" | "0" => Some(false),
                _ => None,
            },
            version: text("version").parse().ok(),
            revision: text("internal-revision").parse().ok(),
            updated_at: Moment::parse(&text("updated-at")),
            content: content_of(START, &fields) & SIGN,
        }
    }
}

/// As text, without quotes.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Forty bits: two that differ are alike once in 10¹².
const SIGN: u64 = (1 << 40) - 1;

/// Without what a mark may change, and what may be shown otherwise each time; on every
/// level, for what a record refers to is shown within it.
fn content_of(before: u64, fields: &Map<String, Value>) -> u64 {
    fields.iter().fold(before, |before, (name, value)| {
        match name.trim_end_matches('?') {
            "exported" | "last-exported-at" | "updated-at" | "updated-by" | "internal-revision"
            | "avatar-thumb-url" => before,
            _ => content(hash(before, name), value),
        }
    })
}

fn content(before: u64, value: &Value) -> u64 {
    match value {
        Value::Object(fields) => hash(content_of(hash(before, "{"), fields), "}"),
        Value::Array(values) => hash(values.iter().fold(hash(before, "["), content), "]"),
        value => hash(before, &value.to_string()),
    }
}

/// Which version of a record was delivered: its version, its internal revision, when it
/// was changed, and a sign of its content. The time is none where it could not tell every
/// later change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    version: Option<u32>,
    revision: Option<u32>,
    updated_at: Option<Moment>,
    content: u64,
}

/// What a record is, held against what was delivered of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Same,
    /// Something has touched it; what, its content tells.
    Touched,
    Newer,
}

impl Delivered {
    /// `at` is when Coupa answered it.
    pub fn of(record: &str, at: Moment) -> Self {
        let shown = Shown::parse(record);
        let settled = |time: &Moment| at.seconds_since(*time) >= SETTLED;
        Self {
            version: shown.version,
            revision: shown.revision,
            updated_at: shown.updated_at.filter(settled),
            content: shown.content,
        }
    }

    /// As it travels in a checkpoint, of which it takes little.
    pub fn text(&self) -> String {
        let number = |number: Option<u32>| number.map_or_else(String::new, |n| n.to_string());
        let time = self
            .updated_at
            .map_or_else(String::new, |at| at.unix().to_string());
        let (version, revision) = (number(self.version), number(self.revision));
        format!("{version},{revision},{time},{:x}", self.content)
    }

    /// Reads what [`Delivered::text`] wrote; none where it is something else.
    pub fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(',');
        let (version, revision) = (parts.next()?.parse().ok(), parts.next()?.parse().ok());
        let updated_at = parts.next()?.parse().ok().map(Moment::from_unix);
        let content = u64::from_str_radix(parts.next()?, 16).ok()?;
        Some(Self {
            version,
            revision,
            updated_at,
            content,
        })
    }

    /// Whether its time tells every change since.
    pub fn has_time(&self) -> bool {
        self.updated_at.is_some()
    }

    /// `whole` says whether all that was delivered is shown of it now.
    pub fn against(&self, now: &Shown, whole: bool) -> Verdict {
        let differ = |one: Option<u32>, other: Option<u32>| {
            one.zip(other).is_some_and(|(one, other)| one != other)
        };
        let same_time = self.has_time() && self.updated_at == now.updated_at;
        match whole {
            _ if differ(self.version, now.version) => Verdict::Newer,
            true if self.content == now.content => Verdict::Same,
            true => Verdict::Newer,
            false if same_time && !differ(self.revision, now.revision) => Verdict::Same,
            false => Verdict::Touched,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: &str = "2026-01-01T00:01:00Z";

    fn delivered(record: &str) -> Delivered {
        let delivered = Delivered::of(record, Moment::parse(AT).unwrap());
        assert_eq!(Delivered::read(&delivered.text()), Some(delivered.clone()));
        delivered
    }

    #[test]
    fn a_mark_is_no_other_version_and_a_revision_is() {
        let record = r#"{"id":1,"version":2,"internal-revision":3,"exported":false,
            "updated-at":"2026-01-01T00:00:00Z","lines":[{"id":7,"quantity":"1.0"}]}"#;
        let was = delivered(record);
        let against = |from: &str, to: &str, whole: bool| {
            assert!(record.contains(from));
            was.against(&Shown::parse(&record.replace(from, to)), whole)
        };
        assert_eq!(against("false", "true", false), Verdict::Same);
        assert_eq!(against(":00:00Z", ":00:00+00:00", false), Verdict::Same);
        for touched in [(":00:00Z", ":00:09Z"), ("revision\":3", "revision\":4")] {
            assert_eq!(against(touched.0, touched.1, false), Verdict::Touched);
            assert_eq!(against(touched.0, touched.1, true), Verdict::Same);
        }
        assert_eq!(against("\"1.0\"", "\"5.0\"", true), Verdict::Newer);
        assert_eq!(against("version\":2", "version\":3", false), Verdict::Newer);
        // What says less than was delivered leaves it open.
        let little = Shown::parse(r#"{"id":1,"exported":true}"#);
        assert_eq!(was.against(&little, false), Verdict::Touched);
        assert_eq!(little.exported, Some(true));
        assert_eq!(Shown::parse(r#"{"exported":0}"#).exported, Some(false));
    }

    #[test]
    fn a_time_tells_later_changes_only_when_it_has_settled() {
        for (updated_at, tells) in [
            ("2026-01-01T00:00:55Z", true),
            ("2026-01-01T00:00:56Z", false),
            ("2026-01-01T00:01:00Z", false),
            ("2026-01-01T00:02:00Z", false),
            ("2026-01-01T00:02:00+01:00", true),
        ] {
            let record = format!(r#"{{"updated-at":"{updated_at}"}}"#);
            assert_eq!(delivered(&record).has_time(), tells, "{updated_at}");
        }
        assert!(!delivered(r#"{"id":1}"#).has_time());
    }
}
