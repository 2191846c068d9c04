CREATE TABLE organization (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    name TEXT NOT NULL,
    disable_auto_connector_update INTEGER NOT NULL,
    reauthentication_on_change INTEGER NOT NULL,
    revision INTEGER NOT NULL
);
CREATE TABLE agent_groups (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    revision INTEGER NOT NULL
);
CREATE TABLE agents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id INTEGER NOT NULL REFERENCES agent_groups (id),
    name TEXT NOT NULL UNIQUE,
    proxy TEXT,
    revision INTEGER NOT NULL
);
CREATE TABLE agent_versions (
    agent_id INTEGER NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    connector TEXT NOT NULL,
    version TEXT NOT NULL,
    digest TEXT NOT NULL,
    downloaded_at TEXT NOT NULL,
    PRIMARY KEY (agent_id, connector)
);
CREATE TABLE environments (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id INTEGER NOT NULL REFERENCES agent_groups (id),
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    revision INTEGER NOT NULL
);
CREATE TABLE projects (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    revision INTEGER NOT NULL
);
CREATE TABLE variables (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id INTEGER REFERENCES projects (id),
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    secret INTEGER NOT NULL,
    revision INTEGER NOT NULL
);
-- A value of a variable: of one environment, or (0) of all others. A secret one
-- lies in `secrets`.
CREATE TABLE variable_values (
    variable_id INTEGER NOT NULL REFERENCES variables (id) ON DELETE CASCADE,
    environment_id INTEGER NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (variable_id, environment_id)
);
CREATE TABLE connections (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id INTEGER NOT NULL REFERENCES projects (id),
    connector TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    use_proxy INTEGER NOT NULL,
    settings TEXT NOT NULL,
    -- The descriptor's rules as they were when it was saved, so that they hold
    -- where no connector is at hand, too.
    reauthentication TEXT NOT NULL,
    revision INTEGER NOT NULL,
    UNIQUE (project_id, connector, name)
);
CREATE TABLE activities (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    connection_id INTEGER NOT NULL REFERENCES connections (id),
    activity TEXT NOT NULL,
    role TEXT NOT NULL,
    name TEXT NOT NULL,
    object TEXT NOT NULL,
    options TEXT NOT NULL,
    revision INTEGER NOT NULL,
    UNIQUE (connection_id, activity, name)
);
CREATE TABLE operations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id INTEGER NOT NULL REFERENCES projects (id),
    name TEXT NOT NULL,
    source TEXT,
    mapping TEXT,
    target TEXT,
    on_success INTEGER REFERENCES operations (id),
    on_failure INTEGER REFERENCES operations (id),
    revision INTEGER NOT NULL,
    UNIQUE (project_id, name)
);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    operation_id INTEGER REFERENCES operations (id) ON DELETE SET NULL,
    project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    state TEXT NOT NULL,
    -- The run as JSON.
    record TEXT NOT NULL,
    -- Where its source can be resumed, as JSON.
    place TEXT,
    cancel INTEGER NOT NULL DEFAULT 0,
    -- Milliseconds since 1970: a run whose process has died stops telling.
    heartbeat INTEGER NOT NULL
);
CREATE INDEX runs_of_operation ON runs (operation_id);
CREATE TABLE rejected (
    run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    record TEXT NOT NULL,
    -- The run in which it was tried again.
    again_in INTEGER,
    PRIMARY KEY (run_id, seq)
);
-- Sealed under the workspace's key for exactly this place.
CREATE TABLE secrets (
    owner TEXT NOT NULL,
    owner_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (owner, owner_id, name)
);
