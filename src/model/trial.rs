//! What a pattern of another device was worth on what happened here, and what follows from that.
//! Pure.
//!
//! The unit is a session: what happens twice in one is not twice as sure, and whoever makes one
//! session cannot make many.

#[cfg(any(test, feature = "sync"))]
use super::effect::Group;

/// Sessions in which it has to have been right before it is told unasked.
#[cfg(any(test, feature = "sync"))]
pub(crate) const LEAST: u32 = 3;

/// In how many sessions a pattern would have been told, and what came of that.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Score {
    /// Sessions in which it would have been told.
    pub(crate) told: u32,
    /// Those in which it was right whenever that can be told.
    pub(crate) right: u32,
    /// Those in which it was wrong at least once.
    pub(crate) wrong: u32,
    /// First and last time that it was right, in milliseconds since the Unix epoch; 0 for never.
    pub(crate) first: i64,
    /// See `first`.
    pub(crate) last: i64,
}

/// What follows from a score. The numbers are stored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub(crate) enum Verdict {
    /// Too few sessions in which it could be told right from wrong.
    Few = 0,
    /// Right often enough, and it says nothing that was not seen here: it is told.
    Helpful = 1,
    /// Right often enough, but it says something that was not seen here.
    Strange = 2,
    /// Wrong more often than right.
    Misleading = 3,
    /// Neither.
    Unproven = 4,
}

impl Verdict {
    /// All verdicts.
    pub(crate) const ALL: [Self; 5] =
        [Self::Few, Self::Helpful, Self::Strange, Self::Misleading, Self::Unproven];

    /// The verdict's name, as `--json` prints it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Few => "few",
            Self::Helpful => "helpful",
            Self::Strange => "strange",
            Self::Misleading => "misleading",
            Self::Unproven => "unproven",
        }
    }

    /// What it means, for people.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::Few => "too few sessions to tell",
            Self::Helpful => "it would have helped here, and is told",
            Self::Strange => "it would have helped, but says something that was never seen here",
            Self::Misleading => "it would have misled here",
            Self::Unproven => "not right often enough",
        }
    }

    /// The verdict with this stored number; an unknown one tells nothing.
    pub(crate) fn from_number(number: i64) -> Self {
        Self::ALL.into_iter().find(|verdict| *verdict as i64 == number).unwrap_or(Self::Unproven)
    }

    /// What follows from `score`, where the share of right ones has to be at least `need` and
    /// `familiar` says that all it says was seen here. The share is taken at the lower end of its
    /// interval (Wilson, 1927), so that a few lucky sessions do not count as certainty.
    #[cfg(any(test, feature = "sync"))]
    pub(crate) fn of(score: Score, need: f64, familiar: bool) -> Self {
        let judged = Group { cases: score.right + score.wrong, well: score.right };
        let enough = judged.share().is_some_and(|share| share.low >= need);
        if judged.cases < LEAST {
            Self::Few
        } else if score.wrong > score.right {
            Self::Misleading
        } else if score.right >= LEAST && enough {
            if familiar { Self::Helpful } else { Self::Strange }
        } else {
            Self::Unproven
        }
    }
}

/// A trial of a pattern.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Trial {
    /// Hash of the words that were tried.
    pub(crate) words: [u8; 16],
    /// Sessions that there were here.
    pub(crate) known: u32,
    /// Sessions that were gone through, the latest ones.
    pub(crate) sessions: u32,
    /// What came of it.
    pub(crate) score: Score,
    /// Share of right ones that it has to have.
    pub(crate) need: f64,
    /// What follows.
    pub(crate) verdict: Verdict,
    /// When, in milliseconds since the Unix epoch.
    pub(crate) at: i64,
}

impl Trial {
    /// Whether enough was learned since that another trial may end otherwise: a tenth more, and
    /// as many sessions as make a difference. What is told already is watched otherwise.
    #[cfg(any(test, feature = "sync"))]
    pub(crate) fn is_outdated(&self, known: u32) -> bool {
        self.verdict != Verdict::Helpful && known >= self.known + LEAST.max(self.known / 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(right: u32, wrong: u32) -> Score {
        Score { told: right + wrong, right, wrong, ..Score::default() }
    }

    #[test]
    fn it_takes_several_sessions_and_a_share_that_is_surely_enough() {
        for (right, wrong, need, familiar, expected) in [
            (0, 0, 0.1, true, Verdict::Few),
            (2, 0, 0.1, true, Verdict::Few),
            (0, 2, 0.1, true, Verdict::Few),
            (3, 0, 0.1, true, Verdict::Helpful),
            (3, 0, 0.1, false, Verdict::Strange),
            (3, 0, 0.5, true, Verdict::Unproven),
            (9, 0, 0.5, true, Verdict::Helpful),
            (3, 3, 0.3, true, Verdict::Unproven),
            (6, 6, 0.2, true, Verdict::Helpful),
            (2, 1, 0.05, true, Verdict::Unproven),
            (1, 2, 0.05, true, Verdict::Misleading),
            (4, 9, 0.05, true, Verdict::Misleading),
            // What is always right anyway can never be enough.
            (900, 0, 1.0, true, Verdict::Unproven),
        ] {
            let found = Verdict::of(score(right, wrong), need, familiar);
            assert_eq!(found, expected, "{right} right, {wrong} wrong, {need}");
        }
    }

    #[test]
    fn it_is_tried_again_when_much_was_learned_since() {
        let trial = |known, verdict| Trial {
            words: [0; 16],
            known,
            sessions: known,
            score: score(0, 0),
            need: 0.1,
            verdict,
            at: 0,
        };
        assert!(!trial(0, Verdict::Few).is_outdated(2));
        assert!(trial(0, Verdict::Few).is_outdated(3));
        assert!(!trial(100, Verdict::Misleading).is_outdated(109));
        assert!(trial(100, Verdict::Misleading).is_outdated(110));
        assert!(!trial(1, Verdict::Helpful).is_outdated(1_000));
    }

    #[test]
    fn numbers_are_stable_across_releases() {
        for (number, verdict) in Verdict::ALL.into_iter().enumerate() {
            assert_eq!(verdict as usize, number);
            assert_eq!(Verdict::from_number(number as i64), verdict);
        }
        assert_eq!(Verdict::from_number(99), Verdict::Unproven);
    }
}
