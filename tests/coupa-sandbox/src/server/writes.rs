//! Create, update and delete.

use http::{Method, StatusCode};
use serde_json::{Map, Value};

use super::bulk;
use super::reads::one;
use super::service::Work;
use crate::media::{Answer, read_body};
use crate::model::actions::{self, Action};
use crate::query::Shaping;
use crate::refusal::Refusal;
use crate::seed::API_USER;
use crate::write::{Asked, Writer};

/// `POST` on a collection.
pub fn create(work: &Work) -> Result<Answer, Refusal> {
    if bulk::is_bulk(work) {
        return bulk::create(work);
    }
    let route = &work.route;
    let record_type = route.record_type;
    let shaping = Shaping::parse(record_type.name, &work.request.parameters, false)?;
    let sent = read_body(record_type, &work.request.headers, &work.request.body)?;
    work.shared.store.write(|records| {
        route.check_parent(records)?;
        let writer = Writer::new(records, API_USER)?;
        let subset = route.collection.subset.as_ref();
        let record = writer.create(record_type, &sent, route.parent.as_ref(), subset)?;
        one(work, records, created(work), &shaping, record)
    })
}

/// The status of a create.
pub fn created(work: &Work) -> StatusCode {
    let is_create = work.request.method == Method::POST;
    let status = StatusCode::from_u16(work.switches.created_status);
    match status {
        Ok(status) if is_create => status,
        Err(_) if is_create => StatusCode::CREATED,
        _ => StatusCode::OK,
    }
}

/// `PUT` or `PATCH` on a record: both change only what is sent. An action can
/// be asked for in the body, too: `_cancel`.
pub fn update(work: &Work, id: i64) -> Result<Answer, Refusal> {
    let record_type = work.route.record_type;
    let parameters = &work.request.parameters;
    let shaping = Shaping::parse(record_type.name, parameters, false)?;
    let mut sent = read_body(record_type, &work.request.headers, &work.request.body)?;
    let action = action_in_body(work, &mut sent);
    work.shared.store.write(|records| {
        work.route.check_child(records, id)?;
        let writer = Writer::new(records, API_USER)?;
        let exported = parameters.get("exported");
        let moves = work.switches.mark_moves_updated_at;
        let mut record = writer.update(record_type, id, &sent, exported, moves)?;
        if let Some(action) = action {
            let asked = Asked::new(sent, parameters.iter());
            record = writer.act(record_type, id, action, &asked, None)?;
        }
        one(work, records, StatusCode::OK, &shaping, record)
    })
}

/// Takes an action out of a body.
fn action_in_body(work: &Work, sent: &mut Map<String, Value>) -> Option<&'static Action> {
    let path = work.route.collection.path;
    let (key, action) = sent.iter().find_map(|(key, value)| {
        let action = actions::find(path, key.strip_prefix('_')?)?;
        let is_asked = matches!(value, Value::Bool(true)) || value.as_str() == Some("true");
        is_asked.then(|| (key.clone(), action))
    })?;
    sent.remove(&key);
    Some(action)
}

/// `DELETE` on a record: 200 by the specification, with a body that nobody
/// describes; here it is empty.
pub fn delete(work: &Work, id: i64) -> Result<Answer, Refusal> {
    let record_type = work.route.record_type;
    work.shared.store.write(|records| {
        work.route.check_child(records, id)?;
        Writer::new(records, API_USER)?.delete(record_type, id)?;
        Ok(Answer::empty(StatusCode::OK))
    })
}
