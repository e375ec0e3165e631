//! The folders that may be parts of a project. Hot.

use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, RawDir};

/// Entries of a folder that are looked at.
const ENTRIES: usize = 128;

/// Links of a folder without folders of its own: its name and its `.`. Each of its own folders adds one.
const LINKS: usize = 2;

/// Bytes of entries that the system is asked for at once. To fill the 32 kB of the standard library
/// takes it 0.3 ms in a large folder, of which nothing is used.
const AT_ONCE: usize = 4 << 10;

/// Folders in which no part of a project lies.
const NO_PARTS: [&str; 8] =
    ["node_modules", "target", "dist", "build", "vendor", "venv", "coverage", "__pycache__"];

/// The folders in `folder` in the order of their names, but for hidden ones and what is built or
/// installed; none where there is very much in it.
pub(super) fn folders_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    // A folder with very many folders need not be read: its first pages alone take a large part of a
    // hook's time. File systems count a folder's own folders as its links or, as btrfs, say one.
    if fs::metadata(folder)?.nlink() > (ENTRIES + LINKS) as u64 {
        return Ok(Vec::new());
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = rustix::fs::open(folder, flags, Mode::empty())?;
    let mut buffer = [MaybeUninit::uninit(); AT_ONCE];
    let mut entries = RawDir::new(opened, &mut buffer);
    let (mut seen, mut found) = (0, Vec::new());
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if matches!(name, b"." | b"..") {
            continue;
        }
        seen += 1;
        if seen > ENTRIES {
            return Ok(Vec::new());
        }
        let Ok(name) = std::str::from_utf8(name) else { continue };
        if name.starts_with('.') || NO_PARTS.contains(&name) {
            continue;
        }
        let path = folder.join(name);
        let is_folder = match entry.file_type() {
            FileType::Directory => true,
            // Some file systems do not say it here.
            FileType::Unknown => path.symlink_metadata().is_ok_and(|found| found.is_dir()),
            _ => false,
        };
        if is_folder {
            found.push(path);
        }
    }
    found.sort_unstable();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::fs;
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[test]
    fn only_folders_that_may_be_parts_are_found() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["web", "api", ".git", "node_modules", "größe"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        fs::create_dir(folder.path().join(OsString::from_vec(vec![0xff]))).unwrap();
        fs::write(folder.path().join("README.md"), "").unwrap();
        std::os::unix::fs::symlink("web", folder.path().join("link")).unwrap();
        let expected = ["api", "größe", "web"].map(|name| folder.path().join(name));
        assert_eq!(folders_in(folder.path()).unwrap(), expected);
        assert!(folders_in(&folder.path().join("README.md")).is_err());
        assert!(folders_in(&folder.path().join("missing")).is_err());
    }

    #[test]
    fn where_there_is_very_much_nothing_is_a_part() {
        let folder = tempfile::tempdir().unwrap();
        // More than are read at once.
        let name = |n: usize| format!("{n:060}");
        for n in 0..ENTRIES {
            fs::create_dir(folder.path().join(name(n))).unwrap();
        }
        let found = folders_in(folder.path()).unwrap();
        assert_eq!(found.len(), ENTRIES);
        assert_eq!(found[7], folder.path().join(name(7)));
        fs::write(folder.path().join("more"), "").unwrap();
        assert_eq!(folders_in(folder.path()).unwrap(), Vec::<PathBuf>::new());
        fs::remove_file(folder.path().join("more")).unwrap();
        fs::create_dir(folder.path().join(name(ENTRIES))).unwrap();
        assert_eq!(folders_in(folder.path()).unwrap(), Vec::<PathBuf>::new());
    }
}
