//! Encrypting a value for one place, and opening it only there.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use secrecy::zeroize::Zeroizing;
use sha2::{Digest, Sha256};

use super::{SealError, SealingKey};

/// Says how the file is made, so that another way can be told apart later.
const FORMAT: u8 = 1;

/// 24 bytes are enough to draw a nonce at random each time.
const NONCE_BYTES: usize = 24;

/// The bytes of a sealed value beyond the value itself: format, nonce, tag.
pub(crate) const OVERHEAD_BYTES: usize = 1 + NONCE_BYTES + 16;

/// Where a value belongs.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) key: &'a str,
}

impl Place<'_> {
    /// The namespace's length comes first, so that no two places read the same.
    fn bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 + self.namespace.len() + self.key.len());
        bytes.extend_from_slice(&(self.namespace.len() as u64).to_be_bytes());
        bytes.extend_from_slice(self.namespace.as_bytes());
        bytes.extend_from_slice(self.key.as_bytes());
        bytes
    }

    pub(crate) fn file_name(self) -> String {
        hash(&self.bytes())
    }

    pub(crate) fn folder_name(self) -> String {
        hash(self.namespace.as_bytes())
    }
}

fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// The sealed form of `value`: format, nonce, and what the cipher made of it.
pub(crate) fn seal(key: &SealingKey, place: Place<'_>, value: &[u8]) -> Result<Vec<u8>, SealError> {
    let mut nonce = [0; NONCE_BYTES];
    getrandom::fill(&mut nonce).map_err(SealError::NoRandomness)?;
    let sealed = cipher(key)
        .encrypt(
            &XNonce::from(nonce),
            Payload {
                msg: value,
                aad: &place.bytes(),
            },
        )
        .map_err(|_| SealError::NotEncrypted)?;
    Ok([&[FORMAT], &nonce[..], &sealed].concat())
}

/// The value, or none where it was not sealed under this key for this place, or
/// was altered since.
pub(crate) fn open(key: &SealingKey, place: Place<'_>, bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (&[FORMAT], rest) = bytes.split_first_chunk()? else {
        return None;
    };
    let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>()?;
    cipher(key)
        .decrypt(
            &XNonce::from(*nonce),
            Payload {
                msg: sealed,
                aad: &place.bytes(),
            },
        )
        .ok()
        .map(Zeroizing::new)
}

fn cipher(key: &SealingKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.expose().into())
}
