//! Term lists: which patterns and files of a project hold a term, and how often. Hot.
//!
//! A hook may not take longer because the project is large, and a prompt is full of common words.
//! FTS5 visits every row that holds one of them, twice, over all projects. Here a term is one
//! look-up, and its list has what BM25 needs.
//!
//! The lists are a cache. They are written anew, project by project, when a learning run is done
//! ([`super::listing`]), many to a row ([`super::runs`]); until then they miss what is new, and rows
//! that are gone are not found when they are looked up.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::bm25::{B, K1};
use crate::model::pattern::{Kind, State};

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
    /// Episodes; fields: the prompt, what it led to.
    Episodes = 4,
}

impl Corpus {
    /// All of them, in the order of their numbers.
    pub(super) const ALL: [Self; 4] =
        [Self::Failures, Self::Decisions, Self::Files, Self::Episodes];

    /// Its place among [`Self::ALL`].
    pub(super) fn index(self) -> usize {
        self as usize - 1
    }

    /// Whether its documents are also found by what they mean. Errors and commands are not: their
    /// words tell, and a second opinion made the answers worse.
    pub(super) fn has_meaning(self) -> bool {
        matches!(self, Self::Decisions | Self::Episodes)
    }

    /// The corpus to which patterns of a kind in a state belong, by their stored numbers.
    pub(super) fn of(kind: i64, state: i64) -> Option<Self> {
        const ACTIVE: i64 = State::Active as i64;
        match (Kind::from_number(kind)?, state) {
            (Kind::Fix | Kind::Pitfall, ACTIVE) => Some(Self::Failures),
            (Kind::Decision, ACTIVE) => Some(Self::Decisions),
            (Kind::Episode, ACTIVE) => Some(Self::Episodes),
            _ => None,
        }
    }

    /// The column that says what a document means, 1 the trigger and 2 the text: what the user
    /// said.
    pub(super) fn meaningful(self) -> usize {
        if self == Self::Episodes { 1 } else { 2 }
    }
}

/// A project's documents of one corpus, by number, in the form in which they are stored: the sum of
/// their lengths (eight bytes), their rows (four bytes each), then their lengths in terms (two bytes
/// each).
#[derive(Debug)]
pub(crate) struct Directory<'a> {
    bytes: Cow<'a, [u8]>,
    documents: u32,
    /// What BM25 adds to a term's count below the line: a part for every document, and one for
    /// each term that it has.
    norm: (f32, f32),
}

/// The stored form of a document's length.
type Length = [u8; 2];

/// Bytes of the sum.
const SUM: usize = 8;

/// Bytes of a document's row and length.
const DOCUMENT: usize = 4 + 2;

/// The stored form of a directory of documents with these rows and lengths.
pub(super) fn directory(rows: &[u32], lengths: &[u16]) -> Vec<u8> {
    let sum: u64 = lengths.iter().copied().map(u64::from).sum();
    let mut bytes = Vec::with_capacity(SUM + rows.len() * DOCUMENT);
    bytes.extend(sum.to_le_bytes());
    bytes.extend(rows.iter().flat_map(|row| row.to_le_bytes()));
    bytes.extend(lengths.iter().flat_map(|length| length.to_le_bytes()));
    bytes
}

impl<'a> Directory<'a> {
    pub(super) fn new(bytes: Cow<'a, [u8]>) -> Self {
        let sum = bytes.first_chunk().map_or(0, |sum| u64::from_le_bytes(*sum));
        let documents = bytes.len().saturating_sub(SUM) / DOCUMENT;
        let mean = (sum as f32 / documents.max(1) as f32).max(1.0);
        let norm = (K1 * (1.0 - B), K1 * B / mean);
        Self { bytes, documents: u32::try_from(documents).unwrap_or(u32::MAX), norm }
    }

    /// The form in which it is stored.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many documents there are.
    pub(super) fn documents(&self) -> u32 {
        self.documents
    }

    /// Row of a document; 0, which no row has, for one that there is not.
    pub(super) fn row(&self, document: u32) -> u32 {
        let row = self.bytes.get(SUM..).and_then(|rows| rows.as_chunks().0.get(document as usize));
        row.map_or(0, |row| u32::from_le_bytes(*row))
    }

    /// The lengths of all documents, in terms.
    pub(super) fn lengths(&self) -> &[Length] {
        let documents = self.documents as usize;
        self.bytes
            .get(SUM + documents * 4..)
            .map_or(&[], |lengths| &lengths.as_chunks().0[..documents])
    }

    /// What BM25 adds to a term's count below the line, in a document of this length.
    #[inline]
    pub(super) fn norm(&self, length: Length) -> f32 {
        self.norm.0 + self.norm.1 * f32::from(u16::from_le_bytes(length))
    }
}

/// The entries of one term: pairs of a document's distance from the one before (LEB128) and its
/// counts in the fields (one byte).
#[derive(Debug, Default)]
pub(super) struct List {
    /// The form in which it is stored. Most lists have a few entries.
    pub(super) bytes: SmallVec<[u8; 16]>,
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
#[derive(Clone, Copy, Debug)]
pub(super) struct Entries<'a> {
    rest: &'a [u8],
    /// The document from which the next distance counts.
    from: u32,
}

impl<'a> Entries<'a> {
    pub(super) fn new(list: &'a [u8]) -> Self {
        Self { rest: list, from: 0 }
    }

    /// Takes the entries of documents before `end`, each with its counts; says whether there are
    /// any.
    ///
    /// This is the loop in which a search spends its time.
    #[inline]
    pub(super) fn take_before(&mut self, end: u32, take: &mut impl Take) -> bool {
        // Kept in registers.
        let Self { mut rest, mut from } = *self;
        loop {
            while let Some((documents, counts, after)) = four(rest, from)
                && documents[3] < end
            {
                take.take(documents, counts);
                (rest, from) = (after, documents[3] + 1);
            }
            let Some((document, counts, after)) = entry(rest, from) else { break };
            if document >= end {
                break;
            }
            take.take([document], [counts]);
            (rest, from) = (after, document + 1);
        }
        let taken = rest.len() < self.rest.len();
        *self = Self { rest, from };
        taken
    }

    /// Goes on to the first entry of `document` or of a later one; its counts if it is that one.
    #[inline]
    pub(super) fn at(&mut self, document: u32) -> Option<u8> {
        while let Some((documents, _, after)) = four(self.rest, self.from)
            && documents[3] < document
        {
            *self = Self { rest: after, from: documents[3] + 1 };
        }
        while let Some((next, counts, after)) = entry(self.rest, self.from)
            && next <= document
        {
            *self = Self { rest: after, from: next.saturating_add(1) };
            if next == document {
                return Some(counts);
            }
        }
        None
    }
}

/// Takes entries, several at a time where that is faster.
pub(super) trait Take {
    /// Takes the next entries: their documents, ascending, and the counts of each.
    fn take<const N: usize>(&mut self, documents: [u32; N], counts: [u8; N]);
}

/// The first four entries of `rest`, where distances count from `from`, and what comes after them;
/// `None` when there are fewer or one of the distances is long.
#[inline]
fn four(rest: &[u8], from: u32) -> Option<([u32; 4], [u8; 4], &[u8])> {
    const DISTANCES: u64 = 0x00ff_00ff_00ff_00ff;
    const LONG: u64 = 0x0080_0080_0080_0080;
    let (bytes, after) = rest.split_first_chunk()?;
    let bytes = u64::from_le_bytes(*bytes);
    if bytes & LONG != 0 {
        return None;
    }
    // Each of the four pairs of bytes becomes the sum of the distances up to it.
    let sums = (bytes & DISTANCES).wrapping_mul(0x0001_0001_0001_0001);
    let last = from.checked_add((sums >> 48) as u32 + 3)?;
    let at = |n: u32| from + (sums >> (16 * n) & 0xffff) as u32 + n;
    let counts =
        [(bytes >> 8) as u8, (bytes >> 24) as u8, (bytes >> 40) as u8, (bytes >> 56) as u8];
    Some(([at(0), at(1), at(2), last], counts, after))
}

/// The first entry of `rest`, where distances count from `from`: its document and counts, and what
/// comes after it.
#[inline]
fn entry(rest: &[u8], from: u32) -> Option<(u32, u8, &[u8])> {
    // Nearly all distances are short.
    let (distance, counts, after) = match rest {
        [distance @ 0..0x80, counts, after @ ..] => (u32::from(*distance), *counts, after),
        _ => long(rest)?,
    };
    Some((from.saturating_add(distance), counts, after))
}

/// The first entry of a list, as its distance and its counts, and what comes after it.
#[cold]
fn long(mut rest: &[u8]) -> Option<(u32, u8, &[u8])> {
    let (mut distance, mut shift) = (0_u32, 0);
    loop {
        let byte;
        (byte, rest) = rest.split_first()?;
        distance |= u32::from(byte & 0x7f).checked_shl(shift)?;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let (counts, rest) = rest.split_first()?;
    Some((distance, *counts, rest))
}

/// The count in each field that a count byte holds.
#[inline]
pub(super) fn counts_of(counts: u8) -> [f32; FIELDS] {
    let mut found = [0.0; FIELDS];
    let mut rest = u32::from(counts);
    for (count, bits) in found.iter_mut().zip(FIELD_BITS) {
        *count = (rest & ((1 << bits) - 1)) as f32;
        rest >>= bits;
    }
    found
}

/// For every count byte, the weighted count over all fields.
pub(super) const fn weighted_counts(weights: [f32; FIELDS]) -> [f32; 256] {
    let mut table = [0.0; 256];
    let mut counts = 0;
    while counts < table.len() {
        let (mut field, mut rest) = (0, counts);
        while field < FIELDS {
            table[counts] += weights[field] * (rest & ((1 << FIELD_BITS[field]) - 1)) as f32;
            rest >>= FIELD_BITS[field];
            field += 1;
        }
        counts += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All entries of a stored list.
    fn all(bytes: &[u8]) -> Vec<(u32, u8)> {
        struct All(Vec<(u32, u8)>);
        impl Take for All {
            fn take<const N: usize>(&mut self, documents: [u32; N], counts: [u8; N]) {
                self.0.extend(documents.into_iter().zip(counts));
            }
        }
        let mut all = All(Vec::new());
        Entries::new(bytes).take_before(u32::MAX, &mut all);
        all.0
    }

    /// How many entries were taken.
    struct Counted(usize);

    impl Take for Counted {
        fn take<const N: usize>(&mut self, _: [u32; N], _: [u8; N]) {
            self.0 += N;
        }
    }

    proptest! {
        #[test]
        fn lists_hold_what_was_counted(
            documents in prop::collection::btree_map(
                prop_oneof![0_u32..80, 0_u32..100_000],
                prop::collection::vec(0_usize..FIELDS, 1..40),
                0..60,
            ),
            ends in prop::collection::vec(0_u32..200, 0..6),
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
            for document in (0..90).chain(expected.iter().map(|(document, _)| *document).skip(40)) {
                let counts = expected.iter().find(|(known, _)| *known == document);
                prop_assert_eq!(
                    entries.at(document), counts.map(|(_, counts)| *counts), "{}", document
                );
            }
            let mut ends = ends;
            ends.sort_unstable();
            let (mut entries, mut parts) = (Entries::new(&list.bytes), Counted(0));
            for end in ends {
                entries.take_before(end, &mut parts);
                let before = expected.iter().filter(|(document, _)| *document < end).count();
                prop_assert_eq!(parts.0, before);
            }
        }

        #[test]
        fn damaged_lists_end(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let read = all(&bytes);
            prop_assert!(read.len() <= bytes.len());
            prop_assert!(read.is_sorted_by(|a, b| a.0 < b.0));
            let directory = Directory::new(bytes.into());
            prop_assert_eq!(directory.lengths().len(), directory.documents() as usize);
            for document in 0..directory.documents() + 2 {
                let _row = directory.row(document);
            }
        }
    }
}
