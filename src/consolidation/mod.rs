//! Makes the store better with use instead of fuller: plan, then apply.
//!
//! [`mod@plan`] says what should change and why, from the evidence alone: what an earlier run decided
//! does not count, so a second run finds nothing to do, and neither the order nor the portions of
//! learning leave a trace. [`run`] makes the changes, a project at a time, so that it can be
//! interrupted anywhere.
//!
//! The rules are pure and one file each: [`duplicates`] finds patterns that say the same,
//! [`fate`] weighs a pattern, [`sharing`] finds what several projects learned. Of what is active
//! then, [`skills`] makes clusters, and [`edges`] says what tends to come before what. [`rehearsal`]
//! does it all on a copy, to say what would change.

mod duplicates;
mod edges;
pub(crate) mod export;
mod fate;
mod plan;
mod rehearsal;
mod run;
mod sharing;
mod skills;
#[cfg(test)]
mod testing;

pub(crate) use plan::Rules;
pub(crate) use rehearsal::{Change, Rehearsal, Way, rehearse};
pub(crate) use run::{Report, consolidate, is_due};
