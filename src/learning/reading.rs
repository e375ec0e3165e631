//! Transcripts are read on threads of their own while what was read before is stored.
//!
//! Memory stays flat: small files are read side by side in batches, a large file is handed over
//! in chunks, and a reader that is ahead waits.

use std::sync::mpsc::{Receiver, SendError, SyncSender, sync_channel};

use rayon::prelude::*;

use super::intake::Due;
use super::transcript::{self, Chunk, Options, Reading, Summary};
use super::workers::Workers;
use super::{contained, describe};

/// Bytes of transcripts that are read side by side.
const BATCH: u64 = 4 << 20;

/// A larger file is handed over chunk by chunk.
const LARGE: u64 = 4 << 20;

/// How many parts may wait to be stored.
const AHEAD: usize = 1;

/// What was read.
#[derive(Debug)]
pub(super) enum Part {
    /// The number of a file, and all that is new in it.
    Whole(usize, Box<Result<Reading, String>>),
    /// The number of a large file, of which steps follow.
    Large(usize),
    /// Steps of the large file.
    Steps(Chunk),
    /// What the large file came to.
    End(Box<Result<Summary, String>>),
}

/// Reads the files in order and hands what they hold to `store`, on the calling thread. Returns
/// its result; when it returns early, reading stops.
pub(super) fn read_all<T>(
    due: &[Due],
    workers: &Workers,
    store: impl FnOnce(&Receiver<Part>) -> T,
) -> T {
    std::thread::scope(|scope| {
        let (send, receive) = sync_channel(AHEAD);
        scope.spawn(move || {
            // Nobody listens any more: storing has failed, and says so itself.
            let _stopped = produce(due, workers, &send);
        });
        let result = store(&receive);
        drop(receive);
        result
    })
}

fn produce(due: &[Due], workers: &Workers, send: &SyncSender<Part>) -> Result<(), SendError<Part>> {
    let mut next = 0;
    while let Some(first) = due.get(next) {
        if first.file.size > LARGE {
            produce_large(next, first, send)?;
            next += 1;
            continue;
        }
        let mut bytes = 0;
        let count = due[next..]
            .iter()
            .take_while(|due| {
                bytes += due.new_bytes();
                due.file.size <= LARGE && (bytes <= BATCH || bytes == due.new_bytes())
            })
            .count()
            .max(1);
        let batch = &due[next..next + count];
        let readings: Vec<Result<Reading, String>> =
            workers.run(|| batch.par_iter().map(read).collect());
        for (n, reading) in readings.into_iter().enumerate() {
            send.send(Part::Whole(next + n, Box::new(reading)))?;
        }
        next += count;
    }
    Ok(())
}

/// All that is new in a file, or why it cannot be read.
fn read(due: &Due) -> Result<Reading, String> {
    let path = &due.file.path;
    contained(&path.to_string_lossy(), || {
        transcript::read(path, due.cursor().as_ref(), Options::default())
    })?
    .map_err(|error| describe(&error))
}

fn produce_large(number: usize, due: &Due, send: &SyncSender<Part>) -> Result<(), SendError<Part>> {
    send.send(Part::Large(number))?;
    let path = &due.file.path;
    let mut handed = Ok(());
    let summary = contained(&path.to_string_lossy(), || {
        transcript::read_with(path, due.cursor().as_ref(), Options::default(), &mut |chunk| {
            if handed.is_ok() {
                handed = send.send(Part::Steps(chunk));
            }
        })
    });
    handed?;
    let summary = summary.and_then(|read| read.map_err(|error| describe(&error)));
    send.send(Part::End(Box::new(summary)))
}
