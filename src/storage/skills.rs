//! Skills and causal edges, which consolidation makes; and what it reads to make them.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, params};

use super::error::{Attempt, StorageError};
use super::injections::bytes_of;
use super::open::Reader;
use super::patterns::{COLUMNS, pattern_from};
use super::store::Store;
use crate::model::ids::PatternId;
use crate::model::pattern::{Effect, Kind, Pattern, Payload};
use crate::model::skill::Skill;

/// That one pattern tends to come before another.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Edge {
    /// The one that comes first.
    pub(crate) cause: PatternId,
    /// The one that follows.
    pub(crate) effect: PatternId,
    /// Trajectories in which it did.
    pub(crate) support: u32,
    /// How much more often than by chance.
    pub(crate) lift: f64,
}

/// Rows of patterns with the time of their first evidence in a trajectory, in the order of time.
pub(crate) type Run = Vec<(i64, i64)>;

/// Pairs of patterns.
type Pairs = Vec<(PatternId, PatternId)>;

impl Reader {
    /// Calls `each` with every active pattern of a project that is of one of these kinds.
    pub(crate) fn each_active(
        &self,
        project: i64,
        kinds: &[Kind],
        each: &mut dyn FnMut(&Pattern),
    ) -> Result<(), StorageError> {
        const ATTEMPT: &str = "read the active patterns";
        let sql = format!(
            "SELECT {COLUMNS} FROM patterns p
             WHERE p.project = ?1 AND p.kind = ?2 AND p.state = 1 ORDER BY p.row"
        );
        let mut query = self.conn.prepare_cached(&sql).attempt(ATTEMPT)?;
        for kind in kinds {
            let mut rows = query.query([project, *kind as i64]).attempt(ATTEMPT)?;
            while let Some(row) = rows.next().attempt(ATTEMPT)? {
                each(&pattern_from(row).attempt(ATTEMPT)?);
            }
        }
        Ok(())
    }

    /// Calls `each` with every trajectory of a project: the active fixes, pitfalls, recipes and
    /// paths that it is evidence for. What was merged counts as what stands for it.
    pub(crate) fn each_run(
        &self,
        project: i64,
        each: &mut dyn FnMut(Run),
    ) -> Result<(), StorageError> {
        const ATTEMPT: &str = "read the order of the patterns";
        let trajectories: Vec<i64> = {
            let mut query = self
                .conn
                .prepare_cached("SELECT id FROM trajectories WHERE project = ?1 ORDER BY id")
                .attempt(ATTEMPT)?;
            let rows = query.query_map([project], |row| row.get(0));
            rows.and_then(Iterator::collect).attempt(ATTEMPT)?
        };
        let mut query = self
            .conn
            .prepare_cached(
                "SELECT s.row, min(e.at) FROM evidence e
                 JOIN patterns p ON p.row = e.pattern
                 JOIN patterns s ON s.row = coalesce(p.merged_into, p.row)
                 WHERE e.trajectory = ?1 AND s.kind < 5 AND s.state = 1 AND s.project = ?2
                 GROUP BY s.row ORDER BY min(e.at), s.id",
            )
            .attempt(ATTEMPT)?;
        for trajectory in trajectories {
            let rows = query.query_map([trajectory, project], |row| Ok((row.get(0)?, row.get(1)?)));
            each(rows.and_then(Iterator::collect).attempt(ATTEMPT)?);
        }
        Ok(())
    }

    /// The parts of the pattern in this row.
    pub(crate) fn payload(&self, row: i64) -> Result<Payload, StorageError> {
        self.conn
            .prepare_cached("SELECT payload FROM patterns WHERE row = ?1")
            .and_then(|mut query| query.query_row([row], |row| row.get::<_, String>(0)))
            .map(|payload| serde_json::from_str(&payload).unwrap_or_default())
            .attempt("read a pattern's parts")
    }

    /// The skills of a project or of all, with the rows of their projects.
    pub(crate) fn skills(&self, project: Option<i64>) -> Result<Vec<(i64, Skill)>, StorageError> {
        const ATTEMPT: &str = "read the skills";
        let mut query = self
            .conn
            .prepare_cached(
                "SELECT project, id, title, body FROM skills
                 WHERE project IS NOT NULL AND (?1 IS NULL OR project = ?1)
                 ORDER BY project, title, id",
            )
            .attempt(ATTEMPT)?;
        let rows = query.query_map([project], |row| {
            let body: String = row.get(3)?;
            let skill = Skill {
                id: PatternId::from_bytes(row.get(1)?),
                title: row.get(2)?,
                body: serde_json::from_str(&body).unwrap_or_default(),
            };
            Ok((row.get(0)?, skill))
        });
        rows.and_then(Iterator::collect).attempt(ATTEMPT)
    }

    /// The words of the active pattern with this id in hex, and what came of following it; `None`
    /// when there is none.
    pub(crate) fn told_of(&self, id: &str) -> Result<Option<(String, Effect)>, StorageError> {
        let Some(id) = bytes_of(id) else { return Ok(None) };
        self.conn
            .prepare_cached("SELECT text, helped, hurt FROM patterns WHERE id = ?1 AND state = 1")
            .and_then(|mut query| {
                query
                    .query_row([id], |row| {
                        let effect = Effect { helped: row.get(1)?, hurt: row.get(2)? };
                        Ok((row.get(0)?, effect))
                    })
                    .optional()
            })
            .attempt("read what came of a pattern")
    }

    /// The edges from and to a pattern, those with most support first.
    pub(crate) fn edges_of(&self, id: PatternId) -> Result<Vec<Edge>, StorageError> {
        self.list_edges(
            "SELECT cause, effect, support, lift FROM causal_edges
             WHERE cause = ?1 OR effect = ?1 ORDER BY support DESC, lift DESC, cause, effect",
            &[id.as_bytes() as &dyn rusqlite::ToSql],
        )
    }

    /// All edges.
    pub(crate) fn edges(&self) -> Result<Vec<Edge>, StorageError> {
        self.list_edges("SELECT cause, effect, support, lift FROM causal_edges", &[])
    }

    fn list_edges(
        &self,
        sql: &str,
        parameters: &[&dyn rusqlite::ToSql],
    ) -> Result<Vec<Edge>, StorageError> {
        const ATTEMPT: &str = "read what comes before what";
        let mut query = self.conn.prepare_cached(sql).attempt(ATTEMPT)?;
        let rows = query.query_map(parameters, |row| {
            Ok(Edge {
                cause: PatternId::from_bytes(row.get(0)?),
                effect: PatternId::from_bytes(row.get(1)?),
                support: row.get(2)?,
                lift: row.get(3)?,
            })
        });
        rows.and_then(Iterator::collect).attempt(ATTEMPT)
    }

    /// What of `edges` has to be stored, and which pairs are no edges any more.
    fn edge_changes<'a>(&self, edges: &'a [Edge]) -> Result<(Vec<&'a Edge>, Pairs), StorageError> {
        let mut stored: BTreeMap<(PatternId, PatternId), Edge> =
            self.edges()?.into_iter().map(|edge| ((edge.cause, edge.effect), edge)).collect();
        let new = edges
            .iter()
            .filter(|edge| stored.remove(&(edge.cause, edge.effect)).as_ref() != Some(*edge))
            .collect();
        Ok((new, stored.into_keys().collect()))
    }
}

impl Store {
    /// Stores the skills of a project in place of those that it has. Returns how many changed.
    pub(crate) fn replace_skills(
        &mut self,
        project: i64,
        skills: &[Skill],
        now: i64,
    ) -> Result<u64, StorageError> {
        const ATTEMPT: &str = "store the skills";
        let stored = self.skills(Some(project))?;
        let mut changed = 0;
        for (_, skill) in &stored {
            if skills.iter().all(|new| new.id != skill.id) {
                self.conn()
                    .execute("DELETE FROM skills WHERE id = ?1", [skill.id.as_bytes()])
                    .attempt(ATTEMPT)?;
                changed += 1;
            }
        }
        for skill in skills {
            if stored.iter().any(|(_, known)| known == skill) {
                continue;
            }
            let hlc = self.tick(now)?;
            let body = serde_json::to_string(&skill.body).expect("a skill has only string keys");
            let members: Vec<&str> = skill.body.points().map(|point| point.id.as_str()).collect();
            let members = serde_json::to_string(&members).expect("ids are strings");
            self.conn()
                .execute(
                    "INSERT INTO skills (id, project, title, body, members, hlc, origin)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6,
                             (SELECT value FROM meta WHERE key = 'device'))
                     ON CONFLICT (id) DO UPDATE SET project = excluded.project,
                         title = excluded.title, body = excluded.body,
                         members = excluded.members, hlc = excluded.hlc, origin = excluded.origin",
                    params![skill.id.as_bytes(), project, skill.title, body, members, hlc],
                )
                .attempt(ATTEMPT)?;
            changed += 1;
        }
        Ok(changed)
    }

    /// Stores these edges in place of all that there are. Returns how many changed.
    pub(crate) fn replace_edges(&mut self, edges: &[Edge]) -> Result<u64, StorageError> {
        const ATTEMPT: &str = "store what comes before what";
        let (new, gone) = self.edge_changes(edges)?;
        for (cause, effect) in &gone {
            self.conn()
                .prepare_cached("DELETE FROM causal_edges WHERE cause = ?1 AND effect = ?2")
                .and_then(|mut delete| delete.execute([cause.as_bytes(), effect.as_bytes()]))
                .attempt(ATTEMPT)?;
        }
        for edge in &new {
            self.conn()
                .prepare_cached(
                    "INSERT OR REPLACE INTO causal_edges (cause, effect, support, lift)
                     VALUES (?1, ?2, ?3, ?4)",
                )
                .and_then(|mut insert| {
                    insert.execute(params![
                        edge.cause.as_bytes(),
                        edge.effect.as_bytes(),
                        edge.support,
                        edge.lift
                    ])
                })
                .attempt(ATTEMPT)?;
        }
        Ok((new.len() + gone.len()) as u64)
    }
}
