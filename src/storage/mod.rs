//! The store: SQLite is the truth, every other file a cache.
//!
//! [`Store`] writes and holds the home's write lock; [`Reader`] only reads and never waits.
//! Write order: a transcript's steps and its cursor in one transaction, so that a crash loses
//! nothing that was counted and counts nothing twice; then, per batch of trajectories, what was
//! extracted from them.
//!
//! What is stored depends on what was read and not on the order or the portions in which it was:
//! of two copies of a step one rule picks the owner ([`steps`]), and a pattern is made anew from
//! what all trajectories propose ([`drafts`]) whenever one of them changes.

#[cfg(feature = "sync")]
mod audition;
mod bm25;
mod browse;
mod clock;
mod consolidation;
mod damage;
mod dates;
mod dense;
mod documents;
mod drafts;
mod edits;
mod effects;
pub(crate) mod error;
mod extracts;
pub(crate) mod file;
mod forget;
mod hearsay;
mod injections;
mod inventory;
mod inverted;
mod journal;
mod listing;
mod lists;
mod lock;
pub(crate) mod log;
mod open;
mod patterns;
mod postings;
mod prepared;
mod private;
mod projects;
mod recall;
mod reviews;
mod runs;
mod schema;
mod search;
#[cfg(feature = "sync")]
mod sharing;
mod skills;
mod snapshot;
mod sql;
mod steps;
mod store;
#[cfg(test)]
pub(crate) mod tests;
#[cfg(feature = "encoder")]
mod texts;
mod transcripts;
mod trials;
mod vectors;
mod weights;
mod workers;

#[cfg(feature = "sync")]
pub(crate) use audition::Audition;
pub(crate) use consolidation::{Change, SetAside, Sketch, Usage};
pub(crate) use edits::Edit;
#[cfg(feature = "sync")]
pub(crate) use edits::{Edited, SharedText, hash_of};
pub(crate) use effects::{About, Side, Sides, Told, Verdict};
pub(crate) use error::{Disk, StorageError};
pub(crate) use extracts::{CommandRun, Extract, Touch};
pub(crate) use forget::{Forget, Part, Time};
#[cfg(feature = "sync")]
pub(crate) use hearsay::Hearsay;
pub(crate) use hearsay::Witness;
pub(crate) use inventory::{Inventory, Known};
pub(crate) use journal::{Journal, Record};
#[cfg(any(test, feature = "encoder"))]
pub(crate) use lock::EncodingLock;
#[cfg(feature = "sync")]
pub(crate) use lock::ExchangeLock;
pub(crate) use open::Reader;
pub(crate) use patterns::EvidenceRow;
pub(crate) use postings::Corpus;
pub(crate) use prepared::Prepared;
pub(crate) use private::create_home;
pub(crate) use projects::{StoredRoot, transcript_folder};
pub(crate) use recall::{KnownFile, Meaning, Query, Recall, Term, fused};
pub(crate) use search::{Found, Sought};
#[cfg(feature = "sync")]
pub(crate) use sharing::{Heard, Leaving, Local, SegmentRow};
pub(crate) use skills::{Edge, Run};
pub(crate) use snapshot::{answered_from_snapshots, from_snapshots, map, recall};
pub(crate) use steps::{CallResult, Span, StepPlace, StoredTrajectory};
pub(crate) use store::Store;
pub(crate) use transcripts::{Account, StoredCursor, Totals};
pub(crate) use trials::Teller;
#[cfg(feature = "sync")]
pub(crate) use trials::waiting::Waiting;
pub(crate) use vectors::Means;
#[cfg(any(test, feature = "encoder"))]
pub(crate) use vectors::NewVector;
#[cfg(feature = "index")]
pub(crate) use vectors::Trial;
pub(crate) use workers::{Arriving, Workers};

/// The database's file name inside the home.
const DATABASE: &str = "metadata.sqlite";
