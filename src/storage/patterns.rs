//! Reading patterns and their evidence.

use rusqlite::Row;

use super::error::{Attempt, StorageError};
use super::open::Reader;
use crate::model::ids::PatternId;
use crate::model::pattern::{Effect, Kind, Pattern, Payload, State, Tally};

/// The columns of [`pattern_from`], in its order, of a table named `p`.
pub(super) const COLUMNS: &str = "p.row, p.id, p.kind, p.project, p.tool, p.category, p.trigger, \
     p.text, p.payload, p.state, p.successes, p.failures, p.sessions, p.first, p.last, p.helped, p.hurt";

/// The same for what hooks weigh: sessions of other devices that are trusted count as well, as in
/// `hearsay`, where this device has sessions of its own.
pub(super) const WEIGHED: &str = "p.row, p.id, p.kind, p.project, p.tool, p.category, p.trigger, \
     p.text, p.payload, p.state, p.successes, p.failures, p.sessions + coalesce((SELECT min(h.sessions, 3) \
     FROM hearsay h WHERE h.pattern = p.id AND h.trusted \
     AND EXISTS (SELECT 1 FROM drafts d WHERE d.pattern = p.row)), 0), p.first, p.last, p.helped, p.hurt";

/// One step behind a pattern, with where it stands.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub(crate) struct EvidenceRow {
    /// The session's UUID.
    pub(crate) session: String,
    /// The subagent; empty for the main conversation.
    pub(crate) agent: String,
    /// The transcript file.
    pub(crate) transcript: String,
    /// Line in it, from 1.
    pub(crate) line: u64,
    /// Milliseconds since the Unix epoch.
    pub(crate) at: i64,
    /// Whether the step is the failure that the pattern is about.
    pub(crate) failure: bool,
    /// What the step was called on or said.
    pub(crate) subject: String,
}

/// The full-text term for a project's scope.
pub(super) fn scope_term(project: Option<i64>) -> String {
    project.map_or_else(|| "scopeglobal".into(), |id| format!("scope{id}"))
}

/// The full-text term for a kind.
pub(super) fn kind_term(kind: Kind) -> String {
    format!("kind{}", kind as u8)
}

/// Reads a pattern from the columns of [`COLUMNS`].
pub(super) fn pattern_from(row: &Row<'_>) -> Result<Pattern, rusqlite::Error> {
    let payload: String = row.get(8)?;
    Ok(Pattern {
        row: row.get(0)?,
        id: PatternId::from_bytes(row.get(1)?),
        kind: Kind::from_number(row.get(2)?).unwrap_or(Kind::Skill),
        project: row.get(3)?,
        tool: row.get(4)?,
        category: row.get(5)?,
        trigger: row.get(6)?,
        text: row.get(7)?,
        payload: serde_json::from_str::<Payload>(&payload).unwrap_or_default(),
        state: State::from_number(row.get(9)?),
        tally: tally_from(row, 10)?,
        effect: Effect { helped: row.get(15)?, hurt: row.get(16)? },
    })
}

/// Reads a tally from five columns, the first of which has this number.
pub(super) fn tally_from(row: &Row<'_>, first: usize) -> Result<Tally, rusqlite::Error> {
    Ok(Tally {
        successes: row.get(first)?,
        failures: row.get(first + 1)?,
        sessions: row.get(first + 2)?,
        first: row.get(first + 3)?,
        last: row.get(first + 4)?,
    })
}

/// The first and the last id that start with these hex digits; `None` when they are none, fewer than
/// four, or more than an id has.
fn ids_from(prefix: &str) -> Option<([u8; 16], [u8; 16])> {
    let digits = (4..=32).contains(&prefix.len()) && prefix.bytes().all(|b| b.is_ascii_hexdigit());
    if !digits {
        return None;
    }
    let filled = |with: char| {
        let mut digits = prefix.to_owned();
        digits.extend(std::iter::repeat_n(with, 32 - prefix.len()));
        Some(u128::from_str_radix(&digits, 16).ok()?.to_be_bytes())
    };
    Some((filled('0')?, filled('f')?))
}

impl Reader {
    /// The patterns whose id starts with these hex digits (at least four).
    pub(crate) fn patterns_by_prefix(&self, prefix: &str) -> Result<Vec<Pattern>, StorageError> {
        let Some((first, last)) = ids_from(prefix) else { return Ok(Vec::new()) };
        let sql = format!("SELECT {COLUMNS} FROM patterns p WHERE p.id BETWEEN ?1 AND ?2 LIMIT 20");
        let mut query = self.conn.prepare_cached(&sql).attempt("look up a pattern")?;
        let rows = query.query_map([first, last], pattern_from);
        rows.and_then(Iterator::collect).attempt("look up a pattern")
    }

    /// The steps behind a pattern, newest first.
    pub(crate) fn evidence(&self, pattern: i64) -> Result<Vec<EvidenceRow>, StorageError> {
        let mut query = self
            .conn
            .prepare_cached(
                "SELECT t.session, t.agent, f.path, s.line, e.at, e.role, s.subject
                 FROM evidence e
                 JOIN trajectories t ON t.id = e.trajectory
                 JOIN steps s ON s.id = e.step
                 JOIN transcripts f ON f.id = s.transcript
                 WHERE e.pattern = ?1 ORDER BY e.at DESC, s.line DESC",
            )
            .attempt("read a pattern's evidence")?;
        let rows = query.query_map([pattern], |row| {
            Ok(EvidenceRow {
                session: row.get(0)?,
                agent: row.get(1)?,
                transcript: row.get(2)?,
                line: row.get::<_, i64>(3)? as u64,
                at: row.get(4)?,
                failure: row.get::<_, i64>(5)? == 2,
                subject: row.get(6)?,
            })
        });
        rows.and_then(Iterator::collect).attempt("read a pattern's evidence")
    }

    /// How many patterns there are by kind and state, for one project or for all.
    pub(crate) fn pattern_counts(
        &self,
        project: Option<i64>,
    ) -> Result<Vec<(Kind, State, u64)>, StorageError> {
        let mut query = self
            .conn
            .prepare_cached(
                "SELECT kind, state, count(*) FROM patterns
                 WHERE ?1 IS NULL OR project = ?1 GROUP BY kind, state ORDER BY kind, state",
            )
            .attempt("count the patterns")?;
        let rows = query.query_map([project], |row| {
            Ok((
                Kind::from_number(row.get(0)?).unwrap_or(Kind::Skill),
                State::from_number(row.get(1)?),
                row.get::<_, i64>(2)? as u64,
            ))
        });
        rows.and_then(Iterator::collect).attempt("count the patterns")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_lie_between_the_first_and_the_last_of_their_beginning() {
        let (first, last) = ids_from("0aF4e").unwrap();
        assert_eq!(first[..4], [0x0a, 0xf4, 0xe0, 0]);
        assert_eq!(last[..4], [0x0a, 0xf4, 0xef, 0xff]);
        let whole = "0123456789abcdef0123456789abcdef";
        let (first, last) = ids_from(whole).unwrap();
        assert_eq!((first, first[0], first[15]), (last, 0x01, 0xef));
        for none in ["", "0af", "0aez", "+0af", &format!("{whole}0")] {
            assert_eq!(ids_from(none), None, "{none}");
        }
    }
}
