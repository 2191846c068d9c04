//! A short sign by which to tell texts apart: FNV-1a, 64 bits. Not against
//! anybody who wants two to be alike.

/// Where a sign of several texts begins.
pub const START: u64 = 0xcbf2_9ce4_8422_2325;

/// The sign of what came before, and this.
pub fn hash(before: u64, text: &str) -> u64 {
    text.bytes().fold(before, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Sixteen hexadecimal digits.
pub fn fingerprint(text: &str) -> String {
    format!("{:016x}", hash(START, text))
}
