//! Causal edges: which pattern tends to come before which other.
//!
//! Support is the number of trajectories in which the other followed shortly after; lift is how
//! much more often that is than if both had nothing to do with each other. Both say that one comes
//! before the other and not that it is the reason.

use std::collections::{BTreeSet, HashMap};

use crate::model::ids::PatternId;
use crate::storage::{Edge, Reader, Run, StorageError};

/// Trajectories in which it has to be seen.
const SUPPORT: u32 = 3;

/// Patterns after one that are taken to follow it.
const WINDOW: usize = 8;

/// Edges of a project, those with most support.
const MOST: usize = 500;

/// Patterns of a project that are looked at, those in most trajectories: bounds the memory.
const PATTERNS: usize = 2_000;

/// The edges between the patterns of a project.
pub(super) fn of_project(reader: &Reader, project: i64) -> Result<Vec<Edge>, StorageError> {
    let mut runs = Vec::new();
    let mut counts: HashMap<i64, u32> = HashMap::new();
    reader.each_run(project, &mut |run| {
        for (row, _) in &run {
            *counts.entry(*row).or_default() += 1;
        }
        if !run.is_empty() {
            runs.push(run);
        }
    })?;
    let total = runs.len() as u32;
    let mut often: Vec<(u32, i64)> =
        counts.into_iter().filter(|(_, n)| *n >= SUPPORT).map(|(row, n)| (n, row)).collect();
    let mut ids: HashMap<i64, PatternId> = HashMap::with_capacity(often.len());
    for (_, row) in &often {
        ids.insert(*row, reader.wording(*row)?.0);
    }
    often.sort_unstable_by_key(|(n, row)| (std::cmp::Reverse(*n), ids[row]));
    often.truncate(PATTERNS);
    let often: HashMap<i64, u32> = often.into_iter().map(|(n, row)| (row, n)).collect();
    let mut edges: Vec<Edge> = followed(&runs, &often)
        .into_iter()
        .filter_map(|((cause, effect), support)| {
            let expected = f64::from(often[&cause]) * f64::from(often[&effect]);
            let lift = f64::from(support) * f64::from(total) / expected;
            let edge = Edge { cause: ids[&cause], effect: ids[&effect], support, lift };
            (support >= SUPPORT && lift > 1.0).then_some(edge)
        })
        .collect();
    edges.sort_by(|a, b| {
        let by_lift = b.lift.total_cmp(&a.lift);
        b.support.cmp(&a.support).then(by_lift).then((a.cause, a.effect).cmp(&(b.cause, b.effect)))
    });
    edges.truncate(MOST);
    Ok(edges)
}

/// In how many runs one pattern that comes `often` followed shortly after another one.
fn followed(runs: &[Run], often: &HashMap<i64, u32>) -> HashMap<(i64, i64), u32> {
    let mut pairs: HashMap<(i64, i64), u32> = HashMap::new();
    for run in runs {
        let run: Run = run.iter().copied().filter(|(row, _)| often.contains_key(row)).collect();
        let mut seen: BTreeSet<(i64, i64)> = BTreeSet::new();
        for (n, (cause, at)) in run.iter().enumerate() {
            // At the same instant neither comes first.
            let later = run[n + 1..].iter().filter(|(_, then)| then > at).take(WINDOW);
            seen.extend(later.map(|(effect, _)| (*cause, *effect)));
        }
        for pair in seen {
            *pairs.entry(pair).or_default() += 1;
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_is_counted_once_a_run_and_only_shortly_after() {
        let often: HashMap<i64, u32> = (1..20).map(|row| (row, 3)).collect();
        let short = vec![(1, 10), (2, 20), (3, 20), (99, 30)];
        let long: Vec<(i64, i64)> = (1..12).map(|row| (row, row)).collect();
        let pairs = followed(&[short, long], &often);
        assert_eq!(pairs[&(1, 2)], 2);
        assert_eq!(pairs[&(1, 3)], 2);
        assert_eq!(pairs[&(2, 3)], 1, "at the same instant neither follows");
        assert!(pairs.contains_key(&(1, 9)) && !pairs.contains_key(&(1, 10)), "{pairs:?}");
        assert!(!pairs.keys().any(|(cause, effect)| *cause == 99 || *effect == 99));
        assert!(!pairs.contains_key(&(2, 1)));
    }
}
