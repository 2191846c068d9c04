//! The catalog's texts, unpacked when one of them is first asked for.

use std::sync::OnceLock;

/// The text made from a release.
pub fn release() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| unpack(include_bytes!(concat!(env!("OUT_DIR"), "/r39.txt"))))
}

/// The text kept by hand.
pub fn facts() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| unpack(include_bytes!(concat!(env!("OUT_DIR"), "/facts.txt"))))
}

/// It was packed by this crate's own build, and a test unpacks it.
fn unpack(packed: &[u8]) -> String {
    let bytes = miniz_oxide::inflate::decompress_to_vec(packed).unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}
