//! A snapshot file while it is being written.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use super::layout::{HEADER, Hash, SECTIONS, Section, header};
use crate::storage::error::StorageError;

/// A snapshot file that is being written, section by section.
pub(super) struct Sheet<'a> {
    path: &'a Path,
    out: BufWriter<&'a mut File>,
    places: [(u64, u64); SECTIONS],
    hash: Hash,
    /// Bytes written so far.
    length: u64,
}

impl<'a> Sheet<'a> {
    /// An empty file, whose header is written last.
    pub(super) fn begin(path: &'a Path, file: &'a mut File) -> Result<Self, StorageError> {
        let mut out = BufWriter::with_capacity(64 << 10, file);
        out.write_all(&[0; HEADER]).map_err(|source| unwritten(path, source))?;
        let places = [(HEADER as u64, 0); SECTIONS];
        Ok(Self { path, out, places, hash: Hash::new(), length: HEADER as u64 })
    }

    /// Adds `bytes` to `section`, which is the last one or a new one; returns their offset in it.
    pub(super) fn put(&mut self, section: Section, bytes: &[u8]) -> Result<u64, StorageError> {
        let (start, length) = &mut self.places[section as usize];
        if *length == 0 {
            *start = self.length;
        }
        debug_assert_eq!(*start + *length, self.length, "a section is one piece");
        let offset = *length;
        *length += bytes.len() as u64;
        self.length += bytes.len() as u64;
        self.hash.update(bytes);
        self.out.write_all(bytes).map_err(|source| unwritten(self.path, source))?;
        Ok(offset)
    }

    /// Writes the header; returns the file's generation.
    pub(super) fn end(mut self) -> Result<u64, StorageError> {
        let generation = self.hash.finish();
        let header = header(&self.places, generation, self.length);
        let written = self
            .out
            .seek(SeekFrom::Start(0))
            .and_then(|_| self.out.write_all(&header))
            .and_then(|()| self.out.flush());
        written.map(|()| generation).map_err(|source| unwritten(self.path, source))
    }

    /// The failure of a file that would have to be larger than its numbers can say.
    pub(super) fn too_large(&self) -> StorageError {
        unwritten(self.path, io::ErrorKind::FileTooLarge.into())
    }
}

fn unwritten(path: &Path, source: io::Error) -> StorageError {
    StorageError::File { attempt: "write", path: path.into(), source }
}
