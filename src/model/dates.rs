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

/// First and last time that others say they saw something, as far as that can be at `now`; zeros
/// where they say that they never did. A last time that cannot be is the one that was `known`
/// before, or else now, when they say so: it must neither stay the newest of all nor be forgotten
/// for its age.
#[cfg(any(test, feature = "sync"))]
pub(crate) fn heard((first, last): (i64, i64), known: Option<i64>, now: i64) -> (i64, i64) {
    if (first, last) == (0, 0) {
        return (0, 0);
    }
    let can = |at: &i64| is_possible(*at, now);
    let last = Some(last).filter(can).or(known.filter(can)).unwrap_or(now);
    let first = Some(first).filter(can).unwrap_or(last);
    (first.min(last), last)
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

    #[test]
    fn what_others_saw_at_no_time_was_seen_when_they_say_so() {
        const NOW: i64 = 1_795_000_000_000;
        const YEAR_1: i64 = -62_135_596_800_000;
        const YEAR_9999: i64 = 253_402_214_400_000;
        let week_ago = NOW - 7 * DAY;
        for (what, said, known, expected) in [
            ("honest", (week_ago, NOW), None, (week_ago, NOW)),
            ("honest, and later than before", (week_ago, NOW), Some(week_ago), (week_ago, NOW)),
            ("never", (0, 0), None, (0, 0)),
            ("year 9999", (week_ago, YEAR_9999), None, (week_ago, NOW)),
            ("year 9999, said again", (week_ago, YEAR_9999), Some(week_ago), (week_ago, week_ago)),
            ("year 1", (YEAR_1, YEAR_1), None, (NOW, NOW)),
            ("year 1, said again", (YEAR_1, YEAR_1), Some(week_ago), (week_ago, week_ago)),
            ("the end of time", (i64::MAX, i64::MAX), None, (NOW, NOW)),
            ("and its beginning", (i64::MIN, i64::MIN), None, (NOW, NOW)),
            ("a first time only", (YEAR_1, 0), None, (NOW, NOW)),
            ("no first time", (0, NOW), None, (NOW, NOW)),
            ("known wrongly", (0, YEAR_9999), Some(YEAR_9999), (NOW, NOW)),
            ("first seen after the last time", (NOW, week_ago), None, (week_ago, week_ago)),
        ] {
            assert_eq!(heard(said, known, NOW), expected, "{what}");
        }
    }
}
