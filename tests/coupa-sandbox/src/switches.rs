//! Switches: how this instance behaves where Coupa's behaviour is unknown, or
//! differs from instance to instance.
//!
//! A client has to survive every position of every switch.

mod positions;

use serde::{Deserialize, Serialize};
use strum::VariantArray;

/// The body of an answer that refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, VariantArray)]
#[serde(rename_all = "snake_case")]
pub enum RefusalBody {
    /// The error envelope in the requested media type.
    Envelope,
    /// Nothing.
    Empty,
    /// A page of HTML.
    Html,
}

/// What to do with something that is not understood or not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, VariantArray)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    /// Answer 400 and say why.
    Refuse,
    /// Act as if it had not been sent.
    Ignore,
}

/// What a `limit` over the greatest page size does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, VariantArray)]
#[serde(rename_all = "snake_case")]
pub enum OversizedLimit {
    /// The page is as large as it can be.
    Clamp,
    /// Answer 400.
    Refuse,
}

/// What a request without an acceptable `Accept` gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, VariantArray)]
#[serde(rename_all = "snake_case")]
pub enum MissingAccept {
    /// XML, the default of the API.
    Xml,
    /// Status 406.
    NotAcceptable,
}

/// How an association without a record is printed in the answer to a POST.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, VariantArray)]
#[serde(rename_all = "snake_case")]
pub enum NullAssociations {
    /// Not at all, as in Coupa's documentation.
    Omit,
    /// As `null`, as in the answer to a GET.
    Null,
}

/// What a JSON list without records answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, VariantArray)]
#[serde(rename_all = "snake_case")]
pub enum EmptyList {
    /// Status 200 and `[]`, as documented.
    Ok,
    /// Status 404, as in XML; seen on some paths.
    NotFound,
}

/// How timestamps are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, VariantArray)]
#[serde(rename_all = "snake_case")]
pub enum TimeZone {
    /// `2024-03-04T17:12:40Z`
    Utc,
    /// `2024-03-04T09:12:40-08:00`: in the zone of a company in Los Angeles.
    Offset,
}

/// How the name of a downloaded file is written (RFC 6266). Which way Coupa has is
/// not documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, VariantArray)]
#[serde(rename_all = "snake_case")]
pub enum FileNames {
    /// In quotes, and where it is not plain ASCII in the extended form as well.
    Both,
    /// In the extended form alone, in UTF-8.
    Extended,
    /// The same in ISO-8859-1, as far as it has the letters.
    Latin,
    /// In quotes alone, with backslashes, and its letters as bytes of UTF-8.
    Escaped,
}

/// What the lists that are no collections, such as `requisitions/mine`, make of a
/// limit, an offset, filters and an order. The release says nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, VariantArray)]
#[serde(rename_all = "snake_case")]
pub enum OtherLists {
    /// The same as a collection.
    Paged,
    /// Nothing: they answer their first records, whatever is asked for.
    Fixed,
}

/// How this instance behaves. The defaults are the documented or likeliest behaviour.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// The body of a 401.
    pub unauthorized_body: RefusalBody,
    /// The body of a 403.
    pub forbidden_body: RefusalBody,
    /// The body of a 404 for one record, in JSON.
    pub not_found_body: RefusalBody,
    /// A `limit` over the greatest page size.
    pub oversized_limit: OversizedLimit,
    /// A request without `Accept`, or with one that names neither JSON nor XML.
    pub missing_accept: MissingAccept,
    /// A filter, operator or order that does not exist.
    pub unknown_filter: Unknown,
    /// Associations without a record in the answer to a POST.
    pub null_associations: NullAssociations,
    /// Whether a 429 of the rate limit says `Retry-After: 1`.
    pub retry_after: bool,
    /// Whether `fields` prints the id without being asked.
    pub fields_add_id: bool,
    /// A JSON list without records.
    pub json_empty_list: EmptyList,
    /// The same below `coupa_pay`, where Coupa's own NetSuite bundle reads a 404
    /// as "nothing to export".
    pub coupa_pay_empty_list: EmptyList,
    /// Whether addresses are printed in JSON as they were until about 2018:
    /// names with underscores, the country as text, associations by their id.
    pub legacy_addresses: bool,
    /// The greatest page size, documented as 50. More lets a client ask for more.
    pub page_size: u64,
    /// Milliseconds for which a new token is refused.
    pub token_delay_ms: u64,
    /// Seconds that a token lives: 86399 in every source.
    pub token_lifetime_s: u64,
    /// Whether an OAuth error describes itself.
    pub token_error_description: bool,
    /// Whether requests may authenticate by `X-COUPA-API-KEY`, which Coupa has retired.
    pub api_key: bool,
    /// How timestamps are printed.
    pub time_zone: TimeZone,
    /// The status of a create: 201 by the specification, 200 in one sample.
    pub created_status: u16,
    /// Whether an admin made a response filter the default of its objects: then
    /// it silently leaves fields out of every answer that does not ask for any.
    pub default_response_filter: bool,
    /// Whether `bulk=1` creates several records in one request, as in 2014.
    pub bulk_create: bool,
    /// How the name of a downloaded file is written.
    pub file_names: FileNames,
    /// What lists that are no collections make of parameters.
    pub other_lists: OtherLists,
    /// Whether marking a record as exported, or taking the mark away, moves its `updated-at`.
    pub mark_moves_updated_at: bool,
    /// Whether the rate limit is enforced.
    pub rate_limit: bool,
    /// Requests a second that the rate limit lets through.
    pub rate_per_second: f64,
    /// Requests that may come at once on top of that.
    pub rate_burst: f64,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            unauthorized_body: RefusalBody::Envelope,
            forbidden_body: RefusalBody::Envelope,
            not_found_body: RefusalBody::Envelope,
            oversized_limit: OversizedLimit::Clamp,
            missing_accept: MissingAccept::Xml,
            unknown_filter: Unknown::Refuse,
            null_associations: NullAssociations::Omit,
            retry_after: false,
            fields_add_id: false,
            json_empty_list: EmptyList::Ok,
            coupa_pay_empty_list: EmptyList::Ok,
            legacy_addresses: false,
            page_size: 50,
            token_delay_ms: 0,
            token_lifetime_s: 86_399,
            token_error_description: true,
            api_key: false,
            time_zone: TimeZone::Utc,
            created_status: 201,
            default_response_filter: false,
            bulk_create: false,
            file_names: FileNames::Both,
            other_lists: OtherLists::Paged,
            mark_moves_updated_at: false,
            rate_limit: false,
            rate_per_second: 25.0,
            rate_burst: 20.0,
        }
    }
}

/// Why a switch could not be set.
#[derive(Debug, thiserror::Error)]
#[error("cannot set switch {name}: {reason}")]
pub struct SwitchError {
    name: String,
    reason: String,
}

impl Switches {
    /// Sets one switch by its name, with the value as text: `page_size=20`.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), SwitchError> {
        let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
        let mut change = serde_json::Map::new();
        change.insert(name.to_owned(), value);
        self.merge(change).map_err(|reason| SwitchError {
            name: name.to_owned(),
            reason: reason.to_string(),
        })
    }

    /// Sets the switches that are named and leaves the others.
    pub fn merge(
        &mut self,
        changes: serde_json::Map<String, serde_json::Value>,
    ) -> Result<(), serde_json::Error> {
        let mut all = serde_json::to_value(&*self)?;
        if let Some(all) = all.as_object_mut() {
            all.extend(changes);
        }
        *self = serde_json::from_value(all)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_are_set_by_name() {
        let mut switches = Switches::default();
        switches.set("page_size", "20").unwrap();
        switches.set("forbidden_body", "html").unwrap();
        assert_eq!(switches.page_size, 20);
        assert_eq!(switches.forbidden_body, RefusalBody::Html);
        assert!(switches.set("no_such_switch", "1").is_err());
        assert!(switches.set("api_key", "perhaps").is_err());
        assert_eq!(switches.page_size, 20);
    }
}
