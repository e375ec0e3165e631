//! What leaves: of the patterns that were learned here, those that others may be told.

use std::collections::BTreeSet;

use super::rows::ATTEMPT;
use crate::model::ids::PatternId;
use crate::model::pattern::{Kind, Pattern};
use crate::storage::error::{Attempt, StorageError};
use crate::storage::open::Reader;
use crate::storage::patterns::{COLUMNS, pattern_from};

/// Which patterns leave.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Leaving {
    /// Only those of the project with this key or name.
    pub(crate) project: Option<String>,
    /// Only those of this kind.
    pub(crate) kind: Option<Kind>,
    /// Only those that helped more often than they hurt.
    pub(crate) proven: bool,
    /// Keys or names of the projects whose patterns never leave.
    pub(crate) private: Vec<String>,
}

/// A pattern that was learned here, and may leave.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Local {
    /// The pattern.
    pub(crate) pattern: Pattern,
    /// Key of its project; `None` for a global one.
    pub(crate) project: Option<String>,
    /// Exact keys under which it is found.
    pub(crate) keys: Vec<i64>,
    /// Times it was shown, adopted and withheld on this device.
    pub(crate) shown: [u32; 3],
}

impl Leaving {
    pub(in crate::storage) fn takes(
        &self,
        key: Option<&str>,
        name: Option<&str>,
        pattern: &Pattern,
    ) -> bool {
        let is = |wanted: &str| key == Some(wanted) || name == Some(wanted);
        self.kind.is_none_or(|kind| kind == pattern.kind)
            && (!self.proven || pattern.effect.helped > pattern.effect.hurt)
            && self.project.as_deref().is_none_or(is)
            && !self.private.iter().any(|private| is(private))
    }
}

/// Of all patterns `p`, those that were learned here and may leave.
const LEAVES: &str = "p.state < 2 AND p.kind < 7
    AND (EXISTS (SELECT 1 FROM drafts d WHERE d.pattern = p.row)
         OR EXISTS (SELECT 1 FROM patterns q JOIN drafts d ON d.pattern = q.row
                    WHERE q.merged_into = p.row))";

impl Reader {
    /// What this device learned and may tell others, in the order of the ids: neither what it was
    /// told, nor what waits for approval or was set aside, nor skills, which are made of the
    /// others, nor what stands for a pattern of a private project.
    pub(crate) fn leaving(&self, leaving: &Leaving) -> Result<Vec<Local>, StorageError> {
        let sql = format!(
            "SELECT {COLUMNS}, j.key, j.name, coalesce(c.shown, 0), coalesce(c.adopted, 0),
                    coalesce(c.withheld, 0)
             FROM patterns p LEFT JOIN projects j ON j.id = p.project
                 LEFT JOIN (SELECT pattern, sum(shown) AS shown, sum(adopted) AS adopted,
                                sum(withheld) AS withheld
                            FROM counts GROUP BY pattern) c ON c.pattern = p.id
             WHERE {LEAVES} ORDER BY p.id"
        );
        let mut query = self.conn.prepare_cached(&sql).attempt(ATTEMPT)?;
        let mut keys = self
            .conn
            .prepare_cached("SELECT key FROM pattern_keys WHERE pattern = ?1 ORDER BY key")
            .attempt(ATTEMPT)?;
        let mut rows = query.query([]).attempt(ATTEMPT)?;
        let mut all = Vec::new();
        while let Some(row) = rows.next().attempt(ATTEMPT)? {
            let pattern = pattern_from(row).attempt(ATTEMPT)?;
            let key: Option<String> = row.get(17).attempt(ATTEMPT)?;
            let name: Option<String> = row.get(18).attempt(ATTEMPT)?;
            let wanted = leaving.takes(key.as_deref(), name.as_deref(), &pattern);
            if !wanted || self.stands_for_private(pattern.row, leaving)? {
                continue;
            }
            let mut shown = [0; 3];
            for (n, count) in shown.iter_mut().enumerate() {
                *count = row.get(19 + n).attempt(ATTEMPT)?;
            }
            let keys = keys
                .query_map([pattern.row], |row| row.get(0))
                .and_then(Iterator::collect)
                .attempt(ATTEMPT)?;
            all.push(Local { pattern, project: key, keys, shown });
        }
        Ok(all)
    }

    /// Of the patterns that leave with nothing but private projects left out, which ones: quicker than
    /// [`Self::leaving`], which reads them.
    pub(crate) fn leaving_ids(
        &self,
        private: &[String],
    ) -> Result<BTreeSet<PatternId>, StorageError> {
        let leaving = Leaving { private: private.to_vec(), ..Leaving::default() };
        let sql = format!(
            "SELECT p.id, p.row, j.key, j.name
             FROM patterns p LEFT JOIN projects j ON j.id = p.project WHERE {LEAVES}"
        );
        let rows: Vec<(PatternId, i64, [Option<String>; 2])> = self.all(&sql, [], |row| {
            Ok((PatternId::from_bytes(row.get(0)?), row.get(1)?, [row.get(2)?, row.get(3)?]))
        })?;
        let mut ids = BTreeSet::new();
        for (id, row, names) in rows {
            let is_private = names.into_iter().flatten().any(|name| private.contains(&name));
            if !is_private && !self.stands_for_private(row, &leaving)? {
                ids.insert(id);
            }
        }
        Ok(ids)
    }

    /// Whether a pattern stands for one of a private project, as those of all projects can.
    pub(in crate::storage) fn stands_for_private(
        &self,
        row: i64,
        leaving: &Leaving,
    ) -> Result<bool, StorageError> {
        if leaving.private.is_empty() {
            return Ok(false);
        }
        let mut query = self
            .conn
            .prepare_cached(
                "SELECT j.key, j.name FROM patterns q JOIN projects j ON j.id = q.project
                 WHERE q.merged_into = ?1",
            )
            .attempt(ATTEMPT)?;
        let rows = query.query_map([row], |row| Ok([row.get(0)?, row.get(1)?]));
        let names: Vec<[String; 2]> = rows.and_then(Iterator::collect).attempt(ATTEMPT)?;
        Ok(names.as_flattened().iter().any(|name| leaving.private.contains(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::pattern::Effect;

    #[test]
    fn every_wish_narrows_what_leaves() {
        let effect = Effect { helped: 2, hurt: 2 };
        let pattern = Pattern { row: 1, project: Some(1), effect, ..Pattern::empty() };
        let all = Leaving::default();
        let only = |project: &str| Leaving { project: Some(project.into()), ..all.clone() };
        let not = |project: &str| Leaving { private: vec![project.into()], ..all.clone() };
        let cases = [
            (all.clone(), true),
            (only("example.org/shop"), true),
            (only("shop"), true),
            (only("other"), false),
            (not("example.org/shop"), false),
            (not("shop"), false),
            (not("other"), true),
            (Leaving { kind: Some(Kind::Fix), ..all.clone() }, true),
            (Leaving { kind: Some(Kind::Recipe), ..all.clone() }, false),
            (Leaving { proven: true, ..all.clone() }, false),
        ];
        for (leaving, expected) in cases {
            let taken = leaving.takes(Some("example.org/shop"), Some("shop"), &pattern);
            assert_eq!(taken, expected, "{leaving:?}");
        }
        assert!(!only("shop").takes(None, None, &pattern), "global ones are of no project");
    }
}
