//! Where reading of a file stopped, and whether it can go on from there.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};

use sha2::{Digest, Sha256};

/// How many bytes before the offset the tail hash covers: enough for the unique ids and times of
/// the last line.
const TAIL: u64 = 1024;

/// Where reading of a transcript stopped.
///
/// Transcripts mostly grow at their end, but the client can cut the tail off to drop a message,
/// and files can be moved or replaced. The cursor remembers enough to notice.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Cursor {
    /// Bytes consumed: the position after the last consumed line.
    pub(crate) offset: u64,
    /// Lines consumed.
    pub(crate) line: u64,
    /// The file's size when it was read, in bytes.
    pub(crate) size: u64,
    /// The file's inode; 0 where there is none.
    pub(crate) inode: u64,
    /// The first 8 bytes of SHA-256 over the last 1024 bytes before `offset`.
    pub(crate) tail_hash: u64,
}

/// Why a file had to be read again from its start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Restart {
    /// It is shorter than what was read of it.
    Shrank,
    /// It is another file with other content.
    Replaced,
    /// It is the same file, but what was read of it changed.
    Rewritten,
}

impl Cursor {
    /// The cursor of `file` after `line` lines that end at `offset`.
    pub(super) fn at(file: &mut File, offset: u64, line: u64) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            offset,
            line,
            size: metadata.len().max(offset),
            inode: inode(&metadata),
            tail_hash: tail_hash(file, offset)?,
        })
    }

    /// Whether `file` must be read from its start again, and why; `None` if reading can go on at
    /// the cursor.
    pub(super) fn check(&self, file: &mut File) -> io::Result<Option<Restart>> {
        let metadata = file.metadata()?;
        if metadata.len() < self.offset {
            return Ok(Some(Restart::Shrank));
        }
        if tail_hash(file, self.offset)? == self.tail_hash {
            return Ok(None);
        }
        let same_file = inode(&metadata) == self.inode;
        Ok(Some(if same_file { Restart::Rewritten } else { Restart::Replaced }))
    }
}

/// The hash of the bytes of `file` just before `offset`.
fn tail_hash(file: &mut File, offset: u64) -> io::Result<u64> {
    let start = offset.saturating_sub(TAIL);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.by_ref().take(offset - start).read_to_end(&mut tail)?;
    let digest = Sha256::digest(&tail);
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    // SQLite has no unsigned integers; the storage layer keeps these bits as they are.
    Ok(u64::from_le_bytes(first))
}

/// The file's inode.
#[cfg(unix)]
fn inode(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

/// There are no inodes here: every file counts as the same one.
#[cfg(not(unix))]
fn inode(_metadata: &Metadata) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn cursor(path: &std::path::Path, offset: u64) -> Cursor {
        Cursor::at(&mut File::open(path).unwrap(), offset, 2).unwrap()
    }

    fn check(cursor: Cursor, path: &std::path::Path) -> Option<Restart> {
        cursor.check(&mut File::open(path).unwrap()).unwrap()
    }

    #[test]
    fn reading_goes_on_while_what_was_read_is_unchanged() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.jsonl");
        let filler = "x".repeat(2000);
        fs::write(&path, format!("{filler}\nsecond\n")).unwrap();
        let at = cursor(&path, 2008);
        assert_eq!((at.offset, at.line, at.size), (2008, 2, 2008));
        assert_eq!(check(at, &path), None);

        fs::write(&path, format!("{filler}\nsecond\nthird\n")).unwrap();
        assert_eq!(check(at, &path), None, "growing is what transcripts do");

        let moved = dir.path().join("moved.jsonl");
        fs::copy(&path, &moved).unwrap();
        assert_eq!(check(at, &moved), None, "a copy with the same content is as good");
    }

    #[test]
    fn any_change_of_what_was_read_restarts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.jsonl");
        fs::write(&path, "first\nsecond\n").unwrap();
        let at = cursor(&path, 13);
        fs::write(&path, "first\n").unwrap();
        assert_eq!(check(at, &path), Some(Restart::Shrank));
        fs::write(&path, "first\nanother\nthird\n").unwrap();
        assert_eq!(check(at, &path), Some(Restart::Rewritten));
        let other = dir.path().join("o.jsonl");
        fs::write(&other, "quite\ndifferent\n").unwrap();
        assert_eq!(check(at, &other), Some(Restart::Replaced));
    }

    #[test]
    fn the_start_of_any_file_fits() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.jsonl");
        fs::write(&path, "").unwrap();
        let at = cursor(&path, 0);
        fs::write(&path, "first\n").unwrap();
        assert_eq!(check(at, &path), None);
    }
}
