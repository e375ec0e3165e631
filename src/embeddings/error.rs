//! What can go wrong with an encoder.

use std::error::Error;
use std::io;
use std::path::PathBuf;

/// A failure of an encoder. The text names what was attempted; the cause is the source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum EmbeddingError {
    /// A model folder lacks a file.
    #[error("{} is missing, so its folder holds no sentence encoder", path.display())]
    Missing {
        /// The file that should be there.
        path: PathBuf,
    },
    /// A file of the model cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A file of the model is torn, or not what its name says.
    #[error("{} is damaged or of another kind than expected", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What its parser says.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The model is sound, but not of a kind that this encoder computes.
    #[error("{} describes {what}", path.display())]
    Unsupported {
        /// The file that says so.
        path: PathBuf,
        /// What it describes, and what is expected instead.
        what: String,
    },
    /// The calculation failed.
    #[error("cannot {attempt} with the encoder {name}")]
    Compute {
        /// The attempt as a verb with its object.
        attempt: &'static str,
        /// The encoder.
        name: String,
        /// What the library says.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The calculation gave no vector that could be scaled to length 1.
    #[error("the encoder {name} made a vector without a direction, so its weights are unusable")]
    NoDirection {
        /// The encoder.
        name: String,
    },
}
