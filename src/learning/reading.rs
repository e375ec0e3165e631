//! Transcripts are read on threads of their own while what was read before is stored.
//!
//! Memory stays flat: a large file is handed over in chunks, and a reader that is ahead waits.

use std::sync::mpsc::SyncSender;

use super::intake::Due;
use super::transcript::{self, Buffer, Chunk, Options, Reading, Summary};
use super::{contained, describe};
use crate::model::exclude::Exclusions;
use crate::storage::{Arriving, Workers};

/// A larger file is handed over chunk by chunk: several of that size wait to be stored.
const LARGE: u64 = 1 << 20;

/// How many files may be read before the first of them is stored.
const AHEAD: usize = 16;

/// What was read of a file: steps, and one of the others at the end.
#[derive(Debug)]
pub(super) enum Part {
    /// Its next steps; of a file that is not large all of them.
    Steps(Chunk),
    /// What it came to.
    End(Box<Summary>),
    /// Why it could not be read, or not to its end.
    Failed(String),
}

/// Reads the files side by side and hands what they hold to `store`, in order, on the calling
/// thread. Returns its result; when it returns early, reading stops.
pub(super) fn read_all<T>(
    due: &[Due],
    exclusions: &Exclusions,
    workers: &Workers,
    store: impl FnOnce(&Arriving<Part>) -> T,
) -> T {
    workers.in_order(
        due,
        AHEAD,
        Buffer::default,
        |buffer, due, parts| read(due, exclusions, buffer, parts),
        store,
    )
}

fn read(due: &Due, exclusions: &Exclusions, buffer: &mut Buffer, parts: &SyncSender<Part>) {
    // Nobody listens any more when storing has failed, and it says so itself.
    let send = |part| drop(parts.send(part));
    let path = &due.file.path;
    let (from, options) = (due.cursor(), Options { exclusions, ..Options::default() });
    let read = contained(&path.to_string_lossy(), || {
        if due.file.size > LARGE {
            transcript::read_with(path, from.as_ref(), options, buffer, &mut |chunk| {
                send(Part::Steps(chunk));
            })
        } else {
            let whole = transcript::read(path, from.as_ref(), options, buffer);
            whole.map(|Reading { steps, updates, summary }| {
                send(Part::Steps(Chunk { steps, updates }));
                summary
            })
        }
    });
    send(match read.and_then(|read| read.map_err(|error| describe(&error))) {
        Ok(summary) => Part::End(Box::new(summary)),
        Err(problem) => Part::Failed(problem),
    });
}
