//! What sharing has to know of the patterns and projects that are here, whoever told of them.

use crate::model::ids::PatternId;
use crate::storage::error::StorageError;
use crate::storage::open::Reader;

impl Reader {
    /// Whether nothing was learned or imported yet.
    pub(crate) fn knows_nothing(&self) -> Result<bool, StorageError> {
        let found = self.one("SELECT 1 FROM patterns LIMIT 1", [], |row| row.get::<_, i64>(0))?;
        Ok(found.is_none())
    }

    /// Whether there is a pattern with this identity.
    pub(crate) fn knows_pattern(&self, pattern: PatternId) -> Result<bool, StorageError> {
        let sql = "SELECT 1 FROM patterns WHERE id = ?1";
        Ok(self.one(sql, [pattern.as_bytes()], |row| row.get::<_, i64>(0))?.is_some())
    }

    /// The pattern in this row, or the one that stands for it, with all that it stands for.
    pub(crate) fn family(&self, row: i64) -> Result<Vec<PatternId>, StorageError> {
        self.all(
            "WITH head (row) AS (SELECT coalesce(merged_into, row) FROM patterns WHERE row = ?1)
             SELECT p.id FROM patterns p, head h WHERE p.row = h.row OR p.merged_into = h.row",
            [row],
            |row| row.get(0).map(PatternId::from_bytes),
        )
    }

    /// Folders of projects on this disk.
    pub(crate) fn root_folders(&self) -> Result<Vec<String>, StorageError> {
        let sql = "SELECT base FROM roots UNION SELECT path FROM roots WHERE path LIKE '/%'";
        self.all(sql, [], |row| row.get(0))
    }
}
