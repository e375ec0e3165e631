//! Writes what is known of each term: the lists of all corpora, one after the other.

use std::collections::HashMap;

use rusqlite::{Rows, params};

use super::encode::put_number;
use super::layout::Section;
use super::sheet::Sheet;
use super::slots::Table;
use super::write::ATTEMPT;
use crate::model::key::{Key, Space};
use crate::storage::error::{Attempt, StorageError};
use crate::storage::open::Reader;
use crate::storage::postings::Corpus;
use crate::storage::runs::{Listed, Run};

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
        put_term(&mut record, &lists);
        // A place in the slots is never 0.
        let place = sheet.put(Section::Lists, &record)? + 1;
        let place = u32::try_from(place).map_err(|_| sheet.too_large())?;
        let length = u16::try_from(record.len()).unwrap_or(u16::MAX);
        let mut slot = [0; 6];
        slot[..4].copy_from_slice(&place.to_le_bytes());
        slot[4..].copy_from_slice(&length.to_le_bytes());
        slots.insert(Key::new(Space::Term, term).to_i64() as u64, &slot);
        Ok(())
    })?;
    sheet.put(Section::Terms, &slots.bytes).map(drop)
}

/// One term's counts and lists, by corpus.
fn put_term(record: &mut Vec<u8>, lists: &[Option<Listed<'_>>; 4]) {
    let decisions = lists[Corpus::Decisions.index()].as_ref();
    put_number(record, decisions.map_or(0, |listed| listed.patterns).into());
    for listed in lists {
        put_number(record, listed.as_ref().map_or(0, |listed| listed.entries).into());
    }
    for listed in lists.iter().flatten() {
        put_number(record, listed.list.len() as u64);
        record.extend(listed.list);
    }
}
