//! Whether what was said helped: shares, their intervals, and the difference to what was held
//! back. Pure.
//!
//! A share of a few is never taken as it stands. Its interval is Wilson's (1927), which holds for
//! small counts and for shares near 0 and 1; that of a difference of two shares is made of both
//! intervals (Newcombe, 1998, method 10).

use serde::Serialize;

/// Standard deviations on each side that hold 95 of 100 cases.
const Z: f64 = 1.959_963_984_540_054;

/// Cases from which on a share of a pattern counts.
const ENOUGH: u32 = 5;

/// Cases that were held back from which on they are a measure for the rest.
const REFERENCE: u32 = 10;

/// Cases, and how many of them went well.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub(crate) struct Group {
    /// Cases that could be judged.
    pub(crate) cases: u32,
    /// Those that went well.
    pub(crate) well: u32,
}

/// A number with the interval that holds the true one in 95 of 100 cases.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub(crate) struct Estimate {
    /// The number.
    pub(crate) value: f64,
    /// The interval's lower end.
    pub(crate) low: f64,
    /// The interval's upper end.
    pub(crate) high: f64,
}

impl Estimate {
    /// So many times this.
    pub(crate) fn times(self, factor: f64) -> Self {
        let Self { value, low, high } = self;
        Self { value: value * factor, low: low * factor, high: high * factor }
    }
}

impl Group {
    /// Adds a case.
    #[cfg(test)]
    pub(crate) fn add(&mut self, well: bool) {
        self.cases += 1;
        self.well += u32::from(well);
    }

    /// The cases of both.
    pub(crate) fn and(self, other: Self) -> Self {
        Self { cases: self.cases + other.cases, well: self.well + other.well }
    }

    /// The share that went well, with Wilson's interval; `None` without cases.
    pub(crate) fn share(self) -> Option<Estimate> {
        if self.cases == 0 {
            return None;
        }
        let (n, value) = (f64::from(self.cases), f64::from(self.well) / f64::from(self.cases));
        let square = Z * Z / n;
        let middle = (value + square / 2.0) / (1.0 + square);
        let half = Z / (1.0 + square) * (value * (1.0 - value) / n + square / (4.0 * n)).sqrt();
        // At 0 and 1 the ends are exact; rounding must not leave the share outside of its interval.
        let (low, high) = ((middle - half).clamp(0.0, value), (middle + half).clamp(value, 1.0));
        Some(Estimate { value, low, high })
    }

    /// How much larger the share is than that of `other`; `None` where one has no cases.
    pub(crate) fn difference(self, other: Self) -> Option<Estimate> {
        let (ours, theirs) = (self.share()?, other.share()?);
        let value = ours.value - theirs.value;
        let below = (ours.value - ours.low).hypot(theirs.high - theirs.value);
        let above = (ours.high - ours.value).hypot(theirs.value - theirs.low);
        Some(Estimate { value, low: value - below, high: value + above })
    }
}

/// Whether a pattern does harm: after it was said, things surely go well less often than where
/// patterns of its kind were held back.
pub(crate) fn does_harm(said: Group, held_back: Group) -> bool {
    if said.cases < ENOUGH || held_back.cases < REFERENCE {
        return false;
    }
    said.difference(held_back).is_some_and(|difference| difference.high < 0.0)
}

/// Whether following it is proven to help: things surely went well more often than not. Four of
/// four are enough.
pub(crate) fn is_proven(followed: Group) -> bool {
    followed.share().is_some_and(|share| share.low >= 0.5)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn group(well: u32, cases: u32) -> Group {
        Group { cases, well }
    }

    fn near(estimate: Estimate, low: f64, high: f64) -> bool {
        (estimate.low - low).abs() < 5e-4 && (estimate.high - high).abs() < 5e-4
    }

    #[test]
    fn a_few_that_went_well_are_a_proof_and_luck_is_not() {
        for (well, cases, proven) in [
            (0, 0, false),
            (3, 3, false),
            (4, 4, true),
            (4, 5, false),
            (8, 9, true),
            (20, 40, false),
        ] {
            assert_eq!(is_proven(group(well, cases)), proven, "{well} of {cases}");
        }
    }

    #[test]
    fn intervals_are_those_of_the_papers() {
        // Newcombe (1998), table I, method 3.
        assert!(near(group(81, 263).share().unwrap(), 0.2553, 0.3662));
        assert!(near(group(0, 20).share().unwrap(), 0.0, 0.1611));
        assert!(near(group(29, 29).share().unwrap(), 0.8830, 1.0));
        // Newcombe (1998), table II, method 10.
        assert!(near(group(56, 70).difference(group(48, 80)).unwrap(), 0.0524, 0.3339));
        assert!(near(group(10, 10).difference(group(0, 20)).unwrap(), 0.6791, 1.0));
        assert_eq!(group(0, 0).share(), None);
        assert_eq!(group(3, 4).difference(group(0, 0)), None);
    }

    #[test]
    fn harm_takes_cases_on_both_sides() {
        let usual = group(70, 100);
        assert!(does_harm(group(0, 8), usual));
        assert!(does_harm(group(10, 40), usual));
        assert!(!does_harm(group(0, 4), usual), "too few");
        assert!(!does_harm(group(0, 8), group(7, 9)), "nothing to compare with");
        assert!(!does_harm(group(5, 8), usual), "it may be chance");
        assert!(!does_harm(group(8, 8), usual));
    }

    /// Random numbers from 0 to 1 that are the same in every run (Steele, Lea and Flood, 2014).
    struct Chance(u64);

    impl Chance {
        fn below(&mut self, share: f64) -> bool {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64 - share < 0.0
        }
    }

    /// Sessions of agents that follow what they are told with some probability. Without advice
    /// things go well in `base` of them, with followed advice in `with`. A tenth is held back.
    fn sessions(chance: &mut Chance, count: u32, base: f64, with: f64) -> (Group, Group) {
        let (mut said, mut held_back) = (Group::default(), Group::default());
        for _ in 0..count {
            let hold = chance.below(0.1);
            let follows = !hold && chance.below(FOLLOWED);
            let well = chance.below(if follows { with } else { base });
            if hold { &mut held_back } else { &mut said }.add(well);
        }
        (said, held_back)
    }

    /// Share of the advice that simulated agents follow.
    const FOLLOWED: f64 = 0.7;

    #[test]
    fn the_holdout_recovers_the_true_effect() {
        let mut chance = Chance(7);
        for (base, with) in [(0.5, 0.8), (0.6, 0.6), (0.7, 0.3), (0.9, 0.97)] {
            let truth = FOLLOWED * (with - base);
            let held = (0..1_000)
                .filter(|_| {
                    let (said, held_back) = sessions(&mut chance, 600, base, with);
                    let found = said.difference(held_back).unwrap();
                    found.low <= truth && truth <= found.high
                })
                .count();
            assert!((900..=990).contains(&held), "{base} {with}: {held} of 1000");
        }
    }

    #[test]
    fn harmful_advice_is_found_out_and_good_advice_kept() {
        let mut chance = Chance(11);
        let (mut caught, mut lost, mut useless) = (0, 0, 0);
        for _ in 0..1_000 {
            // What others of its kind show when they are held back.
            let usual = sessions(&mut chance, 600, 0.6, 0.6).1;
            caught += u32::from(does_harm(sessions(&mut chance, 60, 0.6, 0.1).0, usual));
            lost += u32::from(does_harm(sessions(&mut chance, 60, 0.6, 0.8).0, usual));
            useless += u32::from(does_harm(sessions(&mut chance, 60, 0.6, 0.6).0, usual));
        }
        assert!(caught >= 950, "{caught} of 1000 harmful ones caught");
        assert_eq!(lost, 0, "good ones");
        assert!(useless <= 50, "{useless} of 1000 that do nothing");
    }

    proptest! {
        #[test]
        fn intervals_hold_their_value(well in 0_u32..300, failed in 0_u32..300, other in 1_u32..300) {
            let own = group(well, well + failed);
            let Some(share) = own.share() else { return Ok(()) };
            prop_assert!(0.0 <= share.low && share.low <= share.value);
            prop_assert!(share.value <= share.high && share.high <= 1.0);
            let more = group(well * 3, (well + failed) * 3).share().unwrap();
            prop_assert!(more.high - more.low < share.high - share.low + 1e-9, "more cases, less doubt");
            let difference = own.difference(group(other / 2, other)).unwrap();
            prop_assert!(difference.low <= difference.value && difference.value <= difference.high);
            prop_assert!(difference.low >= -1.0 - 1e-9 && difference.high <= 1.0 + 1e-9);
        }
    }
}
