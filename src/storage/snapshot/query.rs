//! The rows of the database that a snapshot is made of.

use rusqlite::Row;

use crate::storage::error::{Attempt, StorageError};
use crate::storage::open::Reader;

/// What is attempted when one cannot be read.
pub(super) const ATTEMPT: &str = "read what a snapshot holds";

/// All rows of a query about a project.
pub(super) fn list<T>(
    reader: &Reader,
    sql: &str,
    project: i64,
    read: impl FnMut(&Row<'_>) -> Result<T, rusqlite::Error>,
) -> Result<Vec<T>, StorageError> {
    let mut query = reader.conn.prepare_cached(sql).attempt(ATTEMPT)?;
    let rows = query.query_map([project], read);
    rows.and_then(Iterator::collect).attempt(ATTEMPT)
}
