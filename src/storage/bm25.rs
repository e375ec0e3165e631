//! BM25 over the term lists of a project, document block by document block. Hot.
//!
//! The sums of one block of documents fit into the processor's first cache and into a few pages
//! of memory, however large the project is: memory that was never touched costs more than the
//! arithmetic.

use std::borrow::Cow;

use super::error::StorageError;
use super::postings::{Corpus, Directory, Entries, FIELDS, counts_of, weighted_counts};
use super::recall::Recall;

/// The larger, the sooner repetition of a term stops counting. The values of the two parameters
/// are FTS5's (and Robertson and Zaragoza's, 2009).
pub(super) const K1: f32 = 1.2;

/// How much long documents are held back.
pub(super) const B: f32 = 0.75;

/// Entries that a search reads at most, rarest terms first: what is left out then are words that
/// nearly everything holds, and the time stays flat.
pub(super) const ENTRIES: u32 = 8_000;

/// Documents of a block.
const BLOCK: u32 = 8_192;

/// How much a term counts in each field of a document.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weights(pub(super) [f32; FIELDS]);

/// A list with how much its term tells.
type Told<'a> = (f32, Cow<'a, [u8]>);

/// A search for the documents of a corpus that hold any of some terms.
pub(super) struct Search<'a> {
    directory: Directory<'a>,
    lists: Vec<Told<'a>>,
    weights: Weights,
}

impl<'a> Search<'a> {
    /// Looks `terms` up; `None` when the project has no such documents.
    pub(super) fn of<R: Recall + ?Sized>(
        recall: &'a R,
        project: i64,
        corpus: Corpus,
        terms: &[String],
        weights: Weights,
    ) -> Result<Option<Self>, StorageError> {
        let Some(directory) = recall.directory(project, corpus)? else { return Ok(None) };
        let telling = telling(recall, project, corpus, terms)?;
        let mut lists: Vec<Told<'_>> = Vec::with_capacity(telling.len());
        for (term, entries) in telling {
            let list = recall.term_list(project, corpus, term)?;
            lists.extend(list.map(|list| (idf(directory.documents(), entries), list)));
        }
        Ok(Some(Self { directory, lists, weights }))
    }

    /// Row of the pattern or file that a document is.
    pub(super) fn row(&self, document: u32) -> i64 {
        self.directory.row(document).into()
    }

    /// The best `limit` documents with their scores above 0, highest first; of two with the same
    /// score the earlier one.
    pub(super) fn highest(&self, limit: usize) -> Vec<(u32, f32)> {
        if self.lists.is_empty() {
            return Vec::new();
        }
        let table = weighted_counts(self.weights.0);
        let documents = self.directory.documents();
        let mut best = Best { limit, found: Vec::with_capacity(limit.min(64) + 1) };
        let mut cursors: Vec<(f32, Entries<'_>)> =
            self.lists.iter().map(|(idf, list)| (*idf, Entries::new(list))).collect();
        let mut sums = vec![0.0_f32; documents.min(BLOCK) as usize];
        let mut start = 0;
        while start < documents {
            let end = start.saturating_add(BLOCK).min(documents);
            let sums = &mut sums[..(end - start) as usize];
            let lengths = &self.directory.lengths()[start as usize..end as usize];
            let mut touched = false;
            for (idf, entries) in &mut cursors {
                entries.take_before(end, |document, counts| {
                    let at = (document - start) as usize;
                    if let (Some(sum), Some(length)) = (sums.get_mut(at), lengths.get(at)) {
                        let count = table[usize::from(counts)];
                        *sum += part(*idf, count, self.directory.norm(*length));
                        touched = true;
                    }
                });
            }
            if touched {
                best.take(start, sums);
            }
            start = end;
        }
        best.found
    }

    /// The scores of some documents, and those over each field alone, in the order of `documents`.
    pub(super) fn scores(&self, documents: &[u32]) -> Vec<(f32, [f64; FIELDS])> {
        let table = weighted_counts(self.weights.0);
        let mut scores = vec![(0.0, [0.0; FIELDS]); documents.len()];
        let mut order: Vec<(u32, usize)> =
            documents.iter().enumerate().map(|(place, document)| (*document, place)).collect();
        order.sort_unstable();
        for (idf, list) in &self.lists {
            let mut entries = Entries::new(list);
            for (document, place) in &order {
                let Some(counts) = entries.of(*document) else { continue };
                let Some(length) = self.directory.lengths().get(*document as usize) else {
                    continue;
                };
                let norm = self.directory.norm(*length);
                let (score, fields) = &mut scores[*place];
                *score += part(*idf, table[usize::from(counts)], norm);
                for (field, count) in fields.iter_mut().zip(counts_of(counts)) {
                    *field += f64::from(part(*idf, count, norm));
                }
            }
        }
        scores
    }
}

/// The terms that are worth reading, with the length of their lists, rarest first.
fn telling<'a, R: Recall + ?Sized>(
    recall: &R,
    project: i64,
    corpus: Corpus,
    terms: &'a [String],
) -> Result<Vec<(&'a str, u32)>, StorageError> {
    // The empty term is the directory.
    let names: Vec<&str> =
        terms.iter().map(String::as_str).filter(|term| !term.is_empty()).collect();
    let counts = recall.term_counts(project, corpus, &names)?;
    let entries = counts.into_iter().map(|counts| counts.entries);
    let mut found: Vec<(&str, u32)> =
        names.into_iter().zip(entries).filter(|(_, entries)| *entries > 0).collect();
    found.sort_by_key(|(_, entries)| *entries);
    let mut read = 0_u32;
    let within = found.iter().take_while(|(_, entries)| {
        read = read.saturating_add(*entries);
        read <= ENTRIES
    });
    // However common the rarest is, it is all there is.
    let keep = within.count().max(1);
    found.truncate(keep);
    Ok(found)
}

/// How much a term tells that `entries` of the documents hold.
fn idf(documents: u32, entries: u32) -> f32 {
    let (all, with) = (documents as f32, entries as f32);
    ((all - with + 0.5) / (with + 0.5)).ln().max(1e-6)
}

/// What a term adds to the score of a document that holds it `count` times.
#[inline]
fn part(idf: f32, count: f32, norm: f32) -> f32 {
    idf * count * (K1 + 1.0) / (count + norm)
}

/// The highest scores so far.
struct Best {
    limit: usize,
    found: Vec<(u32, f32)>,
}

impl Best {
    /// Takes over the sums of the documents from `start` on and clears them.
    fn take(&mut self, start: u32, sums: &mut [f32]) {
        let mut least = self.least();
        for (document, sum) in (start..).zip(sums) {
            let score = std::mem::take(sum);
            if score <= least {
                continue;
            }
            let place = self.found.partition_point(|(_, better)| *better >= score);
            self.found.insert(place, (document, score));
            self.found.truncate(self.limit);
            least = self.least();
        }
    }

    /// What a score has to be above to be among the highest.
    fn least(&self) -> f32 {
        match self.found.last() {
            Some((_, score)) if self.found.len() >= self.limit => *score,
            None if self.limit == 0 => f32::MAX,
            _ => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::params;

    use super::*;
    use crate::storage::{Forget, Store};

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

    /// Rows and scores.
    fn asked(store: &Store, project: i64, terms: &[&str], limit: usize) -> Vec<(i64, f32)> {
        let terms: Vec<String> = terms.iter().map(|term| (*term).to_string()).collect();
        let weights = Weights([1.0, 0.3, 0.0]);
        let search = Search::of(&**store, project, Corpus::Decisions, &terms, weights).unwrap();
        let Some(search) = search else { return Vec::new() };
        let found = search.highest(limit);
        let documents: Vec<u32> = found.iter().map(|(document, _)| *document).collect();
        for ((_, score), (again, _)) in found.iter().zip(search.scores(&documents)) {
            assert!((score - again).abs() < 1e-4, "{score} {again}");
        }
        found.into_iter().map(|(document, score)| (search.row(document), score)).collect()
    }

    fn rows(found: &[(i64, f32)]) -> Vec<i64> {
        found.iter().map(|(row, _)| *row).collect()
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
        assert!((f64::from(found[0].1) - expected).abs() < 1e-5, "{found:?} {expected}");
    }

    #[test]
    fn frequencies_count_patterns() {
        let (_home, store, project) = store(&["alpha beta", "beta beta", "gamma"]);
        let terms = ["beta", "alpha", "other"].map(String::from).to_vec();
        let counted = store.frequencies(project, &terms).unwrap();
        let documents = store.patterns(project).unwrap();
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
        let read = telling(&*store, project, Corpus::Decisions, &terms).unwrap();
        assert_eq!(read, [("rare", 1), ("medium", 2)]);
        let read = telling(&*store, project, Corpus::Decisions, &terms[..1]).unwrap();
        assert_eq!(read, [("common", ENTRIES + 4)]);
    }

    #[test]
    fn blocks_make_no_difference() {
        let last = BLOCK as usize + 70;
        let texts: Vec<String> = (0..=last)
            .map(|n| match n {
                n if n % 50 == 0 => format!("alpha{} beta", " gamma".repeat(n % 7)),
                n if n == last => "alpha beta".into(),
                _ => "other".into(),
            })
            .collect();
        let (_home, store, project) = store(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        let found = asked(&store, project, &["alpha", "beta"], 400);
        assert_eq!(found.len(), last / 50 + 2);
        assert!(found.is_sorted_by(|a, b| (b.1, a.0) <= (a.1, b.0)));
        assert!(found.iter().any(|(row, _)| *row == last as i64 + 1));
        assert_eq!(asked(&store, project, &["alpha", "beta"], 5), found[..5]);
        assert_eq!(asked(&store, project, &["alpha"], 0), []);
    }
}
