//! The options by which a source says which records and how much of each.

use crate::activities::Options;
use crate::contract::{Call, Choice, Error, Property, PropertyKind};
use crate::query::{Fields, Filter, MOST_AT_ONCE, Plan, same_name};
use coupa_catalog::{Collection, Kind};

pub fn filter() -> Property {
    Property::new(
        "filter",
        "Filters",
        "field=value or field[operator]=value, with associations as in \
         supplier[name][starts_with]=Acme. All have to be met. Operators: not_eq, gt, \
         gt_or_eq, lt, lt_or_eq, contains, starts_with, ends_with, in, not_in, blank.",
        PropertyKind::Text,
    )
    .repeatable()
}

pub fn fields() -> Property {
    Property::new(
        "fields",
        "Fields",
        "The fields to read, as id,name,payment-term[code]. The id always comes. \
         Empty: all that Coupa shows by itself.",
        PropertyKind::Text,
    )
}

pub fn custom_field() -> Property {
    Property::new(
        "custom-field",
        "Custom Fields",
        "The name of a custom field of your Coupa that filters or fields use.",
        PropertyKind::Text,
    )
    .repeatable()
}

pub fn order_by() -> Property {
    Property::new(
        "order-by",
        "Order By",
        "The field to order by. By id, the default, is the safest: records that come \
         or go meanwhile neither hide others nor show them twice.",
        PropertyKind::Text,
    )
    .default("id")
}

pub fn dir() -> Property {
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
    .default("asc")
}

pub fn return_object() -> Property {
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
    .default("full")
}

pub fn limit() -> Property {
    Property::new(
        "limit",
        "Limit",
        "Records to read at most. Empty: all.",
        PropertyKind::WholeNumber(1, u64::MAX),
    )
}

/// What to read, by the options that an activity has.
///
/// # Errors
/// Names the filter or field that the collection does not have.
pub fn plan(call: &Call, collection: &Collection, options: &Options<'_>) -> Result<Plan, Error> {
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
    Ok(Plan {
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
        has_pages: collection.kind == Kind::Collection,
        most_at_once: MOST_AT_ONCE,
    })
}
