//! Lists and single records.

use http::StatusCode;
use serde_json::{Map, Value};

use super::service::Work;
use crate::media::{Answer, Media, legacy_address, localize};
use crate::model::RecordType;
use crate::query::{Filter, Order, Page, Scope, Shaping, select};
use crate::refusal::Refusal;
use crate::store::{Records, StoreError};
use crate::switches::{EmptyList, NullAssociations, TimeZone};

/// `GET` on a collection.
pub fn list(work: &Work) -> Result<Answer, Refusal> {
    let (parameters, switches) = (&work.request.parameters, &work.switches);
    let record_type = work.route.record_type;
    let filter = Filter::parse(record_type, parameters, switches.unknown_filter)?;
    let order = Order::parse(record_type, parameters, switches.unknown_filter)?;
    let page = Page::parse(record_type.name, parameters, switches)?;
    let shaping = Shaping::parse(record_type.name, parameters, true)?;
    let scope = Scope {
        table: record_type.name,
        parent: work.route.parent.as_ref(),
    };
    work.shared.store.read(|records| {
        work.route.check_parent(records)?;
        let bodies = if filter.is_unsupported() {
            Vec::new()
        } else {
            let (sql, values) = select(&scope, &filter, &order, &page);
            records.select(&sql, values)?
        };
        if bodies.is_empty() {
            return empty(work);
        }
        let as_stored = work.media == Media::Json
            && shaping == Shaping::Full
            && switches.time_zone == TimeZone::Utc
            && !is_legacy_address(work)
            && !omits_nulls(record_type);
        let text = if as_stored {
            format!("[{}]", bodies.join(","))
        } else {
            let printed = bodies.iter().map(|body| {
                let record = serde_json::from_str(body).map_err(StoreError::from)?;
                print(work, records, &shaping, record)
            });
            let printed = printed.collect::<Result<_, Refusal>>()?;
            let list = work.route.collection.xml_list_element();
            work.media.list(record_type, &list, printed)
        };
        Ok(Answer::text(StatusCode::OK, work.media, text))
    })
}

/// `GET` on a record.
pub fn show(work: &Work, id: i64) -> Result<Answer, Refusal> {
    let record_type = work.route.record_type;
    let shaping = Shaping::parse(record_type.name, &work.request.parameters, true)?;
    work.shared.store.read(|records| {
        work.route.check_child(records, id)?;
        let record = records
            .get(record_type.name, id)?
            .ok_or(Refusal::NotFound)?;
        one(work, records, StatusCode::OK, &shaping, record)
    })
}

/// The answer with one record.
pub fn one(
    work: &Work,
    records: Records<'_>,
    status: StatusCode,
    shaping: &Shaping,
    mut record: Map<String, Value>,
) -> Result<Answer, Refusal> {
    if *shaping == Shaping::Nothing {
        return Ok(Answer::empty(status));
    }
    let record_type = work.route.record_type;
    let creates = work.request.method == http::Method::POST;
    if creates && work.switches.null_associations == NullAssociations::Omit {
        record.retain(|name, value| {
            let field = record_type.field(name);
            !value.is_null() || field.is_none_or(|field| record_type.link(field).is_none())
        });
    }
    let printed = print(work, records, shaping, record)?;
    let list = work.route.collection.xml_list_element();
    Ok(Answer::text(
        status,
        work.media,
        work.media.record(record_type, &list, printed),
    ))
}

fn print(
    work: &Work,
    records: Records<'_>,
    shaping: &Shaping,
    record: Map<String, Value>,
) -> Result<Map<String, Value>, Refusal> {
    let record_type = work.route.record_type;
    let mut printed = shaping.apply(records, record_type, record, work.switches.fields_add_id)?;
    if work.switches.time_zone == TimeZone::Offset {
        printed.values_mut().for_each(localize);
    }
    if omits_nulls(record_type) {
        printed.retain(|_, value| !value.is_null());
    }
    if is_legacy_address(work) {
        printed = legacy_address(record_type, printed);
    }
    Ok(printed)
}

/// Supplier information leaves out what is null, since release R31.
fn omits_nulls(record_type: &RecordType) -> bool {
    record_type.name == "SupplierInformation"
}

fn is_legacy_address(work: &Work) -> bool {
    work.switches.legacy_addresses
        && work.media == Media::Json
        && work.route.record_type.name == "Address"
}

/// No records: `[]` in JSON, 404 in XML, as documented; some JSON paths were
/// seen to answer 404, too.
fn empty(work: &Work) -> Result<Answer, Refusal> {
    let switch = match work.route.collection.path.starts_with("coupa_pay/") {
        true => work.switches.coupa_pay_empty_list,
        false => work.switches.json_empty_list,
    };
    match (work.media, switch) {
        (Media::Json, EmptyList::Ok) => {
            Ok(Answer::text(StatusCode::OK, Media::Json, "[]".to_owned()))
        }
        _ => Err(Refusal::NoResults),
    }
}
