//! Vectors of a project's documents, in the form in which they are stored and searched. Hot.
//!
//! Documents are grouped in lists around centroids (an inverted file: Jégou, Douze and Schmid,
//! 2011, without the product quantiser), and a search looks into the lists whose centroids are
//! nearest. Up to a thousand documents there is one list, and the search is exact.
//!
//! Nothing in the bytes is believed: what leads outside of them is not there.

mod build;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::fmt;

use super::error::StorageError;
use crate::model::vector::{DIMENSIONS, Probe, Quantised};

pub(super) use build::build;

/// Bytes before the centroids: space (8), documents (4), lists (4).
const HEADER: usize = 16;

/// Bytes of a vector: scale (4), integers.
const VECTOR: usize = 4 + DIMENSIONS;

/// Bytes of an entry of a list: document (4), vector.
pub(super) const ENTRY: usize = 4 + VECTOR;

/// Lists that a search looks into, as a share of all: one of so many.
const SHARE: usize = 8;

/// The most lists that a search looks into. What it then misses, of very many documents, words may
/// still find.
const PROBES: usize = 12;

/// The most vectors that a search compares, but for those of the nearest list: some lists are many
/// times as long as others.
const ENTRIES: usize = 4_096;

/// Documents whose cosines are kept, but for the nearest: words find many of those that lie near, and
/// asking for one again takes a read.
const COMPARED: usize = 1_024;

/// Entries that are read at once, where they are read: 16 kB.
const AT_ONCE: usize = (16 << 10) / ENTRY;

/// The vectors of a corpus of documents, which are numbered as in its directory.
pub(crate) struct Dense<'a> {
    /// All but the entries: space and counts, centroids, where each list begins, and for each
    /// document its entry. Behind them the entries, if they are in one piece with it.
    bytes: Cow<'a, [u8]>,
    space: u64,
    documents: usize,
    lists: usize,
    /// The entries, where they are elsewhere.
    apart: Option<Apart<'a>>,
    /// How entries are read, where they are not looked at in `bytes`.
    fill: Option<Fill<'a>>,
}

/// What was found near to a vector.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Neighbours {
    /// The nearest documents with their cosines, nearest first; of two as near the earlier one.
    pub(super) nearest: Vec<(u32, f32)>,
    /// The lists that were searched.
    lists: Vec<usize>,
    /// The cosines of their entries, the first [`COMPARED`] of them.
    compared: Vec<f32>,
}

/// Reads the entries of a list.
type Read<'a> = Box<dyn Fn(usize) -> Result<Vec<u8>, StorageError> + 'a>;

/// Fills what it is given with the bytes from a place in all of them on.
type Fill<'a> = Box<dyn Fn(usize, &mut [u8]) -> Result<(), StorageError> + 'a>;

/// Entries that are read list by list, each list once.
struct Apart<'a> {
    read: Read<'a>,
    lists: Vec<OnceCell<Vec<u8>>>,
}

impl fmt::Debug for Dense<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { space, documents, lists, .. } = self;
        write!(f, "Dense {{ {documents} documents in {lists} lists of space {space:x} }}")
    }
}

impl<'a> Dense<'a> {
    /// The vectors in `bytes`; `None` when they cannot be that.
    pub(super) fn new(bytes: Cow<'a, [u8]>) -> Option<Self> {
        let (head, _) = bytes.split_first_chunk::<HEADER>()?;
        let (space, counts) = head.split_first_chunk::<8>()?;
        let [documents, lists] = *counts.as_chunks::<4>().0 else { return None };
        let (documents, lists) = (u32::from_le_bytes(documents), u32::from_le_bytes(lists));
        let (documents, lists) = (documents as usize, lists as usize);
        let space = u64::from_le_bytes(*space);
        let fixed = lists
            .checked_mul(VECTOR + 4)?
            .checked_add(4)?
            .checked_add(HEADER)?
            .checked_add(documents.checked_mul(4)?)?;
        let whole = Self { bytes, space, documents, lists, apart: None, fill: None };
        (fixed <= whole.bytes.len()).then_some(whole)
    }

    /// The same, where `fill` brings entries, told by where they begin in the bytes, more cheaply than
    /// they are looked at: the bytes are mapped, and a fault brings far more than is asked for.
    pub(super) fn filled(
        self,
        fill: impl Fn(usize, &mut [u8]) -> Result<(), StorageError> + 'a,
    ) -> Self {
        Self { fill: Some(Box::new(fill)), ..self }
    }

    /// The vectors whose entries `read` brings, list by list, while `head` is all the rest.
    pub(super) fn apart(
        head: Vec<u8>,
        read: impl Fn(usize) -> Result<Vec<u8>, StorageError> + 'a,
    ) -> Option<Self> {
        let head = Self::new(head.into())?;
        let lists = (0..head.lists).map(|_| OnceCell::new()).collect();
        Some(Self { apart: Some(Apart { read: Box::new(read), lists }), ..head })
    }

    /// All but the entries, and the entries of each list, of vectors in one piece.
    pub(super) fn parts(&self) -> (&[u8], impl Iterator<Item = &[u8]>) {
        let (head, entries) = self.bytes.split_at(self.start_of_entries());
        let entries = move |list| {
            let (start, end) = self.range(list);
            entries.get(start * ENTRY..end * ENTRY).unwrap_or_default()
        };
        (head, (0..self.lists).map(entries))
    }

    /// Names the space of the vectors.
    pub(super) fn space(&self) -> u64 {
        self.space
    }

    fn centroids(&self) -> &[[u8; VECTOR]] {
        self.bytes[HEADER..][..self.lists * VECTOR].as_chunks().0
    }

    /// Where each list begins, in entries, and where the last one ends.
    fn starts(&self) -> &[[u8; 4]] {
        self.bytes[HEADER + self.lists * VECTOR..][..(self.lists + 1) * 4].as_chunks().0
    }

    /// For each document one more than its entry; 0 for one without a vector.
    fn places(&self) -> &[[u8; 4]] {
        let start = HEADER + self.lists * (VECTOR + 4) + 4;
        self.bytes[start..][..self.documents * 4].as_chunks().0
    }

    fn start_of_entries(&self) -> usize {
        HEADER + self.lists * (VECTOR + 4) + 4 + self.documents * 4
    }

    /// All entries, where they are in one piece with the rest.
    fn entries(&self) -> &[[u8; ENTRY]] {
        self.bytes[self.start_of_entries()..].as_chunks().0
    }

    /// Where a list begins and ends, in entries.
    fn range(&self, list: usize) -> (usize, usize) {
        let at = |n| self.starts().get(n).map_or(0, |at| u32::from_le_bytes(*at) as usize);
        (at(list), at(list + 1))
    }

    /// How many entries a list says that it has.
    fn length(&self, list: usize) -> usize {
        let (start, end) = self.range(list);
        end.saturating_sub(start)
    }

    /// The entries of a list.
    fn list(&self, list: usize) -> Result<&[[u8; ENTRY]], StorageError> {
        let Some(apart) = &self.apart else {
            let (start, end) = self.range(list);
            return Ok(self.entries().get(start..end).unwrap_or_default());
        };
        let Some(kept) = apart.lists.get(list) else { return Ok(&[]) };
        let bytes = if let Some(bytes) = kept.get() {
            bytes
        } else {
            let read = (apart.read)(list)?;
            kept.get_or_init(|| read)
        };
        Ok(bytes.as_chunks().0)
    }

    /// The documents whose vectors are nearest to `query`.
    ///
    /// # Errors
    /// When entries cannot be read.
    pub(super) fn nearest(
        &self,
        query: &Quantised,
        limit: usize,
    ) -> Result<Neighbours, StorageError> {
        let query = query.probe();
        let mut found: Vec<(u32, f32)> = Vec::with_capacity(limit.min(64) + 1);
        let lists: Vec<usize> = self.probed(&query, ENTRIES).collect();
        let lengths = || lists.iter().map(|list| self.length(*list));
        let mut compared = Vec::with_capacity(lengths().sum::<usize>().min(COMPARED));
        let mut take = |entries: &[[u8; ENTRY]]| {
            for entry in entries {
                let (document, vector) = entry.split_first_chunk::<4>().expect("it is longer");
                let document = u32::from_le_bytes(*document);
                let vector = vector.first_chunk().expect("it is that long");
                let cosine = probe(&query, vector);
                insert(&mut found, (document, cosine), limit);
                if compared.len() < COMPARED {
                    compared.push(cosine);
                }
            }
        };
        // Asked for last and given back first, so that a hook's memory is used again.
        let longest = lengths().max().filter(|_| self.fill.is_some());
        let mut room = vec![[0; ENTRY]; longest.unwrap_or(0).min(AT_ONCE)];
        for list in &lists {
            let Some(fill) = &self.fill else {
                take(self.list(*list)?);
                continue;
            };
            let (start, _) = self.range(*list);
            let end = start + self.list(*list)?.len();
            for start in (start..end).step_by(AT_ONCE) {
                let entries = &mut room[..AT_ONCE.min(end - start)];
                fill(self.start_of_entries() + start * ENTRY, entries.as_flattened_mut())?;
                take(entries);
            }
        }
        drop(room);
        Ok(Neighbours { nearest: found, lists, compared })
    }

    /// The lists that are searched for `query`, that with the nearest centroid first, and of the
    /// others as many as have `most` entries with it.
    fn probed(&self, query: &Probe, most: usize) -> impl Iterator<Item = usize> + use<'_> {
        let probes = (self.lists / SHARE).clamp(1, PROBES);
        let mut lists: Vec<(u32, f32)> = Vec::with_capacity(probes + 1);
        for (list, centroid) in (0..).zip(self.centroids()) {
            insert(&mut lists, (list, probe(query, centroid)), probes);
        }
        let mut entries = 0;
        lists.into_iter().map(|(list, _)| list as usize).take_while(move |list| {
            let nearest = entries == 0;
            entries += self.length(*list);
            nearest || entries <= most
        })
    }

    /// The place of a document's entry; `None` when it has no vector.
    fn place(&self, document: u32) -> Option<u32> {
        u32::from_le_bytes(*self.places().get(document as usize)?).checked_sub(1)
    }

    /// The cosine of a document, which [`Self::cosine`] says, where it is known by now.
    pub(super) fn known_cosine(&self, neighbours: &Neighbours, document: u32) -> Option<f32> {
        let place = self.place(document)? as usize;
        let mut before = 0;
        for list in &neighbours.lists {
            let (start, end) = self.range(*list);
            if (start..end).contains(&place) {
                let compared = neighbours.compared.get(before + place - start);
                let mut nearest = neighbours.nearest.iter();
                return compared.copied().or_else(|| {
                    nearest.find_map(|(known, cosine)| (*known == document).then_some(*cosine))
                });
            }
            before += self.length(*list);
        }
        None
    }

    /// The cosine of `query` and a document; `None` when the document has no vector.
    ///
    /// # Errors
    /// When its entry cannot be read.
    pub(super) fn cosine(
        &self,
        query: &Quantised,
        document: u32,
    ) -> Result<Option<f32>, StorageError> {
        let Some(place) = self.place(document) else { return Ok(None) };
        let of = |entry: &[u8; ENTRY]| Some(cosine(query, entry.last_chunk()?));
        if let Some(fill) = &self.fill
            && self.entries().len() > place as usize
        {
            let mut entry = [0; ENTRY];
            fill(self.start_of_entries() + place as usize * ENTRY, &mut entry)?;
            return Ok(of(&entry));
        }
        Ok(self.entry(place as usize)?.and_then(of))
    }

    /// The entry at a place.
    fn entry(&self, place: usize) -> Result<Option<&[u8; ENTRY]>, StorageError> {
        if self.apart.is_none() {
            return Ok(self.entries().get(place));
        }
        let begins = |at: &[u8; 4]| u32::from_le_bytes(*at) as usize <= place;
        let list = self.starts().partition_point(begins).saturating_sub(1);
        let (start, _) = self.range(list);
        let Some(at) = place.checked_sub(start) else { return Ok(None) };
        Ok(self.list(list)?.get(at))
    }
}

fn cosine(query: &Quantised, vector: &[u8; VECTOR]) -> f32 {
    let (scale, integers) = vector.split_first_chunk::<4>().expect("a vector is longer");
    let integers = integers.first_chunk().expect("a vector is that long");
    query.cosine(integers, f32::from_le_bytes(*scale))
}

/// As [`cosine`], for one that is asked often.
#[inline]
fn probe(query: &Probe, vector: &[u8; VECTOR]) -> f32 {
    let (scale, integers) = vector.split_first_chunk::<4>().expect("a vector is longer");
    let integers = integers.first_chunk().expect("a vector is that long");
    query.cosine(integers, f32::from_le_bytes(*scale))
}

/// Puts a document, or a list, among the `limit` best.
#[inline]
fn insert(found: &mut Vec<(u32, f32)>, new: (u32, f32), limit: usize) {
    let before = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if found.len() >= limit && found.last().is_none_or(|last| before(last, &new).is_le()) {
        return;
    }
    let place = found.partition_point(|known| before(known, &new).is_le());
    found.insert(place, new);
    found.truncate(limit);
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::model::vector::Vector;

    /// A vector near one of `groups` directions.
    fn vector(n: usize, groups: usize) -> Quantised {
        let mut state = (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut noise = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 40) as f32 / (1 << 24) as f32 - 0.5
        };
        let group = n % groups;
        let values = std::array::from_fn(|d| {
            let wave = ((d * (group + 1)) as f32 * 0.37 + group as f32).sin();
            wave + noise()
        });
        Vector::normalised(values).unwrap().quantised()
    }

    fn vectors(count: usize, groups: usize) -> Vec<Option<Quantised>> {
        (0..count).map(|n| (n % 10 != 9).then(|| vector(n, groups))).collect()
    }

    fn exactly(vectors: &[Option<Quantised>], query: &Quantised, limit: usize) -> Vec<u32> {
        let mut found = Vec::new();
        for (document, vector) in (0_u32..).zip(vectors) {
            if let Some(vector) = vector {
                let new = (document, query.cosine(&vector.integers, vector.scale));
                insert(&mut found, new, limit);
            }
        }
        found.into_iter().map(|(document, _)| document).collect()
    }

    #[test]
    fn few_documents_are_searched_exactly() {
        let vectors = vectors(300, 7);
        let bytes = build(9, &vectors);
        let dense = Dense::new(bytes.into()).unwrap();
        assert_eq!(dense.space(), 9);
        for n in 0..40 {
            let query = vector(1_000 + n, 7);
            let found = dense.nearest(&query, 12).unwrap();
            for document in 0..300 {
                let cosine = dense.cosine(&query, document).unwrap();
                let known = dense.known_cosine(&found, document);
                assert_eq!(known, cosine, "one list has all of them");
            }
            let found = found.nearest;
            let documents: Vec<u32> = found.iter().map(|(document, _)| *document).collect();
            assert_eq!(documents, exactly(&vectors, &query, 12));
            for (document, near) in found {
                assert_eq!(dense.cosine(&query, document).unwrap(), Some(near));
            }
        }
        assert_eq!(dense.cosine(&vector(1, 7), 9).unwrap(), None, "it has no vector");
        assert_eq!(dense.cosine(&vector(1, 7), 300).unwrap(), None);
        assert_eq!(dense.nearest(&vector(1, 7), 0).unwrap().nearest, []);
    }

    #[test]
    fn of_many_documents_nearly_all_nearest_are_found() {
        let vectors = vectors(4_000, 90);
        let bytes = build(9, &vectors);
        assert_eq!(bytes, build(9, &vectors), "the same documents make the same bytes");
        let dense = Dense::new(bytes.into()).unwrap();
        assert!(dense.lists > 16);
        let (mut found, mut all) = (0, 0);
        for n in 0..60 {
            let query = vector(10_000 + n, 90);
            let nearest = exactly(&vectors, &query, 10);
            let searched = dense.nearest(&query, 10).unwrap();
            assert!(searched.lists.len() > 1 && searched.compared.len() <= COMPARED);
            let known = (0..4_000).filter(|document| {
                let known = dense.known_cosine(&searched, *document);
                assert!(known.is_none() || known == dense.cosine(&query, *document).unwrap());
                known.is_some()
            });
            assert_eq!(known.count(), searched.compared.len());
            // Of very many that were compared only the nearest are kept beside the first ones.
            let cut = Neighbours { compared: Vec::new(), ..searched };
            for (document, cosine) in &cut.nearest {
                assert_eq!(dense.known_cosine(&cut, *document), Some(*cosine));
            }
            let searched = cut.nearest;
            all += nearest.len();
            found += nearest.iter().filter(|n| searched.iter().any(|(d, _)| d == *n)).count();
        }
        assert!(found * 10 >= all * 9, "{found} of {all}");
    }

    #[test]
    fn entries_that_are_read_list_by_list_say_the_same() {
        let vectors = vectors(3_000, 40);
        let bytes = build(9, &vectors);
        let whole = Dense::new(bytes.as_slice().into()).unwrap();
        let (head, lists) = whole.parts();
        let lists: Vec<Vec<u8>> = lists.map(<[u8]>::to_vec).collect();
        assert_eq!([head, &lists.concat()].concat(), bytes);
        let asked = RefCell::new(Vec::new());
        let read = |list: usize| {
            asked.borrow_mut().push(list);
            Ok(lists[list].clone())
        };
        let apart = Dense::apart(head.to_vec(), read).unwrap();
        for n in 0..10 {
            let query = vector(5_000 + n, 40);
            assert_eq!(apart.nearest(&query, 9).unwrap(), whole.nearest(&query, 9).unwrap());
        }
        let some = asked.borrow().len();
        assert!(some < lists.len(), "{some} of {}", lists.len());
        for document in 0..3_001 {
            let query = vector(1, 40);
            let cosines = [&apart, &whole].map(|dense| dense.cosine(&query, document).unwrap());
            assert_eq!(cosines[0], cosines[1], "{document}");
        }
        let once = asked.borrow().iter().collect::<BTreeSet<_>>().len();
        assert_eq!(asked.borrow().len(), once, "each list is read once");

        let broken = |_| Err(StorageError::Missing { path: "x".into() });
        let apart = Dense::apart(head.to_vec(), broken).unwrap();
        assert!(apart.nearest(&vector(1, 40), 9).is_err());
        assert!(apart.cosine(&vector(1, 40), 0).is_err());
    }

    #[test]
    fn entries_that_are_read_where_they_are_asked_for_say_the_same() {
        for (count, groups) in [(1_500, 40), (900, 1)] {
            let vectors = vectors(count, groups);
            let bytes = build(9, &vectors);
            let whole = Dense::new(bytes.as_slice().into()).unwrap();
            let asked = RefCell::new(Vec::new());
            let fill = |at: usize, entries: &mut [u8]| {
                asked.borrow_mut().push(entries.len() / ENTRY);
                entries.copy_from_slice(&bytes[at..][..entries.len()]);
                Ok(())
            };
            let filled = Dense::new(bytes.as_slice().into()).unwrap().filled(fill);
            let query = vector(1, groups);
            for document in 0..=count as u32 {
                let cosines =
                    [&filled, &whole].map(|dense| dense.cosine(&query, document).unwrap());
                assert_eq!(cosines[0], cosines[1], "{document}");
            }
            assert_eq!(asked.take(), vec![1; vectors.iter().flatten().count()]);
            assert_eq!(filled.nearest(&query, 9).unwrap(), whole.nearest(&query, 9).unwrap());
            let probe = query.probe();
            let compared: usize =
                whole.probed(&probe, ENTRIES).map(|list| whole.list(list).unwrap().len()).sum();
            let asked = asked.take();
            assert_eq!(asked.iter().sum::<usize>(), compared);
            assert!(asked.iter().all(|count| *count <= AT_ONCE), "{asked:?}");
        }
        let bytes = build(9, &vectors(20, 2));
        let broken = |_: usize, _: &mut [u8]| Err(StorageError::Missing { path: "x".into() });
        let broken = Dense::new(bytes.into()).unwrap().filled(broken);
        assert!(broken.cosine(&vector(1, 2), 0).is_err());
        assert!(broken.nearest(&vector(1, 2), 3).is_err());
    }

    #[test]
    fn the_nearest_lists_are_searched_within_a_bound() {
        let bytes = build(9, &vectors(4_000, 90));
        let dense = Dense::new(bytes.into()).unwrap();
        for n in 0..20 {
            let query = vector(10_000 + n, 90).probe();
            let all: Vec<usize> = dense.probed(&query, usize::MAX).collect();
            let entries = |lists: &[usize]| -> usize {
                lists.iter().map(|list| dense.list(*list).unwrap().len()).sum()
            };
            for most in [0, 100, 200, 400] {
                let some: Vec<usize> = dense.probed(&query, most).collect();
                assert!(all.starts_with(&some) && !some.is_empty());
                assert!(some.len() == 1 || entries(&some) <= most);
                let next = &all[..all.len().min(some.len() + 1)];
                assert!(next.len() == some.len() || entries(next) > most);
            }
        }
    }

    #[test]
    fn nothing_is_found_in_nothing() {
        for vectors in [vec![], vec![None, None]] {
            let bytes = build(1, &vectors);
            let dense = Dense::new(bytes.into()).unwrap();
            assert_eq!(dense.nearest(&vector(1, 3), 5).unwrap(), Neighbours::default());
        }
    }

    proptest! {
        #[test]
        fn hostile_bytes_do_no_harm(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..30),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = build(9, &vectors(30, 3));
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes.truncate(cut.index(bytes.len() + 1));
            if let Some(dense) = Dense::new(bytes.as_slice().into()) {
                let query = vector(1, 3);
                let nearest = dense.nearest(&query, 5).unwrap();
                prop_assert!(nearest.nearest.len() <= 5 && nearest.compared.len() <= 30);
                // What is filled lies inside the bytes.
                let fill = |at: usize, entries: &mut [u8]| {
                    entries.copy_from_slice(&bytes[at..][..entries.len()]);
                    Ok(())
                };
                let filled = Dense::new(bytes.as_slice().into()).unwrap().filled(fill);
                filled.nearest(&query, 5).unwrap();
                for document in 0..40 {
                    let cosine = dense.cosine(&query, document).unwrap();
                    let again = filled.cosine(&query, document).unwrap();
                    prop_assert!(cosine == again || cosine.is_some_and(f32::is_nan));
                }
            }
        }
    }
}
