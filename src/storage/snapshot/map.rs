//! A file mapped into memory. Hot.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use memmap2::{Mmap, MmapOptions};

use crate::storage::file::is_trusted;

/// Opening a pipe must not wait for who writes into it.
const NONBLOCK: i32 = rustix::fs::OFlags::NONBLOCK.bits() as i32;

/// Opens the regular file at `path`, and tells its length.
pub(super) fn open(path: &Path) -> io::Result<(File, usize)> {
    let file = OpenOptions::new().read(true).custom_flags(NONBLOCK).open(path)?;
    let about = file.metadata()?;
    if !about.is_file() || !is_trusted(&about) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let length = usize::try_from(about.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
    Ok((file, length))
}

/// The bytes of the regular file at `path`.
pub(crate) fn map(path: &Path) -> io::Result<Mmap> {
    let (file, length) = open(path)?;
    map_file(&file, length)
}

/// The bytes of an open file.
#[expect(unsafe_code, reason = "no safe way to map a file exists")]
pub(super) fn map_file(file: &File, length: usize) -> io::Result<Mmap> {
    // SAFETY: the bytes must not change while they are mapped. A snapshot, an index or a table is
    // never written to once it has its name, it is only replaced by another file, and the folder is
    // the user's alone (0700). Whoever breaks into that could change the program as well; what is read is
    // checked anyway, and no Rust value is laid over the bytes but bytes.
    unsafe { MmapOptions::new().len(length).map(file) }
}
