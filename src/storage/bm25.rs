//! BM25 over the term lists of a project, document block by document block. Hot.
//!
//! The sums of one block of documents fit into the processor's first cache and into a few pages
//! of memory, however large the project is: memory that was never touched costs more than the
//! arithmetic.

use std::borrow::Cow;

use super::error::StorageError;
use super::postings::{Corpus, Directory, Entries, FIELDS, Take, counts_of, weighted_counts};
use super::recall::{Recall, Term};

/// The larger, the sooner repetition of a term stops counting. The values of the two parameters
/// are FTS5's (and Robertson and Zaragoza's, 2009).
pub(super) const K1: f32 = 1.2;

/// How much long documents are held back.
pub(super) const B: f32 = 0.75;

/// Entries that a search reads at most, rarest terms first: what is left out then are words that
/// nearly everything holds, and the time stays flat.
pub(super) const ENTRIES: u32 = 8_000;

/// Entries that are gone through at most to tell what documents hold, rarest terms first: with more, a
/// look at each document takes no longer.
const COUNTED: u32 = 4_000;

/// The field of a pattern that holds what it says; see [`Corpus`].
const TEXT: usize = 1;

/// Documents of a block: their sums are one page of memory.
const BLOCK: usize = 1_024;

/// Documents whose sums are compared at once.
const GROUP: usize = 32;

/// How much a term counts in each field of a document: for every count byte, the sum.
#[derive(Debug)]
pub(super) struct Weights([f32; 256]);

impl Weights {
    /// Patterns: what triggers them, what they say.
    pub(super) const PATTERN: &Self = &Self(weighted_counts([1.0, 0.3, 0.0]));

    /// Files: their path, symbols, and words of prompts that changed them.
    pub(super) const FILE: &Self = &Self(weighted_counts([3.0, 2.0, 1.0]));

    /// Files by their symbols alone.
    pub(super) const SYMBOL: &Self = &Self(weighted_counts([0.0, 1.0, 0.0]));
}

/// A list with how much its term tells.
type Told<'a> = (f32, Cow<'a, [u8]>);

/// A search for the documents of a corpus that hold any of some terms.
pub(super) struct Search<'a> {
    directory: Directory<'a>,
    lists: Vec<Told<'a>>,
    weights: &'static Weights,
}

impl<'a> Search<'a> {
    /// A search for `terms`; `None` when the project has no such documents.
    pub(super) fn of<R: Recall + ?Sized>(
        recall: &'a R,
        project: i64,
        corpus: Corpus,
        terms: &[Term<'_>],
        weights: &'static Weights,
    ) -> Result<Option<Self>, StorageError> {
        let Some(directory) = recall.directory(project, corpus)? else { return Ok(None) };
        let telling = telling(corpus, terms, ENTRIES);
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
    /// score the earlier one. And the scores of the documents in `also`, in their order.
    pub(super) fn highest(&self, limit: usize, also: &[u32]) -> (Vec<(u32, f32)>, Vec<f32>) {
        let mut scores = vec![0.0; also.len()];
        if self.lists.is_empty() {
            return (Vec::new(), scores);
        }
        let Weights(table) = self.weights;
        let documents = self.directory.documents();
        let mut best = Best { limit, found: Vec::with_capacity(limit.min(64) + 1) };
        let mut cursors: Vec<(f32, Entries<'_>)> =
            self.lists.iter().map(|(idf, list)| (factor(*idf), Entries::new(list))).collect();
        let mut sums = [0.0_f32; BLOCK];
        let mut start = 0;
        while start < documents {
            let end = start.saturating_add(BLOCK as u32).min(documents);
            let rest = &self.directory.lengths()[start as usize..end as usize];
            let mut last;
            let lengths = if let Some(lengths) = rest.first_chunk() {
                lengths
            } else {
                last = [[0; 2]; BLOCK];
                last[..rest.len()].copy_from_slice(rest);
                &last
            };
            let mut touched = false;
            for (factor, entries) in &mut cursors {
                let (factor, directory) = (*factor, &self.directory);
                let sums = &mut sums;
                touched |= entries.take_before(
                    end,
                    &mut Parts { sums, lengths, start, factor, table, directory },
                );
            }
            if touched {
                for (score, document) in scores.iter_mut().zip(also) {
                    let at = document.checked_sub(start).and_then(|at| sums.get(at as usize));
                    *score += at.copied().unwrap_or(0.0);
                }
                best.take(start, &mut sums[..rest.len()]);
            }
            start = end;
        }
        (best.found, scores)
    }

    /// The scores of some documents over each field alone, in the order of `documents`.
    pub(super) fn by_field(&self, documents: &[u32]) -> Vec<[f64; FIELDS]> {
        let mut scores = vec![[0.0; FIELDS]; documents.len()];
        let lengths = self.directory.lengths();
        let mut order: Vec<(u32, f32, usize)> = (0..)
            .zip(documents)
            .filter_map(|(place, document)| {
                let length = lengths.get(*document as usize)?;
                Some((*document, self.directory.norm(*length), place))
            })
            .collect();
        order.sort_unstable_by_key(|(document, ..)| *document);
        for (idf, list) in &self.lists {
            let mut entries = Entries::new(list);
            for (document, norm, place) in &order {
                let Some(counts) = entries.at(*document) else { continue };
                for (score, count) in scores[*place].iter_mut().zip(counts_of(counts)) {
                    *score += f64::from(part(factor(*idf), count, *norm));
                }
            }
        }
        scores
    }
}

/// Adds what a term's entries are worth to the sums of a block of documents.
struct Parts<'a> {
    /// The sums of the documents from `start` on.
    sums: &'a mut [f32; BLOCK],
    /// The lengths of the same documents.
    lengths: &'a [[u8; 2]; BLOCK],
    start: u32,
    factor: f32,
    table: &'a [f32; 256],
    directory: &'a Directory<'a>,
}

impl Take for Parts<'_> {
    #[inline]
    fn take<const N: usize>(&mut self, documents: [u32; N], counts: [u8; N]) {
        let (mut places, mut parts, mut norms) = ([0; N], [0.0; N], [0.0; N]);
        for n in 0..N {
            // They lie in the block, which the compiler does not know.
            places[n] = (documents[n] - self.start) as usize % BLOCK;
            parts[n] = self.table[usize::from(counts[n])];
            norms[n] = self.directory.norm(self.lengths[places[n]]);
        }
        // Side by side, as the processor has it.
        for n in 0..N {
            parts[n] = part(self.factor, parts[n], norms[n]);
        }
        for n in 0..N {
            self.sums[places[n]] += parts[n];
        }
    }
}

/// The terms that are worth reading, with the length of their lists, rarest first: as many as have
/// `most` entries together, and one list at least.
fn telling<'t, 'a>(corpus: Corpus, terms: &'t [Term<'a>], most: u32) -> Vec<(&'t Term<'a>, u32)> {
    let mut found: Vec<(&Term<'_>, u32)> = terms
        .iter()
        .map(|term| (term, term.entries[corpus.index()]))
        .filter(|(_, entries)| *entries > 0)
        .collect();
    found.sort_by_key(|(_, entries)| *entries);
    let mut read = 0_u32;
    let within = found.iter().take_while(|(_, entries)| {
        read = read.saturating_add(*entries);
        read <= most
    });
    // However common the rarest is, it is all there is.
    let keep = within.count().max(1);
    found.truncate(keep);
    found
}

/// Whether each of `documents`, which are patterns, may hold `least` of `terms` in its text, in the
/// order of `documents`. A list that is not read may have any document.
pub(super) fn may_hold<R: Recall + ?Sized>(
    recall: &R,
    project: i64,
    corpus: Corpus,
    (terms, least): (&[Term<'_>], usize),
    documents: &[u32],
) -> Result<Vec<bool>, StorageError> {
    let listed = terms.iter().filter(|term| term.entries[corpus.index()] > 0).count();
    let telling = telling(corpus, terms, COUNTED);
    let wanted = least.saturating_sub(listed - telling.len());
    let mut may = vec![wanted == 0; documents.len()];
    if wanted == 0 || telling.len() < wanted {
        return Ok(may);
    }
    // Documents that hold too few by now, in the order of the lists: place, and how many it holds.
    let mut open: Vec<(u32, usize, usize)> =
        documents.iter().zip(0..).map(|(document, place)| (*document, place, 0)).collect();
    open.sort_unstable();
    for (term, _) in telling {
        if open.is_empty() {
            break;
        }
        let Some(list) = recall.term_list(project, corpus, term)? else {
            return Ok(vec![true; documents.len()]);
        };
        let mut entries = Entries::new(&list);
        open.retain_mut(|(document, place, held)| {
            let counts = entries.at(*document);
            *held += usize::from(counts.is_some_and(|counts| counts_of(counts)[TEXT] > 0.0));
            may[*place] = *held == wanted;
            *held < wanted
        });
    }
    Ok(may)
}

/// How much a term tells that `entries` of the documents hold.
fn idf(documents: u32, entries: u32) -> f32 {
    let (all, with) = (documents as f32, entries as f32);
    ((all - with + 0.5) / (with + 0.5)).ln().max(1e-6)
}

/// What is the same for all documents that hold a term.
fn factor(idf: f32) -> f32 {
    idf * (K1 + 1.0)
}

/// What a term adds to the score of a document that holds it `count` times.
#[inline]
fn part(factor: f32, count: f32, norm: f32) -> f32 {
    factor * count / (count + norm)
}

/// The highest of some scores, none of which is below 0.
fn highest_of(scores: &[f32]) -> f32 {
    // Side by side: one alone would have to be compared in order.
    let mut highest = [0.0_f32; 8];
    let (wide, rest) = scores.as_chunks::<8>();
    for scores in wide {
        for n in 0..8 {
            highest[n] = if scores[n] > highest[n] { scores[n] } else { highest[n] };
        }
    }
    // Two plain loops: of a chain of iterators the compiler makes calls.
    let mut found = 0.0;
    for score in highest {
        found = if score > found { score } else { found };
    }
    for score in rest {
        found = if *score > found { *score } else { found };
    }
    found
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
        for (first, group) in (start..).step_by(GROUP).zip(sums.chunks_mut(GROUP)) {
            // Of most groups nothing is among the highest, which a few wide comparisons tell.
            if highest_of(group) > least {
                for (document, score) in (first..).zip(&*group) {
                    if *score > least {
                        self.add(document, *score);
                        least = self.least();
                    }
                }
            }
        }
        sums.fill(0.0);
    }

    /// Puts a document among the highest, behind those with the same score.
    fn add(&mut self, document: u32, score: f32) {
        let place = self.found.partition_point(|(_, better)| *better >= score);
        self.found.insert(place, (document, score));
        self.found.truncate(self.limit);
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
    fn store(triggers: &[&str]) -> (tempfile::TempDir, Store, i64) {
        store_of(triggers.iter().map(|trigger| (*trigger, "")))
    }

    /// The same of decisions with these triggers and texts.
    fn store_of<'a>(
        decisions: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> (tempfile::TempDir, Store, i64) {
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(home.path(), true).unwrap();
        let project = store.ensure_project("key", "name").unwrap();
        for (n, (trigger, text)) in decisions.enumerate() {
            store
                .conn()
                .execute(
                    "INSERT INTO patterns (id, kind, project, tool, category, trigger, text,
                                           payload, state, hlc, origin)
                     VALUES (?1, 5, ?2, '', '', ?3, ?4, '{}', 1, 0, '')",
                    params![(n as u128).to_be_bytes(), project, trigger, text],
                )
                .unwrap();
        }
        store.refresh_postings().unwrap();
        (home, store, project)
    }

    /// Rows and scores.
    fn asked(store: &Store, project: i64, terms: &[&str], limit: usize) -> Vec<(i64, f32)> {
        let terms: Vec<String> = terms.iter().map(|term| (*term).to_string()).collect();
        let terms = store.look_up(project, &[Corpus::Decisions], &terms).unwrap();
        let search =
            Search::of(&**store, project, Corpus::Decisions, &terms, Weights::PATTERN).unwrap();
        let Some(search) = search else { return Vec::new() };
        let (found, _) = search.highest(limit, &[]);
        let documents: Vec<u32> = found.iter().map(|(document, _)| *document).collect();
        let (_, again) = search.highest(0, &documents);
        assert!(found.iter().map(|(_, score)| *score).eq(again.iter().copied()));
        for (score, fields) in again.iter().zip(search.by_field(&documents)) {
            let most: f64 = fields.iter().sum();
            assert!(most > 0.0 && f64::from(*score) <= most + 1e-4, "{score} {fields:?}");
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
    fn terms_count_patterns() {
        let (_home, store, project) = store(&["alpha beta", "beta beta", "gamma"]);
        let terms = ["beta", "alpha", "other", ""].map(String::from).to_vec();
        let found = store.look_up(project, &[Corpus::Decisions], &terms).unwrap();
        let counts: Vec<u32> = found.iter().map(|term| term.patterns).collect();
        assert_eq!((counts, store.patterns(project).unwrap()), (vec![2, 1, 0, 0], 3));
    }

    #[test]
    fn what_is_forgotten_is_in_no_list() {
        let (_home, mut store, project) = store(&["alpha secret", "alpha"]);
        let listed = |store: &mut Store| -> i64 {
            let sql = "SELECT count(*) FROM postings WHERE instr(run, CAST('secret' AS BLOB)) > 0";
            store.conn().query_row(sql, [], |row| row.get(0)).unwrap()
        };
        assert_eq!(listed(&mut store), 1);
        store.forget(&Forget::Pattern(1), 0).unwrap();
        store.refresh_postings().unwrap();
        assert_eq!(rows(&asked(&store, project, &["alpha", "secret"], 9)), [2]);
        assert_eq!(listed(&mut store), 0);
    }

    /// Whether each decision may hold so many of these terms in its text.
    fn may(store: &Store, project: i64, terms: &[&str], least: usize, count: u32) -> Vec<bool> {
        let terms: Vec<String> = terms.iter().map(|term| (*term).to_string()).collect();
        let terms = store.look_up(project, &[Corpus::Decisions], &terms).unwrap();
        let documents: Vec<u32> = (0..count).rev().collect();
        let told = store.may_hold(project, Corpus::Decisions, (&terms, least), &documents).unwrap();
        told.into_iter().rev().collect()
    }

    #[test]
    fn how_many_terms_documents_hold_is_told_by_the_lists() {
        let words = ["amber", "birch", "cedar", "delta", "ember", "frost", "lemon", "hazel"];
        let named = |bits: usize| -> Vec<&str> {
            let held = |(n, word): (usize, &'static str)| (bits >> n & 1 == 1).then_some(word);
            words.into_iter().enumerate().filter_map(held).collect()
        };
        let texts: Vec<[String; 2]> =
            (0..256).map(|n| [named(255 - n).join(" "), named(n).join(" ")]).collect();
        let decisions = texts.iter().map(|[trigger, text]| (trigger.as_str(), text.as_str()));
        let (_home, store, project) = store_of(decisions);
        for asked in [0, 1, 6, 37, 90, 255] {
            for least in 0..5 {
                let expected: Vec<bool> =
                    (0..256_usize).map(|n| (n & asked).count_ones() as usize >= least).collect();
                let told = may(&store, project, &named(asked), least, 256);
                assert_eq!(told, expected, "{asked} {least}");
            }
        }
        assert_eq!(may(&store, project, &["other", "words"], 1, 3), [false; 3]);
    }

    #[test]
    fn a_list_that_is_too_long_may_have_any_document() {
        let all = COUNTED as usize + 1;
        let text = |n: usize| if n == 7 { "beta alpha gamma" } else { "beta" };
        let (_home, store, project) = store_of((0..all).map(|n| ("", text(n))));
        let told = may(&store, project, &["alpha", "beta"], 2, 9);
        assert_eq!(told, std::array::from_fn::<_, 9, _>(|n| n == 7));
        assert_eq!(may(&store, project, &["alpha", "beta"], 1, 9), [true; 9]);
        let told = may(&store, project, &["alpha", "beta", "gamma"], 3, 9);
        assert_eq!(told, std::array::from_fn::<_, 9, _>(|n| n == 7));
    }

    #[test]
    fn common_terms_are_left_out_before_rare_ones() {
        let many = ENTRIES as usize + 1;
        let mut texts = vec!["common"; many];
        texts.extend(["common medium", "common medium", "common rare"]);
        let (_home, store, project) = store(&texts);
        let terms = ["common", "medium", "rare"].map(String::from);
        let found = store.look_up(project, &[Corpus::Decisions], &terms).unwrap();
        let read = |terms| {
            let told = telling(Corpus::Decisions, terms, ENTRIES).into_iter();
            told.map(|(term, entries)| (term.text, entries)).collect::<Vec<_>>()
        };
        assert_eq!(read(&found), [("rare", 1), ("medium", 2)]);
        assert_eq!(read(&found[..1]), [("common", ENTRIES + 4)]);
    }

    #[test]
    fn blocks_make_no_difference() {
        let last = BLOCK + 70;
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
