//! Times that were stored before it was asked whether they can be: of a clock that was not set, or
//! that was years ahead. They get the times that reading their transcripts would give them now.

use rusqlite::params;

use super::error::{Attempt, StorageError};
use super::open::Reader;
use super::store::Store;
use crate::model::dates::{self, is_possible};

/// A step as it is dated, with what its transcript says of the time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Dated {
    row: i64,
    trajectory: i64,
    /// When it seems to have happened.
    at: i64,
    /// When its transcript was last written to.
    written: i64,
    /// When its transcript was last read.
    read: i64,
}

/// A step with the time that it gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Redated {
    row: i64,
    trajectory: i64,
    at: i64,
}

/// Which of these steps get another time, at `now`.
///
/// What is asked is whether a step can have happened when it was read, not whether it can have
/// happened by now: a clock that is set back makes nothing wrong that was right.
fn plan(steps: &[Dated], now: i64) -> Vec<Redated> {
    let wrong = steps.iter().filter(|step| !is_possible(step.at, step.read));
    wrong
        .filter_map(|&Dated { row, trajectory, written, read, .. }| {
            let fits = |at: &i64| is_possible(*at, read) && is_possible(*at, now);
            let at = [written, read].into_iter().find(fits)?;
            Some(Redated { row, trajectory, at })
        })
        .collect()
}

impl Reader {
    /// Steps of the trajectories that seem to begin too early or to end ahead of `now`.
    fn oddly_dated(&self, now: i64) -> Result<Vec<Dated>, StorageError> {
        const ATTEMPT: &str = "look for times that cannot be";
        let mut query = self
            .conn
            .prepare_cached(
                "SELECT s.row, s.trajectory, s.at, t.modified, t.read_at
                 FROM trajectories j
                     JOIN steps s ON s.trajectory = j.id
                     JOIN transcripts t ON t.id = s.transcript
                 WHERE (j.started < ?1 OR j.ended > ?2) AND s.at IS NOT NULL",
            )
            .attempt(ATTEMPT)?;
        let rows = query.query_map(params![dates::EARLIEST, dates::latest(now)], |row| {
            Ok(Dated {
                row: row.get(0)?,
                trajectory: row.get(1)?,
                at: row.get(2)?,
                written: row.get(3)?,
                read: row.get(4)?,
            })
        });
        rows.and_then(Iterator::collect).attempt(ATTEMPT)
    }
}

impl Store {
    /// Gives steps whose times cannot be the times of their transcripts; what was extracted from
    /// them becomes due again. Returns how many there were. Call it inside [`Store::atomically`].
    pub(crate) fn correct_dates(&mut self, now: i64) -> Result<u64, StorageError> {
        const ATTEMPT: &str = "correct the time of a step";
        let plan = plan(&self.oddly_dated(now)?, now);
        let mut last = None;
        for &Redated { row, trajectory, at } in &plan {
            self.conn()
                .prepare_cached("UPDATE steps SET at = ?2 WHERE row = ?1")
                .and_then(|mut update| update.execute([row, at]))
                .attempt(ATTEMPT)?;
            if last.replace(trajectory) != Some(trajectory) {
                self.conn()
                    .prepare_cached("UPDATE trajectories SET revision = 0 WHERE id = ?1")
                    .and_then(|mut update| update.execute([trajectory]))
                    .attempt(ATTEMPT)?;
            }
        }
        Ok(plan.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_before_it_happened_gets_the_time_of_its_file() {
        const NOW: i64 = 1_795_000_000_000;
        const YEAR: i64 = 365 * 86_400_000;
        for (what, at, written, read, expected) in [
            ("honest", NOW - 5, NOW - 4, NOW - 3, None),
            ("1970", 9, NOW - 4, NOW - 3, Some(NOW - 4)),
            ("before 1970", -9, NOW - 4, NOW - 3, Some(NOW - 4)),
            ("ahead", NOW + YEAR, NOW - 4, NOW - 3, Some(NOW - 4)),
            ("1970, and its file too", 9, 9, NOW - 3, Some(NOW - 3)),
            ("ahead, and its file too", NOW + YEAR, NOW + YEAR, NOW - 3, Some(NOW - 3)),
            // The clock of this machine was set back, or had been ahead: which is not known.
            ("ahead when it was read", NOW + YEAR, NOW + YEAR, NOW + YEAR, None),
            // Nothing tells when it was.
            ("1970, read by the same clock", 9, 9, 9, None),
        ] {
            let step = Dated { row: 1, trajectory: 2, at, written, read };
            let planned = plan(&[step], NOW);
            let expected: Vec<Redated> =
                expected.map(|at| Redated { row: 1, trajectory: 2, at }).into_iter().collect();
            assert_eq!(planned, expected, "{what}");
        }
    }
}
