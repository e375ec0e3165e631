//! What can go wrong with the installed encoders.

use std::path::PathBuf;

#[cfg(feature = "download")]
use super::FetchError;
use crate::embeddings::EmbeddingError;
use crate::storage::file::PathError;

/// A failure of the library.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum LibraryError {
    /// There is no such model.
    #[error("no encoder is installed under the name {name}")]
    NotInstalled {
        /// The name that was asked for.
        name: String,
    },
    /// The name is taken.
    #[error("an encoder is already installed under the name {name}")]
    Exists {
        /// The name.
        name: String,
    },
    /// The name cannot be that of a folder in the library.
    #[error("{name:?} cannot be the name of an encoder: letters, digits, '-', '_' and '.' only")]
    Name {
        /// The name that was asked for.
        name: String,
    },
    /// Another process changes the library.
    #[error("another mana is installing or removing an encoder and holds {}", path.display())]
    Busy {
        /// The lock file.
        path: PathBuf,
    },
    /// An address on Hugging Face that names no commit of a repository.
    #[cfg(feature = "download")]
    #[error("{address:?} is not of the form OWNER/NAME@COMMIT")]
    Address {
        /// What was given.
        address: String,
    },
    /// A list of checksums lacks a file.
    #[cfg(feature = "download")]
    #[error("the list of checksums has no SHA-256 for {file}")]
    NoSum {
        /// The file.
        file: &'static str,
    },
    /// A file operation failed.
    #[error(transparent)]
    File(#[from] PathError),
    /// The model cannot be used.
    #[error(transparent)]
    Model(#[from] EmbeddingError),
    /// The model cannot be fetched.
    #[cfg(feature = "download")]
    #[error(transparent)]
    Fetch(#[from] FetchError),
}
