//! The full encoder's vectors of active patterns, a row each.
//!
//! They are of one encoder: those of another are dropped when it encodes. Which text a vector is
//! of is told by the text's key, so a pattern that says something else is encoded again, and one
//! of which only the evidence grew is not. Of very many there is an index beside the database.

#[cfg(feature = "index")]
mod index;
mod near;
mod numbers;
mod taught;
#[cfg(feature = "index")]
mod trial;

#[cfg(any(test, feature = "encoder"))]
use rusqlite::OptionalExtension;
#[cfg(any(test, feature = "encoder", feature = "index"))]
use rusqlite::params;

use super::error::{Attempt, StorageError};
use super::open::Reader;
use super::store::Store;
use crate::model::key::{Key, Space};
use crate::model::pattern::Kind;

/// File in the home with the index over the vectors.
pub(super) const FILE: &str = "vectors.usearch";

pub(crate) use near::Means;
pub(super) use near::Near;
#[cfg(feature = "index")]
pub(crate) use trial::Trial;

/// A vector of a pattern, to be stored.
#[cfg(any(test, feature = "encoder", feature = "index"))]
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct NewVector<'a> {
    /// Row of the pattern.
    pub(crate) pattern: i64,
    /// What was encoded.
    pub(crate) text: &'a str,
    /// The vector, of length 1.
    pub(crate) vector: Vec<f32>,
}

/// The key under which it is noted what was encoded.
fn key(text: &str) -> i64 {
    Key::new(Space::Encoded, text).to_i64()
}

impl Reader {
    /// How many active patterns have a vector of `encoder`, and how many active patterns there
    /// are.
    pub(crate) fn vector_counts(&self, encoder: &str) -> Result<(u64, u64), StorageError> {
        self.conn
            .query_row(
                "SELECT count(v.pattern), count(*) FROM patterns p
                 LEFT JOIN vectors v ON v.pattern = p.row AND v.encoder = ?1
                 WHERE p.state = 1",
                [encoder],
                |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64)),
            )
            .attempt("count the vectors")
    }
}

#[cfg(any(test, feature = "encoder"))]
impl Reader {
    /// Rows of the active patterns that have no vector of `encoder` for what they say now; those
    /// of the latest evidence first.
    pub(crate) fn unencoded(&self, encoder: &str) -> Result<Vec<i64>, StorageError> {
        const ATTEMPT: &str = "list what is to be encoded";
        let mut query = self
            .conn
            .prepare(
                "SELECT p.row, p.last, p.kind, p.trigger, p.text, v.text FROM patterns p
                 LEFT JOIN vectors v ON v.pattern = p.row AND v.encoder = ?1
                 WHERE p.state = 1",
            )
            .attempt(ATTEMPT)?;
        let mut rows = query.query([encoder]).attempt(ATTEMPT)?;
        let mut due: Vec<(i64, i64)> = Vec::new();
        while let Some(row) = rows.next().attempt(ATTEMPT)? {
            let known: Option<i64> = row.get(5).attempt(ATTEMPT)?;
            if known != Some(key(meaningful(row, 2).attempt(ATTEMPT)?)) {
                due.push((row.get(1).attempt(ATTEMPT)?, row.get(0).attempt(ATTEMPT)?));
            }
        }
        due.sort_unstable_by(|a, b| b.cmp(a));
        Ok(due.into_iter().map(|(_, pattern)| pattern).collect())
    }

    /// What the patterns in these rows mean, in the order of the rows; one that is gone or is not
    /// active any more is left out.
    pub(crate) fn meaningful_texts(
        &self,
        patterns: &[i64],
    ) -> Result<Vec<(i64, String)>, StorageError> {
        const ATTEMPT: &str = "read what is to be encoded";
        let mut query = self
            .conn
            .prepare_cached("SELECT kind, trigger, text FROM patterns WHERE row = ?1 AND state = 1")
            .attempt(ATTEMPT)?;
        let mut text = |pattern: &i64| {
            query
                .query_row([pattern], |row| Ok((*pattern, meaningful(row, 0)?.to_owned())))
                .optional()
                .attempt(ATTEMPT)
        };
        patterns.iter().filter_map(|pattern| text(pattern).transpose()).collect()
    }
}

#[cfg(any(test, feature = "encoder", feature = "index"))]
impl Store {
    /// Stores vectors of `encoder`, inside a transaction.
    pub(crate) fn put_vectors(
        &mut self,
        encoder: &str,
        vectors: &[NewVector<'_>],
    ) -> Result<(), StorageError> {
        const ATTEMPT: &str = "store the vectors";
        let mut insert = self
            .conn()
            .prepare_cached(
                "INSERT OR REPLACE INTO vectors (pattern, encoder, text, numbers)
                 VALUES (?1, ?2, ?3, ?4)",
            )
            .attempt(ATTEMPT)?;
        for NewVector { pattern, text, vector } in vectors {
            insert
                .execute(params![pattern, encoder, key(text), numbers::stored(vector)])
                .attempt(ATTEMPT)?;
        }
        drop(insert);
        if self.encoder.as_ref().is_some_and(|table| table.is_taught_by(encoder)) {
            self.unlist_meanings(vectors)?;
        }
        Ok(())
    }

    /// Notes that vectors which hooks search are out of date where these patterns are among them.
    fn unlist_meanings(&mut self, vectors: &[NewVector<'_>]) -> Result<(), StorageError> {
        const ATTEMPT: &str = "note a changed project";
        let mut update = self
            .conn()
            .prepare_cached(
                "UPDATE projects SET listed = 0 WHERE listed = 1 AND id =
                     (SELECT project FROM patterns WHERE row = ?1 AND kind IN (5, 6))",
            )
            .attempt(ATTEMPT)?;
        vectors.iter().try_for_each(|new| update.execute([new.pattern]).map(drop).attempt(ATTEMPT))
    }

    /// Drops the vectors of other encoders, and those of patterns that are not active any more.
    #[cfg(any(test, feature = "encoder"))]
    pub(crate) fn drop_vectors_but_of(&mut self, encoder: &str) -> Result<(), StorageError> {
        self.conn()
            .execute(
                "DELETE FROM vectors WHERE encoder <> ?1
                 OR pattern NOT IN (SELECT row FROM patterns WHERE state = 1)",
                [encoder],
            )
            .map(drop)
            .attempt("drop vectors")
    }
}

impl Store {
    /// Drops the vectors of words that patterns do not have any more: something that is to be
    /// forgotten could be told from them.
    pub(super) fn drop_outdated_vectors(&mut self) -> Result<(), StorageError> {
        const ATTEMPT: &str = "drop vectors";
        let outdated: Vec<i64> = {
            let mut query = self
                .conn()
                .prepare(
                    "SELECT p.row, p.kind, p.trigger, p.text, v.text
                     FROM vectors v JOIN patterns p ON p.row = v.pattern",
                )
                .attempt(ATTEMPT)?;
            let mut rows = query.query([]).attempt(ATTEMPT)?;
            let mut outdated = Vec::new();
            while let Some(row) = rows.next().attempt(ATTEMPT)? {
                let encoded: i64 = row.get(4).attempt(ATTEMPT)?;
                if encoded != key(meaningful(row, 1).attempt(ATTEMPT)?) {
                    outdated.push(row.get(0).attempt(ATTEMPT)?);
                }
            }
            outdated
        };
        let mut delete = self
            .conn()
            .prepare_cached("DELETE FROM vectors WHERE pattern = ?1")
            .attempt(ATTEMPT)?;
        outdated.iter().try_for_each(|pattern| delete.execute([pattern]).map(drop).attempt(ATTEMPT))
    }
}

/// What a pattern means, of its kind, trigger and text in the columns from `at` on.
fn meaningful<'a>(row: &'a rusqlite::Row<'_>, at: usize) -> Result<&'a str, rusqlite::Error> {
    // Skills are not encoded before there are any, and a kind that is not known is none either.
    let kind = Kind::from_number(row.get(at)?).unwrap_or(Kind::Skill);
    let text = |column| row.get_ref(column).map(|value| value.as_str().unwrap_or(""));
    Ok(kind.meaningful(text(at + 1)?, text(at + 2)?))
}
