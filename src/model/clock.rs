//! Readings of hybrid logical clocks as they travel.

/// How far another device's clock may be ahead before what it says waits, in milliseconds.
const AHEAD: i64 = 10 * 60 * 1000;

/// The last millisecond that 48 bits can say.
const LATEST: i64 = (1 << 48) - 1;

/// A reading of a hybrid logical clock: milliseconds since the Unix epoch in the upper 48 bits, a
/// counter in the lower 16 (Kulkarni et al., "Logical Physical Clocks", 2014).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub(crate) struct Hlc(pub(crate) u64);

impl Hlc {
    /// The first reading of the millisecond `now`; times before 1970 count as 0.
    pub(crate) fn at(now: i64) -> Self {
        Self((now.clamp(0, LATEST) as u64) << 16)
    }

    /// The last reading that is not too far ahead when the machine's clock says `now`.
    pub(crate) fn bearable(now: i64) -> Self {
        Self(Self::at(now.saturating_add(AHEAD)).0 | 0xffff)
    }

    /// Its milliseconds since the Unix epoch.
    pub(crate) fn millis(self) -> i64 {
        (self.0 >> 16) as i64
    }

    /// The next reading of a clock that shows `self`, when the machine's clock says `now`.
    #[cfg(test)]
    #[must_use]
    pub(crate) fn next(self, now: i64) -> Self {
        Self::at(now).max(Self(self.0.saturating_add(1)))
    }

    /// Whether it is so far ahead of the machine's clock `now` that nothing may follow it: it
    /// would win against everything that is written until then.
    pub(crate) fn is_ahead(self, now: i64) -> bool {
        self > Self::bearable(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_only_grow() {
        let first = Hlc::at(1000);
        assert!(first.next(1000) > first);
        assert!(first.next(10) > first, "the machine's clock went back");
        assert_eq!(first.next(2000), Hlc::at(2000));
        assert_eq!(Hlc::at(-5), Hlc(0));
        assert_eq!(Hlc(u64::MAX).next(5), Hlc(u64::MAX));
    }

    #[test]
    fn ten_minutes_ahead_are_borne() {
        assert!(!Hlc::at(AHEAD).is_ahead(0));
        assert!(Hlc::at(AHEAD + 1).is_ahead(0));
        assert!(!Hlc::at(0).is_ahead(-1));
    }
}
