//! What the contract's WIT becomes in Rust.

#![expect(missing_docs, reason = "generated; the WIT documents each item")]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "connector-component",
    exports: { default: async },
});

pub use exports::integration::connector::design;
pub use integration::connector::types;
