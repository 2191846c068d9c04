//! jq as a component without a single import: whatever a filter does, it does
//! to its own memory.

#![cfg(target_family = "wasm")]

mod arithmetic;
mod bindings;
mod count;
mod filter;
mod functions;
mod hint;
mod json;
mod pattern;
mod rewrite;
mod value;

use bindings::exports::harness::jq::filters::{Bounds, Failure, Filter, Guest, GuestFilter, Wrong};

struct Jq;

impl Guest for Jq {
    type Filter = filter::Filter;
}

impl GuestFilter for filter::Filter {
    fn parse(text: String, bounds: Bounds) -> Result<Filter, Wrong> {
        filter::Filter::parse(&text, bounds).map(Filter::new)
    }

    fn apply(&self, record: String, now: f64) -> Result<Vec<String>, Failure> {
        self.apply(&record, now)
    }
}
