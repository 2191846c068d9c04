//! Which records of a source are as they were when they were last taken.
//!
//! The digest of each record lies in a file, by its key; nothing of it is in memory,
//! however many there are. A digest moves only when its record has been dealt with:
//! what was rejected, or lost, counts as changed the next time.

use super::RunError;
use crate::blocking::blocking;
use rusqlite::{Connection, OptionalExtension, params};
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// How long to wait while another run of the same operation writes.
const PATIENCE: Duration = Duration::from_secs(10);

/// `taken`: what was dealt with, and in which pass a key was last met. `told`: what
/// has come in this run and was not dealt with yet, by its number in it.
const SCHEMA: &str = "
    PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS taken (
        key TEXT PRIMARY KEY, digest BLOB NOT NULL, pass INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TEMP TABLE told (key TEXT PRIMARY KEY, number INTEGER NOT NULL, digest BLOB NOT NULL);
    CREATE INDEX temp.told_by_number ON told (number);
    BEGIN IMMEDIATE;";

/// The content of a record, in a few bytes.
pub type ContentDigest = [u8; 32];

/// The keys that were there in the last complete pass, and are gone in this one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gone {
    /// How many.
    pub count: u64,
    /// The first of them, in the order of their text.
    pub keys: Vec<String>,
}

/// What was taken of a source before, in a file.
pub struct Taken {
    connection: Connection,
    pass: i64,
}

impl Taken {
    /// Opens the file, or makes it. `pass` numbers the passes over the source; a run
    /// that goes on with another one has its number.
    ///
    /// # Errors
    /// If the file cannot be opened, is none of SQLite's, or another run has it for
    /// too long.
    pub fn open(path: &Path, pass: i64) -> Result<Self, RunError> {
        let open = || -> rusqlite::Result<Connection> {
            let connection = Connection::open(path)?;
            connection.busy_timeout(PATIENCE)?;
            connection.execute_batch(SCHEMA)?;
            Ok(connection)
        };
        let connection = blocking(open)
            .map_err(|error| RunError::Observer(format!("{}: {error}", path.display())))?;
        Ok(Self { connection, pass })
    }

    /// The digest of a record that is not as it was when it was last taken; none
    /// where it is.
    ///
    /// # Errors
    /// If the file cannot be used.
    pub fn changed(&mut self, key: &str, json: &str) -> Result<Option<ContentDigest>, RunError> {
        let digest = digest_of(json);
        let look = || -> rusqlite::Result<bool> {
            let found: Option<(Vec<u8>, i64)> = self
                .connection
                .prepare_cached("SELECT digest, pass FROM taken WHERE key = ?")?
                .query_row([key], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            let Some((before, pass)) = found else {
                return Ok(true);
            };
            if pass != self.pass {
                self.connection
                    .prepare_cached("UPDATE taken SET pass = ? WHERE key = ?")?
                    .execute(params![self.pass, key])?;
            }
            Ok(before != digest)
        };
        let changed = look().map_err(failed)?;
        Ok(changed.then_some(digest))
    }

    /// A changed record is on its way; it is dealt with when place `number` of the
    /// run is reached.
    ///
    /// # Errors
    /// If the file cannot be used.
    pub fn told(&mut self, number: u64, key: &str, digest: ContentDigest) -> Result<(), RunError> {
        let tell = || -> rusqlite::Result<usize> {
            self.connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO told (key, number, digest) VALUES (?, ?, ?)",
                )?
                .execute(params![key, number, digest])
        };
        tell().map(|_| ()).map_err(failed)
    }

    /// A record, or one of those that a mapping made of it, was not taken: it counts
    /// as changed the next time.
    ///
    /// # Errors
    /// If the file cannot be used.
    pub fn rejected(&mut self, key: &str) -> Result<(), RunError> {
        let forget = || -> rusqlite::Result<()> {
            for table in ["told", "taken"] {
                self.connection
                    .prepare_cached(&format!("DELETE FROM {table} WHERE key = ?"))?
                    .execute([key])?;
            }
            Ok(())
        };
        forget().map_err(failed)
    }

    /// Everything up to a place has been dealt with.
    ///
    /// # Errors
    /// If the file cannot be used.
    pub fn reached(&mut self, number: u64) -> Result<(), RunError> {
        let keep = || -> rusqlite::Result<()> {
            self.connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO taken (key, digest, pass)
                     SELECT key, digest, ? FROM told WHERE number <= ?",
                )?
                .execute(params![self.pass, number])?;
            self.connection
                .prepare_cached("DELETE FROM told WHERE number <= ?")?
                .execute([number])?;
            self.connection.execute_batch("COMMIT; BEGIN IMMEDIATE;")
        };
        blocking(keep).map_err(failed)
    }

    /// The source has come to its end, and all of it was dealt with. Where a pass
    /// reads everything, what it has not met is gone: it is forgotten, and `most` of
    /// its keys are named.
    ///
    /// # Errors
    /// If the file cannot be used.
    pub fn complete(&mut self, reads_everything: bool, most: u32) -> Result<Gone, RunError> {
        self.reached(u64::try_from(i64::MAX).unwrap_or_default())?;
        if !reads_everything {
            return Ok(Gone::default());
        }
        let forget = || -> rusqlite::Result<Gone> {
            let mut statement = self
                .connection
                .prepare("SELECT key FROM taken WHERE pass <> ? ORDER BY key LIMIT ?")?;
            let keys = statement.query_map(params![self.pass, most], |row| row.get(0))?;
            let keys = keys.collect::<rusqlite::Result<_>>()?;
            let deleted = "DELETE FROM taken WHERE pass <> ?";
            let count = self.connection.execute(deleted, [self.pass])?;
            self.connection.execute_batch("COMMIT; BEGIN IMMEDIATE;")?;
            Ok(Gone {
                count: u64::try_from(count).unwrap_or(u64::MAX),
                keys,
            })
        };
        blocking(forget).map_err(failed)
    }
}

fn failed(error: rusqlite::Error) -> RunError {
    RunError::Observer(format!("what was taken before: {error}"))
}

/// The digest of what a record says, however it is written: the order of its fields,
/// white space and the way a text is escaped make no difference; the digits of a
/// number do.
fn digest_of(json: &str) -> ContentDigest {
    let mut canonical = String::with_capacity(json.len());
    write_canonical(json, &mut canonical);
    Sha256::digest(canonical.as_bytes()).into()
}

fn write_canonical(json: &str, to: &mut String) {
    let json = json.trim();
    match json.as_bytes().first() {
        Some(b'{') => {
            if let Ok(fields) = serde_json::from_str::<BTreeMap<String, Borrowed<'_>>>(json) {
                to.push('{');
                for (name, value) in fields {
                    to.push_str(&serde_json::Value::String(name).to_string());
                    to.push(':');
                    write_canonical(value.0.get(), to);
                    to.push(',');
                }
                to.push('}');
                return;
            }
        }
        Some(b'[') => {
            if let Ok(elements) = serde_json::from_str::<Vec<Borrowed<'_>>>(json) {
                to.push('[');
                for element in elements {
                    write_canonical(element.0.get(), to);
                    to.push(',');
                }
                to.push(']');
                return;
            }
        }
        Some(b'"') => {
            if let Ok(text) = serde_json::from_str::<String>(json) {
                to.push_str(&serde_json::Value::String(text).to_string());
                return;
            }
        }
        _ => {}
    }
    // A number, a word, or what is no JSON: as it is.
    to.push_str(json);
}

#[derive(Deserialize)]
struct Borrowed<'a>(#[serde(borrow)] &'a RawValue);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_record_says_makes_a_difference() {
        let one = digest_of(r#"{"b":[1.10,{"y":null,"x":"é"}],"a":"/"}"#);
        let same =
            digest_of("{ \"a\": \"\\/\", \"b\": [ 1.10, {\"x\":\"\\u00e9\", \"y\":null} ] }");
        assert_eq!(one, same);
        for other in [
            r#"{"b":[1.1,{"y":null,"x":"é"}],"a":"/"}"#,
            r#"{"b":[{"y":null,"x":"é"},1.10],"a":"/"}"#,
            r#"{"b":[1.10,{"x":"é"}],"a":"/"}"#,
            r#"{"b":[1.10,{"y":null,"x":"e"}],"a":"/"}"#,
        ] {
            assert_ne!(one, digest_of(other), "{other}");
        }
    }

    #[test]
    fn a_digest_moves_when_its_record_was_dealt_with_and_what_is_gone_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        let mut first = Taken::open(&path, 1).unwrap();
        let tell = |taken: &mut Taken, number: u64, key: &str, json: &str| {
            let digest = taken.changed(key, json).unwrap();
            if let Some(digest) = digest {
                taken.told(number, key, digest).unwrap();
            }
            digest.is_some()
        };
        for (number, key) in [(1, "a"), (2, "b"), (3, "c")] {
            assert!(tell(&mut first, number, key, "{\"n\":1}"));
        }
        first.rejected("b").unwrap();
        first.reached(2).unwrap();
        // It dies: the third was not dealt with.
        drop(first);
        let mut second = Taken::open(&path, 2).unwrap();
        assert!(!tell(&mut second, 1, "a", "{ \"n\": 1 }"));
        assert!(tell(&mut second, 2, "b", "{\"n\":1}"), "rejected");
        assert!(tell(&mut second, 3, "c", "{\"n\":1}"), "lost");
        assert_eq!(second.complete(true, 5).unwrap(), Gone::default());
        drop(second);
        let mut third = Taken::open(&path, 3).unwrap();
        assert!(tell(&mut third, 1, "b", "{\"n\":2}"));
        let gone = third.complete(true, 1).unwrap();
        assert_eq!((gone.count, gone.keys), (2, vec!["a".to_owned()]));
        assert!(tell(&mut third, 2, "a", "{\"n\":1}"), "it is there again");
    }
}
