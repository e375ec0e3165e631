//! What came of what was said: verdicts on injections, their sums, and the groups to compare.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{OptionalExtension, Row, params};

use super::error::{Attempt, StorageError};
use super::open::Reader;
use super::store::Store;
use crate::model::effect::Group;
use crate::model::ids::{PatternId, StepId};
use crate::model::pattern::{Kind, Payload, Reason};
use crate::model::rank::cost;
use crate::model::trajectory::TrajectoryKey;

/// Characters of the evidence behind a pattern's text, such as ` (4 times in 2 sessions, today)`.
const EVIDENCE: usize = 30;

/// Something that a hook said, or held back to compare with.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Told {
    /// Its row.
    pub(crate) id: i64,
    /// What was said.
    pub(crate) about: About,
    /// The hook event.
    pub(crate) event: String,
    /// The call it belongs to; empty for session and prompt events.
    pub(crate) tool_use: String,
    /// When, in milliseconds since the Unix epoch.
    pub(crate) at: i64,
}

/// What something said was about.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum About {
    /// A pattern.
    Pattern {
        /// Its kind.
        kind: Kind,
        /// Its parts.
        payload: Payload,
    },
    /// A file, by its path relative to the project.
    File(String),
}

/// What came of it; `None` where the transcript does not tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Verdict {
    /// Row of what was said.
    pub(crate) id: i64,
    /// Whether the agent did what it said.
    pub(crate) followed: Option<bool>,
    /// Whether things then went well.
    pub(crate) well: Option<bool>,
    /// Calls until they did.
    pub(crate) calls: Option<u32>,
}

/// A pattern that was shown and could be judged.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Judged {
    /// Its identity.
    pub(crate) id: PatternId,
    /// What sort of observation.
    pub(crate) kind: Option<Kind>,
    /// What it says.
    pub(crate) text: String,
    /// What came of it.
    pub(crate) sides: Sides,
}

/// What was said about something, and what was held back.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Sides {
    /// What was shown.
    pub(crate) shown: Side,
    /// What was held back.
    pub(crate) held_back: Side,
}

/// One side of a comparison.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Side {
    /// Times.
    pub(crate) times: u32,
    /// Times that the transcript confirms to have arrived.
    pub(crate) delivered: u32,
    /// Times that could be judged, and those that went well.
    pub(crate) well: Group,
    /// Times that could be judged, and those in which it was followed.
    pub(crate) followed: Group,
    /// Calls until it went well, in all, and how often they are known.
    pub(crate) calls: (u64, u32),
}

impl Side {
    fn and(self, other: Self) -> Self {
        Self {
            times: self.times + other.times,
            delivered: self.delivered + other.delivered,
            well: self.well.and(other.well),
            followed: self.followed.and(other.followed),
            calls: (self.calls.0 + other.calls.0, self.calls.1 + other.calls.1),
        }
    }
}

impl Sides {
    /// Both added up.
    pub(crate) fn and(self, other: Self) -> Self {
        Self { shown: self.shown.and(other.shown), held_back: self.held_back.and(other.held_back) }
    }
}

/// The columns of [`side_from`] over a group of injections named `i`, after two of the group.
const SIDE: &str =
    "i.withheld, count(*), sum(i.delivered), count(i.well), coalesce(sum(i.well), 0),
     count(i.followed), coalesce(sum(i.followed), 0), coalesce(sum(i.calls), 0), count(i.calls)";

fn side_from(row: &Row<'_>, first: usize) -> Result<(bool, Side), rusqlite::Error> {
    let number = |n: usize| row.get::<_, u32>(first + n);
    let group = |n: usize| -> Result<Group, rusqlite::Error> {
        Ok(Group { cases: number(n)?, well: number(n + 1)? })
    };
    let side = Side {
        times: number(1)?,
        delivered: number(2)?,
        well: group(3)?,
        followed: group(5)?,
        calls: (row.get::<_, i64>(first + 7)? as u64, number(8)?),
    };
    Ok((row.get(first)?, side))
}

impl Reader {
    /// What was told in a trajectory, in order.
    pub(crate) fn told(&self, key: &TrajectoryKey) -> Result<Vec<Told>, StorageError> {
        const ATTEMPT: &str = "read what was told in a session";
        let mut query = self
            .conn
            .prepare_cached(
                "SELECT i.id, i.event, i.tool_use, i.at, p.kind, p.payload, f.path
                 FROM injections i
                 LEFT JOIN patterns p ON p.id = i.pattern
                 LEFT JOIN files f ON f.uid = i.pattern
                 WHERE i.session = ?1 AND i.agent = ?2 ORDER BY i.id",
            )
            .attempt(ATTEMPT)?;
        let rows = query.query_map(params![key.session, key.agent], |row| {
            let kind: Option<i64> = row.get(4)?;
            let payload: Option<String> = row.get(5)?;
            let about = match (kind.and_then(Kind::from_number), payload, row.get(6)?) {
                (Some(kind), Some(payload), _) => {
                    let payload = serde_json::from_str(&payload).unwrap_or_default();
                    Some(About::Pattern { kind, payload })
                }
                (_, _, Some(path)) => Some(About::File(path)),
                // It was forgotten meanwhile.
                _ => None,
            };
            let told = |about| {
                Ok(Told {
                    id: row.get(0)?,
                    about,
                    event: row.get(1)?,
                    tool_use: row.get(2)?,
                    at: row.get(3)?,
                })
            };
            about.map(told).transpose()
        });
        let rows = rows.and_then(Iterator::collect::<Result<Vec<_>, _>>).attempt(ATTEMPT)?;
        Ok(rows.into_iter().flatten().collect())
    }

    /// What was shown and held back, by the kind of what it was; `None` stands for files.
    pub(crate) fn sides_by_kind(&self) -> Result<BTreeMap<Option<Kind>, Sides>, StorageError> {
        const ATTEMPT: &str = "sum up what came of what was said";
        let sql = format!(
            "SELECT p.kind, {SIDE} FROM injections i LEFT JOIN patterns p ON p.id = i.pattern
             WHERE p.id IS NOT NULL OR i.pattern IN (SELECT uid FROM files)
             GROUP BY p.kind, i.withheld"
        );
        let mut query = self.conn.prepare_cached(&sql).attempt(ATTEMPT)?;
        let mut rows = query.query([]).attempt(ATTEMPT)?;
        let mut found: BTreeMap<Option<Kind>, Sides> = BTreeMap::new();
        while let Some(row) = rows.next().attempt(ATTEMPT)? {
            let kind: Option<i64> = row.get(0).attempt(ATTEMPT)?;
            let sides = found.entry(kind.and_then(Kind::from_number)).or_default();
            put(sides, side_from(row, 1).attempt(ATTEMPT)?);
        }
        Ok(found)
    }

    /// What was shown and held back of one pattern or file.
    pub(crate) fn sides_of(&self, id: &[u8; 16]) -> Result<Sides, StorageError> {
        const ATTEMPT: &str = "sum up what came of a pattern";
        let sql =
            format!("SELECT {SIDE} FROM injections i WHERE i.pattern = ?1 GROUP BY i.withheld");
        let mut query = self.conn.prepare_cached(&sql).attempt(ATTEMPT)?;
        let mut rows = query.query([id]).attempt(ATTEMPT)?;
        let mut sides = Sides::default();
        while let Some(row) = rows.next().attempt(ATTEMPT)? {
            put(&mut sides, side_from(row, 0).attempt(ATTEMPT)?);
        }
        Ok(sides)
    }

    /// How many patterns are retired, by reason.
    pub(crate) fn retired(&self) -> Result<BTreeMap<&'static str, u64>, StorageError> {
        const ATTEMPT: &str = "count what is retired";
        let sql = "SELECT reason, count(*) FROM patterns
                   WHERE state = 3 AND reason IS NOT NULL GROUP BY reason";
        let mut query = self.conn.prepare_cached(sql).attempt(ATTEMPT)?;
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)));
        let rows: Vec<(i64, i64)> = rows.and_then(Iterator::collect).attempt(ATTEMPT)?;
        let named = |(reason, count)| Some((Reason::from_number(reason)?.name(), count as u64));
        Ok(rows.into_iter().filter_map(named).collect())
    }

    /// In how many sessions something was shown.
    pub(crate) fn told_sessions(&self) -> Result<u64, StorageError> {
        self.conn
            .query_row(
                "SELECT count(DISTINCT session) FROM injections WHERE withheld = 0",
                [],
                |row| row.get::<_, i64>(0),
            )
            .map(|count| count as u64)
            .attempt("count the sessions in which something was shown")
    }

    /// The calls of a trajectory about which something was shown.
    pub(crate) fn told_calls(&self, key: &TrajectoryKey) -> Result<BTreeSet<StepId>, StorageError> {
        const ATTEMPT: &str = "read the calls about which something was shown";
        let mut query = self
            .conn
            .prepare_cached(
                "SELECT tool_use FROM injections
                 WHERE session = ?1 AND agent = ?2 AND withheld = 0 AND tool_use <> ''",
            )
            .attempt(ATTEMPT)?;
        let rows = query.query_map(params![key.session, key.agent], |row| {
            Ok(StepId::derive(&row.get::<_, String>(0)?))
        });
        rows.and_then(Iterator::collect).attempt(ATTEMPT)
    }

    /// Characters of what was shown, in the wordings of today, with about what stands around them:
    /// the marker and the evidence of a pattern, the share of its line of a file.
    pub(crate) fn told_characters(&self) -> Result<u64, StorageError> {
        let around = params![(cost::FRAME + EVIDENCE) as i64, cost::NAMED as i64];
        self.conn
            .query_row(
                "SELECT coalesce(sum(length(p.text) + ?1), 0)
                        + coalesce(sum(CASE WHEN p.id IS NULL THEN length(f.path) + ?2 END), 0)
                 FROM injections i
                 LEFT JOIN patterns p ON p.id = i.pattern
                 LEFT JOIN files f ON f.uid = i.pattern WHERE i.withheld = 0",
                around,
                |row| row.get::<_, i64>(0),
            )
            .map(|count| count as u64)
            .attempt("count what was shown")
    }

    /// The patterns that were shown and could be judged, those most often first.
    pub(crate) fn judged_patterns(&self) -> Result<Vec<Judged>, StorageError> {
        const ATTEMPT: &str = "list the patterns that were judged";
        let mut query = self
            .conn
            .prepare_cached(
                "SELECT i.pattern, p.kind, p.text
                 FROM injections i JOIN patterns p ON p.id = i.pattern
                 WHERE i.withheld = 0 AND i.well IS NOT NULL
                 GROUP BY i.pattern ORDER BY count(*) DESC, i.pattern",
            )
            .attempt(ATTEMPT)?;
        let rows = query.query_map([], |row| {
            Ok(Judged {
                id: PatternId::from_bytes(row.get(0)?),
                kind: Kind::from_number(row.get(1)?),
                text: row.get(2)?,
                sides: Sides::default(),
            })
        });
        let mut judged: Vec<Judged> = rows.and_then(Iterator::collect).attempt(ATTEMPT)?;
        for pattern in &mut judged {
            pattern.sides = self.sides_of(pattern.id.as_bytes())?;
        }
        Ok(judged)
    }
}

fn put(sides: &mut Sides, (withheld, side): (bool, Side)) {
    *(if withheld { &mut sides.held_back } else { &mut sides.shown }) = side;
}

impl Store {
    /// Stores verdicts and brings the sums of their patterns up to date.
    pub(crate) fn store_verdicts(&mut self, verdicts: &[Verdict]) -> Result<(), StorageError> {
        for Verdict { id, followed, well, calls } in verdicts {
            let changed = self
                .conn()
                .prepare_cached(
                    "UPDATE injections SET followed = ?2, well = ?3, calls = ?4
                     WHERE id = ?1 AND (followed IS NOT ?2 OR well IS NOT ?3 OR calls IS NOT ?4)",
                )
                .and_then(|mut update| update.execute(params![id, followed, well, calls]))
                .attempt("store a verdict")?;
            if changed > 0 {
                self.sum_verdicts(*id)?;
            }
        }
        Ok(())
    }

    /// Sums up the verdicts on the pattern that injection `id` was about.
    fn sum_verdicts(&mut self, id: i64) -> Result<(), StorageError> {
        const ATTEMPT: &str = "sum up the verdicts on a pattern";
        let pattern: [u8; 16] = self
            .conn()
            .prepare_cached("SELECT pattern FROM injections WHERE id = ?1")
            .and_then(|mut query| query.query_row([id], |row| row.get(0)))
            .attempt(ATTEMPT)?;
        let (adopted, helped, hurt): (u32, u32, u32) = self
            .conn()
            .prepare_cached(
                "SELECT coalesce(sum(followed = 1), 0),
                        coalesce(sum(followed = 1 AND well = 1), 0),
                        coalesce(sum(followed = 1 AND well = 0), 0)
                 FROM injections WHERE pattern = ?1 AND withheld = 0",
            )
            .and_then(|mut query| {
                query.query_row([pattern], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            })
            .attempt(ATTEMPT)?;
        let rows: Option<(i64, Option<i64>)> = self
            .conn()
            .prepare_cached("SELECT row, merged_into FROM patterns WHERE id = ?1")
            .and_then(|mut query| {
                query.query_row([pattern], |row| Ok((row.get(0)?, row.get(1)?))).optional()
            })
            .attempt(ATTEMPT)?;
        if let Some((row, stands_for)) = rows {
            self.sum_effect(row)?;
            if let Some(row) = stands_for {
                self.sum_effect(row)?;
            }
        }
        // Counts never decrease: a verdict that was taken back stays counted there.
        self.conn()
            .prepare_cached(
                "UPDATE counts SET adopted = max(adopted, ?2), helped = max(helped, ?3),
                     hurt = max(hurt, ?4)
                 WHERE pattern = ?1
                   AND incarnation = (SELECT value FROM meta WHERE key = 'incarnation')",
            )
            .and_then(|mut update| update.execute(params![pattern, adopted, helped, hurt]))
            .map(drop)
            .attempt(ATTEMPT)
    }
}
