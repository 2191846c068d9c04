//! Sources: records out of Coupa.

mod changes;
mod download;
mod export;
#[cfg(test)]
mod export_tests;
mod get;
mod marking;
mod query;
mod reading;
mod selection;
#[cfg(test)]
mod tests;
mod version;
#[cfg(test)]
mod walk_tests;
mod window;

pub use changes::Changes;
pub use download::Download;
pub use export::Export;
pub use get::Get;
pub use query::Query;

use crate::contract::Activity;
use coupa_catalog::{Collection, Kind};

pub const QUERY: &str = "query";
pub const GET: &str = "get";
pub const CHANGES: &str = "changes";
pub const EXPORT: &str = "export";
pub const DOWNLOAD: &str = "download";

/// Their names, in the order to show them.
pub const NAMES: [&str; 5] = [QUERY, GET, CHANGES, EXPORT, DOWNLOAD];

/// The source activities, in the order to show them.
pub fn activities() -> Vec<Activity> {
    vec![
        query::activity(),
        get::activity(),
        changes::activity(),
        export::activity(),
        download::activity(),
    ]
}

/// Whether a collection allows an activity.
pub fn allows(collection: &Collection, activity: &str) -> bool {
    let has = |name| coupa_catalog::field(collection.record_type, name).is_some();
    match activity {
        QUERY => collection.can_list() || collection.kind == Kind::List,
        GET => {
            collection.shows_the_record()
                || collection.can_list()
                || collection.kind == Kind::Record
        }
        CHANGES => collection.can_list() && has("id") && has("updated-at"),
        EXPORT => collection.can_list() && collection.can_update() && has("id") && has("exported"),
        DOWNLOAD => download::has_files(collection),
        _ => false,
    }
}

/// The options of an activity for one collection: with the choices that it has.
pub fn options_for(activity: &Activity, collection: &Collection) -> Vec<crate::contract::Property> {
    let mut options = activity.options.clone();
    match activity.name {
        DOWNLOAD => download::narrow(&mut options, collection),
        GET => get::narrow(&mut options, collection),
        _ => {}
    }
    options
}
