//! The local copy of a repository: never more than what the server holds, and thrown away on any
//! doubt.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
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

/// Rights of everybody but the owner.
const OF_OTHERS: u32 = 0o077;

/// A copy that this process alone uses.
///
/// Git gives its files the rights that the user's umask leaves; the copy is part of a home, and for
/// its owner alone. They are set right when it is opened and when it is put away.
pub(super) struct Cache {
    /// The repository, without a working tree.
    pub(super) repository: Repository,
    folder: PathBuf,
    _lock: File,
}

impl Drop for Cache {
    fn drop(&mut self) {
        protect(&self.folder);
    }
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
        protect(folder);
        let path = folder.join(REPOSITORY);
        let mark = mark_of(url);
        let repository = match opened(&path, &mark) {
            Some(repository) => repository,
            None => made_anew(&path, &mark)?,
        };
        Ok(Self { repository, folder: folder.to_path_buf(), _lock: lock })
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
    options.create(true).truncate(false).write(true).mode(0o600);
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

/// Takes the rights of others from `folder` and all in it. What cannot be set right stays as it
/// is: the home around it is closed as well.
fn protect(folder: &Path) {
    let mut left = vec![folder.to_path_buf()];
    while let Some(path) = left.pop() {
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        let mode = metadata.permissions().mode();
        if mode & OF_OTHERS != 0 && !metadata.is_symlink() {
            let _refused = fs::set_permissions(&path, PermissionsExt::from_mode(mode & !OF_OTHERS));
        }
        if metadata.is_dir() {
            left.extend(entries(&path));
        }
    }
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
    fn a_copy_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let open = || -> Vec<PathBuf> {
            let mut left = vec![folder.path().to_path_buf()];
            let mut open = Vec::new();
            while let Some(path) = left.pop() {
                let mode = fs::metadata(&path).unwrap().permissions().mode();
                open.extend((mode & OF_OTHERS != 0).then(|| path.clone()));
                left.extend(entries(&path));
            }
            open
        };
        let cache = Cache::open(folder.path(), "/a").unwrap();
        let blob = cache.repository.blob(b"sealed").unwrap();
        drop(cache);
        assert_eq!(open(), [""; 0].map(PathBuf::from));
        // What another version left.
        let pack = folder.path().join("copy.git/objects/pack");
        for (path, mode) in [(pack.as_path(), 0o755), (&folder.path().join("copy.lock"), 0o644)] {
            fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
        }
        assert_eq!(open().len(), 2);
        let cache = Cache::open(folder.path(), "/a").unwrap();
        assert_eq!(open(), [""; 0].map(PathBuf::from));
        assert_eq!(cache.repository.find_blob(blob).unwrap().content(), b"sealed");
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
