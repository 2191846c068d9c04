//! A file or a stream into a target.

use super::report::{Counts, Measured, Outcome, Report, Told};
use super::{RunError, malformed, unanswered};
use crate::records::{Entry, Format, OutputFile, RecordReader, RecordWriter};
use crate::runtime::types::{Call, ErrorKind, Event, Item, Rejection, Summary};
use crate::runtime::{Execution, RuntimeError, Session};
use futures::{Stream, StreamExt};
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex as AsyncMutex, mpsc, watch};

/// Entries read ahead of what the connector takes.
const READ_AHEAD: usize = 16;
/// How long the input is given to say whether there is more, when a run has ended.
const LEFT_OVER: Duration = Duration::from_millis(200);
/// How long records that are under way may take when the run is stopped.
const GRACE: Duration = Duration::from_secs(60);

/// Where the records come from.
pub struct Origin {
    /// A file, or standard input.
    pub source: Box<dyn Read + Send>,
    /// How records lie in it.
    pub format: Format,
}

/// Gives the records of `origin` to a target until they end, or until `stop` says
/// so: then nothing new is started, and what is under way is waited for, a minute
/// at the most and until `stop` says so again.
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
    stop: impl Stream<Item = ()>,
    mut told: impl FnMut(Told<'_>),
) -> Result<Report, RunError> {
    // Standard input may be long in sending its first bytes.
    let opening = move || RecordReader::open(origin.source, origin.format);
    let reader = tokio::task::spawn_blocking(opening)
        .await
        .map_err(|error| RunError::Thread(error.to_string()))??;
    let mut outputs = Outputs::create(answers, rejected)?;
    let started = Instant::now();
    let mut input = Input::start(reader)?;
    let mut execution = session.execute(call, input.take_items());
    let mut measured = Measured::of(&execution);
    let mut stop = std::pin::pin!(stop.fuse());
    let mut grace = std::pin::pin!(tokio::time::sleep(GRACE));
    let mut interrupted = false;
    let mut ending = false;
    let ended = loop {
        let stopping = interrupted || outputs.failed.is_some();
        let events = tokio::select! {
            biased;
            Some(()) = stop.next() => {
                if interrupted {
                    // Asked twice: what is under way is given up.
                    break Err(RuntimeError::Cancelled);
                }
                interrupted = true;
                input.stop();
                grace.as_mut().reset(tokio::time::Instant::now() + GRACE);
                continue;
            }
            // What is still under way becomes of unknown fate.
            () = &mut grace, if stopping => break Err(RuntimeError::Cancelled),
            Some(invalid) = input.next_invalid() => {
                outputs.reject(&invalid);
                continue;
            }
            step = step(&mut execution, ending) => step,
        };
        let events = match events {
            Step::Events(events) => events,
            Step::NoMore => {
                ending = true;
                continue;
            }
            Step::Ended(ended) => break ended,
        };
        for event in events {
            match event {
                Event::Item(item) if input.answered(&item.key) => outputs.answer(&item),
                Event::Rejected(rejection) if input.answered(&rejection.key) => {
                    outputs.reject(&rejection);
                }
                Event::Item(Item { key, .. }) | Event::Rejected(Rejection { key, .. }) => {
                    outputs.miscounted.get_or_insert(key);
                }
                Event::Notice(notice) => {
                    measured.count(&notice);
                    told(Told::Notice(&notice));
                }
                // A target has no place to resume at.
                Event::Checkpoint(_) => {}
            }
        }
        outputs.flush();
        if outputs.failed.is_some() && !stopping {
            // Records are under way: they are waited for, and no more are sent.
            input.stop();
            grace.as_mut().reset(tokio::time::Instant::now() + GRACE);
        }
        outputs.counts.read = input.read();
        told(Told::Counts(outputs.counts));
    };
    drop(execution);
    let not_tried_from = input.not_tried_from().await;
    while let Some(invalid) = input.try_next_invalid() {
        outputs.reject(&invalid);
    }
    for unanswered in input.take_unanswered() {
        outputs.reject(&unanswered);
    }
    outputs.counts.read = input.read();
    let counts = outputs.counts;
    told(Told::Counts(counts));
    let mut report = Report::of(counts, &measured, started.elapsed(), ended, interrupted);
    if not_tried_from.is_some() && report.outcome == Outcome::Success {
        report.outcome = Outcome::Partial;
    }
    report.not_tried_from = not_tried_from;
    outputs.finish(&mut report);
    if let Some(broken) = input.broken() {
        report.fail(broken);
    }
    Ok(report)
}

/// What comes next of an execution.
enum Step {
    Events(Vec<Event>),
    NoMore,
    Ended(Result<Summary, RuntimeError>),
}

async fn step(execution: &mut Execution, ending: bool) -> Step {
    if ending {
        return Step::Ended(execution.ended().await);
    }
    match execution.next().await {
        Some(events) => Step::Events(events),
        None => Step::NoMore,
    }
}

/// What is written while a target runs. The first failure is kept, and does not
/// keep the run from waiting for what is under way.
struct Outputs {
    answers: Option<RecordWriter<OutputFile>>,
    rejections: Rejections,
    counts: Counts,
    failed: Option<RunError>,
    /// A key that the connector answered though it was not asked, or twice.
    miscounted: Option<String>,
}

impl Outputs {
    fn create(answers: Option<(PathBuf, Format)>, rejected: PathBuf) -> Result<Self, RunError> {
        let answers = match answers {
            Some((path, format)) => {
                Some(RecordWriter::new(OutputFile::create(path, format)?, format))
            }
            None => None,
        };
        Ok(Self {
            answers,
            rejections: Rejections {
                path: rejected,
                writer: None,
            },
            counts: Counts::default(),
            failed: None,
            miscounted: None,
        })
    }

    /// A run that dies must not take the answers with it.
    fn flush(&mut self) {
        if let Some(writer) = &mut self.answers
            && let Err(error) = writer.flush()
        {
            self.failed.get_or_insert(error.into());
        }
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
        if let Some(key) = self.miscounted {
            report.fail(format!(
                "the connector answered “{key}”, which it was not given, or twice"
            ));
        }
    }
}

/// The input, read in a thread of its own and handed over as it is taken.
struct Input {
    state: Arc<Mutex<State>>,
    stop: watch::Sender<bool>,
    entries: Arc<AsyncMutex<mpsc::Receiver<Entry>>>,
    invalid: mpsc::Receiver<Rejection>,
    put_aside: mpsc::Sender<Rejection>,
}

#[derive(Default)]
struct State {
    read: u64,
    /// Records that the connector took and has not answered.
    under_way: BTreeMap<String, String>,
    broken: Option<String>,
}

impl Input {
    fn start(reader: RecordReader<Box<dyn Read + Send>>) -> Result<Self, RunError> {
        let state: Arc<Mutex<State>> = Arc::default();
        let (sender, entries) = mpsc::channel(READ_AHEAD);
        let (put_aside, invalid) = mpsc::channel(READ_AHEAD);
        let shared = Arc::clone(&state);
        // A thread of its own, for it may wait for standard input for ever.
        std::thread::Builder::new()
            .name("input".to_owned())
            .spawn(move || {
                for entry in reader {
                    match entry {
                        Ok(entry) => {
                            if sender.blocking_send(entry).is_err() {
                                return;
                            }
                        }
                        Err(error) => {
                            lock(&shared).broken = Some(error.to_string());
                            return;
                        }
                    }
                }
            })
            .map_err(|error| RunError::Thread(error.to_string()))?;
        let entries = Arc::new(AsyncMutex::new(entries));
        Ok(Self {
            state,
            stop: watch::Sender::new(false),
            entries,
            invalid,
            put_aside,
        })
    }

    /// The records, as the connector takes them. What is no record is put aside.
    fn take_items(&self) -> futures::stream::BoxStream<'static, Item> {
        let (state, entries) = (Arc::clone(&self.state), Arc::clone(&self.entries));
        let (stopped, put_aside) = (self.stop.subscribe(), self.put_aside.clone());
        futures::stream::unfold((stopped, put_aside), move |(mut stopped, put_aside)| {
            let (state, entries) = (Arc::clone(&state), Arc::clone(&entries));
            async move {
                loop {
                    let entry = tokio::select! {
                        biased;
                        _ = stopped.wait_for(|stopped| *stopped) => return None,
                        entry = async { entries.lock().await.recv().await } => entry?,
                    };
                    lock(&state).read += 1;
                    match entry {
                        Entry::Record { key, json } => {
                            lock(&state).under_way.insert(key.clone(), json.clone());
                            return Some((Item { key, data: json }, (stopped, put_aside)));
                        }
                        Entry::Invalid {
                            key,
                            raw,
                            place,
                            message,
                            fix,
                        } => {
                            let error = malformed(&place, &message, &fix);
                            let rejection = Rejection {
                                key,
                                data: raw,
                                error,
                            };
                            // Only where the run has ended does nobody take it.
                            put_aside.send(rejection).await.ok()?;
                        }
                    }
                }
            }
        })
        .boxed()
    }

    fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Whether the record was under way.
    fn answered(&self, key: &str) -> bool {
        lock(&self.state).under_way.remove(key).is_some()
    }

    /// What was put aside; never none, for this holds a sender itself.
    async fn next_invalid(&mut self) -> Option<Rejection> {
        self.invalid.recv().await
    }

    fn try_next_invalid(&mut self) -> Option<Rejection> {
        self.invalid.try_recv().ok()
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
                error: unanswered(),
            })
            .collect()
    }

    fn read(&self) -> u64 {
        lock(&self.state).read
    }

    /// The first entry that nobody took, once the run has ended.
    async fn not_tried_from(&self) -> Option<String> {
        let left = async { self.entries.lock().await.recv().await };
        let entry = tokio::time::timeout(LEFT_OVER, left).await.ok()??;
        let (Entry::Record { key, .. } | Entry::Invalid { key, .. }) = entry;
        Some(key)
    }

    fn broken(&self) -> Option<String> {
        lock(&self.state).broken.clone()
    }
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The file of rejected records, made when there is a first one.
struct Rejections {
    path: PathBuf,
    writer: Option<RecordWriter<OutputFile>>,
}

/// A path that no earlier run has used: what it rejected may not have been
/// looked at. `x.ndjson`, then `x.2.ndjson`, and so on.
fn unused(path: &Path) -> PathBuf {
    let taken = |path: &Path| {
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        path.exists() || Path::new(&part).exists()
    };
    if !taken(path) {
        return path.to_owned();
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    let numbered = (2_u32..).map(|n| path.with_file_name(format!("{stem}.{n}.{extension}")));
    numbered
        .into_iter()
        .find(|path| !taken(path))
        .unwrap_or_else(|| path.to_owned())
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
                let file = OutputFile::create(unused(&self.path), Format::Ndjson)?;
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
