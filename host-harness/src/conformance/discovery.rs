//! What can be done with what.

use super::descriptor;
use super::report::Findings;
use super::rule::Rule;
use super::subject::{Subject, is_source};
use crate::runtime::call;
use crate::runtime::design::{Object, Shape};
use crate::runtime::types::Activity;
use crate::runtime::{RuntimeError, Session};
use serde_json::Value;
use std::collections::BTreeSet;

/// Objects of which each pair with an activity is described.
const MOST_OBJECTS: usize = 200;

/// What a connector offers.
#[derive(Default)]
pub(super) struct Offered {
    pub(super) activities: Vec<Activity>,
    pub(super) objects: Vec<Object>,
}

pub(super) async fn check(findings: &mut Findings, subject: &Subject) -> Offered {
    let mut offered = Offered::default();
    let mut session = match subject.session().await {
        Ok(session) => session,
        Err(error) => {
            findings.broken(Rule::NeverTraps, format!("opening a session: {error}"));
            return offered;
        }
    };
    match session.activities().await {
        Ok(activities) => {
            check_activities(findings, &activities);
            offered.activities = activities;
        }
        Err(error) => {
            subject.heard(findings, "list-activities", &error);
            findings.broken(Rule::Activities, format!("it cannot be asked: {error}"));
            return offered;
        }
    }
    match session.objects(None).await {
        Ok(objects) => {
            check_objects(findings, &offered.activities, &objects);
            offered.objects = objects;
        }
        Err(error) => {
            subject.heard(findings, "list-objects", &error);
            findings.broken(Rule::Objects, format!("they cannot be listed: {error}"));
            return offered;
        }
    }
    search(findings, subject, &mut session, &offered.objects).await;
    shapes(findings, subject, &mut session, &offered).await;
    plans(findings, subject, &mut session, &offered).await;
    subject.watch.look_at_log(findings, session.log());
    offered
}

fn check_activities(findings: &mut Findings, activities: &[Activity]) {
    let mut names = BTreeSet::new();
    for activity in activities {
        let name = &activity.name;
        let mut broken = |what: &str| {
            findings.broken(Rule::Activities, format!("“{name}” {what}"));
        };
        if !names.insert(name) {
            broken("is listed twice");
        }
        if activity.title.trim().is_empty() {
            broken("has no title");
        }
        if !is_source(activity) && (activity.continues || activity.acknowledged) {
            broken("is a target, and continues or is acknowledged, which sources do");
        }
        if is_source(activity) && activity.dry_run {
            broken("is a source, and has a dry run, which targets have");
        }
        descriptor::form(findings, &format!("the activity {name}"), &activity.options);
    }
    if activities.is_empty() {
        findings.broken(Rule::Activities, "it offers none");
    }
    findings.ok(Rule::Activities, format!("{} activities", activities.len()));
}

fn check_objects(findings: &mut Findings, activities: &[Activity], objects: &[Object]) {
    let mut names = BTreeSet::new();
    for object in objects {
        let name = &object.name;
        if !names.insert(name) {
            findings.broken(Rule::Objects, format!("“{name}” is listed twice"));
        }
        for allowed in &object.activities {
            if !activities.iter().any(|activity| activity.name == *allowed) {
                findings.broken(
                    Rule::Objects,
                    format!("“{name}” allows “{allowed}”, which is no activity"),
                );
            }
        }
    }
    if objects.is_empty() {
        findings.not_tested(Rule::Objects, "it has none with these settings");
    } else {
        findings.ok(Rule::Objects, format!("{} objects", objects.len()));
    }
}

async fn search(
    findings: &mut Findings,
    subject: &Subject,
    session: &mut Session,
    objects: &[Object],
) {
    let Some(object) = objects.get(objects.len() / 2) else {
        findings.not_tested(Rule::Search, "there are no objects");
        return;
    };
    let nothing = "no-object-has-this-in-its-name".to_owned();
    for wanted in [object.title.to_uppercase(), object.name.clone(), nothing] {
        let found = match session.objects(Some(wanted.clone())).await {
            Ok(found) => found,
            Err(error) => {
                subject.heard(findings, "list-objects", &error);
                findings.broken(Rule::Search, format!("“{wanted}”: {error}"));
                return;
            }
        };
        let lower = wanted.to_lowercase();
        let names = |objects: &[Object], all: bool| -> BTreeSet<String> {
            let contains = |text: &str| text.to_lowercase().contains(&lower);
            objects
                .iter()
                .filter(|object| all || contains(&object.name) || contains(&object.title))
                .map(|object| object.name.clone())
                .collect()
        };
        let (came, expected) = (names(&found, true), names(objects, false));
        if came != expected {
            let odd: Vec<&String> = came.symmetric_difference(&expected).collect();
            findings.broken(
                Rule::Search,
                format!("a search for “{wanted}” finds too much or too little: {odd:?}"),
            );
        }
    }
    findings.ok(
        Rule::Search,
        "by title in capitals, by name, and by what none has",
    );
}

async fn shapes(
    findings: &mut Findings,
    subject: &Subject,
    session: &mut Session,
    offered: &Offered,
) {
    let before = session.traffic().requests();
    let mut described = 0;
    for object in offered.objects.iter().take(MOST_OBJECTS) {
        for name in &object.activities {
            let place = format!("{name} {}", object.name);
            match session.describe_object(name, &object.name, false).await {
                Ok(shape) => {
                    let activity = offered.activities.iter().find(|known| known.name == *name);
                    check_shape(findings, &place, activity, &shape);
                    described += 1;
                }
                Err(error) => {
                    subject.heard(findings, &format!("describe-object {place}"), &error);
                    findings.broken(
                        Rule::Shapes,
                        format!("{place} cannot be described: {error}"),
                    );
                    if !matches!(error, RuntimeError::Connector(_)) {
                        return;
                    }
                }
            }
        }
    }
    let sent = session.traffic().requests() - before;
    if described == 0 {
        let why = "there is no object that allows an activity";
        findings.not_tested(Rule::Shapes, why);
        findings.not_tested(Rule::DescribingSendsNothing, why);
        return;
    }
    if sent > 0 {
        findings.broken(
            Rule::DescribingSendsNothing,
            format!("{sent} requests went out for {described} shapes"),
        );
    }
    findings.ok(Rule::DescribingSendsNothing, format!("{described} shapes"));
    findings.ok(
        Rule::Shapes,
        format!("{described} pairs of an activity and an object"),
    );
}

fn check_shape(findings: &mut Findings, place: &str, activity: Option<&Activity>, shape: &Shape) {
    for (side, schema) in [("request", &shape.request), ("response", &shape.response)] {
        let Some(schema) = schema else { continue };
        let parsed = match serde_json::from_str::<Value>(schema) {
            Ok(parsed) => parsed,
            Err(error) => {
                findings.broken(
                    Rule::Shapes,
                    format!("{place}: the {side} is no JSON: {error}"),
                );
                continue;
            }
        };
        if let Err(error) = jsonschema::draft202012::meta::validate(&parsed) {
            findings.broken(
                Rule::Shapes,
                format!("{place}: the {side} is no JSON Schema 2020-12: {error}"),
            );
        }
    }
    let Some(activity) = activity else { return };
    match (is_source(activity), &shape.request) {
        (true, Some(_)) => findings.broken(
            Rule::Shapes,
            format!("{place}: a source takes no records, and has the shape of one"),
        ),
        (false, None) => findings.broken(
            Rule::Shapes,
            format!("{place}: a target takes records, and has no shape of them"),
        ),
        _ => {}
    }
    descriptor::form(findings, place, &shape.options);
}

async fn plans(
    findings: &mut Findings,
    subject: &Subject,
    session: &mut Session,
    offered: &Offered,
) {
    let before = session.traffic().requests();
    let mut planned = 0;
    for activity in &offered.activities {
        let object = offered
            .objects
            .iter()
            .find(|object| object.activities.contains(&activity.name));
        let Some(object) = object else { continue };
        let asked = call(&activity.name, &object.name, &[]);
        match session.plan(asked, false).await {
            Ok(plan) => {
                planned += 1;
                let place = format!("the plan of {}", activity.name);
                for request in &plan.requests {
                    let body = request.body.as_deref().unwrap_or_default();
                    for text in [&request.path, &request.note, body] {
                        subject.watch.look(findings, &place, text);
                    }
                }
                for note in &plan.notes {
                    subject.watch.look(findings, &place, note);
                }
            }
            // It may need options that nobody gave.
            Err(error) => subject.heard(findings, &format!("plan {}", activity.name), &error),
        }
        if session.traffic().requests() > before {
            findings.broken(
                Rule::PlanningSendsNothing,
                format!("the plan of {} sent a request", activity.name),
            );
            break;
        }
    }
    if planned == 0 {
        findings.not_tested(Rule::PlanningSendsNothing, "no activity could be planned");
    } else {
        findings.ok(Rule::PlanningSendsNothing, format!("{planned} activities"));
    }
}
