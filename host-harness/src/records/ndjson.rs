//! Records as lines.

use std::io::{self, BufRead, BufReader, Read};

use super::entry::{Entry, text};
use super::json_object::{self, Fault};

/// Reads one JSON object per line; blank lines are passed over.
pub(super) struct NdjsonReader<R> {
    source: BufReader<R>,
    max_bytes: usize,
    line: u64,
    buffer: Vec<u8>,
}

impl<R: Read> NdjsonReader<R> {
    pub(super) fn new(source: BufReader<R>, max_bytes: usize) -> Self {
        Self {
            source,
            max_bytes,
            line: 0,
            buffer: Vec::new(),
        }
    }

    pub(super) fn next(&mut self) -> io::Result<Option<Entry>> {
        loop {
            // Two bytes more, for the line break.
            let room = (self.max_bytes as u64).saturating_add(2);
            self.buffer.clear();
            self.source
                .by_ref()
                .take(room)
                .read_until(b'\n', &mut self.buffer)?;
            if self.buffer.is_empty() {
                return Ok(None);
            }
            self.line += 1;
            let content = without_line_break(&self.buffer);
            if content.len() > self.max_bytes {
                if !self.buffer.ends_with(b"\n") {
                    self.source.skip_until(b'\n')?;
                }
                let key = self.position();
                return Ok(Some(Entry::too_large(
                    key.clone(),
                    key,
                    content,
                    self.max_bytes,
                )));
            }
            if let Some(entry) = parse(self.position(), content) {
                return Ok(Some(entry));
            }
        }
    }

    /// The line that was read last.
    pub(super) fn position(&self) -> String {
        format!("line {}", self.line)
    }
}

fn without_line_break(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn parse(key: String, content: &[u8]) -> Option<Entry> {
    let Ok(line) = std::str::from_utf8(content) else {
        return Some(Entry::not_utf8(key.clone(), key, content));
    };
    let json = json_object::trim(line);
    if json.is_empty() {
        return None;
    }
    let (place, message) = match json_object::check(json) {
        Ok(()) => {
            let json = json.to_owned();
            return Some(Entry::Record { key, json });
        }
        Err(Fault::Syntax(fault)) => {
            let before = line.len() - line.trim_start_matches([' ', '\t', '\r']).len();
            let column = before + fault.column;
            (
                format!("{key}, column {column}"),
                format!("it is not JSON: {}", fault.message),
            )
        }
        Err(Fault::OtherValue(kind)) => (key.clone(), format!("it is {kind}, not a JSON object")),
    };
    Some(Entry::Invalid {
        key,
        raw: text(content),
        place,
        message,
        fix: "write one whole JSON object per line, as in `{\"name\": \"Acme\"}`".to_owned(),
    })
}
