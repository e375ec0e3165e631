//! Setting a damaged database aside.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::error::{Attempt, StorageError};
use super::file::{self, PathError};
use super::{DATABASE, Reader, Store};

/// What stands between the database's name and the time in the name of one that was set aside.
const MARK: &str = ".damaged-";

/// Renames the database in `home`, with its log and the log's index, to a name that tells the
/// time `now` in UTC, and returns the new path of the database. Call it with the write lock held.
///
/// Processes that still read the database go on reading what they opened.
pub(super) fn set_aside(home: &Path, now: i64) -> Result<PathBuf, StorageError> {
    let time: DateTime<Utc> = DateTime::from_timestamp_millis(now).unwrap_or_default();
    let stamp = time.format("%Y%m%d-%H%M%S");
    let names = (1..).map(|n| match n {
        1 => format!("{DATABASE}{MARK}{stamp}"),
        n => format!("{DATABASE}{MARK}{stamp}-{n}"),
    });
    let name = names
        .into_iter()
        .find(|name| !home.join(name).exists())
        .expect("some number is not taken yet");
    // The database last: a log beside a new database would be taken for that one's.
    for suffix in ["-wal", "-shm", ""] {
        let from = home.join(format!("{DATABASE}{suffix}"));
        if from.exists() {
            file::rename(&from, &home.join(format!("{name}{suffix}"))).map_err(file_error)?;
        }
    }
    Ok(home.join(name))
}

/// Findings of SQLite's check that are kept.
const FINDINGS: usize = 20;

impl Reader {
    /// What is damaged, in SQLite's words; nothing where all is well. `deep` also compares the
    /// indexes with their tables, which takes as long as reading all of it several times.
    pub(crate) fn damage(&self, deep: bool) -> Result<Vec<String>, StorageError> {
        let pragma = if deep { "integrity_check" } else { "quick_check" };
        let sql = format!("PRAGMA {pragma}({FINDINGS})");
        let mut found: Vec<String> = self
            .conn
            .prepare(&sql)
            .and_then(|mut query| query.query_map([], |row| row.get(0))?.collect())
            .attempt("check the database")?;
        found.retain(|finding| finding != "ok");
        let strays: i64 = self
            .conn
            .query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0))
            .attempt("check the database")?;
        if strays > 0 {
            found.push(format!("{strays} rows refer to rows that do not exist"));
        }
        Ok(found)
    }
}

impl Store {
    /// Deletes the databases that were set aside: they hold what is to be forgotten.
    pub(super) fn remove_set_aside(&self) -> Result<(), StorageError> {
        let prefix = format!("{DATABASE}{MARK}");
        let folder = std::fs::read_dir(&self.home).map_err(|source| StorageError::File {
            attempt: "list",
            path: self.home.clone(),
            source,
        })?;
        for entry in folder.flatten() {
            if entry.file_name().to_string_lossy().starts_with(&prefix) {
                file::remove_own(&entry.path()).map_err(file_error)?;
            }
        }
        Ok(())
    }
}

/// A failed file operation as an error of the store.
pub(super) fn file_error(error: PathError) -> StorageError {
    StorageError::File { attempt: error.attempt, path: error.path, source: error.source }
}
