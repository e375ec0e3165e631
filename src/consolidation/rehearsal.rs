//! What a run would change, in detail: it is made on a copy of the store.
//!
//! Skills and pairs are made of the patterns that are active after the plan was applied, with the
//! sums of what was merged. Working that out beside the store would be a second consolidation,
//! which could say something else than the first one does.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::plan::{Plan, Rules, plan};
use super::run::{Report, make};
use crate::model::ids::PatternId;
use crate::model::skill::Skill;
use crate::storage::{Edge, Reader, StorageError, Store};

/// What a run would do.
#[derive(Debug)]
pub(crate) struct Rehearsal {
    /// The changes to patterns.
    pub(crate) plan: Plan,
    /// All changes, counted.
    pub(crate) report: Report,
    /// The changes to skills, by the rows of their projects.
    pub(crate) skills: Vec<(i64, Change<Skill>)>,
    /// The changes to pairs of patterns.
    pub(crate) edges: Vec<Change<Edge>>,
    /// The store as it would be.
    pub(crate) after: Store,
}

/// How something changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Way {
    /// There was none.
    Made,
    /// There was another one of the same identity.
    Changed,
    /// There is none any more.
    Dropped,
}

/// Something that is made, changed or dropped.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Change<T> {
    /// How it was; `None` for what is made.
    pub(crate) before: Option<T>,
    /// How it will be; `None` for what is dropped.
    pub(crate) after: Option<T>,
}

impl<T> Change<T> {
    /// How it changes.
    pub(crate) fn way(&self) -> Way {
        match (&self.before, &self.after) {
            (None, _) => Way::Made,
            (Some(_), None) => Way::Dropped,
            (Some(_), Some(_)) => Way::Changed,
        }
    }

    /// It as it will be, or as it was where it is dropped.
    ///
    /// # Panics
    /// If it neither is nor was.
    pub(crate) fn latest(&self) -> &T {
        self.after.as_ref().or(self.before.as_ref()).expect("a change has a side")
    }
}

/// Does what a run would do, as of `now`, on a copy of the store of `reader` in the empty folder
/// `scratch`.
pub(crate) fn rehearse(
    reader: &Reader,
    scratch: &Path,
    rules: Rules,
    now: i64,
) -> Result<Rehearsal, StorageError> {
    reader.copy_to(scratch)?;
    let mut store = Store::open(scratch, true)?;
    let plan = plan(&store, rules, now)?;
    let (skills, edges) = (store.skills(None)?, store.edges()?);
    let report = make(&mut store, &plan, now)?;
    let by_id = |(project, skill): (i64, Skill)| ((project, skill.id), skill);
    let skills = changes(skills.into_iter().map(by_id), store.skills(None)?.into_iter().map(by_id));
    let by_ends = |edge: Edge| ((edge.cause, edge.effect), edge);
    let edges = changes(edges.into_iter().map(by_ends), store.edges()?.into_iter().map(by_ends));
    let skills = skills.into_iter().map(|((project, _), change)| (project, change)).collect();
    let edges = edges.into_iter().map(|(_, change): ((PatternId, PatternId), _)| change).collect();
    Ok(Rehearsal { plan, report, skills, edges, after: store })
}

/// What differs between two sets, by key.
fn changes<K: Ord, T: PartialEq>(
    before: impl Iterator<Item = (K, T)>,
    after: impl Iterator<Item = (K, T)>,
) -> Vec<(K, Change<T>)> {
    let mut all: BTreeMap<K, Change<T>> =
        before.map(|(key, old)| (key, Change { before: Some(old), after: None })).collect();
    for (key, new) in after {
        let change = all.entry(key).or_insert(Change { before: None, after: None });
        change.after = Some(new);
    }
    all.into_iter().filter(|(_, change)| change.before != change.after).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_as_it_is_is_no_change() {
        let before = [(1, "a"), (2, "b"), (3, "c")];
        let after = [(2, "b"), (3, "d"), (4, "e")];
        let found: Vec<(i32, Way, &str)> = changes(before.into_iter(), after.into_iter())
            .iter()
            .map(|(key, change)| (*key, change.way(), *change.latest()))
            .collect();
        assert_eq!(found, [(1, Way::Dropped, "a"), (3, Way::Changed, "d"), (4, Way::Made, "e")]);
    }
}
