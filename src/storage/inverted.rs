//! An inverted index while it is made: which documents hold a term, and how often.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::postings::{Corpus, List, directory};
use crate::model::tokens;

/// Terms by number, in the order in which they first came. Many terms of a large project are kept
/// at a time, so their texts lie one behind the other: a map that owns each takes twice the memory.
#[derive(Debug, Default)]
pub(super) struct Dictionary {
    texts: String,
    /// Where each text ends.
    ends: Vec<u32>,
    numbers: HashTable<u32>,
    hasher: FixedState,
}

impl Dictionary {
    /// The text of a term.
    pub(super) fn text(&self, number: u32) -> &str {
        text(&self.texts, &self.ends, number)
    }

    /// The number of `term`, which is added if it is new.
    pub(super) fn number(&mut self, term: &str) -> u32 {
        let Self { texts, ends, numbers, hasher } = self;
        let hash = hasher.hash_one(term);
        if let Some(number) = numbers.find(hash, |number| text(texts, ends, *number) == term) {
            return *number;
        }
        let number = ends.len() as u32;
        texts.push_str(term);
        ends.push(texts.len() as u32);
        let hash_of = |number: &u32| hasher.hash_one(text(texts, ends, *number));
        numbers.insert_unique(hash, number, hash_of);
        number
    }
}

fn text<'a>(texts: &'a str, ends: &[u32], number: u32) -> &'a str {
    let number = number as usize;
    let start = number.checked_sub(1).map_or(0, |before| ends[before]);
    &texts[start as usize..ends[number] as usize]
}

/// How many patterns there are, and how many of them hold each term.
#[derive(Debug, Default)]
pub(super) struct Frequencies {
    /// Patterns that were counted; what is counted next belongs to the last of them.
    pub(super) patterns: u32,
    /// For each term, by number, how many patterns hold it, and the last of them.
    terms: Vec<(u32, u32)>,
}

impl Frequencies {
    /// Counts a term of the last pattern.
    pub(super) fn count(&mut self, term: u32) {
        let term = term as usize;
        if self.terms.len() <= term {
            self.terms.resize(term + 1, (0, 0));
        }
        let (patterns, last) = &mut self.terms[term];
        if *last != self.patterns {
            *patterns += 1;
            *last = self.patterns;
        }
    }

    /// How many patterns hold a term.
    pub(super) fn of(&self, term: u32) -> u32 {
        self.terms.get(term as usize).map_or(0, |(patterns, _)| *patterns)
    }
}

/// The lists of a corpus' documents that were seen so far.
#[derive(Debug)]
pub(super) struct Lists {
    pub(super) corpus: Corpus,
    /// Rows of the documents, and their lengths in terms.
    rows: Vec<u32>,
    lengths: Vec<u16>,
    /// The lists, each behind its term.
    listed: Vec<(u32, List)>,
    /// One more than the place of each term's list, by the term's number; 0 where it has none.
    places: Vec<u32>,
    /// Terms of the document that is being seen.
    length: u16,
}

impl Lists {
    pub(super) fn new(corpus: Corpus) -> Self {
        let (rows, lengths) = (Vec::new(), Vec::new());
        Self { corpus, rows, lengths, listed: Vec::new(), places: Vec::new(), length: 0 }
    }

    /// Counts a term in a field of the current document.
    pub(super) fn count(&mut self, term: u32, field: usize) {
        self.pass_over();
        let number = term as usize;
        if self.places.len() <= number {
            self.places.resize(number + 1, 0);
        }
        let place = &mut self.places[number];
        if *place == 0 {
            self.listed.push((term, List::default()));
            *place = self.listed.len() as u32;
        }
        self.listed[*place as usize - 1].1.count(self.rows.len() as u32, field);
    }

    /// Counts a term of the current document in its length alone.
    pub(super) fn pass_over(&mut self) {
        self.length = self.length.saturating_add(1);
    }

    /// Ends the current document, which is the pattern or file in `row`.
    pub(super) fn close(&mut self, row: u32) {
        self.rows.push(row);
        self.lengths.push(std::mem::take(&mut self.length));
    }

    /// The stored form of the directory of the documents.
    pub(super) fn directory(&self) -> Vec<u8> {
        directory(&self.rows, &self.lengths)
    }

    /// The terms with their numbers and lists, in the order of their texts.
    pub(super) fn sorted<'a>(
        &'a self,
        terms: &'a Dictionary,
    ) -> impl Iterator<Item = (u32, &'a str, &'a List)> {
        let mut order: Vec<u32> = (0..self.listed.len() as u32).collect();
        let text = |place: u32| terms.text(self.listed[place as usize].0);
        order.sort_unstable_by(|a, b| text(*a).cmp(text(*b)));
        order.into_iter().map(|place| {
            let (term, list) = &self.listed[place as usize];
            (*term, terms.text(*term), list)
        })
    }
}

/// The patterns of a project as they are read.
#[derive(Debug)]
pub(super) struct Patterns {
    pub(super) terms: Dictionary,
    pub(super) frequencies: Frequencies,
    pub(super) lists: [Lists; 3],
}

impl Patterns {
    pub(super) fn new() -> Self {
        let lists = [Corpus::Failures, Corpus::Decisions, Corpus::Episodes].map(Lists::new);
        Self { terms: Dictionary::default(), frequencies: Frequencies::default(), lists }
    }

    /// Counts the terms of a pattern's fields, and lists them in `corpus` if it belongs to one.
    pub(super) fn add(&mut self, row: u32, corpus: Option<Corpus>, fields: [&str; 2]) {
        let Self { terms, frequencies, lists } = self;
        let mut lists = lists.iter_mut().find(|lists| Some(lists.corpus) == corpus);
        frequencies.patterns += 1;
        for (field, text) in fields.into_iter().enumerate() {
            let mut found = tokens::terms(text);
            while let Some(term) = found.next_term() {
                let term = terms.number(term);
                frequencies.count(term);
                if let Some(lists) = &mut lists {
                    lists.count(term, field);
                }
            }
        }
        if let Some(lists) = lists {
            lists.close(row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_come_in_the_order_of_their_terms_however_many_there_are() {
        let (mut terms, mut lists) = (Dictionary::default(), Lists::new(Corpus::Files));
        for document in 0..3_u32 {
            for number in (0..5_000).rev().step_by(document as usize + 1) {
                lists.count(terms.number(&format!("t{number}")), 0);
            }
            lists.close(document + 7);
        }
        let mut expected: Vec<(String, u32)> = (0..5_000)
            .map(|number| {
                let from_the_end = 4_999 - number;
                let held = (1..=3).filter(|every| from_the_end % every == 0).count();
                (format!("t{number}"), held as u32)
            })
            .collect();
        expected.sort();
        let found: Vec<(String, u32)> =
            lists.sorted(&terms).map(|(_, term, list)| (term.to_owned(), list.entries)).collect();
        assert_eq!(found, expected);
        assert_eq!(lists.directory().len(), 8 + 3 * 6);
    }

    #[test]
    fn a_term_counts_once_for_each_pattern_and_is_listed_where_the_pattern_belongs() {
        let mut patterns = Patterns::new();
        patterns.add(4, Some(Corpus::Decisions), ["deploy deploy", "deploy a site"]);
        patterns.add(5, None, ["deploy", "site site"]);
        patterns.add(6, Some(Corpus::Failures), ["site", "down"]);
        let Patterns { mut terms, frequencies, lists } = patterns;
        assert_eq!(frequencies.patterns, 3);
        let known =
            ["deploy", "site", "down", "new"].map(|term| frequencies.of(terms.number(term)));
        assert_eq!(known, [2, 3, 1, 0]);
        let listed = |corpus: Corpus| {
            let lists = lists.iter().find(|lists| lists.corpus == corpus).unwrap();
            lists.sorted(&terms).map(|(_, term, _)| term).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(listed(Corpus::Decisions), "deploy site");
        assert_eq!(listed(Corpus::Failures), "down site");
        assert_eq!(listed(Corpus::Episodes), "");
    }
}
