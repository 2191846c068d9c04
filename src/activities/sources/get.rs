//! Get: one record, or some, by their id or another key.

use super::{GET, selection};
use crate::activities::targets::{Extent, Key, find, not_found, show, shown};
use crate::activities::{Events, Options, notices, summary};
use crate::client::Client;
use crate::contract::{
    Activity, Call, Error, Event, Item, PlannedRequest, Property, PropertyKind, Summary,
};
use crate::host::{Host, Method};
use crate::query::{Fields, Filter, encode};
use coupa_catalog::{Collection, Kind};
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
            selection::filter(),
            selection::fields(),
            selection::custom_field(),
        ],
    )
}

/// Leaves the options that a collection has: what is one record needs no key, and
/// only it has filters.
pub fn narrow(options: &mut Vec<Property>, collection: &Collection) {
    let is_one = collection.kind == Kind::Record;
    options.retain(|option| match option.name {
        "key" | "value" => !is_one,
        "filter" => is_one,
        _ => true,
    });
}

/// A get that was checked.
#[derive(Debug)]
pub struct Get {
    path: String,
    /// Where the path itself is that of the record: as a part of the URL's query.
    one: Option<String>,
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
        super::super::under_one_parent(&call.object)?;
        let is_one = collection.kind == Kind::Record;
        let misplaced = if is_one {
            ["key", "value"].as_slice()
        } else {
            &["filter"]
        };
        for name in misplaced {
            if options.text(name).is_some() {
                let all = activity().options;
                return Err(Options::not_here(name, all, |all| narrow(all, collection)));
            }
        }
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
        if values.is_empty() && !is_one {
            return Err(Error::setting("option.missing", "say which records to get")
                .remedy("Give the option value, once for each record."));
        }
        let custom: Vec<String> = options.all("custom-field").map(str::to_owned).collect();
        let filters = options
            .all("filter")
            .map(|text| Ok(Filter::parse(text, collection, &custom)?.to_query()))
            .collect::<Result<Vec<_>, Error>>()?;
        Ok(Self {
            path: format!("/api/{}", call.object),
            one: is_one.then(|| filters.join("&")),
            key,
            values,
            fields: options
                .text("fields")
                .map(|text| Fields::parse(text, collection.record_type, &custom))
                .transpose()?,
            can_show: collection.shows_the_record(),
        })
    }

    pub fn requests(&self) -> Vec<PlannedRequest> {
        if let Some(query) = &self.one {
            return vec![PlannedRequest {
                method: Method::Get.as_str(),
                path: self.url_of_one(query),
                body: None,
                note: "once".to_owned(),
            }];
        }
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

    fn url_of_one(&self, query: &str) -> String {
        let parts = [
            Some(query.to_owned()).filter(|query| !query.is_empty()),
            self.fields.as_ref().map(Fields::to_query),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        match parts.as_slice() {
            [] => self.path.clone(),
            parts => format!("{}?{}", self.path, parts.join("&")),
        }
    }

    /// The record that a path itself is of.
    async fn run_one<H: Host>(
        &self,
        client: &Client<H>,
        query: &str,
        events: &mut impl Events,
    ) -> Result<Summary, Error> {
        let found = shown(client, self.url_of_one(query)).await?;
        let found = found.ok_or_else(|| not_found(&format!("the path {}", self.path)))?;
        let item = Event::Item(Item {
            key: found.id.to_string(),
            data: found.text,
        });
        let batch = notices(client.ledger()).chain([item]).collect();
        let stopped_early = events.emit(batch).await.is_err();
        Ok(Summary {
            succeeded: 1,
            stopped_early,
            ..summary(client.ledger())
        })
    }

    /// # Errors
    /// Names the first record that there is none of; those before it were emitted.
    pub async fn run<H: Host>(
        self,
        client: &Client<H>,
        events: &mut impl Events,
    ) -> Result<Summary, Error> {
        if let Some(query) = &self.one {
            return self.run_one(client, query, events).await;
        }
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
