-- Of the runs that are kept, the few that are under way: they are looked for all the time.
CREATE INDEX runs_under_way ON runs (id) WHERE state = 'running';
-- The limits that a person set for a connection, as JSON.
ALTER TABLE connections ADD COLUMN limits TEXT NOT NULL DEFAULT '[]';
