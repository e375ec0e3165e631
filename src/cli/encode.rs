//! What follows a learning run: the full encoder's vectors of what is new.

use std::time::Duration;

use super::output::Output;
use crate::config::Settings;
use crate::embeddings::StaticEncoder;
use crate::learning::learn::Report;
use crate::storage::StorageError;

/// How a run goes about encoding.
#[cfg_attr(
    not(feature = "encoder"),
    expect(dead_code, reason = "a build without the encoder has nothing to pace")
)]
pub(super) struct Pace<'a> {
    /// How long it may take; a last batch of some seconds comes on top.
    pub(super) limit: Option<Duration>,
    /// Who is told that this run waits for another one that encodes; without anybody, encoding is
    /// left to the other.
    pub(super) waits: Option<&'a mut Output>,
    /// Gets the number of patterns that are to be encoded.
    pub(super) begin: &'a dyn Fn(u64),
    /// Gets how many more are done.
    pub(super) progress: &'a dyn Fn(u64),
}

impl Pace<'static> {
    /// That of a run in the background, which nobody watches: what is left after a minute waits
    /// for the next run, so that the processors are the user's own again.
    pub(super) const BACKGROUND: Self = Self {
        limit: Some(Duration::from_mins(1)),
        waits: None,
        begin: &|_| {},
        progress: &|_| {},
    };
}

/// Encodes what has no vector yet, where an encoder is in use, and notes it in the report. What is
/// wrong with the encoder is noted there too, and no failure: everything else is learned. The
/// store must not be open to write: it is opened with `table` for as long as vectors are stored.
#[cfg(feature = "encoder")]
pub(super) fn new_patterns(
    settings: &Settings,
    table: StaticEncoder<'static>,
    mut pace: Pace<'_>,
    report: &mut Report,
) -> Result<(), StorageError> {
    use std::time::Instant;

    use super::hook::chain;
    use crate::learning::encoding::{EncodingError, Work};
    use crate::learning::learn::Encoding;
    use crate::library::Library;
    use crate::storage::{Reader, Store};

    let started = Instant::now();
    let library = Library::of(&settings.home);
    let model = match library.active() {
        Ok(None) => return Ok(()),
        Ok(Some(model)) => model,
        Err(error) => {
            report.unreadable.push(chain(&error));
            return Ok(());
        }
    };
    let Some(alone) = turn(settings, pace.waits.take())? else { return Ok(()) };
    let open = || {
        let mut store = Store::open(&settings.home, true)?;
        store.encode_with(Some(Box::new(table)));
        Ok(store)
    };
    let work = Work::new(&settings.home, &open, alone);
    let due = work.begin(&model.space)?;
    let mut done = 0;
    if !due.is_empty() {
        (pace.begin)(due.len() as u64);
        let goes_on = || pace.limit.is_none_or(|limit| started.elapsed() < limit);
        match library.open(&model) {
            Err(error) => report.unreadable.push(chain(&error)),
            Ok(encoder) => match work.encode(&encoder, due, &goes_on, pace.progress) {
                Ok(patterns) => done = patterns,
                Err(EncodingError::Store(error)) => return Err(error),
                Err(EncodingError::Encoder(error)) => report.unreadable.push(chain(&error)),
            },
        }
    }
    #[cfg(feature = "index")]
    if let Err(error) = open().and_then(|mut store| store.refresh_index()) {
        // Without it all vectors are compared, which takes longer and says the same.
        report.unreadable.push(chain(&error));
    }
    let left = Reader::open(&settings.home)?.unencoded(&model.space)?.len() as u64;
    report.encoding = Some(Encoding { encoder: model.space, encoded: done, left });
    Ok(())
}

/// Becomes the one process that encodes; `None` where another one does, and nobody is told that
/// this one waits.
#[cfg(feature = "encoder")]
fn turn(
    settings: &Settings,
    waits: Option<&mut Output>,
) -> Result<Option<crate::storage::EncodingLock>, StorageError> {
    use crate::storage::EncodingLock;

    match (EncodingLock::take(&settings.home), waits) {
        (Err(error), None) if error.is_locked() => Ok(None),
        (Err(error), Some(output)) if error.is_locked() => {
            output.notice("Another run is encoding right now; this one waits for it.");
            EncodingLock::wait(&settings.home).map(Some)
        }
        (taken, _) => taken.map(Some),
    }
}

#[cfg(not(feature = "encoder"))]
#[expect(clippy::unnecessary_wraps, reason = "a build with the encoder can fail here")]
pub(super) fn new_patterns(
    _: &Settings,
    _: StaticEncoder<'static>,
    _: Pace<'_>,
    _: &mut Report,
) -> Result<(), StorageError> {
    Ok(())
}
