//! What sharing notes for itself, each value under a key of its own.

use rusqlite::params;

use crate::storage::error::StorageError;
use crate::storage::open::Reader;
use crate::storage::store::Store;

impl Reader {
    /// A value that sharing keeps.
    pub(crate) fn sharing_value(&self, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.one("SELECT value FROM sharing WHERE key = ?1", [key], |row| row.get(0))
    }
}

impl Store {
    /// Keeps a value for sharing.
    pub(crate) fn put_sharing_value(
        &mut self,
        key: &str,
        value: &[u8],
    ) -> Result<(), StorageError> {
        self.put("INSERT OR REPLACE INTO sharing (key, value) VALUES (?1, ?2)", params![key, value])
    }

    /// Drops a value of sharing.
    pub(crate) fn drop_sharing_value(&mut self, key: &str) -> Result<(), StorageError> {
        self.put("DELETE FROM sharing WHERE key = ?1", [key])
    }
}
