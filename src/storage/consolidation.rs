//! What consolidation asks the store, and what it changes about single patterns.
//!
//! Nothing is deleted. A pattern that another one stands for keeps its words and its evidence and
//! is set aside; the sums of the one that stands are over both, so learning a trajectory again
//! finds everything where it was and changes nothing about who stands for whom.

use std::collections::{BTreeSet, HashMap};

use rusqlite::{OptionalExtension, Row, params};

use super::documents::Document;
use super::drafts::Wording;
use super::error::{Attempt, StorageError};
use super::open::Reader;
use super::patterns::{COLUMNS, pattern_from, tally_from};
use super::store::Store;
use crate::model::effect::Group;
use crate::model::ids::PatternId;
use crate::model::likeness::Likeness;
use crate::model::pattern::{Kind, Pattern, Payload, Reason, State, Tally, state_by_evidence};

/// A pattern as far as consolidation looks at it. None of it but `state`, `tally` and `set_aside`
/// depends on what an earlier consolidation decided.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Sketch {
    /// Row number in the store.
    pub(crate) row: i64,
    /// Identity across machines.
    pub(crate) id: PatternId,
    /// What sort of observation.
    pub(crate) kind: Kind,
    /// See [`Payload::routine`].
    pub(crate) routine: bool,
    /// See [`Payload::standing`].
    pub(crate) standing: bool,
    /// Its words in small.
    pub(crate) likeness: Likeness,
    /// Whether it may be shown.
    pub(crate) state: State,
    /// How often and when it was seen; with those that it stands for now, if there are any.
    pub(crate) tally: Tally,
    /// Why it is set aside, and what stands for it.
    pub(crate) set_aside: Option<SetAside>,
    /// Whether it is told in words that a person wrote. Its likeness is that of the learned ones.
    pub(crate) edited: bool,
}

impl Sketch {
    /// Whether evidence of this size makes it one that may be shown.
    pub(crate) fn holds_with(&self, tally: &Tally) -> bool {
        let payload = Payload { routine: self.routine, ..Payload::default() };
        state_by_evidence(self.kind, &payload, tally) == State::Active
    }
}

/// Why a pattern is set aside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SetAside {
    /// The reason.
    pub(crate) reason: Reason,
    /// Row of the pattern that stands for it.
    pub(crate) into: Option<i64>,
}

/// What hooks did with a pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Usage {
    /// Times that it matched: it was shown or held back.
    pub(crate) matched: u32,
    /// Times that it was shown and could be judged, and those that went well.
    pub(crate) shown: Group,
    /// Times that it was followed and things went well.
    pub(crate) helped: u32,
    /// Times that it was followed and they did not.
    pub(crate) hurt: u32,
    /// When it was last followed.
    pub(crate) followed: Option<i64>,
}

impl Usage {
    /// Both added up.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            matched: self.matched + other.matched,
            shown: self.shown.and(other.shown),
            helped: self.helped + other.helped,
            hurt: self.hurt + other.hurt,
            followed: self.followed.max(other.followed),
        }
    }
}

/// A change to a pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Change {
    /// Row of the pattern.
    pub(crate) row: i64,
    /// Why it is set aside; `None` for one that stands again.
    pub(crate) set_aside: Option<SetAside>,
}

impl Reader {
    /// The value of the store's own under this name.
    pub(crate) fn note(&self, name: &str) -> Result<Option<String>, StorageError> {
        self.conn
            .prepare_cached("SELECT value FROM meta WHERE key = ?1")
            .and_then(|mut query| query.query_row([name], |row| row.get(0)).optional())
            .attempt("read a note about the store")
    }

    /// The patterns of a project, or those of all projects, but for what waits for approval or was
    /// set aside by other means; in the order of their rows.
    pub(crate) fn sketches(&self, project: Option<i64>) -> Result<Vec<Sketch>, StorageError> {
        const ATTEMPT: &str = "read the patterns to consolidate";
        let rewritten = self.rewritten()?;
        let mut query = self
            .conn
            .prepare_cached(
                "SELECT row, id, kind, payload, tool, category, trigger, text, state, successes,
                        failures, sessions, first, last, reason, merged_into
                 FROM patterns
                 WHERE project IS ?1 AND kind < 7 AND (state < 2 OR reason IS NOT NULL)
                 ORDER BY row",
            )
            .attempt(ATTEMPT)?;
        let mut sketches: Vec<Sketch> = Vec::new();
        let mut rows = query.query([project]).attempt(ATTEMPT)?;
        while let Some(row) = rows.next().attempt(ATTEMPT)? {
            let number: i64 = row.get(0).attempt(ATTEMPT)?;
            let edited = rewritten.contains(&number);
            let learned = if edited { self.best_wording(&[number])? } else { None };
            sketches.push(sketch(row, learned.as_ref(), edited).attempt(ATTEMPT)?);
        }
        Ok(sketches)
    }

    /// Calls `each` with every pattern of a project that is of these kinds, but for what waits for
    /// approval or was set aside by other means: in the words that were learned, with the keys of its
    /// newest wording, eight bytes each, and whether a person wrote other words for it.
    pub(crate) fn each_with_keys(
        &self,
        kinds: &[Kind],
        each: &mut dyn FnMut(&Pattern, &[u8], bool),
    ) -> Result<(), StorageError> {
        const ATTEMPT: &str = "read the patterns of all projects";
        let rewritten = self.rewritten()?;
        let sql = format!(
            "SELECT {COLUMNS} FROM patterns p
             WHERE p.kind = ?1 AND p.project IS NOT NULL
                 AND (p.state < 2 OR p.reason IS NOT NULL)
             ORDER BY p.row"
        );
        let mut query = self.conn.prepare_cached(&sql).attempt(ATTEMPT)?;
        let mut newest = self
            .conn
            .prepare_cached(
                "SELECT keys FROM drafts WHERE pattern = ?1
                 ORDER BY newest DESC, text DESC, trigger DESC, payload DESC, keys LIMIT 1",
            )
            .attempt(ATTEMPT)?;
        for kind in kinds {
            let mut rows = query.query([*kind as i64]).attempt(ATTEMPT)?;
            while let Some(row) = rows.next().attempt(ATTEMPT)? {
                let mut pattern = pattern_from(row).attempt(ATTEMPT)?;
                let edited = rewritten.contains(&pattern.row);
                let learned = if edited { self.best_wording(&[pattern.row])? } else { None };
                if let Some(learned) = learned {
                    pattern.text = learned.text;
                }
                let keys: Option<Vec<u8>> = newest
                    .query_row([pattern.row], |row| row.get(0))
                    .optional()
                    .attempt(ATTEMPT)?;
                each(&pattern, &keys.unwrap_or_default(), edited);
            }
        }
        Ok(())
    }

    /// What the evidence of all these patterns says together: a step that several of them have
    /// counts once.
    pub(crate) fn tally_of(&self, patterns: &[i64]) -> Result<Tally, StorageError> {
        let rows = serde_json::to_string(patterns).expect("numbers are JSON");
        self.conn
            .prepare_cached(
                "SELECT count(DISTINCT CASE e.role WHEN 1 THEN e.step END),
                        count(DISTINCT CASE e.role WHEN 2 THEN e.step END),
                        count(DISTINCT t.session), coalesce(min(e.at), 0), coalesce(max(e.at), 0)
                 FROM json_each(?1) j JOIN evidence e ON e.pattern = j.value
                 JOIN trajectories t ON t.id = e.trajectory",
            )
            .and_then(|mut query| query.query_row([rows], |r| tally_from(r, 0)))
            .attempt("sum up the evidence of several patterns")
    }

    /// What hooks did with each pattern, and since when there are notes of that.
    pub(crate) fn usages(&self) -> Result<(HashMap<PatternId, Usage>, Option<i64>), StorageError> {
        const ATTEMPT: &str = "sum up what hooks did with the patterns";
        let mut query = self
            .conn
            .prepare_cached(
                "SELECT pattern, count(*),
                        coalesce(sum(withheld = 0 AND well IS NOT NULL), 0),
                        coalesce(sum(withheld = 0 AND well = 1), 0),
                        coalesce(sum(withheld = 0 AND followed = 1 AND well = 1), 0),
                        coalesce(sum(withheld = 0 AND followed = 1 AND well = 0), 0),
                        max(CASE WHEN withheld = 0 AND followed = 1 THEN at END)
                 FROM injections GROUP BY pattern",
            )
            .attempt(ATTEMPT)?;
        let rows = query.query_map([], |row| {
            let usage = Usage {
                matched: row.get(1)?,
                shown: Group { cases: row.get(2)?, well: row.get(3)? },
                helped: row.get(4)?,
                hurt: row.get(5)?,
                followed: row.get(6)?,
            };
            Ok((PatternId::from_bytes(row.get(0)?), usage))
        });
        let usages = rows.and_then(Iterator::collect).attempt(ATTEMPT)?;
        let since = self
            .conn
            .query_row("SELECT min(at) FROM injections", [], |row| row.get(0))
            .attempt(ATTEMPT)?;
        Ok((usages, since))
    }

    /// Whether the user had the pattern with this identity forgotten.
    pub(crate) fn is_forgotten_pattern(&self, id: PatternId) -> Result<bool, StorageError> {
        self.conn
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM forgotten WHERE id = ?1)")
            .and_then(|mut query| query.query_row([id.as_bytes()], |row| row.get(0)))
            .attempt("look up what was forgotten")
    }

    /// The rows of the patterns that this one stands for.
    pub(super) fn merged_into(&self, row: i64) -> Result<Vec<i64>, StorageError> {
        const ATTEMPT: &str = "list what was merged";
        let mut query = self
            .conn
            .prepare_cached("SELECT row FROM patterns WHERE merged_into = ?1 ORDER BY row")
            .attempt(ATTEMPT)?;
        let rows = query.query_map([row], |row| row.get(0));
        rows.and_then(Iterator::collect).attempt(ATTEMPT)
    }

    /// The row of the pattern that stands for this one.
    pub(super) fn stands_for(&self, row: i64) -> Result<Option<i64>, StorageError> {
        self.conn
            .prepare_cached("SELECT merged_into FROM patterns WHERE row = ?1")
            .and_then(|mut query| query.query_row([row], |row| row.get(0)).optional())
            .map(Option::flatten)
            .attempt("look up what stands for a pattern")
    }

    /// Why the pattern in this row is set aside, and the id of what stands for it.
    pub(crate) fn set_aside(
        &self,
        row: i64,
    ) -> Result<Option<(Reason, Option<PatternId>)>, StorageError> {
        self.conn
            .prepare_cached(
                "SELECT p.reason, s.id FROM patterns p LEFT JOIN patterns s ON s.row = p.merged_into
                 WHERE p.row = ?1 AND p.reason IS NOT NULL",
            )
            .and_then(|mut query| {
                query
                    .query_row([row], |row| {
                        let id: Option<[u8; 16]> = row.get(1)?;
                        Ok((row.get(0)?, id.map(PatternId::from_bytes)))
                    })
                    .optional()
            })
            .map(|found| {
                found.and_then(|(reason, id)| Some((Reason::from_number(reason)?, id)))
            })
            .attempt("look up why a pattern is set aside")
    }

    /// Id and text of the pattern in this row.
    pub(crate) fn wording(&self, row: i64) -> Result<(PatternId, String), StorageError> {
        self.conn
            .prepare_cached("SELECT id, text FROM patterns WHERE row = ?1")
            .and_then(|mut query| {
                query.query_row([row], |row| Ok((PatternId::from_bytes(row.get(0)?), row.get(1)?)))
            })
            .attempt("read a pattern's words")
    }

    /// Text of the pattern with this id; `None` when there is none.
    pub(crate) fn text_of(&self, id: PatternId) -> Result<Option<String>, StorageError> {
        self.conn
            .prepare_cached("SELECT text FROM patterns WHERE id = ?1")
            .and_then(|mut query| query.query_row([id.as_bytes()], |row| row.get(0)).optional())
            .attempt("read a pattern's words")
    }
}

/// The pattern in a row of [`Reader::sketches`]; `learned` are its words where the row has those of
/// a person.
fn sketch(
    row: &Row<'_>,
    learned: Option<&Wording>,
    edited: bool,
) -> Result<Sketch, rusqlite::Error> {
    let payload: Payload = serde_json::from_str(row.get_ref(3)?.as_str()?).unwrap_or_default();
    let (tool, category) = (row.get_ref(4)?.as_str()?, row.get_ref(5)?.as_str()?);
    // What a decision is about is as telling as a name.
    let about = format!("`{tool} {category} {}`", payload.subject.join(" "));
    let (trigger, text) = match learned {
        Some(wording) => (wording.trigger.as_str(), wording.text.as_str()),
        None => (row.get_ref(6)?.as_str()?, row.get_ref(7)?.as_str()?),
    };
    let reason: Option<i64> = row.get(14)?;
    let into = row.get(15)?;
    Ok(Sketch {
        row: row.get(0)?,
        id: PatternId::from_bytes(row.get(1)?),
        kind: Kind::from_number(row.get(2)?).unwrap_or(Kind::Skill),
        routine: payload.routine,
        standing: payload.standing,
        likeness: Likeness::of([about.as_str(), trigger, text]),
        state: State::from_number(row.get(8)?),
        tally: tally_from(row, 9)?,
        set_aside: reason.and_then(Reason::from_number).map(|reason| SetAside { reason, into }),
        edited,
    })
}

impl Store {
    /// Makes the changes, inside a transaction, and brings every pattern that they touch in line.
    pub(crate) fn set_patterns_aside(
        &mut self,
        changes: &[Change],
        now: i64,
    ) -> Result<(), StorageError> {
        let mut touched = BTreeSet::new();
        for Change { row, set_aside } in changes {
            // What stood for it until now, and what does from now on.
            touched.extend(self.stands_for(*row)?);
            touched.extend(set_aside.and_then(|aside| aside.into));
            touched.insert(*row);
            let (state, reason, into) = match set_aside {
                Some(SetAside { reason, into }) => (State::Retired, Some(*reason as i64), *into),
                // Its evidence says more when it is brought in line.
                None => (State::Candidate, None, None),
            };
            self.conn()
                .prepare_cached(
                    "UPDATE patterns SET state = ?2, reason = ?3, merged_into = ?4 WHERE row = ?1",
                )
                .and_then(|mut update| update.execute(params![row, state as i64, reason, into]))
                .attempt("set a pattern aside")?;
        }
        for row in &touched {
            self.sum_effect(*row)?;
        }
        self.refresh(&touched, &BTreeSet::new(), now)
    }

    /// The patterns that stand for some of these and are not among them.
    pub(super) fn standing_for(
        &mut self,
        patterns: &BTreeSet<i64>,
    ) -> Result<BTreeSet<i64>, StorageError> {
        let mut found = BTreeSet::new();
        for row in patterns {
            found.extend(self.stands_for(*row)?);
        }
        Ok(found.difference(patterns).copied().collect())
    }

    /// Brings a pattern in line after what it stands for has changed. One of all projects whose
    /// sums alone changed is not listed anew for that in each of them: consolidation does it.
    pub(super) fn refresh_standing(
        &mut self,
        row: i64,
        now: i64,
    ) -> Result<Option<Document>, StorageError> {
        self.sum_effect(row)?;
        let global = self.is_global(row)?;
        let document = self.refresh_pattern(row, &[], now)?;
        if global && document.is_some() {
            self.unlist_project(None)?;
        }
        Ok(document)
    }

    fn is_global(&mut self, row: i64) -> Result<bool, StorageError> {
        self.conn()
            .prepare_cached("SELECT project IS NULL FROM patterns WHERE row = ?1")
            .and_then(|mut query| query.query_row([row], |row| row.get(0)).optional())
            .map(|global| global == Some(true))
            .attempt("look up a pattern's project")
    }

    /// Lets patterns stand for themselves again of which what stood for them was dropped. Returns
    /// their rows.
    pub(super) fn release_orphans(&mut self) -> Result<BTreeSet<i64>, StorageError> {
        const ATTEMPT: &str = "let a pattern stand for itself again";
        let mut update = self
            .conn()
            .prepare_cached(
                "UPDATE patterns SET state = 0, reason = NULL
                 WHERE reason IN (1, 5) AND merged_into IS NULL RETURNING row",
            )
            .attempt(ATTEMPT)?;
        let rows = update.query_map([], |row| row.get(0));
        rows.and_then(Iterator::collect).attempt(ATTEMPT)
    }

    /// Brings the sums of what came of a pattern in line with the injections of all that it stands
    /// for.
    pub(super) fn sum_effect(&mut self, row: i64) -> Result<(), StorageError> {
        self.conn()
            .prepare_cached(
                "UPDATE patterns SET (helped, hurt) =
                     (SELECT coalesce(sum(i.well = 1), 0), coalesce(sum(i.well = 0), 0)
                      FROM patterns p JOIN injections i ON i.pattern = p.id
                      WHERE (p.row = ?1 OR p.merged_into = ?1) AND i.withheld = 0 AND i.followed = 1)
                 WHERE row = ?1",
            )
            .and_then(|mut update| update.execute([row]))
            .map(drop)
            .attempt("sum up the verdicts on several patterns")
    }

    /// The row of the pattern of all projects with this identity, made if it is new. It has no words
    /// until it stands for something.
    pub(crate) fn ensure_global(
        &mut self,
        id: PatternId,
        kind: Kind,
        now: i64,
    ) -> Result<i64, StorageError> {
        match self.pattern_row(id)? {
            Some(row) => Ok(row),
            None => self.insert_pattern(id, None, kind, now),
        }
    }

    /// Keeps the report of a run as of `at`, and notes under `name` when the last one was.
    pub(crate) fn log_run(
        &mut self,
        name: &str,
        at: i64,
        report: &str,
    ) -> Result<(), StorageError> {
        const ATTEMPT: &str = "keep the report of a run";
        self.conn()
            .execute(
                "INSERT INTO learning_log (started, finished, report) VALUES (?1, ?1, ?2)",
                params![at, report],
            )
            .attempt(ATTEMPT)?;
        self.conn()
            .execute(
                "DELETE FROM learning_log WHERE id <=
                     (SELECT id FROM learning_log ORDER BY id DESC LIMIT 1 OFFSET ?1)",
                [REPORTS],
            )
            .attempt(ATTEMPT)?;
        self.conn()
            .execute(
                "INSERT INTO meta (key, value) VALUES (?1, ?2)
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                params![name, at.to_string()],
            )
            .map(drop)
            .attempt(ATTEMPT)
    }
}

/// Reports of runs that are kept.
const REPORTS: i64 = 100;
