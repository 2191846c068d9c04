//! A file or a stream into a target.

use super::aside::Aside;
use super::report::{Counts, Measured, Outcome, Report, Told};
use super::{RunError, columns, malformed, unanswered};
use crate::atomic_file;
use crate::records::{Entry, Format, OutputFile, RecordReader, RecordWriter};
use crate::runtime::types::{Answer, Call, ErrorKind, Event, Item, Rejection, Summary};
use crate::runtime::{Execution, RuntimeError, Session};
use futures::{Stream, StreamExt};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
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

/// Where goes what comes of the records.
pub struct Results {
    /// What the remote system answers.
    pub answers: Option<(PathBuf, Format)>,
    /// What was not taken, and why, one line of NDJSON each.
    pub rejected: PathBuf,
    /// What the remote system took otherwise than it was given, or in a dry run
    /// what would be done, one line of NDJSON each.
    pub differing: PathBuf,
}

/// Gives the records of `origin` to a target until they end, or until `stop` says
/// so: then nothing new is started, and what is under way is waited for, a minute
/// at the most and until `stop` says so again.
///
/// # Errors
/// Only where the files cannot be used. That the connector failed is in the report.
pub async fn write(
    mut session: Session,
    call: Call,
    origin: Origin,
    results: Results,
    stop: impl Stream<Item = ()>,
    mut told: impl FnMut(Told<'_>),
) -> Result<Report, RunError> {
    // Whatever cannot be written is told before anything is read.
    let (rejected, differing) = (
        Aside::new(results.rejected)?,
        Aside::new(results.differing)?,
    );
    if let Some((path, _)) = &results.answers {
        atomic_file::check(path)?;
    }
    // Standard input may be long in sending its first bytes.
    let opening = move || RecordReader::open(origin.source, origin.format);
    let reader = tokio::task::spawn_blocking(opening)
        .await
        .map_err(|error| RunError::Thread(error.to_string()))??;
    if let Some(columns) = reader.columns()
        && let Some(notice) = columns::check(&mut session, &call, &columns).await?
    {
        told(Told::Notice(&notice));
    }
    let mut outputs = Outputs::create(results.answers, rejected, differing, call.dry_run)?;
    let started = Instant::now();
    let mut input = Input::start(reader)?;
    let mut execution = session.execute(call, input.take_items());
    let measured = Measured::of(&execution);
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
                Event::Answered(answer) if input.answered(&answer.key) => outputs.answer(&answer),
                Event::Rejected(rejection) if input.answered(&rejection.key) => {
                    outputs.reject(&rejection);
                }
                Event::Answered(Answer { key, .. }) | Event::Rejected(Rejection { key, .. }) => {
                    outputs.miscounted.get_or_insert(key);
                }
                Event::Notice(notice) => {
                    told(Told::Notice(&notice));
                }
                // A target reads nothing, and has no place to resume at.
                Event::Item(_) | Event::Checkpoint(_) => {}
            }
        }
        outputs.flush();
        if outputs.failed.is_some() && !stopping {
            // Records are under way: they are waited for, and no more are sent.
            input.stop();
            grace.as_mut().reset(tokio::time::Instant::now() + GRACE);
        }
        outputs.count(&input);
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
    outputs.count(&input);
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
    rejected: Aside,
    differing: Aside,
    dry_run: bool,
    counts: Counts,
    failed: Option<RunError>,
    /// Records that were taken, and whose answers are not in the output, with why.
    unwritable: Vec<(String, String)>,
    /// A key that the connector answered though it was not asked, or twice.
    miscounted: Option<String>,
}

impl Outputs {
    fn create(
        answers: Option<(PathBuf, Format)>,
        rejected: Aside,
        differing: Aside,
        dry_run: bool,
    ) -> Result<Self, RunError> {
        let answers = match answers {
            Some((path, format)) => {
                Some(RecordWriter::new(OutputFile::create(path, format)?, format))
            }
            None => None,
        };
        Ok(Self {
            answers,
            rejected,
            differing,
            dry_run,
            counts: Counts::default(),
            failed: None,
            unwritable: Vec::new(),
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

    /// What has been read so far.
    fn count(&mut self, input: &Input) {
        let state = lock(&input.state);
        self.counts.read = state.read;
        self.counts.blank = state.blank;
    }

    fn answer(&mut self, answer: &Answer) {
        self.counts.count(answer);
        if (self.dry_run || !answer.differences.is_empty())
            && let Err(error) = self.differing.differ(answer)
        {
            self.failed.get_or_insert(error);
        }
        if let Some(writer) = &mut self.answers
            && !answer.data.is_empty()
            && let Err(error) = writer.write(&answer.data)
        {
            match error.is_about_the_record() {
                true => self
                    .unwritable
                    .push((answer.key.clone(), error.to_string())),
                false => {
                    self.failed.get_or_insert(error.into());
                }
            }
        }
    }

    fn reject(&mut self, rejection: &Rejection) {
        let uncertain = rejection.error.kind == ErrorKind::Uncertain;
        self.counts.rejected += 1;
        self.counts.uncertain += u64::from(uncertain);
        if let Err(error) = self.rejected.reject(rejection, uncertain) {
            self.failed.get_or_insert(error);
        }
    }

    /// Gives the files their names, and tells them and what failed.
    fn finish(mut self, report: &mut Report) {
        if let Some(writer) = self.answers.take() {
            let finished = writer.finish().map_err(RunError::from);
            match finished.and_then(|(file, _)| Ok(file.commit()?)) {
                Ok(path) => {
                    report.output = Some(path);
                }
                Err(error) => {
                    self.failed.get_or_insert(error);
                }
            }
        }
        for (file, named) in [
            (self.rejected, &mut report.rejected),
            (self.differing, &mut report.differing),
        ] {
            match file.finish() {
                Ok(path) => *named = path,
                Err(error) => {
                    self.failed.get_or_insert(error);
                }
            }
        }
        if let Some(error) = self.failed {
            report.fail(error.to_string());
        }
        if let Some((key, why)) = self.unwritable.first() {
            report.fail(format!(
                "{} records were taken, and their answers are not in the output; of “{key}”: {why}",
                self.unwritable.len()
            ));
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
    blank: u64,
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
                    if matches!(entry, Entry::Blank { .. }) {
                        lock(&state).blank += 1;
                        continue;
                    }
                    lock(&state).read += 1;
                    match entry {
                        Entry::Blank { .. } => {}
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

    /// The first entry that nobody took, once the run has ended.
    async fn not_tried_from(&self) -> Option<String> {
        let left = async {
            loop {
                match self.entries.lock().await.recv().await? {
                    Entry::Record { key, .. } | Entry::Invalid { key, .. } => return Some(key),
                    Entry::Blank { .. } => {}
                }
            }
        };
        tokio::time::timeout(LEFT_OVER, left).await.ok()?
    }

    fn broken(&self) -> Option<String> {
        lock(&self.state).broken.clone()
    }
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
