//! Makes the changes of a plan.

use std::collections::HashMap;

use serde::Serialize;

use super::plan::{Fate, Item, Plan, Rules, plan, products};
use crate::model::ids::PatternId;
use crate::storage::{Change, SetAside, StorageError, Store};

/// Under which name the store notes when the last run ended.
const NOTE: &str = "consolidated";

/// Milliseconds after which a run is due.
const DUE: i64 = 86_400_000;

/// What a run did, or would do: numbers of patterns.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub(crate) struct Report {
    /// Merged into another of their project.
    pub(crate) merged: u64,
    /// Set aside because they were not used.
    pub(crate) faded: u64,
    /// Set aside because nothing ever matched them.
    pub(crate) unmatched: u64,
    /// Set aside because they did harm.
    pub(crate) harmful: u64,
    /// Stood for by a pattern of all projects.
    pub(crate) shared: u64,
    /// Stand for themselves again.
    pub(crate) restored: u64,
    /// Skills that were made, changed or dropped.
    pub(crate) skills: u64,
    /// Pairs of patterns of which one tends to come before the other: new, changed or gone.
    pub(crate) edges: u64,
}

impl Report {
    /// What the plan does to patterns.
    fn of(plan: &Plan) -> Self {
        let mut report = Self::default();
        for item in plan.projects.iter().flat_map(|project| &project.items) {
            let count = match item.fate {
                Fate::Stands => &mut report.restored,
                Fate::Merged { .. } => &mut report.merged,
                Fate::Faded { .. } => &mut report.faded,
                Fate::Unmatched { .. } => &mut report.unmatched,
                Fate::Harmful { .. } => &mut report.harmful,
                Fate::Global(_) => &mut report.shared,
            };
            *count += 1;
        }
        report
    }
}

/// Whether the last run is a day ago, as of `now` (milliseconds since the Unix epoch).
pub(crate) fn is_due(store: &mut Store, now: i64) -> Result<bool, StorageError> {
    let last = store.note(NOTE)?.and_then(|last| last.parse::<i64>().ok());
    Ok(last.is_none_or(|last| last > now || now - last >= DUE))
}

/// Plans and makes the changes, as of `now`.
///
/// Each project is a transaction: a run that is interrupted leaves some as they were, and the next
/// run goes on with these.
pub(crate) fn consolidate(
    store: &mut Store,
    rules: Rules,
    now: i64,
) -> Result<Report, StorageError> {
    let plan = plan(store, rules, now)?;
    let report = make(store, &plan, now)?;
    store.refresh_postings()?;
    let text = serde_json::to_string(&report).expect("reports have string keys");
    store.log_run(NOTE, now, &text)?;
    store.publish()?;
    Ok(report)
}

/// Makes the changes of a plan, and what is made of the patterns that are active then.
pub(super) fn make(store: &mut Store, plan: &Plan, now: i64) -> Result<Report, StorageError> {
    let mut report = Report::of(plan);
    apply(store, plan, now)?;
    let products = products(store)?;
    for (project, skills) in &products.skills {
        report.skills += store.atomically(|store| store.replace_skills(*project, skills, now))?;
    }
    report.edges = store.atomically(|store| store.replace_edges(&products.edges))?;
    Ok(report)
}

fn apply(store: &mut Store, plan: &Plan, now: i64) -> Result<(), StorageError> {
    let mut rows: HashMap<PatternId, i64> = HashMap::new();
    store.atomically(|store| {
        for shared in &plan.shared {
            rows.insert(shared.id, store.ensure_global(shared.id, shared.kind, now)?);
        }
        Ok(())
    })?;
    for project in &plan.projects {
        let changes: Vec<Change> =
            project.items.iter().filter_map(|item| change(item, &rows)).collect();
        store.atomically(|store| store.set_patterns_aside(&changes, now))?;
    }
    Ok(())
}

/// The change to a row, with the rows of the patterns of all projects; `None` where one of them is
/// missing, which no plan of ours has.
fn change(item: &Item, rows: &HashMap<PatternId, i64>) -> Option<Change> {
    let row = item.row.or_else(|| rows.get(&item.id).copied())?;
    let into = match item.fate {
        Fate::Merged { into, .. } => Some(into),
        Fate::Global(shared) => Some(*rows.get(&shared.id)?),
        _ => None,
    };
    let set_aside = item.fate.reason().map(|reason| SetAside { reason, into });
    Some(Change { row, set_aside })
}

#[cfg(test)]
mod tests;
