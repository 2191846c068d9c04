//! Lines about single records, in a file beside the records: what was rejected,
//! and what is not as it was given.

use super::RunError;
use crate::atomic_file::{self, Destination};
use crate::records::{Format, OutputFile, RecordWriter, part_of};
use crate::runtime::types::{Answer, Effect, Rejection};
use serde::Serialize;
use serde_json::value::RawValue;
use std::path::{Path, PathBuf};

/// A file of lines, made when there is a first one.
pub(super) struct Aside {
    path: PathBuf,
    writer: Option<RecordWriter<OutputFile>>,
    lines: u64,
}

impl Aside {
    /// Of a file that can be made when it is needed; a device or a pipe is opened at once.
    ///
    /// # Errors
    /// Where it cannot.
    pub(super) fn new(path: PathBuf) -> Result<Self, RunError> {
        atomic_file::check(&path)?;
        let writer = match Destination::of(&path)? {
            Destination::Plain(_) => None,
            Destination::Stream(path) => Some(open(path)?),
        };
        Ok(Self {
            writer,
            ..Self::unchecked(path)
        })
    }

    /// Of a file that may turn out to be none that can be made.
    pub(super) fn unchecked(path: PathBuf) -> Self {
        Self {
            path,
            writer: None,
            lines: 0,
        }
    }

    /// A rejected record and why.
    pub(super) fn reject(
        &mut self,
        rejection: &Rejection,
        uncertain: bool,
    ) -> Result<(), RunError> {
        let record: Option<&RawValue> = serde_json::from_str(&rejection.data).ok();
        self.write(&RejectedLine {
            key: &rejection.key,
            code: &rejection.error.code,
            message: &rejection.error.message,
            remedy: rejection.error.remedy.as_deref(),
            status: rejection.error.status,
            fields: rejection
                .error
                .fields
                .iter()
                .map(|field| RejectedField {
                    field: field.field.as_deref(),
                    message: &field.message,
                })
                .collect(),
            uncertain,
            record,
            raw: record.is_none().then_some(rejection.data.as_str()),
        })
    }

    /// What was done with a record, or would be, and how it differs.
    pub(super) fn differ(&mut self, answer: &Answer) -> Result<(), RunError> {
        self.write(&DifferingLine {
            key: &answer.key,
            id: answer.id.as_deref(),
            effect: effect_name(answer.effect),
            differences: answer
                .differences
                .iter()
                .map(|difference| DifferingField {
                    field: &difference.field,
                    remote: json(difference.remote.as_deref()),
                    given: json(difference.given.as_deref()),
                })
                .collect(),
        })
    }

    fn write(&mut self, line: &impl Serialize) -> Result<(), RunError> {
        let json = serde_json::to_string(line).map_err(|error| RunError::Io {
            path: self.path.clone(),
            source: error.into(),
        })?;
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => {
                self.path = unused(&self.path);
                self.writer.insert(open(self.path.clone())?)
            }
        };
        writer.write(&json)?;
        self.lines += 1;
        // A run that dies must not take the lines with it.
        writer.flush()?;
        Ok(())
    }

    /// Puts every line so far on the disk.
    pub(super) fn sync(&mut self) -> Result<(), RunError> {
        if let Some(writer) = &mut self.writer {
            writer.sync()?;
        }
        Ok(())
    }

    /// Goes on with the lines that a run before has left.
    pub(super) fn going_on(path: PathBuf, writer: RecordWriter<OutputFile>) -> Self {
        Self {
            path,
            writer: Some(writer),
            lines: 1,
        }
    }

    /// What the file will be called, which is about to be made; none where it is there.
    pub(super) fn begun_as(&mut self) -> Option<PathBuf> {
        if self.writer.is_some() {
            return None;
        }
        self.path = unused(&self.path);
        Some(self.path.clone())
    }

    /// What the file is called, and how many bytes it has; none where there is no line.
    pub(super) fn position(&mut self) -> Result<Option<(PathBuf, u64)>, RunError> {
        let Some(writer) = &mut self.writer else {
            return Ok(None);
        };
        Ok(Some((self.path.clone(), writer.position()?)))
    }

    /// Leaves what there is of the file; none where there is no line.
    pub(super) fn keep(self) -> Result<Option<PathBuf>, RunError> {
        let Some(writer) = self.writer else {
            return Ok(None);
        };
        let path = writer.finish()?.0.keep_partial()?;
        Ok((self.lines > 0).then_some(path))
    }

    /// Gives the file its name; none where there is no line.
    pub(super) fn finish(self) -> Result<Option<PathBuf>, RunError> {
        let Some(writer) = self.writer else {
            return Ok(None);
        };
        let path = writer.finish()?.0.commit()?;
        Ok((self.lines > 0).then_some(path))
    }
}

fn open(path: PathBuf) -> Result<RecordWriter<OutputFile>, RunError> {
    let file = OutputFile::create(path, Format::Ndjson)?;
    Ok(RecordWriter::new(file, Format::Ndjson))
}

/// The word for an effect.
fn effect_name(effect: Effect) -> &'static str {
    match effect {
        Effect::Created => "created",
        Effect::Updated => "updated",
        Effect::Unchanged => "unchanged",
        Effect::Deleted => "deleted",
        Effect::Done => "done",
    }
}

fn json(text: Option<&str>) -> Option<&RawValue> {
    text.and_then(|text| serde_json::from_str(text).ok())
}

/// A path that no earlier run has used: its lines may not have been looked at.
/// `x.ndjson`, then `x.2.ndjson`, and so on.
fn unused(path: &Path) -> PathBuf {
    let taken = |path: &Path| path.exists() || part_of(path).exists();
    if !taken(path) {
        return path.to_owned();
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let end = path
        .extension()
        .map(|end| format!(".{}", end.to_string_lossy()))
        .unwrap_or_default();
    let numbered = (2_u32..).map(|n| path.with_file_name(format!("{stem}.{n}{end}")));
    numbered
        .into_iter()
        .find(|path| !taken(path))
        .unwrap_or_else(|| path.to_owned())
}

/// One line about a rejected record.
#[derive(Serialize)]
struct RejectedLine<'a> {
    key: &'a str,
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<RejectedField<'a>>,
    uncertain: bool,
    /// As it came in, where it is JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<&'a RawValue>,
    /// As it came in, where it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<&'a str>,
}

#[derive(Serialize)]
struct RejectedField<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    message: &'a str,
}

/// One line about a record that is not as it was given.
#[derive(Serialize)]
struct DifferingLine<'a> {
    key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    effect: &'a str,
    differences: Vec<DifferingField<'a>>,
}

#[derive(Serialize)]
struct DifferingField<'a> {
    field: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    remote: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    given: Option<&'a RawValue>,
}
