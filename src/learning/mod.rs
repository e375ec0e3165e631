//! Turns transcripts into what MANA knows.
//!
//! [`discover`] lists the transcript files, [`transcript`] reads one of them into steps,
//! [`extract`] says what a trajectory's steps mean, [`learn`] puts it together, and `encoding` gives
//! what came out vectors where an encoder is installed. Nothing here prints, reads the environment or asks for the time.

pub(crate) mod cost;
pub(crate) mod discover;
#[cfg(any(test, feature = "encoder"))]
pub(crate) mod encoding;
pub(crate) mod extract;
mod extracting;
mod filing;
pub(crate) mod forgetting;
mod intake;
mod judging;
pub(crate) mod learn;
mod project;
mod reading;
pub(crate) mod transcript;

use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// An error with its cause, on one line.
fn describe(error: &(impl Error + 'static)) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// Runs `work` on what one transcript holds, so that a defect which that lays bare costs only
/// this one: its cursor stays, and a later version reads it again.
fn contained<T>(of: &str, work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work))
        .map_err(|_| format!("{of}: a defect of MANA's, please report it"))
}
