//! Forgetting: no word of it stays behind, and it is not learned again.
//!
//! What stays are hashes: the ids of steps, patterns and sessions that were forgotten, on a list
//! ([`list`]).

mod list;

use std::collections::BTreeSet;

use rusqlite::params;

pub(super) use self::list::KeptTime;
use self::list::session_id;
use super::damage::file_error;
use super::error::{Attempt, StorageError};
use super::open::Reader;
use super::store::Store;
use super::{DATABASE, file};
use crate::model::exclude::{Exclusions, Text};
use crate::model::trajectory::is_on_file;

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
    /// What would not be learned now.
    Excluded(Exclusions),
}

/// A part of a trajectory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Part {
    /// Row of the trajectory.
    trajectory: i64,
    /// Ids of the steps.
    steps: Vec<[u8; 16]>,
    /// Whether it has no others.
    whole: bool,
}

impl Part {
    /// How many steps it is.
    pub(crate) fn len(&self) -> usize {
        self.steps.len()
    }
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

/// A step as far as it decides whether it is forgotten.
#[derive(Debug)]
struct Seen {
    /// Milliseconds since the Unix epoch.
    at: i64,
    body: i64,
    cwd: String,
    tool: String,
    subject: String,
    detail: String,
    error: String,
    /// Where its trajectory started, whether that is a subagent's, and its project's key.
    folder: String,
    by_agent: bool,
    key: String,
}

impl Seen {
    fn is_prompt(&self) -> bool {
        self.body == 1
    }

    /// Whether it would not be learned now.
    fn is_in(&self, exclusions: &Exclusions) -> bool {
        let Self { cwd, tool, subject, detail, error, .. } = self;
        if exclusions.folder(&self.folder)
            || exclusions.folder(cwd)
            || exclusions.has_names() && exclusions.project(&self.key)
            || self.by_agent && exclusions.subagents()
        {
            return true;
        }
        let named = |text: &str, kind| exclusions.named_in(text, kind, cwd);
        if tool.is_empty() {
            return named(subject, Text::Prose) || named(detail, Text::Prose);
        }
        let kind = if tool == "Bash" { Text::Command } else { Text::Output };
        exclusions.tool(tool)
            || is_on_file(tool) && exclusions.path(subject, cwd)
            || named(subject, kind)
            || named(detail, Text::Output)
            || named(error, Text::Output)
    }
}

impl Reader {
    /// What was learned and would not be now.
    pub(crate) fn excluded(&self, exclusions: &Exclusions) -> Result<Vec<Part>, StorageError> {
        self.parts(None, |step| step.is_in(exclusions))
    }

    /// The steps that are `meant`, by trajectory; of one project or of all.
    fn parts(
        &self,
        project: Option<i64>,
        meant: impl Fn(&Seen) -> bool,
    ) -> Result<Vec<Part>, StorageError> {
        let mut query = self
            .conn
            .prepare(
                "SELECT t.id, s.id, coalesce(s.at, t.started), s.body, s.cwd, s.tool, s.subject,
                        s.detail, s.error, t.folder, t.agent <> '', p.key
                 FROM trajectories t
                 JOIN projects p ON p.id = t.project
                 JOIN steps s ON s.trajectory = t.id
                 WHERE ?1 IS NULL OR t.project = ?1
                 ORDER BY t.id",
            )
            .attempt("list what to forget")?;
        let rows = query.query_map([project], |row| {
            let step = Seen {
                at: row.get(2)?,
                body: row.get(3)?,
                cwd: row.get(4)?,
                tool: row.get(5)?,
                subject: row.get(6)?,
                detail: row.get(7)?,
                error: row.get(8)?,
                folder: row.get(9)?,
                by_agent: row.get(10)?,
                key: row.get(11)?,
            };
            Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 16]>(1)?, step))
        });
        let mut parts: Vec<Part> = Vec::new();
        for row in rows.attempt("list what to forget")? {
            let (trajectory, id, step) = row.attempt("list what to forget")?;
            if parts.last().is_none_or(|part| part.trajectory != trajectory) {
                parts.push(Part { trajectory, steps: Vec::new(), whole: true });
            }
            let part = parts.last_mut().expect("one was just added");
            if meant(&step) {
                part.steps.push(id);
            } else {
                part.whole = false;
            }
        }
        parts.retain(|part| !part.steps.is_empty());
        Ok(parts)
    }
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
        self.atomically(|store| {
            let said = store.claimed_patterns()?;
            let forgotten = store.forget_rows(what, now)?;
            // That something was said of them stays, so that the next exchange takes it back.
            for id in said.difference(&store.claimed_patterns()?) {
                store.change("UPDATE shared_claims SET value = x'' WHERE pattern = ?1", id)?;
            }
            Ok(forgotten)
        })
    }

    /// The known patterns of which this or another device said something.
    fn claimed_patterns(&mut self) -> Result<BTreeSet<[u8; 16]>, StorageError> {
        let sql = "SELECT DISTINCT c.pattern FROM shared_claims c
                   JOIN patterns p ON p.id = c.pattern WHERE ?1";
        Ok(self.list(sql, &true)?.into_iter().collect())
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
            Forget::Time(time) => {
                store.keep_time(*time)?;
                let parts = store.parts_in(*time)?;
                store.forget_parts(&parts, Some(*time), now)
            }
            Forget::Excluded(exclusions) => {
                let parts = store.excluded(exclusions)?;
                store.forget_parts(&parts, None, now)
            }
        }
    }

    /// Forgets parts of trajectories, and what was told in `time`. What is left of them is due to
    /// be extracted. Returns how many trajectories that were.
    fn forget_parts(
        &mut self,
        parts: &[Part],
        time: Option<Time>,
        now: i64,
    ) -> Result<u64, StorageError> {
        let (whole, cut): (Vec<&Part>, Vec<&Part>) = parts.iter().partition(|part| part.whole);
        let whole: Vec<i64> = whole.iter().map(|part| part.trajectory).collect();
        self.forget_trajectories(&whole, BTreeSet::new(), now)?;
        let (mut patterns, mut files) = (BTreeSet::new(), BTreeSet::new());
        for part in cut {
            self.clear_extract(part.trajectory, &mut patterns, &mut files)?;
            self.note_forgotten(&part.steps.iter().copied().collect())?;
            for step in &part.steps {
                self.forget_step(step)?;
            }
            if let Some(Time { since, until, .. }) = time {
                self.conn()
                    .prepare_cached(
                        "DELETE FROM injections WHERE at >= ?2 AND at < ?3 AND (session, agent) =
                             (SELECT session, agent FROM trajectories WHERE id = ?1)",
                    )
                    .and_then(|mut delete| delete.execute(params![part.trajectory, since, until]))
                    .attempt("forget what was shown")?;
            }
            // It goes as a whole: what was said may be said once more.
            self.forget_journals(part.trajectory)?;
            self.mark_due(part.trajectory)?;
        }
        self.refresh(&patterns, &files, now)?;
        // Folders of projects of which nothing is left.
        self.conn()
            .execute(
                "DELETE FROM roots WHERE project NOT IN (SELECT project FROM trajectories)",
                [],
            )
            .attempt("forget what is named")?;
        self.drop_empty_projects()?;
        Ok(parts.len() as u64)
    }

    /// The steps in a time. What was emptied before does not count.
    fn parts_in(&self, time: Time) -> Result<Vec<Part>, StorageError> {
        let Time { since, until, project } = time;
        self.reader.parts(project, |step| {
            (since..until).contains(&step.at) && !(step.is_prompt() && step.subject.is_empty())
        })
    }

    /// Empties a step that is noted as forgotten.
    fn forget_step(&mut self, step: &[u8; 16]) -> Result<(), StorageError> {
        // A prompt stays as an empty one: it parts what was before it from what came after.
        self.change(
            "UPDATE steps SET cwd = '', subject = '', detail = '' WHERE id = ?1 AND body = 1",
            step,
        )?;
        self.change("DELETE FROM steps WHERE id = ?1 AND body <> 1", step)?;
        self.change("DELETE FROM results WHERE call = ?1", step)
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
        for id in &pattern {
            self.forget_hearsay(id)?;
        }
        let document = self.drop_pattern(row)?;
        self.write_documents(&[document])?;
        for id in &pattern {
            self.drop_edit(id)?;
        }
        for step in &steps {
            self.forget_step(step)?;
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
        let edited = self.edited_patterns()?;
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
        // What was written about a pattern repeats its words.
        let left = self.edited_patterns()?;
        for id in edited.difference(&left) {
            self.drop_edit(id)?;
        }
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

    /// The known patterns that people wrote about.
    fn edited_patterns(&mut self) -> Result<BTreeSet<[u8; 16]>, StorageError> {
        let sql = "SELECT e.pattern FROM edits e JOIN patterns p ON p.id = e.pattern WHERE ?1";
        Ok(self.list(sql, &true)?.into_iter().collect())
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
