//! What came of trying out patterns that other devices told, and whose words these are.

#[cfg(feature = "sync")]
use rusqlite::params;
use rusqlite::{OptionalExtension, Row};

use super::error::{Attempt, StorageError};
use super::hearsay::Hearsay;
use super::open::Reader;
use super::store::Store;
use crate::model::ids::PatternId;
use crate::model::pattern::{Kind, Payload};
use crate::model::trial::{Score, Trial, Verdict};

#[cfg(feature = "sync")]
pub(super) mod waiting;

/// Whose words a pattern has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Teller {
    /// The device: a public key.
    pub(crate) device: Vec<u8>,
    /// What it calls itself; may be empty.
    pub(crate) name: String,
    /// When it said so, in milliseconds since the Unix epoch; 0 where that is not known.
    pub(crate) at: i64,
}

const TRIAL: &str = "t.words, t.known, t.sessions, t.told, t.right, t.wrong, t.first, t.last, \
     t.need, t.verdict, t.at";

fn trial_from(row: &Row<'_>, first: usize) -> rusqlite::Result<Trial> {
    Ok(Trial {
        words: row.get(first)?,
        known: row.get(first + 1)?,
        sessions: row.get(first + 2)?,
        score: Score {
            told: row.get(first + 3)?,
            right: row.get(first + 4)?,
            wrong: row.get(first + 5)?,
            first: row.get(first + 6)?,
            last: row.get(first + 7)?,
        },
        need: row.get(first + 8)?,
        verdict: Verdict::from_number(row.get(first + 9)?),
        at: row.get(first + 10)?,
    })
}

/// What a trial remembers of a pattern: all that decides when it is told and what is said.
pub(super) fn words(
    kind: Kind,
    [tool, category, trigger, text]: [&str; 4],
    payload: &Payload,
    keys: &[i64],
) -> [u8; 16] {
    let mut keys = keys.to_vec();
    keys.sort_unstable();
    keys.dedup();
    let all = (kind as u8, tool, category, trigger, text, payload, keys);
    let all = serde_json::to_string(&all).expect("texts and numbers are JSON");
    *PatternId::derive("trial", "", &all, "").as_bytes()
}

impl Reader {
    /// What came of trying out the pattern with this id, whatever its words were.
    pub(crate) fn trial(&self, id: PatternId) -> Result<Option<Trial>, StorageError> {
        self.conn
            .prepare_cached(&format!("SELECT {TRIAL} FROM trials t WHERE t.pattern = ?1"))
            .and_then(|mut query| {
                query.query_row([id.as_bytes()], |row| trial_from(row, 0)).optional()
            })
            .attempt("read what came of a trial")
    }

    /// Whose words the pattern with this id has, where another device's stand.
    pub(crate) fn teller(&self, id: PatternId) -> Result<Option<Teller>, StorageError> {
        self.conn
            .prepare_cached(
                "SELECT d.key, d.name, coalesce(c.hlc >> 16, 0)
                 FROM patterns p JOIN hearsay h ON h.pattern = p.id
                 JOIN shared_devices d ON lower(hex(d.key)) = h.device
                 LEFT JOIN shared_claims c ON c.pattern = p.id AND c.field = 1 AND c.device = d.key
                 WHERE p.id = ?1 AND NOT EXISTS (SELECT 1 FROM drafts WHERE pattern = p.row)",
            )
            .and_then(|mut query| {
                query
                    .query_row([id.as_bytes()], |row| {
                        Ok(Teller { device: row.get(0)?, name: row.get(1)?, at: row.get(2)? })
                    })
                    .optional()
            })
            .attempt("look up whose words a pattern has")
    }
}

#[cfg(feature = "sync")]
impl Reader {
    /// What other devices say of the pattern with this id than the one whose words stand: their
    /// words as they told them, the latest first. Refused devices count for nothing.
    pub(crate) fn other_words(
        &self,
        id: PatternId,
    ) -> Result<Vec<(Teller, Vec<u8>)>, StorageError> {
        const ATTEMPT: &str = "look up what other devices say of a pattern";
        let mut query = self
            .conn
            .prepare_cached(
                "SELECT d.key, d.name, c.hlc >> 16, c.value
                 FROM hearsay h JOIN shared_claims c ON c.pattern = h.pattern AND c.field = 1
                 JOIN shared_devices d ON d.key = c.device
                 LEFT JOIN shared_removals r ON r.pattern = c.pattern AND r.device = c.device
                 WHERE h.pattern = ?1 AND d.trust <> 2 AND lower(hex(d.key)) <> h.device
                     AND c.value <> x'' AND coalesce(r.redacted, 0) = 0
                     AND coalesce(r.deleted, 0) < c.hlc
                 ORDER BY c.hlc DESC, d.key",
            )
            .attempt(ATTEMPT)?;
        let rows = query.query_map([id.as_bytes()], |row| {
            let teller = Teller { device: row.get(0)?, name: row.get(1)?, at: row.get(2)? };
            Ok((teller, row.get(3)?))
        });
        rows.and_then(Iterator::collect).attempt(ATTEMPT)
    }
}

impl Store {
    /// What speaks for telling what others say without being asked: a trial of these very words.
    pub(super) fn helped_here(
        &mut self,
        id: PatternId,
        kind: Kind,
        hearsay: &Hearsay,
    ) -> Result<Option<Score>, StorageError> {
        let Some(trial) = self.trial(id)?.filter(|trial| trial.verdict == Verdict::Helpful) else {
            return Ok(None);
        };
        let Hearsay { tool, category, trigger, text, payload, keys, .. } = hearsay;
        let now = words(kind, [tool, category, trigger, text], payload, keys);
        Ok((now == trial.words).then_some(trial.score))
    }

    /// Keeps what came of a trial.
    #[cfg(feature = "sync")]
    fn put_trial(&mut self, id: PatternId, trial: &Trial) -> Result<(), StorageError> {
        let Trial { words, known, sessions, score, need, verdict, at } = trial;
        let Score { told, right, wrong, first, last } = score;
        self.conn()
            .prepare_cached(
                "INSERT OR REPLACE INTO trials (pattern, words, known, sessions, told, right,
                     wrong, first, last, need, verdict, at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )
            .and_then(|mut insert| {
                insert.execute(params![
                    id.as_bytes(),
                    words,
                    known,
                    sessions,
                    told,
                    right,
                    wrong,
                    first,
                    last,
                    need,
                    *verdict as i64,
                    at
                ])
            })
            .map(drop)
            .attempt("store what came of a trial")
    }
}
