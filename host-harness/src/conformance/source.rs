//! Sources: what they give, and that they can be stopped, slowed and gone on with.

use super::discovery::Offered;
use super::report::Findings;
use super::rule::Rule;
use super::subject::{Came, Subject, is_source};
use super::{Chosen, Wishes};
use crate::runtime::RuntimeError;
use crate::runtime::call;
use crate::runtime::types::{Activity, Call, Event, Item};
use futures::StreamExt;
use serde_json::Value;
use std::time::{Duration, Instant};

/// Records that are read of a source.
const MOST_EVENTS: usize = 50_000;
/// Objects that are tried to find records.
const TRIED: usize = 5;
/// Checkpoints that are gone on from.
const MOST_RESUMED: usize = 12;
/// How long a source that nobody listens to may take to end.
const ENDS_WITHIN: Duration = Duration::from_secs(10);
/// Requests that may still be started before it knows that nobody listens.
const STILL_STARTED: u64 = 10;
/// How long a source is left to fill its window when nobody reads, and how long
/// it is then watched.
const FILLS: Duration = Duration::from_millis(700);
const WATCHED: Duration = Duration::from_millis(1200);
/// Bytes of records from which on memory tells whether all of them are held.
const TELLING: usize = 8 << 20;
/// Memory of a connector that holds nothing.
const EMPTY: usize = 4 << 20;

const RULES: [Rule; 6] = [
    Rule::SourceEvents,
    Rule::SourceTotals,
    Rule::Resumes,
    Rule::Cancelled,
    Rule::SlowReader,
    Rule::Acknowledged,
];

pub(super) async fn check(
    findings: &mut Findings,
    subject: &Subject,
    offered: &Offered,
    wishes: &Wishes,
) {
    let mut tested = Vec::new();
    for activity in offered.activities.iter().filter(|found| is_source(found)) {
        if activity.acknowledged && !wishes.changes {
            continue;
        }
        if let Some((asked, whole)) = find(findings, subject, offered, wishes, activity).await {
            tested.push(format!("{} {}", asked.activity, asked.object));
            one(findings, subject, activity, asked, whole).await;
        }
    }
    if !offered
        .activities
        .iter()
        .any(|activity| activity.acknowledged)
    {
        findings.not_tested(Rule::Acknowledged, "no activity is acknowledged");
    } else if !wishes.changes {
        findings.not_tested(
            Rule::Acknowledged,
            "it changes the remote system: allow that",
        );
    }
    for rule in RULES {
        findings.not_tested(
            rule,
            "no source that was tried gave records: name an activity and an object that do",
        );
    }
}

/// The call of a source that gives records, and all of them.
async fn find(
    findings: &mut Findings,
    subject: &Subject,
    offered: &Offered,
    wishes: &Wishes,
    activity: &Activity,
) -> Option<(Call, Came)> {
    let mut choices: Vec<Chosen> = wishes.sources_of(&activity.name).cloned().collect();
    if choices.is_empty() && wishes.sources.is_empty() {
        let allowed = offered
            .objects
            .iter()
            .filter(|object| object.activities.contains(&activity.name));
        choices.extend(allowed.take(TRIED).map(|object| Chosen {
            activity: activity.name.clone(),
            object: object.name.clone(),
            options: Vec::new(),
        }));
    }
    for chosen in choices {
        let asked = call(&chosen.activity, &chosen.object, &chosen.options);
        let came = subject
            .run(findings, asked.clone(), Vec::new(), MOST_EVENTS)
            .await;
        if came.items().next().is_some() {
            return Some((asked, came));
        }
    }
    None
}

async fn one(
    findings: &mut Findings,
    subject: &Subject,
    activity: &Activity,
    asked: Call,
    whole: Came,
) {
    let place = format!("{} {}", asked.activity, asked.object);
    events(findings, &place, &whole);
    let ended = whole.ended.is_ok() && whole.events.len() < MOST_EVENTS;
    match &whole.ended {
        Ok(summary) if ended => {
            let count = whole.items().count() as u64;
            if summary.succeeded == count {
                findings.ok(Rule::SourceTotals, format!("{place}: {count} records"));
            } else {
                findings.broken(
                    Rule::SourceTotals,
                    format!(
                        "{place}: {count} records came, and the summary says {}",
                        summary.succeeded
                    ),
                );
            }
        }
        Ok(_) | Err(RuntimeError::Cancelled) => {}
        Err(error) => findings.broken(Rule::SourceTotals, format!("{place}: {error}")),
    }
    if ended {
        resumes(findings, subject, &asked, &whole).await;
    } else {
        findings.not_tested(
            Rule::Resumes,
            format!("{place} has more than {MOST_EVENTS} records: choose fewer by its options"),
        );
    }
    cancelled(findings, subject, &asked).await;
    slow_reader(findings, subject, &asked, &whole).await;
    if activity.acknowledged {
        acknowledged(findings, subject, &asked, &whole).await;
    }
}

fn events(findings: &mut Findings, place: &str, came: &Came) {
    for event in &came.events {
        match event {
            Event::Item(item) => {
                let object =
                    serde_json::from_str::<Value>(&item.data).is_ok_and(|value| value.is_object());
                if !object {
                    findings.broken(
                        Rule::SourceEvents,
                        format!("{place}: the record “{}” is no JSON object", item.key),
                    );
                }
                if item.key.is_empty() {
                    findings.broken(Rule::SourceEvents, format!("{place}: a record has no key"));
                }
            }
            Event::Answered(_) | Event::Rejected(_) => findings.broken(
                Rule::SourceEvents,
                format!("{place}: it answered a record, as only targets do"),
            ),
            Event::Checkpoint(_) | Event::Notice(_) => {}
        }
    }
    findings.ok(
        Rule::SourceEvents,
        format!("{place}: {} events", came.events.len()),
    );
}

/// Goes on from some of the checkpoints, and compares with what came after them.
async fn resumes(findings: &mut Findings, subject: &Subject, asked: &Call, whole: &Came) {
    let place = format!("{} {}", asked.activity, asked.object);
    let mut checkpoints = Vec::new();
    let mut before = 0;
    for event in &whole.events {
        match event {
            Event::Item(_) => before += 1,
            Event::Checkpoint(checkpoint) => checkpoints.push((before, checkpoint)),
            _ => {}
        }
    }
    if checkpoints.is_empty() {
        findings.not_tested(Rule::Resumes, format!("{place} gave no checkpoint"));
        return;
    }
    let keys: Vec<&Item> = whole.items().collect();
    let step = checkpoints.len().div_ceil(MOST_RESUMED);
    for (before, checkpoint) in checkpoints.iter().step_by(step) {
        let mut again = asked.clone();
        again.resume = Some((*checkpoint).clone());
        let rest = subject.run(findings, again, Vec::new(), MOST_EVENTS).await;
        if let Err(error) = &rest.ended {
            findings.broken(
                Rule::Resumes,
                format!("{place}: its own checkpoint after {before} records: {error}"),
            );
            continue;
        }
        let expected: Vec<&str> = keys
            .iter()
            .skip(*before)
            .map(|item| item.key.as_str())
            .collect();
        let came: Vec<&str> = rest.items().map(|item| item.key.as_str()).collect();
        if came != expected {
            let first = came
                .iter()
                .zip(&expected)
                .position(|(came, expected)| came != expected);
            findings.broken(
                Rule::Resumes,
                format!(
                    "{place}: after {before} of {} records {} were to come, and {} came{}",
                    keys.len(),
                    expected.len(),
                    came.len(),
                    first.map_or(String::new(), |first| format!(
                        "; the first that differs is “{}” instead of “{}”",
                        came.get(first).unwrap_or(&""),
                        expected.get(first).unwrap_or(&"")
                    ))
                ),
            );
        }
    }
    findings.ok(
        Rule::Resumes,
        format!(
            "{place}: {} of {} checkpoints, {} records",
            checkpoints.len().div_ceil(step),
            checkpoints.len(),
            keys.len()
        ),
    );
}

async fn cancelled(findings: &mut Findings, subject: &Subject, asked: &Call) {
    let place = format!("{} {}", asked.activity, asked.object);
    let Ok(mut execution) = subject.start(asked.clone(), Vec::new()).await else {
        return;
    };
    let traffic = execution.traffic().clone();
    if execution.next().await.is_none() {
        return;
    }
    let (before, started) = (traffic.requests(), Instant::now());
    match tokio::time::timeout(ENDS_WITHIN, execution.finish()).await {
        Err(_) => findings.broken(
            Rule::Cancelled,
            format!(
                "{place}: it had not ended {} s after",
                ENDS_WITHIN.as_secs()
            ),
        ),
        Ok(Err(error)) => findings.broken(
            Rule::Cancelled,
            format!("{place}: stopping it is no error, but it said: {error}"),
        ),
        Ok(Ok(_)) => {
            let more = traffic.requests() - before;
            if more > STILL_STARTED {
                findings.broken(
                    Rule::Cancelled,
                    format!("{place}: it started {more} requests more"),
                );
            }
            findings.ok(
                Rule::Cancelled,
                format!(
                    "{place}: ended after {} ms, {more} requests more",
                    started.elapsed().as_millis()
                ),
            );
        }
    }
}

async fn slow_reader(findings: &mut Findings, subject: &Subject, asked: &Call, whole: &Came) {
    let place = format!("{} {}", asked.activity, asked.object);
    let Ok(mut execution) = subject.start(asked.clone(), Vec::new()).await else {
        return;
    };
    let (traffic, usage) = (execution.traffic().clone(), execution.usage().clone());
    if execution.next().await.is_none() {
        return;
    }
    tokio::time::sleep(FILLS).await;
    let filled = (traffic.requests(), usage.peak_memory(), usage.cpu());
    tokio::time::sleep(WATCHED).await;
    let sent = traffic.requests() - filled.0;
    let grown = usage.peak_memory() - filled.1;
    if sent > 0 || grown > 1 << 20 {
        findings.broken(
            Rule::SlowReader,
            format!(
                "{place}: while nobody read it sent {sent} requests and took {grown} bytes more"
            ),
        );
    }
    if usage.cpu().saturating_sub(filled.2) > WATCHED / 4 {
        findings.broken(
            Rule::SlowReader,
            format!("{place}: while nobody read it went on computing"),
        );
    }
    let bytes: usize = whole.items().map(|item| item.data.len()).sum();
    let peak = usage.peak_memory();
    if bytes >= TELLING && peak.saturating_sub(EMPTY) > bytes / 2 {
        findings.broken(
            Rule::SlowReader,
            format!("{place}: it had {peak} bytes of memory for records of {bytes} in all"),
        );
    }
    drop(execution);
    findings.ok(
        Rule::SlowReader,
        format!(
            "{place}: {} KiB at most, of {} KiB",
            peak >> 10,
            bytes >> 10
        ),
    );
}

async fn acknowledged(findings: &mut Findings, subject: &Subject, asked: &Call, whole: &Came) {
    let place = format!("{} {}", asked.activity, asked.object);
    let checkpoint = whole.events.iter().find_map(|event| match event {
        Event::Checkpoint(checkpoint) => Some(checkpoint.clone()),
        _ => None,
    });
    let Some(checkpoint) = checkpoint else {
        findings.not_tested(Rule::Acknowledged, format!("{place} gave no checkpoint"));
        return;
    };
    for time in ["the first time", "a second time", "by another instance"] {
        let acknowledged = match subject.session().await {
            Ok(mut session) => session.acknowledge(asked.clone(), checkpoint.clone()).await,
            Err(error) => Err(error),
        };
        if let Err(error) = acknowledged {
            subject.heard(findings, &format!("acknowledge {place}"), &error);
            findings.broken(Rule::Acknowledged, format!("{place}, {time}: {error}"));
        }
    }
    findings.ok(
        Rule::Acknowledged,
        format!("{place}: one checkpoint, three times"),
    );
}

/// A stream of records that says how many were taken.
pub(super) fn counted(
    records: Vec<Item>,
    taken: std::sync::Arc<std::sync::atomic::AtomicUsize>,
) -> futures::stream::BoxStream<'static, Item> {
    futures::stream::iter(records)
        .inspect(move |_| {
            taken.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        })
        .boxed()
}
