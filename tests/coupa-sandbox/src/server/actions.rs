//! Actions such as `purchase_orders/5/cancel`. Where the effect is known it
//! changes the status; otherwise the answer is the record as it is.

use http::{Method, StatusCode};

use super::reads::one;
use super::service::Work;
use super::writes::create_with_status;
use crate::media::Answer;
use crate::model::facts;
use crate::query::Shaping;
use crate::refusal::Refusal;
use crate::seed::API_USER;
use crate::write::Writer;

/// An action on a record. What is read by one, such as a scan, does not exist here.
pub fn on_record(work: &Work, id: i64, action: &str) -> Result<Answer, Refusal> {
    if work.request.method == Method::GET {
        return Err(Refusal::NotFound);
    }
    let record_type = work.route.record_type;
    let shaping = Shaping::parse(record_type.name, &work.request.parameters, false)?;
    work.shared.store.write(|records| {
        work.route.check_child(records, id)?;
        let mut record = records
            .get(record_type.name, id)?
            .ok_or(Refusal::NotFound)?;
        if let Some(transition) = facts::transition(work.route.collection.path, action) {
            let status = record
                .get("status")
                .and_then(|s| s.as_str())
                .unwrap_or_default();
            if !transition.allows(status) {
                let message = format!("Cannot {} in status {status}.", action.replace('_', " "));
                return Err(Refusal::invalid(record_type.name, message));
            }
            let writer = Writer::new(records, API_USER)?;
            record = writer.set_status(record_type, record, transition.to)?;
        }
        one(work, records, StatusCode::OK, &shaping, record)
    })
}

/// An action on a collection: those that create a record do; the others are
/// not emulated and do not exist.
pub fn on_collection(work: &Work, action: &str) -> Result<Answer, Refusal> {
    match facts::creating_action(work.route.collection.path, action) {
        Some("-") => create_with_status(work, None),
        Some(status) => create_with_status(work, Some(status)),
        None => Err(Refusal::NotFound),
    }
}
