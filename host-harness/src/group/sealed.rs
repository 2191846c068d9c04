//! What goes over the wire, sealed under the group's key for its subject: JSON, and the
//! bytes of inputs.

use super::error::GroupError;
use crate::sealing::{self, Place, SealingKey};
use bytes::Bytes;
use secrecy::zeroize::Zeroizing;
use serde::Serialize;
use serde::de::DeserializeOwned;

fn place<'a>(group: &'a str, subject: &'a str) -> Place<'a> {
    Place {
        namespace: group,
        key: subject,
    }
}

/// Seals a value for a subject of a group.
pub(super) fn seal(
    key: &SealingKey,
    group: &str,
    subject: &str,
    value: &impl Serialize,
) -> Result<Bytes, GroupError> {
    let json = serde_json::to_vec(value).map_err(|error| GroupError::Malformed {
        what: "what is to be sent",
        why: error.to_string(),
    })?;
    let json = Zeroizing::new(json);
    Ok(sealing::seal(key, place(group, subject), &json)?.into())
}

/// Opens what was sealed for a subject of a group.
pub(super) fn open<T: DeserializeOwned>(
    key: &SealingKey,
    group: &str,
    subject: &str,
    bytes: &[u8],
    what: &'static str,
) -> Result<T, GroupError> {
    let json =
        sealing::open(key, place(group, subject), bytes).ok_or(GroupError::Sealed { what })?;
    serde_json::from_slice(&json).map_err(|error| GroupError::Malformed {
        what,
        why: error.to_string(),
    })
}

/// Seals bytes for a subject of a group.
pub(super) fn seal_bytes(
    key: &SealingKey,
    group: &str,
    subject: &str,
    bytes: &[u8],
) -> Result<Bytes, GroupError> {
    Ok(sealing::seal(key, place(group, subject), bytes)?.into())
}

/// Opens bytes that were sealed for a subject of a group.
pub(super) fn open_bytes(
    key: &SealingKey,
    group: &str,
    subject: &str,
    bytes: &[u8],
    what: &'static str,
) -> Result<Zeroizing<Vec<u8>>, GroupError> {
    sealing::open(key, place(group, subject), bytes).ok_or(GroupError::Sealed { what })
}
