//! The secrets in the database: sealed, each for its place.

use super::database::all;
use super::error::WorkspaceError;
use crate::sealing::{self, Place, SealingKey};
use rusqlite::{OptionalExtension, Transaction, params};
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeSet;

/// The most bytes of a secret: enough for a private key with its certificates.
pub(super) const MOST_BYTES: usize = 64 * 1024;

/// Whose secrets.
#[derive(Debug, Clone, Copy)]
pub(super) enum Owner {
    Connection(i64),
    Variable(i64),
    Agent(i64),
}

impl Owner {
    fn kind(self) -> &'static str {
        match self {
            Self::Connection(_) => "connection",
            Self::Variable(_) => "variable",
            Self::Agent(_) => "agent",
        }
    }

    fn id(self) -> i64 {
        match self {
            Self::Connection(id) | Self::Variable(id) | Self::Agent(id) => id,
        }
    }

    fn place(self, name: &str) -> String {
        format!("{}/{}/{name}", self.kind(), self.id())
    }
}

const NAMESPACE: &str = "workspace secrets";

pub(super) fn put(
    transaction: &Transaction<'_>,
    key: &SealingKey,
    owner: Owner,
    name: &str,
    secret: &SecretString,
) -> Result<(), WorkspaceError> {
    if secret.expose_secret().len() > MOST_BYTES {
        return Err(WorkspaceError::one(
            Some(name),
            "too-long",
            format!("the secret “{name}” has more than {MOST_BYTES} bytes"),
        ));
    }
    let place = owner.place(name);
    let sealed = sealing::seal(
        key,
        Place {
            namespace: NAMESPACE,
            key: &place,
        },
        secret.expose_secret().as_bytes(),
    )?;
    transaction.execute(
        "INSERT OR REPLACE INTO secrets (owner, owner_id, name, sealed) VALUES (?, ?, ?, ?)",
        params![owner.kind(), owner.id(), name, sealed],
    )?;
    Ok(())
}

pub(super) fn get(
    transaction: &Transaction<'_>,
    key: &SealingKey,
    owner: Owner,
    name: &str,
) -> Result<Option<SecretString>, WorkspaceError> {
    let sealed: Option<Vec<u8>> = transaction
        .query_row(
            "SELECT sealed FROM secrets WHERE owner = ? AND owner_id = ? AND name = ?",
            params![owner.kind(), owner.id(), name],
            |row| row.get(0),
        )
        .optional()?;
    let Some(sealed) = sealed else {
        return Ok(None);
    };
    let place = owner.place(name);
    let opened = sealing::open(
        key,
        Place {
            namespace: NAMESPACE,
            key: &place,
        },
        &sealed,
    );
    let text = opened
        .as_ref()
        .and_then(|bytes| std::str::from_utf8(bytes).ok());
    match text {
        Some(text) => Ok(Some(SecretString::from(text))),
        None => Err(WorkspaceError::Sealed {
            owner: format!("{} {}", owner.kind(), owner.id()),
            name: name.to_owned(),
        }),
    }
}

/// The names of the secrets that are set.
pub(super) fn names(
    transaction: &Transaction<'_>,
    owner: Owner,
) -> Result<BTreeSet<String>, WorkspaceError> {
    let names = all(
        transaction,
        "SELECT name FROM secrets WHERE owner = ? AND owner_id = ?",
        params![owner.kind(), owner.id()],
        |row| Ok(row.get(0)?),
    )?;
    Ok(names.into_iter().collect())
}

pub(super) fn remove(
    transaction: &Transaction<'_>,
    owner: Owner,
    name: &str,
) -> Result<(), WorkspaceError> {
    transaction.execute(
        "DELETE FROM secrets WHERE owner = ? AND owner_id = ? AND name = ?",
        params![owner.kind(), owner.id(), name],
    )?;
    Ok(())
}

pub(super) fn remove_all(
    transaction: &Transaction<'_>,
    owner: Owner,
) -> Result<(), WorkspaceError> {
    transaction.execute(
        "DELETE FROM secrets WHERE owner = ? AND owner_id = ?",
        params![owner.kind(), owner.id()],
    )?;
    Ok(())
}
