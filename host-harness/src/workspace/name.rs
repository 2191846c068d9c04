//! Names that people give.

use super::database::exists;
use super::error::WorkspaceError;
use rusqlite::{ToSql, Transaction, params};

/// The most characters of a name.
const MOST: usize = 100;

/// The name without white space around it.
///
/// `/` and `:` are refused because names become parts of paths, and of names
/// with parts, in exported files and on the command line.
pub(super) fn checked(what: &'static str, name: &str) -> Result<String, WorkspaceError> {
    let name = name.trim();
    let why = if name.is_empty() {
        "it is empty"
    } else if name.contains(['/', ':']) {
        "leave out `/` and `:`"
    } else if name.contains(char::is_control) {
        "leave out line breaks and other control characters"
    } else if name.chars().count() > MOST {
        "use at most 100 characters"
    } else {
        return Ok(name.to_owned());
    };
    Err(WorkspaceError::Name {
        name: name.to_owned(),
        what,
        why,
    })
}

/// That no other row of `table`, whose names are unique in the organization, has
/// the name. `except` is the row that may.
pub(super) fn free(
    transaction: &Transaction<'_>,
    table: &'static str,
    what: &'static str,
    name: &str,
    except: Option<impl ToSql>,
) -> Result<(), WorkspaceError> {
    let sql = format!("SELECT 1 FROM {table} WHERE name = ? AND id IS NOT ?");
    if exists(transaction, &sql, params![name, except])? {
        return Err(WorkspaceError::Taken {
            what,
            name: name.to_owned(),
            among: String::new(),
        });
    }
    Ok(())
}

/// `name copy`, or with a number where that is taken.
pub(super) fn of_copy(name: &str, taken: impl Fn(&str) -> bool) -> String {
    let stem: String = name.chars().take(MOST - 12).collect();
    let first = format!("{stem} copy");
    if !taken(&first) {
        return first;
    }
    (2_u32..)
        .map(|n| format!("{stem} copy {n}"))
        .find(|name| !taken(name))
        .unwrap_or(first)
}
