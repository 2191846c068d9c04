//! What the contract's WIT becomes in Rust.

wit_bindgen::generate!({
    world: "connector-component",
    path: "../wit",
    pub_export_macro: true,
    default_bindings_module: "connector_guest::bindings",
});
