//! The tables.

use rusqlite::Connection;

use super::StoreError;

/// `record` holds the documents. Times are columns, too, so that the common
/// filter and order on them is an index range; ties in `updated_at` come in
/// the opposite order of the id, since no client may rely on anything else.
/// `natural_key` finds a record by what identifies it in place of its id.
/// `sequence` never gives an id twice, not even after a delete. `file` says
/// which files a record has.
const TABLES: &str = "
CREATE TABLE IF NOT EXISTS record (
    type TEXT NOT NULL,
    id INTEGER NOT NULL,
    parent TEXT,
    created_at TEXT,
    updated_at TEXT,
    body TEXT NOT NULL,
    PRIMARY KEY (type, id)
);
CREATE INDEX IF NOT EXISTS record_by_update ON record (type, updated_at, id DESC);
CREATE INDEX IF NOT EXISTS record_by_parent ON record (parent, type, id) WHERE parent IS NOT NULL;
CREATE TABLE IF NOT EXISTS natural_key (
    type TEXT NOT NULL,
    field TEXT NOT NULL,
    value TEXT NOT NULL,
    id INTEGER NOT NULL,
    PRIMARY KEY (type, field, value, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sequence (
    type TEXT PRIMARY KEY,
    last INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS file (
    type TEXT NOT NULL,
    id INTEGER NOT NULL,
    role TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (type, id, role)
) WITHOUT ROWID;
";

/// Creates what is missing. A sandbox is made to be thrown away, so nothing
/// waits for the disk.
pub fn prepare(connection: &Connection) -> Result<(), StoreError> {
    connection.pragma_update(None, "journal_mode", "MEMORY")?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    connection.set_prepared_statement_cache_capacity(256);
    connection.execute_batch(TABLES)?;
    Ok(())
}
