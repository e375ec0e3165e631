//! What can go wrong with documents.

use thiserror::Error;

use super::document::LIMIT;
use crate::model::ids::PatternId;

/// Why a document cannot be used.
#[derive(Debug, Error)]
pub(crate) enum TextError {
    /// It is no document of a pattern's page, or it was damaged.
    #[error("the document is none of a pattern's text")]
    Malformed,
    /// It is larger than any honest one.
    #[error("the document has {found} bytes; it may have {LIMIT}")]
    Large {
        /// Its size in bytes.
        found: usize,
    },
    /// Its texts are longer than any honest ones.
    #[error("the document holds texts of more than any person's length")]
    Long,
    /// The process that reads documents did not live to answer: what was read asked for too much
    /// memory or time, or made the library fail.
    #[error("reading the document {0}")]
    Worker(&'static str),
    /// The process that reads documents cannot be started.
    #[error("cannot start the process that reads documents")]
    Start(#[source] std::io::Error),
    /// A failure that is about one pattern.
    #[error("the shared text of {pattern} cannot be used")]
    Pattern {
        /// The pattern.
        pattern: PatternId,
        /// What is wrong.
        source: Box<Self>,
    },
}

impl TextError {
    /// The same, naming the pattern.
    pub(crate) fn about(self, pattern: PatternId) -> Self {
        Self::Pattern { pattern, source: Box::new(self) }
    }
}
