-- The limits that a person set for a connection, as JSON.
ALTER TABLE connections ADD COLUMN limits TEXT NOT NULL DEFAULT '[]';
