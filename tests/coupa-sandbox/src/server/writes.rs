//! Create, update and delete.

use http::StatusCode;

use super::reads::one;
use super::service::Work;
use crate::media::{Answer, read_body};
use crate::query::Shaping;
use crate::refusal::Refusal;
use crate::seed::API_USER;
use crate::write::Writer;

/// `POST` on a collection.
pub fn create(work: &Work) -> Result<Answer, Refusal> {
    create_with_status(work, None)
}

/// Creates a record, in a status where an action says so.
pub fn create_with_status(work: &Work, status: Option<&str>) -> Result<Answer, Refusal> {
    let record_type = work.route.record_type;
    let shaping = Shaping::parse(record_type.name, &work.request.parameters, false)?;
    let sent = read_body(record_type, &work.request.headers, &work.request.body)?;
    let created = StatusCode::from_u16(work.switches.created_status).unwrap_or(StatusCode::CREATED);
    work.shared.store.write(|records| {
        work.route.check_parent(records)?;
        let writer = Writer::new(records, API_USER)?;
        let mut record = writer.create(record_type, &sent, work.route.parent.as_ref())?;
        if let Some(status) = status {
            record = writer.set_status(record_type, record, status)?;
        }
        one(work, records, created, &shaping, record)
    })
}

/// `PUT` or `PATCH` on a record: both change only what is sent.
pub fn update(work: &Work, id: i64) -> Result<Answer, Refusal> {
    let record_type = work.route.record_type;
    let parameters = &work.request.parameters;
    let shaping = Shaping::parse(record_type.name, parameters, false)?;
    let sent = read_body(record_type, &work.request.headers, &work.request.body)?;
    work.shared.store.write(|records| {
        work.route.check_child(records, id)?;
        let writer = Writer::new(records, API_USER)?;
        let record = writer.update(record_type, id, &sent, parameters.get("exported"))?;
        one(work, records, StatusCode::OK, &shaping, record)
    })
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
