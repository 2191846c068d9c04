//! Query: reads the records of an object that meet its filters.

use super::{Events, Options, notices, summary, warning};
use crate::client::Client;
use crate::contract::{
    Activity, Call, Choice, Error, Event, Property, PropertyKind, Role, Summary,
};
use crate::host::Host;
use crate::query::{Cursor, Fields, Filter, Page, Pages, Plan, same_name};
use coupa_catalog::Collection;
use futures::channel::mpsc;
use futures::{StreamExt, future};

pub const NAME: &str = "query";

/// Pages read ahead of what the host has taken. Together with the page being
/// fetched and the one being delivered this bounds the memory of a query.
const PAGES_AHEAD: usize = 2;

/// The activity.
pub fn activity() -> Activity {
    Activity {
        name: NAME,
        title: "Query",
        description: "Reads all records of an object that meet the filters, page after page.",
        role: Role::Source,
        options: vec![
            Property::new(
                "filter",
                "Filters",
                "field=value or field[operator]=value, with associations as in \
                 supplier[name][starts_with]=Acme. All have to be met. Operators: not_eq, gt, \
                 gt_or_eq, lt, lt_or_eq, contains, starts_with, ends_with, in, not_in, blank.",
                PropertyKind::Text,
            )
            .repeatable(),
            Property::new(
                "fields",
                "Fields",
                "The fields to read, as id,name,payment-term[code]. The id always comes. \
                 Empty: all that Coupa shows by itself.",
                PropertyKind::Text,
            ),
            Property::new(
                "custom-field",
                "Custom Fields",
                "The name of a custom field of your Coupa that filters or fields use.",
                PropertyKind::Text,
            )
            .repeatable(),
            Property::new(
                "order-by",
                "Order By",
                "The field to order by. By id, the default, is the safest: records that come \
                 or go meanwhile neither hide others nor show them twice.",
                PropertyKind::Text,
            )
            .default("id"),
            Property::new(
                "dir",
                "Direction",
                "Upwards or downwards.",
                PropertyKind::Choice(&[
                    Choice {
                        value: "asc",
                        title: "Ascending",
                    },
                    Choice {
                        value: "desc",
                        title: "Descending",
                    },
                ]),
            )
            .default("asc"),
            Property::new(
                "return-object",
                "Return Object",
                "How much of each record: all of it, its own fields with the keys of what it \
                 refers to, or its id alone.",
                PropertyKind::Choice(&[
                    Choice {
                        value: "full",
                        title: "All",
                    },
                    Choice {
                        value: "shallow",
                        title: "Own fields and keys",
                    },
                    Choice {
                        value: "limited",
                        title: "Ids",
                    },
                ]),
            )
            .default("full"),
            Property::new(
                "limit",
                "Limit",
                "Records to read at most. Empty: all.",
                PropertyKind::WholeNumber(1, u64::MAX),
            ),
        ],
    }
}

/// A query that was checked.
#[derive(Debug)]
pub struct Query {
    plan: Plan,
    start: Cursor,
}

impl Query {
    pub fn prepare(
        call: &Call,
        collection: &Collection,
        options: &Options<'_>,
    ) -> Result<Self, Error> {
        let custom: Vec<String> = options.all("custom-field").map(str::to_owned).collect();
        let record_type = collection.record_type;
        let filters = options
            .all("filter")
            .map(|text| Filter::parse(text, collection, &custom))
            .collect::<Result<_, _>>()?;
        let order_by = match options.text("order-by") {
            None => None,
            Some(name) => {
                let known = coupa_catalog::field(record_type, name).is_some()
                    || custom.iter().any(|custom| same_name(custom, name));
                if !known {
                    let fields = coupa_catalog::fields(record_type).map(|field| field.name);
                    let hint = crate::query::closest(name, fields)
                        .map_or_else(String::new, |name| format!("Did you mean “{name}”?"));
                    return Err(Error::setting(
                        "order.unknown-field",
                        format!("{record_type} has no field “{name}” to order by"),
                    )
                    .remedy(hint));
                }
                Some(name.replace('-', "_"))
            }
        };
        let plan = Plan {
            path: format!("/api/{}", call.object),
            filters,
            order_by,
            descending: options.text("dir") == Some("desc"),
            fields: options
                .text("fields")
                .map(|text| Fields::parse(text, record_type, &custom))
                .transpose()?,
            return_object: options
                .text("return-object")
                .filter(|value| *value != "full")
                .map(str::to_owned),
            limit: options.number("limit"),
            has_id: coupa_catalog::field(record_type, "id").is_some(),
            is_nested: collection.is_nested(),
        };
        let start = match &call.resume {
            Some(checkpoint) => Cursor::parse(checkpoint, &plan)?,
            None => plan.start(),
        };
        Ok(Self { plan, start })
    }

    /// Reads ahead and delivers at the same time.
    pub async fn run<H: Host>(
        self,
        client: &Client<H>,
        events: &mut impl Events,
    ) -> Result<Summary, Error> {
        let (sender, mut pages) = mpsc::channel(PAGES_AHEAD);
        let reader = Pages {
            client,
            plan: &self.plan,
        };
        let reading = reader.read(self.start, sender);
        let delivering = async {
            let mut delivered = 0;
            while let Some(page) = pages.next().await {
                let Page {
                    items,
                    next,
                    warning: said,
                } = page?;
                delivered += items.len() as u64;
                let mut batch: Vec<Event> = Vec::with_capacity(items.len() + 2);
                batch.extend(notices(client.ledger()));
                batch.extend(said.map(warning));
                batch.extend(items.into_iter().map(Event::Item));
                batch.push(Event::Checkpoint(next.to_text()));
                if events.emit(batch).await.is_err() {
                    // Nobody listens any more. Dropping the channel ends the
                    // reading too.
                    pages.close();
                    return Ok((delivered, true));
                }
            }
            Ok((delivered, false))
        };
        let ((), delivered) = future::join(reading, delivering).await;
        let (succeeded, stopped_early) = delivered?;
        Ok(Summary {
            succeeded,
            stopped_early,
            ..summary(client.ledger())
        })
    }
}
