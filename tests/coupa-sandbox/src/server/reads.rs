//! Lists and single records.

use http::StatusCode;
use serde_json::{Map, Value};

use super::service::Work;
use crate::media::{Answer, Media, legacy_address, localize};
use crate::model::{Collection, RecordType};
use crate::query::{Filter, Order, Page, Parameters, Renewed, Scope, Shaping, select};
use crate::refusal::Refusal;
use crate::store::{Records, StoreError};
use crate::switches::{EmptyList, NullAssociations, TimeZone, Unknown};
use crate::write::add_deleted;

/// `GET` on a collection.
pub fn list(work: &Work) -> Result<Answer, Refusal> {
    let route = &work.route;
    let scope = Scope {
        table: route.record_type.name,
        parent: route.parent.as_ref(),
        members: route.collection.members,
        subset: route.collection.subset.as_ref(),
    };
    let view = View::of(work);
    let unknown = work.switches.unknown_filter;
    let page = listed(work, &view, &scope, &work.request.parameters, unknown)?;
    let shared = work.shared;
    shared
        .drifts
        .after_page(route.collection.path, &shared.store);
    Ok(page)
}

/// What is printed: records of a type, under the names of a collection.
pub struct View {
    /// The type of the records.
    pub record_type: &'static RecordType,
    /// The collection.
    pub collection: &'static Collection,
}

impl View {
    /// The records that the path is about.
    pub fn of(work: &Work) -> Self {
        Self {
            record_type: work.route.record_type,
            collection: work.route.collection,
        }
    }
}

/// One page of the records in a scope, filtered by these parameters.
pub fn listed(
    work: &Work,
    view: &View,
    scope: &Scope,
    parameters: &Parameters,
    unknown: Unknown,
) -> Result<Answer, Refusal> {
    let record_type = view.record_type;
    let shaping = Shaping::parse(record_type.name, parameters, true)?;
    let shaping = trimmed(work, record_type, shaping);
    let bodies = bodies(work, view, scope, parameters, unknown)?;
    if bodies.is_empty() {
        return empty(work);
    }
    work.shared.store.read(|records| {
        let as_stored = work.media == Media::Json
            && shaping == Shaping::Full
            && work.switches.time_zone == TimeZone::Utc
            && !shows_deleted(parameters)
            && !is_legacy_address(work)
            && !omits_nulls(record_type)
            && !Renewed::of(records)?.concerns(record_type);
        let text = if as_stored {
            format!("[{}]", bodies.join(","))
        } else {
            let printed = bodies.iter().map(|body| {
                let record = serde_json::from_str(body).map_err(StoreError::from)?;
                print(work, view, records, &shaping, record)
            });
            let printed = printed.collect::<Result<_, Refusal>>()?;
            let list = view.collection.xml_list_element();
            work.media.list(record_type, list, printed)
        };
        Ok(Answer::text(StatusCode::OK, work.media, text))
    })
}

/// The documents of one page, as they are stored.
pub fn bodies(
    work: &Work,
    view: &View,
    scope: &Scope,
    parameters: &Parameters,
    unknown: Unknown,
) -> Result<Vec<String>, Refusal> {
    let record_type = view.record_type;
    let filter = Filter::parse(record_type, parameters, unknown)?;
    let order = Order::parse(record_type, parameters, unknown)?;
    let page = Page::parse(record_type.name, parameters, &work.switches)?;
    work.shared.store.read(|records| {
        work.route.check_parent(records)?;
        if filter.is_unsupported() {
            return Ok(Vec::new());
        }
        let (sql, values) = select(scope, &filter, &order, &page);
        Ok(records.select(&sql, values)?)
    })
}

/// An answer with these records.
pub fn several(
    work: &Work,
    records: Records<'_>,
    shaping: &Shaping,
    found: Vec<Map<String, Value>>,
) -> Result<Answer, Refusal> {
    if *shaping == Shaping::Nothing {
        return Ok(Answer::empty(StatusCode::OK));
    }
    let view = View::of(work);
    let printed = found
        .into_iter()
        .map(|record| print(work, &view, records, shaping, record))
        .collect::<Result<_, Refusal>>()?;
    let list = view.collection.xml_list_element();
    let text = work.media.list(view.record_type, list, printed);
    Ok(Answer::text(StatusCode::OK, work.media, text))
}

/// What an admin's default filter leaves of what is printed.
fn trimmed(work: &Work, record_type: &RecordType, shaping: Shaping) -> Shaping {
    match work.switches.default_response_filter {
        true => shaping.or_default(record_type.name),
        false => shaping,
    }
}

/// Whether removed lines are asked for.
fn shows_deleted(parameters: &Parameters) -> bool {
    parameters.get("show_deleted_lines") == Some("true")
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
    let view = View::of(work);
    let shaping = &trimmed(work, record_type, shaping.clone());
    let printed = print(work, &view, records, shaping, record)?;
    let list = view.collection.xml_list_element();
    Ok(Answer::text(
        status,
        work.media,
        work.media.record(record_type, list, printed),
    ))
}

fn print(
    work: &Work,
    view: &View,
    records: Records<'_>,
    shaping: &Shaping,
    mut record: Map<String, Value>,
) -> Result<Map<String, Value>, Refusal> {
    let record_type = view.record_type;
    if shows_deleted(&work.request.parameters) {
        add_deleted(records, record_type, &mut record)?;
    }
    Renewed::of(records)?.bring_up_to_date(record_type, &mut record)?;
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
