//! Stores what extraction found in a trajectory, replacing what it found there before.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{OptionalExtension, params};

use super::error::{Attempt, StorageError};
use super::open::Reader;
use super::prepared::Prepared;
use super::steps::StoredTrajectory;
use super::store::Store;
use crate::model::ids::{PatternId, StepId};
use crate::model::key::{Key, Space};
use crate::model::paths;
use crate::model::pattern::Draft;

/// Everything that one trajectory says.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Extract {
    /// Patterns with their evidence.
    pub(crate) drafts: Vec<Draft>,
    /// Files that its episodes worked on.
    pub(crate) touches: Vec<Touch>,
    /// Commands that it ran.
    pub(crate) commands: Vec<CommandRun>,
}

/// A file in an episode.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Touch {
    /// Path relative to the project's folder.
    pub(crate) path: String,
    /// The prompt's step.
    pub(crate) episode: StepId,
    /// Whether the episode changed it (or only read it).
    pub(crate) edited: bool,
    /// When, in milliseconds since the Unix epoch.
    pub(crate) at: i64,
    /// Terms of the prompt, separated by spaces.
    pub(crate) words: String,
    /// Identifiers on its changed or defining lines, separated by spaces.
    pub(crate) symbols: String,
}

/// How often a command ran in a trajectory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CommandRun {
    /// The command's key.
    pub(crate) key: Key,
    /// Runs with a known outcome.
    pub(crate) runs: u32,
    /// Failed ones among them.
    pub(crate) failures: u32,
}

/// Drafts that were just stored, by the rows of their patterns.
type AtHand<'a> = BTreeMap<i64, Vec<(&'a Draft, &'a Prepared)>>;

impl Reader {
    fn drafted_patterns(&self, trajectory: i64) -> Result<Vec<i64>, StorageError> {
        let mut query = self
            .conn
            .prepare_cached("SELECT pattern FROM drafts WHERE trajectory = ?1")
            .attempt("list a trajectory's patterns")?;
        let rows = query.query_map([trajectory], |row| row.get(0));
        rows.and_then(Iterator::collect).attempt("list a trajectory's patterns")
    }

    fn touched_files(&self, trajectory: i64) -> Result<Vec<i64>, StorageError> {
        let mut query = self
            .conn
            .prepare_cached("SELECT DISTINCT file FROM touches WHERE trajectory = ?1")
            .attempt("list a trajectory's files")?;
        let rows = query.query_map([trajectory], |row| row.get(0));
        rows.and_then(Iterator::collect).attempt("list a trajectory's files")
    }
}

impl Store {
    /// Replaces what is known from each trajectory by its new extract. Call it inside
    /// [`Store::atomically`]; the more trajectories at once, the fewer patterns and files that
    /// several of them share are brought up to date more than once.
    pub(crate) fn replace_extracts(
        &mut self,
        extracts: &[(&StoredTrajectory, &Extract)],
        now: i64,
    ) -> Result<(), StorageError> {
        let prepared: Vec<_> = extracts.iter().map(|(_, extract)| Prepared::all(extract)).collect();
        let all = extracts
            .iter()
            .zip(&prepared)
            .map(|((trajectory, extract), prepared)| (*trajectory, *extract, prepared.as_slice()));
        self.replace_prepared(&all.collect::<Vec<_>>(), now)
    }

    /// As [`Store::replace_extracts`], of extracts that are [`Prepared`].
    pub(crate) fn replace_prepared(
        &mut self,
        extracts: &[(&StoredTrajectory, &Extract, &[Prepared])],
        now: i64,
    ) -> Result<(), StorageError> {
        let (mut patterns, mut files) = (BTreeSet::new(), BTreeSet::new());
        let mut at_hand = AtHand::new();
        for (trajectory, extract, prepared) in extracts {
            // Its last activity and its commands' rates change even when nothing else does.
            self.unlist_project(Some(trajectory.project))?;
            self.clear_extract(trajectory.id, &mut patterns, &mut files)?;
            let (project_key, _) = self.project_names(trajectory.project)?;
            for both in extract.drafts.iter().zip(*prepared) {
                if let Some(pattern) = self.put_draft(trajectory, &project_key, both, now)? {
                    at_hand.entry(pattern).or_default().push(both);
                }
            }
            for touch in &extract.touches {
                files.insert(self.put_touch(trajectory, &project_key, touch)?);
            }
            for run in &extract.commands {
                self.put_command_run(trajectory, run)?;
            }
        }
        patterns.extend(at_hand.keys());
        self.refresh_with(&patterns, &files, &at_hand, now)
    }

    /// Removes what is known from a trajectory, and notes the patterns and files that the caller
    /// has to refresh.
    pub(super) fn clear_extract(
        &mut self,
        trajectory: i64,
        patterns: &mut BTreeSet<i64>,
        files: &mut BTreeSet<i64>,
    ) -> Result<(), StorageError> {
        patterns.extend(self.drafted_patterns(trajectory)?);
        files.extend(self.touched_files(trajectory)?);
        for sql in [
            "DELETE FROM drafts WHERE trajectory = ?1",
            "DELETE FROM evidence WHERE trajectory = ?1",
            "DELETE FROM touches WHERE trajectory = ?1",
            "DELETE FROM command_runs WHERE trajectory = ?1",
        ] {
            self.conn()
                .prepare_cached(sql)
                .and_then(|mut delete| delete.execute([trajectory]))
                .attempt("replace what a trajectory said")?;
        }
        Ok(())
    }

    /// Brings patterns and files in line with what the trajectories say of them.
    pub(super) fn refresh(
        &mut self,
        patterns: &BTreeSet<i64>,
        files: &BTreeSet<i64>,
        now: i64,
    ) -> Result<(), StorageError> {
        self.refresh_with(patterns, files, &AtHand::new(), now)
    }

    fn refresh_with(
        &mut self,
        patterns: &BTreeSet<i64>,
        files: &BTreeSet<i64>,
        at_hand: &AtHand<'_>,
        now: i64,
    ) -> Result<(), StorageError> {
        self.unlist_projects(patterns, files)?;
        let standing = self.standing_for(patterns)?;
        let mut documents = Vec::new();
        for pattern in patterns {
            let drafts = at_hand.get(pattern).map_or(&[][..], Vec::as_slice);
            documents.extend(self.refresh_pattern(*pattern, drafts, now)?);
        }
        for pattern in standing {
            documents.extend(self.refresh_standing(pattern, now)?);
        }
        let orphans = self.release_orphans()?;
        self.unlist_projects(&orphans, &BTreeSet::new())?;
        for pattern in orphans {
            documents.extend(self.refresh_pattern(pattern, &[], now)?);
        }
        for file in files {
            self.refresh_file(*file)?;
        }
        self.write_documents(&documents)
    }

    fn put_touch(
        &mut self,
        trajectory: &StoredTrajectory,
        project_key: &str,
        touch: &Touch,
    ) -> Result<i64, StorageError> {
        let file = self.ensure_file(trajectory.project, project_key, &touch.path)?;
        self.conn()
            .prepare_cached(
                "INSERT OR REPLACE INTO touches
                     (file, episode, trajectory, edited, at, words, symbols)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )
            .and_then(|mut insert| {
                insert.execute(params![
                    file,
                    touch.episode.as_bytes(),
                    trajectory.id,
                    touch.edited,
                    touch.at,
                    touch.words,
                    touch.symbols,
                ])
            })
            .attempt("store a file's episode")?;
        Ok(file)
    }

    /// The row of a project's file, made if it is new.
    fn ensure_file(
        &mut self,
        project: i64,
        project_key: &str,
        path: &str,
    ) -> Result<i64, StorageError> {
        let name = Key::new(Space::FileName, paths::name(path)).to_i64();
        // Asked first: mostly it is there, and an upsert would write its indexes again.
        let known = self
            .conn()
            .prepare_cached("SELECT id FROM files WHERE project = ?1 AND path = ?2 AND name = ?3")
            .and_then(|mut query| {
                query.query_row(params![project, path, name], |row| row.get(0)).optional()
            })
            .attempt("look up a file")?;
        if let Some(row) = known {
            return Ok(row);
        }
        let uid = PatternId::derive("place", project_key, path, "");
        self.conn()
            .prepare_cached(
                "INSERT INTO files (project, path, name, uid) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (project, path) DO UPDATE SET name = excluded.name RETURNING id",
            )
            .and_then(|mut insert| {
                insert.query_row(params![project, path, name, uid.as_bytes()], |row| row.get(0))
            })
            .attempt("store a file")
    }

    fn put_command_run(
        &mut self,
        trajectory: &StoredTrajectory,
        run: &CommandRun,
    ) -> Result<(), StorageError> {
        self.conn()
            .prepare_cached(
                "INSERT OR REPLACE INTO command_runs (trajectory, project, key, runs, failures)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )
            .and_then(|mut insert| {
                insert.execute(params![
                    trajectory.id,
                    trajectory.project,
                    run.key.to_i64(),
                    run.runs,
                    run.failures
                ])
            })
            .attempt("store a command's runs")?;
        Ok(())
    }

    /// Brings a file's sums in line with its touches; a file without any is dropped.
    fn refresh_file(&mut self, file: i64) -> Result<(), StorageError> {
        let kept = self
            .conn()
            .prepare_cached(
                "UPDATE files SET (edits, reads, last) =
                     (SELECT sum(edited = 1), sum(edited = 0), max(at) FROM touches WHERE file = ?1)
                 WHERE id = ?1 AND EXISTS (SELECT 1 FROM touches WHERE file = ?1)",
            )
            .and_then(|mut update| update.execute([file]))
            .attempt("refresh a file")?;
        if kept == 0 {
            self.conn()
                .prepare_cached("DELETE FROM files WHERE id = ?1")
                .and_then(|mut delete| delete.execute([file]))
                .attempt("drop a file")?;
        }
        Ok(())
    }
}
