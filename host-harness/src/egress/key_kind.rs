//! Kinds of keys by name, for messages about one that cannot be used: who is told of "an
//! unsupported algorithm" does not know which one to choose.

/// What can be used, of private keys and of servers' certificates.
pub(super) const SUPPORTED: &str =
    "RSA of 2,048 to 4,096 bits, ECDSA on P-256 or P-384, or Ed25519";

/// Object identifiers as they stand in a key or a certificate (DER, without their tag and
/// length), the more special ones first: RFC 8017, RFC 5480, RFC 8410, RFC 3279.
const KINDS: [(&[u8], &str); 12] = [
    (&[0x2b, 0x81, 0x04, 0x00, 0x23], "ECDSA on P-521"),
    (&[0x2b, 0x81, 0x04, 0x00, 0x22], "ECDSA on P-384"),
    (&[0x2b, 0x81, 0x04, 0x00, 0x0a], "ECDSA on secp256k1"),
    (
        &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
        "ECDSA on P-256",
    ),
    (
        &[0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01],
        "ECDSA on a Brainpool curve",
    ),
    (&[0x2b, 0x65, 0x71], "Ed448"),
    (&[0x2b, 0x65, 0x70], "Ed25519"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01], "DSA"),
    (
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a],
        "RSA-PSS",
    ),
    (
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05],
        "RSA with SHA-1",
    ),
    (
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01],
        "RSA",
    ),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01], "ECDSA"),
];

/// An algorithm is named at the beginning of a key in PKCS#8; only SEC1 names it last.
const LOOKED_THROUGH: usize = 40;

/// The kind of a key or of an algorithm in DER, if it is one of those above.
pub(super) fn of(der: &[u8]) -> Option<&'static str> {
    let end = der.len().min(LOOKED_THROUGH);
    let beginning = der.get(..end).unwrap_or_default();
    let named_in = |part: &[u8]| {
        KINDS
            .iter()
            .find(|(id, _)| part.windows(id.len()).any(|window| window == *id))
            .map(|(_, name)| *name)
    };
    named_in(beginning).or_else(|| {
        // SEC1: the private number, whose length its curve decides, and then the curve.
        let is_sec1 = beginning.starts_with(&[0x30]) && der.len() < 300;
        is_sec1.then(|| named_in(der)).flatten()
    })
}
