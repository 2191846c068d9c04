//! `harness test`, `activities`, `objects` and `describe`.

use super::table::table;
use super::{Connected, Failed, print};
use host_harness::agent::Agent;
use host_harness::runtime::Session;
use host_harness::runtime::types::{Activity, Check, CheckOutcome, Property, PropertyKind, Role};
use serde_json::{Value, json};
use std::process::ExitCode;

pub async fn test(agent: &Agent, connected: &Connected) -> Result<ExitCode, Failed> {
    let checks = connected.session(agent).await?.test().await?;
    let failed = checks
        .iter()
        .any(|check| check.outcome == CheckOutcome::Failed);
    if connected.json {
        let checks: Value = checks.iter().map(check_json).collect();
        print(&checks.to_string())?;
    } else {
        for check in &checks {
            print(&check_text(check))?;
        }
    }
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn check_text(check: &Check) -> String {
    let (mark, said) = match check.outcome {
        CheckOutcome::Passed => ("ok  ", check.detail.clone().unwrap_or_default()),
        CheckOutcome::Skipped => ("-   ", String::new()),
        CheckOutcome::Failed => ("FAIL", String::new()),
    };
    let mut text = format!(
        "{mark}  {:28}  {:>6} ms  {said}",
        check.title, check.elapsed
    )
    .trim_end()
    .to_owned();
    if let Some(error) = &check.error {
        text.push_str(&format!("\n      {} [{}]", error.message, error.code));
        if let Some(remedy) = &error.remedy {
            text.push_str(&format!("\n      {remedy}"));
        }
    }
    text
}

fn check_json(check: &Check) -> Value {
    let outcome = match check.outcome {
        CheckOutcome::Passed => "passed",
        CheckOutcome::Failed => "failed",
        CheckOutcome::Skipped => "skipped",
    };
    json!({
        "name": check.name,
        "title": check.title,
        "outcome": outcome,
        "elapsed-ms": check.elapsed,
        "detail": check.detail,
        "error": check.error.as_ref().map(|error| json!({
            "code": error.code,
            "message": error.message,
            "remedy": error.remedy,
            "status": error.status,
        })),
    })
}

pub async fn activities(agent: &Agent, connected: &Connected) -> Result<ExitCode, Failed> {
    let activities = connected.session(agent).await?.activities().await?;
    if connected.json {
        let activities: Value = activities.iter().map(activity_json).collect();
        print(&activities.to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    for activity in &activities {
        print(&format!(
            "{} ({})\n  {}",
            activity.name,
            role(activity.role),
            activity.description
        ))?;
        for option in &activity.options {
            print(&property_text(option))?;
        }
        print("")?;
    }
    Ok(ExitCode::SUCCESS)
}

const fn role(role: Role) -> &'static str {
    match role {
        Role::Source => "source",
        Role::Target => "target",
    }
}

fn activity_json(activity: &Activity) -> Value {
    let options: Value = activity.options.iter().map(property_json).collect();
    json!({
        "name": activity.name,
        "title": activity.title,
        "description": activity.description,
        "role": role(activity.role),
        "options": options,
    })
}

/// What a property takes, in a word or two.
fn takes(property: &Property) -> String {
    match &property.kind {
        PropertyKind::Text => "text".to_owned(),
        PropertyKind::Secret => "secret".to_owned(),
        PropertyKind::Choice(choices) => {
            let values: Vec<&str> = choices.iter().map(|choice| choice.value.as_str()).collect();
            values.join(" | ")
        }
        PropertyKind::Flag => "true | false".to_owned(),
        PropertyKind::WholeNumber((least, u64::MAX)) => format!("{least} or more"),
        PropertyKind::WholeNumber((least, most)) => format!("{least} to {most}"),
        PropertyKind::Fixed => "fixed".to_owned(),
    }
}

fn property_text(property: &Property) -> String {
    let mut notes = vec![takes(property)];
    if property.required {
        notes.push("required".to_owned());
    }
    if property.repeatable {
        notes.push("repeatable".to_owned());
    }
    if let Some(default) = &property.default {
        notes.push(format!("default {default}"));
    }
    if let Some(condition) = &property.shown_when {
        notes.push(format!(
            "where {} is {}",
            condition.property,
            condition.values.join(" or ")
        ));
    }
    format!(
        "  {:14}  {}\n  {:14}  {}",
        property.name,
        notes.join(", "),
        "",
        property.description
    )
}

fn property_json(property: &Property) -> Value {
    json!({
        "name": property.name,
        "title": property.title,
        "description": property.description,
        "takes": takes(property),
        "secret": matches!(property.kind, PropertyKind::Secret),
        "required": property.required,
        "repeatable": property.repeatable,
        "default": property.default,
        "shown-when": property.shown_when.as_ref().map(|condition| json!({
            "property": condition.property,
            "values": condition.values,
        })),
    })
}

pub async fn objects(
    agent: &Agent,
    connected: &Connected,
    search: Option<String>,
) -> Result<ExitCode, Failed> {
    let objects = connected.session(agent).await?.objects(search).await?;
    if connected.json {
        let objects: Value = objects
            .iter()
            .map(|object| {
                json!({
                    "name": object.name,
                    "title": object.title,
                    "activities": object.activities,
                    "parent": object.parent,
                    "keys": object.keys,
                })
            })
            .collect();
        print(&objects.to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = vec![
        ["OBJECT", "ACTIVITIES", "TITLE"]
            .map(str::to_owned)
            .to_vec(),
    ];
    rows.extend(
        objects
            .into_iter()
            .map(|object| vec![object.name, object.activities.join(" "), object.title]),
    );
    print(&table(&rows))?;
    Ok(ExitCode::SUCCESS)
}

pub async fn object(
    agent: &Agent,
    connected: &Connected,
    object: &str,
    activity: Option<String>,
    refresh: bool,
) -> Result<ExitCode, Failed> {
    let mut session = connected.session(agent).await?;
    let activity = match activity {
        Some(activity) => activity,
        None => first_activity(&mut session, object).await?,
    };
    let shape = session.describe_object(&activity, object, refresh).await?;
    let parse = |schema: Option<String>| {
        schema
            .map(|schema| serde_json::from_str::<Value>(&schema))
            .transpose()
    };
    let options: Value = shape.options.iter().map(property_json).collect();
    let shapes = json!({
        "request": parse(shape.request)?,
        "response": parse(shape.response)?,
        "options": options,
    });
    print(&if connected.json {
        shapes.to_string()
    } else {
        format!("{shapes:#}")
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The first activity that an object allows. An object that no list names, such
/// as one within another record, is described by the connector's first activity.
async fn first_activity(session: &mut Session, object: &str) -> Result<String, Failed> {
    let listed = session.objects(Some(object.to_owned())).await?;
    let listed = listed.into_iter().find(|listed| listed.name == object);
    if let Some(activity) = listed.and_then(|listed| listed.activities.into_iter().next()) {
        return Ok(activity);
    }
    let offered = session.activities().await?;
    let first = offered.into_iter().next();
    Ok(first.ok_or("the connector has no activity")?.name)
}

pub async fn form(agent: &Agent, connected: &Connected) -> Result<ExitCode, Failed> {
    let (connector, _) = connected.connect(agent).await?;
    let descriptor = connector.descriptor();
    if connected.json {
        let properties: Value = descriptor.properties.iter().map(property_json).collect();
        print(&json!({ "id": descriptor.id, "version": descriptor.version, "properties": properties }).to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    print(&format!(
        "{} {}\n{}\n",
        descriptor.title, descriptor.version, descriptor.description
    ))?;
    for property in &descriptor.properties {
        print(&property_text(property))?;
    }
    Ok(ExitCode::SUCCESS)
}
