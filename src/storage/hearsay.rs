//! What other devices come to say of patterns.
//!
//! A pattern that nothing here speaks for has the words of another device. As soon as it is
//! learned here as well, its words and counts are those of this device; that others saw it too
//! makes it surer all the same (`patterns::WEIGHED`).

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension, params};

use super::documents::Document;
use super::error::{Attempt, StorageError};
use super::open::Reader;
use super::patterns::{COLUMNS, kind_term, pattern_from, scope_term, tally_from};
use super::store::Store;
use crate::model::ids::PatternId;
use crate::model::pattern::{Kind, Pattern, Payload, State, Tally, state_by_evidence};
use crate::model::trial::Score;
use crate::model::{dates, suspicion, tokens};

/// Sessions for which the word of others stands at most: whoever says more is not more right.
/// `patterns::WEIGHED` has the same number.
const SESSIONS: u32 = 3;

/// Under which name the store notes by which rules the words of others were judged.
const JUDGED: &str = "judged";

/// What others come to say of one pattern.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Hearsay {
    /// Whose words they are: a public key in hex.
    pub(crate) device: String,
    /// Whether that device is trusted.
    pub(crate) trusted: bool,
    /// Tool that it is about; may be empty.
    pub(crate) tool: String,
    /// Command category; may be empty.
    pub(crate) category: String,
    /// Words by which it is found.
    pub(crate) trigger: String,
    /// What the agent would read.
    pub(crate) text: String,
    /// The parts that code needs.
    pub(crate) payload: Payload,
    /// Exact keys under which it is found.
    pub(crate) keys: Vec<i64>,
    /// How often it was seen.
    pub(crate) tally: Tally,
}

/// Why words that others told may be told here.
#[derive(Clone, Copy)]
struct Standing {
    /// Nobody vouches for them: no trust in the device, and no trial.
    unknown: bool,
    /// The user wrote the text.
    written: bool,
}

/// How often a pattern of others was seen: where it would have been right here, whatever they say.
fn seen_here(kind: Kind, score: Score) -> Tally {
    let failures = match kind {
        Kind::Recipe => score.wrong,
        _ => score.right + score.wrong,
    };
    Tally {
        successes: score.right,
        failures,
        sessions: score.right,
        first: score.first,
        last: score.last,
    }
}

/// Another device that saw a pattern.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub(crate) struct Witness {
    /// What it calls itself, or the beginning of its key.
    pub(crate) device: String,
    /// Whether it is trusted.
    pub(crate) trusted: bool,
    /// In how many sessions it saw it.
    pub(crate) sessions: u32,
}

impl Reader {
    /// The other devices that say they saw a pattern; those with most sessions first.
    pub(crate) fn witnesses(&self, pattern: PatternId) -> Result<Vec<Witness>, StorageError> {
        const ATTEMPT: &str = "read who else saw a pattern";
        // The third of eight numbers of four bytes is that of the sessions; what this device says
        // of itself bears one of the marks of its own logs.
        let mut query = self
            .conn
            .prepare_cached(
                "SELECT coalesce(nullif(d.name, ''), substr(lower(hex(c.device)), 1, 8)),
                        coalesce(d.trust, 0) = 1, substr(c.numbers, 9, 4)
                 FROM shared_counts c LEFT JOIN shared_devices d ON d.key = c.device
                 WHERE c.pattern = ?1 AND coalesce(d.trust, 0) <> 2 AND coalesce(
                     (SELECT instr(value, c.incarnation) FROM sharing WHERE key = 'own'), 0) = 0
                 ORDER BY c.device",
            )
            .attempt(ATTEMPT)?;
        let rows = query.query_map([pattern.as_bytes()], |row| {
            let sessions = u32::from_be_bytes(row.get(2)?);
            Ok(Witness { device: row.get(0)?, trusted: row.get(1)?, sessions })
        });
        let mut witnesses: Vec<Witness> = Vec::new();
        for witness in rows.attempt(ATTEMPT)? {
            let witness = witness.attempt(ATTEMPT)?;
            match witnesses.iter_mut().find(|known| known.device == witness.device) {
                Some(known) => known.sessions += witness.sessions,
                None => witnesses.push(witness),
            }
        }
        witnesses.retain(|witness| witness.sessions > 0);
        witnesses.sort_by_key(|witness| std::cmp::Reverse(witness.sessions));
        Ok(witnesses)
    }
}

impl Store {
    /// What others come to say of the pattern in this row.
    pub(super) fn hearsay_of(&mut self, row: i64) -> Result<Option<Hearsay>, StorageError> {
        self.conn()
            .prepare_cached(
                "SELECT h.device, h.trusted, h.tool, h.category, h.trigger, h.text, h.payload,
                        h.keys, h.successes, h.failures, h.sessions, h.first, h.last
                 FROM patterns p JOIN hearsay h ON h.pattern = p.id WHERE p.row = ?1",
            )
            .and_then(|mut query| {
                query
                    .query_row([row], |row| {
                        let payload: String = row.get(6)?;
                        let keys: Vec<u8> = row.get(7)?;
                        Ok(Hearsay {
                            device: row.get(0)?,
                            trusted: row.get(1)?,
                            tool: row.get(2)?,
                            category: row.get(3)?,
                            trigger: row.get(4)?,
                            text: row.get(5)?,
                            payload: serde_json::from_str(&payload).unwrap_or_default(),
                            keys: super::drafts::keys_from(&keys).collect(),
                            tally: tally_from(row, 8)?,
                        })
                    })
                    .optional()
            })
            .attempt("read what other devices say")
    }

    /// Sessions in which trusted devices of others saw the pattern in this row, as far as they
    /// count.
    pub(super) fn sessions_of_others(&mut self, row: i64) -> Result<u32, StorageError> {
        let heard = self.hearsay_of(row)?.filter(|heard| heard.trusted);
        Ok(heard.map_or(0, |heard| heard.tally.sessions.min(SESSIONS)))
    }

    /// The state of a pattern with this text for which nothing here speaks.
    fn state_of(
        &mut self,
        before: &Pattern,
        hearsay: &Hearsay,
        tally: &Tally,
        text: &str,
        Standing { unknown, written }: Standing,
    ) -> Result<State, StorageError> {
        let Hearsay { tool, payload, .. } = hearsay;
        let suspicious = if written {
            suspicion::of_words(before.kind, "", payload)
        } else if *text == *hearsay.text {
            unknown || suspicion::of_hearsay(before.kind, tool, text, payload).is_some()
        } else {
            // People worded it, on another device.
            unknown || suspicion::of_words(before.kind, text, payload)
        };
        match before.state {
            State::Retired => Ok(State::Retired),
            // What others tell waits for approval, however little speaks for it: it can be
            // approved at once. What the user wrote about it is told.
            _ if unknown || written => self.reviewed(before.row, State::Active, suspicious),
            _ => {
                let by_evidence = state_by_evidence(before.kind, &hearsay.payload, tally);
                self.reviewed(before.row, by_evidence, suspicious)
            }
        }
    }

    /// Brings a pattern for which nothing here speaks in line with what others say. Returns its
    /// document if that changes.
    ///
    /// Unless the device is trusted, or a trial of these very words on what happened here found
    /// them right, the pattern waits for approval, and does so again when its words change. Where
    /// people wrote other words for it ([`super::edits`]), they are its text, which no trial speaks
    /// for; those that were written here need no approval.
    pub(super) fn follow_hearsay(
        &mut self,
        row: i64,
        hearsay: &Hearsay,
    ) -> Result<Option<Document>, StorageError> {
        const ATTEMPT: &str = "store what other devices say";
        let sql = format!("SELECT {COLUMNS} FROM patterns p WHERE p.row = ?1");
        let before = self
            .conn()
            .prepare_cached(&sql)
            .and_then(|mut query| query.query_row([row], pattern_from))
            .attempt(ATTEMPT)?;
        let payload = serde_json::to_string(&hearsay.payload).expect("payloads are JSON");
        let words = self.words_of(row)?;
        let written = words.as_ref().is_some_and(|words| words.written);
        let helped = if hearsay.trusted || words.is_some() {
            None
        } else {
            self.helped_here(before.id, before.kind, hearsay)?
        };
        let text = words.map_or_else(|| hearsay.text.clone(), |words| words.text);
        let mut tally = helped.map_or(hearsay.tally, |score| seen_here(before.kind, score));
        tally.sessions = tally.sessions.min(SESSIONS);
        self.conn()
            .prepare_cached(
                "UPDATE patterns SET tool = ?2, category = ?3, trigger = ?4, text = ?5,
                     payload = ?6, successes = ?7, failures = ?8, sessions = ?9, first = ?10,
                     last = ?11, origin = ?12
                 WHERE row = ?1",
            )
            .and_then(|mut update| {
                update.execute(params![
                    row,
                    hearsay.tool,
                    hearsay.category,
                    hearsay.trigger,
                    text,
                    payload,
                    tally.successes,
                    tally.failures,
                    tally.sessions,
                    tally.first,
                    tally.last,
                    hearsay.device,
                ])
            })
            .attempt(ATTEMPT)?;
        self.replace_keys(row, &hearsay.keys)?;
        let standing = Standing { unknown: !hearsay.trusted && helped.is_none(), written };
        let state = self.state_of(&before, hearsay, &tally, &text, standing)?;
        self.conn()
            .prepare_cached("UPDATE patterns SET state = ?2 WHERE row = ?1")
            .and_then(|mut update| update.execute(params![row, state as i64]))
            .attempt(ATTEMPT)?;
        if before.trigger == hearsay.trigger && before.text == text {
            return Ok(None);
        }
        let scope = format!("{} {}", scope_term(before.project), kind_term(before.kind));
        let columns = [scope, tokens::joined(&hearsay.trigger), tokens::joined(&text)];
        let replaces = !(before.trigger.is_empty() && before.text.is_empty());
        Ok(Some(Document { row, replaces, columns: Some(columns) }))
    }

    /// Judges the words of others anew, and when they were seen, unless that was done by the rules
    /// as they are. Returns how many patterns have such words and were looked at. Call it inside
    /// [`Store::atomically`].
    pub(crate) fn judge_hearsay(&mut self, now: i64) -> Result<u64, StorageError> {
        const ATTEMPT: &str = "judge what other devices say";
        let rules = suspicion::REVISION.to_string();
        if self.note(JUDGED)?.as_ref() == Some(&rules) {
            return Ok(0);
        }
        // What came before it was asked at what time it can have been seen.
        self.conn()
            .execute(
                "UPDATE hearsay SET first = CASE WHEN first BETWEEN ?1 AND ?3 THEN first ELSE ?3 END,
                     last = ?3
                 WHERE (first <> 0 OR last <> 0) AND last NOT BETWEEN ?1 AND ?2",
                [dates::EARLIEST, dates::latest(now), now],
            )
            .attempt(ATTEMPT)?;
        let rows: BTreeSet<i64> = {
            let mut query = self
                .conn()
                .prepare(
                    "SELECT p.row FROM patterns p JOIN hearsay h ON h.pattern = p.id
                     WHERE NOT EXISTS (SELECT 1 FROM drafts d WHERE d.pattern = p.row)",
                )
                .attempt(ATTEMPT)?;
            let rows = query.query_map([], |row| row.get(0));
            rows.and_then(Iterator::collect).attempt(ATTEMPT)?
        };
        self.refresh(&rows, &BTreeSet::new(), now)?;
        self.conn()
            .execute(
                "INSERT INTO meta (key, value) VALUES (?1, ?2)
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                params![JUDGED, rules],
            )
            .attempt(ATTEMPT)?;
        Ok(rows.len() as u64)
    }

    fn replace_keys(&mut self, row: i64, keys: &[i64]) -> Result<(), StorageError> {
        const ATTEMPT: &str = "store a pattern's keys";
        self.conn()
            .prepare_cached("DELETE FROM pattern_keys WHERE pattern = ?1")
            .and_then(|mut delete| delete.execute([row]))
            .attempt(ATTEMPT)?;
        for key in keys {
            self.conn()
                .prepare_cached("INSERT OR IGNORE INTO pattern_keys (key, pattern) VALUES (?1, ?2)")
                .and_then(|mut insert| insert.execute([*key, row]))
                .attempt(ATTEMPT)?;
        }
        Ok(())
    }

    /// Forgets what others say of the pattern with this id.
    pub(super) fn forget_hearsay(&mut self, id: &[u8; 16]) -> Result<(), StorageError> {
        const STATEMENTS: [&str; 5] = [
            "DELETE FROM hearsay WHERE pattern = ?1",
            "DELETE FROM trials WHERE pattern = ?1",
            "DELETE FROM shared_waiting WHERE pattern = ?1",
            "DELETE FROM shared_counts WHERE pattern = ?1",
            // That something was said stays, so that the next exchange takes it back.
            "UPDATE shared_claims SET value = x'' WHERE pattern = ?1",
        ];
        for statement in STATEMENTS {
            self.conn()
                .prepare_cached(statement)
                .and_then(|mut change| change.execute([id]))
                .attempt("forget what other devices say")?;
        }
        Ok(())
    }
}
