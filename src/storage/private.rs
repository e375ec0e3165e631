//! The home and its files are their owner's alone.

use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use super::error::StorageError;
use super::{DATABASE, file};

/// Makes the home's folder, readable by its owner only.
pub(crate) fn create_home(home: &Path) -> Result<(), StorageError> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(home).map_err(|source| {
        StorageError::File { attempt: "create the folder", path: home.into(), source }
    })
}

/// Makes the database file readable by its owner only, before SQLite would make it with another
/// mode. SQLite gives the log and its index the mode of the database.
pub(super) fn make_private(path: &Path) -> Result<(), StorageError> {
    let failed = |attempt| move |source| StorageError::File { attempt, path: path.into(), source };
    let mut options = std::fs::OpenOptions::new();
    options.create(true).truncate(false).write(true).mode(0o600);
    let file = file::open_own(path, &mut options).map_err(failed("create"))?;
    let mode = file.metadata().map_err(failed("look at"))?.permissions().mode();
    if mode & 0o077 != 0 {
        // It was copied here or made by hand.
        file.set_permissions(PermissionsExt::from_mode(0o600)).map_err(failed("protect"))?;
    }
    Ok(())
}

/// Folders of the home that are written to; the home itself may be a link, and `models` is large
/// and may lie elsewhere.
const FOLDERS: [&str; 3] = ["sessions", "snapshots", "logs"];

/// Takes what others may do from a home that is this user's, so that what is written from now on
/// is safe from them. A shared folder such as `/tmp`, which has the sticky bit, stays as it is.
///
/// # Errors
/// [`StorageError::File`] when the home is another user's, or a folder in it a symbolic link.
pub(super) fn close_home(home: &Path) -> Result<(), StorageError> {
    let failed = |attempt, path: &Path, source| {
        Err(StorageError::File { attempt, path: path.into(), source })
    };
    let Ok(metadata) = std::fs::metadata(home) else { return Ok(()) };
    if !file::is_trusted(&metadata) {
        return failed("write into", home, file::is_foreign());
    }
    let linked = FOLDERS.iter().map(|name| home.join(name)).find(|path| file::is_linked(path));
    if let Some(linked) = linked {
        return failed("write into", &linked, file::is_link());
    }
    let mode = metadata.permissions().mode();
    if mode & 0o077 != 0 && mode & 0o1000 == 0 {
        // Whose it is not cannot change it; what is in it is looked at file by file then.
        let _refused = std::fs::set_permissions(home, PermissionsExt::from_mode(mode & 0o7700));
    }
    Ok(())
}

/// Takes what others may do from the files in the home that are MANA's by their names.
pub(super) fn close_files(home: &Path) {
    const FILES: [&str; 9] = [
        DATABASE,
        "forgotten",
        "pending.log",
        "write.lock",
        "exchange.lock",
        "vectors.usearch",
        "local-homes",
        "daemon.",
        "config.toml",
    ];
    close_entries(home, &|name| FILES.iter().any(|own| name.starts_with(own)));
    for folder in FOLDERS.iter().chain(&["models"]).map(|name| home.join(name)) {
        if !file::is_linked(&folder) {
            close(&folder);
            close_entries(&folder, &|_| true);
        }
    }
}

fn close_entries(folder: &Path, own: &dyn Fn(&str) -> bool) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if own(&entry.file_name().to_string_lossy()) {
            close(&entry.path());
        }
    }
}

/// Takes what others may do from a file or folder, unless it is a link or has further names: these
/// may be elsewhere. What cannot be changed stays, and `mana doctor` tells of it.
fn close(path: &Path) {
    let Ok(metadata) = std::fs::symlink_metadata(path) else { return };
    let mode = metadata.permissions().mode();
    let plain = metadata.is_dir() || metadata.is_file() && metadata.nlink() == 1;
    if plain && mode & 0o077 != 0 {
        let _refused = std::fs::set_permissions(path, PermissionsExt::from_mode(mode & 0o700));
    }
}

/// Refuses what has the database's name and is no file, since opening a pipe would wait for ever;
/// what leads elsewhere; and what another user put there.
pub(super) fn refuse_special(path: &Path) -> Result<(), StorageError> {
    let refused = |source| {
        Err(StorageError::File { attempt: "use as the database", path: path.into(), source })
    };
    match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.is_symlink() => refused(file::is_link()),
        Ok(meta) if !file::is_trusted(&meta) => refused(file::is_foreign()),
        Ok(meta) if !meta.is_file() => Err(StorageError::File {
            attempt: "use as the database",
            path: path.into(),
            source: std::io::Error::new(
                std::io::ErrorKind::InvalidInput,
                "it is not a regular file; move it away",
            ),
        }),
        _ => Ok(()),
    }
}
