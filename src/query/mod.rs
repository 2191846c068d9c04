//! What is asked of a collection: filters, order, fields, and its pages.

mod again;
mod ahead;
mod attribute;
mod checkpoint;
mod fields;
mod filter;
mod pages;
mod parents;
mod width;

pub use again::read_again;
pub use ahead::MOST_AT_ONCE;
pub use attribute::{SPECIAL_FILTERS, closest, same_name};
pub use checkpoint::read_checkpoint;
pub use fields::Fields;
pub use filter::{Filter, Operator};
pub use pages::{Cursor, PAGE, Page, Pages, Plan};
pub use parents::id_in_key;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Left as they are in a query: RFC 3986's unreserved characters.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Percent-encodes a name or a value of a query.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, QUERY).to_string()
}
