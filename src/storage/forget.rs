//! Forgetting: no word of it stays behind, and it is not learned again.
//!
//! What stays are hashes: the ids of steps, patterns and sessions that were forgotten. They are
//! kept in the database and, so that a rebuilt database knows them too, in a file beside it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use rusqlite::{OptionalExtension, params};

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
    /// What happened in a time, read so far or not.
    Time(Time),
}

/// A time that is forgotten.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Time {
    /// Milliseconds since the Unix epoch from which on it is.
    pub(crate) since: i64,
    /// Those before which it is.
    pub(crate) until: i64,
    /// The one project of which it is; `None` for all.
    pub(crate) project: Option<i64>,
}

/// A time as it is kept, so that what is read later is known to lie in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct KeptTime {
    since: i64,
    until: i64,
    /// Hash of the project's key.
    project: Option<StepId>,
}

/// What a line of [`FORGOTTEN`] that keeps a time begins with.
const TIME: &str = "time ";

/// Key of the value in `meta` that keeps all of them, a line each.
const TIMES: &str = "forgotten-times";

impl KeptTime {
    fn line(&self) -> String {
        let project = self.project.map_or_else(|| "-".into(), |id| hex(id.as_bytes()));
        format!("{TIME}{} {} {project}\n", self.since, self.until)
    }

    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.strip_prefix(TIME)?.split(' ');
        let (since, until) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        let project = match fields.next()? {
            "-" => None,
            id => Some(StepId::from_bytes(super::injections::bytes_of(id)?)),
        };
        Some(Self { since, until, project })
    }
}

/// The id under which a time of the project with this key is kept.
fn project_id(key: &str) -> StepId {
    StepId::derive(&format!("project {key}"))
}

fn hex(bytes: &[u8; 16]) -> String {
    bytes.iter().fold(String::with_capacity(32), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
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
        file::remove_own(&self.home.join(super::vectors::FILE)).map_err(file_error)?;
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
            Forget::Time(time) => store.forget_time(*time, now),
        }
    }

    /// Forgets what happened in a time: trajectories that lie in it as a whole, and of others the
    /// part that does. What is left of these is due to be extracted.
    fn forget_time(&mut self, time: Time, now: i64) -> Result<u64, StorageError> {
        self.keep_time(time)?;
        let (mut whole, mut parts) = (Vec::new(), Vec::new());
        for (trajectory, beside) in self.trajectories_in(time)? {
            if beside { parts.push(trajectory) } else { whole.push(trajectory) }
        }
        self.forget_trajectories(&whole, BTreeSet::new(), now)?;
        let (mut patterns, mut files) = (BTreeSet::new(), BTreeSet::new());
        for trajectory in &parts {
            self.clear_extract(*trajectory, &mut patterns, &mut files)?;
            self.forget_part(*trajectory, time)?;
            self.mark_due(*trajectory)?;
        }
        self.refresh(&patterns, &files, now)?;
        self.drop_empty_projects()?;
        Ok((whole.len() + parts.len()) as u64)
    }

    /// The trajectories with steps in a time, each with whether it has others as well. What was
    /// emptied before does not count.
    fn trajectories_in(&mut self, time: Time) -> Result<Vec<(i64, bool)>, StorageError> {
        let mut query = self
            .conn()
            .prepare_cached(
                "SELECT id, outside > 0 FROM (
                     SELECT t.id AS id,
                         sum(coalesce(s.at, t.started) >= ?1 AND coalesce(s.at, t.started) < ?2
                             AND NOT (s.body = 1 AND s.subject = '' AND s.cwd = '')) AS inside,
                         sum(coalesce(s.at, t.started) < ?1
                             OR coalesce(s.at, t.started) >= ?2) AS outside
                     FROM trajectories t JOIN steps s ON s.trajectory = t.id
                     WHERE ?3 IS NULL OR t.project = ?3
                     GROUP BY t.id)
                 WHERE inside > 0",
            )
            .attempt("list what to forget")?;
        let rows = query.query_map(params![time.since, time.until, time.project], |row| {
            Ok((row.get(0)?, row.get(1)?))
        });
        rows.and_then(Iterator::collect).attempt("list what to forget")
    }

    /// Forgets the steps of a trajectory that lie in a time, and what hooks noted then. Its
    /// journal goes as a whole: what was said may be said once more.
    fn forget_part(&mut self, trajectory: i64, time: Time) -> Result<(), StorageError> {
        const INSIDE: &str = "trajectory = ?1 AND coalesce(at,
            (SELECT started FROM trajectories WHERE id = ?1)) >= ?2 AND coalesce(at,
            (SELECT started FROM trajectories WHERE id = ?1)) < ?3";
        let range = params![trajectory, time.since, time.until];
        let ids: Vec<[u8; 16]> = {
            let sql = format!("SELECT id FROM steps WHERE {INSIDE}");
            let mut query = self.conn().prepare(&sql).attempt("list what to forget")?;
            let rows = query.query_map(range, |row| row.get(0));
            rows.and_then(Iterator::collect).attempt("list what to forget")?
        };
        self.note_forgotten(&ids.iter().copied().collect())?;
        for id in &ids {
            self.change("DELETE FROM results WHERE call = ?1", id)?;
        }
        for sql in [
            // Prompts stay as empty ones: they part what was before from what came after.
            format!(
                "UPDATE steps SET cwd = '', subject = '', detail = '' WHERE body = 1 AND {INSIDE}"
            ),
            format!("DELETE FROM steps WHERE body <> 1 AND {INSIDE}"),
            "DELETE FROM injections WHERE at >= ?2 AND at < ?3 AND (session, agent) =
                 (SELECT session, agent FROM trajectories WHERE id = ?1)"
                .to_owned(),
        ] {
            let changed = self.conn().execute(&sql, range);
            changed.map(drop).attempt("forget what is named")?;
        }
        self.forget_journals(trajectory)
    }

    /// Keeps a time, so that lines which are read later and lie in it are not learned.
    fn keep_time(&mut self, time: Time) -> Result<(), StorageError> {
        let Time { since, until, project } = time;
        let project = match project {
            Some(project) => Some(project_id(&self.project_names(project)?.0)),
            None => None,
        };
        let kept = KeptTime { since, until, project };
        if self.times.contains(&kept) {
            return Ok(());
        }
        file::append(&self.home.join(FORGOTTEN), kept.line().as_bytes()).map_err(file_error)?;
        self.times.push(kept);
        self.store_times()
    }

    fn store_times(&mut self) -> Result<(), StorageError> {
        let lines: String = self.times.iter().map(KeptTime::line).collect();
        self.conn()
            .execute(
                "INSERT INTO meta (key, value) VALUES (?1, ?2)
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                [TIMES, &lines],
            )
            .map(drop)
            .attempt("note what is forgotten")
    }

    /// The times that the user had forgotten.
    pub(super) fn kept_times(&self) -> Result<Vec<KeptTime>, StorageError> {
        let kept: Option<String> = self
            .reader
            .conn
            .query_row("SELECT value FROM meta WHERE key = ?1", [TIMES], |row| row.get(0))
            .optional()
            .attempt("look up what was forgotten")?;
        Ok(kept.unwrap_or_default().lines().filter_map(KeptTime::parse).collect())
    }

    /// Whether the user had any time forgotten.
    pub(crate) fn forgets_times(&self) -> bool {
        !self.times.is_empty()
    }

    /// Whether the user had what happened at `at` in this project forgotten.
    pub(crate) fn is_forgotten_time(&self, at: i64, project: i64) -> Result<bool, StorageError> {
        let inside = |time: &&KeptTime| (time.since..time.until).contains(&at);
        for time in self.times.iter().filter(inside) {
            let Some(id) = time.project else { return Ok(true) };
            if project_id(&self.project_names(project)?.0) == id {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Notes a step as forgotten because of its time, so that its result is not learned either.
    pub(crate) fn forget_unread(&mut self, step: StepId) -> Result<(), StorageError> {
        self.forgets = true;
        self.note_forgotten(&BTreeSet::from([*step.as_bytes()]))
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
        self.times = listed.lines().filter_map(KeptTime::parse).collect();
        self.atomically(|store| {
            if store.forgets_times() {
                store.store_times()?;
            }
            store.keep_forgotten(&ids)
        })
    }

    /// Notes ids as forgotten: first in the file, then in the database, so that a crash between
    /// the two forgets too much rather than too little.
    fn note_forgotten(&mut self, ids: &BTreeSet<[u8; 16]>) -> Result<(), StorageError> {
        let mut lines = String::with_capacity(ids.len() * 33);
        for id in ids {
            lines.push_str(&hex(id));
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
        self.change(
            "DELETE FROM injections WHERE (session, agent) =
                 (SELECT session, agent FROM trajectories WHERE id = ?1)",
            &trajectory,
        )?;
        self.forget_journals(trajectory)
    }

    /// Removes the journal of a trajectory's session.
    fn forget_journals(&mut self, trajectory: i64) -> Result<(), StorageError> {
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
            file::remove_own(&journal).map_err(file_error)?;
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
