//! Patterns that wait for the user's approval, and what the user said to them.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension, params};

use super::Store;
use super::error::{Attempt, StorageError};
use super::open::Reader;
use super::patterns::{COLUMNS, pattern_from};
use crate::model::ids::PatternId;
use crate::model::pattern::{Pattern, State};

impl Reader {
    /// The patterns that wait for approval, of one project and of all of them, or all there are;
    /// with those that were rejected where `rejected` says so. Each with whether it was rejected;
    /// the latest seen first.
    pub(crate) fn waiting(
        &self,
        project: Option<i64>,
        rejected: bool,
    ) -> Result<Vec<(Pattern, bool)>, StorageError> {
        const ATTEMPT: &str = "list what waits for approval";
        let sql = format!(
            "SELECT {COLUMNS}, r.approved IS 0 FROM patterns p LEFT JOIN reviews r ON r.pattern = p.id
             WHERE p.state = 2 AND (?1 IS NULL OR p.project IS NULL OR p.project = ?1)
                 AND (?2 OR r.approved IS NOT 0)
             ORDER BY p.last DESC, p.row"
        );
        let mut query = self.conn.prepare_cached(&sql).attempt(ATTEMPT)?;
        let rows = query
            .query_map(params![project, rejected], |row| Ok((pattern_from(row)?, row.get(17)?)));
        rows.and_then(Iterator::collect).attempt(ATTEMPT)
    }
}

impl Reader {
    /// Whether the user rejected the pattern with this id.
    pub(crate) fn is_rejected(&self, id: PatternId) -> Result<bool, StorageError> {
        self.conn
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM reviews WHERE pattern = ?1 AND approved = 0)",
            )
            .and_then(|mut query| query.query_row([id.as_bytes()], |row| row.get(0)))
            .attempt("look up what was said to a pattern")
    }
}

impl Store {
    /// Notes what the user said to a pattern and brings it in line with that.
    pub(crate) fn review(
        &mut self,
        pattern: &Pattern,
        approved: bool,
        now: i64,
    ) -> Result<(), StorageError> {
        self.atomically(|store| {
            store
                .conn()
                .execute(
                    "INSERT OR REPLACE INTO reviews (pattern, approved, text, at)
                     VALUES (?1, ?2, ?3, ?4)",
                    params![pattern.id.as_bytes(), approved, words(&pattern.text), now],
                )
                .attempt("store what was said to a pattern")?;
            store.refresh(&BTreeSet::from([pattern.row]), &BTreeSet::new(), now)
        })
    }

    /// The state of a pattern whose evidence gives it `state`: what is rejected, or suspicious in
    /// words that were not approved, is told to nobody.
    pub(super) fn reviewed(
        &mut self,
        row: i64,
        state: State,
        suspicious: bool,
    ) -> Result<State, StorageError> {
        if state != State::Active {
            return Ok(state);
        }
        let found: Option<(bool, [u8; 16], String)> = self
            .conn()
            .prepare_cached(
                "SELECT r.approved, r.text, p.text FROM patterns p JOIN reviews r ON r.pattern = p.id
                 WHERE p.row = ?1",
            )
            .and_then(|mut query| {
                query
                    .query_row([row], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                    .optional()
            })
            .attempt("look up what was said to a pattern")?;
        Ok(match found {
            Some((false, _, _)) => State::Quarantined,
            Some((true, seen, text)) if !suspicious || seen == words(&text) => State::Active,
            _ if suspicious => State::Quarantined,
            _ => State::Active,
        })
    }
}

/// What an approval remembers of a pattern's words.
pub(super) fn words(text: &str) -> [u8; 16] {
    *PatternId::derive("review", "", text, "").as_bytes()
}
