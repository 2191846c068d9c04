//! Actions such as `purchase_orders/5/cancel`: what they do is in the data,
//! this chooses the form of the answer.

use http::{Method, StatusCode};
use serde_json::{Map, Value};

use super::reads::{View, listed, one, several};
use super::service::Work;
use super::writes::created;
use crate::media::{Answer, read_body};
use crate::model::actions::{self, Action, Effect};
use crate::model::model;
use crate::query::{Parameters, Scope, Shaping};
use crate::refusal::Refusal;
use crate::seed::API_USER;
use crate::store::Records;
use crate::switches::{OtherLists, Unknown};
use crate::write::{Asked, Membership, Writer, find_by_keys};

/// An action on a record.
pub fn on_record(work: &Work, id: i64, name: &str) -> Result<Answer, Refusal> {
    let action = of_record(work, name)?;
    let record_type = work.route.record_type;
    let shaping = Shaping::parse(record_type.name, &work.request.parameters, false)?;
    let asked = asked(work)?;
    work.shared.store.write(|records| {
        let writer = Writer::new(records, API_USER)?;
        if let Some((list, how)) = membership(action) {
            change_members(work, records, list, how, Some(id), &asked)?;
            let record = records
                .get(record_type.name, id)?
                .ok_or(Refusal::NotFound)?;
            return one(work, records, StatusCode::OK, &shaping, record);
        }
        work.route.check_child(records, id)?;
        if action.has(&Effect::Copy) {
            let record = writer.copy(record_type, id, &asked)?;
            return one(work, records, created(work), &shaping, record);
        }
        let argument = work.route.arguments.first().copied();
        let record = writer.act(record_type, id, action, &asked, argument)?;
        one(work, records, StatusCode::OK, &shaping, record)
    })
}

/// An action on a collection.
pub fn on_collection(work: &Work, name: &str) -> Result<Answer, Refusal> {
    let collection = work.route.collection.path;
    let action = actions::find(collection, &format!("{name}_each"))
        .or_else(|| actions::find(collection, name))
        .ok_or(Refusal::NotFound)?;
    let record_type = work.route.record_type;
    if work.request.method == Method::GET {
        return read(work, action);
    }
    let shaping = Shaping::parse(record_type.name, &work.request.parameters, false)?;
    let asked = asked(work)?;
    work.shared.store.write(|records| {
        work.route.check_parent(records)?;
        let writer = Writer::new(records, API_USER)?;
        for effect in &action.effects {
            match effect {
                Effect::Create => {
                    let route = &work.route;
                    let subset = route.collection.subset.as_ref();
                    let parent = route.parent.as_ref();
                    let record = writer.create(record_type, &asked.body, parent, subset)?;
                    let id = record.get("id").and_then(Value::as_i64).unwrap_or(0);
                    let record = writer.act(record_type, id, action, &asked, None)?;
                    return one(work, records, created(work), &shaping, record);
                }
                Effect::Cart => {
                    let record = writer.add_to_cart(record_type, &asked)?;
                    return one(work, records, StatusCode::OK, &shaping, record);
                }
                Effect::Each(name) => {
                    let each = actions::find(collection, name).ok_or(Refusal::NotFound)?;
                    let found = writer.act_on_each(record_type, collection, each, asked)?;
                    return several(work, records, &shaping, found);
                }
                Effect::Find => {
                    let record = find_by_keys(records, record_type, &asked.body)?;
                    return one(work, records, StatusCode::OK, &shaping, record);
                }
                _ => {}
            }
        }
        match membership(action) {
            Some((list, how)) => {
                let found = change_members(work, records, list, how, None, &asked)?;
                several(work, records, &shaping, found)
            }
            None => Ok(Answer::empty(StatusCode::OK)),
        }
    })
}

/// The action that a path names. `DELETE` undoes where the data says how.
fn of_record(work: &Work, name: &str) -> Result<&'static Action, Refusal> {
    let collection = work.route.collection.path;
    let undo = (work.request.method == Method::DELETE)
        .then(|| actions::find(collection, &format!("un{name}")))
        .flatten();
    undo.or_else(|| actions::find(collection, name))
        .ok_or(Refusal::NotFound)
}

fn asked(work: &Work) -> Result<Asked, Refusal> {
    let request = work.request;
    let body = read_body(work.route.record_type, &request.headers, &request.body)?;
    Ok(Asked::new(body, request.parameters.iter()))
}

/// An action that lists or finds. What else its parameters can be is unknown,
/// so those that are no filters are ignored.
fn read(work: &Work, action: &Action) -> Result<Answer, Refusal> {
    let other = action.effects.iter().find_map(|effect| match effect {
        Effect::List(path) => *path,
        _ => None,
    });
    let view = match other.and_then(|path| model().collection(path)) {
        Some(collection) => View {
            record_type: model()
                .record_type(model().table(collection.record_type))
                .ok_or(Refusal::NotFound)?,
            collection,
        },
        None => View::of(work),
    };
    let mut parameters = match work.switches.other_lists {
        OtherLists::Paged => work.request.parameters.clone(),
        OtherLists::Fixed => Parameters::default(),
    };
    for effect in &action.effects {
        if let Effect::Set(field, value) = effect {
            match *value {
                "@actor" => parameters.add(&format!("{field}[id]"), &API_USER.to_string()),
                value => parameters.add(field, value),
            }
        }
    }
    let scope = Scope {
        parent: work.route.parent.as_ref().filter(|_| other.is_none()),
        ..Scope::table(view.record_type.name)
    };
    if action.has(&Effect::First) {
        return first(work, &view, &scope, &parameters);
    }
    listed(work, &view, &scope, &parameters, Unknown::Ignore)
}

/// The first of a list as one record.
fn first(
    work: &Work,
    view: &View,
    scope: &Scope,
    parameters: &Parameters,
) -> Result<Answer, Refusal> {
    let shaping = Shaping::parse(view.record_type.name, parameters, true)?;
    let bodies = super::reads::bodies(work, view, scope, parameters, Unknown::Ignore)?;
    let body = bodies.first().ok_or(Refusal::NotFound)?;
    let record: Map<String, Value> =
        serde_json::from_str(body).map_err(crate::store::StoreError::from)?;
    work.shared
        .store
        .read(|records| one(work, records, StatusCode::OK, &shaping, record))
}

fn membership(action: &Action) -> Option<(&'static str, Membership)> {
    action.effects.iter().find_map(|effect| match effect {
        Effect::Link(list) => Some((*list, Membership::Add)),
        Effect::Unlink(list) => Some((*list, Membership::Remove)),
        Effect::Clear(list) => Some((*list, Membership::RemoveAll)),
        _ => None,
    })
}

fn change_members(
    work: &Work,
    records: Records<'_>,
    list: &str,
    how: Membership,
    id: Option<i64>,
    asked: &Asked,
) -> Result<Vec<Map<String, Value>>, Refusal> {
    work.route.check_parent(records)?;
    let owner = work.route.parent.as_ref().ok_or(Refusal::NotFound)?;
    let writer = Writer::new(records, API_USER)?;
    writer.change_members(owner, list, work.route.record_type, how, id, asked)
}
