-- Whether its turn came: what waited for it when its program ended is begun again.
ALTER TABLE runs ADD COLUMN begun INTEGER NOT NULL DEFAULT 1;
