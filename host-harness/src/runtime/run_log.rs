//! The log of one run: what the host saw and what the connector said.

use super::redaction::Redactor;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Lines kept of the host, and as many of the connector, so that a connector's
/// flood does not wash the host's away. The oldest are dropped, and how many is told.
const MOST_LINES: usize = 1000;
/// Fields kept of one line.
const MOST_FIELDS: usize = 16;
/// Bytes kept of one text.
const MOST_BYTES: usize = 4096;
const HOST: &str = "host";

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

/// A run's log: everything but details, which only go to `tracing`, as every
/// line does.
#[derive(Debug, Clone, Default)]
pub struct RunLog {
    lines: Arc<Mutex<Kept>>,
    redactor: Redactor,
}

#[derive(Debug, Default)]
struct Kept {
    host: VecDeque<Line>,
    connector: VecDeque<Line>,
    dropped: u64,
}

impl RunLog {
    /// An empty log that takes out the secrets that `redactor` knows.
    pub fn new(redactor: Redactor) -> Self {
        Self {
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
        self.write(level, "connector", message, fields);
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
        fields.truncate(MOST_FIELDS);
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
        if lines.len() > MOST_LINES {
            lines.pop_front();
            kept.dropped += 1;
        }
    }

    /// Without secrets, and no longer than is kept; cut last, so that no part
    /// of a secret stays at the end.
    fn clean(&self, text: &str) -> String {
        let text = self.redactor.redact(text);
        let end = text.floor_char_boundary(MOST_BYTES);
        text.get(..end).unwrap_or_default().to_owned()
    }
}
