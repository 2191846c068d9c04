//! Get: one record, or some, by their id or another key.

use super::{GET, selection};
use crate::activities::targets::{Extent, Key, find, not_found, show, shown};
use crate::activities::{Events, Options, notices, summary};
use crate::client::Client;
use crate::contract::{
    Activity, Call, Error, Event, Item, PlannedRequest, Property, PropertyKind, Summary,
};
use crate::host::{Host, Method};
use crate::query::{Fields, encode};
use coupa_catalog::Collection;
use serde_json::{Map, Value};

/// The activity.
pub fn activity() -> Activity {
    Activity::source(
        GET,
        "Get",
        "Reads one record, or several, by id or by another field that no two records share.",
        vec![
            Property::new(
                "key",
                "Key",
                "The field that finds the record: id, or one that no two records share, such \
                 as number.",
                PropertyKind::Text,
            )
            .default("id"),
            Property::new(
                "value",
                "Value",
                "Its value, one for each record.",
                PropertyKind::Text,
            )
            .required()
            .repeatable(),
            selection::fields(),
            selection::custom_field(),
        ],
    )
}

/// A get that was checked.
#[derive(Debug)]
pub struct Get {
    path: String,
    key: Key,
    values: Vec<String>,
    fields: Option<Fields>,
    can_show: bool,
}

impl Get {
    /// # Errors
    /// Names the option that does not fit.
    pub fn prepare(
        call: &Call,
        collection: &Collection,
        options: &Options<'_>,
    ) -> Result<Self, Error> {
        let key = Key::parse(options.text("key").unwrap_or("id"), collection)?;
        if key.text().contains([',', '[']) || key.is_association() {
            return Err(Error::setting(
                "key.not-one-field",
                format!(
                    "Get finds records by one plain field, not by “{}”",
                    key.text()
                ),
            )
            .remedy("Use Query with a filter for each of them."));
        }
        let values: Vec<String> = options.all("value").map(str::to_owned).collect();
        if values.is_empty() {
            return Err(Error::setting("option.missing", "say which records to get")
                .remedy("Give the option value, once for each record."));
        }
        let custom: Vec<String> = options.all("custom-field").map(str::to_owned).collect();
        Ok(Self {
            path: format!("/api/{}", call.object),
            key,
            values,
            fields: options
                .text("fields")
                .map(|text| Fields::parse(text, collection.record_type, &custom))
                .transpose()?,
            can_show: collection.can_show(),
        })
    }

    pub fn requests(&self) -> Vec<PlannedRequest> {
        self.values
            .iter()
            .map(|value| PlannedRequest {
                method: Method::Get.as_str(),
                path: if self.by_show() {
                    format!("{}/{}", self.path, encode(value))
                } else {
                    let name = self.key.text().replace('-', "_");
                    format!("{}?{name}={}&limit=2", self.path, encode(value))
                },
                body: None,
                note: "once".to_owned(),
            })
            .collect()
    }

    fn by_show(&self) -> bool {
        self.key.is_id() && self.can_show
    }

    /// # Errors
    /// Names the first record that there is none of; those before it were emitted.
    pub async fn run<H: Host>(
        self,
        client: &Client<H>,
        events: &mut impl Events,
    ) -> Result<Summary, Error> {
        let mut succeeded = 0;
        for value in &self.values {
            let record = Map::from_iter([(self.key.text(), Value::String(value.clone()))]);
            let wanted = self.key.values(&record)?;
            let missing = || not_found(&wanted.text());
            let mut found = if self.by_show() && self.fields.is_none() {
                show(client, &self.path, wanted.id()?).await?
            } else if self.by_show() {
                None
            } else {
                Some(
                    find(client, &self.path, &wanted, Extent::Whole)
                        .await?
                        .ok_or_else(missing)?,
                )
            };
            if let Some(fields) = &self.fields {
                let id = match &found {
                    Some(found) => found.id,
                    None => wanted.id()?,
                };
                let url = format!("{}/{id}?{}", self.path, fields.to_query());
                found = shown(client, url).await?;
            }
            let found = found.ok_or_else(missing)?;
            let item = Event::Item(Item {
                key: found.id.to_string(),
                data: found.text,
            });
            succeeded += 1;
            let batch = notices(client.ledger()).chain([item]).collect();
            if events.emit(batch).await.is_err() {
                return Ok(Summary {
                    succeeded,
                    stopped_early: true,
                    ..summary(client.ledger())
                });
            }
        }
        Ok(Summary {
            succeeded,
            ..summary(client.ledger())
        })
    }
}
