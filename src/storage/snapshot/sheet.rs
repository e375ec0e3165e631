//! A snapshot file while it is being written.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use super::layout::{HEADER, Hash, SECTIONS, Section, header};
use crate::storage::error::StorageError;

/// Bytes of each write, which begins at a multiple of them. The page cache then holds the file in
/// pieces of that size, and as much is what a fault maps into memory: in a piece it takes half the
/// time that it takes page by page. Larger pieces are faster still, and more of the file is
/// resident.
const PIECE: usize = 64 << 10;

/// A snapshot file that is being written, section by section.
pub(super) struct Sheet<'a> {
    path: &'a Path,
    file: &'a mut File,
    /// What is still to be written; the bytes before it are.
    piece: Vec<u8>,
    places: [(u64, u64); SECTIONS],
    hash: Hash,
    /// Bytes written so far.
    length: u64,
}

impl<'a> Sheet<'a> {
    /// An empty file, whose header is written last.
    pub(super) fn begin(path: &'a Path, file: &'a mut File) -> Self {
        let mut piece = Vec::with_capacity(PIECE);
        piece.resize(HEADER, 0);
        let places = [(HEADER as u64, 0); SECTIONS];
        Self { path, file, piece, places, hash: Hash::new(), length: HEADER as u64 }
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
        self.write(bytes).map_err(|source| unwritten(self.path, source))?;
        Ok(offset)
    }

    /// Writes all whole pieces and keeps the rest.
    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while self.piece.len() + bytes.len() >= PIECE {
            let (now, later) = bytes.split_at(PIECE - self.piece.len());
            self.piece.extend(now);
            self.file.write_all(&self.piece)?;
            self.piece.clear();
            bytes = later;
        }
        self.piece.extend(bytes);
        Ok(())
    }

    /// Writes the header; returns the file's generation.
    pub(super) fn end(self) -> Result<u64, StorageError> {
        let generation = self.hash.finish();
        let header = header(&self.places, generation, self.length);
        let written = self
            .file
            .write_all(&self.piece)
            .and_then(|()| self.file.seek(SeekFrom::Start(0)))
            .and_then(|_| self.file.write_all(&header));
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
