//! Which files and folders are believed: regular files, and in a home those of this user's that are
//! reached without a link.

use std::fs::{self, File};
use std::io;
use std::path::Path;

#[cfg(unix)]
use rustix::fs::OFlags;

/// Opens the regular file at `path` as `options` say.
///
/// # Errors
/// Anything but a regular file is one, and is told at once: opening a pipe waits for whoever is at
/// its other end.
#[cfg(all(unix, any(test, feature = "encoder")))]
pub(crate) fn open_regular(path: &Path, options: &mut fs::OpenOptions) -> io::Result<File> {
    open_with(path, options, OFlags::NONBLOCK).map(|(file, _)| file)
}

/// Opens the regular file at `path`, which lies in a home of MANA's, as `options` say.
///
/// # Errors
/// As [`open_regular`]; also for a symbolic link, whatever it leads to, and for a file of another
/// user's.
#[cfg(unix)]
pub(crate) fn open_own(path: &Path, options: &mut fs::OpenOptions) -> io::Result<File> {
    // What a link that is not followed answers.
    const LINK: Option<i32> = Some(rustix::io::Errno::LOOP.raw_os_error());
    match open_with(path, options, OFlags::NONBLOCK.union(OFlags::NOFOLLOW)) {
        Err(error) if error.raw_os_error() == LINK => Err(is_link()),
        Ok((_, metadata)) if !is_trusted(&metadata) => Err(is_foreign()),
        opened => opened.map(|(file, _)| file),
    }
}

#[cfg(unix)]
fn open_with(
    path: &Path,
    options: &mut fs::OpenOptions,
    flags: OFlags,
) -> io::Result<(File, fs::Metadata)> {
    use std::os::unix::fs::OpenOptionsExt;

    // So a pipe that nobody reads answers to who would write.
    const NO_READER: Option<i32> = Some(rustix::io::Errno::NXIO.raw_os_error());
    let file = match options.custom_flags(flags.bits().cast_signed()).open(path) {
        Err(error) if error.raw_os_error() == NO_READER => return Err(not_regular()),
        opened => opened?,
    };
    let metadata = file.metadata()?;
    if metadata.is_file() { Ok((file, metadata)) } else { Err(not_regular()) }
}

/// Whether `path` is a symbolic link.
pub(crate) fn is_linked(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
}

/// What is said of a link in a home.
pub(crate) fn is_link() -> io::Error {
    let why = "it is a symbolic link, and mana writes through none in its home; remove it";
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

/// What is said of a file or a home of another user's.
pub(crate) fn is_foreign() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, "it belongs to another user")
}

/// Whether a file or folder is this user's or the system's, so that nobody else decides what is in
/// it. The superuser, who runs programs in containers with the user's folders, trusts all.
#[cfg(unix)]
pub(crate) fn is_trusted(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    let me = rustix::process::geteuid().as_raw();
    metadata.uid() == me || metadata.uid() == 0 || me == 0
}

/// Who may write to a home.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rights {
    /// This user alone, or there is no home.
    Own,
    /// Others too, so that nothing in it can be believed before it is closed.
    Open,
    /// It is another user's.
    Foreign,
}

/// Who may write to the home at `home`, by one look at the folder. Hot.
#[cfg(unix)]
pub(crate) fn rights(home: &Path) -> Rights {
    use std::os::unix::fs::PermissionsExt;
    match fs::metadata(home) {
        Ok(metadata) if !is_trusted(&metadata) => Rights::Foreign,
        Ok(metadata) if metadata.permissions().mode() & 0o022 != 0 => Rights::Open,
        _ => Rights::Own,
    }
}

/// What is said of a pipe, a folder or a device.
pub(super) fn not_regular() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn who_may_write_to_a_home_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        assert_eq!(rights(&home), Rights::Own, "there is none");
        fs::create_dir(&home).unwrap();
        for (mode, expected) in [
            (0o700, Rights::Own),
            (0o755, Rights::Own),
            (0o770, Rights::Open),
            (0o777, Rights::Open),
            (0o1777, Rights::Open),
        ] {
            fs::set_permissions(&home, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(rights(&home), expected, "{mode:o}");
        }
    }
}
