CREATE TABLE IF NOT EXISTS handed (
    run_id INTEGER NOT NULL,
    id INTEGER NOT NULL,
    number INTEGER,
    key TEXT NOT NULL,
    digest BLOB NOT NULL,
    answered INTEGER NOT NULL,
    source_record TEXT,
    record TEXT,
    PRIMARY KEY (run_id, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS handed_by_key ON handed (run_id, key);
