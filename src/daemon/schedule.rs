//! What is to be done, and when. Pure.

use super::state::{JobState, State};

/// Factor of the intervals while the machine runs on its battery or has much else to do.
const STRAINED: i64 = 4;

/// Doublings of an interval after failures in a row.
const DOUBLINGS: u32 = 4;

/// What the daemon starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Job {
    /// Learning what is new.
    Learn,
    /// Tidying up what was learned.
    Consolidate,
    /// Exchanging what was learned with other devices.
    Sync,
}

impl Job {
    /// In the order in which they are started when several are due.
    pub(crate) const ALL: [Self; 3] = [Self::Learn, Self::Consolidate, Self::Sync];

    /// Its name in logs.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Learn => "learn",
            Self::Consolidate => "consolidate",
            Self::Sync => "sync",
        }
    }
}

/// Milliseconds from one run to the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Intervals {
    /// Of learning.
    pub(crate) learn: i64,
    /// Of consolidation.
    pub(crate) consolidate: i64,
    /// Of exchanging; `None` where nothing is shared.
    pub(crate) sync: Option<i64>,
}

impl Intervals {
    fn of(self, job: Job) -> Option<i64> {
        match job {
            Job::Learn => Some(self.learn),
            Job::Consolidate => Some(self.consolidate),
            Job::Sync => self.sync,
        }
    }

    /// When `job` is due next, in milliseconds since the Unix epoch; at once when it never ran, or
    /// when its last run lies in the future: the clock was set back. `None` for what is not done.
    pub(crate) fn due(self, job: Job, past: &JobState, strained: bool, now: i64) -> Option<i64> {
        let interval = self.of(job)?;
        let Some(last) = past.last.filter(|last| *last <= now) else { return Some(now) };
        let factor = if strained { STRAINED } else { 1 };
        let failures = 1 << past.failures.min(DOUBLINGS);
        Some(last.saturating_add(interval.saturating_mul(factor).saturating_mul(failures)))
    }

    /// The job that is due, if one is, and else when the next one will be.
    pub(crate) fn next(self, state: &State, strained: bool, now: i64) -> Result<Job, i64> {
        let due = |job| self.due(job, state.of(job), strained, now);
        match Job::ALL.into_iter().find(|job| due(*job).is_some_and(|due| due <= now)) {
            Some(job) => Ok(job),
            None => Err(Job::ALL.into_iter().filter_map(due).min().unwrap_or(now)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EACH: Intervals = Intervals { learn: 300, consolidate: 3_600, sync: None };

    fn state(learned: i64, consolidated: i64) -> State {
        let mut state = State::begin(1, 0);
        state.learn.last = Some(learned);
        state.consolidate.last = Some(consolidated);
        state
    }

    #[test]
    fn what_never_ran_is_due_at_once_and_learning_comes_first() {
        let mut new = State::begin(1, 0);
        assert_eq!(EACH.next(&new, false, 10), Ok(Job::Learn));
        new.learn.last = Some(10);
        assert_eq!(EACH.next(&new, false, 10), Ok(Job::Consolidate));
        new.consolidate.last = Some(10);
        assert_eq!(EACH.next(&new, false, 10), Err(310));
        assert_eq!(EACH.next(&new, false, 310), Ok(Job::Learn));
    }

    #[test]
    fn exchanging_comes_last_and_only_where_something_is_shared() {
        let sharing = Intervals { sync: Some(600), ..EACH };
        let state = state(10, 10);
        assert_eq!(EACH.next(&state, false, 10), Err(310));
        assert_eq!(sharing.next(&state, false, 10), Ok(Job::Sync));
        assert_eq!(EACH.due(Job::Sync, &state.sync, false, 10), None);
    }

    #[test]
    fn a_strained_machine_is_asked_less_often() {
        assert_eq!(EACH.next(&state(0, 0), false, 300), Ok(Job::Learn));
        assert_eq!(EACH.next(&state(0, 0), true, 300), Err(1_200));
        assert_eq!(EACH.next(&state(0, 0), true, 1_200), Ok(Job::Learn));
    }

    #[test]
    fn failures_double_the_interval_up_to_a_limit() {
        let mut state = state(0, 0);
        for (failures, due) in [(0, 300), (1, 600), (3, 2_400), (4, 4_800), (99, 4_800)] {
            state.learn.failures = failures;
            assert_eq!(EACH.due(Job::Learn, &state.learn, false, 1), Some(due));
        }
    }

    #[test]
    fn a_clock_that_jumps_starts_no_storm_and_no_silence() {
        // Back by years: at once, and from then on as usual.
        let mut state = state(1_000_000, 1_000_000);
        assert_eq!(EACH.next(&state, false, 500), Ok(Job::Learn));
        state.learn.last = Some(500);
        state.consolidate.last = Some(500);
        assert_eq!(EACH.next(&state, false, 501), Err(800));
        // Ahead by years: each once.
        assert_eq!(EACH.next(&state, false, i64::MAX), Ok(Job::Learn));
        state.learn.last = Some(i64::MAX);
        state.consolidate.last = Some(i64::MAX);
        assert!(EACH.next(&state, false, i64::MAX - 1).is_ok(), "set back again");
    }
}
