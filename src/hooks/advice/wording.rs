//! How a pattern reads when it is shown: its text with its evidence.

use crate::model::pattern::{Kind, Pattern, Tally};

const DAY: i64 = 86_400_000;

/// The pattern's text with how often and when it was seen.
pub(crate) fn with_evidence(pattern: &Pattern, now: i64) -> String {
    format!("{} ({})", pattern.text, evidence(pattern.kind, &pattern.tally, now))
}

/// "4 times in 2 sessions, last 3 days ago".
pub(super) fn evidence(kind: Kind, tally: &Tally, now: i64) -> String {
    let times = match kind {
        Kind::Recipe => format!("{} of {} runs", tally.successes, tally.successes + tally.failures),
        Kind::Pitfall => times(tally.failures),
        Kind::Fix | Kind::Path => times(tally.failures.max(1)),
        Kind::Decision | Kind::Episode | Kind::Skill => times(tally.successes),
    };
    let sessions = match tally.sessions {
        0 | 1 => String::new(),
        n => format!(" in {n} sessions"),
    };
    format!("{times}{sessions}, {}", ago(tally.last, now))
}

fn times(n: u32) -> String {
    match n {
        0 | 1 => "once".into(),
        2 => "twice".into(),
        n => format!("{n} times"),
    }
}

/// "today", "3 days ago", "2 months ago"; a time that lies ahead counts as today.
pub(super) fn ago(then: i64, now: i64) -> String {
    match now.saturating_sub(then).max(0) / DAY {
        _ if then == 0 => "date unknown".into(),
        0 => "today".into(),
        1 => "yesterday".into(),
        days @ 2..60 => format!("{days} days ago"),
        days => format!("{} months ago", days / 30),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_reads_naturally() {
        let tally = Tally { successes: 9, failures: 3, sessions: 2, first: 0, last: 10 * DAY };
        let read = |kind| evidence(kind, &tally, 13 * DAY);
        assert_eq!(read(Kind::Fix), "3 times in 2 sessions, 3 days ago");
        assert_eq!(read(Kind::Recipe), "9 of 12 runs in 2 sessions, 3 days ago");
        assert_eq!(ago(DAY, 0), "today");
        assert_eq!(ago(DAY, 100 * DAY), "3 months ago");
    }
}
