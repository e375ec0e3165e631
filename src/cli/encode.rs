//! What follows a learning run: the full encoder's vectors of what is new.

use std::time::Duration;

use crate::config::Settings;
use crate::learning::learn::Report;
use crate::storage::{StorageError, Store};

/// How a run goes about encoding.
#[cfg_attr(
    not(feature = "encoder"),
    expect(dead_code, reason = "a build without the encoder has nothing to pace")
)]
pub(super) struct Pace<'a> {
    /// How long it may take; a last batch of some seconds comes on top.
    pub(super) limit: Option<Duration>,
    /// Gets the number of patterns that are to be encoded.
    pub(super) begin: &'a dyn Fn(u64),
    /// Gets how many more are done.
    pub(super) progress: &'a dyn Fn(u64),
}

impl Pace<'static> {
    /// That of a run in the background, which nobody watches: what is left after a minute waits
    /// for the next run. Meanwhile nobody else can learn or forget.
    pub(super) const BACKGROUND: Self =
        Self { limit: Some(Duration::from_mins(1)), begin: &|_| {}, progress: &|_| {} };
}

/// Encodes what has no vector yet, where an encoder is in use, and notes it in the report. What is
/// wrong with the encoder is noted there too, and no failure: everything else is learned.
#[cfg(feature = "encoder")]
pub(super) fn new_patterns(
    settings: &Settings,
    store: &mut Store,
    pace: &Pace<'_>,
    report: &mut Report,
) -> Result<(), StorageError> {
    use std::time::Instant;

    use super::hook::chain;
    use crate::learning::encoding::{self, EncodingError};
    use crate::learning::learn::Encoding;
    use crate::library::Library;

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
    let due = encoding::begin(store, &model.space)?;
    let mut done = 0;
    if !due.is_empty() {
        (pace.begin)(due.len() as u64);
        let goes_on = || pace.limit.is_none_or(|limit| started.elapsed() < limit);
        match library.open(&model) {
            Err(error) => report.unreadable.push(chain(&error)),
            Ok(encoder) => match encoding::encode(store, &encoder, &due, &goes_on, pace.progress) {
                Ok(patterns) => done = patterns,
                Err(EncodingError::Store(error)) => return Err(error),
                Err(EncodingError::Encoder(error)) => report.unreadable.push(chain(&error)),
            },
        }
    }
    #[cfg(feature = "index")]
    if let Err(error) = store.refresh_index() {
        // Without it all vectors are compared, which takes longer and says the same.
        report.unreadable.push(chain(&error));
    }
    let left = store.unencoded(&model.space)?.len() as u64;
    report.encoding = Some(Encoding { encoder: model.space, encoded: done, left });
    Ok(())
}

#[cfg(not(feature = "encoder"))]
#[expect(clippy::unnecessary_wraps, reason = "a build with the encoder can fail here")]
pub(super) fn new_patterns(
    _: &Settings,
    _: &mut Store,
    _: &Pace<'_>,
    _: &mut Report,
) -> Result<(), StorageError> {
    Ok(())
}
