//! The rejected records of a run, as records to go on with.

use super::{Rejection, Run};
use crate::workspace::Workspace;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use std::io::{self, Read};

/// So many are in memory at once.
const AT_ONCE: u32 = 200;

/// One of them. Its fields are documented in `docs/activities.md`.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct RejectedRecord<'a> {
    key: &'a str,
    code: &'a str,
    message: &'a str,
    remedy: Option<&'a str>,
    uncertain: bool,
    record: Box<RawValue>,
    source_record: Box<RawValue>,
    run: i64,
    operation: &'a str,
}

/// Reads them as NDJSON, in their order.
pub(super) struct RejectedRecords {
    workspace: Workspace,
    of: Run,
    /// The last one that was read.
    after: u64,
    lines: Vec<u8>,
    at: usize,
}

impl RejectedRecords {
    pub(super) fn of(workspace: Workspace, of: Run) -> Self {
        Self {
            workspace,
            of,
            after: 0,
            lines: Vec::new(),
            at: 0,
        }
    }

    fn more(&mut self) -> io::Result<()> {
        let rejections = self
            .workspace
            .rejected(self.of.id, self.after, AT_ONCE)
            .map_err(io::Error::other)?;
        self.lines.clear();
        self.at = 0;
        for rejection in rejections {
            self.after = rejection.seq;
            let line = serde_json::to_vec(&self.record(&rejection)?)?;
            self.lines.extend(line);
            self.lines.push(b'\n');
        }
        Ok(())
    }

    fn record<'a>(&'a self, rejection: &'a Rejection) -> io::Result<RejectedRecord<'a>> {
        Ok(RejectedRecord {
            key: &rejection.key,
            code: &rejection.code,
            message: &rejection.message,
            remedy: rejection.remedy.as_deref(),
            uncertain: rejection.uncertain,
            record: json(&rejection.record)?,
            source_record: json(&rejection.source_record)?,
            run: self.of.id.0,
            operation: &self.of.operation_name,
        })
    }
}

/// As it is, on one line, where it is JSON; otherwise as a text.
fn json(text: &str) -> io::Result<Box<RawValue>> {
    // JSON has line breaks only where they mean nothing.
    match RawValue::from_string(text.replace(['\n', '\r'], " ")) {
        Ok(json) => Ok(json),
        Err(_) => Ok(to_raw_value(text)?),
    }
}

impl Read for RejectedRecords {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.lines.len() {
            self.more()?;
        }
        let left = self.lines.get(self.at..).unwrap_or_default();
        let count = left.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), left.get(..count)) {
            to.copy_from_slice(from);
        }
        self.at += count;
        Ok(count)
    }
}
