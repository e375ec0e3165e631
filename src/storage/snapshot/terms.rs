//! What is known of each term: its counts in a slot by its key, and the lists of all corpora, one
//! after the other behind their lengths. Reading is hot.
//!
//! The shortest list is the first: what is asked for of a word that many patterns hold is mostly not
//! its longest list, and then lies in what is read to learn the lengths.

use std::collections::HashMap;

use rusqlite::{Rows, params};

use super::encode::{Reading, put_number};
use super::layout::{Damage, Section};
use super::part::Cursor;
use super::query::ATTEMPT;
use super::sheet::Sheet;
use super::slots::Table;
use crate::model::key::{Key, Space};
use crate::storage::error::{Attempt, StorageError};
use crate::storage::open::Reader;
use crate::storage::postings::Corpus;
use crate::storage::runs::{Listed, Run};

/// Bytes of the counts in a slot: of most terms they fit.
const COUNTS: usize = 10;

/// Bytes of a slot's value: one more than where the lists are (four bytes), and the counts.
pub(super) const SLOT: usize = 4 + COUNTS;

/// Counts that do not fit: they are in front of the lists.
const ELSEWHERE: [u8; COUNTS] = [0xff; COUNTS];

/// What a slot tells: where the lists of its term are, and its counts, unless they are there.
pub(super) fn read_slot(slot: &[u8; SLOT]) -> Result<(u64, Option<Counts>), Damage> {
    let (place, counts) = slot.split_first_chunk::<4>().ok_or(Damage)?;
    let place = u64::from(u32::from_le_bytes(*place)).checked_sub(1).ok_or(Damage)?;
    if counts == ELSEWHERE {
        return Ok((place, None));
    }
    Ok((place, Some(read_counts(&mut Reading::at(counts, 0)?)?)))
}

/// How many patterns hold a term, counted for those that a decision holds, and how many documents of
/// each corpus.
pub(super) type Counts = (u32, [u32; 4]);

/// The counts, as they stand in a slot or in front of the lists.
pub(super) fn read_counts(reading: &mut Reading<'_>) -> Result<Counts, Damage> {
    let (patterns, mut entries) = (reading.small()?, [0; 4]);
    for entries in &mut entries {
        *entries = reading.small()?;
    }
    Ok((patterns, entries))
}

/// Where the list of a corpus is, of a term with so many `entries` in each, and how long it is.
/// `cursor` is where the lengths begin, and stands before the first list afterwards.
pub(super) fn place_of(
    cursor: &mut Cursor<'_>,
    entries: &[u32; 4],
    corpus: Corpus,
) -> Result<(u64, u64), Damage> {
    let mut lengths = [0; 4];
    for (length, entries) in lengths.iter_mut().zip(entries) {
        if *entries > 0 {
            *length = cursor.number()?;
        }
    }
    let own = (lengths[corpus.index()], corpus.index());
    let before = lengths.iter().zip(0..).filter(|(length, corpus)| (**length, *corpus) < own);
    let before = before.fold(0_u64, |sum, (length, _)| sum.saturating_add(*length));
    Ok((cursor.place().saturating_add(before), own.0))
}

/// The runs of a corpus, in the order of their terms. The empty term is the directory.
const RUNS: &str = "SELECT run FROM postings
                    WHERE project = ?1 AND corpus = ?2 AND first > '' ORDER BY first";

/// The lists of one corpus that are still to be written.
struct Source<'a> {
    rows: Rows<'a>,
    /// The run that is being read.
    run: Vec<u8>,
    /// Where its next term begins.
    at: usize,
}

impl<'a> Source<'a> {
    fn new(rows: Rows<'a>) -> Result<Self, StorageError> {
        let mut source = Self { rows, run: Vec::new(), at: 0 };
        source.fill()?;
        Ok(source)
    }

    /// Reads the next run when this one is at its end.
    fn fill(&mut self) -> Result<(), StorageError> {
        while self.next().is_none()
            && let Some(row) = self.rows.next().attempt(ATTEMPT)?
        {
            self.run.clear();
            self.run.extend(row.get_ref(0).attempt(ATTEMPT)?.as_blob().unwrap_or_default());
            self.at = 0;
        }
        Ok(())
    }

    /// The next term with its list.
    fn next(&self) -> Option<Listed<'_>> {
        Run::from(&self.run, self.at).next()
    }

    /// The next term's list, if it is that of `term`.
    fn of(&self, term: &str) -> Option<Listed<'_>> {
        self.next().filter(|listed| listed.term == term)
    }

    /// Goes on behind `term`.
    fn pass(&mut self, term: &str) -> Result<(), StorageError> {
        let mut run = Run::from(&self.run, self.at);
        if run.next().is_some_and(|listed| listed.term == term) {
            self.at = self.run.len() - run.left();
            self.fill()?;
        }
        Ok(())
    }
}

/// Gives `each` the project's terms with their lists by corpus, in the order of the terms.
fn each_term(
    reader: &Reader,
    project: i64,
    mut each: impl FnMut(&str, [Option<Listed<'_>>; 4]) -> Result<(), StorageError>,
) -> Result<(), StorageError> {
    let mut queries = Vec::with_capacity(Corpus::ALL.len());
    for _ in Corpus::ALL {
        queries.push(reader.conn.prepare(RUNS).attempt(ATTEMPT)?);
    }
    let mut sources = Vec::with_capacity(Corpus::ALL.len());
    for (query, corpus) in queries.iter_mut().zip(Corpus::ALL) {
        sources.push(Source::new(query.query(params![project, corpus as u8]).attempt(ATTEMPT)?)?);
    }
    let mut term = String::new();
    while let Some(next) = sources.iter().filter_map(|source| Some(source.next()?.term)).min() {
        term.clear();
        term.push_str(next);
        each(&term, std::array::from_fn(|corpus| sources[corpus].of(&term)))?;
        for source in &mut sources {
            source.pass(&term)?;
        }
    }
    Ok(())
}

/// For each term that a decision holds, by its key, how many of the project's patterns hold it.
pub(super) fn decision_frequencies(
    reader: &Reader,
    project: i64,
) -> Result<HashMap<Key, u32>, StorageError> {
    let mut query = reader.conn.prepare_cached(RUNS).attempt(ATTEMPT)?;
    let mut rows = query.query(params![project, Corpus::Decisions as u8]).attempt(ATTEMPT)?;
    let mut found = HashMap::new();
    while let Some(row) = rows.next().attempt(ATTEMPT)? {
        let run = row.get_ref(0).attempt(ATTEMPT)?.as_blob().unwrap_or_default();
        let terms = Run::from(run, 0).map(|listed| (Key::new(Space::Term, listed.term), listed));
        found.extend(terms.map(|(key, listed)| (key, listed.patterns)));
    }
    Ok(found)
}

/// The terms of the project with their lists.
pub(super) fn put_terms(
    reader: &Reader,
    project: i64,
    sheet: &mut Sheet<'_>,
) -> Result<(), StorageError> {
    // A large project has so many terms that the table has to be the only place where they are:
    // they are counted before.
    let mut count = 0;
    each_term(reader, project, |_, _| {
        count += 1;
        Ok(())
    })?;
    let (mut slots, mut record) = (Table::of(count), Vec::new());
    each_term(reader, project, |term, lists| {
        record.clear();
        put_counts(&mut record, &lists);
        let counts = record.len();
        put_lists(&mut record, &lists);
        // A place in the slots is never 0.
        let place = sheet.put(Section::Lists, &record)? + 1;
        let place = u32::try_from(place).map_err(|_| sheet.too_large())?;
        let slot = slot(place, &record[..counts]);
        slots.insert(Key::new(Space::Term, term).to_i64() as u64, &slot);
        Ok(())
    })?;
    sheet.put(Section::Terms, &slots.bytes).map(drop)
}

/// A slot with these counts, as [`put_counts`] writes them.
fn slot(place: u32, counts: &[u8]) -> [u8; SLOT] {
    let mut slot = [0xff; SLOT];
    slot[..4].copy_from_slice(&place.to_le_bytes());
    if counts.len() <= COUNTS {
        slot[4..][..counts.len()].copy_from_slice(counts);
    }
    slot
}

/// One term's counts.
fn put_counts(record: &mut Vec<u8>, lists: &[Option<Listed<'_>>; 4]) {
    let decisions = lists[Corpus::Decisions.index()].as_ref();
    put_number(record, decisions.map_or(0, |listed| listed.patterns).into());
    for listed in lists {
        put_number(record, listed.as_ref().map_or(0, |listed| listed.entries).into());
    }
}

/// One term's lists: their lengths by corpus, then the lists, the shortest first and of two as long the
/// one of the earlier corpus.
fn put_lists(record: &mut Vec<u8>, lists: &[Option<Listed<'_>>; 4]) {
    let mut lists: Vec<&[u8]> = lists.iter().flatten().map(|listed| listed.list).collect();
    for list in &lists {
        put_number(record, list.len() as u64);
    }
    lists.sort_by_key(|list| list.len());
    for list in lists {
        record.extend(list);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::part::Part;
    use super::*;

    proptest! {
        #[test]
        fn each_list_is_where_it_is_said_to_be(
            lists in prop::array::uniform4(prop::option::of(
                prop::collection::vec(any::<u8>(), 1..300),
            )),
        ) {
            let listed = lists.each_ref().map(|list| {
                let list = list.as_deref()?;
                Some(Listed { term: "term", patterns: 1, entries: list.len() as u32, list })
            });
            let mut record = vec![9; 3];
            put_lists(&mut record, &listed);
            let entries = listed.each_ref().map(|listed| listed.as_ref().map_or(0, |l| l.entries));
            let part = Part::from(record.as_slice());
            for (corpus, list) in Corpus::ALL.iter().zip(&lists) {
                let mut cursor = Cursor::at(part, 3).unwrap();
                let (at, length) = place_of(&mut cursor, &entries, *corpus).unwrap();
                let Some(list) = list else { continue };
                prop_assert_eq!(&record[at as usize..][..length as usize], list.as_slice());
                let shorter = lists.iter().flatten().filter(|other| other.len() < list.len());
                let before: usize = shorter.map(Vec::len).sum();
                prop_assert!(at >= cursor.place() + before as u64, "the shortest first");
            }
        }
    }

    /// A list of so many entries.
    fn listed(entries: u32) -> Listed<'static> {
        Listed { term: "term", patterns: entries, entries, list: &[1, 2] }
    }

    #[test]
    fn counts_are_in_the_slot_or_elsewhere() {
        for (most, last, fits) in [
            (1, 2, true),
            (300, 2, true),
            (16_383, 16_384, true),
            (16_384, 2, false),
            (16_383, 1 << 21, false),
        ] {
            let lists = [Some(listed(most)), Some(listed(most)), None, Some(listed(last))];
            let mut record = Vec::new();
            put_counts(&mut record, &lists);
            let expected = (most, [most, most, 0, last]);
            assert_eq!(read_counts(&mut Reading::at(&record, 0).unwrap()), Ok(expected));
            assert_eq!(read_slot(&slot(8, &record)), Ok((7, fits.then_some(expected))), "{most}");
        }
        assert_eq!(read_slot(&[0; SLOT]), Err(Damage), "a free slot");
    }
}
