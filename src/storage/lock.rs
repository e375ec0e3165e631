//! The write lock: one writer at a time, across processes.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::error::StorageError;
use super::file::open_regular;

/// Holds the write lock of a home until it is dropped or its process ends, however it ends: the
/// kernel releases it, so there is no stale lock.
#[derive(Debug)]
pub(crate) struct WriteLock {
    _file: File,
}

impl WriteLock {
    /// Takes the lock of the home at `home`, or says at once that another process holds it.
    pub(crate) fn take(home: &Path) -> Result<Self, StorageError> {
        let file = open(home)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => {
                Err(StorageError::Locked { path: home.join("write.lock") })
            }
            Err(TryLockError::Error(source)) => Err(lock_error(home, source)),
        }
    }

    /// Takes the lock, waiting for another process to finish.
    pub(crate) fn wait(home: &Path) -> Result<Self, StorageError> {
        let file = open(home)?;
        file.lock().map_err(|source| lock_error(home, source))?;
        Ok(Self { _file: file })
    }
}

fn open(home: &Path) -> Result<File, StorageError> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true).mode(0o600);
    open_regular(&home.join("write.lock"), &mut options).map_err(|source| lock_error(home, source))
}

fn lock_error(home: &Path, source: std::io::Error) -> StorageError {
    StorageError::File { attempt: "lock", path: home.join("write.lock"), source }
}
