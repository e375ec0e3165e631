//! How a snapshot file is laid out: a header, a directory of sections, the sections. Hot.
//!
//! All numbers are little-endian and stand at any address. Nothing in a file is believed: what is
//! read out of bounds is [`Damage`], and the caller asks SQLite instead.

use std::ops::Range;

use super::part::Part;

/// What a snapshot file begins with.
const MAGIC: [u8; 8] = *b"MANASNAP";

/// Number of this layout. A file with another one counts as missing.
const VERSION: u32 = 7;

/// Bytes before the directory of sections: magic, version, number of sections, generation, length
/// of the file, checksum of header and directory.
const FIXED: usize = 40;

/// Bytes of a section's place in the directory: where it begins, how long it is.
const PLACE: usize = 16;

/// The parts of a snapshot file. The numbers are those of the directory's places.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub(super) enum Section {
    /// Texts, paths and encoded patterns, by offset.
    Heap = 0,
    /// Single values: [`super::project::FACTS`] bytes, or the state of the database.
    Facts,
    /// The patterns' places in the heap, as [`super::blocks`] has them.
    Patterns,
    /// Their index.
    PatternIndex,
    /// Slots from a key to a range of `KeyPatterns`.
    Keys,
    /// Rows of patterns (4 bytes each).
    KeyPatterns,
    /// Slots from a command's key to its runs and failures.
    Rates,
    /// The active recipes, fixes, pitfalls and decisions, most evidence first: how many bytes
    /// each of the four lists has (4 bytes each), then the lists of encoded patterns. A brief
    /// reads them from one end to the other, so they do not lie where the heap has them.
    Active,
    /// The files' records, as [`super::blocks`] has them.
    Files,
    /// Their index.
    FileIndex,
    /// Slots from a name's key to a range of `NameFiles`.
    Names,
    /// Rows of files (4 bytes each).
    NameFiles,
    /// Slots from a path's hash to a file's row.
    Paths,
    /// Numbers of episodes that changed a file (4 bytes each).
    FileEpisodes,
    /// By number of an episode: ranges of `EpisodeFiles` (two times 4 bytes).
    EpisodeRanges,
    /// Rows of the files that an episode changed (4 bytes each).
    EpisodeFiles,
    /// For each term: how many patterns hold it, how many documents of each corpus do, and for
    /// each corpus that has any the list, as [`super::terms`] has them. What is known of a term lies
    /// together, because a prompt is looked for in several corpora.
    Lists,
    /// Slots from a term's key to its counts and its place in `Lists`, as [`super::terms`] has them.
    Terms,
    /// For each corpus: its directory of documents.
    FailureDocuments,
    /// See `FailureDocuments`.
    DecisionDocuments,
    /// See `FailureDocuments`.
    FileDocuments,
    /// See `FailureDocuments`.
    EpisodeDocuments,
    /// Vectors of the documents, as [`super::super::dense`] has them.
    DecisionVectors,
    /// See `DecisionVectors`.
    EpisodeVectors,
    /// Catalogue: slots from a folder's hash to its project.
    Roots,
    /// Catalogue: slots from a project's key to its row.
    Projects,
    /// Catalogue: project's row (8 bytes) and its snapshot's generation (8), by row.
    Generations,
    /// Catalogue: the fitted weights of the model for files, if there are any.
    PlaceWeights,
}

/// How many sections there are.
pub(super) const SECTIONS: usize = Section::PlaceWeights as usize + 1;

/// Bytes before the first section.
pub(super) const HEADER: usize = FIXED + SECTIONS * PLACE;

/// A file that is no snapshot of this layout, or a damaged one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::storage) struct Damage;

/// 64-bit FNV-1a (Fowler, Noll, Vo; RFC 9923), fed piece by piece.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hash(u64);

impl Hash {
    pub(super) fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// Takes more bytes in.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// The hash of what was taken in.
    pub(super) fn finish(self) -> u64 {
        self.0
    }

    /// The hash of one text.
    pub(super) fn of(text: &str) -> u64 {
        let mut hash = Self::new();
        hash.update(text.as_bytes());
        hash.finish()
    }
}

/// The header and directory of a file with these places, as bytes.
pub(super) fn header(places: &[(u64, u64); SECTIONS], generation: u64, length: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER);
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend((SECTIONS as u32).to_le_bytes());
    bytes.extend(generation.to_le_bytes());
    bytes.extend(length.to_le_bytes());
    let checksum_at = bytes.len();
    bytes.extend([0; 8]);
    for (start, length) in places {
        bytes.extend(start.to_le_bytes());
        bytes.extend(length.to_le_bytes());
    }
    let mut hash = Hash::new();
    hash.update(&bytes);
    bytes[checksum_at..checksum_at + 8].copy_from_slice(&hash.finish().to_le_bytes());
    bytes
}

/// A validated header: where each section lies in the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Sections {
    /// Hash of the content behind the header: tells one snapshot from another.
    pub(super) generation: u64,
    ranges: [(usize, usize); SECTIONS],
}

impl Sections {
    /// Reads the header of a file. All sections lie inside the file then.
    pub(super) fn read(file: Part<'_>) -> Result<Self, Damage> {
        let head: &[u8; HEADER] = file.array(0)?;
        let (version, count) = (u32_at(head, 8)?, u32_at(head, 12)?);
        if head[..8] != MAGIC || version != VERSION || count as usize != SECTIONS {
            return Err(Damage);
        }
        let (generation, length, checksum) =
            (u64_at(head, 16)?, u64_at(head, 24)?, u64_at(head, 32)?);
        let mut hash = Hash::new();
        hash.update(&head[..32]);
        hash.update(&[0; 8]);
        hash.update(&head[40..]);
        if hash.finish() != checksum || length != file.len() as u64 {
            return Err(Damage);
        }
        let mut ranges = [(0, 0); SECTIONS];
        for (n, range) in ranges.iter_mut().enumerate() {
            let (start, length) =
                (u64_at(head, FIXED + n * PLACE)?, u64_at(head, FIXED + n * PLACE + 8)?);
            let start = usize::try_from(start).map_err(|_| Damage)?;
            let length = usize::try_from(length).map_err(|_| Damage)?;
            let end = start.checked_add(length).filter(|end| *end <= file.len()).ok_or(Damage)?;
            *range = (start, end);
        }
        Ok(Self { generation, ranges })
    }

    /// Where `section` lies in the file.
    pub(super) fn range(&self, section: Section) -> Range<usize> {
        let (start, end) = self.ranges[section as usize];
        start..end
    }
}

/// The number at `at`.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Result<u32, Damage> {
    let four = bytes.get(at..).and_then(|rest| rest.first_chunk()).ok_or(Damage)?;
    Ok(u32::from_le_bytes(*four))
}

/// The number at `at`.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> Result<u64, Damage> {
    let eight = bytes.get(at..).and_then(|rest| rest.first_chunk()).ok_or(Damage)?;
    Ok(u64::from_le_bytes(*eight))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn places() -> [(u64, u64); SECTIONS] {
        let mut places = [(HEADER as u64, 0); SECTIONS];
        places[Section::Facts as usize] = (HEADER as u64, 3);
        places
    }

    fn file() -> Vec<u8> {
        let mut file = header(&places(), 7, HEADER as u64 + 3);
        file.extend([1, 2, 3]);
        file
    }

    #[test]
    fn what_was_written_is_read() {
        let file = file();
        assert_eq!(file.len(), HEADER + 3);
        let sections = Sections::read(file.as_slice().into()).unwrap();
        assert_eq!(sections.generation, 7);
        assert_eq!(&file[sections.range(Section::Facts)], [1, 2, 3]);
        assert_eq!(sections.range(Section::Keys), HEADER..HEADER);
    }

    #[test]
    fn every_changed_byte_of_the_header_shows() {
        let whole = file();
        for at in 0..HEADER {
            let mut file = whole.clone();
            file[at] ^= 1;
            assert_eq!(Sections::read(file.as_slice().into()), Err(Damage), "byte {at}");
        }
        for length in 0..whole.len() {
            assert_eq!(Sections::read(whole[..length].into()), Err(Damage), "{length} bytes");
        }
    }

    #[test]
    fn sections_outside_of_the_file_are_damage() {
        for place in [(HEADER as u64, 4), (u64::MAX, 1), (0, u64::MAX), (HEADER as u64 + 4, 0)] {
            let mut places = places();
            places[Section::Lists as usize] = place;
            let mut file = header(&places, 7, HEADER as u64 + 3);
            file.extend([1, 2, 3]);
            assert_eq!(Sections::read(file.as_slice().into()), Err(Damage), "{place:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_refused_quietly(bytes in prop::collection::vec(any::<u8>(), 0..900)) {
            prop_assert_eq!(Sections::read(bytes.as_slice().into()), Err(Damage));
            let _read = (u32_at(&bytes, 3), u64_at(&bytes, usize::MAX));
        }
    }
}
