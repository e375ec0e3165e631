//! The local copy of a repository: never more than what the server holds, and thrown away on any
//! doubt.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use git2::Repository;
use sha2::{Digest, Sha256};

use super::BackendError;
use crate::storage::file;

/// Name of the repository in the folder of the copy.
const REPOSITORY: &str = "copy.git";
/// Name of the file in the repository that says what it is a copy of; written last.
const MARK: &str = "mana-copy-of";
/// So many packs or so, and a new copy is faster than one that goes on: each fetch adds one.
const MAX_PACKS: usize = 200;

/// A copy that this process alone uses.
pub(super) struct Cache {
    /// The repository, without a working tree.
    pub(super) repository: Repository,
    _lock: File,
}

impl Cache {
    /// Opens the copy in `folder` of the repository at `url`, or makes an empty one.
    ///
    /// A copy of something else, one that a killed process left in the middle of a change, and one
    /// that cannot be opened are thrown away.
    ///
    /// # Errors
    /// [`BackendError::Transient`] when another process uses it, [`BackendError::Local`] when the
    /// folder cannot be written to.
    pub(super) fn open(folder: &Path, url: &str) -> Result<Self, BackendError> {
        file::create_folder(folder).map_err(BackendError::Local)?;
        let lock = lock(folder)?;
        let path = folder.join(REPOSITORY);
        let mark = mark_of(url);
        if let Some(repository) = opened(&path, &mark) {
            return Ok(Self { repository, _lock: lock });
        }
        let repository = made_anew(&path, &mark)?;
        Ok(Self { repository, _lock: lock })
    }

    /// Throws the copy away and makes an empty one.
    pub(super) fn renew(&mut self, url: &str) -> Result<(), BackendError> {
        self.repository = made_anew(self.repository.path(), &mark_of(url))?;
        Ok(())
    }
}

/// Takes the lock of the folder; the kernel gives it back when this process ends, however it ends.
fn lock(folder: &Path) -> Result<File, BackendError> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    let file =
        file::open_own(&folder.join("copy.lock"), &mut options).map_err(BackendError::Local)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(BackendError::Transient("another mana is sharing at this moment".into()))
        }
        Err(TryLockError::Error(error)) => Err(BackendError::Local(error)),
    }
}

/// What the mark of a copy of `url` holds: not the address itself, which may name an account.
fn mark_of(url: &str) -> String {
    crate::sync::hex::hex(&Sha256::digest(url))
}

/// The repository at `path`, when it is whole and carries the mark.
fn opened(path: &Path, mark: &str) -> Option<Repository> {
    let found = file::read(&path.join(MARK)).ok().flatten()?;
    let packs = fs::read_dir(path.join("objects/pack")).map_or(0, Iterator::count) / 2;
    // Nothing here reads HEAD, but the git program takes no folder without one for a repository.
    let head = file::read(&path.join("HEAD")).ok().flatten()?;
    let whole = found == mark.as_bytes() && head.starts_with(b"ref: refs/");
    if !whole || packs > MAX_PACKS || has_lock(path) {
        return None;
    }
    Repository::open_bare(path).ok()
}

/// Whether a lock file lies in the repository: nobody else uses it, so a killed process left it.
fn has_lock(path: &Path) -> bool {
    let is_lock = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "lock");
    let mut folders = vec![path.join("refs")];
    let mut files: Vec<PathBuf> = entries(path);
    while let Some(folder) = folders.pop() {
        for entry in entries(&folder) {
            if entry.is_dir() { folders.push(entry) } else { files.push(entry) }
        }
    }
    files.iter().any(is_lock)
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// An empty repository at `path`, whatever was there.
fn made_anew(path: &Path, mark: &str) -> Result<Repository, BackendError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(BackendError::Local(error));
        }
        _ => {}
    }
    let repository = Repository::init_bare(path).map_err(local)?;
    file::replace(&path.join(MARK), mark.as_bytes())
        .map_err(|error| BackendError::Local(error.source))?;
    Ok(repository)
}

/// A failure of libgit2 that is about files of this machine.
fn local(error: git2::Error) -> BackendError {
    BackendError::Local(io::Error::other(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_kept_until_there_is_a_doubt() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(REPOSITORY);
        let open = |url| drop(Cache::open(folder.path(), url).unwrap());
        let note = || fs::write(path.join("note"), "here").unwrap();
        let kept = || path.join("note").exists();

        open("/a");
        note();
        open("/a");
        assert!(kept());
        open("/b");
        assert!(!kept(), "a copy of something else");

        for left in ["HEAD.lock", "packed-refs.lock", "refs/mana/x/y.lock"] {
            note();
            let lock = path.join(left);
            fs::create_dir_all(lock.parent().unwrap()).unwrap();
            fs::write(&lock, "").unwrap();
            open("/b");
            assert!(!kept() && !lock.exists(), "{left}");
        }
        note();
        fs::write(path.join("HEAD"), "torn").unwrap();
        open("/b");
        assert!(!kept(), "it could not be opened");
        note();
        fs::remove_file(path.join(MARK)).unwrap();
        open("/b");
        assert!(!kept(), "it was not made to the end");
        note();
        for n in 0..2 * MAX_PACKS + 2 {
            fs::write(path.join(format!("objects/pack/{n}")), "").unwrap();
        }
        open("/b");
        assert!(!kept(), "too many packs");
    }

    #[test]
    fn one_process_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let mut cache = Cache::open(folder.path(), "/a").unwrap();
        let error = Cache::open(folder.path(), "/a").err().unwrap();
        assert!(error.is_transient(), "{error}");
        cache.renew("/a").unwrap();
        assert!(cache.repository.is_empty().unwrap());
        drop(cache);
        Cache::open(folder.path(), "/a").unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = Cache::open(&file.join("below"), "/a").err().unwrap();
        assert!(matches!(error, BackendError::Local(_)), "{error:?}");
    }
}
