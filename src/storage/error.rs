//! What can go wrong in the store.

use std::path::PathBuf;

use thiserror::Error;

use super::file::PathError;

/// A failure of the store. The text names what was attempted; the cause is the source.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum StorageError {
    /// The database file cannot be opened.
    #[error("cannot open the database {path}")]
    Open {
        /// The database file.
        path: PathBuf,
        /// SQLite's answer.
        source: rusqlite::Error,
    },
    /// There is no database yet.
    #[error("nothing has been learned yet: {path} does not exist")]
    Missing {
        /// The database file.
        path: PathBuf,
    },
    /// The database was written by a newer release.
    #[error("the database {path} has schema {found}, this mana knows up to {known}")]
    Newer {
        /// The database file.
        path: PathBuf,
        /// Schema number in the file.
        found: i64,
        /// Newest schema number of this binary.
        known: i64,
    },
    /// The database was written by an older release, and nobody has brought it up to date yet.
    #[error("the database {path} has schema {found}, this mana needs {known}")]
    Older {
        /// The database file.
        path: PathBuf,
        /// Schema number in the file.
        found: i64,
        /// Schema number that this binary reads.
        known: i64,
    },
    /// The file is no database, or a damaged one.
    #[error("the database {path} is damaged: {what}")]
    Damaged {
        /// The database file.
        path: PathBuf,
        /// What SQLite says about it.
        what: String,
    },
    /// Another process is writing.
    #[error("another mana is writing to {path}")]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// A folder or file of the home cannot be made or read.
    #[error("cannot {attempt} {path}")]
    File {
        /// The attempt as a verb.
        attempt: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A process that reads holds on to old content, so that it cannot be wiped yet.
    #[error("another process is reading {path}, so what was forgotten is still in its log")]
    Read {
        /// The database file.
        path: PathBuf,
    },
    /// A snapshot does not fit; the database answers instead.
    #[error("the snapshot {path} cannot be used")]
    Snapshot {
        /// The file.
        path: PathBuf,
    },
    /// The index over the vectors cannot be made.
    #[cfg(feature = "index")]
    #[error("cannot build the index {path}")]
    Index {
        /// The file.
        path: PathBuf,
        /// What usearch or SQLite says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A query failed.
    #[error("cannot {attempt}")]
    Query {
        /// The attempt as a verb with its object.
        attempt: &'static str,
        /// SQLite's answer.
        source: rusqlite::Error,
    },
}

/// What is wrong with the disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Disk {
    /// No room is left, or a limit on the size of files is reached.
    Full,
    /// It may not be written to.
    ReadOnly,
    /// It answers with errors.
    Failing,
}

impl StorageError {
    /// What is wrong with the disk, where that is what is wrong.
    pub(crate) fn disk(&self) -> Option<Disk> {
        use std::io::ErrorKind;

        use rusqlite::ErrorCode;
        match self {
            Self::File { source, .. } => match source.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                    Some(Disk::Full)
                }
                ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => Some(Disk::ReadOnly),
                _ if source.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => {
                    Some(Disk::Failing)
                }
                _ => None,
            },
            Self::Open { source, .. } | Self::Query { source, .. } => {
                match source.sqlite_error_code()? {
                    ErrorCode::DiskFull => Some(Disk::Full),
                    ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen => {
                        Some(Disk::ReadOnly)
                    }
                    ErrorCode::SystemIoFailure => Some(Disk::Failing),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// Whether the store has nothing to answer with yet, which is no fault.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }

    /// Whether the database's content is damaged, so that only a new one helps.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. } => true,
            Self::Open { source, .. } | Self::Query { source, .. } => is_damage(source),
            _ => false,
        }
    }

    /// Whether another process holds the write lock.
    pub(crate) fn is_locked(&self) -> bool {
        matches!(self, Self::Locked { .. })
    }
}

impl From<PathError> for StorageError {
    fn from(error: PathError) -> Self {
        Self::File { attempt: error.attempt, path: error.path, source: error.source }
    }
}

/// Whether SQLite's answer says that the file is damaged or no database.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    match error {
        // Values that no statement of ours has written.
        rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::Utf8Error(..) => true,
        // SQLite has no code of its own for a header with a format that it does not know.
        rusqlite::Error::SqliteFailure(_, Some(text)) if text == "unsupported file format" => true,
        other => matches!(other.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase)),
    }
}

/// Adds what was attempted to a result of SQLite.
pub(crate) trait Attempt<T> {
    /// Names the attempt as a verb with its object.
    fn attempt(self, attempt: &'static str) -> Result<T, StorageError>;
}

impl<T> Attempt<T> for Result<T, rusqlite::Error> {
    fn attempt(self, attempt: &'static str) -> Result<T, StorageError> {
        self.map_err(|source| StorageError::Query { attempt, source })
    }
}
