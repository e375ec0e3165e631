//! Pushing into a repository that is a folder of this machine.
//!
//! libgit2's own way overwrites branches without looking: of 1,600 pushes by eight writers to one
//! branch it confirmed, 84 were lost. Here a branch changes only when it is as it was seen last.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};
use std::{fs, io};

use git2::{Error, ErrorCode, Repository};

use super::failure::Failure;
use super::remote::Update;
use super::{BackendError, Oid};

/// How long a lock file must stay the same to count as one that a killed process left. Git holds
/// one for the time of writing 41 bytes.
const ABANDONED: Duration = Duration::from_secs(3);
/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(100);

/// Makes all `updates` in the repository at `path`.
pub(super) fn push(
    repository: &Repository,
    path: &Path,
    updates: &[Update],
) -> Result<(), Failure> {
    let there = Repository::open(path).map_err(|error| at(path, &error))?;
    for update in updates {
        if let Some(new) = update.new {
            transfer(repository, &there, update.old, new).map_err(|error| at(path, &error))?;
        }
        match change(&there, update) {
            Err(error) if is_locked(&error) => {
                wait_for_lock(&there, &update.reference).map_err(BackendError::Local)?;
                change(&there, update).map_err(|error| at(path, &error))?;
            }
            done => done.map_err(|error| at(path, &error))?,
        }
    }
    Ok(())
}

/// Copies what the commit `new` needs and `old` does not have.
fn transfer(
    here: &Repository,
    there: &Repository,
    old: Option<Oid>,
    new: Oid,
) -> Result<(), Error> {
    let mut walk = here.revwalk()?;
    walk.push(new)?;
    if let Some(old) = old {
        walk.hide(old)?;
    }
    let mut builder = here.packbuilder()?;
    builder.insert_walk(&mut walk)?;
    let odb = there.odb()?;
    let mut writer = odb.packwriter()?;
    let mut failed = None;
    builder.foreach(|bytes| {
        failed = io::Write::write_all(&mut writer, bytes).err();
        failed.is_none()
    })?;
    writer.commit()?;
    Ok(())
}

/// Changes the branch when it is as it was seen last; [`ErrorCode::Modified`] says that it is not.
fn change(there: &Repository, update: &Update) -> Result<(), Error> {
    let name = &update.reference;
    match (update.old, update.new) {
        (Some(old), Some(new)) => there.reference_matching(name, new, true, old, "").map(drop),
        (None, Some(new)) => there.reference(name, new, false, "").map(drop),
        // A found branch remembers its commit: another one, and it stays.
        (Some(old), None) => match there.find_reference(name) {
            Ok(mut found) if found.target() == Some(old) => found.delete(),
            Ok(_) => Err(moved()),
            Err(error) => Err(error),
        },
        (None, None) => Ok(()),
    }
    .map_err(|error| match error.code() {
        ErrorCode::Exists | ErrorCode::NotFound => moved(),
        _ => error,
    })
}

fn moved() -> Error {
    Error::new(ErrorCode::Modified, git2::ErrorClass::Reference, "the branch has moved")
}

fn is_locked(error: &Error) -> bool {
    error.code() == ErrorCode::Locked
}

/// Waits until nobody holds the branch. A lock that nobody touches is removed: only this device
/// writes to the branch, and its own killed process left it.
fn wait_for_lock(there: &Repository, reference: &str) -> io::Result<()> {
    for file in [format!("{reference}.lock"), "packed-refs.lock".into()] {
        let path = there.commondir().join(file);
        let Some(first) = age_mark(&path) else { continue };
        let mut waited = Duration::ZERO;
        while age_mark(&path) == Some(first) {
            if waited >= ABANDONED {
                match fs::remove_file(&path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => break,
                }
            }
            thread::sleep(LOOK);
            waited += LOOK;
        }
    }
    Ok(())
}

/// What tells two lock files of the same name apart.
fn age_mark(path: &PathBuf) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

/// What a failure at `path` means.
fn at(path: &Path, error: &Error) -> Failure {
    let text = format!("{}: {}", path.display(), error.message());
    match error.code() {
        ErrorCode::Modified => Failure::Behind,
        ErrorCode::Locked => Failure::Final(BackendError::Transient(text)),
        ErrorCode::NotFound => Failure::Final(BackendError::Refused(text)),
        ErrorCode::Owner => Failure::of_remote(error, "this machine"),
        _ => Failure::Doubt(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::backend::conformance::segments;
    use crate::sync::backend::git::tree::{self, Branch, Files};
    use crate::sync::backend::{Name, Object};

    /// A repository with nothing in it.
    fn bare() -> (tempfile::TempDir, Repository) {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(folder.path()).unwrap();
        (folder, repository)
    }

    fn commit(repository: &Repository, object: &Object, parent: Option<Oid>) -> Oid {
        let branch = Branch::of(&Name::parse(&object.name).unwrap());
        let blob = repository.blob(&object.bytes).unwrap();
        let files = Files::from([(object.name.clone(), blob)]);
        tree::commit(repository, &branch, &files, parent, 0).unwrap()
    }

    fn update(old: Option<Oid>, new: Option<Oid>) -> [Update; 1] {
        [Update { reference: "refs/heads/mana/x".into(), old, new }]
    }

    #[test]
    fn a_branch_changes_only_when_it_is_as_it_was_seen() {
        let (_here, here) = bare();
        let (path, there) = bare();
        let [first, second] = segments(1, "a", [1, 2]);
        let one = commit(&here, &first, None);
        let two = commit(&here, &second, Some(one));
        let change = |old, new| push(&here, path.path(), &update(old, new));
        let tip = || there.refname_to_id("refs/heads/mana/x").ok();

        assert!(matches!(change(Some(one), Some(two)), Err(Failure::Behind)), "there is none yet");
        change(None, Some(one)).unwrap();
        assert!(matches!(change(None, Some(two)), Err(Failure::Behind)), "there is one");
        change(Some(one), Some(two)).unwrap();
        assert!(matches!(change(Some(one), Some(two)), Err(Failure::Behind)), "it has moved");
        assert!(matches!(change(Some(one), None), Err(Failure::Behind)), "it has moved");
        assert_eq!(tip(), Some(two));
        let mut walk = there.revwalk().unwrap();
        walk.push(two).unwrap();
        assert_eq!(walk.count(), 2);
        change(Some(two), None).unwrap();
        assert!(matches!(change(Some(two), None), Err(Failure::Behind)), "it is gone");
        assert_eq!(tip(), None);
    }

    #[test]
    fn a_lock_that_nobody_holds_is_waited_for_and_removed() {
        let (_here, here) = bare();
        let (path, there) = bare();
        let [object] = segments(1, "a", [1]);
        let one = commit(&here, &object, None);
        let lock = path.path().join("refs/heads/mana/x.lock");
        fs::create_dir_all(lock.parent().unwrap()).unwrap();
        fs::write(&lock, "").unwrap();
        push(&here, path.path(), &update(None, Some(one))).unwrap();
        assert!(!lock.exists());
        assert_eq!(there.refname_to_id("refs/heads/mana/x").unwrap(), one);
    }

    #[test]
    fn what_is_no_repository_is_refused() {
        let (_here, here) = bare();
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().join("missing"), folder.path().to_owned()] {
            let error = push(&here, &path, &[]).unwrap_err().into_error();
            assert!(matches!(error, BackendError::Refused(_)), "{error:?}");
        }
    }
}
