//! What the WIT becomes in Rust.

#![expect(unsafe_code, reason = "generated")]

use super::Jq;

wit_bindgen::generate!({
    world: "jq",
    path: "wit",
});

export!(Jq);
