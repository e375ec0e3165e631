//! Rows in the database: asked for, written, and written together or not at all.

use rusqlite::{OptionalExtension, Params, Row};

use crate::storage::error::{Attempt, StorageError};
use crate::storage::open::Reader;
use crate::storage::store::Store;

/// What an error says was attempted.
pub(super) const ATTEMPT: &str = "read or store what is shared";

impl Reader {
    /// What `read` makes of the first row, if there is one.
    pub(super) fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StorageError> {
        self.conn
            .prepare_cached(sql)
            .and_then(|mut query| query.query_row(params, read).optional())
            .attempt(ATTEMPT)
    }

    /// What `read` makes of each row.
    pub(super) fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StorageError> {
        let mut query = self.conn.prepare_cached(sql).attempt(ATTEMPT)?;
        let rows = query.query_map(params, read);
        rows.and_then(Iterator::collect).attempt(ATTEMPT)
    }
}

impl Store {
    /// Runs a statement that changes rows.
    pub(super) fn put(&mut self, sql: &str, params: impl Params) -> Result<(), StorageError> {
        self.conn()
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(params))
            .map(drop)
            .attempt(ATTEMPT)
    }

    /// Begins a transaction.
    pub(crate) fn begin_sharing(&mut self) -> Result<(), StorageError> {
        self.conn().execute_batch("BEGIN IMMEDIATE").attempt("start a transaction")
    }

    /// Ends a transaction.
    pub(crate) fn commit_sharing(&mut self) -> Result<(), StorageError> {
        self.conn().execute_batch("COMMIT").attempt("commit a transaction")
    }

    /// Gives a transaction up.
    pub(crate) fn rollback_sharing(&mut self) {
        // Some errors have rolled back already.
        let _rolled_back = self.conn().execute_batch("ROLLBACK");
    }
}
