//! What a new workspace holds, so that a new user can start at once.

use super::error::WorkspaceError;
use rusqlite::Transaction;

/// One organization with both policies off, one group with one agent on this
/// machine, an environment of each kind, and one project.
pub(super) fn fill(transaction: &Transaction<'_>) -> Result<(), WorkspaceError> {
    transaction.execute_batch(
        "INSERT INTO organization VALUES (1, 'My organization', 0, 0, 1);
         INSERT INTO agent_groups (id, name, kind, revision) VALUES (1, 'This machine', 'private', 1);
         INSERT INTO agents (id, group_id, name, revision) VALUES (1, 1, 'Agent 1', 1);
         INSERT INTO environments (id, group_id, name, kind, revision)
             VALUES (1, 1, 'Development', 'development', 1), (2, 1, 'Production', 'production', 1);
         INSERT INTO projects (id, name, revision) VALUES (1, 'My project', 1);",
    )?;
    Ok(())
}
