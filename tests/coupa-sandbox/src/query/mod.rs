//! Queries: what the parameters of a request ask for.

mod current;
mod filter;
mod operator;
mod order;
mod page;
mod parameters;
mod selection;
mod shaping;
mod sql;

pub use current::Renewed;
pub use filter::Filter;
pub use operator::Operator;
pub use order::Order;
pub use page::Page;
pub use parameters::Parameters;
pub use selection::Selection;
pub use shaping::Shaping;
pub use sql::{Scope, count, ids, select};

/// Parameters that are never filters.
const RESERVED: [&str; 12] = [
    "offset",
    "limit",
    "order_by",
    "order-by",
    "dir",
    "fields",
    "return_object",
    "filter",
    "show_deleted_lines",
    "bypass_strict_validations",
    "bulk",
    "reason",
];
