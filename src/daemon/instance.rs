//! One daemon at most for a home.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::DaemonError;
use crate::storage::file::open_own;

/// Name of the locked file in the home. It holds the number of the process that locks it.
const LOCK: &str = "daemon.lock";

/// Being the daemon of a home, until it is dropped or its process ends, however it ends: the kernel
/// releases the lock, so that there is no stale one.
#[derive(Debug)]
pub(crate) struct Instance {
    file: File,
    path: PathBuf,
}

impl Instance {
    /// Becomes the daemon of the home at `home`, as process `pid`.
    ///
    /// # Errors
    /// [`DaemonError::Running`] when there is one.
    pub(crate) fn take(home: &Path, pid: u32) -> Result<Self, DaemonError> {
        let path = home.join(LOCK);
        let mut file = open(&path, true).map_err(|source| failed("open", &path, source))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(DaemonError::Running { pid: read(&mut file).unwrap_or_default() });
            }
            Err(TryLockError::Error(source)) => return Err(failed("lock", &path, source)),
        }
        file.set_len(0)
            .and_then(|()| file.write_all(pid.to_string().as_bytes()))
            .map_err(|source| failed("write", &path, source))?;
        Ok(Self { file, path })
    }

    /// Whether the lock is still that of the home: who removes a home, or puts another one into its
    /// place, has no use for the daemon of the first.
    pub(super) fn holds(&self) -> bool {
        let (Ok(own), Ok(there)) = (self.file.metadata(), std::fs::symlink_metadata(&self.path))
        else {
            return false;
        };
        (own.dev(), own.ino()) == (there.dev(), there.ino())
    }
}

/// The process that is the daemon of the home at `home`, if there is one.
///
/// Its number is current: it is read while the process holds the lock.
pub(crate) fn running(home: &Path) -> Option<u32> {
    // A reader's lock says the same and is released at once.
    let mut file = open(&home.join(LOCK), false).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => read(&mut file),
        _ => None,
    }
}

fn open(path: &Path, create: bool) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(create).truncate(false).read(true).write(create).mode(0o600);
    open_own(path, &mut options)
}

fn read(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(20).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn failed(attempt: &'static str, path: &Path, source: std::io::Error) -> DaemonError {
    DaemonError::File { attempt, path: PathBuf::from(path), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_that_was_removed_or_replaced_has_no_instance() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        std::fs::create_dir(&home).unwrap();
        let first = Instance::take(&home, 1).unwrap();
        assert!(first.holds());
        std::fs::rename(&home, folder.path().join("moved")).unwrap();
        assert!(!first.holds(), "it is gone");
        std::fs::create_dir(&home).unwrap();
        let second = Instance::take(&home, 2).unwrap();
        assert!(second.holds() && !first.holds(), "there is another one");
    }

    #[test]
    fn there_is_one_and_a_stale_number_counts_for_nothing() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(running(home.path()), None);
        std::fs::write(home.path().join(LOCK), "4711").unwrap();
        assert_eq!(running(home.path()), None, "nobody holds the lock");
        let instance = Instance::take(home.path(), 42).unwrap();
        assert_eq!(running(home.path()), Some(42));
        let second = Instance::take(home.path(), 43);
        assert!(matches!(second, Err(DaemonError::Running { pid: 42 })), "{second:?}");
        assert_eq!(running(home.path()), Some(42));
        drop(instance);
        assert_eq!(running(home.path()), None);
        let _next = Instance::take(home.path(), 44).unwrap();
        assert_eq!(running(home.path()), Some(44));
    }
}
