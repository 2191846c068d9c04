//! A short sign by which to tell texts apart: FNV-1a, 64 bits. Not against
//! anybody who wants two to be alike.

/// Sixteen hexadecimal digits.
pub fn fingerprint(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}
