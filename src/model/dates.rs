//! Times that transcripts and files tell, and which of them are those of a clock that was set.

/// 2020, in milliseconds since the Unix epoch: the agent is younger, so what seems to be from before
/// is of a clock that was not set.
pub(crate) const EARLIEST: i64 = 1_577_836_800_000;

/// 2026: this program is younger, so a clock that shows less has no say about what lies ahead.
const YOUNGEST: i64 = 1_767_225_600_000;

/// A day, which clocks of two machines may differ by.
const DAY: i64 = 24 * 60 * 60 * 1000;

/// Whether something can have happened at `at` that is read at `now`, both in milliseconds since the
/// Unix epoch.
pub(crate) fn is_possible(at: i64, now: i64) -> bool {
    at >= EARLIEST && at <= latest(now)
}

/// The latest time at which something can have happened that is read at `now`.
pub(crate) fn latest(now: i64) -> i64 {
    if now < YOUNGEST { i64::MAX } else { now.saturating_add(DAY) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clocks_that_were_not_set_tell_is_impossible() {
        let now = 1_795_000_000_000;
        for (at, now, possible) in [
            (0, now, false),
            (i64::MIN, now, false),
            (EARLIEST - 1, now, false),
            (EARLIEST, now, true),
            (now, now, true),
            (now + DAY, now, true),
            (now + DAY + 1, now, false),
            (i64::MAX, now, false),
            (i64::MAX, i64::MAX, true),
            // The clock of the reader is the one that was not set.
            (now, 0, true),
            (now, YOUNGEST - 1, true),
            (0, 0, false),
        ] {
            assert_eq!(is_possible(at, now), possible, "{at} at {now}");
        }
    }
}
