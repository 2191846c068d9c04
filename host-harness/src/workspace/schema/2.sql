-- Where the source of an operation goes on from run to run, in an environment.
CREATE TABLE continuations (
    operation_id INTEGER NOT NULL REFERENCES operations (id) ON DELETE CASCADE,
    environment_id INTEGER NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
    checkpoint TEXT NOT NULL,
    PRIMARY KEY (operation_id, environment_id)
);
