//! Locks of a home, across processes: one writer at a time, and one that encodes.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::error::StorageError;
use super::file::open_own;

/// File whose lock the writer holds.
const WRITING: &str = "write.lock";

/// File whose lock the process holds that encodes.
#[cfg(any(test, feature = "encoder"))]
const ENCODING: &str = "encode.lock";

/// Holds the write lock of a home until it is dropped or its process ends, however it ends: the
/// kernel releases it, so there is no stale lock.
#[derive(Debug)]
pub(crate) struct WriteLock {
    _file: File,
}

impl WriteLock {
    /// Takes the lock of the home at `home`, or says at once that another process holds it.
    pub(crate) fn take(home: &Path) -> Result<Self, StorageError> {
        take(home, WRITING).map(|file| Self { _file: file })
    }

    /// Takes the lock, waiting for another process to finish.
    pub(crate) fn wait(home: &Path) -> Result<Self, StorageError> {
        wait(home, WRITING).map(|file| Self { _file: file })
    }
}

/// Being the one process that encodes for a home: two would compute the same vectors twice. It is
/// held without the write lock for most of the time, and released like it.
#[cfg(any(test, feature = "encoder"))]
#[derive(Debug)]
pub(crate) struct EncodingLock {
    _file: File,
}

#[cfg(any(test, feature = "encoder"))]
impl EncodingLock {
    /// Takes the lock of the home at `home`, or says at once that another process encodes.
    pub(crate) fn take(home: &Path) -> Result<Self, StorageError> {
        take(home, ENCODING).map(|file| Self { _file: file })
    }

    /// Takes the lock, waiting for another process to finish.
    #[cfg(feature = "encoder")]
    pub(crate) fn wait(home: &Path) -> Result<Self, StorageError> {
        wait(home, ENCODING).map(|file| Self { _file: file })
    }
}

/// File whose lock the process holds that exchanges with others.
#[cfg(feature = "sync")]
const EXCHANGING: &str = "exchange.lock";

/// Being the one process that exchanges with a carrier for a home: two would say the same things
/// twice. It is held without the write lock for most of the time, and released like it.
#[cfg(feature = "sync")]
#[derive(Debug)]
pub(crate) struct ExchangeLock {
    _file: File,
}

#[cfg(feature = "sync")]
impl ExchangeLock {
    /// Takes the lock of the home at `home`, or says at once that another process exchanges.
    pub(crate) fn take(home: &Path) -> Result<Self, StorageError> {
        take(home, EXCHANGING).map(|file| Self { _file: file })
    }

    /// Takes the lock, waiting for another process to finish.
    pub(crate) fn wait(home: &Path) -> Result<Self, StorageError> {
        wait(home, EXCHANGING).map(|file| Self { _file: file })
    }
}

fn take(home: &Path, name: &str) -> Result<File, StorageError> {
    let file = open(home, name)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StorageError::Locked { path: home.join(name) }),
        Err(TryLockError::Error(source)) => Err(lock_error(home, name, source)),
    }
}

fn wait(home: &Path, name: &str) -> Result<File, StorageError> {
    let file = open(home, name)?;
    file.lock().map_err(|source| lock_error(home, name, source))?;
    Ok(file)
}

fn open(home: &Path, name: &str) -> Result<File, StorageError> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true).mode(0o600);
    open_own(&home.join(name), &mut options).map_err(|source| lock_error(home, name, source))
}

fn lock_error(home: &Path, name: &str, source: std::io::Error) -> StorageError {
    StorageError::File { attempt: "lock", path: home.join(name), source }
}
