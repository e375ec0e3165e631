//! What a store holds, as far as it matters to one who is about to forget some of it.

use std::collections::BTreeMap;

use super::error::{Attempt, StorageError};
use super::open::Reader;
use crate::model::ids::PatternId;
use crate::model::pattern::Kind;

const ATTEMPT: &str = "count what is known";

/// Tables whose rows are of transcripts, patterns or hooks. What is made of other rows (term
/// lists, skills, pairs) is made anew, and what only keeps hashes stays.
const TABLES: &[&str] = &[
    "projects",
    "transcripts",
    "trajectories",
    "steps",
    "results",
    "patterns",
    "evidence",
    "files",
    "touches",
    "command_runs",
    "injections",
    "vectors",
    "edits",
    "hearsay",
];

/// A pattern that a store holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Known {
    /// Its kind; `None` for one that this program does not know.
    pub(crate) kind: Option<Kind>,
    /// Its words.
    pub(crate) text: String,
    /// What it is told with and how often it was seen.
    evidence: (String, i64, i64, i64),
}

/// All patterns, and how many rows each table has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Inventory {
    /// Patterns of any state, by id.
    pub(crate) patterns: BTreeMap<PatternId, Known>,
    /// Rows by table.
    pub(crate) rows: BTreeMap<&'static str, u64>,
}

impl Reader {
    /// What the store holds.
    pub(crate) fn inventory(&self) -> Result<Inventory, StorageError> {
        let mut query = self
            .conn
            .prepare("SELECT id, kind, text, payload, successes, failures, sessions FROM patterns")
            .attempt(ATTEMPT)?;
        let found = query.query_map([], |row| {
            let known = Known {
                kind: Kind::from_number(row.get(1)?),
                text: row.get(2)?,
                evidence: (row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?),
            };
            Ok((PatternId::from_bytes(row.get(0)?), known))
        });
        let patterns = found.and_then(Iterator::collect).attempt(ATTEMPT)?;
        let count = |table: &&'static str| {
            let sql = format!("SELECT count(*) FROM {table}");
            let rows: i64 = self.conn.query_row(&sql, [], |row| row.get(0)).attempt(ATTEMPT)?;
            Ok((*table, rows as u64))
        };
        let rows = TABLES.iter().map(count).collect::<Result<_, StorageError>>()?;
        Ok(Inventory { patterns, rows })
    }
}
