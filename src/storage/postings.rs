//! Term lists: which patterns and files of a project hold a term, and how often. Hot.
//!
//! A hook may not take longer because the project is large, and a prompt is full of common words.
//! FTS5 visits every row that holds one of them, twice, over all projects. Here a term is one
//! look-up, and its list has what BM25 needs.
//!
//! The lists are a cache. They are written anew, project by project, when a learning run is done;
//! until then they miss what is new, and rows that are gone are not found when they are looked up.

use std::borrow::Cow;

use super::bm25::{B, K1};

/// Fields of a document at most.
pub(super) const FIELDS: usize = 3;

/// Bits of an entry's count byte that each field has; larger counts are cut to what fits.
const FIELD_BITS: [u32; FIELDS] = [2, 2, 4];

/// The kind of document that a list is about. The numbers are stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Corpus {
    /// Fixes and pitfalls; fields: trigger, text.
    Failures = 1,
    /// Decisions; fields: trigger, text.
    Decisions = 2,
    /// Files; fields: path, symbols, words of prompts that changed them.
    Files = 3,
}

impl Corpus {
    /// All of them, in the order of their numbers.
    pub(super) const ALL: [Self; 3] = [Self::Failures, Self::Decisions, Self::Files];

    /// The documents of a project, as (row, two fields), in the order of their rows.
    pub(super) fn documents(self) -> &'static str {
        match self {
            Self::Failures => {
                "SELECT row, trigger, text FROM patterns
                 WHERE (project = ?1 OR project IS NULL) AND kind IN (1, 2) AND state = 1
                 ORDER BY row"
            }
            Self::Decisions => {
                "SELECT row, trigger, text FROM patterns
                 WHERE (project = ?1 OR project IS NULL) AND kind = 5 AND state = 1
                 ORDER BY row"
            }
            Self::Files => "SELECT id, path, '' FROM files WHERE project = ?1 ORDER BY id",
        }
    }
}

/// A project's documents of one corpus, by number, in the form in which they are stored: the rows
/// (four bytes each), then the lengths in terms (two bytes each).
#[derive(Debug)]
pub(crate) struct Directory<'a> {
    bytes: Cow<'a, [u8]>,
    documents: u32,
    /// Mean length, at least 1.
    mean: f32,
}

/// The stored form of a directory of documents with these rows and lengths.
pub(super) fn directory(rows: &[u32], lengths: &[u16]) -> Vec<u8> {
    let rows = rows.iter().flat_map(|row| row.to_le_bytes());
    rows.chain(lengths.iter().flat_map(|length| length.to_le_bytes())).collect()
}

impl<'a> Directory<'a> {
    pub(super) fn new(bytes: Cow<'a, [u8]>) -> Self {
        let documents = bytes.len() / 6;
        let lengths = bytes[documents * 4..documents * 6].as_chunks().0;
        let total: u64 = lengths.iter().map(|length| u64::from(u16::from_le_bytes(*length))).sum();
        let mean = (total as f32 / documents.max(1) as f32).max(1.0);
        Self { bytes, documents: u32::try_from(documents).unwrap_or(u32::MAX), mean }
    }

    /// How many documents there are.
    pub(super) fn documents(&self) -> u32 {
        self.documents
    }

    /// Row of a document; 0, which no row has, for one that there is not.
    pub(super) fn row(&self, document: u32) -> u32 {
        let row = self.bytes.as_chunks().0.get(document as usize);
        row.map_or(0, |row| u32::from_le_bytes(*row))
    }

    /// What BM25 adds to a term's count below the line.
    pub(super) fn norm(&self, document: u32) -> f32 {
        let lengths = self.bytes[self.documents as usize * 4..].as_chunks().0;
        let length = lengths.get(document as usize).map_or(0, |length| u16::from_le_bytes(*length));
        K1 * (1.0 - B + B * f32::from(length) / self.mean)
    }
}

/// The entries of one term: pairs of a document's distance from the one before (LEB128) and its
/// counts in the fields (one byte).
#[derive(Debug, Default)]
pub(super) struct List {
    /// The form in which it is stored.
    pub(super) bytes: Vec<u8>,
    /// How many entries it has.
    pub(super) entries: u32,
    /// One past the document of the last entry.
    next: u32,
}

impl List {
    /// Counts the term once more in a field of `document`, which is the last one or a later one.
    pub(super) fn count(&mut self, document: u32, field: usize) {
        if self.entries == 0 || self.next != document + 1 {
            let mut distance = document - self.next;
            while distance >= 0x80 {
                self.bytes.push(distance as u8 | 0x80);
                distance >>= 7;
            }
            self.bytes.extend([distance as u8, 0]);
            self.entries += 1;
            self.next = document + 1;
        }
        let counts = self.bytes.last_mut().expect("an entry was just made sure of");
        let shift: u32 = FIELD_BITS[..field].iter().sum();
        let most = (1_u8 << FIELD_BITS[field]) - 1;
        if *counts >> shift & most < most {
            *counts += 1 << shift;
        }
    }
}

/// Reads the entries of a stored [`List`] from the first to the last. A damaged list ends early.
#[derive(Clone, Debug)]
pub(super) struct Entries<'a> {
    rest: &'a [u8],
    /// The entry that is looked at, until it is taken: its document and its counts.
    ahead: Option<(u32, u8)>,
}

impl<'a> Entries<'a> {
    pub(super) fn new(list: &'a [u8]) -> Self {
        let mut entries = Self { rest: list, ahead: None };
        entries.ahead = entries.decode(0);
        entries
    }

    /// Takes the next entry when its document comes before `end`.
    pub(super) fn next_before(&mut self, end: u32) -> Option<(u32, u8)> {
        let (document, counts) = self.ahead.filter(|(document, _)| *document < end)?;
        self.ahead = document.checked_add(1).and_then(|next| self.decode(next));
        Some((document, counts))
    }

    /// The counts of `document`, which comes after those that were taken or asked for before.
    pub(super) fn of(&mut self, document: u32) -> Option<u8> {
        while self.next_before(document).is_some() {}
        self.ahead.filter(|(ahead, _)| *ahead == document).map(|(_, counts)| counts)
    }

    fn decode(&mut self, next: u32) -> Option<(u32, u8)> {
        // Nearly all distances are short.
        if let [distance @ 0..0x80, counts, rest @ ..] = self.rest {
            self.rest = rest;
            return Some((next.checked_add((*distance).into())?, *counts));
        }
        let (mut distance, mut shift) = (0_u32, 0);
        loop {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            distance |= u32::from(byte & 0x7f).checked_shl(shift)?;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let (counts, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some((next.checked_add(distance)?, *counts))
    }
}

/// For every count byte, the weighted count over all fields and the count of each.
pub(super) fn counts_table(weights: [f32; FIELDS]) -> Vec<[f32; 1 + FIELDS]> {
    (0..=u8::MAX)
        .map(|counts| {
            let mut row = [0.0; 1 + FIELDS];
            let mut shift = 0;
            for field in 0..FIELDS {
                let most = (1_u8 << FIELD_BITS[field]) - 1;
                let count = f32::from(counts >> shift & most);
                row[0] += weights[field] * count;
                row[1 + field] = count;
                shift += FIELD_BITS[field];
            }
            row
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All entries of a stored list.
    fn all(bytes: &[u8]) -> Vec<(u32, u8)> {
        let mut entries = Entries::new(bytes);
        std::iter::from_fn(|| entries.next_before(u32::MAX)).collect()
    }

    proptest! {
        #[test]
        fn lists_hold_what_was_counted(
            documents in prop::collection::btree_map(
                0_u32..100_000,
                prop::collection::vec(0_usize..FIELDS, 1..40),
                0..30,
            )
        ) {
            let mut list = List::default();
            let mut expected = Vec::new();
            for (document, fields) in &documents {
                let mut counts = [0_u8; FIELDS];
                for field in fields {
                    list.count(*document, *field);
                    counts[*field] += 1;
                }
                let cut = |n: usize| counts[n].min((1 << FIELD_BITS[n]) - 1);
                expected.push((*document, cut(0) | cut(1) << 2 | cut(2) << 4));
            }
            prop_assert_eq!(list.entries as usize, expected.len());
            prop_assert_eq!(&all(&list.bytes), &expected);
            let mut entries = Entries::new(&list.bytes);
            for document in (0..100_000).step_by(7) {
                let counts = expected.iter().find(|(d, _)| *d == document).map(|(_, c)| *c);
                prop_assert_eq!(entries.of(document), counts);
            }
        }

        #[test]
        fn damaged_lists_end(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let read = all(&bytes);
            prop_assert!(read.len() <= bytes.len());
            prop_assert!(read.is_sorted_by(|a, b| a.0 < b.0));
            let directory = Directory::new(bytes.into());
            prop_assert!(directory.mean >= 1.0);
            for document in 0..directory.documents() + 2 {
                prop_assert!(directory.norm(document) > 0.0);
                let _row = directory.row(document);
            }
        }
    }
}
