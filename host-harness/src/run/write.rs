//! A file or a stream into a target.

use super::RunError;
use super::report::{Counts, Measured, Outcome, Report, Told};
use crate::records::{Entry, Format, OutputFile, ReadError, RecordReader, RecordWriter};
use crate::runtime::Session;
use crate::runtime::types::{Call, Error, ErrorKind, Event, Item, Rejection};
use futures::StreamExt;
use futures::channel::mpsc;
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Entries read ahead of what the connector takes.
const READ_AHEAD: usize = 16;
/// How long records that are under way may take when the run is stopped.
const GRACE: Duration = Duration::from_secs(60);

/// Where the records come from.
pub struct Origin {
    /// A file, or standard input.
    pub source: Box<dyn Read + Send>,
    /// How records lie in it.
    pub format: Format,
}

/// Gives the records of `origin` to a target until they end, or until `stop` is
/// ready: then nothing new is started, and what is under way is waited for.
///
/// What the remote system answers goes to `answers`, where that is given, and
/// what was not taken goes to `rejected`, one line of NDJSON each with the
/// record, its place in the input and the reason.
///
/// # Errors
/// Only where the files cannot be used. That the connector failed is in the report.
pub async fn write(
    session: Session,
    call: Call,
    origin: Origin,
    answers: Option<(PathBuf, Format)>,
    rejected: PathBuf,
    stop: impl Future<Output = ()>,
    mut told: impl FnMut(Told<'_>),
) -> Result<Report, RunError> {
    let reader = RecordReader::open(origin.source, origin.format)?;
    let mut answers = match answers {
        Some((path, format)) => Some(RecordWriter::new(OutputFile::create(path, format)?, format)),
        None => None,
    };
    let mut rejections = Rejections {
        path: rejected,
        writer: None,
    };
    let started = Instant::now();
    let mut input = Input::start(reader);
    let mut execution = session.execute(call, input.take_items());
    let mut measured = Measured::of(&execution);
    let mut counts = Counts::default();
    let mut stop = std::pin::pin!(futures::FutureExt::fuse(stop));
    let mut interrupted = false;
    let mut patience = std::pin::pin!(tokio::time::sleep(Duration::from_secs(365 * 24 * 3600)));
    loop {
        let events = tokio::select! {
            biased;
            () = &mut stop, if !interrupted => {
                interrupted = true;
                input.stop();
                patience.as_mut().reset(tokio::time::Instant::now() + GRACE);
                continue;
            }
            () = &mut patience => break,
            events = execution.next() => events,
        };
        let Some(events) = events else { break };
        for event in events {
            match event {
                Event::Item(item) => {
                    input.answered(&item.key);
                    counts.written += 1;
                    if let Some(writer) = &mut answers
                        && !item.data.is_empty()
                    {
                        writer.write(&item.data)?;
                    }
                }
                Event::Rejected(rejection) => {
                    input.answered(&rejection.key);
                    rejections.write(&rejection, &mut counts)?;
                }
                Event::Notice(notice) => {
                    measured.count(&notice);
                    told(Told::Notice(&notice));
                }
                // A target has no place to resume at.
                Event::Checkpoint(_) => {}
            }
        }
        for invalid in input.take_invalid() {
            rejections.write(&invalid, &mut counts)?;
        }
        counts.read = input.read();
        told(Told::Counts(counts));
    }
    let mut ended = execution.finish().await;
    for invalid in input.take_invalid() {
        rejections.write(&invalid, &mut counts)?;
    }
    for unanswered in input.take_unanswered() {
        rejections.write(&unanswered, &mut counts)?;
    }
    counts.read = input.read();
    if interrupted && matches!(&ended, Ok(summary) if !summary.stopped_early) {
        ended = ended.map(|mut summary| {
            summary.stopped_early = input.not_tried_from().is_some();
            summary
        });
    }
    let mut report = Report::of(counts, &measured, started.elapsed(), ended, interrupted);
    if let Some(writer) = answers {
        let (file, written) = writer.finish()?;
        report.output = Some(file.commit()?);
        report.dropped_columns = written.dropped_columns;
    }
    report.rejected = rejections.finish()?;
    report.not_tried_from = input.not_tried_from();
    if let Some(broken) = input.broken() {
        report.error.get_or_insert(broken);
        report.outcome = Outcome::Failure;
    }
    told(Told::Counts(counts));
    Ok(report)
}

/// The input, read in a thread of its own and handed over as it is taken.
struct Input {
    state: Arc<Mutex<State>>,
    items: Option<mpsc::Receiver<Entry>>,
}

#[derive(Default)]
struct State {
    stopped: bool,
    read: u64,
    /// Records that the connector took and has not answered.
    under_way: BTreeMap<String, String>,
    invalid: Vec<Rejection>,
    not_tried_from: Option<String>,
    broken: Option<String>,
}

impl Input {
    fn start(reader: RecordReader<Box<dyn Read + Send>>) -> Self {
        let state: Arc<Mutex<State>> = Arc::default();
        let (mut sender, items) = mpsc::channel(READ_AHEAD);
        let shared = Arc::clone(&state);
        tokio::task::spawn_blocking(move || {
            for entry in reader {
                let entry: Result<Entry, ReadError> = entry;
                match entry {
                    Ok(entry) => {
                        if futures::executor::block_on(futures::SinkExt::send(&mut sender, entry))
                            .is_err()
                        {
                            return;
                        }
                    }
                    Err(error) => {
                        lock(&shared).broken = Some(error.to_string());
                        return;
                    }
                }
            }
        });
        Self {
            state,
            items: Some(items),
        }
    }

    /// The records, as the connector takes them. What is no record is put aside.
    fn take_items(&mut self) -> futures::stream::BoxStream<'static, Item> {
        let Some(items) = self.items.take() else {
            return futures::stream::empty().boxed();
        };
        let state = Arc::clone(&self.state);
        futures::stream::unfold(items, move |mut items| {
            let state = Arc::clone(&state);
            async move {
                loop {
                    let entry = items.next().await?;
                    let mut state = lock(&state);
                    let (Entry::Record { key, .. } | Entry::Invalid { key, .. }) = &entry;
                    if state.stopped {
                        state.not_tried_from.get_or_insert_with(|| key.clone());
                        return None;
                    }
                    state.read += 1;
                    match entry {
                        Entry::Record { key, json } => {
                            state.under_way.insert(key.clone(), json.clone());
                            return Some((Item { key, data: json }, items));
                        }
                        Entry::Invalid {
                            key,
                            raw,
                            place,
                            message,
                            fix,
                        } => {
                            state.invalid.push(Rejection {
                                key,
                                data: raw,
                                error: error(
                                    ErrorKind::InvalidInput,
                                    "input.malformed",
                                    format!("{place}: {message}"),
                                    fix,
                                ),
                            });
                        }
                    }
                }
            }
        })
        .boxed()
    }

    fn stop(&self) {
        lock(&self.state).stopped = true;
    }

    fn answered(&self, key: &str) {
        lock(&self.state).under_way.remove(key);
    }

    fn take_invalid(&self) -> Vec<Rejection> {
        std::mem::take(&mut lock(&self.state).invalid)
    }

    /// Records that the connector took and never answered: whether they were
    /// written, nobody knows.
    fn take_unanswered(&self) -> Vec<Rejection> {
        let under_way = std::mem::take(&mut lock(&self.state).under_way);
        under_way
            .into_iter()
            .map(|(key, data)| Rejection {
                key,
                data,
                error: error(
                    ErrorKind::Uncertain,
                    "run.unanswered",
                    "the run ended before the connector said what became of the record".to_owned(),
                    "Look in the remote system before sending it again.".to_owned(),
                ),
            })
            .collect()
    }

    fn read(&self) -> u64 {
        lock(&self.state).read
    }

    fn not_tried_from(&self) -> Option<String> {
        lock(&self.state).not_tried_from.clone()
    }

    fn broken(&self) -> Option<String> {
        lock(&self.state).broken.clone()
    }
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn error(kind: ErrorKind, code: &str, message: String, remedy: String) -> Error {
    Error {
        kind,
        code: code.to_owned(),
        message,
        remedy: Some(remedy),
        status: None,
        retry_after: None,
        fields: Vec::new(),
    }
}

/// The file of rejected records, made when there is a first one.
struct Rejections {
    path: PathBuf,
    writer: Option<RecordWriter<OutputFile>>,
}

/// One line of it.
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

impl Rejections {
    fn write(&mut self, rejection: &Rejection, counts: &mut Counts) -> Result<(), RunError> {
        counts.rejected += 1;
        let uncertain = rejection.error.kind == ErrorKind::Uncertain;
        counts.uncertain += u64::from(uncertain);
        let record: Option<&RawValue> = serde_json::from_str(&rejection.data).ok();
        let line = RejectedLine {
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
        };
        let json = serde_json::to_string(&line).map_err(|error| RunError::Io {
            path: self.path.clone(),
            source: error.into(),
        })?;
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => {
                let file = OutputFile::create(&self.path, Format::Ndjson)?;
                self.writer.insert(RecordWriter::new(file, Format::Ndjson))
            }
        };
        writer.write(&json)?;
        // A run that dies must not take the reasons with it.
        writer.flush()?;
        Ok(())
    }

    fn finish(self) -> Result<Option<PathBuf>, RunError> {
        match self.writer {
            Some(writer) => Ok(Some(writer.finish()?.0.commit()?)),
            None => Ok(None),
        }
    }
}
