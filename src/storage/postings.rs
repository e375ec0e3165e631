//! Term lists: which patterns and files of a project hold a term, and how often. Hot.
//!
//! A hook may not take longer because the project is large, and a prompt is full of common words.
//! FTS5 visits every row that holds one of them, twice, over all projects. Here a term is one
//! look-up: its list has what BM25 needs, and the scores add up in an array.
//!
//! The lists are a cache. They are written anew, project by project, when a learning run is done;
//! until then they miss what is new, and rows that are gone are not found when they are looked up.

use rusqlite::{OptionalExtension, params};

use super::error::{Attempt, StorageError};
use super::open::Reader;
use crate::model::pattern::Kind;

/// BM25's two parameters: how soon repetition of a term stops counting, and how much long
/// documents are held back. The values are FTS5's (and Robertson and Zaragoza's, 2009).
const K1: f32 = 1.2;
const B: f32 = 0.75;

/// Entries that a search reads at most, rarest terms first: what is left out then are words that
/// nearly everything holds, and the time stays flat.
const ENTRIES: u32 = 8_000;

/// Fields of a document at most.
const FIELDS: usize = 3;

/// Bits of an entry's count byte that each field has; larger counts are cut to what fits.
const FIELD_BITS: [u32; FIELDS] = [2, 2, 4];

/// The kind of document that a list is about. The numbers are stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Corpus {
    /// Fixes and pitfalls; fields: trigger, text.
    Failures = 1,
    /// Decisions; fields: trigger, text.
    Decisions = 2,
    /// Files; fields: path, symbols, words of prompts that changed them.
    Files = 3,
}

impl Corpus {
    /// The corpus that holds the patterns of exactly these kinds.
    pub(super) fn of(kinds: &[Kind]) -> Option<Self> {
        match kinds {
            [Kind::Fix, Kind::Pitfall] => Some(Self::Failures),
            [Kind::Decision] => Some(Self::Decisions),
            _ => None,
        }
    }

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

/// A document that holds some of the terms.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Scored {
    /// Row of the pattern or file.
    pub(super) row: i64,
    /// BM25 over all fields with their weights; larger is better.
    pub(super) score: f64,
    /// BM25 over each field alone.
    pub(super) fields: [f64; FIELDS],
}

/// A project's documents of one corpus, by number, in the form in which they are stored: the rows
/// (four bytes each), then the lengths in terms (two bytes each).
#[derive(Debug)]
struct Directory {
    bytes: Vec<u8>,
    documents: usize,
    /// Mean length, at least 1.
    mean: f32,
}

/// The stored form of a directory of documents with these rows and lengths.
pub(super) fn directory(rows: &[u32], lengths: &[u16]) -> Vec<u8> {
    let rows = rows.iter().flat_map(|row| row.to_le_bytes());
    rows.chain(lengths.iter().flat_map(|length| length.to_le_bytes())).collect()
}

impl Directory {
    fn new(bytes: Vec<u8>) -> Self {
        let documents = bytes.len() / 6;
        let lengths = bytes[documents * 4..documents * 6].as_chunks().0;
        let total: u64 = lengths.iter().map(|length| u64::from(u16::from_le_bytes(*length))).sum();
        let mean = (total as f32 / documents.max(1) as f32).max(1.0);
        Self { bytes, documents, mean }
    }

    fn row(&self, document: usize) -> u32 {
        self.bytes.as_chunks().0.get(document).map_or(0, |row| u32::from_le_bytes(*row))
    }

    /// What BM25 adds to a term's count below the line.
    fn norm(&self, document: usize) -> f32 {
        let lengths = self.bytes[self.documents * 4..].as_chunks().0;
        let length = lengths.get(document).map_or(0, |length| u16::from_le_bytes(*length));
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

/// Calls `see` with document and counts of each entry. A damaged list ends early.
fn entries(bytes: &[u8], mut see: impl FnMut(u32, u8)) {
    let mut next = 0_u32;
    let mut rest = bytes.iter();
    loop {
        let (mut distance, mut shift) = (0_u32, 0);
        loop {
            let Some(byte) = rest.next() else { return };
            distance |= u32::from(byte & 0x7f).wrapping_shl(shift);
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let Some(counts) = rest.next() else { return };
        let document = next.wrapping_add(distance);
        see(document, *counts);
        next = document.wrapping_add(1);
    }
}

/// For every count byte, the weighted count over all fields and the count of each.
fn counts_table(weights: [f32; FIELDS]) -> Vec<[f32; 1 + FIELDS]> {
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

impl Reader {
    /// The project's documents of `corpus` that hold any of `terms`, by BM25 with a weight for
    /// each field; the best `limit`, best first.
    pub(super) fn score(
        &self,
        project: i64,
        corpus: Corpus,
        terms: &[String],
        weights: [f32; FIELDS],
        limit: usize,
    ) -> Result<Vec<Scored>, StorageError> {
        const ATTEMPT: &str = "read the term lists";
        let mut query = self
            .conn
            .prepare_cached(
                "SELECT list FROM postings WHERE project = ?1 AND corpus = ?2 AND term = ?3",
            )
            .attempt(ATTEMPT)?;
        let mut list = |term: &str| {
            query
                .query_row(params![project, corpus as u8, term], |row| {
                    Ok(row.get_ref(0)?.as_blob()?.to_vec())
                })
                .optional()
                .attempt(ATTEMPT)
        };
        let Some(directory) = list("")?.map(Directory::new) else { return Ok(Vec::new()) };
        let mut lists = Vec::new();
        for (term, entries) in self.telling(project, corpus, terms)? {
            lists.extend(list(term)?.map(|list| (idf(directory.documents, entries), list)));
        }
        Ok(best(&directory, &lists, weights, limit))
    }

    /// The terms, which are those of decisions, with the number of the project's patterns in which
    /// each stands, and the number of its patterns.
    pub(crate) fn frequencies(
        &self,
        project: i64,
        terms: Vec<String>,
    ) -> Result<(Vec<(String, u32)>, u32), StorageError> {
        let documents = self.counts_of(project, Corpus::Decisions, &[""])?[0].1;
        let names: Vec<&str> = terms.iter().map(String::as_str).collect();
        let counts = self.counts_of(project, Corpus::Decisions, &names)?;
        let patterns = counts.into_iter().map(|(_, patterns)| patterns);
        Ok((terms.into_iter().zip(patterns).collect(), documents))
    }

    /// How many of the project's documents, and how many of its patterns, hold each of `terms`.
    fn counts_of(
        &self,
        project: i64,
        corpus: Corpus,
        terms: &[&str],
    ) -> Result<Vec<(u32, u32)>, StorageError> {
        const ATTEMPT: &str = "look up a term";
        let mut query = self
            .conn
            .prepare_cached(
                "SELECT entries, patterns FROM postings
                 WHERE project = ?1 AND corpus = ?2 AND term = ?3",
            )
            .attempt(ATTEMPT)?;
        terms
            .iter()
            .map(|term| {
                query
                    .query_row(params![project, corpus as u8, term], |row| {
                        Ok((row.get(0)?, row.get(1)?))
                    })
                    .optional()
                    .map(Option::unwrap_or_default)
                    .attempt(ATTEMPT)
            })
            .collect()
    }

    /// The terms that are worth reading, with the length of their lists, rarest first.
    fn telling<'a>(
        &self,
        project: i64,
        corpus: Corpus,
        terms: &'a [String],
    ) -> Result<Vec<(&'a str, u32)>, StorageError> {
        // The empty term is the directory.
        let names: Vec<&str> =
            terms.iter().map(String::as_str).filter(|term| !term.is_empty()).collect();
        let counts = self.counts_of(project, corpus, &names)?;
        let entries = counts.into_iter().map(|(entries, _)| entries);
        let mut found: Vec<(&str, u32)> =
            names.into_iter().zip(entries).filter(|(_, entries)| *entries > 0).collect();
        found.sort_by_key(|(_, entries)| *entries);
        let mut read = 0;
        let within = found.iter().take_while(|(_, entries)| {
            read += entries;
            read <= ENTRIES
        });
        // However common the rarest is, it is all there is.
        let keep = within.count().max(1);
        found.truncate(keep);
        Ok(found)
    }
}

/// How much a term tells that `entries` of the documents hold.
fn idf(documents: usize, entries: u32) -> f32 {
    let (all, with) = (documents as f32, entries as f32);
    ((all - with + 0.5) / (with + 0.5)).ln().max(1e-6)
}

/// What a term adds to the score of a document that holds it `count` times.
fn part(idf: f32, count: f32, norm: f32) -> f32 {
    idf * count * (K1 + 1.0) / (count + norm)
}

/// The best `limit` documents of `lists`, which are given with how much each term tells.
fn best(
    directory: &Directory,
    lists: &[(f32, Vec<u8>)],
    weights: [f32; FIELDS],
    limit: usize,
) -> Vec<Scored> {
    let table = counts_table(weights);
    let mut scores = vec![0.0_f32; directory.documents];
    for (idf, list) in lists {
        entries(list, |document, counts| {
            let document = document as usize;
            if let Some(score) = scores.get_mut(document) {
                let count = table[usize::from(counts)][0];
                *score += part(*idf, count, directory.norm(document));
            }
        });
    }
    let found = highest(&scores, limit);
    let found = found.into_iter().map(|document| (document, scores[document]));
    with_fields(directory, lists, &table, found)
}

/// The scores of the `found` documents with those of each field alone.
fn with_fields(
    directory: &Directory,
    lists: &[(f32, Vec<u8>)],
    table: &[[f32; 1 + FIELDS]],
    found: impl Iterator<Item = (usize, f32)>,
) -> Vec<Scored> {
    let mut places = vec![0_u16; directory.documents];
    let mut best: Vec<Scored> = Vec::new();
    for (document, score) in found {
        let row = directory.row(document).into();
        best.push(Scored { row, score: score.into(), fields: [0.0; FIELDS] });
        places[document] = best.len() as u16;
    }
    for (idf, list) in lists {
        entries(list, |document, counts| {
            let document = document as usize;
            let place = places.get(document).map_or(0, |place| usize::from(*place));
            let Some(known) = place.checked_sub(1).and_then(|at| best.get_mut(at)) else { return };
            let norm = directory.norm(document);
            for (field, count) in known.fields.iter_mut().zip(&table[usize::from(counts)][1..]) {
                *field += f64::from(part(*idf, *count, norm));
            }
        });
    }
    best
}

/// The documents with the highest scores above 0, highest first; of two with the same score the
/// earlier one.
fn highest(scores: &[f32], limit: usize) -> Vec<usize> {
    let limit = limit.min(usize::from(u16::MAX));
    let mut found: Vec<usize> = Vec::with_capacity(limit.min(scores.len()) + 1);
    let mut least = 0.0;
    for (document, score) in scores.iter().enumerate() {
        if *score <= least {
            continue;
        }
        let place = found.partition_point(|better| scores[*better] >= *score);
        found.insert(place, document);
        found.truncate(limit);
        if found.len() == limit {
            least = found.last().map_or(f32::MAX, |last| scores[*last]);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Forget, Store};
    use super::*;

    /// A store with one project of these decisions, listed.
    fn store(texts: &[&str]) -> (tempfile::TempDir, Store, i64) {
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(home.path(), true).unwrap();
        let project = store.ensure_project("key", "name").unwrap();
        for (n, text) in texts.iter().enumerate() {
            store
                .conn()
                .execute(
                    "INSERT INTO patterns (id, kind, project, tool, category, trigger, text,
                                           payload, state, hlc, origin)
                     VALUES (?1, 5, ?2, '', '', ?3, '', '{}', 1, 0, '')",
                    params![(n as u128).to_be_bytes(), project, text],
                )
                .unwrap();
        }
        store.refresh_postings().unwrap();
        (home, store, project)
    }

    fn asked(store: &Store, project: i64, terms: &[&str], limit: usize) -> Vec<Scored> {
        let terms: Vec<String> = terms.iter().map(|term| (*term).to_string()).collect();
        store.score(project, Corpus::Decisions, &terms, [1.0, 0.3, 0.0], limit).unwrap()
    }

    fn rows(found: &[Scored]) -> Vec<i64> {
        found.iter().map(|scored| scored.row).collect()
    }

    #[test]
    fn rare_terms_and_short_documents_come_first() {
        let (_home, store, project) = store(&[
            "cache cargo",
            "cache widget",
            "cache widget harbor orbit planner gateway",
            "cache",
        ]);
        assert_eq!(rows(&asked(&store, project, &["widget"], 9)), [2, 3]);
        assert_eq!(rows(&asked(&store, project, &["orbit", "cargo"], 9)), [1, 3]);
        assert_eq!(asked(&store, project, &["cach"], 9).len(), 4);
        assert_eq!(rows(&asked(&store, project, &["widget", "cach"], 1)), [2]);
        assert_eq!(asked(&store, project, &["nowhere", ""], 9), []);
        assert_eq!(asked(&store, project + 1, &["widget"], 9), []);
    }

    #[test]
    fn scores_are_those_of_the_formula() {
        let (_home, store, project) = store(&["alpha alpha beta", "beta", "gamma delta"]);
        let found = asked(&store, project, &["alpha"], 9);
        // One of three documents; twice among three terms; the mean length is two.
        let (idf, norm) = (f64::ln(2.5 / 1.5), 1.2 * (0.25 + 0.75 * 1.5));
        let expected = idf * 2.0 * 2.2 / (2.0 + norm);
        assert!((found[0].score - expected).abs() < 1e-5, "{found:?} {expected}");
        assert!((found[0].fields[0] - expected).abs() < 1e-5);
        assert!(found[0].fields[1].abs() < 1e-9);
    }

    #[test]
    fn frequencies_count_patterns() {
        let (_home, store, project) = store(&["alpha beta", "beta beta", "gamma"]);
        let terms = ["beta", "alpha", "other"].map(String::from).to_vec();
        let (counted, documents) = store.frequencies(project, terms).unwrap();
        let counts: Vec<u32> = counted.iter().map(|(_, count)| *count).collect();
        assert_eq!((counts, documents), (vec![2, 1, 0], 3));
    }

    #[test]
    fn what_is_forgotten_is_in_no_list() {
        let (_home, mut store, project) = store(&["alpha secret", "alpha"]);
        store.forget(&Forget::Pattern(1), 0).unwrap();
        store.refresh_postings().unwrap();
        assert_eq!(rows(&asked(&store, project, &["alpha", "secret"], 9)), [2]);
        let left: i64 = store
            .conn()
            .query_row("SELECT count(*) FROM postings WHERE term = 'secret'", [], |row| row.get(0))
            .unwrap();
        assert_eq!(left, 0);
    }

    #[test]
    fn common_terms_are_left_out_before_rare_ones() {
        let many = ENTRIES as usize + 1;
        let mut texts = vec!["common"; many];
        texts.extend(["common medium", "common medium", "common rare"]);
        let (_home, store, project) = store(&texts);
        let terms = ["common", "medium", "rare"].map(String::from);
        let read = store.telling(project, Corpus::Decisions, &terms).unwrap();
        assert_eq!(read, [("rare", 1), ("medium", 2)]);
        let read = store.telling(project, Corpus::Decisions, &terms[..1]).unwrap();
        assert_eq!(read, [("common", ENTRIES + 4)]);
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
            let mut read = Vec::new();
            entries(&list.bytes, |document, counts| read.push((document, counts)));
            prop_assert_eq!(list.entries as usize, expected.len());
            prop_assert_eq!(read, expected);
        }

        #[test]
        fn damaged_lists_end(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut count = 0;
            entries(&bytes, |_, _| count += 1);
            prop_assert!(count <= bytes.len());
            let directory = Directory::new(bytes);
            prop_assert!(directory.mean >= 1.0);
            for document in 0..directory.documents + 2 {
                prop_assert!(directory.norm(document) > 0.0);
                let _row = directory.row(document);
            }
        }
    }
}
