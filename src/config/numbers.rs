//! Numbers in the environment, and what stands there and is none.

use std::fmt;

use crate::model::text;

/// What a share has to be.
const SHARE: &str = "a share from 0 to 1, such as 0.1";

/// What an interval has to be.
const SECONDS: &str = "a whole number of seconds, 1 or more";

/// Longest value that is repeated, in bytes.
const VALUE: usize = 60;

/// A variable that is set to what it cannot be: it is ignored, and the default holds, or what a file
/// says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct BadNumber {
    /// The variable.
    name: &'static str,
    /// What it is set to.
    value: String,
    /// What it has to be.
    pub(crate) expected: &'static str,
}

impl BadNumber {
    /// That it is ignored.
    pub(crate) fn says(&self) -> String {
        let Self { name, value, .. } = self;
        format!("{name} is `{}`, which is ignored", text::one_line(value, VALUE))
    }
}

impl fmt::Display for BadNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: it has to be {}", self.says(), self.expected)
    }
}

/// A variable, whether a text can be its number, and what it has to be.
type Number = (&'static str, fn(&str) -> bool, &'static str);

/// The variables that are numbers.
const NUMBERS: &[Number] = &[
    ("MANA_HOLDOUT", |text| share_of(text).is_some(), SHARE),
    ("MANA_LEARN_INTERVAL", |text| seconds_of(text).is_some(), SECONDS),
    ("MANA_CONSOLIDATE_INTERVAL", |text| seconds_of(text).is_some(), SECONDS),
    #[cfg(feature = "sync")]
    ("MANA_SYNC_INTERVAL", |text| seconds_of(text).is_some(), SECONDS),
];

/// The variables that are set to no number, or to one that they cannot be. Hooks ask, too: each
/// variable is looked up once.
pub(crate) fn bad_numbers() -> Vec<BadNumber> {
    let bad = |(name, is_good, expected): &Number| {
        let value = value(name).filter(|value| !is_good(value))?;
        Some(BadNumber { name, value, expected })
    };
    NUMBERS.iter().filter_map(bad).collect()
}

/// `MANA_HOLDOUT`: the share of what matches that is held back.
pub(super) fn holdout() -> Option<f64> {
    share_of(&value("MANA_HOLDOUT")?)
}

/// `MANA_LEARN_INTERVAL`: seconds from one learning run of the daemon to the next.
pub(super) fn learn_interval() -> Option<u32> {
    seconds("MANA_LEARN_INTERVAL")
}

/// `MANA_CONSOLIDATE_INTERVAL`: seconds from one consolidation of the daemon to the next.
pub(super) fn consolidate_interval() -> Option<u32> {
    seconds("MANA_CONSOLIDATE_INTERVAL")
}

/// `MANA_SYNC_INTERVAL`: seconds from one exchange of the daemon to the next.
#[cfg(feature = "sync")]
pub(crate) fn sync_interval() -> Option<u32> {
    seconds("MANA_SYNC_INTERVAL")
}

fn seconds(name: &str) -> Option<u32> {
    seconds_of(&value(name)?)
}

fn share_of(text: &str) -> Option<f64> {
    text.parse().ok().filter(|share| (0.0..=1.0).contains(share))
}

fn seconds_of(text: &str) -> Option<u32> {
    text.parse().ok().filter(|seconds| *seconds > 0)
}

/// What a variable is set to, whatever that is; an empty one counts as none.
#[expect(clippy::disallowed_methods, reason = "this module is part of what reads the environment")]
fn value(name: &str) -> Option<String> {
    let value = std::env::var_os(name)?.to_string_lossy().into_owned();
    (!value.is_empty()).then_some(value)
}
