//! Targets: one event for each record, and no more read than is written.

use super::discovery::Offered;
use super::report::Findings;
use super::rule::Rule;
use super::source::counted;
use super::subject::{Subject, is_source};
use super::{Chosen, Wishes};
use crate::runtime::RuntimeError;
use crate::runtime::call;
use crate::runtime::types::{Activity, Event, Item};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Records that a target is given whose events nobody reads.
const MANY: usize = 2000;
/// Of these, how many it may have taken: its window.
const WINDOW: usize = 500;
/// How long it is given to take them.
const TAKES: Duration = Duration::from_secs(2);

/// Records that cannot be taken, whatever the object: each is to be answered all
/// the same.
const BAD: [&str; 8] = [
    "{}",
    "[]",
    "null",
    "17",
    "no JSON",
    "{\"a\":",
    "",
    "{\"conformance-unknown\":{\"a\":[1,2,{\"b\":null}]}}",
];

pub(super) async fn check(
    findings: &mut Findings,
    subject: &Subject,
    offered: &Offered,
    wishes: &Wishes,
) {
    for activity in offered.activities.iter().filter(|found| !is_source(found)) {
        // What is not allowed to be changed is only said.
        let dry_run = !wishes.changes;
        if dry_run && !activity.dry_run {
            continue;
        }
        let mut choices: Vec<Chosen> = wishes.targets_of(&activity.name).cloned().collect();
        if choices.is_empty() && wishes.targets.is_empty() {
            choices.extend(first(offered, activity));
        }
        for chosen in choices {
            answers(findings, subject, &chosen, wishes, dry_run).await;
            reads(findings, subject, &chosen, wishes, dry_run).await;
        }
    }
    let any = offered
        .activities
        .iter()
        .any(|activity| !is_source(activity));
    let why = match any {
        true => {
            "no target that was tried runs dry, or ran at all: allow changes, and name an activity \
             and an object"
        }
        false => "it has no target",
    };
    findings.not_tested(Rule::OneAnswer, why);
    findings.not_tested(Rule::ReadsAsItWrites, why);
}

fn first(offered: &Offered, activity: &Activity) -> Option<Chosen> {
    let object = offered
        .objects
        .iter()
        .find(|object| object.activities.contains(&activity.name))?;
    Some(Chosen {
        activity: activity.name.clone(),
        object: object.name.clone(),
        options: Vec::new(),
    })
}

/// What a target is given: the records that were given for it, and bad ones among
/// them.
fn records(wishes: &Wishes, count: usize) -> Vec<Item> {
    let good = wishes.records.iter().map(String::as_str);
    let all: Vec<&str> = good.chain(BAD).collect();
    let many = all.iter().cycle().take(count).enumerate();
    many.map(|(place, data)| Item {
        key: format!("record-{place}"),
        data: (*data).to_owned(),
    })
    .collect()
}

async fn answers(
    findings: &mut Findings,
    subject: &Subject,
    chosen: &Chosen,
    wishes: &Wishes,
    dry_run: bool,
) {
    let place = format!("{} {}", chosen.activity, chosen.object);
    let given = records(wishes, wishes.records.len() + BAD.len());
    let mut asked = call(&chosen.activity, &chosen.object, &chosen.options);
    asked.dry_run = dry_run;
    let came = subject
        .run(findings, asked, given.clone(), usize::MAX)
        .await;
    match &came.ended {
        // The activity needs options that nobody gave: nothing has moved.
        Err(RuntimeError::Connector(_)) if came.events.is_empty() => return,
        Err(RuntimeError::Contract(breach)) => {
            findings.broken(Rule::OneAnswer, format!("{place}: {breach}"));
            return;
        }
        Err(error) => {
            findings.broken(Rule::OneAnswer, format!("{place}: {error}"));
            return;
        }
        Ok(_) => {}
    }
    let mut told: BTreeMap<&str, u32> = BTreeMap::new();
    for event in &came.events {
        match event {
            Event::Answered(answer) => *told.entry(&answer.key).or_default() += 1,
            Event::Rejected(rejection) => *told.entry(&rejection.key).or_default() += 1,
            Event::Item(_) | Event::Checkpoint(_) => findings.broken(
                Rule::OneAnswer,
                format!("{place}: it emitted records or checkpoints, as only sources do"),
            ),
            Event::Notice(_) => {}
        }
    }
    let unanswered: Vec<&str> = given
        .iter()
        .map(|item| item.key.as_str())
        .filter(|key| !told.contains_key(key))
        .collect();
    if !unanswered.is_empty() {
        findings.broken(
            Rule::OneAnswer,
            format!(
                "{place}: of {} records {} were never answered: {unanswered:?}",
                given.len(),
                unanswered.len()
            ),
        );
    }
    findings.ok(
        Rule::OneAnswer,
        format!("{place}: {} records, bad ones among them", given.len()),
    );
}

async fn reads(
    findings: &mut Findings,
    subject: &Subject,
    chosen: &Chosen,
    wishes: &Wishes,
    dry_run: bool,
) {
    let place = format!("{} {}", chosen.activity, chosen.object);
    // Only records that cannot be written: what is taken here is dropped midway.
    let bad = Wishes {
        records: Vec::new(),
        ..wishes.clone()
    };
    let mut asked = call(&chosen.activity, &chosen.object, &chosen.options);
    asked.dry_run = dry_run;
    let taken = Arc::new(AtomicUsize::new(0));
    let input = counted(records(&bad, MANY), Arc::clone(&taken));
    let Ok(session) = subject.session().await else {
        return;
    };
    let execution = session.execute(asked, input);
    tokio::time::sleep(TAKES).await;
    let count = taken.load(Ordering::Relaxed);
    drop(execution);
    if count == 0 {
        return;
    }
    if count > WINDOW {
        findings.broken(
            Rule::ReadsAsItWrites,
            format!("{place}: nobody read its answers, and it took {count} of {MANY} records"),
        );
    }
    findings.ok(
        Rule::ReadsAsItWrites,
        format!("{place}: nobody read its answers, and it took {count} of {MANY} records"),
    );
}
