//! Transcript files: how far each was read, and the account of its lines.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::error::{Attempt, StorageError};
use super::open::Reader;
use super::store::Store;

/// Where reading a transcript stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct StoredCursor {
    /// Bytes consumed.
    pub(crate) offset: u64,
    /// Lines consumed.
    pub(crate) line: u64,
    /// The file's size when it was read.
    pub(crate) size: u64,
    /// The file's modification time when it was read, in milliseconds since the Unix epoch.
    pub(crate) modified: i64,
    /// The file's inode.
    pub(crate) inode: u64,
    /// Hash of the last line consumed.
    pub(crate) tail_hash: u64,
}

/// What became of a transcript's lines, summed over all readings of it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Account {
    /// Lines that became steps.
    pub(crate) learned: u64,
    /// Lines passed over, by reason.
    pub(crate) skipped: BTreeMap<String, u64>,
    /// The first bad lines as (line, reason).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) bad: Vec<(u64, String)>,
    /// How often MANA's hooks took so many milliseconds, as the client measured it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) hooks: BTreeMap<u64, u64>,
}

impl Account {
    /// Lines passed over for any reason.
    pub(crate) fn skipped_lines(&self) -> u64 {
        self.skipped.values().sum()
    }

    /// Adds what a further reading found.
    pub(crate) fn add(&mut self, other: &Self) {
        self.learned += other.learned;
        for (reason, count) in &other.skipped {
            *self.skipped.entry(reason.clone()).or_default() += count;
        }
        for (time, runs) in &other.hooks {
            *self.hooks.entry(*time).or_default() += runs;
        }
        self.bad.extend(other.bad.iter().cloned());
        self.bad.truncate(20);
    }
}

/// Sums over all transcripts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub(crate) struct Totals {
    /// Transcript files.
    pub(crate) transcripts: u64,
    /// Lines read.
    pub(crate) lines: u64,
    /// Lines that became steps.
    pub(crate) learned: u64,
    /// Lines passed over.
    pub(crate) skipped: u64,
    /// Sessions.
    pub(crate) sessions: u64,
    /// Tool calls.
    pub(crate) calls: u64,
    /// Failed calls, masked failures among them.
    pub(crate) failures: u64,
    /// Last time that anything was read, in milliseconds since the Unix epoch.
    pub(crate) read_at: i64,
}

impl Reader {
    /// Row and cursor of the transcript at `path`.
    pub(crate) fn transcript(
        &self,
        path: &str,
    ) -> Result<Option<(i64, StoredCursor, Account)>, StorageError> {
        self.conn
            .prepare_cached(
                "SELECT id, offset, line, size, modified, inode, tail_hash, account
                 FROM transcripts WHERE path = ?1",
            )
            .and_then(|mut query| {
                query
                    .query_row([path], |row| {
                        let cursor = StoredCursor {
                            offset: row.get::<_, i64>(1)? as u64,
                            line: row.get::<_, i64>(2)? as u64,
                            size: row.get::<_, i64>(3)? as u64,
                            modified: row.get(4)?,
                            inode: row.get::<_, i64>(5)? as u64,
                            tail_hash: row.get::<_, i64>(6)? as u64,
                        };
                        let account: String = row.get(7)?;
                        let account = serde_json::from_str(&account).unwrap_or_default();
                        Ok((row.get(0)?, cursor, account))
                    })
                    .optional()
            })
            .attempt("read a transcript's cursor")
    }

    /// How often MANA's hooks took so many milliseconds, over all transcripts.
    pub(crate) fn hook_times(&self) -> Result<BTreeMap<u64, u64>, StorageError> {
        const ATTEMPT: &str = "read how long hooks took";
        let sql = "SELECT account FROM transcripts WHERE instr(account, '\"hooks\"') > 0";
        let mut query = self.conn.prepare_cached(sql).attempt(ATTEMPT)?;
        let rows = query.query_map([], |row| row.get::<_, String>(0)).attempt(ATTEMPT)?;
        let mut sum = Account::default();
        for row in rows {
            sum.add(&serde_json::from_str(&row.attempt(ATTEMPT)?).unwrap_or_default());
        }
        Ok(sum.hooks)
    }

    /// Sums over everything that was read.
    pub(crate) fn totals(&self) -> Result<Totals, StorageError> {
        self.conn
            .query_row(
                "SELECT count(*), coalesce(sum(line), 0), coalesce(sum(learned), 0),
                        coalesce(sum(skipped), 0), coalesce(max(read_at), 0),
                        (SELECT count(DISTINCT session) FROM trajectories),
                        (SELECT count(*) FROM steps WHERE body = 2),
                        (SELECT count(*) FROM steps WHERE body = 2 AND outcome IN (2, 3))
                 FROM transcripts",
                [],
                |row| {
                    let unsigned = |n| row.get::<_, i64>(n).map(|value| value as u64);
                    Ok(Totals {
                        transcripts: unsigned(0)?,
                        lines: unsigned(1)?,
                        learned: unsigned(2)?,
                        skipped: unsigned(3)?,
                        read_at: row.get(4)?,
                        sessions: unsigned(5)?,
                        calls: unsigned(6)?,
                        failures: unsigned(7)?,
                    })
                },
            )
            .attempt("sum up the transcripts")
    }
}

impl Store {
    /// Row of the transcript at `path`, made if it is new.
    pub(crate) fn ensure_transcript(&mut self, path: &str) -> Result<i64, StorageError> {
        self.conn()
            .prepare_cached(
                "INSERT INTO transcripts (path) VALUES (?1)
                 ON CONFLICT (path) DO UPDATE SET path = excluded.path RETURNING id",
            )
            .and_then(|mut insert| insert.query_row([path], |row| row.get(0)))
            .attempt("store a transcript")
    }

    /// Stores how far a transcript was read, and the account of all its lines.
    pub(crate) fn save_cursor(
        &mut self,
        transcript: i64,
        cursor: &StoredCursor,
        account: &Account,
        now: i64,
    ) -> Result<(), StorageError> {
        let json = serde_json::to_string(account).expect("an account has only string keys");
        self.conn()
            .prepare_cached(
                "UPDATE transcripts SET offset = ?2, line = ?3, size = ?4, modified = ?5,
                     inode = ?6, tail_hash = ?7, learned = ?8, skipped = ?9, account = ?10,
                     read_at = ?11
                 WHERE id = ?1",
            )
            .and_then(|mut update| {
                update.execute(params![
                    transcript,
                    cursor.offset as i64,
                    cursor.line as i64,
                    cursor.size as i64,
                    cursor.modified,
                    cursor.inode as i64,
                    cursor.tail_hash as i64,
                    account.learned as i64,
                    account.skipped_lines() as i64,
                    json,
                    now,
                ])
            })
            .attempt("store a transcript's cursor")?;
        Ok(())
    }
}
