//! What the contract's WIT becomes in Rust.

#![expect(unsafe_code, reason = "generated")]

use super::JsonList;

wit_bindgen::generate!({
    world: "connector-component",
    path: "../../wit",
});

export!(JsonList);
