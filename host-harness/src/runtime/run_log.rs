//! The log of one run: what the host saw and what the connector said.

use super::limits::Limits;
use super::redaction::Redactor;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines of a connector that are taken in a second, after as many as are kept.
/// What is beyond is dropped unread: a flood costs next to nothing, and fills no
/// journal.
const LINES_PER_SECOND: u32 = 100;
/// The source of the host's own lines.
pub(crate) const HOST: &str = "host";

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Something failed.
    Error,
    /// Something was refused, or went another way than asked.
    Warn,
    /// What happened.
    Info,
    /// Details.
    Debug,
}

impl Level {
    /// As it is written down.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// One line.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// When.
    pub time: Timestamp,
    /// How much it matters.
    pub level: Level,
    /// `host` or `connector`.
    pub source: &'static str,
    /// What happened, without secrets.
    pub message: String,
    /// For programs to search by.
    pub fields: Vec<(String, String)>,
}

/// How much of a log is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keeping {
    /// Lines of the host, and as many of the connector, so that a connector's flood
    /// does not wash the host's away. The oldest are dropped, and how many is told.
    lines: usize,
    /// Bytes of one text.
    text: usize,
    /// Fields of one line.
    fields: usize,
}

impl Keeping {
    pub(super) const fn of(limits: &Limits) -> Self {
        Self {
            lines: limits.log_lines,
            text: limits.log_text,
            fields: limits.log_fields,
        }
    }
}

impl Default for Keeping {
    fn default() -> Self {
        Self::of(&Limits::default())
    }
}

/// A run's log: everything but details, which only go to `tracing`, as every
/// line does.
#[derive(Debug, Clone, Default)]
pub struct RunLog {
    keeping: Keeping,
    lines: Arc<Mutex<Kept>>,
    redactor: Redactor,
}

#[derive(Debug, Default)]
struct Kept {
    host: VecDeque<Line>,
    connector: VecDeque<Line>,
    dropped: u64,
    /// When the lines that the connector has written will have been due.
    due: Option<Instant>,
}

impl RunLog {
    /// An empty log that takes out the secrets that `redactor` knows.
    pub fn new(redactor: Redactor) -> Self {
        Self::keeping(Keeping::default(), redactor)
    }

    /// The same, that keeps so much.
    pub(super) fn keeping(keeping: Keeping, redactor: Redactor) -> Self {
        Self {
            keeping,
            lines: Arc::default(),
            redactor,
        }
    }

    /// A line of the host itself.
    pub fn host(&self, level: Level, message: &str, fields: &[(&str, String)]) {
        let fields = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        self.write(level, HOST, message, fields);
    }

    /// A line of the connector.
    pub(super) fn connector(&self, level: Level, message: &str, fields: Vec<(String, String)>) {
        if self.is_due(Instant::now()) {
            self.write(level, "connector", message, fields);
        }
    }

    /// Whether the connector may write one more line; else it is counted as dropped.
    fn is_due(&self, now: Instant) -> bool {
        let mut kept = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let each = Duration::from_secs(1) / LINES_PER_SECOND;
        let at_once = each * u32::try_from(self.keeping.lines).unwrap_or(u32::MAX);
        let due = kept.due.unwrap_or(now).max(now);
        if due.saturating_duration_since(now) > at_once {
            kept.dropped += 1;
            return false;
        }
        kept.due = Some(due + each);
        true
    }

    /// The lines so far, oldest first, and how many older ones were dropped.
    pub fn lines(&self) -> (Vec<Line>, u64) {
        let kept = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lines: Vec<Line> = kept.host.iter().chain(&kept.connector).cloned().collect();
        lines.sort_by_key(|line| line.time);
        (lines, kept.dropped)
    }

    fn write(
        &self,
        level: Level,
        source: &'static str,
        message: &str,
        mut fields: Vec<(String, String)>,
    ) {
        let message = self.clean(message);
        fields.truncate(self.keeping.fields);
        fields.shrink_to_fit();
        for (name, value) in &mut fields {
            *name = self.clean(name);
            *value = self.clean(value);
        }
        match level {
            Level::Error => tracing::error!(source, ?fields, "{message}"),
            Level::Warn => tracing::warn!(source, ?fields, "{message}"),
            Level::Info => tracing::info!(source, ?fields, "{message}"),
            Level::Debug => tracing::debug!(source, ?fields, "{message}"),
        }
        if level == Level::Debug {
            return;
        }
        let line = Line {
            time: Timestamp::now(),
            level,
            source,
            message,
            fields,
        };
        let mut kept = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = &mut *kept;
        let lines = if source == HOST {
            &mut kept.host
        } else {
            &mut kept.connector
        };
        lines.push_back(line);
        if lines.len() > self.keeping.lines {
            lines.pop_front();
            kept.dropped += 1;
        }
    }

    /// Without secrets, and no longer than is kept. What is far beyond is not
    /// looked at: a text may be as long as all that a connector can hand over.
    fn clean(&self, text: &str) -> String {
        let longest = self.redactor.longest();
        let seen = text.floor_char_boundary(self.keeping.text + longest);
        let cut = seen < text.len();
        let clean = self.redactor.redact(text.get(..seen).unwrap_or_default());
        // The cut may have left part of a secret at the end.
        let most = match cut {
            true => clean.len().saturating_sub(longest),
            false => clean.len(),
        };
        let end = clean.floor_char_boundary(most.min(self.keeping.text));
        clean.get(..end).unwrap_or_default().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_a_secret_is_left_where_a_text_is_cut() {
        let redactor = Redactor::default();
        let secret = "hunter22-".repeat(20);
        redactor.add(&secret);
        let log = RunLog::new(redactor);
        let most = log.keeping.text;
        for before in (most - 400)..(most + 400) {
            for front in ["", secret.as_str()] {
                let text = format!("{front}{}{secret}{}", "x".repeat(before), "y".repeat(500));
                let clean = log.clean(&text);
                assert!(!clean.contains("hunter"), "{before}");
                assert!(clean.len() <= most);
            }
        }
    }

    #[test]
    fn a_flood_is_dropped_unread_and_counted() {
        let log = RunLog::new(Redactor::default());
        let now = Instant::now();
        let taken = (0..100_000).filter(|_| log.is_due(now)).count();
        assert!((1000..=1002).contains(&taken), "{taken}");
        assert_eq!(log.lines().1, 100_000 - taken as u64);
        assert!(log.is_due(now + Duration::from_secs(1)));
    }
}
