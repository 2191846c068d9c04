-- Whether another run has gone on with it: of two who resume a run, one does.
ALTER TABLE runs ADD COLUMN resumed INTEGER NOT NULL DEFAULT 0;
-- The process that conducts it: the name of a file that it holds locked while it lives.
ALTER TABLE runs ADD COLUMN process TEXT;
