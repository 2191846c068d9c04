-- Certificate authorities that the agent trusts beside the system's, as PEM.
ALTER TABLE agents ADD COLUMN certificates TEXT NOT NULL DEFAULT '';
-- Who runs it. Runs of before have the agent's name in their record only.
ALTER TABLE runs ADD COLUMN agent_id INTEGER REFERENCES agents (id) ON DELETE SET NULL;
CREATE INDEX runs_of_agent ON runs (agent_id, state);
