//! What a failure costs in this store: what was spent from a failed call to the one that worked.

use super::extract::View;
use super::judging::mended;
use crate::storage::{Reader, StorageError};

/// Trajectories that are looked at, the newest: bounds the time.
const TRAJECTORIES: u32 = 500;

/// Characters of a token.
const TOKEN: f64 = 4.0;

/// What failures cost of which nothing was said.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize)]
pub(crate) struct FailureCost {
    /// Failures that were mended.
    pub(crate) cases: u64,
    /// Tokens of the one in the middle. Steps keep commands and the beginning of errors, so it
    /// is a lower bound.
    pub(crate) tokens: f64,
    /// Seconds of the one in the middle.
    pub(crate) seconds: f64,
}

/// What a failure costs of which nothing was said; `None` when no such failure was mended.
pub(crate) fn of_failures(reader: &Reader) -> Result<Option<FailureCost>, StorageError> {
    let (mut characters, mut times) = (Vec::new(), Vec::new());
    for trajectory in reader.newest_trajectories(TRAJECTORIES)? {
        let told = reader.told_calls(&trajectory.key)?;
        let steps = reader.steps(trajectory.id)?;
        let failures = mended(&View::new(&steps, &trajectory.root));
        for failure in failures.iter().filter(|failure| !told.contains(&failure.call)) {
            characters.push(failure.characters);
            times.extend(failure.time);
        }
    }
    let cases = characters.len() as u64;
    let middles = middle(characters).zip(middle(times));
    Ok(middles.map(|(characters, time)| FailureCost {
        cases,
        tokens: characters / TOKEN,
        seconds: time / 1_000.0,
    }))
}

/// The median; `None` without numbers.
fn middle(mut numbers: Vec<u64>) -> Option<f64> {
    numbers.sort_unstable();
    let upper = *numbers.get(numbers.len() / 2)?;
    let lower = numbers[(numbers.len() - 1) / 2];
    Some(f64::midpoint(lower as f64, upper as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_took_a_night_does_not_move_the_middle() {
        for (numbers, expected) in [
            (vec![], None),
            (vec![7], Some(7.0)),
            (vec![4, 1], Some(2.5)),
            (vec![2, 90_000_000, 3], Some(3.0)),
        ] {
            assert_eq!(middle(numbers.clone()), expected, "{numbers:?}");
        }
    }
}
