-- The name under which the agents of a group join over NATS; absent where they are
-- this program's only.
ALTER TABLE agent_groups ADD COLUMN joined_as TEXT;
-- Of a run that agents of such a group do: the job, as JSON, and the last message of
-- its reports that is in here.
ALTER TABLE runs ADD COLUMN job TEXT;
ALTER TABLE runs ADD COLUMN reported INTEGER NOT NULL DEFAULT 0;
