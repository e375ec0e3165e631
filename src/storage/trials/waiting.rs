//! Patterns that wait to be tried out.

use std::collections::BTreeSet;

use super::{TRIAL, trial_from, words};
use crate::model::ids::PatternId;
use crate::model::pattern::Pattern;
use crate::model::suspicion;
use crate::model::trial::{Trial, Verdict};
use crate::storage::error::{Attempt, StorageError};
use crate::storage::open::Reader;
use crate::storage::patterns::{COLUMNS, pattern_from};
use crate::storage::store::Store;

/// A pattern that another device told and that waits for approval, of a kind that can be tried.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Waiting {
    /// The pattern.
    pub(crate) pattern: Pattern,
    /// Whose words they are: a public key in hex.
    pub(crate) device: String,
    /// Exact keys under which it is found.
    pub(crate) keys: Vec<i64>,
    /// Hash of its words.
    pub(crate) words: [u8; 16],
    /// The last trial of these words.
    pub(crate) trial: Option<Trial>,
}

const ATTEMPT: &str = "list what waits for a trial";

impl Reader {
    /// What waits for approval, was told by devices that nobody decided about, was not rejected,
    /// reads like no instruction, and can be tried: fixes, commands and paths. In the order in
    /// which it was heard.
    pub(crate) fn waiting_for_trial(&self) -> Result<Vec<Waiting>, StorageError> {
        let sql = format!(
            "SELECT {COLUMNS}, h.device, t.pattern IS NOT NULL, {TRIAL}
             FROM patterns p JOIN hearsay h ON h.pattern = p.id
             LEFT JOIN reviews r ON r.pattern = p.id
             LEFT JOIN trials t ON t.pattern = p.id
             WHERE p.state = 2 AND h.trusted = 0 AND p.kind IN (1, 3, 4)
                 AND r.approved IS NOT 0
                 AND NOT EXISTS (SELECT 1 FROM drafts WHERE pattern = p.row)
             ORDER BY p.row"
        );
        let mut query = self.conn.prepare_cached(&sql).attempt(ATTEMPT)?;
        let rows = query.query_map([], |row| {
            let trial = if row.get(18)? { Some(trial_from(row, 19)?) } else { None };
            let (pattern, device) = (pattern_from(row)?, row.get(17)?);
            Ok(Waiting { pattern, device, keys: Vec::new(), words: [0; 16], trial })
        });
        let all: Vec<Waiting> = rows.and_then(Iterator::collect).attempt(ATTEMPT)?;
        let mut found = Vec::new();
        for mut waiting in all {
            let pattern = &waiting.pattern;
            if suspicion::of_words(pattern.kind, &pattern.text, &pattern.payload) {
                continue;
            }
            waiting.keys = self.keys_of(pattern.row)?;
            waiting.words = words_of(pattern, &waiting.keys);
            waiting.trial = waiting.trial.filter(|trial| trial.words == waiting.words);
            found.push(waiting);
        }
        Ok(found)
    }

    /// Whether there is anything for which [`Reader::waiting_for_trial`] would look.
    pub(crate) fn hears_others(&self) -> Result<bool, StorageError> {
        self.conn
            .query_row("SELECT EXISTS (SELECT 1 FROM hearsay WHERE trusted = 0)", [], |r| r.get(0))
            .attempt(ATTEMPT)
    }

    fn keys_of(&self, row: i64) -> Result<Vec<i64>, StorageError> {
        let mut query = self
            .conn
            .prepare_cached("SELECT key FROM pattern_keys WHERE pattern = ?1 ORDER BY key")
            .attempt(ATTEMPT)?;
        let rows = query.query_map([row], |row| row.get(0));
        rows.and_then(Iterator::collect).attempt(ATTEMPT)
    }

    /// How many sessions of a project were learned, or of all of them.
    pub(crate) fn sessions_of(&self, project: Option<i64>) -> Result<u32, StorageError> {
        self.conn
            .prepare_cached(
                "SELECT count(DISTINCT session) FROM trajectories
                 WHERE ?1 IS NULL OR project = ?1",
            )
            .and_then(|mut query| query.query_row([project], |row| row.get(0)))
            .attempt("count the sessions of a project")
    }

    /// How many patterns of others each verdict was given for, of those that the verdict still
    /// is about.
    pub(crate) fn verdicts(&self) -> Result<Vec<(Verdict, u64)>, StorageError> {
        const ATTEMPT: &str = "count what came of trials";
        let mut query = self
            .conn
            .prepare_cached(
                "SELECT t.verdict, count(*) FROM trials t JOIN patterns p ON p.id = t.pattern
                 JOIN hearsay h ON h.pattern = p.id
                 WHERE h.trusted = 0 AND p.state = CASE t.verdict WHEN 1 THEN 1 ELSE 2 END
                 GROUP BY t.verdict ORDER BY t.verdict",
            )
            .attempt(ATTEMPT)?;
        let rows = query.query_map([], |row| {
            Ok((Verdict::from_number(row.get(0)?), row.get::<_, i64>(1)? as u64))
        });
        rows.and_then(Iterator::collect).attempt(ATTEMPT)
    }
}

fn words_of(pattern: &Pattern, keys: &[i64]) -> [u8; 16] {
    let Pattern { tool, category, trigger, text, payload, .. } = pattern;
    words(pattern.kind, [tool, category, trigger, text], payload, keys)
}

impl Store {
    /// Keeps what came of trials, and tells hooks of what turned out to help. What got other words
    /// meanwhile is left for the next time.
    pub(crate) fn keep_trials(
        &mut self,
        trials: &[(PatternId, Trial)],
        now: i64,
    ) -> Result<(), StorageError> {
        // In portions: a transaction of many patterns would hold everybody else up.
        for portion in trials.chunks(512) {
            self.atomically(|store| {
                let mut changed = BTreeSet::new();
                for (id, trial) in portion {
                    let Some(pattern) = store.patterns_by_prefix(&id.to_string())?.pop() else {
                        continue;
                    };
                    let keys = store.keys_of(pattern.row)?;
                    if words_of(&pattern, &keys) != trial.words {
                        continue;
                    }
                    store.put_trial(*id, trial)?;
                    if trial.verdict == Verdict::Helpful {
                        changed.insert(pattern.row);
                    }
                }
                store.refresh(&changed, &BTreeSet::new(), now)
            })?;
        }
        Ok(())
    }
}
