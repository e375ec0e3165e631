//! Why nothing could be measured.

use std::error::Error;

/// A failure of a measurement.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QualityError {
    /// The transcripts could not be learned, or the store not be asked.
    #[error("cannot {attempt}")]
    Failed {
        /// The attempt as a verb with its object.
        attempt: &'static str,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
    /// No transcript was found, or none in which anything could be asked.
    #[error("there is nothing to ask: the transcripts hold no failures, commands or prompts")]
    Nothing,
    /// A full encoder is wanted from a build that has none.
    #[error("this build has no full encoder: it was made without the feature `encoder`")]
    NoEncoder,
}

/// Says what was attempted when something failed.
pub(super) trait Attempted<T> {
    /// Names the attempt, should it have failed.
    fn attempted(self, attempt: &'static str) -> Result<T, QualityError>;
}

impl<T, E: Error + Send + Sync + 'static> Attempted<T> for Result<T, E> {
    fn attempted(self, attempt: &'static str) -> Result<T, QualityError> {
        self.map_err(|source| QualityError::Failed { attempt, source: source.into() })
    }
}
