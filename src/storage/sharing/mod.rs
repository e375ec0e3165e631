//! The rows behind sharing: what devices say, how far their logs are read, what is to be sent.
//! `sync::ledger` has the rules; here is only where it is kept.
//!
//! What leaves is chosen from what was learned here ([`leaving`]); what was said, here and elsewhere,
//! is kept by device ([`claims`], [`counts`], [`removals`]; [`speakers`] looks through all of them,
//! [`parked`] is what waits for its time); [`hearing`] makes patterns of it. [`redactions`] are words
//! that are to vanish everywhere. [`devices`], [`logs`] and [`segments`] are who speaks, how far that
//! is read and what is still to be sent; [`life`] and [`notes`] are what this store has to know of
//! itself. [`known`] and [`totals`] answer those who share and those who show it, and [`rows`] is how
//! all of them ask the database.

mod claims;
mod counts;
mod devices;
mod hearing;
mod known;
mod leaving;
mod life;
mod logs;
mod notes;
mod parked;
mod redactions;
mod removals;
mod rows;
mod segments;
mod speakers;
mod totals;

pub(crate) use hearing::Heard;
pub(crate) use leaving::{Leaving, Local};
pub(crate) use segments::SegmentRow;
