//! Forgetting: no word of it stays behind, and it is not learned again.
//!
//! What stays are hashes: the ids of steps, patterns and sessions that were forgotten. They are
//! kept in the database and, so that a rebuilt database knows them too, in a file beside it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::damage::file_error;
use super::error::{Attempt, StorageError};
use super::open::Store;
use super::{DATABASE, file};
use crate::model::ids::StepId;

/// File in the home that lists what was forgotten, one id in hex a line.
const FORGOTTEN: &str = "forgotten";

/// What to forget.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Forget {
    /// One pattern with those that were merged with it, and the steps that they were learned from:
    /// other patterns that were learned from the same steps go with them.
    Pattern(i64),
    /// Everything that was learned in a project so far.
    Project(i64),
    /// A session with its subagents, and what it says in future.
    Session(String),
}

/// The id under which a session is forgotten.
fn session_id(session: &str) -> StepId {
    StepId::derive(&format!("session {session}"))
}

impl Store {
    /// Forgets what is named. Returns how many patterns or trajectories that was.
    ///
    /// Afterwards extract the trajectories that are due, and then call [`Store::purge`]: until
    /// then words can remain in free pages, in the search index and in the log.
    pub(crate) fn forget(&mut self, what: &Forget, now: i64) -> Result<u64, StorageError> {
        self.forgets = true;
        self.withdraw()?;
        file::remove(&self.home.join(super::vectors::FILE)).map_err(file_error)?;
        self.atomically(|store| store.forget_rows(what, now))
    }

    fn forget_rows(&mut self, what: &Forget, now: i64) -> Result<u64, StorageError> {
        let store = self;
        store.forget_skills()?;
        match what {
            Forget::Pattern(row) => {
                // What was merged says nearly the same words.
                let standing = store.stands_for(*row)?.unwrap_or(*row);
                let mut rows = store.merged_into(standing)?;
                rows.push(standing);
                rows.iter().try_for_each(|row| store.forget_pattern(*row))?;
                Ok(1)
            }
            Forget::Project(project) => {
                let trajectories =
                    store.list("SELECT id FROM trajectories WHERE project = ?1", project)?;
                store.forget_trajectories(&trajectories, BTreeSet::new(), now)?;
                store.change("DELETE FROM roots WHERE project = ?1", project)?;
                store.drop_empty_projects()?;
                Ok(trajectories.len() as u64)
            }
            Forget::Session(session) => {
                let trajectories =
                    store.list("SELECT id FROM trajectories WHERE session = ?1", session)?;
                let ids = BTreeSet::from([*session_id(session).as_bytes()]);
                store.forget_trajectories(&trajectories, ids, now)?;
                Ok(trajectories.len() as u64)
            }
        }
    }

    /// Wipes what deleting leaves behind: the search index's old segments, free pages, the log,
    /// and the damaged databases that were set aside.
    ///
    /// # Errors
    /// [`StorageError::Read`] when another process reads the database so long that the log
    /// cannot be emptied.
    pub(crate) fn purge(&mut self) -> Result<(), StorageError> {
        self.drop_outdated_vectors()?;
        self.conn()
            .execute("INSERT INTO pattern_fts (pattern_fts) VALUES ('optimize')", [])
            .attempt("wipe the search index")?;
        self.conn().execute_batch("VACUUM").attempt("wipe the free pages")?;
        self.remove_set_aside()?;
        if self.checkpoint()? {
            Ok(())
        } else {
            Err(StorageError::Read { path: self.home.join(DATABASE) })
        }
    }

    /// Whether the user had this session forgotten.
    pub(crate) fn is_forgotten_session(&mut self, session: &str) -> Result<bool, StorageError> {
        Ok(self.forgets && self.is_forgotten(session_id(session).as_bytes())?)
    }

    /// Whether the user had this step forgotten.
    pub(crate) fn is_forgotten_step(&mut self, step: StepId) -> Result<bool, StorageError> {
        Ok(self.forgets && self.is_forgotten(step.as_bytes())?)
    }

    /// Whether the user had the step, pattern or session with this id forgotten.
    pub(super) fn is_forgotten(&mut self, id: &[u8; 16]) -> Result<bool, StorageError> {
        self.conn()
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM forgotten WHERE id = ?1)")
            .and_then(|mut query| query.query_row([id], |row| row.get(0)))
            .attempt("look up what was forgotten")
    }

    /// Takes the file's list over into a new database.
    pub(super) fn import_forgotten(&mut self) -> Result<(), StorageError> {
        let listed = file::read(&self.home.join(FORGOTTEN)).map_err(file_error)?;
        let listed = String::from_utf8_lossy(listed.as_deref().unwrap_or_default()).into_owned();
        let ids: BTreeSet<[u8; 16]> =
            listed.lines().filter_map(super::injections::bytes_of).collect();
        self.atomically(|store| store.keep_forgotten(&ids))
    }

    /// Notes ids as forgotten: first in the file, then in the database, so that a crash between
    /// the two forgets too much rather than too little.
    fn note_forgotten(&mut self, ids: &BTreeSet<[u8; 16]>) -> Result<(), StorageError> {
        let mut lines = String::with_capacity(ids.len() * 33);
        for id in ids {
            for byte in id {
                write!(lines, "{byte:02x}").expect("writing to a string cannot fail");
            }
            lines.push('\n');
        }
        file::append(&self.home.join(FORGOTTEN), lines.as_bytes()).map_err(file_error)?;
        self.keep_forgotten(ids)
    }

    fn keep_forgotten(&mut self, ids: &BTreeSet<[u8; 16]>) -> Result<(), StorageError> {
        for id in ids {
            self.conn()
                .prepare_cached("INSERT OR IGNORE INTO forgotten (id) VALUES (?1)")
                .and_then(|mut insert| insert.execute([id]))
                .attempt("note what is forgotten")?;
        }
        Ok(())
    }

    /// Drops all skills, which are made of patterns' words; the next consolidation, which is then
    /// due, makes them anew of what is left.
    fn forget_skills(&mut self) -> Result<(), StorageError> {
        self.conn()
            .execute_batch(
                "DELETE FROM skills; DELETE FROM causal_edges;
                 DELETE FROM meta WHERE key = 'consolidated';",
            )
            .attempt("forget the skills")
    }

    fn forget_pattern(&mut self, row: i64) -> Result<(), StorageError> {
        let steps: Vec<[u8; 16]> =
            self.list("SELECT DISTINCT step FROM evidence WHERE pattern = ?1", &row)?;
        let trajectories: Vec<i64> = self.list(
            "SELECT trajectory FROM evidence WHERE pattern = ?1
             UNION SELECT trajectory FROM drafts WHERE pattern = ?1",
            &row,
        )?;
        let pattern: Vec<[u8; 16]> = self.list("SELECT id FROM patterns WHERE row = ?1", &row)?;
        self.note_forgotten(&steps.iter().chain(&pattern).copied().collect())?;
        self.unlist_projects(&BTreeSet::from([row]), &BTreeSet::new())?;
        let document = self.drop_pattern(row)?;
        self.write_documents(&[document])?;
        for step in &steps {
            // A prompt stays as an empty one: it parts what was before it from what came after.
            self.change(
                "UPDATE steps SET cwd = '', subject = '', detail = '' WHERE id = ?1 AND body = 1",
                step,
            )?;
            self.change("DELETE FROM steps WHERE id = ?1 AND body <> 1", step)?;
            self.change("DELETE FROM results WHERE call = ?1", step)?;
        }
        for trajectory in &trajectories {
            self.mark_due(*trajectory)?;
        }
        Ok(())
    }

    /// Forgets trajectories and, beside their steps, `ids`.
    fn forget_trajectories(
        &mut self,
        trajectories: &[i64],
        mut ids: BTreeSet<[u8; 16]>,
        now: i64,
    ) -> Result<(), StorageError> {
        for trajectory in trajectories {
            ids.extend(
                self.list::<[u8; 16]>("SELECT id FROM steps WHERE trajectory = ?1", trajectory)?,
            );
        }
        self.note_forgotten(&ids)?;
        let (mut patterns, mut files) = (BTreeSet::new(), BTreeSet::new());
        let mut transcripts: BTreeSet<i64> = BTreeSet::new();
        for trajectory in trajectories {
            self.clear_extract(*trajectory, &mut patterns, &mut files)?;
            transcripts.extend(self.list::<i64>(
                "SELECT DISTINCT transcript FROM steps WHERE trajectory = ?1",
                trajectory,
            )?);
            self.forget_notes(*trajectory)?;
            self.change("DELETE FROM steps WHERE trajectory = ?1", trajectory)?;
            self.drop_trajectory(*trajectory)?;
        }
        self.refresh(&patterns, &files, now)?;
        for transcript in &transcripts {
            self.change("DELETE FROM results WHERE transcript = ?1", transcript)?;
            // It is read again and found to be forgotten; its path need not stay for that.
            self.change(
                "DELETE FROM transcripts WHERE id = ?1
                 AND NOT EXISTS (SELECT 1 FROM steps WHERE transcript = ?1)",
                transcript,
            )?;
        }
        Ok(())
    }

    /// Forgets what hooks noted of a trajectory's session.
    fn forget_notes(&mut self, trajectory: i64) -> Result<(), StorageError> {
        let keys: Vec<(String, String)> = {
            let mut query = self
                .conn()
                .prepare_cached("SELECT session, agent FROM trajectories WHERE id = ?1")
                .attempt("list what to forget")?;
            let rows = query.query_map([trajectory], |row| Ok((row.get(0)?, row.get(1)?)));
            rows.and_then(Iterator::collect).attempt("list what to forget")?
        };
        for (session, agent) in keys {
            let journal = super::Journal::path(&self.home, &session, &agent);
            file::remove(&journal).map_err(file_error)?;
            self.conn()
                .prepare_cached("DELETE FROM injections WHERE session = ?1 AND agent = ?2")
                .and_then(|mut delete| delete.execute([&session, &agent]))
                .attempt("forget what was shown")?;
        }
        Ok(())
    }

    /// The first column of what a query with one parameter finds.
    fn list<T: rusqlite::types::FromSql>(
        &mut self,
        sql: &str,
        parameter: &dyn rusqlite::ToSql,
    ) -> Result<Vec<T>, StorageError> {
        let mut query = self.conn().prepare_cached(sql).attempt("list what to forget")?;
        let rows = query.query_map([parameter], |row| row.get(0));
        rows.and_then(Iterator::collect).attempt("list what to forget")
    }

    /// Runs a statement with one parameter.
    fn change(&mut self, sql: &str, parameter: &dyn rusqlite::ToSql) -> Result<(), StorageError> {
        self.conn()
            .prepare_cached(sql)
            .and_then(|mut change| change.execute([parameter]))
            .map(drop)
            .attempt("forget what is named")
    }
}
