-- Whether an operation leaves out the records that are as they were when last taken.
ALTER TABLE operations ADD COLUMN only_changed INTEGER NOT NULL DEFAULT 0;
