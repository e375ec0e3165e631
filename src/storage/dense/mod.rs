//! Vectors of a project's documents, in the form in which they are stored and searched. Hot.
//!
//! Documents are grouped in lists around centroids (an inverted file: Jégou, Douze and Schmid,
//! 2011, without the product quantiser), and a search looks into the lists whose centroids are
//! nearest. Up to a thousand documents there is one list, and the search is exact.
//!
//! Nothing in the bytes is believed: what leads outside of them is not there.

mod build;

use std::borrow::Cow;

use crate::model::vector::{DIMENSIONS, Probe, Quantised};

pub(super) use build::build;

/// Bytes before the centroids: space (8), documents (4), lists (4).
const HEADER: usize = 16;

/// Bytes of a vector: scale (4), integers.
const VECTOR: usize = 4 + DIMENSIONS;

/// Bytes of an entry of a list: document (4), vector.
const ENTRY: usize = 4 + VECTOR;

/// Lists that a search looks into, as a share of all: one of so many.
const SHARE: usize = 8;

/// The most lists that a search looks into. What it then misses, of very many documents, words may
/// still find.
const PROBES: usize = 12;

/// The most vectors that a search compares, but for those of the nearest list: some lists are many
/// times as long as others.
const ENTRIES: usize = 4_096;

/// The vectors of a corpus of documents, which are numbered as in its directory.
#[derive(Clone, Debug)]
pub(crate) struct Dense<'a> {
    bytes: Cow<'a, [u8]>,
    space: u64,
    documents: usize,
    lists: usize,
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
        (fixed <= bytes.len()).then_some(Self { bytes, space, documents, lists })
    }

    /// The form in which they are stored.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
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

    fn entries(&self) -> &[[u8; ENTRY]] {
        let start = HEADER + self.lists * (VECTOR + 4) + 4 + self.documents * 4;
        self.bytes[start..].as_chunks().0
    }

    /// The documents whose vectors are nearest to `query`, with the cosines, nearest first; of two
    /// as near the earlier one.
    pub(super) fn nearest(&self, query: &Quantised, limit: usize) -> Vec<(u32, f32)> {
        let query = query.probe();
        let mut found: Vec<(u32, f32)> = Vec::with_capacity(limit.min(64) + 1);
        for list in self.probed(&query, ENTRIES) {
            for entry in self.list(list) {
                let (document, vector) = entry.split_first_chunk::<4>().expect("it is longer");
                let document = u32::from_le_bytes(*document);
                let vector = vector.first_chunk().expect("it is that long");
                insert(&mut found, (document, probe(&query, vector)), limit);
            }
        }
        found
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
            entries += self.list(*list).len();
            nearest || entries <= most
        })
    }

    fn list(&self, list: usize) -> &[[u8; ENTRY]] {
        let [start, end] = [list, list + 1]
            .map(|n| self.starts().get(n).map_or(0, |at| u32::from_le_bytes(*at) as usize));
        self.entries().get(start..end).unwrap_or_default()
    }

    /// The cosine of `query` and a document; `None` when the document has no vector.
    pub(super) fn cosine(&self, query: &Quantised, document: u32) -> Option<f32> {
        let place = u32::from_le_bytes(*self.places().get(document as usize)?);
        let entry = self.entries().get((place as usize).checked_sub(1)?)?;
        entry.last_chunk().map(|vector| cosine(query, vector))
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
            let found = dense.nearest(&query, 12);
            let documents: Vec<u32> = found.iter().map(|(document, _)| *document).collect();
            assert_eq!(documents, exactly(&vectors, &query, 12));
            for (document, near) in found {
                assert_eq!(dense.cosine(&query, document), Some(near));
            }
        }
        assert_eq!(dense.cosine(&vector(1, 7), 9), None, "it has no vector");
        assert_eq!(dense.cosine(&vector(1, 7), 300), None);
        assert_eq!(dense.nearest(&vector(1, 7), 0), []);
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
            let searched = dense.nearest(&query, 10);
            all += nearest.len();
            found += nearest.iter().filter(|n| searched.iter().any(|(d, _)| d == *n)).count();
        }
        assert!(found * 10 >= all * 9, "{found} of {all}");
    }

    #[test]
    fn the_nearest_lists_are_searched_within_a_bound() {
        let bytes = build(9, &vectors(4_000, 90));
        let dense = Dense::new(bytes.into()).unwrap();
        for n in 0..20 {
            let query = vector(10_000 + n, 90).probe();
            let all: Vec<usize> = dense.probed(&query, usize::MAX).collect();
            let entries = |lists: &[usize]| -> usize {
                lists.iter().map(|list| dense.list(*list).len()).sum()
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
            assert_eq!(dense.nearest(&vector(1, 3), 5), []);
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
            if let Some(dense) = Dense::new(bytes.into()) {
                let query = vector(1, 3);
                prop_assert!(dense.nearest(&query, 5).len() <= 5);
                for document in 0..40 {
                    let _cosine = dense.cosine(&query, document);
                }
            }
        }
    }
}
