//! Projects and the folders that belong to them.

use std::path::Path;

use rusqlite::params;

use super::error::{Attempt, StorageError};
use super::open::Reader;
use super::recall::Recall;
use super::store::Store;

/// A folder in which sessions of a project started.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct StoredRoot {
    /// The folder, with `~` for the home.
    pub(crate) path: String,
    /// Row of its project.
    pub(crate) project: i64,
    /// The project's folder, to which paths are relative.
    pub(crate) base: String,
    /// Whether it was on this disk when it was asked whose it is.
    pub(crate) seen: bool,
}

/// The name under which the folder of a transcript, the client's own, is remembered as one of a
/// project's folders.
pub(crate) fn transcript_folder(transcript: &str) -> Option<String> {
    let folder = Path::new(transcript).parent()?.file_name()?;
    Some(format!("transcripts:{}", folder.to_string_lossy()))
}

impl Reader {
    /// Key and name of the project in this row.
    pub(crate) fn project_names(&self, id: i64) -> Result<(String, String), StorageError> {
        self.conn
            .prepare_cached("SELECT key, name FROM projects WHERE id = ?1")
            .and_then(|mut query| query.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))))
            .attempt("read a project")
    }

    /// All projects as (row, key, name), in the order in which they were met.
    pub(crate) fn projects(&self) -> Result<Vec<(i64, String, String)>, StorageError> {
        let mut query = self
            .conn
            .prepare_cached("SELECT id, key, name FROM projects ORDER BY id")
            .attempt("list the projects")?;
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        rows.and_then(Iterator::collect).attempt("list the projects")
    }

    /// All folders in which sessions started, upper folders before those in them.
    pub(crate) fn roots(&self) -> Result<Vec<StoredRoot>, StorageError> {
        let mut query = self
            .conn
            .prepare_cached("SELECT path, project, base, seen FROM roots ORDER BY path")
            .attempt("list the projects' folders")?;
        let rows = query.query_map([], |row| {
            Ok(StoredRoot {
                path: row.get(0)?,
                project: row.get(1)?,
                base: row.get(2)?,
                seen: row.get(3)?,
            })
        });
        rows.and_then(Iterator::collect).attempt("list the projects' folders")
    }
}

impl Store {
    /// The row of the project with `key`, made if it is new.
    pub(crate) fn ensure_project(&mut self, key: &str, name: &str) -> Result<i64, StorageError> {
        if let Some(id) = self.project_by_key(key)? {
            return Ok(id);
        }
        self.conn()
            .execute("INSERT INTO projects (key, name) VALUES (?1, ?2)", [key, name])
            .attempt("store a project")?;
        Ok(self.conn().last_insert_rowid())
    }

    /// Remembers to which project the sessions belong that started in a folder.
    pub(crate) fn note_root(&mut self, root: &StoredRoot) -> Result<(), StorageError> {
        self.conn()
            .prepare_cached(
                "INSERT INTO roots (path, project, base, seen) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (path) DO UPDATE SET project = excluded.project,
                     base = excluded.base, seen = max(seen, excluded.seen)
                 WHERE (project, base, seen)
                     <> (excluded.project, excluded.base, max(seen, excluded.seen))",
            )
            .and_then(|mut insert| {
                insert.execute(params![root.path, root.project, root.base, root.seen])
            })
            .map(drop)
            .attempt("store a project's folder")
    }

    /// Gives every trajectory the project of the folder in which it started; those for which
    /// that is another one are due to be extracted again. Projects that are left without
    /// anything are dropped.
    pub(crate) fn follow_roots(&mut self) -> Result<(), StorageError> {
        self.conn()
            .execute(
                "UPDATE projects SET listed = 0 WHERE id IN
                     (SELECT t.project FROM trajectories t JOIN roots r ON r.path = t.folder
                      WHERE r.project <> t.project OR r.base <> t.root)",
                [],
            )
            .attempt("note a changed project")?;
        self.conn()
            .execute(
                "UPDATE trajectories SET project = r.project, root = r.base, revision = 0
                 FROM roots r
                 WHERE r.path = trajectories.folder
                     AND (r.project <> trajectories.project OR r.base <> trajectories.root)",
                [],
            )
            .map(drop)
            .attempt("move trajectories to their project")
    }

    /// Drops projects of which nothing is left.
    pub(crate) fn drop_empty_projects(&mut self) -> Result<(), StorageError> {
        self.conn()
            .execute(
                "DELETE FROM projects WHERE
                     NOT EXISTS (SELECT 1 FROM roots WHERE project = projects.id)
                     AND NOT EXISTS (SELECT 1 FROM trajectories WHERE project = projects.id)
                     AND NOT EXISTS (SELECT 1 FROM patterns WHERE project = projects.id)
                     AND NOT EXISTS (SELECT 1 FROM files WHERE project = projects.id)
                     AND NOT EXISTS (SELECT 1 FROM skills WHERE project = projects.id)
                     AND NOT EXISTS (SELECT 1 FROM command_runs WHERE project = projects.id)",
                [],
            )
            .map(drop)
            .attempt("drop empty projects")
    }
}
