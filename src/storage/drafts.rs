//! What trajectories propose, and the patterns made of it.
//!
//! Every trajectory keeps its own proposal of a pattern's words, beside its evidence. The pattern
//! is made of all of them: the wording with the newest evidence, all keys, sums over the
//! evidence. So a trajectory that is extracted again leaves nothing behind of what it said
//! before, and the order of learning leaves no trace. Where a person wrote other words for it
//! ([`super::edits`]), they are its text.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension, params};

use super::documents::Document;
use super::error::{Attempt, StorageError};
use super::open::Reader;
use super::patterns::{kind_term, scope_term, tally_from};
use super::prepared::{Prepared, terms_of};
use super::steps::StoredTrajectory;
use super::store::Store;
use crate::model::ids::PatternId;
use crate::model::pattern::{Draft, Kind, Payload, State, Tally, state_by_evidence};
use crate::model::suspicion;

/// The words of a pattern, as it has them or as a trajectory proposes them.
#[derive(PartialEq, Debug)]
pub(super) struct Wording {
    tool: String,
    category: String,
    pub(super) trigger: String,
    pub(super) text: String,
    pub(super) payload: String,
}

/// A pattern's row as far as a refresh needs it.
struct Current {
    kind: i64,
    project: Option<i64>,
    state: i64,
    wording: Wording,
}

impl Store {
    /// Stores a draft with its evidence and returns the pattern's row, which the caller has to
    /// refresh; `None` for a pattern that the user had forgotten.
    pub(super) fn put_draft(
        &mut self,
        trajectory: &StoredTrajectory,
        project_key: &str,
        (draft, prepared): (&Draft, &Prepared),
        now: i64,
    ) -> Result<Option<i64>, StorageError> {
        let id = draft.id(project_key);
        if self.forgets && self.is_forgotten(id.as_bytes())? {
            return Ok(None);
        }
        let row = match self.pattern_row(id)? {
            Some(row) => row,
            None => self.insert_pattern(id, Some(trajectory.project), draft.kind, now)?,
        };
        let newest = draft.evidence.iter().map(|evidence| evidence.at).max().unwrap_or(0);
        self.conn()
            .prepare_cached(
                "INSERT OR REPLACE INTO drafts (trajectory, pattern, newest, tool, category,
                                                trigger, text, payload, keys)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )
            .and_then(|mut insert| {
                insert.execute(params![
                    trajectory.id,
                    row,
                    newest,
                    draft.tool,
                    draft.category,
                    draft.trigger,
                    draft.text,
                    prepared.payload,
                    prepared.keys,
                ])
            })
            .attempt("store a pattern's words")?;
        for evidence in &draft.evidence {
            // A step that another trajectory had before it turned out to be this one's.
            self.conn()
                .prepare_cached(
                    "INSERT INTO evidence (pattern, step, role, trajectory, at)
                     VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT (pattern, step, role) DO UPDATE SET
                         trajectory = excluded.trajectory, at = excluded.at",
                )
                .and_then(|mut insert| {
                    insert.execute(params![
                        row,
                        evidence.step.as_bytes(),
                        evidence.role as i64,
                        trajectory.id,
                        evidence.at
                    ])
                })
                .attempt("store a pattern's evidence")?;
        }
        Ok(Some(row))
    }

    pub(super) fn pattern_row(&mut self, id: PatternId) -> Result<Option<i64>, StorageError> {
        self.conn()
            .prepare_cached("SELECT row FROM patterns WHERE id = ?1")
            .and_then(|mut query| query.query_row([id.as_bytes()], |row| row.get(0)).optional())
            .attempt("look up a pattern")
    }

    /// A pattern without words yet: its refresh fills them in.
    pub(super) fn insert_pattern(
        &mut self,
        id: PatternId,
        project: Option<i64>,
        kind: Kind,
        now: i64,
    ) -> Result<i64, StorageError> {
        let hlc = self.tick(now)?;
        self.conn()
            .prepare_cached(
                "INSERT INTO patterns (id, kind, project, tool, category, trigger, text, payload,
                                       state, hlc, origin)
                 VALUES (?1, ?2, ?3, '', '', '', '', '{}', ?4, ?5,
                         (SELECT value FROM meta WHERE key = 'device'))",
            )
            .and_then(|mut insert| {
                insert.execute(params![
                    id.as_bytes(),
                    kind as i64,
                    project,
                    State::Candidate as i64,
                    hlc,
                ])
            })
            .attempt("store a pattern")?;
        Ok(self.conn().last_insert_rowid())
    }

    /// Brings a pattern's words, keys, sums and state in line with what the trajectories say; one
    /// of which none says anything is dropped. Returns its document if that changes. `drafts` are
    /// those of it that are at hand.
    pub(super) fn refresh_pattern(
        &mut self,
        row: i64,
        drafts: &[(&Draft, &Prepared)],
        now: i64,
    ) -> Result<Option<Document>, StorageError> {
        let mut all = self.merged_into(row)?;
        let merged = !all.is_empty();
        all.push(row);
        let tally = if merged { self.tally_of(&all)? } else { self.tally(row)? };
        let current = self.current(row)?;
        let mut wording = self.best_wording(&[row])?;
        if wording.is_none() && current.project.is_none() {
            // A pattern of all projects has the words of those that it stands for.
            wording = self.best_wording(&all)?;
        }
        let Some(mut wording) = wording.filter(|_| tally.successes + tally.failures > 0) else {
            return match self.hearsay_of(row)? {
                Some(hearsay) => self.follow_hearsay(row, &hearsay),
                None => self.drop_pattern(row).map(Some),
            };
        };
        let words = self.words_of(row)?;
        let written = words.as_ref().map(|words| words.written);
        if let Some(words) = words {
            wording.text = words.text;
        }
        if wording != current.wording {
            self.reword_pattern(row, &wording, now)?;
        }
        self.refresh_keys(row, &all)?;
        let payload = serde_json::from_str(&wording.payload).unwrap_or_default();
        let kind = Kind::from_number(current.kind).unwrap_or(Kind::Skill);
        let mut at_hand = drafts.iter().filter(|(draft, made)| made.has(draft, kind, &wording));
        let made = at_hand.next().map(|(_, made)| *made);
        let state = match State::from_number(current.state) {
            State::Candidate | State::Active | State::Quarantined => {
                let mut known = tally;
                known.sessions += self.sessions_of_others(row)?;
                let state = state_by_evidence(kind, &payload, &known);
                let suspicious = match written {
                    // What the user wrote needs no approval, what others wrote always does.
                    Some(here) => !here || suspicion::of_words(kind, "", &payload),
                    None => made.map_or_else(
                        || suspicion::of_words(kind, &wording.text, &payload),
                        |made| made.suspicious,
                    ),
                };
                self.reviewed(row, state, suspicious)?
            }
            // What was set aside stays so, however often it is seen.
            State::Retired => State::Retired,
        };
        self.store_tally(row, &tally, state)?;
        Ok(document(row, &current, &wording, made))
    }

    fn tally(&mut self, row: i64) -> Result<Tally, StorageError> {
        self.conn()
            .prepare_cached(
                "SELECT coalesce(sum(e.role = 1), 0), coalesce(sum(e.role = 2), 0),
                        count(DISTINCT t.session), coalesce(min(e.at), 0), coalesce(max(e.at), 0)
                 FROM evidence e JOIN trajectories t ON t.id = e.trajectory
                 WHERE e.pattern = ?1",
            )
            .and_then(|mut query| query.query_row([row], |r| tally_from(r, 0)))
            .attempt("sum up a pattern's evidence")
    }

    fn current(&mut self, row: i64) -> Result<Current, StorageError> {
        self.conn()
            .prepare_cached(
                "SELECT kind, project, state, tool, category, trigger, text, payload
                 FROM patterns WHERE row = ?1",
            )
            .and_then(|mut query| {
                query.query_row([row], |r| {
                    Ok(Current {
                        kind: r.get(0)?,
                        project: r.get(1)?,
                        state: r.get(2)?,
                        wording: wording_from(r, 3)?,
                    })
                })
            })
            .attempt("read a pattern")
    }

    fn reword_pattern(
        &mut self,
        row: i64,
        wording: &Wording,
        now: i64,
    ) -> Result<(), StorageError> {
        let hlc = self.tick(now)?;
        self.conn()
            .prepare_cached(
                "UPDATE patterns SET tool = ?2, category = ?3, trigger = ?4, text = ?5,
                     payload = ?6, hlc = ?7
                 WHERE row = ?1",
            )
            .and_then(|mut update| {
                update.execute(params![
                    row,
                    wording.tool,
                    wording.category,
                    wording.trigger,
                    wording.text,
                    wording.payload,
                    hlc
                ])
            })
            .map(drop)
            .attempt("store a pattern's words")
    }

    /// Brings a pattern's keys in line with those of the drafts of `all`: its own and those of the
    /// patterns that it stands for.
    fn refresh_keys(&mut self, row: i64, all: &[i64]) -> Result<(), StorageError> {
        let mut proposed: BTreeSet<i64> = BTreeSet::new();
        for row in all {
            let mut query = self
                .conn()
                .prepare_cached("SELECT DISTINCT keys FROM drafts WHERE pattern = ?1")
                .attempt("read a pattern's keys")?;
            let rows = query.query_map([row], |r| r.get::<_, Vec<u8>>(0));
            let blobs: Vec<Vec<u8>> =
                rows.and_then(Iterator::collect).attempt("read a pattern's keys")?;
            proposed.extend(blobs.iter().flat_map(|blob| keys_from(blob)));
        }
        let known: BTreeSet<i64> = {
            let mut query = self
                .conn()
                .prepare_cached("SELECT key FROM pattern_keys WHERE pattern = ?1")
                .attempt("read a pattern's keys")?;
            let rows = query.query_map([row], |r| r.get(0));
            rows.and_then(Iterator::collect).attempt("read a pattern's keys")?
        };
        let changes = [
            ("INSERT INTO pattern_keys (key, pattern) VALUES (?1, ?2)", &proposed, &known),
            ("DELETE FROM pattern_keys WHERE key = ?1 AND pattern = ?2", &known, &proposed),
        ];
        for (sql, these, others) in changes {
            for key in these.difference(others) {
                self.conn()
                    .prepare_cached(sql)
                    .and_then(|mut change| change.execute([*key, row]))
                    .attempt("store a pattern's keys")?;
            }
        }
        Ok(())
    }

    fn store_tally(&mut self, row: i64, tally: &Tally, state: State) -> Result<(), StorageError> {
        self.conn()
            .prepare_cached(
                "UPDATE patterns SET successes = ?2, failures = ?3, sessions = ?4, first = ?5,
                     last = ?6, state = ?7
                 WHERE row = ?1",
            )
            .and_then(|mut update| {
                update.execute(params![
                    row,
                    tally.successes,
                    tally.failures,
                    tally.sessions,
                    tally.first,
                    tally.last,
                    state as i64
                ])
            })
            .attempt("store a pattern's sums")?;
        self.conn()
            .prepare_cached(
                "INSERT INTO counts (pattern, incarnation, successes, failures)
                 SELECT id, (SELECT value FROM meta WHERE key = 'incarnation'), ?2, ?3
                 FROM patterns WHERE row = ?1
                 ON CONFLICT (pattern, incarnation) DO UPDATE SET
                     successes = max(successes, excluded.successes),
                     failures = max(failures, excluded.failures)",
            )
            .and_then(|mut upsert| upsert.execute(params![row, tally.successes, tally.failures]))
            .map(drop)
            .attempt("store a pattern's counts")
    }

    /// Drops a pattern with its keys, evidence and words, and returns the document to remove. Its
    /// counts stay: they never decrease.
    pub(super) fn drop_pattern(&mut self, row: i64) -> Result<Document, StorageError> {
        self.conn()
            .prepare_cached("DELETE FROM patterns WHERE row = ?1")
            .and_then(|mut delete| delete.execute([row]))
            .attempt("drop a pattern")?;
        Ok(Document { row, replaces: true, columns: None })
    }
}

impl Reader {
    /// The wording with the newest evidence among those of `rows`; of several at the same instant
    /// the greatest text.
    pub(super) fn best_wording(&self, rows: &[i64]) -> Result<Option<Wording>, StorageError> {
        let mut best: Option<(i64, Wording)> = None;
        for row in rows {
            let found = self
                .conn
                .prepare_cached(
                    "SELECT newest, tool, category, trigger, text, payload FROM drafts
                     WHERE pattern = ?1
                     ORDER BY newest DESC, text DESC, trigger DESC, payload DESC, tool DESC,
                              category DESC
                     LIMIT 1",
                )
                .and_then(|mut query| {
                    query.query_row([row], |r| Ok((r.get(0)?, wording_from(r, 1)?))).optional()
                })
                .attempt("read a pattern's words")?;
            best = best.into_iter().chain(found).max_by(|a, b| order(a).cmp(&order(b)));
        }
        Ok(best.map(|(_, wording)| wording))
    }
}

/// The document of a pattern that has `wording` from now on, unless it stays what it was.
fn document(
    row: i64,
    current: &Current,
    wording: &Wording,
    made: Option<&Prepared>,
) -> Option<Document> {
    let before = &current.wording;
    if wording.trigger == before.trigger && wording.text == before.text {
        return None;
    }
    let kind = Kind::from_number(current.kind).unwrap_or(Kind::Skill);
    let [trigger, text] = match made {
        Some(made) => made.terms.clone(),
        None => terms_of(&wording.trigger, &wording.text),
    };
    Some(Document {
        row,
        // A new pattern has no words before its first refresh.
        replaces: !(before.trigger.is_empty() && before.text.is_empty()),
        columns: Some([
            format!("{} {}", scope_term(current.project), kind_term(kind)),
            trigger,
            text,
        ]),
    })
}

fn wording_from(row: &rusqlite::Row<'_>, at: usize) -> Result<Wording, rusqlite::Error> {
    Ok(Wording {
        tool: row.get(at)?,
        category: row.get(at + 1)?,
        trigger: row.get(at + 2)?,
        text: row.get(at + 3)?,
        payload: row.get(at + 4)?,
    })
}

/// What decides between the wordings of several patterns.
fn order((newest, wording): &(i64, Wording)) -> (i64, &str, &str, &str) {
    (*newest, &wording.text, &wording.trigger, &wording.payload)
}

/// The keys that a draft's column holds.
pub(super) fn keys_from(blob: &[u8]) -> impl Iterator<Item = i64> {
    blob.chunks_exact(8)
        .map(|bytes| i64::from_le_bytes(bytes.try_into().expect("the chunk has 8 bytes")))
}

pub(super) fn payload_json(payload: &Payload) -> String {
    serde_json::to_string(payload).expect("a payload has only string keys")
}
