//! Makes the term lists and vectors of a project from what the database holds.
//!
//! This is the reading half of [`super::listing`]: it runs on several threads, each with a
//! connection of its own.

use std::borrow::Cow;
use std::hash::BuildHasher;

use foldhash::HashMap;
use foldhash::fast::FixedState;

use super::dense;
use super::error::{Attempt, StorageError};
use super::open::Reader;
use super::postings::{Corpus, List, directory};
use crate::model::tokens;
use crate::model::vector::Encode;

/// Ranges of terms, by where each begins. The files of a large project have so many different
/// terms that they are listed range by range, to bound the memory.
const RANGES: &[&str] = &["", "c", "f", "l", "p", "s"];

/// The terms from one to another that comes after it in the alphabet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    from: &'static str,
    to: Option<&'static str>,
}

impl Range {
    /// The ranges that together are all terms, in order.
    pub(super) fn all(many: bool) -> Vec<Self> {
        let starts = if many { RANGES } else { &RANGES[..1] };
        let ends = starts.iter().skip(1).copied().map(Some).chain([None]);
        starts.iter().zip(ends).map(|(from, to)| Self { from, to }).collect()
    }

    /// Whether it is the first of them.
    fn is_first(self) -> bool {
        self.from.is_empty()
    }

    fn holds(self, term: &str) -> bool {
        term >= self.from && self.to.is_none_or(|to| term < to)
    }
}

/// A part of a project's lists that can be made by itself.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    /// How many patterns hold each term.
    Known,
    /// The lists of a corpus, as far as their terms are in a range.
    Terms(Corpus, Range),
    /// The vectors of the documents of a corpus.
    Meanings(Corpus),
}

/// A part that is made.
#[derive(Debug)]
pub(super) enum Made {
    /// How many patterns hold each term.
    Known(Known),
    /// Lists of a corpus.
    Terms(Corpus, Listed),
    /// Vectors of a corpus, in the form in which they are stored; `None` when there are none.
    Meanings(Corpus, Option<Vec<u8>>),
}

/// How many patterns a project has, and how many of them hold each term.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Patterns that were counted; what is counted next belongs to the last of them.
    pub(super) patterns: u32,
    /// For each term how many patterns hold it, and the last of them.
    terms: HashMap<String, (u32, u32)>,
}

impl Known {
    /// How many patterns hold `term`.
    pub(super) fn of(&self, term: &str) -> u32 {
        self.terms.get(term).map_or(0, |(patterns, _)| *patterns)
    }

    /// Counts a term of the last pattern.
    fn count(&mut self, term: &str) {
        match self.terms.get_mut(term) {
            Some((_, last)) if *last == self.patterns => {}
            Some((patterns, last)) => {
                *patterns += 1;
                *last = self.patterns;
            }
            None => drop(self.terms.insert(term.into(), (1, self.patterns))),
        }
    }
}

/// The lists of a corpus in a range of terms.
#[derive(Debug)]
pub(super) struct Listed {
    /// The number of documents, and their directory; with the first range only.
    pub(super) directory: Option<(usize, Vec<u8>)>,
    terms: Terms,
    /// The numbers of the terms, in the order of their texts.
    order: Vec<u32>,
}

impl Listed {
    /// The terms with their lists, in the order of the terms.
    pub(super) fn terms(&self) -> impl Iterator<Item = (&str, &List)> {
        self.order
            .iter()
            .map(|number| (self.terms.text(*number), &self.terms.lists[*number as usize]))
    }
}

/// Terms with a list each, by number. Many terms of a large project are kept at a time, so their
/// texts lie one behind the other: a map that owns each takes twice the memory.
#[derive(Debug, Default)]
struct Terms {
    texts: String,
    /// Where each text ends.
    ends: Vec<u32>,
    lists: Vec<List>,
    /// An open-addressed hash table of one more than each number, at most half full; 0 is empty.
    slots: Vec<u32>,
    hasher: FixedState,
}

impl Terms {
    fn text(&self, number: u32) -> &str {
        let number = number as usize;
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.texts[start as usize..self.ends[number] as usize]
    }

    /// The list of `term`, which is made if it is new.
    fn list(&mut self, term: &str) -> &mut List {
        if self.slots.len() < (self.lists.len() + 1) * 2 {
            self.grow();
        }
        let slot = self.slot(term);
        if self.slots[slot] == 0 {
            self.texts.push_str(term);
            self.ends.push(self.texts.len() as u32);
            self.lists.push(List::default());
            self.slots[slot] = self.lists.len() as u32;
        }
        &mut self.lists[self.slots[slot] as usize - 1]
    }

    /// The slot of `term`, or the one in which it belongs.
    fn slot(&self, term: &str) -> usize {
        let last = self.slots.len() - 1;
        let mut slot = self.hasher.hash_one(term) as usize & last;
        while self.slots[slot] != 0 && self.text(self.slots[slot] - 1) != term {
            slot = (slot + 1) & last;
        }
        slot
    }

    fn grow(&mut self) {
        self.slots = vec![0; (self.slots.len() * 2).max(1_024)];
        for number in 0..self.lists.len() as u32 {
            let slot = self.slot(self.text(number));
            self.slots[slot] = number + 1;
        }
    }
}

/// The lists of the documents that were seen so far.
#[derive(Debug)]
struct Lists {
    range: Range,
    /// Rows of the documents, and their lengths in terms.
    rows: Vec<u32>,
    lengths: Vec<u16>,
    terms: Terms,
    /// Terms of the document that is being seen.
    length: u16,
}

impl Lists {
    fn new(range: Range) -> Self {
        let (rows, lengths) = (Vec::new(), Vec::new());
        Self { range, rows, lengths, terms: Terms::default(), length: 0 }
    }

    /// Counts a term of the current document when it is in the range; its length counts anyway.
    fn add(&mut self, term: &str, field: usize) {
        self.length = self.length.saturating_add(1);
        if self.range.holds(term) {
            self.terms.list(term).count(self.rows.len() as u32, field);
        }
    }

    /// Counts the terms of a text of the current document.
    fn add_all(&mut self, text: &str, field: usize) {
        let mut terms = tokens::terms(text);
        while let Some(term) = terms.next_term() {
            self.add(term, field);
        }
    }

    /// Ends the current document, which is the pattern or file in `row`.
    fn close(&mut self, row: u32) {
        self.rows.push(row);
        self.lengths.push(std::mem::take(&mut self.length));
    }

    fn finish(self) -> Listed {
        let Self { range, rows, lengths, mut terms, .. } = self;
        let directory = range.is_first().then(|| (rows.len(), directory(&rows, &lengths)));
        terms.slots = Vec::new();
        let mut order: Vec<u32> = (0..terms.lists.len() as u32).collect();
        order.sort_unstable_by(|a, b| terms.text(*a).cmp(terms.text(*b)));
        Listed { directory, terms, order }
    }
}

impl Reader {
    /// Makes a part of the lists of `project`; vectors by `encoder`.
    pub(super) fn make_list(
        &self,
        project: i64,
        part: Part,
        encoder: Option<&(dyn Encode + Send + Sync)>,
    ) -> Result<Made, StorageError> {
        Ok(match part {
            Part::Known => Made::Known(self.patterns_by_term(project)?),
            Part::Terms(corpus, range) => {
                Made::Terms(corpus, self.terms_of(project, corpus, range)?)
            }
            Part::Meanings(corpus) => {
                let made = encoder.map(|encoder| self.meanings_of(project, corpus, encoder));
                Made::Meanings(corpus, made.transpose()?.flatten())
            }
        })
    }

    /// How many patterns the project has, and how many of them hold each term.
    fn patterns_by_term(&self, project: i64) -> Result<Known, StorageError> {
        const ATTEMPT: &str = "count the patterns' terms";
        let mut query = self
            .conn
            .prepare_cached(
                "SELECT trigger || ' ' || text FROM patterns
                 WHERE project = ?1 OR project IS NULL",
            )
            .attempt(ATTEMPT)?;
        let mut rows = query.query([project]).attempt(ATTEMPT)?;
        let mut known = Known::default();
        while let Some(row) = rows.next().attempt(ATTEMPT)? {
            known.patterns += 1;
            let text = row.get_ref(0).attempt(ATTEMPT)?.as_str().unwrap_or("");
            let mut terms = tokens::terms(text);
            while let Some(term) = terms.next_term() {
                known.count(term);
            }
        }
        Ok(known)
    }

    /// Lists the terms of the project's documents of `corpus` that are in `range`.
    fn terms_of(&self, project: i64, corpus: Corpus, range: Range) -> Result<Listed, StorageError> {
        const ATTEMPT: &str = "read the documents";
        let mut query = self.conn.prepare_cached(corpus.documents()).attempt(ATTEMPT)?;
        let mut rows = query.query([project]).attempt(ATTEMPT)?;
        let mut lists = Lists::new(range);
        while let Some(row) = rows.next().attempt(ATTEMPT)? {
            let id: i64 = row.get(0).attempt(ATTEMPT)?;
            let Ok(id) = u32::try_from(id) else { continue };
            let text = |column| {
                row.get_ref(column).map(|text| text.as_str().unwrap_or("")).attempt(ATTEMPT)
            };
            lists.add_all(text(1)?, 0);
            if corpus == Corpus::Files {
                let (words, symbols) = self.file_document(id.into())?;
                for symbol in distinct(&symbols) {
                    lists.add(&lowercase(symbol), 1);
                }
                for word in words.split(' ').filter(|word| !word.is_empty()) {
                    lists.add(word, 2);
                }
            } else {
                lists.add_all(text(2)?, 1);
            }
            lists.close(id);
        }
        Ok(lists.finish())
    }

    /// The vectors of the project's documents of `corpus`.
    fn meanings_of(
        &self,
        project: i64,
        corpus: Corpus,
        encoder: &dyn Encode,
    ) -> Result<Option<Vec<u8>>, StorageError> {
        const ATTEMPT: &str = "read the documents";
        let taught = self.has_teacher(encoder)?;
        let mut query = self.conn.prepare_cached(corpus.documents()).attempt(ATTEMPT)?;
        let mut rows = query.query([project]).attempt(ATTEMPT)?;
        let mut vectors = Vec::new();
        while let Some(row) = rows.next().attempt(ATTEMPT)? {
            // The same rows as in the directory, whose numbers these are.
            let pattern: i64 = row.get(0).attempt(ATTEMPT)?;
            if u32::try_from(pattern).is_err() {
                continue;
            }
            let column = corpus.meaningful();
            let text = row.get_ref(column).attempt(ATTEMPT)?.as_str().unwrap_or("");
            let vector = if taught { self.taught(encoder, pattern, text)? } else { None };
            vectors.push(vector.or_else(|| encoder.encode(text)));
        }
        let any = vectors.iter().any(Option::is_some);
        Ok(any.then(|| dense::build(encoder.space(), &vectors)))
    }
}

/// A symbol in lower case.
fn lowercase(symbol: &str) -> Cow<'_, str> {
    if symbol.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase()) {
        symbol.into()
    } else {
        symbol.to_lowercase().into()
    }
}

/// The different words of a text.
fn distinct(text: &str) -> Vec<&str> {
    let mut words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    // Mostly they are sorted already, as they come from a single touch.
    if !words.is_sorted_by(|a, b| a < b) {
        words.sort_unstable();
        words.dedup();
    }
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lists_come_in_the_order_of_their_terms_however_many_there_are() {
        let mut lists = Lists::new(Range::all(false)[0]);
        for document in 0..3_u32 {
            for number in (0..5_000).rev().step_by(document as usize + 1) {
                lists.add(&format!("t{number}"), 0);
            }
            lists.close(document + 7);
        }
        let listed = lists.finish();
        let mut expected: Vec<(String, u32)> = (0..5_000)
            .map(|number| {
                let from_the_end = 4_999 - number;
                let held = (1..=3).filter(|every| from_the_end % every == 0).count();
                (format!("t{number}"), held as u32)
            })
            .collect();
        expected.sort();
        let found: Vec<(String, u32)> =
            listed.terms().map(|(term, list)| (term.to_owned(), list.entries)).collect();
        assert_eq!(found, expected);
        assert_eq!(listed.directory.unwrap().0, 3);
    }

    proptest! {
        #[test]
        fn every_term_is_in_one_range(term in ".{0,6}|[a-z]{1,6}") {
            for many in [false, true] {
                let holding = Range::all(many).iter().filter(|range| range.holds(&term)).count();
                prop_assert_eq!(holding, 1);
            }
        }
    }
}
