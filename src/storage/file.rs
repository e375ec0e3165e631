//! Writing a file so that a crash never leaves half of one.
//!
//! Every file MANA writes outside its database goes through [`replace`]. Which files it believes is
//! said in [`trust`].

mod trust;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use self::trust::not_regular;
#[cfg(all(unix, any(test, feature = "encoder")))]
pub(crate) use self::trust::open_regular;
pub(crate) use self::trust::{Rights, is_foreign, is_link, is_linked};
#[cfg(unix)]
pub(crate) use self::trust::{is_trusted, open_own, rights};

/// How many links in a row [`resolve`] follows; the limit Linux itself uses.
const MAX_LINKS: usize = 40;

/// How names of temporary files begin.
const PREFIX: &str = ".mana-";

/// How they end.
const SUFFIX: &str = ".tmp";

/// A file operation that failed: what was tried, on which path, and why.
#[derive(Debug, thiserror::Error)]
#[error("cannot {attempt} {}", path.display())]
pub(crate) struct PathError {
    /// The path the attempt was about.
    pub(crate) path: PathBuf,
    /// What was tried, as a verb phrase that reads before the path: "read", "replace".
    pub(crate) attempt: &'static str,
    /// The system's answer.
    pub(crate) source: io::Error,
}

/// Gives an [`io::Result`] the path and the attempt it belongs to.
pub(crate) trait PathContext<T> {
    /// Names what was tried on `path`, should it have failed.
    fn context(self, attempt: &'static str, path: &Path) -> Result<T, PathError>;
}

impl<T> PathContext<T> for io::Result<T> {
    fn context(self, attempt: &'static str, path: &Path) -> Result<T, PathError> {
        self.map_err(|source| PathError { path: path.to_owned(), attempt, source })
    }
}

/// Makes `bytes` the content of the file at `path`: all of them or, on any error, none.
///
/// The bytes go into a temporary file of the same folder, are synced, and the temporary is renamed
/// over the target; then the folder is synced. A crash leaves the old content or the new one, at
/// worst with a hidden `.….tmp` beside it. When this returns, the content survives a power cut.
///
/// A symbolic link stays and its target is replaced. An existing file keeps its mode and its
/// owner; a new file gets mode 0600 and missing folders 0700. A file without write permission is
/// left alone: the rename would get around a protection somebody chose. Other hard links to the
/// old file keep the old content, and extended attributes are not carried over.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), PathError> {
    replace_with(path, |file| file.write_all(bytes).context("write", path))
}

/// Makes what `write` writes the content of the file at `path`, as [`replace`] does.
pub(crate) fn replace_with<E: From<PathError>>(
    path: &Path,
    write: impl FnOnce(&mut File) -> Result<(), E>,
) -> Result<(), E> {
    let target = resolve(path).context("follow the link", path)?;
    let folder = folder_of(&target);
    create_folder(folder).context("create the folder", folder)?;
    let old = existing(&target).context("replace", &target)?;
    put(&target, old.as_ref(), write)?;
    sync_folder(folder).context("sync the folder", folder)?;
    Ok(())
}

/// Makes `bytes` the content of the file at `path`, which lies in a home of MANA's: as [`replace`]
/// does, but a symbolic link there is itself replaced and never followed, and the file is this
/// user's alone.
pub(crate) fn replace_own(path: &Path, bytes: &[u8]) -> Result<(), PathError> {
    replace_own_with(path, |file| file.write_all(bytes).context("write", path))
}

/// Makes what `write` writes the content of the file at `path`, as [`replace_own`] does.
pub(crate) fn replace_own_with<E: From<PathError>>(
    path: &Path,
    write: impl FnOnce(&mut File) -> Result<(), E>,
) -> Result<(), E> {
    let folder = folder_of(path);
    replace_own_early(path, write)?;
    sync_folder(folder).context("sync the folder", folder)?;
    Ok(())
}

/// Makes what `write` writes the content of the file at `path`, as [`replace_own`] does, but leaves
/// it to a later file of the same folder to let the change survive a power cut: until then the old
/// content may come back.
pub(crate) fn replace_own_early<E: From<PathError>>(
    path: &Path,
    write: impl FnOnce(&mut File) -> Result<(), E>,
) -> Result<(), E> {
    let folder = folder_of(path);
    create_folder(folder).context("create the folder", folder)?;
    if !is_linked(path)
        && let Some(old) = existing(path).context("replace", path)?
        && old.permissions().readonly()
    {
        let protected = io::Error::new(io::ErrorKind::PermissionDenied, "the file is read-only");
        Err(protected).context("replace", path)?;
    }
    put(path, None, write)
}

/// Puts what `write` writes in the place of `target`, which has been `old`, and does not sync the
/// folder.
fn put<E: From<PathError>>(
    target: &Path,
    old: Option<&fs::Metadata>,
    write: impl FnOnce(&mut File) -> Result<(), E>,
) -> Result<(), E> {
    let folder = folder_of(target);
    let mut temporary = tempfile::Builder::new()
        .prefix(PREFIX)
        .suffix(SUFFIX)
        .tempfile_in(folder)
        .context("create a temporary file in", folder)?;
    write(temporary.as_file_mut())?;
    let owned = old.map_or(Ok(()), |old| take_over(temporary.as_file(), old));
    // Synced by hand, because closing a file in `Drop` would swallow the error of a full disk.
    owned.and_then(|()| temporary.as_file().sync_all()).context("write", target)?;
    temporary.persist(target).map_err(|error| error.error).context("replace", target)?;
    Ok(())
}

/// Deletes the file at `path` (the target, where `path` is a link) so that it stays deleted.
///
/// It is no error when there is no such file.
pub(crate) fn remove(path: &Path) -> Result<(), PathError> {
    remove_own(&resolve(path).context("follow the link", path)?)
}

/// Deletes the file at `path`, which lies in a home of MANA's, as [`remove`] does: of a symbolic
/// link the link, and nothing that it leads to.
pub(crate) fn remove_own(path: &Path) -> Result<(), PathError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        done => done.context("remove", path)?,
    }
    let folder = folder_of(path);
    sync_folder(folder).context("sync the folder", folder)
}

/// Gives the file at `from` the name `to` in the same folder, so that it survives a power cut.
#[expect(clippy::disallowed_methods, reason = "this is the place that renames")]
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), PathError> {
    fs::rename(from, to).context("rename", from)?;
    let folder = folder_of(to);
    sync_folder(folder).context("sync the folder", folder)
}

/// Copies the regular file at `from` to the new file `to`, which only this user can read, and makes
/// missing folders. On an error, what `to` holds is undefined: it belongs into a folder that is
/// thrown away then.
#[cfg(feature = "encoder")]
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), PathError> {
    let folder = folder_of(to);
    create_folder(folder).context("create the folder", folder)?;
    // Asked first, because opening a pipe could wait for ever.
    existing(from)
        .and_then(|found| found.ok_or_else(|| io::ErrorKind::NotFound.into()))
        .context("read", from)?;
    let mut source = File::open(from).context("read", from)?;
    let mut options = fs::OpenOptions::new();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut target = options.open(to).context("create", to)?;
    io::copy(&mut source, &mut target).and_then(|_| target.sync_all()).context("write", to)
}

/// Adds `bytes` to the end of the file at `path`, which lies in a home of MANA's; when this
/// returns, they survive a power cut. A crash can leave a part of them.
pub(crate) fn append(path: &Path, bytes: &[u8]) -> Result<(), PathError> {
    let mut options = fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = open_own(path, &mut options).context("open", path)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).context("write", path)?;
    let folder = folder_of(path);
    sync_folder(folder).context("sync the folder", folder)
}

/// Reads the regular file at `path`; `None` when there is none.
///
/// Anything but a regular file is an error, since reading a pipe could wait for ever.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, PathError> {
    match existing(path) {
        Ok(None) => Ok(None),
        Ok(Some(_)) => fs::read(path).map(Some).context("read", path),
        Err(error) => Err(error).context("read", path),
    }
}

/// When the file at `path` was last written to, in milliseconds since the Unix epoch; `None` where
/// the system does not say.
pub(crate) fn modified(path: &Path) -> Option<i64> {
    let modified = fs::metadata(path).ok()?.modified().ok()?;
    let since = modified.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok()
}

/// How old a temporary file has to be to count as one that a killed process left, in milliseconds.
const ABANDONED: u64 = 60 * 60 * 1_000;

/// Deletes what processes that were killed in [`replace`] left in `folder`, `now` being
/// milliseconds since the Unix epoch. What is younger than an hour may still be written to; what
/// lies far ahead is from before the clock was set back.
pub(crate) fn sweep(folder: &Path, now: i64) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(PREFIX)
            && name.ends_with(SUFFIX)
            && modified(&entry.path()).is_some_and(|at| now.abs_diff(at) > ABANDONED)
        {
            // One that stays is looked at again next time.
            let _kept = fs::remove_file(entry.path());
        }
    }
}

/// The metadata of the regular file behind `path`; `None` when it is missing.
fn existing(path: &Path) -> io::Result<Option<fs::Metadata>> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(Some(metadata)),
        Ok(_) => Err(not_regular()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Follows symbolic links by hand, so that a link to a file that does not exist yet works too.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    let mut current = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::symlink_metadata(&current) {
            Ok(metadata) if metadata.is_symlink() => {
                let link = fs::read_link(&current)?;
                current = folder_of(&current).join(link);
            }
            Ok(_) => return Ok(current),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(current),
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "too many levels of symbolic links"))
}

/// The folder a file lies in; the current one for a bare name.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Creates `folder` and its missing parents, for this user only.
pub(crate) fn create_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Gives `new` the owner and the mode of the file it is about to replace.
#[cfg(unix)]
fn take_over(new: &File, old: &fs::Metadata) -> io::Result<()> {
    use rustix::fs::{Gid, Uid};
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    if old.permissions().readonly() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the file is read-only"));
    }
    let made = new.metadata()?;
    if made.uid() != old.uid() {
        rustix::fs::fchown(new, Some(Uid::from_raw(old.uid())), None)?;
    }
    let mut permissions = old.permissions();
    if made.gid() != old.gid()
        && rustix::fs::fchown(new, None, Some(Gid::from_raw(old.gid()))).is_err()
    {
        // Only a member may give a file to a group. What the old group was allowed, ours is not.
        permissions.set_mode(permissions.mode() & !0o070);
    }
    // After the owner, because changing the owner clears set-id bits.
    new.set_permissions(permissions)
}

/// Gives `new` the permissions of the file it is about to replace.
#[cfg(not(unix))]
fn take_over(new: &File, old: &fs::Metadata) -> io::Result<()> {
    if old.permissions().readonly() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the file is read-only"));
    }
    new.set_permissions(old.permissions())
}

/// Makes a rename or removal in `folder` survive a power cut.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn replaces_the_content_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        replace(&path, b"one").unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(read(&path).unwrap().unwrap(), b"two");
        assert_eq!(names(folder.path()), ["a.json"]);
    }

    #[test]
    fn removes_once_and_then_has_nothing_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        replace(&path, b"one").unwrap();
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert!(read(&path).unwrap().is_none());
    }

    #[test]
    fn only_old_temporary_files_are_swept_away() {
        let folder = tempfile::tempdir().unwrap();
        let names_of = ["a.json", ".mana-x", ".mana-old.tmp", ".mana-other"];
        for name in names_of {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        let written = fs::metadata(folder.path().join("a.json")).unwrap().modified().unwrap();
        let written = written.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
        sweep(folder.path(), written);
        let hour = ABANDONED as i64;
        sweep(folder.path(), written - hour / 2);
        assert_eq!(names(folder.path()).len(), 4, "it may still be written to");
        sweep(folder.path(), written + 2 * hour);
        assert_eq!(names(folder.path()), [".mana-other", ".mana-x", "a.json"]);
        fs::write(folder.path().join(".mana-old.tmp"), "x").unwrap();
        sweep(folder.path(), written - 100 * hour);
        assert_eq!(names(folder.path()).len(), 3, "the clock was set back since");
        sweep(&folder.path().join("missing"), written);
    }

    #[test]
    fn names_the_path_and_the_attempt() {
        let folder = tempfile::tempdir().unwrap();
        let error = replace(folder.path(), b"x").unwrap_err();
        assert_eq!(error.to_string(), format!("cannot replace {}", folder.path().display()));
        assert_eq!(error.source.to_string(), "not a regular file");
    }

    #[cfg(unix)]
    mod unix {
        use super::*;
        use std::os::unix::fs::{PermissionsExt, symlink};

        fn mode(path: &Path) -> u32 {
            fs::metadata(path).unwrap().permissions().mode() & 0o7777
        }

        #[test]
        fn new_files_and_folders_are_for_this_user_only() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("deep/er/a.json");
            replace(&path, b"one").unwrap();
            assert_eq!(mode(&path), 0o600);
            assert_eq!(mode(&folder.path().join("deep")), 0o700);
            assert_eq!(mode(&folder.path().join("deep/er")), 0o700);
        }

        #[test]
        fn an_existing_file_keeps_its_mode() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.json");
            for wanted in [0o644, 0o640, 0o600, 0o664] {
                replace(&path, b"one").unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(wanted)).unwrap();
                replace(&path, b"two").unwrap();
                assert_eq!(mode(&path), wanted);
            }
        }

        #[test]
        fn a_read_only_file_is_left_alone() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.json");
            replace(&path, b"one").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
            let error = replace(&path, b"two").unwrap_err();
            assert_eq!(error.source.kind(), io::ErrorKind::PermissionDenied);
            assert_eq!(read(&path).unwrap().unwrap(), b"one");
            assert_eq!(names(folder.path()), ["a.json"]);
        }

        #[test]
        fn a_link_stays_and_its_target_is_replaced() {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir(folder.path().join("dotfiles")).unwrap();
            let target = folder.path().join("dotfiles/real.json");
            let middle = folder.path().join("middle.json");
            let link = folder.path().join("link.json");
            symlink("dotfiles/real.json", &middle).unwrap();
            symlink(&middle, &link).unwrap();
            // First the target is missing, then it is there.
            for content in ["one", "two"] {
                replace(&link, content.as_bytes()).unwrap();
                assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
                assert!(fs::symlink_metadata(&middle).unwrap().is_symlink());
                assert_eq!(fs::read_to_string(&target).unwrap(), content);
            }
            remove(&link).unwrap();
            assert!(!target.exists());
            assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        }

        #[test]
        fn a_ring_of_links_is_an_error() {
            let folder = tempfile::tempdir().unwrap();
            let link = folder.path().join("ring.json");
            symlink(&link, &link).unwrap();
            assert!(replace(&link, b"x").is_err());
            assert!(read(&link).is_err());
        }

        #[test]
        fn in_a_home_no_link_is_followed() {
            let folder = tempfile::tempdir().unwrap();
            let elsewhere = folder.path().join("elsewhere");
            let link = folder.path().join("link");
            for content in [Some("theirs"), None] {
                match content {
                    Some(content) => fs::write(&elsewhere, content).unwrap(),
                    None => fs::remove_file(&elsewhere).unwrap(),
                }
                symlink(&elsewhere, &link).unwrap();
                let error = append(&link, b"x").unwrap_err();
                assert!(error.source.to_string().contains("symbolic link"), "{error}");
                assert!(open_own(&link, fs::OpenOptions::new().read(true)).is_err());
                replace_own(&link, b"ours").unwrap();
                assert!(!is_linked(&link));
                assert_eq!(fs::read_to_string(&link).unwrap(), "ours");
                fs::remove_file(&link).unwrap();
                symlink(&elsewhere, &link).unwrap();
                remove_own(&link).unwrap();
                assert_eq!(fs::read_to_string(&elsewhere).ok().as_deref(), content);
            }
        }

        #[test]
        fn in_a_home_files_are_closed_when_they_are_replaced() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a");
            for (mode, wanted) in [(0o666, 0o600), (0o640, 0o600), (0o600, 0o600)] {
                fs::write(&path, "x").unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
                replace_own(&path, b"y").unwrap();
                assert_eq!(self::mode(&path), wanted);
            }
            fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
            assert!(replace_own(&path, b"z").is_err(), "somebody protected it");
            assert_eq!(names(folder.path()), ["a"]);
        }

        #[cfg(target_os = "linux")]
        #[test]
        fn a_pipe_is_neither_read_nor_replaced() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("pipe");
            let mode = rustix::fs::Mode::from_raw_mode(0o600);
            rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0)
                .unwrap();
            assert_eq!(read(&path).unwrap_err().attempt, "read");
            assert_eq!(replace(&path, b"x").unwrap_err().attempt, "replace");
            let reading = open_regular(&path, fs::OpenOptions::new().read(true));
            assert_eq!(reading.unwrap_err().kind(), io::ErrorKind::InvalidInput);
            assert!(open_regular(&path, fs::OpenOptions::new().append(true)).is_err());
        }
    }
}
