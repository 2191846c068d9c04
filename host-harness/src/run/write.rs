//! A file or a stream into a target.

use super::RunError;
use super::report::{Counts, Measured, Report, Told};
use crate::records::{Entry, Format, OutputFile, ReadError, RecordReader, RecordWriter};
use crate::runtime::types::{Call, Error, ErrorKind, Event, Item, Rejection};
use crate::runtime::{RuntimeError, Session};
use futures::StreamExt;
use futures::channel::mpsc;
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

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
    let mut outputs = Outputs::create(answers, rejected)?;
    let started = Instant::now();
    let mut input = Input::start(reader);
    let mut execution = session.execute(call, input.take_items());
    let mut measured = Measured::of(&execution);
    let mut stop = std::pin::pin!(stop);
    let mut grace = std::pin::pin!(tokio::time::sleep(GRACE));
    let mut interrupted = false;
    let ended = loop {
        let stopping = interrupted || outputs.failed.is_some();
        let events = tokio::select! {
            biased;
            () = &mut stop, if !interrupted => {
                interrupted = true;
                input.stop();
                grace.as_mut().reset(tokio::time::Instant::now() + GRACE);
                continue;
            }
            // What is still under way becomes of unknown fate.
            () = &mut grace, if stopping => break Err(RuntimeError::Cancelled),
            events = execution.next() => events,
        };
        let Some(events) = events else {
            break execution.finish().await;
        };
        for event in events {
            match event {
                Event::Item(item) => {
                    input.answered(&item.key);
                    outputs.answer(&item);
                }
                Event::Rejected(rejection) => {
                    input.answered(&rejection.key);
                    outputs.reject(&rejection);
                }
                Event::Notice(notice) => {
                    measured.count(&notice);
                    told(Told::Notice(&notice));
                }
                // A target has no place to resume at.
                Event::Checkpoint(_) => {}
            }
        }
        outputs.reject_all(input.take_invalid());
        if outputs.failed.is_some() && !stopping {
            // Records are under way: they are waited for, and no more are sent.
            input.stop();
            grace.as_mut().reset(tokio::time::Instant::now() + GRACE);
        }
        outputs.counts.read = input.read();
        told(Told::Counts(outputs.counts));
    };
    outputs.reject_all(input.take_invalid());
    outputs.reject_all(input.take_unanswered());
    outputs.counts.read = input.read();
    let counts = outputs.counts;
    told(Told::Counts(counts));
    let mut report = Report::of(counts, &measured, started.elapsed(), ended, interrupted);
    report.not_tried_from = input.not_tried_from();
    outputs.finish(&mut report);
    if let Some(broken) = input.broken() {
        report.fail(broken);
    }
    Ok(report)
}

/// What is written while a target runs. The first failure is kept, and does not
/// keep the run from waiting for what is under way.
struct Outputs {
    answers: Option<RecordWriter<OutputFile>>,
    rejections: Rejections,
    counts: Counts,
    failed: Option<RunError>,
}

impl Outputs {
    fn create(answers: Option<(PathBuf, Format)>, rejected: PathBuf) -> Result<Self, RunError> {
        let answers = match answers {
            Some((path, format)) => {
                Some(RecordWriter::new(OutputFile::create(path, format)?, format))
            }
            None => None,
        };
        let rejections = Rejections {
            path: rejected,
            writer: None,
        };
        Ok(Self {
            answers,
            rejections,
            counts: Counts::default(),
            failed: None,
        })
    }

    fn answer(&mut self, item: &Item) {
        self.counts.written += 1;
        if let Some(writer) = &mut self.answers
            && !item.data.is_empty()
            && let Err(error) = writer.write(&item.data)
        {
            self.failed.get_or_insert(error.into());
        }
    }

    fn reject(&mut self, rejection: &Rejection) {
        let uncertain = rejection.error.kind == ErrorKind::Uncertain;
        self.counts.rejected += 1;
        self.counts.uncertain += u64::from(uncertain);
        if let Err(error) = self.rejections.write(rejection, uncertain) {
            self.failed.get_or_insert(error);
        }
    }

    fn reject_all(&mut self, rejections: Vec<Rejection>) {
        for rejection in &rejections {
            self.reject(rejection);
        }
    }

    /// Gives the files their names, and tells them and what failed.
    fn finish(mut self, report: &mut Report) {
        if let Some(writer) = self.answers.take() {
            let finished = writer.finish().map_err(RunError::from);
            match finished.and_then(|(file, written)| Ok((file.commit()?, written))) {
                Ok((path, written)) => {
                    report.output = Some(path);
                    report.dropped_columns = written.dropped_columns;
                }
                Err(error) => {
                    self.failed.get_or_insert(error);
                }
            }
        }
        match self.rejections.finish() {
            Ok(path) => report.rejected = path,
            Err(error) => {
                self.failed.get_or_insert(error);
            }
        }
        if let Some(error) = self.failed {
            report.fail(error.to_string());
        }
    }
}

/// The input, read in a thread of its own and handed over as it is taken.
struct Input {
    state: Arc<Mutex<State>>,
    stop: watch::Sender<bool>,
    items: Option<mpsc::Receiver<Entry>>,
}

#[derive(Default)]
struct State {
    read: u64,
    /// Records that the connector took and has not answered.
    under_way: BTreeMap<String, String>,
    invalid: Vec<Rejection>,
    not_tried_from: Option<String>,
    broken: Option<String>,
}

impl State {
    /// The record to hand over; none where the entry is no record.
    fn take(&mut self, entry: Entry) -> Option<Item> {
        self.read += 1;
        match entry {
            Entry::Record { key, json } => {
                self.under_way.insert(key.clone(), json.clone());
                Some(Item { key, data: json })
            }
            Entry::Invalid {
                key,
                raw,
                place,
                message,
                fix,
            } => {
                let message = format!("{place}: {message}");
                let error = error(ErrorKind::InvalidInput, "input.malformed", message, fix);
                self.invalid.push(Rejection {
                    key,
                    data: raw,
                    error,
                });
                None
            }
        }
    }
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
            stop: watch::Sender::new(false),
            items: Some(items),
        }
    }

    /// The records, as the connector takes them. What is no record is put aside.
    fn take_items(&mut self) -> futures::stream::BoxStream<'static, Item> {
        let Some(items) = self.items.take() else {
            return futures::stream::empty().boxed();
        };
        let (state, stopped) = (Arc::clone(&self.state), self.stop.subscribe());
        futures::stream::unfold((items, stopped), move |(mut items, mut stopped)| {
            let state = Arc::clone(&state);
            async move {
                loop {
                    let entry = tokio::select! {
                        biased;
                        entry = items.next() => entry?,
                        // The next one may be long in coming.
                        _ = stopped.wait_for(|stopped| *stopped) => return None,
                    };
                    let mut state = lock(&state);
                    if *stopped.borrow() {
                        let (Entry::Record { key, .. } | Entry::Invalid { key, .. }) = &entry;
                        state.not_tried_from.get_or_insert_with(|| key.clone());
                        return None;
                    }
                    if let Some(item) = state.take(entry) {
                        return Some((item, (items, stopped)));
                    }
                }
            }
        })
        .boxed()
    }

    fn stop(&self) {
        self.stop.send_replace(true);
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
    fn write(&mut self, rejection: &Rejection, uncertain: bool) -> Result<(), RunError> {
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
            None => {
                // One of an earlier run would look like this run's.
                let _ = std::fs::remove_file(&self.path);
                Ok(None)
            }
        }
    }
}
